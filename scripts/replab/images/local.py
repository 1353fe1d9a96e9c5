"""Bases for machines that reach no public registry: Debian packages and a Python of this machine, pushed to a registry that the user names.

Two layers, each the same bytes whenever it is made of the same packages: Debian's, by mmdebstrap, and the interpreter below ``/usr/local``,
where the public images have it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from replab.errors import ConfigError, EnvironmentUnavailable
from replab.images import bases, registry
from replab.images.bases import Base, Pin
from replab.images.seal import CREATED, EPOCH
from replab.locks.interpreters import find_interpreter

COMMAND = "replab bases build"
LIBRARIES = (
    *("ca-certificates", "netbase", "tzdata"),
    *("libssl3", "libffi8", "libsqlite3-0", "libbz2-1.0", "liblzma5", "zlib1g", "libreadline8", "libncursesw6", "libuuid1", "libexpat1"),
    *("libnsl2", "libgdbm6", "libdb5.3"),
)
"""What an interpreter and its modules load, beside the C library."""
WITHOUT = ("man", "doc", "info", "locale")
LEFT_OUT = {"__pycache__", "test", "tests", "idlelib", "idle_test", "turtledemo", "site-packages", "pkgconfig", "share"}
"""Folders of an installed Python that nothing inside needs."""
LOADER = "usr/lib/x86_64-linux-gnu"
"""Where Debian's loader looks without being told."""


def build(
    root: Path, cache: Path, registry_host: str, out: Path, keys: Sequence[str], date: str, log: Callable[[str], None], mirror: str = ""
) -> list[Pin]:
    """Make the bases ``keys``, push them to ``registry_host`` and write their digests to the lock ``out``; returns its pins.

    Raises ``EnvironmentUnavailable`` when a tool, an interpreter or the registry is missing, ``ConfigError`` for unknown keys.
    """
    declared = bases.load_bases(root)
    for key in keys:
        if key not in declared or not declared[key].debian:
            have = ", ".join(name for name, base in declared.items() if base.debian)
            raise ConfigError(f"no stand-in can be made for the base '{key}'", where=str(bases.BASES), hint=f"Known: {have}")
    for tool in ("mmdebstrap", "skopeo"):
        if shutil.which(tool) is None:
            hint = "Install the Debian packages mmdebstrap and skopeo"
            raise EnvironmentUnavailable(f"{tool} is not installed", where="bases", hint=hint)
    folder = cache.resolve() / "bases"
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for key in keys:
        system = _system(declared[key], folder, log, mirror)
        python, version = find_interpreter(declared[key].python.rpartition("python")[2], where=key)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            layer = _interpreter(python, Path(scratch) / "python.tar", key)
            layout = _layout((system, layer), Path(scratch) / "layout", version)
            name = f"{registry_host}/replab-base/{key}"
            index = _push(layout, f"{name}:{version}", key)
        source = f"{COMMAND}: Debian {declared[key].debian}, Python {version} of the machine it ran on"
        made.append(Pin(key=key, image=name, tag=version, index=index, manifest=index, date=date, verified=True, source=source))
        log(f"{key}: {name}@{index}")
    others = bases.read_pins(out)
    bases.write_pins(out, list((others | {pin.key: pin for pin in made}).values()), COMMAND)
    return made


def _system(base: Base, cache: Path, log: Callable[[str], None], mirror: str) -> Path:
    """Debian's layer, kept for the next base that needs the same."""
    packages = (*LIBRARIES, *base.include)
    name = hashlib.sha256(json.dumps([base.debian, packages, mirror, EPOCH]).encode()).hexdigest()[:16]
    tar = cache / f"{base.debian}-{name}.tar"
    if tar.is_file():
        return tar
    log(f"{base.key}: gathering Debian {base.debian}{' with ' + ', '.join(base.include) if base.include else ''}")
    partial = tar.with_name(f".{tar.name}.partial.tar")
    command = [
        *("mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(packages)}"),
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in WITHOUT),
        *('--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/*.log "$1"/var/log/apt',),
        *(base.debian, str(partial), *([mirror] if mirror else [])),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)})
    if done.returncode != 0:
        partial.unlink(missing_ok=True)
        last = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("E:")), "mmdebstrap failed")
        hint = "Connect to a Debian mirror, or name one with --mirror"
        raise EnvironmentUnavailable(f"Debian {base.debian} cannot be gathered: {last}", where=base.key, hint=hint)
    partial.replace(tar)
    return tar


