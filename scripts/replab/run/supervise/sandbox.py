"""One sandbox: a process that runs cells, what it says, and how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from replab import sealed, texts
from replab.contract.request import Asked, AskedCell
from replab.engines.marks import MARK, limit_of
from replab.engines.sandbox import Hold, Launch
from replab.errors import LabError, SandboxError
from replab.model import Limits, Status
from replab.run.cgroup import oom_kills
from replab.run.supervise.cells import CellsLeft
from replab.run.supervise.journal import JOURNAL, JournalReader
from replab.run.supervise.memory import MemoryWatch
from replab.run.supervise.processes import bound_child, sweep

POLL_SECONDS = 0.05
EXIT_OUTPUT, OUTPUT_FAILED = 5, "the output folder cannot be written: "
"""How the probe ends when it cannot write what a cell gave: nothing that is said about the cell."""
EXIT_STATE = 6
"""How the probe ends between two cells when the next one needs a new process, since one before it moved what all of them share."""
ROOM = 16 * 2**20
"""Bytes: where so much is free once a sandbox was cleared away, it was the sandbox that had filled the disk."""
REPLACED = "it removed or replaced the folder that results are written to, which was made again"
FREE_SPACE = "Free some space and run again: finished cells are kept"
NOT_ISOLATED = "Nothing was computed. docs/containers.md says what each point needs"
OUTPUT_MB = 64
"""A sandbox that prints more than this is stopped."""
LAST_WORDS = 300
FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP)
"""Signals by which schedulers end jobs."""
OUTSIDE_SECONDS = 1.0
"""Whoever ends a job signals all of its processes: when the sandbox was hit before its supervisor, that one's turn comes within this."""
FAILED = frozenset(Status) - {Status.OK}

LaunchFactory = Callable[[Path, Path], Launch]


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What holds for every sandbox of a batch."""

    launch_factory: LaunchFactory
    request: Asked
    staging: Path
    """The only folder that a sandbox writes to; it belongs to this batch alone."""
    limits: Limits
    log: Path
    import_seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a sandbox was stopped by its supervisor."""

    status: Status
    reason: str
    doubtful: bool = False
    """Somebody else may have caused it: the cell gets a second sandbox, and has that to itself."""
    lacks_room: bool = False
    """The result could not be written: that says nothing about the function."""


