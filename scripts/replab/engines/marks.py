"""By what the processes of a sandbox are known, also those that left its process group and its session."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import resource
from pathlib import Path

from replab import linux

MARK = "REPLAB_SANDBOX"
"""Environment variable that names the staging folder: marks every process of a sandbox, also those that left its process group."""
MARK_LIMIT, MARK_BASE, MARK_BYTES = resource.RLIMIT_RTTIME, 2**60, 6
"""The same mark as a limit that bounds nothing (time of real-time scheduling, in microseconds): it is inherited by processes that clear
their variables and leave their session, and can be read from outside."""


def limit_of(staging: Path) -> int:
    """The limit that marks the processes of a staging folder."""
    return MARK_BASE + int.from_bytes(hashlib.sha256(os.fsencode(staging)).digest()[:MARK_BYTES], "big")


def limit_mark(pid: int) -> int:
    """The mark of a process of a sandbox; 0 for any other process, and for one that has ended."""
    with contextlib.suppress(OSError, ValueError):
        limit = re.search(r"^Max realtime timeout +\S+ +(\d+) ", Path(f"/proc/{pid}/limits").read_text(encoding="ascii"), re.MULTILINE)
        if limit is not None and MARK_BASE <= int(limit[1]) < MARK_BASE + 256**MARK_BYTES and linux.runs(pid):
            return int(limit[1])
    return 0


def marked(staging: Path) -> list[int]:
    """Processes of sandboxes of this staging folder, but this one."""
    variable, number = f"{MARK}={staging}".encode(), limit_of(staging)
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        variables: list[bytes] = []
        with contextlib.suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
        if pid != os.getpid() and (variable in variables or limit_mark(pid) == number):
            processes.append(pid)
    return processes
