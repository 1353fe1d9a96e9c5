"""Results in one file: packed on one machine, merged into the store of another, with their provenance.

A bundle is a tar compressed with Zstandard. Its first member, ``bundle.json``, names every other member with its SHA-256 and says where the
results come from; the members are files of a store. Nothing enters a store before all of it was checked.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from replab import __version__, ids
from replab.engines.base import host_platform
from replab.errors import StoreError
from replab.model import Lab, Status
from replab.platforms import MERGED
from replab.publish import checks, sums
from replab.publish.errors import BundleError, TamperedError
from replab.store import Store, read_cell, read_safetensors, write_atomically

HEAD = "bundle.json"
SCHEMA = 1
_MEMBER = re.compile(r"(cells|blobs)/([0-9a-f]{2})/(\2[0-9a-f]{62})\.safetensors|observations/[0-9a-f]{64}\.json")
_HEAD_LIMIT = 1 << 30
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What a merge did."""

    new: int
    known: int
    """Results that were here already, with the same bits."""
    other: tuple[str, ...]
    """Cells that were here already, with other bits; the store keeps its own."""


def pack(lab: Lab, pattern: str, out: Path, entries: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Write the results of the ``entries`` whose id matches ``pattern`` to ``out``; returns the number of cells and of bytes.

    Raises ``BundleError`` when nothing matches, ``StoreError`` when a result is damaged.
    """
    store = Store(lab.results / "store")
    wanted = ids.normal_pattern(pattern)
    chosen = {
        entry["key"]: entry for entry in entries
        if entry["key"] and entry["status"] != Status.SKIPPED and not entry.get("again") and fnmatch.fnmatchcase(entry["id"], wanted)
    }  # fmt: skip
    if not chosen:
        raise BundleError(f"no result matches {pattern!r}", where=str(lab.results), hint="See 'replab list cells', and run them first")
    cells: list[dict[str, str]] = []
    files: dict[str, Path] = {}
    for key, entry in sorted(chosen.items()):
        result = store.read(key)
        own = {store.cell_path(key), *(store.blob_path(one["sha256"]) for one in result.record["outputs"] if one["blob"])}
        observation = str(result.record.get("observation") or "")
        if observation and store.observation_path(observation).is_file():
            own.add(store.observation_path(observation))
        files |= {path.relative_to(store.root).as_posix(): path for path in own}
        cells.append({"id": entry["id"], "key": key, "status": entry["status"]})
    found = {(cell.environment, cell.device) for cell in (ids.parse_cell_id(one["id"]) for one in cells)}
    places = {one.place(device) for one in lab.environments for device in one.devices if (one.name, device) in found}
    listed = {name: {"sha256": sums.of_file(path), "size": path.stat().st_size} for name, path in sorted(files.items())}
    head = {
        "schema": SCHEMA, "replab": __version__, "commit": checks.git(lab.root, "describe", "--always", "--dirty", "--abbrev=12") or "",
        "machine": host_platform(), "engine": lab.engine, "packed": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "environments": {place: _facts(lab, place) for place in sorted(places)}, "cells": cells,
        "files": listed,
    }  # fmt: skip
    aside = out.with_name(f".{out.name}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with pa.output_stream(str(aside), compression="zstd") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
            data = json.dumps(head, sort_keys=True).encode()
            _add(archive, HEAD, io.BytesIO(data), len(data))
            for name, path in sorted(files.items()):
                with path.open("rb") as file:
                    _add(archive, name, file, path.stat().st_size)
        aside.replace(out)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise BundleError(f"cannot be written: {error.strerror or error}", where=str(out), hint="Free some space") from None
    return len(cells), out.stat().st_size


def _add(archive: tarfile.TarFile, name: str, file: Any, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    archive.addfile(member, file)


def _facts(lab: Lab, place: str) -> dict[str, Any]:
    """Where the results of an environment on a device come from, without paths of this machine."""
    try:
        found: dict[str, Any] = json.loads((lab.results / "environments" / f"{place}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


@contextmanager
def unpacked(path: Path, scratch: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """The head of a bundle, and a folder like a store with its checked members; the folder is gone afterwards.

    Raises ``TamperedError`` when any member is not what the head says, ``BundleError`` when the file is no bundle.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".merging-", dir=scratch))
    try:
        yield _unpack(path, folder), folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(path: Path, folder: Path) -> dict[str, Any]:
    try:
        with pa.input_stream(str(path), compression="zstd") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            members = iter(archive)
            head = _head(path, archive, next(members, None))
            left = dict(head["files"])
            for member in members:
                about = left.pop(member.name, None)
                if about is None or not member.isfile() or not _MEMBER.fullmatch(member.name):
                    raise TamperedError(f"holds {member.name!r}, which its list does not name", where=str(path))
                _extract(path, archive, member, about, folder)
    except FileNotFoundError:
        raise BundleError("there is no such file", where=str(path)) from None
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise TamperedError(f"is damaged or no bundle: {str(error)[:100]}", where=str(path), hint="Fetch it again") from None
    if left:
        raise TamperedError(f"lacks {next(iter(left))} and {len(left) - 1} other files of its list", where=str(path), hint="Fetch it again")
    _contents(path, head, folder)
    return head


