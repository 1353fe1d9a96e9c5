"""Arrays of balls from which nothing comes out but enclosures and decided answers.

A reference sees these in place of NumPy's arrays while its truth is certified. What would make a plain number of a ball raises; what
compares balls answers where they leave no doubt, and is the ball [0, 1] where they do: a condition that no number is chosen by. Choices
between two values are then the hull of both, sums count both, and only what needs one answer (``if``, an index, an integer) raises
``Undecided``, which more bits may mend. Functions without a rule here raise as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from autograd.tracer import Box
from flint import arb
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from replab.truth import balls
from replab.truth.perturbed import CONVERSION

Rule = Callable[..., Any]
RULES: dict[Callable[..., Any], Rule] = {}
"""What NumPy's functions that are no ufuncs do to arrays of balls."""
BETWEEN = (0, 1)


class Undecided(Exception):
    """An answer is needed that the balls do not give; with more bits they may."""

    where = ""
    """The place in the reference, once it is known."""


class TooLong(Exception):
    """More operations than balls are used for."""


@dataclass(slots=True)
class _Evaluation:
    """What holds for all operations of one evaluation."""

    operations: int = 0
    limit: float = math.inf
    pointwise: bool = False
    """Whether elements may not depend on each other."""


_now = _Evaluation()


@contextmanager
def counting(limit: float) -> Iterator[None]:
    """Within this block ``TooLong`` is raised after ``limit`` operations."""
    _now.operations, _now.limit = 0, limit
    try:
        yield
    finally:
        _now.limit = math.inf


@contextmanager
def apart(pointwise: bool) -> Iterator[None]:  # noqa: FBT001 (one switch)
    """Within this block functions that mix elements raise, if ``pointwise``."""
    before, _now.pointwise = _now.pointwise, pointwise
    try:
        yield
    finally:
        _now.pointwise = before


def lift(values: Any) -> NDArray[Any]:
    """An object array of exact balls: numbers or arrays of integers, booleans, floats or extended floats."""
    if type(values) in (int, float):
        return _boxed(arb(values))
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{array.dtype} has no enclosure")
    result = np.empty(array.size, object)
    if array.dtype.itemsize > 8 and array.dtype.kind == "f":  # in two parts, since a ball takes no more at once
        high = array.astype(np.float64)
        low = np.where(np.isfinite(high), array - high, 0.0).astype(np.float64)
        result[:] = [arb(a) + arb(b) for a, b in zip(high.ravel().tolist(), low.ravel().tolist(), strict=True)]
    else:
        result[:] = list(map(arb, (array.astype(np.int64) if array.dtype.kind == "b" else array).ravel().tolist()))
    return result.reshape(array.shape)


def _boxed(value: Any) -> NDArray[Any]:
    """A single ball as an array without axes."""
    array = np.empty((), object)
    array[()] = value
    return array


