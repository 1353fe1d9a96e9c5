"""What becomes of a judged cell in the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from judged import CASE, U32, X, cell, off, truth
from replab.compare.pairs import Judged
from replab.contract.facts import Facts
from replab.judge.rows import blank_row, cell_rows, measurement_rows
from replab.judge.verdicts import compare, decide
from replab.model import Case, Control, Environment, Factor, Status
from replab.store.rows import CellRow

TORCH = Environment(name="torch-2", framework="torch", version="2.1", python="3.11", modes=("eager",), requirements=(), order=4)


FACTS = Facts(status="ok", identity="", platform="x86_64", engine="uv", observed={"packages": {"torch": "2.1.7"}})


def rows(one: Judged, truths: dict[str, Any], *, problem: str = "", case: Case = CASE) -> list[CellRow]:
    """The rows of a cell, after it was judged."""
    compare([one], truths)
    decide(case, [one], truths, {"x": X}, {}, {}, elementwise=True)
    return list(cell_rows(blank_row(case, one, TORCH, FACTS), case, one, truths, {"x": X}, problem))


def test_the_worst_element_is_told_with_its_input() -> None:
    (row,) = rows(cell(off(np.where(X == 2.0, 1e-3, 0.0))), {"out": truth()})
    assert row.worst_index == "7"
    assert row.worst_inputs == f"x={(2.0).hex()} (2)"
    assert row.worst_truth == f"{(2.0).hex()} (2)"
    assert row.worst_result.endswith("(2.00200009)")
    assert row.z_max == pytest.approx(1e-3 / U32, rel=1e-4)


def test_where_rounding_has_no_part_a_distance_is_no_number_of_sigmas() -> None:
    """A padded step that should be zero is another function; 1e44 σ say nothing."""
    true = truth(np.where(X == 2.0, 0.0, X), spread=np.where(X == 2.0, 0.0, U32))
    (row,) = rows(cell(off(0.0)), {"out": true})
    assert row.unrounded == 1
    assert np.isnan(row.z_max)
    assert row.why.startswith("1 of 8 elements differ where rounding has no part")


@pytest.mark.parametrize(
    ("outputs", "truths", "problem", "told"),
    [
        ("out", ("out", "other"), "", [("other", "incomparable", "the function returned no output 'other'"), ("out", "identical", "")]),
        ("more", (), "", [("more", "incomparable", "the reference has no output 'more'")]),
        ("out", (), "the reference has no answer: it loops", [("out", "inconclusive", "the reference has no answer: it loops")]),
        ("", ("out",), "", [("", "inconclusive", "nothing was compared: the function returned no output")]),
    ],
    ids=["an output is missing", "an output too many", "no truth", "no output"],
)
def test_outputs_that_are_not_there(outputs: str, truths: tuple[str, ...], problem: str, told: list[tuple[str, str, str]]) -> None:
    one = cell(off(0.0), output=outputs)
    one.tensors = one.tensors if outputs else {}
    found = rows(one, dict.fromkeys(truths, truth()), problem=problem)
    assert [(row.output, str(row.verdict)) for row in found] == [line[:2] for line in told]
    assert all(line[2] in row.why for row, line in zip(found, told, strict=True))


def test_a_cell_that_failed_has_a_row_and_no_verdict() -> None:
    one = replace(cell(off(0.0)), status=Status.TIMEOUT, reason="too slow", tensors={})
    (row,) = rows(one, {"out": truth()})
    assert (row.status, row.reason, row.verdict, row.why) == ("timeout", "too slow", "", "")


def test_what_could_not_be_looked_at_says_why() -> None:
    one = replace(cell(off(0.0)), tensors={}, unusable="it cannot be judged: it ended its process")
    (row,) = rows(one, {})
    assert (row.verdict, row.why) == ("inconclusive", "it cannot be judged: it ended its process")


def test_a_row_says_what_is_known_of_the_case_and_its_environment() -> None:
    case = replace(CASE, control=Control(expect="semantic", factor="scale"), claims=("K1", "K2"), aligned=("b", "a"), base="g")
    one = cell(off(0.0), record={"seconds": 0.5, "notes": ["one", "two"]}, repeatable="yes")
    (row,) = rows(one, {"out": truth()}, case=case)
    assert (row.role, row.expect, row.factor, row.claims, row.aligned, row.base) == ("control", "semantic", "scale", "K1,K2", "a+b", "g")
    assert (row.framework_version, row.engine, row.platform, row.seconds, row.notes) == ("2.1.7", "uv", "x86_64", 0.5, "one; two")
    assert np.isnan(row.first_call_seconds)
    assert row.repeatable == "yes"


@pytest.mark.parametrize(("aligned", "role"), [((), "result"), (("a",), "part"), (("a", "b"), "result")])
def test_a_run_with_some_factors_aligned_is_no_result_to_be_counted(aligned: tuple[str, ...], role: str) -> None:
    factors = {name: Factor(aligned=1, alternatives=(2,)) for name in "ab"}
    (row,) = rows(cell(off(0.0)), {"out": truth()}, case=replace(CASE, factors=factors, aligned=aligned))
    assert row.role == role


def test_what_was_measured_is_a_row_of_its_own() -> None:
    one = cell(off(0.0), record={"measured": [{"name": "time_ratio", "value": 2, "low": None, "unit": "", "baseline": "eager"}]})
    (row,) = measurement_rows(blank_row(CASE, one, TORCH, FACTS), one)
    assert (row.measurement, row.value, row.baseline, row.count, row.id) == ("time_ratio", 2.0, "eager", 0, str(one.id))
    assert np.isnan([row.low, row.high]).all()
