"""``replab replay``."""

from __future__ import annotations

from pathlib import Path

from replab.commands.common import console
from replab.publish import replay


def run(folder: Path, options: replay.Options) -> bool:
    """Replay and print how it went; whether every repeatable result came back bit for bit or within the envelope."""
    out = console()
    replayed = replay.replay(folder, options, lambda line: out.print(line, markup=False))
    for line in replay.lines(replayed):
        out.print(line, markup=False)
    page = (options.out or Path("replay") / replayed["version"]) / "index.html"
    out.print(f"{page.resolve()}", markup=False)
    return not replayed["counts"]["other"]
