"""Real parts for the tests of images and of container engines: a registry with bases made here, a Docker daemon, podman.

Each is started once for all tests of a session, and only where it is asked for; an image that one test had built is there for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import daemons
from images_world import DAY, ENVIRONMENTS, ROOT, need, new_cache
from replab.images import bases, local


@pytest.fixture(scope="session")
def registry() -> Iterator[daemons.Registry]:
    """A registry on loopback."""
    need(daemons.missing_registry())
    with daemons.registry() as running:
        yield running


@pytest.fixture(scope="session")
def docker() -> Iterator[daemons.Docker]:
    """A Docker daemon of these tests alone; clients in this process talk to it."""
    need(daemons.missing_docker())
    with daemons.docker_daemon() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="session")
def podman(registry: daemons.Registry) -> Iterator[daemons.Podman]:
    """podman with a storage of these tests alone."""
    need(daemons.missing_podman())
    with daemons.podman_settings(insecure=[registry.host]) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for records of images, with the downloads of earlier runs."""
    return new_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def make_bases(registry: daemons.Registry, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes and pushes the bases of environments, each once; gives the lock that names them."""
    lock = tmp_path_factory.mktemp("bases") / "bases.local.lock"

    def made(*names: str) -> Path:
        for tool in ("mmdebstrap", "skopeo"):
            need("" if daemons.program(tool) else f"base images: {tool} not installed")
        have = bases.read_pins(lock)
        missing = sorted({ENVIRONMENTS[name].base_key() for name in names} - set(have))
        if missing:
            local.build(ROOT, cache, registry.host, lock, missing, DAY, print)
        return lock

    return made