class Enclosed(NDArrayOperatorsMixin):
    """An object array of ``arb``. ``kind`` is "f", or "b" for conditions, each 0, 1 or the ball of both.

    Conditions that are all decided are plain boolean arrays instead.
    """

    __slots__ = ("data", "kind", "scalar")
    __array_priority__ = 100.0
    __hash__ = None  # type: ignore[assignment]  # as an array's

    def __init__(self, data: Any, kind: str = "f") -> None:
        self.scalar = not isinstance(data, np.ndarray)  # where NumPy's floats would be a number, which nobody can change
        self.data: NDArray[Any] = _boxed(data) if self.scalar else data
        self.kind = kind

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: np.dtype(bool if self.kind == "b" else np.float64))
    T = property(np.transpose)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: Any) -> Any:
        if self.ndim:
            mixes("an index")
        return Enclosed(self.data[_place(place)], self.kind)

    def __setitem__(self, place: Any, value: Any) -> NoReturn:
        raise TypeError("a reference changes no array in place: write it with np.where, np.concatenate or np.stack")

    def one(self) -> Any:
        """The ball of an array with a single element."""
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous")
        return self.data.reshape(-1)[0]

    def __bool__(self) -> bool:
        found = _relation("not_equal", self.one(), arb(0))
        if found is None:
            raise Undecided("whether this condition holds is open" if self.kind == "b" else "whether this number is 0 is open")
        return found

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(CONVERSION)

    __float__ = __int__ = __index__ = __complex__ = __array__ = __round__ = __trunc__ = __floor__ = __ceil__ = __format__ = _refuse
    __reduce_ex__ = _refuse  # a copy outside of this evaluation

    def __repr__(self) -> str:
        return f"<balls of shape {self.shape}>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, Box) for value in inputs):
            return NotImplemented  # let autograd unbox first
        if method == "at" and ufunc is np.add:
            return _scatter(*inputs)
        if kwargs.get("out") is not None:
            raise TypeError("a reference changes no array in place: write x = x + y, and no out=")
        if method == "reduce" and ufunc in _REDUCED:
            return _REDUCED[ufunc](*inputs, **{"axis": 0, **kwargs})
        if method != "__call__" or kwargs:
            raise unruled(f"{ufunc.__name__}.{method}" if method != "__call__" else f"{ufunc.__name__} with {', '.join(kwargs)}")
        return _called(ufunc, inputs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func not in RULES:
            raise unruled(func.__name__)
        _count()
        if func not in POINTWISE and any(one.ndim for one in _inside([*args, *kwargs.values()])):
            mixes(f"np.{func.__name__}")
        return RULES[func](*args, **kwargs)


class Moved(Enclosed):
    """An array of plain numbers that may be moved and looked at from another side, and multiplied once by another: all else is refused.

    It tells apart a product of the inputs themselves from one of numbers that were computed.
    """

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        return Moved(self.data[_place(place)])

    def __bool__(self) -> bool:
        raise Computed

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and not kwargs and all(isinstance(one, Moved) for one in inputs):
            return Product(inputs[0].data, inputs[1].data)
        raise Computed

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func in (np.shape, np.ndim, np.size):
            return RULES[func](*args, **kwargs)
        if func not in _MOVING or func in _FILLING:
            raise Computed
        found = RULES[func](*args, **kwargs)
        return Moved(found.data) if isinstance(found, Enclosed) else found


class Product:
    """What ``np.matmul`` makes of two moved arrays: nothing can be done with it but return it."""

    __slots__ = ("left", "right")

    def __init__(self, left: NDArray[Any], right: NDArray[Any]) -> None:
        self.left, self.right = left, right

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Computed

    __array_ufunc__ = __array_function__ = __array__ = __bool__ = __len__ = __getitem__ = _refuse


class Computed(Exception):
    """A moved array would have to be computed with."""


def unruled(name: str) -> TypeError:
    """The error of a function that has no rule here."""
    hint = "write it with other functions, or give it one in replab/truth/enclosed.py"
    return TypeError(f"np.{name} has no rule in certified arithmetic: {hint}")


def _count() -> None:
    _now.operations += 1
    if _now.operations > _now.limit:
        raise TooLong


def mixes(name: str) -> None:
    """Says that ``name`` makes elements depend on each other, or on how many there are.

    Raises ``TypeError`` where they may not.
    """
    if _now.pointwise:
        raise TypeError(f"{name} makes elements depend on each other, and the case says elementwise = true")


def _inside(value: Any) -> Iterator[Enclosed]:
    if isinstance(value, Enclosed):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _inside(one)


def _operation(ufunc: np.ufunc, *, swapped: bool = False) -> Callable[[Enclosed, Any], Any]:
    """An operator, without the way through NumPy's protocol: references of small arrays use thousands."""

    def apply(self: Enclosed, other: Any) -> Any:
        operand: Any
        if isinstance(other, Enclosed):
            operand = other.data
            if self.kind == other.kind == "b":
                raise Undecided("conditions that are open cannot be computed with")
        elif isinstance(other, Box):
            return NotImplemented  # let autograd unbox first
        else:
            operand = _operand(other)
            if self.kind == "b" and _is_condition(other):
                raise Undecided("conditions that are open cannot be computed with")
        _count()
        return Enclosed(ufunc(operand, self.data) if swapped else ufunc(self.data, operand))

    return apply


def _computed(*_: Any) -> NoReturn:
    raise Computed


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide}.items():
    setattr(Enclosed, f"__{_name}__", _operation(_ufunc))
    setattr(Enclosed, f"__r{_name}__", _operation(_ufunc, swapped=True))
    setattr(Moved, f"__{_name}__", _computed)
    setattr(Moved, f"__r{_name}__", _computed)


