"""What the tests of images share: environments, caches, and a way to skip with one line."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import daemons
from replab.config.environments import load_environments
from replab.images import local

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("REPLAB_CACHE") or ROOT / ".replab")
"""Debian's layer and wheels outlive a run of the tests; images and their records do not."""
ENVIRONMENTS = {each.name: each for each in load_environments(ROOT / "containers")}
CORE = ("numpy-2.5", "tf-1.15", "tf-2.21", "torch-2.13")
DAY = "2026-01-01"


def need(reason: str) -> None:
    """Skip with one line where a part is missing."""
    if reason:
        pytest.skip(reason)


def new_cache(folder: Path) -> Path:
    """An empty cache that shares Debian's layers and wheels."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for shared, place in ((SHARED / "bases", folder / "bases"), (SHARED / "images" / "wheels", folder / "images" / "wheels")):
        shared.mkdir(parents=True, exist_ok=True)
        place.symlink_to(shared.resolve())
    return folder


def push_small(registry: daemons.Registry, folder: Path, name: str, tag: str, text: str) -> str:
    """A real image with one file, pushed by skopeo; returns its digest."""
    need("" if daemons.program("skopeo") else "pushing: skopeo not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_text(text)
    with tarfile.open(folder / "layer.tar", "w") as layer:
        layer.add(folder / "file", "file")
    shutil.rmtree(folder / "layout", ignore_errors=True)
    layout = local._layout((folder / "layer.tar",), folder / "layout", "3.11.0")
    return local._push(layout, f"{registry.host}/{name}:{tag}", name)


@contextlib.contextmanager
def lying_registry(folder: Path) -> Iterator[str]:
    """A registry that keeps, under the digest of one image, the bytes of another; gives ``name@digest`` of the first."""
    with daemons.registry() as running:
        one, other = (push_small(running, folder / text, "lies", text, text) for text in ("one", "other"))
        blobs = running.folder / "docker/registry/v2/blobs/sha256"
        paths = [blobs / digest[7:9] / digest[7:] / "data" for digest in (one, other)]
        paths[0].write_bytes(paths[1].read_bytes())
        yield f"{running.host}/lies@{one}"
