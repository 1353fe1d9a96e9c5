"""The search for the value of a factor that explains a result."""

from __future__ import annotations

import numpy as np
import pytest

from replab.attribute.fitting import shortest
from replab.attribute.hypotheses import Judgement, Search, distance, distinct
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


def search(result, factors=FACTORS, plain=None, noise=NOISE):
    """A search whose certification is the distance in units of the noise."""
    evaluate = plain or (lambda changed: reference(**changed))

    def certify(changed):
        z = np.abs(evaluate(changed)[0] - result) / (noise * np.maximum(np.abs(result), 1e-3))
        return Judgement(verdict="rounding", z=float(z.max()), rms=float(np.sqrt(np.mean(z**2))), explains=bool(z.max() < 6))

    return Search(factors, [result], evaluate, certify, seconds=20)


def noisy(**changed):
    rng = np.random.default_rng(1)
    exact = reference(**changed)[0]
    return exact * (1 + NOISE * rng.uniform(-1, 1, exact.shape))


@pytest.mark.parametrize(
    "planted",
    [{"shift": 1.0}, {"power": 3}, {"side": "right"}, {"slope": 0.3}, {"shift": -1.0, "side": "right"}, {"power": 2, "shift": 1.0}],
)
def test_what_was_planted_is_named(planted):
    found = search(noisy(**planted)).run().explanations
    assert distinct(found) == ["+".join(sorted(planted))]
    assert dict(found[0].changed) == planted


@pytest.mark.parametrize("value", [0.05, 0.123, 0.9, 1e-4])
def test_a_real_number_nobody_listed_is_estimated(value):
    found = search(noisy(slope=value)).run().explanations
    assert distinct(found) == ["slope"]
    assert found[0].changed["slope"] == pytest.approx(value, rel=1e-4)


def test_an_estimate_beside_an_alternative():
    found = search(noisy(slope=0.05, side="right")).run().explanations
    assert distinct(found) == ["side+slope"]


def test_an_unknown_cause_is_not_named():
    assert not search(reference()[0] + np.sin(X)).run().explanations


def test_equal_results_need_no_cause():
    assert not search(reference()[0]).run().explanations


def test_two_factors_that_do_the_same_cannot_be_told_apart():
    twins = {"shift": Factor(aligned=0.0, alternatives=(1.0,)), "offset": Factor(aligned=0.0, alternatives=(1.0,))}
    result = X + 1.0
    found = search(result, twins, lambda changed: [X + sum(changed.values())]).run().explanations
    assert distinct(found) == ["shift", "offset"] or distinct(found) == ["offset", "shift"]


def test_a_reference_that_fails_is_no_explanation():
    def plain(changed):
        if changed:
            raise TruthError("no such form")
        return [X]

    assert search(X + 1.0, FACTORS, plain).run().explanations == []


def test_distance_knows_shapes_and_special_values():
    a = np.array([1.0, np.nan, np.inf])
    assert distance([a], [a]) == 0.0
    assert distance([a], [np.array([1.0, 2.0, np.inf])]) == np.inf
    assert distance([a], [a[:2]]) == np.inf
    assert distance([np.array([3.0, 4.0])], [np.array([3.0, 0.0])]) == pytest.approx(4 / 3)


def test_a_number_does_not_change_its_sign():
    """An epsilon that came out negative would be a coincidence."""
    assert search(noisy(slope=-0.25)).run().explanations == []


def test_a_fit_without_any_error_ends():
    """The result is the reference itself at a listed value: there is neither a step to take nor a spread to measure it by."""
    found = search(reference(slope=0.2)[0]).run().explanations
    assert {one.changed["slope"] for one in found} == {0.2}


@pytest.mark.parametrize(
    ("value", "told"), [(0.2, "float32(0.2)"), (0.01, "float32(0.01)"), (0.123, "float32(0.123)")], ids=["listed", "aligned", "fitted"]
)
def test_a_number_that_went_through_float32_is_told(value, told):
    """It is off by a relative 1e-8 once float32 has had it: rounding in float64 is less."""
    result = reference(slope=float(np.float32(value)))[0]
    found = search(result, noise=1e-15).run().explanations
    assert [(one.factor, str(one.changed["slope"])) for one in found] == [("slope", told)]


def test_a_number_is_told_as_it_was_declared_where_float32_cannot_be_seen():
    result = reference(slope=float(np.float32(0.2)))[0] * (1 + NOISE * np.cos(17 * X))
    found = search(result).run().explanations
    assert str(found[0].changed["slope"]) == "0.2"


def test_the_rest_to_one_may_have_gone_through_float32():
    """An average keeps ``rho`` of the old and ``1 - rho`` of the new, and the second number is computed before."""
    factors = {"rho": Factor(aligned=0.9, alternatives=(0.99,), fit=True)}

    def average(changed):
        rest = 1.0 - changed.get("rho", 0.9)
        return [rest * X]

    result = float(np.float32(1.0 - 0.99)) * X
    found = search(result, factors, average, noise=1e-15).run().explanations
    assert [str(one.changed["rho"]) for one in found] == ["1 - float32(1 - 0.99)"]


