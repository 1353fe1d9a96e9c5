"""The modules that a reference may import."""

from __future__ import annotations

import functools
import itertools
import math
import typing
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from replab.truth.namespace import np_
from replab.truth.reading.attributes import Module
from replab.truth.reading.builtin import Int, total
from replab.truth.reading.operators import OPERATIONS, is_array
from replab.truth.special import special_

IMPORTS = "numpy (as np), scipy.special, math, functools, itertools, typing"


def _steps(start: int = 0, step: int = 1) -> Iterator[int]:
    """``itertools.count``."""
    if {type(start), type(step)} != {int}:
        raise TypeError("itertools.count takes whole numbers here: floats would be rounded")
    return itertools.count(start, step)


def _of(namespace: object, name: str) -> Callable[..., object]:
    """A function of one of the lab's namespaces, as it is when it is called."""
    return lambda *values: getattr(namespace, name)(*values)  # noqa: PLW0108 (which function it is depends on the interpretation)


def _floor(name: str) -> Callable[[object], object]:
    plain = getattr(math, name)
    return lambda value: Int(getattr(np_, name)(value)) if is_array(value) or isinstance(value, np.floating) else plain(value)


_MATH = {
    **{
        name: _of(np_, arrays)
        for name, arrays in {
            "sqrt": "sqrt",
            "exp": "exp",
            "exp2": "exp2",
            "expm1": "expm1",
            "log1p": "log1p",
            "log2": "log2",
            "log10": "log10",
            "sin": "sin",
            "cos": "cos",
            "tan": "tan",
            "asin": "arcsin",
            "acos": "arccos",
            "atan": "arctan",
            "atan2": "arctan2",
            "sinh": "sinh",
            "cosh": "cosh",
            "tanh": "tanh",
            "asinh": "arcsinh",
            "acosh": "arccosh",
            "atanh": "arctanh",
            "fabs": "abs",
            "cbrt": "cbrt",
            "hypot": "hypot",
        }.items()
    },
    "log": lambda value, *base: np_.log(value) / np_.log(base[0]) if base else np_.log(value),
    "pow": OPERATIONS["pow"],
    "prod": lambda values, start=1: functools.reduce(OPERATIONS["mul"], values, start),
    "fsum": total,
    "erf": _of(special_, "erf"),
    "erfc": _of(special_, "erfc"),
    "lgamma": _of(special_, "gammaln"),
    "floor": _floor("floor"),
    "ceil": _floor("ceil"),
    "trunc": _floor("trunc"),
    **{name: getattr(math, name) for name in ("gcd", "lcm", "isqrt", "factorial", "comb", "perm", "inf", "nan")},
}


class _Math(Module):
    pi = property(lambda _: np_.pi)
    e = property(lambda _: np_.e)
    tau = property(lambda _: 2 * np_.pi)


Joining = Callable[[object, object], object]


def _accumulate(values: Iterable[object], function: Joining | None = None, *, initial: object = None) -> Iterator[object]:
    return itertools.accumulate(values, function or OPERATIONS["add"], initial=initial)


MODULES: dict[str, object] = {
    "numpy": np_,
    "scipy": Module("scipy", {"special": special_}),
    "scipy.special": special_,
    "math": _Math("math", _MATH),
    "functools": Module("functools", {name: getattr(functools, name) for name in ("reduce", "partial", "cache", "lru_cache", "wraps")}),
    "itertools": Module("itertools", {**vars(itertools), "accumulate": _accumulate, "count": _steps}),
    "typing": Module("typing", {name: getattr(typing, name) for name in typing.__all__}),
}


def imported(name: str, _globals: object = None, _locals: object = None, wanted: object = (), level: int = 0) -> object:
    """What an import statement of a reference gets."""
    if name == "__future__":
        return __import__(name)
    if level or name not in MODULES:
        raise ImportError(f"references cannot import {name}: they may have {IMPORTS}")
    return MODULES[name] if wanted or "." not in name else MODULES[name.partition(".")[0]]
