"""Results of one's own, judged as the workflow judges those of its cells: certified truth, envelope of rounding, verdict, cause.

The rules are those of ``replab.truth``, ``replab.compare``, ``replab.judge`` and ``replab.attribute``; here is only what stands in for a
family, its files and its store.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from replab.attribute import rows as attributions
from replab.attribute.causes import Causes
from replab.compare.escalation import escalate
from replab.compare.metrics import Finding, widen
from replab.compare.pairs import Judged, pair_row
from replab.compare.ulp import compare_pair, ulp_distance
from replab.compare.verdict import outside, verdict
from replab.config import candidates as lab_candidates
from replab.config.faults import Faults
from replab.contract.input_index import Index, InputFile
from replab.errors import TruthError
from replab.formats import FORMATS, Array, round_to
from replab.ids import CellId
from replab.judge import verdicts
from replab.library import source
from replab.library.arrays import Plain, is_array, plain
from replab.library.deadline import TimeUp, within
from replab.library.errors import InputError
from replab.library.words import Comparison, Element, Judgement, Output, Truth
from replab.model import Case, Cell, Factor, Family, Status, Verdict, worst
from replab.plan.outputs import output_names
from replab.store.rows import AttributionRow
from replab.store.store import Tensor
from replab.truth.arithmetic import apart
from replab.truth.cache import Truths
from replab.truth.certify import Truth as Certified, certify, sharpened
from replab.truth.reading.constants import constants
from replab.truth.reference import Problem

Reference = Callable[..., object]
Wrt = str | int | Sequence[str | int]
"""By which inputs is differentiated, by name or number."""
SECONDS = 120.0
"""A reference may take so long, if nobody says otherwise; a cell of the workflow has as long."""
FAMILY = "library"
RESULT, OTHER = "result", "other"
"""What stands for environments in the cells that are judged."""
_at_work = threading.RLock()
"""Precision, noise and their like are of the whole process: one evaluation at a time."""


def judge(
    result: object,
    reference: Reference,
    inputs: object,
    *,
    again: object = None,
    factors: Mapping[str, Sequence[object]] | None = None,
    candidates: Sequence[str] = (),
    wrt: Wrt | None = None,
    cotangents: object = None,
    elementwise: bool = False,
    correctly_rounded: bool = False,
    seconds: float = SECONDS,
) -> Judgement:
    """Say whether rounding explains how ``result`` differs from the certified values of ``reference`` on ``inputs``.

    result       an array (NumPy, PyTorch, TensorFlow, on whatever device), or several in a tuple where the reference returns several
    reference    a function of NumPy arrays that says what is right; it may be a lambda, a closure, a function of a notebook
    inputs       what both were given: an array, several in a tuple, or by name in a dictionary
    again        what the same function gives in another precision on the same numbers: float64, or float32 for a result in float64. It
                 tells an inaccurate kernel (``accuracy``) from another function (``semantic``); without it that stays ``beyond``
    factors      other values of keyword arguments of the reference, which are tried where rounding does not explain the result, such as
                 ``{"epsilon": [1e-3, 1e-5]}``; an ellipsis among them (``[1e-3, ...]``) means any real number, found by a fit
    candidates   names of the lab's own tables of such values, ``["batch_norm", "adam"]``: those of their choices are tried that the
                 reference takes as keyword arguments with a default
    wrt          ``result`` is a gradient, by the input of this name or number (or several, then ``result`` is a tuple in that order):
                 that of the sum of ``cotangents`` times what the reference returns
    cotangents   what a framework was given as ``grad_outputs`` (``output_gradients``): an array of the shape of the output, or a tuple of
                 them for the outputs that are floats; ones where nothing is said, as ``y.sum().backward()`` has it
    elementwise  each element of the result depends on the same element of the inputs and on no other: many elements take less time
    correctly_rounded  the result is that of one operation of which IEEE 754 asks the correctly rounded number (+, −, ×, ÷, √): one unit of
                 the last place too many is ``accuracy``
    seconds      how long the reference may take

    Raises ``InputError`` where that cannot be judged, and ``TruthError`` where the reference fails, in both with a sentence that says why.
    """
    asked = _Asked(
        reference,
        inputs,
        factors=factors or {},
        candidates=candidates,
        wrt=wrt,
        cotangents=cotangents,
        elementwise=elementwise,
        correctly_rounded=correctly_rounded,
        seconds=seconds,
    )
    return asked.judged(asked.cell(result, RESULT, "the result"), asked.companion(again, RESULT))


def compare(
    a: object,
    b: object,
    reference: Reference,
    inputs: object,
    *,
    again: tuple[object, object] | None = None,
    factors: Mapping[str, Sequence[object]] | None = None,
    candidates: Sequence[str] = (),
    wrt: Wrt | None = None,
    cotangents: object = None,
    elementwise: bool = False,
    correctly_rounded: bool = False,
    seconds: float = SECONDS,
) -> Comparison:
    """Say whether rounding explains how two results of one function differ from each other, and what each is against the truth.

    ``again``: both in another precision, the first and the second. All else as in ``judge``.
    """
    asked = _Asked(
        reference,
        inputs,
        factors=factors or {},
        candidates=candidates,
        wrt=wrt,
        cotangents=cotangents,
        elementwise=elementwise,
        correctly_rounded=correctly_rounded,
        seconds=seconds,
    )
    if again is not None and len(again) != 2:
        raise InputError("again= of two results is a pair: what the first and what the second gives in another precision")
    others = again or (None, None)
    cells = [asked.cell(a, RESULT, "the first result"), asked.cell(b, OTHER, "the second result")]
    companions = [asked.companion(other, cell.id.environment) for cell, other in zip(cells, others, strict=True)]
    sides = [asked.judged(cell, companion) for cell, companion in zip(cells, companions, strict=True)]
    return asked.compared(cells, sides)


def truth(
    reference: Reference,
    inputs: object,
    dtype: str = "float32",
    *,
    wrt: Wrt | None = None,
    cotangents: object = None,
    elementwise: bool = False,
    seconds: float = SECONDS,
) -> Truth | tuple[Truth, ...]:
    """The certified values of ``reference`` on ``inputs``, with their own error bound and what rounding in ``dtype`` may move them by.

    One ``Truth``, or a tuple of them where the reference returns a tuple of several. ``wrt``, ``cotangents``: those of its gradients, as in
    ``judge``. Raises as ``judge`` does.
    """
    if dtype not in FORMATS:
        raise InputError(f"a truth is that of results in {', '.join(FORMATS)}, not in {dtype!r}")
    asked = _Asked(reference, inputs, wrt=wrt, cotangents=cotangents, elementwise=elementwise, seconds=seconds)
    asked.check_grid(dtype)
    made = tuple(_told(one, dtype, asked.shape) for one in asked.truths(dtype))
    return made[0] if len(made) == 1 else made


def ulp(a: object, b: object) -> NDArray[np.float64]:
    """How many representable numbers of their format two arrays are apart, element by element.

    0 where both are NaN or the same, infinite where one of them is NaN. Raises ``InputError`` where shapes or dtypes differ.
    """
    left, right = plain(a, "the first array"), plain(b, "the second array")
    for one, other, what in ((left.dtype, right.dtype, "dtype"), (left.values.shape, right.values.shape, "shape")):
        if one != other:
            raise InputError(f"the first array has the {what} {one}, the second one {other}: steps are counted in one format and shape")
    if not left.floating:
        raise InputError(f"arrays of {left.dtype} have no ULP: that is the distance of two floating-point numbers")
    nan = np.isnan(left.values), np.isnan(right.values)
    steps = ulp_distance(left.values, right.values, left.dtype).astype(np.float64)
    return np.where(nan[0] & nan[1], 0.0, np.where(nan[0] | nan[1], np.inf, steps))


def _told(one: Certified, dtype: str, shape: tuple[int, ...] | None) -> Truth:
    """A certified value as callers get it, in the ``shape`` of the inputs where these were flattened."""
    if one.exact is not None:
        value: Array = one.exact
        nearest: Array = value
        low: Array = np.zeros(value.shape)
        bound, sigma = low, low
    else:
        open_ = ~np.isfinite(one.bound) | np.isnan(one.high)
        value, low = np.where(open_, one.ieee, one.high), np.where(open_, 0.0, one.low)
        bound, sigma, nearest = one.bound, one.sigma, round_to(value, dtype)
    value, low, bound, sigma, nearest = (part if shape is None else part.reshape(shape) for part in (value, low, bound, sigma, nearest))
    return Truth(
        value=value, low=low, bound=bound, sigma=sigma, nearest=nearest, dtype=dtype, method=one.method, exact=one.exact is not None
    )


class _Asked(Truths):
    """A reference on its inputs: what stands in the place of a case, of its files, and of the truths on disk."""

    def __init__(
        self,
        reference: Reference,
        inputs: object,
        *,
        factors: Mapping[str, Sequence[object]] = MappingProxyType({}),
        candidates: Sequence[str] = (),
        wrt: Wrt | None = None,
        cotangents: object = None,
        elementwise: bool = False,
        correctly_rounded: bool = False,
        seconds: float,
    ) -> None:
        super().__init__(Path(), Path())
        given, names = _inputs(inputs)
        if names is not None:
            reference, given = _by_name(reference, given, names)
        chosen = _candidates(reference, len(given), candidates)
        self.written = source.write(reference, len(given), tuple({**chosen, **factors}))
        self.given = dict(zip(_unlike(self.written.arguments), given, strict=True))
        self.elementwise, self.seconds = elementwise, seconds
        self.shape: tuple[int, ...] | None = None
        if elementwise:
            self.shape = self._one_shape()
        self.case = Case(
            family=FAMILY,
            name=self.written.name,
            title=self.written.name,
            function=source.ENTRY,
            inputs={},
            elementwise=elementwise,
            correctly_rounded=correctly_rounded,
            factors={**chosen, **{name: _factor(name, values, self.written) for name, values in factors.items()}},
        )
        self.family = Family(name=FAMILY, folder=self.written.path.parent, title=FAMILY, question="", cases=(self.case,), leave_out={})
        self._certified: dict[tuple[str, str], list[Certified]] = {}
        self.wrt: tuple[int, ...] = ()
        self.cotangents: dict[str, Plain] = {}
        self.outputs = self._outputs()
        if wrt is not None:
            self._differentiated(wrt, cotangents)
        elif cotangents is not None:
            raise InputError("cotangents are of gradients: say by which input with wrt=")

    def _one_shape(self) -> tuple[int, ...]:
        shapes = {name: one.values.shape for name, one in self.given.items()}
        if len(set(shapes.values())) != 1 or (self.written.outside and any(one.ndim for one in self.written.outside.values())):
            listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise InputError(f"elementwise=True is for inputs of one shape and a reference without arrays of its own, not for {listed}")
        return next(iter(shapes.values()))

    def _outputs(self) -> list[str]:
        """Names of the outputs, by evaluating the reference once."""
        with self._guarded(), self._limited():
            found = self._problem({}).plain()
        if not found:
            raise TruthError("returns nothing", where=f"the reference {self.written.name}")
        return output_names(self.case, len(found))

    def _differentiated(self, wrt: Wrt, cotangents: object) -> None:
        """From here on it is the gradients that are asked for. Raises ``InputError``."""
        if self.case.correctly_rounded:
            raise InputError("correctly_rounded=True is of values: IEEE 754 says nothing of gradients")
        self.wrt = self._places(wrt)
        with self._guarded(), self._limited():
            values = [one for one in self._problem({}, derivative=0).plain() if one.dtype.kind == "f"]
        if not values:
            raise InputError(f"the reference {self.written.name} returns no floating-point numbers: it has no gradients")
        shapes = [self.shape if self.shape is not None else one.shape for one in values]
        if cotangents is None:
            given = [Plain(np.ones(shape, np.float32), "float32") for shape in shapes]
        else:
            several = list(cotangents) if isinstance(cotangents, tuple | list) and any(map(is_array, cotangents)) else [cotangents]
            given = [plain(one, "the cotangent") for one in several]
            if [one.values.shape for one in given] != shapes or not all(one.floating for one in given):
                told = ", ".join(f"{one.dtype} {list(one.values.shape)}" for one in given)
                raise InputError(
                    f"cotangents= has {told}, and the outputs of the reference are floats of {', '.join(map(str, map(list, shapes)))}"
                )
        self.cotangents = dict(zip(_unlike(["the cotangent"] * len(given)), given, strict=True))
        names = list(self.given)
        self.outputs = [f"grad_{names[place]}" for place in self.wrt]

    def _places(self, wrt: Wrt) -> tuple[int, ...]:
        """The numbers of the inputs that are differentiated by. Raises ``InputError``."""
        names = list(self.given)
        places = []
        for one in [wrt] if isinstance(wrt, str | int) else wrt:
            if one not in names and not (isinstance(one, int) and 0 <= one < len(names)):
                raise InputError(f"the reference has no input {one!r} to differentiate by: it has {', '.join(names)}")
            places.append(one if isinstance(one, int) else names.index(one))
        if not places or len(set(places)) != len(places):
            raise InputError("wrt= names each input that is differentiated by once")
        for place in places:
            if not self.given[names[place]].floating:
                raise InputError(f"{names[place]} holds {self.given[names[place]].dtype}: only by floating-point numbers is differentiated")
        return tuple(places)

    # --- what is asked of a reference ----------------------------------------------------------------------------------------------------

    def _problem(self, changed: Mapping[str, object], derivative: int = 1, dtype: str = "float32") -> Problem:
        """The reference with some factors changed; ``derivative=0``: its values also where gradients are asked for."""
        factors, arithmetic = apart(changed, dtype)
        values = list(self.numbers.values())
        size = values[0].size if values else 1
        outside = [np.broadcast_to(one, size) if self.elementwise else one for one in self.written.outside.values()]
        return Problem(
            path=self.written.path,
            function=source.ENTRY,
            parameters=self.case.true(**factors),
            inputs={str(place): one for place, one in enumerate([*values, *outside])},
            differentiable=tuple(map(str, self.wrt)) if derivative else (),
            derivative=derivative if self.wrt else 0,
            cotangents=[[one.values.reshape(-1) if self.elementwise else one.values for one in self.cotangents.values()]],
            arithmetic=arithmetic,
        )

    def truths(self, dtype: str, changed: Mapping[str, object] | None = None) -> list[Certified]:
        """The certified values of every output for results in ``dtype``. Raises ``TruthError``."""
        known = (dtype, repr(sorted((changed or {}).items())))
        if known not in self._certified:
            with self._guarded(), self._limited():
                self._certified[known] = certify(
                    self._problem(changed or {}, dtype=dtype), dtype, elementwise=self.elementwise, hypothesis=bool(changed)
                )
        return self._certified[known]

    def _sharpened(self, dtype: str) -> dict[str, Certified]:
        """The truths by output, with envelopes of more runs."""
        with self._guarded(), self._limited():
            return dict(zip(self.outputs, sharpened(self._problem({}, dtype=dtype), dtype, self.truths(dtype)), strict=True))

    def get(self, family: Family, cell: Cell, index: Index, changed: Mapping[str, object] | None = None) -> list[Certified]:  # noqa: ARG002 (as on disk)
        """As that on disk."""
        return self.truths(cell.dtype, changed)

    def plain(self, family: Family, cell: Cell, index: Index, changed: Mapping[str, object] | None = None) -> list[Array]:  # noqa: ARG002 (as on disk)
        """As that on disk."""
        with self._guarded(), self._limited():
            return self._problem(changed or {}, dtype=cell.dtype).plain()

    def constants(self, family: Family, cell: Cell) -> dict[str, float]:  # noqa: ARG002 (as on disk)
        """As of references on disk."""
        return constants(self.written.path, source.ENTRY)

    def plain_on(self, family: Family, cell: Cell, index: Index, arrays: Sequence[Array]) -> list[Array]:  # noqa: ARG002 (as on disk)
        """As that on disk."""
        problem = self._problem({}, dtype=cell.dtype)
        with self._guarded(), self._limited():
            return replace(problem, inputs={**problem.inputs, **dict(zip(problem.inputs, arrays, strict=False))}).plain()

    def inputs(self, cell: Cell, index: Index) -> list[Array]:  # noqa: ARG002 (as on disk)
        """As those on disk."""
        return list(self.numbers.values())

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        try:
            with within(self.seconds):
                yield
        except TimeUp:
            raise TruthError(
                f"it did not end within {self.seconds:g} s",
                where=f"the reference {self.written.name}",
                hint="Give it fewer numbers, or more time with seconds=",
            ) from None

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """One at a time, and what goes wrong in words of who wrote the reference."""
        with _at_work:
            try:
                yield
            except TruthError as error:
                error.where = self.written.told(error.where)
                raise

    @property
    def derivative(self) -> int:
        """0 where values are asked for, 1 where gradients are."""
        return int(bool(self.wrt))

    @property
    def numbers(self) -> dict[str, Array]:
        """The inputs as they are computed on."""
        return {name: one.values.reshape(-1) if self.elementwise else one.values for name, one in self.given.items()}

    # --- what is judged ------------------------------------------------------------------------------------------------------------------

    def check_grid(self, dtype: str) -> None:
        """That the inputs are numbers which a result of ``dtype`` can have been computed from. Raises ``InputError``."""
        named = {**{name: one.values for name, one in (*self.given.items(), *self.cotangents.items())}, **self.written.outside}
        for name, values in named.items():
            if values.dtype.kind != "f" or FORMATS[values.dtype.name].precision <= FORMATS[dtype].precision:
                continue
            with np.errstate(all="ignore"):
                there = round_to(values, dtype).astype(np.float64)
            other = (there != values) & ~np.isnan(values)
            if other.any():
                raise InputError(
                    f"{name} holds {values.dtype.name} numbers that {dtype} does not have ({int(other.sum())} of {values.size}, such as "
                    f"{float(values[other].flat[0])!r}): give the very numbers that the function was given"
                )

    def cell(self, result: object, side: str, what: str) -> Judged:
        """A result as a cell. Raises ``InputError``."""
        several = result if isinstance(result, tuple | list) and any(map(is_array, result)) else None
        parts = [result] if several is None else several
        if len(parts) != len(self.outputs):
            what_it_has = "gradient" if self.wrt else "output"
            has = f"{len(self.outputs)} {what_it_has}{'s' * (len(self.outputs) != 1)}"
            raise InputError(f"the reference {self.written.name} returns {has}, and {what} has {len(parts)}")
        arrays = [plain(one, what if several is None else f"{what}[{place}]") for place, one in enumerate(parts)]
        kinds = {one.dtype for one in arrays if one.floating}
        if len(kinds) > 1:
            raise InputError(f"{what} has outputs in {' and in '.join(sorted(kinds))}: judge those of one format together")
        dtype = kinds.pop() if kinds else "float32"
        self.check_grid(dtype)
        identity = CellId(FAMILY, self.written.name, dtype, "", self.derivative, side, verdicts.EAGER, "default", "cpu")
        tensors = {name: self._tensor(name, one) for name, one in zip(self.outputs, arrays, strict=True)}
        return Judged(id=identity, key="", status=Status.OK, reason="", tensors=tensors)

    def _tensor(self, name: str, array: Plain) -> Tensor:
        stored = array.stored
        flat = stored.reshape(-1) if self.elementwise and stored.shape == self.shape else stored
        return Tensor(name=name, dtype=array.dtype, values=flat, sha256=hashlib.sha256(flat.tobytes()).hexdigest())

    def companion(self, again: object, side: str) -> Judged | None:
        """What the same function gives in another precision."""
        return None if again is None else self.cell(again, side, "again")

    def judged(self, cell: Judged, companion: Judged | None) -> Judgement:
        """The judgement on a cell, whose findings and verdicts are noted on it."""
        names, dtype = self.outputs, cell.id.dtype
        truths = dict(zip(names, self.truths(dtype), strict=True))
        finer: dict[tuple[str, str], Judged] = {}
        known: dict[tuple[str, str, str, str], Verdict] = {}
        inputs = self.numbers
        if companion is not None:
            finer = self._told_by(companion, dtype, truths, inputs, known)
        verdicts.compare([cell], truths, correctly_rounded=self.case.correctly_rounded, sharper=lambda: self._sharpened(dtype))
        verdicts.decide(self.case, [cell], truths, inputs, finer, known, elementwise=self.elementwise)
        if finer and dtype not in ("float32", "float64"):
            self._escalate(cell, next(iter(finer.values())), truths)
        found = self._causes(cell, companion, finer)
        made = [self._output(cell, name, truths[name]) for name in names]
        return Judgement(outputs=tuple(made), dtype=dtype, compared=companion is not None, searched=bool(self.case.factors), **found)

    def _told_by(
        self,
        companion: Judged,
        dtype: str,
        truths: Mapping[str, Certified],
        inputs: Mapping[str, Array],
        known: dict[tuple[str, str, str, str], Verdict],
    ) -> dict[tuple[str, str], Judged]:
        """What a run in another precision says: the one in float64 beside a shorter format, or the verdict of float32."""
        other = companion.id.dtype
        if other == "float64" and dtype != other:
            verdicts.compare([companion], truths)
            return {(companion.id.environment, companion.id.mode): companion}
        if other == "float32" and dtype != other:
            singles = dict(zip(self.outputs, self.truths(other), strict=True))
            verdicts.compare([companion], singles)
            verdicts.decide(self.case, [companion], singles, inputs, {}, known, elementwise=self.elementwise)
            return {}
        raise InputError(f"again= has the dtype {other}, beside a result in {dtype}: float64 says most, float32 for a result in float64")

    def _escalate(self, cell: Judged, finer: Judged, truths: Mapping[str, Certified]) -> None:
        """The verdicts of a cell in a 16-bit format, by its run in float64."""
        for name, (finding, distances) in cell.findings.items():
            other = finer.findings[name][1]
            if distances is not None and other is not None and outside(finding):
                values = finer.tensors[name].values
                seen = escalate(finding, distances, other, values, truths[name], self.numbers, elementwise=self.elementwise)
                cell.verdicts[name] = (*verdict(finding, dtype=cell.id.dtype, escalation=seen, single=None), seen.shrink)

    def _causes(self, cell: Judged, companion: Judged | None, finer: Mapping[tuple[str, str], Judged]) -> dict[str, str]:
        """The cause of what rounding does not explain, and how that is known."""
        if not self.case.factors:
            return {}
        asked, within_float64 = cell, finer
        if cell.id.dtype not in ("float32", "float64"):
            if companion is None:
                return {}
            truths = dict(zip(self.outputs, self.truths(companion.id.dtype), strict=True))
            verdicts.compare([companion], truths)
            verdicts.decide(self.case, [companion], truths, self.numbers, {}, {}, elementwise=self.elementwise)
            asked, within_float64 = companion, {}
        inputs: list[InputFile] = [
            {"name": name, "sha256": "", "dtype": one.dtype.name, "shape": list(one.shape), "differentiable": False}
            for name, one in self.numbers.items()
        ]
        causes = Causes(self.family, self, {self.case.name: {asked.id.dtype: {"value": {"inputs": inputs, "cotangents": []}}}})
        found = causes.explain(self.case, asked.id.dtype, self.derivative, [asked], within_float64, self.outputs)
        cell.cause = asked.cause
        return _cause(found[0]) if found else {}

    def _output(self, cell: Judged, name: str, truth_: Certified) -> Output:
        finding, _ = cell.findings[name]
        found, why, shrink = cell.verdicts[name]
        return Output(
            name=name,
            verdict=found,
            why=why,
            shrink=shrink,
            elements=finding.elements,
            z=finding.z_max,
            limit=finding.z_limit,
            ulp=finding.ulp_max,
            rtol=finding.rel_max,
            atol=finding.abs_max,
            bound=finding.bound_ulp,
            envelope=finding.envelope_ulp,
            worst=self._element(cell.tensors[name], finding, truth_),
        )

    def _element(self, tensor: Tensor, finding: Finding, truth_: Certified) -> Element | None:
        if finding.worst < 0 or finding.problem:
            return None
        shape = self.shape if self.elementwise and self.shape is not None else tensor.values.shape
        index = tuple(int(one) for one in np.unravel_index(finding.worst, shape)) if shape else ()
        value = plain_number(tensor, finding.worst)
        told = _told(truth_, tensor.dtype if tensor.dtype in FORMATS else "float32", None)
        right = told.value.reshape(-1)[finding.worst].item()
        there = {name: one.values[index].item() for name, one in self.given.items() if one.values.shape == shape}
        return Element(index=index, result=value, truth=right, inputs=there)

    def compared(self, cells: Sequence[Judged], sides: Sequence[Judgement]) -> Comparison:
        """The distance of two judged cells."""
        truths = dict(zip(self.outputs, self.truths(cells[0].id.dtype), strict=True))
        rows = [pair_row(self.case, cells[0], cells[1], "framework", name, truths[name]) for name in self.outputs]
        row = max(rows, key=lambda one: Verdict(one.verdict).severity)
        limit = next(one.limit for one in sides[0].outputs if one.name == row.output)
        cause = row.cause.replace(f"{RESULT} ({verdicts.EAGER})", "the first").replace(f"{OTHER} ({verdicts.EAGER})", "the second")
        return Comparison(
            verdict=worst([Verdict(one.verdict) for one in rows]),
            z=row.z_max,
            limit=limit,
            ulp=row.ulp_max,
            rtol=row.rel_max,
            atol=row.abs_max,
            cause="" if cause == attributions.UNKNOWN else cause,
            worst=self._apart(cells, row.output),
            first=sides[0],
            second=sides[1],
        )

    def _apart(self, cells: Sequence[Judged], name: str) -> Element | None:
        """Where two results are farthest apart; their values stand for result and truth."""
        a, b = (cell.tensors[name] for cell in cells)
        if a.dtype != b.dtype or a.values.shape != b.values.shape or a.dtype not in FORMATS:
            return None
        place = compare_pair(a.values, b.values, a.dtype).worst
        if place < 0:
            return None
        shape = self.shape if self.elementwise and self.shape is not None else a.values.shape
        index = tuple(int(one) for one in np.unravel_index(place, shape)) if shape else ()
        there = {key: one.values[index].item() for key, one in self.given.items() if one.values.shape == shape}
        return Element(index=index, result=plain_number(a, place), truth=plain_number(b, place), inputs=there)


def plain_number(tensor: Tensor, place: int) -> float | int | bool:
    """An element of a stored tensor."""
    value: float | int | bool = widen(tensor.values, tensor.dtype).reshape(-1)[place].item()
    return value


def _cause(row: AttributionRow) -> dict[str, str]:
    """What a search found, for a judgement."""
    if row.factor == attributions.UNKNOWN:
        return {"searching": row.note}
    z = "" if math.isnan(row.z_aligned) else f" (then z = {row.z_aligned:.3g}: {row.verdict_aligned})"
    either = "" if row.named else f"; {row.factor} explain it equally well"
    return {"cause": f"{row.left_value} where the reference has {row.right_value}{z}{either}"}


def _inputs(inputs: object) -> tuple[list[Plain], list[str] | None]:
    """One input or several as arrays, and their names where they have some."""
    if isinstance(inputs, Mapping):
        return [plain(one, f"the input {name}") for name, one in inputs.items()], [str(name) for name in inputs]
    if isinstance(inputs, tuple) or (isinstance(inputs, list) and any(map(is_array, inputs))):
        return [plain(one, f"input {place}") for place, one in enumerate(inputs)], None
    return [plain(inputs, "the input")], None


def _by_name(reference: Reference, given: list[Plain], names: list[str]) -> tuple[Reference, list[Plain]]:
    """Inputs in the order of the arguments of the reference. Raises ``InputError`` where these have other names."""
    wanted = source.positional(reference)
    if unknown := [name for name in names if name not in wanted]:
        raise InputError(f"the reference has no input {unknown[0]}: it has {', '.join(wanted)}")
    order = [name for name in wanted if name in names]
    if order != wanted[: len(order)]:
        raise InputError(f"the inputs lack {next(name for name in wanted if name not in names)}, which the reference takes")
    return reference, [given[names.index(name)] for name in order]


def _unlike(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that are repeated."""
    return [name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names)]


