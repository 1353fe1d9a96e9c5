"""Builds the image of an environment from its lock and its base, and finds it again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from replab.errors import EnvironmentUnavailable, PinError
from replab.images import bases, record, seal, wheels
from replab.images.bases import Base, Pin
from replab.images.builders import Builder
from replab.images.record import Image, Record
from replab.images.sbom import write_bill
from replab.locks import pins
from replab.locks.uv_tool import find_uv, run_uv
from replab.model import Environment

RECIPE = Path("containers") / "Dockerfile"
USER = 10001
HOME = "/opt/lab"
REMEDY = "Run 'snakemake images'"
_RUN_TIME = {
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108 - inside: the one folder that is always writable
    "USER": "lab",  # for programs that ask who they are, whatever the number they run as
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
}


REVISION = "REVISION"
"""A file beside a published ``env.toml``: see ``revision``."""


def find_image(environment: Environment, cache: Path, builder: str, device: str = "cpu") -> Image | None:
    """The image that was built for ``environment`` from its present lock; ``None`` when there is no such record.

    Raises ``EnvironmentUnavailable`` when the image is gone, ``PinError`` when it is another one than the record says.
    """
    built = record.read(record.path_of(cache, environment.name, device, builder))
    if built is None or built.image.lock_sha256 != _lock_sha256(environment, device):
        return None
    _confirm(built.image, Builder(builder), environment.name)
    return built.image


def build_image(
    environment: Environment,
    root: Path,
    cache: Path,
    builder: str,
    log: Callable[[str], None],
    bases: Path | None = None,
    device: str = "cpu",
) -> Image:
    """The image of ``environment``, built unless the record and the image of just these inputs are there.

    ``bases`` is another lock of base images than ``containers/bases.lock``.
    Raises ``EnvironmentUnavailable``, ``PinError`` or ``ConfigError`` with one sentence.
    """
    name = environment.name
    base, pin = base_of(environment, root, bases, device)
    if not base.from_image and (problems := pins.check(environment, device)):
        raise PinError(problems[0], where=name)
    inputs = _inputs(environment, root, base, pin, device)
    record_path = record.path_of(cache, name, device, builder)
    built = record.read(record_path)
    program = Builder(builder)
    if built is not None and built.inputs == inputs and program.inspect(built.image.reference, where=name) is not None:
        _confirm(built.image, program, name)
        return built.image
    started = time.monotonic()
    log(f"{name}: building an image on {pin.reference} with {builder}")
    program.pull(pin.reference, where=name)
    labels = _labels(environment, root, pin, device)
    with _scratch(cache) as scratch:
        if base.from_image:
            image = _as_it_is(program, environment, base, pin, labels)
            files: tuple[wheels.File, ...] = ()
        else:
            files = wheels.gather(environment, device, record.folder(cache) / "wheels", log)
            image = _build(program, environment, root, base, pin, labels, files, scratch, device)
    write_bill(record.folder(cache) / f"{name}-{device}-{builder}.cdx.json", environment, image, files, program)
    record.write(record_path, Record(image, inputs))
    log(f"{name}: {image.digest} in {time.monotonic() - started:.0f} s")
    return image


def base_of(environment: Environment, root: Path, lock: Path | None, device: str) -> tuple[Base, Pin]:
    """The base of an environment and its digests; see ``bases.pin_of``."""
    return bases.pin_of(root, environment.base_key(device), lock, where=environment.name)


def _build(
    program: Builder,
    environment: Environment,
    root: Path,
    base: Base,
    pin: Pin,
    labels: Mapping[str, str],
    files: tuple[wheels.File, ...],
    scratch: Path,
    device: str,
) -> Image:
    name = environment.name
    below = program.inspect(pin.reference, where=name)
    if below is None:
        raise EnvironmentUnavailable(f"the base image {pin.reference} went away while it was used", where=name, hint="Try again")
    context = scratch / "context"
    wheels.link_into(files, context / "wheels")
    shutil.copyfile(pins.lock_of(environment, device), context / "requirements.lock")
    uv = find_uv()
    if uv is None:
        raise EnvironmentUnavailable("uv is not installed", where=name, hint="Install the lab's own dependencies again")
    shutil.copy(uv, context / "uv")
    raw = f"localhost/replab/building:{scratch.name.lower()}"
    tag = f"localhost/replab/{name}:{device}-{labels['replab.lock'][:12]}"
    try:
        program.build(context, root / RECIPE, {"BASE": pin.reference, "PYTHON": base.python}, raw, where=name)
        shutil.rmtree(context)
        program.save(raw, scratch / "built.tar", where=name)
    finally:
        program.clean(raw)
    variables = _variables(below, files, environment.python)
    settings = {
        "Cmd": [f"{HOME}/bin/python"],
        "Env": [f"{key}={value}" for key, value in sorted(variables.items())],
        "User": f"{USER}:{USER}",
        "WorkingDir": "/",
    }
    layers = below["RootFS"]["Layers"]
    sealed = seal.seal(scratch / "built.tar", layers, scratch / "sealed.tar", tag=tag, settings=settings, labels=labels)
    (scratch / "built.tar").unlink()
    program.load(sealed.path, where=name)
    loaded = program.inspect(tag, where=name)
    if loaded is None:
        raise EnvironmentUnavailable(f"{program.name} did not keep the image that was built", where=name, hint="Try again")
    return Image(
        reference=normal_id(str(loaded["Id"])),
        digest=sealed.digest,
        python=f"{HOME}/bin/python",
        uid=USER,
        gid=USER,
        base=pin.reference,
        lock_sha256=labels["replab.lock"],
        labels=dict(labels),
        variables=variables,
    )


def _as_it_is(program: Builder, environment: Environment, base: Base, pin: Pin, labels: Mapping[str, str]) -> Image:
    """An image whose framework comes with it: run as it was published."""
    inspected = program.inspect(pin.reference, where=environment.name)
    if inspected is None:
        problem = f"the base image {pin.reference} went away while it was used"
        raise EnvironmentUnavailable(problem, where=environment.name, hint="Try again")
    return Image(
        reference=pin.reference,
        digest=pin.manifest or pin.index,
        python=base.python,
        uid=USER,
        gid=USER,
        base=pin.reference,
        lock_sha256="",
        labels=dict(labels),
        variables=_set_by(inspected),
    )


def _confirm(image: Image, program: Builder, name: str) -> None:
    """Whether the image of a record is still there, and still the one."""
    inspected = program.inspect(image.reference, where=name)
    if inspected is None:
        raise EnvironmentUnavailable(f"its image {image.digest} is not there any more", where=name, hint=REMEDY)
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    other = image.lock_sha256 and labels.get("replab.lock") != image.lock_sha256
    if other or (not _is_name(image.reference) and normal_id(str(inspected["Id"])) != image.reference):
        raise PinError(f"its image has another digest than {image.digest}", where=name, hint=f"{REMEDY}, or find out who changed it")
    if not _is_name(image.reference) and image.digest != image.reference and not _keeps_manifests(program):
        problem = f"its record says {image.digest}, its image {image.reference}"
        raise PinError(problem, where=name, hint=f"Delete the record below images/ in the cache. {REMEDY}")


def _keeps_manifests(program: Builder) -> bool:
    """Whether images are known by the digest of their manifest: Docker with containerd's store does so."""
    arguments = ["info", "--format", "{{json .DriverStatus}}"]
    return program.name == "docker" and "io.containerd" in program.call(arguments, where="images", problem="docker info")


