"""The family of control flow hangs together: files agree, paths are robust where they should be, and rounding decides where it should."""

from __future__ import annotations

import ast
import importlib.util
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.formats import FORMATS
from replab.model import IMPL_FILE, Case, Family
from replab.run.inputs import case_inputs
from replab.truth.certify import Truth, certify
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "control_flow"
MOVED = 0.02
"""Inputs may move by 2 % without changing a path: that is 10⁵ times what rounding to float32 does to them."""


def _family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert loaded is not None
    return loaded


CASES = {case.name: case for case in _family().cases}
ROBUST = [name for name in CASES if not name.startswith("threshold_")]


def signatures(file: str) -> dict[str, list[str]]:
    body = ast.parse((FOLDER / file).read_text(encoding="utf-8")).body
    found = [node for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {node.name: [argument.arg for argument in node.args.args] for node in found}


def problem(case: Case, order: int, dtype: str = "float64", **factors: Any) -> Problem:
    """A case with all cotangents 1."""
    inputs = case_inputs(case, dtype, points=1, derivative=bool(order))
    moving = tuple(name for name, values in inputs.items() if values.dtype.kind == "f")
    common: dict[str, Any] = {"path": FOLDER / "reference.py", "function": case.function, "parameters": factors, "inputs": inputs}
    outputs = Problem(**common, differentiable=(), derivative=0, cotangents=()).plain()
    levels: list[Sequence[Any]] = [[np.ones(value.shape) for value in outputs], [np.ones(inputs[name].shape) for name in moving]]
    return Problem(**common, differentiable=moving if order else (), derivative=order, cotangents=levels[:order])


def truth(name: str, order: int, **factors: Any) -> list[Truth]:
    found = certify(problem(CASES[name], order, **factors), "float64", elementwise=False)
    assert found, "a truth of no output says nothing"
    return found


class Counted:
    """NumPy that counts which of its functions are called: the path that a function takes."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(np, name)


def path_of(case: Case, inputs: dict[str, Any]) -> Counter[str]:
    spec = importlib.util.spec_from_file_location("control_flow_counted", FOLDER / "reference.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.np = Counted()
    getattr(module, case.function)(*inputs.values())
    return module.np.calls


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    explaining = {factor for case in CASES.values() for factor in case.factors}
    expected = {name: [one for one in names if one not in explaining] for name, names in signatures("reference.py").items()}
    own = signatures(file)
    assert ({**expected, **own} if file == IMPL_FILE["numpy"] else own) == expected  # NumPy runs the reference where it has no function


def test_arguments_are_inputs_and_factors_in_call_order() -> None:
    known = signatures("reference.py")
    assert {name: [*case.inputs, *case.factors] for name, case in CASES.items()} == {name: known[name] for name in CASES}
    assert set(known) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_reference_has_a_certified_truth_in_every_order(name: str) -> None:
    for order in range(CASES[name].derivatives + 1):
        for one in truth(name, order):
            assert np.isfinite(one.bound).all()


@pytest.mark.parametrize("name", ROBUST)
def test_rounding_cannot_change_a_path(name: str) -> None:
    inputs = case_inputs(CASES[name], "float32", points=1, derivative=False)
    expected = path_of(CASES[name], inputs)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        moved = {
            key: values * (1.0 + MOVED * rng.uniform(-1, 1, values.shape)) if values.dtype.kind == "f" else values
            for key, values in inputs.items()
        }
        assert path_of(CASES[name], moved) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in CASES if name not in ROBUST])
def test_at_a_threshold_the_envelope_holds_both_paths(name: str, dtype: str) -> None:
    asked = problem(CASES[name], 0, dtype)
    exact = certify(asked, dtype, elementwise=False)[0].high
    far = [float(np.max(np.abs(asked.perturbed(FORMATS[dtype], seed)[0][0] - exact))) > 0.1 for seed in range(16)]
    assert any(far)  # the path that the exact numbers take is the centre; the other is seen too


@pytest.mark.parametrize("name", ["branch_rows", "newton_native", "early_exit_native", "counted_native", "scan"])
def test_a_loop_whose_states_are_constants_keeps_its_value_and_first_derivative(name: str) -> None:
    for order in (0, 1):
        for one, other in zip(truth(name, order), truth(name, order, second_derivative_through_loop=False), strict=True):
            assert np.all(np.abs(one.high - other.high) <= np.spacing(np.abs(one.high)))


@pytest.mark.parametrize("name", ["branch_rows", "early_exit_native", "counted_native", "scan"])
def test_a_loop_whose_states_are_constants_has_no_second_derivative(name: str) -> None:
    assert any(np.any(one.high != 0.0) for one in truth(name, 2))
    assert all(np.all(one.high == 0.0) for one in truth(name, 2, second_derivative_through_loop=False))


def test_newton_keeps_of_its_second_derivative_what_passes_no_state() -> None:
    """The numbers that TensorFlow 2.4 gives under ``tf.function`` for these inputs, with cotangents of 1."""
    found = truth("newton_native", 2, second_derivative_through_loop=False)[0].high
    np.testing.assert_allclose(found, [-0.1130582, -0.06999561, -0.0356112, -0.01524985, -0.3589374, -0.00707343], rtol=1e-6)


def test_newton_finds_cube_roots_and_their_slopes() -> None:
    a = case_inputs(CASES["newton_native"], "float64", points=1, derivative=True)["a"]
    np.testing.assert_allclose(truth("newton_native", 0)[0].high, np.cbrt(a), rtol=1e-3)  # where it stops, squares sum to 1e-6
    np.testing.assert_allclose(truth("newton_native", 1)[0].high, 1 / (3 * np.cbrt(a) ** 2), rtol=1e-2)


def test_the_collatz_sequence_of_27_has_111_steps() -> None:
    case = CASES["collatz_native"]
    calls = path_of(case, case_inputs(case, "float64", points=1, derivative=False))
    assert (calls["sin"], calls["cos"]) == (70, 41)


def test_power_iteration_comes_near_the_largest_eigenvalue() -> None:
    a = case_inputs(CASES["power_iteration"], "float64", points=1, derivative=False)["a"]
    np.testing.assert_allclose(truth("power_iteration", 0)[0].high.item(), np.linalg.eigvalsh(a)[-1], rtol=1e-2)


def test_all_ways_to_write_a_loop_have_one_truth() -> None:
    for name in ("newton", "collatz", "nested", "early_exit"):
        assert np.array_equal(truth(f"{name}_native", 1)[0].high, truth(f"{name}_autograph", 1)[0].high)
    assert np.array_equal(truth("newton_native", 2)[0].high, truth("newton_masked", 2)[0].high)
    assert np.array_equal(truth("counted_native", 2)[0].high, truth("counted_unrolled", 2)[0].high)
