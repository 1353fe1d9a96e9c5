"""Finished page objects of the claims: what templates print."""

from __future__ import annotations

from dataclasses import dataclass

from replab.report.data.words import Outcome
from replab.report.pages.parts import Link


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
    text: str
    """All of it in one line, for a square."""
    evidence: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimCard:
    """A claim or an example, judged."""

    id: str
    anchor: str
    source: str
    statement: str
    outcome: Outcome
    part: str
    """For which part it holds, where it holds in part."""
    words: str
    figure: str
    """The deciding number, or the range of it over the environments."""
    unit: str
    where: str
    """Where the ends of that range are."""
    rule: tuple[str, ...]
    """The rule in words, a text per paragraph."""
    published: str
    """What an article prints, where that is wrong; then ``truth`` and what was ``measured`` stand beside it."""
    truth: str
    measured: str
    untested: str
    places: tuple[ClaimPlace, ...]
    evidence: tuple[Link, ...]
    search: str
    """What the text filter looks at."""


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
