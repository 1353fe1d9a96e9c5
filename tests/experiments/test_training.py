"""The family of trainings hangs together: gradients are right, rules are those of the papers, and the envelope tells a slightly wrong rate."""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import autograd
import numpy as np
import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.formats import FORMATS
from replab.model import IMPL_FILE, Family
from replab.run.inputs import case_inputs
from replab.truth.reference import Problem, load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "training"
Arrays = list[np.ndarray[Any, Any]]


def _family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert loaded is not None
    return loaded


CASES = {case.name: case for case in _family().cases}
DECLARED = {name: case for name, case in CASES.items() if not case.base}
DEFAULTS = {name: f"{name}.aligned-all" for name in DECLARED if name.endswith("_default")}
DEFAULTS |= {"mlp_momentum_default": "mlp_momentum_default.aligned-learning_rate", "mlp_adam_decay": "mlp_adam_decay.aligned-decay"}
"""Cases that leave a number or a form to the framework, and what they are when nothing is left to it."""


BADLY = "mlp_noisy_labels"
"""A training in which rounding grows until other answers are right."""


@functools.cache
def implementation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("training_impl_numpy", FOLDER / "impl_numpy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(path: Path) -> dict[str, list[str]]:
    nodes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return {node.name: [argument.arg for argument in node.args.args] for node in nodes if not node.name.startswith("_")}


@functools.cache
def inputs(name: str, dtype: str) -> Mapping[str, Any]:
    return case_inputs(CASES[name], dtype, points=1, derivative=False)


def problem(name: str, dtype: str = "float32", **changed: Any) -> Problem:
    case = CASES[name]
    return Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.true(**changed),
        inputs=inputs(name, dtype),
        differentiable=(),
        derivative=0,
        cotangents=(),
    )


@functools.cache
def truth(name: str) -> Arrays:
    return problem(name).plain()


@functools.cache
def runs(name: str) -> list[Arrays]:
    """A few trainings in which every operation is rounded at random as in float32."""
    return [[values[run] for values in problem(name).perturbed(FORMATS["float32"], 0, 4)[0]] for run in range(4)]


def sigma(name: str) -> float:
    """How far rounding moves the last weights, root mean square over all of them."""
    return float(np.sqrt(np.mean([np.square(run[3] - truth(name)[3]) for run in runs(name)])))


def distance(name: str, **changed: Any) -> float:
    """How far other values of factors move the last weights, in the same unit as ``sigma``."""
    return float(np.sqrt(np.mean(np.square(problem(name, **changed).plain()[3] - truth(name)[3]))))


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_every_file_has_every_function_and_takes_what_the_cases_give(file: str) -> None:
    known = arguments(FOLDER / file)
    framework = next(name for name, path in IMPL_FILE.items() if path == file)
    assert set(known) == {case.function for case in CASES.values()}
    for case in CASES.values():
        assert known[case.function][: len(case.inputs)] == list(case.inputs), case.name
        assert set(case.given(framework)) <= set(known[case.function][len(case.inputs) :]), case.name


def test_the_reference_takes_every_factor() -> None:
    known = arguments(FOLDER / "reference.py")
    for case in CASES.values():
        assert known[case.function][: len(case.inputs)] == list(case.inputs), case.name
        assert set(case.true()) <= set(known[case.function][len(case.inputs) :]), case.name


