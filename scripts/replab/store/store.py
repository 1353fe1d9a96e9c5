"""The content-addressed store of cell results: the only reader and writer of cell files.

A cell file is a safetensors file whose metadata holds the record and the record's own SHA-256; the record holds the SHA-256 of every
tensor. So every byte that matters is covered: a file cut short or with one flipped bit is noticed on reading and never used.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replab.contract.record import OutputRecord, Record
from replab.errors import StoreError
from replab.formats import Array

SCHEMA = 1
MAPPED_BYTES = 2**20
"""Files above this size are memory-mapped; mapping a small one costs more than reading it."""
NUMPY_OF = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "BOOL": np.bool_,
}
DTYPE_OF = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """One output of a cell: its dtype, its values (bfloat16 as uint16 bits; memory-mapped) and the SHA-256 of its bytes."""

    name: str
    dtype: str
    values: NDArray[np.generic]
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """A checked cell file."""

    record: Record
    tensors: tuple[Tensor, ...]


class Store:
    """The results below one folder: ``cells/``, ``blobs/`` (tensors stored once per content) and ``observations/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def cell_path(self, key: str) -> Path:
        """Where the result of ``key`` lies."""
        return self.root / "cells" / key[:2] / f"{key}.safetensors"

    def blob_path(self, sha256: str) -> Path:
        """Where a large tensor with this content lies."""
        return self.root / "blobs" / sha256[:2] / f"{sha256}.safetensors"

    def observation_path(self, sha256: str) -> Path:
        """Where what a sandbox found inside itself lies."""
        return self.root / "observations" / f"{sha256}.json"

    def read(self, key: str) -> CellResult:
        """The result of ``key``, every hash checked.

        Raises ``StoreError`` when there is none or it is damaged.
        """
        result = read_cell(self.cell_path(key), self.blob_path)
        if result.record.get("key") != key:
            raise StoreError(f"holds the key {result.record.get('key')!r}", where=str(self.cell_path(key)))
        return result

    def intact(self, key: str) -> bool:
        """Whether there is an undamaged result; a damaged one is put aside (renamed ``*.damaged``) so that it is run again."""
        return self.sound(key) is not None

    def sound(self, key: str) -> Record | None:
        """The record of an undamaged result; None where there is none, and a damaged one is put aside as ``intact`` says."""
        path = self.cell_path(key)
        if not path.exists():
            return None
        try:
            return self.read(key).record
        except StoreError as error:
            damaged = Path(error.where)  # the cell itself, or one of its blobs
            for file in {path, damaged}:
                if file.exists():
                    file.replace(file.with_suffix(".damaged"))
            return None

    def describe(self, key: str) -> tuple[Record, list[tuple[str, int, int]]]:
        """The record of ``key``, and (path below the store, size, modification time in ns) of its own file and its blobs.

        Reads the header alone, for results that ``intact`` or ``adopt`` has just checked. Raises ``StoreError`` when the file is missing or
        no cell file.
        """
        record, files, _ = self.describe_sealed(key)
        return record, files

    def describe_sealed(self, key: str) -> tuple[Record, list[tuple[str, int, int]], str]:
        """What ``describe`` gives, and the SHA-256 of the record, which names those of all tensors."""
        path = self.cell_path(key)
        metadata, _ = read_safetensors(path)
        record: Record = json.loads(metadata.get("record", "{}"))
        paths = [path, *(self.blob_path(output["sha256"]) for output in record.get("outputs", []) if output["blob"])]
        stats = [(file, file.stat()) for file in paths]
        files = [(file.relative_to(self.root).as_posix(), stat.st_size, stat.st_mtime_ns) for file, stat in stats]
        return record, files, metadata.get("sha256", "")

    def is_still(self, key: str, sha256: str) -> bool:
        """Whether every byte of the result of ``key`` is sound, and its record the one with this SHA-256."""
        try:
            self.read(key)
            return self.describe_sealed(key)[2] == sha256
        except (StoreError, OSError):
            return False

    def adopt(self, key: str, staging: Path, *, observed: bool = False) -> None:
        """Move a finished cell, its blobs and its observation from a sandbox's folder into the store, after checking them.

        Raises ``StoreError`` when the sandbox left a damaged file (then the cell is not moved), or, where it must be ``observed``, when the
        observation is neither in the folder nor in the store.
        """
        source = staging / f"{key}.safetensors"

        def staged_or_stored(sha256: str) -> Path:
            staged = staging / "blobs" / f"{sha256}.safetensors"
            return staged if staged.exists() else self.blob_path(sha256)

        result = read_cell(source, staged_or_stored)
        if result.record.get("key") != key:
            raise StoreError(f"holds the key {result.record.get('key')!r}", where=str(source))
        for output in result.record.get("outputs", []):
            if output["blob"]:
                staged = staging / "blobs" / f"{output['sha256']}.safetensors"
                if staged.exists():
                    _move(staged, self.blob_path(output["sha256"]))
        observation = result.record.get("observation", "")
        seen = staging / "observations" / f"{observation}.json"
        if observation and not self.observation_path(observation).exists() and (observed or seen.exists()):
            _move(_checked(seen), self.observation_path(observation))
        _move(source, self.cell_path(key))

    def write_failure(self, key: str, cell_id: str, status: str, reason: str, seconds: float, limit: float = 0.0) -> None:
        """A record without tensors, for a cell that the supervisor had to stop or that killed its sandbox.

        ``limit``: what it exceeded, seconds or MiB as its status says; with a higher one it is run again.
        """
        record: Record = {
            "schema": SCHEMA,
            "key": key,
            "id": cell_id,
            "status": status,
            "reason": reason,
            "seconds": seconds,
            "first_call_seconds": seconds,
            "outputs": [],
            "notes": [],
            "observation": "",
            "limit": limit,
        }
        write_atomically(self.cell_path(key), encode(record, {}))


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``path`` so that nobody ever sees a part of it.

    Raises ``StoreError`` when the folder cannot be written (a full disk, say); nothing is left behind.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path), hint="Free some space, or mend the permissions") from None


