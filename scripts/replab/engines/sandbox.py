"""A sandbox as data: what is to be started under which limits, how an engine starts it, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from replab.model import Environment, Limits

Log = Callable[[str], None]


class Image(Protocol):
    """An image as it was built (``replab.images.Image``)."""

    @property
    def reference(self) -> str:
        """What the engine starts, by name or by id."""

    @property
    def digest(self) -> str:
        """``sha256:…`` of the image: part of the key of every result."""

    @property
    def python(self) -> str:
        """The interpreter, inside the image."""

    @property
    def uid(self) -> int:
        """The ordinary user that it is made for."""

    @property
    def gid(self) -> int:
        """The group of that user."""

    @property
    def lock_sha256(self) -> str:
        """SHA-256 of the lock that it was built from."""

    @property
    def variables(self) -> Mapping[str, str]:
        """What it sets for its processes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a sandbox ended, as its engine knows it; the exit status of the process on this host is all that others know."""

    code: int
    """As ``subprocess`` has it: negative for a signal."""
    oom: bool = False
    """The limit on memory killed it."""
    broken: str = ""
    """The engine itself failed, in one sentence: this says nothing about a cell."""


class Hold(Protocol):
    """What can be done to a sandbox that is no child of this process."""

    @property
    def where(self) -> str:
        """The engine, for messages."""

    @property
    def limits_memory(self) -> bool:
        """Whether the engine enforces the limit on memory."""

    def freeze(self) -> None:
        """Stop it where it is; what cannot be stopped goes on."""

    def thaw(self) -> None:
        """Let it go on."""

    def end(self) -> None:
        """Kill the sandbox and remove whatever remains of it; does nothing where nothing remains."""

    def ending(self, code: int) -> Ending:
        """How it ended, where the process that started it ended with ``code``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """An environment that can be started."""

    environment: Environment
    engine: str
    python: Path
    folder: Path
    """What may be read of it: the virtual environment, or the installation of the interpreter."""
    identity: str
    """SHA-256 of what was installed: the lock, or what was found; part of the key of every result."""
    cache: Path
    host_packages: tuple[str, ...] = ()
    """``name-version`` of each package, where no lock says it."""
    image: Image | None = None
    """What containers are started from; None on engines without containers."""
    installed: str = ""
    """SHA-256 of the list of its files, where the engine keeps one: another list is another build."""
    interpreter: Mapping[str, str] = field(default_factory=dict)
    """``interpreters.without_paths`` of the Python below it, where that is one of this host."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """How to start one process; ``env`` is all the process gets."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    hold: Hold | None = None
    """None when the process is the sandbox."""
    inside: Mapping[str, str] | None = None
    """All that the environment's Python gets, where that is not ``env``."""

    @property
    def inner(self) -> Mapping[str, str]:
        """The variables of the environment's Python."""
        return self.env if self.inside is None else self.inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """One process of an environment's Python, and what it may use."""

    built: Built
    argv: tuple[str, ...] = ()
    """Arguments of the interpreter."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """They win over everything but the thread counts."""
    threads: int = 1
    limits: Limits
    writable: Path
    """It exists and is, beside the cache of compiled code, the only folder that the process may write to."""
    readable: tuple[Path, ...] = ()
    """The other folders it needs."""
    gpus: tuple[str, ...] = ()
    """Indexes of the GPUs that are leased to it: it sees no others."""
