"""The section that shows the same cells on other engines and machines next to each other."""

from __future__ import annotations

from itertools import groupby

from replab.report.data.evidence import Index
from replab.report.data.results import Results
from replab.report.data.words import count, number, outcome_of, plural
from replab.report.pages.pages import ElsewhereLine, ElsewherePart, PlatformLine
from replab.store.rows import ElsewhereRow, PlatformRow

MOST = 60
"""Cells that are listed, the worst first; all stand in ``elsewhere.parquet``."""


def elsewhere(results: Results, index: Index) -> ElsewherePart:
    """Every environment on every other platform of the store, and the cells that are other there."""
    lines = []
    for _, rows in groupby(sorted(results.elsewhere, key=_place), key=_place):
        outputs = sorted(rows, key=lambda row: (-outcome_of(row.status, row.verdict).severity, row.output))
        worst = next((row for row in outputs if row.bits != row.here_bits), outputs[0])
        lines.append((worst, _line(worst, index)))
    lines.sort(key=lambda one: (-one[1].there.severity, one[0].id, one[0].engine, one[0].platform))
    return ElsewherePart(
        lines=tuple(_platform(row) for row in results.platforms),
        cells=tuple(line for _, line in lines[:MOST]),
        left_out=max(0, len(lines) - MOST),
    )


def _place(row: ElsewhereRow) -> tuple[str, str, str]:
    return row.id, row.engine, row.platform


def _platform(row: PlatformRow) -> PlatformLine:
    whole = row.same + row.other
    parts, facts = [], tuple(difference for difference in row.differences.split("; ") if difference)
    if row.other:
        parts.append(
            f"{count(row.other)} other" + (f", {count(row.unrepeatable)} of them not repeatable anyway" if row.unrepeatable else "")
        )
    if row.only_there:
        parts.append(f"{plural(row.only_there, 'cell')} not run here")
    if row.damaged:
        parts.append(f"{plural(row.damaged, 'damaged result')} left out")
    return PlatformLine(
        environment=row.environment if row.device == "cpu" else f"{row.environment} on {row.device}",
        where=row.engine,
        platform=row.platform,
        same=f"{count(row.same)} of {count(whole)}" if whole else "none in common",
        share=row.same / whole if whole else 0.0,
        other="; ".join(parts) or "none",
        told="what was found" if facts and facts[-1].startswith("and ") else plural(len(facts), "fact"),
        differences=facts,
    )


def _line(row: ElsewhereRow, index: Index) -> ElsewhereLine:
    mine = index.output(row.id, row.output)
    return ElsewhereLine(
        cell=index.cell(row.id),
        where=row.engine,
        there=outcome_of(row.status, row.verdict),
        here=outcome_of(mine.status, mine.verdict) if mine is not None else None,
        ulp_there=number(row.ulp_max),
        ulp_here=number(mine.ulp_max) if mine is not None else "",
        reason=row.reason,
    )


__all__ = ["elsewhere"]
