"""The family of gradients hangs together, and its references have the derivatives that analysis gives."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import IMPL_FILE, Case, Family
from replab.run.inputs import case_inputs
from replab.truth.certify import Truth, certify
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "gradients"
ROUNDED = 1e-12
"""Analytic values below are computed in float64 with a few operations: their relative error is far below this."""


def signatures(path: Path) -> dict[str, list[str]]:
    """Names of arguments of every public function of a file, by function; both sides of an ``if`` count."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    nodes = [inner for node in body for inner in ([*node.body, *node.orelse] if isinstance(node, ast.If) else [node])]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {node.name: [argument.arg for argument in node.args.args] for node in functions}


def _family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert loaded is not None
    return loaded


CASES = {case.name: case for case in _family().cases}


def truth(case: Case, order: int, dtype: str = "float64") -> list[Truth]:
    """Certified derivatives of a case with all cotangents 1."""
    inputs = case_inputs(case, dtype, points=1, derivative=True)
    moving = tuple(name for name, values in inputs.items() if values.dtype.kind == "f" and name not in case.constants)
    common: dict[str, Any] = {"path": FOLDER / "reference.py", "function": case.function, "parameters": case.parameters, "inputs": inputs}
    outputs = Problem(**common, differentiable=(), derivative=0, cotangents=()).plain()
    levels: list[Sequence[Any]] = [[np.ones(value.shape) for value in outputs], *([[np.ones(inputs[name].shape) for name in moving]] * 3)]
    problem = Problem(**common, differentiable=moving if order else (), derivative=order, cotangents=levels[:order])
    found = certify(problem, dtype, elementwise=False)
    assert found, "a truth of no output says nothing"
    return found


def values(name: str, order: int) -> list[list[float]]:
    """Numbers of ``truth``; where balls have no answer (poles), those of the IEEE evaluation, as the judge takes them."""
    return [np.where(np.isfinite(one.bound), one.high, one.ieee).ravel().tolist() for one in truth(CASES[name], order)]


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    """Beside the factors that explain a difference: the reference alone takes those."""
    explaining = {case.function: set(case.factors) for case in CASES.values()}
    known = signatures(FOLDER / "reference.py")
    wanted = {name: [argument for argument in arguments if argument not in explaining[name]] for name, arguments in known.items()}
    own = signatures(FOLDER / file)
    assert ({**wanted, **own} if file == IMPL_FILE["numpy"] else own) == wanted  # NumPy runs the reference where it has no function


def test_arguments_are_inputs_and_parameters_in_call_order() -> None:
    known = signatures(FOLDER / "reference.py")
    found = {name: [*case.inputs, *case.parameters, *case.factors] for name, case in CASES.items()}
    assert found == {name: known[case.function] for name, case in CASES.items()}


def test_every_function_is_a_case() -> None:
    assert {case.function for case in CASES.values()} == set(signatures(FOLDER / "reference.py"))


def test_the_chain_of_powers_has_the_slope_192_and_not_24() -> None:
    assert [values("chain_of_powers", order) for order in (0, 1, 2)] == [[[64.0]], [[192.0]], [[480.0]]]


def test_the_cube_at_2_has_the_derivatives_12_12_6_0() -> None:
    assert [values("cube", order) for order in (1, 2, 3, 4)] == [[[12.0]], [[12.0]], [[6.0]], [[0.0]]]


def test_the_cubic_at_2_has_the_slope_14() -> None:
    assert values("cubic", 1) == [[14.0]]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("forward_", "central_", "complex_"))])
def test_finite_differences_are_judged_by_the_exact_derivative(name: str) -> None:
    assert values(name, 0) == [[14.0]]


def test_tanh_has_its_analytic_derivatives() -> None:
    x = case_inputs(CASES["tanh"], "float64", points=1, derivative=True)["x"]
    t = np.tanh(x)
    s = 1 - t * t
    expected = [s, -2 * t * s, (6 * t * t - 2) * s, (16 * t - 24 * t**3) * s]
    for order, analytic in enumerate(expected, start=1):
        np.testing.assert_allclose(values("tanh", order)[0], analytic, rtol=ROUNDED, atol=ROUNDED)


def test_softplus_has_its_analytic_derivatives() -> None:
    x = case_inputs(CASES["softplus"], "float64", points=1, derivative=True)["x"]
    s = 1 / (1 + np.exp(-x))
    d = s * (1 - s)
    for order, analytic in enumerate([s, d, d * (1 - 2 * s), d * (1 - 6 * d)], start=1):
        np.testing.assert_allclose(values("softplus", order)[0], analytic, rtol=ROUNDED, atol=ROUNDED)


