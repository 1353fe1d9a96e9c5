"""The files that a lock names, fetched once into ``<cache>/images/wheels`` and found there by their hash ever after."""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NotRequired, TypedDict, cast

from packaging.tags import Tag, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from replab.errors import EnvironmentUnavailable
from replab.locks import pins
from replab.locks.uv_tool import UvFailed, with_index
from replab.model import Environment

BLOCK = 2**20
SECONDS = 120


class LockedFile(TypedDict):
    """A file of a package, in a ``pylock.toml``."""

    name: NotRequired[str]
    url: str
    hashes: dict[str, str]


class LockedPackage(TypedDict):
    """A package in a ``pylock.toml``."""

    name: str
    wheels: NotRequired[list[LockedFile]]
    sdist: NotRequired[LockedFile]


class PyLock(TypedDict):
    """What is read of a ``pylock.toml``."""

    packages: NotRequired[list[LockedPackage]]


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock."""

    name: str
    version: str
    hashes: frozenset[str]
    """SHA-256 of each file that the lock allows."""


@dataclass(frozen=True, slots=True)
class File:
    """One file that is installed."""

    package: Locked
    path: Path
    sha256: str
    name: str
    """The name under which installers must see it."""


def packages(lock: Path) -> tuple[Locked, ...]:
    """What a lock names, in its order."""
    locked = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8")):
        named = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", entry)
        if named:
            hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
            locked.append(Locked(canonicalize_name(named[1]), named[2], hashes))
    return tuple(locked)


def gather(environment: Environment, device: str, store: Path, log: Callable[[str], None]) -> tuple[File, ...]:
    """Every file of the lock of ``environment``, each below ``store/<sha256>/``; what is there already is not asked for again.

    Raises ``EnvironmentUnavailable`` with one sentence when something is missing and cannot be fetched.
    """
    wanted = packages(pins.lock_of(environment, device))
    here = {package: file for package in wanted if (file := _kept(package, store)) is not None}
    missing = [package for package in wanted if package not in here]
    if missing:
        log(f"{environment.name}: fetching {len(missing)} of {len(wanted)} packages")
        addresses = _addresses(environment, device)
        for package in missing:
            here[package] = _fetch(package, addresses.get(package.name, ()), store, environment)
    return tuple(here[package] for package in wanted)


def _kept(package: Locked, store: Path) -> File | None:
    for sha256 in sorted(package.hashes):
        for path in sorted((store / sha256).glob("[!.]*")):
            return File(package, path, sha256, path.name)
    return None


def _addresses(environment: Environment, device: str) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Where files of each package are: (name, URL, SHA-256), the best first. uv answers, as for every other build."""
    lock = pins.lock_of(environment, device)
    arguments = [
        *("pip", "compile", str(lock.resolve()), "--no-deps", "--format", "pylock.toml", "--quiet", "--no-header"),
        *("--no-python-downloads", "--python-version", environment.python, "--python-platform", pins.PLATFORM),
    ]
    try:
        table: PyLock = cast("PyLock", tomllib.loads(with_index(arguments, pins.index_of(environment, device))))
    except UvFailed as failed:
        raise EnvironmentUnavailable(failed.failure.problem, where=environment.name, hint=failed.failure.hint) from failed
    ranks = _ranks(environment.python)
    addresses: dict[str, tuple[tuple[str, str, str], ...]] = {}
    for package in table.get("packages", ()):
        files = [(_name(entry), entry["url"], entry["hashes"]["sha256"]) for entry in package.get("wheels", ())]
        fit = sorted((rank, file) for file in files if (rank := _rank(file[0], ranks)) is not None)
        source = package.get("sdist")
        sources = [(_name(source), source["url"], source["hashes"]["sha256"])] if source else []
        addresses[canonicalize_name(package["name"])] = (*(file for _, file in fit), *sources)
    return addresses


def _name(entry: LockedFile) -> str:
    return str(entry.get("name") or urllib.parse.unquote(urllib.parse.urlsplit(entry["url"]).path.rpartition("/")[2]))


def _ranks(python: str) -> dict[Tag, int]:
    """The tags of wheels that an interpreter of that version accepts on the platform of the locks, the best lowest."""
    major, minor = (int(part) for part in python.split("."))
    machine = pins.PLATFORM.partition("-")[0]
    newest = int(pins.PLATFORM.rpartition("_")[2])
    platforms = [f"manylinux_2_{libc}_{machine}" for libc in range(newest, 4, -1)]
    platforms += [f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")] + [f"linux_{machine}"]
    pure = [Tag(word, "none", "any") for word in (*(f"py{major}{less}" for less in range(minor, -1, -1)), f"py{major}")]
    abis = [f"cp{major}{minor}{'m' if minor < 8 else ''}"]
    native = list(cpython_tags((major, minor), abis=abis, platforms=platforms))
    general = [Tag(tag.interpreter, "none", platform) for tag in pure for platform in platforms]
    return {tag: rank for rank, tag in reversed(list(enumerate((*native, *general, *pure))))}


def _rank(name: str, ranks: dict[Tag, int]) -> int | None:
    if not name.endswith(".whl"):
        return None
    tags = parse_wheel_filename(name)[3]
    return min((ranks[tag] for tag in tags if tag in ranks), default=None)


def _fetch(package: Locked, addresses: tuple[tuple[str, str, str], ...], store: Path, environment: Environment) -> File:
    hint = "Connect to the network, or copy the folder images/wheels of the cache from a machine that has it"
    for name, url, sha256 in addresses:
        if sha256 not in package.hashes:
            continue
        target = store / sha256 / name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{name}.partial")
        try:
            digest = _copy(url, partial)
        except (OSError, urllib.error.URLError) as error:
            partial.unlink(missing_ok=True)
            host = urllib.parse.urlsplit(url).netloc or url
            raise EnvironmentUnavailable(f"{name} could not be fetched from {host}: {error}", where=environment.name, hint=hint) from None
        if digest != sha256:
            partial.unlink()
            problem = f"the bytes of {package.name}=={package.version} are not the ones that the lock names"
            raise EnvironmentUnavailable(problem, where=environment.name, hint="Find out who changed the file")
        partial.replace(target)
        return File(package, target, sha256, name)
    problem = f"no file of {package.name}=={package.version} that the lock names was found"
    raise EnvironmentUnavailable(problem, where=environment.name, hint=hint)


def _copy(url: str, target: Path) -> str:
    """Write what is at ``url`` to ``target``; returns its SHA-256."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=SECONDS) as source, target.open("wb") as sink:  # noqa: S310 - what uv names: http(s) or file
        for block in _blocks(source):
            digest.update(block)
            sink.write(block)
    return digest.hexdigest()


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(BLOCK):
        yield block


def link_into(files: tuple[File, ...], folder: Path) -> None:
    """Put the files into one folder under their own names, without copying where the disk allows."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        try:
            (folder / file.name).hardlink_to(file.path)
        except OSError:
            shutil.copyfile(file.path, folder / file.name)


def library_folders(files: tuple[File, ...], python: str, inside: str = "/opt/lab") -> list[str]:
    """Folders of CUDA libraries in an installed environment: ``nvidia/*/lib`` of the wheels that have one."""
    folders = set()
    for file in files:
        if file.package.name.startswith("nvidia-") and file.name.endswith(".whl"):
            with zipfile.ZipFile(file.path) as wheel:
                folders |= {match[1] for name in wheel.namelist() if (match := re.match(r"(nvidia/[^/]+/lib)/[^/]+\.so", name))}
    return [f"{inside}/lib/python{python}/site-packages/{folder}" for folder in sorted(folders)]
