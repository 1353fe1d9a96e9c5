"""The page on trainings: losses against the certified ones, what sets the sides apart, and the accuracy at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import NamedTuple

from replab.report.charts.curves import Band, Line, line_chart
from replab.report.data.cells import CellView
from replab.report.data.evidence import Index
from replab.report.data.links import case_entry, case_path, case_title, cell_path
from replab.report.data.results import Results
from replab.report.data.words import MISSING, OUTCOMES, Outcome, listing, number, outcome_of, percent, plural, slug
from replab.report.pages.causes import FactorCase
from replab.report.pages.parts import Chart, Link
from replab.report.pages.stories import TrainingCase, TrainingPage
from replab.report.views.claims import cards
from replab.report.views.factor_shares import factor_case
from replab.store.rows import TrajectoryRow

MODE = "eager"
DTYPE = "float32"
ACCURACY = "accuracy"
CLAIMS = ("K06", "K18", "K08")


class _Run(NamedTuple):
    """One training in one place."""

    framework: str
    order: int
    environment: str
    aligned: str


Curves = Mapping[_Run, Sequence[TrajectoryRow]]


def _curves(rows: Sequence[TrajectoryRow]) -> dict[tuple[str, str], dict[_Run, list[TrajectoryRow]]]:
    curves: dict[tuple[str, str], dict[_Run, list[TrajectoryRow]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(rows, key=lambda row: (row.id, row.place)):
        if row.mode == MODE and row.dtype == DTYPE:
            curves[row.family, row.case][_Run(row.framework, row.environment_order, row.environment, row.aligned)].append(row)
    return curves


def _lines(runs: Curves, value: str) -> list[Line]:
    lines = []
    for run, rows in sorted(runs.items()):
        values = [row.value if value == "loss" else abs(row.value - row.truth) for row in rows]
        note = "aligned" if run.aligned else ""
        lines.append(
            Line(environment=run.environment, framework=run.framework, order=run.order, values=tuple(values), dashed=bool(note), note=note)
        )
    return lines


def _charts(work: str, runs: Curves) -> tuple[Chart, ...]:
    """The losses with the certified ones as a band, and the distance from them beside what rounding allows."""
    first = next(iter(runs.values()))
    places = [row.step for row in first]
    same = {run: rows for run, rows in runs.items() if [row.step for row in rows] == places}
    reach = [row.z_limit * row.sigma for row in first]
    plain = {run: rows for run, rows in same.items() if not run.aligned}
    band = Band(
        name="rounding envelope",
        low=tuple(row.truth - wide for row, wide in zip(first, reach, strict=True)),
        high=tuple(row.truth + wide for row, wide in zip(first, reach, strict=True)),
        middle=tuple(row.truth for row in first),
    )
    ends = listing([f"{run.environment} {number(rows[-1].value)}" for run, rows in sorted(plain.items())], 12)
    losses = line_chart(
        slug(f"chart-loss-{work}"),
        "Loss",
        f"Loss over the steps; at the end the certified one is {number(first[-1].truth)}: {ends}.",
        ("steps", places),
        "loss",
        _lines(plain, "loss"),
        band,
    )
    further = [f"{run.environment} {number(abs(rows[-1].value - rows[-1].truth))}" for run, rows in sorted(plain.items())]
    apart = line_chart(
        slug(f"chart-apart-{work}"),
        "Distance from the certified loss",
        f"Distance from the certified loss; rounding alone reaches {number(reach[-1])} at the end: {listing(further, 12)}.",
        ("steps", places),
        "distance",
        _lines(same, "apart"),
        Band(name="what rounding explains", low=tuple(0.0 for _ in reach), high=tuple(reach)),
    )
    return tuple(chart for chart in (losses, apart) if chart)


def _beyond(rows: Sequence[TrajectoryRow]) -> float:
    """How many times what rounding explains the loss is off at most."""
    ratios = [abs(row.value - row.truth) / (row.sigma * row.z_limit) for row in rows if row.sigma > 0 and row.z_limit > 0]
    return max(ratios, default=0.0)


def _summary(runs: Curves) -> str:
    plain = {run: _beyond(rows) for run, rows in runs.items() if not run.aligned}
    outside = {run.environment: times for run, times in sorted(plain.items()) if times > 1}
    if not outside:
        return f"All {plural(len(plain), 'curve')} stay within what rounding explains."
    said = f"Beyond rounding: {listing([f'{name} ({number(times)} times the envelope)' for name, times in outside.items()], 8)}."
    aligned = [_beyond(rows) for run, rows in runs.items() if run.aligned]
    if aligned and max(aligned) <= 1:
        said += " With all factors aligned every curve lies within it."
    return said


def _shares(results: Results, family: str, case: str, index: Index) -> FactorCase | None:
    rows = [row for row in results.attributions if (row.family, row.case) == (family, case)]
    return factor_case(results, family, case, rows, index)


def _accuracy(
    results: Results, cells: Sequence[CellView], environments: Sequence[str], index: Index
) -> tuple[tuple[Link, str, str, tuple[tuple[Outcome, str, str] | None, ...]], ...]:
    by_work: dict[tuple[str, str], dict[str, tuple[Outcome, str, str]]] = defaultdict(dict)
    truth: dict[tuple[str, str], str] = {}
    for cell in cells:
        row = next((row for row in cell.rows if row.output == ACCURACY), None)
        if row is None or not cell.ok or cell.place.mode != MODE or cell.work.dtype != DTYPE or cell.work.derivative:
            continue
        key = (cell.work.family, cell.work.case)
        by_work[key][cell.place.environment] = (outcome_of(row.status, row.verdict), _share(row.worst_result), cell_path(cell))
        truth[key] = _share(row.worst_truth)
    return tuple(
        (index.case(*key), case_title(results, *key), truth[key], tuple(sides.get(name) for name in environments))
        for key, sides in sorted(by_work.items())
    )


def _share(text: str) -> str:
    """``0x1.c4p-1 (0.8828125)`` as ``88.3 %``."""
    try:
        value = float.fromhex(text.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return MISSING
    return f"{100 * value:.1f}\u00a0%"


def training(results: Results, cells: Sequence[CellView], index: Index) -> TrainingPage:
    """Every training that has losses; what differs most comes first."""
    curves = _curves(results.trajectories)
    by_id = {cell.id: cell for cell in cells}
    names = {(cell.place.framework, cell.place.order, cell.place.environment) for cell in cells if cell.work.family == "training"}
    environments = tuple(name for _, _, name in sorted(names))
    cases: list[tuple[float, TrainingCase]] = []
    for (family, case), runs in curves.items():
        plain = {run: rows for run, rows in runs.items() if not run.aligned}
        if not plain:
            continue
        work = f"{family}.{case}"
        outcomes = []
        for run, rows in sorted(plain.items()):
            cell = by_id.get(rows[0].id)
            outcomes.append((run.environment, OUTCOMES.get(rows[0].verdict, OUTCOMES["inconclusive"]), cell_path(cell) if cell else ""))
        entry = TrainingCase(
            anchor=slug(f"training-{work}"),
            work=Link(text=work, href=case_path(family, case) if (family, case) in index.pages else ""),
            title=case_title(results, family, case),
            note=str(case_entry(results, family, case).get("note") or ""),
            outcomes=tuple(outcomes),
            charts=_charts(work, {**plain, **runs}),
            shares=_shares(results, family, case, index),
            summary=_summary(runs),
        )
        cases.append((max(_beyond(rows) for rows in plain.values()), entry))
    cases.sort(key=lambda item: (-item[0] if not isnan(item[0]) else nan, item[1].work.text))
    accuracy = _accuracy(results, cells, environments, index)
    return TrainingPage(
        lede=_lede(cases, accuracy),
        claims=tuple(card for name in CLAIMS for card in cards(results, index) if card.id == name),
        environments=environments,
        accuracy=accuracy,
        cases=tuple(entry for _, entry in cases),
    )


def _lede(
    made: Sequence[tuple[float, TrainingCase]], accuracy: Sequence[tuple[Link, str, str, Sequence[tuple[Outcome, str, str] | None]]]
) -> str:
    if not made:
        return "This run holds no losses of trainings: the family training did not run, or its curves were not collected."
    within = sum(times <= 1 for times, _ in made)
    said = f"In {within} of {plural(len(made), 'training')} every loss stays within what rounding explains."
    if accuracy:
        apart = sum(any(side is not None and side[1] != truth for side in sides) for _, _, truth, sides in accuracy)
        share = percent(apart, len(accuracy))
        said += f" The share of right answers at the end is another one than certified in {apart} of {len(accuracy)} ({share})."
    return said
