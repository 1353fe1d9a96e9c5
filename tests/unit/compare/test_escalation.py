"""What a float64 run says of a float32 difference."""

from __future__ import annotations

import numpy as np
import pytest

from replab.compare.escalation import Escalation, escalate
from replab.compare.metrics import against_truth
from replab.compare.verdict import verdict
from replab.model import Verdict
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


TAIL = np.array([-1e-38, -(2.0**-126), -1e-30, -0.5, -1.0, -2.0, 3.0], np.float32)


def elu(x: np.ndarray) -> np.ndarray:
    """As many frameworks have it: below 2^-53 nothing is left in float64 either."""
    return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - x.dtype.type(1))


def look_elementwise(function, scale: float = 1.0, *, elementwise: bool = True) -> tuple[Escalation, Verdict]:
    """The escalation and the verdict of a function that should be elu, on numbers of which some are tiny."""
    wide = TAIL.astype(np.float64) * scale
    true = truth_of(np.where(wide > 0, wide, np.expm1(np.minimum(wide, 0))))
    single, double = function(wide.astype(np.float32)), function(wide)
    finding, low = against_truth(single, "float32", true)
    _, high = against_truth(double, "float64", true)
    assert low is not None
    assert high is not None
    seen = escalate(finding, low, high, double, true, {"x": wide}, elementwise=elementwise)
    return seen, verdict(finding, dtype="float32", escalation=seen, single=None)[0]


def test_where_float64_cancels_as_well_it_says_nothing() -> None:
    """exp(x) − 1 is 0 in both precisions near -1e-38: off by as much in both, and the same function."""
    seen, found = look_elementwise(elu)
    assert seen.lost == 2  # the subnormal one is flushed, which is counted apart
    assert np.isnan(seen.shrink)
    assert found is Verdict.ACCURACY
    assert look_elementwise(elu, elementwise=False)[1] is Verdict.SEMANTIC


@pytest.mark.parametrize("wrong", [1e-3, 1e-6])
def test_another_function_is_one_beside_elements_that_cancel(wrong: float) -> None:
    """A slope that is wrong by a little shows where numbers are large enough."""
    seen, found = look_elementwise(lambda x: (elu(x) * x.dtype.type(1 + wrong)).astype(x.dtype))
    assert seen.lost == 2
    assert seen.shrink == pytest.approx(1.0, rel=0.2)
    assert found is Verdict.SEMANTIC


def test_numbers_chosen_among_the_inputs_have_the_digits_of_the_inputs() -> None:
    """The lower one of two middle elements is no mean of them, in float64 too; nothing says that it was computed in float32."""
    given = np.array([1.1, 2.3, 4.7, 9.9], np.float32).astype(np.float64)
    true, lower = truth_of(np.array([(given[1] + given[2]) / 2])), given[1:2]
    finding, low = against_truth(lower.astype(np.float32), "float32", true)
    _, high = against_truth(lower, "float64", true)
    assert low is not None
    assert high is not None
    seen = escalate(finding, low, high, lower, true, {"x": given})
    assert not seen.single
    assert seen.shrink == 1.0
    assert escalate(finding, low, high, lower, true, {"x": given + 1.0}).single
