"""What a replay finds, as it travels from the published code that runs again to the page about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypedDict

from replab import jsons


class Request(TypedDict):
    """What the published code is asked to run."""

    root: str
    """The folder of its copy."""
    settings: dict[str, object]
    cells: str
    """A pattern of ids."""
    version: str
    """The folder of the version."""
    cores: int


@dataclass(kw_only=True, slots=True)
class Compared:
    """One published output beside what came out here."""

    id: str
    output: str
    kind: str
    """``same``, ``within`` (other bits that rounding explains), ``other``, ``unsteady``."""
    published_status: str
    published_bits: str
    here_status: str
    here_reason: str
    here_bits: str
    here_verdict: str = ""
    place: str = ""
    """The environment on its device."""

    @classmethod
    def told(cls, row: Mapping[str, object]) -> Compared:
        """As the published code wrote it, which may be of another version. Raises ``LookupError`` or ``ValueError``."""
        return cls(**{field.name: jsons.text(row[field.name]) for field in fields(cls)})


class CellReplayed(TypedDict):
    """An output that did not come back bit for bit, in words."""

    id: str
    output: str
    kind: str
    published: str
    here: str
    reason: str


class EnvironmentReplayed(TypedDict):
    """An environment, how it was had here, and how its outputs came back."""

    name: str
    how: str
    counts: dict[str, int]
    """By kind."""
    differences: list[str]


class Replayed(TypedDict):
    """How a replay went (``replay.json``)."""

    schema: int
    version: str
    cells_asked: str
    total: int
    counts: dict[str, int]
    environments: list[EnvironmentReplayed]
    cells: list[CellReplayed]
    notices: list[str]
    machine: str
    command: str
