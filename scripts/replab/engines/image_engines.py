"""What the engines that start images share, whether a daemon, a program or nothing stands between."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

from replab.engines.image_facts import look
from replab.engines.marks import MARK
from replab.engines.processor import host_processor
from replab.engines.sandbox import Built, Image, Launch, Log, Sandbox
from replab.engines.variables import container_variables
from replab.model import Environment


def built_from(engine: str, environment: Environment, image: Image, cache: Path) -> Built:
    """The environment that lies in an image."""
    return Built(
        environment=environment,
        engine=engine,
        python=Path(image.python),
        folder=Path(image.python).parent.parent,
        identity=hashlib.sha256(f"{image.digest} {image.python}".encode()).hexdigest(),
        cache=cache.resolve(),
        image=image,
    )


def inside_variables(sandbox: Sandbox) -> dict[str, str]:
    """All variables of the environment's Python: what the image sets is wiped."""
    return {MARK: str(sandbox.writable), **container_variables(sandbox)}


class ImageEngine(ABC):
    """An engine whose environments are images."""

    name = ""
    promises: tuple[str, ...] = ()

    def changed(self, built: Built) -> str:
        """See ``Engine.changed``: nothing that runs can change an image, which is named by its digest."""
        del built
        return ""

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:
        """See ``Engine.verify``: `replab images check` looks into images."""
        del environment, cache, device
        return None

    def platform(self, built: Built) -> str:
        """See ``Engine.platform``: the C library (and compiler) of the container, the processor of this host."""
        seen = look(self, built)
        parts = [seen["machine"], seen["libc"], *host_processor()]
        if "compile" in built.environment.modes:
            parts.append(seen["compiler"] or "no-compiler")
        return " ".join(part for part in parts if part)

    @abstractmethod
    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """See ``Engine.build``."""

    @abstractmethod
    def command(self, sandbox: Sandbox) -> Launch:
        """See ``Engine.command``."""
