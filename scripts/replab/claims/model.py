"""What a rule is and what it says: verdicts of claims, findings, evidence. No table is read here."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from replab.claims.evidence import Evidence
from replab.model import FRAMEWORKS

if TYPE_CHECKING:
    from replab.claims.tables import Tables

SUPPORTED, REFUTED, DEPENDS = "supported", "refuted", "depends"
MISSING = "not testable here"
VERDICTS = (SUPPORTED, REFUTED, DEPENDS, MISSING)
MOST_EVIDENCE = 6
"""So many pieces of evidence are kept: the most telling, which a rule gives first."""

Function = TypeVar("Function")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a rule says about one environment."""

    verdict: str
    words: str
    number: float | None = None
    """The number that decided, in ``unit``."""
    unit: str = ""
    evidence: tuple[Evidence, ...] = ()
    measured: str = ""
    """What came out where the article prints a number."""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"{self.verdict!r} is no verdict of a claim")
        if self.verdict != MISSING and not self.evidence:
            raise ValueError(f"a claim is not {self.verdict} without evidence: {self.words}")

    def json(self) -> dict[str, object]:
        """The finding as it is written; a number that is not finite is none."""
        number = self.number if self.number is not None and math.isfinite(self.number) else None
        written: dict[str, object] = {
            "verdict": self.verdict,
            "number": number,
            "unit": self.unit,
            "words": self.words,
            "evidence": [evidence.json() for evidence in self.evidence[:MOST_EVIDENCE]],
        }
        return written | ({"measured": self.measured} if self.measured else {})


def missing(words: str) -> Finding:
    """There is nothing to judge by; ``words`` name what is missing."""
    return Finding(verdict=MISSING, words=words)


class Judge(Protocol):
    """The function of a rule: what it says about one environment, None where the claim is not about that environment."""

    def __call__(self, tables: Tables, environment: str) -> Finding | None:
        """Judge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How one claim is judged."""

    claim: str
    judge: Judge
    needs: str
    """What must have been run, in words: shown where it was not."""
    frameworks: tuple[str, ...] = FRAMEWORKS
    where: str = ""
    """The file that holds the rule."""

    @property
    def text(self) -> str:
        """The rule in words: the docstring of its function."""
        return inspect.cleandoc(self.judge.__doc__ or "").replace("\n\n", "\f").replace("\n", " ").replace("\f", "\n\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One entry of ``claims.toml``."""

    id: str
    kind: str
    """``example`` or ``claim``."""
    statement: str
    source: str = ""
    """The letter of the article."""
    published: str = ""
    truth: str = ""
    untested: str = ""
    """A part that no machine of this lab can test, such as what needs a GPU."""
    more: Mapping[str, object] = field(default_factory=dict)


def rule(claim: str, *, needs: str, frameworks: tuple[str, ...] = FRAMEWORKS) -> Callable[[Function], Function]:
    """Mark a function ``(tables, environment) -> Finding | None`` as the rule of ``claim``.

    Its docstring is shown as the rule in words.
    """

    def mark(function: Function) -> Function:
        vars(function)["rule"] = (claim, needs, frameworks)
        return function

    return mark
