"""Runs a batch in sandboxes and survives its cells.

The probe answers cell by cell and says in its journal which one is in flight, and whether its function was called. Whatever takes the
process down from then on (a limit, a signal, an exit that a cell calls for) becomes a record of that cell, and a new sandbox goes on with
the next one. What somebody else may have done (a signal from outside, a result that is gone) becomes one only when it happens again in a
sandbox that the cell has to itself. What goes wrong before the function is called is no result at all: it is told, and tried again at the
next start. Nothing is lost but the cell in flight, also when this process itself is killed: what lies complete in the staging folder is
adopted at the next start.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from replab import sealed, termination, texts
from replab.engines.sandbox import Hold, Launch
from replab.errors import LabError, SandboxError
from replab.model import IMPORT_SECONDS, Limits, Status
from replab.run.cgroup import oom_kills

JOURNAL = "journal.jsonl"
MARK = "REPLAB_SANDBOX"
"""Environment variable that names the staging folder: marks every process of a sandbox, also those that left its process group."""
MARK_LIMIT, MARK_BASE, MARK_BYTES = resource.RLIMIT_RTTIME, 2**60, 6
"""The same mark as a limit that bounds nothing (time of real-time scheduling, in microseconds): it is inherited by processes that clear
their variables and leave their session, and can be read from outside."""
ATTEMPTS = 2
"""How often a sandbox may end before the function of a cell was called, until what is concerned is given up for now."""
POLL_SECONDS = 0.05
FAMILY_SECONDS = 0.5
"""How often the children of a sandbox are looked for; that reads all of /proc, the memory of known processes is read at every poll."""
ADDRESS_MARGIN_MB = 2048
"""Data segments may exceed the memory limit by this: thread stacks and reserved, never touched memory count there."""
EXIT_OUTPUT, OUTPUT_FAILED = 5, "the output folder cannot be written: "
"""How the probe ends when it cannot write what a cell gave: nothing that is said about the cell."""
EXIT_STATE = 6
"""How the probe ends between two cells when the next one needs a new process, since one before it moved what all of them share."""
ROOM = 16 * 2**20
"""Bytes: where so much is free once a sandbox was cleared away, it was the sandbox that had filled the disk."""
TWICE = "twice: the second time in a sandbox of its own"
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
END_SECONDS = 5.0
"""How long processes that make others are hunted."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 1, 36, 37
_LIBC = ctypes.CDLL(None, use_errno=True)
FAILED = frozenset(Status) - {Status.OK}


LaunchFactory = Callable[[Path, Path], Launch]
Adopt = Callable[[str], None]
Fail = Callable[[dict[str, Any], Status, str, float], None]
Progress = Callable[[int, int, str], None]


@dataclass(kw_only=True, slots=True)
class Summary:
    """What a batch came to."""

    statuses: Counter[str] = field(default_factory=Counter)
    """Cells by status; ``leftover`` counts those found complete from an earlier run."""
    sandboxes: int = 0
    import_seconds: float = 0.0
    """From the start of each process to its ``ready``, added up."""
    cell_seconds: float = 0.0
    """Time inside cells, as the probe measured it or until they were stopped."""
    wall_seconds: float = 0.0
    peak_mb: float = 0.0
    """The largest resident memory of a sandbox with all of its processes, in MiB."""
    again: dict[str, tuple[Status, str]] = field(default_factory=dict)
    """By key, the cells whose function was never called, with status and reason: no results, to be tried again at the next start."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why a sandbox was stopped by its supervisor."""

    status: Status
    reason: str
    doubtful: bool = False
    """Somebody else may have caused it: the cell gets a second sandbox, and has that to itself."""
    lacks_room: bool = False
    """The result could not be written: that says nothing about the function."""


