"""The ``np`` and ``special`` that a reference sees: NumPy under reverse-mode differentiation (HIPS autograd), on any interpretation.

autograd's derivative rules call NumPy functions themselves, so the functions that balls need are put into its own wrapper module once,
at import; they do nothing unusual for ordinary arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from typing import Any, ClassVar

import autograd.numpy as anp
import numpy as np
from autograd.core import JVPNode, VJPNode, VSpace, primitive_vjps
from autograd.extend import defvjp, notrace_primitive, primitive
from autograd.numpy import numpy_wrapper
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace
from autograd.tracer import Box, notrace_primitives, register_notrace, trace_primitives_map
from flint import arb, ctx, fmpq
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import ArrayLike, DTypeLike, NDArray

from replab import formats
from replab.truth import balls, linalg
from replab.truth.composed import WHY_NOT, Composed
from replab.truth.dispatch import concatenate, stack
from replab.truth.enclosures import methods as _rules  # noqa: F401
from replab.truth.enclosures.arrays import RULES, Enclosed, full, lift
from replab.truth.enclosures.evaluation import mixes, unruled
from replab.truth.enclosures.moving import concatenate as concatenate_balls, stack as stack_balls
from replab.truth.perturbed import CONVERSION, Axis, Perturbed
from replab.truth.values import Function, Value

ROUNDED = frozenset(
    """exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh reciprocal
    logaddexp arctan2 power hypot square divide true_divide""".split()  # noqa: SIM905 (easier to read)
)
"""Functions of plain numbers that float64 would round: while the truth is computed they are functions of exact balls, ``np.sqrt(2.0)`` and
the ``log(2)`` of autograd's rules too."""
OURS = (Enclosed, Box)
Constant = Enclosed | np.longdouble | float
Noted = tuple[Value, Value, object]
"""Two factors and their product."""
OPTIONS = (int, float, str, tuple, type(None))
"""What is no array among the arguments of a function of linear algebra."""
CREATION = frozenset(("zeros", "ones", "eye", "identity", "tri", "arange"))
"""Functions whose floats are whole numbers, as long as they are given such."""
OF_INTEGERS = frozenset(("square", "reciprocal", "power"))
"""Functions that make integers of integers."""
JOINING = frozenset(("concatenate", "stack", "hstack", "vstack", "column_stack"))
"""Functions of a list of arrays; to all others a list is an array."""
STRICT = frozenset(
    {function.__name__ for function in RULES}
    | balls.UNARY.keys()
    | balls.BINARY.keys()
    | balls.PREDICATES.keys()
    | ROUNDED
    | CREATION
    | JOINING
    | {
        "add",
        "subtract",
        "multiply",
        "negative",
        "positive",
        "matmul",
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_not",
        "logical_xor",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "invert",
        "array",
        "asarray",
        "full",
    }
)
"""What a reference may use where truth is certified: what has a rule."""
TYPES = frozenset(("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"))


class _TypeName(str):
    """A type of NumPy as a reference says it where arrays are made: ``dtype=np.int64``. It casts nothing."""

    __slots__ = ()

    def __call__(self, *_values: object) -> Value:
        meant = f", or np.round_to(x, '{self}') where that rounding is meant" if self.startswith("float") else ""
        raise TypeError(f"np.{self}(…) would cast, which loses an error bound: write the number itself{meant}")


def _as_exact(args: tuple[object, ...]) -> tuple[object, ...]:
    """The arguments lifted where all are plain numbers or arrays of them; else as they are (integers alone make integers)."""
    arrays = [np.asarray(arg) for arg in args if isinstance(arg, int | float | np.number | np.ndarray)]
    kinds = {array.dtype.kind for array in arrays}
    if len(arrays) < len(args) or not kinds <= set("fiu") or (kinds <= set("iu") and len(args) > 1):
        return args
    return tuple(map(np_.lifted, args))


