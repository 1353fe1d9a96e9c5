"""References: plain NumPy functions, evaluated as balls, as perturbed arrays, or as ordinary float64, with derivatives of any order."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import importlib.util
import operator
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import autograd
import numpy as np
import scipy.special
from autograd.tracer import Box
from flint import ctx
from numpy.typing import ArrayLike

from replab.errors import TruthError
from replab.formats import FORMATS, Array, Format
from replab.truth import balls, namespace
from replab.truth.arithmetic import ORDINARY, Arithmetic, flushed
from replab.truth.enclosures.arrays import Enclosed, lift as lifted_to_balls
from replab.truth.enclosures.evaluation import TooLong, Undecided, apart
from replab.truth.enclosures.moved import Moved, Product
from replab.truth.family_modules import FamilyModule, Importer
from replab.truth.perturbed import CONVERSION, Diverged, Perturbed, rounding, side_by_side
from replab.truth.reading import certified as second_reading, text
from replab.truth.reading.constants import replaced
from replab.truth.special import special_
from replab.truth.values import Function, Value

Lift = Callable[[Array], ArrayLike]
"""How the values of an input become those of an interpretation."""


@functools.cache
def load(path: Path, constants: tuple[tuple[str, float], ...] = ()) -> ModuleType:
    """The reference module, NumPy and ``scipy.special`` in it replaced by the lab's namespaces.

    ``constants`` stand in the place of those that have their text. Raises ``TruthError`` when the file cannot be imported.
    """
    spec = importlib.util.spec_from_file_location(f"replab_reference_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 (for mypy: a path ending in .py always has both)
    module = importlib.util.module_from_spec(spec)
    vars(module).update({"__builtins__": Importer(path.parent, vars(builtins), _run).builtins, "__package__": ""})
    try:
        if constants:
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            tree.body = replaced(tree.body, dict(constants))
            exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 (the file that is run anyway)
        else:
            spec.loader.exec_module(module)
    except FAILURES as error:
        raise TruthError(f"cannot be imported: {_described(error)}", where=_place(path, error) or str(path)) from error
    _given_namespaces(module)
    return module


def _run(module: FamilyModule, path: Path) -> None:
    """Fill a module that a reference imports from beside it."""
    SourceFileLoader(module.__name__, str(path)).exec_module(module)
    _given_namespaces(module)


def _given_namespaces(module: ModuleType) -> None:
    """Put the lab's namespaces in the place of NumPy and ``scipy.special``, whatever they are called in a module."""
    for name, value in [*vars(module).items()]:
        if value is np or value is scipy.special:
            setattr(module, name, namespace.np_ if value is np else special_)


FAILURES = (Exception, SystemExit, GeneratorExit)
"""How a reference may end: all but an interruption by the user."""


def _described(error: BaseException) -> str:
    """An exception as a sentence that can be written anywhere."""
    if isinstance(error, NameError) and error.name in dir(builtins):
        return f"references cannot use {error.name}: what it does would not be certified"
    inner: BaseException | None = error
    while inner is not None and inner.args != (CONVERSION,):  # NumPy wraps it in words of its own
        inner = inner.__cause__ or inner.__context__
    return f"{type(error).__name__}: {inner or error}".encode("utf-8", "backslashreplace").decode()


