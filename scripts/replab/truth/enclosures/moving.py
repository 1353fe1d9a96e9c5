"""Functions that move, repeat, join or choose elements, and sums of products."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from replab.truth.enclosures.arrays import POINTWISE, RULES, Balls, Enclosed, Function, Rule, filled, full, place, raw, rule
from replab.truth.enclosures.conditions import as_conditions, conditions
from replab.truth.enclosures.evaluation import unruled
from replab.truth.enclosures.relations import either

OnBalls = Callable[..., Balls | list[Balls] | tuple[Balls, ...]]


def _moved(function: OnBalls) -> Rule:
    """A function that moves, repeats or joins elements and may put zeros between them."""

    def moved(first: object, *args: object, **kwargs: object) -> object:
        kind = first.kind if isinstance(first, Enclosed) else "f"
        found = function(raw(first), *map(place, args), **{name: place(value) for name, value in kwargs.items()})
        if isinstance(found, list | tuple):
            return [Enclosed(filled(one), kind) for one in found]
        return Enclosed(filled(found) if function in FILLING else found, kind)

    return moved


FILLING = frozenset((np.diag, np.tril, np.triu, np.trace))
MOVING: tuple[OnBalls, ...] = (
    np.reshape,
    np.ravel,
    np.transpose,
    np.swapaxes,
    np.moveaxis,
    np.rollaxis,
    np.expand_dims,
    np.squeeze,
    np.broadcast_to,
    np.take,
    np.roll,
    np.flip,
    np.flipud,
    np.fliplr,
    np.rot90,
    np.tile,
    np.repeat,
    np.diag,
    np.diagonal,
    np.tril,
    np.triu,
    np.delete,
    np.split,
    np.array_split,
    np.hsplit,
    np.vsplit,
    np.atleast_1d,
    np.atleast_2d,
    np.atleast_3d,
    np.copy,
    np.take_along_axis,
    np.trace,
)
RULES.update({function: _moved(function) for function in MOVING})
RULES[np.shape] = lambda a: a.shape
RULES[np.ndim] = lambda a: a.ndim
RULES[np.size] = lambda a, axis=None: a.size if axis is None else a.shape[axis]
RULES[np.iscomplexobj] = lambda a: False  # noqa: ARG005 (there are none)
RULES[np.real] = RULES[np.real_if_close] = lambda a: a
RULES[np.result_type] = lambda *values: np.dtype(np.float64)  # noqa: ARG005 (balls hold any number)
RULES[np.zeros_like] = RULES[np.empty_like] = lambda a, **_: full(np.shape(a), 0)
RULES[np.ones_like] = lambda a, **_: full(np.shape(a), 1)
RULES[np.full_like] = lambda a, value, **_: Enclosed(np.broadcast_to(raw(value), np.shape(a)))
RULES[np.cumsum] = lambda a, axis=None: Enclosed(np.cumsum(raw(a), axis=axis))
RULES[np.cumprod] = lambda a, axis=None: Enclosed(np.cumprod(raw(a), axis=axis))
RULES[np.dot] = lambda a, b: Enclosed(filled(np.dot(raw(a), raw(b))))
RULES[np.vdot] = lambda a, b: Enclosed(filled(np.dot(np.ravel(raw(a)), np.ravel(raw(b)))))
RULES[np.inner] = lambda a, b: Enclosed(filled(np.inner(raw(a), raw(b))))
RULES[np.outer] = lambda a, b: Enclosed(np.multiply.outer(np.ravel(raw(a)), np.ravel(raw(b))))
RULES[np.tensordot] = lambda a, b, axes=2: Enclosed(filled(np.tensordot(raw(a), raw(b), axes)))
RULES[np.einsum] = lambda how, *arrays: Enclosed(filled(np.einsum(how, *map(raw, arrays))))
RULES[np.diff] = lambda a, n=1, axis=-1: Enclosed(np.diff(raw(a), n, axis))


@rule(np.concatenate)
def concatenate(arrays: Sequence[object], axis: int | None = 0) -> Enclosed:
    """Arrays joined along an axis; None flattens them first."""
    return Enclosed(np.concatenate([raw(one) for one in arrays], axis))


@rule(np.stack)
def stack(arrays: Sequence[object], axis: int = 0) -> Enclosed:
    """Arrays of one shape side by side along a new axis."""
    return Enclosed(np.stack([raw(one) for one in arrays], axis))


@rule(np.insert)
def _insert(a: object, places: object, values: object, axis: int | None = None) -> Enclosed:
    return Enclosed(np.insert(raw(a), place(places), raw(values), axis))


@rule(np.pad)
def _pad(a: object, widths: object, mode: str = "constant", **kwargs: object) -> Enclosed:
    if mode == "constant":
        values = raw(kwargs.pop("constant_values", 0.0))
        if kwargs or values.size != 1:
            raise unruled("pad with several constants")
        return Enclosed(np.pad(raw(a), place(widths), "constant", constant_values=values.item()))
    if mode not in ("edge", "reflect", "symmetric", "wrap") or kwargs:
        raise unruled(f"pad in the mode {mode}")
    pad: Function = np.pad
    return Enclosed(filled(pad(raw(a), widths, mode)))


@rule(np.where)
def _where(condition: object, *choices: object) -> Enclosed:
    if len(choices) != 2:  # both
        raise unruled("where with a condition alone")
    x, y = (raw(one) for one in choices)
    if isinstance(condition, Enclosed):
        condition = conditions(as_conditions(condition))
    if not isinstance(condition, Enclosed):
        return Enclosed(np.where(np.asarray(condition) != 0, x, y))
    chosen = np.frompyfunc(lambda c, one, other: (one if c != 0 else other) if c.is_exact() else either(one, other), 3, 1)
    return Enclosed(chosen(condition.data, x, y))


@rule(np.clip)
def _clip(a: ArrayLike, a_min: ArrayLike | None = None, a_max: ArrayLike | None = None) -> object:
    above = a if a_min is None else np.maximum(a, a_min)
    return above if a_max is None else np.minimum(above, a_max)


@rule(np.round, np.around)
def _round(a: Enclosed, decimals: int = 0) -> object:
    if decimals:
        raise unruled("round to decimals")
    return np.rint(a)


@rule(np.fix)
def _fix(a: Enclosed) -> object:
    return np.trunc(a)


POINTWISE.update(
    (
        np.where,
        np.clip,
        np.round,
        np.around,
        np.fix,
        np.shape,
        np.ndim,
        np.size,
        np.iscomplexobj,
        np.real,
        np.real_if_close,
        np.result_type,
        np.zeros_like,
        np.empty_like,
        np.ones_like,
        np.full_like,
        np.copy,
    )
)
"""Functions in which every element stays by itself."""
