"""NumPy functions on object arrays of ``flint.arb``: real numbers as rigorous balls (midpoint ± radius, Johansson 2017).

NumPy's ufuncs call a method of the same name on each element of an object array; where arb names it otherwise, or has none, the
function here is used. All of them take and return object arrays (or scalars) elementwise.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
from flint import arb, arb_mat, ctx, fmpq
from numpy.typing import NDArray

from replab.formats import FORMATS

Ball = arb
Balls = NDArray[np.object_]
Floats = NDArray[np.float64]
OnArrays = Callable[..., Balls | Ball]
"""A function of arrays of balls, or of single ones."""


def to_balls(values: NDArray[np.floating]) -> Balls:
    """An object array of exact balls of the same shape; float16, float32 and float64 in, infinities and NaN included."""
    flat = np.asarray(values, np.float64).ravel().tolist()
    result = np.empty(len(flat), object)
    result[:] = list(map(arb, flat))
    return result.reshape(np.shape(values))


def _elementwise(function: Callable[[Ball], Ball]) -> OnArrays:
    ufunc = np.frompyfunc(function, 1, 1)
    return lambda x: ufunc(arb(x) if isinstance(x, int | float) else x)  # type: ignore[arg-type]  # the stubs of NumPy know no objects


def _as_ball(value: Ball | float) -> Ball:
    return value if isinstance(value, arb) else arb(value)


def _floor(x: Ball) -> Ball:
    return x.floor()


def truncated(x: Ball) -> Ball:
    """The integer towards zero; unknown (NaN) when the ball holds numbers of both signs that are not all 0 then."""
    return x.floor() if x >= 0 else x.ceil() if x <= 0 else arb(0) if abs(x) < 1 else arb.nan()


def _rint(x: Ball) -> Ball:
    """Half to even; unknown (NaN) when the ball holds a tie and other numbers."""
    low = x.floor()
    rest = x - low
    if rest < 0.5:  # the tie
        return low
    if rest > 0.5:
        return low + 1
    if rest == 0.5:
        return low + (low / 2 - (low / 2).floor()) * 2
    return arb.nan()


def _cbrt(x: Ball) -> Ball:
    return x.root(3) if x >= 0 else -((-x).root(3)) if x < 0 else arb.nan()


def _sign(x: Ball) -> Ball:
    return arb(1) if x > 0 else arb(-1) if x < 0 else arb(0) if x == 0 else arb.nan()


def _logaddexp(x: Ball, y: Ball) -> Ball:
    x, y = _as_ball(x), _as_ball(y)
    high, low = (x, y) if x >= y else (y, x)
    return high + (low - high).exp().log1p()


def _power(x: Ball, y: Ball) -> Ball:
    return _as_ball(x) ** y


def _atan2(y: Ball, x: Ball) -> Ball:
    return arb.atan2(_as_ball(y), _as_ball(x))


def _copysign(x: Ball, y: Ball) -> Ball:
    """A zero has a sign that balls do not know."""
    return abs(x) if y > 0 else -abs(x) if y < 0 else abs(x).union(-abs(x))


def _is_known(x: Ball) -> bool:
    """Whether a ball is finite, or exactly infinite or NaN, and not one that could hold anything."""
    return bool(x.is_finite() or x.rad() == 0)


def _isnan(x: Ball) -> bool | None:
    return bool(x.is_nan()) if _is_known(x) else None


def _isfinite(x: Ball) -> bool | None:
    return bool(x.is_finite()) if _is_known(x) else None


def _isinf(x: Ball) -> bool | None:
    return not x.is_finite() and not x.is_nan() if _is_known(x) else None


def larger(x: Ball, y: Ball) -> Ball:
    """The larger of two balls: the very one where that is decided."""
    return x if x >= y else y if y >= x else arb.max(x, y)


def smaller(x: Ball, y: Ball) -> Ball:
    """The smaller of two balls, as ``larger``."""
    return x if x <= y else y if y <= x else arb.min(x, y)


def _abs(x: Ball) -> Ball:
    return abs(x)


def _round_to(x: Ball, name: str) -> Ball:
    """Nearest number of a format, half to even; rigorous as long as the ball does not hold a tie."""
    form = FORMATS[name]
    if not x.is_finite():
        return x
    if x == 0:
        return arb(0)
    exponent = max(int(np.frexp(float(x))[1]) - 1, form.emin)
    step = arb(fmpq(1)) * arb(2) ** (exponent - form.precision + 1)
    rounded = _rint(x / step) * step
    if abs(rounded) > form.largest:
        return arb.pos_inf() if x > 0 else arb.neg_inf()
    return rounded


UNARY: dict[str, OnArrays] = {
    name: _elementwise(function)
    for name, function in {
        "arcsin": lambda x: x.asin(),
        "arccos": lambda x: x.acos(),
        "arctan": lambda x: x.atan(),
        "arcsinh": lambda x: x.asinh(),
        "arccosh": lambda x: x.acosh(),
        "arctanh": lambda x: x.atanh(),
        "log2": lambda x: x.log() / arb.const_log2(),
        "log10": lambda x: x.log() / arb.const_log10(),
        "exp2": lambda x: (x * arb.const_log2()).exp(),
        "cbrt": _cbrt,
        "floor": _floor,
        "ceil": lambda x: x.ceil(),
        "trunc": truncated,
        "rint": _rint,
        "sign": _sign,
        "abs": _abs,
        "absolute": _abs,
        "fabs": _abs,
        "square": lambda x: x * x,
        "reciprocal": lambda x: 1 / x,
        "conj": lambda x: x,
        "conjugate": lambda x: x,
        "exp": lambda x: _as_ball(x).exp(),
        "sqrt": lambda x: _as_ball(x).sqrt(),
        "log": lambda x: _as_ball(x).log(),
        "sin": lambda x: x.sin(),
        "cos": lambda x: x.cos(),
        "tan": lambda x: x.tan(),
        "sinh": lambda x: x.sinh(),
        "cosh": lambda x: x.cosh(),
        "tanh": lambda x: x.tanh(),
        "expm1": lambda x: x.expm1(),
        "log1p": lambda x: x.log1p(),
    }.items()
}
PREDICATES: dict[str, Callable[[Ball], bool | None]] = {"isnan": _isnan, "isfinite": _isfinite, "isinf": _isinf}
"""Questions about one ball; None is no answer."""
BINARY: dict[str, OnArrays] = {
    "logaddexp": np.frompyfunc(_logaddexp, 2, 1),
    "arctan2": np.frompyfunc(_atan2, 2, 1),
    "power": np.frompyfunc(_power, 2, 1),
    "maximum": np.frompyfunc(larger, 2, 1),
    "minimum": np.frompyfunc(smaller, 2, 1),
    "hypot": np.frompyfunc(lambda x, y: (_as_ball(x) ** 2 + _as_ball(y) ** 2).sqrt(), 2, 1),
    "floor_divide": np.frompyfunc(lambda x, y: (_as_ball(x) / y).floor(), 2, 1),
    "mod": np.frompyfunc(lambda x, y: x - y * (_as_ball(x) / y).floor(), 2, 1),
    "remainder": np.frompyfunc(lambda x, y: x - y * (_as_ball(x) / y).floor(), 2, 1),
    "fmod": np.frompyfunc(lambda x, y: x - y * truncated(_as_ball(x) / y), 2, 1),
    "copysign": np.frompyfunc(lambda x, y: _copysign(_as_ball(x), _as_ball(y)), 2, 1),
}


def round_to(values: Balls, name: str) -> Balls | Ball:
    """Elementwise nearest numbers of the named format."""
    rounded: Balls | Ball = np.frompyfunc(lambda x: _round_to(x, name), 1, 1)(values)
    return rounded


def matmul(a: Balls, b: Balls) -> Balls:
    """Matrix product of balls, shapes as ``numpy.matmul``; (m, k) by (k, n) goes through ``arb_mat``, which is far quicker."""
    if a.ndim != 2 or b.ndim != 2:  # matrices
        return np.asarray(np.matmul(a, b))
    rows, columns = a.shape[0], b.shape[1]
    product = arb_mat(*a.shape, a.ravel().tolist()) * arb_mat(*b.shape, b.ravel().tolist())  # type: ignore[call-overload]  # two by ``ndim``
    result = np.empty(rows * columns, object)
    result[:] = product.entries()
    return result.reshape(rows, columns)


def split(values: object) -> tuple[Floats, Floats, Floats]:
    """Balls as (high, low, bound), float64 arrays of the same shape: the ball lies within ``bound`` of high + low, but for 2^-1074.

    ``high`` is the midpoint rounded to float64 (so ±Inf beyond its range), ``low`` the rest. A ball that is not finite gives NaN and an
    infinite bound.
    """
    array = np.asarray(values, object)
    flat = array.ravel().tolist()
    high = np.fromiter(map(float, flat), np.float64, len(flat))  # maps of methods: a loop would take three times as long
    radius = np.fromiter(map(float, map(arb.rad, flat)), np.float64, len(flat))
    is_exact = np.fromiter(map(arb.is_exact, flat), bool, len(flat))
    low = np.fromiter(map(float, map(operator.sub, flat, high.tolist())), np.float64, len(flat))
    low[np.isinf(high)] = 0.0  # beyond the range of float64
    places = np.flatnonzero(is_exact & (low != 0) & np.isfinite(high))
    is_exact[places] = _are_sums([flat[place] for place in places.tolist()], high[places].tolist(), low[places].tolist())
    bound = np.where(is_exact, 0.0, (radius + np.abs(low) * 2.0**-52) * (1.0 + 2.0**-51))  # rounded up
    for place in np.flatnonzero(~(np.isfinite(high) & np.isfinite(radius))):
        if not flat[place].is_finite():
            high[place], low[place], bound[place] = np.nan, 0.0, np.inf
    return high.reshape(array.shape), low.reshape(array.shape), bound.reshape(array.shape)


def _are_sums(exact: list[Ball], high: list[float], low: list[float]) -> list[bool]:
    """Whether exact, finite balls are ``high`` + ``low``."""
    before, ctx.prec = ctx.prec, WIDE
    try:
        return list(map(arb.is_zero, map(operator.sub, map(operator.sub, exact, high), low)))
    finally:
        ctx.prec = before


WIDE = 2**13
"""Bits in which differences of balls and floats are exact."""
