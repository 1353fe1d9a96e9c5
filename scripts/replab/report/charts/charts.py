"""Vega-Lite charts of intervals on a logarithmic axis; tables say the same in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from replab.report.charts.specs import spec
from replab.report.data.words import number, portion
from replab.report.pages.parts import Chart

COLOURS = ("#2a8f86", "#c77a1c", "#6f74d9", "#c04a78", "#5f8f2a", "#8a7a60")
"""Colours that keep 3:1 against paper in both colour schemes."""
NEUTRAL = "#858d94"
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
    """A name with a share and the interval of it, all between 0 and 1."""

    name: str
    value: float
    low: float
    high: float
    said: str


def ratio_chart(identity: str, title: str, summary: str, intervals: Sequence[Interval], head: tuple[str, ...]) -> Chart | None:
    """Ratios on a logarithmic axis, with a line at 1; nothing without data."""
    drawn = [one for one in intervals if one.value > 0 and isfinite(one.value) and one.low > 0 and isfinite(one.high)]
    if not drawn:
        return None
    rows, series = list(dict.fromkeys(one.row for one in drawn)), list(dict.fromkeys(one.series for one in drawn))
    low, high = min(one.low for one in drawn), max(one.high for one in drawn)
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
    drawing = spec(
        "ratios",
        height=max(len(rows) * (len(series) * ROW_PIXELS + 6), 60),
        domain=[_three(min(low * 0.9, 0.9)), _three(max(high * 1.1, 1.1))],
        rows=rows,
        series=series,
        colours=[COLOURS[place % len(COLOURS)] for place in range(len(series))],
        neutral=NEUTRAL,
    )
    table = tuple((one.row, one.series, number(one.value), number(one.low), number(one.high)) for one in drawn)
    return Chart(id=identity, title=title, summary=summary, payload={"spec": drawing, "points": points}, table=table, head=head)


def ranked_chart(identity: str, title: str, summary: str, axis_title: str, ranked: Sequence[Ranked]) -> Chart | None:
    """Bars for shares with lines for their intervals, each under its name; nothing without data."""
    drawn = [one for one in ranked if one.value > 0 and all(map(isfinite, (one.value, one.low, one.high)))]
    if not drawn:
        return None
    points = [
        {
            "name": one.name,
            "label": f"{place}. {one.name}",
            "value": _three(one.value),
            "low": _three(one.low),
            "high": _three(one.high),
            "said": one.said,
        }
        for place, one in enumerate(drawn, 1)
    ]
    names = [one.name for one in drawn]
    drawing = spec("ranked", height=len(drawn) * BAND_PIXELS, title=axis_title, names=names, colour=COLOURS[0], ink=NEUTRAL)
    return Chart(
        id=identity,
        title=title,
        summary=summary,
        payload={"spec": drawing, "points": points},
        table=tuple((one.name, portion(one.value), f"{portion(one.low)} to {portion(one.high)}") for one in drawn),
        head=("source", axis_title, "interval"),
    )


def _three(value: float) -> float:
    """Three digits are what a picture shows."""
    return float(f"{value:.3g}")
