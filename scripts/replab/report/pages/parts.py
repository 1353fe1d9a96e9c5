"""Building blocks of page objects: links, findings, bars, pictures, charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from replab.report.data.words import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Text and a target relative to the root of the site (empty: no target)."""

    text: str
    href: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One piece of evidence: where it is, and what is to be seen there."""

    link: Link
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something the run says, in words, with its evidence."""

    kind: str
    title: str
    lines: tuple[str, ...]
    items: tuple[Item, ...] = ()
    """What it rests on, the most telling first."""
    links: tuple[Link, ...] = ()
    figure: str = ""
    """The one number of it, for the cards of the first page."""
    unit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A part of a bar."""

    outcome: Outcome
    count: int
    width: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A stacked bar of outcomes."""

    label: str
    total: int
    shares: tuple[Share, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chip:
    """An environment with the modes in which it belongs to a bit class."""

    environment: str
    framework: str
    modes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassRow:
    """One bit class, drawn."""

    letter: str
    hue: int
    """1-8 for a class that several share, 0 for one that stands alone."""
    chips: tuple[Chip, ...]
    size: int
    ulp: str
    outcome: Outcome
    bits: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassSquare:
    """One square of the environment × mode picture."""

    letter: str
    hue: int
    text: str
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassPicture:
    """Who shares bits with whom."""

    modes: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[ClassSquare | None, ...]], ...]
    """(environment, framework, a square per mode)."""
    classes: tuple[ClassRow, ...]
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A Vega-Lite chart: its text form beside the specification."""

    id: str
    title: str
    summary: str
    payload: Mapping[str, object]
    """``spec`` and the columns of its data; ``charts.js`` joins them."""
    table: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]
