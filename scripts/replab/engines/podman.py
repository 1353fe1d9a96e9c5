"""Engine ``podman``: containers of podman, with root or without."""

from __future__ import annotations

import os
from pathlib import Path

from replab.engines.containers import ContainerEngine
from replab.engines.policy import POINTS
from replab.engines.seccomp import seccomp_source, write_profile

PODMAN_VARIABLES = (
    "CONTAINERS_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "CONTAINERS_STORAGE_CONF",
    "REGISTRY_AUTH_FILE",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "HOME",
    "USER",
    "TMPDIR",
)
UNLIMITED = ("memory", "cpus", "pids")
"""Points that podman cannot enforce without root where control groups are those of version 1: it says so in a warning and goes on."""


class PodmanEngine(ContainerEngine):
    """Containers of podman, with root or without."""

    name = "podman"
    passed = PODMAN_VARIABLES
    mend = "Install podman, and try 'podman run --rm IMAGE true' yourself"

    def __init__(self) -> None:
        if self.rootless() and not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):  # noqa: PTH110 - not a path of ours
            self.promises = tuple(point for point in POINTS if point not in UNLIMITED)
        if seccomp_source() is None:
            self.promises = tuple(point for point in self.promises if point != "privileges")

    def system_calls(self, cache: Path) -> str:
        """See ``ContainerEngine.system_calls``."""
        return str(write_profile(cache / "podman") or "")

    def rootless(self) -> bool:
        """See ``ContainerEngine.rootless``."""
        return os.geteuid() != 0
