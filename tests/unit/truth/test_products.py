"""Large matrix products: within their bound of the exact ones, and the bound is far below an ULP of float64."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from replab.formats import spacing
from replab.truth.products import product


def exact(left, right):
    """Rows of rational numbers."""
    rows = [[Fraction(float(value)) for value in row] for row in left]
    columns = [[Fraction(float(value)) for value in column] for column in right.T]
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in rows]


def errors(left, right):
    high, low, bound = product(left, right)
    wanted = exact(left, right)
    for i, row in enumerate(wanted):
        for j, value in enumerate(row):
            yield abs(Fraction(float(high[i, j])) + Fraction(float(low[i, j])) - value), Fraction(float(bound[i, j])), float(high[i, j])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("length", [1, 3, 64, 700])
def test_what_is_returned_lies_within_its_bound_and_that_far_below_an_ulp(dtype, length):
    rng = np.random.default_rng(length)
    left, right = (rng.normal(size=shape).astype(dtype).astype(np.float64) for shape in ((3, length), (length, 4)))
    for error, bound, high in errors(left, right):
        assert error <= bound
        assert bound <= 0.01 * spacing(np.array(high), "float64")


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_the_bound_holds_whatever_the_sizes_of_the_numbers(seed, length, spread):
    rng = np.random.default_rng(seed)

    def factor(*shape):
        values = np.ldexp(rng.normal(size=shape), rng.integers(-spread, spread + 1, shape))
        return np.where(rng.random(shape) < 0.1, 0.0, values)

    for error, bound, _ in errors(factor(2, length), factor(length, 2)):
        assert error <= bound


def test_sums_that_cancel_keep_their_bits():
    left = np.array([[1.0, 1.0, 2.0**-30]])
    right = np.array([[1e6], [-1e6], [1.0 + 2.0**-30]])
    high, low, _ = product(left, right)
    assert Fraction(float(high[0, 0])) + Fraction(float(low[0, 0])) == Fraction(2) ** -30 * (1 + Fraction(2) ** -30)
