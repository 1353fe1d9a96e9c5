"""What the kernel did to the group of processes that this one belongs to: whether a limit from outside killed one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
GROUPS = Path("/proc/self/cgroup")


def oom_kills(groups: Path = GROUPS, mounts: Path = MOUNTS) -> int:
    """How many processes of this control group were killed for its memory so far; 0 where the kernel does not tell.

    A scheduler limits the memory of a job by such a group. Both versions of control groups count: v1 in ``memory.oom_control``, v2 in
    ``memory.events``; with both at once, the one that has the memory.
    """
    paths = dict(_groups(groups))
    controller, file = ("memory", "memory.oom_control") if "memory" in paths else ("", "memory.events")
    if controller not in paths:
        return 0
    return next((count for folder in _folders(paths[controller], controller, mounts) if (count := _count(folder / file)) is not None), 0)


def _groups(groups: Path) -> Iterator[tuple[str, str]]:
    """Controller and path of each group that this process is in; version 2 has no name for its controllers."""
    for line in _lines(groups):
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            yield from ((controller, path) for controller in controllers.split(","))


def _folders(path: str, controller: str, mounts: Path) -> Iterator[Path]:
    """Where a group can be read: a mount shows it from some group on (inside a container, from the container's), at any place."""
    for line in _lines(mounts):
        before, _, after = line.partition(" - ")
        mount, kind = before.split(), after.split()
        if len(mount) < 5 or len(kind) < 3:
            continue
        if (kind[0] == "cgroup" and controller and controller in kind[2].split(",")) or (kind[0] == "cgroup2" and not controller):
            root, mount_point = (re.sub(r"\\(\d{3})", lambda escape: chr(int(escape[1], 8)), text) for text in mount[3:5])
            inner = os.path.relpath(path, root)
            yield Path(mount_point) / ("" if inner.startswith("..") else inner)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []


def _count(file: Path) -> int | None:
    try:
        words = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    number = words[words.index("oom_kill") + 1] if "oom_kill" in words[:-1] else ""
    return int(number) if number.isdigit() else 0
