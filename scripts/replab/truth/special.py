"""``scipy.special`` as a reference sees it: each function on numbers, on balls, on perturbed arrays, and with its derivative."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping

import autograd.numpy as anp
import numpy as np
import scipy.special
from autograd.extend import defvjp, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f
from flint import ctx
from numpy.typing import NDArray

from replab.truth import balls
from replab.truth.enclosures.arrays import Enclosed, lift, raw
from replab.truth.namespace import np_
from replab.truth.special_balls import ON_BALLS
from replab.truth.values import Function, Value

EXTENDED_BITS = 128
"""Bits of the balls that functions are evaluated with in extended precision, where SciPy does not have it."""


def _primitive(name: str) -> Function:
    """A function of ``scipy.special`` that autograd knows, with a branch for balls."""
    on_balls, on_numbers = ON_BALLS[name], getattr(scipy.special, name)
    is_extended = any(loop.endswith("->g") for loop in getattr(on_numbers, "types", ()))
    ufuncs = {count: np.frompyfunc(on_balls, count, 1) for count in _counts(on_balls)}

    def function(*arguments: object) -> object:
        if not np_.strict:
            return on_numbers(*arguments)
        if len(arguments) not in ufuncs:
            raise TypeError(f"special.{name} takes {' or '.join(map(str, ufuncs))} arguments, not {len(arguments)}")
        if np_.exact:
            return Enclosed(ufuncs[len(arguments)](*map(raw, arguments)))
        if is_extended:
            return on_numbers(*map(np_.lifted, arguments))
        return _extended(ufuncs[len(arguments)], arguments)

    function.__name__ = name
    made: Function = primitive(function)
    return made


def _counts(function: Callable[..., object]) -> range:
    """How many arguments a function takes."""
    if inspect.ismethoddescriptor(function):  # those of arb take the ball alone
        return range(1, 2)
    given = inspect.signature(function).parameters.values()
    return range(sum(one.default is one.empty for one in given), len(given) + 1)


def _extended(ufunc: np.ufunc, arguments: tuple[object, ...]) -> NDArray[np.longdouble] | np.longdouble:
    before, ctx.prec = ctx.prec, EXTENDED_BITS
    try:
        high, low, _ = balls.split(ufunc(*map(lift, arguments)))
    finally:
        ctx.prec = before
    value: NDArray[np.longdouble] | np.longdouble = (high.astype(np.longdouble) + low.astype(np.longdouble))[()]
    return value


SPECIAL: dict[str, Function] = {name: _primitive(name) for name in ON_BALLS}


class _Named:
    """The functions by name, as the rules of derivatives write them."""

    def __getattr__(self, name: str) -> Function:
        return SPECIAL[name]


_s = _Named()


def _root_pi() -> Value:
    root: Value = anp.sqrt(np_.pi)
    return root


def _bell(x: Value) -> Value:
    """The density of the normal distribution."""
    density: Value = anp.exp(-x * x / 2) / anp.sqrt(2 * np_.pi)
    return density


Slope = Callable[..., Value]
SLOPES: dict[str, Mapping[int, Slope]] = {
    "erfcx": {0: lambda ans, x: 2.0 * x * ans - 2.0 / _root_pi()},
    "erfi": {0: lambda _, x: 2.0 * anp.exp(x * x) / _root_pi()},
    "erfcinv": {0: lambda ans, _: -0.5 * anp.exp(ans * ans) * _root_pi()},
    "dawsn": {0: lambda ans, x: 1.0 - 2.0 * x * ans},
    "ndtr": {0: lambda _, x: _bell(x)},
    "log_ndtr": {0: lambda ans, x: anp.exp(-x * x / 2 - ans) / anp.sqrt(2 * np_.pi)},
    "ndtri": {0: lambda ans, _: 1.0 / _bell(ans)},
    "log_expit": {0: lambda _, x: _s.expit(-x)},
    "logit": {0: lambda _, p: 1.0 / (p * (1.0 - p))},
    "xlogy": {0: lambda _, *xy: anp.log(xy[1]), 1: lambda _, x, y: x / y},
    "xlog1py": {0: lambda _, *xy: anp.log1p(xy[1]), 1: lambda _, x, y: x / (1.0 + y)},
    "entr": {0: lambda _, x: -anp.log(x) - 1.0},
    "rel_entr": {0: lambda _, x, y: anp.log(x / y) + 1.0, 1: lambda _, x, y: -x / y},
    "kl_div": {0: lambda _, x, y: anp.log(x / y), 1: lambda _, x, y: 1.0 - x / y},
    "exprel": {0: lambda ans, x: (anp.exp(x) - ans) / x},
    "gamma": {0: lambda ans, x: ans * _s.psi(x)},
    "rgamma": {0: lambda ans, x: -ans * _s.psi(x)},
    "loggamma": {0: lambda _, x: _s.psi(x)},
    "psi": {0: lambda _, x: _s.zeta(2, x)},
    "digamma": {0: lambda _, x: _s.zeta(2, x)},
    "poch": {0: lambda ans, z, m: ans * (_s.psi(z + m) - _s.psi(z)), 1: lambda ans, z, m: ans * _s.psi(z + m)},
    "beta": {0: lambda ans, a, b: ans * (_s.psi(a) - _s.psi(a + b)), 1: lambda ans, a, b: ans * (_s.psi(b) - _s.psi(a + b))},
    "betaln": {0: lambda _, a, b: _s.psi(a) - _s.psi(a + b), 1: lambda _, a, b: _s.psi(b) - _s.psi(a + b)},
    "gammainc": {1: lambda _, a, x: anp.exp((a - 1.0) * anp.log(x) - x - _s.gammaln(a))},
    "gammaincc": {1: lambda _, a, x: -anp.exp((a - 1.0) * anp.log(x) - x - _s.gammaln(a))},
    "betainc": {2: lambda _, a, b, x: anp.exp((a - 1.0) * anp.log(x) + (b - 1.0) * anp.log1p(-x) - _s.betaln(a, b))},
    "betaincc": {2: lambda _, a, b, x: -anp.exp((a - 1.0) * anp.log(x) + (b - 1.0) * anp.log1p(-x) - _s.betaln(a, b))},
    "zeta": {1: lambda _, x, q: -x * _s.zeta(x + 1, q)},
    "j0": {0: lambda _, x: -_s.j1(x)},
    "j1": {0: lambda _, x: (_s.j0(x) - _s.jv(2, x)) / 2.0},
    "y0": {0: lambda _, x: -_s.y1(x)},
    "y1": {0: lambda _, x: (_s.y0(x) - _s.yv(2, x)) / 2.0},
    "i0": {0: lambda _, x: _s.i1(x)},
    "i1": {0: lambda _, x: (_s.i0(x) + _s.iv(2, x)) / 2.0},
    "i0e": {0: lambda ans, x: _s.i1e(x) - anp.sign(x) * ans},
    "i1e": {0: lambda ans, x: (_s.i0e(x) + _s.ive(2, x)) / 2.0 - anp.sign(x) * ans},
    "k0": {0: lambda _, x: -_s.k1(x)},
    "k1": {0: lambda _, x: -(_s.k0(x) + _s.kv(2, x)) / 2.0},
    "k0e": {0: lambda ans, x: ans - _s.k1e(x)},
    "k1e": {0: lambda ans, x: ans - (_s.k0e(x) + _s.kve(2, x)) / 2.0},
    "jv": {1: lambda _, v, x: (_s.jv(v - 1, x) - _s.jv(v + 1, x)) / 2.0},
    "yv": {1: lambda _, v, x: (_s.yv(v - 1, x) - _s.yv(v + 1, x)) / 2.0},
    "iv": {1: lambda _, v, x: (_s.iv(v - 1, x) + _s.iv(v + 1, x)) / 2.0},
    "ive": {1: lambda ans, v, x: (_s.ive(v - 1, x) + _s.ive(v + 1, x)) / 2.0 - anp.sign(x) * ans},
    "kv": {1: lambda _, v, x: -(_s.kv(v - 1, x) + _s.kv(v + 1, x)) / 2.0},
    "kve": {1: lambda ans, v, x: ans - (_s.kve(v - 1, x) + _s.kve(v + 1, x)) / 2.0},
    "exp1": {0: lambda _, x: -anp.exp(-x) / x},
    "expi": {0: lambda _, x: anp.exp(x) / x},
    "expn": {1: lambda _, n, x: -_s.expn(n - 1, x)},
    "ellipk": {0: lambda ans, m: (_s.ellipe(m) / (1.0 - m) - ans) / (2.0 * m)},
    "ellipe": {0: lambda ans, m: (ans - _s.ellipk(m)) / (2.0 * m)},
    "spence": {0: lambda _, x: anp.log(x) / (1.0 - x)},
    "hyp0f1": {1: lambda _, v, z: _s.hyp0f1(v + 1, z) / v},
    "hyp1f1": {2: lambda _, a, b, x: _s.hyp1f1(a + 1, b + 1, x) * a / b},
    "hyp2f1": {3: lambda _, a, b, c, z: _s.hyp2f1(a + 1, b + 1, c + 1, z) * a * b / c},
    "hyperu": {2: lambda _, a, b, x: -_s.hyperu(a + 1, b + 1, x) * a},
    "eval_chebyt": {1: lambda _, n, x: _s.eval_chebyu(n - 1, x) * n},
    "eval_hermite": {1: lambda _, n, x: _s.eval_hermite(n - 1, x) * 2.0 * n},
}
"""The derivative of a function with respect to its arguments, from its value and its arguments."""


def _rule(slope: Slope, place: int) -> Callable[..., Callable[[Value], Value]]:
    def rule(ans: Value, *arguments: Value) -> Callable[[Value], Value]:
        along: Callable[[Value], Value] = unbroadcast_f(arguments[place], lambda g: g * slope(ans, *arguments))
        return along

    return rule


# Abramowitz and Stegun 1964, 7.1.1, 6.3.1; written here, since autograd's have 1/√π as a float64 number, and import much else beside.
defvjp(SPECIAL["erf"], lambda _, x: lambda g: 2.0 * g * anp.exp(-x * x) / anp.sqrt(np_.pi))
defvjp(SPECIAL["erfc"], lambda _, x: lambda g: -2.0 * g * anp.exp(-x * x) / anp.sqrt(np_.pi))
defvjp(SPECIAL["erfinv"], lambda ans, _: lambda g: 0.5 * g * anp.exp(ans * ans) * anp.sqrt(np_.pi))
defvjp(SPECIAL["gammaln"], lambda _, x: lambda g: g * SPECIAL["psi"](x))
defvjp(SPECIAL["expit"], lambda ans, _: lambda g: g * ans * (1 - ans))
for _name, _slopes in SLOPES.items():
    defvjp(SPECIAL[_name], *(_rule(slope, place) for place, slope in _slopes.items()), argnums=tuple(_slopes))


def polygamma(n: int, x: Value) -> Value:
    """The nth derivative of digamma, for a whole number n and x > 0."""
    return SPECIAL["psi"](x) if n == 0 else SPECIAL["zeta"](n + 1, x) * ((-1) ** (n + 1) * math.factorial(n))


def logsumexp(a: Value, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Value:  # noqa: FBT001, FBT002 (SciPy's signature)
    """Log Σ exp(a), from the largest element."""
    highest = np_.max(a, axis=axis, keepdims=True)
    total: Value = np_.log(np_.sum(np_.exp(a - highest), axis=axis, keepdims=True)) + highest
    if keepdims:
        return total
    alone: Value = np_.squeeze(total, axis) if axis is not None else np_.reshape(total, ())
    return alone


def softmax(x: Value, axis: int | tuple[int, ...] | None = None) -> Value:
    """exp(x) / Σ exp(x), from the largest element."""
    powers: Value = np_.exp(x - np_.max(x, axis=axis, keepdims=True))
    shares: Value = powers / np_.sum(powers, axis=axis, keepdims=True)
    return shares


def log_softmax(x: Value, axis: int | tuple[int, ...] | None = None) -> Value:
    """The logarithm of softmax."""
    below: Value = x - np_.max(x, axis=axis, keepdims=True)
    logarithms: Value = below - np_.log(np_.sum(np_.exp(below), axis=axis, keepdims=True))
    return logarithms


COMPOSED: dict[str, Function] = {function.__name__: function for function in (logsumexp, softmax, log_softmax, polygamma)}
"""What is written with other functions."""
WHY_NOT = {
    **dict.fromkeys(("sici", "shichi", "fresnel", "airy", "ellipj"), "it has several results; a reference takes functions of one"),
    "lambertw": "its results are complex, and certified arithmetic has no complex numbers",
    "hankel1": "its results are complex, and certified arithmetic has no complex numbers",
    **dict.fromkeys(("gammaincinv", "betaincinv", "stdtrit", "owens_t"), "Arb has no enclosure of it"),
    **dict.fromkeys(("expm1", "log1p", "exp2", "cbrt", "sinc"), "np has it"),
}
"""Functions that somebody may look for, and why they are not there."""


class LabSpecial:
    """``scipy.special`` as a reference sees it."""

    def __getattr__(self, name: str) -> Function:
        if name in SPECIAL or name in COMPOSED:
            return SPECIAL.get(name) or COMPOSED[name]
        if name in WHY_NOT:
            raise AttributeError(f"references cannot use special.{name}: {WHY_NOT[name]}")
        raise AttributeError(f"references cannot use special.{name}: known are {', '.join(sorted([*SPECIAL, *COMPOSED]))}")


special_ = LabSpecial()
