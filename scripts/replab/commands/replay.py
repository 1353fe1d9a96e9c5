"""``replab replay``."""

from __future__ import annotations

from pathlib import Path

from replab.commands.common import console
from replab.publish import replay


def run(folder: Path, options: replay.Options) -> bool:
    """Replay and print how it went; whether every repeatable result came back bit for bit or within the envelope."""
    out = console()
    found = replay.replay(folder, options, lambda line: out.print(line, markup=False))
    for line in replay.lines(found):
        out.print(line, markup=False)
    place = (options.out or Path("replay") / found["version"]) / "index.html"
    out.print(f"{place.resolve()}", markup=False)
    return not found["counts"]["other"]
