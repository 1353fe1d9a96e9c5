"""Snakemake's folder for temporary files: a workflow that is killed with all its helpers leaves it behind, and the next one removes it.

The standard library only: this is called before anything else is imported, so that a workflow killed early has noted its folder, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replab.results_folder import ResultsFolder
from replab.workflow.invocation import is_dry_run, is_main_process


def begin(settings: Mapping[str, Any], folder: Path, mine: Path) -> None:
    """At the first line of a workflow: sweep, and note the folder ``mine``, in results that have been used before."""
    if isinstance(named := settings.get("results", "results"), str) and is_main_process() and not is_dry_run():
        results = ResultsFolder(folder / named)
        # refused where another workflow is at work here: so will this one be
        with contextlib.suppress(OSError), results.lock.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if results.temporary.is_file():
                note(results, mine)


def note(results: ResultsFolder, mine: Path) -> None:
    """Remove the folder of a workflow on these results that was killed, and note that of this one."""
    path = results.temporary
    with contextlib.suppress(OSError, ValueError):
        left = Path(path.read_text(encoding="utf-8"))
        if left != mine and left.parent == mine.parent and left.name.startswith("snakemake"):
            shutil.rmtree(left, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(str(mine), encoding="utf-8")
        aside.replace(path)
