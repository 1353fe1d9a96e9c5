"""What NumPy's functions that are no ufuncs do to perturbed arrays: rules by function, for all runs at once where there are calls to save.

Functions that only move or choose numbers are applied to each run as they are; what computes is written with perturbed operations. The rest
has no rule, and says so: computing on plain numbers would make an envelope that is too small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from replab.truth.perturbed import (
    CONVERSION,
    RULES,
    Axis,
    Numbers,
    Perturbed,
    Settled,
    accumulated,
    aligned,
    axes_of,
    contracted,
    reduced,
    result,
    unruled,
)

OnNumbers = Callable[..., Numbers | bool | int | Sequence[Numbers]]
ANY_RUN: tuple[OnNumbers, ...] = (
    np.roll,
    np.flip,
    np.flipud,
    np.fliplr,
    np.rot90,
    np.tile,
    np.repeat,
    np.pad,
    np.diag,
    np.diagonal,
    np.tril,
    np.triu,
    np.delete,
    np.insert,
    np.split,
    np.array_split,
    np.hsplit,
    np.vsplit,
    np.atleast_1d,
    np.atleast_2d,
    np.atleast_3d,
    np.copy,
    np.take_along_axis,
    np.partition,
    np.sort,
    np.argsort,
    np.searchsorted,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.count_nonzero,
    np.round,
    np.around,
    np.fix,
    np.nan_to_num,
    np.select,
    np.rollaxis,
    np.isneginf,
    np.isposinf,
    np.signbit,
)
"""Nothing is rounded in these: they may be applied to each run by itself."""
AGREED = (np.nonzero, np.flatnonzero, np.argwhere, np.unique)
"""The shape of their results depends on values: all runs must have the same."""
CONTRACTIONS = (np.dot, np.inner, np.tensordot, np.einsum, np.vdot)

Rule = Callable[..., object]
R = TypeVar("R", bound=Rule)
Made = TypeVar("Made")


def _rule(*functions: Callable[..., object]) -> Callable[[R], R]:
    def register(rule: R) -> R:
        RULES.update(dict.fromkeys(functions, rule))
        return rule

    return register


# --- shapes ------------------------------------------------------------------------------------------------------------------------------

RULES[np.shape] = lambda a: a.shape
RULES[np.ndim] = lambda a: a.ndim
RULES[np.size] = lambda a, axis=None: a.size if axis is None else a.shape[axis]
RULES[np.iscomplexobj] = lambda a: False  # noqa: ARG005 (there are none)
RULES[np.real] = RULES[np.real_if_close] = lambda a: a
RULES[np.result_type] = lambda *values: np.result_type(*(one.dtype if isinstance(one, Perturbed) else one for one in values))
RULES[np.zeros_like] = lambda a, **_: np.zeros(a.shape, a.dtype)
RULES[np.ones_like] = lambda a, **_: np.ones(a.shape, a.dtype)
RULES[np.empty_like] = RULES[np.zeros_like]
RULES[np.full_like] = lambda a, value, **_: value + np.zeros(a.shape, a.dtype)


@_rule(np.reshape)
def _reshape(a: Perturbed, shape: object, order: object = None) -> object:
    if order not in (None, "C"):
        raise unruled(f"reshape in the order {order}")
    return result(a.data.reshape(a.runs, *(shape if np.iterable(shape) else (shape,))))


@_rule(np.ravel)
def _ravel(a: Perturbed, order: object = None) -> object:
    return _reshape(a, -1, order)


@_rule(np.transpose)
def _transpose(a: Perturbed, axes: Axis = None) -> object:
    order = axes_of(axes, a.ndim) if axes is not None else range(a.ndim, 0, -1)
    return result(a.data.transpose(0, *order))


@_rule(np.swapaxes)
def _swapaxes(a: Perturbed, axis1: int, axis2: int) -> object:
    return result(a.data.swapaxes(*axes_of(axis1, a.ndim), *axes_of(axis2, a.ndim)))


@_rule(np.moveaxis)
def _moveaxis(a: Perturbed, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> object:
    return result(np.moveaxis(a.data, axes_of(source, a.ndim), axes_of(destination, a.ndim)))


@_rule(np.expand_dims)
def _expand_dims(a: Perturbed, axis: object) -> object:
    places = axis if isinstance(axis, tuple | list) else (axis,)
    return result(np.expand_dims(a.data, axes_of(tuple(places), a.ndim + len(places))))


@_rule(np.squeeze)
def _squeeze(a: Perturbed, axis: Axis = None) -> object:
    chosen = axes_of(axis, a.ndim) if axis is not None else tuple(at for at in range(1, a.ndim + 1) if a.data.shape[at] == 1)
    return result(a.data.squeeze(chosen))


@_rule(np.broadcast_to)
def _broadcast_to(a: Perturbed, shape: object) -> object:
    wanted = tuple(shape) if np.iterable(shape) else (shape,)
    return result(np.broadcast_to(a.data.reshape(a.runs, *(1,) * (len(wanted) - a.ndim), *a.shape), (a.runs, *wanted)))


@_rule(np.take)
def _take(a: Perturbed, indices: ArrayLike, axis: int | None = None) -> object:
    data = a.data.reshape(a.runs, -1) if axis is None else a.data
    chosen: NDArray[np.integer] = np.asarray(indices.one() if isinstance(indices, Perturbed) else indices)
    return result(np.take(data, chosen, axis=axes_of(0 if axis is None else axis, data.ndim - 1)[0]))


@_rule(np.concatenate)
def concatenate(arrays: Sequence[ArrayLike], axis: int | None = 0) -> object:
    """Perturbed and plain arrays joined along an axis; None flattens them first."""
    if axis is None:
        return concatenate([np.ravel(one) for one in arrays])
    parts, runs = list(arrays), _runs(arrays)
    data = [one.data if isinstance(one, Perturbed) else np.broadcast_to(one, (runs, *np.shape(one))) for one in parts]
    return result(np.concatenate(data, axis=axes_of(axis, data[0].ndim - 1)[0]))


@_rule(np.stack)
def stack(arrays: Sequence[ArrayLike], axis: int = 0) -> object:
    """Perturbed and plain arrays of one shape, put side by side along a new axis."""
    return concatenate([np.expand_dims(one, axis) for one in arrays], axis)


# --- choices and sums --------------------------------------------------------------------------------------------------------------------


@_rule(np.where)
def _where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> object:
    return result(np.where(*aligned([condition, x, y])))


@_rule(np.clip)
def _clip(a: ArrayLike, a_min: ArrayLike | None = None, a_max: ArrayLike | None = None) -> object:
    above = a if a_min is None else np.maximum(a, a_min)
    return above if a_max is None else np.minimum(above, a_max)


def _reduction(ufunc: np.ufunc) -> Rule:
    return lambda a, axis=None, keepdims=False, dtype=None: reduced(ufunc, a, axis, bool(keepdims), dtype)


def _accumulation(ufunc: np.ufunc) -> Rule:
    return lambda a, axis=None, dtype=None: accumulated(ufunc, a, axis, dtype)


RULES[np.sum], RULES[np.prod] = _reduction(np.add), _reduction(np.multiply)
RULES[np.max] = RULES[np.amax] = _reduction(np.maximum)
RULES[np.min] = RULES[np.amin] = _reduction(np.minimum)
RULES[np.any], RULES[np.all] = _reduction(np.logical_or), _reduction(np.logical_and)
RULES[np.cumsum], RULES[np.cumprod] = _accumulation(np.add), _accumulation(np.multiply)


@_rule(np.mean)
def _mean(a: Perturbed, axis: Axis = None, keepdims: bool = False) -> object:  # noqa: FBT001, FBT002 (NumPy's signature)
    count = int(np.prod([a.data.shape[place] for place in axes_of(axis, a.ndim)]))
    mean: object = np.divide(reduced(np.add, a, axis, keepdims), count)
    return mean


def _place(find: Callable[..., Numbers]) -> Rule:
    def rule(a: Perturbed, axis: int | None = None, keepdims: bool = False) -> object:  # noqa: FBT001, FBT002 (NumPy's signature)
        flat = a.data.reshape(a.runs, -1) if axis is None else a.data
        return result(find(flat, axis=1 if axis is None else axes_of(axis, a.ndim)[0], keepdims=keepdims))

    return rule


RULES[np.argmax], RULES[np.argmin] = _place(np.argmax), _place(np.argmin)


@_rule(np.diff)
def _diff(a: Perturbed, n: int = 1, axis: int = -1) -> object:
    left: Settled = a
    for _ in range(n):
        length = left.shape[axis]
        left = np.take(left, np.arange(1, length), axis) - np.take(left, np.arange(length - 1), axis)
    return left


@_rule(np.outer)
def _outer(a: ArrayLike, b: ArrayLike) -> object:
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@_rule(np.trace)
def _trace(a: Perturbed, offset: int = 0) -> object:
    return np.sum(np.diagonal(a, offset), axis=-1)


# --- run by run --------------------------------------------------------------------------------------------------------------------------


def _inside(value: object) -> Iterator[Perturbed]:
    """The perturbed arrays in arguments, also in lists of them."""
    if isinstance(value, Perturbed):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _inside(one)


def _runs(arguments: Iterable[object]) -> int:
    return len(next(_inside(list(arguments))).data)


def _of_run(value: object, change: Callable[[Perturbed], object]) -> object:
    """Arguments with the perturbed arrays among them changed into plain ones."""
    if isinstance(value, Perturbed):
        return change(value)
    return type(value)(_of_run(one, change) for one in value) if isinstance(value, tuple | list) else value


def _each(function: Callable[..., Made], args: Sequence[object], kwargs: Mapping[str, object]) -> list[Made]:
    """The results of ``function`` for each run by itself."""
    values = [*args, *kwargs.values()]
    return [
        function(
            *(_of_run(one, lambda value: value.data[run]) for one in args),  # noqa: B023 (called at once)
            **{name: _of_run(one, lambda value: value.data[run]) for name, one in kwargs.items()},  # noqa: B023
        )
        for run in range(_runs(values))
    ]


def _by_run(function: OnNumbers) -> Rule:
    def rule(*args: object, **kwargs: object) -> object:
        found = _each(function, args, kwargs)
        if isinstance(found[0], list | tuple):
            return [result(np.stack(column)) for column in zip(*found, strict=True)]
        return result(np.stack(found))

    return rule


def _of_one(function: Callable[..., object]) -> Rule:
    return lambda *args, **kwargs: function(*(_of_run(one, Perturbed.one) for one in args), **kwargs)


def _contraction(function: Callable[..., Numbers]) -> Rule:
    """Sums of products: of the numbers, of their squares, and of ones, which counts the products."""

    def rule(*args: object, **kwargs: object) -> object:
        def each(change: Callable[[Numbers | Perturbed], object]) -> Numbers:
            changed = [change(one) if isinstance(one, np.ndarray | Perturbed) else one for one in args]
            return np.stack(_each(function, changed, kwargs))

        sums = each(lambda one: one)
        squares = each(lambda one: Perturbed(np.square(one.data)) if isinstance(one, Perturbed) else np.square(one))
        ones = each(lambda one: Perturbed(np.ones_like(one.data)) if isinstance(one, Perturbed) else np.ones_like(one))
        return Perturbed(contracted(sums, squares, float(np.max(ones)) if sums.size else 1.0))

    return rule


RULES.update({function: _by_run(function) for function in ANY_RUN})
RULES.update({function: _of_one(function) for function in AGREED})
RULES.update({function: _contraction(function) for function in CONTRACTIONS})


# --- methods -----------------------------------------------------------------------------------------------------------------------------


def _reshape_method(a: Perturbed, *shape: object, order: object = None) -> object:
    return _reshape(a, shape[0] if len(shape) == 1 else shape, order)


def _transpose_method(a: Perturbed, *axes: Axis) -> object:
    return RULES[np.transpose](a, (axes[0] if len(axes) == 1 else axes) if axes else None)


def _cast_method(a: Perturbed, dtype: DTypeLike, **_: object) -> object:
    if np.dtype(dtype).kind not in "iub":
        raise TypeError(CONVERSION)
    return result(a.data.astype(dtype))


METHODS: dict[str, Callable[..., object]] = {
    **{
        name: RULES[getattr(np, name)]
        for name in (
            "sum",
            "mean",
            "prod",
            "max",
            "min",
            "any",
            "all",
            "cumsum",
            "cumprod",
            "argmax",
            "argmin",
            "argsort",
            "ravel",
            "swapaxes",
            "squeeze",
            "take",
            "clip",
            "repeat",
            "diagonal",
            "trace",
            "dot",
            "round",
            "searchsorted",
            "copy",
            "nonzero",
        )
    },
    "flatten": _ravel,
    "reshape": _reshape_method,
    "transpose": _transpose_method,
    "astype": _cast_method,
}
for _name, _method in METHODS.items():
    setattr(Perturbed, _name, _method)
