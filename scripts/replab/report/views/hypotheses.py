"""Results that the reference gives too with another value of a factor, those that nothing explains, and the planted test set."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from replab.report.data.evidence import Index, split_id
from replab.report.data.links import case_title
from replab.report.data.results import Results
from replab.report.data.words import count, largest, listing, natural, number, percent, plural, portion
from replab.report.pages.causes import Explained, PlantedRow, PlantedTable, Unexplained
from replab.report.views.factor_shares import details_in_words, known_outcome
from replab.store.rows import AttributionRow

METHOD = "hypothesis"
UNKNOWN = "unknown"
SEARCHED = frozenset({"float32", "float64"})
"""Precisions in which causes are looked for: the narrow ones have a companion in float32 that tells more."""

_LONG = re.compile(r"-?\d+\.\d{6,}(?:e[-+]?\d+)?")


def as_declared(row: AttributionRow) -> bool:
    """The result of a case as it was declared, and not of a run in which factors were aligned."""
    parts = split_id(row.left)
    return parts is None or parts.case == row.case


def places(rows: Iterable[AttributionRow]) -> str:
    """``tf-1.15 (eager, session) and torch-2.13 (eager)``."""
    by_environment: dict[str, list[str]] = defaultdict(list)
    for where in sorted({row.pair.partition(" | ")[0] for row in rows}, key=natural):
        environment, _, mode = where.partition(":")
        by_environment[environment].append(mode)
    return listing([f"{name} ({', '.join(modes)})" if any(modes) else name for name, modes in by_environment.items()], 12)


def short_value(text: str) -> str:
    """Numbers with six digits: a fitted one has no more."""
    return _LONG.sub(lambda found: f"{float(found.group()):.6g}", text)


def explained(rows: Iterable[AttributionRow], index: Index) -> tuple[Explained, ...]:
    """By factor, then case and value; places that say the same together."""
    grouped: dict[tuple[str, ...], list[AttributionRow]] = defaultdict(list)
    for row in rows:
        if row.method == METHOD and row.factor != UNKNOWN:
            values = (short_value(row.left_value), short_value(row.right_value))
            grouped[row.factor, row.family, row.case, *values, row.verdict, row.note].append(row)
    lines = []
    for (factor, family, case, value, truth, before, note), members in sorted(grouped.items()):
        rest = largest(row.residual for row in members)
        after = {row.verdict_aligned: known_outcome(row.verdict_aligned) for row in members}
        lines.append(
            Explained(
                factor=factor.replace("+", " + "),
                value=value.removeprefix(f"{factor} = "),
                truth=truth.removeprefix(f"{factor} = "),
                work=index.cause(family, case),
                where=places(members),
                detail=details_in_words((row.dtype, row.derivative) for row in members),
                count=plural(len(members), "result"),
                before=known_outcome(before),
                after=tuple(sorted({outcome.name: outcome for outcome in after.values()}.values(), key=lambda one: one.severity)),
                z=number(largest(row.z_aligned for row in members)),
                rest="under 1\u00a0%" if 0 < rest < 0.005 else portion(rest),
                note=note,
            )
        )
    return tuple(lines)


def unexplained(rows: Iterable[AttributionRow], index: Index) -> tuple[Unexplained, ...]:
    """What no other value explains, by case."""
    grouped: dict[tuple[str, str, str, str], list[AttributionRow]] = defaultdict(list)
    for row in rows:
        if row.method == METHOD and row.factor == UNKNOWN:
            grouped[row.family, row.case, row.verdict, row.note].append(row)
    return tuple(
        Unexplained(
            work=index.cause(family, case),
            where=places(members),
            detail=details_in_words((row.dtype, row.derivative) for row in members),
            count=plural(len(members), "result"),
            outcome=known_outcome(verdict),
            note=note,
        )
        for (family, case, verdict, note), members in sorted(grouped.items())
    )


def _controls(results: Results) -> dict[str, tuple[str, str, str]]:
    """Planted mistakes whose cause is looked for: id → (family, case, planted factor)."""
    return {
        row.id: (row.family, row.case, row.factor)
        for row in results.cells
        if row.role == "control"
        and row.factor
        and row.expect == "semantic"
        and row.status == "ok"
        and row.dtype in SEARCHED
        and row.repeatable != "no"
    }


def planted(results: Results, index: Index) -> PlantedTable | None:
    """How often the cause that is named is the one that was planted; nothing where no cause of a control was looked for.

    Precision counts over all results of controls whose cause was named, recall over all results with a planted mistake. Results that do
    not repeat are left out of both: no cause is looked for there.
    """
    wanted = _controls(results)
    shaky = {row.id for row in results.cells if row.role == "control" and row.repeatable == "no"}
    by_cell = {row.left: row for row in results.attributions if row.method == METHOD and row.role == "control" and row.left not in shaky}
    for row in by_cell.values():  # rows whose cells the table of cells does not have
        if row.expect and row.left not in wanted:
            wanted[row.left] = (row.family, row.case, row.expect)
    if not by_cell:
        return None
    named = {identity: row for identity, row in by_cell.items() if row.named}
    good = sum(identity in wanted and row.factor == wanted[identity][2] for identity, row in named.items())
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for identity, key in wanted.items():
        grouped[key].append(identity)
    rows = [
        _planted_row(results, key, [by_cell.get(identity, AttributionRow(factor="")) for identity in sorted(members)], index)
        for key, members in sorted(grouped.items())
    ]
    rows.sort(key=lambda row: (row.good == row.total, row.name.text))
    false = len(named) - good
    return PlantedTable(
        precision=percent(good, len(named)),
        recall=percent(good, len(wanted)),
        precision_text=f"{count(good)} of {plural(len(named), 'cause')} that were named are the planted ones; {count(false)} are not.",
        recall_text=f"{count(good)} of {plural(len(wanted), 'result')} with a planted mistake had that mistake named."
        + (f" {plural(len(shaky), 'result')} left out: not repeatable." if shaky else ""),
        rows=tuple(rows),
    )


def _planted_row(results: Results, key: tuple[str, str, str], rows: Sequence[AttributionRow], index: Index) -> PlantedRow:
    family, case, factor = key
    good = sum(row.named and row.factor == factor for row in rows)
    others = Counter("not noticed" if not row.factor else row.factor for row in rows if not (row.named and row.factor == factor))
    return PlantedRow(
        name=index.case(family, case),
        title=case_title(results, family, case),
        factor=factor,
        good=good,
        total=len(rows),
        others=listing([f"{name} ({count(many)})" for name, many in sorted(others.items(), key=lambda item: (-item[1], item[0]))]),
    )


__all__ = ["METHOD", "UNKNOWN", "as_declared", "explained", "places", "planted", "unexplained"]
