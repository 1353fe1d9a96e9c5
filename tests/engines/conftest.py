"""Real container engines, each with images of two environments built on the spot from Debian packages and hash-locked wheels."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import daemons
from images_world import new_cache

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside this file

from sandboxes import ENVIRONMENTS, ROOT, USED, variables

from replab.errors import LabError
from replab.images import build_image, local
from replab.model import Environment


@pytest.fixture(scope="session")
def environment() -> Environment:
    """The smallest environment."""
    return ENVIRONMENTS["numpy-2.5"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for records of images, with the bases and wheels of earlier runs."""
    return new_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def bases(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A lock of stand-ins for the base images, and the registry on loopback that has them."""
    if missing := daemons.missing_registry() or ("" if daemons.program("mmdebstrap") else "mmdebstrap is not installed"):
        pytest.skip(missing)
    lock = tmp_path_factory.mktemp("bases") / "bases.lock"
    keys = sorted({ENVIRONMENTS[name].base_key() for name in USED})
    with daemons.registry() as registry:
        local.build(ROOT, cache, registry.host, lock, keys, "2026-11-21", print)
        yield lock, registry.host


@pytest.fixture(scope="session")
def docker(bases: tuple[Path, str], cache: Path) -> Iterator[daemons.Docker]:
    """A Docker daemon that has the images."""
    if missing := daemons.missing_docker():
        pytest.skip(missing)
    with daemons.docker_daemon() as daemon, variables(daemon.environment):
        build(cache, "docker", bases[0], USED)
        yield daemon


@pytest.fixture(scope="session")
def podman(bases: tuple[Path, str], cache: Path) -> Iterator[daemons.Podman]:
    """podman with the images in a storage of its own."""
    if missing := daemons.missing_podman():
        pytest.skip(missing)
    with daemons.podman_settings(insecure=[bases[1]]) as settings, variables(settings.environment):
        build(cache, "podman", bases[0], USED[:1])  # the same digests as docker's: one is enough
        yield settings


def build(cache: Path, builder: str, lock: Path, names: Sequence[str]) -> None:
    """The images of environments."""
    for name in names:
        try:
            build_image(ENVIRONMENTS[name], ROOT, cache, builder, print, bases=lock)
        except LabError as error:
            pytest.fail(f"{name} could not be built with {builder}: {error}")


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that starts containers here."""
    request.getfixturevalue(request.param)
    return str(request.param)
