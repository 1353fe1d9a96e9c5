"""The family of arithmetic hangs together, and its implementations compute what its reference defines, in real environments."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.config.environments import load_environments
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.config.implementations import path_of
from replab.engines.registry import get_engine
from replab.errors import EnvironmentUnavailable
from replab.model import IMPL_FILE, Case, Family
from replab.run.inputs import case_inputs, cotangent
from replab.run.reference_slices import slices
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "probe"))
from probe_requests import RequestBuilder, run_probe  # noqa: E402 (its folder is on the path from here on)

FOLDER = ROOT / "experiments" / "arithmetic"
FILES = ("reference.py", *IMPL_FILE.values())
ENVIRONMENTS = {
    "numpy-2.5": "numpy",
    "tf-1.15": "tensorflow",
    "tf-2.21": "tensorflow",
    "torch-2.13": "torch",
    "torch-1.4": "torch",
    "numpy-1.18": "numpy",
}
MISSING = {"erf": "numpy", "gelu": "numpy"}
RELATIVE = 1e-7
"""Of the largest element, in float64: above what the order of operations and constants rounded to float32 (gelu in TensorFlow 2.21) do, far
below what another formula does."""


def interpreter(name: str) -> Path:
    """The interpreter of an environment; skips the test, with the reason, where it cannot be had."""
    environment = next(each for each in load_environments(ROOT / "containers") if each.name == name)
    if "core" not in environment.groups and not any((ROOT / ".replab" / "environments").glob(f"{name}-*")):
        pytest.skip(f"{name} is not in the group core and not built here")
    try:
        return get_engine("uv").build(environment, ROOT / ".replab", print).python
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


def signatures(path: Path) -> dict[str, set[tuple[str, ...]]]:
    """Names of arguments of every public function of a file; both sides of an ``if`` count."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    nodes = [inner for node in body for inner in ([*node.body, *node.orelse] if isinstance(node, ast.If) else [node])]
    found: dict[str, set[tuple[str, ...]]] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.setdefault(node.name, set()).add(tuple(argument.arg for argument in node.args.args))
    return found


def load(folder: Path) -> Family:
    faults = Faults()
    loaded = load_family(folder / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert loaded is not None
    return loaded


FAMILY = load(FOLDER)


def problem(case: Case, order: int) -> Problem:
    """The case in float64 with the cotangents that the lab would give it."""
    inputs = case_inputs(case, "float64", points=1, derivative=order > 0)
    moving = tuple(name for name, values in inputs.items() if values.dtype.kind == "f" and name not in case.constants)
    common: dict[str, Any] = {
        "path": FAMILY.folder.parent / case.family / "reference.py",
        "function": case.function,
        "parameters": case.parameters,
        "inputs": inputs,
    }
    if not order:
        return Problem(**common, differentiable=(), derivative=0, cotangents=())
    outputs = Problem(**common, differentiable=(), derivative=0, cotangents=()).plain()
    level = [cotangent(name, value.shape, "float64") for name, value in zip(names(case, len(outputs)), outputs, strict=True)]
    return Problem(**common, differentiable=moving, derivative=1, cotangents=[level])


def names(case: Case, count: int) -> Sequence[str]:
    return case.outputs or (["out"] if count == 1 else [f"out{place}" for place in range(count)])


def check(family: Family, environment: str, framework: str, python: Path, folder: Path) -> None:
    """Every case, value and gradient, eagerly in float64: what comes back is the reference's plain float64 evaluation."""
    builder = RequestBuilder(folder, environment, framework)
    asked: dict[str, tuple[Case, Problem]] = {}
    for case in family.cases:
        for order in range(case.derivatives + 1 if framework != "numpy" else 1):
            wanted = problem(case, order)
            level = [dict(zip(names(case, len(wanted.cotangents[0])), wanted.cotangents[0], strict=True))] if order else []
            key = builder.add(
                case.function,
                inputs=wanted.inputs,
                parameters=case.parameters,
                derivative=order,
                cotangents=level,
                outputs=case.outputs,
                stored={name: str(values.dtype) for name, values in wanted.inputs.items()},
                label=f".{case.name}",
            )
            cell = builder.cells[-1]
            cell["impl"] = str(path_of(family.folder, framework, case.implementation))
            for item in cell["inputs"]:
                item["differentiable"] = item["name"] in wanted.differentiable
            asked[key] = case, wanted
    written = slices([(cell["impl"], cell["function"]) for cell in builder.cells], folder / "slices")
    for cell in builder.cells:
        cell["impl"] = written.get(cell["impl"], cell["impl"])
    answers = run_probe(python, builder)
    for key, (case, wanted) in asked.items():
        record = answers.result(key).record
        place = (case.name, wanted.derivative, record["reason"])
        if MISSING.get(case.name) == framework and family is FAMILY:
            assert record["status"] == "unsupported", place
            continue
        assert record["status"] == "ok", place
        found, truth = list(answers.values(key).values()), wanted.plain()
        assert [one.shape for one in found] == [one.shape for one in truth], place
        for one, true in zip(found, truth, strict=True):
            assert np.max(np.abs(one - true)) <= RELATIVE * np.max(np.abs(true)), place


def in_all_cases(folder: Path, file: str) -> dict[str, set[tuple[str, ...]]]:
    """The functions that a framework runs: NumPy those of the reference, where it has none of its own."""
    own = signatures(folder / file)
    return {**signatures(folder / "reference.py"), **own} if file == IMPL_FILE["numpy"] else own


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    assert in_all_cases(FOLDER, file) == signatures(FOLDER / "reference.py")


def test_arguments_are_inputs_and_parameters_in_call_order_and_every_function_is_a_case() -> None:
    known = signatures(FOLDER / "reference.py")
    assert {case.function for case in FAMILY.cases} == set(known)
    for case in FAMILY.cases:
        assert known[case.function] == {(*case.inputs, *case.parameters)}, case.name


def test_the_family_runs_under_every_variant_and_every_case_is_evidence() -> None:
    assert FAMILY.variants
    assert all(case.claims for case in FAMILY.cases)
    assert sum(bool(case.compile) for case in FAMILY.cases) <= 5


def test_inputs_are_large_enough_to_be_divided() -> None:
    """PyTorch divides elementwise work of more than 32768 elements, and sums of as many: at least one case of each kind is beyond that."""
    shapes = {case.name: [one.options["shape"] for one in case.inputs.values() if "shape" in one.options] for case in FAMILY.cases}
    sizes = {name: max(int(np.prod(shape)) for shape in found) for name, found in shapes.items()}
    for name in ("sum", "sum_rows", "sum_columns", "exp", "sigmoid", "matmul_square", "softmax", "layer_norm", "batch_norm"):
        assert sizes[name] >= 32768, name
    assert all(sizes[case.name] % 32 for case in FAMILY.cases if case.elementwise)  # the scalar tails of vector kernels take part


@pytest.mark.environments
@pytest.mark.parametrize(("environment", "framework"), ENVIRONMENTS.items())
def test_implementations_compute_what_the_reference_defines(environment: str, framework: str, tmp_path: Path) -> None:
    check(FAMILY, environment, framework, interpreter(environment), tmp_path)
