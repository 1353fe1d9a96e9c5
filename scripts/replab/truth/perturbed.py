"""Monte Carlo arithmetic: an ndarray whose every inexact operation is off by a random relative error of one unit roundoff at most.

Running a reference on such arrays K times shows how far rounding alone can move its result in the format under test, whatever the
order of operations an implementation chose (Parker, 1997; Stott Parker's random rounding, applied to NumPy's operations).

Sums and products are modelled by what recursive summation in the tested format would do: with partial sums s_k the error is
Σ u·s_k·ξ_k, ξ uniform in [-1, 1]. For products of matrices the partial sums are not formed; their mean square follows from the result S
and from V = Σ a²b² as n·S²/3 + n·V/6 (a random walk from 0 to S over n steps), plus V for the n products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from autograd.tracer import Box
from numpy.typing import NDArray

from replab.formats import Format
from replab.truth import noise as kernels

EXACT = frozenset(
    """positive negative absolute fabs sign signbit copysign maximum minimum fmax fmin floor ceil trunc rint greater greater_equal less
    less_equal equal not_equal logical_and logical_or logical_not logical_xor isnan isinf isfinite fmod remainder floor_divide
    conjugate isnat spacing nextafter frexp ldexp modf""".split()  # noqa: SIM905 (easier to read)
)
"""Ufuncs whose result on representable operands is representable (``remainder`` up to one last rounding)."""
CONTRACTIONS: dict[Callable[..., Any], str] = {
    np.dot: "dot", np.inner: "inner", np.tensordot: "tensordot", np.einsum: "einsum", np.vdot: "dot",
}  # fmt: skip


@dataclass(slots=True)
class Noise:
    """The format whose rounding is imitated, and the source of randomness."""

    form: Format
    state: NDArray[np.uint64]
    operations: int = 0
    """Operations perturbed so far."""
    mask: int = 0
    """The bits of a float64 significand that the format does not have: a number without them is representable."""
    u: float = 0.0
    half: float = 0.0
    """Half of the smallest subnormal number."""

    def __post_init__(self) -> None:
        self.mask = (1 << (53 - self.form.precision)) - 1
        self.u, self.half = self.form.unit_roundoff, self.form.smallest_subnormal / 2.0


_active: list[Noise] = []


def active() -> Noise:
    """The noise in force.

    Raises ``IndexError`` outside of ``rounding``.
    """
    return _active[-1]


@contextmanager
def rounding(form: Format, seed: int) -> Iterator[Noise]:
    """Within this block operations on ``Perturbed`` arrays are off by roundings of ``form``; overflows in them are silent."""
    first = np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)
    noise = Noise(form=form, state=first)
    _active.append(noise)
    try:
        with np.errstate(all="ignore"):
            yield noise
    finally:
        _active.pop()


def plain(value: Any) -> Any:  # noqa: D103 (without the subclass)
    return value.view(np.ndarray) if isinstance(value, Perturbed) else value


def wrap(value: Any) -> Any:  # noqa: D103 (floats with the subclass, all else as it is)
    if isinstance(value, np.ndarray | np.floating) and np.asarray(value).dtype.kind == "f":
        return np.asarray(value).view(Perturbed)
    if isinstance(value, tuple | list):
        return type(value)(map(wrap, value)) if not hasattr(value, "_fields") else value
    return value


def _flat(values: Any) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, np.float64).reshape(-1)


def _operand(values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An operand in the order of its result's elements; a single number stays one."""
    array = np.asarray(values, np.float64)
    return _flat(array if array.shape == shape or array.size == 1 else np.broadcast_to(array, shape))


def _rounded(ufunc: np.ufunc, exact: NDArray[np.float64], operands: Sequence[Any]) -> NDArray[np.float64]:
    """``exact`` off by a uniformly random relative error of at most u, and by at most half a subnormal step.

    What is free of rounding in every order of evaluation stays: sums with zero and those that cancel; for float64 products with powers of
    two; else all that the format represents. A sum that happens to be representable would not be in another association, so it moves.
    """
    noise, shape = _active[-1], exact.shape
    flat = _flat(exact)
    out = np.empty_like(flat)
    if ufunc is np.add or ufunc is np.subtract:
        a, b = operands
        kernels.rounded_sum(flat, _operand(a, shape), _operand(b, shape), out, noise.u, noise.half, noise.state)
    elif not noise.mask and (ufunc is np.multiply or ufunc is np.divide):
        a, b = (_operand(one, shape).view(np.int64) for one in operands)
        kernels.rounded_product(flat, a, b, out, noise.u, noise.half, ufunc is np.multiply, noise.state)
    else:
        kernels.rounded(flat, flat.view(np.int64), out, noise.u, noise.half, noise.mask, noise.state)
    return out.reshape(shape)


def _spread(exact: NDArray[np.float64], scale: NDArray[np.float64], factor: float = 1.0) -> NDArray[np.float64]:
    """``exact`` off by uniform noise of half-width ``factor`` × ``scale`` (of its shape); what is not finite stays."""
    flat = _flat(exact)
    out = np.empty_like(flat)
    kernels.spread(flat, _operand(np.broadcast_to(scale, exact.shape), exact.shape), out, factor, _active[-1].state)
    return out.reshape(exact.shape)


