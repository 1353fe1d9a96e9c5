"""The atlas says the same in all of its files, and its implementations compute what its reference defines, in real environments."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from replab import sealed
from replab.config import environments
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.contract.request import CellRequest
from replab.model import IMPL_FILE, Case, Family, Variant
from replab.plan import planning
from replab.run import requests
from replab.run.reference_slices import with_slices
from replab.truth.reference import Problem

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "experiments" / "ops"
FILES = ("reference.py", *IMPL_FILE.values())
POINTS = 64
TOO_BIG = ("matmul_1000", "matmul_4096", "cumsum_chain_1000000")
"""Too slow for a plain evaluation, or so long in float32 that rounding alone passes the tolerance; each has a smaller case of its function."""
RELATIVE, ABSOLUTE = 1e-4, 1e-7
"""Loose on purpose: this catches another function, not another rounding (the lab itself judges that)."""
DIFFERENT: dict[str, dict[str, str]] = {
    "leaky_relu_default": {"tensorflow": "slope 0.2"},
    "hard_sigmoid": {"tf-1.15": "0.2 x + 0.5", "tf-2.4": "0.2 x + 0.5", "tf-2.15": "0.2 x + 0.5"},
    "sinh": {"torch": "overflows before the result does"},
    "cosh": {"torch": "overflows before the result does"},
    "argmax_ties": {"torch-1.4": "not the first of equal elements"},
    "median": {"torch": "lower of the two in the middle"},
    "var_default": {"torch": "ddof 1"},
    "std_default": {"torch": "ddof 1"},
    "floor_divide": {"torch-1.4": "truncates", "torch-1.12": "truncates"},
    "int_floor_divide": {"torch-1.4": "truncates", "torch-1.12": "truncates"},
    "int_true_divide": {"torch-1.4": "integer division"},
    "int_mean": {"tensorflow": "an integer"},
    "max_nan": {"tensorflow": "NaN ignored by some kernels"},
    "argmax_nan": {"tensorflow": "NaN ignored by some kernels"},
    "conv2d_half_padding": {"torch": "zeros on both sides"},
    "avg_pool_default": {"torch": "padding counted"},
    "layer_norm_default": {"tensorflow": "epsilon 1e-3"},
    "batch_norm_default": {"tensorflow": "epsilon 1e-3"},
    "l2_normalize_tiny": {"tensorflow": "epsilon bounds the sum of squares"},
    "resize_bilinear": {"tf-1.15": "corners aligned"},
    "argsort_default": {"numpy": "not stable", "torch": "not stable"},
    "top_k_ties": {"torch": "no order of equal elements"},
    "to_int32_out_of_range": {"numpy": "undefined in C", "tensorflow": "undefined in C", "torch": "undefined in C"},
    "matrix_rank_near_singular": {"numpy": "default cut-off", "tensorflow": "default cut-off", "torch": "default cut-off"},
    "lstsq_near_singular": {"tensorflow": "normal equations"},
    "batch_norm_tiny_epsilon": {"tensorflow": "epsilon raised"},
}
"""Case → framework or environment → why its value is not the reference's."""


@pytest.fixture(scope="module")
def family() -> Family:
    """The checked family; no fault is allowed."""
    faults = Faults()
    found = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert found is not None
    return found


def signatures(file: str) -> dict[str, tuple[tuple[str, ...], tuple[object, ...]]]:
    """Argument names and defaults of every public function of a file, whichever branch defines it."""
    tree = ast.parse((FOLDER / file).read_text(encoding="utf-8"))
    found: dict[str, tuple[tuple[str, ...], tuple[object, ...]]] = {}
    for top in tree.body:
        for node in [top, *getattr(top, "body", []), *getattr(top, "orelse", [])] if isinstance(top, ast.If) else [top]:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                signature = tuple(a.arg for a in node.args.args), tuple(ast.literal_eval(d) for d in node.args.defaults)
                assert found.setdefault(node.name, signature) == signature, f"{file}: two signatures of {node.name}"
    return found


def test_the_atlas_has_at_least_ninety_operations(family: Family) -> None:
    assert len([case for case in family.cases if not case.special]) >= 90  # what was promised


def test_about_two_dozen_cases_are_compiled(family: Family) -> None:
    assert 20 <= sum(bool(case.compile) for case in family.cases) <= 30


def explaining(family: Family) -> dict[str, set[str]]:
    """Function → the factors that only explain a difference: the reference alone takes those."""
    found: dict[str, set[str]] = {}
    for case in family.cases:
        found.setdefault(case.function, set()).update(name for name, factor in case.factors.items() if factor.diagnose)
    return found


def taken(family: Family) -> dict[str, set[str]]:
    """Function → the factors that implementations take: None is their default, and the reference has its own or none."""
    found: dict[str, set[str]] = {}
    for case in family.cases:
        found.setdefault(case.function, set()).update(name for name, factor in case.factors.items() if not factor.diagnose)
    return found


def defaults_of(signature: tuple[tuple[str, ...], tuple[object, ...]]) -> dict[str, object]:
    """Argument → default, of those that have one."""
    names, defaults = signature
    return dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))


@pytest.mark.parametrize("file", [file for file in FILES if file != "reference.py"])
def test_every_file_has_the_same_functions_with_the_same_arguments(file: str, family: Family) -> None:
    """Where both have a default, it is the same, but for factors that implementations take."""
    only_explain, factors = explaining(family), taken(family)
    reference, own = signatures("reference.py"), signatures(file)
    assert set(own) <= set(reference)
    assert file == IMPL_FILE["numpy"] or set(own) == set(reference)  # NumPy runs the reference where it has no function
    for function, signature in own.items():
        wanted = reference[function]
        assert signature[0] == tuple(name for name in wanted[0] if name not in only_explain.get(function, ())), function
        mine, theirs = defaults_of(signature), defaults_of(wanted)
        both = set(mine) & set(theirs) - factors.get(function, set())
        assert {name: mine[name] for name in both} == {name: theirs[name] for name in both}, function


