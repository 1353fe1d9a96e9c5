"""What the kernel did to the group of processes that this one belongs to: whether a limit from outside killed one of them."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/sys/fs/cgroup")
GROUPS = Path("/proc/self/cgroup")


def oom_kills(groups: Path = GROUPS, mounts: Path = MOUNTS) -> int:
    """How many processes of this control group were killed for its memory so far; 0 where the kernel does not tell.

    A scheduler limits the memory of a job by such a group. Both versions of control groups count: v1 in ``memory.oom_control``, v2 in
    ``memory.events``.
    """
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _count(mounts / "memory" / path.lstrip("/") / "memory.oom_control")
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            return _count(mounts / path.lstrip("/") / "memory.events")
    return 0


def _count(file: Path) -> int:
    try:
        words = file.read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0
