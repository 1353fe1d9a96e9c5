"""The page of each case: every number of it, who shares bits with whom, the error over the input range, the worst input."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite, log2

from replab import calling
from replab.compare.metrics import z_limit
from replab.contract.summaries import CaseSummary, RunSummary
from replab.model import Verdict
from replab.report.charts.figures import class_picture, error_chart, hues
from replab.report.data.cells import UNJUDGED, BitClass, CellView, Work, bit_classes, by_work, places_in_words
from replab.report.data.links import anchor, case_entry, case_path, case_title, claim_path
from replab.report.data.results import Results
from replab.report.data.words import Outcome, count, derivative_name, flatten, largest, number, outcome_of, plural, seconds, slug
from replab.report.pages.causes import CauseSection
from replab.report.pages.pages import OperationPage, Panel, ResultRow, Script, Worst
from replab.report.pages.parts import Chart, Link
from replab.store.rows import CellRow, CurveRow, ScriptRow
from replab.truth.certify import KNOWN

EXPERIMENTS = "experiments"
"""The folder of families that every laboratory has."""
LEAST_ULP = 0.25
"""Where the bars of errors begin: half of what correct rounding may leave."""
_SOURCE_ORDER = ("reference", "numpy", "tensorflow", "torch")


def _remarks(row: CellRow) -> str:
    said = []
    if row.zero_sign:
        said.append(f"{count(row.zero_sign)} ± zeros differ in sign")
    if row.nan_mismatch:
        said.append(f"{count(row.nan_mismatch)} NaN elsewhere")
    if row.inf_mismatch:
        said.append(f"{count(row.inf_mismatch)} infinities elsewhere")
    if row.flushed:
        said.append(f"{count(row.flushed)} subnormal results flushed to zero")
    if row.verdict == Verdict.ROUNDING and row.z_max > (known := z_limit(row.elements, KNOWN)):
        hidden = f"an error of up to {number(row.z_limit * row.envelope_ulp)} ULP could hide"
        said.append(f"{hidden} below the limit of few runs (with σ known it would be {number(known)})")
    if row.why and row.verdict in UNJUDGED:
        said.append(row.why)
    if row.cause:
        said.append(f"cause: {row.cause}")
    if row.repeatable == "no":
        said.append("does not repeat: other bits in a second process")
    if row.notes:
        said.append(row.notes)
    return "; ".join(said)


def _width(ulp: float, most: float) -> str:
    """A bar from ¼ ULP to the largest error, on a logarithmic scale."""
    if not isfinite(ulp) or not isfinite(most) or ulp <= LEAST_ULP or most <= LEAST_ULP:
        return ""
    return f"{100 * log2(ulp / LEAST_ULP) / log2(most / LEAST_ULP):.1f}"


def _row(cell: CellView, row: CellRow, *, first: bool, letters: Mapping[str, str], hue: Mapping[str, int], most: float) -> ResultRow:
    name = anchor(cell.work, cell.place)
    letter = letters.get(cell.id, "")
    return ResultRow(
        anchor=name if first else f"{name}-{row.output}",
        place=cell.place.label,
        environment=cell.place.environment,
        how=cell.place.how,
        output=row.output,
        outcome=outcome_of(row.status, row.verdict),
        reason=row.reason,
        letter=letter,
        hue=hue.get(letter, 0),
        ulp_max=number(row.ulp_max),
        ulp_width=_width(row.ulp_max, most),
        ulp_mean=number(row.ulp_mean),
        ulp_p99=number(row.ulp_p99),
        z=number(row.z_max),
        z_limit=number(row.z_limit),
        abs_max=number(row.abs_max),
        rel_max=number(row.rel_max),
        shrink=number(row.shrink),
        seconds=seconds(row.seconds),
        remarks=_remarks(row),
        id=cell.id,
    )


def _worst(classes: Sequence[BitClass], hue: Mapping[str, int]) -> tuple[Worst, ...]:
    worst_inputs = []
    for entry in classes:
        row = max(entry.cells[0].rows, key=lambda row: (row.ulp_max == row.ulp_max, row.ulp_max))
        if row.worst_inputs or row.worst_result or row.worst_truth:
            worst_inputs.append(
                (
                    row.ulp_max if row.ulp_max == row.ulp_max else -1.0,
                    Worst(
                        letter=entry.letter,
                        hue=hue[entry.letter],
                        places=places_in_words(cell.place for cell in entry.cells),
                        output=row.output,
                        ulp=number(row.ulp_max),
                        index=row.worst_index,
                        inputs=row.worst_inputs,
                        result=row.worst_result,
                        truth=row.worst_truth,
                    ),
                )
            )
    return tuple(worst for _, worst in sorted(worst_inputs, key=lambda item: -item[0]))


def _summary(cells: Sequence[CellView]) -> tuple[str, ...]:
    ok = [cell for cell in cells if cell.ok]
    if not ok:
        return (f"None of {plural(len(cells), 'cell')} gave a result.",)
    ranked = [cell for cell in ok if cell.ulp == cell.ulp]
    said = []
    if ranked:
        top, best = max(ranked, key=lambda cell: cell.ulp), min(ranked, key=lambda cell: cell.ulp)
        same = [cell.place for cell in ranked if cell.ulp == top.ulp]
        if top.ulp == 0:
            said.append("Every result is the correctly rounded truth.")
        elif top.ulp == best.ulp:
            said.append(f"Every result is off by at most {number(top.ulp)} ULP.")
        else:
            where = f" at {top.worst.worst_inputs}" if top.worst.worst_inputs else ""
            worst = f"The largest error is {number(top.ulp)} ULP, in {places_in_words(same)}{where}"
            said.append(f"{worst}; the smallest maximum is {number(best.ulp)} ULP.")
    if len(ok) < len(cells):
        said.append(f"{count(len(cells) - len(ok))} of {plural(len(cells), 'cell')} gave no result.")
    return tuple(said)


def _reasons(cells: Sequence[CellView]) -> tuple[tuple[Outcome, str, str], ...]:
    grouped: dict[tuple[int, str, str], list[CellView]] = defaultdict(list)
    for cell in cells:
        if cell.explanation or not cell.ok:
            grouped[cell.outcome.severity, cell.outcome.name, cell.explanation].append(cell)
    return tuple(
        (members[0].outcome, reason or "no reason was recorded", places_in_words(cell.place for cell in members))
        for (_, _, reason), members in sorted(grouped.items(), key=lambda item: (-item[0][0], item[0][2]))
    )


def _charts(work: Work, curves: Sequence[CurveRow], classes: Sequence[BitClass]) -> tuple[Chart, ...]:
    """A chart per output whose curves belong to this derivative: a curve belongs where some cell has its bits."""
    charts: list[Chart] = []
    grouped: dict[str, list[CurveRow]] = defaultdict(list)
    for point in curves:
        grouped[point.output].append(point)
    for output, rows in sorted(grouped.items()):
        letters: dict[str, str] = {}
        for entry in classes:
            for row in entry.cells[0].rows:
                if row.output == output:
                    letters.setdefault(row.bits, entry.letter)
        mine = [point for point in rows if point.bits in letters or (work.derivative == 0 and not point.bits)]
        title = "Error over the input range" + (f", {output}" if len(grouped) > 1 or output not in {"out", ""} else "")
        chart = error_chart(f"chart-{work.panel}-{len(charts)}", title, mine, classes, letters)
        if chart:
            charts.append(chart)
    return tuple(charts)


def _scripts(cells: Sequence[CellView], known: Mapping[str, ScriptRow]) -> tuple[Script, ...]:
    return tuple(
        Script(
            where=cell.place.label.replace(":", " ") + (", in few lines" if short else ""),
            anchor=anchor(cell.work, cell.place),
            outcome=cell.outcome,
            ulp=number(cell.ulp),
            text=known[cell.id].short if short else known[cell.id].script,
            reason=known[cell.id].reason,
            file=f"{slug(f'{cell.work.label}-{cell.work.panel}-{cell.place.slug}')}{'-short' if short else ''}.py",
        )
        for cell in cells
        if cell.id in known
        for short in ((True, False) if known[cell.id].short else (False,))
    )


def _again(run: RunSummary, cell: str) -> str:
    """The command that runs one cell of this run once more: families of other folders are found by a setting."""
    told = run.get("experiments")
    folders = [str(folder) for folder in told] if isinstance(told, list) else [EXPERIMENTS]
    setting = "" if folders == [EXPERIMENTS] else calling.setting("experiments", ",".join(folders))
    return f"{calling.anywhen()} cell {_quoted(cell)}{setting}"


def _panel(work: Work, cells: Sequence[CellView], curves: Sequence[CurveRow], scripts: Mapping[str, ScriptRow], run: RunSummary) -> Panel:
    ok = [cell for cell in cells if cell.ok]
    classes = bit_classes(ok)
    most = largest(row.ulp_max for cell in ok for row in cell.rows)
    letters = {cell.id: entry.letter for entry in classes for cell in entry.cells}
    hue = hues(classes)
    outcomes = Counter(cell.outcome.name for cell in cells)
    known = {cell.outcome.name: cell.outcome for cell in cells}
    top = max(ok or cells, key=lambda cell: (cell.outcome.severity, cell.ulp if cell.ulp == cell.ulp else -1.0))
    return Panel(
        id=work.panel,
        dtype=work.dtype,
        derivative=work.derivative,
        heading=f"{work.dtype}, {derivative_name(work.derivative)}",
        outcomes=tuple((known[name], outcomes[name]) for name in sorted(outcomes, key=lambda name: known[name].severity)),
        summary=_summary(cells),
        picture=class_picture(cells, "../"),
        charts=_charts(work, curves, classes),
        rows=tuple(
            _row(cell, row, first=at == 0, letters=letters, hue=hue, most=most)
            for cell in cells
            for at, row in enumerate(sorted(cell.rows, key=lambda row: row.output))
        ),
        several_outputs=any(len(cell.rows) > 1 for cell in cells),
        worst=_worst(classes, hue),
        reasons=_reasons(cells),
        command=_again(run, top.id),
        scripts=_scripts(cells, scripts),
    )


def _quoted(text: str) -> str:
    """For a shell: single quotes, whatever is inside."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _related(family: str, case: str, cases: set[tuple[str, str]]) -> tuple[Link, ...]:
    base = case.removesuffix(".special")
    other = (family, f"{case}.special" if base == case else base)
    if other not in cases:
        return ()
    return (
        Link(
            text="special values (±0, subnormals, infinities, NaN) of this operation"
            if base == case
            else "this operation over ordinary inputs",
            href=case_path(*other),
        ),
    )