def _operand(value: Any) -> Any:
    """As ``raw``, for arithmetic with balls: those take Python's exact numbers as they are, which is quicker."""
    if type(value) in (int, float):
        return arb(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.dtype.itemsize <= 8:
        return value.astype(object)
    return raw(value)


def full(shape: tuple[int, ...], value: int) -> Enclosed:
    """An array of one whole number."""
    return Enclosed(np.full(shape, arb(value), object))


def raw(value: Any) -> NDArray[Any]:
    """The balls of an array, a number or a list of such."""
    if isinstance(value, Enclosed):
        return value.data
    if isinstance(value, tuple | list):
        parts = [raw(one) for one in value]
        return np.stack(parts) if parts else np.empty(0, object)
    return lift(value)


def _place(place: Any) -> Any:
    """An index without balls."""
    if isinstance(place, Enclosed):
        if place.kind == "b":
            raise Undecided("an index must be decided")
        raise TypeError(CONVERSION)
    return type(place)(map(_place, place)) if isinstance(place, tuple | list) else place


# --- comparisons -------------------------------------------------------------------------------------------------------------------------

_NEGATIONS = {
    "greater": np.less_equal,
    "greater_equal": np.less,
    "less": np.greater_equal,
    "less_equal": np.greater,
    "equal": np.not_equal,
    "not_equal": np.equal,
}


def _is_nan(x: Any) -> bool:
    """NaN as IEEE arithmetic has it: exactly so, and not a ball that could hold anything."""
    return bool(x.is_nan()) and bool(x.rad() == 0)


def _relation(name: str, a: Any, b: Any) -> bool | None:
    """A comparison of two balls; None where they leave it open. The same ball is the same number."""
    if _is_nan(a) or _is_nan(b):
        return name == "not_equal"
    if a is b and not a.is_nan():
        return name in ("equal", "greater_equal", "less_equal")
    if getattr(np, name)(a, b):
        return True
    return False if _NEGATIONS[name](a, b) else None


def _related(ufunc: np.ufunc, a: NDArray[Any], b: NDArray[Any]) -> Any:
    yes, no = np.asarray(ufunc(a, b), bool), np.asarray(_NEGATIONS[ufunc.__name__](a, b), bool)
    open_ = ~(yes ^ no)
    if not open_.any():
        return yes[()]
    a, b = np.broadcast_arrays(a, b)
    found = lift(yes)
    for place in zip(*np.nonzero(open_), strict=True) if found.ndim else [()]:
        answer = _relation(ufunc.__name__, a[place], b[place])
        found[place] = _EITHER if answer is None else arb(answer)
    return conditions(found)


_EITHER = arb(0).union(arb(1))


def conditions(data: NDArray[Any]) -> Any:
    """Conditions from balls of 0, of 1 and of both: a plain boolean array where all are decided."""
    if all(one.is_exact() for one in data.reshape(-1).tolist()):
        return np.asarray(data != 0, bool).reshape(data.shape)[()]
    return Enclosed(data, "b")


def _as_conditions(value: Any) -> NDArray[Any]:
    """Balls of 0, 1 or both from conditions or numbers (which are true unless they are 0)."""
    if isinstance(value, Enclosed) and value.kind != "b":
        value = _related(np.not_equal, value.data, raw(0))
    return value.data if isinstance(value, Enclosed) else lift(np.asarray(value) != 0)


def _either(x: Any, y: Any) -> Any:
    return x if x is y else x.union(y)


def _logic(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    values = [_as_conditions(value) for value in inputs]
    name = ufunc.__name__.replace("bitwise", "logical")
    if ufunc.__name__.startswith(("bitwise", "invert")) and any(getattr(value, "dtype", np.dtype(bool)).kind != "b" for value in inputs):
        raise TypeError(f"np.{ufunc.__name__} is for conditions and integers")
    if name == "logical_and":
        found = np.frompyfunc(balls.smaller, 2, 1)(*values)
    elif name == "logical_or":
        found = np.frompyfunc(balls.larger, 2, 1)(*values)
    elif name == "logical_xor":
        found = np.frompyfunc(lambda x, y: arb(x != y) if x.is_exact() and y.is_exact() else _EITHER, 2, 1)(*values)
    else:
        found = np.frompyfunc(lambda x: 1 - x if x.is_exact() else x, 1, 1)(*values)
    return conditions(np.asarray(found, object) if isinstance(found, np.ndarray) else _boxed(found))


_LOGIC = frozenset(
    (np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert)
)
_ARITHMETIC = frozenset((np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive))


def _is_condition(value: Any) -> bool:
    if isinstance(value, Enclosed):
        return value.kind == "b"
    return isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


def _called(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    _count()
    name = ufunc.__name__
    if ufunc in _LOGIC:
        return _logic(ufunc, inputs)
    values = [_operand(value) if ufunc in _ARITHMETIC else raw(value) for value in inputs]
    if name not in _NEGATIONS and all(_is_condition(value) for value in inputs):
        raise Undecided("conditions that are open cannot be computed with")  # NumPy's True + True is True
    if ufunc in _ARITHMETIC:
        return Enclosed(ufunc(*values))
    if name in _NEGATIONS:
        return _related(ufunc, *values)
    if ufunc is np.matmul:
        mixes("a product of matrices")
        return Enclosed(_filled(balls.matmul(*values)))
    if name in balls.PREDICATES:
        found = np.frompyfunc(balls.PREDICATES[name], 1, 1)(*values)
        found = np.frompyfunc(lambda answer: _EITHER if answer is None else arb(answer), 1, 1)(found)
        return conditions(found if isinstance(found, np.ndarray) else _boxed(found))
    table = balls.UNARY if ufunc.nin == 1 else balls.BINARY
    if name not in table:
        raise unruled(name)
    return Enclosed(table[name](*values))


# --- rules -------------------------------------------------------------------------------------------------------------------------------


def _rule(*functions: Callable[..., Any]) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(functions, rule))
        return rule

    return register


def _filled(data: Any) -> Any:
    """Results among which NumPy may have put integers of its own, as balls."""
    if not isinstance(data, np.ndarray):
        return data if isinstance(data, arb) else arb(data)
    return np.asarray(np.frompyfunc(lambda one: one if isinstance(one, arb) else arb(one), 1, 1)(data), object) if data.size else data


def _moved(function: Callable[..., Any]) -> Rule:
    """A function that moves, repeats or joins elements and may put zeros between them."""

    def rule(first: Any, *args: Any, **kwargs: Any) -> Any:
        kind = first.kind if isinstance(first, Enclosed) else "f"
        found = function(raw(first), *map(_place, args), **{name: _place(value) for name, value in kwargs.items()})
        if isinstance(found, list | tuple):
            return [Enclosed(_filled(one), kind) for one in found]
        return Enclosed(_filled(found) if function in _FILLING else found, kind)

    return rule


_FILLING = frozenset((np.diag, np.tril, np.triu, np.trace))
_MOVING = (
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
RULES.update({function: _moved(function) for function in _MOVING})
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
RULES[np.dot] = lambda a, b: Enclosed(_filled(np.dot(raw(a), raw(b))))
RULES[np.vdot] = lambda a, b: Enclosed(_filled(np.dot(np.ravel(raw(a)), np.ravel(raw(b)))))
RULES[np.inner] = lambda a, b: Enclosed(_filled(np.inner(raw(a), raw(b))))
RULES[np.outer] = lambda a, b: Enclosed(np.multiply.outer(np.ravel(raw(a)), np.ravel(raw(b))))
RULES[np.tensordot] = lambda a, b, axes=2: Enclosed(_filled(np.tensordot(raw(a), raw(b), axes)))
RULES[np.einsum] = lambda how, *arrays: Enclosed(_filled(np.einsum(how, *map(raw, arrays))))
RULES[np.diff] = lambda a, n=1, axis=-1: Enclosed(np.diff(raw(a), n, axis))


@_rule(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: Any = 0) -> Any:
    """Arrays joined along an axis; None flattens them first."""
    return Enclosed(np.concatenate([raw(one) for one in arrays], axis))


@_rule(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape side by side along a new axis."""
    return Enclosed(np.stack([raw(one) for one in arrays], axis))


@_rule(np.insert)
def _insert(a: Any, places: Any, values: Any, axis: Any = None) -> Any:
    return Enclosed(np.insert(raw(a), _place(places), raw(values), axis))


@_rule(np.pad)
def _pad(a: Any, widths: Any, mode: str = "constant", **kwargs: Any) -> Any:
    if mode == "constant":
        values = raw(kwargs.pop("constant_values", 0.0))
        if kwargs or values.size != 1:
            raise unruled("pad with several constants")
        return Enclosed(np.pad(raw(a), widths, "constant", constant_values=values.item()))
    if mode not in ("edge", "reflect", "symmetric", "wrap") or kwargs:
        raise unruled(f"pad in the mode {mode}")
    moved: Any = np.pad
    return Enclosed(moved(raw(a), widths, mode))


@_rule(np.where)
def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:  # both
        raise unruled("where with a condition alone")
    x, y = (raw(one) for one in choices)
    if isinstance(condition, Enclosed):
        condition = conditions(_as_conditions(condition))
    if not isinstance(condition, Enclosed):
        return Enclosed(np.where(np.asarray(condition) != 0, x, y))
    chosen = np.frompyfunc(lambda c, one, other: (one if c != 0 else other) if c.is_exact() else _either(one, other), 3, 1)
    return Enclosed(chosen(condition.data, x, y))


@_rule(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    above = a if a_min is None else np.maximum(a, a_min)
    return above if a_max is None else np.minimum(above, a_max)


@_rule(np.round, np.around)
def _round(a: Any, decimals: int = 0) -> Any:
    if decimals:
        raise unruled("round to decimals")
    return np.rint(a)


@_rule(np.fix)
def _fix(a: Any) -> Any:
    return np.trunc(a)


POINTWISE = frozenset(
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

# --- sums and choices --------------------------------------------------------------------------------------------------------------------


def _folded(function: Callable[[Any, Any], Any], data: NDArray[Any], axis: Any, keepdims: bool) -> Any:  # noqa: FBT001 (NumPy's signature)
    """The elements along axes joined by a function of two, in their order."""
    axes = tuple(range(data.ndim)) if axis is None else normalize_axis_tuple(axis, data.ndim)
    kept = np.moveaxis(data, axes, range(-len(axes), 0))
    flat = kept.reshape(*kept.shape[: data.ndim - len(axes)], -1)
    found = np.frompyfunc(function, 2, 1).reduce(flat, axis=-1)
    found = found if isinstance(found, np.ndarray) else _boxed(found)
    return np.expand_dims(found, axes) if keepdims else found


@_rule(np.sum)
def _sum(a: Any, axis: Any = None, keepdims: bool = False, dtype: None = None) -> Any:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
    reduce: Any = np.add.reduce
    found = reduce(raw(a), axis=axis, keepdims=keepdims)
    return Enclosed(found if a.size else _filled(found))


@_rule(np.prod)
def _prod(a: Any, axis: Any = None, keepdims: bool = False, dtype: None = None) -> Any:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
    reduce: Any = np.multiply.reduce
    return Enclosed(_filled(reduce(raw(a), axis=axis, keepdims=keepdims)))


@_rule(np.mean)
def _mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: FBT001, FBT002 (NumPy's signature)
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    return _sum(a, axis, keepdims) / math.prod(a.shape[place] for place in axes)


def _extreme(function: Callable[[Any, Any], Any]) -> Rule:
    def rule(a: Any, axis: Any = None, keepdims: bool = False, dtype: None = None) -> Any:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
        return Enclosed(_folded(function, raw(a), axis, keepdims))

    return rule


def _answered(function: Callable[[Any, Any], Any], empty: bool) -> Rule:  # noqa: FBT001 (what nothing answers)
    def rule(a: Any, axis: Any = None, keepdims: bool = False, dtype: None = None) -> Any:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
        data = _as_conditions(a)
        return conditions(_folded(function, data, axis, keepdims)) if data.size else empty

    return rule


RULES[np.max] = RULES[np.amax] = _extreme(balls.larger)
RULES[np.min] = RULES[np.amin] = _extreme(balls.smaller)
RULES[np.any], RULES[np.all] = _answered(balls.larger, empty=False), _answered(balls.smaller, empty=True)
_REDUCED = {
    np.add: RULES[np.sum],
    np.multiply: RULES[np.prod],
    np.maximum: RULES[np.max],
    np.minimum: RULES[np.min],
    np.logical_or: RULES[np.any],
    np.logical_and: RULES[np.all],
}


def _before(x: Any, y: Any, what: str) -> bool:
    """Whether ``x`` is less than ``y`` for certain; ties and what is open are not."""
    found = _relation("less", x, y)
    if found is None:
        raise Undecided(f"{what} depends on which of two numbers is larger, and they are too close")
    return found


def _ranks(values: list[Any], what: str) -> list[int]:
    """The places of a row in ascending order, NaN last; ties in theirs, whatever kind of sort is asked for."""
    numbers = [place for place, one in enumerate(values) if not _is_nan(one)]
    if any(not values[place].is_finite() and values[place].rad() != 0 for place in numbers):
        raise Undecided(f"{what} needs numbers that are known")
    order = sorted(numbers, key=lambda place: values[place].mid())  # compared by their midpoints, which are exact; the sort is stable
    for one, other in itertools.pairwise(order):
        _before(values[one], values[other], what)
    return order + [place for place, one in enumerate(values) if _is_nan(one)]


def _by_row(a: Any, axis: int, function: Callable[[list[Any]], Any], kind: Any) -> Any:
    """A function of rows along an axis, put in their place."""
    data = np.moveaxis(raw(a), axis, -1)
    rows = [function(row) for row in data.reshape(-1, data.shape[-1]).tolist()]
    result = np.empty((len(rows), *(np.shape(rows[0]) if rows else ())), kind)
    for place, row in enumerate(rows):
        result[place] = row
    return result, data.shape[:-1]


@_rule(np.argsort)
def _argsort(a: Any, axis: Any = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:  # noqa: ARG001 (NumPy's signature)
    if axis is None:
        return _argsort(np.ravel(a), 0)
    found, before = _by_row(a, axis, lambda row: _ranks(row, "the order of a sort"), np.int64)
    return np.moveaxis(found.reshape(*before, a.shape[axis]), -1, axis)


@_rule(np.sort)
def _sort(a: Any, axis: Any = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:  # noqa: ARG001 (NumPy's signature)
    if axis is None:
        return _sort(np.ravel(a), 0)
    found, before = _by_row(a, axis, _sorted, object)
    return Enclosed(np.moveaxis(found.reshape(*before, a.shape[axis]), -1, axis))


def _sorted(row: list[Any]) -> list[Any]:
    """Balls in ascending order: where two overlap, enclosures of what is first, second …, between the sorted ends of all."""
    try:
        return [row[place] for place in _ranks(row, "")]
    except Undecided:
        if not all(one.is_finite() for one in row):
            return [arb.nan()] * len(row)
        lower, upper = (sorted(getattr(one, end)() for one in row) for end in ("lower", "upper"))
        return [low.union(high) for low, high in zip(lower, upper, strict=True)]


def _extreme_place(a: Any, axis: Any, keepdims: bool, name: str) -> Any:  # noqa: FBT001 (NumPy's signature)
    what, sign = f"np.{name}", -1 if name == "argmax" else 1
    flat = a if axis is not None else np.ravel(a)

    def find(row: list[Any]) -> int:
        best = 0
        for place, one in enumerate(row):
            if _is_nan(one):
                return place
            if place and _before(*((one, row[best]) if sign > 0 else (row[best], one)), what):
                best = place
        return best

    found, before = _by_row(flat, -1 if axis is None else axis, find, np.int64)
    found = found.reshape(before)
    if keepdims:
        return np.expand_dims(found, tuple(range(a.ndim)) if axis is None else axis)
    return found[()]


RULES[np.argmax] = lambda a, axis=None, keepdims=False: _extreme_place(a, axis, keepdims, "argmax")
RULES[np.argmin] = lambda a, axis=None, keepdims=False: _extreme_place(a, axis, keepdims, "argmin")


@_rule(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    edges, values = raw(a), raw(v)
    if edges.ndim != 1 or side not in ("left", "right"):
        raise unruled("searchsorted like this")
    below = np.less if side == "left" else np.less_equal  # the edges that lie before
    found = _related(below, edges, values[..., None])
    if isinstance(found, Enclosed):
        raise Undecided("np.searchsorted depends on which of two numbers is larger, and they are too close")
    before = np.asarray(found)
    return np.sum(before, axis=-1)


@_rule(np.nonzero)
def _nonzero(a: Any) -> Any:
    return np.nonzero(_decided(a))


@_rule(np.flatnonzero)
def _flatnonzero(a: Any) -> Any:
    return np.flatnonzero(_decided(a))


@_rule(np.argwhere)
def _argwhere(a: Any) -> Any:
    return np.argwhere(_decided(a))


@_rule(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None) -> Any:
    return np.count_nonzero(_decided(a), axis)


def _decided(a: Any) -> NDArray[Any]:
    found = conditions(_as_conditions(a))
    if isinstance(found, Enclosed):
        raise Undecided("which numbers are not 0 is open")
    return np.asarray(found)


def whole(value: Enclosed) -> NDArray[np.int64]:
    """The integers towards zero, as a cast to integers makes them: where no ball leaves any doubt."""
    found = np.empty(value.size, np.int64)
    for place, one in enumerate(value.data.reshape(-1).tolist()):
        exact = balls.truncated(one).unique_fmpz() if one.is_finite() else None
        if exact is None:
            raise Undecided("an integer is needed, and the ball holds several")
        if not -(2**63) <= int(exact) < 2**63:
            raise TypeError("a cast to integers is beyond the range of int64")
        found[place] = int(exact)
    return found.reshape(value.shape)


def _scatter(target: Enclosed, places: Any, values: Any = 1.0) -> None:
    """``np.add.at``, which only the rules of differentiation use, on arrays of their own."""
    if not target.data.flags.writeable:
        target.data = target.data.copy()
    np.add.at(target.data, _place(places), raw(values))


# --- methods -----------------------------------------------------------------------------------------------------------------------------


def _astype(a: Enclosed, dtype: Any, **_: Any) -> Any:
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return whole(a).astype(dtype)
    if kind == "b":
        return conditions(_as_conditions(a))
    raise TypeError(CONVERSION)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy as a method, by way of its protocol."""
    return lambda a, *args, **kwargs: function(a, *args, **kwargs)  # noqa: PLW0108 (functions of C would not be bound to an array)


METHODS: dict[str, Callable[..., Any]] = {
    **{
        name: _method(getattr(np, name))
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
    "flatten": np.ravel,
    "reshape": lambda a, *shape: np.reshape(a, shape[0] if len(shape) == 1 else shape),
    "transpose": lambda a, *axes: np.transpose(a, (axes[0] if len(axes) == 1 else axes) if axes else None),
    "astype": _astype,
}
for _name, _found in METHODS.items():
    setattr(Enclosed, _name, _found)
for _name in ("item", "tolist", "tobytes", "view", "fill", "put", "sort", "partition"):
    setattr(Enclosed, _name, Enclosed._refuse)  # noqa: SLF001 (the sentence of a conversion)
