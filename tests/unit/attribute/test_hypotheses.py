"""The search for the value of a factor that explains a result."""

from __future__ import annotations

import numpy as np
import pytest

from replab.attribute.hypotheses import InFloat32, Judgement, Search, distance, distinct
from replab.errors import TruthError
from replab.model import Factor

X = np.linspace(-2.0, 3.0, 40)
NOISE = 1e-7
FACTORS = {
    "slope": Factor(aligned=0.01, alternatives=(0.2, 0.3), fit=True),
    "shift": Factor(aligned=0.0, alternatives=(1.0, -1.0)),
    "power": Factor(aligned=1, alternatives=(2, 3)),
    "side": Factor(aligned="left", alternatives=("right",)),
}


def reference(slope=0.01, shift=0.0, power=1, side="left"):
    y = np.where(X > 0, X, slope * X) ** power + shift
    return [y if side == "left" else y[::-1]]


def search(result, factors=FACTORS, plain=None, noise=NOISE, double=False):
    """A search whose certification is the distance in units of the noise."""
    evaluate = plain or (lambda changed: reference(**changed))

    def certify(changed):
        z = np.abs(evaluate(changed)[0] - result) / (noise * np.maximum(np.abs(result), 1e-3))
        return Judgement(verdict="rounding", z=float(z.max()), rms=float(np.sqrt(np.mean(z**2))), explains=bool(z.max() < 6))

    return Search(factors, [result], evaluate, certify, double=double, seconds=20)


def noisy(**changed):
    rng = np.random.default_rng(1)
    exact = reference(**changed)[0]
    return exact * (1 + NOISE * rng.uniform(-1, 1, exact.shape))


@pytest.mark.parametrize(
    "planted",
    [{"shift": 1.0}, {"power": 3}, {"side": "right"}, {"slope": 0.3}, {"shift": -1.0, "side": "right"}, {"power": 2, "shift": 1.0}],
)
def test_what_was_planted_is_named(planted):
    found = search(noisy(**planted)).run()
    assert distinct(found) == ["+".join(sorted(planted))]
    assert dict(found[0].changed) == planted


@pytest.mark.parametrize("value", [0.05, 0.123, 0.9, 1e-4])
def test_a_real_number_nobody_listed_is_estimated(value):
    found = search(noisy(slope=value)).run()
    assert distinct(found) == ["slope"]
    assert found[0].changed["slope"] == pytest.approx(value, rel=1e-4)


def test_an_estimate_beside_an_alternative():
    found = search(noisy(slope=0.05, side="right")).run()
    assert distinct(found) == ["side+slope"]


def test_an_unknown_cause_is_not_named():
    assert search(reference()[0] + np.sin(X)).run() == []


def test_equal_results_need_no_cause():
    assert search(reference()[0]).run() == []


def test_two_factors_that_do_the_same_cannot_be_told_apart():
    twins = {"shift": Factor(aligned=0.0, alternatives=(1.0,)), "offset": Factor(aligned=0.0, alternatives=(1.0,))}
    result = X + 1.0
    found = search(result, twins, lambda changed: [X + sum(changed.values())]).run()
    assert distinct(found) == ["shift", "offset"] or distinct(found) == ["offset", "shift"]


def test_a_reference_that_fails_is_no_explanation():
    def plain(changed):
        if changed:
            raise TruthError("no such form")
        return [X]

    assert search(X + 1.0, FACTORS, plain).run() == []


def test_distance_knows_shapes_and_special_values():
    a = np.array([1.0, np.nan, np.inf])
    assert distance([a], [a]) == 0.0
    assert distance([a], [np.array([1.0, 2.0, np.inf])]) == np.inf
    assert distance([a], [a[:2]]) == np.inf
    assert distance([np.array([3.0, 4.0])], [np.array([3.0, 0.0])]) == pytest.approx(4 / 3)


def test_a_number_does_not_change_its_sign():
    """An epsilon that came out negative would be a coincidence."""
    assert search(noisy(slope=-0.25)).run() == []


def test_a_fit_without_any_error_ends():
    """The result is the reference itself at a listed value: there is neither a step to take nor a spread to measure it by."""
    found = search(reference(slope=0.2)[0]).run()
    assert {one.changed["slope"] for one in found} == {0.2}
    assert search(reference(slope=0.2)[0])._fit({}, "slope", 0.2, 0.01) == 0.2


@pytest.mark.parametrize("value", [0.2, 0.01, 0.123])
def test_a_number_that_went_through_float32_is_told_in_float64_and_only_there(value):
    """0.2 is listed, 0.01 is the aligned value, 0.123 is fitted: each is off by a relative 1e-8 once float32 has had it."""
    result = reference(slope=float(np.float32(value)))[0]
    found = search(result, noise=1e-15, double=True).run()
    assert [(one.factor, str(one.changed["slope"])) for one in found] == [("slope", f"float32({value!r})")]
    assert search(result, noise=1e-15).run() == []


def test_a_better_value_replaces_one_that_only_explains_the_main_part():
    result = reference(slope=float(np.float32(0.2)))[0]

    def certify(changed):
        z = float(np.abs(reference(**changed)[0] - result).max() / 1e-15)
        return Judgement(verdict="rounding" if z < 6 else "accuracy", z=z, rms=z, explains=True)

    found = Search(FACTORS, [result], lambda changed: reference(**changed), certify, double=True).run([{"slope": 0.2}])
    assert [str(one.changed["slope"]) for one in found] == ["float32(0.2)"]
    assert InFloat32(0.2) == float(np.float32(0.2))


def test_the_largest_numbers_have_a_distance():
    big = np.array([1e308, -1e308, 3.0])
    assert distance([big * 0.5], [big]) == pytest.approx(0.5)
