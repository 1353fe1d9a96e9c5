"""Prints where the report of the configuration lies: the last line of ``make run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from replab.commands.common import open_lab
from replab.errors import LabError


def main(settings: Sequence[str]) -> None:
    """Print the path of the report for ``KEY=VALUE`` settings; a fault of the settings is a sentence."""
    try:
        results = open_lab(settings=settings).results
    except LabError as error:
        print(f"replab: {error}", file=sys.stderr)  # noqa: T201 (as the command line does)
        raise SystemExit(error.exit_code) from None
    print(results.report.resolve())  # noqa: T201 (this is its output)


if __name__ == "__main__":
    main(sys.argv[1:])
