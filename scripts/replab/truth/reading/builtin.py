"""Built-in names, those among them that would round in another form."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Iterable, Sized
from fractions import Fraction
from typing import Any

import numpy as np
from autograd.tracer import Box

from replab.truth.enclosures.arrays import Enclosed
from replab.truth.enclosures.conditions import whole
from replab.truth.enclosures.evaluation import mixes
from replab.truth.namespace import np_
from replab.truth.reading.attributes import attribute
from replab.truth.reading.operators import OPERATIONS, is_array, shown


def _scalar(value: object) -> Any:
    """A value of one element without axes."""
    return np_.reshape(value, ()) if getattr(value, "shape", ()) else value


class _Stands(type):
    """A class that stands for a built-in type: ``isinstance`` asks for that one."""

    stands: type

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.stands)


class Float(metaclass=_Stands):
    """``float``: the number itself, as far as there is one."""

    stands = float
    dtype = np.dtype(np.float64)

    def __new__(cls, value: Any = 0.0) -> Any:  # noqa: D102
        if isinstance(value, Enclosed | Box | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
            return _scalar(value)
        if isinstance(value, np.ndarray | np.integer | np.bool_):
            value = int(value)
        if isinstance(value, int) and abs(value) > 2**53:
            return np_.ratio(Fraction(value))
        return float(value)


class Int(metaclass=_Stands):
    """``int``: towards zero, where that is decided."""

    stands = int
    dtype = np.dtype(np.int64)

    def __new__(cls, value: Any = 0, *base: int) -> Any:  # noqa: D102
        while isinstance(value, Box):
            value = value._value  # noqa: SLF001 (how autograd unboxes)
        return int(whole(_scalar(value))) if isinstance(value, Enclosed) else int(value, *base)


class Str(metaclass=_Stands):
    """``str``, but of no value whose digits it would have."""

    stands = str

    def __new__(cls, value: object = "") -> Any:  # noqa: D102
        return str(shown(value))


_TYPES: dict[type, object] = {float: Float, int: Int, str: Str}


def _type(value: object) -> object:
    _same_everywhere(value, "")
    return _TYPES.get(type(value), type(value))


def total(values: Iterable[object], start: object = 0) -> object:
    """``sum``."""
    return functools.reduce(OPERATIONS["add"], values, start)


def _pow(a: object, b: object, *mod: object) -> object:
    plain: Callable[..., object] = pow
    return plain(a, b, *mod) if mod else OPERATIONS["pow"](a, b)


def _round(value: object, *digits: object) -> object:
    if is_array(value) or isinstance(value, np.floating):
        raise TypeError("round() takes digits off a certified value: np.rint rounds to integers, np.round_to to a format")
    plain: Callable[..., object] = round
    return plain(value, *digits)


def _same_everywhere(value: object, name: str) -> None:
    """A reference that does one thing with arrays of one kind and another with those of another kind would have no truth."""
    if (is_array(value) or isinstance(value, np.generic)) and name != "_value":
        raise TypeError("references do not ask for the type of an array, or for what it has")


def _getattr(value: object, name: str, *default: object) -> object:
    if default:
        _same_everywhere(value, name)
        return attribute(value, name) if _hasattr(value, name) else default[0]
    return attribute(value, name)


def _hasattr(value: object, name: str) -> bool:
    _same_everywhere(value, name)
    try:
        attribute(value, name)
    except AttributeError:
        return False
    return True


def _len(value: Sized) -> int:
    if isinstance(value, Enclosed | Box):
        mixes("len()")
    return len(value)


def _isinstance(value: object, kinds: type | tuple[type, ...]) -> bool:
    _same_everywhere(value, "")
    return isinstance(value, kinds)


_KEPT = """abs all any bool callable classmethod dict enumerate filter frozenset issubclass iter list map max min next object print
property range reversed set slice sorted staticmethod super tuple zip True False None NotImplemented Ellipsis __build_class__
ArithmeticError AssertionError AttributeError Exception IndexError KeyError LookupError NotImplementedError OverflowError RuntimeError
StopIteration SystemExit TypeError ValueError ZeroDivisionError""".split()  # noqa: SIM905 (easier to read)
BUILTINS: dict[str, object] = {
    **{name: getattr(builtins, name) for name in _KEPT},
    "__name__": "builtins",
    "float": Float,
    "int": Int,
    "str": Str,
    "type": _type,
    "sum": total,
    "pow": _pow,
    "divmod": lambda a, b: (OPERATIONS["floordiv"](a, b), OPERATIONS["mod"](a, b)),
    "round": _round,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "len": _len,
    "repr": lambda value: repr(shown(value)),
}
"""The built-in names that a reference has, those that would round among them in another form."""
