"""Truths on disk: which one a cell is judged by, and certified values kept by the hash of everything they depend on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replab import contained, texts
from replab.config import functions
from replab.contract.input_index import CotangentFile, Index, InputFile
from replab.errors import LabError, StoreError, TruthError
from replab.formats import FORMATS, Array, spacing
from replab.model import Case, Cell, Family
from replab.plan import planning
from replab.plan.outputs import bytes_of
from replab.store.store import encode, read_safetensors, write_atomically
from replab.truth.arithmetic import apart
from replab.truth.certify import Truth, certify, sharpened
from replab.truth.reading.constants import constants
from replab.truth.reference import Lift, Problem
from replab.truth.values import Value

Changed = Mapping[str, object]
"""Values that some factors of a reference have instead of the right ones."""
NOTHING: Changed = {}
CODE = Path(__file__).resolve().parent
REMEMBERED_BYTES = 2**16


@functools.cache
def code_version() -> str:
    """SHA-256 of the code that certifies."""
    return functions.tree_digest(CODE, CODE.parent / "formats.py")


def judging_cell(case: Case, dtype: str, grid: str, derivative: int) -> Cell:
    """A cell that stands for all that share its truth (environment and mode do not matter to it)."""
    return Cell(case=case, dtype=grid or dtype, derivative=derivative, environment="", framework="", mode="", variant="")


def wanted(cases: tuple[Case, ...], coverage: str) -> Iterator[Cell]:
    """One standing cell per truth that ``cases`` need; cases with aligned factors share that of the case they were made from."""
    for case in cases:
        if case.aligned:
            continue
        for dtype, derivative in planning.judged(case, coverage):
            yield judging_cell(case, dtype, "", derivative)


def name_of(cell: Cell, changed: Changed = NOTHING) -> str:
    """What evaluating a reference is called while it is tried."""
    hypothesis = "".join(f", {name} = {value!r}" for name, value in sorted(changed.items()))
    return f"the reference of {cell.case.name} {cell.dtype} d{cell.derivative}{hypothesis}"


class _Tried(Problem):
    """A problem whose first evaluation has the time of a cell, as an implementation has: a reference is a program of the same kind."""

    def evaluate(self, lift: Lift, *, certified: bool = False, pointwise: bool = False) -> list[Value]:
        found = super().evaluate(lift, certified=certified, pointwise=pointwise)
        contained.passed()
        if not found and not self.derivative:
            raise TruthError("it returned no value", where=f"{self.path}: {self.function}")
        values: Sequence[object] = found
        for value in values:
            if value is None or isinstance(value, str | bytes | dict | set | complex):
                raise TruthError(f"it returned {type(value).__name__}, and no numbers", where=f"{self.path}: {self.function}")
        return found


@contextlib.contextmanager
def _answering(cell: Cell, changed: Changed) -> Iterator[None]:
    """A reference is evaluated: whatever it gives or raises that is no answer is its own fault. Raises ``TruthError``."""
    with contained.trial(name_of(cell, changed)):
        try:
            yield
        except LabError:
            raise
        except Exception as error:
            traceback.print_exc()
            raise TruthError(contained.described(error), where=name_of(cell, changed)) from error


def refusal(error: LabError, folder: Path) -> str:
    """Why a reference in ``folder`` has no answer, with its file and line where they are known: the same words on every machine."""
    beginning = f"{folder}/"
    return f"{error.problem}, in {error.where.removeprefix(beginning)}" if error.where.startswith(beginning) else error.problem


def shaping(family: Family, case: Case, dtype: str, arrays: Mapping[str, Array]) -> list[Array]:
    """The values of a case on inputs that are not on disk yet: they say what its cotangents look like. Raises ``TruthError``."""
    problem = _Tried(
        path=family.folder / "reference.py",
        function=case.function,
        parameters=case.true(),
        inputs=arrays,
        differentiable=(),
        derivative=0,
        cotangents=(),
    )
    with _answering(judging_cell(case, dtype, "", 1), NOTHING):
        return problem.plain()


class Truths:
    """Certified values below ``<store>/truth``, computed when they are missing or damaged."""

    def __init__(self, store: Path, data: Path) -> None:
        self.folder, self.data = store / "truth", data
        self._arrays: dict[str, Array] = {}
        """Small inputs: a search for causes asks for the same ones thousands of times."""

    def key(self, family: Family, cell: Cell, index: Index, changed: Changed = NOTHING) -> str:
        """Hash of everything that a truth depends on."""
        inputs, cotangents = bytes_of(cell, index)
        reference = family.folder / "reference.py"
        function = functions.original(reference, cell.case.function)  # cases whose references are one function share its truths
        identity = {
            "code": code_version(),
            "source": functions.digest(reference, function),
            "function": function,
            "parameters": cell.case.true(**dict(changed)),
            "drawn": cell.case.drawn,
            "dtype": cell.dtype,
            "derivative": cell.derivative,
            "inputs": inputs,
            "cotangents": cotangents,
            "elementwise": cell.case.elementwise,
            "hypothesis": bool(changed),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def problem(self, family: Family, cell: Cell, index: Index, changed: Changed = NOTHING) -> Problem:
        """The reference on the very bytes that the sandboxes get, with some factors ``changed``, or in another arithmetic."""
        inputs, cotangents = bytes_of(cell, index)
        factors, arithmetic = apart(changed, cell.dtype)
        return _Tried(
            path=family.folder / "reference.py",
            function=cell.case.function,
            parameters=cell.case.true(**factors),
            inputs={one["name"]: self.array(one) for one in inputs},
            differentiable=tuple(one["name"] for one in inputs if one["differentiable"]) if cell.derivative else (),
            derivative=cell.derivative,
            cotangents=[[self.array(one) for one in level] for level in cotangents],
            arithmetic=arithmetic,
        )

    def plain_on(self, family: Family, cell: Cell, index: Index, arrays: Sequence[Array]) -> list[Array]:
        """The reference in ordinary float64 on other ``arrays`` in the place of its inputs.

        Raises ``TruthError`` when it fails.
        """
        with _answering(cell, NOTHING):
            problem = self.problem(family, cell, index)
            return replace(problem, inputs=dict(zip(problem.inputs, arrays, strict=True))).plain()

    def inputs(self, cell: Cell, index: Index) -> list[Array]:
        """The inputs of a cell."""
        return [self.array(described) for described in bytes_of(cell, index)[0]]

    def constants(self, family: Family, cell: Cell) -> dict[str, float]:
        """The constants of the reference that float32 does not have, by their text."""
        return constants(family.folder / "reference.py", cell.case.function)

    def array(self, described: InputFile | CotangentFile) -> Array:
        """An input file, as named in the index.

        Raises ``StoreError`` when it is missing or damaged.
        """
        if described["sha256"] in self._arrays:
            return self._arrays[described["sha256"]]
        path = self.data / f"{described['sha256']}.npy"
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != described["sha256"]:
                raise StoreError("is damaged", where=str(path), hint="Delete it; the next run makes it again")
            found: Array = np.load(path)
        except FileNotFoundError:
            raise StoreError("is missing", where=str(path), hint="Run the workflow again; it is made by the rule `inputs`") from None
        if found.nbytes <= REMEMBERED_BYTES:
            found.flags.writeable = False
            self._arrays[described["sha256"]] = found
        return found

    def get(self, family: Family, cell: Cell, index: Index, changed: Changed = NOTHING) -> list[Truth]:
        """The truth of every output of ``cell``, with some factors of the reference ``changed``.

        Raises ``TruthError`` when the reference fails.
        """
        path = self.path(self.key(family, cell, index, changed))
        try:
            return _read(path, cell.dtype)
        except StoreError:
            self._make(path, family, cell, index, changed)
            return _read(path, cell.dtype)

    def sharpened(self, family: Family, cell: Cell, index: Index) -> list[Truth]:
        """The truth of every output of ``cell`` with envelopes of more runs, for results near their limit.

        Raises ``TruthError`` when the reference fails.
        """
        path = self.path(hashlib.sha256(f"{self.key(family, cell, index)} sharpened".encode()).hexdigest())
        try:
            return _read(path, cell.dtype)
        except StoreError:
            known = self.get(family, cell, index)
            with _answering(cell, NOTHING):
                found = sharpened(self.problem(family, cell, index), cell.dtype, known)
            write_atomically(path, _encode(found, cell.dtype))
            return _read(path, cell.dtype)

    def told(self, family: Family, cell: Cell, index: Index) -> dict[str, str]:
        """The ``key`` of the truth of ``cell``, which lies on disk then, or the ``problem`` why there is none."""
        try:
            return {"key": self.ensure(family, cell, index)}
        except TruthError as error:
            return {"problem": texts.plain(refusal(error, family.folder))}

    def ensure(self, family: Family, cell: Cell, index: Index) -> str:
        """Have the truth of ``cell`` on disk; returns its key. Who reads it checks its hashes, and makes a damaged one again.

        Raises ``TruthError`` when the reference fails.
        """
        key = self.key(family, cell, index)
        if not self.path(key).is_file():
            self._make(self.path(key), family, cell, index)
        return key

    def _make(self, path: Path, family: Family, cell: Cell, index: Index, changed: Changed = NOTHING) -> None:
        problem = self.problem(family, cell, index, changed)
        with _answering(cell, changed):
            found = certify(problem, cell.dtype, elementwise=cell.case.elementwise, drawn=cell.case.drawn, hypothesis=bool(changed))
            if other := contained.altered():
                raise TruthError(f"it put something else in the place of {other}", where=name_of(cell, changed))
        write_atomically(path, _encode(found, cell.dtype))

    def plain(self, family: Family, cell: Cell, index: Index, changed: Changed = NOTHING) -> list[Array]:
        """The reference in ordinary float64, with some factors ``changed``.

        Raises ``TruthError`` when it fails.
        """
        with _answering(cell, changed):
            return self.problem(family, cell, index, changed).plain()

    def path(self, key: str) -> Path:
        """Where the truth with this key lies."""
        return self.folder / key[:2] / f"{key}.safetensors"


def _grid(dtype: str) -> str:
    return dtype if dtype in FORMATS else "float32"


def _upwards(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """float64 → float32, never to a smaller number: a bound that is rounded is still one."""
    single = values.astype(np.float32)
    return np.where((values > 0) & (single.astype(np.float64) < values * (1 + 2.0**-50)), np.nextafter(single, np.float32(np.inf)), single)


def _encode(truths: list[Truth], dtype: str) -> bytes:
    """Bounds and envelopes in ULP as float32, ``low`` in ULP of float64: a third of the size. What ``low`` loses is part of the bound."""
    tensors: dict[str, tuple[str, Array]] = {}
    outputs: list[dict[str, object]] = []
    for place, truth in enumerate(truths):
        outputs.append({"runs": truth.runs, "method": truth.method, "exact": truth.exact is not None})
        if truth.exact is not None:
            tensors[f"{place}.exact"] = ("I64", truth.exact)
            continue
        with np.errstate(all="ignore"):
            scale = np.where(np.isfinite(truth.high), spacing(truth.high, _grid(dtype)), 1.0)
            fine = np.where(np.isfinite(truth.high), spacing(truth.high, "float64"), 1.0)
            odd = ~np.isfinite(truth.bound) | ~np.isfinite(truth.high) | (truth.high == 0)
            low = (truth.low / fine).astype(np.float32)
            lost = np.abs(truth.low - low * fine)
            tensors[f"{place}.low"] = ("F32", low)
            tensors[f"{place}.bound"] = ("F32", _upwards((truth.bound + np.where(np.isfinite(lost), lost, 0.0)) / scale))
            tensors[f"{place}.sigma"] = ("F32", (truth.sigma / scale).astype(np.float32))
        tensors[f"{place}.high"] = ("F64", truth.high)
        if truth.cut is not None:
            tensors[f"{place}.parted"] = ("I64", np.flatnonzero(np.isfinite(truth.cut)))
            tensors[f"{place}.cut"] = ("F64", truth.cut[np.isfinite(truth.cut)])
        tensors[f"{place}.odd"] = ("I64", np.flatnonzero(odd))
        tensors[f"{place}.ieee"] = ("F64", truth.ieee[odd])
    tensors = {name: (kind, np.asarray(values)) for name, (kind, values) in tensors.items()}
    hashes = {name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest() for name, (_, values) in tensors.items()}
    return encode({"schema": 1, "outputs": outputs, "sha256": hashes}, tensors)


def _read(path: Path, dtype: str) -> list[Truth]:
    metadata, tensors = read_safetensors(path)
    text = metadata.get("record", "")
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get("sha256"):
        raise StoreError("is damaged", where=str(path))
    record = json.loads(text)
    for name, (_, _, raw) in tensors.items():
        if hashlib.sha256(raw).hexdigest() != record["sha256"][name]:
            raise StoreError("is damaged", where=str(path))
    found = []
    for place, output in enumerate(record["outputs"]):
        if output["exact"]:
            empty = np.zeros(0)
            exact = tensors[f"{place}.exact"][1]
            found.append(Truth(high=empty, low=empty, bound=empty, sigma=empty, ieee=empty, runs=0, method="exact", exact=exact))
            continue
        high, low, bound, sigma, odd, special = (tensors[f"{place}.{part}"][1] for part in ("high", "low", "bound", "sigma", "odd", "ieee"))
        with np.errstate(all="ignore"):
            scale = np.where(np.isfinite(high), spacing(high, _grid(dtype)), 1.0)
            fine = np.where(np.isfinite(high), spacing(high, "float64"), 1.0)
            ieee = high.copy()
            ieee.reshape(-1)[odd] = special
            cut = None
            if f"{place}.cut" in tensors:
                cut = np.full(high.shape, np.nan)
                cut.reshape(-1)[tensors[f"{place}.parted"][1]] = tensors[f"{place}.cut"][1]
            found.append(
                Truth(
                    high=high,
                    low=low * fine,
                    bound=bound.astype(np.float64) * scale,
                    sigma=sigma.astype(np.float64) * scale,
                    ieee=ieee,
                    runs=output["runs"],
                    method=output["method"],
                    cut=cut,
                )
            )
    return found
