"""The drivers by the name of their engine."""

from __future__ import annotations

from collections.abc import Mapping

from replab.engines.container import Driver


def get_driver(engine: str, settings: Mapping[str, str]) -> Driver:
    """The driver of an engine; ``settings`` are variables that say where the engine is. Raises ``EngineLost``."""
    match engine:
        case "docker":
            from replab.engines.drivers.docker import DockerDriver  # noqa: PLC0415 (the SDK costs a quarter of a second)

            return DockerDriver(settings)
        case "podman":
            from replab.engines.drivers.podman import PodmanDriver  # noqa: PLC0415 (only where it is asked for)

            return PodmanDriver(settings)
        case _:
            raise ValueError(engine)
