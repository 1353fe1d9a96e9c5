"""The processes of a sandbox: how they are bound when they begin, marked, found again, and ended whatever they did to hide."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

from replab import linux
from replab.engines.marks import MARK_LIMIT, marked
from replab.model import Limits

ADDRESS_MARGIN_MB = 2048
"""Data segments may exceed the memory limit by this: thread stacks and reserved, never touched memory count there."""
END_SECONDS = 5.0
"""How long processes that make others are hunted."""


def bound_child(limits: Limits, parent: int, *, bound_memory: bool, mark: int | None) -> Callable[[], None]:
    """What the child does before it becomes the sandbox: die with its supervisor, no core files, no allocation far beyond the limit."""
    data = (limits.memory_mb + ADDRESS_MARGIN_MB) * 2**20

    def prepare() -> None:
        if not linux.end_with(parent, signal.SIGKILL):
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if mark is not None:
            with contextlib.suppress(OSError, ValueError):  # somebody has set it lower: the variable is the only mark then
                resource.setrlimit(MARK_LIMIT, (mark, mark))
        if bound_memory:  # GPU runtimes reserve far more than they use
            resource.setrlimit(resource.RLIMIT_DATA, (data, data))

    return prepare


def sweep(staging: Path, *, reap: bool = False) -> None:
    """Kill what is left of earlier sandboxes of this staging folder: processes that a supervisor killed at once could not end.

    ``reap``: those that lost their own parent have become children of this process, which waits for them.
    """
    end, killed = time.monotonic() + END_SECONDS, set[int]()
    while (processes := marked(staging)) and time.monotonic() < end:
        for pid in processes:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        killed.update(processes)
        time.sleep(0.005)
    while reap and killed and time.monotonic() < end:
        killed = {pid for pid in killed if _is_child(pid)}
        time.sleep(0.005 if killed else 0.0)


def _is_child(pid: int) -> bool:
    """Whether a process is a child of this one that has not ended yet; one that has is waited for."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False
