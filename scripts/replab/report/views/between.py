"""Any two environments against each other, cell by cell: what was measured where a pair was measured, else what the cells prove.

The lab compares neighbouring versions in every mode, and the newest of each framework eagerly. Readers ask for other pairs too. Then the
bits still tell whether two results are the same, and a chain of measured pairs, or the distance of each side from the truth, bounds how far
apart they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, isnan, log2
from typing import NamedTuple

from replab.model import EXPLAINED
from replab.report.data.cells import CellView, Work, by_work, result_pairs
from replab.report.data.results import Results
from replab.report.data.words import OUTCOMES, Outcome
from replab.store.rows import PairRow

TURNED = 0.5
"""Added to a weight where the verdict against the truth is another one on the other side."""
SPAN = 53
"""Binary orders of size that a weight tells apart: from 2^-53 of the value (the unit roundoff of float64) to all of it."""
EAGER = "eager"
_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Makes distances in ULP of different precisions comparable."""


class Ends(NamedTuple):
    """Two environments."""

    left: str
    right: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two cells of one work in two environments; modes with the same bits on both sides are one difference."""

    work: Work
    modes: tuple[str, ...]
    left: CellView
    right: CellView
    outcome: Outcome
    ulp: float
    """How far apart, in ULP; an upper bound unless ``measured``."""
    measured: bool
    output: str
    cause: str

    @property
    def turned(self) -> bool:
        """The sides have another verdict against the truth."""
        return self.left.outcome != self.right.outcome

    @property
    def special(self) -> bool:
        """It is about special values (zeros, subnormals, infinities, NaN, extremes) and not about ordinary inputs."""
        return self.work.case.endswith(".special") or self.left.worst.special or self.right.worst.special

    @property
    def size(self) -> float:
        """The distance relative to the value, between 0 and 1."""
        relative = (0.0 if isnan(self.ulp) else self.ulp) * _EPSILON.get(self.work.dtype, 2.0**-23)
        return min(relative, 1.0)

    @property
    def weight(self) -> float:
        """How much the difference matters: severity + ½ if the verdict turns + up to ½ for its size on a logarithmic scale."""
        size = max(1 + log2(self.size) / SPAN, 0.0) if self.size > 0 else 0.0
        return self.outcome.severity + TURNED * self.turned + size / 2


def frameworks(results: Results) -> dict[str, list[str]]:
    """The environments that have results, oldest first, by framework."""
    places = sorted({(row.framework, row.environment_order, row.environment) for row in results.cells if row.status == "ok"})
    found: dict[str, list[str]] = defaultdict(list)
    for framework, _, environment in places:
        found[framework].append(environment)
    return dict(found)


class Between:
    """Differences between any two environments of a run."""

    def __init__(self, results: Results, cells: Sequence[CellView]) -> None:
        self.frameworks = frameworks(results)
        self._framework = {name: framework for framework, names in self.frameworks.items() for name in names}
        self.works = by_work(cell for cell in cells if cell.place.variant in {"default", ""})
        """Every cell, whatever became of it."""
        self._ended = by_work(cell for members in self.works.values() for cell in members if cell.ok)
        self._pairs: dict[tuple[str, str], list[PairRow]] = defaultdict(list)
        for pair in result_pairs(results):
            self._pairs[pair.left, pair.right].append(pair)

    def differences(self, ends: Ends) -> list[Difference]:
        """Every result that both environments have, in every mode that both have; identical ones too."""
        made = []
        for work, members in self._ended.items():
            sides: dict[tuple[str, str], CellView] = {}
            for cell in members:
                sides.setdefault((cell.place.environment, cell.place.mode), cell)
            modes = [mode for name, mode in sides if name == ends.left and (ends.right, mode) in sides]
            modes.sort(key=lambda mode: (mode != EAGER, sides[ends.left, mode].place.mode_order))
            grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
            for mode in modes:
                one, other = sides[ends.left, mode], sides[ends.right, mode]
                grouped[one.bits or one.id, other.bits or other.id].append(mode)
            made += [self._difference(work, ends, tuple(found), sides) for found in grouped.values()]
        return made

    def _difference(self, work: Work, ends: Ends, modes: tuple[str, ...], sides: Mapping[tuple[str, str], CellView]) -> Difference:
        left, right = sides[ends.left, modes[0]], sides[ends.right, modes[0]]
        direct = self._pairs.get((left.id, right.id)) or self._pairs.get((right.id, left.id))
        measured, cause, output = bool(direct), "", left.worst.output
        if direct:
            worst = _worst(direct)
            outcome, ulp, cause, output = _outcome(worst), worst.ulp_max, worst.cause, worst.output
        elif left.bits and left.bits == right.bits:
            outcome, ulp, measured = OUTCOMES["identical"], 0.0, True
        else:
            steps = self._steps(ends, sides, modes[0])
            outcome, ulp = _proved(left, right, steps)
            causes = dict.fromkeys(step.cause for step in steps if step.cause not in {"", "unknown"})
            cause = " and ".join(causes)
        return Difference(
            work=work,
            modes=modes,
            left=left,
            right=right,
            outcome=outcome,
            ulp=ulp,
            measured=measured,
            output=output,
            cause="" if cause == "unknown" else cause,
        )

    def _steps(self, ends: Ends, sides: Mapping[tuple[str, str], CellView], mode: str) -> tuple[PairRow, ...]:
        """Measured pairs in one mode that lead from one end to the other; empty when one is missing."""
        line = [name for name in self._path(ends) if (name, mode) in sides]
        found = []
        for one, other in pairwise(line):
            ids = (sides[one, mode].id, sides[other, mode].id)
            rows = self._pairs.get(ids) or self._pairs.get(ids[::-1])
            if not rows:
                return ()
            found.append(_worst(rows))
        return tuple(found)

    def _path(self, ends: Ends) -> list[str]:
        """Version by version; from framework to framework where both are newest."""
        one, other = (self.frameworks[self._framework[name]] for name in ends)
        if one is other:
            low, high = sorted(one.index(name) for name in ends)
            line = one[low : high + 1]
            return line if one.index(ends.left) == low else line[::-1]
        return [*one[one.index(ends.left) :], *reversed(other[other.index(ends.right) :])]


def _outcome(pair: PairRow) -> Outcome:
    return OUTCOMES[pair.verdict or "inconclusive"]


def _worst(rows: Iterable[PairRow]) -> PairRow:
    return max(rows, key=lambda row: (_outcome(row).severity, -1.0 if isnan(row.ulp_max) else row.ulp_max, row.output))


def _proved(left: CellView, right: CellView, steps: Sequence[PairRow]) -> tuple[Outcome, float]:
    """What can be said of two results that nobody compared: the verdict that follows, and a bound on the distance in ULP."""
    chain = sum(step.ulp_max for step in steps) if steps else float("nan")
    bounds = [bound for bound in (chain, left.ulp + right.ulp) if isfinite(bound)]
    names = {left.outcome.name, right.outcome.name}
    if len(names) == 1 and not names <= EXPLAINED:
        names = {"inconclusive"}  # both depart from the truth: whether to the same place, only a comparison can tell
    if steps and all(_outcome(step).explained for step in steps):
        verdict = "rounding"
    else:
        verdict = next((name for name in ("incomparable", "semantic", "beyond", "inconclusive", "accuracy") if name in names), "rounding")
    return OUTCOMES[verdict], min(bounds, default=float("nan"))
