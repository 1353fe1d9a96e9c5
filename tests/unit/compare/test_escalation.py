"""What a float64 run says of a float32 difference."""

from __future__ import annotations

import numpy as np
import pytest

from replab.compare.escalation import Escalation, escalate
from replab.compare.metrics import against_truth
from replab.truth.certify import Truth

X = np.linspace(0.1, 3.0, 50).astype(np.float32).astype(np.float64)


def truth_of(values: np.ndarray) -> Truth:
    """A truth without error of its own, its envelope one unit roundoff of float32."""
    zero = np.zeros_like(values)
    return Truth(high=values, low=zero, bound=zero, sigma=np.abs(values) * 2.0**-24, ieee=values, runs=64, method="test")


def look(single: np.ndarray, double: np.ndarray) -> Escalation:
    """The escalation of a float32 result and of a float64 result of exp."""
    truth = truth_of(np.exp(X))
    finding, low = against_truth(single.astype(np.float32), "float32", truth)
    _, high = against_truth(double, "float64", truth)
    assert low is not None
    assert high is not None
    return escalate(finding, low, high, double, truth)


def test_an_approximate_kernel_shrinks() -> None:
    """Off by 1e-5 in float32 and right in float64."""
    seen = look(np.exp(X) * (1 + 1e-5), np.exp(X) * (1 + 1e-15))
    assert seen.shrink < 1e-9
    assert seen.z < 1e-6
    assert not seen.single


def test_another_function_stays() -> None:
    """Off by the same in both."""
    seen = look(np.exp(X) * (1 + 1e-3), np.exp(X) * (1 + 1e-3))
    assert seen.shrink == pytest.approx(1.0, rel=1e-2)
    assert seen.z > 1e3


def test_what_float32_could_not_show_is_small_in_its_units() -> None:
    """A constant rounded to float32 leaves a difference in float64 that float32's own rounding hides."""
    seen = look(np.exp(X) * (1 + 1e-6), np.exp(X) * (1 + 2e-8))
    assert seen.shrink > 2.0**-14.5
    assert seen.z < 1


def test_a_float64_run_with_float32_digits_is_no_escalation() -> None:
    """An implementation that casts its input computes in float32 whatever it is given."""
    result = (np.exp(X) * (1 + 1e-5)).astype(np.float32)
    assert look(result, result.astype(np.float64)).single


def test_exact_results_with_few_digits_are_taken_at_their_word() -> None:
    """Where the truth itself has no more digits than float32, nothing can be said against a result that has not either."""
    truth = truth_of(np.ones(4))
    wrong = np.full(4, 0.5)
    finding, low = against_truth(wrong.astype(np.float32), "float32", truth)
    _, high = against_truth(wrong, "float64", truth)
    assert low is not None
    assert high is not None
    seen = escalate(finding, low, high, wrong, truth)
    assert seen == Escalation(shrink=1.0, z=seen.z, single=False)
    assert seen.z > 1e6
