"""Makes the file that Apptainer enters from an image that docker or podman has."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from replab.errors import EnvironmentUnavailable
from replab.model import Environment


def convert(environment: Environment, cache: Path, builder: str, out: Path, device: str = "cpu") -> None:
    """Write ``out``, a SIF file. Raises ``EnvironmentUnavailable`` when a tool or the image is missing."""
    from replab.images import find_image  # noqa: PLC0415
    from replab.images.builders import Builder  # noqa: PLC0415

    program = shutil.which("apptainer") or shutil.which("singularity")
    if program is None:
        raise EnvironmentUnavailable("apptainer is not installed", where=environment.name, hint="Install it, or choose another engine")
    image = find_image(environment, cache, builder, device)
    if image is None:
        raise EnvironmentUnavailable("its image was not built yet", where=environment.name, hint="Run 'snakemake images'")
    with tempfile.TemporaryDirectory(prefix="sif-", dir=cache) as scratch:
        archive = Path(scratch) / "image.tar"
        Builder(builder).save(image.reference, archive, where=environment.name)
        partial = out.with_name(f".{out.name}.partial")
        done = subprocess.run(
            [program, "build", "--force", str(partial), f"docker-archive:{archive}"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["without a message"])[-1]
            raise EnvironmentUnavailable(f"apptainer cannot convert its image: {last}", where=environment.name)
        partial.replace(out)
