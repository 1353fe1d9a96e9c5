"""Monte Carlo arithmetic: an ndarray whose every inexact operation is off by a random relative error of one unit roundoff at most.

Running a reference on such arrays K times shows how far rounding alone can move its result in the format under test, whatever the
order of operations an implementation chose (Parker, 1997; Stott Parker's random rounding, applied to NumPy's operations).

Sums and products are modelled by what recursive summation in the tested format would do: with partial sums s_k the error is
Σ u·s_k·ξ_k, ξ uniform in [-1, 1]. For products of matrices the partial sums are not formed; their mean square follows from the result S
and from V = Σ a²b² as n·S²/3 + n·V/6 (a random walk from 0 to S over n steps), plus V for the n products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from autograd.tracer import Box
from numpy.typing import NDArray

from replab.formats import Format

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
    rng: np.random.Generator
    operations: int = 0
    """Operations perturbed so far."""
    mask: int = 0
    """The bits of a float64 significand that the format does not have: a number without them is representable."""

    def __post_init__(self) -> None:
        self.mask = (1 << (53 - self.form.precision)) - 1


_active: list[Noise] = []


def active() -> Noise:
    """The noise in force.

    Raises ``IndexError`` outside of ``rounding``.
    """
    return _active[-1]


@contextmanager
def rounding(form: Format, seed: int) -> Iterator[Noise]:
    """Within this block operations on ``Perturbed`` arrays are off by roundings of ``form``; overflows in them are silent."""
    noise = Noise(form=form, rng=np.random.Generator(np.random.SFC64(seed)))
    _active.append(noise)
    try:
        with np.errstate(all="ignore"):
            yield noise
    finally:
        _active.pop()


def random(shape: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: D103 (uniform on [-1, 1))
    return _active[-1].rng.random(shape) * 2.0 - 1.0


def plain(value: Any) -> Any:  # noqa: D103 (without the subclass)
    return value.view(np.ndarray) if isinstance(value, Perturbed) else value


def wrap(value: Any) -> Any:  # noqa: D103 (floats with the subclass, all else as it is)
    if isinstance(value, np.ndarray | np.floating) and np.asarray(value).dtype.kind == "f":
        return np.asarray(value).view(Perturbed)
    if isinstance(value, tuple | list):
        return type(value)(map(wrap, value)) if not hasattr(value, "_fields") else value
    return value


def _rounded(exact: NDArray[np.float64], *, skip: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """``exact`` off by a uniformly random relative error of at most u, and by at most half a subnormal step.

    Results that the format represents exactly stay as they are: a correct rounding would not move them. Written with few and in-place
    operations because references of small arrays call it thousands of times.
    """
    noise = _active[-1]
    draw = noise.rng.random(exact.shape)
    draw -= 0.5
    moved = np.asarray(draw * (2.0 * noise.form.unit_roundoff))
    moved += 1.0
    moved *= exact
    moved += np.asarray(draw * noise.form.smallest_subnormal)
    if skip is None and noise.mask:
        skip = (np.asarray(exact).view(np.int64) & noise.mask) == 0
    return moved if skip is None else np.where(skip, exact, moved)


def _spread(exact: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """``exact`` off by uniform noise of half-width ``scale``; what is not finite stays."""
    moved = exact + scale * random(exact.shape)
    return np.where(np.isfinite(moved), moved, exact)


def _exact_anyway(ufunc: np.ufunc, result: NDArray[np.float64], operands: Sequence[Any]) -> NDArray[np.bool_] | None:
    """Where an operation is free of rounding in every order of evaluation; ``None``: wherever its result is representable.

    A sum that happens to be representable would not be in another association: only sums with zero, and those that cancel, are taken for exact. For float64 the
    products with powers of two are.
    """  # noqa: E501 (a docstring is part of the key of every truth: not worth a new one)
    if ufunc is np.add or ufunc is np.subtract:
        a, b = operands
        return np.asarray((a == 0) | (b == 0) | (result == 0))
    if not _active[-1].mask and (ufunc is np.multiply or ufunc is np.divide):
        a, b = operands
        power = np.abs(np.frexp(b)[0]) == 0.5  # a power of two
        if ufunc is np.multiply:
            power = power | (np.abs(np.frexp(a)[0]) == 0.5)
        return np.asarray((power & (np.abs(result) > 2.0**-1000)) | (result == 0))
    return None


class Perturbed(np.ndarray[Any, Any]):
    """A float64 array of any shape on which operations are perturbed; integer and boolean results come out plain."""

    __array_priority__ = 100.0

    def __getitem__(self, place: Any) -> Any:
        return wrap(super().__getitem__(place))  # one element stays perturbed too, as an array without axes

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, Box) for value in inputs):
            return NotImplemented  # let autograd unbox first
        _active[-1].operations += 1
        bare = [plain(value) for value in inputs]
        if method == "at":
            _scatter(ufunc, bare)
            return None
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
                result = _rounded(result, skip=_exact_anyway(ufunc, result, bare))
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
    u = _active[-1].form.unit_roundoff
    if ufunc is np.multiply:
        return _spread(result, u * np.sqrt(flat.shape[-1] - 1.0) * np.abs(result))
    partial = np.cumsum(flat, axis=-1)[..., 1:]
    return _spread(result, (u * np.sqrt(np.sum(np.square(partial), axis=-1))).reshape(result.shape))


def _scatter(ufunc: np.ufunc, operands: list[Any]) -> None:
    """``add.at`` in place: a target that gets m terms is rounded m - 1 times."""
    target, places, values = operands[0], operands[1], operands[2] if len(operands) > 2 else 1.0
    ufunc.at(target, places, values)
    terms, sizes = np.zeros_like(target), np.zeros_like(target)
    np.add.at(terms, places, 1.0)
    np.add.at(sizes, places, np.abs(values))
    target[...] = _spread(target, _active[-1].form.unit_roundoff * np.sqrt(np.maximum(terms - 1.0, 0.0)) * sizes)


def _accumulated(ufunc: np.ufunc, result: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    u = _active[-1].form.unit_roundoff
    if ufunc is np.add:
        return np.asarray(result + np.cumsum(u * result * random(result.shape), axis=axis))
    if ufunc is np.multiply:
        return np.asarray(result * (1.0 + np.cumsum(u * random(result.shape), axis=axis)))
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
