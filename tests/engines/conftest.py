"""Real container engines, each with images of two environments built on the spot from Debian packages and hash-locked wheels."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

import daemons

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
def cache() -> Path:
    """Where bases, wheels and records of images lie; kept between runs, since none of it depends on a daemon."""
    return Path(os.environ.get("REPLAB_CACHE") or ROOT / ".replab").resolve() / "tests-engines"


@pytest.fixture(scope="session")
def bases(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A lock of stand-ins for the base images, and the registry on loopback that has them."""
    if kept := os.environ.get("REPLAB_TEST_BASES"):
        yield Path(kept), "127.0.0.1:1"
        return
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
    with kept_daemon() or daemons.docker_daemon() as daemon, variables(daemon.environment):
        build(cache, "docker", bases[0], USED)
        yield daemon


def kept_daemon() -> AbstractContextManager[daemons.Docker] | None:
    """The daemon whose socket ``REPLAB_TEST_DOCKER`` names: for work on these tests, where images need not be built each time; ``REPLAB_TEST_BASES`` is the
    lock that they were built with."""
    path = os.environ.get("REPLAB_TEST_DOCKER", "")
    if not path:
        return None
    made = daemons.Docker(folder=Path(path).parent, socket=Path(path), pid=0, environment={"DOCKER_HOST": f"unix://{path}"})
    return nullcontext(made)


@pytest.fixture(scope="session")
def podman(bases: tuple[Path, str], cache: Path) -> Iterator[daemons.Podman]:
    """podman with the images in a storage of its own."""
    if missing := daemons.missing_podman():
        pytest.skip(missing)
    with daemons.podman_settings(insecure=[bases[1]]) as settings, variables(settings.environment):
        build(cache, "podman", bases[0], USED[:1])  # the same digests as docker's: one is enough
        yield settings


def build(cache: Path, builder: str, lock: Path, names: Sequence[str]) -> None:
    """The images of environments; records of an earlier daemon are forgotten first."""
    for name in names:
        if not os.environ.get("REPLAB_TEST_DOCKER"):
            (cache / "images" / f"{name}-cpu-{builder}.json").unlink(missing_ok=True)
        try:
            build_image(ENVIRONMENTS[name], ROOT, cache, builder, print, bases=lock)
        except LabError as error:
            pytest.fail(f"{name} could not be built with {builder}: {error}")


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that starts containers here."""
    request.getfixturevalue(request.param)
    return str(request.param)