def _place(path: Path, error: BaseException) -> str:
    """The line of the reference, or of a module beside it, that an exception came through last, with its text; empty where none is."""
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    ours = [(Path(name), line) for name, line in lines if line and Path(name).is_relative_to(path.parent)]
    return text.place(*ours[-1]) if ours else ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One function on one set of inputs: what a truth is the truth of."""

    path: Path
    function: str
    parameters: Mapping[str, object]
    inputs: Mapping[str, Array]
    """Input values by name in call order: floats on the grid under test, or integers."""
    differentiable: tuple[str, ...]
    derivative: int
    cotangents: Sequence[Sequence[Array]]
    """One list per derivative order: for order 0 an array per floating output, then one per differentiable input."""
    arithmetic: Arithmetic = ORDINARY

    def evaluate(self, lift: Lift, *, certified: bool = False, pointwise: bool = False) -> list[Value]:
        """The outputs (order 0) or the gradients with respect to the differentiable inputs (order ≥ 1) of the lifted inputs.

        ``certified``: no number may be rounded. ``pointwise``: no element may depend on another.
        Raises ``TruthError`` when the reference fails, ``Undecided`` when it needs more bits.
        """
        names = list(self.inputs)
        smallest = self.arithmetic.inputs_flushed_below
        lifted = {
            name: lift(flushed(values, smallest) if smallest else values) if values.dtype.kind == "f" else values
            for name, values in self.inputs.items()
        }
        cotangents = [[lift(values) for values in level] for level in self.cotangents]
        function: Function

        def outputs(*wanted: object) -> list[Value]:
            moving = {**lifted, **dict(zip(self.differentiable, wanted, strict=True))}
            with apart(pointwise):
                found: object = function(*(moving[name] for name in names), **self.parameters)
            return [_checked(one) for one in (found if isinstance(found, tuple | list) else [found])]

        def gradients(order: int) -> Callable[..., list[Value]]:
            if order == 0:
                return outputs
            below = gradients(order - 1)

            def phi(*wanted: object) -> object:
                found = [value for value in below(*wanted) if _is_float(value)]
                if [np.shape(value) for value in found] != [np.shape(c) for c in cotangents[order - 1]]:
                    raise TypeError(f"returns floats of the shapes {_shapes(found)} here and {_shapes(cotangents[order - 1])} elsewhere")
                terms = [namespace.np_.sum(operator.mul(c, value)) for c, value in zip(cotangents[order - 1], found, strict=True)]
                return functools.reduce(lambda a, b: a + b, terms)

            return lambda *wanted: list(autograd.grad(phi, tuple(range(len(wanted))))(*wanted))

        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                constants = self.arithmetic.constants
                module = second_reading.module(self.path, self.function, constants) if certified else load(self.path, constants)
                function = getattr(module, self.function)
                return gradients(self.derivative)(*(lifted[name] for name in self.differentiable))
        except (Diverged, TooLong, TruthError):
            raise
        except Undecided as error:
            error.where = self._where(error)
            raise
        except FAILURES as error:
            raise TruthError(_described(error), where=self._where(error)) from error

    def _where(self, error: BaseException) -> str:
        return f"{_place(self.path, error) or self._start()}: {self.function} (order {self.derivative})"

    def _start(self) -> str:
        """Where the function begins."""
        code = getattr(getattr(load(self.path), self.function, None), "__code__", None)
        return text.place(self.path, code.co_firstlineno) if code else str(self.path)

    def plain(self) -> list[Array]:
        """Values in ordinary float64 with IEEE special values: decides shapes, and where infinities and NaN belong."""
        return self._ordinary(np.float64)

    def plain_and_factors(self) -> tuple[list[Array], tuple[Array, Array] | None]:
        """What ``plain`` gives, and the two matrices of floats where that is their product and nothing else, which is found by watching."""
        if self.derivative or not self.arithmetic.ordinary:
            return self.plain(), None
        with namespace.noting_products() as made:
            found = self.evaluate(lambda values: values.astype(np.float64))
        values = [np.asarray(value) for value in found]
        if len(found) != 1 or len(made) != 1 or made[0][2] is not found[0]:
            return values, None
        left, right = made[0][:2]
        factors = (
            self._moved_factors()
            if left.ndim == right.ndim == 2 and np.asarray(left).dtype.kind == np.asarray(right).dtype.kind == "f"
            else None
        )
        return values, factors

    def _moved_factors(self) -> tuple[Array, Array] | None:
        """The factors of a product that are inputs, moved at most: computed ones would be rounded."""
        try:
            with namespace.exactly(), namespace.directly():
                (found,) = self.evaluate(lambda values: Moved(values.astype(np.float64)), certified=True)
        except (TruthError, Undecided):  # the path by balls says what is wrong, if anything is
            return None
        return (np.ascontiguousarray(found.left), np.ascontiguousarray(found.right)) if isinstance(found, Product) else None

    def extended(self) -> list[Array]:
        """Values in the processor's extended precision (64 bits of significand).

        Raises ``TruthError`` where the machine has no such type, or the reference needs a function that does not exist in it.
        """
        if np.finfo(np.longdouble).nmant < 63:  # the leading bit is counted apart
            raise TruthError("this machine has no extended precision, which long programs are judged by", where=str(self.path))
        with namespace.widely(), self._directly():
            return [np.asarray(value) for value in self.evaluate(lambda values: values.astype(np.longdouble), certified=True)]

    def _ordinary(self, kind: type[np.floating]) -> list[Array]:
        """Values in ordinary arrays of a type; in another arithmetic, in arrays of which nothing else is perturbed."""
        if not self.arithmetic.ordinary:
            with rounding(FORMATS["float64"], 0, self.arithmetic, exactly=True):
                return [_of_runs(value, 1)[0] for value in self.evaluate(side_by_side)]
        with self._directly():
            return [np.asarray(value) for value in self.evaluate(lambda values: values.astype(kind))]

    def _directly(self) -> AbstractContextManager[None]:
        """Without autograd's wrappers where nothing is differentiated."""
        return namespace.directly() if self.derivative == 0 else contextlib.nullcontext()

    def balls(self, precision: int, *, pointwise: bool = False) -> list[Array]:
        """Object arrays of balls, computed with ``precision`` bits (integer outputs stay integers).

        Raises ``Undecided`` where a ball leaves open what the reference does.
        """
        before, ctx.prec = ctx.prec, precision
        try:
            with namespace.exactly(), self._directly():
                found = self.evaluate(lambda values: Enclosed(balls.to_balls(values)), certified=True, pointwise=pointwise)
            return [self._settled(value) for value in found]
        finally:
            ctx.prec = before

    def _settled(self, value: object) -> Array:
        if isinstance(value, Enclosed):
            if value.kind == "b":
                open_ = Undecided("whether a condition that is returned holds is open")
                open_.where = self._where(open_)
                raise open_
            return value.data
        return np.asarray(value) if _is_whole(value) else lifted_to_balls(value)

    def perturbed(self, form: Format, seed: int, runs: int = 1) -> tuple[list[Array], int]:
        """Values as they may come out when every operation rounds to ``form``, float64 arrays (runs, …); and the number of operations."""
        try:
            return self._side_by_side(form, seed, runs)
        except Diverged:  # where the path depends on the numbers
            alone = [self._side_by_side(form, seed + run, 1) for run in range(runs)]
            shapes = {tuple(value.shape for value in values) for values, _ in alone}
            if len(shapes) > 1:
                raise TruthError("returns outputs whose shapes depend on rounding", where=f"{self._start()}: {self.function}") from None
            return [np.concatenate(column) for column in zip(*(values for values, _ in alone), strict=True)], alone[0][1]

    def _side_by_side(self, form: Format, seed: int, runs: int) -> tuple[list[Array], int]:
        with rounding(form, seed, self.arithmetic) as noise:
            found = self.evaluate(lambda values: side_by_side(values, runs))
        return [_of_runs(value, runs) for value in found], noise.operations


