"""One order of verdicts, and nobody who writes it down again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replab.model import BEYOND_ROUNDING, EXPLAINED, SAME_FUNCTION, SEVERITY, Verdict, is_as_expected, worst

ROOT = Path(__file__).parents[2]
NAME = r"""(?:Verdict\.\w+|"(?:identical|rounding|accuracy|semantic|incomparable|beyond|inconclusive)"(?!:\s*["\w]))"""
"""A verdict as an item of a literal; as the key of a dictionary of words or marks it is no member of a set."""
SET_WRITTEN_OUT = re.compile(rf"""(?:[({{\[])\s*{NAME}(?:,\s*{NAME})+\s*,?\s*[)}}\]]""")
HARMLESS = {"IDENTICAL", "ROUNDING", "identical", "rounding"}


def sets_of_the_harmless(text: str) -> list[str]:
    """Literals that hold both ``identical`` and ``rounding``."""
    return [found for found in SET_WRITTEN_OUT.findall(text) if len(set(re.findall(r"\w+", found)) & HARMLESS) == 2]


def test_the_order_has_every_verdict_once() -> None:
    assert sorted(SEVERITY) == sorted(Verdict)
    assert [verdict.severity for verdict in SEVERITY] == list(range(len(Verdict)))


def test_what_is_open_hides_no_difference_that_is_proved() -> None:
    assert worst([Verdict.INCONCLUSIVE, Verdict.ACCURACY]) is Verdict.ACCURACY
    assert worst([Verdict.SEMANTIC, Verdict.INCONCLUSIVE]) is Verdict.SEMANTIC


def test_what_is_beyond_rounding_is_no_less_than_the_mildest_kind_that_it_may_be() -> None:
    assert worst([Verdict.BEYOND, Verdict.ACCURACY]) is Verdict.BEYOND
    assert worst([Verdict.SEMANTIC, Verdict.BEYOND]) is Verdict.SEMANTIC
    assert not Verdict.BEYOND.explained
    assert not Verdict.BEYOND.same_function
    assert set(BEYOND_ROUNDING) == set(Verdict) - EXPLAINED - {Verdict.INCONCLUSIVE}


def test_what_is_open_is_not_called_harmless() -> None:
    assert worst([Verdict.IDENTICAL, Verdict.INCONCLUSIVE, Verdict.ROUNDING]) is Verdict.INCONCLUSIVE
    assert not Verdict.INCONCLUSIVE.explained
    assert not Verdict.INCONCLUSIVE.same_function


def test_properties_and_sets_say_the_same() -> None:
    assert {str(verdict) for verdict in Verdict if verdict.explained} == set(EXPLAINED) == {"identical", "rounding"}
    assert set(SAME_FUNCTION) == {"identical", "rounding", "accuracy"}


@pytest.mark.parametrize(
    ("expect", "verdict", "good"),
    [
        ("rounding", "rounding", True),
        ("rounding", "identical", True),
        ("rounding", "accuracy", False),
        ("semantic", "semantic", True),
        ("semantic", "incomparable", False),
        ("semantic", "rounding", False),
        ("rounding", "", False),
    ],
)
def test_controls_come_out_as_they_must(expect: str, verdict: str, good: bool) -> None:
    assert is_as_expected(expect, verdict) is good


def test_nobody_writes_the_set_or_the_order_again() -> None:
    code = [*ROOT.glob("scripts/**/*.py"), *ROOT.glob("experiments/*/claims.py")]
    assert len(code) > 100
    again = {
        f"{path.relative_to(ROOT)}: {found}"
        for path in code
        if path != ROOT / "scripts" / "replab" / "model.py"
        for found in sets_of_the_harmless(path.read_text(encoding="utf-8"))
    }
    assert not again


@pytest.mark.parametrize(
    "text",
    ['("identical", "rounding")', "{Verdict.IDENTICAL, Verdict.ROUNDING, Verdict.ACCURACY}", '(\n    "rounding",\n    "identical",\n)'],
)
def test_the_search_sees_what_it_looks_for(text: str) -> None:
    assert sets_of_the_harmless(text)
