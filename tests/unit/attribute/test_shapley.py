"""Shares of a discrepancy."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, strategies as st

from replab.attribute.shapley import involved, shares, sufficient


def runs(names, value):
    """Every subset of ``names`` with its discrepancy."""
    every = itertools.chain.from_iterable(itertools.combinations(names, size) for size in range(len(names) + 1))
    return {frozenset(one): value(frozenset(one)) for one in every}


def test_independent_factors_get_what_they_remove():
    weights = {"a": 3.0, "b": 1.0}
    found = shares(["a", "b"], runs("ab", lambda aligned: 4.0 - sum(weights[name] for name in aligned)))
    assert found == {"a": 0.75, "b": 0.25}


def test_factors_that_only_work_together_share_alike():
    found = shares(["a", "b"], runs("ab", lambda aligned: 0.0 if aligned == {"a", "b"} else 2.0))
    assert found == {"a": 0.5, "b": 0.5}


def test_a_factor_that_changes_nothing_has_no_share():
    found = shares(["a", "b"], runs("ab", lambda aligned: 0.0 if "a" in aligned else 1.0))
    assert found == {"a": 1.0, "b": 0.0}


@given(st.lists(st.floats(0.0, 1e6), min_size=8, max_size=8).filter(lambda values: values[0] > 1e-3))
def test_shares_and_residual_add_up(values):
    measured = dict(zip(runs("abc", lambda _: 0.0), values, strict=True))
    found = shares(["a", "b", "c"], measured)
    residual = measured[frozenset("abc")] / measured[frozenset()]
    assert sum(found.values()) + residual == pytest.approx(1.0, rel=1e-6, abs=1e-6)


def test_with_the_ends_only_the_mean_of_first_and_last_is_taken():
    names = ["a", "b", "c", "d", "e", "f"]
    ends = {frozenset(): 6.0, frozenset(names): 0.0}
    ends |= {frozenset({name}): 5.0 for name in names} | {frozenset(names) - {name}: 1.0 for name in names}
    assert shares(names, ends) == {name: pytest.approx(1 / 6) for name in names}


def test_a_missing_run_is_said():
    assert math.isnan(shares(["a", "b"], {frozenset(): 1.0, frozenset("ab"): 0.0})["a"])


def test_no_discrepancy_no_share():
    assert shares(["a"], {frozenset(): 0.0, frozenset("a"): 0.0}) == {"a": 0.0}


@pytest.mark.parametrize(
    ("explained", "wanted"),
    [
        ({"": False, "a": False, "b": True, "ab": True}, {"b"}),
        ({"": False, "a": False, "b": False, "ab": True}, {"a", "b"}),
        ({"": False, "a": True, "b": True, "ab": True}, {"a"}),
        ({"": True, "a": True, "b": True, "ab": True}, set()),
        ({"": False, "a": False, "b": False, "ab": False}, None),
    ],
)
def test_the_smallest_sufficient_set(explained, wanted):
    assert sufficient({frozenset(key): value for key, value in explained.items()}) == wanted


def test_a_choice_that_both_sides_make_alike_takes_no_part() -> None:
    """``rate`` scales a difference that ``place`` makes: aligning it shrinks nothing that sets the sides apart."""
    verdicts = {subset: "place" in subset for subset in runs(("place", "rate"), len)}
    assert involved(["place", "rate"], verdicts) == {"place"}


def test_of_two_choices_that_each_suffice_both_take_part() -> None:
    verdicts = {subset: bool(subset & {"a", "b"}) for subset in runs("abc", len)}
    assert involved(list("abc"), verdicts) == set("ab")


@pytest.mark.parametrize("verdicts", [{frozenset(): False, frozenset("a"): False}, {frozenset(): False, frozenset("ab"): True}])
def test_everything_takes_part_where_nothing_is_enough_or_not_every_set_was_run(verdicts: dict[frozenset[str], bool]) -> None:
    assert involved(["a", "b"], verdicts) == {"a", "b"}
