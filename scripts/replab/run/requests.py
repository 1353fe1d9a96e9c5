"""From planned cells to requests: the bytes they need, and the key that names everything their result depends on."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from replab import ids, resources, texts
from replab.config import functions, implementations
from replab.contract.facts import Facts
from replab.contract.input_index import CotangentFile, Entry, Files, Index, InputFile
from replab.contract.request import SCHEMA, CellRequest, Request
from replab.errors import LabError, StoreError, TruthError
from replab.model import Batch, Case, Cell, Environment, Family, Lab, Limits, Variant
from replab.plan import planning
from replab.plan.outputs import bytes_of, cotangent_name, output_names
from replab.plan.planning import REPEAT
from replab.run.reference_slices import with_slices
from replab.store.step_files import input_index

if TYPE_CHECKING:
    from replab.formats import Array

LIMITS = Limits(seconds=120, memory_mb=6144)
"""What making the inputs of a case may take where nobody says: the lab's own settings."""
PROBE = resources.SANDBOX / "probe"


@functools.cache
def probe_version() -> str:
    """SHA-256 of the probe's own syntax."""
    return functions.tree_digest(PROBE)


def write_inputs(
    family: Family,
    points: int,
    data: Path,
    cases: Iterable[Case] | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[int, int, str], None] | None = None,
) -> Index:
    """Make all input and cotangent files of a family and return their index.

    The index maps case → grid dtype → ``value`` and, where the case has derivatives, ``derivative``: each with ``inputs`` and
    ``cotangents`` (one list per order), and with a ``problem`` where those cannot be made: cells that need them are left out, and say why.
    ``limits`` hold for each case and dtype. ``progress(done, total, current)`` is told.
    """
    from replab import contained  # noqa: PLC0415 (nothing of this is needed to plan)
    from replab.run import inputs  # noqa: PLC0415 (nothing of this is needed to plan)

    chosen = list(cases if cases is not None else family.cases)
    inputs.prepare(chosen)
    places = [(case, dtype) for case in chosen for dtype in case.dtypes]
    index: dict[str, dict[str, Entry]] = {case.name: {} for case in chosen}
    made = contained.each(lambda pair: _entry(family, *pair, points, data), places, limits)
    for done, ((case, dtype), entry) in enumerate(zip(places, made, strict=True)):
        if progress is not None:
            progress(done, len(places), f"{case.name} {dtype}")
        index[case.name][dtype] = _without_inputs(case, entry.reason) if isinstance(entry, contained.Lost) else entry
    return index


def _without_inputs(case: Case, reason: str) -> Entry:
    """What the index says of a case whose inputs cannot be made."""
    nothing: Files = {"inputs": [], "cotangents": [], "problem": f"its inputs cannot be made: {reason}"}
    return {"value": nothing, "derivative": nothing} if case.derivatives else {"value": nothing}


def _entry(family: Family, case: Case, dtype: str, points: int, data: Path) -> Entry:
    """What the index says of one case and dtype."""
    from replab import contained  # noqa: PLC0415
    from replab.truth.cache import refusal  # noqa: PLC0415

    entry: Entry = {"value": _inputs(family, case, dtype, points, data, derivative=False)[0]}
    if case.derivatives:
        derivative, arrays = _inputs(family, case, dtype, points, data, derivative=True)
        entry["derivative"] = derivative
        if "problem" not in derivative:
            try:
                derivative["cotangents"] = _cotangents(family, case, dtype, arrays, derivative["inputs"], data)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 (it may ask for any shape)
                reason = refusal(error, family.folder) if isinstance(error, LabError) else contained.described(error)
                sys.stderr.write(f"{case.family}.{case.name} {dtype}: {texts.plain(reason)}\n")
                derivative["problem"] = f"the reference has no answer, so that nothing says what to differentiate: {reason}"
    return entry


def _inputs(family: Family, case: Case, dtype: str, points: int, data: Path, *, derivative: bool) -> tuple[Files, dict[str, Array]]:
    """The description of inputs, and the arrays; a generator that cannot make them costs its case."""
    from replab import contained  # noqa: PLC0415
    from replab.run import inputs  # noqa: PLC0415

    try:
        arrays = inputs.case_inputs(case, dtype, points=points, derivative=derivative, folder=family.folder)
        return {"inputs": [_describe(case, name, array, dtype, data) for name, array in arrays.items()], "cotangents": []}, arrays
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 (options of generators are the words of experiments)
        reason = str(error) if isinstance(error, LabError) else contained.described(error)
        sys.stderr.write(f"{case.family}.{case.name} {dtype}: its inputs cannot be made: {texts.plain(reason)}\n")
        return {"inputs": [], "cotangents": [], "problem": f"its inputs cannot be made: {reason}"}, {}


def _describe(case: Case, name: str, array: Array, dtype: str, data: Path) -> InputFile:
    from replab.run import inputs  # noqa: PLC0415

    floating = array.dtype.kind == "f"
    return {
        "name": name,
        "sha256": inputs.write_array(data, array),
        "dtype": dtype if floating else str(array.dtype),
        "shape": list(array.shape),
        "differentiable": floating and name not in case.constants,
    }