def _head(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> dict[str, Any]:
    if member is None or member.name != HEAD or member.size > _HEAD_LIMIT:
        raise BundleError("is no bundle of results", where=str(path), hint="Make one with 'replab bundle'")
    file = archive.extractfile(member)
    head: Any = json.loads(file.read()) if file is not None else None
    try:
        sound = head["schema"] == SCHEMA and all(re.fullmatch(r"[0-9a-f]{64}", one["key"]) and one["id"] for one in head["cells"])
        sound = sound and all(_MEMBER.fullmatch(name) and int(one["size"]) >= 0 for name, one in head["files"].items())
    except (TypeError, KeyError, ValueError, AttributeError):
        sound = False
    if not sound:
        raise TamperedError("has a list that this lab cannot read", where=str(path), hint="Pack it again with this version of replab")
    return dict(head)


def _extract(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, about: Mapping[str, Any], folder: Path) -> None:
    """Write one member, no more of it than its list says."""
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True)
    source, total = archive.extractfile(member), hashlib.sha256()
    if source is None or member.size != about["size"]:
        raise TamperedError(f"{member.name} does not have the size that its list names", where=str(path), hint="Fetch it again")
    with target.open("wb") as file:
        while block := source.read(_BLOCK):
            total.update(block)
            file.write(block)
    if total.hexdigest() != about["sha256"]:
        raise TamperedError(f"{member.name} does not have the hash that its list names", where=str(path), hint="Fetch it again")


def _contents(path: Path, head: Mapping[str, Any], folder: Path) -> None:
    """Every cell must be a whole result of its key: its record, and the bytes that the record names."""
    for one in head["cells"]:
        source = folder / "cells" / one["key"][:2] / f"{one['key']}.safetensors"
        try:
            record = read_cell(source, lambda digest: folder / "blobs" / digest[:2] / f"{digest}.safetensors").record
        except StoreError as error:
            raise TamperedError(f"the result of {one['id']} {error.problem}", where=str(path), hint="Pack it again") from None
        if record.get("key") != one["key"]:
            raise TamperedError(f"the result of {one['id']} belongs to another key", where=str(path), hint="Pack it again")
    for name in head["files"]:
        kind, digest = name.split("/")[0], Path(name).stem
        if kind == "observations" and hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise TamperedError(f"{name} is not named by its content", where=str(path), hint="Pack it again")
        if kind == "blobs":
            _, held = read_safetensors(folder / name)
            if list(held) != ["data"] or hashlib.sha256(held["data"][2]).hexdigest() != digest:
                raise TamperedError(f"{name} is not named by its content", where=str(path), hint="Pack it again")
    told = {f"cells/{one['key'][:2]}/{one['key']}.safetensors" for one in head["cells"]}
    if stray := sorted(name for name in head["files"] if name.startswith("cells/") and name not in told):
        raise TamperedError(f"holds {stray[0]}, a result of no cell that it names", where=str(path))


def merge(path: Path, results: Path, say: Callable[[str], None]) -> Merged:
    """Put the results of a bundle into the store below ``results``. Nothing is put there unless all of the bundle is sound.

    Results that are here already stay as they are. Raises ``TamperedError``, ``BundleError`` or ``StoreError``.
    """
    store = Store(results / "store")
    with unpacked(path, results / "staging") as (head, folder):
        say(f"{path.name}: {len(head['cells'])} results of {head['machine']}, packed {head['packed']}")
        new, known, other = [], 0, []
        for one in head["cells"]:
            if not store.intact(one["key"]):
                new.append(one)
            elif _bits(Store(folder), one["key"]) == _bits(store, one["key"]):
                known += 1
            else:
                other.append(one["id"])
        staging = folder / "new"
        for one in new:
            _stage(folder, staging, one["key"])
            store.adopt(one["key"], staging)
        digest = sums.of_file(path)
        write_atomically(store.root / MERGED / f"{digest}.json", json.dumps(head, sort_keys=True, indent=1).encode())
    return Merged(new=len(new), known=known, other=tuple(other))


def _bits(store: Store, key: str) -> list[tuple[str, str, str]]:
    result = store.read(key)
    return [(tensor.name, tensor.dtype, tensor.sha256) for tensor in result.tensors]


def _stage(folder: Path, staging: Path, key: str) -> None:
    """Lay a cell and its tensors out as a sandbox leaves them, for ``Store.adopt``; tensors may belong to several cells."""
    source = folder / "cells" / key[:2] / f"{key}.safetensors"
    record = read_cell(source, lambda digest: folder / "blobs" / digest[:2] / f"{digest}.safetensors").record
    for name in ("blobs", "observations"):
        (staging / name).mkdir(parents=True, exist_ok=True)
    for one in record["outputs"]:
        if one["blob"]:
            name = f"{one['sha256']}.safetensors"
            shutil.copyfile(folder / "blobs" / one["sha256"][:2] / name, staging / "blobs" / name)
    observation = str(record.get("observation") or "")
    if (seen := folder / "observations" / f"{observation}.json").is_file():
        shutil.copyfile(seen, staging / "observations" / f"{observation}.json")
    shutil.copyfile(source, staging / f"{key}.safetensors")
