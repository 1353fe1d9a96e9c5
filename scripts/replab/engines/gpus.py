"""The GPUs of this machine, and who uses which: a lease is a file lock, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from replab.errors import SandboxError

SHARE = "REPLAB_GPU_SHARE"
"""Environment variable: how many jobs may use one GPU at a time (default 1)."""
POLL_SECONDS = 0.5
WAIT_SECONDS = 24 * 3600.0
_ASKED = ("index", "uuid", "name", "compute_cap", "driver_version")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as its driver describes it."""

    index: str
    uuid: str
    name: str
    compute_capability: str
    driver: str

    @property
    def platform(self) -> str:
        """What results depend on: model and driver."""
        return f"{self.name.replace(' ', '-')} driver-{self.driver}"


def with_device(platform: str, device: str) -> str:
    """A platform with what the GPU adds to it, for builds that compute on one."""
    devices = () if device == "cpu" else gpus()
    return f"{platform} {devices[0].platform}" if devices else platform


@cache
def gpus() -> tuple[Gpu, ...]:
    """The GPUs that this process may use, all of one model: those of a scheduler's share where ``CUDA_VISIBLE_DEVICES`` names it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode != 0:
        return ()
    rows = [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines()]
    devices = [Gpu(*row) for row in rows if len(row) == len(_ASKED)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        allowed = visible.replace(" ", "").split(",")
        devices = [gpu for gpu in devices if gpu.index in allowed or any(word and gpu.uuid.startswith(word) for word in allowed)]
    return tuple(gpu for gpu in devices if gpu.platform == devices[0].platform)


@contextlib.contextmanager
def lease(log: Callable[[str], None], *, seconds: float = WAIT_SECONDS) -> Iterator[Gpu]:
    """One GPU that no other job of this machine uses meanwhile; waits for it. Raises ``SandboxError`` when there is none."""
    devices = gpus()
    if not devices:
        raise SandboxError("there is no CUDA device here", where="gpu", hint="Run 'nvidia-smi' to see what the driver says")
    share = max(1, int(os.environ.get(SHARE) or 1))
    end, announced = time.monotonic() + seconds, False
    while True:
        for gpu in devices:
            for slot in range(share):
                handle = _take(gpu, slot)
                if handle is not None:
                    with handle:
                        yield gpu
                    return
        if not announced:
            log(f"waiting for one of {len(devices)} GPUs")
            announced = True
        if time.monotonic() > end:
            raise SandboxError(f"no GPU became free within {seconds:.0f} s", where="gpu", hint="See who uses them with 'nvidia-smi'")
        time.sleep(POLL_SECONDS)


def _take(gpu: Gpu, slot: int) -> IO[str] | None:
    """The lock of one place on a GPU, or None when another process has it."""
    folder = Path(tempfile.gettempdir()) / "replab-gpus"
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)  # users of one machine take turns
    path = folder / f"{gpu.uuid}.{slot}.lock"
    try:
        handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8")
    except PermissionError:
        handle = path.open(encoding="utf-8")  # made by another user, who let us read: enough for a lock
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle
