"""The store's manifest: every planned cell of a run, and the hash of every result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from replab import ids, jsons
from replab.contract.manifest import ManifestEntry
from replab.errors import StoreError
from replab.model import Status
from replab.publish import sums
from replab.results_folder import ResultsFolder
from replab.store import tables
from replab.store.rows import MANIFEST, ManifestRow
from replab.store.store import Store

PATH = Path("store") / "manifest.parquet"
UNSTEADY = "repeated calls gave other bits"


def rows(store: Store, entries: Iterable[ManifestEntry], unsteady: frozenset[str]) -> tuple[list[ManifestRow], dict[str, str]]:
    """The rows of the manifest, and what is wrong with results that are missing or damaged (id → sentence).

    Every byte of every result is read and checked. ``unsteady`` has the ids of the cells that judging found not repeatable.
    """
    manifest_rows: list[ManifestRow] = []
    wrong: dict[str, str] = {}
    for entry in entries:
        row = ManifestRow(id=entry.id, key=entry.key, status=entry.status, reason=entry.reason)
        if entry.status == Status.SKIPPED or not entry.key:
            manifest_rows.append(row)
            continue
        path = store.cell_path(entry.key)
        try:
            result = store.read(entry.key)
            row = replace(row, file=path.relative_to(store.root).as_posix(), file_sha256=sums.of_file(path))
        except (StoreError, OSError) as error:
            wrong[entry.id] = error.problem if isinstance(error, StoreError) else str(error.strerror)
            continue
        steady = not any(str(note).startswith(UNSTEADY) for note in result.record.get("notes", ()))
        row = replace(
            row, observation=str(result.record.get("observation") or ""), repeatable="" if steady and entry.id not in unsteady else "no"
        )
        shapes = {output["name"]: "×".join(map(str, output["shape"])) for output in result.record["outputs"]}
        manifest_rows += [
            replace(row, output=tensor.name, dtype=tensor.dtype, shape=shapes[tensor.name], sha256=tensor.sha256)
            for tensor in result.tensors
        ] or [row]
    return manifest_rows, wrong


def write(path: Path, manifest_rows: Iterable[ManifestRow]) -> None:
    """Write the manifest."""
    tables.write(path, manifest_rows, MANIFEST)


def read(version: Path) -> list[ManifestRow]:
    """The manifest of a published version."""
    return [ManifestRow(**{name: str(value) for name, value in row.items()}) for row in tables.rows(version / PATH, MANIFEST.names)]


def unsteady(results: Path) -> frozenset[str]:
    """The cells that judging found not repeatable, and their repeats."""
    path = ResultsFolder(results).table("cells")
    if not path.is_file():
        return frozenset()
    marked = {jsons.text(row["id"]) for row in tables.rows(path, ["id", "repeatable"]) if row.get("repeatable") == "no"}
    again = set()
    for name in marked:
        cell = ids.parse_cell_id(name)
        again.add(str(cell._replace(variant="repeat")))
    return frozenset(marked | again)
