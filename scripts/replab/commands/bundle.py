"""``replab bundle``, ``replab merge``, and ``replab verify`` of a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from replab import workflow
from replab.commands.common import console
from replab.model import Lab
from replab.publish import bundle, checks
from replab.report.words import plural

SHOWN = 10
"""Cells with other bits that are named."""


def pack(lab: Lab, pattern: str, out: Path) -> None:
    """Pack results and say what was packed. Raises ``BundleError`` or ``StoreError``."""
    cells, size = bundle.pack(lab, pattern, out, checks.entries_of(lab))
    console().print(f"wrote {out}: {plural(cells, 'result')}, {size / 1e6:.1f} MB", markup=False)


def merge(lab: Lab, files: Sequence[Path]) -> None:
    """Merge bundles into the store of ``lab``, whole or not at all. Raises ``TamperedError``, ``BundleError`` or ``StoreError``."""
    out = console()
    workflow.claim(lab)
    for path in files:
        done = bundle.merge(path, lab.results, lambda line: out.print(line, markup=False))
        out.print(f"{plural(done.new, 'result')} merged, {done.known} were here already", markup=False)
        for name in done.other[:SHOWN]:
            out.print(f"  here already with other bits, which stay: {name}", markup=False)
        if len(done.other) > SHOWN:
            out.print(f"  and {len(done.other) - SHOWN} more")


def verify(path: Path) -> None:
    """Check a bundle and say what it holds. Raises ``TamperedError`` or ``BundleError``."""
    with tempfile.TemporaryDirectory() as scratch, bundle.unpacked(path, Path(scratch)) as (head, _):
        told = f"{plural(len(head['cells']), 'result')} of {head['machine']}, packed {head['packed']} at {head['commit'] or 'no commit'}"
        console().print(f"{path}: {told}, every hash as listed", markup=False)
