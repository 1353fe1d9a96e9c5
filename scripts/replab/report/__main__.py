"""``python -m replab.report --results results --out results/report``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from replab.errors import LabError
from replab.report.render import TEMPLATES, render


def main() -> int:
    """Render the report and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m replab.report", description="Render the tables of a run as a static site.")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the folder with the tables")
    parser.add_argument("--out", type=Path, default=Path("results/report"), help="the folder of the site; what is there is replaced")
    parser.add_argument("--templates", type=Path, default=TEMPLATES, help="the folder of templates; static files lie beside it")
    asked = parser.parse_args()
    try:
        print(render(asked.results, asked.out, asked.templates))
    except LabError as problem:
        print(f"replab: {problem}", file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
