"""The family of recurrent layers hangs together: signatures, factors that matter, weights that are refused, formulas that agree."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import IMPL_FILE, Case, Family
from replab.run.inputs import case_inputs
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "rnn"
LENGTHS = (4, 16, 64, 128, 256, 512)
STEP = 2.0**-20
"""Of central differences in float64: their error is of the order of STEP², about 1e-12, and that of rounding about 1e-16 / STEP."""


def signatures(path: Path) -> dict[str, list[str]]:
    """Names of arguments of every public function of a file, by function."""
    nodes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return {node.name: [argument.arg for argument in node.args.args] for node in nodes if not node.name.startswith("_")}


def _family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert loaded is not None
    return loaded


CASES = {case.name: case for case in _family().cases if not case.base}


def numpy_function(name: str) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location("rnn_impl_numpy", FOLDER / "impl_numpy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def inputs(case: Case) -> dict[str, Any]:
    return case_inputs(case, "float64", points=1, derivative=False)


def problem(case: Case, *, order: int = 0, **changed: Any) -> Problem:
    """The reference of ``case`` in float64, with cotangents of 1."""
    values = inputs(case)
    moving = tuple(name for name, value in values.items() if value.dtype.kind == "f" and name not in case.constants)
    common: dict[str, Any] = {
        "path": FOLDER / "reference.py",
        "function": case.function,
        "parameters": case.true(**changed),
        "inputs": values,
    }
    outputs = Problem(**common, differentiable=(), derivative=0, cotangents=()).plain()
    levels = [[np.ones(value.shape) for value in outputs]] if order else []
    return Problem(**common, differentiable=moving if order else (), derivative=order, cotangents=levels)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    assert signatures(FOLDER / file) == signatures(FOLDER / "reference.py")


def test_arguments_are_inputs_then_parameters_and_factors() -> None:
    known = signatures(FOLDER / "reference.py")
    assert {name: set(known[case.function]) for name, case in CASES.items()} == {
        name: {*case.inputs, *case.parameters, *case.factors} for name, case in CASES.items()
    }
    assert all(known[case.function][: len(case.inputs)] == list(case.inputs) for case in CASES.values())


def test_every_function_is_a_case() -> None:
    assert {case.function for case in CASES.values()} == set(signatures(FOLDER / "reference.py"))


def test_lengths_are_named_regularly_and_share_their_weights() -> None:
    for kind in ("lstm", "simple"):
        found = {f"{kind}_length_{n}": n for n in LENGTHS}
        assert {name: inputs(CASES[name])["x"].shape[1] for name in found} == found
        assert all("K05" in CASES[name].claims and CASES[name].derivatives == 1 for name in found)
        assert len({inputs(CASES[name])["u"].tobytes() for name in found}) == 1


@pytest.mark.parametrize("name", CASES)
def test_numpy_computes_the_reference(name: str) -> None:
    case = CASES[name]
    found = as_list(numpy_function(case.function)(*inputs(case).values(), **case.given("numpy")))
    expected = problem(case).plain()
    assert [value.shape for value in found] == [value.shape for value in expected]
    for value, right in zip(found, expected, strict=True):
        # Two orders of the same few thousand float64 operations, none of which cancels.
        np.testing.assert_allclose(value, right, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("name", "factor"), [(name, factor) for name, case in CASES.items() for factor in case.factors])
def test_every_alternative_of_a_factor_gives_another_result(name: str, factor: str) -> None:
    case = CASES[name]
    assert case.factors[factor].alternatives
    values = [case.factors[factor].aligned, *case.factors[factor].alternatives]
    results = [
        np.concatenate(
            [part.ravel() for order in range(case.derivatives + 1) for part in problem(case, order=order, **{factor: value}).plain()]
        )
        for value in values
    ]
    for place, one in enumerate(results):
        for other in results[place + 1 :]:
            assert one.shape != other.shape or np.max(np.abs(one - other)) > 1e-3


@pytest.mark.parametrize("name", ["simple_layer", "lstm_masked_empty", "gru_layer", "gru_reset_before", "e2_lstm_dense", "lstm_backwards"])
def test_gradients_of_the_reference_are_its_slopes(name: str) -> None:
    case = CASES[name]
    slopes = problem(case, order=1)
    values = problem(case)
    for place, moved in enumerate(slopes.differentiable):
        direction = np.cos(np.arange(values.inputs[moved].size)).reshape(values.inputs[moved].shape)
        ahead, back = (
            sum(
                float(np.sum(out))
                for out in Problem(
                    path=values.path,
                    function=values.function,
                    parameters=values.parameters,
                    differentiable=(),
                    derivative=0,
                    cotangents=(),
                    inputs={**values.inputs, moved: values.inputs[moved] + sign * STEP * direction},
                ).plain()
            )
            for sign in (1.0, -1.0)
        )
        assert float(np.sum(slopes.plain()[place] * direction)) == pytest.approx((ahead - back) / (2 * STEP), rel=1e-7, abs=1e-8)


def test_masked_steps_do_not_matter() -> None:
    case = CASES["b2_lstm_masked"]
    values = inputs(case)
    masked = np.broadcast_to(~values["mask"][:, :, None], values["x"].shape)
    sequence, h, c = problem(case).plain()
    assert np.all(sequence[~values["mask"]] == 0)
    moved = Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.true(),
        differentiable=(),
        derivative=0,
        cotangents=(),
        inputs={**values, "x": np.where(masked, 1e3, values["x"])},
    )
    for one, other in zip(moved.plain(), (sequence, h, c), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gates_may_come_in_any_order_that_is_named() -> None:
    case = CASES["gru_defaults"]
    values = inputs(case)
    parts = {name: np.split(values[name], 3, axis=-1) for name in ("w", "u", "b")}
    moved = {name: np.concatenate([z, r, n], axis=-1) for name, (r, z, n) in parts.items()}
    expected = problem(case).plain()
    renamed = Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.true(gate_order="zrn"),
        differentiable=(),
        derivative=0,
        cotangents=(),
        inputs={"x": values["x"], **moved},
    )
    for one, other in zip(renamed.plain(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)


def test_training_by_hand_follows_the_gradient() -> None:
    """The loss of the first batch, differentiated by autograd, gives the first update."""
    case = CASES["simple_training"]
    values = inputs(case)
    first = {**values, "x": values["x"][:1], "y": values["y"][:1]}
    common: dict[str, Any] = {"path": FOLDER / "reference.py", "differentiable": (), "derivative": 0, "cotangents": ()}
    w, u, b, h = Problem(**common, function=case.function, parameters=case.true(), inputs=first).plain()
    layer = {"x": first["x"][0], "w": first["w"], "u": first["u"], "b": first["b"]}
    error = (h - first["y"][0]) / 3.0
    slopes = Problem(
        path=FOLDER / "reference.py",
        function="simple_layer",
        parameters={},
        inputs=layer,
        differentiable=("w", "u", "b"),
        derivative=1,
        cotangents=[[np.zeros((3, 6, 8)), error]],
    ).plain()
    for found, before, slope in zip((w, u, b), (first["w"], first["u"], first["b"]), slopes, strict=True):
        np.testing.assert_allclose(found, before - 0.125 * slope, rtol=0, atol=1e-14)


def test_biases_enough_for_another_layer_are_refused_by_name() -> None:
    values = inputs(CASES["lstm_layer"])
    values["b"] = values["b"][:15]
    with pytest.raises(ValueError, match=re.escape("bias: expected shape [32], got [15]")):
        numpy_function("lstm_layer")(*values.values())


def test_a_transposed_kernel_is_refused_by_name() -> None:
    values = inputs(CASES["gru_layer"])
    values["w"] = values["w"].T
    with pytest.raises(ValueError, match=re.escape("kernel: expected shape [5, 24], got [24, 5]")):
        numpy_function("gru_layer")(*values.values())


def test_weights_of_another_size_are_refused_by_name() -> None:
    values = inputs(CASES["simple_layer"])
    values["u"] = np.ones((8, 7))
    with pytest.raises(ValueError, match=re.escape("recurrent kernel: expected shape [8, 8], got [8, 7]")):
        numpy_function("simple_layer")(*values.values())
