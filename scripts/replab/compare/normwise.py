"""How far two results are apart as a whole, whatever a single small element does."""

from __future__ import annotations

import math

import numpy as np

from replab.formats import Array


def normwise_difference(a: Array, b: Array) -> float:
    """‖a − b‖₂ / max(‖a‖₂, ‖b‖₂) of two arrays of one shape, at most 2: 0 where they are equal, about u where each element was rounded.

    NaN on both sides, and one infinity on both, count as equal; where only one side has it the distance is 1, that of results which
    share nothing. Computed in float64, scaled by the largest element so that no square overflows or vanishes. The measure is the
    normwise relative error of N. J. Higham, Accuracy and Stability of Numerical Algorithms, section 6.1, with the larger norm below.
    Raises ``ValueError`` when shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    x, y = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return 1.0
    x, y = x[finite], y[finite]
    largest = float(np.fmax(np.abs(x), np.abs(y)).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    power = -math.frexp(largest)[1]
    x, y = np.ldexp(x, power), np.ldexp(y, power)
    return float(np.linalg.norm(x - y) / max(np.linalg.norm(x), np.linalg.norm(y)))


__all__ = ["normwise_difference"]
