"""Rows of the public tables that a finding names, and what is wrong with a rule that names others."""

from __future__ import annotations

from dataclasses import dataclass

from replab.errors import LabError


class ClaimError(LabError):
    """A claim without a rule, a rule without a claim, or a rule that names evidence which does not exist."""

    exit_code = 11


@dataclass(frozen=True, slots=True)
class Evidence:
    """A row of a public table: ``kind`` says of which, ``id`` names it as that table does.

    A cell by its id; a pair by ``left | right`` with its axis; an attribution by ``family.case | method | pair | factor``; a
    measurement by ``id | measurement``; a default by ``api.parameter @ environment``.
    """

    kind: str
    id: str
    axis: str = ""

    def json(self) -> dict[str, str]:
        """The evidence as it is written."""
        return {"kind": self.kind, "id": self.id} | ({"axis": self.axis} if self.axis else {})
