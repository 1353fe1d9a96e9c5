"""Specifications of charts for Vega-Lite: the templates beside this module, filled."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 (it is JSON; pages escape it)
)
_TEMPLATES.filters["json"] = lambda value: json.dumps(value, allow_nan=False)


def spec(kind: str, *, height: int, **values: object) -> dict[str, object]:
    """The specification of a kind of chart, ``height`` pixels high; what stands for ``values``, its template says."""
    filled: dict[str, object] = json.loads(_TEMPLATES.get_template(f"{kind}.json.j2").render(height=height, **values))
    return filled


__all__ = ["spec"]
