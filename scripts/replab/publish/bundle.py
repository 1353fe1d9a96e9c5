"""Results in one file: packed on one machine, merged into the store of another, with their provenance.

A bundle is a tar compressed with Zstandard, behind a frame that Zstandard skips and that holds the SHA-256 of all that follows: no byte can
change without being noticed. Its first members are ``SHA256SUMS`` with the hash of the list, the signature of that where there is one, and
the list, ``bundle.json``, which names every other member with its size and SHA-256 and says where the results come from; the members are
files of a store. Nothing is unpacked before the list was checked, and nothing enters a store before all of it was.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import json
import math
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypedDict, cast

import pyarrow as pa

from replab import __version__, files, git, ids, jsons, sealed
from replab.contract.manifest import ManifestEntry
from replab.engines.processor import host_platform
from replab.errors import ConfigError, StoreError
from replab.model import Lab, Status
from replab.publish import sums
from replab.publish.errors import BundleError, TamperedError
from replab.results_folder import ResultsFolder
from replab.store.platforms import MERGED, facts_fault
from replab.store.store import Store, read_cell, read_safetensors, write_atomically
from replab.visible import shown

HEAD = "bundle.json"
SCHEMA = 2
FIRST = b"\x50\x2a\x4d\x18"
"""How a frame begins that readers of Zstandard skip (RFC 8878, 3.1.2)."""
MARK = b"replab bundle 2 "
RATIO = 1000
"""How many times its own size a bundle may unpack to: results are numbers, which halve at best."""
SMALL = 64 << 20
"""Bytes that any bundle may unpack to."""
HEAD_LIMIT = 256 << 20
"""Bytes of the list: a million results."""
TOLD = ("replab", "commit", "machine", "engine", "packed")
"""What the list says in words."""
WORDS = 1000
"""Characters of these."""
_BLOCK = 1 << 20
_RECORD = 512
"""Bytes of a block of tar."""
_KEY = re.compile(r"[0-9a-f]{64}")
_MEMBER = re.compile(r"(cells|blobs)/([0-9a-f]{2})/(\2[0-9a-f]{62})\.safetensors|observations/[0-9a-f]{64}\.json")
_AGAIN = "Pack it again"
_FETCH = "Fetch it again"


class BundledCell(TypedDict):
    """A result in the list of a bundle."""

    id: str
    key: str
    status: str


class BundledFile(TypedDict):
    """A member in the list of a bundle."""

    sha256: str
    size: int


class Head(TypedDict):
    """The list of a bundle."""

    schema: int
    replab: str
    commit: str
    machine: str
    engine: str
    packed: str
    environments: dict[str, dict[str, object]]
    cells: list[BundledCell]
    files: dict[str, BundledFile]


class Readable(Protocol):
    """Something that is read from its beginning to its end."""

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """What a merge did."""

    new: int
    known: int
    """Results that were here already, with the same bits."""
    other: tuple[str, ...]
    """Cells that were here already, with other bits; the store keeps its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """A bundle whose every byte was checked."""

    head: Head
    folder: Path
    """Like a store, with its members; gone afterwards."""
    signer: str
    """Who signed it, in words; empty when nobody did."""

    def told(self) -> str:
        """Whose results these are, in words."""
        head = self.head
        whose = f"{len(head['cells'])} results of {head['machine']}, packed {head['packed']} at {head['commit'] or 'no commit'}"
        return f"{whose}; {self.signer or 'nobody signed them'}"


