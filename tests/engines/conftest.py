"""Real container engines, each with images of environments built on the spot from Debian packages and hash-locked wheels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import daemons

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside this file

from sandboxes import ENVIRONMENTS, ROOT, USED

from replab.errors import LabError
from replab.images import build_image
from replab.model import Environment


@pytest.fixture(scope="session")
def environment() -> Environment:
    """The smallest environment."""
    return ENVIRONMENTS["numpy-2.5"]


@pytest.fixture(scope="session")
def bases(make_bases: Callable[..., Path], registry: daemons.Registry) -> tuple[Path, str]:
    """A lock of stand-ins for the base images, and the registry on loopback that has them."""
    return make_bases(*USED), registry.host


@pytest.fixture(scope="session")
def docker(docker: daemons.Docker, bases: tuple[Path, str], cache: Path) -> daemons.Docker:
    """A Docker daemon that has the images."""
    build(cache, "docker", bases[0], USED)
    return docker


@pytest.fixture(scope="session")
def podman(podman: daemons.Podman, bases: tuple[Path, str], cache: Path) -> daemons.Podman:
    """podman with one image, in a storage of these tests: it has the digest that it has with Docker."""
    build(cache, "podman", bases[0], USED[:1])
    return podman


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
