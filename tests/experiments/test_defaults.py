"""The family of defaults hangs together: factors, arguments and what the reference says of every value of a factor."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.defaults.atlas import ATLAS, load
from replab.model import IMPL_FILE, Case
from replab.run.inputs import case_inputs
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "defaults"
ROUNDED = 1e-12
"""Numbers below are computed in float64 with a few operations, by formulas other than those of the reference."""


def arguments(path: Path) -> dict[str, tuple[list[str], list[Any]]]:
    """Names of arguments and values of defaults of every public function, by function; both sides of an ``if`` must agree."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found: dict[str, tuple[list[str], list[Any]]] = {}
    for node in [inner for top in body for inner in ([*top.body, *top.orelse] if isinstance(top, ast.If) else [top])]:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            one = [each.arg for each in node.args.args], [ast.literal_eval(value) for value in node.args.defaults]
            assert found.setdefault(node.name, one) == one, node.name
    return found


def cases() -> dict[str, Case]:
    faults = Faults()
    family = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert family is not None
    return {case.name: case for case in family.cases if not case.base}


CASES = cases()


def reference(name: str, dtype: str = "float64", inputs: dict[str, Any] | None = None, **changed: Any) -> list[np.ndarray]:
    """What the reference says with all factors aligned but those ``changed``."""
    case = CASES[name]
    values = {factor: one.aligned for factor, one in case.factors.items()} | changed
    given = inputs or case_inputs(case, dtype, points=16, derivative=False)
    return Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.parameters | values,
        inputs=given,
        differentiable=(),
        derivative=0,
        cotangents=(),
    ).plain()


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_an_implementation_takes_inputs_and_factors_and_leaves_out_what_is_none(file: str) -> None:
    found = arguments(FOLDER / file)
    for case in CASES.values():
        factors = [name for name, factor in case.factors.items() if not factor.diagnose]
        assert found[case.function] == ([*case.inputs, *factors], [None] * len(factors)), case.name


def test_the_reference_takes_every_factor() -> None:
    found = arguments(FOLDER / "reference.py")
    assert found.keys() == {case.function for case in CASES.values()}
    for case in CASES.values():
        assert found[case.function] == ([*case.inputs, *case.factors], []), case.name


@pytest.mark.parametrize("name", CASES)
def test_every_alternative_is_another_function_on_these_inputs(name: str) -> None:
    """A default whose value does not matter to the inputs would prove nothing."""
    # float64: some alternatives (softplus beyond 20) are beyond float32; shapes may differ
    aligned = reference(name)
    for factor, one in CASES[name].factors.items():
        for value in one.alternatives:
            if (name, factor, value) in SAME:
                continue
            other = reference(name, **{factor: value})
            differ = any(a.shape != b.shape or not np.array_equal(a, b, equal_nan=True) for a, b in zip(aligned, other, strict=True))
            differ = differ or any(a.dtype.kind != b.dtype.kind for a, b in zip(aligned, other, strict=True))
            assert differ, (factor, value)


SAME = {
    (name, "stored", value)
    for name in ("adam", "adamw", "adamax", "sgd", "adagrad", "rmsprop", "nadam", "adadelta")
    for value in ("float32", "rate and powers")
} | {("gelu_ops", "stored", "float32")}
"""Aligned rates are powers of two, which float32 holds, and the aligned GELU has no constant: what is stored how shows only elsewhere."""


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("sgd", {"learning_rate": 0.01}),
        ("adam", {"learning_rate": 0.001, "betas": "usual"}),
        ("adamax", {"learning_rate": 0.001}),
        ("nadam", {"learning_rate": 0.001}),
        ("rmsprop", {"learning_rate": 0.001}),
        ("adagrad", {"learning_rate": 0.001}),
        ("adadelta", {"learning_rate": 0.001}),
    ],
)
def test_a_hyperparameter_kept_as_float32_moves_float64_results_by_its_rounding(name: str, changed: dict[str, Any]) -> None:
    # from zero, so that the result is the steps alone
    given = case_inputs(CASES[name], "float64", points=16, derivative=False)
    inputs = given | {"w": np.zeros_like(given["w"])}
    exact, stored = (reference(name, inputs=inputs, stored=kind, **changed)[0] for kind in ("float64", "float32"))
    off = np.max(np.abs(stored - exact)) / np.max(np.abs(exact))
    assert 1e-10 < off < 1e-4  # 1 - float32(0.999) is off by 1.3e-5, everything else by less


