"""Finished page objects of the claims: what templates print."""

from __future__ import annotations

from dataclasses import dataclass

from replab.report.data.words import Outcome
from replab.report.pages.parts import Link
from replab.report.pages.published import ProgramTable


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimPlace:
    """What one environment says about a claim."""

    environment: str
    framework: str
    outcome: Outcome
    part: str
    """For which part it holds, where it holds in part."""
    number: str
    """The number that decided, with its unit; empty where there is none."""
    words: str
    beside: tuple[str, ...]
    """What is told beside it and decides nothing."""
    text: str
    """All of it in one line, for a square."""
    evidence: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimGroupSaid:
    """What environments that agree on a claim show, in a sentence."""

    outcome: Outcome
    part: str
    where: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimCard:
    """A claim or an example, judged: what a list of claims shows of it."""

    id: str
    anchor: str
    href: str
    """Its own page."""
    statement: str
    outcome: Outcome
    part: str
    """For which part it holds, where it holds in part."""
    words: str
    """All that was found, in one text."""
    said: tuple[ClaimGroupSaid, ...]
    """The same by groups of environments; none in tables of an older run."""
    figure: str
    """The deciding number, or the range of it over the environments."""
    unit: str
    where: str
    """Where the ends of that range are."""
    published: str
    """What an article prints, where that is wrong; then ``truth`` and what was ``measured`` stand beside it."""
    truth: str
    measured: str
    untested: str
    places: tuple[ClaimPlace, ...]
    search: str
    """What the text filter looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimReading:
    """A verdict that a rule can give, and when it does."""

    outcome: Outcome
    when: str
    here: tuple[str, ...]
    """The environments in which it gives it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimScript:
    """A stand-alone script that shows a piece of the evidence."""

    shows: Link
    text: str
    file: str
    """A name to save it under."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimPage:
    """All about one claim: what was said, what was run, what decides, and what would change it."""

    card: ClaimCard
    sources: tuple[tuple[str, str], ...]
    """(letter, what the article is about)."""
    ran: str
    deciding: tuple[Link, ...]
    """The cases that decide."""
    beside: tuple[Link, ...]
    """The other cases of the claim."""
    readings: tuple[ClaimReading, ...]
    changes: str
    needs: str
    rule: tuple[str, ...]
    """The rule in words, a text per paragraph."""
    evidence: tuple[Link, ...]
    script: ClaimScript | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimGroup:
    """Claims of one kind."""

    title: str
    anchor: str
    intro: str
    cards: tuple[ClaimCard, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimsPage:
    """Every claim with its verdict."""

    lede: str
    counts: tuple[tuple[Outcome, int], ...]
    groups: tuple[ClaimGroup, ...]
    environments: tuple[tuple[str, tuple[ClaimPlace | None, ...]], ...]
    """The overview: a row per environment, a square per claim; None where the claim is not about it."""
    programs: ProgramTable | None = None
    """The programs that the articles print; None where they were not run."""
