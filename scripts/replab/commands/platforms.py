"""``replab platforms``: two folders of results, environment by environment."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from replab.commands.common import console
from replab.store.platforms import compare


def run(left: Path, right: Path) -> bool:
    """Print a sentence for each environment; returns whether every cell has the same bits."""
    found = compare(left, right)
    for one in found:
        console().print(Text(one.sentence(), style="green" if not one.other else "yellow"))
    return not any(one.other for one in found)
