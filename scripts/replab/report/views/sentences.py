"""Sentences of views: the macros of ``sentences.txt.j2``, called with what a view found."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replab.report.data.words import count, derivative_name, framework_name, listing, number, percent, plural
from replab.store.rows import CellRow


class CameOut(NamedTuple):
    """What a result has at its worst element."""

    result: float
    truth: float

    @property
    def error(self) -> float:
        """How far it is off, in numbers."""
        return abs(self.result - self.truth)


def came_out(row: CellRow) -> CameOut | None:
    """What came out at the worst element of a result for which truth; nothing where no number did, or none that is to be told apart."""
    try:
        found = CameOut(*(float.fromhex(text.split()[0]) for text in (row.worst_result, row.worst_truth)))
    except (ValueError, IndexError):
        return None
    return found if isfinite(found.error) and number(found.result) != number(found.truth) else None


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    autoescape=False,  # noqa: S701 (pages escape what is said)
)
_TEMPLATES.filters |= {
    "came_out": came_out,
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
