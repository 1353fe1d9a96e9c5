"""What the step ``batch`` writes: the cells of a batch, where their results are, and what running them took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from replab import jsons
from replab.contract.fields import AGAIN, checked
from replab.errors import StoreError


class ManifestEntry(NamedTuple):
    """One cell; a tuple, since tens of thousands are read at every start."""

    id: str
    key: str
    """Of its result in the store; empty where there is none."""
    status: str
    reason: str
    files: list[tuple[str, int, int]]
    """Those of its result below the store, each with its size and the time of its last change (ns)."""
    again: bool = False
    """It failed before it began, and is tried at the next start."""
    record: str = ""
    """Hash of the record in its result's file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A batch that was run."""

    schema: int = 1
    batch: str = ""
    cells: list[ManifestEntry]
    began: float = 0.0
    """When (seconds since the epoch)."""
    import_seconds: float = 0.0
    cell_seconds: float = 0.0
    wall_seconds: float = 0.0
    sandboxes: int = 0
    peak_mb: float = 0.0
    ran: Mapping[str, int] = field(default_factory=dict)
    """How many cells ended how, of those that were not in the store before."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The limit that each status is about."""

    def to_json(self) -> dict[str, object]:
        """As the step writes it."""
        data = {record_field.name: getattr(self, record_field.name) for record_field in fields(self)}
        return data | {"cells": [entry._asdict() for entry in self.cells]}

    @classmethod
    def from_json(cls, data: object, where: str) -> Manifest:
        """Raises ``StoreError`` where ``data``, of the file ``where``, cannot be a manifest."""
        arguments = checked(cls, data, where)
        try:
            cells = [jsons.made(ManifestEntry, entry) for entry in jsons.tables(arguments["cells"])]
        except (TypeError, ValueError) as error:
            raise StoreError(f"has a cell that is none: {error}", where=where, hint=AGAIN) from None
        return jsons.made(cls, {**arguments, "cells": cells})
