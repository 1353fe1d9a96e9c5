"""The programs that build and keep images: ``docker`` and ``podman``, with the same words, and what their failures mean in one sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from replab.errors import ConfigError, EnvironmentUnavailable, PinError
from replab.images.registry import is_plain

BUILDERS = ("docker", "podman")


class Labelled(TypedDict, total=False):
    """The part of a configuration that the lab looks at."""

    Labels: dict[str, str] | None


class RootFs(TypedDict):
    """The layers of an image."""

    Layers: list[str]


class Inspected(TypedDict):
    """What a program says of an image, as far as the lab looks at it."""

    Id: str
    RootFS: RootFs
    Config: NotRequired[Labelled | None]


class Builder:
    """One of ``BUILDERS``, as this machine has it. Which daemon or storage it talks to is its own affair (``DOCKER_HOST`` and the like)."""

    def __init__(self, name: str) -> None:
        if name not in BUILDERS:
            raise ConfigError(f"unknown builder '{name}'", where="builder", hint=f"Known: {', '.join(BUILDERS)}")
        self.name = name

    def call(self, arguments: Sequence[str], *, where: str, problem: str, variables: Mapping[str, str] | None = None) -> str:
        """What the program prints. Raises ``EnvironmentUnavailable`` or ``PinError`` with one sentence that begins with ``what``."""
        done = self._run(arguments, variables)
        if done.returncode != 0:
            raise self.failure(f"{done.stdout}\n{done.stderr}", where=where, problem=problem)
        return done.stdout

    def _run(self, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        path = shutil.which(self.name)
        if path is None:
            hint = f"Install {self.name}, or choose another engine"
            raise EnvironmentUnavailable(f"{self.name} is not installed", where="images", hint=hint)
        env = {**os.environ, **(variables or {})}
        return subprocess.run([path, *arguments], capture_output=True, text=True, check=False, env=env, errors="replace")

    def failure(self, text: str, *, where: str, problem: str) -> EnvironmentUnavailable | PinError:
        """The meaning of an error output."""
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
        if re.search(r"Cannot connect to the Docker daemon|docker\.sock: connect|failed to connect to the docker API", text):
            hint = "Start it, or set DOCKER_HOST to one that runs"
            return EnvironmentUnavailable("the Docker daemon does not answer", where=where, hint=hint)
        if re.search(r"no space left on device|disk quota exceeded", text, re.IGNORECASE):
            return EnvironmentUnavailable(f"{problem}: the disk is full", where=where, hint="Free some space where the images are kept")
        if re.search(r"verification failed|did not match|does not match|digest mismatch|unexpected digest", text, re.IGNORECASE):
            hint = "Do not use this registry until its administrator has found out why"
            return PinError(f"{problem}: the registry serves other bytes than the digest says", where=where, hint=hint)
        if re.search(r"manifest unknown|not found|no such manifest|name unknown|repository does not exist", text, re.IGNORECASE):
            hint = "Pin anew with 'replab pin bases', or load an archive of the image with 'replab images load'"
            return EnvironmentUnavailable(f"{problem}: this digest has vanished from its registry", where=where, hint=hint)
        if re.search(r"no such host|connection refused|dial tcp|i/o timeout|handshake timeout|network is unreachable|misbehaving", text):
            hint = "Connect to the network, choose other bases with --config bases=LOCK, or load an archive with 'replab images load'"
            return EnvironmentUnavailable(f"{problem}: the registry cannot be reached", where=where, hint=hint)
        return EnvironmentUnavailable(f"{problem}: {last.rstrip('.')}", where=where)

    def inspect(self, reference: str, *, where: str = "images") -> Inspected | None:
        """What the program knows of an image; ``None`` when it has none of that name. Raises ``EnvironmentUnavailable``."""
        done = self._run(["image", "inspect", reference])
        if done.returncode != 0:
            if re.search(r"no such image|image not known|unable to inspect|No such object", done.stderr, re.IGNORECASE):
                return None
            raise self.failure(done.stderr, where=where, problem=f"{self.name} cannot be asked for images")
        inspected: list[Inspected] = json.loads(done.stdout)
        return inspected[0] if inspected else None

    def pull(self, reference: str, *, where: str) -> None:
        """Get a base by digest, unless it is there."""
        if self.inspect(reference, where=where) is not None:
            return
        plain = ["--tls-verify=false"] if self.name == "podman" and is_plain(reference) else []
        self.call(["pull", "--quiet", *plain, reference], where=where, problem=f"the base image {reference} cannot be pulled")

    def build(self, context: Path, recipe: Path, arguments: Mapping[str, str], tag: str, *, where: str) -> None:
        """Run the recipe without any network."""
        words = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        variables: dict[str, str] = {}
        if self.name == "docker":
            variables["DOCKER_BUILDKIT"] = "1" if self.has_buildkit() else "0"
        else:
            words += ["--format", "docker", "--layers=false", "--isolation", "oci" if os.geteuid() == 0 else "chroot"]
        command = ["build", "--network", "none", *words, "--file", str(recipe), "--tag", tag, str(context)]
        self.call(command, where=where, problem="the image cannot be built", variables=variables)

    def has_buildkit(self) -> bool:
        """Whether ``docker build`` can use BuildKit: clients from 23 on need the component buildx for it, older ones have it inside."""
        if self._run(["buildx", "version"]).returncode == 0:
            return True
        version = re.search(r"version (\d+)\.", self._run(["--version"]).stdout)
        return version is not None and int(version[1]) < 23

    def save(self, reference: str, archive: Path, *, where: str) -> None:
        """Write an archive that ``seal`` reads."""
        kind = ["--format", "docker-archive", "--quiet"] if self.name == "podman" else []
        self.call(["save", *kind, "--output", str(archive), reference], where=where, problem="the image cannot be saved")

    def load(self, archive: Path, *, where: str) -> None:
        """Take the images of an archive."""
        self.call(["load", "--quiet", "--input", str(archive)], where=where, problem=f"{archive.name} cannot be loaded")

    def clean(self, tag: str) -> None:
        """Forget what a build left: the image as the builder made it, and the stage before it, which the recipe labels for this."""
        self._run(["image", "rm", tag])
        self._run(["image", "prune", "--force", "--filter", "label=replab.stage=build"])

    def run(self, reference: str, arguments: Sequence[str], *, where: str, problem: str, stdin: str = "") -> str:
        """What a program inside prints: no network, read-only root, no capability, no new privilege."""
        command = [
            *("run", "--rm", "--interactive", "--network", "none", "--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--tmpfs", "/tmp", reference, *arguments),  # noqa: S108 - inside
        ]
        path = shutil.which(self.name) or self.name
        done = subprocess.run([path, *command], input=stdin, capture_output=True, text=True, check=False, errors="replace")
        if done.returncode != 0:
            raise self.failure(f"{done.stdout}\n{done.stderr}", where=where, problem=problem)
        return done.stdout
