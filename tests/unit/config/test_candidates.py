"""A case has those of the lab's candidates as factors that its reference takes with a default, and the default is what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from replab.config import candidates
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import Case, Factor

EXPERIMENT = """
title = "T"
question = "Q"

[cases]
net = { inputs = { x = { kind = "normal", shape = [4] } }, %s }
"""
REFERENCE = """
import numpy as np
STEP = 0.1
def net(x, epsilon=1e-3, second_epsilon=1e-6, *, last_epsilon_placement="inside", bias="added", slope=2.0, momentum=STEP):
    return x
"""


def read(folder: Path, text: str, reference: str = REFERENCE) -> tuple[Case | None, list[str]]:
    """The case of a family, and its faults."""
    (folder / "mine").mkdir()
    (folder / "mine" / "experiment.toml").write_text(EXPERIMENT % text, encoding="utf-8")
    (folder / "mine" / "reference.py").write_text(reference, encoding="utf-8")
    faults = Faults()
    family = load_family(folder / "mine" / "experiment.toml", folder, faults)
    return (family.cases[0] if family is not None and family.cases else None), [str(fault) for fault in faults.errors]


def test_arguments_that_stand_for_a_choice_become_factors(tmp_path: Path) -> None:
    case, faults = read(tmp_path, 'candidates = ["batch_norm", "convolution"]')
    assert faults == []
    assert case is not None
    known = candidates.tables()["batch_norm"]["epsilon"]
    assert set(case.factors) == {"epsilon", "second_epsilon", "last_epsilon_placement", "bias"}  # a default that is no value tells nothing
    assert case.factors["second_epsilon"] == Factor(
        aligned=1e-6, alternatives=tuple(value for value in known.values if value != 1e-6), fit=True, diagnose=True, title=known.title
    )
    assert case.factors["last_epsilon_placement"].alternatives == ("outside", "floor")  # the longest name that fits, not `epsilon`
    assert not case.factors["bias"].fit
    assert case.given("torch") == {}  # implementations are told nothing
    assert case.true()["epsilon"] == 1e-3


def test_what_a_case_declares_itself_comes_first(tmp_path: Path) -> None:
    case, faults = read(tmp_path, 'candidates = ["batch_norm"], factors = { epsilon = { aligned = 0.5 } }')
    assert faults == []
    assert case is not None
    assert case.factors["epsilon"] == Factor(aligned=0.5)


@pytest.mark.parametrize(
    ("text", "reference", "told"),
    [
        ('candidates = ["batchnorm"]', REFERENCE, "there are no candidates called 'batchnorm'"),
        ("candidates = [3]", REFERENCE, "candidates: must be a list of names"),
        ('candidates = "adam"', REFERENCE, "candidates"),
        ('candidates = ["adam"]', "def net(x):\n    return x\n", "net takes none of the candidates of adam"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, text: str, reference: str, told: str) -> None:
    _, faults = read(tmp_path, text, reference)
    assert any(told in fault for fault in faults), faults


def test_every_candidate_is_well_formed() -> None:
    """Each has a title and at least two different values of its kind; what can be fitted is a real number."""
    for table, choices in candidates.tables().items():
        for name, candidate in choices.items():
            where = f"{table}.{name}"
            assert candidate.title, where
            assert len(set(map(repr, candidate.values))) == len(candidate.values) >= 2, where
            assert not candidate.fit or all(isinstance(value, float) for value in candidate.values), where
