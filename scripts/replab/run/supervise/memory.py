"""How much memory a sandbox uses."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from replab.engines.marks import marked

FAMILY_SECONDS = 0.5
"""How often the children of a sandbox are looked for; that reads all of /proc, the memory of known processes is read at every poll."""


class MemoryWatch:
    """Resident memory of a process and its descendants."""

    def __init__(self, pid: int, mark: str = "") -> None:
        """``mark``: the staging folder of a sandbox whose processes are no descendants of ``pid``."""
        self._pid, self._looked, self._mark = pid, 0.0, mark
        self._family: set[psutil.Process] = set()

    def megabytes(self, now: float) -> float:
        """MiB in use at the time ``now`` (monotonic)."""
        if now - self._looked > FAMILY_SECONDS:
            self._looked = now
            with contextlib.suppress(psutil.Error):
                leader = psutil.Process(self._pid)
                others = [psutil.Process(pid) for pid in marked(Path(self._mark))] if self._mark else []
                self._family = {leader, *leader.children(recursive=True), *others}
        total = 0
        for process in self._family:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total / 2**20
