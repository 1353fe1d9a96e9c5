"""Laws of distances in ULP, against places counted with Python's integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from property import strategies
from replab.compare.ulp import compare_pair, ulp_distance
from replab.formats import bits_to_float32, ordered_key

pytestmark = pytest.mark.property


@given(strategies.numbers(1))
def test_the_key_of_a_number_is_its_place(case):
    dtype, place = case
    assert ordered_key(strategies.at([place], dtype), dtype).tolist() == [place]


@given(strategies.numbers(2))
def test_the_distance_is_the_difference_of_places_and_never_wraps(case):
    dtype, p, q = case
    a, b = strategies.at([p], dtype), strategies.at([q], dtype)
    assert ulp_distance(a, b, dtype).tolist() == [abs(p - q)]
    assert ulp_distance(b, a, dtype).tolist() == [abs(p - q)]


@given(strategies.numbers(3))
def test_distances_add_up_along_the_line(case):
    dtype, *points = case
    x, y, z = (strategies.at([place], dtype) for place in sorted(points))
    assert int(ulp_distance(x, z, dtype)[0]) == int(ulp_distance(x, y, dtype)[0]) + int(ulp_distance(y, z, dtype)[0])


@given(
    st.sampled_from(("float16", "float32", "float64")).flatmap(lambda d: st.tuples(st.just(d), strategies.places(d))),
    st.integers(0, 30),
    st.booleans(),
)
def test_n_steps_of_nextafter_are_n_ulps(case, steps, up):
    dtype, place = case
    start = strategies.at([place], dtype)
    end = start
    for _ in range(steps):
        with np.errstate(over="ignore"):
            end = np.nextafter(end, end.dtype.type(np.inf if up else -np.inf))
    if np.isfinite(end[0]):
        assert ulp_distance(start, end, dtype).tolist() == [steps]


@given(strategies.raw_pairs())
def test_the_fused_pass_finds_what_a_slow_loop_finds(case):
    dtype, a, b = case
    found = compare_pair(a, b, dtype)
    x, y = (bits_to_float32(each) if dtype == "bfloat16" else each for each in (a, b))
    with np.errstate(invalid="ignore"):  # signalling NaN
        wide = x.astype(np.float64).tolist(), y.astype(np.float64).tolist()
    steps, gaps, ratios, places = [], [Fraction(0)], [0.0], []
    different = nan = inf = zero = 0
    for i, (p, q) in enumerate(zip(*wide, strict=True)):
        if math.isnan(p) or math.isnan(q):
            nan += math.isnan(p) != math.isnan(q)
            different += math.isnan(p) != math.isnan(q)
        elif math.isinf(p) or math.isinf(q):
            inf += p != q
            different += p != q
        else:
            zero += p == q and math.copysign(1, p) != math.copysign(1, q)
            different += p != q or math.copysign(1, p) != math.copysign(1, q)
            steps.append(int(ulp_distance(x[i : i + 1], y[i : i + 1], dtype)[0]))
            places.append(i)
            gaps.append(abs(Fraction(p) - Fraction(q)))
            top = max(abs(p), abs(q))
            ratios.append(float(gaps[-1] / Fraction(top)) if top else 0.0)
    assert (found.elements, found.different, found.nan_mismatch, found.inf_mismatch, found.zero_sign) == (a.size, different, nan, inf, zero)
    largest = max(steps, default=0)
    assert found.ulp_max == float(largest)
    assert found.worst == (places[steps.index(largest)] if steps else -1)
    assert found.ulp_mean == (sum(steps) / len(steps) if steps else 0.0)
    quantile = sorted(steps)[math.ceil(0.99 * len(steps)) - 1] if steps else 0
    assert float(quantile) <= found.ulp_p99 <= max(2.0 * quantile, 0.0)
    widest = max(gaps)
    assert found.abs_max == (float(widest) if widest <= Fraction(np.finfo(np.float64).max) else np.inf)
    assert found.rel_max == pytest.approx(max(ratios), rel=2**-51, abs=0)


@given(strategies.raw_pairs())
def test_swapping_the_sides_changes_nothing(case):
    dtype, a, b = case
    assert compare_pair(a, b, dtype) == compare_pair(b, a, dtype)


@given(strategies.raw_pairs())
def test_an_array_is_no_distance_from_itself(case):
    dtype, a, _ = case
    found = compare_pair(a, a.copy(), dtype)
    assert (found.different, found.ulp_max, found.ulp_mean, found.ulp_p99, found.abs_max, found.rel_max) == (0, 0, 0, 0, 0, 0)