def encode(record: Mapping[str, object], tensors: Mapping[str, tuple[str, NDArray[np.generic]]]) -> bytes:
    """A cell file: ``tensors`` maps names to (safetensors dtype, values)."""
    text = json.dumps(record, sort_keys=True, allow_nan=False, ensure_ascii=True)
    header: dict[str, object] = {"__metadata__": {"record": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}}
    chunks, offset = [], 0
    for name, (dtype, values) in sorted(tensors.items()):
        data = np.ascontiguousarray(values).tobytes()
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    head = _header(header)
    return len(head).to_bytes(8, "little") + head + b"".join(chunks)


def _header(header: Mapping[str, object]) -> bytes:
    """The one way to write a header, which the probe follows too: no byte of it may change without being noticed, blanks included."""
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return head + b" " * (-len(head) % 8)


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, Array, bytes | memoryview]]]:
    """Metadata and tensors (dtype name, values, raw bytes), memory-mapped where they are large.

    Written here because the library refuses bfloat16 for NumPy and copies what it reads. Raises ``StoreError``.
    """
    try:
        with path.open("rb") as file:
            large = os.fstat(file.fileno()).st_size > MAPPED_BYTES
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if large else file.read())
    except FileNotFoundError:
        raise StoreError("is missing", where=str(path)) from None
    try:
        length = int.from_bytes(data[:8], "little")
        head = bytes(data[8 : 8 + length])
        header = json.loads(head)
        if len(head) != length or head != _header(header):
            raise StoreError("is damaged: its header is not as this lab writes it", where=str(path))
        body = data[8 + length :]
        metadata = {str(name): str(text) for name, text in header.pop("__metadata__", {}).items()}
        tensors: dict[str, tuple[str, Array, bytes | memoryview]] = {}
        covered = 0
        for name, info in header.items():
            begin, end = info["data_offsets"]
            raw = body[begin:end]
            dtype = NUMPY_OF[info["dtype"]]
            tensors[name] = (DTYPE_OF[info["dtype"]], np.frombuffer(raw, dtype).reshape(info["shape"]), raw)
            covered = max(covered, end)
        if covered != len(body):
            raise StoreError(f"has {len(body)} bytes of data where its header says {covered}", where=str(path))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"is damaged: {type(error).__name__}", where=str(path)) from None
    return metadata, tensors


