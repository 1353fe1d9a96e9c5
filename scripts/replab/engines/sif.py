"""Makes the file that Apptainer enters from an image that docker or podman has."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from replab.engines.sandbox import Built, Image
from replab.errors import EnvironmentUnavailable, LabError
from replab.model import Environment


def sif_file(built: Built) -> Path:
    """Where the file of an environment's image lies. Raises ``LabError`` for one without an image."""
    if built.image is None:
        raise LabError("was built by an engine without images", where=built.environment.name)
    return _file(built.cache, built.environment, built.image)


def _file(cache: Path, environment: Environment, image: Image) -> Path:
    from replab.images import record  # noqa: PLC0415 (no other engine needs it)

    return record.folder(cache) / f"{environment.name}-{image.digest.removeprefix('sha256:')[:12]}.sif"


def convert(program: str, environment: Environment, image: Image, cache: Path, builder: str) -> None:
    """Make the file of an image where it is not there yet. Raises ``EnvironmentUnavailable``."""
    from replab.images.builders import Builder  # noqa: PLC0415

    out = _file(cache, environment, image)
    with _alone(out.with_name(f".{out.name}.lock")):
        if out.is_file():
            return
        with tempfile.TemporaryDirectory(prefix="sif-", dir=cache) as scratch:
            archive, partial = Path(scratch) / "image.tar", Path(scratch) / out.name
            Builder(builder).save(image.reference, archive, where=environment.name)
            words = [program, "build", "--force", str(partial), f"docker-archive:{archive}"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["without a message"])[-1]
                raise EnvironmentUnavailable(f"apptainer cannot convert its image: {last}", where=environment.name)
            partial.replace(out)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Holds a lock that ends with the process, however it ends."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
