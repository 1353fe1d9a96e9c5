"""Sums, products, largest and smallest elements, and what holds for any or all."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from flint import arb
from numpy.lib.array_utils import normalize_axis_tuple

from replab.truth import balls
from replab.truth.enclosures.arrays import REDUCTIONS, RULES, Axis, Balls, Enclosed, Rule, boxed, filled, raw, rule
from replab.truth.enclosures.conditions import Conditions, as_conditions, conditions

_TOTAL: Callable[..., Balls | arb] = np.add.reduce
_PRODUCT: Callable[..., Balls | arb] = np.multiply.reduce


def _folded(function: Callable[[arb, arb], arb], data: Balls, axis: Axis, keepdims: bool) -> Balls:  # noqa: FBT001 (NumPy's signature)
    """The elements along axes joined by a function of two, in their order."""
    axes = tuple(range(data.ndim)) if axis is None else normalize_axis_tuple(axis, data.ndim)
    kept = np.moveaxis(data, axes, range(-len(axes), 0))
    flat = kept.reshape(*kept.shape[: data.ndim - len(axes)], -1)
    folded = np.frompyfunc(function, 2, 1).reduce(flat, axis=-1)
    folded = folded if isinstance(folded, np.ndarray) else boxed(folded)
    return np.expand_dims(folded, axes) if keepdims else folded


@rule(np.sum)
def _sum(a: Enclosed, axis: Axis = None, keepdims: bool = False, dtype: None = None) -> Enclosed:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
    total = _TOTAL(raw(a), axis=axis, keepdims=keepdims)
    return Enclosed(total if a.size else filled(total))


@rule(np.prod)
def _prod(a: object, axis: Axis = None, keepdims: bool = False, dtype: None = None) -> Enclosed:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
    return Enclosed(filled(_PRODUCT(raw(a), axis=axis, keepdims=keepdims)))


@rule(np.mean)
def _mean(a: Enclosed, axis: Axis = None, keepdims: bool = False) -> object:  # noqa: FBT001, FBT002 (NumPy's signature)
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    count = math.prod(a.shape[place] for place in axes)
    mean: object = np.divide(_sum(a, axis, keepdims), count)
    return mean


def _extreme(function: Callable[[arb, arb], arb]) -> Rule:
    def extreme(a: object, axis: Axis = None, keepdims: bool = False, dtype: None = None) -> Enclosed:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
        return Enclosed(_folded(function, raw(a), axis, keepdims))

    return extreme


def _answered(function: Callable[[arb, arb], arb], *, empty: bool) -> Rule:
    def answer(a: object, axis: Axis = None, keepdims: bool = False, dtype: None = None) -> Conditions | bool:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
        data = as_conditions(a)
        return conditions(_folded(function, data, axis, keepdims)) if data.size else empty

    return answer


RULES[np.max] = RULES[np.amax] = _extreme(balls.larger)
RULES[np.min] = RULES[np.amin] = _extreme(balls.smaller)
RULES[np.any], RULES[np.all] = _answered(balls.larger, empty=False), _answered(balls.smaller, empty=True)
REDUCTIONS.update(
    {
        np.add: RULES[np.sum],
        np.multiply: RULES[np.prod],
        np.maximum: RULES[np.max],
        np.minimum: RULES[np.min],
        np.logical_or: RULES[np.any],
        np.logical_and: RULES[np.all],
    }
)
