"""From planned cells to requests: the bytes they need, and the key that names everything their result depends on."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from replab import ids, sources
from replab.model import IMPL_FILE, Case, Cell, Environment, Family, Variant
from replab.plan import REPEAT

SCHEMA = 1
PROBE = Path(__file__).resolve().parent.parent / "probe"


@functools.cache
def probe_version() -> str:
    """SHA-256 of the probe's own syntax."""
    return sources.tree_digest(PROBE)


def sealed(request: Mapping[str, Any]) -> str:
    """The text of a request with the SHA-256 of what it says; the probe refuses one that says anything else."""
    said = {name: value for name, value in request.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return json.dumps({**said, "sha256": digest}, sort_keys=True)


def write_inputs(family: Family, points: int, data: Path, cases: Iterable[Case] | None = None) -> dict[str, Any]:
    """Make all input and cotangent files of a family and return their index.

    The index maps case → grid dtype → ``value`` and, where the case has derivatives, ``derivative``: each with ``inputs`` and
    ``cotangents`` (one list per order). Raises ``ConfigError`` or ``TruthError``.
    """
    from replab import inputs  # noqa: PLC0415 (NumPy is not needed to plan)

    index: dict[str, Any] = {}
    for case in cases if cases is not None else family.cases:
        per_dtype = index[case.name] = {}
        for dtype in case.dtypes:
            entry = per_dtype[dtype] = {}
            arrays = inputs.case_inputs(case, dtype, points=points, derivative=False)
            entry["value"] = {"inputs": [_describe(case, name, array, dtype, data) for name, array in arrays.items()], "cotangents": []}
            if case.derivatives:
                arrays = inputs.case_inputs(case, dtype, points=points, derivative=True)
                described = [_describe(case, name, array, dtype, data) for name, array in arrays.items()]
                entry["derivative"] = {"inputs": described, "cotangents": _cotangents(family, case, dtype, arrays, described, data)}
    return index


def _describe(case: Case, name: str, array: Any, dtype: str, data: Path) -> dict[str, Any]:
    from replab import inputs  # noqa: PLC0415

    floating = array.dtype.kind == "f"
    return {
        "name": name,
        "sha256": inputs.write_array(data, array),
        "dtype": dtype if floating else str(array.dtype),
        "shape": list(array.shape),
        "differentiable": floating and name not in case.constants,
    }


def _cotangents(
    family: Family, case: Case, dtype: str, arrays: Mapping[str, Any], described: Sequence[Mapping[str, Any]], data: Path
) -> list[Any]:
    """Cotangents of every order: first of the outputs, then of the gradients (whose shapes are those of the inputs)."""
    from replab import inputs  # noqa: PLC0415
    from replab.truth.reference import Problem  # noqa: PLC0415

    problem = Problem(
        path=family.folder / "reference.py", function=case.function, parameters=case.true(), inputs=arrays,
        differentiable=(), derivative=0, cotangents=(),
    )  # fmt: skip
    values = problem.plain()
    names = output_names(case, len(values))
    outputs = [(name, value.shape) for name, value in zip(names, values, strict=True) if value.dtype.kind == "f"]
    gradients = [(f"grad_{one['name']}", tuple(one["shape"])) for one in described if one["differentiable"]]
    levels = []
    for order in range(case.derivatives):
        level = []
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


def cotangent_name(case: Case, order: int, name: str) -> str:
    """What the cotangent of the value or gradient ``name`` is drawn by; cases made from one another share it."""
    return f"{case.group}:{order}:{name}"


def output_names(case: Case, count: int) -> list[str]:
    """Names of the ``count`` outputs of a case's function, as the probe gives them."""
    if case.outputs:
        return list(case.outputs)[:count]
    return ["out"] if count == 1 else [f"out{place}" for place in range(count)]


def bytes_of(cell: Cell, index: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Descriptions of a cell's inputs and cotangents."""
    entry = index[cell.case.name][cell.grid or cell.dtype]
    chosen = entry["derivative" if cell.derivative else "value"]
    return chosen["inputs"], chosen["cotangents"][: cell.derivative]


def _backwards(cells: Iterable[Cell]) -> list[Cell]:
    """The same cells, the last one of each mode first: what depends on the cells before it does not repeat itself.

    Modes keep their order, since those that build functions take longest and come last.
    """
    modes: dict[str, list[Cell]] = {}
    for cell in cells:
        modes.setdefault(cell.mode, []).append(cell)
    return [cell for same in modes.values() for cell in reversed(same)]


def requests(
    family: Family,
    environment: Environment,
    variant: Variant,
    index: Mapping[str, Any],
    built: Mapping[str, str],
    cells: Iterable[Cell],
) -> list[tuple[Cell, dict[str, Any]]]:
    """Every cell of a batch with its request (``key`` included), in running order; left-out cells have an empty key.

    ``built`` has ``identity``, ``platform`` and ``engine`` of the environment as it was found here.
    """
    impl = family.folder / IMPL_FILE[environment.framework]
    common = {
        "schema": SCHEMA, "probe": probe_version(), "framework": environment.framework, "variant": variant.name, "threads": variant.threads,
        "variables": dict(variant.variables.get(environment.framework, {})),
        "switches": dict(variant.switches.get(environment.framework, {})), "python": environment.python, **built,
    }  # fmt: skip
    found = []
    for cell in _backwards(cells) if variant.name == REPEAT else cells:
        inputs, cotangents = bytes_of(cell, index)
        request: dict[str, Any] = {
            "id": str(ids.cell_id(cell)), "case": cell.case.name, "function": cell.case.function, "impl": str(impl),
            "parameters": cell.case.given(environment.framework), "dtype": cell.dtype, "mode": cell.mode, "derivative": cell.derivative,
            "outputs": list(cell.case.outputs), "inputs": inputs, "cotangents": cotangents,
            # What serves to judge another run need not be asked whether it repeats itself within its process; neither need a whole
            # program, which is asked whether it does in a new one.
            "once": bool(cell.grid) or cell.variant == REPEAT or (cell.case.program and not cell.case.aligned and cell.mode == "eager"),
            "measure": list(_measured(cell)), "drawn": cell.case.drawn,
        }  # fmt: skip
        identity = {key: value for key, value in request.items() if key not in ("id", "case", "impl")}
        identity |= {**common, "device": cell.device, "source": sources.digest(impl, cell.case.function)}
        request["key"] = "" if cell.left_out else hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        found.append((cell, request))
    return found
