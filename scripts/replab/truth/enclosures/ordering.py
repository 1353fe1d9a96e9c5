"""What depends on which of several numbers is larger: sorting, places, counts."""

from __future__ import annotations

import itertools

import numpy as np
from flint import arb
from numpy.typing import NDArray

from replab.truth.enclosures.arrays import RULES, Enclosed, raw, rule
from replab.truth.enclosures.conditions import decided, related
from replab.truth.enclosures.evaluation import Undecided, unruled
from replab.truth.enclosures.relations import is_nan, relation


def _before(x: arb, y: arb, what: str) -> bool:
    """Whether ``x`` is less than ``y`` for certain; ties and what is open are not."""
    answer = relation("less", x, y)
    if answer is None:
        raise Undecided(f"{what} depends on which of two numbers is larger, and they are too close")
    return answer


def _ranks(values: list[arb], what: str) -> list[int]:
    """The places of a row in ascending order, NaN last; ties in theirs, whatever kind of sort is asked for."""
    numbers = [place for place, one in enumerate(values) if not is_nan(one)]
    if any(not values[place].is_finite() and values[place].rad() != 0 for place in numbers):
        raise Undecided(f"{what} needs numbers that are known")
    order = sorted(numbers, key=lambda place: values[place].mid())  # compared by their midpoints, which are exact; the sort is stable
    for one, other in itertools.pairwise(order):
        _before(values[one], values[other], what)
    return order + [place for place, one in enumerate(values) if is_nan(one)]


def _rows(a: Enclosed, axis: int) -> tuple[list[list[arb]], tuple[int, ...]]:
    """The rows along an axis, and the shape that they are arranged in."""
    data = np.moveaxis(a.data, axis, -1)
    return data.reshape(-1, data.shape[-1]).tolist(), data.shape[:-1]


@rule(np.argsort)
def _argsort(a: Enclosed, axis: int | None = -1, kind: object = None, order: None = None, *, stable: object = None) -> NDArray[np.int64]:  # noqa: ARG001 (NumPy's signature)
    if axis is None:
        return _argsort(Enclosed(np.ravel(a.data)), 0)
    rows, before = _rows(a, axis)
    places = [place for row in rows for place in _ranks(row, "the order of a sort")]
    return np.moveaxis(np.array(places, np.int64).reshape(*before, a.shape[axis]), -1, axis)


@rule(np.sort)
def _sort(a: Enclosed, axis: int | None = -1, kind: object = None, order: None = None, *, stable: object = None) -> Enclosed:  # noqa: ARG001 (NumPy's signature)
    if axis is None:
        return _sort(Enclosed(np.ravel(a.data)), 0)
    rows, before = _rows(a, axis)
    values = np.empty(a.size, object)
    values[:] = [one for row in rows for one in ordered(row)]
    return Enclosed(np.moveaxis(values.reshape(*before, a.shape[axis]), -1, axis))


def ordered(row: list[arb]) -> list[arb]:
    """Balls in ascending order: where two overlap, enclosures of what is first, second …, between the sorted ends of all."""
    try:
        return [row[place] for place in _ranks(row, "")]
    except Undecided:
        if not all(one.is_finite() for one in row):
            return [arb.nan()] * len(row)
        lower, upper = (sorted(getattr(one, end)() for one in row) for end in ("lower", "upper"))
        return [low.union(high) for low, high in zip(lower, upper, strict=True)]


def _extreme_place(a: Enclosed, axis: int | None, keepdims: bool, name: str) -> NDArray[np.int64] | np.int64:  # noqa: FBT001 (NumPy's signature)
    what, sign = f"np.{name}", -1 if name == "argmax" else 1

    def find(row: list[arb]) -> int:
        best = 0
        for place, one in enumerate(row):
            if is_nan(one):
                return place
            if place and _before(*((one, row[best]) if sign > 0 else (row[best], one)), what):
                best = place
        return best

    rows, before = _rows(Enclosed(np.ravel(a.data)) if axis is None else a, -1 if axis is None else axis)
    places = np.array([find(row) for row in rows], np.int64).reshape(before)
    if keepdims:
        return np.expand_dims(places, tuple(range(a.ndim)) if axis is None else axis)
    one: np.int64 | NDArray[np.int64] = places[()]
    return one


RULES[np.argmax] = lambda a, axis=None, keepdims=False: _extreme_place(a, axis, keepdims, "argmax")
RULES[np.argmin] = lambda a, axis=None, keepdims=False: _extreme_place(a, axis, keepdims, "argmin")


@rule(np.searchsorted)
def _searchsorted(a: object, v: object, side: str = "left") -> NDArray[np.int64] | np.int64:
    edges, values = raw(a), raw(v)
    if edges.ndim != 1 or side not in ("left", "right"):
        raise unruled("searchsorted like this")
    below = np.less if side == "left" else np.less_equal  # the edges that lie before
    are_before = related(below, edges, values[..., None])
    if isinstance(are_before, Enclosed):
        raise Undecided("np.searchsorted depends on which of two numbers is larger, and they are too close")
    counts: NDArray[np.int64] | np.int64 = np.sum(np.asarray(are_before), axis=-1)
    return counts


@rule(np.nonzero)
def _nonzero(a: object) -> tuple[NDArray[np.int64], ...]:
    return np.nonzero(decided(a))


@rule(np.flatnonzero)
def _flatnonzero(a: object) -> NDArray[np.int64]:
    return np.flatnonzero(decided(a))


@rule(np.argwhere)
def _argwhere(a: object) -> NDArray[np.int64]:
    return np.argwhere(decided(a))


@rule(np.count_nonzero)
def _count_nonzero(a: object, axis: int | None = None) -> object:
    return np.count_nonzero(decided(a), axis)
