"""Monte Carlo arithmetic: several runs of an array side by side, in which every inexact operation is off by a rounding at most.

Running a reference on such arrays shows how far rounding alone can move its result in the format under test, whatever the order of
operations an implementation chose (Parker, 1997; Stott Parker's random rounding, applied to NumPy's operations). A reference sees the shape
of one run; the runs lie along a leading axis of their own, so that one call of NumPy serves all of them. What holds for all runs at once
(the truth of a condition, an index) must be the same in all: ``Diverged`` is raised where it is not, and each run is then made alone.

Sums and products are modelled by what recursive summation in the tested format would do: with partial sums s_k the error is
Σ u·s_k·ξ_k, ξ uniform in [-1, 1]. For products of matrices the partial sums are not formed; their mean square follows from the result S
and from V = Σ a²b² as n·S²/3 + n·V/6 (a random walk from 0 to S over n steps), plus V for the n products.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import numpy as np
from autograd.tracer import Box
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, DTypeLike, NDArray

from replab.formats import Format
from replab.truth import noise as kernels
from replab.truth.arithmetic import ORDINARY, Arithmetic, flushed, overflowed

EXACT = frozenset(
    """positive negative absolute fabs sign signbit copysign maximum minimum fmax fmin floor ceil trunc rint greater greater_equal less
    less_equal equal not_equal logical_and logical_or logical_not logical_xor isnan isinf isfinite fmod remainder floor_divide
    conjugate isnat spacing nextafter frexp ldexp modf""".split()  # noqa: SIM905 (easier to read)
)
"""Ufuncs whose result on representable operands is representable (``remainder`` up to one last rounding)."""
RULES: dict[Callable[..., object], Callable[..., object]] = {}
"""What NumPy's functions that are no ufuncs do to perturbed arrays (``replab.truth.dispatch``)."""

Numbers = NDArray[np.number | np.bool_]
"""Floats, integers or conditions, of one run or of several."""
Axis = int | tuple[int, ...] | None
Settled: TypeAlias = "Perturbed | Numbers"
"""What an operation gives: a plain array where all runs have the same integers or conditions."""

CONVERSION = (
    "a value cannot become a plain number (float, astype, asarray, item, tolist, math …): it would lose its error bound, or its rounding "
    "errors. Stay with functions of np and special; np.round_to(x, format) is a rounding that is meant"
)


class Diverged(Exception):
    """Runs that lie side by side would have to go different ways."""


@dataclass(slots=True)
class Noise:
    """The format whose rounding is imitated, and the source of randomness."""

    form: Format
    state: NDArray[np.uint64]
    operations: int = 0
    """Operations perturbed so far; one on many runs counts once."""
    mask: int = 0
    """The bits of a float64 significand that the format does not have: a number without them is representable."""
    u: float = 0.0
    half: float = 0.0
    """Half of the smallest subnormal number."""
    exactly: bool = False
    """Nothing is perturbed."""
    arithmetic: Arithmetic = ORDINARY

    def __post_init__(self) -> None:
        self.mask = (1 << (53 - self.form.precision)) - 1
        if not self.exactly:
            self.u, self.half = self.form.unit_roundoff, self.form.smallest_subnormal / 2.0


_active: list[Noise] = []


def active() -> Noise:
    """The noise in force.

    Raises ``IndexError`` outside of ``rounding``.
    """
    return _active[-1]


@contextmanager
def rounding(form: Format, seed: int, arithmetic: Arithmetic = ORDINARY, *, exactly: bool = False) -> Iterator[Noise]:
    """Within this block operations on ``Perturbed`` arrays are off by roundings of ``form``; overflows in them are silent.

    ``arithmetic``: what happens to results of operations besides. ``exactly``: nothing else does.
    """
    first = np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)
    noise = Noise(form=form, state=first, exactly=exactly, arithmetic=arithmetic)
    _active.append(noise)
    try:
        with np.errstate(all="ignore"):
            yield noise
    finally:
        _active.pop()


def side_by_side(values: object, runs: int = 1) -> Perturbed:
    """``runs`` runs that all begin with ``values``, an array of floats of any shape."""
    array = np.asarray(values, np.float64)
    return Perturbed(np.broadcast_to(array, (runs, *array.shape)))


def settled(data: Numbers) -> Settled:
    """Integer or boolean results of all runs, (runs, …): the array of one of them where all are the same."""
    first = data[0]
    return first if len(data) == 1 or np.array_equal(data, np.broadcast_to(first, data.shape)) else Perturbed(data)


