"""What the same function says in float64 on the same float32 inputs, at the elements that rounding does not explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replab.compare.metrics import NAN, Distances, Finding
from replab.formats import FORMATS, Array
from replab.truth.certify import Truth

SHRINK_LIMIT = 2.0 ** (-(FORMATS["float64"].precision - FORMATS["float32"].precision) / 2)
"""A difference either stays (ratio 1) or shrinks with the unit roundoff (ratio 2^-29) when float64 replaces float32; the geometric mean
of the two is where both are equally near."""
NO_INPUTS: Mapping[str, Array] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalation:
    """A float32 difference looked at in float64, over the elements outside of float32's envelope of which float64 knows more."""

    shrink: float
    """Σ|d64| / Σ|d32|: 1 when the difference stays, 2^-29 when it is rounding; NaN where float64 knows more nowhere."""
    z: float
    """Largest |d64| in units of float32's own σ: could float32 show what is left?"""
    single: bool = False
    """The float64 run carries no more digits than float32 has: the implementation computes in float32 whatever it is given."""
    lost: int = 0
    """Elements outside of the envelope where float64 loses the digits as well, so that nothing can be told there."""


def escalate(
    finding: Finding,
    low: Distances,
    high: Distances,
    values: Array,
    truth: Truth,
    inputs: Mapping[str, Array] = NO_INPUTS,
    *,
    elementwise: bool = False,
) -> Escalation:
    """Compare the distances of a float32 cell with those of its float64 run, whose result is ``values`` (any shape).

    ``inputs`` are what both were given; ``elementwise``: each element depends on those at its own place alone.
    """
    beyond = low.z > finding.z_limit
    blind = _is_blind(low, high, truth, inputs) if elementwise else np.zeros_like(beyond)
    before, after = np.abs(low.difference), np.abs(high.difference)
    lost = beyond & blind & (after > SHRINK_LIMIT * before)
    compared = beyond & ~lost
    total = float(before[compared].sum())
    with np.errstate(all="ignore"):
        z = np.where((after == 0) | blind, 0.0, after * (low.z / before))[compared]
    return Escalation(
        shrink=float(after[compared].sum()) / total if total else NAN if lost.any() else 0.0,
        z=float(z.max(initial=0.0)),
        single=_has_float32_digits(values.reshape(-1)[high.measured], truth, high.measured, inputs),
        lost=int(lost.sum()),
    )


def _is_blind(low: Distances, high: Distances, truth: Truth, inputs: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Where float64 is off by no more than rounding makes of it at the size of the numbers that the code works with.

    A formula that cancels (exp(x) − 1, 1 + erf) is off by some u·S, S the size of the numbers that it takes from each other. Where the
    truth is smaller than that in float64 too, both precisions lose all digits and are off by the truth itself, which says nothing of the
    function. So distances are compared in units of S, for which stands the largest of 1, the element's inputs and its truth, with the
    largest one that the code has anywhere in float32.
    """
    size = np.ones_like(low.difference)
    for values in (*inputs.values(), truth.high):
        if values.dtype.kind == "f" and values.size in (1, size.size):
            size = np.maximum(size, np.where(np.isfinite(values), np.abs(values), 1.0).reshape(-1))
    before, after = np.abs(low.difference) / size, np.abs(high.difference) / size
    return np.asarray(high.measured & (after <= SHRINK_LIMIT * float(before.max(initial=0.0))))


def _has_float32_digits(result: Array, truth: Truth, measured: NDArray[np.bool_], inputs: Mapping[str, Array]) -> bool:
    """Whether a float64 result has no more digits than float32 although the truth has.

    Zeros have few digits in every precision: a gradient that is silently zero was not computed in float32. So have numbers that are chosen
    among the inputs, which are float32's.
    """
    result = result[result != 0]
    with np.errstate(over="ignore"):
        short = bool(result.size) and np.array_equal(result.astype(np.float32).astype(np.float64), result)
    if not short:
        return False
    true = truth.high.reshape(-1)[measured]
    if not np.any((true.astype(np.float32).astype(np.float64) != true) | (truth.low.reshape(-1)[measured] != 0)):
        return False
    return not inputs or not np.isin(result, np.concatenate([np.ravel(given) for given in inputs.values()])).all()
