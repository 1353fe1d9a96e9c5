"""Functions of ``np`` that are written with others: values of NumPy, enclosures, envelopes, derivatives, and what is refused in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from replab.errors import TruthError
from replab.formats import FORMATS
from replab.truth.certify import certify
from replab.truth.reference import Problem

RNG = np.random.default_rng(0)
ROW, OTHER, TABLE = RNG.normal(size=7), RNG.normal(size=3), RNG.normal(size=(4, 6))
TALL = RNG.normal(size=(5, 3))
ENDS = np.array([-3.0, -0.9, 0.1, 0.25, 2.0])

BODIES: dict[str, Mapping[str, np.ndarray]] = {
    "np.median(x)": {"x": ROW},
    "np.median(x, axis=0)": {"x": TABLE},
    "np.median(x, axis=-1, keepdims=True)": {"x": TABLE},
    "np.median(x, keepdims=True)": {"x": TABLE},
    "np.percentile(x, 30)": {"x": ROW},
    "np.percentile(x, 99, axis=1)": {"x": TABLE},
    "np.percentile(x, 100)": {"x": ROW},
    "np.percentile(x, 50)": {"x": TABLE},
    "np.quantile(x, 0.125, axis=0)": {"x": TABLE},
    "np.convolve(x, y)": {"x": ROW, "y": OTHER},
    "np.convolve(y, x, mode='same')": {"x": ROW, "y": OTHER},
    "np.convolve(x, y, 'valid')": {"x": ROW, "y": OTHER},
    "np.convolve(x, y[:1])": {"x": ROW, "y": OTHER},
    "np.convolve(x, [1, 2, 1])": {"x": ROW},
    "np.interp(x, [-1.0, 0.0, 0.3], [2.0, 1.0, 5.0])": {"x": ENDS},
    "np.interp(x, p, y)": {"x": ENDS, "p": np.array([-1.0, 0.5, 0.7]), "y": OTHER},
    "np.sinc(x)": {"x": np.array([0.0, 0.3, -1.0, 2.5])},
    "x // 0.3": {"x": ROW},
    "np.floor_divide(x, y)": {"x": OTHER, "y": np.array([0.25, -0.5, 3.0])},
    "np.linalg.norm(x)": {"x": TABLE},
    "np.linalg.norm(x, 1)": {"x": ROW},
    "np.linalg.norm(x, np.inf)": {"x": ROW},
    "np.linalg.norm(x, ord=-np.inf, axis=0)": {"x": TABLE},
    "np.linalg.norm(x, axis=1, keepdims=True)": {"x": TABLE},
    "np.linalg.norm(x, 'fro')": {"x": TABLE},
    "np.linalg.norm(x, 1.0)": {"x": TABLE},
    "np.linalg.norm(x, ord=np.inf)": {"x": TABLE},
    "np.linalg.norm(x, 2)": {"x": TALL},
    "np.linalg.norm(x, 'nuc')": {"x": TALL},
    "np.linalg.svd(x, compute_uv=False)": {"x": TALL},
    "np.linalg.cond(x)": {"x": TALL},
}
CHOSEN = {
    "np.median(x)",
    "np.percentile(x, 100)",
    "np.linalg.norm(x, np.inf)",
    "np.linalg.norm(x, ord=-np.inf, axis=0)",
    "x // 0.3",
    "np.floor_divide(x, y)",
}
"""Where nothing is computed that rounding could move."""
SMOOTH = [body for body in BODIES if "//" not in body and "floor" not in body and "svd" not in body and "cond" not in body]
SMOOTH = [body for body in SMOOTH if body not in ("np.linalg.norm(x, 2)", "np.linalg.norm(x, 'nuc')")]


def posed(folder: Path, body: str, inputs: Mapping[str, np.ndarray], *, derivative: int = 0, c: np.ndarray | None = None) -> Problem:
    path = folder / "reference.py"
    path.write_text(f"import numpy as np\n\n\ndef f({', '.join(inputs)}):\n    return {body}\n")
    return Problem(
        path=path,
        function="f",
        parameters={},
        inputs=inputs,
        differentiable=("x",) if derivative else (),
        derivative=derivative,
        cotangents=[[c]] if derivative and c is not None else [],
    )


def by_numpy(body: str) -> Callable[..., np.ndarray]:
    return lambda **inputs: np.asarray(eval(body, {"np": np, **inputs}))


@pytest.mark.parametrize("body", BODIES)
def test_values_are_those_of_numpy_and_certified(body: str, tmp_path: Path) -> None:
    inputs = BODIES[body]
    expected = by_numpy(body)(**inputs)
    problem = posed(tmp_path, body, inputs)
    (truth,) = certify(problem, "float64", elementwise=False)
    assert truth.high.shape == expected.shape
    assert np.allclose(truth.high, expected, rtol=1e-12, atol=1e-15)
    assert np.allclose(problem.plain()[0], expected, rtol=1e-13, atol=1e-15)
    assert (truth.bound <= 1e-17 + 1e-16 * np.abs(truth.high)).all()


@pytest.mark.parametrize("body", BODIES)
def test_rounding_moves_values_by_no_more_than_it_may(body: str, tmp_path: Path) -> None:
    inputs = BODIES[body]
    expected = by_numpy(body)(**inputs)
    (values,), _ = posed(tmp_path, body, inputs).perturbed(FORMATS["float32"], 1, 8)
    assert values.shape == (8, *expected.shape)
    assert np.allclose(values, expected, rtol=1e-5, atol=1e-6)
    assert (np.ptp(values, axis=0) > 0).any() == (body not in CHOSEN)


@pytest.mark.parametrize("body", SMOOTH)
def test_derivatives_are_those_of_differences(body: str, tmp_path: Path) -> None:
    inputs = {name: values + 0.01 if name == "x" else values for name, values in BODIES[body].items()}  # beside the kinks
    function = by_numpy(body)
    c = 0.5 + np.arange(function(**inputs).size).reshape(function(**inputs).shape) / 7
    (truth,) = certify(posed(tmp_path, body, inputs, derivative=1, c=c), "float64", elementwise=False)
    step, x = 1e-6, inputs["x"]
    for place in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            ends.append(np.sum(c * function(**{**inputs, "x": moved})))
        assert truth.high[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7), place


def test_nan_and_infinity_are_as_numpy_has_them(tmp_path: Path) -> None:
    odd = np.array([[1.0, np.nan, 3.0], [4.0, np.inf, -np.inf]])
    for place, body in enumerate(
        ["np.median(x, axis=1)", "np.percentile(x, 25, axis=1)", "np.interp(x, [0.0, 1.0], [5.0, 6.0])", "np.sinc(x)"]
    ):
        (tmp_path / str(place)).mkdir()
        (value,) = posed(tmp_path / str(place), body, {"x": odd}).plain()
        with np.errstate(invalid="ignore"):
            assert np.array_equal(value, by_numpy(body)(x=odd), equal_nan=True) or body.startswith("np.percentile"), body


@pytest.mark.parametrize("body", ["np.interp(x, [-1.0, 0.0, 0.3], [2.0, 1.0, 5.0])", "np.sinc(x)", "x // 0.3"])
def test_what_leaves_elements_apart_may_be_used_where_they_are(body: str, tmp_path: Path) -> None:
    (truth,) = certify(posed(tmp_path, body, {"x": ENDS}), "float32", elementwise=True)
    assert np.allclose(truth.high, by_numpy(body)(x=ENDS))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("np.fft.fft(x)", "np.fft: certified arithmetic has no complex numbers: write the transform with np.cos and np.sin"),
        ("np.linalg.svd(x)", "compare what does not depend on it .svdvals, .* or say compute_uv=False"),
        ("np.linalg.eigh(x)[0]", "np.linalg.eigh: vectors of that kind may be turned"),
        ("np.linalg.norm(x, 3)", "np.linalg.norm of a matrix has no ord 3 here"),
        ("np.nanmean(x)", "np.nanmean: say with np.where what stands in the place of NaN"),
        ("np.convolve(x[0], x[0], 'other')", "np.convolve has the modes full, same and valid"),
        ("np.percentile(x, 101)", "percentiles are from 0 to 100"),
        ("np.linalg.tensorsolve(x)", "known are cholesky, cond"),
    ],
)
def test_what_cannot_be_had_says_why(body: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=said):
        posed(tmp_path, body, {"x": TALL}).balls(128)
