"""The helpers that stand in the place of operators and stores."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, MutableMapping
from fractions import Fraction

import numpy as np
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import Box

from replab.truth.enclosures.arrays import Enclosed
from replab.truth.namespace import np_
from replab.truth.perturbed import CONVERSION
from replab.truth.reading.text import OPERATORS

OURS = frozenset((Enclosed, ArrayBox))
PLAIN = (int, float, bool)
NUMBERS = (*PLAIN, np.bool_, np.number)


def lifted(value: object) -> object:
    """A plain number or array of them as the interpretation in force has it."""
    return np_.lifted(value)


def is_array(value: object) -> bool:
    """Whether a value is an array of any interpretation."""
    return isinstance(value, Enclosed | Box | np.ndarray)


def _is_number(value: object) -> bool:
    return isinstance(value, NUMBERS)


def _exact(name: str, a: float, b: float) -> object:
    """``a`` op ``b`` on plain Python numbers: a plain number if it is exact, else what encloses it."""
    function = getattr(operator, name)
    if isinstance(a, int) and isinstance(b, int) and name != "truediv" and not (name == "pow" and b < 0):
        return function(a, b)
    found = function(a, b)
    if isinstance(found, complex):
        raise TypeError("certified arithmetic has no complex numbers")
    if not (math.isfinite(a) and math.isfinite(b)):
        return found  # as IEEE arithmetic has it
    if name == "pow" and not (isinstance(b, int) or float(b).is_integer()):
        return function(lifted(a), lifted(b))
    if name == "pow" and abs(b) * math.log2(max(abs(a), abs(1 / a) if a else 1.0, 2.0)) > 2**14:
        return function(lifted(a), lifted(int(b)))
    exact = Fraction(a) ** int(b) if name == "pow" else function(Fraction(a), Fraction(b))
    return found if math.isfinite(found) and Fraction(found) == exact else np_.ratio(exact)


def _binary(name: str) -> Callable[[object, object], object]:
    function: Callable[[object, object], object] = getattr(operator, name)
    divides = name in ("truediv", "pow")
    rounds = name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")

    def apply(a: object, b: object) -> object:
        left, right = type(a), type(b)
        if left in OURS or right in OURS or (left is int and right is int and not divides):
            return function(a, b)
        if isinstance(a, complex) or isinstance(b, complex):
            raise TypeError("certified arithmetic has no complex numbers")
        if isinstance(a, str) and name == "mod":
            for one in b if isinstance(b, tuple) else (b,):
                shown(one)
        if not ((_is_number(a) or isinstance(a, np.ndarray)) and (_is_number(b) or isinstance(b, np.ndarray))):
            return function(a, b)
        if isinstance(a, PLAIN) and isinstance(b, PLAIN) and type(a) in PLAIN and type(b) in PLAIN:
            return _exact(name, a, b) if rounds else function(a, b)
        whole_numbers = all(np.asarray(one).dtype.kind in "biu" for one in (a, b))
        if whole_numbers and name != "truediv":
            return function(a, b)
        return function(lifted(a), lifted(b))

    return apply


OPERATIONS = {name: _binary(name) for name in sorted(set(OPERATORS.values()))}
"""The operators by the names that the text has for them."""


def chain(names: tuple[str, ...], *values: object) -> object:
    """``a < b < c``."""
    answer: object = True
    for name, (a, b) in zip(names, itertools.pairwise(values), strict=True):
        answer = OPERATIONS[name](a, b)
        if not answer:
            return answer
    return answer


def changed(name: str, old: object, value: object) -> object:
    """``x += y`` for a name."""
    if is_array(old) and not (isinstance(old, Enclosed) and old.scalar):
        raise TypeError("a reference changes no array in place: write x = x + y")
    if isinstance(old, list | dict | set):
        in_place: Callable[[object, object], object] = getattr(operator, "i" + name.rstrip("_"))
        return in_place(old, value)
    return OPERATIONS[name](old, value)


def stored(target: MutableMapping[object, object], key: object, value: object) -> None:
    """``x[k] = y``."""
    if is_array(target):
        raise TypeError("a reference changes no array in place: write it with np.where, np.concatenate or np.stack")
    target[key] = value


def added(name: str, target: MutableMapping[object, object], key: object, value: object) -> None:
    """``x[k] += y``."""
    stored(target, key, changed(name, target[key], value))


def shown(value: object) -> object:
    """A value whose digits a text will have."""
    if is_array(value) or isinstance(value, np.floating):
        raise TypeError(CONVERSION)
    if isinstance(value, tuple | list | dict | set | frozenset):
        for one in value.items() if isinstance(value, dict) else value:
            shown(one)
    return value