def _cotangents(
    family: Family, case: Case, dtype: str, arrays: Mapping[str, Array], described: Sequence[InputFile], data: Path
) -> list[list[CotangentFile]]:
    """Cotangents of every order: first of the outputs, then of the gradients (whose shapes are those of the inputs)."""
    from replab.run import inputs  # noqa: PLC0415
    from replab.truth import cache  # noqa: PLC0415

    values = cache.shaping(family, case, dtype, arrays)
    names = output_names(case, len(values))
    outputs = [(name, value.shape) for name, value in zip(names, values, strict=True) if value.dtype.kind == "f"]
    gradients = [
        (f"grad_{described_input['name']}", tuple(described_input["shape"]))
        for described_input in described
        if described_input["differentiable"]
    ]
    levels = []
    for order in range(case.derivatives):
        level: list[CotangentFile] = []
        for name, shape in outputs if order == 0 else gradients:
            array = inputs.cotangent(cotangent_name(case, order, name), shape, dtype)
            level.append({"name": name, "sha256": inputs.write_array(data, array), "dtype": dtype, "shape": list(shape)})
        levels.append(level)
    return levels


def _measured(cell: Cell) -> Sequence[str]:
    """What the probe measures of a cell: of float32, as the framework ships it."""
    if cell.dtype != "float32" or cell.variant != "default":
        return ()
    case = cell.case
    return case.measure_compiled if cell.mode == "compile" and case.measure_compiled is not None else case.measure


def _backwards(cells: Iterable[Cell]) -> list[Cell]:
    """The same cells, the last one of each mode first: what depends on the cells before it does not repeat itself.

    Modes keep their order, since those that build functions take longest and come last.
    """
    modes: dict[str, list[Cell]] = {}
    for cell in cells:
        modes.setdefault(cell.mode, []).append(cell)
    return [cell for same in modes.values() for cell in reversed(same)]


def requests(
    family: Family, environment: Environment, variant: Variant, index: Index, built: Mapping[str, str], cells: Iterable[Cell]
) -> list[tuple[Cell, CellRequest]]:
    """Every cell of a batch with its request (``key`` included), in running order; left-out cells have an empty key.

    ``built`` has ``identity``, ``platform`` and ``engine`` of the environment as it was found here.
    """
    common = {
        "schema": SCHEMA,
        "probe": probe_version(),
        "framework": environment.framework,
        "variant": variant.name,
        "threads": variant.threads,
        "variables": dict(variant.variables.get(environment.framework, {})),
        "switches": dict(variant.switches.get(environment.framework, {})),
        "python": environment.python,
        **built,
    }
    cell_requests: list[tuple[Cell, CellRequest]] = []
    for cell in _backwards(cells) if variant.name == REPEAT else cells:
        try:
            inputs, cotangents = bytes_of(cell, index)
        except TruthError as error:
            inputs, cotangents = [], []
            cell = cell if cell.left_out else replace(cell, left_out=error.problem)  # noqa: PLW2901 (the same cell, not run)
        impl = implementations.path_of(family.folder, environment.framework, cell.case.implementation)
        request = CellRequest(
            key="",
            id=str(ids.cell_id(cell)),
            case=cell.case.name,
            function=cell.case.implementation,
            impl=str(impl),
            parameters=cell.case.given(environment.framework),
            dtype=cell.dtype,
            mode=cell.mode,
            derivative=cell.derivative,
            outputs=list(cell.case.outputs),
            inputs=inputs,
            cotangents=cotangents,
            # What serves to judge another run need not be asked whether it repeats itself within its process; neither need a whole
            # program, which is asked whether it does in a new one.
            once=bool(cell.grid) or cell.variant == REPEAT or (cell.case.program and not cell.case.aligned and cell.mode == "eager"),
            measure=list(_measured(cell)),
            drawn=cell.case.drawn,
        )
        if not cell.left_out:
            identity = {**request.in_key(), **common, "device": cell.device, "source": functions.digest(impl, cell.case.implementation)}
            request = replace(request, key=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest())
        cell_requests.append((cell, request))
    return cell_requests


def planned(lab: Lab, batch: Batch, facts: Facts) -> list[tuple[Cell, CellRequest]]:
    """Every cell of a batch with its request; keys are those of the platform that ``facts`` (of the environment) tell of."""
    environment, families, variant = planning.parts(lab, batch)
    return [
        cell_request
        for family in families
        for cell_request in requests(
            family,
            environment,
            variant,
            input_index(lab, family.name),
            facts.built,
            planning.cells(family, environment, variant, lab.coverage, batch.device),
        )
    ]


def request(
    environment: Environment,
    variant: Variant,
    *,
    device: str,
    inputs: Path,
    cells: Sequence[CellRequest],
    isolation: Mapping[str, object] | None = None,
) -> Request:
    """What one process is asked; what it runs of references is written below ``inputs``."""
    return Request(
        environment=environment.name,
        framework=environment.framework,
        inputs=str(inputs),
        variant=variant.name,
        threads=variant.threads,
        switches=dict(variant.switches.get(environment.framework, {})),
        device=device,
        cells=with_slices(cells, inputs),
        isolation=isolation,
    )