def _of_runs(value: object, runs: int) -> Array:
    """The values of several runs, also where all have the same."""
    if isinstance(value, Perturbed):
        return value.data
    array = np.asarray(value)
    return np.broadcast_to(array, (runs, *array.shape))


def _shapes(values: Sequence[ArrayLike | Value]) -> str:
    return ", ".join(str(np.shape(value)) for value in values) or "none"


def _checked(value: object) -> Value:
    """An output, which must be a number or an array of numbers.

    Raises ``TypeError``.
    """
    if not _is_value(value):
        inner = _unboxed(value)
        kinds = f"an array of {inner.dtype}" if isinstance(inner, np.ndarray | np.generic) else f"a {type(inner).__name__}"
        raise TypeError(f"returns {kinds}: an output is a number or an array of numbers, several of them are a tuple")
    return value


def _unboxed(value: object) -> object:
    while isinstance(value, Box):
        value = value._value  # noqa: SLF001 (how autograd unboxes)
    return value


def _is_value(value: object) -> TypeGuard[Value]:
    """Whether something is a number or an array of numbers, in whatever boxes."""
    inner = _unboxed(value)
    kind = inner.dtype.kind if isinstance(inner, np.ndarray | np.generic) else "f"
    return isinstance(inner, bool | int | float | np.ndarray | np.generic | Perturbed | Enclosed | Product) and kind in "biuf"


def _is_whole(value: object) -> bool:
    """An integer or boolean array, or a single number of such a type as ``np.argmax`` returns it."""
    return isinstance(value, bool | int) or (isinstance(value, np.ndarray | np.generic | Perturbed) and value.dtype.kind in "iub")


def _is_float(value: object) -> bool:
    return not _is_whole(_unboxed(value))
