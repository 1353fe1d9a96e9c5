"""What git says about a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from replab import resources


def answer(root: Path, *arguments: str) -> str | None:
    """What git prints about the repository at ``root``; ``None`` where it says nothing, as of an installed package."""
    if root == resources.INSTALLED:
        return None
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)  # noqa: S607 (that of the PATH)
    except OSError:
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def description(root: Path) -> str:
    """The commit at hand, in short, and whether files differ from it; nothing where there is none."""
    return answer(root, "describe", "--always", "--dirty", "--abbrev=12") or ""
