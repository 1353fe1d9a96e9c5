"""References in another arithmetic: constants held in float32, subnormal numbers flushed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replab.errors import TruthError
from replab.truth.arithmetic import Arithmetic, Flushing, apart, nobody_chose
from replab.truth.certify import certify
from replab.truth.reading.constants import constants
from replab.truth.reference import Problem

TEXT = """import math

import numpy as np

SCALE = 0.1


def f(x, shift=0.3):
    return helper(x) + 0.5 * x - 2.0 * shift


def helper(x):
    return SCALE * x * np.sqrt(2.0 / np.pi) + (1 / 3) * x[0] - 0.7 + math.pi


def tuned(x):
    return 0.9 * x
"""
TINY = 2.0**-126
"""The smallest normal number of float32."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A reference."""
    (tmp_path / "reference.py").write_text(TEXT, encoding="utf-8")
    return tmp_path / "reference.py"


def test_constants_are_those_that_a_function_reaches_and_float32_does_not_have(path: Path) -> None:
    assert constants(path, "f") == {
        "0.1": 0.1,
        "0.3": 0.3,
        "np.sqrt(2.0 / np.pi)": np.sqrt(2.0 / np.pi),
        "1 / 3": 1 / 3,
        "0.7": 0.7,
        "math.pi": np.pi,
    }
    assert constants(path, "tuned") == {"0.9": 0.9}


def _problem(folder: Path, text: str, arithmetic: Arithmetic, **inputs: list[float]) -> Problem:
    path = folder / "reference.py"
    path.write_text(f"import numpy as np\n\n\n{text}\n", encoding="utf-8")
    arrays = {name: np.asarray(values, np.float32) for name, values in inputs.items()}
    return Problem(
        path=path, function="f", parameters={}, inputs=arrays, differentiable=(), derivative=0, cotangents=(), arithmetic=arithmetic
    )


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        ({}, 0.3 + 1 / 3),
        ({"0.3": float(np.float32(0.3))}, float(np.float32(0.3)) + 1 / 3),
        ({"1 / 3": float(np.float32(1 / 3))}, 0.3 + float(np.float32(1 / 3))),
        ({"0.7": 0.0}, 0.3 + 1 / 3),
    ],
    ids=["none", "a number", "an expression", "one that is not there"],
)
def test_a_constant_has_another_value_in_every_interpretation(tmp_path: Path, replaced: dict[str, float], expected: float) -> None:
    problem = _problem(tmp_path, "def f(x):\n    return 0.3 * x + 1 / 3", Arithmetic(constants=tuple(replaced.items())), x=[1.0])
    (plain,) = problem.plain()
    (truth,) = certify(problem, "float64", elementwise=False)
    assert plain[0] == pytest.approx(expected, rel=2e-16)
    assert truth.high[0] == pytest.approx(expected, rel=2e-16)
    assert truth.bound[0] < 1e-17


PRODUCT = "def f(x, y, z):\n    return x * y + z"


