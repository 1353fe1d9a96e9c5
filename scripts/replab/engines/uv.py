"""Engine ``uv``: a virtual environment built from the lock."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from replab.engines import installed
from replab.engines.processor import local_platform
from replab.engines.sandbox import Built, Launch, Log, Sandbox
from replab.engines.variables import local_variables
from replab.errors import EnvironmentUnavailable
from replab.locks.interpreters import describe, find_interpreter, touched, without_paths
from replab.locks.pins import check, index_of, lock_of, named
from replab.locks.uv_tool import UvFailed, run_uv, with_index
from replab.model import Environment


class UvEngine:
    """Virtual environments under ``<cache>/environments``, one for each lock."""

    name = "uv"
    promises: tuple[str, ...] = ("environment",)

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """See ``Engine.build``. The folder's name holds the hash of the lock, so a new lock never touches an old environment.

        One that is there already is used only if it is what it was when it was built; else it is built anew, and that is said.
        """
        problems = check(environment, device)
        if problems:
            raise EnvironmentUnavailable(problems[0], where=environment.name)
        built = _planned(environment, cache, device)
        marker = installed.read(built.folder)
        if marker is None or not (installed.seen_in_this_run(built.folder) or self._look(built.folder, marker)):
            try:
                marker = _mended(built, log, device)
            except UvFailed as failed:
                raise EnvironmentUnavailable(failed.failure.problem, where=environment.name, hint=failed.failure.hint) from failed
            except OSError as error:
                problem = f"{error.filename or built.folder} cannot be written: {error.strerror}"
                raise EnvironmentUnavailable(problem, where=environment.name, hint="Free some space, or choose another cache") from error
        return replace(built, installed=marker.files, interpreter=without_paths(marker.interpreter))

    @staticmethod
    def _look(folder: Path, marker: installed.Marker) -> bool:
        untouched = installed.looks_untouched(folder, marker)
        installed.note_seen(folder, untouched=untouched)
        return untouched

    def changed(self, built: Built) -> str:
        """See ``Engine.changed``."""
        marker = installed.read(built.folder)
        if marker is None:
            return "its marker is gone"
        if marker.files != built.installed:
            return "it was changed and built anew meanwhile"
        if self._look(built.folder, marker):
            return ""
        faults = installed.verify_environment(built.folder, marker)
        _note(built.folder, marker, faults)
        return installed.some(faults)

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:
        """See ``Engine.verify``. One that is not as it was is not used again, however its times may look."""
        if not lock_of(environment, device).is_file():
            return None
        folder = _planned(environment, cache, device).folder
        marker = installed.read(folder)
        if marker is None:
            return None
        faults = installed.verify_environment(folder, marker)
        _note(folder, marker, faults)
        return faults

    def platform(self, built: Built) -> str:
        """See ``Engine.platform``: the wheels call this host's C library."""
        return local_platform(built)

    def command(self, sandbox: Sandbox) -> Launch:
        """See ``Engine.command``: its limits are the supervisor's to watch, and all of this host can be read."""
        return Launch(argv=(str(sandbox.built.python), *sandbox.argv), env=local_variables(sandbox), cwd=sandbox.writable)


def _planned(environment: Environment, cache: Path, device: str) -> Built:
    """The environment as it will be, built or not."""
    identity = hashlib.sha256(lock_of(environment, device).read_bytes() + environment.python.encode()).hexdigest()
    folder = cache.resolve() / "environments" / f"{environment.name}-{identity[:12]}"
    return Built(
        environment=environment,
        engine=UvEngine.name,
        python=folder / "bin" / "python",
        folder=folder,
        identity=identity,
        cache=cache.resolve(),
    )


def _note(folder: Path, marker: installed.Marker, faults: Collection[str]) -> installed.Marker:
    """Keep what a reading of every byte came to: a stamp that is looked at from now on, or none: it is built anew before its next use."""
    with contextlib.suppress(OSError):  # a cache that others fill: read again next time
        if faults:
            marker = replace(marker, stamp="")
        elif marker.interpreter["path"] == os.path.realpath(folder / "bin" / "python"):
            interpreter = {**marker.interpreter, "touched": touched(marker.interpreter)}
            marker = replace(marker, stamp=installed.stamp(folder), interpreter=interpreter)
        else:
            marker = replace(marker, stamp=installed.stamp(folder))
        installed.write(folder, marker)
    return marker


