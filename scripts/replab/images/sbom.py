"""Bills of materials in CycloneDX: the base, Debian's packages, and every locked package with the hash of the file that was installed."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL

from replab.errors import EnvironmentUnavailable
from replab.images.builders import Builder
from replab.images.record import Image, write_whole
from replab.images.seal import EPOCH

if TYPE_CHECKING:
    from replab.images.wheels import File
    from replab.model import Environment

STATUS = "/var/lib/dpkg/status"


def write_bill(path: Path, environment: Environment, image: Image, files: tuple[File, ...], program: Builder) -> None:
    """Write the bill of an image to ``path``; the same image gives the same bytes."""
    bom = Bom()
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"replab:{image.digest}")
    bom.metadata.timestamp = dt.datetime.fromtimestamp(EPOCH, tz=dt.UTC)
    bom.metadata.component = Component(
        name=f"replab/{environment.name}",
        version=image.digest,
        type=ComponentType.CONTAINER,
        bom_ref=image.digest,
        properties=[Property(name=name, value=value) for name, value in sorted(image.labels.items())],
    )
    name, digest = (image.labels[f"org.opencontainers.image.base.{part}"] for part in ("name", "digest"))
    bom.components.add(Component(name=name, version=digest, type=ComponentType.CONTAINER, bom_ref="base"))
    for file in files:
        bom.components.add(
            Component(
                name=file.package.name,
                version=file.package.version,
                type=ComponentType.LIBRARY,
                purl=PackageURL("pypi", name=file.package.name, version=file.package.version),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
                bom_ref=f"pypi:{file.package.name}",
            )
        )
    for package, version in _debian(image, environment, program):
        purl = PackageURL("deb", namespace="debian", name=package, version=version)
        component = Component(name=package, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=f"deb:{package}")
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot5(bom).output_as_string(indent=1)
    write_whole(path, json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n")


def _debian(image: Image, environment: Environment, program: Builder) -> Iterator[tuple[str, str]]:
    """Names and versions of the operating system's packages, as the image itself lists them; nothing where it lists none."""
    problem = "the packages of its operating system cannot be listed"
    try:
        text = program.run(image.reference, ["cat", STATUS], where=environment.name, problem=problem)
    except EnvironmentUnavailable as failed:
        if "No such file" in failed.problem:
            return
        raise
    for entry in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and not line.startswith(" "))
        if "Package" in fields and " installed" in fields.get("Status", ""):
            yield fields["Package"], fields.get("Version", "")