MODELS = {
    "perceptron": ("mlp_sgd", lambda ref, given: ref._perceptron(given["w1"], given["w2"]), ("w1", "b1", "w2", "b2")),
    "relu": ("mlp_sgd", lambda ref, given: ref._perceptron(given["w1"], given["w2"], rectified=True), ("w1", "b1", "w2", "b2")),
    "convolutional": ("cnn_momentum", lambda ref, given: ref._convolutional(given["k"]), ("k", "kb", "w", "b")),
    "one bias": ("lstm_momentum", lambda ref, given: ref._recurrent(given["w"], given["u"], given["v"], "one"), ("w", "u", "b", "v", "d")),
    "two biases": (
        "lstm_momentum",
        lambda ref, given: ref._recurrent(given["w"], given["u"], given["v"], "two"),
        ("w", "u", "b", "v", "d", "b"),
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_gradients_written_out_are_the_derivatives_of_the_loss(model: str) -> None:
    name, build, weights = MODELS[model]
    reference, given = load(FOLDER / "reference.py"), inputs(name, "float64")
    prepare, forward, backward, _ = build(reference, given)
    flat = np.concatenate([given[part].ravel() for part in weights])
    rows, one_hot = prepare(given["x"])[:32], np.eye(10)[given["labels"][:32]]
    found = backward(flat, rows, one_hot, 0)
    expected = autograd.grad(lambda at: reference._cross_entropy(forward(at, rows)[0], one_hot))(flat)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


def test_the_gradient_of_dropout_passes_the_units_that_are_kept() -> None:
    reference, given = load(FOLDER / "reference.py"), inputs("mlp_dropout", "float64")
    _, forward, backward, _ = reference._perceptron(given["w1"], given["w2"], masks=given["masks"])
    flat = np.concatenate([given[part].ravel() for part in ("w1", "b1", "w2", "b2")])
    rows, one_hot, kept = given["x"][:32], np.eye(10)[given["labels"][:32]], 2.0 * given["masks"][5]
    expected = autograd.grad(lambda at: reference._cross_entropy(forward(at, rows, kept)[0], one_hot))(flat)
    np.testing.assert_allclose(backward(flat, rows, one_hot, 5), expected, rtol=1e-9, atol=1e-14)
    assert 0.4 < np.mean(given["masks"]) < 0.6


def test_a_line_is_fitted_towards_least_squares() -> None:
    given = inputs("linear_loop", "float64")
    design = np.hstack([given["x"], np.ones((442, 1))])
    best = np.linalg.lstsq(design, given["y"], rcond=None)[0]
    losses, _, _, last = problem("linear_loop", "float64").plain()
    smallest = np.mean((design @ best - given["y"]) ** 2)
    assert np.all(np.diff(losses) < 0)
    assert smallest < losses[-1] < 1.001 * smallest
    assert np.abs(last - best[:, 0]).max() < 0.1


def quadratic(rule: Any, steps: int = 7) -> list[Any]:
    """Weights and state after each step on ½·Σ(a·w²)."""
    curvature, weights, state, seen = np.array([1.0, 0.25]), np.array([1.0, -2.0]), None, []
    for step in range(steps):
        weights, state = rule(weights, lambda at: curvature * at, state, step)
        seen.append((weights, state))
    return seen


def test_nesterovs_weights_are_the_textbooks_shifted_by_the_velocity() -> None:
    reference = load(FOLDER / "reference.py")
    rate, momentum = 0.1, 0.875
    shifted = quadratic(reference._momentum(lambda _: rate, momentum, form="shifted"))
    textbook = quadratic(reference._momentum(lambda _: rate, momentum, form="textbook"))
    for (ahead, _), (behind, velocity) in zip(shifted, textbook, strict=True):
        np.testing.assert_allclose(ahead, behind - rate * momentum * velocity, rtol=1e-12)


def test_conventions_of_momentum_part_when_the_rate_changes_and_not_before() -> None:
    reference = load(FOLDER / "reference.py")

    def rate(step: int) -> float:
        return 0.1 if step < 4 else 0.0125

    gradients, steps = (quadratic(reference._momentum(rate, 0.875, convention)) for convention in ("gradients", "steps"))
    for step, ((a, _), (b, _)) in enumerate(zip(gradients, steps, strict=True)):
        assert np.allclose(a, b, rtol=1e-12) == (step < 4)


def test_adams_epsilon_on_the_raw_root_is_a_larger_one_on_the_corrected_root() -> None:
    reference = load(FOLDER / "reference.py")
    raw, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 1e-3, "raw"), 1)[0]
    corrected, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 1e-3 / np.sqrt(1 - 0.9921875), "corrected"), 1)[0]
    np.testing.assert_allclose(raw, corrected, rtol=1e-14)


def test_the_first_step_of_adam_is_the_rate_if_bias_is_corrected() -> None:
    reference = load(FOLDER / "reference.py")
    start = np.array([1.0, -2.0])
    right, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 0.0), 1)[0]
    np.testing.assert_allclose(start - right, 0.01 * np.sign(start), rtol=1e-12)
    wrong, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 0.0, bias_correction=False), 1)[0]
    np.testing.assert_allclose(start - wrong, 0.01 * 0.125 / np.sqrt(0.0078125) * np.sign(start), rtol=1e-12)


