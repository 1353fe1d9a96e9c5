"""The families of controls hang together: every control has its function everywhere, and what is planted is among what can be named."""

from __future__ import annotations

import ast
import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import IMPL_FILE, Case, Family

ROOT = Path(__file__).parents[2]
FOLDERS = sorted((ROOT / "experiments").glob("controls_*"))
REWRITES, MISTAKES, KINDS, PAIRS, DECOYS = 18, 32, 32, 2, 5
"""How many the lab promises at least: rewrites of subjects, planted mistakes, different factors among them, mistakes of two factors, and
factors that a mistake must be told from."""


def functions(path: Path) -> dict[str, list[str]]:
    """Names of arguments of every function of a file."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: [argument.arg for argument in node.args.args] for node in body if isinstance(node, ast.FunctionDef)}


def planted(case: Case) -> dict[str, Any]:
    """The values of factors that a mistake planted."""
    assert case.control is not None
    names = case.control.factor.split("+")
    return dict(zip(names, case.control.value if len(names) > 1 else [case.control.value], strict=True))


def declared(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def families() -> list[Family]:
    faults = Faults()
    loaded = [load_family(folder / "experiment.toml", ROOT, faults) for folder in FOLDERS]
    assert [str(fault) for fault in faults.errors] == []
    return [family for family in loaded if family is not None]


@pytest.fixture(scope="module")
def cases(families: list[Family]) -> list[Case]:
    return [case for family in families for case in family.cases]


@pytest.fixture(scope="module")
def mistakes(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.name.startswith("wrong_")]


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_implementations_take_the_inputs_and_no_factor(file: str, families: list[Family]) -> None:
    for family in families:
        public = {name: given for name, given in functions(family.folder / file).items() if not name.startswith("_")}
        assert public == {case.name: list(case.inputs) for case in family.cases}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_references_take_the_inputs_and_every_factor(folder: Path, cases: list[Case]) -> None:
    known = functions(folder / "reference.py")
    own = [case for case in cases if case.family == folder.name]
    assert {name for name in known if not name.startswith("_")} <= {case.function for case in own}
    for case in own:
        assert known[case.function][: len(case.inputs)] == list(case.inputs), case.name
        assert set(known[case.function][len(case.inputs) :]) == set(case.factors), case.name


def test_no_two_families_have_a_case_of_one_name(cases: list[Case]) -> None:
    assert len({case.name for case in cases}) == len(cases)


def test_names_tell_what_is_expected(cases: list[Case]) -> None:
    expected = {"equal": "rounding", "wrong": "semantic"}
    found = {case.name: case.control.expect for case in cases if case.control is not None}
    assert found == {case.name: expected[case.name.partition("_")[0]] for case in cases}


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


def test_factors_are_for_diagnosis_only(cases: list[Case]) -> None:
    assert [name for case in cases for name, factor in case.factors.items() if not factor.diagnose] == []
    assert [name for case in cases for name, factor in case.factors.items() if not factor.alternatives] == []


def test_alternatives_are_exhaustive_where_there_are_few() -> None:
    subjects = {name: fields for folder in FOLDERS for name, fields in declared(folder).get("subjects", {}).items()}
    for subject, name in (
        ("lstm", "gate_order"),
        ("gru", "gate_order"),
        ("convnet", "kernel_layout"),
        ("convnet", "channel_order"),
        ("preprocess", "channel_order"),
        ("preprocess", "statistics_order"),
    ):
        factor = subjects[subject]["factors"][name]
        every = {"".join(order) for order in itertools.permutations(factor["aligned"])}
        assert {factor["aligned"], *factor["alternatives"]} == every, f"{subject}.{name}"


def test_there_are_enough_of_all_kinds(cases: list[Case], mistakes: list[Case]) -> None:
    assert sum(case.name.startswith("equal_") and bool(case.factors) for case in cases) >= REWRITES
    assert len(mistakes) >= MISTAKES
    assert len({name for case in mistakes for name in planted(case)}) >= KINDS
    assert sum(len(planted(case)) > 1 for case in mistakes) >= PAIRS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_subject_has_both_kinds(folder: Path) -> None:
    family = declared(folder)
    kinds: dict[str, set[str]] = {subject: set() for subject in family["subjects"]}
    for name, fields in family["cases"].items():
        if "subject" in fields:
            kinds[fields["subject"]].add(name.partition("_")[0])
    assert kinds
    assert {subject: found for subject, found in kinds.items() if found != {"equal", "wrong"}} == {}
