"""The family of randomness hangs together, and its exact statistics are those of samples drawn here by other means."""

from __future__ import annotations

import ast
import importlib.util
import itertools
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import IMPL_FILE, Case
from replab.run.inputs import case_inputs
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "randomness"
CHANCE = 5.5
"""Standard deviations: a normal deviate exceeds it once in 26 million, and fewer than a thousand are looked at here."""


def load_module(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"randomness_{Path(file).stem}", FOLDER / file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> dict[str, Case]:
    faults = Faults()
    family = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.errors] == []
    assert family is not None
    return {case.name: case for case in family.cases if not case.base}


CASES = cases()
NUMPY = load_module("impl_numpy.py")
REFERENCE = load_module("reference.py")


def exact(name: str, **changed: Any) -> list[np.ndarray]:
    case = CASES[name]
    values = {factor: one.aligned for factor, one in case.factors.items()} | changed
    return Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.parameters | values,
        inputs=case_inputs(case, "float32", points=1, derivative=False),
        differentiable=(),
        derivative=0,
        cotangents=(),
    ).plain()


def farthest(found: Any, truth: list[np.ndarray]) -> float:
    """The largest distance of any statistic from its exact value, in standard deviations."""
    return max(float(np.max(np.abs(np.asarray(a) - b[0]) / b[1])) for a, b in zip(found, truth, strict=True))


def every_choice(case: Case) -> list[dict[str, Any]]:
    values = [[factor.aligned, *factor.alternatives] for factor in case.factors.values()]
    return [dict(zip(case.factors, chosen, strict=True)) for chosen in itertools.product(*values)]


@pytest.mark.parametrize("file", [*IMPL_FILE.values(), "reference.py"])
def test_functions_take_the_input_the_seed_and_the_factors(file: str) -> None:
    nodes = [node for node in ast.parse((FOLDER / file).read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    found = {node.name: [each.arg for each in node.args.args] for node in nodes if not node.name.startswith("_")}
    assert found == {case.function: [*case.inputs, "seed", *case.factors] for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_every_statistic_has_an_exact_value_and_a_deviation(name: str) -> None:
    case = CASES[name]
    assert case.drawn
    for choice in every_choice(case):
        truth = exact(name, **choice)
        assert len(truth) == len(case.outputs)
        for value in truth:
            assert value.shape[0] == 2
            assert np.isfinite(value).all()
            assert (value[1] > 0.0).all()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.factors])
def test_the_alternatives_of_a_factor_can_be_told_apart(name: str) -> None:
    case = CASES[name]
    aligned = exact(name)
    for factor, one in case.factors.items():
        for value in one.alternatives:
            assert farthest([each[0] for each in exact(name, **{factor: value})], aligned) > 5 * CHANCE


def samples(n: int) -> dict[str, tuple[Any, np.ndarray]]:
    """Distributions of the reference and draws of them by SciPy."""
    rng = np.random.default_rng(7)
    width = 1 / stats.truncnorm(-2, 2).std()
    return {
        "uniform": (REFERENCE._Uniform(-0.5, 2.5), rng.uniform(-0.5, 2.5, n)),
        "normal": (REFERENCE._Normal(1.25), rng.normal(0.0, 1.25, n)),
        "truncated": (REFERENCE._Truncated(1.0, 2.0), stats.truncnorm(-2, 2).rvs(n, random_state=rng)),
        "scaled": (REFERENCE._scaled_normal("truncated"), stats.truncnorm(-2, 2, scale=width).rvs(n, random_state=rng)),
        "hardly truncated": (REFERENCE._Truncated(1.0, 40.0), rng.normal(size=n)),
    }


@pytest.mark.parametrize("kind", samples(1))
def test_statistics_of_a_distribution_are_those_of_its_samples(kind: str) -> None:
    n = 200_000
    drawn, values = samples(n)[kind]
    assert farthest(NUMPY._statistics(values), REFERENCE._statistics(drawn, n)) < CHANCE


@pytest.mark.parametrize("kind", samples(1))
def test_samples_of_another_scale_are_far_outside(kind: str) -> None:
    n = 200_000
    drawn, values = samples(n)[kind]
    assert farthest(NUMPY._statistics(1.02 * values), REFERENCE._statistics(drawn, n)) > CHANCE


def test_deviations_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(11)
    n, repeats = 2000, 400
    found = np.array([np.concatenate(NUMPY._statistics(rng.uniform(-1, 1, n) * np.sqrt(3))) for _ in range(repeats)])
    told = np.concatenate([each[1] for each in REFERENCE._statistics(REFERENCE._Uniform(-np.sqrt(3), np.sqrt(3)), n)])
    moves = found.std(axis=0) > 0
    # a standard deviation of 400 samples is off by 3.5 %
    np.testing.assert_allclose(found.std(axis=0)[moves], told[moves], rtol=6 * 0.036)
    assert list(np.flatnonzero(~moves)) == [10, 11, 12, 13]  # nothing lies beyond √3


def test_a_single_draw_beyond_the_end_is_one_too_many() -> None:
    n = 100_000
    values = np.random.default_rng(3).uniform(-np.sqrt(3), np.sqrt(3), n)
    truth = REFERENCE._statistics(REFERENCE._Uniform(-np.sqrt(3), np.sqrt(3)), n)
    assert farthest(NUMPY._statistics(values), truth) < CHANCE
    values[17] = 1.75
    assert farthest(NUMPY._statistics(values), truth) > 100


@pytest.mark.parametrize("name", ["uniform", "normal", "integers", "categorical", "poisson"])
@pytest.mark.parametrize("seed", [1, 20250])
def test_numpy_draws_what_it_should_whatever_the_seed(name: str, seed: int) -> None:
    count = case_inputs(CASES[name], "float32", points=1, derivative=False)["count"]
    found = getattr(NUMPY, name)(count, seed=seed)
    assert farthest(found if isinstance(found, tuple) else [found], exact(name)) < CHANCE


def test_recurrent_kernels_of_either_kind_have_the_statistics_of_the_reference() -> None:
    rng = np.random.default_rng(5)
    units, width = (int(n) for n in (128, 4 * 128))
    squares, pairs = [], units * (units - 1.0)
    for _ in range(40):
        rows = rng.uniform(-1, 1, (units, width)) / np.sqrt(units)
        products = rows @ rows.T
        squares.append(np.sum((products - np.diag(np.diag(products))) ** 2) / pairs)
    truth = exact("lstm", recurrent="units_uniform")[4]
    np.testing.assert_allclose(np.mean(squares), truth[0, 0], atol=CHANCE * truth[1, 0] / np.sqrt(40))
    np.testing.assert_allclose(np.std(squares), truth[1, 0], rtol=6 * 0.12)
    q, r = np.linalg.qr(rng.normal(size=(width, units)))
    rows = (q * np.sign(np.diag(r))).T
    entries = rows.reshape(-1) * np.sqrt(width)
    found = [np.array([entries.mean(), (entries**2).mean(), (entries**4).mean()])]
    assert farthest(found, exact("lstm")[3:4]) < CHANCE
