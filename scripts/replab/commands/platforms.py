"""``replab platforms``: two folders of results, environment by environment."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from replab.commands.common import console
from replab.store.platforms import compare


def run(left: Path, right: Path) -> bool:
    """Print a sentence for each environment; returns whether every cell has the same bits."""
    comparisons = compare(left, right)
    for comparison in comparisons:
        console().print(Text(comparison.sentence(), style="green" if not comparison.other else "yellow"))
    return not any(comparison.other for comparison in comparisons)