def read_cell(path: Path, blob_path: Callable[[str], Path]) -> CellResult:
    """A cell file with all hashes checked; ``blob_path`` maps a hash to the file of a large tensor.

    Raises ``StoreError`` when anything is missing or damaged.
    """
    metadata, held = read_safetensors(path)
    text = metadata.get("record", "")
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get("sha256"):
        raise StoreError("is damaged: its record does not have the hash that it names", where=str(path))
    record: Record = json.loads(text)
    tensors = []
    for output in record["outputs"]:
        if output["blob"]:
            source, name = blob_path(output["sha256"]), "data"
            _, raw_tensors = read_safetensors(source)
        else:
            source, name, raw_tensors = path, output["name"], held
        if name not in raw_tensors:
            raise StoreError(f"lacks the tensor {name!r}", where=str(source))
        _, _, raw = raw_tensors[name]
        if hashlib.sha256(raw).hexdigest() != output["sha256"]:
            raise StoreError(f"is damaged: the tensor {name!r} does not have the hash that its record names", where=str(source))
        tensors.append(_view(output, raw, source))
    return CellResult(record=record, tensors=tuple(tensors))


def _view(output: OutputRecord, raw: bytes | memoryview, source: Path) -> Tensor:
    """Bytes as the record describes them: a blob is named by its bytes alone, and tensors of other shapes may share it."""
    kind = next((kind for kind, name in DTYPE_OF.items() if name == output["dtype"]), None)
    shape, itemsize = output["shape"], np.dtype(NUMPY_OF[kind]).itemsize if kind else 0
    if kind is None or math.prod(shape) * itemsize != len(raw):
        raise StoreError(f"is damaged: {len(raw)} bytes are no {output['dtype']} tensor of shape {shape}", where=str(source))
    values: NDArray[np.generic] = np.frombuffer(raw, NUMPY_OF[kind]).reshape(shape)
    return Tensor(name=output["name"], dtype=output["dtype"], values=values, sha256=output["sha256"])


def _checked(observation: Path) -> Path:
    """An observation that a sandbox left. Raises ``StoreError`` where it is not there, or does not have the hash it is named by."""
    try:
        data = observation.read_bytes()
    except OSError as error:
        raise StoreError(f"the observation of its environment cannot be read: {error.strerror}", where=str(observation)) from None
    if hashlib.sha256(data).hexdigest() != observation.stem:
        raise StoreError("the observation of its environment does not have the hash that it is named by", where=str(observation))
    return observation


def _move(source: Path, target: Path) -> None:
    """Put a checked file in its place; a blob whose sound twin is there already is dropped, so that the twin keeps its time."""
    if "blobs" in target.parts and _is_sound_blob(target):
        source.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(target)
    except OSError as error:
        hint = "Free some space, or mend the permissions"
        raise StoreError(f"cannot be written: {error.strerror}", where=str(target), hint=hint) from None


def _is_sound_blob(path: Path) -> bool:
    """Whether a blob is there and holds the bytes that its name promises (its header may describe them in another shape)."""
    try:
        _, tensors = read_safetensors(path)
    except StoreError:
        return False
    return list(tensors) == ["data"] and hashlib.sha256(tensors["data"][2]).hexdigest() == path.stem