def _install(name: str, *modules: object) -> None:
    """Replace ``name`` in autograd's modules by a primitive that lifts plain numbers where truth is certified; its derivative stays."""
    old = getattr(modules[0], name)
    plain = getattr(old, "fun", None) or getattr(np, name)

    def function(*args: object, **kwargs: object) -> object:
        return plain(*(_as_exact(args) if np_.strict else args), **kwargs)

    function.__name__ = name
    new = primitive(function)
    if old in primitive_vjps:
        primitive_vjps[new] = primitive_vjps[old]
    for kind in (VJPNode, JVPNode):
        if old in notrace_primitives[kind]:
            register_notrace(kind, new)
    if plain in trace_primitives_map:
        trace_primitives_map[plain] = new  # what ``np.exp(box)`` calls
    for module in modules:
        setattr(module, name, new)


def _join(name: str, join_runs: Callable[..., object], join_balls: Callable[..., object]) -> None:
    """Let a primitive of autograd that joins arrays by NumPy's own code join perturbed ones by ``join_runs``, balls by ``join_balls``."""
    old = getattr(numpy_wrapper, name)
    join = old.fun

    def function(*args: object) -> object:
        if any(isinstance(value, Perturbed) for value in args):
            return join_runs(*args)
        return (join_balls if any(isinstance(value, Enclosed) for value in args) else join)(*args)

    function.__name__ = name
    new = primitive(function)
    primitive_vjps[new] = primitive_vjps[old]
    setattr(numpy_wrapper, name, new)


@primitive  # type: ignore[untyped-decorator]  # autograd comes without types
def round_to(values: ArrayLike, name: str) -> Perturbed | Enclosed | NDArray[np.float64]:
    """``values`` rounded to a format, half to even; its derivative is taken as 1 (a cast passes gradients through)."""
    if isinstance(values, Enclosed):
        return Enclosed(balls.round_to(values.data, name))
    if isinstance(values, Perturbed):
        return Perturbed(np.asarray(formats.round_to(np.asarray(values.data, np.float64), name), np.float64))
    return np.asarray(formats.round_to(np.asarray(values), name), np.float64)


defvjp(round_to, lambda ans, values, name: lambda g: g, argnums=(0,))  # noqa: ARG005 (what autograd hands over)


def _chosen(ans: Value, x: Value, axis: Axis = None, keepdims: bool | None = None) -> Callable[[Value], Value]:  # noqa: ARG001, FBT001 (NumPy's signature)
    """The derivative of a largest or smallest element, in equal shares where several are. autograd's rule adds zeros first.

    A ball and itself plus zero are two balls, of which nobody knows whether they are one number.
    """
    shape = anp.shape(x)
    axes = range(len(shape)) if axis is None else normalize_axis_tuple(axis, len(shape))
    kept = tuple(1 if place in axes else size for place, size in enumerate(shape))

    def vjp(g: Value) -> Value:
        places = x == anp.reshape(ans, kept)
        share: Value = anp.reshape(g, kept) * places / anp.sum(places, axis=tuple(axes), keepdims=True)
        return share

    return vjp


for _function in (anp.max, anp.min, anp.amax, anp.amin):
    defvjp(_function, _chosen)


def _metadata(value: ArrayLike) -> tuple[object, ...]:
    if isinstance(value, Perturbed | Enclosed):  # asking NumPy would go through its dispatch four times
        return value.shape, value.ndim, value.dtype, False
    return np.shape(value), np.ndim(value), np.result_type(value), np.iscomplexobj(value)


@contextmanager
def _within(flag: str) -> Iterator[None]:
    setattr(np_, flag, True)
    try:
        yield
    finally:
        setattr(np_, flag, False)


def exactly() -> AbstractContextManager[None]:
    """Within this block numbers are balls."""
    return _within("exact")


def widely() -> AbstractContextManager[None]:
    """Within this block numbers have the processor's extended precision."""
    return _within("wide")


