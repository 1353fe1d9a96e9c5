"""NumPy's ufuncs on arrays of balls."""

from __future__ import annotations

from functools import partial

import numpy as np

from replab.truth import balls
from replab.truth.enclosures.arrays import RULES, Enclosed, filled, is_condition, operand, raw
from replab.truth.enclosures.conditions import answered, logic, related
from replab.truth.enclosures.evaluation import Undecided, mixes
from replab.truth.enclosures.relations import NEGATIONS

LOGIC = (np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)
ARITHMETIC = (np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive)


def _no_conditions(inputs: tuple[object, ...]) -> None:
    if all(is_condition(value) for value in inputs):
        raise Undecided("conditions that are open cannot be computed with")  # NumPy's True + True is True


def _logical(ufunc: np.ufunc, *inputs: object) -> object:
    return logic(ufunc, inputs)


def _arithmetic(ufunc: np.ufunc, *inputs: object) -> Enclosed:
    values = [operand(value) for value in inputs]
    _no_conditions(inputs)
    return Enclosed(ufunc(*values))


def _compared(ufunc: np.ufunc, a: object, b: object) -> object:
    return related(ufunc, raw(a), raw(b))


def _product(a: object, b: object) -> Enclosed:
    left, right = raw(a), raw(b)
    _no_conditions((a, b))
    mixes("a product of matrices")
    return Enclosed(filled(balls.matmul(left, right)))


def _asked(name: str, x: object) -> object:
    values = raw(x)
    _no_conditions((x,))
    return answered(name, values)


def _elementwise(name: str, *inputs: object) -> Enclosed:
    values = [raw(value) for value in inputs]
    _no_conditions(inputs)
    return Enclosed((balls.UNARY if len(inputs) == 1 else balls.BINARY)[name](*values))


RULES.update({getattr(np, name): partial(_elementwise, name) for name in (*balls.UNARY, *balls.BINARY)})
RULES.update({getattr(np, name): partial(_asked, name) for name in balls.PREDICATES})
RULES.update({getattr(np, name): partial(_compared, getattr(np, name)) for name in NEGATIONS})
RULES.update({ufunc: partial(_logical, ufunc) for ufunc in LOGIC})
RULES.update({ufunc: partial(_arithmetic, ufunc) for ufunc in ARITHMETIC})
RULES[np.matmul] = _product
