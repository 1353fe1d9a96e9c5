"""Engine ``apptainer``: images as files, entered by a program that needs no daemon and no root."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from replab.engines.container import FIRST_SIGNAL, outermost
from replab.engines.image_engines import ImageEngine, built_from, inside_variables
from replab.engines.marks import marked
from replab.engines.policy import load_policy
from replab.engines.sandbox import Built, Ending, Launch, Log, Sandbox
from replab.engines.sif import convert, sif_file
from replab.engines.variables import make_scratch, scratch_folder
from replab.errors import EnvironmentUnavailable
from replab.model import Environment

BUILDERS = ("docker", "podman")
"""Whose images are converted."""
PASSED = ("HOME", "USER", "TMPDIR", "XDG_RUNTIME_DIR", "APPTAINER_TMPDIR", "APPTAINER_CACHEDIR", "APPTAINER_CONFIGDIR")
"""Variables of the caller that say where the program keeps its files: the only ones that reach it."""
POINTS = ("container", "network", "root", "output", "inputs", "capabilities", "processes", "environment")
"""What its options enforce. It changes no user, and limits on memory, processors and processes are the supervisor's and the scheduler's."""


class ApptainerEngine(ImageEngine):
    """Starts ``apptainer exec``: the program becomes the sandbox, so that whoever supervises processes of this host supervises it."""

    name = "apptainer"

    def __init__(self) -> None:
        self.promises = (*POINTS, *(("user",) if os.geteuid() != 0 else ()))  # who is root outside is root inside

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """See ``Engine.build``: reads the record of the image, and makes a file of it once; a node without a daemon has both then."""
        from replab.images import record  # noqa: PLC0415 (no other engine needs it)

        if device != "cpu":
            raise EnvironmentUnavailable("GPUs are not offered with apptainer yet", where=environment.name)
        entering = program()
        if entering is None:
            raise EnvironmentUnavailable("apptainer is not installed", where=environment.name, hint="Install it, or choose another engine")
        for builder in BUILDERS:
            built = record.read(record.path_of(cache, environment.name, device, builder))
            if built is not None:
                log(f"{environment.name}: image {built.image.digest}")
                convert(entering, environment, built.image, cache, builder)
                return built_from(self.name, environment, built.image, cache)
        hint = f"Run 'snakemake images --config environments={environment.name}' on a machine with docker or podman"
        raise EnvironmentUnavailable("no image was built", where=environment.name, hint=hint)

    def command(self, sandbox: Sandbox) -> Launch:
        """See ``Engine.command``."""
        folder = sandbox.writable.absolute()
        shutil.rmtree(scratch_folder(folder), ignore_errors=True)  # a sandbox that was killed may have left half a compiled file
        make_scratch(folder)
        variables = inside_variables(replace(sandbox, writable=folder))
        env = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"} | {name: os.environ[name] for name in PASSED if name in os.environ}
        return Launch(argv=exec_words(sandbox, folder, variables), env=env, cwd=folder, hold=ApptainerHold(folder=folder), inside=variables)


def program() -> str | None:
    """The program, under the name that it has here."""
    return shutil.which("apptainer") or shutil.which("singularity")


def exec_words(sandbox: Sandbox, folder: Path, variables: dict[str, str]) -> tuple[str, ...]:
    """The command line: the policy in Apptainer's words."""
    built = sandbox.built
    readable = outermost(tuple(str(path.absolute()) for path in sandbox.readable if path.absolute() != folder))
    return (
        program() or "apptainer",
        "--quiet",
        "exec",
        "--containall",  # processes, IPC, /tmp and variables of its own
        "--no-home",
        "--no-privs",
        "--no-mount",
        "bind-paths",  # what the site mounts everywhere, which can be written to
        "--net",
        "--network",
        "none",
        "--pwd",
        str(folder),
        "--bind",
        f"{folder}:{folder}",
        *(word for path in readable for word in ("--bind", f"{path}:{path}:ro")),
        str(sif_file(built)),
        "timeout",
        "--signal=KILL",
        str(load_policy().seconds),
        "env",
        "-i",
        *(f"{name}={value}" for name, value in sorted(variables.items())),
        str(built.python),
        *sandbox.argv,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ApptainerHold:
    """Steers the processes of a sandbox, which lie in sessions of their own: they are found by their mark."""

    folder: Path
    where: str = ApptainerEngine.name
    limits_memory: bool = False
    """See ``Hold.limits_memory``."""

    def freeze(self) -> None:
        """See ``Hold.freeze``."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """See ``Hold.thaw``."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """See ``Hold.end``: the supervisor looks for what is left."""
        self._signal(signal.SIGKILL)

    def ending(self, code: int) -> Ending:
        """See ``Hold.ending``: the program ends as a shell does."""
        return Ending(code=FIRST_SIGNAL - code if code > FIRST_SIGNAL and code - FIRST_SIGNAL in set(signal.Signals) else code)

    def _signal(self, number: signal.Signals) -> None:
        for pid in marked(self.folder):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