def test_values_of_factors_that_were_worked_out_by_hand() -> None:
    x = np.array([[3.0, -4.0]])
    np.testing.assert_allclose(reference("leaky_relu", inputs={"x": x}, slope=0.3), [[[3.0, -1.2]]], rtol=ROUNDED)
    np.testing.assert_allclose(reference("hard_sigmoid", inputs={"x": np.array([-4.0, 0.75, 1.5])}), [[0.0, 0.625, 0.75]], rtol=ROUNDED)
    np.testing.assert_allclose(
        reference("hard_sigmoid", inputs={"x": np.array([-4.0, 0.75, 1.5])}, definition="fifth"), [[0.0, 0.65, 0.8]], rtol=ROUNDED
    )
    np.testing.assert_allclose(reference("l2_normalize", inputs={"x": x * 1e-9}, floor=1e-6), [[[3e-3, -4e-3]]], rtol=ROUNDED)
    np.testing.assert_allclose(reference("median", inputs={"x": np.array([[4.0, 1.0, 3.0, 9.0]])}), [[12.5]])
    np.testing.assert_allclose(reference("median", inputs={"x": np.array([[4.0, 1.0, 3.0, 9.0]])}, middle="lower"), [[9.0]])
    np.testing.assert_array_equal(
        reference("floor_divide", inputs={"n": np.array([-7, 7]), "m": np.array([2, -2])}, towards="zero"), [[-3, -3]]
    )
    np.testing.assert_array_equal(reference("floor_divide", inputs={"n": np.array([-7, 7]), "m": np.array([2, -2])}), [[-4, -4]])


def test_one_step_of_adam_with_either_place_of_epsilon() -> None:
    g = np.array([[1e-8], [0.0], [0.0]])
    one = {"learning_rate": 1.0, "betas": "usual", "epsilon": 1e-7}
    # steps without a gradient still move: only the first is compared, by a gradient that vanishes after it and moments that do not
    m, v = 0.1e-8, 0.001e-16
    moved = {"corrected": 0.0, "uncorrected": 0.0}
    for t in range(1, 4):
        mean, square = m / (1 - 0.9**t), v / (1 - 0.999**t)
        moved["corrected"] += mean / (math.sqrt(square) + 1e-7)
        moved["uncorrected"] += mean / (math.sqrt(square) + 1e-7 / math.sqrt(1 - 0.999**t))
        m, v = 0.9 * m, 0.999 * v
    for placement, total in moved.items():
        found = reference("adam", inputs={"w": np.zeros(1), "g": g}, placement=placement, **one)[0]
        np.testing.assert_allclose(found, [-total], rtol=1e-9)


def test_the_near_singular_matrix_has_the_singular_values_that_the_cases_speak_of() -> None:
    a = case_inputs(CASES["pinv"], "float64", points=1, derivative=False)["a"]
    np.testing.assert_allclose(np.linalg.svd(a, compute_uv=False)[:3], [1.0, 2.0**-5, 2.0**-19], rtol=1e-9)
    mixed = reference("pinv", rcond=1e-3)[0]
    mix = case_inputs(CASES["pinv"], "float64", points=1, derivative=False)["mix"]
    np.testing.assert_allclose(mixed, mix @ np.linalg.pinv(a, 1e-3), rtol=1e-9)


def test_running_statistics_weigh_the_batch_by_momentum() -> None:
    x = case_inputs(CASES["batch_norm_running"], "float64", points=1, derivative=False)["x"]
    mean, variance = reference("batch_norm_running", momentum=0.25, correction=1.0)
    np.testing.assert_allclose(mean, 0.25 * x.mean(axis=0), rtol=ROUNDED)
    np.testing.assert_allclose(variance, 0.75 + 0.25 * x.var(axis=0, ddof=1), rtol=ROUNDED)


@pytest.mark.parametrize("name", CASES)
def test_every_case_gives_evidence_for_the_claim_about_defaults(name: str) -> None:
    assert "K08" in CASES[name].claims
    assert CASES[name].factors


def test_values_of_the_atlas_are_among_those_that_the_reference_can_explain() -> None:
    """Numbers that the cases try are the numbers that frameworks were found to have: names of the atlas and of the family agree."""
    names = {api.name for api in load(ROOT / ATLAS)}
    shared = sorted(set(CASES) & names)
    assert {"leaky_relu", "layer_norm", "adam", "rmsprop", "kl_divergence", "resize", "pinv", "histogram"} <= set(shared)
