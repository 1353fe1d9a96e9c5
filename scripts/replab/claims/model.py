"""What a rule is and what it says: verdicts of claims, findings. No table is read here."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from replab.claims.evidence import Evidence
from replab.contract.summaries import Judged
from replab.model import FRAMEWORKS

if TYPE_CHECKING:
    from replab.claims.tables import Tables


class ClaimVerdict(StrEnum):
    """What results say about a claim; the value is the word that tables and pages show."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    IN_PART = "holds in part"
    LAST_BITS = "last bits only"
    PROGRAMS_DIFFER = "the programs differ, the frameworks do not"
    UNDECIDED = "undecided by the statistics"
    NOT_MEASURABLE = "not measurable here"

    @property
    def shown(self) -> Shown:
        """How readers meet it."""
        return SHOWN[self]

    @property
    def severity(self) -> int:
        """Its place in the order in which verdicts are counted and listed."""
        return list(ClaimVerdict).index(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """How a verdict of a claim is drawn, counted and explained."""

    glyph: str
    """One character, another one for each verdict: colour is never the only signal."""
    colour: str
    """The class of its colour in the style sheet of the report."""
    one: str
    """The verb of a sentence with one claim as its subject: ``1 holds``."""
    many: str
    """The same for several: ``3 hold``."""
    meaning: str
    """What the glossary says."""


SHOWN: Mapping[ClaimVerdict, Shown] = {
    ClaimVerdict.HOLDS: Shown(
        glyph="✓",
        colour="holds",
        one="holds",
        many="hold",
        meaning="What the article says is what the results show, in the case that the article is about.",
    ),
    ClaimVerdict.DOES_NOT_HOLD: Shown(
        glyph="✗",
        colour="fails",
        one="does not",
        many="do not",
        meaning="The results show otherwise, in the case that the article is about.",
    ),
    ClaimVerdict.IN_PART: Shown(
        glyph="◐",
        colour="part",
        one="holds in part",
        many="hold in part",
        meaning="It holds for some of what it speaks of and not for the rest: some modes, operations, sizes or environments. The words "
        "beside the verdict say for which.",
    ),
    ClaimVerdict.LAST_BITS: Shown(
        glyph="≈",
        colour="bits",
        one="is about last bits only",
        many="are about last bits only",
        meaning="The results have other bits and differ by no more than rounding: there is a difference, and none that a reader of the "
        "article would see.",
    ),
    ClaimVerdict.PROGRAMS_DIFFER: Shown(
        glyph="⇄",
        colour="programs",
        one="compares programs that differ, not frameworks",
        many="compare programs that differ, not frameworks",
        meaning="The two programs do give other results, because they say other things: other initial values, another optimiser, another "
        "convention. Told the same, the frameworks agree within rounding.",
    ),
    ClaimVerdict.UNDECIDED: Shown(
        glyph="?",
        colour="undecided",
        one="is undecided by the statistics",
        many="are undecided by the statistics",
        meaning="It was measured, and the interval of what decides holds both answers.",
    ),
    ClaimVerdict.NOT_MEASURABLE: Shown(
        glyph="·",
        colour="unmeasured",
        one="is not measurable here",
        many="are not measurable here",
        meaning="This run has no results to judge by; what is missing is named.",
    ),
}
HOLDS, DOES_NOT_HOLD, IN_PART, LAST_BITS, PROGRAMS_DIFFER, UNDECIDED, NOT_MEASURABLE = ClaimVerdict
MOST_EVIDENCE = 6
"""So many pieces of evidence are kept: the most telling, which a rule gives first."""

Function = TypeVar("Function")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a rule says about one environment."""

    verdict: ClaimVerdict
    words: str
    """What was found. What decides stands first, before the first semicolon: summaries show no more than that."""
    beside: tuple[str, ...] = ()
    """What is told beside it and decides nothing, a sentence each."""
    part: str = ""
    """For which part it holds, where it holds in part: the headline ends with it."""
    number: float | None = None
    """The number that decided, in ``unit``."""
    unit: str = ""
    evidence: tuple[Evidence, ...] = ()
    measured: str = ""
    """What came out where the article prints a number."""

    def __post_init__(self) -> None:
        if not isinstance(self.verdict, ClaimVerdict):
            raise TypeError(f"{self.verdict!r} is no verdict of a claim")
        if self.verdict is not NOT_MEASURABLE and not self.evidence:
            raise ValueError(f"no claim has the verdict {self.verdict!r} without evidence: {self.words}")
        if (self.verdict is IN_PART) != bool(self.part):
            raise ValueError(f"a claim that holds in part, and no other, says for which part: {self.words}")

    @property
    def headline(self) -> str:
        """The verdict, with the part for which it holds."""
        return f"{self.verdict}: {self.part}" if self.part else str(self.verdict)

    @property
    def gist(self) -> str:
        """What decides, in one sentence: the words up to the first semicolon."""
        return self.words.partition("; ")[0]

    def json(self) -> Judged:
        """The finding as it is written; a number that is not finite is none."""
        written: Judged = {
            "verdict": str(self.verdict),
            "number": self.number if self.number is not None and math.isfinite(self.number) else None,
            "unit": self.unit,
            "words": self.words,
            "evidence": [evidence.json() for evidence in self.evidence[:MOST_EVIDENCE]],
        }
        if self.part:
            written["part"] = self.part
        if self.measured:
            written["measured"] = self.measured
        if self.beside:
            written["beside"] = list(self.beside)
        return written


def missing(words: str) -> Finding:
    """There is nothing to judge by; ``words`` name what is missing."""
    return Finding(verdict=NOT_MEASURABLE, words=words)


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
    decides: tuple[str, ...] = ()
    """The cases that decide, patterns of ``family.case``; the others of the claim are told beside them. None: all decide."""
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
    """The letters of the articles, joined by commas."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """What each letter stands for, in words."""
    ran: str = ""
    """What was run, in words."""
    reads: Mapping[str, str] = field(default_factory=dict)
    """In which case the rule says which verdict, in words."""
    changes: str = ""
    """What would change the verdict."""
    published: str = ""
    truth: str = ""
    untested: str = ""
    """A part that no machine of this lab can test, such as what needs a GPU."""


def rule(
    claim: str, *, needs: str, frameworks: tuple[str, ...] = FRAMEWORKS, decides: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Mark a function ``(tables, environment) -> Finding | None`` as the rule of ``claim``.

    Its docstring is shown as the rule in words. ``decides`` are the cases that the article is about, for the page of the claim: the
    function itself parts them from the others by ``deciding``.
    """

    def mark(function: Function) -> Function:
        vars(function)["rule"] = (claim, needs, frameworks, decides)
        return function

    return mark
