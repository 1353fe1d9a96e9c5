"""The command ``replab`` where it may lack what it needs: the library alone is installed without Snakemake and without a command line."""

from __future__ import annotations

import importlib.util
import sys

NEEDED = ("typer", "rich", "yaml", "pandas", "snakemake")
"""Of the extra ``lab``; whoever has these has the others."""


def main() -> int:
    """The command line; where its parts are missing, a sentence that says how to get them."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"replab: this is the library alone ({missing[0]} is missing): pip install 'replab[lab]' gives the workflow\n")
        return 1
    from replab import cli  # noqa: PLC0415 (imports what may be missing)

    return cli.main()