def _candidates(reference: Reference, inputs: int, tables: Sequence[str]) -> dict[str, Factor]:
    """The factors of a reference by tables of the lab. Raises ``InputError``."""
    if not tables:
        return {}
    if isinstance(tables, str):
        raise InputError(f'candidates= is a list of names of tables: ["{tables}"]')
    faults = Faults()
    name = getattr(reference, "__name__", "reference")
    found = lab_candidates.factors_of(source.choices(reference, inputs), tables, name, "candidates=", faults)
    for fault in faults.errors:
        raise InputError(". ".join(filter(None, (fault.problem, fault.hint))))
    return found


def _factor(name: str, values: Sequence[object], written: source.Written) -> Factor:
    """A factor: the reference's own value, and what else is tried. Raises ``InputError``."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(f"the factor {name} has {values!r}: give a list of the values that are tried")
    listed = [one for one in values if one is not Ellipsis]
    aligned = written.defaults.get(name, listed[0] if listed else None)
    fit = any(one is Ellipsis for one in values)
    if not listed and not fit:
        raise InputError(f"the factor {name} has no values that could be tried")
    if fit and not isinstance(aligned, int | float):
        raise InputError(f"the factor {name} is {aligned!r} in the reference: only a number can be fitted")
    others = tuple(one for one in listed if type(one) is not type(aligned) or one != aligned)
    return Factor(aligned=aligned, alternatives=others, fit=fit, diagnose=True)
