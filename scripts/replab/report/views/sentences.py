"""Sentences of views: the macros of ``sentences.txt.j2``, called with what a view found."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replab.report.data.words import count, derivative_name, framework_name, listing, number, percent, plural

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    autoescape=False,  # noqa: S701 (pages escape what is said)
)
_TEMPLATES.filters |= {
    "count_of": count,
    "derivative": derivative_name,
    "framework": framework_name,
    "listing": listing,
    "number": number,
    "percent": percent,
    "plural": plural,
}


def say(name: str, *found: object) -> str:
    """The sentence of a macro."""
    sentence: str = getattr(_TEMPLATES.get_template("sentences.txt.j2").module, name)(*found)
    return sentence


__all__ = ["say"]
