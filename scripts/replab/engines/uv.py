"""Engine ``uv``: a virtual environment built from the lock."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from replab.engines.base import Built, Launch, Log, local_platform, local_variables
from replab.engines.interpreters import find_interpreter
from replab.engines.uvtool import UvFailed, run_uv, with_index
from replab.errors import EnvironmentUnavailable
from replab.model import Environment, Limits
from replab.pins import check, index_of, lock_of

_MARKER = "replab.json"


class UvEngine:
    """Virtual environments under ``<cache>/environments``, one for each lock."""

    name = "uv"
    promises: tuple[str, ...] = ("environment",)

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """See ``Engine.build``. The folder's name holds the hash of the lock, so a new lock never touches an old environment."""
        problems = check(environment, device)
        if problems:
            raise EnvironmentUnavailable(problems[0], where=environment.name)
        identity = hashlib.sha256(lock_of(environment, device).read_bytes() + environment.python.encode()).hexdigest()
        folder = cache.resolve() / "environments" / f"{environment.name}-{identity[:12]}"
        built = Built(
            environment=environment,
            engine=self.name,
            python=folder / "bin" / "python",
            folder=folder,
            identity=identity,
            cache=cache.resolve(),
        )
        if not _ready(built):
            try:
                _build(built, log, device)
            except UvFailed as failed:
                raise EnvironmentUnavailable(failed.failure.problem, where=environment.name, hint=failed.failure.hint) from failed
            except OSError as error:
                problem = f"{error.filename or folder} cannot be written: {error.strerror}"
                raise EnvironmentUnavailable(problem, where=environment.name, hint="Free some space, or choose another cache") from error
        return built

    def platform(self, built: Built) -> str:
        """See ``Engine.platform``: the wheels call this host's C library."""
        return local_platform(built)

    def command(
        self,
        built: Built,
        argv: Sequence[str],
        *,
        variables: Mapping[str, str],
        threads: int,
        limits: Limits,  # noqa: ARG002 - the supervisor watches processes of this host
        writable: Path,
        readable: Sequence[Path],  # noqa: ARG002 - all of this host can be read
        gpus: Sequence[str] = (),
    ) -> Launch:
        """See ``Engine.command``."""
        env = local_variables(built, variables, threads, writable, gpus)
        return Launch(argv=(str(built.python), *argv), env=env, cwd=writable)


def _ready(built: Built) -> bool:
    """The environment was finished, and the interpreter it rests on is still there."""
    return (built.folder / _MARKER).is_file() and os.access(built.python, os.X_OK)


def _build(built: Built, log: Log, device: str) -> None:
    """Builds in a folder of another name and renames it: a folder of the right name is always whole."""
    environment, folder = built.environment, built.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f".{folder.name}.lock")):
        if _ready(built):
            return  # another process built it while this one waited
        started = time.monotonic()
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        python, version = find_interpreter(environment.python, where=environment.name)
        log(f"{environment.name}: building with Python {version}")
        run_uv(["venv", "--no-project", "--relocatable", "--python", str(python), str(partial)])
        # Sources that have no wheel are built with the setuptools of the lock. The bytecode is written now because
        # processes inside may not write; without it every import of a framework would compile thousands of files.
        lock = str(lock_of(environment, device).resolve())
        install = ["pip", "sync", "--require-hashes", "--build-constraints", lock, "--compile-bytecode"]
        with_index([*install, "--python", str(partial / "bin" / "python"), lock], index_of(environment, device))
        marker = {"environment": environment.name, "identity": built.identity, "python": version, "interpreter": str(python)}
        (partial / _MARKER).write_text(json.dumps(marker, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # one whose interpreter was removed
        partial.rename(folder)
        log(f"{environment.name}: built in {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Holds a lock that ends with the process, however it ends."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