def test_logsumexp_has_softmax_as_its_gradient() -> None:
    x = case_inputs(CASES["logsumexp"], "float64", points=1, derivative=True)["x"]
    np.testing.assert_allclose(values("logsumexp", 1)[0], np.exp(x) / np.exp(x).sum(), rtol=ROUNDED)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", [[0, 0, 0, 1, 1]]),
        ("relu_as_maximum", [[0, 0, 0, 1, 1]]),
        ("relu6", [[0, 0, 1, 0, 0]]),
        ("leaky_relu", [[0.125, 0.125, 0.125, 1, 1]]),
        ("absolute", [[-1, -1, 0, 1, 1]]),
        ("clip", [[0, 1, 1, 1, 1, 1, 0]]),
        ("rint", [[0, 0, 0, 0, 0, 0]]),
        ("sqrt", [[np.inf, 1, 0.25]]),
        ("power_zero_zero", [[0]]),
        ("maximum", [[0.5, 0, 0.5, 1, 0.5], [0.5, 1, 0.5, 0, 0.5]]),
        ("row_maximum", [[0, 0.5, 0.5, 0, 0.25, 0.25, 0.25, 0.25, 0.5, 0, 0, 0.5]]),
        ("sort", [[1, 1, 1, 1, 1, 1]]),
        ("where_root", [[0, 0, 1, 1 / 6]]),
        ("where_quotient", [[0, 0.5, -0.25, 0], [0, 0.75, -0.125, 0]]),
        ("custom_round", [[1, 1, 1, 1, 1, 1]]),
        ("custom_reversal", [[-0.5] * 8]),
        ("custom_clip", [[-1, -0.5, 0, 0.25, 1, 1, -1, 0.75]]),
        ("branch_native_then", [[1] * 10, [1] * 10]),
        ("branch_native_else", [[1] * 10, [-1] * 10]),
    ],
)
def test_conventions_at_kinks_and_declared_gradients(name: str, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(np.array(values(name, 1)), np.array(expected, float), rtol=ROUNDED)


def test_powers_of_zero_have_their_one_sided_derivatives() -> None:
    np.testing.assert_allclose(values("power", 1)[0], [0, 0, 1, np.inf, 1.5 * np.sqrt(2)], rtol=ROUNDED)
    np.testing.assert_allclose(values("power_exponent", 1)[0], [0, 0, 0, 0, 2**1.5 * np.log(2)], rtol=ROUNDED)


def test_the_norm_of_zeros_has_no_slope() -> None:
    assert values("norm", 1)[0][4:] == [0, 0, 0, 0, 0, 1, 0, 0]


def test_the_product_of_a_row_with_zeros_has_finite_second_derivatives() -> None:
    row = [0.0, 4.0, 0.0, 1.0]
    assert values("product", 1)[0][8:12] == [0, 0, 0, 0]
    # d²/dxᵢdxⱼ is the product of the other two; cotangents are 1, so each row of the matrix is summed.
    expected = [sum(np.prod([row[k] for k in range(4) if k not in (i, j)]) for j in range(4) if j != i) for i in range(4)]
    assert values("product", 2)[0][8:12] == expected


def test_a_stopped_factor_counts_once_and_never_again() -> None:
    x = case_inputs(CASES["stopped_factor"], "float64", points=1, derivative=True)["x"]
    assert values("stopped_factor", 1)[0] == x.tolist()
    assert values("stopped_factor", 2)[0] == [0.0] * 8


def test_declared_gradients_do_not_change_values() -> None:
    x = case_inputs(CASES["custom_round"], "float64", points=1, derivative=True)["x"]
    assert values("custom_round", 0)[0] == np.rint(x).tolist()
    assert values("custom_round", 2)[0] == [0.0] * 6


def test_both_branches_are_taken() -> None:
    def total(name: str) -> float:
        return float(np.sum(case_inputs(CASES[name], "float32", points=1, derivative=False)["x"]))

    assert total("branch_native_then") > 1
    assert total("branch_native_else") < -0.5


@pytest.mark.parametrize("name", CASES)
def test_every_reference_has_an_answer_in_every_order(name: str) -> None:
    for order in range(CASES[name].derivatives + 1):
        for one in truth(CASES[name], order, "float32"):
            known = np.isfinite(one.bound) | ~np.isnan(one.ieee)
            assert known.all(), (order, one.high, one.ieee)