def _interpreter(python: Path, target: Path, key: str) -> Path:
    """A layer that has the interpreter and its standard library below ``/usr/local``."""
    printed = subprocess.run([str(python), "-I", "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=True)
    prefix = Path(printed.stdout.strip()).resolve()
    if prefix in (Path("/usr"), Path("/")):
        hint = "Let uv or pyenv install one: 'uv python install', 'pyenv install'"
        raise EnvironmentUnavailable("the only Python of that version is part of the operating system", where=key, hint=hint)
    version = f"python{key.split('-')[1]}"
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for folder in ("usr", "usr/local", "usr/local/bin", "usr/local/include", "usr/local/lib"):
            _folder(layer, folder)
        _file(layer, f"usr/local/bin/{version}", (prefix / "bin" / version).resolve())
        for alias in ("python3", "python"):
            _link(layer, f"usr/local/bin/{alias}", version)
        headers = sorted((prefix / "include").glob(f"{version}*"))  # code made by torch.compile includes them
        for path in (each for tree in (*headers, prefix / "lib" / version) for each in _walk(tree)):
            name = f"usr/local/{path.relative_to(prefix)}"
            if path.is_symlink():
                _link(layer, name, str(path.readlink()))
            elif path.is_dir():
                _folder(layer, name)
            else:
                _file(layer, name, path)
        for library in sorted((prefix / "lib").glob("libpython*.so*")):
            _file(layer, f"usr/local/lib/{library.name}", library.resolve())
            _link(layer, f"{LOADER}/{library.name}", f"/usr/local/lib/{library.name}")
    return target


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below ``folder`` that belongs into an image, in a fixed order."""
    yield folder
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT or path.suffix in (".a", ".pyc", ".exe"):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _info(name: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode = EPOCH, mode
    return info


def _folder(layer: tarfile.TarFile, name: str) -> None:
    info = _info(name, 0o755)
    info.type = tarfile.DIRTYPE
    layer.addfile(info)


def _link(layer: tarfile.TarFile, name: str, target: str) -> None:
    info = _info(name, 0o777)
    info.type, info.linkname = tarfile.SYMTYPE, target
    layer.addfile(info)


def _file(layer: tarfile.TarFile, name: str, path: Path) -> None:
    info = _info(name, 0o755 if path.stat().st_mode & 0o111 else 0o644)
    info.size = path.stat().st_size
    with path.open("rb") as stream:
        layer.addfile(info, stream)


def _layout(tars: Sequence[Path], folder: Path, version: str) -> Path:
    """An image in the layout of the Open Container Initiative; the same bytes for the same layers."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers, plain = [], []
    for tar in tars:
        partial = blobs / "partial"
        digest = hashlib.sha256()
        with tar.open("rb") as source, partial.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as sink:
            while block := source.read(2**20):
                digest.update(block)
                sink.write(block)
        plain.append(f"sha256:{digest.hexdigest()}")
        layers.append(_named(blobs, partial, "layer.v1.tar+gzip"))
    config = {
        "architecture": "amd64",
        "config": {
            "Cmd": ["python3"],
            "Env": ["LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", f"PYTHON_VERSION={version}"],
        },
        "created": CREATED,
        "history": [{"created": CREATED, "created_by": f"{COMMAND}: {name}"} for name in ("Debian", f"Python {version}")],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": plain},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _written(blobs, config, "config.v1+json"),
        "layers": layers,
    }
    entry = _written(blobs, manifest, "manifest.v1+json") | {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    return folder


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _written(blobs: Path, content: object, media: str) -> dict[str, object]:
    partial = blobs / "partial"
    partial.write_bytes(_json(content))
    return _named(blobs, partial, media)


def _named(blobs: Path, partial: Path, media: str) -> dict[str, object]:
    digest = hashlib.sha256()
    with partial.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    size = partial.stat().st_size
    partial.replace(blobs / digest.hexdigest())
    return {"digest": f"sha256:{digest.hexdigest()}", "mediaType": f"application/vnd.oci.image.{media}", "size": size}


def _push(layout: Path, target: str, key: str) -> str:
    """Push and ask the registry what it has; returns the digest."""
    plain = ["--dest-tls-verify=false"] if registry.is_plain(target.partition("/")[0]) else []
    command = ["skopeo", "copy", "--quiet", "--preserve-digests", *plain, f"oci:{layout}:latest", f"docker://{target}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "skopeo failed")
        problem = last.rpartition("msg=")[2].strip().strip('"').rstrip(".")
        raise EnvironmentUnavailable(f"{target} cannot be pushed: {problem}", where=key, hint="Start the registry, or name another")
    image, _, tag = target.rpartition(":")
    return registry.resolve(image, tag).index
