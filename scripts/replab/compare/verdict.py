"""From findings to a verdict, without a tolerance that somebody chose; ``docs/verdicts.md`` explains it to readers."""

from __future__ import annotations

import numpy as np

from replab.compare.escalation import SHRINK_LIMIT, Escalation
from replab.compare.metrics import Finding
from replab.formats import FORMATS
from replab.model import Verdict

BRANCH = "rounding decides the branch, and this is the other one,"
"""How the reason says that a result lies in the other of two peaks."""
SINGLE_TO_DOUBLE = FORMATS["float64"].unit_roundoff / FORMATS["float32"].unit_roundoff


def outside(finding: Finding) -> bool:
    """Whether rounding does not explain the distance."""
    return not finding.z_max <= finding.z_limit


def verdict(finding: Finding, *, dtype: str, escalation: Escalation | None, single: Verdict | None) -> tuple[Verdict, str]:
    """The verdict of a cell of ``dtype`` against the truth, and why in words.

    ``escalation`` is what the float64 run says of a float32 cell, ``None`` when there is none. ``single`` is the verdict
    of the float32 cell of the same case, environment and mode (for cells of other dtypes).
    """
    if finding.problem:
        return Verdict.INCOMPARABLE, finding.problem
    if not finding.elements:
        return Verdict.INCONCLUSIVE, "nothing was compared: it has no elements"
    if finding.mismatches:
        return Verdict.SEMANTIC, f"{finding.mismatches} of {finding.elements} integers differ"
    if finding.nan_mismatch or finding.inf_mismatch:
        counts = (("NaN", finding.nan_mismatch), ("infinity", finding.inf_mismatch))
        parts = [f"{count} of {finding.elements} elements differ in {class_of_values}" for class_of_values, count in counts if count]
        return Verdict.INCOMPARABLE, " and ".join(parts)
    if finding.unknown == finding.elements:
        return Verdict.INCONCLUSIVE, "the truth is not known at any element"
    if finding.identical:
        limited = f", as far as it is known: of {finding.unknown} elements it is not" if finding.unknown else ""
        return Verdict.IDENTICAL, f"every element is the correctly rounded truth{limited}"
    if finding.uncertain == finding.elements:
        return Verdict.INCONCLUSIVE, "the truth is not known well enough at any element"
    if finding.vanished and not outside(finding):
        lost = f"all {finding.flushed} elements that are not zero came out as zero"
        return Verdict.ACCURACY, f"underflow: {lost}, although they are up to {finding.vanished:.3g} of the smallest numbers of the type"
    if finding.misrounded and not outside(finding):
        wrong = f"{finding.misrounded} of {finding.elements} elements are not the correctly rounded result"
        return (
            Verdict.ACCURACY,
            f"{wrong}, which IEEE 754 asks of this operation; z = {finding.z_max:.3g} is within the limit {finding.z_limit:.3g}",
        )
    if not outside(finding):
        branch = f"; {BRANCH} at {finding.other_branch} of {finding.elements} elements" if finding.other_branch else ""
        return Verdict.ROUNDING, f"z = {finding.z_max:.3g} is within the limit {finding.z_limit:.3g}{branch}"
    beyond = f"z = {finding.z_max:.3g} is beyond the limit {finding.z_limit:.3g}"
    if finding.unrounded:
        beyond = f"{finding.unrounded} of {finding.elements} elements differ where rounding has no part"
    if escalation is not None:
        return _escalated(beyond, escalation, finding.z_limit)
    if single is Verdict.SEMANTIC:
        return Verdict.SEMANTIC, f"{beyond}, and float32 shows another function as well"
    if single is not None and single.same_function:
        return Verdict.ACCURACY, f"{beyond}, but float32 computes the right function ({single})"
    if dtype == "float64" and finding.z_max * SINGLE_TO_DOUBLE <= finding.z_limit:
        return Verdict.ACCURACY, f"{beyond}, but within what float32 would round"
    return Verdict.BEYOND, f"{beyond}, and there is no run in another precision to tell why"


def _escalated(beyond: str, escalation: Escalation, limit: float) -> tuple[Verdict, str]:
    """The verdict of a float32 cell that rounding does not explain, from its float64 run."""
    left = f"{escalation.shrink:.2g} of it"
    if escalation.single:
        return Verdict.BEYOND, (f"{beyond}, and the float64 run has no more digits than float32: the implementation computes in float32")
    if np.isnan(escalation.shrink):
        return Verdict.ACCURACY, f"{beyond}, but float64 loses the same digits there, by cancellation: no other function is to be seen"
    lost = f"; at {escalation.lost} elements float64 loses the same digits" if escalation.lost else ""
    if escalation.shrink <= SHRINK_LIMIT:
        return Verdict.ACCURACY, f"{beyond}, but in float64 the difference shrinks (to {left}){lost}"
    if escalation.z <= limit:
        return Verdict.ACCURACY, f"{beyond}, but what stays in float64 ({left}) is no more than float32 rounds{lost}"
    return Verdict.SEMANTIC, f"{beyond}, and in float64 the difference stays ({left})"


def pair_verdict(*, same_bits: bool, z: float, limit: float, incomparable: bool, left: Verdict, right: Verdict) -> Verdict:
    """The verdict of two cells of one case that differ on one axis, from their distance and from what each is against the truth."""
    if same_bits:
        return Verdict.IDENTICAL
    if incomparable:
        return Verdict.INCOMPARABLE
    if z <= limit:
        return Verdict.ROUNDING
    if Verdict.SEMANTIC in (left, right):
        return Verdict.SEMANTIC
    if {left, right} & {Verdict.BEYOND, Verdict.INCONCLUSIVE, Verdict.INCOMPARABLE}:
        return Verdict.BEYOND
    return Verdict.ACCURACY