def directly() -> AbstractContextManager[None]:
    """Within this block nothing is differentiated, and functions are NumPy's own: autograd's wrappers take longer than a small array."""
    return _within("direct")


@contextmanager
def noting_products() -> Iterator[list[Noted]]:
    """As ``directly``; the matrix products that are made are in the list."""
    noted: list[Noted] = []
    np_.products = noted
    try:
        with directly():
            yield noted
    finally:
        np_.products = None


class PerturbedSpace(ArrayVSpace):  # type: ignore[misc]  # autograd comes without types
    """Gradients of perturbed arrays are accumulated in perturbed arrays, so that these sums are rounded as well."""

    def __init__(self, value: Perturbed) -> None:
        self.shape, self.dtype, self.runs = value.shape, value.dtype, value.runs

    def zeros(self) -> Perturbed | Enclosed:  # noqa: D102 (autograd's documentation holds)
        return Perturbed(np.zeros((self.runs, *self.shape)))

    def ones(self) -> Perturbed | Enclosed:  # noqa: D102 (as above)
        return Perturbed(np.ones((self.runs, *self.shape)))


class EnclosedSpace(ArrayVSpace):  # type: ignore[misc]  # as above
    """Gradients of balls are accumulated in balls."""

    def __init__(self, value: Enclosed) -> None:
        self.shape, self.dtype = value.shape, value.dtype

    def zeros(self) -> Value:  # noqa: D102 (autograd's documentation holds)
        return full(self.shape, 0)

    def ones(self) -> Value:  # noqa: D102 (as above)
        return full(self.shape, 1)

    def _mut_add(self, before: Enclosed, more: Enclosed) -> object:
        return before + more


def _register() -> None:
    ArrayBox.register(Perturbed)
    ArrayBox.register(Enclosed)
    ArrayBox.__floordiv__ = anp.floor_divide
    ArrayBox.__rfloordiv__ = lambda self, other: anp.floor_divide(other, self)
    VSpace.register(Perturbed, PerturbedSpace)
    VSpace.register(Enclosed, EnclosedSpace)
    for name in sorted(ROUNDED):
        if hasattr(numpy_wrapper, name):
            _install(name, numpy_wrapper, anp)
    _join("concatenate_args", lambda axis, *arrays: concatenate(arrays, axis), lambda axis, *arrays: concatenate_balls(arrays, axis))
    _join(
        "array_from_args",
        lambda args, kwargs, *arrays: stack(arrays),  # noqa: ARG005 (what autograd hands over)
        lambda args, kwargs, *arrays: stack_balls(arrays),  # noqa: ARG005
    )
    _join("_array_from_scalar_or_array", lambda args, kwargs, array: array, lambda args, kwargs, array: array)  # noqa: ARG005
    numpy_wrapper.metadata = anp.metadata = notrace_primitive(_metadata)


