"""The inner loops of perturbed arithmetic, compiled: one pass over memory where NumPy needs ten.

References of small arrays call them thousands of times, so what counts is the cost of a call. All arrays are one-dimensional, contiguous
float64; ``state`` is one 64-bit number, the place in the random sequence (SplitMix64; Steele, Lea and Flood 2014).
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

_STEP, _MIX_A, _MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_FRACTION = (1 << 52) - 1
_OUT, _STATE, _F, _I, _B = numba.float64[::1], numba.uint64[::1], numba.float64, numba.int64, numba.boolean
_REAL, _BITS, _ROWS = (numba.types.Array(kind, axes, "C", readonly=True) for kind, axes in ((_F, 1), (_I, 1), (_F, 2)))
Floats = NDArray[np.float64]
Bits = NDArray[np.int64]
Words = NDArray[np.uint64]
_compiled: Any = functools.partial(numba.njit, cache=True, nogil=True, error_model="numpy")


@_compiled(_F(_STATE), inline="always")
def _draw(state: Words) -> float:
    """Uniform on [-1, 1)."""
    state[0] += _STEP
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_A
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_B
    mixed = mixed ^ (mixed >> np.uint64(31))
    return np.float64(mixed >> np.uint64(11)) * 2.0**-52 - 1.0


@_compiled(numba.void(_REAL, _BITS, _OUT, _F, _F, _I, _STATE))
def rounded(exact: Floats, bits: Bits, out: Floats, u: float, half: float, mask: int, state: Words) -> None:
    """Each number off by a relative error of at most ``u`` and an absolute one of ``half`` a subnormal step.

    Those whose ``bits`` have none of ``mask`` are representable and stay; without a mask all move.
    """
    for place in range(exact.size):
        if mask != 0 and (bits[place] & mask) == 0:
            out[place] = exact[place]
        else:
            draw = _draw(state)
            out[place] = exact[place] * (1.0 + u * draw) + half * draw


@_compiled(numba.void(_REAL, _REAL, _REAL, _OUT, _F, _F, _STATE))
def rounded_sum(exact: Floats, a: Floats, b: Floats, out: Floats, u: float, half: float, state: Words) -> None:
    """As ``rounded`` for the sums (or differences) of ``a`` and ``b``, of which one may have a single element.

    Sums with zero and those that cancel stay: they are exact in every association.
    """
    step_a, step_b = int(a.size > 1), int(b.size > 1)
    for place in range(exact.size):
        value = exact[place]
        if value == 0.0 or a[place * step_a] == 0.0 or b[place * step_b] == 0.0:
            out[place] = value
        else:
            draw = _draw(state)
            out[place] = value * (1.0 + u * draw) + half * draw


@_compiled(numba.void(_REAL, _BITS, _BITS, _OUT, _F, _F, _B, _STATE))
def rounded_product(
    exact: Floats,
    a: Bits,
    b: Bits,
    out: Floats,
    u: float,
    half: float,
    is_product: bool,  # noqa: FBT001 (compiled functions take all arguments by place)
    state: Words,
) -> None:
    """As ``rounded`` for products (or quotients) of the numbers with the bits ``a`` and ``b``: those with powers of two stay."""
    step_a, step_b = int(a.size > 1), int(b.size > 1)
    for place in range(exact.size):
        value = exact[place]
        power = (b[place * step_b] & _FRACTION) == 0 or (is_product and (a[place * step_a] & _FRACTION) == 0)
        if value == 0.0 or (power and abs(value) > 2.0**-1000):
            out[place] = value
        else:
            draw = _draw(state)
            out[place] = value * (1.0 + u * draw) + half * draw


@_compiled(numba.void(_REAL, _REAL, _OUT, _F, _STATE))
def spread(exact: Floats, scale: Floats, out: Floats, factor: float, state: Words) -> None:
    """Each number off by at most ``factor`` times its ``scale``; what would not be finite stays."""
    for place in range(exact.size):
        moved = exact[place] + factor * scale[place] * _draw(state)
        out[place] = moved if np.isfinite(moved) else exact[place]


@_compiled(numba.void(_REAL, _REAL, _OUT, _F, _F, _STATE))
def spread_products(sums: Floats, squares: Floats, out: Floats, length: float, u: float, state: Words) -> None:
    """Each of the ``sums`` of ``length`` products off by what ``perturbed.contraction_spread`` says, from the sums of their ``squares``."""
    for place in range(sums.size):
        value = sums[place]
        mean_square = length * value * value / 3.0 + (length / 6.0 + 1.0) * abs(squares[place]) if length > 1.0 else value * value
        moved = value + u * np.sqrt(mean_square) * _draw(state)
        out[place] = moved if np.isfinite(moved) else value


@_compiled(numba.void(_ROWS, _OUT))
def partial_sums(rows: Floats, out: Floats) -> None:
    """The root of Σ s_k² over the partial sums s_k, k ≥ 2, of each of ``rows``: times u, what recursive summation may be off."""
    for row in range(rows.shape[0]):
        partial = rows[row, 0]
        squares = 0.0
        for place in range(1, rows.shape[1]):
            partial += rows[row, place]
            squares += partial * partial
        out[row] = np.sqrt(squares)


@_compiled(numba.void(_ROWS, _OUT, _OUT, _OUT, _OUT, _OUT, _OUT))
def halves(runs: Floats, least: Floats, below: Floats, above: Floats, largest: Floats, few: Floats, many: Floats) -> None:
    """The values of each element, parted in the middle between the least and the largest of ``runs``; what is not finite is left out.

    ``least`` … ``below`` is the lower half of them and ``above`` … ``largest`` the upper one; ``few`` and ``many`` count their values.
    """
    for place in range(runs.shape[1]):
        low, high = np.inf, -np.inf
        for run in range(runs.shape[0]):
            value = runs[run, place]
            if np.isfinite(value):
                low, high = min(low, value), max(high, value)
        middle = 0.5 * low + 0.5 * high
        under, over, lower, upper = low, high, 0.0, 0.0
        for run in range(runs.shape[0]):
            value = runs[run, place]
            if np.isfinite(value) and value <= middle:
                under, lower = max(under, value), lower + 1.0
            elif np.isfinite(value):
                over, upper = min(over, value), upper + 1.0
        least[place], below[place], above[place], largest[place], few[place], many[place] = low, under, over, high, lower, upper


@_compiled(numba.void(_ROWS, _REAL, _REAL, _OUT))
def rms_distances(runs: Floats, high: Floats, low: Floats, out: Floats) -> None:
    """Root mean square of how far ``runs`` are from ``high`` + ``low``; what is not finite adds nothing.

    Distances are divided by the largest one before they are squared, so that those of tiny numbers do not vanish.
    """
    for place in range(runs.shape[1]):
        largest = 0.0
        for run in range(runs.shape[0]):
            distance = abs((runs[run, place] - high[place]) - low[place])
            if np.isfinite(distance):
                largest = max(largest, distance)
        total = 0.0
        if largest > 0.0:
            for run in range(runs.shape[0]):
                distance = (runs[run, place] - high[place]) - low[place]
                if np.isfinite(distance):
                    total += (distance / largest) ** 2
        out[place] = largest * np.sqrt(total / runs.shape[0])
