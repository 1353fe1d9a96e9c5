"""Monte Carlo arithmetic: each operation is off by a rounding at most, exact ones by nothing, and nothing drops out of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from replab.formats import FORMATS, round_to
from replab.truth.namespace import np_
from replab.truth.perturbed import Perturbed, rounding, side_by_side
from replab.truth.special import special_

pytestmark = pytest.mark.property

INEXACT = {
    "exp": lambda x, y: np_.exp(x),
    "log": lambda x, y: np_.log(np_.abs(x) + 0.0),
    "sin": lambda x, y: np_.sin(x),
    "tanh": lambda x, y: np_.tanh(x),
    "sqrt": lambda x, y: np_.sqrt(np_.abs(x)),
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "power": lambda x, y: np_.abs(x) ** 1.5,
    "square": lambda x, y: np_.square(x),
    "erf": lambda x, y: special_.erf(x),
    "arctan2": np_.arctan2,
    "log1p": lambda x, y: np_.log1p(np_.abs(x)),
    "sum of two": lambda x, y: np_.sum(np_.stack([x, y]), axis=0),
    "scalar": lambda x, y: 0.3 * x,
}
EXACT = {
    "abs": lambda x, y: np_.abs(x),
    "negative": lambda x, y: -x,
    "maximum": np_.maximum,
    "minimum": np_.minimum,
    "sign": lambda x, y: np_.sign(x),
    "floor": lambda x, y: np_.floor(x),
    "where": lambda x, y: np_.where(x > y, x, y),
    "max": lambda x, y: np_.max(x),
    "sort": lambda x, y: np_.sort(x),
    "reshape": lambda x, y: np_.reshape(x, (1, -1)),
    "concatenate": lambda x, y: np_.concatenate([x, y]),
    "stack": lambda x, y: np_.stack([x, y]),
    "doubled": lambda x, y: 2.0 * x,
    "halved": lambda x, y: x / 2.0,
    "plus zero": lambda x, y: x + 0.0,
    "clip": lambda x, y: np_.clip(x, -0.5, 0.5),
    "transpose": lambda x, y: np_.transpose(np_.stack([x, y])),
    "one element": lambda x, y: x[0],
    "slice": lambda x, y: x[::2],
    "flip": lambda x, y: x[::-1],
    "take": lambda x, y: x[np.array([0, 0])],
    "repeat": lambda x, y: np_.repeat(x, 2),
    "tile": lambda x, y: np_.tile(x, 2),
    "expand": lambda x, y: np_.expand_dims(x, 0),
    "multiplied by zero": lambda x, y: x * 0.0,
    "minus itself": lambda x, y: x - x,
}
values = st.lists(st.floats(0.0625, 8, width=16).map(lambda v: v), min_size=1, max_size=6)
formats = st.sampled_from(sorted(FORMATS))


def numbers(value):
    """What one run has: a perturbed array by itself never becomes an ordinary one."""
    return value.one() if isinstance(value, Perturbed) else np.asarray(value)


def both(function, x, y, dtype, seed):
    """(exact, perturbed) values of a function of two arrays."""
    x, y = (round_to(np.array(side), dtype).astype(np.float64) for side in (x, y))
    with rounding(FORMATS[dtype], seed):
        moved = function(side_by_side(x), side_by_side(y))
    return np.asarray(function(x, y)), moved


@settings(max_examples=200)
@given(st.sampled_from(sorted(INEXACT)), values, formats, st.integers(0, 2**32))
def test_an_operation_is_off_by_one_rounding_at_most(name, x, dtype, seed):
    exact, moved = both(INEXACT[name], x, [v * 0.7 + 0.1 for v in x], dtype, seed)
    form = FORMATS[dtype]
    assert isinstance(moved, Perturbed)
    half_step = np.maximum(form.unit_roundoff * np.abs(exact), form.smallest_subnormal / 2)
    nested = {"log": 0, "log1p": 0}.get(name, 0)  # |x| is exact: one rounding each
    assert np.all(np.abs(numbers(moved) - exact) <= half_step * (1 + nested) * (1 + 2.0**-50) + 2.0**-52 * np.abs(exact))


@settings(max_examples=200)
@given(st.sampled_from(sorted(EXACT)), values, formats, st.integers(0, 2**32))
def test_exact_operations_are_not_perturbed(name, x, dtype, seed):
    exact, moved = both(EXACT[name], x, x[::-1], dtype, seed)
    assert np.array_equal(numbers(moved), exact)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_whatever_is_done_without_rounding_stays_perturbed(name):
    """A result that lost the subclass would be computed on exactly from there, and its envelope would be too small."""
    x, y = np.array([0.3, 0.7, 1.1, 5.3]), np.array([0.9, 0.2, 1.3, 2.0])
    with rounding(FORMATS["float32"], 0):
        found = EXACT[name](side_by_side(x), side_by_side(y))
        assert isinstance(found, Perturbed), type(found)
        again = numbers(found * 0.3)
    assert np.any(again != numbers(found) * 0.3) or not numbers(found).any()


def test_a_single_element_stays_perturbed():
    with rounding(FORMATS["float32"], 0):
        x = side_by_side(np.array([0.3, 0.7]))
        for one in (x[0], x[1], x.reshape(1, 2)[0, 1], np_.max(x), np_.sum(x), np_.mean(x)):
            assert isinstance(one, Perturbed)
            assert (one / 3.0).one() != one.one() / 3.0


def test_integer_and_boolean_results_are_plain():
    with rounding(FORMATS["float32"], 0):
        x = side_by_side(np.array([0.3, 0.7]))
        for one in (x > 0.5, np_.argmax(x), np_.isnan(x), np_.sum(x > 0.5)):
            assert not isinstance(one, Perturbed)


def test_both_sides_of_a_choice_stay_perturbed():
    with rounding(FORMATS["float32"], 0):
        x = side_by_side(np.array([0.3, 0.7, 0.9]))
        for mixed in (
            np_.where(x > 0.5, x, 0.1),
            np_.where(x > 0.5, 0.1, x),
            np_.concatenate([np.array([0.1]), x]),
            np_.stack([np.array([0.1, 0.2, 0.3]), x]),
        ):
            assert isinstance(mixed, Perturbed)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_spread_of_a_sum_grows_like_a_walk_over_its_partial_sums(n, dtype):
    """n equal numbers: Σ s_k² ≈ n³/3, uniform noise has variance 1/3, so σ ≈ u·n^1.5/3."""
    u = FORMATS[dtype].unit_roundoff
    ones = np.ones((400, n))
    with rounding(FORMATS[dtype], 1):
        moved = numbers(np_.sum(side_by_side(ones), axis=-1))
    assert np.std(moved - n) == pytest.approx(u * n**1.5 / 3, rel=0.2 if n == 10 else 0.1)


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_a_product_of_matrices_spreads_like_the_sum_of_its_products(n):
    u = FORMATS["float32"].unit_roundoff
    with rounding(FORMATS["float32"], 2):
        moved = numbers(np_.matmul(side_by_side(np.ones((40, n))), side_by_side(np.ones((n, 40)))))
        summed = numbers(np_.einsum("ij,jk->ik", side_by_side(np.ones((40, n))), side_by_side(np.ones((n, 40)))))
    for each in (moved, summed):
        assert np.std(each - n) == pytest.approx(u * n**1.5 / 3, rel=0.3 if n == 10 else 0.12)


def test_a_running_sum_drifts_as_it_goes():
    with rounding(FORMATS["float32"], 3):
        moved = numbers(np_.cumsum(side_by_side(np.full((300, 400), 0.1)), axis=-1))
    spread = np.std(moved - np.cumsum(np.full(400, 0.1)), axis=0)
    assert spread[20] < spread[100] < spread[399]
    assert spread[399] == pytest.approx(FORMATS["float32"].unit_roundoff * 0.1 * 400**1.5 / 3, rel=0.2)


@given(formats, st.integers(0, 2**32))
def test_a_seed_gives_one_result(dtype, seed):
    x = [0.3, 0.7, 1.1]
    first, second = (numbers(both(INEXACT["exp"], x, x, dtype, seed)[1]) for _ in range(2))
    assert np.array_equal(first, second)


def test_noise_is_even_and_fills_its_interval():
    x = np.full(20_000, 0.7)
    with rounding(FORMATS["float32"], 4):
        off = (numbers(np_.exp(side_by_side(x))) / np.exp(x) - 1) / FORMATS["float32"].unit_roundoff
    assert abs(np.mean(off)) < 0.02
    assert np.std(off) == pytest.approx(1 / np.sqrt(3), rel=0.02)
    assert 0.99 < np.max(np.abs(off)) <= 1 + 1e-6
