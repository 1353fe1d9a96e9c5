"""Archives of images, for machines without network: one OCI archive for each environment, and a list that says what each must be."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from replab.errors import EnvironmentUnavailable, PinError
from replab.images import record
from replab.images.build import _id, find_image
from replab.images.builders import Builder
from replab.images.record import Image, Record
from replab.model import Environment

LIST = "images.json"


def save(environments: Sequence[Environment], cache: Path, builder: str, folder: Path, log: Callable[[str], None]) -> None:
    """Write an OCI archive of each environment's image to ``folder``, and the list of them.

    Raises ``EnvironmentUnavailable`` when an image was not built yet, or when skopeo is missing.
    """
    program = Builder(builder)
    folder.mkdir(parents=True, exist_ok=True)
    listed = _listed(folder)
    for environment in environments:
        image = find_image(environment, cache, builder)
        known = record.read(record.path_of(cache, environment.name, "cpu", builder))
        if image is None or known is None:
            raise EnvironmentUnavailable("its image was not built yet", where=environment.name, hint="Run 'snakemake images'")
        target = folder / f"{environment.name}.oci.tar"
        docker, partial = folder / f".{environment.name}.docker.tar", folder / f".{environment.name}.partial.oci.tar"
        try:
            program.save(image.reference, docker, where=environment.name)
            _copy(f"docker-archive:{docker}", f"oci-archive:{partial}:{environment.name}", environment.name, target)
            partial.replace(target)
        finally:
            docker.unlink(missing_ok=True)
            partial.unlink(missing_ok=True)
        listed[environment.name] = {
            "archive": target.name,
            "sha256": _sha256(target),
            "inputs": known.inputs,
            "image": {**asdict(image), "labels": dict(image.labels)},
        }
        record.write_whole(folder / LIST, json.dumps(listed, indent=1, sort_keys=True) + "\n")
        log(f"{environment.name}: {target} ({target.stat().st_size / 1e6:.0f} MB)")


def load(environments: Sequence[Environment], cache: Path, builder: str, folder: Path, log: Callable[[str], None]) -> None:
    """Take the images of ``folder`` into the builder's storage and make their records, each compared with the list by its hash and digest.

    Raises ``PinError`` for an archive that was changed, ``EnvironmentUnavailable`` for one that is not there.
    """
    program = Builder(builder)
    listed = _listed(folder)
    if not listed:
        hint = "Make it with 'replab images save' on a machine that has the images"
        raise EnvironmentUnavailable(f"there is no list of archives {LIST}", where=str(folder), hint=hint)
    for environment in environments:
        entry = listed.get(environment.name)
        if entry is None:
            hint = f"There are: {', '.join(listed)}"
            raise EnvironmentUnavailable("its image is not among the archives", where=environment.name, hint=hint)
        archive = folder / str(entry["archive"])
        if not archive.is_file():
            raise EnvironmentUnavailable(f"the archive {archive} is missing", where=environment.name, hint="Copy it again")
        if _sha256(archive) != entry["sha256"]:
            problem = f"the archive {archive} is damaged: its bytes are not the ones that were saved"
            raise PinError(problem, where=environment.name, hint="Copy it again from where it was made")
        image = Image(**entry["image"])
        tag = f"localhost/replab/{environment.name}:cpu-{image.lock_sha256[:12]}"
        docker = record.folder(cache) / f".{environment.name}.load.tar"
        docker.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(f"oci-archive:{archive}", f"docker-archive:{docker}:{tag}", environment.name, archive)
            program.load(docker, where=environment.name)
        finally:
            docker.unlink(missing_ok=True)
        found = program.inspect(tag, where=environment.name)
        if found is None:
            raise EnvironmentUnavailable(f"{builder} did not keep the image of {archive}", where=environment.name, hint="Try again")
        here = Image(**{**asdict(image), "reference": _id(str(found["Id"]))})
        layers = found["RootFS"]["Layers"]
        labels = (found.get("Config") or {}).get("Labels") or {}
        if labels.get("replab.lock") != image.lock_sha256 or not layers:
            raise PinError(f"the image in {archive} is not the one that was saved", where=environment.name, hint="Copy it again")
        record.write(record.path_of(cache, environment.name, "cpu", builder), Record(here, str(entry["inputs"])))
        log(f"{environment.name}: {image.digest}")


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / LIST
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        raise PinError("the list of archives is damaged", where=str(path), hint="Copy it again") from None


def _copy(source: str, target: str, where: str, file: Path) -> None:
    path = shutil.which("skopeo")
    if path is None:
        hint = "Install it; it turns archives of one kind into another"
        raise EnvironmentUnavailable("skopeo is not installed", where="images", hint=hint)
    done = subprocess.run([path, "copy", "--quiet", source, target], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no message")
        problem = last.rpartition("msg=")[2].strip().strip('"').rstrip(".")
        raise EnvironmentUnavailable(f"{file} cannot be converted: {problem}", where=where, hint="Copy it again, or free some space")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
