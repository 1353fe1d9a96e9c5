"""A result against its certified truth: distances in ULP and in units of the envelope, special values counted apart."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import special

from replab.formats import FORMATS, Array, Format, bits_to_float32, ordered_key, round_to, spacing
from replab.truth.certify import BOUND_SIGMA, BOUND_ULP, Truth

FALSE_ALARM = 1e-6
"""Probability that rounding alone pushes a cell over its limit: in ten thousand cells, once in a hundred runs."""
READABLE = 1e30
"""So many σ are no number to be read: rounding has no part in such a distance. Where a mask leaves zeros, σ is that of the number 0."""
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
    unknown: int = 0
    """Elements, among the ``uncertain`` ones, of which the truth says nothing at all."""
    misrounded: int = 0
    """Elements that are not correctly rounded, of an operation of which IEEE 754 asks that."""
    unrounded: int = 0
    parted: int = 0
    """Elements at which rounding decides between two values."""
    other_branch: int = 0
    """Those of them at which the result is nearer to the other one."""
    """Elements that differ although rounding has no part in them: z is beyond ``READABLE``, or σ is 0."""
    vanished: float = 0.0
    """Where all elements that are not 0 were flushed, and more than one: the largest of them, in steps between subnormal numbers."""
    mismatches: int = 0
    """For integers and booleans: elements that differ."""
    worst: int = -1
    bound_ulp: float = NAN
    envelope_ulp: float = NAN


class _Counts(TypedDict):
    """What a ``Finding`` counts."""

    flushed: int
    nan_mismatch: int
    inf_mismatch: int
    zero_sign: int
    uncertain: int
    unknown: int
    misrounded: int
    unrounded: int
    parted: int
    other_branch: int
    vanished: float


@functools.cache
def z_limit(elements: int, runs: int) -> float:
    """Largest |z| that rounding is allowed, from Student's t with ``runs`` degrees of freedom.

    σ is estimated from ``runs`` perturbed results around a known mean, so z follows t; the false alarm rate is shared among the elements
    (Bonferroni).
    """
    return float(-special.stdtrit(max(runs, 1), FALSE_ALARM / (2 * max(elements, 1))))


def widen(values: Array, dtype: str) -> Array:
    """A stored tensor as NumPy numbers: bfloat16 bits become float32, others stay."""
    return bits_to_float32(values) if dtype == "bfloat16" else values


@dataclass(frozen=True, slots=True)
class Distances:
    """Per-element results of a comparison, flat arrays."""

    difference: NDArray[np.float64]
    z: NDArray[np.float64]
    ulp: NDArray[np.float64]
    measured: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    """What comparing with one truth in one format needs of that truth: flat arrays, the same for every result."""

    high: NDArray[np.float64]
    low: NDArray[np.float64]
    bound: NDArray[np.float64]
    sigma: NDArray[np.float64]
    reach: NDArray[np.float64]
    """How far rounding may move an element."""
    limit: float
    expected: Array
    """The correctly rounded truth in the type of results."""
    wide: NDArray[np.float64]
    """The same as float64."""
    finite: NDArray[np.bool_]
    key: NDArray[np.int64]
    """Its place on the line of representable numbers; 0 where it is not finite."""
    ulp_size: NDArray[np.float64]
    fraction: NDArray[np.float64]
    """What the truth is beyond ``expected``, in ULP."""
    size: NDArray[np.float64]
    """|high|, NaN at zeros: what errors are relative to."""
    negative: NDArray[np.bool_]
    """The sign that a zero must have."""
    bound_ulp: NDArray[np.float64]
    uncertain: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    """Where neither balls nor IEEE arithmetic say what is right: nothing is compared there."""
    envelope_ulp: float
    """Median of σ in ULP, over finite elements."""


@functools.lru_cache(maxsize=16)
def _target(truth: Truth, dtype: str) -> _Target:
    """Remembered for a while: results of many environments and modes are compared with one truth, one after the other."""
    parts = (truth.high, truth.low, truth.bound, truth.sigma, truth.ieee)
    high, low, bound, sigma, ieee = (np.asarray(part, np.float64).reshape(-1) for part in parts)
    limit = z_limit(high.size, truth.runs)
    with np.errstate(all="ignore"):
        open_ball = ~np.isfinite(bound) | np.isnan(high)
        if open_ball.any():  # where ball arithmetic has no answer (infinite inputs, poles) the IEEE evaluation of the reference decides
            high = np.where(open_ball, ieee, high)
            low = np.where(open_ball, 0.0, low)
            bound = np.where(open_ball, np.where(np.isfinite(ieee), 4 * 2.0**-53 * np.abs(ieee), 0.0), bound)
        expected = _nearest(high, low, dtype)
        wide = expected.astype(np.float64)
        finite = np.isfinite(wide)
        settled = np.where(finite, expected, 0).astype(expected.dtype)
        ulp_size = spacing(np.where(finite, wide, 1.0), dtype)
        bound_ulp = bound / ulp_size
        fraction = ((high - wide) + low) / ulp_size
        return _Target(
            high=high,
            low=low,
            bound=bound,
            sigma=sigma,
            reach=limit * sigma,
            limit=limit,
            expected=expected,
            wide=wide,
            finite=finite,
            key=ordered_key(settled, dtype),
            ulp_size=ulp_size,
            fraction=np.where(np.abs(fraction) < 1, fraction, 0.0),
            size=np.where(high != 0, np.abs(high), np.nan),
            negative=np.signbit(ieee),
            bound_ulp=bound_ulp,
            uncertain=(bound_ulp > BOUND_ULP) & (bound > BOUND_SIGMA * sigma),
            unknown=open_ball & np.isinf(sigma),
            envelope_ulp=float(np.median((sigma / ulp_size)[finite])) if finite.any() else NAN,
        )


def against_truth(values: Array, dtype: str, truth: Truth, *, correctly_rounded: bool = False) -> tuple[Finding, Distances | None]:
    """Compare a result (bfloat16 as uint16 bits) with its truth. ``correctly_rounded``: nothing else than that is right."""
    if truth.exact is not None:
        return _against_exact(values, dtype, truth.exact), None
    if tuple(values.shape) != truth.high.shape:
        return Finding(elements=values.size, problem=f"shape {list(values.shape)}, expected {list(truth.high.shape)}"), None
    if dtype not in FORMATS:
        return Finding(elements=values.size, problem=f"dtype {dtype}, expected a floating-point one"), None
    target, form = _target(truth, dtype), FORMATS[dtype]
    result = widen(values, dtype).reshape(-1)
    with np.errstate(all="ignore"):
        wide = result.astype(np.float64)
        zero = wide == 0
        special_place = ~(target.finite & np.isfinite(wide))
        nan_mismatch, inf_mismatch = _special_mismatches(wide, target, form) if special_place.any() else (special_place, special_place)
        flushed = zero & (target.wide != 0) & (np.abs(target.high) < form.smallest_normal) if zero.any() else zero
        zero_sign = zero & (target.wide == 0) & (target.high == 0) & (np.signbit(result) != target.negative) if zero.any() else zero
        if target.unknown.any():
            nan_mismatch, inf_mismatch, flushed, zero_sign, special_place = (
                kind & ~target.unknown for kind in (nan_mismatch, inf_mismatch, flushed, zero_sign, special_place)
            )
        measured = ~(special_place | flushed | target.unknown)
        all_measured = bool(measured.all())
        difference = np.where(measured, (wide - target.high) - target.low, 0.0)
        uncertain = measured & target.uncertain
        key = ordered_key(result if all_measured else np.where(measured, result, 0).astype(result.dtype), dtype)
        ulp = np.where(measured, np.abs(_steps(key, target.key) - target.fraction), 0.0)
        distance = np.abs(difference)
        certain = np.maximum(distance - np.where(uncertain, target.bound, 0.0), 0.0) if uncertain.any() else distance
        z = np.where(certain == 0, 0.0, certain / target.sigma)
    distances = Distances(difference, z, ulp, measured)
    problems = nan_mismatch | inf_mismatch
    counts: _Counts = {
        "flushed": int(flushed.sum()),
        "nan_mismatch": int(nan_mismatch.sum()),
        "inf_mismatch": int(inf_mismatch.sum()),
        "zero_sign": int(zero_sign.sum()),
        "uncertain": int((uncertain | target.unknown).sum()),
        "unknown": int(target.unknown.sum()),
        "misrounded": int((measured & ~uncertain & (result != target.expected)).sum()) if correctly_rounded else 0,
        "unrounded": int((z > READABLE).sum()),
        "parted": 0,
        "other_branch": 0,
        "vanished": 0.0,
    }
    if truth.cut is not None:
        cut = truth.cut.reshape(-1)
        decided = np.isfinite(cut) & np.isfinite(wide) & np.isfinite(target.high)
        counts["parted"], counts["other_branch"] = int(decided.sum()), int((decided & ((wide > cut) != (target.high > cut))).sum())
    some = target.wide != 0
    if 1 < counts["flushed"] == int(some.sum()):
        counts["vanished"] = float(np.abs(target.high[some]).max()) / form.smallest_subnormal
    sound = not (counts["flushed"] or counts["nan_mismatch"] or counts["inf_mismatch"] or counts["zero_sign"])
    if not measured.any():
        return Finding(
            elements=wide.size,
            identical=sound,
            z_max=0.0,
            z_limit=target.limit,
            ulp_max=0.0,
            ulp_mean=0.0,
            ulp_p99=0.0,
            abs_max=0.0,
            rel_max=0.0,
            worst=int(np.argmax(problems)) if problems.any() else -1,
            bound_ulp=0.0,
            envelope_ulp=0.0,
            **counts,
        ), distances
    outside = z > target.limit
    farthest = np.where(outside, ulp, ulp * 1e-300) if outside.any() else ulp
    apart = ulp if all_measured else ulp[measured]
    with np.errstate(all="ignore"):
        relative = distance / target.size
        envelope = target.envelope_ulp if all_measured else float(np.median((target.sigma / target.ulp_size)[measured]))
    return Finding(
        elements=wide.size,
        identical=sound and bool(np.array_equal(result[measured], target.expected[measured].astype(result.dtype))),
        z_max=float(z.max()),
        z_limit=target.limit,
        ulp_max=float(ulp.max()),
        ulp_mean=float(apart.mean()),
        ulp_p99=float(np.quantile(apart, 0.99)),
        abs_max=float(distance.max()),
        rel_max=float(np.fmax.reduce(relative, where=measured, initial=0.0)),
        worst=int(np.argmax(problems if problems.any() else farthest)),
        bound_ulp=float(np.max(target.bound_ulp, where=measured, initial=0.0)),
        envelope_ulp=envelope,
        **counts,
    ), distances


def _special_mismatches(wide: NDArray[np.float64], target: _Target, form: Format) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where one side is NaN and the other is not, and where one is infinite although rounding cannot have overflowed."""
    overflow = form.largest + 2.0 ** (form.emax - form.precision)
    high, size = target.high, np.abs(target.high)
    excused = (np.isinf(wide) & ~np.isnan(high) & (size + target.reach >= overflow) & (np.sign(wide) == np.sign(high))) | (
        np.isinf(target.wide) & np.isfinite(wide) & np.isfinite(high) & (size - target.reach < overflow)
    )
    nan, expected_nan = np.isnan(wide), np.isnan(target.wide)
    infinite = np.isinf(wide) | np.isinf(target.wide)
    return nan != expected_nan, ~excused & ~nan & ~expected_nan & infinite & (wide != target.wide)


def _nearest(high: NDArray[np.float64], low: NDArray[np.float64], dtype: str) -> Array:
    """Round high + low once to the format: where ``high`` is a tie, ``low`` decides."""
    if dtype == "float64":
        return high
    down, up = np.nextafter(high, -np.inf), np.nextafter(high, np.inf)
    nudged = np.where(low < 0, down, np.where(low > 0, up, high))
    nearest = round_to(high, dtype)
    other = round_to(nudged, dtype)
    return np.where(np.isfinite(high) & (other != nearest), other, nearest)


def _steps(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Signed representable steps from ``b`` to ``a``, places on the line of representable numbers, as float64."""
    wraps = (a >= 0) != (b >= 0)
    apart = (a - b).astype(np.float64)
    return np.where(wraps, a.astype(np.float64) - b.astype(np.float64), apart) if wraps.any() else apart


def _against_exact(values: Array, dtype: str, expected: NDArray[np.int64]) -> Finding:
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
