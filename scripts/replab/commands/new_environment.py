"""``replab new-environment``: the folder of an environment for another version, written from its nearest neighbour."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from replab.config import environments
from replab.errors import ConfigError
from replab.model import FRAMEWORKS, Environment
from replab.texts import nearest

SHORT = {"tensorflow": "tf"}
"""How names of environments begin where that is not the framework."""
OTHER_NAMES = {"tf": "tensorflow", "pytorch": "torch"}
CUDA = re.compile(r"^\[cuda\]", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What was written, and from what."""

    folder: Path
    neighbour: str
    without_gpu: bool
    """The neighbour has a build for GPUs, which was left out: drivers and architectures of another version are another matter."""


def run(framework: str, version: str, containers: Sequence[Path], *, name: str = "", like: str = "") -> Written:
    """Write ``NAME/env.toml`` into the last of the folders ``containers``, from the environment ``like`` or the nearest older version.

    Where no older version is pinned the nearest newer one is taken: what an older version needs, a newer one rarely refuses. The new
    environment stands between its neighbours in the order of versions. Raises ``ConfigError`` where framework or version is none, or
    where the version, the name or the place between two neighbours is taken.
    """
    framework = OTHER_NAMES.get(framework, framework)
    if framework not in FRAMEWORKS:
        raise ConfigError(f"there is no framework {framework!r}", where="FRAMEWORK", hint=nearest(framework, FRAMEWORKS))
    wanted = _version(version)
    pinned = environments.load_environments(*filter(Path.is_dir, containers))
    line = [
        environment for environment in pinned if environment.framework == framework and "cpu" in environment.devices and environment.modes
    ]
    for environment in line:
        if environment.version == version:
            raise ConfigError(
                f"{environment.name} is {framework} {version} already",
                where=str(environment.folder),
                hint=f"Run it: environments={environment.name}",
            )
    neighbour = _neighbour(line, wanted, like)
    target = containers[-1] / (name or _name(framework, wanted, {environment.name for environment in pinned}))
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{target.name} exists already", where=str(target), hint="Choose another name with --name")
    text = _text(neighbour, version, _order([environment for environment in pinned if environment.framework == framework], wanted))
    try:
        target.mkdir(parents=True)
        (target / "env.toml").write_text(text, encoding="utf-8")
        environments.load_environments(*containers)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(target), hint="Mend the permissions") from None
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return Written(folder=target, neighbour=neighbour.name, without_gpu="cuda" in neighbour.devices)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise ConfigError(f"{text!r} is no version", where="VERSION", hint="For example 2.6.0") from None


def _neighbour(line: Sequence[Environment], wanted: Version, like: str) -> Environment:
    """The environment to write from."""
    if like:
        for environment in line:
            if environment.name == like:
                return environment
        raise ConfigError(
            f"there is no {like!r} of this framework", where="--like", hint=nearest(like, [environment.name for environment in line])
        )
    older = [environment for environment in line if Version(environment.version) < wanted]
    return (
        max(older, key=lambda environment: Version(environment.version))
        if older
        else min(line, key=lambda environment: Version(environment.version))
    )


def _name(framework: str, wanted: Version, taken: set[str]) -> str:
    short = f"{SHORT.get(framework, framework)}-{wanted.major}.{wanted.minor}"
    return short if short not in taken else f"{short}.{wanted.micro}"


def _order(line: Sequence[Environment], wanted: Version) -> int:
    """A free place between the last older version and the first newer one."""
    older = max((environment.order for environment in line if Version(environment.version) < wanted), default=0)
    newer = min((environment.order for environment in line if Version(environment.version) >= wanted), default=older + 20)
    if newer - older < 2:
        names = " and ".join(environment.name for environment in line if environment.order in (older, newer))
        raise ConfigError(f"no order is free between {names}", where="order", hint="Give the newer one a larger order in its env.toml")
    return (older + newer) // 2


def _text(neighbour: Environment, version: str, order: int) -> str:
    """``env.toml`` of the neighbour with another version and place, its comments kept, without GPUs and without its note."""
    written = CUDA.split((neighbour.folder / "env.toml").read_text(encoding="utf-8"))[0].rstrip("\n")
    lines = [line for line in written.splitlines() if not re.match(r"(devices|note)\s*=", line)]
    text = "\n".join(lines)
    text = re.sub(r'^version\s*=\s*".*?"', f'version = "{version}"', text, flags=re.MULTILINE)
    text = re.sub(r"^order\s*=\s*\d+", f"order = {order}", text, flags=re.MULTILINE)
    text = re.sub(rf"=={re.escape(neighbour.version)}(?![\d.])", f"=={version}", text)
    return f'{text}\nnote = "Written from {neighbour.name}: requirements, Python and modes are its own until they are tried."\n'


__all__ = ["Written", "run"]
