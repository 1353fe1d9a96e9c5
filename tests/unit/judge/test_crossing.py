"""What a process in which somebody's code ran tells is rows, or the case counts as one that could not be judged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from judged import CASE, cell, off
from replab.contract.facts import Facts
from replab.contract.manifest import ManifestEntry
from replab.judge.cells import Judge
from replab.judge.rows import Rows
from replab.model import Environment, Limits
from replab.store.rows import CellRow

ID = cell(off(0.0)).id
ENTRIES = {"f": {("float32", "", 0): [(ID, ManifestEntry(id=str(ID), key="k", status="ok", reason="", files=[]))]}}


@pytest.fixture
def judge() -> Judge:
    """A judge of one environment, who has no results: what it would find there is made up."""
    made = Judge.__new__(Judge)
    made.lab = SimpleNamespace(limits=Limits(seconds=20.0, memory_mb=512))
    made.environments = {
        "torch-2": Environment(name="torch-2", framework="torch", version="2", python="3.11", modes=("eager",), requirements=(), order=0)
    }
    made.facts = {"torch-2": Facts(status="ok", identity="", platform="", engine="uv")}
    return made


@pytest.mark.processes
def test_rows_arrive_from_the_other_process(judge: Judge) -> None:
    told = Rows(cells=[CellRow(id="one", z_max=2.5, elements=3)]).told()
    (row,) = judge._contained(lambda _: told, [(CASE,)], ENTRIES, None, None).cells
    assert (row.id, row.z_max, row.elements) == ("one", 2.5, 3)


LIES = {
    "no tables": [],
    "a column too few": {**Rows().told(), "cells": {}},
    "a text for a number": {**Rows().told(), "scripts": {"id": ["a"], "script": [1], "reason": [""]}},
}


@pytest.mark.parametrize("told", LIES.values(), ids=LIES)
@pytest.mark.processes
def test_a_lie_costs_its_case_and_no_other(judge: Judge, told: Any) -> None:
    sound = Rows(cells=[CellRow(id="sound")]).told()
    rows = judge._contained(lambda group: told if len(group) == 1 else sound, [(CASE,), (CASE, CASE)], ENTRIES, None, None)
    assert [row.id for row in rows.cells] == [str(ID), "sound"]
    assert rows.cells[0].verdict == "inconclusive"
    assert rows.cells[0].why.startswith("it cannot be judged: these are no rows")
