"""What somebody who upgrades reads first: what stops working, what gets worse, and which packages changed."""

from __future__ import annotations

from typing import Any

import pytest

from builders import Lab, cell, pair
from replab.report.data.cells import shown
from replab.report.views.between import Between, Ends
from replab.report.views.upgrade_and_port import upgrade
from replab.report.views.upgrading import GROUPS, changes, others, packages
from replab.store.rows import CellRow

OLD, NEW = "tf-2.4", "tf-2.21"
ENDS = Ends(OLD, NEW)


def at(environment: str, case: str, **more: Any) -> CellRow:
    """A result of one of the two versions, with bits of its own."""
    return cell(case, environment=environment, environment_order=(OLD, NEW).index(environment), bits=f"{case}{environment}", **more)


@pytest.mark.parametrize(
    ("old", "new", "dtype", "title"),
    [
        ("rounding", "accuracy", "float32", "Gets worse"),
        ("identical", "accuracy", "float64", "Gets worse"),
        ("rounding", "semantic", "float32", "Computes another function now"),
        ("accuracy", "incomparable", "float64", "Computes another function now"),
        ("rounding", "accuracy", "float16", "Gets worse in 16 bits"),
        ("rounding", "semantic", "bfloat16", "Gets worse in 16 bits"),
        ("semantic", "semantic", "float32", "Other numbers, as wrong as before"),
        ("accuracy", "accuracy", "float32", "Other numbers, as wrong as before"),
        ("semantic", "rounding", "float32", "Gets better"),
        ("rounding", "rounding", "float32", "Other bits within rounding"),
    ],
)
def test_every_difference_has_a_part_of_the_list(old: str, new: str, dtype: str, title: str) -> None:
    left, right = at(OLD, "a", verdict=old, dtype=dtype, ulp_max=3.0), at(NEW, "a", verdict=new, dtype=dtype, ulp_max=2.0)
    worse = max((old, new), key=["identical", "rounding", "accuracy", "semantic", "incomparable"].index)
    lab = Lab(cells=[left, right], pairs=[pair(left, right, "version", verdict=worse, ulp_max=4.0)])
    (one,) = upgrade(lab.results(), Between(lab.results(), shown(lab.results()))).pairs
    (row,) = one.data["rows"]
    assert GROUPS[row[16]].title == title


def test_what_matters_stands_open_and_before_what_is_folded() -> None:
    folded = [group.folded for group in GROUPS]
    assert folded == sorted(folded)
    assert [group.title for group in GROUPS if not group.folded] == ["Gets worse", "Computes another function now", "Gets worse in 16 bits"]


def _changes(*rows: CellRow) -> tuple[Any, Any]:
    results = Lab(cells=list(rows)).results()
    return changes(Between(results, shown(results)).works, ENDS)


def test_what_stops_and_what_starts_is_told_by_case_and_reason() -> None:
    gone = {"status": "error", "verdict": "", "reason": "ModuleNotFoundError: No module named 'setuptools'"}
    stops, starts = _changes(
        at(OLD, "exp", mode="function"),
        at(NEW, "exp", mode="function", **gone),
        at(OLD, "exp", mode="xla", dtype="float64"),
        at(NEW, "exp", mode="xla", dtype="float64", **gone),
        at(OLD, "log2", status="unsupported", verdict="", reason="there is no log2"),
        at(NEW, "log2"),
        at(OLD, "sum"),
        at(NEW, "sum"),
    )
    assert [(row[0], row[2], row[3], row[4], row[5], row[6]) for row in stops] == [
        ("ops.exp", "float32 value and float64 value", "function, xla", "ok", "error", gone["reason"])
    ]
    assert [(row[0], row[4], row[5], row[6]) for row in starts] == [("ops.log2", "unsupported", "ok", "there is no log2")]


@pytest.mark.parametrize("state", ["skipped", ""])
def test_what_was_not_tried_on_one_side_neither_stops_nor_starts(state: str) -> None:
    rows = [at(OLD, "exp"), at(NEW, "exp", status="skipped", verdict="", reason="quick coverage")] if state else [at(OLD, "exp")]
    assert _changes(*rows) == ((), ())


@pytest.mark.parametrize("state", ["error", "crashed", "timeout", "oom", "unsupported"])
def test_every_way_not_to_end_counts(state: str) -> None:
    stops, _ = _changes(at(OLD, "exp"), at(NEW, "exp", status=state, verdict="", reason="why"))
    assert [row[5] for row in stops] == [state]


def _installed(**packages: str) -> dict[str, Any]:
    return {"observed": {"packages": packages, "python": {"version": "3.11.9"}}}


def test_packages_that_changed_are_named_those_that_compute_first() -> None:
    lab = Lab(
        environments={
            OLD: _installed(numpy="1.19.5", certifi="1", absl="2"),
            NEW: _installed(numpy="2.4.6", certifi="2", absl="2", keras="3.0"),
        }
    )
    told = packages(lab.results(), ENDS)
    assert told["rows"] == [["keras", "", "3.0"], ["numpy", "1.19.5", "2.4.6"], ["certifi", "1", "2"]]
    assert "numpy 1.19.5 → 2.4.6" in told["sentence"] and "keras absent → 3.0" in told["sentence"] and "certifi" not in told["sentence"]


def test_packages_that_nobody_observed_are_not_guessed() -> None:
    assert packages(Lab(environments={OLD: {}}).results(), ENDS) == {"sentence": "", "rows": []}


def test_versions_that_the_lab_has_beside_those_of_the_run_are_named() -> None:
    lab = Lab(run={"pinned": {OLD: "tensorflow", "tf-2.15": "tensorflow", "torch-2.13": "torch"}})
    assert others(lab.results(), {"tensorflow": [OLD]}) == ("tf-2.15",)
    assert others(Lab(run={}).results(), {"tensorflow": [OLD]}) == ()
