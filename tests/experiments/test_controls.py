"""The family of controls hangs together: one function per case in every file, enough of both kinds, each with its factor."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from replab.config import Faults, load_family
from replab.model import IMPL_FILE, Family

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "controls"
REWRITES, MISTAKES = 15, 20
"""How many of each kind the lab promises at least."""


def signatures(path: Path) -> dict[str, list[str]]:
    """Names of arguments of every public function of a file, by function."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.col_offset == 0]
    return {node.name: [argument.arg for argument in node.args.args] for node in functions if not node.name.startswith("_")}


@pytest.fixture(scope="module")
def family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.found] == []
    assert loaded is not None
    return loaded


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    assert signatures(FOLDER / file) == signatures(FOLDER / "reference.py")


def test_arguments_are_the_inputs_in_call_order(family: Family) -> None:
    known = signatures(FOLDER / "reference.py")
    assert {case.name: known[case.function] for case in family.cases} == {case.name: list(case.inputs) for case in family.cases}


def test_every_function_is_a_case(family: Family) -> None:
    assert {case.function for case in family.cases} == set(signatures(FOLDER / "reference.py"))


def test_names_tell_what_is_expected(family: Family) -> None:
    expected = {"equal": "rounding", "wrong": "semantic"}
    found = {case.name: case.control.expect for case in family.cases if case.control is not None}
    assert found == {case.name: expected[case.name.partition("_")[0]] for case in family.cases}


def test_every_mistake_names_its_factor(family: Family) -> None:
    assert [case.name for case in family.cases if case.name.startswith("wrong_") and not (case.control and case.control.factor)] == []


def test_there_are_enough_of_both_kinds(family: Family) -> None:
    names = [case.name for case in family.cases]
    assert sum(name.startswith("equal_") for name in names) >= REWRITES
    assert sum(name.startswith("wrong_") for name in names) >= MISTAKES