def pack(lab: Lab, pattern: str, out: Path, entries: Sequence[ManifestEntry], key: Path | None = None) -> tuple[int, int]:
    """Write the results of the ``entries`` whose id matches ``pattern`` to ``out``; returns the number of cells and of bytes.

    ``key`` signs them. Raises ``BundleError`` when nothing matches or ``out`` cannot be written, ``PublishError`` when it cannot be signed,
    ``StoreError`` when a result is damaged.
    """
    if out.is_dir() or not out.name:
        raise BundleError("is a folder, not a file", where=str(out), hint="Name a file: --out results.bundle")
    if out.exists() and not out.is_file():
        raise BundleError("is a device or a pipe, which stays as it is", where=str(out), hint="Name a file: --out results.bundle")
    store = Store(lab.results.store)
    wanted = ids.normal_pattern(pattern)
    chosen = {
        entry.key: entry
        for entry in entries
        if entry.key and entry.status != Status.SKIPPED and not entry.again and fnmatch.fnmatchcase(entry.id, wanted)
    }
    if not chosen:
        raise BundleError(f"no result matches {pattern!r}", where=str(lab.results.root), hint="See 'replab list cells', and run them first")
    cells: list[BundledCell] = []
    members: dict[str, Path] = {}
    for name in sorted(chosen):
        result = store.read(name)
        paths = {store.cell_path(name), *(store.blob_path(output["sha256"]) for output in result.record["outputs"] if output["blob"])}
        observation = str(result.record.get("observation") or "")
        if observation and store.observation_path(observation).is_file():
            paths.add(store.observation_path(observation))
        members |= {path.relative_to(store.root).as_posix(): path for path in paths}
        cells.append({"id": str(result.record["id"]), "key": name, "status": str(result.record["status"])})
    environments_and_devices = {
        (cell.environment, cell.device) for cell in (ids.parse_cell_id(chosen_entry.id) for chosen_entry in chosen.values())
    }
    places = {
        candidate.build_name(device)
        for candidate in lab.environments
        for device in candidate.devices
        if (candidate.name, device) in environments_and_devices
    }
    listed: dict[str, BundledFile] = {
        name: {"sha256": sums.of_file(path), "size": path.stat().st_size} for name, path in sorted(members.items())
    }
    head: Head = {
        "schema": SCHEMA,
        "replab": __version__,
        "commit": git.description(lab.root),
        "machine": host_platform(),
        "engine": lab.engine,
        "packed": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "environments": {build_name: _facts(lab, build_name) for build_name in sorted(places)},
        "cells": cells,
        "files": listed,
    }
    data = json.dumps(head, sort_keys=True).encode()
    first = {sums.SUMS: f"{hashlib.sha256(data).hexdigest()}  {HEAD}\n".encode()}
    first |= ({sums.SIGNATURE: _signature(first[sums.SUMS], key)} if key is not None else {}) | {HEAD: data}
    aside = out.with_name(f".{out.name}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _write(aside, first, members)
        aside.replace(out)
        return len(cells), out.stat().st_size
    except OSError as error:
        raise BundleError(f"cannot be written: {error.strerror or error}", where=str(out), hint="Free some space") from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _signature(text: bytes, key: Path) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / sums.SUMS).write_bytes(text)
        sums.sign(Path(scratch), key.expanduser())
        return (Path(scratch) / sums.SIGNATURE).read_bytes()