def test_every_function_has_a_case_and_every_case_passes_its_arguments(family: Family) -> None:
    known = signatures("reference.py")
    assert {case.function for case in family.cases} == set(known)
    for case in family.cases:
        names = known[case.function][0]
        assert names[: len(case.inputs)] == tuple(case.inputs), case.name
        assert {*case.parameters, *case.factors} <= set(names[len(case.inputs) :]), case.name


@pytest.mark.parametrize("file", ["impl_torch.py"])
def test_parameters_are_typed_for_torchscript(file: str) -> None:
    for node in ast.walk(ast.parse((FOLDER / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.args.defaults and not node.name.startswith("_"):
            assert all(argument.annotation is not None for argument in node.args.args[-len(node.args.defaults) :]), node.name


def test_declared_differences_name_cases_and_explain_themselves(family: Family) -> None:
    known = {case.name: case for case in family.cases}
    assert set(DIFFERENT) <= set(known)
    assert [name for name in DIFFERENT if not known[name].note and name not in ("sinh", "cosh", "argmax_ties")] == []


def interpreters() -> dict[str, Path]:
    """Environments that the lab has built here, by name."""
    found = {}
    for python in sorted((ROOT / ".replab" / "environments").glob("*/bin/python")):
        found[python.parent.parent.name.rpartition("-")[0]] = python
    return found


@pytest.mark.environments
@pytest.mark.parametrize("name", ["numpy-1.18", "numpy-2.5", "tf-1.15", "tf-2.21", "torch-1.4", "torch-2.13"])
def test_implementations_compute_what_the_reference_defines(name: str, family: Family, tmp_path: Path) -> None:
    if name not in interpreters():
        pytest.skip(f"the environment {name} is not built here")
    environment = {one.name: one for one in environments.load_environments(ROOT / "containers")}[name]
    cases = [case for case in family.cases if not case.special and case.name not in TOO_BIG]
    wide = {case.name: "float64" if "float64" in case.dtypes else case.dtypes[0] for case in cases}
    index = requests.write_inputs(family, POINTS, tmp_path / "data", cases)
    cells = [
        cell
        for cell in planning.cells(family, environment, Variant(name="default"), "full", "cpu")
        if cell.case in cases and cell.mode == "eager" and cell.dtype == wide[cell.case.name] and not cell.grid and not cell.derivative
    ]
    built = {"identity": "test", "platform": "test", "engine": "test"}
    asked = requests.requests(family, environment, Variant(name="default"), index, built, cells)
    records = run(name, environment.framework, asked, tmp_path)
    faults = []
    for cell, request in asked:
        record, outputs = records[request.key]
        if record["status"] != "ok":
            if record["status"] != "unsupported":
                faults.append(f"{cell.case.name}: {record['status']}: {record['reason']}")
            continue
        reasons = DIFFERENT.get(cell.case.name, {})
        same = agrees(cell.case, outputs, request, tmp_path / "data")
        if not same and name not in reasons and environment.framework not in reasons:
            faults.append(f"{cell.case.name}: another value")
    assert faults == []


def run(name: str, framework: str, asked: list[Any], folder: Path) -> dict[str, tuple[dict[str, Any], list[Any]]]:
    """Records and outputs of the probe, by key."""
    out = folder / "out"
    out.mkdir()
    body = {
        "schema": 1,
        "environment": name,
        "framework": framework,
        "inputs": str(folder / "data"),
        "variant": "default",
        "threads": 1,
        "switches": {},
        "device": "cpu",
        "cells": [request.to_json() for request in with_slices([request for _, request in asked], folder / "slices")],
    }
    (folder / "request.json").write_bytes(sealed.seal(body))
    command = [interpreters()[name], ROOT / "scripts" / "sandbox" / "probe" / "main.py", "--request", folder / "request.json", "--out", out]
    settings = {"PATH": os.environ["PATH"], "HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    finished = subprocess.run([str(part) for part in command], env=settings, capture_output=True, text=True, timeout=500, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    files = {path.stem: path for path in out.rglob("*.safetensors")}
    found = {}
    for _, request in asked:
        with safe_open(files[request.key], "np") as tensors:
            record = json.loads(tensors.metadata()["record"])
            small = {one["name"]: tensors.get_tensor(one["name"]) for one in record.get("outputs", []) if not one["blob"]}
        outputs = []
        for one in record.get("outputs", []):
            if one["blob"]:
                with safe_open(files[one["sha256"]], "np") as tensors:
                    small[one["name"]] = tensors.get_tensor("data")
            outputs.append(small[one["name"]])
        found[request.key] = record, outputs
    return found


def agrees(case: Case, outputs: list[Any], request: CellRequest, data: Path) -> bool:
    """Whether every output is near the plain evaluation of the reference."""
    arrays = {one["name"]: np.load(data / f"{one['sha256']}.npy") for one in request.inputs}
    expected = Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.parameters,
        inputs=arrays,
        differentiable=(),
        derivative=0,
        cotangents=(),
    ).plain()
    return len(outputs) == len(expected) and all(
        result.shape == wanted.shape and np.allclose(result, wanted, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
        for result, wanted in zip(outputs, expected, strict=True)
    )
