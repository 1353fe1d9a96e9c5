"""Vega-Lite charts of intervals on a logarithmic axis; tables say the same in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from replab.report.charts.specs import spec
from replab.report.data.words import number
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
    """A name with a typical size and the largest one."""

    name: str
    value: float
    most: float
    said: str


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around positive values."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


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
    """Bars to a typical size and lines on to the largest one, on a logarithmic axis, each under its name; nothing without data."""
    drawn = [one for one in ranked if one.value > 0 and isfinite(one.value)]
    if not drawn:
        return None
    most = [one.most if one.most >= one.value and isfinite(one.most) else one.value for one in drawn]
    low, high = _decades([*(one.value for one in drawn), *most])
    if min(one.value for one in drawn) < low * 2:  # the shortest bar must be seen
        low /= 10
    points = [
        {"name": one.name, "label": f"{place}. {one.name}", "from": low, "value": _three(one.value), "most": _three(top), "said": one.said}
        for place, (one, top) in enumerate(zip(drawn, most, strict=True), 1)
    ]
    table = tuple((one.name, number(one.value), number(top)) for one, top in zip(drawn, most, strict=True))
    drawing = spec(
        "ranked",
        height=len(drawn) * BAND_PIXELS,
        title=axis_title,
        domain=[low, high],
        decades=[float(f"1e{power}") for power in range(ceil(log10(low)), floor(log10(high)) + 1)],
        names=[one.name for one in drawn],
        colour=COLOURS[0],
    )
    return Chart(
        id=identity,
        title=title,
        summary=summary,
        payload={"spec": drawing, "points": points},
        table=table,
        head=("source", "median", "largest"),
    )


def _three(value: float) -> float:
    """Three digits are what a picture shows."""
    return float(f"{value:.3g}")
