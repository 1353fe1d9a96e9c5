"""Snakemake's folder for temporary files: a workflow that is killed with all its helpers leaves it behind, and the next one removes it.

The standard library only: this is called before anything else is imported, so that a workflow killed early has noted its folder, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from replab import linux
from replab.results_folder import ResultsFolder
from replab.workflow.invocation import is_dry_run, is_main_process


def begin(settings: Mapping[str, object], folder: Path, mine: Path) -> None:
    """At the first line of a workflow: sweep, and note the folder ``mine``, in results that have been used before."""
    if isinstance(named := settings.get("results", "results"), str) and is_main_process() and not is_dry_run():
        results = ResultsFolder(folder / named)
        # refused where another workflow is at work here: so will this one be
        with contextlib.suppress(OSError), results.lock.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if results.temporary.is_file():
                note(results, mine)
                sweep_empty(mine)


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


def sweep_empty(mine: Path) -> None:
    """Remove what workflows left beside the folder ``mine`` that were killed before their first line: folders in which nothing is.

    Where another Snakemake of this user is at work, one of them may be its own, and none is touched.
    """
    name = re.compile(r"snakemake\w{8}")
    left = [path for path in mine.parent.iterdir() if path != mine and name.fullmatch(path.name) and path.lstat().st_uid == os.getuid()]
    if left and not _others(mine.parent):
        for path in left:
            for folder, _, _ in os.walk(path, topdown=False):
                with contextlib.suppress(OSError):  # it holds something
                    os.rmdir(folder)  # noqa: PTH106 (as ``os.walk`` names it)


def _others(folder: Path) -> bool:
    """Whether another Snakemake is at work whose temporary files lie in ``place``: a process that is neither this one nor above it."""
    above = set()
    pid = os.getpid()
    while pid > 1 and pid not in above:
        above.add(pid)
        pid = linux.parent(pid)
    for name in os.listdir("/proc"):  # noqa: PTH208 (numbers, no paths)
        if name.isdigit() and int(name) not in above:
            with contextlib.suppress(OSError, IndexError):
                process = Path("/proc") / name
                if b"snakemake" in (process / "cmdline").read_bytes() and linux.runs(int(name)):
                    variables = (process / "environ").read_bytes().split(b"\0")
                    folders = [os.fsdecode(variable.partition(b"=")[2]) for variable in variables if variable.startswith(b"TMPDIR=")]
                    if Path(folders[0] if folders else "/tmp").resolve() == folder.resolve():  # noqa: S108 (where Python looks without it)
                        return True
    return False