def test_decay_of_weights_is_decoupled_or_part_of_the_gradient() -> None:
    reference = load(FOLDER / "reference.py")
    start = np.array([1.0, -2.0])
    plain, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 0.0), 1)[0]
    apart, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 0.0, weight_decay=0.5), 1)[0]
    np.testing.assert_allclose(apart, plain - 0.01 * 0.5 * start, rtol=1e-12)
    inside, _ = quadratic(reference._adam(0.01, 0.875, 0.9921875, 0.0, weight_decay=0.5, decay="coupled"), 1)[0]
    np.testing.assert_allclose(inside, plain, rtol=1e-12)  # the first step of Adam does not see how large a gradient is


def test_a_second_bias_makes_the_sum_of_both_move_twice_as_far() -> None:
    given = inputs("lstm_momentum", "float64")
    place = slice(given["w"].size + given["u"].size, given["w"].size + given["u"].size + given["b"].size)
    one, two = (problem("lstm_momentum", "float64", biases=count, steps=10).plain()[1] for count in ("one", "two"))
    np.testing.assert_allclose(two[place] - given["b"], 2 * (one[place] - given["b"]), rtol=1e-9)
    assert np.array_equal(np.delete(one, np.r_[place]), np.delete(two, np.r_[place]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [DEFAULTS.get(name, name) for name in DECLARED if name != "mlp_relu"])
def test_numpys_training_is_the_references_up_to_rounding(name: str, dtype: str) -> None:
    case = CASES[name]
    found = getattr(implementation(), case.function)(*inputs(name, dtype).values(), **case.given("numpy"))
    assert len(found) == len(case.outputs)
    for one, right in zip(found, problem(name, dtype).plain(), strict=True):
        assert (one.dtype, one.shape) == (np.dtype(dtype), right.shape)
        assert name == BADLY or np.abs(one - right).max() < (1e-3 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("name", DEFAULTS)
def test_numpy_has_no_defaults(name: str) -> None:
    function = getattr(implementation(), CASES[name].function)
    with pytest.raises(NotImplementedError, match="no defaults of them"):
        function(*inputs(name, "float32").values(), **CASES[name].given("numpy"))


@pytest.mark.parametrize("name", [name for name in DECLARED if not name.startswith("linear") and name != BADLY])
def test_models_learn(name: str) -> None:
    losses, _, _, _, share = truth(name)
    assert losses[-1] < losses[-2] < losses[0]
    if name not in DEFAULTS:
        assert share[0] > 0.6


def test_rounding_alone_changes_what_a_badly_conditioned_training_tells() -> None:
    shares = {float(run[4][0]) for run in runs(BADLY)}
    first, last = (max(np.abs(run[place] - truth(BADLY)[place]).max() for run in runs(BADLY)) for place in (1, 3))
    assert len(shares) > 1
    assert first < 1e-6
    assert last > 1e4 * first


def test_rounding_alone_changes_no_answer_of_a_training_that_is_well_conditioned() -> None:
    assert len({float(run[4][0]) for run in runs("mlp_momentum")}) == 1


FAR = 100.0
"""A wrong setting must move the weights this many σ: no quantile of the t distribution that judges comes near."""


@pytest.mark.parametrize("name", ["mlp_sgd", "mlp_momentum", "cnn_momentum"])
def test_a_rate_wrong_by_a_thousandth_is_far_outside_of_rounding(name: str) -> None:
    rate = CASES[name].parameters["learning_rate"]
    assert distance(name, learning_rate=rate * 1.001) > FAR * sigma(name)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mlp_adam", {"epsilon_place": "raw"}),
        ("mlp_adam", {"bias_correction": False}),
        ("mlp_nesterov", {"form": "textbook"}),
        ("mlp_nesterov", {"form": "none"}),
        ("mlp_momentum_schedule", {"convention": "steps"}),
        ("mlp_adam_decay", {"decay": "coupled"}),
        ("mlp_rmsprop", {"epsilon_place": "inside"}),
        ("lstm_momentum", {"biases": "two"}),
    ],
)
def test_other_forms_of_a_rule_are_outside_of_rounding(name: str, changed: dict[str, Any]) -> None:
    assert distance(name, **changed) > FAR * sigma(name)


def test_rounding_does_not_change_how_many_answers_are_right() -> None:
    for name in ("mlp_sgd", "cnn_momentum"):
        assert {float(run[4][0]) for run in runs(name)} == {float(truth(name)[4][0])}


def test_plain_descent_runs_in_graphs_and_optimisers_do_not() -> None:
    graphs = {name for name, case in DECLARED.items() if "session" in case.modes}
    assert graphs == {"linear_loop", "mlp_loop"}
    assert all(case.modes_note for case in DECLARED.values())