def test_a_value_that_explained_another_result_earns_no_trust():
    """Like ``rcond = 1e-15``, which keeps what should be cut: a result near 1e15 is not near to one of 30."""
    factors = {"cutoff": Factor(aligned=0.1, alternatives=(1e-15, 1e-6))}

    def plain(changed):
        cutoff = changed.get("cutoff", 0.1)
        return [np.abs(X) * (1.0 if cutoff > 0.01 else 30.0 if cutoff > 1e-10 else 1e15)]

    found = search(plain({"cutoff": 1e-6})[0], factors, plain).run([{"cutoff": 1e-15}]).explanations
    assert [dict(one.changed) for one in found] == [{"cutoff": 1e-6}]
    assert not search(31.0 * np.abs(X), factors, plain).run([{"cutoff": 1e-15}]).explanations


def test_a_declared_number_may_be_a_rule():
    """4·eps of float32 is declared; the same rule in float64 is tried there, and said as such."""
    factors = {"cutoff": Factor(aligned=0.1, alternatives=(4 * 2.0**-23,))}

    def plain(changed):
        return [X * (1.0 + changed.get("cutoff", 0.1))]

    def certify(changed):
        z = np.abs(plain(changed)[0] - result) / 1e-17
        return Judgement(verdict="rounding", z=float(z.max()), rms=float(z.max()), explains=bool(z.max() < 6))

    result = plain({"cutoff": 4 * 2.0**-52})[0]
    found = Search(factors, [result], plain, certify, dtype="float64").run().explanations
    assert [str(one.changed["cutoff"]) for one in found] == ["4*eps"]
    found = Search(factors, [result], plain, certify, dtype="float64", largest=4).run().explanations
    assert [str(one.changed["cutoff"]) for one in found] == ["max(m, n)*eps"]


OPTIMISER = {
    "rate": Factor(aligned=1.0, alternatives=(0.001, 0.01), fit=True),
    "decay": Factor(aligned=0.5, alternatives=(0.9, 0.95), fit=True),
    "epsilon": Factor(aligned=1e-3, alternatives=(1e-7,), fit=True),
    "place": Factor(aligned="outside", alternatives=("inside",)),
}


def optimiser(rate=1.0, decay=0.5, epsilon=1e-3, place="outside"):
    w = v = 0.0 * X
    for gradient in (X, X[::-1] / 8, np.cos(X) / 64):
        v = decay * v + (1 - decay) * gradient**2
        w = w - rate * gradient / (np.sqrt(v + epsilon) if place == "inside" else np.sqrt(v) + epsilon)
    return [w]


@pytest.mark.parametrize(
    "planted",
    [
        {"rate": 0.001, "decay": 0.95, "epsilon": 1e-7},
        {"rate": 0.01, "decay": 0.9, "epsilon": 1e-7, "place": "inside"},
        {"rate": 0.003, "decay": 0.95, "place": "inside"},
        {"rate": 0.003, "decay": 0.8, "place": "inside"},
    ],
    ids=["three", "all four", "a number nobody listed and two that are", "two numbers nobody listed and a place"],
)
def test_as_many_factors_as_are_declared(planted):
    found = search(optimiser(**planted)[0], OPTIMISER, lambda changed: optimiser(**changed), noise=1e-13).run().explanations
    assert distinct(found) == ["+".join(sorted(planted))]
    assert all(found[0].changed[name] == value for name, value in planted.items())


def test_a_number_with_many_digits_explains_nothing():
    assert not search(noisy(slope=0.1234567), noise=1e-7).run().explanations


def test_few_digits_of_what_a_number_differs_by_say_as_much():
    """A learning rate 0.1 % too large has four digits, and one that counts."""
    assert shortest(0.050050001, 1e-7, [0.05], usual=0.05) == 0.05005
    assert shortest(0.0500617, 1e-7, [0.05], usual=0.05) is None
    assert shortest(0.00999999, 2e-8, [0.01, 0.1], usual=0.1) == 0.01


def test_a_number_that_is_met_at_one_element_explains_nothing():
    """Any number can be met by one that nobody declared."""
    factors = {"epsilon": Factor(aligned=1e-8, alternatives=(1e-6,), fit=True)}
    found = search(np.array([1.0 + 3e-7]), factors, lambda changed: [np.array([1.0 + changed.get("epsilon", 1e-8)])], noise=1e-12).run()
    assert not found.explanations


def test_a_reference_that_rounds_away_everything_explains_nothing():
    """A difference quotient with a tiny step has an envelope in which any result lies."""
    factors = {"value": Factor(aligned="exact", alternatives=("quotient",))}

    def plain(changed):
        return [X + 0.2 * np.cos(X) if changed else X]

    found = Search(factors, [X + 0.1], plain, lambda _: Judgement(verdict="rounding", z=1.0, rms=1.0, explains=True)).run()
    assert not found.explanations


def test_what_comes_nearest_is_told_where_nothing_explains():
    """One of two true factors is declared."""
    result = reference(shift=1.0)[0] + 0.01 * np.sin(5 * X)
    found = search(result).run()
    assert not found.explanations
    assert found.nearest.changed["shift"] == 1.0
    assert 0 < found.nearest.left < 0.02


def test_the_limit_of_time_is_told():
    result = reference()[0] + np.sin(X)
    late = Search(
        FACTORS, [result], lambda changed: reference(**changed), lambda _: Judgement(verdict="", z=9, rms=9, explains=False), seconds=0
    )
    assert late.run().ended_early
    assert not search(noisy(shift=1.0)).run().ended_early


def test_the_largest_numbers_have_a_distance():
    big = np.array([1e308, -1e308, 3.0])
    assert distance([big * 0.5], [big]) == pytest.approx(0.5)
