"""Bills of materials (CycloneDX 1.6, JSON) of environments and of the lab, made from their lock files; deterministic."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from replab import jsons

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A pinned package: the archives that its lock accepts, by SHA-256."""

    name: str
    version: str
    archives: tuple[str, ...]


def packages(lock: str) -> list[Package]:
    """The pinned packages of a lock file with hashes, by name; one pinned in two versions (for two Pythons, say) appears twice."""
    starts = [*_PIN.finditer(lock)]
    ends = [*(match.start() for match in starts[1:]), len(lock)]
    archives: dict[tuple[str, str], list[str]] = {}
    for match, end in zip(starts, ends, strict=True):
        pinned = re.sub(r"[-_.]+", "-", match[1]).lower(), match[2]
        archives.setdefault(pinned, []).extend(_HASH.findall(lock, match.end(), end))
    return [
        Package(name=name, version=version, archives=tuple(dict.fromkeys(hashes))) for (name, version), hashes in sorted(archives.items())
    ]


def of_lock(name: str, version: str, lock: Path, *, python: str = "", properties: Mapping[str, str] | None = None) -> str:
    """The bill of materials of what ``lock`` installs, as JSON text.

    ``name`` and ``version`` are those of the whole, ``python`` the version of the interpreter. The hashes of a component are those of the
    archives that the lock accepts, one of which is installed. Equal locks give equal bytes: the serial number is made from the content.
    """
    text = lock.read_text(encoding="utf-8")
    bom = Bom()
    bom.metadata.timestamp = None  # type: ignore[assignment] # the day is no property of a lock
    bom.metadata.component = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=f"replab:{name}")
    components = [_component(package) for package in packages(text)]
    if python:
        components.append(Component(name="python", version=python, type=ComponentType.PLATFORM, bom_ref=f"replab:python@{python}"))
    for component in components:
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, components)
    facts = {"replab:lock": lock.name, "replab:lock:sha256": hashlib.sha256(lock.read_bytes()).hexdigest(), **(properties or {})}
    for key, value in sorted(facts.items()):
        bom.metadata.properties.add(Property(name=key, value=value))
    identity = json.dumps([name, version, python, facts], sort_keys=True)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"replab:{identity}")
    written: dict[str, object] = json.loads(JsonV1Dot6(bom).output_as_string())
    jsons.table(written["metadata"]).pop("timestamp", None)
    return json.dumps(written, sort_keys=True, indent=1) + "\n"


def _component(package: Package) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL(type="pypi", name=package.name, version=package.version),
        bom_ref=f"pkg:{package.name}@{package.version}",
        hashes=_hashes(package.archives),
    )


def _hashes(digests: Iterable[str]) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests]