def _parameters(entry: CaseSummary) -> str:
    return ", ".join(f"{name} = {value}" for name, value in flatten(entry.get("parameters") or {}))


def operations(
    results: Results, cells: tuple[CellView, ...], causes: Mapping[tuple[str, str], CauseSection] | None = None
) -> tuple[Callable[[], OperationPage], ...]:
    """What makes the page of each case that has cells, with what is known about its causes: pages do not depend on each other."""
    curves: dict[tuple[str, str, str], list[CurveRow]] = defaultdict(list)
    for row in results.curves:
        curves[row.family, row.case, row.dtype].append(row)
    grouped: dict[tuple[str, str], dict[Work, list[CellView]]] = defaultdict(dict)
    for work, members in by_work(cells).items():
        grouped[work.family, work.case][work] = members
    scripts = {row.id: row for row in results.scripts}
    judged = {str(entry.get("id") or "") for entry in results.claims}

    def page(family: str, case: str) -> OperationPage:
        entry = case_entry(results, family, case)
        about = results.cases.get(family) or {}
        sources = entry.get("sources") or {}
        claims = entry.get("claims") or []
        panels = tuple(
            _panel(work, members, curves.get((family, case, work.dtype), ()), scripts, results.run)
            for work, members in grouped[family, case].items()
        )
        return OperationPage(
            path=case_path(family, case),
            name=f"{family}.{case}",
            title=case_title(results, family, case),
            family=family,
            family_title=str(about.get("title") or family),
            question=str(about.get("question") or ""),
            note=str(entry.get("note") or ""),
            claims=tuple(Link(text=str(claim), href=claim_path(str(claim)) if claim in judged else "") for claim in claims),
            parameters=_parameters(entry),
            sources=tuple((name, str(sources[name])) for name in sorted(sources, key=_source_order) if sources[name]),
            related=_related(family, case, set(grouped)),
            panels=panels,
            dtypes=tuple(dict.fromkeys(panel.dtype for panel in panels)),
            orders=tuple((order, derivative_name(order)) for order in sorted({panel.derivative for panel in panels})),
            cause=(causes or {}).get((family, case)),
        )

    return tuple(partial(page, family, case) for family, case in grouped)


def _source_order(name: str) -> tuple[int, str]:
    return (_SOURCE_ORDER.index(name) if name in _SOURCE_ORDER else len(_SOURCE_ORDER), name)
