"""The page of ways to execute: what they cost in time, memory and tracing, from the table of measurements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isnan
from statistics import median
from typing import NamedTuple

from replab.model import MODES
from replab.report.charts.charts import Interval, ratio_chart
from replab.report.data.evidence import Index, measurement_anchor
from replab.report.data.links import case_entry, case_title
from replab.report.data.results import Results
from replab.report.data.words import MISSING, count, derivative_name, natural, number, plural, seconds, slug
from replab.report.pages.modes import ModeCase, ModeRow, ModesPage, ModeSummary, Sense
from replab.store.rows import MeasurementRow

RATIO = "time_ratio"
EVEN = "no difference seen"
FASTER, SLOWER = Sense(text="faster", css="identical"), Sense(text="slower", css="accuracy")
NO_DIFFERENCE = Sense(text=EVEN, css="inconclusive")
_ORDER = {mode: place for place, mode in enumerate(dict.fromkeys(mode for modes in MODES.values() for mode in modes))}


class Column(NamedTuple):
    """A column of the table of a case: which measurements it shows."""

    name: str
    meaning: str
    measurements: tuple[str, ...]


COLUMNS = (
    Column(
        "relative to eager",
        "time of a call over that of an eager call of the same function, both timed in turn; median with interval",
        (RATIO,),
    ),
    Column("a call", "median time of a call after the first ones", ("seconds_per_call",)),
    Column("first call", "with tracing and compiling", ("first_call_seconds",)),
    Column("body runs", "how often Python ran the function's body while it was called so many times", ("body_runs",)),
    Column("new shape", "cost of the first call with another shape, in warm calls", ("retrace_shape",)),
    Column("new dtype", "cost of the first call with another dtype, in warm calls", ("retrace_dtype",)),
    Column("new number", "cost of the first call with another Python number, in warm calls", ("retrace_scalar",)),
    Column("memory of the value", "most memory that a call takes beside what was there", ("memory_value_mb",)),
    Column("memory of the gradient", "most memory that a call with gradients takes", ("memory_gradient_mb",)),
    Column("lines seen", "lines of the function that a debugger passes in one call after the first", ("line_events",)),
    Column(
        "after two backwards", "the gradient found after two backward passes, over that after one", ("gradient_after_two_backwards_ratio",)
    ),
)
_SHOWN = {name for column in COLUMNS for name in column.measurements}
_BESIDE = ("retrace_shape_seconds", "retrace_dtype_seconds", "retrace_scalar_seconds", "memory_value_ratio", "memory_gradient_ratio")
"""Measurements that stand in the cell of another one."""

Found = Mapping[str, MeasurementRow]


def sense(row: MeasurementRow) -> Sense:
    """Faster or slower than eager only if the whole interval says so."""
    low, high = _ends(row)
    return FASTER if high < 1 else SLOWER if low > 1 else NO_DIFFERENCE


def _ends(row: MeasurementRow) -> tuple[float, float]:
    """The interval; a value without one stands for itself and so decides nothing unless it is known exactly."""
    if isnan(row.low) or isnan(row.high):
        return 0.0, float("inf")
    return row.low, row.high


def _interval(row: MeasurementRow) -> str:
    if isnan(row.low) or isnan(row.high) or row.low == row.high:
        return number(row.value)
    return f"{number(row.value)} ({number(row.low)} … {number(row.high)})"


def _retrace(found: Found, kind: str) -> str:
    row = found.get(f"retrace_{kind}")
    if row is None:
        return MISSING
    parts = [f"×{number(row.value)}"]
    took, runs = found.get(f"retrace_{kind}_seconds"), found.get(f"retrace_{kind}_body_runs")
    parts += [seconds(took.value)] if took else []
    parts += [f"body {number(runs.value)}×"] if runs else []
    return ", ".join(parts)


def _memory(found: Found, order: str) -> str:
    row, ratio = found.get(f"memory_{order}_mb"), found.get(f"memory_{order}_ratio")
    if row is None:
        return MISSING
    return f"{number(row.value)} MiB" + (f", {number(ratio.value)} × the inputs" if ratio else "")


def _value(column: Column, found: Found) -> tuple[str, str]:
    """A measurement as text, and the note that came with it."""
    name = column.measurements[0]
    row = found.get(name)
    if row is None:
        return MISSING, ""
    if name.startswith("retrace_"):
        return _retrace(found, name.removeprefix("retrace_")), row.note
    if name.startswith("memory_"):
        return _memory(found, name.split("_")[1]), row.note
    if name == "body_runs":
        return f"{number(row.value)} in {plural(row.count, 'call')}", row.note
    if row.unit == "s":
        return seconds(row.value), row.note
    return _interval(row), row.note


def _detail(row: MeasurementRow) -> str:
    return f"{row.dtype} {derivative_name(row.derivative)}"


def _rows(cells: Mapping[str, Found], columns: Sequence[Column]) -> tuple[ModeRow, ...]:
    rows = []
    for identity, by_quantity in cells.items():
        first = next(iter(by_quantity.values()))
        ratio = by_quantity.get(RATIO)
        rows.append(
            ModeRow(
                anchor=measurement_anchor(identity),
                environment=first.environment,
                mode=first.mode,
                detail=_detail(first),
                sense=sense(ratio) if ratio else None,
                values=tuple(_value(column, by_quantity) for column in columns),
            )
        )
    return tuple(rows)


def _tally(senses: Sequence[Sense]) -> str:
    """``1 faster, 2 slower, 3 with no difference seen``."""
    return f"{count(senses.count(FASTER))} faster, {count(senses.count(SLOWER))} slower, {count(senses.count(NO_DIFFERENCE))} with {EVEN}"


def _summary(rows: Sequence[MeasurementRow]) -> str:
    """What the ratios of one case say."""
    if not rows:
        return ""
    senses = [sense(row) for row in rows]
    best, worst = min(rows, key=lambda row: row.value), max(rows, key=lambda row: row.value)
    said = f"In {plural(len(rows), 'comparison')} with eager: {_tally(senses)}"
    ends = (f"{number(row.value)} ({row.environment} {row.mode}, {_detail(row)})" for row in (best, worst))
    return f"{said}; the ratio goes from {' to '.join(ends)}."


def _case(results: Results, index: Index, key: tuple[str, str], rows: Sequence[MeasurementRow]) -> ModeCase:
    family, case = key
    cells: dict[str, dict[str, MeasurementRow]] = defaultdict(dict)
    for row in rows:
        cells[row.id].setdefault(row.measurement, row)
    present = {row.measurement for row in rows}
    columns = [column for column in COLUMNS if present & set(column.measurements)]
    others = sorted(name for name in present - _SHOWN - set(_BESIDE) if not name.endswith("_body_runs") or name == "body_runs")
    columns += [Column(name.replace("_", " "), "", (name,)) for name in others]
    ratios = [row for row in rows if row.measurement == RATIO and not isnan(row.value)]
    anchor = slug(f"{family}.{case}")
    summary = _summary(ratios)
    intervals = [
        Interval(
            row=f"{row.environment} {row.mode}",
            series=_detail(row),
            value=row.value,
            low=row.value if isnan(row.low) else row.low,
            high=row.value if isnan(row.high) else row.high,
            said=f"{_interval(row)}: {sense(row).text}",
        )
        for row in ratios
    ]
    head = ("where", "what", "relative to eager", "from", "to")
    return ModeCase(
        anchor=anchor,
        work=index.case(family, case),
        title=case_title(results, family, case),
        note=str(case_entry(results, family, case).get("note") or ""),
        summary=summary,
        chart=ratio_chart(f"chart-{anchor}", "Time of a call, relative to eager", summary, intervals, head),
        head=tuple((column.name, column.meaning) for column in columns),
        rows=_rows(cells, columns),
    )


def _overall(rows: Sequence[MeasurementRow], order: Mapping[str, tuple[str, int]]) -> tuple[ModeSummary, ...]:
    grouped: dict[tuple[str, str], list[MeasurementRow]] = defaultdict(list)
    for row in rows:
        grouped[row.environment, row.mode].append(row)
    made = []
    for (environment, mode), members in sorted(grouped.items(), key=lambda item: (*_place(item[0][0], item[0][1], order),)):
        senses, values = [sense(row) for row in members], sorted(row.value for row in members)
        made.append(
            ModeSummary(
                environment=environment,
                mode=mode,
                faster=senses.count(FASTER),
                slower=senses.count(SLOWER),
                even=senses.count(NO_DIFFERENCE),
                median=number(median(values)),
                spread=f"{number(values[0])} … {number(values[-1])}",
            )
        )
    return tuple(made)


def _place(environment: str, mode: str, order: Mapping[str, tuple[str, int]]) -> tuple[str, int, tuple[tuple[int, str], ...], int, str]:
    framework, number = order.get(environment, ("", 0))
    return (framework, number, natural(environment), _ORDER.get(mode, len(_ORDER)), mode)


def modes(results: Results, index: Index) -> ModesPage:
    """Every case with measurements, in all its modes."""
    order = {row.environment: (row.framework, row.environment_order) for row in results.cells}
    rows = [row for row in results.measurements if row.variant in {"default", ""}]
    rows.sort(
        key=lambda row: (
            *_place(row.environment, row.mode, order),
            row.dtype != "float32",
            row.dtype,
            row.derivative,
            row.id,
            row.measurement,
            row.note,
        )
    )
    grouped: dict[tuple[str, str], list[MeasurementRow]] = defaultdict(list)
    for row in rows:
        grouped[row.family, row.case].append(row)
    ratios = [row for row in rows if row.measurement == RATIO and not isnan(row.value)]
    senses = [sense(row) for row in ratios]
    lede = "This run measured nothing beside the results: the family of experiments on modes did not run."
    if ratios:
        lede = f"In {plural(len(ratios), 'comparison')} of a mode with eager execution: {_tally(senses)}."
    elif rows:
        lede = f"{plural(len(rows), 'measurement')}, none of them of the time relative to eager execution."
    return ModesPage(
        lede=lede, summary=_overall(ratios, order), cases=tuple(_case(results, index, key, grouped[key]) for key in sorted(grouped))
    )
