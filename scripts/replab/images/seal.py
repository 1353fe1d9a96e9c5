"""Gives a built image the one form that its inputs determine: the same bytes, hence the same digest, whoever built it and when.

Builders stamp times into configurations and layers. What the recipe adds (``KEPT``) is written again as one layer: sorted, with fixed times
and owners, on top of the untouched layers of the base; and the configuration is written from what the lab knows. The reasons are in
docs/decisions/0015-images-sealed.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from replab import jsons
from replab.errors import EnvironmentUnavailable

EPOCH = 1_577_836_800
"""2020-01-01, the time of everything inside."""
CREATED = "2020-01-01T00:00:00Z"
KEPT = ("opt/lab", "etc/passwd", "etc/group")
"""What the recipe adds to a base."""
BLOCK = 2**20
_WHITEOUT = ".wh."


@dataclass(frozen=True, slots=True)
class Sealed:
    """An archive that every engine loads."""

    path: Path
    digest: str
    """Of the configuration."""


def seal(
    built: Path, base_layers: Sequence[str], out: Path, *, tag: str, settings: Mapping[str, object], labels: Mapping[str, str]
) -> Sealed:
    """Rewrite the archive ``built`` (as ``docker save`` or ``podman save`` wrote it) to ``out``.

    ``base_layers`` are the digests of the base's uncompressed layers, ``settings`` the image's ``Env``, ``User`` and the like.
    Raises ``EnvironmentUnavailable`` where the image does not rest on these layers.
    """
    with tarfile.open(built) as archive:
        manifest = json.loads(read_bytes(archive, "manifest.json"))[0]
        config = json.loads(read_bytes(archive, manifest["Config"]))
        layers: list[str] = manifest["Layers"]
        count = len(base_layers)
        if config["rootfs"]["diff_ids"][:count] != list(base_layers):
            raise EnvironmentUnavailable("the image that was built does not rest on the base that was asked for", where=tag)
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
            added = Path(scratch) / "layer.tar"
            digest = _merge(archive, layers[count:], added)
            fresh = {
                "architecture": config["architecture"],
                "config": {**settings, "Labels": dict(sorted(labels.items()))},
                "created": CREATED,
                "history": [
                    *_history(config.get("history", []), count),
                    {"created": CREATED, "created_by": "replab: containers/Dockerfile", "comment": "sealed"},
                ],
                "os": config["os"],
                "rootfs": {"type": "layers", "diff_ids": [*base_layers, f"sha256:{digest}"]},
            }
            text = json.dumps(fresh, sort_keys=True, separators=(",", ":")).encode()
            config_sha256 = hashlib.sha256(text).hexdigest()
            with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as sealed:
                names = []
                for layer, diff in zip(layers, base_layers, strict=False):
                    names.append(f"{diff.removeprefix('sha256:')}.tar")
                    _copy_member(archive, layer, sealed, names[-1])
                names.append(f"{digest}.tar")
                add_file(sealed, names[-1], added)
                add_bytes(sealed, f"{config_sha256}.json", text)
                listing = [{"Config": f"{config_sha256}.json", "RepoTags": [tag], "Layers": names}]
                add_bytes(sealed, "manifest.json", json.dumps(listing, sort_keys=True).encode())
    return Sealed(out, f"sha256:{config_sha256}")


def base_layers(config: Mapping[str, object]) -> tuple[str, ...]:
    """The digests of uncompressed layers in a configuration."""
    return tuple(jsons.texts(jsons.table(config["rootfs"])["diff_ids"]))


def _history(entries: list[dict[str, object]], layers: int) -> list[dict[str, object]]:
    """The entries that belong to the first ``layers`` layers; one for each where the builder kept none."""
    history: list[dict[str, object]] = []
    seen = 0
    for entry in entries:
        if seen == layers:
            break
        history.append(entry)
        seen += not entry.get("empty_layer", False)
    return history + [{"created": CREATED, "created_by": "base"}] * (layers - seen)


def _merge(archive: tarfile.TarFile, layers: Sequence[str], target: Path) -> str:
    """Write what the layers add as one sorted layer; returns its SHA-256."""
    opened: list[tarfile.TarFile] = []
    latest: dict[str, tuple[tarfile.TarFile, tarfile.TarInfo]] = {}
    try:
        for name in layers:
            stream = archive.extractfile(archive.getmember(_resolved(archive, name)))
            layer = tarfile.open(fileobj=stream, mode="r:*")  # noqa: SIM115 - closed below, all at once
            opened.append(layer)
            for member in layer:
                path = member.name.removeprefix("./").strip("/")
                if Path(path).name.startswith(_WHITEOUT):
                    removed = str(Path(path).with_name(Path(path).name.removeprefix(_WHITEOUT)))
                    latest = {key: value for key, value in latest.items() if key != removed and not key.startswith(f"{removed}/")}
                elif any(path == kept or path.startswith(f"{kept}/") for kept in KEPT):
                    latest[path] = (layer, member)
        with target.open("wb") as stream_out, tarfile.open(fileobj=stream_out, mode="w", format=tarfile.PAX_FORMAT) as out:
            for path in sorted(latest):
                layer, member = latest[path]
                _write(out, path, layer, member, latest)
    finally:
        for layer in opened:
            layer.close()
    return _sha256(target)


def _write(
    out: tarfile.TarFile,
    path: str,
    layer: tarfile.TarFile,
    member: tarfile.TarInfo,
    all_of: Mapping[str, tuple[tarfile.TarFile, tarfile.TarInfo]],
) -> None:
    info = tarfile.TarInfo(path)
    info.mtime, info.uid, info.gid, info.uname, info.gname = EPOCH, 0, 0, "", ""
    if member.isdir():
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        out.addfile(info)
    elif member.issym():
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, member.linkname
        out.addfile(info)
    else:  # a hard link becomes a file of its own: which of two names is the first depends on the builder
        while member.islnk():
            layer, member = all_of[member.linkname.removeprefix("./").strip("/")]
        info.mode, info.size = (0o755 if member.mode & 0o111 else 0o644), member.size
        out.addfile(info, layer.extractfile(member))


def _resolved(archive: tarfile.TarFile, name: str) -> str:
    """The name of the member that holds the bytes: Docker writes a layer that occurs twice as a link."""
    member = archive.getmember(name)
    while member.issym():
        member = archive.getmember(str(Path("/", name).parent.joinpath(member.linkname).resolve()).lstrip("/"))
    return member.name


def open_member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """The bytes of a file in an archive, links followed."""
    stream = archive.extractfile(archive.getmember(_resolved(archive, name)))
    if stream is None:
        raise tarfile.ReadError(f"{name} is missing")
    return stream


def read_bytes(archive: tarfile.TarFile, name: str) -> bytes:
    """The content of a small file in an archive."""
    with open_member(archive, name) as stream:
        return stream.read()


def _copy_member(archive: tarfile.TarFile, name: str, out: tarfile.TarFile, as_name: str) -> None:
    member = archive.getmember(_resolved(archive, name))
    info = tarfile.TarInfo(as_name)
    info.size, info.mtime, info.mode = member.size, EPOCH, 0o644
    out.addfile(info, archive.extractfile(member))


def add_file(out: tarfile.TarFile, name: str, path: Path) -> None:
    """Put a file into an archive, with a fixed time."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = path.stat().st_size, EPOCH, 0o644
    with path.open("rb") as stream:
        out.addfile(info, stream)


def add_bytes(out: tarfile.TarFile, name: str, content: bytes) -> None:
    """Put a small text into an archive, with a fixed time."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(content), EPOCH, 0o644
    out.addfile(info, io.BytesIO(content))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        _feed(stream, digest)
    return digest.hexdigest()


def _feed(stream: IO[bytes], digest: hashlib._Hash) -> None:
    while block := stream.read(BLOCK):
        digest.update(block)
