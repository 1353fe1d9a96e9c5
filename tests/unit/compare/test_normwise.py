"""The distance of two results as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from replab.compare.normwise import normwise_difference

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0),
        ([0.0, -0.0], [0.0, 0.0], 0.0),
        ([3.0, 4.0], [0.0, 0.0], 1.0),
        ([1.0, 0.0], [-1.0, 0.0], 2.0),
        ([1.0, 1e-38], [1.0, 0.0], 1e-38),  # a tail that nobody sees
        ([1e300, 0.0], [1e300, 1e298], 0.01),  # squares overflow
        ([5e-324, 0.0], [0.0, 0.0], 1.0),  # and vanish
        ([np.nan, 1.0], [np.nan, 1.0], 0.0),
        ([np.inf, 1.0], [np.inf, 1.5], 1 / 3),
        ([np.inf, 1.0], [-np.inf, 1.0], 1.0),
        ([np.nan, 1.0], [0.0, 1.0], 1.0),
        ([np.inf, 1.0], [3e38, 1.0], 1.0),
        ([], [], 0.0),
        ([2, 0], [2, 1], 0.4472135955),
        ([True, False], [True, True], 0.70710678),
    ],
)
def test_what_counts_is_the_whole(a: list, b: list, distance: float) -> None:
    assert normwise_difference(np.array(a), np.array(b)) == pytest.approx(distance, rel=1e-3, abs=1e-300)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        normwise_difference(np.zeros(2), np.zeros(3))


@given(arrays(np.float64, 7, elements=FINITE), arrays(np.float64, 7, elements=FINITE), st.integers(-60, 60))
def test_it_is_symmetric_bounded_and_knows_no_unit(a: np.ndarray, b: np.ndarray, power: int) -> None:
    distance = normwise_difference(a, b)
    assert distance == normwise_difference(b, a)
    assert 0.0 <= distance <= 2.0
    with np.errstate(over="ignore"):
        x, y = np.ldexp(a, power), np.ldexp(b, power)
    if np.isfinite([x, y]).all() and np.array_equal(np.ldexp(x, -power), a) and np.array_equal(np.ldexp(y, -power), b):
        assert normwise_difference(x, y) == distance