class SandboxRun:
    """One process and what it says."""

    def __init__(self, terms: Terms, cells: CellsLeft, check: Callable[[], None]) -> None:
        """``check`` raises ``SystemExit`` when this process was told to end."""
        self.terms, self.cells, self.check = terms, cells, check
        self.ready = False
        self.settled = 0
        """Cells that this process finished."""
        self.in_flight: str | None = None
        self.begun = False
        """Whether the function of the cell in flight was called."""
        self._flight_began = 0.0
        self._flight_ended = 0.0
        self._import_failure = self._breach = ""
        self._damaged: tuple[str, str] | None = None
        self._doubt: Stop | None = None
        """What is wrong with the result of the cell in flight."""
        self._oom = False
        self.code = 0
        """How the sandbox ended: negative for a signal."""
        self.hold: Hold | None = None
        self._kills_before = oom_kills()
        self._log_start = terms.log.stat().st_size if terms.log.exists() else 0

    def run(self, chosen: Sequence[AskedCell]) -> Stop | None:
        """Run the ``chosen`` of the cells, to the end of the process; returns why it was stopped, or None when it ended by itself."""
        terms = self.terms
        request = terms.staging / "request.json"
        try:
            _empty(terms.staging)
            self._folder_identity = _identity(terms.staging)
            request.write_bytes(sealed.seal({**terms.request, "cells": list(chosen)}))
            journal = JournalReader(terms.staging / JOURNAL)
        except OSError as error:
            raise SandboxError(f"cannot be written: {error.strerror}", where=str(request), hint=FREE_SPACE) from None
        launch = terms.launch_factory(request, terms.staging)
        self.hold = launch.hold
        if self.hold is not None:
            self.hold.end()  # one that a supervisor before this one could not end
        self.cells.summary.sandboxes += 1
        self._began = time.monotonic()
        try:
            with terms.log.open("ab") as output:
                self.process = subprocess.Popen(
                    launch.argv,
                    env={**launch.env, MARK: str(terms.staging)},
                    cwd=launch.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=bound_child(  # noqa: PLW1509 (the supervisor starts no threads: no lock can be held across the fork)
                        terms.limits,
                        os.getpid(),
                        bound_memory=terms.request.get("device", "cpu") == "cpu",
                        mark=None if self.hold is not None else limit_of(terms.staging),
                    ),
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxError(f"cannot be started: {error}", where=launch.argv[0]) from None
        try:
            stop = self._follow(journal)
        finally:
            journal.close()
            self._end()
        if self.hold is not None and stop is None:
            ending = self.hold.ending(self.process.returncode)
            if ending.broken:
                raise SandboxError(ending.broken, where=self.hold.where)
            self.code, self._oom = ending.code, ending.oom
        else:
            self.code = self.process.returncode
        if self._breach:
            problem = f"the sandbox is not isolated as its engine promised: {self._breach}"
            raise SandboxError(problem, where=terms.request["environment"], hint=NOT_ISOLATED)
        if self._damaged is not None:
            self._put_aside(*self._damaged)
        if stop is None and _identity(terms.staging) != self._folder_identity:
            return Stop(Status.ERROR, REPLACED, doubtful=True)
        if stop is None and self.code == EXIT_OUTPUT and self._last_words().startswith(OUTPUT_FAILED):
            return self._full()
        return stop

    def _full(self) -> Stop:
        """A result could not be written: for what this sandbox had written before, or for good. Raises ``SandboxError`` for the latter."""
        with contextlib.suppress(OSError):
            _empty(self.terms.staging)
            disk = os.statvfs(self.terms.staging)
            if disk.f_bavail * disk.f_frsize >= ROOM:  # it was in the way itself, or this cell wants too much
                return Stop(Status.ERROR, self._last_words(), doubtful=True, lacks_room=True)
        raise SandboxError(self._last_words(), where=str(self.terms.staging), hint=FREE_SPACE)

    def _put_aside(self, name: str, wrong: str) -> None:
        """Raise ``SandboxError`` for a file that is not what it was; an input is renamed, so that it is made again."""
        if re.fullmatch(r"[0-9a-f]{64}\.npy", name) is None:
            raise SandboxError(wrong, where=str(self.terms.staging / name), hint="Run again: finished cells are kept")
        path = Path(self.terms.request["inputs"]) / name
        with contextlib.suppress(OSError):
            if hashlib.sha256(path.read_bytes()).hexdigest() == path.stem:
                raise SandboxError(f"{wrong}, in the sandbox; here it is sound", where=str(path), hint="Run again: finished cells are kept")
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        hint = "It is put aside and made again at the next start; finished cells are kept"
        raise SandboxError(wrong, where=str(path), hint=hint)

    def _follow(self, journal: JournalReader) -> Stop | None:
        memory = MemoryWatch(self.process.pid, "" if self.hold is None or self.hold.limits_memory else str(self.terms.staging))
        while True:
            self.check()
            code = self.process.poll()
            self._read(journal)
            if code is not None:
                self._read(journal)
                self._flight_ended = time.monotonic()
                return self._doubt
            stop = self._doubt or self._over_limit(memory)
            if stop is not None:
                # Frozen first: the journal then says whether the limit was met after all, and nothing is killed in the middle of a rename.
                self._freeze(on=True)
                before = self.in_flight
                self._read(journal)
                if self.in_flight == before:
                    self._flight_ended = time.monotonic()
                    return stop
                self._freeze(on=False)
            time.sleep(POLL_SECONDS)

    def _read(self, journal: JournalReader) -> None:
        for entry in journal.entries():
            if self._doubt is None:
                self._take(entry)

    def _freeze(self, *, on: bool) -> None:
        if self.hold is not None:
            (self.hold.freeze if on else self.hold.thaw)()
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def _take(self, entry: dict[str, object]) -> None:
        """One line of the journal. Cells can write there too: only what fits the state of things is believed."""
        cells = self.cells
        match entry:
            case {"ready": True} if not self.ready:
                self.ready = True
                cells.summary.import_seconds += time.monotonic() - self._began
            case {"breach": str(message)} if not self.ready:
                self._breach = message
            case {"failed": str(message)} if not self.ready:
                self._import_failure = message
            case {"damaged": str(name), "wrong": str(wrong)} if not self.ready or (self._expects(name) and not self.begun):
                self._damaged = (name, wrong)
            case {"start": str(key)} if self.ready and self.in_flight is None and key in cells.left:
                self.in_flight, self._flight_began, self.begun = key, time.monotonic(), False
            case {"begun": str(key)} if key == self.in_flight:
                self.begun = True
                cells.unloaded.pop(cells.left[key]["impl"], None)
            case {"done": str(key), "again": True, "status": str(status), "reason": str(reason)} if key == self.in_flight:
                if not self.begun and status in FAILED:
                    self.in_flight = None
                    self.settled += 1
                    cells.postpone(key, Status(status), reason)
            case {"done": str(key), "status": str(status), "seconds": int() | float() as seconds} if key == self.in_flight:
                self._done(key, status, float(seconds))
            case _:
                pass

    def _done(self, key: str, status: str, seconds: float) -> None:
        """Adopt the result of the cell in flight, or have it computed by a sandbox of its own."""
        if _identity(self.terms.staging) != self._folder_identity:
            self._doubt = Stop(Status.ERROR, REPLACED, doubtful=True)
            return
        try:
            self.cells.adopt(key, status, seconds)
        except LabError as error:
            if error.hint:  # it is the store that cannot be written
                raise
            self._doubt = Stop(Status.ERROR, f"the sandbox left a damaged result: {error.problem}", doubtful=True)
            return
        self.in_flight = None
        self.settled += 1

    def _expects(self, name: str) -> bool:
        """Whether ``name`` is an input of the cell in flight."""
        if self.in_flight is None:
            return False
        cell = self.cells.left[self.in_flight]
        items = [*cell["inputs"], *(item for level in cell["cotangents"] for item in level)]
        return any(name == f"{item['sha256']}.npy" for item in items)

    def _over_limit(self, memory: MemoryWatch) -> Stop | None:
        limits, now = self.terms.limits, time.monotonic()
        if not self.ready and now - self._began > self.terms.import_seconds:
            return Stop(Status.TIMEOUT, f"the framework was not imported within {self.terms.import_seconds:g} s")
        if self.in_flight is not None and now - self._flight_began > limits.seconds:
            return Stop(Status.TIMEOUT, f"took longer than the limit of {limits.seconds:g} s")
        used = memory.megabytes(now)
        self.cells.summary.peak_mb = max(self.cells.summary.peak_mb, used)
        if used > limits.memory_mb:
            return Stop(Status.OOM, f"used {used:.0f} MiB of memory, the limit is {limits.memory_mb} MiB")
        if self.terms.log.stat().st_size - self._log_start > OUTPUT_MB * 2**20:
            return Stop(Status.ERROR, f"printed more than {OUTPUT_MB} MiB")
        return None

    def seconds_in_flight(self) -> float:
        """How long the cell in flight was."""
        return max(0.0, self._flight_ended - self._flight_began)

    def crash(self) -> Stop:
        """How the process ended by itself, in words.

        Raises ``SandboxError`` when it was not the cell's doing, but a limit of the job that this batch runs in: nothing is recorded then.
        """
        code, words = self.code, texts.plain(self._last_words())
        if self._oom:
            return Stop(Status.OOM, f"the limit of {self.terms.limits.memory_mb} MiB of memory was exceeded, and the sandbox killed")
        if -code in FROM_OUTSIDE:
            time.sleep(OUTSIDE_SECONDS)
            if oom_kills() > self._kills_before:
                cell = self.cells.left[self.in_flight]["id"] if self.in_flight else "the import of the framework"
                raise SandboxError(
                    f"{cell} needed more memory than this job has",
                    where=self.terms.staging.name,
                    hint="The job is to ask for more (--set-resources batch:mem_mb=…); what it had finished is kept",
                )
        if "bad_alloc" in words or "DefaultCPUAllocator" in words or words.startswith("MemoryError"):
            return Stop(Status.OOM, f"could not allocate memory: {words}")
        how = f"the process was killed by {_signal_name(-code)}" if code < 0 else f"the process left with exit code {code}"
        return Stop(Status.CRASHED, f"{how}; it last said: {words}" if words else how, doubtful=-code in FROM_OUTSIDE)

    @property
    def said_why(self) -> bool:
        """Whether the probe itself said why the framework could not be imported."""
        return not self.ready and bool(self._import_failure)

    def not_ready(self, verdict: Stop) -> str:
        """Why the framework never became ready."""
        if self._import_failure:
            return f"the framework could not be imported: {self._import_failure}"
        return verdict.reason if verdict.status is Status.TIMEOUT else f"before the framework was imported, {verdict.reason}"

    def _last_words(self) -> str:
        """The last line that this process printed."""
        with self.terms.log.open("rb") as output:
            output.seek(max(self._log_start, output.seek(0, os.SEEK_END) - 4096))
            lines = [line.strip() for line in output.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1][:LAST_WORDS] if lines else ""

    def _end(self) -> None:
        """No process of the sandbox is left behind, whatever it did to hide."""
        if self.hold is not None and (self.process.poll() is None or self.process.returncode < 0):
            self.hold.end()  # else its launcher has removed it, and said so by ending
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        sweep(self.terms.staging, reap=True)
        size = self.terms.log.stat().st_size
        if size - self._log_start > OUTPUT_MB * 2**20:
            os.truncate(self.terms.log, self._log_start + OUTPUT_MB * 2**20)


def _empty(folder: Path) -> None:
    """Make ``folder`` an empty folder, whatever a cell has put there. Raises ``OSError``."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one that is put in its place; None where there is none."""
    try:
        status = folder.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
