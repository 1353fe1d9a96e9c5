"""What the tests of images share: environments, caches, and a way to skip with one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replab.environments import load_environments

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
