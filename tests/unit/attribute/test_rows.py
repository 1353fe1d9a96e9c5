"""Shares of the factors of a case, from runs in which some of them were aligned: what is said of cells that are made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from judged import CASE, X, cell
from replab.attribute import rows
from replab.model import Environment, Factor, Verdict
from replab.store.rows import AttributionRow

ENVIRONMENTS = [
    Environment(name=name, framework=framework, version="1", python="3.11", modes=("eager",), requirements=(), order=1)
    for name, framework in (("tf-2", "tensorflow"), ("torch-2", "torch"))
]


def told(left: Mapping[str, Any] | None, right: Mapping[str, Any] | None, factor: Factor) -> AttributionRow:
    """The row about ``bias`` of a pair that agrees once it is aligned; ``left``, ``right``: the values that the results are shown to have."""
    plain = replace(CASE, factors={"bias": factor})
    both = replace(plain, name="f.aligned-bias", base="f", aligned=("bias",))
    cells = {
        "f": {
            "tf-2": cell(2 * X, verdict=Verdict.SEMANTIC, environment="tf-2", changed=left),
            "torch-2": cell(3 * X, verdict=Verdict.SEMANTIC, environment="torch-2", changed=right),
        },
        both.name: {name: cell(X, verdict=Verdict.ROUNDING, environment=name) for name in ("tf-2", "torch-2")},
    }

    def verdict_of(one: Any, _: Any) -> Verdict:
        return one.verdicts["out"][0]

    (row,) = rows.aligned([plain, both], cells, verdict_of, ENVIRONMENTS)
    return row


BIAS = Factor(aligned=0.0, alternatives=(1.0, 2.0))


def test_a_value_that_nobody_passed_is_the_one_that_the_result_has() -> None:
    row = told({"bias": 1.0}, None, BIAS)
    assert (row.left_value, row.right_value, row.named, row.note) == ("1.0", "its own default", True, "")


def test_a_choice_that_both_sides_are_shown_to_make_is_not_named() -> None:
    row = told({"bias": 1.0}, {"bias": 1.0}, BIAS)
    assert (row.named, row.note) == (False, "both sides are shown to have it")


def test_a_declared_value_is_checked_and_not_believed() -> None:
    row = told({"bias": 2.0}, {"bias": 1.0}, replace(BIAS, sides={"tensorflow": 1.0}))
    assert (row.left_value, row.named) == ("2.0", True)
    assert row.note == "tf-2 is said to have 1.0, and its result has 2.0"


@pytest.mark.parametrize(("absent", "named"), [((), True), (("torch",), False)], ids=["both have it", "one does not"])
def test_a_choice_that_one_side_does_not_have_is_not_named(absent: tuple[str, ...], *, named: bool) -> None:
    assert told(None, None, replace(BIAS, absent=absent)).named is named