def _mended(built: Built, log: Log, device: str) -> installed.Marker:
    """The marker of an environment that is what its lock says; builds it where it is not there, or is no longer that."""
    environment, folder = built.environment, built.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f".{folder.name}.lock")):
        marker = installed.read(folder)
        if marker is not None:
            if installed.looks_untouched(folder, marker):
                return marker  # another process built it while this one waited
            faults = installed.verify_environment(folder, marker)
            if not faults:
                return _note(folder, marker, faults)
            _tell(environment, f"{installed.some(faults)}: it is built anew from its lock", log)
        elif folder.exists():
            _tell(environment, f"{installed.MARKER} does not say what its files were: it is built anew from its lock", log)
        return _build(built, log, device)


def _build(built: Built, log: Log, device: str) -> installed.Marker:
    """Builds in a folder of another name and renames it: a folder of the right name is always whole."""
    environment, folder = built.environment, built.folder
    started = time.monotonic()
    partial = folder.with_name(f".{folder.name}.partial")
    python, version = find_interpreter(environment.python, where=environment.name)
    log(f"{environment.name}: building with Python {version}")
    files, faults, contents = _install(built, python, partial, device)
    if faults:
        # What uv keeps of a wheel is a folder of files that anybody may have changed since its hash was checked.
        spoilt = installed.distribution_of(partial, faults[0]) or "NAME"
        _tell(environment, f"{installed.some(faults)}: uv's cache is spoilt ('uv cache clean {spoilt}' empties it), and not used", log)
        try:
            files, faults, contents = _install(built, python, partial, device, "--no-cache")
        except UvFailed as failed:
            problem = f"uv's cache is spoilt, and without it {failed.failure.problem}"
            raise EnvironmentUnavailable(problem, where=environment.name, hint=failed.failure.hint) from failed
    if faults:
        hint = "Look at the disk and at what else writes there"
        raise EnvironmentUnavailable(f"was built, but {installed.some(faults)}", where=environment.name, hint=hint)
    marker = installed.Marker(
        environment=environment.name,
        identity=built.identity,
        files="",
        contents=contents,
        interpreter=describe(partial / "bin" / "python", where=environment.name),
    )
    marker = installed.finish(partial, marker, files)
    shutil.rmtree(folder, ignore_errors=True)  # one that was changed, or whose interpreter was
    partial.rename(folder)
    log(f"{environment.name}: built in {time.monotonic() - started:.0f} s")
    return marker


def _install(built: Built, python: Path, partial: Path, device: str, *options: str) -> tuple[installed.Files, list[str], str]:
    """Make ``partial`` from nothing: its files, what is wrong with them, and ``Marker.contents``."""
    environment = built.environment
    shutil.rmtree(partial, ignore_errors=True)
    run_uv(["venv", "--no-project", "--relocatable", "--python", str(python), str(partial)])
    beside = {*installed.list_files(partial), ".lock"}  # the last is uv's, for the time of an installation
    # Sources that have no wheel are built with the setuptools of the lock. The bytecode is written now because
    # processes inside may not write; without it every import of a framework would compile thousands of files.
    # Copies: a file that is a link into uv's cache is changed there, and in every other environment, by whoever writes to it.
    lock = lock_of(environment, device).resolve()
    install = ["pip", "sync", "--require-hashes", "--build-constraints", str(lock), "--compile-bytecode", "--link-mode", "copy", *options]
    with_index([*install, "--python", str(partial / "bin" / "python"), str(lock)], index_of(environment, device))
    files = installed.list_files(partial)
    faults, contents = installed.against_records(partial, files, beside, named(lock))
    return files, faults, contents


def _tell(environment: Environment, sentence: str, log: Log) -> None:
    """What changed is said wherever the log goes: somebody's code, or a disk, did that."""
    log(f"{environment.name}: {sentence}")
    print(f"{environment.name}: {sentence}", file=sys.stderr, flush=True)  # noqa: T201


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Holds a lock that ends with the process, however it ends."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
