"""A container as data, and what is asked of whoever talks to the engine that starts it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LABEL_LAUNCHER = "org.replab.launcher"
LABEL_BATCH = "org.replab.run.batch"
FIRST_SIGNAL = 128
"""An exit status above this is a signal that ended the process inside."""
KILLED = 137
EXIT_BROKEN = 70
"""Exit status of the launcher when the engine failed; the sentence is in its ending file."""
ENDING_BYTES = 4096
"""Room for how a container ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """One container to be started, whichever engine does it."""

    name: str
    image: str
    argv: tuple[str, ...]
    user: str
    """``uid:gid``."""
    env: Mapping[str, str]
    """All that the process gets: what the image sets is wiped first."""
    folder: str
    """The output folder: the only one it can write to, where it starts, and which belongs to one batch."""
    readable: tuple[str, ...]
    memory_mb: int
    cpus: float
    processes: int
    seconds: int
    scratch_mb: int
    open_files: int
    gpus: tuple[str, ...] = ()
    keep_id: bool = False
    """Without root: the user outside is the same user inside."""
    seccomp: str = ""
    """A file with the system calls that are allowed; empty for the engine's own list."""

    def command(self) -> list[str]:
        """What runs as the first process: it bounds the life of the sandbox, waits for orphans, and wipes the image's own variables."""
        # Not the interpreter itself: a first process is immune to signals that end any other one, and some faults of cells are signals.
        pairs = [f"{name}={value}" for name, value in sorted(self.env.items())]
        return ["timeout", "--signal=KILL", str(self.seconds), "env", "-i", *pairs, *self.argv]


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How a container ended, as its engine says."""

    code: int
    oom: bool


class EngineLost(Exception):
    """The engine does not answer, or no longer knows the container; the message is one clause."""


class EngineRefused(Exception):
    """The engine cannot start the container; the message is one clause, ``hint`` how to mend it."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


class Driver(Protocol):
    """Talks to one engine. Every method raises ``EngineLost`` when the engine does not answer."""

    def create(self, container: Container, labels: Mapping[str, str]) -> None:
        """Make it, not started. Raises ``EngineRefused``."""

    def run(self, container: Container) -> Iterator[bytes]:
        """Start it and give what it prints until it ends. Raises ``EngineRefused``."""

    def state(self, name: str) -> State:
        """How it ended; waits for that."""

    def pause(self, name: str, *, on: bool) -> None:
        """Freeze or thaw it; where the engine cannot, nothing happens."""

    def remove(self, name: str) -> None:
        """End and remove it; also when it is not there."""

    def ours(self) -> list[tuple[str, str]]:
        """Name and launcher label of every container with such a label."""


def container_name(batch: Path) -> str:
    """One name for each output folder: a second container on the same folder is refused by the engine."""
    return f"replab-{hashlib.sha256(str(batch).encode()).hexdigest()[:20]}"


def outermost(paths: tuple[str, ...]) -> list[str]:
    """Paths of which none lies below another."""
    return [path for path in sorted(set(paths)) if not any(path != other and Path(path).is_relative_to(other) for other in paths)]
