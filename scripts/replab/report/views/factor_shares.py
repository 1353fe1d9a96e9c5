"""Shares of factors, from the runs in which some of them were aligned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isfinite, isnan
from typing import NamedTuple

from replab.report.data.cells import CellView, views
from replab.report.data.evidence import SIDES, Index, aligned_anchor
from replab.report.data.links import case_title
from replab.report.data.results import Results
from replab.report.data.words import MISSING, OUTCOMES, Outcome, derivative_name, listing, natural, number, portion, slug
from replab.report.pages.causes import AlignedTable, FactorCase, FactorGroup, Part, Sharing
from replab.store.rows import AttributionRow, CellRow

METHOD = "subsets"
OWN = "its own default"
"""What a table says of a value that nobody read: pages say nothing of it."""
SIDES_OF_A_PAIR = 2
HUES = 8
REST = "rest"


class Place(NamedTuple):
    """One pair of environments at one precision and derivative."""

    axis: str
    pair: str
    dtype: str
    derivative: int


def known_outcome(name: str) -> Outcome:
    """The outcome of a verdict in a table of causes; an unknown or missing one stays open."""
    return OUTCOMES.get(name, OUTCOMES["inconclusive"])


def pairs_in_words(pairs: Iterable[str]) -> str:
    """``tf-1.15 and tf-2.21 against torch-2.13; …``."""
    by_right: dict[str, list[str]] = defaultdict(list)
    for left, _, right in sorted(
        {tuple(pair.partition(SIDES)) for pair in pairs}, key=lambda sides: (natural(sides[2]), natural(sides[0]))
    ):
        by_right[right].append(left)
    return "; ".join(f"{listing(lefts, 12)} against {right}" if right else listing(lefts, 12) for right, lefts in by_right.items())


def details_in_words(details: Iterable[tuple[str, int]]) -> str:
    """``float32 value, 1st derivative; float64 value``."""
    by_dtype: dict[str, list[str]] = defaultdict(list)
    for dtype, derivative in sorted(set(details), key=lambda detail: (detail[0] != "float32", detail[0], detail[1])):
        by_dtype[dtype].append(derivative_name(derivative))
    return "; ".join(f"{dtype} {', '.join(names)}" for dtype, names in by_dtype.items())


def _parts(rows: Sequence[AttributionRow], hues: dict[str, int]) -> tuple[Part, ...]:
    """The factors with something to say, the largest first, and what no factor explains; widths add up to the whole bar."""
    residual = max(rows[0].residual, 0.0) if isfinite(rows[0].residual) else 0.0
    whole = sum(max(row.share, 0.0) for row in rows if isfinite(row.share)) + residual
    parts = []
    for row in sorted(
        rows, key=lambda row_of_factor: (-(row_of_factor.share if isfinite(row_of_factor.share) else -1e9), row_of_factor.factor)
    ):
        told = [value for value in (row.left_value, row.right_value) if value and value != OWN]
        values = f": {' | '.join(told)}" if len(told) == SIDES_OF_A_PAIR else ""
        width = f"{100 * row.share / whole:.2f}" if whole and isfinite(row.share) and row.share > 0 else ""
        title = f"{row.factor}{values}, {portion(row.share)} of the difference"
        parts.append(Part(label=row.factor, text=portion(row.share), width=width, hue=hues[row.factor], title=title))
    width = f"{100 * residual / whole:.2f}" if whole and residual > 0.005 * whole else ""
    text = portion(rows[0].residual)
    parts.append(Part(label=REST, text=text, width=width, hue=0, title=f"what no factor explains, {text} of the difference"))
    return tuple(parts)


def _sharing(places: Sequence[tuple[Place, Sequence[AttributionRow]]], hues: dict[str, int], index: Index) -> Sharing:
    """Places that say the same, told by the one that readers meet first: float32, value, the newest versions."""
    _, rows = min(
        places,
        key=lambda one: (set(one[0].pair.split(SIDES)) != index.newest, one[0].dtype != "float32", one[0].derivative, natural(one[0].pair)),
    )
    first = rows[0]
    return Sharing(
        where=pairs_in_words(place.pair for place, _ in places),
        detail=details_in_words((place.dtype, place.derivative) for place, _ in places),
        parts=_parts(rows, hues),
        before=known_outcome(first.verdict),
        after=known_outcome(first.verdict_aligned),
        enough=" + ".join(name for name in first.sufficient.split("+") if name),
        run=index.cell(first.evidence) if first.evidence else index.cell(first.left),
        note=first.note,
    )


def _signature(rows: Sequence[AttributionRow]) -> tuple[str, ...]:
    first = rows[0]
    shares = (f"{row.factor} {portion(row.share)}" for row in sorted(rows, key=lambda row_of_factor: row_of_factor.factor))
    return (first.verdict, first.verdict_aligned, first.sufficient, portion(first.residual), first.note, *shares)


def factor_case(results: Results, family: str, case: str, rows: Sequence[AttributionRow], index: Index) -> FactorCase | None:
    """What the runs with aligned factors say about one case; nothing when there are none."""
    places: dict[Place, list[AttributionRow]] = defaultdict(list)
    for row in rows:
        if row.method == METHOD:
            places[Place(row.axis, row.pair, row.dtype, row.derivative)].append(row)
    if not places:
        return None
    names = sorted({row.factor for found in places.values() for row in found})
    hues = {name: place % HUES + 1 for place, name in enumerate(names)}
    groups: dict[tuple[str, ...], list[tuple[Place, Sequence[AttributionRow]]]] = defaultdict(list)
    for place, found in sorted(places.items()):
        groups[place.axis, *_signature(found)].append((place, found))
    ordered = sorted(groups.items(), key=lambda item: (not _holds(item[1], index.newest), -_size(item[1]), item[0]))
    told = {axis: [_sharing(found, hues, index) for key, found in ordered if (key[0] == "version") == axis] for axis in (False, True)}
    return FactorCase(
        anchor=slug(f"factors-{family}.{case}"),
        work=index.cause(family, case),
        title=case_title(results, family, case),
        factors=tuple(hues.items()),
        rows=tuple(told[False]),
        steps=tuple(told[True]),
    )


def _holds(places: Sequence[tuple[Place, Sequence[AttributionRow]]], newest: frozenset[str]) -> bool:
    """Whether the pair that readers ask for first is among them."""
    return any(set(place.pair.split(SIDES)) == newest for place, _ in places)


def _size(places: Sequence[tuple[Place, Sequence[AttributionRow]]]) -> float:
    """How large the difference is; what has no size counts as large."""
    sizes = [rows[0].discrepancy for _, rows in places]
    return max((1e300 if isnan(size) else size for size in sizes), default=0.0)


def factor_groups(results: Results, index: Index) -> tuple[FactorGroup, ...]:
    """Every case with factors, by family, the largest difference first; controls apart."""
    grouped: dict[tuple[str, str], list[AttributionRow]] = defaultdict(list)
    for row in results.attributions:
        if row.method == METHOD and row.role != "control":
            grouped[row.family, row.case].append(row)
    families: dict[str, list[tuple[float, str, FactorCase]]] = defaultdict(list)
    for (family, case), rows in sorted(grouped.items()):
        group = factor_case(results, family, case, rows, index)
        if group:
            size = max((1e300 if isnan(row.discrepancy) else row.discrepancy for row in rows), default=0.0)
            families[family].append((-size, case, group))
    return tuple(
        FactorGroup(
            title=str((results.cases.get(family) or {}).get("title") or family),
            anchor=slug(f"family-{family}"),
            cases=tuple(group for _, _, group in sorted(groups, key=lambda one: one[:2])),
        )
        for family, groups in sorted(families.items())
    )


def aligned_tables(rows: Iterable[CellRow]) -> tuple[AlignedTable, ...]:
    """Verdicts against the truth of the runs of one case in which factors were aligned: a table per precision and derivative."""
    cells = list(views(row for row in rows if row.aligned and row.variant == "default" and row.role != "control"))
    grouped: dict[tuple[str, int], list[CellView]] = defaultdict(list)
    for cell in cells:
        grouped[cell.work.dtype, cell.work.derivative].append(cell)
    tables = []
    for (dtype, derivative), members in sorted(grouped.items(), key=lambda item: (item[0][1], item[0][0] != "float32", item[0][0])):
        places = sorted({(cell.place.framework, cell.place.order, cell.place.environment) for cell in members})
        subsets: dict[str, dict[str, CellView]] = defaultdict(dict)
        for cell in members:
            subsets[cell.worst.aligned][cell.place.environment] = cell
        tables.append(
            AlignedTable(
                heading=f"{dtype}, {derivative_name(derivative)}",
                environments=tuple(name for _, _, name in places),
                rows=tuple(
                    (
                        aligned_anchor(dtype, derivative, subset),
                        " + ".join(subset.split("+")),
                        tuple(_said(subsets[subset].get(name)) for _, _, name in places),
                    )
                    for subset in sorted(subsets, key=lambda names: (names.count("+"), names))
                ),
            )
        )
    return tuple(tables)


def _said(cell: CellView | None) -> tuple[Outcome, str] | None:
    if cell is None:
        return None
    text = f"{cell.place.label}: {cell.outcome.name}"
    if cell.ok:
        size = "" if number(cell.ulp) == MISSING else f", at most {number(cell.ulp)} ULP from the truth"
        return (cell.outcome, text + size)
    return (cell.outcome, f"{text}: {cell.explanation}")
