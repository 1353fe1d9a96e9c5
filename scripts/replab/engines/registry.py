"""The engines by name."""

from __future__ import annotations

from pathlib import Path

from replab.engines.apptainer import ApptainerEngine
from replab.engines.base import Engine
from replab.engines.docker import DockerEngine
from replab.engines.host import HostEngine
from replab.engines.podman import PodmanEngine
from replab.engines.uv import UvEngine
from replab.errors import ConfigError
from replab.model import ENGINES
from replab.texts import nearest_of_all


def get_engine(name: str, *, python: Path | None = None) -> Engine:
    """The engine called ``name``; ``python`` is the interpreter of ``host``. Raises ``ConfigError``.

    A new engine is a module beside this one that satisfies ``Engine``, a line here, and a name in ``model.ENGINES``.
    """
    match name:
        case "uv":
            return UvEngine()
        case "host":
            return HostEngine(python)
        case "docker":
            return DockerEngine()
        case "podman":
            return PodmanEngine()
        case "apptainer":
            return ApptainerEngine()
        case _:
            raise ConfigError(f"unknown engine '{name}'", where="engine", hint=nearest_of_all(name, ENGINES))
