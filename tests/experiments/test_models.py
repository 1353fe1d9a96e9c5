"""The family of models hangs together: files agree, factors do what they say, and weights of the wrong size are refused in clear words."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.config.environments import load_environments
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.engines.registry import get_engine
from replab.errors import EnvironmentUnavailable
from replab.model import IMPL_FILE, Case, Family
from replab.run.inputs import case_inputs
from replab.truth.certify import certify
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "models"
ROUNDED = 1e-9
"""Far above what float64 rounding does to these models, far below what any factor changes."""


def _family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert loaded is not None
    return loaded


CASES = {case.name: case for case in _family().cases if not case.aligned}
ALIGNED = {name: {factor: how.aligned for factor, how in case.factors.items()} for name, case in CASES.items()}


def functions(file: str) -> dict[str, ast.FunctionDef]:
    body = ast.parse((FOLDER / file).read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}


def arguments(node: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in node.args.args]


def module(file: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"models_{Path(file).stem}", FOLDER / file)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def problem(case: Case, order: int = 0, **factors: Any) -> Problem:
    """A case with all cotangents 1, float64 inputs and aligned factors except those given."""
    inputs = case_inputs(case, "float64", points=1, derivative=bool(order))
    moving = tuple(name for name, values in inputs.items() if values.dtype.kind == "f" and name not in case.constants)
    common: dict[str, Any] = {
        "path": FOLDER / "reference.py",
        "function": case.function,
        "parameters": {**case.parameters, **ALIGNED[case.name], **factors},
        "inputs": inputs,
    }
    outputs = Problem(**common, differentiable=(), derivative=0, cotangents=()).plain()
    levels = [[np.ones(value.shape) for value in outputs]][:order]
    return Problem(**common, differentiable=moving if order else (), derivative=order, cotangents=levels)


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    expected = {name: arguments(node) for name, node in functions("reference.py").items()}
    assert {name: arguments(node) for name, node in functions(file).items()} == expected


def test_every_function_is_a_case() -> None:
    assert {case.function for case in CASES.values()} == set(functions("reference.py"))


@pytest.mark.parametrize("name", CASES)
def test_arguments_are_inputs_then_parameters_and_factors(name: str) -> None:
    case = CASES[name]
    found = arguments(functions("reference.py")[case.function])
    assert found[: len(case.inputs)] == list(case.inputs)
    assert sorted(found[len(case.inputs) :]) == sorted([*case.parameters, *case.factors])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.factors])
def test_a_reference_is_aligned_unless_it_is_told_otherwise(name: str) -> None:
    node = functions("reference.py")[CASES[name].function]
    defaults = [ast.literal_eval(value) for value in node.args.defaults]
    assert dict(zip(arguments(node)[-len(defaults) :], defaults, strict=True)) == ALIGNED[name]


@pytest.mark.parametrize("name", CASES)
def test_every_model_has_a_certified_truth_in_every_order(name: str) -> None:
    for order in range(CASES[name].derivatives + 1):
        for one in certify(problem(CASES[name], order), "float64", elementwise=False):
            assert np.isfinite(one.bound).all()


@pytest.mark.parametrize(
    ("name", "factor", "value"),
    [(name, factor, value) for name, case in CASES.items() for factor, how in case.factors.items() for value in how.alternatives],
)
def test_every_alternative_computes_another_function(name: str, factor: str, value: Any) -> None:
    aligned, other = problem(CASES[name]).plain(), problem(CASES[name], **{factor: value}).plain()
    assert any(np.max(np.abs(a - b)) > ROUNDED * np.max(np.abs(a)) for a, b in zip(aligned, other, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_numpy_computes_the_same_models(name: str) -> None:
    case = CASES[name]
    inputs = case_inputs(case, "float64", points=1, derivative=False)
    options = [ALIGNED[name], *({factor: value} for factor, how in case.factors.items() for value in how.alternatives)]
    if name == "gelu_block":
        options = [{"approximate": True}]  # NumPy has no error function
    for chosen in options:
        expected = problem(case, **chosen).plain()
        found = getattr(module("impl_numpy.py"), case.function)(*inputs.values(), **{**case.parameters, **ALIGNED[name], **chosen})
        for one, value in zip(found if isinstance(found, tuple) else (found,), expected, strict=True):
            np.testing.assert_allclose(one, value, rtol=ROUNDED, atol=ROUNDED)


def test_the_derivative_through_a_training_is_the_limit_of_differences() -> None:
    inputs = case_inputs(CASES["train_through"], "float64", points=1, derivative=True)
    run = module("impl_numpy.py").train_through
    gradient = problem(CASES["train_through"], 1).plain()[2]
    h = 1e-6
    for place in range(3):
        step = np.zeros((3, 1))
        step[place] = h
        moved = [np.sum(run(inputs["x"], inputs["y"], inputs["w"] + sign * step)) for sign in (1, -1)]
        # a central difference is off by h² and by the rounding of a number near 1 over 2h
        assert abs((moved[0] - moved[1]) / (2 * h) - gradient[place, 0]) < 1e-8


def test_a_gate_order_is_a_permutation_of_columns() -> None:
    case = CASES["lstm_cell"]
    inputs = case_inputs(case, "float64", points=1, derivative=False)
    cell = module("impl_numpy.py").lstm_cell
    order = np.r_[0:6, 12:18, 6:12, 18:24]  # i g f o read as i f g o
    turned = {name: values[..., order] if values.shape[-1] == 24 else values for name, values in inputs.items()}
    for one, other in zip(cell(**inputs, gate_order="igfo"), cell(**turned, gate_order="ifgo"), strict=True):
        np.testing.assert_array_equal(one, other)


def _python(name: str) -> Path:
    environment = next(each for each in load_environments(ROOT / "containers") if each.name == name)
    if "core" not in environment.groups and not any((ROOT / ".replab" / "environments").glob(f"{name}-*")):
        pytest.skip(f"optional: {name} is not in the group core and not built here")
    try:
        return get_engine("uv").build(environment, ROOT / ".replab", print).python
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


PRELUDE = {
    "numpy-2.5": "import numpy as np, impl_numpy as m; zeros = np.zeros",
    "tf-1.15": "import tensorflow as tf; tf.compat.v1.enable_eager_execution(); import impl_tf as m; zeros = tf.zeros",
    "tf-2.21": "import tensorflow as tf, impl_tf as m; zeros = tf.zeros",
    "torch-2.13": "import torch, impl_torch as m; zeros = torch.zeros",
}
ATTEMPTS = """
import sys
for attempt in sys.argv[1:]:
    try:
        eval(attempt)
        print("accepted")
    except ValueError as error:
        print(error)
