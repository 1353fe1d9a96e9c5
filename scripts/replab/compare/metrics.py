"""A result against its certified truth: distances in ULP and in units of the envelope, special values counted apart."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from replab.formats import FORMATS, bits_to_float32, ordered_key, round_to, spacing
from replab.truth.certify import BOUND_SIGMA, BOUND_ULP, Truth

FALSE_ALARM = 1e-6
"""Probability that rounding alone pushes a cell over its limit: in ten thousand cells, once in a hundred runs."""
NAN = float("nan")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one comparison with the truth found; distances are NaN where nothing could be measured."""

    elements: int
    problem: str = ""
    """Why the two cannot be compared at all: another shape, another dtype."""
    identical: bool = False
    """Every element is the correctly rounded truth (signs of zeros included)."""
    z_max: float = NAN
    z_limit: float = NAN
    ulp_max: float = NAN
    ulp_mean: float = NAN
    ulp_p99: float = NAN
    abs_max: float = NAN
    rel_max: float = NAN
    flushed: int = 0
    nan_mismatch: int = 0
    inf_mismatch: int = 0
    zero_sign: int = 0
    uncertain: int = 0
    """Elements whose truth is not known well enough."""
    mismatches: int = 0
    """For integers and booleans: elements that differ."""
    worst: int = -1
    bound_ulp: float = NAN
    envelope_ulp: float = NAN


@functools.cache
def z_limit(elements: int, runs: int) -> float:
    """Largest |z| that rounding is allowed, from Student's t with ``runs`` degrees of freedom.

    σ is estimated from ``runs`` perturbed results around a known mean, so z follows t; the false alarm rate is shared among the elements
    (Bonferroni).
    """
    return float(-special.stdtrit(max(runs, 1), FALSE_ALARM / (2 * max(elements, 1))))


