"""What Linux tells of processes and does for them, and Python has no function for."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 1, 36, 37
STATE, PARENT, STARTED = 0, 1, 19
"""Places in ``/proc/PID/stat`` behind the name of the program."""
HELD = (errno.EWOULDBLOCK, errno.EACCES)
"""What the kernel says when another process holds a lock; anything else means that this file system has none."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def _words(pid: int) -> list[str]:
    """What ``/proc/PID/stat`` says behind the name, which may hold anything. Raises ``OSError`` when there is no such process."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def runs(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has waited for is still listed. Raises ``OSError`` when it is not."""
    return _words(pid)[STATE] not in "ZX"


def parent(pid: int) -> int:
    """The process that a process belongs to."""
    return int(_words(pid)[PARENT])


def started(pid: int) -> str:
    """When a process was started, in ticks since the machine was: with its number, a name that is not given twice."""
    return _words(pid)[STARTED]


def end_with(parent: int, number: signal.Signals) -> bool:
    """Get the signal ``number`` when the process ``parent`` ends, which started this one; false when it has ended already."""
    _LIBC.prctl(PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def outlive_parent() -> None:
    """Get no signal any more when the parent ends."""
    _LIBC.prctl(PR_SET_PDEATHSIG, 0)


def adopt_orphans() -> None:
    """Processes below this one that lose their parent become its children from now on, and not those of the first one of the machine."""
    _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """``adopt_orphans`` until the block ends."""
    before = ctypes.c_int()
    _LIBC.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    adopt_orphans()
    try:
        yield
    finally:
        _LIBC.prctl(PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)