def _is_name(reference: str) -> bool:
    return "@" in reference


def normal_id(text: str) -> str:
    """The id as Docker writes it: podman leaves ``sha256:`` out."""
    return text if text.startswith("sha256:") else f"sha256:{text}"


def _set_by(inspected: Mapping[str, object]) -> dict[str, str]:
    """The variables that an image sets."""
    config = inspected.get("Config")
    entries = config.get("Env") or [] if isinstance(config, dict) else []
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


def _variables(below: Mapping[str, object], files: tuple[wheels.File, ...], python: str) -> dict[str, str]:
    """What programs inside find: the base's PATH behind the environment's own, and the folders of CUDA libraries that came in wheels."""
    path = _set_by(below).get("PATH", "/usr/local/bin:/usr/bin:/bin")
    variables = {**_RUN_TIME, "PATH": f"{HOME}/bin:{path}"}
    folders = wheels.library_folders(files, python)
    if folders:  # TensorFlow's own search path misses some of them; the first two are where the driver is put into a container
        variables["LD_LIBRARY_PATH"] = ":".join(["/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu", *folders])
        variables["NVIDIA_VISIBLE_DEVICES"] = "none"  # an engine that leases a GPU says which
        variables["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    return variables


def _labels(environment: Environment, root: Path, pin: Pin, device: str) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": f"replab/{environment.name}",
        "org.opencontainers.image.revision": revision(root, environment),
        "org.opencontainers.image.base.name": f"{pin.name}:{pin.tag}",
        "org.opencontainers.image.base.digest": pin.index,
        "replab.environment": environment.name,
        "replab.device": device,
        "replab.lock": _lock_sha256(environment, device),
        "replab.installer": " ".join(run_uv(["--version"]).split()[:2]),
    }


def revision(root: Path, environment: Environment) -> str:
    """The commit that last changed the recipe or the environment, ``+`` when either was edited since.

    Not the commit at hand: a change elsewhere must not give the image another digest. Outside of a repository what a published copy says in
    a file ``REVISION``, else ``unknown``.
    """
    paths = [str(RECIPE), f"containers/{environment.name}"]
    commit = _git(root, "log", "-1", "--format=%H", "--", *paths)
    changed = _git(root, "status", "--porcelain", "--", *paths)
    copied = environment.folder / REVISION
    published = copied.read_text(encoding="utf-8").strip() if copied.is_file() else ""
    return (f"{commit}+" if changed else commit) or published or "unknown"


def _git(root: Path, *arguments: str) -> str:
    """What git says; nothing where there is no git or no repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    return subprocess.run([git, "-C", str(root), *arguments], capture_output=True, text=True, check=False).stdout.strip()


def _inputs(environment: Environment, root: Path, base: Base, pin: Pin, device: str) -> str:
    """Digest of all that the image depends on, except who builds it and when."""
    made_from = {
        "recipe": hashlib.sha256((root / RECIPE).read_bytes()).hexdigest(),
        "base": pin.index,
        "python": base.python,
        "lock": _lock_sha256(environment, device),
        "variables": _RUN_TIME,
        "user": USER,
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _lock_sha256(environment: Environment, device: str) -> str:
    """Of the lock that is installed; empty where the packages come with the base."""
    if device not in environment.devices or pins.lock_of(environment, device).stem not in pins.locked_devices(environment):
        return ""
    if device == "cuda" and environment.cuda is not None and environment.cuda.base and not environment.cuda.requirements:
        return ""
    path = pins.lock_of(environment, device)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    """A folder on the disk of the cache, gone at the end."""
    parent = record.folder(cache)
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=parent) as folder:
        yield Path(folder)
