"""Rows of ``attributions.parquet``: what was found about causes, in one shape for all methods."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from replab.attribute.hypotheses import Answer, distance, distinct, sizes
from replab.attribute.shapley import involved, shares, sufficient
from replab.attribute.values import Change, InFloat32, told
from replab.compare.metrics import widen
from replab.ids import CellId
from replab.model import Case, Environment, Verdict
from replab.plan.alignment import alignable
from replab.store.rows import AttributionRow
from replab.store.store import Tensor

NAN = math.nan
UNKNOWN = "unknown"
UNSHOWN = "its own default"
"""A value that nothing was passed for, and that no result has shown."""


class JudgedCell(Protocol):
    """What is needed of a judged cell."""

    @property
    def id(self) -> CellId:
        """Its id, in parts."""

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Its outputs."""

    @property
    def changed(self) -> Mapping[str, object] | None:
        """The values of factors with which the reference gives it, where that is shown."""

    @property
    def verdicts(self) -> Mapping[str, tuple[Verdict, str, float]]:
        """Verdict, reason and shrinking by output."""


Seen = TypeVar("Seen", bound=JudgedCell)


def row(case: Case, method: str) -> AttributionRow:
    """A row about a case that says nothing yet."""
    return AttributionRow(
        family=case.family,
        case=case.group,
        method=method,
        role="control" if case.control else "result",
        expect=case.control.factor if case.control else "",
    )


def explained(case: Case, cell: JudgedCell, verdict: Verdict, answer: Answer, candidates: int) -> Iterator[AttributionRow]:
    """What the reference with other values of its factors says about one result (method ``hypothesis``)."""
    where = f"{cell.id.environment}:{cell.id.mode}"
    common = replace(
        row(case, "hypothesis"),
        pair=f"{where} | reference",
        axis="truth",
        dtype=cell.id.dtype,
        derivative=cell.id.derivative,
        left=str(cell.id),
        right="reference",
        verdict=str(verdict),
        discrepancy=answer.apart,
    )
    if not answer.explanations:
        note = f"none of {candidates} other values explains it"
        if answer.ended_early:
            note += "; the search ended at its limit of time"
        if answer.nearest is None:
            yield replace(common, factor=UNKNOWN, note=note)
            return
        near = answer.nearest
        yield replace(
            common,
            factor=UNKNOWN,
            share=1.0 - near.left,
            residual=near.left,
            discrepancy_aligned=answer.apart * near.left,
            left_value=told(near.changed),
            right_value=told(_right(case, near.changed)),
            note=f"{note}; nearest is {told(near.changed)}, which leaves {_percent(near.left)} of the difference",
        )
        return
    names = distinct(answer.explanations)
    best = answer.explanations[0]
    yield replace(
        common,
        factor=best.factor if len(names) == 1 else " or ".join(names),
        named=len(names) == 1,
        share=max(1.0 - best.left, 0.0),
        residual=best.left,
        verdict_aligned=best.verdict,
        discrepancy_aligned=answer.apart * best.left,
        z_aligned=best.z,
        left_value=told(best.changed),
        right_value=told(_right(case, best.changed)),
        sufficient=best.factor,
        evidence=f"the reference with {told(best.changed)}",
        note="" if len(names) == 1 else "these explain it equally well",
    )


def _right(case: Case, changed: Change) -> dict[str, object]:
    """What the reference has where something is ``changed``."""
    right: dict[str, object] = {}
    for name, value in changed.items():
        if name in case.factors:
            right[name] = case.factors[name].aligned
        else:  # of the arithmetic, or a parameter that is no factor
            right[name] = value.given if isinstance(value, InFloat32) else "none"
    return right


def shown_by(row: AttributionRow) -> str:
    """What shows the cause that a row names; where it names none, what came nearest."""
    if row.factor != UNKNOWN:
        return row.evidence
    return f"the reference comes nearest with {row.left_value}, which leaves {_percent(row.residual)}" if row.left_value else ""


def _percent(share: float) -> str:
    """Two digits, and never nothing where something is left."""
    return f"{share:.2%}" if share >= 1e-4 or not share else f"{100 * share:.1e} %"


def environment_pairs(environments: Iterable[Environment]) -> Iterator[tuple[str, str, str]]:
    """Environments whose defaults are compared, with the axis on which they differ.

    Neighbouring versions; every environment of one framework with the newest of the other; NumPy with the newest only.
    """
    lines: dict[str, list[str]] = {}
    for environment in sorted(environments, key=lambda environment: environment.order):
        lines.setdefault(environment.framework, []).append(environment.name)
    for line in lines.values():
        yield from ((left, right, "version") for left, right in itertools.pairwise(line))
    done = set()
    for first, second in itertools.combinations(sorted(lines), 2):
        for left, right in itertools.product(lines[first], lines[second]):
            newest = (left == lines[first][-1], right == lines[second][-1])
            wanted = all(newest) if "numpy" in (first, second) else any(newest)
            if wanted and (left, right) not in done:
                done.add((left, right))
                yield left, right, "framework"


