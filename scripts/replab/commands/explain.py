"""``replab explain``: one cell in words, from the tables of the last run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rich.text import Text

from replab.commands.common import console
from replab.library.explaining import about, explain, find, read


def run(results: Path, wanted: str, *, environments: Collection[str] | None = None, families: Collection[str] | None = None) -> None:
    """Print what is known of the cell ``wanted`` (an id, or a pattern that one cell matches), of some ``environments`` or ``families``.

    Raises ``StoreError`` when there are no tables and ``ConfigError`` when no cell, or more than one, is meant.
    """
    rows = read(results)
    within = {"environment": environments, "family": families}
    selected = [row for row in rows if all(names is None or row[column] in names for column, names in within.items())]
    chosen = find(selected, wanted)
    out = console()
    for line in explain(rows, chosen, *about(results, chosen)):
        out.print(Text(line, style="bold" if line == chosen else ""))