def widen(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """A stored tensor as NumPy numbers: bfloat16 bits become float32, others stay."""
    return bits_to_float32(values) if dtype == "bfloat16" else values


@dataclass(frozen=True, slots=True)
class Distances:
    """Per-element results of a comparison, flat arrays."""

    difference: NDArray[np.float64]
    z: NDArray[np.float64]
    ulp: NDArray[np.float64]
    measured: NDArray[np.bool_]


def against_truth(values: NDArray[Any], dtype: str, truth: Truth) -> tuple[Finding, Distances | None]:
    """Compare a result (bfloat16 as uint16 bits) with its truth."""
    if truth.exact is not None:
        return _against_exact(values, dtype, truth.exact), None
    if tuple(values.shape) != truth.high.shape:
        return Finding(elements=values.size, problem=f"shape {list(values.shape)}, expected {list(truth.high.shape)}"), None
    if dtype not in FORMATS:
        return Finding(elements=values.size, problem=f"dtype {dtype}, expected a floating-point one"), None
    form = FORMATS[dtype]
    result = widen(values, dtype).reshape(-1)
    parts = (truth.high, truth.low, truth.bound, truth.sigma, truth.ieee)
    high, low, bound, sigma, ieee = (np.asarray(part, np.float64).reshape(-1) for part in parts)
    limit = z_limit(high.size, truth.runs)
    with np.errstate(all="ignore"):
        open_ball = ~np.isfinite(bound) | np.isnan(high)
        # Where ball arithmetic has no answer (infinite inputs, poles) the IEEE evaluation of the reference decides.
        high = np.where(open_ball, ieee, high)
        low = np.where(open_ball, 0.0, low)
        bound = np.where(open_ball, np.where(np.isfinite(ieee), 4 * 2.0**-53 * np.abs(ieee), 0.0), bound)
        expected = _nearest(high, low, dtype)
        wide = result.astype(np.float64)
        reach = limit * sigma
        overflow = form.largest + 2.0 ** (form.emax - form.precision)
        excused = (np.isinf(wide) & ~np.isnan(high) & (np.abs(high) + reach >= overflow) & (np.sign(wide) == np.sign(high))) | (
            np.isinf(expected) & np.isfinite(wide) & np.isfinite(high) & (np.abs(high) - reach < overflow)
        )
        nan_mismatch = np.isnan(wide) != np.isnan(expected)
        inf_mismatch = ~excused & ~np.isnan(wide) & ~np.isnan(expected) & (np.isinf(wide) | np.isinf(expected)) & (wide != expected)
        flushed = (wide == 0) & (high != 0) & (np.abs(high) < form.smallest_normal) & (expected != 0)
        zero_sign = (wide == 0) & (expected == 0) & (high == 0) & (np.signbit(result) != np.signbit(ieee)) & (ieee == 0)
        measured = np.isfinite(wide) & np.isfinite(expected) & ~flushed
        difference = np.where(measured, (wide - high) - low, 0.0)
        ulp_size = spacing(np.where(measured, expected.astype(np.float64), 1.0), dtype)
        bound_ulp = np.where(measured, bound / ulp_size, 0.0)
        uncertain = measured & (bound_ulp > BOUND_ULP) & (bound > BOUND_SIGMA * sigma)
        steps = _steps(result, expected, dtype, measured)
        fraction = ((high - expected.astype(np.float64)) + low) / ulp_size
        ulp = np.where(measured, np.abs(steps - np.where(np.abs(fraction) < 1, fraction, 0.0)), 0.0)
        certain = np.maximum(np.abs(difference) - np.where(uncertain, bound, 0.0), 0.0)
        z = np.where(certain == 0, 0.0, certain / sigma)
        relative = np.where(high != 0, np.abs(difference) / np.abs(high), 0.0)
    distances = Distances(difference, z, ulp, measured)
    problems = nan_mismatch | inf_mismatch
    if not measured.any():
        worst = int(np.argmax(problems)) if problems.any() else -1
        return Finding(
            elements=high.size, identical=not problems.any() and not zero_sign.any() and not flushed.any(), z_max=0.0, z_limit=limit,
            ulp_max=0.0, ulp_mean=0.0, ulp_p99=0.0, abs_max=0.0, rel_max=0.0, flushed=int(flushed.sum()),
            nan_mismatch=int(nan_mismatch.sum()), inf_mismatch=int(inf_mismatch.sum()), zero_sign=int(zero_sign.sum()), worst=worst,
            bound_ulp=0.0, envelope_ulp=0.0,
        ), distances  # fmt: skip
    if problems.any():
        worst = int(np.argmax(problems))
    else:
        worst = int(np.argmax(np.where(z > limit, ulp, ulp * 1e-300 if (z > limit).any() else ulp)))
    return Finding(
        elements=high.size,
        identical=bool(
            np.array_equal(result[measured], expected[measured].astype(result.dtype))
            and not problems.any()
            and not flushed.any()
            and not zero_sign.any()
        ),
        z_max=float(z.max()),
        z_limit=limit,
        ulp_max=float(ulp.max()),
        ulp_mean=float(ulp[measured].mean()),
        ulp_p99=float(np.quantile(ulp[measured], 0.99)),
        abs_max=float(np.abs(difference).max()),
        rel_max=float(relative[measured].max()),
        flushed=int(flushed.sum()),
        nan_mismatch=int(nan_mismatch.sum()),
        inf_mismatch=int(inf_mismatch.sum()),
        zero_sign=int(zero_sign.sum()),
        uncertain=int(uncertain.sum()),
        worst=worst,
        bound_ulp=float(bound_ulp.max()),
        envelope_ulp=float(np.median((sigma / ulp_size)[measured])),
    ), distances


def _nearest(high: NDArray[np.float64], low: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Round high + low once to the format: where ``high`` is a tie, ``low`` decides."""
    if dtype == "float64":
        return high
    down, up = np.nextafter(high, -np.inf), np.nextafter(high, np.inf)
    nudged = np.where(low < 0, down, np.where(low > 0, up, high))
    nearest = round_to(high, dtype)
    other = round_to(nudged, dtype)
    return np.where(np.isfinite(high) & (other != nearest), other, nearest)


def _steps(result: NDArray[Any], expected: NDArray[Any], dtype: str, measured: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Signed representable steps from the correctly rounded truth to the result, as float64."""
    a = ordered_key(np.where(measured, result, 0).astype(result.dtype), dtype)
    b = ordered_key(np.where(measured, expected, 0).astype(result.dtype), dtype)
    apart = a - b
    wraps = (a >= 0) != (b >= 0)
    return np.where(wraps, a.astype(np.float64) - b.astype(np.float64), apart.astype(np.float64))


def _against_exact(values: NDArray[Any], dtype: str, expected: NDArray[np.int64]) -> Finding:
    """Integer and boolean results: equal or not."""
    if tuple(values.shape) != expected.shape:
        return Finding(elements=values.size, problem=f"shape {list(values.shape)}, expected {list(expected.shape)}")
    if dtype in FORMATS:
        return Finding(elements=values.size, problem=f"dtype {dtype}, expected integers")
    result, wanted = values.astype(np.int64).reshape(-1), expected.reshape(-1)
    wrong = result != wanted
    apart = np.abs(result.astype(np.float64) - wanted.astype(np.float64))
    return Finding(
        elements=values.size,
        identical=not wrong.any(),
        mismatches=int(wrong.sum()),
        abs_max=float(apart.max(initial=0.0)),
        worst=int(np.argmax(wrong)) if wrong.any() else -1,
    )
