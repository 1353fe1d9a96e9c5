"""Comparisons of arrays of balls, and conditions, each of which is 0, 1 or open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb
from numpy.typing import NDArray

from replab.truth import balls
from replab.truth.enclosures.arrays import Balls, Enclosed, boxed, lift, raw
from replab.truth.enclosures.evaluation import Undecided
from replab.truth.enclosures.relations import EITHER, NEGATIONS, relation

Conditions = Enclosed | NDArray[np.bool_] | np.bool_
"""Open ones as balls, decided ones as NumPy has them."""


def related(ufunc: np.ufunc, a: Balls, b: Balls) -> Conditions:
    """A comparison of two arrays."""
    yes, no = np.asarray(ufunc(a, b), bool), np.asarray(NEGATIONS[ufunc.__name__](a, b), bool)
    left_open = ~(yes ^ no)
    if not left_open.any():
        decided: Conditions = yes[()]
        return decided
    a, b = np.broadcast_arrays(a, b)
    answers = lift(yes)
    for at in zip(*np.nonzero(left_open), strict=True) if answers.ndim else [()]:
        answer = relation(ufunc.__name__, a[at], b[at])
        answers[at] = EITHER if answer is None else arb(answer)
    return conditions(answers)


def conditions(data: Balls) -> Conditions:
    """Conditions from balls of 0, of 1 and of both: a plain boolean array where all are decided."""
    if all(one.is_exact() for one in data.reshape(-1).tolist()):
        decided: Conditions = np.asarray(data != 0, bool).reshape(data.shape)[()]
        return decided
    return Enclosed(data, "b")


def as_conditions(value: object) -> Balls:
    """Balls of 0, 1 or both from conditions or numbers (which are true unless they are 0)."""
    if isinstance(value, Enclosed) and value.kind != "b":
        value = related(np.not_equal, value.data, raw(0))
    return value.data if isinstance(value, Enclosed) else lift(np.asarray(value) != 0)


def logic(ufunc: np.ufunc, inputs: Sequence[object]) -> Conditions:
    """``and``, ``or``, ``xor`` and ``not`` of conditions."""
    values = [as_conditions(value) for value in inputs]
    name = ufunc.__name__.replace("bitwise", "logical")
    if ufunc.__name__.startswith(("bitwise", "invert")) and any(getattr(value, "dtype", np.dtype(bool)).kind != "b" for value in inputs):
        raise TypeError(f"np.{ufunc.__name__} is for conditions and integers")
    if name == "logical_and":
        answers = np.frompyfunc(balls.smaller, 2, 1)(*values)
    elif name == "logical_or":
        answers = np.frompyfunc(balls.larger, 2, 1)(*values)
    elif name == "logical_xor":
        answers = np.frompyfunc(lambda x, y: arb(x != y) if x.is_exact() and y.is_exact() else EITHER, 2, 1)(*values)
    else:
        answers = np.frompyfunc(lambda x: 1 - x if x.is_exact() else x, 1, 1)(*values)
    return conditions(np.asarray(answers, object))


def answered(name: str, values: Balls) -> Conditions:
    """A question about every number: ``np.isnan`` and the like."""
    answers = np.frompyfunc(balls.PREDICATES[name], 1, 1)(values)
    answers = np.frompyfunc(lambda answer: EITHER if answer is None else arb(answer), 1, 1)(answers)
    return conditions(answers if isinstance(answers, np.ndarray) else boxed(answers))


def decided(a: object) -> NDArray[np.bool_]:
    """Which numbers are not 0.

    Raises ``Undecided``.
    """
    answers = conditions(as_conditions(a))
    if isinstance(answers, Enclosed):
        raise Undecided("which numbers are not 0 is open")
    return np.asarray(answers)


def whole(value: Enclosed) -> NDArray[np.int64]:
    """The integers towards zero, as a cast to integers makes them: where no ball leaves any doubt."""
    integers = np.empty(value.size, np.int64)
    for at, one in enumerate(value.data.reshape(-1).tolist()):
        exact = balls.truncated(one).unique_fmpz() if one.is_finite() else None
        if exact is None:
            raise Undecided("an integer is needed, and the ball holds several")
        if not -(2**63) <= int(exact) < 2**63:
            raise TypeError("a cast to integers is beyond the range of int64")
        integers[at] = int(exact)
    return integers.reshape(value.shape)
