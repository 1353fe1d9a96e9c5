"""What is known of a built image, kept as one small file below ``<cache>/images/``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from replab.errors import EnvironmentUnavailable, PinError

FORMAT = 1


@dataclass(frozen=True)
class Image:
    """An image that an engine can run."""

    reference: str
    """What the engine runs: the id by which it knows the image."""
    digest: str
    """``sha256:…`` of the image's configuration, which names every layer by its digest: the same wherever the image was built."""
    python: str
    """The interpreter inside."""
    uid: int
    gid: int
    base: str
    """``name@digest`` of the base image."""
    lock_sha256: str
    """Of the lock that was installed; empty where the packages come with the base."""
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """What it sets for its processes."""


@dataclass(frozen=True)
class Record:
    """An image and what it was made from."""

    image: Image
    inputs: str
    """Digest of everything that the image depends on."""


def folder(cache: Path) -> Path:
    """Where records, bills of materials and wheels of images lie."""
    return cache.resolve() / "images"


def path_of(cache: Path, environment: str, device: str, builder: str) -> Path:
    """The record of the image that an environment has with a builder."""
    return folder(cache) / f"{environment}-{device}-{builder}.json"


def write(path: Path, record: Record) -> None:
    """Keep a record. Raises ``EnvironmentUnavailable`` when it cannot be written."""
    text = json.dumps({"format": FORMAT, "inputs": record.inputs, "image": asdict(record.image)}, indent=1, sort_keys=True)
    write_whole(path, text + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write ``path`` so that nobody ever sees a part of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        hint = "Free some space, or choose another cache"
        raise EnvironmentUnavailable(f"cannot be written: {error.strerror}", where=str(path), hint=hint) from None


def read(path: Path) -> Record | None:
    """The record; ``None`` when there is none. Raises ``PinError`` when it cannot be read."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError
        return Record(Image(**content["image"]), str(content["inputs"]))
    except (ValueError, KeyError, TypeError):
        raise PinError("the record of the image is damaged", where=str(path), hint="Delete it and run 'snakemake images' again") from None