"""
VECTOR = "m.feed_forward_vector(zeros((4, 5)), zeros(({},)), kernel_layout='{}')"
LAYERS = "m.feed_forward(zeros((4, 5)), zeros(({}, {})), zeros((10,)), zeros((10, 1)), zeros((1,)))"


@pytest.mark.environments
@pytest.mark.parametrize("environment", PRELUDE)
def test_weights_of_the_wrong_size_are_refused_in_clear_words(environment: str) -> None:
    """The published listing copies 15 numbers into a model that has 71."""
    attempts = [VECTOR.format(71, "keras"), VECTOR.format(71, "torch"), VECTOR.format(15, "keras"), VECTOR.format(15, "torch")]
    attempts += [VECTOR.format(65, "keras"), VECTOR.format(72, "keras"), LAYERS.format(5, 10), LAYERS.format(10, 5)]
    done = subprocess.run(
        [str(_python(environment)), "-c", PRELUDE[environment] + "\n" + ATTEMPTS, *attempts],
        cwd=FOLDER,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    layer = {"numpy-2.5": "first kernel: 50 numbers expected, shape (5, 10); 50 given, shape (10, 5)"}
    layer["tf-1.15"] = layer["tf-2.21"] = "kernel: 50 numbers expected, shape (5, 10); 50 given, shape (10, 5)"
    layer["torch-2.13"] = "weight: 50 numbers expected, shape (10, 5); 50 given, shape (5, 10)"
    assert done.stdout.splitlines() == [
        "accepted",
        "accepted",
        "first kernel: 50 numbers expected, shape (5, 10); 15 given, for the vector has 15 of 71",
        "first kernel: 50 numbers expected, shape (10, 5); 15 given, for the vector has 15 of 71",
        "second kernel: 10 numbers expected, shape (10, 1); 5 given, for the vector has 65 of 71",
        "weights: 71 numbers expected; 72 given",
        "accepted",
        layer[environment],
    ]
