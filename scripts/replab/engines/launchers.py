"""Who launched a container, and whether that process still lives: what an abandoned one left is removed."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from replab.engines.container import Driver


def launcher_label() -> str:
    """Who this process is, so that others can tell whether it still lives: boot, process namespace, process id, start."""
    return f"{_machine()} {os.getpid()} {psutil.Process().create_time():.2f}"


def is_abandoned(label: str) -> bool:
    """Whether the launcher of that label was on this very machine and is gone."""
    machine, _, rest = label.partition(" ")
    pid, _, started = rest.partition(" ")
    if machine != _machine() or not pid.isdigit():
        return False  # another machine shares the engine: not ours to judge
    try:
        process = psutil.Process(int(pid))
        return process.status() == psutil.STATUS_ZOMBIE or bool(abs(process.create_time() - float(started)) > 1.0)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError):
        return False


def reap(driver: Driver) -> list[str]:
    """Remove every container whose launcher is gone; returns their names."""
    gone = [name for name, label in driver.ours() if is_abandoned(label)]
    for name in gone:
        driver.remove(name)
    return gone


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
