"""The ``np`` and ``special`` that a reference sees: NumPy under reverse-mode differentiation (HIPS autograd), on any interpretation.

autograd's derivative rules call NumPy functions themselves, so the functions that balls need are put into its own wrapper module once,
at import; they do nothing unusual for ordinary arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.core import JVPNode, VJPNode, VSpace, primitive_vjps
from autograd.extend import defvjp, notrace_primitive, primitive
from autograd.numpy import numpy_wrapper
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace
from autograd.tracer import notrace_primitives, register_notrace, trace_primitives_map
from flint import arb
from scipy import special as scipy_special

from replab import formats
from replab.truth import balls, linalg
from replab.truth.dispatch import concatenate, stack
from replab.truth.perturbed import Perturbed


def _holds_balls(value: Any) -> bool:
    return isinstance(value, arb) or (isinstance(value, np.ndarray) and value.dtype == object)


ROUNDED = frozenset(
    """exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh reciprocal
    logaddexp arctan2 power hypot square divide true_divide erf erfc erfinv gammaln psi digamma expit""".split()  # noqa: SIM905 (easier to read)
)
"""Functions of plain numbers that float64 would round: while the truth is computed they are functions of exact balls, ``np.sqrt(2.0)`` and
the ``log(2)`` of autograd's rules too."""


