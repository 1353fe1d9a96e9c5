"""A result against its truth: what counts as the same, how far it is, and which special values are excused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from property.strategies import at
from replab.compare.metrics import FALSE_ALARM, Finding, against_truth, z_limit
from replab.compare.verdict import outside, verdict
from replab.formats import FORMATS, float32_to_bits, ordered_key, round_to, spacing
from replab.truth.certify import Truth

DTYPES = list(FORMATS)


def truth(high, *, low=0.0, bound=0.0, sigma=None, ieee=None, dtype="float32", runs=64):
    high = np.asarray(high, np.float64)
    with np.errstate(all="ignore"):
        sigma = spacing(np.where(np.isfinite(high), high, 1.0), dtype) if sigma is None else np.broadcast_to(np.float64(sigma), high.shape)
    low, bound = (np.broadcast_to(np.float64(part), high.shape) for part in (low, bound))
    return Truth(
        high=high, low=low, bound=bound, sigma=sigma, ieee=high if ieee is None else np.asarray(ieee, np.float64), runs=runs, method="given"
    )


def result(values, dtype):
    """As a cell stores it: bfloat16 as bits."""
    rounded = round_to(np.asarray(values, np.float64), dtype)
    return float32_to_bits(rounded) if dtype == "bfloat16" else rounded


def found(values, dtype, known) -> Finding:
    return against_truth(result(values, dtype), dtype, known)[0]


NUMBERS = np.array([0.1, -0.3, 1.0, 1e-3, 3.0e4, 2.0 / 3.0, -7.25, 0.0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_correctly_rounded_truth_is_identical(dtype):
    finding = found(NUMBERS, dtype, truth(NUMBERS, dtype=dtype))
    assert finding.identical
    assert finding.ulp_max <= 0.5
    assert finding.z_max <= 0.5
    assert (finding.flushed, finding.nan_mismatch, finding.inf_mismatch, finding.zero_sign, finding.uncertain) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_neighbour_of_the_correctly_rounded_truth_is_half_to_one_and_a_half_ulp_off(dtype):
    for number in NUMBERS[:-1]:
        place = int(ordered_key(round_to(np.array([number]), dtype), dtype)[0])
        for direction in (-1, 1):
            finding = found(at([place + direction], dtype), dtype, truth([number], dtype=dtype))
            assert not finding.identical
            assert 0.5 <= finding.ulp_max <= 1.5, (number, direction)


@pytest.mark.parametrize(
    ("true", "came", "expected"),
    [
        ([1e-5, 2e-5, 0.0], [0.0, 0.0, 0.0], "accuracy"),  # everything is gone: 335 steps are no last bit
        ([1e-5, 2e-5, 1.0], [0.0, 0.0, 1.0], "rounding"),  # some subnormal numbers are flushed, as processors do
        ([1e-9, 2e-9, 0.0], [0.0, 0.0, 0.0], "identical"),  # the type has no number for them
        ([1e-5], [0.0], "rounding"),
    ],
)
def test_a_result_of_which_everything_vanished_is_no_rounding(true, came, expected):
    finding = found(came, "float16", truth(true, dtype="float16"))
    said, why = verdict(finding, dtype="float16", escalation=None, single=None)
    assert said == expected
    assert ("underflow: all 2 elements that are not zero came out as zero" in why) == (expected == "accuracy")


def test_the_low_part_decides_where_the_high_part_is_a_tie():
    tie = 1.0 + 2.0**-24
    assert found([1.0], "float32", truth([tie], low=-1e-20)).identical
    assert not found([1.0 + 2.0**-23], "float32", truth([tie], low=-1e-20)).identical
    assert found([1.0 + 2.0**-23], "float32", truth([tie], low=1e-20)).identical


def test_distances_are_measured_against_high_and_low_together():
    exact = truth([1.0], low=2.0**-54, dtype="float64")
    finding = found([1.0 + 2.0**-52], "float64", exact)
    assert finding.ulp_max == 0.75
    assert finding.abs_max == 2.0**-52 - 2.0**-54


@pytest.mark.parametrize("dtype", DTYPES)
def test_overflow_is_excused_only_where_rounding_could_cause_it(dtype):
    form = FORMATS[dtype]
    edge, step = form.largest, float(spacing(np.array([form.largest]), dtype)[0])
    near = truth([edge], sigma=step, dtype=dtype)
    assert found([np.inf], dtype, near).inf_mismatch == 0
    assert found([-np.inf], dtype, near).inf_mismatch == 1
    far = truth([edge / 2], sigma=step, dtype=dtype)
    assert found([np.inf], dtype, far).inf_mismatch == 1
    if dtype != "float64":
        beyond = truth([edge + 0.75 * step], sigma=step, dtype=dtype)
        assert found([edge], dtype, beyond).inf_mismatch == 0
        assert found([np.inf], dtype, beyond).identical
        way_beyond = truth([edge * 1.5], sigma=step, dtype=dtype)
        assert found([edge], dtype, way_beyond).inf_mismatch == 1
        assert found([np.inf], dtype, way_beyond).identical


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormals_that_became_zero_are_counted_apart(dtype):
    tiny = FORMATS[dtype].smallest_normal / 2
    finding = found([0.0, 1.0], dtype, truth([tiny, 1.0], dtype=dtype))
    assert (finding.flushed, finding.identical, finding.ulp_max) == (1, False, 0.0)
    assert not outside(finding)
    kept = found([0.0], dtype, truth([FORMATS[dtype].smallest_normal * 2], sigma=0.0, dtype=dtype))
    assert kept.flushed == 0
    assert outside(kept)


def test_nan_and_infinity_must_be_where_the_truth_has_them():
    known = truth([np.nan, 1.0, np.inf, -np.inf, 2.0], bound=[np.inf, 0, np.inf, np.inf, 0])
    assert found([np.nan, 1.0, np.inf, -np.inf, 2.0], "float32", known).identical
    finding = found([1.0, np.nan, -np.inf, np.nan, np.inf], "float32", known)
    assert (finding.nan_mismatch, finding.inf_mismatch, finding.identical, finding.worst) == (3, 2, False, 0)


def test_where_balls_have_no_answer_the_ieee_evaluation_decides():
    known = truth([np.nan, np.nan], bound=np.inf, ieee=[3.0, np.inf], sigma=0.1)
    finding = found([3.0, np.inf], "float32", known)
    assert (finding.identical, finding.ulp_max) == (True, 0.0)


def test_the_sign_of_zero_is_counted_and_not_identical():
    known = truth([0.0, 0.0, 1.0], ieee=[-0.0, 0.0, 1.0])
    assert found([-0.0, 0.0, 1.0], "float32", known).identical
    finding = found([0.0, 0.0, 1.0], "float32", known)
    assert (finding.zero_sign, finding.identical, finding.ulp_max, outside(finding)) == (1, False, 0.0, False)


def test_a_truth_that_is_not_known_well_enough_is_said_and_charges_nothing():
    finding = found([1.0 + 2.0**-20], "float32", truth([1.0], bound=2.0**-19, sigma=2.0**-40))
    assert (finding.uncertain, finding.z_max) == (1, 0.0)
    assert outside(found([1.0 + 2.0**-20], "float32", truth([1.0], bound=2.0**-35, sigma=2.0**-40)))


def test_where_rounding_cannot_move_a_result_any_distance_is_outside():
    finding = found([1.0 + 2.0**-23], "float32", truth([1.0], sigma=0.0))
    assert (finding.z_max, outside(finding)) == (np.inf, True)


def test_the_worst_element_is_the_one_outside_the_envelope():
    known = truth([1.0, 1.0, 1.0], sigma=[1.0, 1e-9, 1.0])
    assert found([1.5, 1.0 + 2.0**-20, 1.0], "float32", known).worst == 1
    assert found([1.5, 1.0, 1.25], "float32", known).worst == 0


def test_shape_and_dtype_must_fit():
    assert found(np.ones(3), "float32", truth(np.ones((3, 1)))).problem == "shape [3], expected [3, 1]"
    assert against_truth(np.ones(3, np.int64), "int64", truth(np.ones(3)))[0].problem == "dtype int64, expected a floating-point one"
    exact = Truth(
        high=np.zeros(0),
        low=np.zeros(0),
        bound=np.zeros(0),
        sigma=np.zeros(0),
        ieee=np.zeros(0),
        runs=0,
        method="exact",
        exact=np.array([1, 2, 3]),
    )
    assert against_truth(np.ones(2, np.int64), "int64", exact)[0].problem == "shape [2], expected [3]"
    assert against_truth(np.ones(3, np.float32), "float32", exact)[0].problem == "dtype float32, expected integers"


def test_integers_are_equal_or_not():
    exact = Truth(
        high=np.zeros(0),
        low=np.zeros(0),
        bound=np.zeros(0),
        sigma=np.zeros(0),
        ieee=np.zeros(0),
        runs=0,
        method="exact",
        exact=np.array([1, 2, 3]),
    )
    finding, distances = against_truth(np.array([1, 2, 3], np.int32), "int32", exact)
    assert (finding.identical, finding.mismatches, finding.worst, distances) == (True, 0, -1, None)
    finding, _ = against_truth(np.array([1, 9, 4], np.int64), "int64", exact)
    assert (finding.identical, finding.mismatches, finding.worst, finding.abs_max) == (False, 2, 1, 7.0)
    flags = Truth(
        high=np.zeros(0),
        low=np.zeros(0),
        bound=np.zeros(0),
        sigma=np.zeros(0),
        ieee=np.zeros(0),
        runs=0,
        method="exact",
        exact=np.array([1, 0]),
    )
    assert against_truth(np.array([True, True]), "bool", flags)[0].mismatches == 1


def test_an_empty_result_is_identical():
    finding = found([], "float32", truth([]))
    assert (finding.elements, finding.identical, outside(finding)) == (0, True, False)


def test_the_limit_falls_with_runs_and_rises_with_elements():
    assert all(z_limit(100, runs) > z_limit(100, runs * 2) for runs in (2, 8, 16, 32, 64))
    assert all(z_limit(n, 64) < z_limit(n * 10, 64) for n in (1, 10, 1000, 10**6))
    assert z_limit(0, 64) == z_limit(1, 64)


def test_the_limit_shares_the_false_alarms_among_the_elements():
    for elements, runs in ((1, 16), (4096, 64), (10**6, 32)):
        assert 2 * elements * stats.t.sf(z_limit(elements, runs), runs) == pytest.approx(FALSE_ALARM, rel=1e-6)


def test_the_false_alarm_rate_holds_in_a_simulation():
    """σ estimated from 32 runs, results with the same spread: no more alarms than promised (checked where they are frequent enough to count)."""
    rng = np.random.default_rng(0)
    runs, cells, elements = 32, 4000, 16
    sigma = np.sqrt(np.mean(np.square(rng.standard_normal((runs, cells, elements))), axis=0))
    largest = np.max(np.abs(rng.standard_normal((cells, elements))) / sigma, axis=1)
    rate = 0.01
    limit = stats.t.isf(rate / (2 * elements), runs)
    assert np.mean(largest > limit) == pytest.approx(rate, rel=0.5)
    assert np.all(largest < z_limit(elements, runs))
