"""Prints where the report of the configuration lies: the last line of ``make run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from replab.commands.common import open_lab


def main(settings: Sequence[str]) -> None:
    """Print the path of the report for ``KEY=VALUE`` settings."""
    print(open_lab(settings=settings).results.resolve() / "report" / "index.html")  # noqa: T201 (this is its output)


if __name__ == "__main__":
    main(sys.argv[1:])