def aligned(
    cases: Sequence[Case],
    cells: Mapping[str, Mapping[str, Seen]],
    pair_verdicts: Callable[[Seen, Seen], Verdict],
    environments: Sequence[Environment],
) -> Iterator[AttributionRow]:
    """Shares of the factors of a declared case (method ``subsets``).

    ``cases``: the declared case and those with aligned factors; ``cells``: case → environment → its eager cell of one dtype and order.
    ``pair_verdicts(left, right)`` judges two cells of one case by the envelope.
    """
    base = cases[0]
    names = alignable(base)
    frameworks = {environment.name: environment.framework for environment in environments}
    for left, right, axis in environment_pairs(environments):
        runs = {
            frozenset(case.aligned): (cells[case.name][left], cells[case.name][right])
            for case in cases
            if left in cells.get(case.name, {}) and right in cells.get(case.name, {})
        }
        nobody, everybody = frozenset[str](), frozenset(names)
        if nobody not in runs or everybody not in runs:
            continue
        verdicts = {subset: pair_verdicts(*pair) for subset, pair in runs.items()}
        if verdicts[nobody].explained:
            continue
        apart = {subset: _distance(*pair) for subset, pair in runs.items()}
        if not math.isfinite(apart[nobody]):  # another shape, or NaN on one side: only whether it is explained can be counted
            apart = {subset: 0.0 if verdicts[subset].explained else 1.0 for subset in runs}
        explained_by = {subset: verdict.explained for subset, verdict in verdicts.items()}
        enough, players = sufficient(explained_by), involved(names, explained_by)
        share = shares(sorted(players), {subset: value for subset, value in apart.items() if subset <= players})
        first = runs[nobody][0]
        for name in names:
            factor = base.factors[name]
            lacking = [side for side in (left, right) if frameworks[side] in factor.absent]
            shown = [(cell.changed or {}).get(name, UNSHOWN) for cell in runs[nobody]]
            declared = [factor.sides.get(frameworks[side], UNSHOWN) for side in (left, right)]
            values = [str(proved if proved != UNSHOWN else declared_value) for proved, declared_value in zip(shown, declared, strict=True)]
            alike = UNSHOWN not in shown and shown[0] == shown[1]
            notes = [] if enough is not None else ["not even all factors together explain it"]
            notes += [f"{' and '.join(lacking)} does not have it unless it is aligned"] if lacking else []
            notes += ["both sides are shown to have it"] if alike else []
            notes += [
                f"{side} is said to have {declared_value}, and its result has {proved}"
                for side, declared_value, proved in zip((left, right), declared, shown, strict=True)
                if UNSHOWN not in (declared_value, proved) and declared_value != proved
            ]
            yield replace(
                row(base, "subsets"),
                pair=f"{left} | {right}",
                axis=axis,
                factor=name,
                share=share.get(name, 0.0),
                residual=apart[players] / apart[nobody] if apart[nobody] else NAN,
                verdict=str(verdicts[nobody]),
                verdict_aligned=str(verdicts[everybody]),
                dtype=first.id.dtype,
                derivative=first.id.derivative,
                left=str(runs[nobody][0].id),
                right=str(runs[nobody][1].id),
                left_value=values[0],
                right_value=values[1],
                aligned_value=str(factor.aligned),
                discrepancy=apart[nobody],
                discrepancy_aligned=apart[everybody],
                sufficient="+".join(sorted(enough)) if enough is not None else "",
                evidence=str(runs[enough if enough is not None else everybody][0].id),
                named=enough is not None and name in enough and not lacking and not alike,
                note="; ".join(notes),
            )


def _distance(left: JudgedCell, right: JudgedCell) -> float:
    """The normwise relative difference of two results, its root mean square over their outputs: neither side is more right."""
    names = sorted(left.tensors.keys() & right.tensors.keys())
    sides = [[widen(side.tensors[name].values, side.tensors[name].dtype) for name in names] for side in (left, right)]
    larger = [max(pair) for pair in zip(sizes(*sides), sizes(*reversed(sides)), strict=True)]
    return distance(sides[0], sides[1], larger)


def switched(
    case: Case, pairs: Iterable[tuple[JudgedCell, JudgedCell, str]], by_variant: Mapping[tuple[str, str, str], JudgedCell]
) -> Iterator[AttributionRow]:
    """Which arithmetic switch makes two results agree bit for bit that differ by default (method ``variant``).

    ``by_variant``: (environment, mode, variant) → cell, the default included. A side on which a switch does not exist stays as it is.
    """
    variants = sorted({variant for _, _, variant in by_variant} - {"default", "repeat"})
    for left, right, axis in pairs:
        for name in sorted(left.tensors.keys() & right.tensors.keys()):
            if left.tensors[name].sha256 == right.tensors[name].sha256 or name not in left.verdicts or name not in right.verdicts:
                continue
            common = replace(
                row(case, "variant"),
                pair=f"{left.id.environment}:{left.id.mode} | {right.id.environment}:{right.id.mode}",
                axis=axis,
                dtype=left.id.dtype,
                derivative=left.id.derivative,
                left=str(left.id),
                right=str(right.id),
            )
            restored = []
            for variant in variants:
                sides = [by_variant.get((side.id.environment, side.id.mode, variant)) for side in (left, right)]
                if sides == [None, None]:
                    continue
                a, b = (new or old for new, old in zip(sides, (left, right), strict=True))
                if name in a.tensors and name in b.tensors and a.tensors[name].sha256 == b.tensors[name].sha256:
                    restored.append((variant, a, b, sides))
            for variant, a, b, sides in restored:
                yield replace(
                    common,
                    factor=variant,
                    share=1.0,
                    residual=0.0,
                    verdict_aligned=str(Verdict.IDENTICAL),
                    sufficient=variant,
                    evidence=str((a if sides[0] is not None else b).id),
                    named=True,
                    note=f"output {name}",
                )
            if not restored and variants:
                yield replace(common, factor=UNKNOWN, note=f"output {name}: none of the switches {', '.join(variants)}")


__all__ = ["UNKNOWN", "aligned", "environment_pairs", "explained", "row", "switched"]
