"""Archives of images, for machines without network: one OCI archive for each environment, and a list that says what each must be.

The archives are written and read here, not by a converter: those write configurations anew, and the digest of the configuration is the
identity of an image.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TypedDict

from replab import jsons
from replab.errors import EnvironmentUnavailable, PinError
from replab.images import record, seal
from replab.images.build import find_image, normal_id
from replab.images.builders import Builder
from replab.images.record import Image, Record
from replab.jsons import Json
from replab.model import Environment

LIST = "images.json"


class Archived(TypedDict):
    """An archive in the list of a folder."""

    archive: str
    sha256: str
    inputs: str
    image: dict[str, Json]
    """The fields of an ``Image``."""


class Descriptor(TypedDict):
    """How the Open Container Initiative names the content of a file."""

    digest: str
    mediaType: str
    size: int


def save(environments: Sequence[Environment], cache: Path, builder: str, folder: Path, log: Callable[[str], None]) -> None:
    """Write an OCI archive of each environment's image to ``folder``, and the list of them.

    Raises ``EnvironmentUnavailable`` when an image was not built yet.
    """
    program = Builder(builder)
    folder.mkdir(parents=True, exist_ok=True)
    listed = _listed(folder)
    for environment in environments:
        image = find_image(environment, cache, builder)
        built = record.read(record.path_of(cache, environment.name, "cpu", builder))
        if image is None or built is None:
            raise EnvironmentUnavailable("its image was not built yet", where=environment.name, hint="Run 'snakemake images'")
        target = folder / f"{environment.name}.oci.tar"
        with tempfile.TemporaryDirectory(prefix=".save-", dir=folder) as scratch:
            docker, partial = Path(scratch) / "docker.tar", Path(scratch) / "oci.tar"
            program.save(image.reference, docker, where=environment.name)
            _to_oci(docker, partial, environment.name, image.digest, Path(scratch))
            partial.replace(target)
        listed[environment.name] = {
            "archive": target.name,
            "sha256": _sha256(target),
            "inputs": built.inputs,
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
        image = jsons.made(Image, entry["image"])
        tag = f"localhost/replab/{environment.name}:cpu-{image.lock_sha256[:12]}"
        record.folder(cache).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="load-", dir=record.folder(cache)) as scratch:
            docker = Path(scratch) / "docker.tar"
            _from_oci(archive, docker, tag, image.digest, environment.name, Path(scratch))
            program.load(docker, where=environment.name)
        inspected = program.inspect(tag, where=environment.name)
        if inspected is None:
            raise EnvironmentUnavailable(f"{builder} did not keep the image of {archive}", where=environment.name, hint="Try again")
        here = Image(**{**asdict(image), "reference": normal_id(str(inspected["Id"]))})
        record.write(record.path_of(cache, environment.name, "cpu", builder), Record(here, str(entry["inputs"])))
        log(f"{environment.name}: {image.digest}")


def _listed(folder: Path) -> dict[str, Archived]:
    path = folder / LIST
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        raise PinError("the list of archives is damaged", where=str(path), hint="Copy it again") from None


def _to_oci(docker: Path, out: Path, name: str, digest: str, scratch: Path) -> None:
    """From the archive that Docker or podman writes to the layout of the Open Container Initiative; the configuration stays as it is."""
    with tarfile.open(docker) as source, tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as target:
        listing = json.loads(seal.read_bytes(source, "manifest.json"))[0]
        config = seal.read_bytes(source, listing["Config"])
        if f"sha256:{hashlib.sha256(config).hexdigest()}" != digest:
            raise PinError(f"its image has another digest than {digest}", where=name, hint="Run 'snakemake images'")
        layers = []
        for layer in listing["Layers"]:
            packed = scratch / "layer"
            with seal.open_member(source, layer) as stream, packed.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as sink:
                _pour(stream, sink)
            layers.append(_descriptor(_sha256(packed), packed.stat().st_size, "layer.v1.tar+gzip"))
            if layers[-1] not in layers[:-1]:
                seal.add_file(target, f"blobs/sha256/{layers[-1]['digest'].removeprefix('sha256:')}", packed)
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _blob(target, config, "config.v1+json"),
            "layers": layers,
        }
        entry = _blob(target, json.dumps(manifest, sort_keys=True).encode(), "manifest.v1+json")
        index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {"org.opencontainers.image.ref.name": name}}]}
        seal.add_bytes(target, "index.json", json.dumps(index, sort_keys=True).encode())
        seal.add_bytes(target, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')


def _from_oci(archive: Path, out: Path, tag: str, digest: str, name: str, scratch: Path) -> None:
    """The way back. Raises ``PinError`` when the archive holds another image."""
    with tarfile.open(archive) as source, tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as target:
        index = json.loads(seal.read_bytes(source, "index.json"))
        manifest = json.loads(seal.read_bytes(source, _path(index["manifests"][0])))
        config = seal.read_bytes(source, _path(manifest["config"]))
        config_sha256 = hashlib.sha256(config).hexdigest()
        if f"sha256:{config_sha256}" != digest:
            raise PinError(f"the image in {archive} is not the one that was saved", where=name, hint="Copy it again")
        names = []
        for layer in manifest["layers"]:
            plain = scratch / "layer"
            with seal.open_member(source, _path(layer)) as packed, gzip.GzipFile(fileobj=packed) as stream, plain.open("wb") as sink:
                _pour(stream, sink)
            names.append(f"{_sha256(plain)}.tar")
            seal.add_file(target, names[-1], plain)
        seal.add_bytes(target, f"{config_sha256}.json", config)
        listing = [{"Config": f"{config_sha256}.json", "RepoTags": [tag], "Layers": names}]
        seal.add_bytes(target, "manifest.json", json.dumps(listing, sort_keys=True).encode())


def _pour(source: IO[bytes] | gzip.GzipFile, sink: IO[bytes] | gzip.GzipFile) -> None:
    while block := source.read(seal.BLOCK):
        sink.write(block)


def _descriptor(sha256: str, size: int, media: str) -> Descriptor:
    return {"digest": f"sha256:{sha256}", "mediaType": f"application/vnd.oci.image.{media}", "size": size}


def _blob(target: tarfile.TarFile, content: bytes, media: str) -> Descriptor:
    sha256 = hashlib.sha256(content).hexdigest()
    seal.add_bytes(target, f"blobs/sha256/{sha256}", content)
    return _descriptor(sha256, len(content), media)


def _path(descriptor: Descriptor) -> str:
    return f"blobs/sha256/{str(descriptor['digest']).removeprefix('sha256:')}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
