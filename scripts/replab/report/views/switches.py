"""Arithmetic switches: which of them restore equality of bits, which of them move bits, and what does not even repeat."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from replab.model import BEYOND_ROUNDING
from replab.report.data.evidence import Index, split_id
from replab.report.data.results import Results
from replab.report.data.words import MISSING, count, derivative_name, listing, natural, number, percent, plural
from replab.report.pages.causes import MovesTable, RepeatTable, SwitchCell, SwitchTable, Unrepeatable
from replab.report.pages.parts import Link
from replab.report.views.factor_shares import known_outcome
from replab.report.views.hypotheses import UNKNOWN
from replab.store.rows import AttributionRow, CellRow, PairRow

METHOD = "variant"
PROCESSORS = re.compile(r"(?:^|[-_])(?:isa|sse|avx\d*)(?:[-_]|$)")
"""Names of variants that limit the instruction set: they stand in for another processor."""
BEYOND = frozenset(BEYOND_ROUNDING)
MOST_LISTED = 200
_AXES = {"framework": 0, "version": 1, "mode": 2}


def _output(row: AttributionRow) -> str:
    return row.note.partition(":")[0]


def _compared(rows: Iterable[AttributionRow]) -> set[tuple[str, int, str]]:
    """What was compared: (dtype, derivative, output)."""
    return {(row.dtype, row.derivative, _output(row)) for row in rows}


def _cell(mine: Sequence[AttributionRow], tried: int, variant: str) -> SwitchCell:
    again = len(_compared(mine))
    if not again:
        return SwitchCell(text="·", css="none", title="")
    css = "all" if again == tried else "some"
    return SwitchCell(text=f"{again}/{tried}", css=css, title=f"{variant} restores equal bits in {again} of {tried}")


def switch_tables(rows: Iterable[AttributionRow], index: Index) -> tuple[SwitchTable, ...]:
    """Per two places whose bits differ: case × switch, frameworks first, then versions, then modes."""
    by_pair: dict[tuple[str, str], list[AttributionRow]] = defaultdict(list)
    for row in rows:
        if row.method == METHOD:
            by_pair[row.axis, row.pair].append(row)
    tables = []
    for (_, pair), members in sorted(by_pair.items(), key=lambda item: (_AXES.get(item[0][0], 9), natural(item[0][1]))):
        by_case: dict[tuple[str, str], list[AttributionRow]] = defaultdict(list)
        for row in members:
            by_case[row.family, row.case].append(row)
        variants = tuple(sorted({row.factor for row in members if row.factor != UNKNOWN}, key=natural))
        helped = {key for key, mine in by_case.items() if any(row.factor != UNKNOWN for row in mine)}
        tried, again = sum(len(_compared(mine)) for mine in by_case.values()), 0
        table: list[tuple[Link, tuple[SwitchCell, ...]]] = []
        for key in sorted(helped):
            mine = by_case[key]
            whole = len(_compared(mine))
            again += len(_compared(row for row in mine if row.factor != UNKNOWN))
            cells = tuple(_cell([row for row in mine if row.factor == variant], whole, variant) for variant in variants)
            table.append((index.cause(*key), cells))
        rest = [f"{family}.{case}" for family, case in sorted(set(by_case) - helped)]
        left, _, right = pair.partition(" | ")
        summary = f"A switch restores equal bits in {count(again)} of {plural(tried, 'result')} that differ ({percent(again, tried)})"
        summary += f", in {count(len(helped))} of {plural(len(by_case), 'case')}."
        nothing = f"No switch does in {plural(len(rest), 'case')}: {listing(rest, 12)}." if rest else ""
        name = f"{left} against {right}" if right else left
        tables.append(SwitchTable(pair=name, variants=variants, rows=tuple(table), summary=summary, nothing=nothing))
    return tuple(tables)


def _plain_pairs(results: Results, axis: str) -> list[PairRow]:
    """Pairs of results, as declared, with their variant or repeat."""
    plain = {row.id for row in results.cells if row.role == "result"}
    return [pair for pair in results.varied_pairs if pair.axis == axis and pair.left in plain]


def _variant(pair: PairRow) -> str:
    if pair.variant not in {"", "default"}:
        return pair.variant
    parts = split_id(pair.right)
    return parts.variant if parts else ""


def moves(results: Results) -> MovesTable | None:
    """Environment × switch: how many results get other bits; nothing where no switch was tried."""
    grouped: dict[tuple[str, str], list[PairRow]] = defaultdict(list)
    for pair in _plain_pairs(results, "variant"):
        grouped[pair.left_environment, _variant(pair)].append(pair)
    if not grouped:
        return None
    told: Mapping[str, object] = results.run.get("variants") or {}
    variants = sorted({variant for _, variant in grouped}, key=lambda name: (not PROCESSORS.search(name), natural(name)))
    order = {row.environment: (row.framework, row.environment_order) for row in results.cells}
    environments = sorted({name for name, _ in grouped}, key=lambda name: (*order.get(name, ("", 0)), natural(name)))
    return MovesTable(
        answer=_other_processor(grouped),
        variants=tuple((name, _title(told.get(name))) for name in variants),
        rows=tuple(
            (environment, tuple(_moved(environment, variant, grouped.get((environment, variant))) for variant in variants))
            for environment in environments
        ),
    )


def _title(told: object) -> str:
    return str(told.get("title") or "") if isinstance(told, Mapping) else str(told or "")


def _moved(environment: str, variant: str, pairs: Sequence[PairRow] | None) -> SwitchCell | None:
    if not pairs:
        return None
    apart = [pair for pair in pairs if pair.verdict != "identical"]
    beyond = sum(pair.verdict in BEYOND for pair in apart)
    title = (
        f"{environment}, {variant}: {count(len(apart))} of {plural(len(pairs), 'result')} with other bits, {count(beyond)} beyond rounding"
    )
    css = "none" if not apart else "beyond" if beyond else "some"
    text = f"{count(len(apart))} of {count(len(pairs))}" + (f", {count(beyond)} ▲" if beyond else "")
    return SwitchCell(text=text, css=css, title=title)


def _other_processor(grouped: Mapping[tuple[str, str], Sequence[PairRow]]) -> str:
    """Whether another processor would give these bits."""
    by_environment: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    beyond = 0
    for (environment, variant), pairs in grouped.items():
        if PROCESSORS.search(variant):
            for pair in pairs:
                key = (pair.left, pair.output)
                by_environment[environment][key] = by_environment[environment].get(key, False) or pair.verdict != "identical"
                beyond += pair.verdict in BEYOND
    if not by_environment:
        return "This run did not limit the instruction set, so it cannot say whether another processor would give the same bits."
    moved, whole = (
        sum(sum(moved_bits.values()) for moved_bits in by_environment.values()),
        sum(len(moved_bits) for moved_bits in by_environment.values()),
    )
    parts = [
        f"{name} {count(sum(moved_bits.values()))} of {count(len(moved_bits))}"
        for name, moved_bits in sorted(by_environment.items(), key=lambda item: natural(item[0]))
    ]
    if not moved:
        return f"Yes, as far as was tried: none of {plural(whole, 'result')} changes its bits when the instruction set is limited."
    size = "none of them beyond rounding" if not beyond else f"{plural(beyond, 'comparison')} beyond rounding"
    verb = "gets" if moved == 1 else "get"
    answer = f"Not always: {count(moved)} of {plural(whole, 'result')} ({percent(moved, whole)}) {verb} other bits"
    return f"{answer} when the instruction set is limited, {size}. By environment: {listing(parts, 12)}."


def repeats(results: Results, index: Index) -> RepeatTable | None:
    """The same cells twice, and calls within one process; nothing where nothing was repeated."""
    pairs = _plain_pairs(results, "repeat")
    apart = [pair for pair in pairs if pair.verdict != "identical"]
    told = {pair.left for pair in apart}
    within = [row for row in results.cells if row.role == "result" and row.repeatable == "no" and row.id not in told]
    if not pairs and not within:
        return None
    by_environment: dict[str, Counter[bool]] = defaultdict(Counter)
    for pair in pairs:
        by_environment[pair.left_environment][pair.verdict == "identical"] += 1
    same = len(pairs) - len(apart)
    summary = [
        f"{count(same)} of {plural(len(pairs), 'result')} ({percent(same, len(pairs))}) came out with the same bits in a second process."
    ]
    if within:
        verb = "gives" if len(within) == 1 else "give"
        summary.append(f"{plural(len(within), 'further result')} {verb} other bits from call to call within one process.")
    apart.sort(key=lambda pair: (-(0.0 if isnan(pair.ulp_max) else pair.ulp_max), pair.left, pair.output))
    rows = [
        Unrepeatable(
            work=Link(text=f"{pair.family}.{pair.case}", href=index.cell(pair.left).href),
            where=f"{pair.left_environment} ({pair.left_mode})",
            detail=_detail(pair),
            outcome=known_outcome(pair.verdict),
            ulp=number(pair.ulp_max),
        )
        for pair in apart
    ]
    rows += [
        Unrepeatable(
            work=Link(text=f"{row.family}.{row.case}", href=index.cell(row.id).href),
            where=f"{row.environment} ({row.mode})",
            detail=_detail(row),
            outcome=None,
            ulp=MISSING,
        )
        for row in sorted(within, key=lambda row: (row.id, row.output))
    ]
    environments = tuple(
        (name, counts[True], counts.total()) for name, counts in sorted(by_environment.items(), key=lambda item: natural(item[0]))
    )
    return RepeatTable(summary=" ".join(summary[not pairs :]), environments=environments, rows=tuple(rows[:MOST_LISTED]))


def _detail(row: PairRow | CellRow) -> str:
    return f"{row.dtype} {derivative_name(row.derivative)}" + (f", {row.output}" if row.output not in {"", "out"} else "")
