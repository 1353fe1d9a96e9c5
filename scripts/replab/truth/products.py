"""Large matrix products known to more bits than any tested format has, out of products that float64 forms without error.

Factors are cut into slices of so few bits that a BLAS cannot round when it multiplies two of them, whatever the order of its sums (Ozaki,
Ogita, Oishi and Rump 2012, "Error-free transformations of matrix multiplication by using fast routines of matrix multiplication").
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SLICES = 4
"""At 20 bits and more each, they hold every bit of a float64 that is not 2^-27 times smaller than the largest number of its row."""


def product(left: Array, right: Array) -> tuple[Array, Array, Array]:
    """``left @ right`` of finite float64 matrices, (m, n) by (n, k), as (high, low, bound): within ``bound`` of high + low."""
    length = left.shape[1]
    bits = (53 - math.ceil(math.log2(max(length, 2)))) // 2
    ours, our_size, our_rest = _slices(left, bits, 1)
    theirs, their_size, their_rest = _slices(right, bits, 0)
    high, low = np.zeros((len(left), right.shape[1])), np.zeros((len(left), right.shape[1]))
    for order in range(SLICES):
        for place in range(order + 1):
            if place < len(ours) and order - place < len(theirs):
                part = ours[place] @ theirs[order - place]  # exact
                total = high + part
                back = total - high
                low += (high - (total - back)) + (part - back)  # what the sum lost, exactly (Knuth's TwoSum)
                high = total
    kept = high + low
    # Slices left out, at most 2^-(order·bits) of the largest numbers each; the roundings of ``low``; and what no slice holds.
    lost = our_size * their_size * (SLICES**2 * 2.0 ** -(SLICES * bits) + SLICES**4 * 2.0**-106)
    return kept, low - (kept - high), length * (lost + our_rest * their_size + our_size * their_rest)


def _slices(values: Array, bits: int, axis: int) -> tuple[list[Array], Array, Array]:
    """Slices whose sum is ``values`` but for a rest; for each row (axis 1) or column (axis 0) a power of two above it, its largest rest."""
    exponent = np.frexp(np.max(np.abs(values), axis, keepdims=True))[1]
    slices, rest = [], values
    for place in range(1, SLICES + 1):
        step = exponent - place * bits
        part = np.ldexp(np.rint(np.ldexp(rest, -step)), step)
        slices.append(part)
        rest = rest - part  # exact
        if not rest.any():
            break
    return slices, np.ldexp(1.0, exponent), np.max(np.abs(rest), axis, keepdims=True)
