"""Factors: how they are declared, what each side gets, and which runs they ask for."""

from __future__ import annotations

import pytest

from replab.config.factors import load_factors
from replab.config.faults import Faults
from replab.model import Case, Factor
from replab.plan.alignment import aligned_cases, subsets


def case(**factors):
    return Case(
        family="f", name="adam", title="Adam", function="adam", inputs={}, parameters={"steps": 3}, dtypes=("float32",), factors=factors
    )


EPSILON = Factor(aligned=1e-8, sides={"tensorflow": 1e-7}, alternatives=(1e-7,))
PLACE = Factor(aligned="outside", alternatives=("inside",))
HIDDEN = Factor(aligned=0, alternatives=(1,), diagnose=True)


def test_each_side_gets_its_own_value_or_its_default():
    one = case(epsilon=EPSILON, place=PLACE, hidden=HIDDEN)
    assert one.given("tensorflow") == {"steps": 3, "epsilon": 1e-7}
    assert one.given("torch") == {"steps": 3}
    assert one.true() == {"steps": 3, "epsilon": 1e-8, "place": "outside", "hidden": 0}
    assert one.true(place="inside")["place"] == "inside"


def test_every_subset_of_few_factors_is_run():
    made = list(aligned_cases(case(epsilon=EPSILON, place=PLACE, hidden=HIDDEN)))
    assert [one.name for one in made] == ["adam.aligned-epsilon", "adam.aligned-place", "adam.aligned-all"]
    assert made[0].given("tensorflow") == made[0].given("torch") == {"steps": 3, "epsilon": 1e-8}
    assert made[2].given("tensorflow") == {"steps": 3, "epsilon": 1e-8, "place": "outside"}
    assert all(one.base == "adam" and one.group == "adam" and one.modes == ("eager",) for one in made)


def test_of_many_factors_each_alone_and_all_but_each():
    names = tuple("abcdefg")
    found = list(subsets(names))
    assert found[0] == () and found[-1] == names and len(found) == 2 + 2 * len(names)


def test_a_single_factor_is_named():
    assert [one.name for one in aligned_cases(case(epsilon=EPSILON))] == ["adam.aligned-epsilon"]


def test_factors_only_for_explaining_ask_for_no_run():
    assert list(aligned_cases(case(hidden=HIDDEN))) == []


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"Epsilon": {"aligned": 1}}, "is no name for a factor"),
        ({"epsilon": 3}, "needs a value `aligned`"),
        ({"epsilon": {"alternatives": [1]}}, "needs a value `aligned`"),
        ({"epsilon": {"aligned": 1, "pytorch": 2}}, "unknown key 'pytorch'"),
        ({"epsilon": {"aligned": "inside", "fit": True}}, "only a number can be fitted"),
        ({"epsilon": {"aligned": 1, "alternatives": 2}}, "alternatives must be a list"),
    ],
)
def test_faults_say_where(declared, problem):
    faults = Faults()
    load_factors(declared, "f/experiment.toml: cases.adam: factors", faults)
    assert problem in str(faults.errors[0]) and "cases.adam: factors" in str(faults.errors[0])


def test_the_aligned_value_is_no_alternative():
    faults = Faults()
    found = load_factors({"flag": {"aligned": True, "alternatives": [True, False, 1]}}, "x", faults)
    assert found["flag"].alternatives == (False, 1)
