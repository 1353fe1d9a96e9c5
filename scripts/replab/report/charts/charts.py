"""Vega-Lite charts of intervals on a logarithmic axis; tables say the same in text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Any

from replab.report.charts.figures import SCHEMA
from replab.report.data.words import number
from replab.report.pages.parts import Chart

COLOURS = ("#2a8f86", "#c77a1c", "#6f74d9", "#c04a78", "#5f8f2a", "#8a7a60")
"""Colours that keep 3:1 against paper in both colour schemes."""
NEUTRAL = "#858d94"
AXIS_LABELS = "datum.value >= 0.001 && datum.value < 10000 ? format(datum.value, '~g') : replace(format(datum.value, '~e'), '+', '')"
ROW_PIXELS = 11
"""Height of one interval."""
BAND_PIXELS = 46
"""Height of one ranked bar with its name above."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A value with its interval, in a row and a series."""

    row: str
    series: str
    value: float
    low: float
    high: float
    said: str
    """What the tip says of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """A name with a typical size and the largest one."""

    name: str
    value: float
    most: float
    said: str


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around positive values."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def _base(height: int, layers: Sequence[Mapping[str, Any]], encoding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "data": {"name": "points"},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "encoding": encoding,
        "layer": list(layers),
    }


def ratio_chart(identity: str, title: str, summary: str, intervals: Sequence[Interval], head: tuple[str, ...]) -> Chart | None:
    """Ratios on a logarithmic axis, with a line at 1; nothing without data."""
    drawn = [one for one in intervals if one.value > 0 and isfinite(one.value) and one.low > 0 and isfinite(one.high)]
    if not drawn:
        return None
    rows, series = list(dict.fromkeys(one.row for one in drawn)), list(dict.fromkeys(one.series for one in drawn))
    low, high = min(one.low for one in drawn), max(one.high for one in drawn)
    domain = [min(low * 0.9, 0.9), max(high * 1.1, 1.1)]
    x = {"scale": {"type": "log", "domain": [float(f"{value:.3g}") for value in domain], "nice": False}, "type": "quantitative"}
    axis = {"title": "time of a call, relative to eager", "labelExpr": AXIS_LABELS, "grid": True, "labelOverlap": "greedy", "tickCount": 6}
    colour = {
        "field": "series",
        "type": "nominal",
        "title": None,
        "scale": {"domain": series, "range": [COLOURS[place % len(COLOURS)] for place in range(len(series))]},
        "legend": {"orient": "bottom", "columns": 2, "labelLimit": 240},
    }
    encoding = {
        "y": {"field": "row", "type": "nominal", "sort": rows, "title": None, "axis": {"labelLimit": 130, "grid": True}},
        "yOffset": {"field": "series", "type": "nominal", "sort": series},
        "tooltip": [
            {"field": "row", "title": "where"},
            {"field": "series", "title": "what"},
            {"field": "said", "title": "relative to eager"},
        ],
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": [{"even": 1}]},
            "mark": {"type": "rule", "color": NEUTRAL, "strokeDash": [4, 3]},
            "encoding": {"x": {"field": "even", **x, "axis": axis}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {**encoding, "x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 42, "opacity": 1},
            "encoding": {**encoding, "x": {"field": "value", **x}, "color": colour},
        },
    ]
    points = [
        {
            "row": one.row,
            "series": one.series,
            "value": _three(one.value),
            "low": _three(one.low),
            "high": _three(one.high),
            "said": one.said,
        }
        for one in drawn
    ]
    spec = _base(max(len(rows) * (len(series) * ROW_PIXELS + 6), 60), layers, {})
    table = tuple((one.row, one.series, number(one.value), number(one.low), number(one.high)) for one in drawn)
    return Chart(id=identity, title=title, summary=summary, payload={"spec": spec, "points": points}, table=table, head=head)


def ranked_chart(identity: str, title: str, summary: str, axis_title: str, ranked: Sequence[Ranked]) -> Chart | None:
    """Bars to a typical size and lines on to the largest one, on a logarithmic axis, each under its name; nothing without data."""
    drawn = [one for one in ranked if one.value > 0 and isfinite(one.value)]
    if not drawn:
        return None
    most = [one.most if one.most >= one.value and isfinite(one.most) else one.value for one in drawn]
    low, high = _decades([*(one.value for one in drawn), *most])
    if min(one.value for one in drawn) < low * 2:  # the shortest bar must be seen
        low /= 10
    x = {"type": "quantitative", "scale": {"type": "log", "domain": [low, high], "nice": False}}
    decades = [float(f"1e{power}") for power in range(ceil(log10(low)), floor(log10(high)) + 1)]
    axis = {"title": axis_title, "labelExpr": AXIS_LABELS, "grid": True, "values": decades}
    names = [one.name for one in drawn]
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": names, "axis": None, "scale": {"paddingInner": 0.3, "paddingOuter": 0.15}},
        "tooltip": [{"field": "name", "title": "source"}, {"field": "said", "title": "size"}],
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "color": COLOURS[0], "height": 12, "yOffset": 9, "cornerRadiusEnd": 2},
            "encoding": {"x": {"field": "from", **x, "axis": axis}, "x2": {"field": "value"}},
        },
        {
            "mark": {"type": "rule", "color": COLOURS[0], "strokeWidth": 2, "yOffset": 9},
            "encoding": {"x": {"field": "value", **x}, "x2": {"field": "most"}},
        },
        {
            "mark": {"type": "tick", "color": COLOURS[0], "thickness": 2, "size": 10, "yOffset": 9},
            "encoding": {"x": {"field": "most", **x}},
        },
        {
            "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 12, "yOffset": -8, "limit": 320},
            "encoding": {"x": {"value": 2}, "text": {"field": "label"}},
        },
    ]
    points = [
        {"name": one.name, "label": f"{place}. {one.name}", "from": low, "value": _three(one.value), "most": _three(top), "said": one.said}
        for place, (one, top) in enumerate(zip(drawn, most, strict=True), 1)
    ]
    table = tuple((one.name, number(one.value), number(top)) for one, top in zip(drawn, most, strict=True))
    spec = _base(len(drawn) * BAND_PIXELS, layers, encoding)
    return Chart(
        id=identity,
        title=title,
        summary=summary,
        payload={"spec": spec, "points": points},
        table=table,
        head=("source", "median", "largest"),
    )


def _three(value: float) -> float:
    """Three digits are what a picture shows."""
    return float(f"{value:.3g}")
