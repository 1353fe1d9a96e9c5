"""Makes the picture of a report that the README shows.

    uv run python reports/screenshot.py results/report docs/images/report.png

Needs the tables of a run, rendered (``make run``), and a Chromium: the one on PATH, else the one that Playwright installs
(``uv run playwright install chromium``), or any other with ``--browser PATH``.
"""

# ruff: noqa: INP001 - a script and no part of a package
from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

WIDTH, HEIGHT = 1280, 900
MOST_BYTES = 250 * 1024
"""A picture in a README is loaded by everybody who opens it."""


def shoot(report: Path, output: Path, page: str, browser: str, height: int) -> int:
    """Writes the top of one page of ``report`` as a PNG and returns its size in bytes; raises ``FileNotFoundError`` without that page."""
    source = (report / page).resolve()
    if not source.is_file():
        raise FileNotFoundError(f"{source} is missing: render a report first, with `make run`")
    output.parent.mkdir(parents=True, exist_ok=True)
    # Chromium refuses its sandbox to root, which is whom containers run as.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser or None, args=arguments)
        view = chromium.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light", reduced_motion="reduce")
        view.goto(source.as_uri())
        view.wait_for_load_state("networkidle")
        view.screenshot(path=output)
        chromium.close()
    return output.stat().st_size


def main() -> int:
    """The command line; 0 when the picture was written and is small enough."""
    parser = argparse.ArgumentParser(description="Make the picture of a report that the README shows.")
    parser.add_argument("report", type=Path, help="folder of a rendered report, such as results/report")
    parser.add_argument("output", type=Path, help="PNG to write")
    parser.add_argument("--page", default="index.html", help="page of the report (default: %(default)s)")
    parser.add_argument("--height", type=int, default=HEIGHT, help="height of the window in pixels (default: %(default)s)")
    found = shutil.which("chromium") or ""
    parser.add_argument("--browser", default=found, help="a Chromium (default: the one on PATH, else Playwright's own)")
    asked = parser.parse_args()
    try:
        size = shoot(asked.report, asked.output, asked.page, asked.browser, asked.height)
    except (FileNotFoundError, Error) as problem:
        sys.stderr.write(f"no picture: {problem}\n")
        return 1
    sys.stdout.write(f"{asked.output}: {size // 1024} KiB\n")
    if size > MOST_BYTES:
        sys.stderr.write(f"that is more than {MOST_BYTES // 1024} KiB\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
