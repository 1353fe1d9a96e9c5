"""Finished page objects of measurements and of the atlas of defaults: what templates print."""

from __future__ import annotations

from dataclasses import dataclass

from replab.report.pages.parts import Chart, Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Sense:
    """Faster, slower, or no difference seen."""

    text: str
    css: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeSummary:
    """One mode of one environment, over all functions that were timed."""

    environment: str
    mode: str
    faster: int
    slower: int
    even: int
    median: str
    spread: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeRow:
    """What was measured of one cell."""

    anchor: str
    environment: str
    mode: str
    detail: str
    sense: Sense | None
    values: tuple[tuple[str, str], ...]
    """(text, where it comes from) per column of the case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeCase:
    """A function in all modes."""

    anchor: str
    work: Link
    title: str
    note: str
    summary: str
    chart: Chart | None
    head: tuple[tuple[str, str], ...]
    """(name, what it means)."""
    rows: tuple[ModeRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModesPage:
    """What ways to execute cost."""

    lede: str
    summary: tuple[ModeSummary, ...]
    cases: tuple[ModeCase, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A default of the newest environment of one framework."""

    value: str
    meaning: str
    """The value in the convention common to all sides, where that is another text."""
    absent: str
    """Why there is none; empty where there is one."""
    name: str
    """The name of the API there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultEntry:
    """One parameter of one API."""

    anchor: str
    api: str
    title: str
    group: str
    parameter: str
    sides: tuple[Side | None, ...]
    """One per framework of the page; None where the parameter has no name there."""
    changes: tuple[str, ...]
    """Steps between versions: ``tf-2.4 → tf-2.15: 1 → 2``."""
    note: str
    checked: str
    """What calls say of the values; empty where none was called."""
    effect: Link | None
    search: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultsSection:
    """Parameters of which the same can be said."""

    title: str
    anchor: str
    kind: str
    intro: str
    rows: tuple[DefaultEntry, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultsPage:
    """The atlas of defaults."""

    lede: str
    frameworks: tuple[tuple[str, str], ...]
    """(framework, its newest environment): the columns."""
    groups: tuple[str, ...]
    sections: tuple[DefaultsSection, ...]
    changed: int
