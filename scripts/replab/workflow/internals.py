"""What the lab uses of Snakemake's own objects, which come without types: all that a release of Snakemake could take away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol


class Scheduler(Protocol):
    """What starts jobs."""

    job_rate_limiter: object | None

    def exit_gracefully(self) -> None:
        """Start no other job, and leave when those at work have ended."""


class Dag(Protocol):
    """The jobs of a run."""

    check_output_mtime: Callable[[object, object], Awaitable[None]]


class ResourceSettings(Protocol):
    """What was asked for on the command line; None where nothing was."""

    cores: int | None
    nodes: int | None
    local_cores: int | None


class Workflow(Protocol):
    """The ``workflow`` that rules see."""

    snakemake_tmp_dir: Path
    local_exec: bool
    """Whether jobs run on this machine."""
    scheduler: Scheduler | None
    """None until something begins."""
    dag: Dag
    _onstart: Callable[[object], None]
    _onerror: Callable[[object], None]
