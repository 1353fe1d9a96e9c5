"""Vega-Lite charts of lines, one per environment, with a band behind them; tables say the same in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from replab.report.charts.charts import NEUTRAL
from replab.report.charts.figures import FRAMEWORK_DASHES, environment_colours
from replab.report.charts.specs import spec
from replab.report.data.words import MISSING, number
from replab.report.pages.parts import Chart

HEIGHT = 230


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The values of one environment; a place without a value is NaN."""

    environment: str
    framework: str
    order: int
    values: tuple[float, ...]
    dashed: bool = False
    """A second line of the same environment, such as a run with aligned factors."""
    note: str = ""

    @property
    def name(self) -> str:
        """As the legend has it."""
        return f"{self.environment} {self.note}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """What a value may be, per place."""

    name: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    middle: tuple[float, ...] = ()


def _number(value: float) -> float | None:
    """Six digits are more than a picture shows; no NaN and no infinity in JSON."""
    return float(f"{value:.6g}") if isfinite(value) else None


def line_chart(
    identity: str, title: str, summary: str, x: tuple[str, Sequence[float]], y: str, lines: Sequence[Line], band: Band | None = None
) -> Chart | None:
    """``x`` is (title, places), ``y`` the title of a logarithmic axis; what is not positive is drawn at its foot. Nothing without data."""
    x_title, places = x
    floor_of = min((low for low in (band.low if band else ()) if low > 0), default=0.0)
    positive = [value for line in lines for value in line.values if value > 0 and isfinite(value)]
    if not positive or len(places) < 2:
        return None
    reach = [*positive, *(value for value in (band.high if band else ()) if value > 0)]
    low, high = 10.0 ** floor(log10(min(reach))), 10.0 ** ceil(log10(max(reach) * 1.0001))
    low = max(low, floor_of) if band and band.middle else low
    if max(reach) / min(reach) < 8:  # less than a decade: its powers of ten would leave the picture empty
        low, high = min(reach) * 0.97, max(reach) * 1.03
    ordered = sorted(lines, key=lambda line: (line.framework, line.order, line.environment, line.dashed))
    names = [line.name for line in ordered]
    colours = environment_colours((line.framework, line.order, line.environment) for line in ordered)
    dashes = [[4, 3] if line.dashed else FRAMEWORK_DASHES.get(line.framework, [1, 0]) for line in ordered]
    behind = (
        [
            {"x": at, "low": _number(max(least, low)), "high": _number(most)}
            for at, least, most in zip(places, band.low, band.high, strict=True)
        ]
        if band
        else []
    )
    middle = [{"x": at, "middle": _number(value)} for at, value in zip(places, band.middle, strict=True)] if band and band.middle else []
    points = [
        {"line": line.name, "x": at, "at": f"{at:g}", "y": _number(max(value, low)), "said": number(value)}
        for line in ordered
        for at, value in zip(places, line.values, strict=True)
        if isfinite(value)
    ]
    drawing = spec(
        "lines",
        height=HEIGHT,
        places=list(places),
        x_title=x_title,
        y_title=y,
        domain=[_number(low), _number(high)],
        names=names,
        colours=[colours[line.environment] for line in ordered],
        dashes=dashes,
        band=behind,
        middle=middle,
        neutral=NEUTRAL,
    )
    table = [(line.name, *(number(value) if isfinite(value) else MISSING for value in line.values)) for line in ordered]
    if band and band.middle:
        table.insert(0, ("certified", *(number(value) for value in band.middle)))
        table.insert(1, (band.name, *(f"± {number(top - value)}" for top, value in zip(band.high, band.middle, strict=True))))
    elif band:
        table.insert(0, (band.name, *(number(value) for value in band.high)))
    return Chart(
        id=identity,
        title=title,
        summary=summary,
        payload={"spec": drawing, "points": points},
        table=tuple(table),
        head=(x_title, *(f"{at:g}" for at in places)),
    )
