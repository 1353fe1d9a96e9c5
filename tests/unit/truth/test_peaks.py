"""Where rounding decides between two values: two peaks are seen, noise of one peak and chaos are not taken for two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replab.compare.metrics import against_truth
from replab.formats import FORMATS
from replab.truth.certify import certify
from replab.truth.peaks import cuts
from replab.truth.reference import Problem

U32 = 2.0**-24
ELEMENTS = 4000
RUNS = (8, 32, 256)
REFERENCE = Path(__file__).resolve().parents[3] / "experiments" / "control_flow" / "reference.py"


def rounded(values, random):
    """The values, each off by what one rounding to float32 may do."""
    return values * (1 + U32 * random.uniform(-1, 1, np.shape(values)))


def in_two(random, runs, share=0.5, elements=1):
    return rounded(np.where(random.uniform(size=(runs, elements)) < share, 1.28, -1.08), random)


@pytest.mark.parametrize("runs", RUNS)
def test_two_peaks_are_seen_and_parted_in_the_middle(runs) -> None:
    random = np.random.default_rng(1)
    half = rounded(np.where(np.arange(runs) % 2 == 0, 1.28, -1.08)[:, None], random)
    assert cuts(half, FORMATS["float32"])[0] == pytest.approx(0.1)


def test_a_rare_branch_is_seen_by_many_runs() -> None:
    values = in_two(np.random.default_rng(2), 256, share=0.03, elements=50)
    assert np.isfinite(cuts(values, FORMATS["float32"])).mean() > 0.9


NOISE = {
    "uniform": lambda random, shape: random.uniform(-1, 1, shape),
    "normal": lambda random, shape: random.normal(size=shape),
    "cauchy": lambda random, shape: random.standard_cauchy(shape),
    "pareto without a mean": lambda random, shape: random.pareto(0.5, shape),
    "t with a tenth of a degree of freedom": lambda random, shape: random.standard_t(0.1, shape),
    "a spike on a broad foot": lambda random, shape: np.where(random.uniform(size=shape) < 0.99, 1e-9, 1.0) * random.normal(size=shape),
    "one value and no more": lambda random, shape: np.zeros(shape),
    "a kink": lambda random, shape: np.maximum(random.normal(size=shape), 0.0),
}


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("kind", NOISE)
def test_heavy_tails_of_one_peak_are_not_two(kind, runs) -> None:
    values = NOISE[kind](np.random.default_rng(3), (runs, ELEMENTS))
    for form, scale in (("float32", 1.0), ("float32", 1e-6), ("float64", 2.0**-53)):
        assert not np.isfinite(cuts(1 + scale * values, FORMATS[form])).any()


def test_steps_of_the_format_are_no_peaks() -> None:
    """What rounding to the format leaves is two neighbours or three, and nothing between them."""
    values = np.float32(rounded(np.full((256, ELEMENTS), 1.1), np.random.default_rng(4)))
    assert len(np.unique(values)) <= 3
    assert not np.isfinite(cuts(values, FORMATS["float32"])).any()


@pytest.mark.parametrize("steps", [20, 60, 200])
def test_chaos_is_broad_and_not_parted(steps) -> None:
    random = np.random.default_rng(5)
    x = rounded(np.full((256, 200), 0.3) + np.linspace(0, 0.1, 200), random)
    for _ in range(steps):
        x = rounded(3.9 * x * (1 - x), random)
    assert not np.isfinite(cuts(x, FORMATS["float32"])).any()


def test_what_is_not_finite_is_left_out() -> None:
    values = in_two(np.random.default_rng(6), 32)
    values[:4], values[4] = np.inf, np.nan
    assert np.isfinite(cuts(values, FORMATS["float32"])).all()
    assert np.isnan(cuts(np.full((32, 1), np.nan), FORMATS["float32"])).all()


def threshold(derivative=0):
    x, y = np.full(10, 0.1, np.float32), np.full(10, 0.3, np.float32)
    return Problem(
        path=REFERENCE,
        function="threshold_branch",
        parameters={},
        inputs={"x": x, "y": y},
        differentiable=("x", "y") if derivative else (),
        derivative=derivative,
        cotangents=[[np.ones(np.shape(plain), np.float32) for plain in threshold().plain()]] if derivative else [],
    )


@pytest.mark.parametrize("derivative", [0, 1])
def test_a_condition_that_rounding_decides_is_told_from_last_bits(derivative) -> None:
    """Ten times 0.1 against 1, with the reference of the experiments."""
    truth = certify(threshold(derivative), "float32", elementwise=False)[-1]
    assert truth.cut is not None
    right = truth.high.astype(np.float32)
    mirrored = (2 * truth.cut - truth.high).astype(np.float32)
    same, other = (against_truth(values, "float32", truth)[0] for values in (right, mirrored))
    assert (same.parted, same.other_branch) == (right.size, 0)
    assert (other.parted, other.other_branch) == (right.size, right.size)
    assert other.z_max <= other.z_limit


def log1pexp(dtype):
    """A gradient that cancels: 1 - 1 / (1 + exp x) where exp x is next to nothing."""
    return Problem(
        path=REFERENCE.parents[1] / "gradients" / "reference.py",
        function="plain_log1pexp",
        parameters={},
        inputs={"x": np.array([-40.0, -37.0, -36.5, -36.0, 1.0], dtype)},
        differentiable=("x",),
        derivative=1,
        cotangents=[[np.ones(5, dtype)]],
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_steps_that_cancellation_leaves_are_no_branches(dtype) -> None:
    assert certify(log1pexp(dtype), dtype, elementwise=False)[0].cut is None


def test_a_condition_is_decided_in_float64_too() -> None:
    x = np.full(10, 0.1)
    problem = Problem(
        path=REFERENCE, function="threshold_branch", parameters={}, inputs={"x": x, "y": x}, differentiable=(), derivative=0, cotangents=[]
    )
    assert np.isfinite(certify(problem, "float64", elementwise=False)[0].cut).all()


def test_a_sum_decides_nothing() -> None:
    assert (
        certify(
            Problem(
                path=REFERENCE,
                function="threshold_branch",
                parameters={},
                inputs={"x": np.full(10, 0.2, np.float32), "y": np.full(10, 0.3, np.float32)},
                differentiable=(),
                derivative=0,
                cotangents=[],
            ),
            "float32",
            elementwise=False,
        )[0].cut
        is None
    )