def run_batch(
    launch_factory: LaunchFactory,
    request: dict[str, Any],
    staging: Path,
    *,
    limits: Limits,
    adopt: Adopt,
    fail: Fail,
    progress: Progress,
    log: Path,
    import_seconds: float = IMPORT_SECONDS,
) -> Summary:
    """Run every cell of ``request``; when this returns, each was adopted, or given to ``fail``, or stands in ``Summary.again``.

    ``staging`` is the only folder the sandbox writes to and belongs to this batch alone. ``adopt(key)`` moves a finished cell from there to
    the store and raises a ``LabError`` when its file is damaged. ``log`` receives what the sandbox prints. Raises ``SandboxError`` when a
    process cannot be started at all, or when an input is damaged (which is then put aside).
    """
    return _Batch(launch_factory, request, staging, limits, adopt, fail, progress, log, import_seconds).run()


class _Batch:
    """The cells of one request and what is left of them."""

    def __init__(
        self,
        launch_factory: LaunchFactory,
        request: dict[str, Any],
        staging: Path,
        limits: Limits,
        adopt: Adopt,
        fail: Fail,
        progress: Progress,
        log: Path,
        import_seconds: float,
    ) -> None:
        self.launch_factory, self.request, self.staging, self.limits = launch_factory, request, staging.absolute(), limits
        self._adopt, self._fail, self._progress, self.log, self.import_seconds = adopt, fail, progress, log, import_seconds
        self.left: dict[str, dict[str, Any]] = {cell["key"]: cell for cell in request["cells"]}
        self.total = len(self.left)
        self.summary = Summary()
        self.unloaded: Counter[str] = Counter()
        """By implementation file, how many sandboxes in a row ended while a cell of it was in flight whose function was not called yet."""
        self._doubtful: set[str] = set()
        """Cells that have lost a sandbox to what somebody else may have done."""
        self._fruitless = 0
        """How many sandboxes in a row ended without coming to a cell."""
        self.check: Callable[[], None] = lambda: None
        """Raises ``SystemExit`` when this process was told to end."""

    def run(self) -> Summary:
        begin = time.monotonic()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _sweep(self.staging)
        self._adopt_leftovers()
        with termination.becomes_exception(signal.SIGTERM, signal.SIGHUP) as self.check, _orphans_come_here():
            while self.left:
                self.check()
                sandbox = _Sandbox(self)
                self._settle(sandbox, sandbox.run())
        self.summary.wall_seconds = time.monotonic() - begin
        return self.summary

    def next_cells(self) -> list[dict[str, Any]]:
        """What the next sandbox runs: one cell alone, where the one that it was in flight in ended doubtfully; else all that are left."""
        alone = next((cell for key, cell in self.left.items() if key in self._doubtful), None)
        return list(self.left.values()) if alone is None else [alone]

    def _adopt_leftovers(self) -> None:
        """Take what an earlier, killed run had finished; throw away what it had not."""
        for path in sorted(self.staging.rglob("*.tmp")):
            path.unlink(missing_ok=True)
        for key in list(self.left):
            if self._has_result(key):
                self._finished(key, "leftover")

    def _has_result(self, key: str) -> bool:
        """Whether a whole result of a cell lies in the staging folder; it is adopted."""
        if not (self.staging / f"{key}.safetensors").is_file():
            return False
        try:
            self._adopt(key)
        except LabError:  # damaged: it is run again and written anew
            return False
        return True

    def adopt(self, key: str, status: str, seconds: float) -> None:
        """A cell that the journal calls done. Raises ``LabError`` where its file is damaged, or the store cannot be written."""
        self.summary.cell_seconds += seconds
        self._adopt(key)
        self._finished(key, status)

    def fail(self, key: str, status: Status, reason: str, seconds: float) -> None:
        """Record a cell that has no file of its own."""
        self.summary.cell_seconds += seconds
        self._fail(self.left[key], status, texts.plain(reason), seconds)
        self._finished(key, status.value)

    def postpone(self, key: str, status: Status, reason: str) -> None:
        """Give up a cell for now: its function was not called."""
        self.summary.again[key] = (status, texts.plain(reason))
        self._finished(key, status.value)

    def _finished(self, key: str, status: str) -> None:
        cell = self.left.pop(key)
        self.summary.statuses[status] += 1
        self._progress(self.total - len(self.left), self.total, cell["id"])

    def _settle(self, sandbox: _Sandbox, stop: _Stop | None) -> None:
        """After a sandbox has ended: its journal is read to the end; find out which cells that costs.

        Every sandbox settles a cell or is counted here, so that this comes to an end.
        """
        if not self.left:
            return
        key = sandbox.in_flight
        if key is not None and sandbox.begun and (stop is None or not stop.doubtful) and self._has_result(key):
            self._finished(key, "leftover")  # its end was not told: somebody cut the journal
            key = None
            sandbox.settled += 1
        if key is None and sandbox.settled:
            if stop is None and sandbox.code not in (0, EXIT_STATE):
                sandbox.crash()  # raises where the job itself was to end
            self._fruitless = 0
            return
        verdict = stop or sandbox.crash()
        if key is None:
            self._fruitless += 1
            if self._fruitless >= ATTEMPTS:
                reason = f"before a cell began, {verdict.reason}" if sandbox.ready else sandbox.not_ready(verdict)
                self._give_up(list(self.left), Status.ERROR if sandbox.said_why else verdict.status, reason)
            return
        self._fruitless = 0
        if not sandbox.begun:
            path = self.left[key]["impl"]
            self.unloaded[path] += 1
            if self.unloaded[path] >= ATTEMPTS:
                same = [other for other, cell in self.left.items() if cell["impl"] == path]
                self._give_up(same, verdict.status, f"before a function of {Path(path).name} was called, {verdict.reason}")
            return
        if verdict.status is Status.OOM and sandbox.settled:
            return  # memory may have been left by the cells before: this one, if it was one, gets a sandbox to itself
        if verdict.doubtful and key not in self._doubtful:
            self._doubtful.add(key)
        elif verdict.lacks_room:
            self.postpone(key, verdict.status, verdict.reason)
        else:
            reason = f"{verdict.reason}, {TWICE}" if verdict.doubtful else verdict.reason
            self.fail(key, verdict.status, reason, sandbox.seconds_in_flight())

    def _give_up(self, keys: list[str], status: Status, reason: str) -> None:
        for key in keys:
            self.postpone(key, status, reason)