def _as_exact(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as exact balls where all are plain numbers or arrays of them; else as they are (integers alone make integers)."""
    arrays = [np.asarray(arg) for arg in args if isinstance(arg, int | float | np.number | np.ndarray)]
    kinds = {array.dtype.kind for array in arrays}
    if len(arrays) < len(args) or not kinds <= set("fiu") or (kinds <= set("iu") and len(args) > 1):
        return args
    return tuple(balls.to_balls(array) if array.ndim else arb(float(array)) for array in arrays)


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(*_as_exact(args), **kwargs)


def _install(name: str, on_balls: Callable[..., Any], *modules: Any) -> None:
    """Replace ``name`` in autograd's modules by a primitive that has a branch for balls and keeps the derivative rule."""
    old = getattr(modules[0], name)
    plain = getattr(old, "fun", None) or getattr(np, name)

    def function(*args: Any, **kwargs: Any) -> Any:
        if np_.exact and name in ROUNDED:
            args = _as_exact(args)
        return (on_balls if any(map(_holds_balls, args)) else plain)(*args, **kwargs)

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


def _join_perturbed(name: str, join_runs: Callable[..., Any]) -> None:
    """Let a primitive of autograd that joins arrays by NumPy's own code join perturbed ones by ``join_runs``."""
    old = getattr(numpy_wrapper, name)
    join = old.fun

    def function(*args: Any) -> Any:
        return (join_runs if any(isinstance(value, Perturbed) for value in args) else join)(*args)

    function.__name__ = name
    new = primitive(function)
    primitive_vjps[new] = primitive_vjps[old]
    setattr(numpy_wrapper, name, new)


@primitive  # type: ignore[untyped-decorator]  # autograd comes without types
def round_to(values: Any, name: str) -> Any:
    """``values`` rounded to a format, half to even; its derivative is taken as 1 (a cast passes gradients through)."""
    if _holds_balls(values):
        return balls.round_to(values, name)
    if isinstance(values, Perturbed):
        return Perturbed(np.asarray(formats.round_to(values.data, name), np.float64))
    return np.asarray(formats.round_to(np.asarray(values), name), np.float64)


defvjp(round_to, lambda ans, values, name: lambda g: g, argnums=(0,))  # noqa: ARG005 (what autograd hands over)


def _metadata(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Perturbed):  # asking NumPy would go through its dispatch four times
        return value.shape, value.ndim, value.dtype, False
    return np.shape(value), np.ndim(value), _result_type(value), np.iscomplexobj(value)


def _result_type(*values: Any) -> Any:
    """As NumPy's, which takes a single ball for the name of a dtype."""
    return np.dtype(object) if any(map(_holds_balls, values)) else np.result_type(*values)


@contextmanager
def _within(flag: str) -> Iterator[None]:
    setattr(np_, flag, True)
    try:
        yield
    finally:
        setattr(np_, flag, False)


def exactly() -> AbstractContextManager[None]:
    """Within this block constants are balls."""
    return _within("exact")


def directly() -> AbstractContextManager[None]:
    """Within this block nothing is differentiated, and functions are NumPy's own: autograd's wrappers take longer than a small array."""
    return _within("direct")


@contextmanager
def noting_products() -> Iterator[list[tuple[Any, Any, Any]]]:
    """As ``directly``; the matrix products that are made are in the list."""
    noted: list[tuple[Any, Any, Any]] = []
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

    def zeros(self) -> Any:  # noqa: D102 (autograd's documentation holds)
        return Perturbed(np.zeros((self.runs, *self.shape)))

    def ones(self) -> Any:  # noqa: D102 (as above)
        return Perturbed(np.ones((self.runs, *self.shape)))


def _register() -> None:
    ArrayBox.register(arb)
    ArrayBox.register(Perturbed)
    VSpace.register(arb, lambda value: ArrayVSpace(np.asarray(value, object)))
    VSpace.register(Perturbed, PerturbedSpace)
    for name, function in {**balls.UNARY, **balls.BINARY, **balls.PREDICATES, "matmul": balls.matmul}.items():
        if hasattr(numpy_wrapper, name):
            _install(name, function, numpy_wrapper, anp)
    _join_perturbed("concatenate_args", lambda axis, *arrays: concatenate(arrays, axis))
    _join_perturbed("array_from_args", lambda args, kwargs, *arrays: stack(arrays))  # noqa: ARG005 (what autograd hands over)
    _join_perturbed("_array_from_scalar_or_array", lambda args, kwargs, array: array)  # noqa: ARG005
    numpy_wrapper.metadata = anp.metadata = notrace_primitive(_metadata)
    numpy_wrapper.result_type = anp.result_type = notrace_primitive(_result_type)


class LabNumpy:
    """``numpy`` as a reference sees it."""

    linalg = linalg
    round_to = staticmethod(round_to)
    exact = False
    """True while the interpretation is balls: constants are then enclosed rigorously."""
    direct = False
    """True while the interpretation is ordinary numbers and nothing is differentiated."""

    products: list[tuple[Any, Any, Any]] | None = None
    """Where somebody asks for them: the matrix products that the ordinary interpretation makes, both factors and what came out."""

    def __getattr__(self, name: str) -> Any:
        if self.direct and self.products is not None and name == "matmul":
            return self._noted
        if self.direct and hasattr(np, name) and hasattr(anp, name):
            return getattr(np, name)
        try:
            found = getattr(anp, name)
            return _of_numbers(found) if self.exact and name in ROUNDED else found
        except AttributeError:
            raise AttributeError(f"references cannot use np.{name}: autograd has no rule for it") from None

    def _noted(self, left: Any, right: Any) -> Any:
        found = np.matmul(left, right)
        if self.products is not None and len(self.products) <= 1:  # of more than one nobody wants to know more
            self.products.append((left, right, found))
        return found

    @staticmethod
    def stop_gradient(x: Any) -> Any:
        """``x`` as a constant: its derivative is 0 whatever ``x`` depends on."""
        while hasattr(x, "_value"):
            x = x._value  # noqa: SLF001 (how autograd unboxes)
        return x

    def var(self, x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:  # noqa: FBT001, FBT002 (NumPy's signature)
        """Mean of the squared distances from the mean, over n - ddof (composed: NumPy's own asks elements for ``conjugate``)."""
        centred = x - anp.mean(x, axis=axis, keepdims=True)
        count = np.size(x) if axis is None else int(np.prod([np.shape(x)[place] for place in np.atleast_1d(axis)]))
        return anp.sum(centred * centred, axis=axis, keepdims=keepdims) / (count - ddof)

    def std(self, x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:  # noqa: FBT001, FBT002 (NumPy's signature)
        """Square root of ``var``."""
        return anp.sqrt(self.var(x, axis=axis, ddof=ddof, keepdims=keepdims))

    @property
    def pi(self) -> Any:
        """π: a ball, or the nearest float64."""
        return arb.pi() if self.exact else np.pi

    @property
    def e(self) -> Any:
        """e: a ball, or the nearest float64."""
        return arb(1).exp() if self.exact else np.e


np_ = LabNumpy()


def _special(name: str) -> Callable[..., Any]:
    """A function of ``scipy.special`` as a primitive with a branch for balls."""
    on_balls, on_numbers = balls.SPECIAL[name], getattr(scipy_special, name)

    def function(x: Any) -> Any:
        x = _as_exact((x,))[0] if np_.exact else x
        return (on_balls if _holds_balls(x) else on_numbers)(x)

    function.__name__ = name
    return primitive(function)  # type: ignore[no-any-return]  # autograd comes without types


SPECIAL = {name: _special(name) for name in balls.SPECIAL}
# Abramowitz and Stegun 1964, 7.1.1, 6.3.1; written here, since autograd's have 1/√π as a float64 number, and import much else beside.
defvjp(SPECIAL["erf"], lambda _, x: lambda g: 2.0 * g * anp.exp(-x * x) / anp.sqrt(np_.pi))
defvjp(SPECIAL["erfc"], lambda _, x: lambda g: -2.0 * g * anp.exp(-x * x) / anp.sqrt(np_.pi))
defvjp(SPECIAL["erfinv"], lambda ans, _: lambda g: 0.5 * g * anp.exp(ans * ans) * anp.sqrt(np_.pi))
defvjp(SPECIAL["gammaln"], lambda _, x: lambda g: g * SPECIAL["psi"](x))
defvjp(SPECIAL["expit"], lambda ans, _: lambda g: g * ans * (1 - ans))


class LabSpecial:
    """``scipy.special`` as a reference sees it."""

    def __getattr__(self, name: str) -> Any:
        if name not in SPECIAL:
            raise AttributeError(f"references cannot use special.{name}: known are {', '.join(sorted(SPECIAL))}")
        return SPECIAL[name]


special_ = LabSpecial()
_register()
