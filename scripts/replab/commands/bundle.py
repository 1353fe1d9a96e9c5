"""``replab bundle``, ``replab merge``, and ``replab verify`` of a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from replab.commands.common import console
from replab.model import Lab
from replab.publish import bundle, reasons
from replab.report.data.words import plural
from replab.workflow import snakefile

SHOWN = 10
"""Cells with other bits that are named."""


def pack(lab: Lab, pattern: str, out: Path, key: Path | None) -> None:
    """Pack results, sign them with ``key``, and say what was packed. Raises ``BundleError``, ``PublishError`` or ``StoreError``."""
    cells, size = bundle.pack(lab, pattern, out, reasons.entries_of(lab), key)
    console().print(f"wrote {out}: {plural(cells, 'result')}, {size / 1e6:.1f} MB{', signed' if key else ''}", markup=False)


def merge(lab: Lab, files: Sequence[Path], signers: Path | None, agreed: Callable[[str], None]) -> None:
    """Merge bundles into the store of ``lab``, whole or not at all.

    Raises ``TamperedError``, ``BundleError`` or ``StoreError``, and what ``agreed`` raises.
    """
    out = console()
    snakefile.claim(lab)
    for path in files:
        done = bundle.merge(path, lab.results.root, lambda line: out.print(line, markup=False), agreed, signers)
        out.print(f"{plural(done.new, 'result')} merged, {done.known} were here already", markup=False)
        for name in done.other[:SHOWN]:
            out.print(f"  here already with other bits, which stay: {name}", markup=False)
        if len(done.other) > SHOWN:
            out.print(f"  and {len(done.other) - SHOWN} more")


def verify(path: Path, signers: Path | None) -> None:
    """Check a bundle and say what it holds. Raises ``TamperedError`` or ``BundleError``."""
    with tempfile.TemporaryDirectory() as scratch, bundle.unpacked(path, Path(scratch), signers) as contents:
        console().print(f"{path}: {contents.told()}, every hash as listed", markup=False)
