"""Finished page objects of the programs of articles: what templates print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramCell:
    """What became of a program in one environment."""

    state: str
    """``ok``, ``error``, ``timeout``, ``crashed``, ``absent`` or empty."""
    text: str
    """In a few words: what it printed at the end, or how it ended."""
    details: str
    """All that it printed, and the message of its exception; empty where the text says it all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramRow:
    """One program, as printed in its article and as it came out."""

    anchor: str
    name: str
    title: str
    printed: str
    cells: tuple[ProgramCell, ...]
    why: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramTable:
    """Every program of a list, in every environment."""

    summary: str
    environments: tuple[str, ...]
    rows: tuple[ProgramRow, ...]

    @property
    def is_explained(self) -> bool:
        """Whether the list says what is printed in an article, and why it comes out as it does."""
        return any(row.printed or row.why for row in self.rows)