class _Sandbox:
    """One process and what it says."""

    def __init__(self, batch: _Batch) -> None:
        self.batch = batch
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
        self._doubt: _Stop | None = None
        """What is wrong with the result of the cell in flight."""
        self._oom = False
        self.code = 0
        """How the sandbox ended: negative for a signal."""
        self.hold: Hold | None = None
        self._kills_before = oom_kills()
        self._log_start = batch.log.stat().st_size if batch.log.exists() else 0

    def run(self) -> _Stop | None:
        """Start the process, follow it to its end; returns why it was stopped, or None when it ended by itself."""
        batch = self.batch
        request = batch.staging / "request.json"
        try:
            _empty(batch.staging)
            self._place = _identity(batch.staging)
            request.write_bytes(sealed.seal({**batch.request, "cells": batch.next_cells()}))
            journal = _JournalReader(batch.staging / JOURNAL)
        except OSError as error:
            raise SandboxError(f"cannot be written: {error.strerror}", where=str(request), hint=FREE_SPACE) from None
        launch = batch.launch_factory(request, batch.staging)
        self.hold = launch.hold
        if self.hold is not None:
            self.hold.end()  # one that a supervisor before this one could not end
        batch.summary.sandboxes += 1
        self._began = time.monotonic()
        try:
            with batch.log.open("ab") as output:
                self.process = subprocess.Popen(
                    launch.argv,
                    env={**launch.env, MARK: str(batch.staging)},
                    cwd=launch.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_bound_child(  # noqa: PLW1509 (the supervisor starts no threads: no lock can be held across the fork)
                        batch.limits,
                        os.getpid(),
                        bound_memory=batch.request.get("device", "cpu") == "cpu",
                        mark=None if self.hold is not None else _limit_of(batch.staging),
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
            raise SandboxError(problem, where=batch.request["environment"], hint=NOT_ISOLATED)
        if self._damaged is not None:
            self._put_aside(*self._damaged)
        if stop is None and _identity(batch.staging) != self._place:
            return _Stop(Status.ERROR, REPLACED, doubtful=True)
        if stop is None and self.code == EXIT_OUTPUT and self._last_words().startswith(OUTPUT_FAILED):
            return self._full()
        return stop

    def _full(self) -> _Stop:
        """A result could not be written: for what this sandbox had written before, or for good. Raises ``SandboxError`` for the latter."""
        with contextlib.suppress(OSError):
            _empty(self.batch.staging)
            place = os.statvfs(self.batch.staging)
            if place.f_bavail * place.f_frsize >= ROOM:  # it was in the way itself, or this cell wants too much
                return _Stop(Status.ERROR, self._last_words(), doubtful=True, lacks_room=True)
        raise SandboxError(self._last_words(), where=str(self.batch.staging), hint=FREE_SPACE)

    def _put_aside(self, name: str, wrong: str) -> None:
        """Raise ``SandboxError`` for a file that is not what it was; an input is renamed, so that it is made again."""
        if re.fullmatch(r"[0-9a-f]{64}\.npy", name) is None:
            raise SandboxError(wrong, where=str(self.batch.staging / name), hint="Run again: finished cells are kept")
        path = Path(self.batch.request["inputs"]) / name
        with contextlib.suppress(OSError):
            if hashlib.sha256(path.read_bytes()).hexdigest() == path.stem:
                raise SandboxError(f"{wrong}, in the sandbox; here it is sound", where=str(path), hint="Run again: finished cells are kept")
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        hint = "It is put aside and made again at the next start; finished cells are kept"
        raise SandboxError(wrong, where=str(path), hint=hint)

    def _follow(self, journal: _JournalReader) -> _Stop | None:
        memory = _Memory(self.process.pid, "" if self.hold is None or self.hold.limits_memory else str(self.batch.staging))
        while True:
            self.batch.check()
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

    def _read(self, journal: _JournalReader) -> None:
        for entry in journal.entries():
            if self._doubt is None:
                self._take(entry)

    def _freeze(self, *, on: bool) -> None:
        if self.hold is not None:
            (self.hold.freeze if on else self.hold.thaw)()
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def _take(self, entry: dict[str, Any]) -> None:
        """One line of the journal. Cells can write there too: only what fits the state of things is believed."""
        batch = self.batch
        match entry:
            case {"ready": True} if not self.ready:
                self.ready = True
                batch.summary.import_seconds += time.monotonic() - self._began
            case {"breach": str(said)} if not self.ready:
                self._breach = said
            case {"failed": str(said)} if not self.ready:
                self._import_failure = said
            case {"damaged": str(name), "wrong": str(wrong)} if not self.ready or (self._expects(name) and not self.begun):
                self._damaged = (name, wrong)
            case {"start": str(key)} if self.ready and self.in_flight is None and key in batch.left:
                self.in_flight, self._flight_began, self.begun = key, time.monotonic(), False
            case {"begun": str(key)} if key == self.in_flight:
                self.begun = True
                batch.unloaded.pop(batch.left[key]["impl"], None)
            case {"done": str(key), "again": True, "status": str(status), "reason": str(reason)} if key == self.in_flight:
                if not self.begun and status in FAILED:
                    self.in_flight = None
                    self.settled += 1
                    batch.postpone(key, Status(status), reason)
            case {"done": str(key), "status": str(status), "seconds": int() | float() as seconds} if key == self.in_flight:
                self._done(key, status, float(seconds))
            case _:
                pass

    def _done(self, key: str, status: str, seconds: float) -> None:
        """Adopt the result of the cell in flight, or have it computed by a sandbox of its own."""
        if _identity(self.batch.staging) != self._place:
            self._doubt = _Stop(Status.ERROR, REPLACED, doubtful=True)
            return
        try:
            self.batch.adopt(key, status, seconds)
        except LabError as error:
            if error.hint:  # it is the store that cannot be written
                raise
            self._doubt = _Stop(Status.ERROR, f"the sandbox left a damaged result: {error.problem}", doubtful=True)
            return
        self.in_flight = None
        self.settled += 1

    def _expects(self, name: str) -> bool:
        """Whether ``name`` is an input of the cell in flight."""
        if self.in_flight is None:
            return False
        cell = self.batch.left[self.in_flight]
        items = [*cell["inputs"], *(item for level in cell["cotangents"] for item in level)]
        return any(name == f"{item['sha256']}.npy" for item in items)

    def _over_limit(self, memory: _Memory) -> _Stop | None:
        limits, now = self.batch.limits, time.monotonic()
        if not self.ready and now - self._began > self.batch.import_seconds:
            return _Stop(Status.TIMEOUT, f"the framework was not imported within {self.batch.import_seconds:g} s")
        if self.in_flight is not None and now - self._flight_began > limits.seconds:
            return _Stop(Status.TIMEOUT, f"took longer than the limit of {limits.seconds:g} s")
        used = memory.megabytes(now)
        self.batch.summary.peak_mb = max(self.batch.summary.peak_mb, used)
        if used > limits.memory_mb:
            return _Stop(Status.OOM, f"used {used:.0f} MiB of memory, the limit is {limits.memory_mb} MiB")
        if self.batch.log.stat().st_size - self._log_start > OUTPUT_MB * 2**20:
            return _Stop(Status.ERROR, f"printed more than {OUTPUT_MB} MiB")
        return None

    def seconds_in_flight(self) -> float:
        """How long the cell in flight was."""
        return max(0.0, self._flight_ended - self._flight_began)

    def crash(self) -> _Stop:
        """How the process ended by itself, in words.

        Raises ``SandboxError`` when it was not the cell's doing, but a limit of the job that this batch runs in: nothing is recorded then.
        """
        code, words = self.code, texts.plain(self._last_words())
        if self._oom:
            return _Stop(Status.OOM, f"the limit of {self.batch.limits.memory_mb} MiB of memory was exceeded, and the sandbox killed")
        if -code in FROM_OUTSIDE:
            time.sleep(OUTSIDE_SECONDS)
            if oom_kills() > self._kills_before:
                cell = self.batch.left[self.in_flight]["id"] if self.in_flight else "the import of the framework"
                raise SandboxError(
                    f"{cell} needed more memory than this job has",
                    where=self.batch.staging.name,
                    hint="The job is to ask for more (--set-resources batch:mem_mb=…); what it had finished is kept",
                )
        if "bad_alloc" in words or "DefaultCPUAllocator" in words or words.startswith("MemoryError"):
            return _Stop(Status.OOM, f"could not allocate memory: {words}")
        how = f"the process was killed by {_signal_name(-code)}" if code < 0 else f"the process left with exit code {code}"
        return _Stop(Status.CRASHED, f"{how}; it last said: {words}" if words else how, doubtful=-code in FROM_OUTSIDE)

    @property
    def said_why(self) -> bool:
        """Whether the probe itself said why the framework could not be imported."""
        return not self.ready and bool(self._import_failure)

    def not_ready(self, verdict: _Stop) -> str:
        """Why the framework never became ready."""
        if self._import_failure:
            return f"the framework could not be imported: {self._import_failure}"
        return verdict.reason if verdict.status is Status.TIMEOUT else f"before the framework was imported, {verdict.reason}"

    def _last_words(self) -> str:
        """The last line that this process printed."""
        with self.batch.log.open("rb") as output:
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
        _sweep(self.batch.staging, reap=True)
        size = self.batch.log.stat().st_size
        if size - self._log_start > OUTPUT_MB * 2**20:
            os.truncate(self.batch.log, self._log_start + OUTPUT_MB * 2**20)


class _JournalReader:
    """Reads the lines that were added since it last looked; half a line waits for its end, anything but a JSON object is passed over.

    The file is made and opened here, before there is a sandbox: one that removes or replaces it goes on writing to what is read here.
    """

    def __init__(self, path: Path) -> None:
        self._stream, self._rest = path.open("x+b", buffering=0), b""

    def close(self) -> None:
        self._stream.close()

    def entries(self) -> Iterator[dict[str, Any]]:
        if os.fstat(self._stream.fileno()).st_size < self._stream.tell():
            self._stream.seek(0)  # cut short by a cell: what is written now comes at the new end
        *lines, self._rest = (self._rest + self._stream.read()).split(b"\n")
        for line in lines:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield entry


class _Memory:
    """Resident memory of a process and its descendants."""

    def __init__(self, pid: int, mark: str = "") -> None:
        """``mark``: the staging folder of a sandbox whose processes are no descendants of ``pid``."""
        self._pid, self._looked, self._mark = pid, 0.0, mark
        self._family: list[psutil.Process] = []

    def megabytes(self, now: float) -> float:
        """MiB in use at the time ``now`` (monotonic)."""
        if now - self._looked > FAMILY_SECONDS:
            self._looked = now
            with contextlib.suppress(psutil.Error):
                leader = psutil.Process(self._pid)
                others = [psutil.Process(pid) for pid in _marked(Path(self._mark))] if self._mark else []
                self._family = [leader, *leader.children(recursive=True), *others]
        total = 0
        for process in self._family:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total / 2**20


def _bound_child(limits: Limits, parent: int, *, bound_memory: bool, mark: int | None) -> Callable[[], None]:
    """What the child does before it becomes the sandbox: die with its supervisor, no core files, no allocation far beyond the limit."""
    data = (limits.memory_mb + ADDRESS_MARGIN_MB) * 2**20

    def prepare() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if mark is not None:
            with contextlib.suppress(OSError, ValueError):  # somebody has set it lower: the variable is the only mark then
                resource.setrlimit(MARK_LIMIT, (mark, mark))
        if bound_memory:  # GPU runtimes reserve far more than they use
            resource.setrlimit(resource.RLIMIT_DATA, (data, data))

    return prepare


def _sweep(staging: Path, *, reap: bool = False) -> None:
    """Kill what is left of earlier sandboxes of this staging folder: processes that a supervisor killed at once could not end.

    ``reap``: those that lost their own parent have become children of this process, which waits for them.
    """
    end, killed = time.monotonic() + END_SECONDS, set[int]()
    while (found := _marked(staging)) and time.monotonic() < end:
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        time.sleep(0.005)
    while reap and killed and time.monotonic() < end:
        killed = {pid for pid in killed if _is_child(pid)}
        time.sleep(0.005 if killed else 0.0)


def _is_child(pid: int) -> bool:
    """Whether a process is a child of this one that has not ended yet; one that has is waited for."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False


def _limit_of(staging: Path) -> int:
    """The limit that marks the processes of a staging folder."""
    return MARK_BASE + int.from_bytes(hashlib.sha256(os.fsencode(staging)).digest()[:MARK_BYTES], "big")


def limit_mark(pid: int) -> int:
    """The mark of a process of a sandbox; 0 for any other process, and for one that has ended."""
    with contextlib.suppress(OSError, ValueError):
        found = re.search(r"^Max realtime timeout +\S+ +(\d+) ", Path(f"/proc/{pid}/limits").read_text(encoding="ascii"), re.MULTILINE)
        if found is not None and MARK_BASE <= int(found[1]) < MARK_BASE + 256**MARK_BYTES and _runs(pid):
            return int(found[1])
    return 0


def _runs(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has waited for is still listed."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] not in "ZX"


def _marked(staging: Path) -> list[int]:
    """Processes of sandboxes of this staging folder, but this one."""
    variable, number = f"{MARK}={staging}".encode(), _limit_of(staging)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        variables: list[bytes] = []
        with contextlib.suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
        if pid != os.getpid() and (variable in variables or limit_mark(pid) == number):
            found.append(pid)
    return found


@contextlib.contextmanager
def _orphans_come_here() -> Iterator[None]:
    """Processes of a sandbox that lose their parent become children of this process, and not of the first one of the machine."""
    before = ctypes.c_int()
    _LIBC.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        _LIBC.prctl(PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def _empty(folder: Path) -> None:
    """Make ``folder`` an empty folder, whatever a cell has put there. Raises ``OSError``."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one that is put in its place; None where there is none."""
    try:
        found = folder.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
