"""How ``replab cell`` tells what came of its cells: tables for readers, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replab import calling, ids
from replab.commands.common import console, show
from replab.errors import ConfigError
from replab.library.explaining import departs, remedy
from replab.model import Status
from replab.report.data.words import OUTCOMES, number, outcome_of, seconds
from replab.store.rows import CellRow, PairRow
from replab.visible import shown

FORMATS = ("table", "json", "csv")
FIELDS = (
    *("id", "output", "environment", "status", "reason", "verdict", "why", "cause", "shown_by"),
    *("ulp_max", "z_max", "z_limit", "seconds", "bits"),
)
"""Columns of ``cells.parquet`` that programs are given."""
PAIR_FIELDS = ("left", "right", "output", "verdict", "cause", "ulp_max", "z_max", "rel_max")
FAILED = frozenset({Status.ERROR, Status.TIMEOUT, Status.OOM, Status.CRASHED})
"""Statuses of a cell that was run in vain; what is unsupported or skipped was never to give a result."""
NUMBERS = ("max ULP", "z", "limit", "time")
USUAL = ":default:cpu"
"""How most ids end; a pattern needs none of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How results are to be told."""

    format: str = "table"
    failed: bool = False
    """Only cells that failed, and those whose result rounding does not explain."""
    wide: bool = False
    """Whole ids, times and bits, however narrow the terminal is; so it is in a pipe anyway."""

    def check(self) -> None:
        """Raises ``ConfigError`` for a format that there is not."""
        if self.format not in FORMATS:
            raise ConfigError(f"there is no format {shown(self.format)}", where="--format", hint=f"Known: {', '.join(FORMATS)}")


def is_trouble(row: CellRow) -> bool:
    """Whether a cell failed, or has a result that rounding does not explain."""
    return row.status in FAILED or (row.status == Status.OK and not outcome_of(row.status, row.verdict).explained)


def tell(rows: Iterable[CellRow], pairs: Iterable[PairRow], options: Asked) -> None:
    """Print the rows of cells, the worst first, and how TensorFlow and PyTorch compare."""
    given = list(rows)
    every = sorted(given, key=_badness)
    ordered = [row for row in every if not options.failed or is_trouble(row)]
    compared = sorted(pairs, key=lambda row: (-outcome_of(Status.OK, row.verdict).severity, row.left, row.output))
    if options.format == "json":
        shown = {"cells": [_plain(row, FIELDS) for row in ordered], "pairs": [_plain(row, PAIR_FIELDS) for row in compared]}
        print(json.dumps(shown, indent=1, allow_nan=False))  # noqa: T201 (for other programs)
    elif options.format == "csv":
        writer = csv.DictWriter(sys.stdout, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_plain(row, FIELDS) for row in ordered)
    else:
        _tables(ordered, every, _departing(given), compared, options)


def _badness(row: CellRow) -> tuple[float, float, str, str]:
    """The order of rows: what failed, then by verdict and distance; what was never to run comes last."""
    ran = row.status in FAILED or row.status == Status.OK
    severity = outcome_of(row.status, row.verdict).severity if ran else -1
    return -severity, 0.0 if math.isnan(row.ulp_max) else -row.ulp_max, row.id, row.output


def _plain(row: CellRow | PairRow, names: Sequence[str]) -> dict[str, object]:
    """Some fields of a row; what is no number is nothing, since JSON has no NaN."""
    values = {name: getattr(row, name) for name in names}
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()}


def _tables(rows: Sequence[CellRow], every: Sequence[CellRow], departing: Sequence[str], pairs: Sequence[PairRow], options: Asked) -> None:
    """Lines of ``rows`` and ``pairs``; counts of ``every`` row."""
    out = console()
    listed = [row for row in rows if row.status == Status.OK or row.status in FAILED]
    wide = options.wide or not out.is_terminal
    columns = ("cell", "verdict", "max ULP", "z", "limit", *(("time", "bits") if wide else ()))
    if listed:
        show(list(_lines(listed, wide=wide)), columns, right=NUMBERS)
    elif options.failed:
        out.print("no cell failed, and rounding explains every result")
    if pairs:
        out.print()
        show([_pair(pair) for pair in pairs], ("pair", "verdict", "max ULP", "z"), right=NUMBERS)
    for pair in pairs:
        if pair.cause:
            out.print(f"{_between(pair)}: cause {pair.cause}", markup=False)
    for row in listed:
        if row.shown_by and not row.cause:
            out.print(f"{row.id.removesuffix(USUAL)}: no cause is named; {row.shown_by}", markup=False)
    for line in (*departing, *_remedies(rows)):
        out.print(line, markup=False)
    out.print()
    _summary(every)
    reasons: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.status != Status.OK:
            reasons[f"{row.status}: {row.reason}"].add(row.id)
    for reason, names in sorted(reasons.items()):
        out.print(f"{len(names)} {reason}", markup=False)
    if listed:
        example = listed[0].id.removesuffix(USUAL)
        out.print(
            f"'{calling.program()} explain {example}' tells one of them in words; logs lie in cell/logs below the results", markup=False
        )


def _lines(rows: Sequence[CellRow], *, wide: bool) -> Iterable[tuple[str, ...]]:
    """Lines of the table; where it is narrow, cells stand below the name of their case, the case with the worst one first."""
    several = len({row.output for row in rows if row.output}) > 1
    cases: dict[str, list[CellRow]] = defaultdict(list)
    for row in rows:
        cases["" if wide else row.id.partition(":")[0]].append(row)
    for case, members in cases.items():
        if case:
            yield case, "", "", "", ""
        for row in members:
            name = f"  {row.id.partition(':')[2].removesuffix(USUAL)}" if case else row.id
            numbers = (number(row.ulp_max), number(row.z_max), number(row.z_limit))
            more = (seconds(row.seconds) if row.status == Status.OK else "", row.bits[:8]) if wide else ()
            verdict = (row.verdict or row.status) + (f" ({row.cause})" if wide and row.cause else "")
            yield f"{name} {row.output}" if several and row.output else name, verdict, *numbers, *more
            if row.cause and not wide:
                yield f"    cause: {row.cause}", "", "", "", ""
            if row.other_branch:
                yield "    rounding decides the branch, and this is the other one", "", "", "", ""


def _departing(rows: Sequence[CellRow]) -> list[str]:
    """For cells of several outputs, in the order in which their functions return them: which is the first that departs."""
    cells: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        if row.status == Status.OK and not row.derivative:
            cells[row.id].append((row.output, row.verdict))
    sentences = {name.removesuffix(USUAL): departs(verdicts) for name, verdicts in cells.items()}
    return [f"{name}: {sentence}" for name, sentence in sentences.items() if sentence]


def _remedies(rows: Sequence[CellRow]) -> list[str]:
    """What to do about results that are inconclusive, or beyond rounding without a known kind."""
    counts = Counter((row.verdict, advice) for row in rows if not row.cause and (advice := remedy(row.verdict, row.why)))
    return [f"{count} {verdict}: {advice}" for (verdict, advice), count in counts.items()]


def _pair(row: PairRow) -> tuple[str, str, str, str]:
    return _between(row), row.verdict, number(row.ulp_max), number(row.z_max)


def _between(row: PairRow) -> str:
    """Which two cells a pair is of, in few letters: frameworks are compared in eager mode."""
    left, right = (ids.parse_cell_id(name) for name in (row.left, row.right))
    return f"{left.family}.{left.case}:{left.dtype}:d{left.derivative} {row.output}, {left.environment} and {right.environment}"


def _summary(rows: Sequence[CellRow]) -> None:
    """How many cells of each environment came to which end; a cell of several outputs counts as its worst one."""
    ends: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:  # the worst of a cell comes first
        ends[row.environment].setdefault(row.id, outcome_of(row.status, row.verdict).name)
    names = sorted({name for cells in ends.values() for name in cells.values()}, key=lambda name: OUTCOMES[name].severity)
    counted = {environment: Counter(cells.values()) for environment, cells in sorted(ends.items())}
    lines = [(environment, sum(counts.values()), *(counts[name] or "" for name in names)) for environment, counts in counted.items()]
    if lines:
        show(lines, ("environment", "cells", *names), right=("cells", *names))