class Perturbed(NDArrayOperatorsMixin):
    """float64 arrays of several runs, ``data`` (runs, *shape): seen from outside an array of ``shape``, on which operations are perturbed.

    Integer and boolean results are plain arrays where all runs agree, and perturbed ones too where they do not.
    """

    __slots__ = ("data",)
    __array_priority__ = 100.0
    __hash__ = None  # type: ignore[assignment]  # as an array's

    def __init__(self, data: Numbers) -> None:
        self.data = data

    runs = property(lambda self: len(self.data))
    shape = property(lambda self: self.data.shape[1:])
    ndim = property(lambda self: self.data.ndim - 1)
    size = property(lambda self: math.prod(self.data.shape[1:]))
    dtype = property(lambda self: self.data.dtype)
    T = property(np.transpose)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of an array without axes")
        return int(self.data.shape[1])

    def __iter__(self) -> Iterator[object]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: object) -> object:
        return result(_picked(self.data, place))

    def one(self) -> Numbers:
        """What all runs have.

        Raises ``Diverged`` where they have not the same.
        """
        found = settled(self.data)
        if isinstance(found, Perturbed):
            raise Diverged
        return np.asarray(found)

    def __bool__(self) -> bool:
        return bool(self.one())

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(CONVERSION)

    __float__ = __complex__ = __round__ = __format__ = item = tolist = _refuse

    def __setitem__(self, place: object, value: object) -> NoReturn:
        raise TypeError("a reference changes no array in place: write it with np.where, np.concatenate or np.stack")

    def __int__(self) -> int:
        return int(self.one())

    def __index__(self) -> int:
        return operator.index(self.one()[()])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Numbers:  # noqa: FBT001 (NumPy's signature)
        if self.data.dtype.kind == "f":
            raise TypeError(CONVERSION)
        return np.array(self.one(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: ArrayLike, out: Sequence[object] = (), **kwargs: object) -> object:
        for value in inputs:
            if isinstance(value, Box):
                return NotImplemented  # let autograd unbox first
        if any(one is not self for one in out):  # but for ``x += y``: a new array will do
            raise TypeError("a reference changes no array in place: write no out=")
        if method in METHODS:
            return METHODS[method](ufunc, *inputs, **kwargs)
        if method != "__call__" or kwargs:
            raise unruled(f"{ufunc.__name__}.{method}" if method != "__call__" else f"{ufunc.__name__} with {', '.join(kwargs)}")
        return product(inputs[0], inputs[1]) if ufunc is np.matmul else _called(ufunc, inputs)

    def __array_function__(self, func: Callable[..., object], types: object, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        if func not in RULES:
            raise unruled(func.__name__)
        return RULES[func](*args, **kwargs)


def unruled(name: str) -> TypeError:
    """The error of a function that has no rule here."""
    hint = "write it with other functions, or give it one in replab/truth/dispatch.py"
    return TypeError(f"np.{name} has no rule in perturbed arithmetic: {hint}")


def result(data: Numbers) -> Settled:
    """Floats of all runs as a perturbed array, anything else settled."""
    return Perturbed(data) if data.dtype.kind == "f" else settled(data)


def aligned(values: Sequence[ArrayLike]) -> list[Numbers]:
    """The data of perturbed and plain arrays with axes inserted behind that of the runs, so that they broadcast as those of one run do."""
    axes = max([value.ndim if isinstance(value, Perturbed | np.ndarray) else np.ndim(value) for value in values])
    return [_widened(value, axes) for value in values]


def _widened(value: ArrayLike, axes: int) -> Numbers:
    if not isinstance(value, Perturbed):
        return np.asarray(value)
    data, missing = value.data, axes + 1 - value.data.ndim
    return data if missing <= 0 else data.reshape(len(data), *(1,) * missing, *data.shape[1:])


def _picked(data: Numbers, place: object) -> Numbers:
    """``data[run, place]`` for every run."""
    places = place if isinstance(place, tuple) else (place,)
    places = tuple(one.one() if isinstance(one, Perturbed) else one for one in places)
    if _scattered(places):  # NumPy would put the axis of such indices first, before that of the runs
        return np.stack([run[places] for run in data])
    return data[(slice(None), *places)]


def _scattered(places: tuple[object, ...]) -> bool:
    """Whether arrays among ``places`` have slices between them (a whole number counts as an array beside arrays)."""
    if not any(isinstance(one, np.ndarray | list) for one in places):
        return False
    advanced = [at for at, one in enumerate(places) if not (one is None or one is Ellipsis or isinstance(one, slice))]
    return advanced[-1] - advanced[0] >= len(advanced)


def _flat(values: object) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, np.float64).reshape(-1)


def _operand(array: Numbers, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An operand in the order of its result's elements; a single number stays one."""
    return _flat(array if array.shape == shape or array.size == 1 else np.broadcast_to(array, shape))


def _once(values: Sequence[ArrayLike]) -> tuple[list[ArrayLike], int]:
    """Operands that no operation has perturbed yet, as those of one run, and how many runs that stands for; others as they are, and 1."""
    runs = max([len(value.data) for value in values if isinstance(value, Perturbed)])
    if runs > 1 and not any(isinstance(value, Perturbed) and value.data.strides[0] for value in values):
        return [Perturbed(value.data[:1]) if isinstance(value, Perturbed) else value for value in values], runs
    return list(values), 1


def _everywhere(found: Numbers, runs: int) -> Numbers:
    """What one run has, for ``runs`` of them, without a copy."""
    return np.broadcast_to(found, (runs, *found.shape[1:])) if runs > 1 else found


def _called(ufunc: np.ufunc, inputs: Sequence[ArrayLike]) -> object:
    _active[-1].operations += 1
    values, runs = _once(inputs)
    operands = aligned(values)
    if not math.isinf(_active[-1].arithmetic.infinite_above):  # counts and constants too
        operands = [one if one.dtype.kind == "b" else overflowed(one, _active[-1].arithmetic.infinite_above) for one in operands]
    found = ufunc(*operands)
    if isinstance(found, tuple):
        return tuple(result(_everywhere(one, runs)) for one in found)
    if found.dtype.kind != "f":
        return settled(found)
    found = found.astype(np.float64, copy=False)
    if ufunc.__name__ in EXACT:
        return Perturbed(_everywhere(found, runs))
    return Perturbed(_rounded(ufunc, np.repeat(found, runs, axis=0) if runs > 1 else found, operands))


def _rounded(ufunc: np.ufunc, exact: NDArray[np.float64], operands: Sequence[Numbers]) -> NDArray[np.float64]:
    """``exact``, a new array, off by a uniformly random relative error of at most u, and by at most half a subnormal step.

    What is free of rounding in every order of evaluation stays: sums with zero and those that cancel; for float64 products with powers of
    two; else all that the format represents. A sum that happens to be representable would not be in another association, so it moves.
    """
    noise, shape = _active[-1], exact.shape
    flat = out = _flat(exact)  # in place: nobody else has it
    if ufunc is np.add or ufunc is np.subtract:
        a, b = operands
        kernels.rounded_sum(flat, _operand(a, shape), _operand(b, shape), out, noise.u, noise.half, noise.state)
    elif not noise.mask and (ufunc is np.multiply or ufunc is np.divide):
        a, b = (_operand(one, shape).view(np.int64) for one in operands)
        kernels.rounded_product(flat, a, b, out, noise.u, noise.half, ufunc is np.multiply, noise.state)
    else:
        kernels.rounded(flat, flat.view(np.int64), out, noise.u, noise.half, noise.mask, noise.state)
    return _stored(out).reshape(shape)


def _stored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Results of operations as they are kept: what is subnormal is 0 where it is flushed, what is too large for its format infinite."""
    arithmetic = _active[-1].arithmetic
    if arithmetic.ordinary:
        return values
    values = overflowed(values, arithmetic.infinite_above)
    return flushed(values, arithmetic.flushed_below) if arithmetic.flushed_below else values


def spread(exact: Numbers, scale: NDArray[np.float64], factor: float = 1.0) -> NDArray[np.float64]:
    """``exact`` off by uniform noise of half-width ``factor`` × ``scale`` (of its shape); what is not finite stays."""
    flat = _flat(exact)
    out = np.empty_like(flat)
    kernels.spread(flat, _operand(np.broadcast_to(scale, exact.shape), exact.shape), out, factor, _active[-1].state)
    return _stored(out).reshape(exact.shape)


def random(shape: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: D103 (uniform on [-1, 1))
    return spread(np.zeros(shape), np.ones(shape))


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Axes of one run as axes of ``data``; None stands for all of them."""
    return tuple(place + 1 for place in (range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)))


def reduced(ufunc: np.ufunc, value: Perturbed, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Settled:  # noqa: FBT001, FBT002 (NumPy's signature)
    """``ufunc.reduce``; sums and products are off by what recursive evaluation may be off."""
    _active[-1].operations += 1
    is_shared = value.runs > 1 and not value.data.strides[0]  # no operation has perturbed it yet
    data, runs = (value.data[:1], value.runs) if is_shared else (value.data, 1)
    axes = axes_of(axis, value.ndim)
    found = ufunc.reduce(data, axis=axes, keepdims=keepdims, dtype=dtype)
    if found.dtype.kind != "f" or ufunc not in (np.add, np.multiply):
        return result(_everywhere(found, runs))  # counts, maximum, minimum, logical: exact
    moved = np.moveaxis(data, axes, range(-len(axes), 0))
    flat = moved.reshape(*moved.shape[: data.ndim - len(axes)], -1)
    if flat.shape[-1] <= 1:
        return Perturbed(_everywhere(found, runs))
    scale, factor = np.abs(found), math.sqrt(flat.shape[-1] - 1.0)
    if ufunc is np.add:
        scale, factor = np.empty(found.shape), 1.0
        kernels.partial_sums(np.ascontiguousarray(flat).reshape(-1, flat.shape[-1]), scale.reshape(-1))
    return Perturbed(spread(_everywhere(found, runs), scale, factor * _active[-1].u))


def accumulated(ufunc: np.ufunc, value: Perturbed, axis: Axis = None, dtype: DTypeLike | None = None) -> Settled:
    """``ufunc.accumulate``; None stands for the flattened array, as in ``cumsum``."""
    _active[-1].operations += 1
    data = value.data.reshape(value.runs, -1) if axis is None else value.data
    place = axes_of(0 if axis is None else axis, data.ndim - 1)[0]
    found = ufunc.accumulate(data, axis=place, dtype=dtype)
    if found.dtype.kind != "f":
        return settled(found)
    u, draws = _active[-1].u, random(found.shape)
    if ufunc is np.add:
        return Perturbed(found + np.cumsum(u * found * draws, axis=place))
    if ufunc is np.multiply:
        return Perturbed(found * (1.0 + np.cumsum(u * draws, axis=place)))
    return Perturbed(found)


def _scatter(ufunc: np.ufunc, target: Perturbed, places: object, values: ArrayLike = 1.0) -> None:
    """``add.at`` in place: a target that gets m terms is rounded m - 1 times."""
    _active[-1].operations += 1
    if not target.data.flags.writeable:  # what all runs share
        target.data = target.data.copy()
    added = values.data if isinstance(values, Perturbed) else np.broadcast_to(values, (target.runs, *np.shape(values)))
    terms, sizes = np.zeros(target.data.shape), np.zeros(target.data.shape)
    places = places if isinstance(places, tuple) else (places,)
    whole = [target.data, terms, sizes, added]
    for data, count, size, value in zip(*whole, strict=True) if _scattered(places) else [tuple(whole)]:
        where = places if _scattered(places) else (slice(None), *places)
        ufunc.at(data, where, value)
        np.add.at(count, where, 1.0)
        np.add.at(size, where, np.abs(value))
    target.data[...] = spread(target.data, np.sqrt(np.maximum(terms - 1.0, 0.0)) * sizes, _active[-1].u)


METHODS: dict[str, Callable[..., object]] = {
    "at": _scatter,
    "reduce": lambda ufunc, value, axis=0, **kwargs: reduced(ufunc, value, axis, **kwargs),
    "accumulate": lambda ufunc, value, axis=0, **kwargs: accumulated(ufunc, value, axis, **kwargs),
}
"""Methods of ufuncs that have rules, with NumPy's own axis."""


def product(left: ArrayLike, right: ArrayLike) -> Perturbed:
    """``np.matmul``."""
    _active[-1].operations += 1
    is_row, is_column = np.ndim(left) == 1, np.ndim(right) == 1
    values, runs = _once([np.expand_dims(left, 0) if is_row else left, np.expand_dims(right, 1) if is_column else right])
    a, b = aligned(values)
    sums, squares = np.matmul(a, b), np.matmul(np.square(a), np.square(b))
    if runs > 1:
        sums, squares = np.repeat(sums, runs, axis=0), np.repeat(squares, runs, axis=0)
    found = contracted(sums, squares, a.shape[-1])
    found = found[..., 0, :] if is_row else found
    return Perturbed(found[..., 0] if is_column else found)


def contracted(sums: Numbers, squares: Numbers, length: float) -> NDArray[np.float64]:
    """Sums of ``length`` products, a new array: see the module's docstring for the model."""
    flat = _flat(sums)  # in place: nobody else has it
    kernels.spread_products(flat, _flat(squares), flat, float(length), _active[-1].u, _active[-1].state)
    return _stored(flat).reshape(sums.shape)


def contraction_spread(result: NDArray[np.float64], squares: NDArray[np.float64], length: float, form: Format) -> NDArray[np.float64]:
    """Half-width of the uniform error of a sum of ``length`` products, from its value and from the sum of the squared products."""
    mean_square = length * np.square(result) / 3.0 + (length / 6.0 + 1.0) * np.abs(squares) if length > 1 else np.square(result)
    return np.asarray(form.unit_roundoff * np.sqrt(mean_square))
