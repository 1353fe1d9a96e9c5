"""What changed between two published versions: cells whose bits, verdict or cause changed, and environments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from replab import ids, jsons
from replab.model import SEVERITY
from replab.publish.versions import Published
from replab.store import tables

SPELLED = ("status", "verdict", "cause")
_COLUMNS = ["id", "output", "environment", "family", "case", "status", "reason", "verdict", "cause", "bits", "repeatable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellChange:
    """One output of one cell that both versions have, and what changed of it."""

    id: str
    output: str
    what: tuple[str, ...]
    """Of ``status``, ``verdict``, ``cause`` and ``bits``."""
    old: Mapping[str, str]
    new: Mapping[str, str]
    unsteady: bool
    """One of the versions found that repeated runs give other bits: such bits say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentChange:
    """An environment that was added, removed, or pinned otherwise."""

    name: str
    what: str
    """``added``, ``removed``, ``re-pinned``, or ``elsewhere`` (the same lock on another processor or C library)."""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """All that changed from ``old`` to ``new``."""

    old: str
    new: str
    cells: tuple[CellChange, ...]
    environments: tuple[EnvironmentChange, ...]
    added: Mapping[str, int]
    """``family.case`` → cells of environments that both versions have, which only the new one has."""
    removed: Mapping[str, int]
    same: int
    """Outputs of cells that are in both, with nothing changed."""
    moved: Mapping[str, int]
    """Cells of environments that only one version has: environment → count."""

    def table(self) -> dict[str, object]:
        """As JSON."""
        return {
            **asdict(self),
            "cells": [asdict(change) for change in self.cells],
            "environments": [asdict(change) for change in self.environments],
        }


def between(old: Published, new: Published) -> Changes:
    """What changed from ``old`` to ``new``, by the tables that were published."""
    before, after = _cells(old.folder), _cells(new.folder)
    earlier, here = old.environments, new.environments
    changes: list[CellChange] = []
    same = 0
    added: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name, {}), after.get(name, {})
        row = next(iter((right or left).values()))
        if row["environment"] not in earlier or row["environment"] not in here:
            moved[str(row["environment"])] += 1
        elif not left or not right:
            (removed if left else added)[f"{row['family']}.{row['case']}"] += 1
        else:
            for output in sorted((left.keys() | right.keys()) - {""} or {""}):  # a cell without a result has no output
                old_row, new_row = (side.get(output) or next(iter(side.values())) for side in (left, right))
                change = _change(old_row, new_row, output)
                changes += [change] if change else []
                same += change is None
    return Changes(
        old=old.version,
        new=new.version,
        cells=tuple(sorted(changes, key=_rank)),
        environments=tuple(_environments(earlier, here)),
        added=dict(sorted(added.items())),
        removed=dict(sorted(removed.items())),
        same=same,
        moved=dict(sorted(moved.items())),
    )


def _cells(folder: Path) -> dict[str, dict[str, dict[str, object]]]:
    """Rows by id and output."""
    rows: dict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    for row in tables.rows(folder / "tables" / "cells.parquet", _COLUMNS):
        rows[str(row["id"])][str(row["output"])] = row
    return rows


def _change(left: Mapping[str, object], right: Mapping[str, object], output: str) -> CellChange | None:
    fields = [name for name in SPELLED if left[name] != right[name]]
    if left["bits"] != right["bits"] and left["status"] == right["status"]:
        fields.append("bits")
    if not fields:
        return None
    sides = [{name: str(row[name] or "") for name in ("status", "reason", "verdict", "cause", "bits")} for row in (left, right)]
    return CellChange(
        id=str(right["id"]),
        output=output,
        what=tuple(fields),
        old=sides[0],
        new=sides[1],
        unsteady="no" in (left.get("repeatable"), right.get("repeatable")),
    )


def _rank(change: CellChange) -> tuple[bool, int, int, str, str]:
    """Verdicts before causes before bits, the gravest first; what never repeats at the end."""
    first = min(("status", "verdict", "cause", "bits").index(name) for name in change.what)
    gravest = max(SEVERITY.index(side["verdict"]) if side["verdict"] in SEVERITY else -1 for side in (change.old, change.new))
    return change.unsteady, first, -gravest, change.id, change.output


def _environments(old: Mapping[str, Mapping[str, object]], new: Mapping[str, Mapping[str, object]]) -> list[EnvironmentChange]:
    changes = [EnvironmentChange(name=name, what="added") for name in sorted(new.keys() - old.keys())]
    changes += [EnvironmentChange(name=name, what="removed") for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        left, right = old[name], new[name]
        if left["lock"] != right["lock"] or left["identity"] != right["identity"] or left["python"] != right["python"]:
            details = [f"Python {left['python']} → {right['python']}"] if left["python"] != right["python"] else []
            details += packages(jsons.table(left["packages"]), jsons.table(right["packages"]))
            changes.append(EnvironmentChange(name=name, what="re-pinned", details=tuple(details or ["the same packages, other archives"])))
        elif left["platform"] != right["platform"] or left["engine"] != right["engine"]:
            sides = [f"{about['engine']} {about['platform']}" for about in (left, right)]
            changes.append(EnvironmentChange(name=name, what="elsewhere", details=(f"{sides[0]} → {sides[1]}",)))
    return changes


def packages(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Packages that differ: ``numpy 2.5.4 → 2.5.5``, ``six gone``, ``six 1.17 new``."""
    changes = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            changes.append(f"{name} {old[name]} gone")
        elif name not in old:
            changes.append(f"{name} {new[name]} new")
        elif old[name] != new[name]:
            changes.append(f"{name} {old[name]} → {new[name]}")
    return changes


def by_case(changes: Changes) -> dict[str, Counter[str]]:
    """``family.case`` → how many outputs changed their verdict, cause, status and bits."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for change in changes.cells:
        cell = ids.parse_cell_id(change.id)
        counts[f"{cell.family}.{cell.case}"].update(change.what)
    return dict(sorted(counts.items()))