@pytest.mark.parametrize(
    ("text", "inputs", "way", "expected"),
    [
        (PRODUCT, {"x": [2.0**-70], "y": [2.0**-60], "z": [TINY]}, None, TINY * 1.0625),
        (PRODUCT, {"x": [2.0**-70], "y": [2.0**-60], "z": [TINY]}, Flushing.INTERMEDIATES, TINY),
        (PRODUCT, {"x": [2.0**-70], "y": [2.0**-60], "z": [TINY]}, Flushing.INPUTS, TINY * 1.0625),
        (PRODUCT, {"x": [TINY / 2], "y": [4.0], "z": [TINY]}, Flushing.INPUTS, TINY),
        (PRODUCT, {"x": [TINY / 2], "y": [4.0], "z": [TINY]}, Flushing.INTERMEDIATES, TINY * 3),
        (PRODUCT, {"x": [TINY / 2], "y": [4.0], "z": [TINY / 2]}, Flushing.BOTH, 0.0),
        ("def f(x):\n    return np.sqrt(np.sum(x * x))", {"x": [2.0**-64, 2.0**-65]}, Flushing.INTERMEDIATES, 0.0),
        ("def f(x):\n    return np.sum(x)", {"x": [TINY / 2, TINY / 4]}, Flushing.INTERMEDIATES, 0.0),
        ("def f(x):\n    return x @ x", {"x": [2.0**-64, 2.0**-64]}, Flushing.INTERMEDIATES, 0.0),
        ("def f(x):\n    return -x", {"x": [TINY / 2]}, Flushing.INTERMEDIATES, -TINY / 2),
    ],
    ids=[
        "none",
        "a product",
        "not an input",
        "an input",
        "not an intermediate",
        "both",
        "squares",
        "a sum",
        "a dot product",
        "no operation",
    ],
)
def test_what_is_subnormal_is_flushed(
    tmp_path: Path, text: str, inputs: dict[str, list[float]], way: Flushing | None, expected: float
) -> None:
    arithmetic = apart({} if way is None else {"flushing of subnormal numbers": str(way)}, "float32")[1]
    problem = _problem(tmp_path, text, arithmetic, **inputs)
    (plain,) = problem.plain()
    (truth,) = certify(problem, "float32", elementwise=False)
    assert float(np.sum(plain)) == expected
    assert float(np.sum(truth.high)) == expected
    assert float(np.sum(truth.bound)) <= 1e-3 * TINY


def test_results_of_float64_that_are_flushed_have_no_truth(tmp_path: Path) -> None:
    """There is no wider format in which they could be computed."""
    arithmetic = apart({"flushing of subnormal numbers": "intermediates"}, "float64")[1]
    with pytest.raises(TruthError, match="float64"):
        certify(_problem(tmp_path, PRODUCT, arithmetic, x=[1.0], y=[1.0], z=[1.0]), "float64", elementwise=False)


LONG = [1.0] * 70_000
"""More of them than float16 can count."""


@pytest.mark.parametrize(
    ("text", "x", "derivative", "expected"),
    [
        ("def f(x):\n    return x * x - 1.0", [300.0, 2.0], 0, [np.inf, 3.0]),
        ("def f(x):\n    return x * x - 1.0", [255.0, -2.0], 0, [65024.0, 3.0]),
        ("def f(x):\n    return np.sum(x) / 4.0", [40000.0, 40000.0], 0, np.inf),
        ("def f(x):\n    return 1e5 * x", [1e-5], 0, [np.inf]),
        ("def f(x):\n    return np.sum(x) / x.size", [0.25, 0.5], 0, 0.375),
        ("def f(x):\n    return np.mean(x)", LONG, 1, [0.0] * 70_000),
    ],
    ids=["a product", "a product that fits", "a sum", "a constant", "nothing", "a count"],
)
def test_intermediates_overflow_in_their_format(tmp_path: Path, text: str, x: list[float], derivative: int, expected: object) -> None:
    path = tmp_path / "reference.py"
    path.write_text(f"import numpy as np\n\n\n{text}\n", encoding="utf-8")
    problem = Problem(
        path=path,
        function="f",
        parameters={},
        inputs={"x": np.asarray(x, np.float16)},
        differentiable=("x",) if derivative else (),
        derivative=derivative,
        cotangents=[[np.array(1.0)]] if derivative else (),
        arithmetic=apart({"overflow of intermediates": "float16"}, "float16")[1],
    )
    (plain,) = problem.plain()
    (truth,) = certify(problem, "float16", elementwise=False)
    assert np.array_equal(plain, np.asarray(expected, np.float64))
    assert np.array_equal(truth.ieee, plain)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("epsilon", False),
        ("flushing of subnormal numbers", True),
        ("order of equal elements", True),
        ("constant 0.3+constant 1.0 + 0.7", True),
        ("constant 0.96+epsilon", False),
        ("", False),
    ],
)
def test_causes_that_nobody_chose(cause: str, expected: bool) -> None:
    assert nobody_chose(cause) is expected
