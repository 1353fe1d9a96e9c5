"""The family of controls hangs together: every control has its function everywhere, and what is planted is among what can be named."""

from __future__ import annotations

import ast
import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest

from replab.config.loading import Faults, load_family
from replab.model import IMPL_FILE, Case, Family

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "controls"
REWRITES, MISTAKES, KINDS, PAIRS, DECOYS = 18, 32, 32, 2, 5
"""How many the lab promises at least: rewrites of subjects, planted mistakes, different factors among them, mistakes of two factors, and
factors that a mistake must be told from."""


def functions(path: Path) -> dict[str, list[str]]:
    """Names of arguments of every public function of a file; ``name = _other`` gives ``name`` those of ``_other``."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = {node.name: [argument.arg for argument in node.args.args] for node in body if isinstance(node, ast.FunctionDef)}
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)):
                found[name] = found[other]
            case _:
                pass
    return {name: arguments for name, arguments in found.items() if not name.startswith("_")}


def planted(case: Case) -> dict[str, Any]:
    """The values of factors that a mistake planted."""
    assert case.control is not None
    names = case.control.factor.split("+")
    return dict(zip(names, case.control.value if len(names) > 1 else [case.control.value], strict=True))


@pytest.fixture(scope="module")
def family() -> Family:
    faults = Faults()
    loaded = load_family(FOLDER / "experiment.toml", ROOT, faults)
    assert [str(fault) for fault in faults.found] == []
    assert loaded is not None
    return loaded


@pytest.fixture(scope="module")
def mistakes(family: Family) -> list[Case]:
    return [case for case in family.cases if case.name.startswith("wrong_")]


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_implementations_take_the_inputs_and_no_factor(file: str, family: Family) -> None:
    assert functions(FOLDER / file) == {case.name: list(case.inputs) for case in family.cases}


def test_references_take_the_inputs_and_every_factor(family: Family) -> None:
    known = functions(FOLDER / "reference.py")
    assert set(known) == {case.function for case in family.cases}
    for case in family.cases:
        assert known[case.function][: len(case.inputs)] == list(case.inputs), case.name
        assert set(known[case.function][len(case.inputs) :]) == set(case.factors), case.name


def test_names_tell_what_is_expected(family: Family) -> None:
    expected = {"equal": "rounding", "wrong": "semantic"}
    found = {case.name: case.control.expect for case in family.cases if case.control is not None}
    assert found == {case.name: expected[case.name.partition("_")[0]] for case in family.cases}


def test_every_mistake_can_be_named(mistakes: list[Case]) -> None:
    for case in mistakes:
        values = planted(case)
        assert list(values) == sorted(values), f"{case.name}: names of two factors in alphabetical order"
        for name, value in values.items():
            factor = case.factors[name]
            listed = any(value == one and type(value) is type(one) for one in factor.alternatives)
            assert listed or factor.fit, f"{case.name}: {name} = {value!r} is neither an alternative nor fitted"
            assert value != factor.aligned, case.name


def test_every_mistake_has_decoys(mistakes: list[Case]) -> None:
    assert [case.name for case in mistakes if len(set(case.factors) - set(planted(case))) < DECOYS] == []


def test_candidates_are_for_diagnosis_only(family: Family) -> None:
    assert [name for case in family.cases for name, factor in case.factors.items() if not factor.diagnose] == []
    assert [name for case in family.cases for name, factor in case.factors.items() if not factor.alternatives] == []


def test_alternatives_are_exhaustive_where_there_are_few() -> None:
    factors = tomllib.loads((FOLDER / "experiment.toml").read_text(encoding="utf-8"))["factors"]
    for subject, name in (
        ("lstm", "gate_order"),
        ("gru", "gate_order"),
        ("convnet", "kernel_layout"),
        ("convnet", "channel_order"),
        ("preprocess", "channel_order"),
        ("preprocess", "statistics_order"),
    ):
        factor = factors[subject][name]
        every = {"".join(order) for order in itertools.permutations(factor["aligned"])}
        assert {factor["aligned"], *factor["alternatives"]} == every, f"{subject}.{name}"


def test_there_are_enough_of_all_kinds(family: Family, mistakes: list[Case]) -> None:
    assert sum(case.name.startswith("equal_") and bool(case.factors) for case in family.cases) >= REWRITES
    assert len(mistakes) >= MISTAKES
    assert len({name for case in mistakes for name in planted(case)}) >= KINDS
    assert sum(len(planted(case)) > 1 for case in mistakes) >= PAIRS


def test_every_subject_has_both_kinds(family: Family) -> None:
    cases = tomllib.loads((FOLDER / "experiment.toml").read_text(encoding="utf-8"))["cases"]
    kinds: dict[str, set[str]] = {}
    for case in family.cases:
        if subject := cases[case.name].get("candidates"):
            kinds.setdefault(subject, set()).add(case.name.partition("_")[0])
    assert {subject: found for subject, found in kinds.items() if found != {"equal", "wrong"}} == {}
