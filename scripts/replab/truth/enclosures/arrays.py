"""The array of balls itself: what it shows, what it refuses, and how NumPy's functions reach their rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import numpy as np
from autograd.tracer import Box
from flint import arb
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, NDArray

from replab.truth.enclosures.evaluation import Undecided, count, mixes, unruled
from replab.truth.enclosures.relations import relation
from replab.truth.perturbed import CONVERSION

Balls = NDArray[np.object_]
"""An array whose elements are ``arb``."""
Axis = int | tuple[int, ...] | None
Function = Callable[..., object]
Rule = Callable[..., object]
R = TypeVar("R", bound=Rule)
RULES: dict[Function, Rule] = {}
"""What NumPy's functions do to arrays of balls, ufuncs among them."""
REDUCTIONS: dict[np.ufunc, Rule] = {}
"""What ``reduce`` of ufuncs does."""
POINTWISE: set[Function] = set()
"""Functions in which every element stays by itself."""


def lift(values: object) -> Balls:
    """An object array of exact balls: numbers or arrays of integers, booleans, floats or extended floats."""
    if isinstance(values, int | float) and type(values) in (int, float):
        return boxed(arb(values))
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


def boxed(value: object) -> Balls:
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

    def __init__(self, data: Balls | arb, kind: str = "f") -> None:
        self.scalar = not isinstance(data, np.ndarray)  # where NumPy's floats would be a number, which nobody can change
        self.data = data if isinstance(data, np.ndarray) else boxed(data)
        self.kind = kind

    @property
    def shape(self) -> tuple[int, ...]:
        """As of NumPy's arrays; so are the others."""
        return self.data.shape

    @property
    def ndim(self) -> int:  # noqa: D102
        return self.data.ndim

    @property
    def size(self) -> int:  # noqa: D102
        return self.data.size

    @property
    def dtype(self) -> np.dtype[np.bool_] | np.dtype[np.float64]:
        """What NumPy's own array would have."""
        return np.dtype(np.bool_) if self.kind == "b" else np.dtype(np.float64)

    T = property(np.transpose)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Enclosed]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, index: object) -> Enclosed:
        if self.ndim:
            mixes("an index")
        return Enclosed(self.data[place(index)], self.kind)

    def __setitem__(self, index: object, value: object) -> NoReturn:
        raise TypeError("a reference changes no array in place: write it with np.where, np.concatenate or np.stack")

    def one(self) -> arb:
        """The ball of an array with a single element."""
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous")
        element: arb = self.data.reshape(-1)[0]
        return element

    def __bool__(self) -> bool:
        answer = relation("not_equal", self.one(), arb(0))
        if answer is None:
            raise Undecided("whether this condition holds is open" if self.kind == "b" else "whether this number is 0 is open")
        return answer

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(CONVERSION)

    __float__ = __int__ = __index__ = __complex__ = __array__ = __round__ = __trunc__ = __floor__ = __ceil__ = __format__ = _refuse
    __reduce_ex__ = _refuse  # a copy outside of this evaluation
    item = tolist = tobytes = view = fill = put = sort = partition = _refuse

    def __repr__(self) -> str:
        return f"<balls of shape {self.shape}>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: object) -> object:
        if any(isinstance(value, Box) for value in inputs):
            return NotImplemented  # let autograd unbox first
        if method == "at" and ufunc is np.add:
            add_at: Rule = scatter
            return add_at(*inputs)
        if kwargs.get("out") is not None:
            raise TypeError("a reference changes no array in place: write x = x + y, and no out=")
        if method == "reduce" and ufunc in REDUCTIONS:
            return REDUCTIONS[ufunc](*inputs, **{"axis": 0, **kwargs})
        if method != "__call__" or kwargs:
            raise unruled(f"{ufunc.__name__}.{method}" if method != "__call__" else f"{ufunc.__name__} with {', '.join(kwargs)}")
        count()
        if ufunc not in RULES:
            raise unruled(ufunc.__name__)
        return RULES[ufunc](*inputs)

    def __array_function__(self, func: Function, types: object, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        if func not in RULES:
            raise unruled(func.__name__)
        count()
        if func not in POINTWISE and any(one.ndim for one in _inside([*args, *kwargs.values()])):
            mixes(f"np.{func.__name__}")
        return RULES[func](*args, **kwargs)


def _inside(value: object) -> Iterator[Enclosed]:
    if isinstance(value, Enclosed):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _inside(one)


def _operation(ufunc: np.ufunc, *, swapped: bool = False) -> Callable[[Enclosed, ArrayLike], object]:
    """An operator, without the way through NumPy's protocol: references of small arrays use thousands."""

    def apply(self: Enclosed, other: ArrayLike) -> object:
        if isinstance(other, Enclosed):
            values: Balls | arb = other.data
            if self.kind == other.kind == "b":
                raise Undecided("conditions that are open cannot be computed with")
        elif isinstance(other, Box):
            return NotImplemented  # let autograd unbox first
        else:
            values = operand(other)
            if self.kind == "b" and is_condition(other):
                raise Undecided("conditions that are open cannot be computed with")
        count()
        return Enclosed(ufunc(values, self.data) if swapped else ufunc(self.data, values))

    return apply


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide}.items():
    setattr(Enclosed, f"__{_name}__", _operation(_ufunc))
    setattr(Enclosed, f"__r{_name}__", _operation(_ufunc, swapped=True))


def rule(*functions: Function) -> Callable[[R], R]:
    """Makes a function the rule of some of NumPy's."""

    def register(found: R) -> R:
        RULES.update(dict.fromkeys(functions, found))
        return found

    return register


def is_condition(value: object) -> bool:
    """Whether a value consists of conditions, open or decided."""
    if isinstance(value, Enclosed):
        return value.kind == "b"
    return isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


def operand(value: object) -> Balls | arb:
    """As ``raw``, for arithmetic with balls: those take Python's exact numbers as they are, which is quicker."""
    if isinstance(value, int | float) and type(value) in (int, float):
        return arb(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.dtype.itemsize <= 8:
        return value.astype(object)
    return raw(value)


def full(shape: tuple[int, ...], value: int) -> Enclosed:
    """An array of one whole number."""
    return Enclosed(np.full(shape, arb(value), object))


def raw(value: object) -> Balls:
    """The balls of an array, a number or a list of such."""
    if isinstance(value, Enclosed):
        return value.data
    if isinstance(value, tuple | list):
        parts = [raw(one) for one in value]
        return np.stack(parts) if parts else np.empty(0, object)
    return lift(value)


def place(index: object) -> Any:
    """An index (or another argument that says where) without balls."""
    if isinstance(index, Enclosed):
        if index.kind == "b":
            raise Undecided("an index must be decided")
        raise TypeError(CONVERSION)
    return type(index)(map(place, index)) if isinstance(index, tuple | list) else index


def filled(data: object) -> Balls | arb:
    """Results among which NumPy may have put integers of its own, as balls."""
    if not isinstance(data, np.ndarray):
        return data if isinstance(data, arb) else arb(data)  # type: ignore[arg-type]  # a number
    return np.asarray(np.frompyfunc(lambda one: one if isinstance(one, arb) else arb(one), 1, 1)(data), object) if data.size else data


def scatter(target: Enclosed, places: object, values: object = 1.0) -> None:
    """``np.add.at``, which only the rules of differentiation use, on arrays of their own."""
    if not target.data.flags.writeable:
        target.data = target.data.copy()
    np.add.at(target.data, place(places), raw(values))
