"""What the same function says in float64 on the same float32 inputs, at the elements that rounding does not explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replab.compare.metrics import Distances, Finding
from replab.truth.certify import Truth


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalation:
    """A float32 difference looked at in float64, over the elements outside of float32's envelope."""

    shrink: float
    """Σ|d64| / Σ|d32|: 1 when the difference stays, 2^-29 when it is rounding."""
    z: float
    """Largest |d64| in units of float32's own σ: could float32 show what is left?"""
    single: bool = False
    """The float64 run carries no more digits than float32 has: the implementation computes in float32 whatever it is given."""


def escalate(finding: Finding, low: Distances, high: Distances, values: NDArray[Any], truth: Truth) -> Escalation:
    """Compare the distances of a float32 cell with those of its float64 run, whose result is ``values`` (any shape)."""
    beyond = low.z > finding.z_limit
    before, after = np.abs(low.difference[beyond]), np.abs(high.difference[beyond])
    total = float(before.sum())
    with np.errstate(all="ignore"):
        z = np.where(after == 0, 0.0, after * (low.z[beyond] / before))
        result = values.reshape(-1)[high.measured]
        result = result[
            result != 0
        ]  # zeros have few digits in every precision: a gradient that is silently zero was not computed in float32
        short = bool(result.size) and bool(np.array_equal(result.astype(np.float32).astype(np.float64), result))
        true = truth.high.reshape(-1)[high.measured]
        long_truth = bool(np.any((true.astype(np.float32).astype(np.float64) != true) | (truth.low.reshape(-1)[high.measured] != 0)))
    return Escalation(shrink=float(after.sum()) / total if total else 0.0, z=float(z.max(initial=0.0)), single=short and long_truth)
