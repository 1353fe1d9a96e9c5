"""Finished page objects of the pages that tell of one family: recurrent layers, trainings."""

from __future__ import annotations

from dataclasses import dataclass

from replab.report.data.words import Outcome
from replab.report.pages.causes import FactorCase
from replab.report.pages.claims import ClaimCard
from replab.report.pages.parts import Chart, Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What one environment gives for one case: a value, and perhaps its gradient."""

    outcome: Outcome
    text: str
    href: str
    label: str
    """For screen readers: all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryRow:
    """One case in every environment."""

    work: Link
    title: str
    sides: tuple[tuple[Told, ...], ...]
    """Per environment; empty where it did not run."""
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StorySection:
    """Cases that belong together."""

    title: str
    anchor: str
    intro: str
    claims: tuple[ClaimCard, ...]
    charts: tuple[Chart, ...]
    rows: tuple[StoryRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecurrentPage:
    """Recurrent layers."""

    lede: str
    environments: tuple[str, ...]
    sections: tuple[StorySection, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingCase:
    """One training: its losses, how far they are from the certified ones, and which factors set the sides apart."""

    anchor: str
    work: Link
    title: str
    note: str
    outcomes: tuple[tuple[str, Outcome, str], ...]
    """(environment, verdict of its losses, link to its cell)."""
    charts: tuple[Chart, ...]
    shares: FactorCase | None
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPage:
    """Trainings."""

    lede: str
    claims: tuple[ClaimCard, ...]
    environments: tuple[str, ...]
    accuracy: tuple[tuple[Link, str, str, tuple[tuple[Outcome, str, str] | None, ...]], ...]
    """(case, title, certified share of right answers, per environment: verdict, share, link)."""
    cases: tuple[TrainingCase, ...]
