"""Every verdict can be reached, and says why in words."""

from __future__ import annotations

import itertools

import pytest

from replab.compare.escalation import Escalation
from replab.compare.metrics import Finding
from replab.compare.verdict import SHRINK_LIMIT, pair_verdict, verdict
from replab.model import Verdict


def finding(**more):
    return Finding(**({"elements": 10, "z_max": 3.0, "z_limit": 7.5} | more))


def seen(shrink, z=50.0, single=False):
    return Escalation(shrink=shrink, z=z, single=single)


@pytest.mark.parametrize(
    ("found", "seen", "single", "expected", "words"),
    [
        (finding(problem="shape [2], expected [3]"), None, None, "incomparable", "shape [2], expected [3]"),
        (finding(mismatches=4), None, None, "semantic", "4 of 10 integers differ"),
        (finding(nan_mismatch=1), None, None, "incomparable", "1 of 10 elements differ in NaN"),
        (finding(inf_mismatch=2), None, None, "incomparable", "2 of 10 elements differ in infinity"),
        (
            finding(nan_mismatch=1, inf_mismatch=2, identical=True),
            None,
            None,
            "incomparable",
            "1 of 10 elements differ in NaN and 2 of 10 elements differ in infinity",
        ),
        (finding(elements=0, identical=True), None, None, "inconclusive", "nothing was compared: it has no elements"),
        (finding(identical=True), None, None, "identical", "every element is the correctly rounded truth"),
        (finding(uncertain=10), None, None, "inconclusive", "the truth is not known well enough at any element"),
        (finding(), None, None, "rounding", "z = 3 is within the limit 7.5"),
        (finding(z_max=7.5), seen(1.0), None, "rounding", "z = 7.5 is within the limit 7.5"),
        (
            finding(z_max=1234.5),
            seen(1.0),
            None,
            "semantic",
            "z = 1.23e+03 is beyond the limit 7.5, and in float64 the difference stays (1 of it)",
        ),
        (
            finding(z_max=80.0),
            seen(1.9e-9),
            None,
            "accuracy",
            "z = 80 is beyond the limit 7.5, but in float64 the difference shrinks (to 1.9e-09 of it)",
        ),
        (
            finding(z_max=80.0),
            None,
            Verdict.SEMANTIC,
            "semantic",
            "z = 80 is beyond the limit 7.5, and float32 shows another function as well",
        ),
        (
            finding(z_max=80.0),
            None,
            Verdict.IDENTICAL,
            "accuracy",
            "z = 80 is beyond the limit 7.5, but float32 computes the right function (identical)",
        ),
        (
            finding(z_max=80.0),
            None,
            Verdict.ROUNDING,
            "accuracy",
            "z = 80 is beyond the limit 7.5, but float32 computes the right function (rounding)",
        ),
        (
            finding(z_max=80.0),
            None,
            Verdict.ACCURACY,
            "accuracy",
            "z = 80 is beyond the limit 7.5, but float32 computes the right function (accuracy)",
        ),
        (finding(z_max=80.0), None, None, "beyond", "z = 80 is beyond the limit 7.5, and there is no run in another precision to tell why"),
        (
            finding(z_max=80.0),
            None,
            Verdict.BEYOND,
            "beyond",
            "z = 80 is beyond the limit 7.5, and there is no run in another precision to tell why",
        ),
        (
            finding(z_max=float("nan")),
            None,
            None,
            "beyond",
            "z = nan is beyond the limit 7.5, and there is no run in another precision to tell why",
        ),
        (
            finding(z_max=float("inf")),
            seen(1.0),
            None,
            "semantic",
            "z = inf is beyond the limit 7.5, and in float64 the difference stays (1 of it)",
        ),
        (
            finding(z_max=80.0),
            seen(0.01, z=2.0),
            None,
            "accuracy",
            "z = 80 is beyond the limit 7.5, but what stays in float64 (0.01 of it) is no more than float32 rounds",
        ),
        (
            finding(z_max=80.0),
            seen(1.0, single=True),
            None,
            "beyond",
            "z = 80 is beyond the limit 7.5, and the float64 run has no more digits than float32: the implementation computes in float32",
        ),
    ],
)
def test_a_finding_has_one_verdict_and_a_reason(found, seen, single, expected, words):
    assert verdict(found, dtype="float32", escalation=seen, single=single) == (Verdict(expected), words)


def test_a_float64_result_that_float32_could_not_tell_from_the_truth_is_inaccurate_at_most():
    close, far = finding(z_max=1e9), finding(z_max=1e12)
    assert verdict(close, dtype="float64", escalation=None, single=None) == (
        Verdict.ACCURACY,
        "z = 1e+09 is beyond the limit 7.5, but within what float32 would round",
    )
    assert verdict(far, dtype="float64", escalation=None, single=Verdict.INCOMPARABLE)[0] is Verdict.BEYOND


def test_the_limit_of_shrinking_is_half_way_between_staying_and_vanishing():
    assert SHRINK_LIMIT == 2.0**-14.5
    assert verdict(finding(z_max=80.0), dtype="float32", escalation=seen(SHRINK_LIMIT), single=None)[0] is Verdict.ACCURACY
    assert verdict(finding(z_max=80.0), dtype="float32", escalation=seen(SHRINK_LIMIT * 1.01), single=None)[0] is Verdict.SEMANTIC


SIDES = tuple(Verdict)


@pytest.mark.parametrize(("left", "right"), list(itertools.product(SIDES, SIDES)))
def test_the_verdict_of_a_pair_follows_its_rules_in_order(left, right):
    far = {"same_bits": False, "z": 9.0, "limit": 7.5, "incomparable": False, "left": left, "right": right}
    assert pair_verdict(**far | {"same_bits": True}) is Verdict.IDENTICAL
    assert pair_verdict(**far | {"incomparable": True}) is Verdict.INCOMPARABLE
    assert pair_verdict(**far | {"z": 7.5}) is Verdict.ROUNDING
    if Verdict.SEMANTIC in (left, right):
        expected = Verdict.SEMANTIC
    elif {left, right} & {Verdict.BEYOND, Verdict.INCONCLUSIVE, Verdict.INCOMPARABLE}:
        expected = Verdict.BEYOND
    else:
        expected = Verdict.ACCURACY
    assert pair_verdict(**far) is expected
    assert pair_verdict(**far | {"left": right, "right": left}) is expected


def test_a_pair_whose_distance_is_unknown_is_not_called_rounding():
    assert (
        pair_verdict(same_bits=False, z=float("nan"), limit=7.5, incomparable=False, left=Verdict.ROUNDING, right=Verdict.ROUNDING)
        is not Verdict.ROUNDING
    )
