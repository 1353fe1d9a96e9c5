"""Engine ``apptainer``: Snakemake itself enters the image, through the rule's ``container:`` and ``--sdm apptainer``.

The jobs that enter cannot use the lab's own Python, which is not in the image. So a batch is three jobs: one asks (which cells are
missing), one runs inside (``scripts/sandbox/apptainer/supervisor.py``), and one takes what came of it into the store. Nothing is started
here.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from replab.engines.policy import load_policy
from replab.engines.processor import host_processor
from replab.engines.sandbox import Built, Launch, Log, Sandbox
from replab.engines.variables import search_path, thread_variables
from replab.errors import EnvironmentUnavailable, SandboxError
from replab.model import Environment, Limits

PYTHON = "/opt/lab/bin/python"
"""Where the recipe puts the environment (``replab.images.build``)."""
ALONE = "scripts/sandbox/apptainer/supervisor.py"


class ApptainerEngine:
    """Finds what was built and observed; refuses to start anything, since that would be on the host."""

    name = "apptainer"

    def __init__(self) -> None:
        # Apptainer changes no user: who is root outside is root inside.
        self.promises: tuple[str, ...] = ("container", "root", "environment", *(("user",) if os.geteuid() != 0 else ()))

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """See ``Engine.build``: reads the record of the image, which a node without network or daemon has as well."""
        from replab.images import record  # noqa: PLC0415 (no other engine needs it)

        places = [record.path_of(cache, environment.name, device, builder) for builder in ("docker", "podman")]
        known = next((found for place in places if (found := record.read(place)) is not None), None)
        if known is None:
            hint = f"Run 'snakemake images --config environments={environment.name}' on a machine with docker or podman"
            raise EnvironmentUnavailable("no image was built", where=environment.name, hint=hint)
        log(f"{environment.name}: image {known.image.digest}")
        return Built(
            environment=environment,
            engine=self.name,
            python=Path(known.image.python),
            folder=Path(known.image.python).parent.parent,
            identity=hashlib.sha256(f"{known.image.digest} {known.image.python}".encode()).hexdigest(),
            cache=cache.resolve(),
            image=known.image,
        )

    def changed(self, built: Built) -> str:
        """See ``Engine.changed``: nothing that runs can change an image, which is named by its digest."""
        del built
        return ""

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:
        """See ``Engine.verify``: `replab images check` looks into images."""
        del environment, cache, device
        return None

    def platform(self, built: Built) -> str:
        """See ``Engine.platform``: what is known from outside; ``inside_platform`` is made of what the probe saw."""
        del built
        return " ".join(host_processor())

    def command(self, sandbox: Sandbox) -> Launch:
        """See ``Engine.command``: raises ``SandboxError``, since whatever is started from here is started on the host."""
        hint = "Run 'snakemake --sdm apptainer --config engine=apptainer', or choose another engine"
        raise SandboxError("only Snakemake can start this engine", where=sandbox.built.environment.name, hint=hint)


def inside_platform(observed: Mapping[str, object], compiler: str, modes: Sequence[str]) -> str:
    """The platform as ``Engine.platform`` has it, from what the probe saw inside."""
    place = observed.get("platform")
    seen = place if isinstance(place, dict) else {}
    parts = [str(seen.get("machine", "")), str(seen.get("libc", "")).replace(" ", "-"), *host_processor()]
    if "compile" in modes:
        parts.append(compiler or "no-compiler")
    return " ".join(part for part in parts if part)


def inside_variables(
    environment: Environment, variables: Mapping[str, str], threads: int, folder: Path, *, gpu: bool = False
) -> dict[str, str]:
    """All variables of a process inside."""
    scratch = folder / ".scratch"
    ours = {
        **load_policy().fixed,
        "PATH": search_path(PYTHON),
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "compiled"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
    }
    if not gpu:
        ours["CUDA_VISIBLE_DEVICES"] = ""
    return ours | dict(environment.variables) | dict(variables) | thread_variables(threads)


def inside_command(
    environment: Environment,
    variables: Mapping[str, str],
    threads: int,
    limits: Limits,
    *,
    request: Path,
    folder: Path,
    done: Path,
    root: Path,
) -> str:
    """The line that a job runs inside the image: wiped variables, a bounded life, and the supervisor that needs no lab."""
    scratch = folder / ".scratch"
    pairs = [f"{name}={value}" for name, value in sorted(inside_variables(environment, variables, threads, folder).items())]
    words = [
        "timeout",
        "--signal=KILL",
        str(load_policy().seconds),
        "env",
        "-i",
        *pairs,
        PYTHON,
        str(root / ALONE),
        "--probe",
        str(root / "scripts/sandbox/probe/main.py"),
        "--request",
        str(request),
        "--out",
        str(folder),
        "--done",
        str(done),
        "--seconds",
        f"{limits.seconds:g}",
        "--memory-mb",
        str(limits.memory_mb),
    ]
    where = "test -d /.singularity.d || { echo 'replab: this job runs on the host. Run snakemake with --sdm apptainer' >&2; exit 12; }"
    folders = shlex.join(["mkdir", "-p", str(scratch / "home"), str(scratch / "tmp")])
    return f"{where}; {folders}; {shlex.join(words)}"