class LabNumpy(Composed):
    """``numpy`` as a reference sees it."""

    linalg = linalg
    round_to = staticmethod(round_to)
    inf, nan, newaxis = np.inf, np.nan, None
    exact = False
    """True while the interpretation is balls."""
    wide = False
    """True while it is the processor's extended precision."""
    direct = False
    """True while the interpretation is ordinary numbers and nothing is differentiated."""
    strict = property(lambda self: self.exact or self.wide)
    """True while no number may be rounded to float64."""

    _functions: ClassVar[dict[str, Function]] = {}
    products: list[Noted] | None = None
    """Where somebody asks for them: the matrix products that the ordinary interpretation makes, both factors and what came out."""

    def __getattr__(self, name: str) -> Function:
        if self.strict:
            return self.strictly(name)
        if self.direct and self.products is not None and name == "matmul":
            return self._noted
        if self.direct and hasattr(np, name) and hasattr(anp, name):
            plain: Function = getattr(np, name)
            return plain
        try:
            wrapped: Function = getattr(anp, name)
        except AttributeError:
            raise AttributeError(f"references cannot use np.{name}: {WHY_NOT.get(name, 'autograd has no rule for it')}") from None
        return wrapped

    def strictly(self, name: str) -> Function:
        """A function of NumPy that neither takes nor gives plain floats."""
        if name in TYPES:
            return _TypeName(name)
        if name not in STRICT or not hasattr(anp, name):
            raise AttributeError(f"references cannot use np.{name}: {WHY_NOT.get(name, 'it has no rule in certified arithmetic')}")
        if name not in self._functions:
            self._functions[name] = functools.partial(self._apply, name)
        return self._functions[name]

    def _apply(self, name: str, *args: object, **kwargs: object) -> Value:
        if {"out", "where", "casting"} & kwargs.keys():
            raise TypeError(f"references use no {', '.join(sorted(kwargs))} of np.{name}: nothing is changed in place")
        if name in ("shape", "size") and getattr(args[0], "ndim", 0) > 0:
            mixes(f"np.{name}")
        if name in ("array", "asarray"):
            make: Function = self._array
            return make(*args, **kwargs)
        if name == "full":
            fill: Function = self._full
            return fill(*args, **kwargs)
        if name in CREATION:
            if any(isinstance(one, (float, np.floating, *OURS)) for one in args):
                raise TypeError(f"np.{name} takes whole numbers here: floats would be rounded")
            created: Value = self.kept(getattr(np, name)(*args, **kwargs))
            return created
        if "dtype" in kwargs:
            raise TypeError(f"references use no dtype= of np.{name}")
        function: Function = getattr(np if self.direct and hasattr(np, name) else anp, name)
        if type(args[0]) not in (Enclosed, ArrayBox) and _is_plain([*args, *kwargs.values()]):
            if (name in ROUNDED or name == "mean") and name not in OF_INTEGERS:
                return function(*map(self.lifted, args[: 1 if name in balls.UNARY or name == "mean" else 2]), *args[2:], **kwargs)
            found: Value = getattr(np, name)(*args, **kwargs)
            if np.asarray(found).dtype.kind == "f":
                raise unruled(name)
            return found
        if name not in JOINING:
            args = tuple(
                self._array(one) if isinstance(one, list | tuple) and _holds(one, (float, np.floating, *OURS)) else one for one in args
            )
        if kwargs:
            kwargs = {key: self._lifted_within(value) for key, value in kwargs.items()}
        found = function(*[one if type(one) is Enclosed else self._lifted_within(one) for one in args], **kwargs)
        made: Value = found if type(found) is Enclosed else self.kept(found)
        return made

    def _array(self, value: object, dtype: DTypeLike | None = None) -> Value:
        made: Value
        if isinstance(value, OURS) or _holds(value, OURS):
            if dtype is not None:
                raise TypeError(CONVERSION)
            made = anp.array(self._lifted_within(value))
            return made
        if dtype is not None and _holds(value, (np.floating, np.ndarray)):
            raise TypeError(CONVERSION)
        is_wide = self.wide and _holds(value, (np.floating, np.ndarray))
        made = self.kept(np.array(self._lifted_within(value)) if is_wide else np.array(value, dtype))
        return made

    def _full(self, shape: int | tuple[int, ...], value: object, dtype: DTypeLike | None = None) -> Value:
        if dtype is not None and not isinstance(value, int | float):
            raise TypeError(CONVERSION)
        is_plain = isinstance(value, int | float)
        made: Value = self.kept(np.full(shape, value, dtype)) if is_plain else self.lifted(value) * self.kept(np.ones(shape))
        return made

    def lifted(self, value: object) -> Any:
        """A number, or an array of them, as the interpretation in force has it: balls, or extended precision."""
        if isinstance(value, OURS) or not self.strict:
            return value
        if self.exact:
            return Enclosed(lift(value))
        return np.asarray(value, np.longdouble)[()]

    def _lifted_within(self, value: object) -> object:
        """Arguments with the floats among them lifted."""
        if isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
            return self.lifted(value)
        return type(value)(map(self._lifted_within, value)) if isinstance(value, list | tuple) else value

    def kept(self, found: object) -> Any:
        """What a function of NumPy gave, its floats lifted: they must be exact, or of extended precision."""
        if isinstance(found, list | tuple):
            return type(found)(map(self.kept, found))
        return self.lifted(found) if isinstance(found, np.ndarray | np.floating) and found.dtype.kind == "f" else found

    def ratio(self, exact: Fraction) -> Constant:
        """A rational number."""
        if not self.strict:
            return float(exact)
        if self.exact:
            return Enclosed(arb(fmpq(exact.numerator, exact.denominator)))
        high = float(exact)
        return np.longdouble(high) + np.longdouble(float(exact - Fraction(high)))

    def lifting(self, function: Function) -> Function:
        """``function`` of arrays, which are lifted first, integers too."""
        return lambda *args, **options: function(*(arg if isinstance(arg, OPTIONS) else self.lifted(arg) for arg in args), **options)

    def _noted(self, left: Value, right: Value) -> Value:
        found: Value = np.matmul(left, right)
        if self.products is not None and len(self.products) <= 1:  # of more than one nobody wants to know more
            self.products.append((left, right, found))
        return found

    @staticmethod
    def stop_gradient(x: object) -> object:
        """``x`` as a constant: its derivative is 0 whatever ``x`` depends on."""
        while hasattr(x, "_value"):
            x = x._value  # noqa: SLF001 (how autograd unboxes)
        return x

    def var(self, x: Value, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Value:  # noqa: FBT001, FBT002 (NumPy's signature)
        """Mean of the squared distances from the mean, over n - ddof (composed: NumPy's own asks elements for ``conjugate``)."""
        x = self.lifted(x)
        centred = x - anp.mean(x, axis=axis, keepdims=True)
        count = np.size(x) if axis is None else int(np.prod([np.shape(x)[place] for place in np.atleast_1d(axis)]))
        variance: Value = anp.sum(centred * centred, axis=axis, keepdims=keepdims) / (count - ddof)
        return variance

    def std(self, x: Value, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Value:  # noqa: FBT001, FBT002 (NumPy's signature)
        """Square root of ``var``."""
        deviation: Value = anp.sqrt(self.var(x, axis=axis, ddof=ddof, keepdims=keepdims))
        return deviation

    @property
    def pi(self) -> Constant:
        """π: a ball, or the nearest number."""
        return self._constant(arb.pi, np.pi)

    @property
    def e(self) -> Constant:
        """e: a ball, or the nearest number."""
        return self._constant(arb.const_e, np.e)

    @property
    def euler_gamma(self) -> Constant:
        """γ: a ball, or the nearest number."""
        return self._constant(arb.const_euler, np.euler_gamma)

    def _constant(self, ball: Callable[[], arb], nearest: float) -> Constant:
        if self.exact:
            return Enclosed(ball())
        if not self.wide:
            return nearest
        before, ctx.prec = ctx.prec, 128
        try:
            return np.longdouble(nearest) + np.longdouble(float(ball() - nearest))
        finally:
            ctx.prec = before


def _holds(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether a value, or one within lists, is of one of the kinds."""
    return any(_holds(one, kinds) for one in value) if isinstance(value, list | tuple) else isinstance(value, kinds)


def _is_plain(values: Sequence[object]) -> bool:
    """Whether there is neither a float nor a ball among arguments."""
    return not any(
        isinstance(one, (float, np.floating, *OURS)) or (isinstance(one, np.ndarray) and one.dtype.kind not in "biu")
        if not isinstance(one, list | tuple)
        else not _is_plain(one)
        for one in values
    )


np_ = LabNumpy()


_register()
