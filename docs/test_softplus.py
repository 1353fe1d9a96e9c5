"""Tests without a tolerance: each asks whether rounding alone explains a result (docs/library.md)."""

import numpy as np
import pytest

from replab import assert_explained, judge

X = np.linspace(-10, 10, 2000, dtype=np.float32)


def softplus(x):
    """What is tested: any code that computes in float32, of any framework."""
    return np.logaddexp(x, np.zeros_like(x))


def naive(x):
    """The textbook's formula, which loses all digits where exp(x) is small."""
    return np.log(1 + np.exp(x))


def reference(x):
    """What is right, written as carefully as the code that is tested should be: its own operations say what rounding may do."""
    return np.log1p(np.exp(x))


def test_softplus():
    assert_explained(softplus(X), reference, X)  # no rtol, no atol


def test_the_textbook_formula_is_an_inaccurate_kernel_and_no_other_function():
    assert judge(naive(X), reference, X, again=naive(X.astype(np.float64))).verdict == "accuracy"


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
def test_a_layer_with_weights_and_a_parameter(epsilon):
    weights = np.linspace(0.5, 1.5, X.size, dtype=np.float32)

    def layer(x):
        centred = x - np.mean(x)
        return weights * centred / np.sqrt(np.mean(centred**2) + epsilon)

    variance = np.var(X, dtype=np.float32)
    assert_explained(weights * (X - X.mean()) / np.sqrt(variance + np.float32(epsilon)), layer, X)
