"""Finished page objects of two environments against each other: what templates print, and what a choice loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from replab.report.pages.parts import Bar


@dataclass(frozen=True, kw_only=True, slots=True)
class BetweenPair:
    """Two environments: its line in the overview, and the file of its details."""

    left: str
    right: str
    bar: Bar
    summary: tuple[str, ...]
    address: str
    """What the address of the page ends in when this pair is chosen."""
    file: str
    """Below the root of the site; loaded when the pair is chosen."""
    data: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class BetweenGroup:
    """The pairs of one framework, or of two."""

    title: str
    anchor: str
    pairs: tuple[BetweenPair, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BetweenPage:
    """A page on which two environments are chosen."""

    kind: str
    """``upgrade`` or ``port``."""
    groups: tuple[BetweenGroup, ...]
    index: Mapping[str, object]
    """What the chooser knows: pairs and their files, the one to begin with, parts of the list, and how outcomes look."""
    pinned: tuple[str, ...] = ()
    """Environments that the lab has and this run did not use."""

    @property
    def pairs(self) -> tuple[BetweenPair, ...]:
        """All pairs, in the order of the page."""
        return tuple(pair for group in self.groups for pair in group.pairs)