class Perturbed(np.ndarray[Any, Any]):
    """A float64 array of any shape on which operations are perturbed; integer and boolean results come out plain."""

    __array_priority__ = 100.0

    def __getitem__(self, place: Any) -> Any:
        return wrap(super().__getitem__(place))  # one element stays perturbed too, as an array without axes

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        for value in inputs:
            if isinstance(value, Box):
                return NotImplemented  # let autograd unbox first
        _active[-1].operations += 1
        bare = [value.view(np.ndarray) if type(value) is Perturbed else value for value in inputs]
        if method == "at":
            _scatter(ufunc, bare)
            return None
        if kwargs:
            kwargs = {key: plain(value) for key, value in kwargs.items() if key != "out"}
        result = getattr(ufunc, method)(*bare, **kwargs)
        if isinstance(result, tuple):
            return tuple(map(wrap, result))
        result = np.asarray(result)
        if result.dtype.kind != "f":
            return result
        result = result.astype(np.float64, copy=False)
        if method == "__call__":
            if ufunc is np.matmul:
                result = _contracted(result, np.matmul(np.square(bare[0]), np.square(bare[1])), bare[0].shape[-1])
            elif ufunc.__name__ not in EXACT:
                result = _rounded(ufunc, result, bare)
        elif method == "reduce":
            result = _reduced(ufunc, np.asarray(bare[0], np.float64), result, kwargs)
        elif method == "accumulate":
            result = _accumulated(ufunc, result, kwargs.get("axis", 0))
        return result.view(Perturbed)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func in CONTRACTIONS and len(args) >= 2:  # two tensors are contracted
            return _contract(func, args, kwargs)
        # NumPy's own implementation calls ufuncs (perturbed above) or C code that may drop the subclass: put it back.
        return wrap(super().__array_function__(func, types, args, kwargs))


def _reduced(ufunc: np.ufunc, values: NDArray[np.float64], result: NDArray[np.float64], kwargs: dict[str, Any]) -> NDArray[np.float64]:
    if ufunc is not np.add and ufunc is not np.multiply:
        return result  # maximum, minimum, logical: exact
    axes = kwargs.get("axis", 0)
    axes = tuple(range(values.ndim)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    moved = np.moveaxis(values, axes, range(-len(axes), 0))
    flat = moved.reshape(*moved.shape[: values.ndim - len(axes)], -1)
    if flat.shape[-1] <= 1:
        return result
    noise = _active[-1]
    if ufunc is np.multiply:
        return _spread(result, np.abs(result), noise.u * math.sqrt(flat.shape[-1] - 1.0))
    sums = _flat(result)
    out = np.empty_like(sums)
    kernels.spread_sums(np.ascontiguousarray(flat).reshape(-1, flat.shape[-1]), sums, out, noise.u, noise.state)
    return out.reshape(result.shape)


def _scatter(ufunc: np.ufunc, operands: list[Any]) -> None:
    """``add.at`` in place: a target that gets m terms is rounded m - 1 times."""
    target, places, values = operands[0], operands[1], operands[2] if len(operands) > 2 else 1.0
    ufunc.at(target, places, values)
    terms, sizes = np.zeros_like(target), np.zeros_like(target)
    np.add.at(terms, places, 1.0)
    np.add.at(sizes, places, np.abs(values))
    target[...] = _spread(target, np.sqrt(np.maximum(terms - 1.0, 0.0)) * sizes, _active[-1].u)


def random(shape: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: D103 (uniform on [-1, 1))
    return _spread(np.zeros(shape), np.ones(shape))


def _accumulated(ufunc: np.ufunc, result: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    u = _active[-1].u
    draws = random(result.shape)
    if ufunc is np.add:
        return np.asarray(result + np.cumsum(u * result * draws, axis=axis))
    if ufunc is np.multiply:
        return np.asarray(result * (1.0 + np.cumsum(u * draws, axis=axis)))
    return result


def _contracted(result: NDArray[np.float64], squares: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """A sum of ``length`` products: see the module's docstring for the model."""
    return _spread(result, contraction_spread(result, squares, length, _active[-1].form))


def contraction_spread(result: NDArray[np.float64], squares: NDArray[np.float64], length: float, form: Format) -> NDArray[np.float64]:
    """Half-width of the uniform error of a sum of ``length`` products, from its value and from the sum of the squared products."""
    mean_square = length * np.square(result) / 3.0 + (length / 6.0 + 1.0) * np.abs(squares) if length > 1 else np.square(result)
    return np.asarray(form.unit_roundoff * np.sqrt(mean_square))


def _contract(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    bare = tuple(plain(value) if not isinstance(value, list | tuple) else value for value in args)
    tensors = [place for place, value in enumerate(bare) if isinstance(value, np.ndarray)]
    squared = tuple(np.square(value) if place in tensors else value for place, value in enumerate(bare))
    result = np.asarray(func(*bare, **kwargs), np.float64)
    squares = np.asarray(func(*squared, **kwargs), np.float64)
    ones = tuple(np.ones_like(value) if place in tensors else value for place, value in enumerate(bare))
    length = float(np.max(func(*ones, **kwargs))) if result.size else 1.0
    return _contracted(result, squares, length).view(Perturbed)
