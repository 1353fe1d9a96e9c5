"""The system calls of podman's containers: its own list, without those by which a process could give itself rights.

Docker's own list has none of them. podman's lets a process make a user namespace, in which it holds every capability: harmless as long as
the kernel has no fault there, and a promise of the policy broken.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from replab import jsons

PLACES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
"""Where podman's packages keep the list, first found first."""
FORBIDDEN = frozenset(
    {
        "unshare",
        "setns",
        "mount",
        "mount_setattr",
        "move_mount",
        "open_tree",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "umount",
        "umount2",
        "pivot_root",
        "chroot",
        "keyctl",
        "add_key",
        "request_key",
    }
)
NAMESPACE_FLAGS = 0x7E020000
"""Flags of ``clone`` that make a namespace."""
NO_SUCH_CALL = 38
"""ENOSYS: the C library then uses ``clone``, whose flags a filter can see."""


def narrowed(profile: dict[str, object]) -> dict[str, object]:
    """A profile in which no namespace can be made and no file system mounted."""
    rules: list[dict[str, object]] = []
    for rule in jsons.tables(profile["syscalls"]):
        names = [name for name in jsons.texts(rule["names"]) if name not in FORBIDDEN and name not in ("clone", "clone3")]
        if names:
            rules.append({**rule, "names": names})
    plain: dict[str, object] = {"value": NAMESPACE_FLAGS, "valueTwo": 0, "index": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules += [
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [plain]},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": NO_SUCH_CALL},
        {"names": sorted(FORBIDDEN), "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
    ]
    return {**profile, "syscalls": rules}


def seccomp_source() -> Path | None:
    """The list of the system's podman."""
    return next((path for path in PLACES if path.is_file()), None)


def write_profile(folder: Path) -> Path | None:
    """The narrowed profile as a file below ``folder``; None where the system has no list to start from."""
    source = seccomp_source()
    if source is None:
        return None
    text = json.dumps(narrowed(json.loads(source.read_text(encoding="utf-8"))), sort_keys=True)
    target = folder / "seccomp.json"
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    return target