def _write(path: Path, first: Mapping[str, bytes], members: Mapping[str, Path]) -> None:
    """A bundle, and then its first frame, for which room was left."""
    with path.open("wb") as file:
        file.write(frame("0" * 64))
        with (
            pa.output_stream(file, compression="zstd") as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for name, data in first.items():
                _add(archive, name, io.BytesIO(data), len(data))
            for name, source in sorted(members.items()):
                with source.open("rb") as opened:
                    _add(archive, name, opened, source.stat().st_size)
    with path.open("r+b") as file:
        digest = _rest(file)
        file.seek(0)
        file.write(frame(digest))


def frame(digest: str) -> bytes:
    """The first bytes of a bundle: a frame that readers of Zstandard skip, with the SHA-256 of all that follows."""
    text = MARK + digest.encode()
    return FIRST + len(text).to_bytes(4, "little") + text


def _rest(file: io.BufferedReader | io.BufferedRandom) -> str:
    """SHA-256 of what follows the first frame."""
    file.seek(len(frame("0" * 64)))
    return hashlib.file_digest(file, "sha256").hexdigest()


def _add(archive: tarfile.TarFile, name: str, file: BinaryIO, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    archive.addfile(member, file)


def _facts(lab: Lab, build_name: str) -> dict[str, object]:
    """Where the results of an environment on a device come from, without paths of this machine."""
    try:
        path = lab.results.environment(build_name)
        facts = sealed.decoded(files.read_bytes(path, limit=sealed.LIMIT, kind=StoreError)) or {}
    except (FileNotFoundError, StoreError):
        return {}
    return {} if facts_fault(facts) else facts


@contextmanager
def unpacked(path: Path, scratch: Path, signers: Path | None = None) -> Iterator[Unpacked]:
    """A bundle whose every member was checked, in a folder below ``scratch`` that is gone afterwards.

    With ``signers``, a bundle needs a signature of one of them. Raises ``TamperedError`` when anything is not what the bundle says,
    ``BundleError`` when the file is no bundle or there is no room for it.
    """
    with _opened(path) as file:
        stream = _Stream(path, pa.input_stream(file, compression="zstd"))
        first = _first(stream)
        head = _head(path, first)
        signer = _signer(path, first, signers)
        sizes = sum(about["size"] for about in head["files"].values())
        if sizes > max(SMALL, RATIO * path.stat().st_size):
            raise TamperedError(f"would unpack to {sizes >> 20} MiB, which no results do from so little", where=str(path), hint=_FETCH)
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            if 2 * sizes > (free := shutil.disk_usage(scratch).free):  # unpacked, and then moved or copied into the store
                problem = f"needs {2 * sizes >> 20} MiB to be unpacked and merged, and {free >> 20} MiB are free"
                raise BundleError(problem, where=f"{path}, {scratch}", hint="Free some space")
            folder = Path(tempfile.mkdtemp(prefix=".merging-", dir=scratch))
        except OSError as error:
            raise BundleError(f"cannot be written: {error.strerror}", where=str(scratch), hint="Mend the permissions") from None
        try:
            _extract_all(stream, head, folder)
            _contents(path, head, folder)
            yield Unpacked(head=head, folder=folder, signer=signer)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The file behind its first frame, whose hash was compared with all that follows."""
    try:
        if other := files.kind_of(path.stat().st_mode):
            raise BundleError(f"is {other}, not a file", where=str(path))
        file = path.open("rb")
    except FileNotFoundError:
        raise BundleError("there is no such file", where=str(path)) from None
    except (OSError, ValueError) as error:
        raise BundleError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=str(path)) from None
    with file:
        start = frame("0" * 64)
        head = file.read(len(start))
        if head[:-64] != start[:-64]:
            raise TamperedError("is damaged or no bundle of this version", where=str(path), hint="Make one with 'replab bundle'")
        if frame(_rest(file)) != head:
            raise TamperedError("is damaged: it does not have the hash that it begins with", where=str(path), hint=_FETCH)
        file.seek(len(start))
        yield file


class _Stream:
    """The members of a tar that ``pack`` wrote: plain files with short names, and nothing else that tar can hold."""

    def __init__(self, path: Path, source: Readable) -> None:
        self.path, self.source = path, source

    def read(self, size: int) -> bytes:
        """So many bytes. Raises ``TamperedError`` where there are fewer."""
        try:
            data = self.source.read(size)
        except (OSError, ValueError) as error:
            raise TamperedError(f"is damaged: {str(error)[:100]}", where=str(self.path), hint=_FETCH) from None
        if len(data) != size:
            raise TamperedError("ends too early", where=str(self.path), hint=_FETCH)
        return data

    def member(self) -> tuple[str, int] | None:
        """Name and size of the next member; None at the end. Raises ``TamperedError``."""
        block = self.read(_RECORD)
        if not any(block):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError):
            raise TamperedError("is damaged: no header of a member", where=str(self.path), hint=_FETCH) from None
        if header.type != tarfile.REGTYPE or header.size < 0:
            raise TamperedError(f"holds {shown(header.name)}, which is no plain file", where=str(self.path))
        return header.name, header.size

    def blocks(self, size: int) -> Iterator[bytes]:
        """The content of a member, up to the next one."""
        for start in range(0, size, _BLOCK):
            yield self.read(min(_BLOCK, size - start))
        self.read(-size % _RECORD)


def _first(stream: _Stream) -> dict[str, bytes]:
    """The list of a bundle with its hash, and the signature where there is one."""
    members: dict[str, bytes] = {}
    while HEAD not in members:
        name, size = stream.member() or ("", 0)
        if name not in (sums.SUMS, sums.SIGNATURE, HEAD) or name in members or size > HEAD_LIMIT:
            raise BundleError("is no bundle of results", where=str(stream.path), hint="Make one with 'replab bundle'")
        members[name] = b"".join(stream.blocks(size))
    if members.get(sums.SUMS) != f"{hashlib.sha256(members[HEAD]).hexdigest()}  {HEAD}\n".encode():
        raise TamperedError("its list does not have the hash that it is named with", where=str(stream.path), hint=_FETCH)
    return members


def _head(path: Path, first: Mapping[str, bytes]) -> Head:
    head = sealed.decoded(first[HEAD])
    fault = "it is no table" if head is None else _head_fault(head)
    if head is None or fault:
        hint = "Pack it again with this version of replab"
        raise TamperedError(f"has a list that this lab cannot read: {fault}", where=str(path), hint=hint)
    return cast("Head", head)  # all of it was looked at


def _head_fault(head: Mapping[str, object]) -> str:
    """What is odd about the list of a bundle; nothing when all of it can be used."""
    if head.get("schema") != SCHEMA:
        return f"its schema is {shown(head.get('schema'))}, not {SCHEMA}"
    for name in TOLD:
        if not isinstance(word := head.get(name), str) or len(word) > WORDS:
            return f"{name} is {shown(word)}"
    cells, listed, environments = head.get("cells"), head.get("files"), head.get("environments")
    if not isinstance(cells, list) or not isinstance(listed, dict) or not isinstance(environments, dict):
        return "it names no cells, no files or no environments"
    for environment, facts in environments.items():
        if fault := facts_fault(facts):
            return f"of the environment {shown(environment)}, {fault}"
    for name, entry in listed.items():
        about = entry if isinstance(entry, dict) else {}
        size = about.get("size")
        if not _MEMBER.fullmatch(name) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
            return f"it says {shown(entry)} of the file {shown(name)}"
        if not isinstance(digest := about.get("sha256"), str) or not _KEY.fullmatch(digest):
            return f"it says {shown(entry)} of the file {shown(name)}"
    keys = set()
    for cell in cells:
        if not isinstance(cell, dict) or not all(isinstance(cell.get(name), str) for name in ("id", "key", "status")):
            return f"it names {shown(cell)} as a cell"
        try:
            ids.parse_cell_id(cell["id"])
        except ConfigError as error:
            return error.problem
        if not _KEY.fullmatch(cell["key"]) or cell["key"] in keys or cell["status"] not in set(Status):
            return f"it names {shown(cell)} as a cell"
        keys.add(cell["key"])
    return ""


def _signer(path: Path, first: Mapping[str, bytes], signers: Path | None) -> str:
    """Who signed the list, in words. Raises ``TamperedError``."""
    if sums.SIGNATURE not in first:
        if signers is not None:
            raise TamperedError("nobody signed it", where=str(path), hint=f"A bundle needs a signature of somebody whom {signers} names")
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return sums.signer(first[sums.SUMS], first[sums.SIGNATURE], Path(scratch), signers)
        except TamperedError as error:
            raise error.within(str(path)) from None


def _extract_all(stream: _Stream, head: Head, folder: Path) -> None:
    """Write every member, no more of it than the list says. Raises ``TamperedError`` or ``BundleError``."""
    path, left = stream.path, dict(head["files"])
    while (member := stream.member()) is not None:
        name, size = member
        about = left.pop(name, None)
        if about is None:
            raise TamperedError(f"holds {shown(name)}, which its list does not name", where=str(path))
        if size != about["size"]:
            raise TamperedError(f"{name} does not have the size that its list names", where=str(path), hint=_FETCH)
        target, total = folder / name, hashlib.sha256()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for block in stream.blocks(size):
                    total.update(block)
                    file.write(block)
        except OSError as error:
            raise BundleError(f"cannot be unpacked: {error.strerror}", where=str(target), hint="Free some space") from None
        if total.hexdigest() != about["sha256"]:
            raise TamperedError(f"{name} does not have the hash that its list names", where=str(path), hint=_FETCH)
    if left:
        raise TamperedError(f"lacks {next(iter(left))} and {len(left) - 1} other files of its list", where=str(path), hint=_FETCH)


def _contents(path: Path, head: Head, folder: Path) -> None:
    """Every cell must be a whole result of its key: its record, and the bytes that the record names."""
    for cell in head["cells"]:
        source = folder / "cells" / cell["key"][:2] / f"{cell['key']}.safetensors"
        try:
            record = read_cell(source, lambda digest: folder / "blobs" / digest[:2] / f"{digest}.safetensors").record
            fault = record_fault(record, cell)
        except StoreError as error:
            fault = error.problem
        except ODD as error:
            fault = f"is odd: {type(error).__name__}"
        if fault:
            raise TamperedError(f"the result of {cell['id']} {fault}", where=str(path), hint=_AGAIN)
    for name in head["files"]:
        kind, digest = name.split("/")[0], Path(name).stem
        if kind == "observations":
            data = (folder / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest or sealed.decoded(data) is None:
                raise TamperedError(f"{name} is not named by its content, or is no table", where=str(path), hint=_AGAIN)
        if kind == "blobs":
            try:
                _, held = read_safetensors(folder / name)
            except StoreError as error:
                raise TamperedError(f"{name} {error.problem}", where=str(path), hint=_AGAIN) from None
            if list(held) != ["data"] or hashlib.sha256(held["data"][2]).hexdigest() != digest:
                raise TamperedError(f"{name} is not named by its content", where=str(path), hint=_AGAIN)
    named = {f"cells/{cell['key'][:2]}/{cell['key']}.safetensors" for cell in head["cells"]}
    if stray := sorted(name for name in head["files"] if name.startswith("cells/") and name not in named):
        raise TamperedError(f"holds {stray[0]}, a result of no cell that it names", where=str(path))


ODD = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What reading a record that somebody else wrote, with a right hash, may end in."""


def record_fault(record: Mapping[str, object], cell: BundledCell) -> str:
    """Why a record cannot be the result that the list names; nothing when it is. Raises one of ``ODD``."""
    if record["key"] != cell["key"]:
        return "belongs to another key"
    if record["id"] != cell["id"] or record["status"] != cell["status"]:
        return f"is that of {shown(record['id'])}, {shown(record['status'])}"
    seconds = [record["seconds"], record["first_call_seconds"]]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in seconds):
        return f"took {shown(seconds)} seconds"
    if not isinstance(record["reason"], str) or not isinstance(record["notes"], list):
        return "has no reason, or no notes"
    for output in jsons.tables(record["outputs"]):
        sizes = jsons.items(output["shape"])
        if not isinstance(output["name"], str) or not all(isinstance(number, int) and number >= 0 for number in sizes):
            return f"has the output {shown(output)}"
    if (observation := jsons.text(record.get("observation") or "")) and not _KEY.fullmatch(observation):
        return f"names the observation {shown(observation)}"
    return ""


def merge(path: Path, results: Path, say: Callable[[str], None], agreed: Callable[[str], None], signers: Path | None = None) -> Merged:
    """Put the results of a bundle into the store below ``results``. Nothing is put there unless all of the bundle is sound.

    ``agreed`` is asked before anything is taken that nobody of ``signers`` signed, and raises ``NotTrusted``. Results that are here already
    stay as they are. Raises ``TamperedError``, ``BundleError`` or ``StoreError``.
    """
    store = Store(ResultsFolder(results).store)
    with unpacked(path, ResultsFolder(results).all_staging, signers) as bundle:
        head, folder = bundle.head, bundle.folder
        say(f"{path.name}: {bundle.told()}")
        if signers is None:
            agreed(f"{path.name}: its results will count as if they had been computed here. Take them?")
        new, present, other = [], 0, []
        for cell in head["cells"]:
            if not store.intact(cell["key"]):
                new.append(cell)
            elif _bits(Store(folder), cell["key"]) == _bits(store, cell["key"]):
                present += 1
            else:
                other.append(cell["id"])
        staging = folder / "new"
        try:
            for cell in new:
                _stage(folder, staging, cell["key"])
                store.adopt(cell["key"], staging)
            digest = sums.of_file(path)
        except OSError as error:
            hint = "Free some space, and merge again"
            raise BundleError(f"cannot be merged: {error.strerror or error}", where=str(store.root), hint=hint) from None
        write_atomically(store.root / MERGED / f"{digest}.json", sealed.seal(head))
    return Merged(new=len(new), known=present, other=tuple(other))


def _bits(store: Store, key: str) -> list[tuple[str, str, str]]:
    result = store.read(key)
    return [(tensor.name, tensor.dtype, tensor.sha256) for tensor in result.tensors]


def _stage(folder: Path, staging: Path, key: str) -> None:
    """Lay a cell and its tensors out as a sandbox leaves them, for ``Store.adopt``; tensors may belong to several cells."""
    source = folder / "cells" / key[:2] / f"{key}.safetensors"
    record = read_cell(source, lambda digest: folder / "blobs" / digest[:2] / f"{digest}.safetensors").record
    for name in ("blobs", "observations"):
        (staging / name).mkdir(parents=True, exist_ok=True)
    for output in record["outputs"]:
        if output["blob"]:
            name = f"{output['sha256']}.safetensors"
            shutil.copyfile(folder / "blobs" / output["sha256"][:2] / name, staging / "blobs" / name)
    observation = str(record.get("observation") or "")
    if (seen := folder / "observations" / f"{observation}.json").is_file():
        shutil.copyfile(seen, staging / "observations" / f"{observation}.json")
    shutil.copyfile(source, staging / f"{key}.safetensors")
