"""Runs a batch in sandboxes and survives its cells.

The probe answers cell by cell and says in its journal which one is in flight. Whatever takes the process down (a limit, a signal, an exit
that a cell calls for) becomes a record of that cell, and a new sandbox goes on with the next one. Nothing is lost but the cell in flight,
also when this process itself is killed: what lies complete in the staging folder is adopted at the next start.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import psutil

from replab.cgroup import oom_kills
from replab.errors import LabError, SandboxError
from replab.model import Limits, Status

JOURNAL = "journal.jsonl"
MARK = "REPLAB_SANDBOX"
"""Environment variable that names the staging folder: marks every process of a sandbox, also those that left its process group."""
IMPORT_SECONDS = 180.0
IMPORT_ATTEMPTS = 2
POLL_SECONDS = 0.05
FAMILY_SECONDS = 0.5
"""How often the children of a sandbox are looked for; that reads all of /proc, the memory of known processes is read at every poll."""
ADDRESS_MARGIN_MB = 2048
"""Data segments may exceed the memory limit by this: thread stacks and reserved, never touched memory count there."""
EXIT_OUTPUT, OUTPUT_FAILED = 5, "the output folder cannot be written: "
"""How the probe ends when it cannot write what a cell gave: nothing that is said about the cell."""
FREE_SPACE = "Free some space and run again: finished cells are kept"
NOT_ISOLATED = "Nothing was computed. docs/containers.md says what each point needs"
OUTPUT_MB = 64
"""A sandbox that prints more than this is stopped."""
LAST_WORDS = 300
FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP)
"""Signals by which schedulers end jobs."""
OUTSIDE_SECONDS = 1.0
"""Whoever ends a job signals all of its processes: when the sandbox was hit before its supervisor, that one's turn comes within this."""
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Ending(Protocol):
    """How a sandbox ended, as its engine knows it (`replab.engines.base.Ending`)."""

    @property
    def code(self) -> int:
        """Exit code; negative for a signal."""

    @property
    def oom(self) -> bool:
        """The limit on memory killed it."""

    @property
    def broken(self) -> str:
        """Why the engine itself failed."""


class Hold(Protocol):
    """Steers a sandbox from outside (`replab.engines.base.Hold`)."""

    @property
    def where(self) -> str:
        """The engine, for messages."""

    @property
    def limits_memory(self) -> bool:
        """Whether the engine enforces the limit on memory; where not, the processes of the sandbox are found by their mark."""

    def freeze(self) -> None:
        """Stop it where it is."""

    def thaw(self) -> None:
        """Let it go on."""

    def end(self) -> None:
        """Nothing of it is left."""

    def ending(self, code: int) -> Ending:
        """How it ended."""


class Launch(Protocol):
    """What an engine says about starting a process (`replab.engines.base.Launch`)."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line."""

    @property
    def env(self) -> Mapping[str, str]:
        """The whole environment of the process."""

    @property
    def cwd(self) -> Path:
        """The folder it starts in."""

    @property
    def hold(self) -> Hold | None:
        """How to steer a sandbox that is no child of the process; None when the process is the sandbox."""


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


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why a sandbox was stopped by its supervisor."""

    status: Status
    reason: str


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
    """Run every cell of ``request``; when this returns, each was either adopted or given to ``fail``.

    ``staging`` is the only folder the sandbox writes to and belongs to this batch alone. ``adopt(key)`` moves a finished cell from there to
    the store and raises a ``LabError`` when its file is damaged. ``log`` receives what the sandbox prints. Raises ``SandboxError`` when a
    process cannot be started at all.
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

    def run(self) -> Summary:
        begin = time.monotonic()
        self.staging.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _sweep(self.staging)
        self._adopt_leftovers()
        failed_imports = 0
        with _signals_become_exceptions():
            while self.left:
                sandbox = _Sandbox(self)
                stop = sandbox.run()
                failed_imports = 0 if sandbox.ready else failed_imports + 1
                self._settle(sandbox, stop, give_up=failed_imports >= IMPORT_ATTEMPTS)
        self.summary.wall_seconds = time.monotonic() - begin
        return self.summary

    def _adopt_leftovers(self) -> None:
        """Take what an earlier, killed run had finished; throw away what it had not."""
        for path in sorted(self.staging.rglob("*.tmp")):
            path.unlink(missing_ok=True)
        for key in list(self.left):
            if (self.staging / f"{key}.safetensors").is_file():
                with contextlib.suppress(LabError):  # damaged: it is run again and written anew
                    self._adopt(key)
                    self._finished(key, "leftover")

    def adopt(self, key: str, status: str, seconds: float) -> None:
        """A cell that the journal calls done; a damaged file becomes the cell's own error."""
        self.summary.cell_seconds += seconds
        try:
            self._adopt(key)
        except LabError as error:
            self.fail(key, Status.ERROR, f"the sandbox left a damaged result: {error.problem}", 0.0)
        else:
            self._finished(key, status)

    def fail(self, key: str, status: Status, reason: str, seconds: float) -> None:
        """Record a cell that has no file of its own."""
        self.summary.cell_seconds += seconds
        self._fail(self.left[key], status, reason, seconds)
        self._finished(key, status.value)

    def _finished(self, key: str, status: str) -> None:
        cell = self.left.pop(key)
        self.summary.statuses[status] += 1
        self._progress(self.total - len(self.left), self.total, cell["id"])

    def _settle(self, sandbox: _Sandbox, stop: _Stop | None, *, give_up: bool) -> None:
        """After a sandbox has ended: its journal is read to the end; find out which cells that costs."""
        if not self.left:
            return
        if not sandbox.ready:
            if give_up:
                verdict = _Stop(stop.status, stop.reason) if stop else sandbox.failed_import()
                for key in list(self.left):
                    self.fail(key, verdict.status, verdict.reason, 0.0)
            return
        verdict = stop or sandbox.crash()
        if verdict.status is Status.OOM and sandbox.settled:
            return  # memory may have been left by the cells before: this one, if it was one, gets a sandbox to itself
        if sandbox.in_flight is not None:
            self.fail(sandbox.in_flight, verdict.status, verdict.reason, sandbox.seconds_in_flight())
        elif not sandbox.settled:  # it ended between two cells; every sandbox must settle at least one, or this would never end
            self.fail(next(iter(self.left)), verdict.status, f"before this cell began, {verdict.reason}", 0.0)


class _Sandbox:
    """One process and what it says."""

    def __init__(self, batch: _Batch) -> None:
        self.batch = batch
        self.ready = False
        self.settled = 0
        """Cells that this process finished."""
        self.in_flight: str | None = None
        self._flight_began = 0.0
        self._flight_ended = 0.0
        self._import_failure = self._breach = ""
        self._oom = False
        self.code = 0
        """How the sandbox ended: negative for a signal."""
        self.hold: Hold | None = None
        self._kills_before = oom_kills()
        self._log_start = batch.log.stat().st_size if batch.log.exists() else 0

    def run(self) -> _Stop | None:
        """Start the process, follow it to its end; returns why it was stopped, or None when it ended by itself."""
        batch = self.batch
        journal = batch.staging / JOURNAL
        journal.unlink(missing_ok=True)
        request = batch.staging / "request.json"
        try:
            request.write_text(json.dumps({**batch.request, "cells": list(batch.left.values())}), encoding="utf-8")
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
                    launch.argv, env={**launch.env, MARK: str(batch.staging)}, cwd=launch.cwd, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, start_new_session=True,
                    preexec_fn=_bound_child(  # noqa: PLW1509 (the supervisor starts no threads: no lock can be held across the fork)
                        batch.limits, os.getpid(), bound_memory=batch.request.get("device", "cpu") == "cpu"
                    ),
                )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxError(f"cannot be started: {error}", where=launch.argv[0]) from None
        try:
            stop = self._follow(journal)
        finally:
            self._end()
        if self.hold is not None and stop is None:
            ending = self.hold.ending(self.process.returncode)
            if ending.broken:
                raise SandboxError(ending.broken, where=self.hold.where)
            self.code, self._oom = ending.code, ending.oom
        else:
            self.code = self.process.returncode
        if self.code == EXIT_OUTPUT and self._last_words().startswith(OUTPUT_FAILED):
            raise SandboxError(self._last_words(), where=str(batch.staging), hint=FREE_SPACE)
        if self._breach:
            problem = f"the sandbox is not isolated as its engine promised: {self._breach}"
            raise SandboxError(problem, where=batch.request["environment"], hint=NOT_ISOLATED)
        return stop

    def _follow(self, journal: Path) -> _Stop | None:
        reader = _JournalReader(journal)
        memory = _Memory(self.process.pid, "" if self.hold is None or self.hold.limits_memory else str(self.batch.staging))
        while True:
            code = self.process.poll()
            for entry in reader.entries():
                self._take(entry)
            if code is not None:
                for entry in reader.entries():
                    self._take(entry)
                self._flight_ended = time.monotonic()
                return None
            stop = self._over_limit(memory)
            if stop is not None:
                # Frozen first: the journal then says whether the limit was met after all, and nothing is killed in the middle of a rename.
                self._freeze(on=True)
                before = self.in_flight
                for entry in reader.entries():
                    self._take(entry)
                if self.in_flight == before:
                    self._flight_ended = time.monotonic()
                    return stop
                self._freeze(on=False)
            time.sleep(POLL_SECONDS)

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
            case {"start": str(key)} if self.ready and self.in_flight is None and key in batch.left:
                self.in_flight, self._flight_began = key, time.monotonic()
            case {"done": str(key), "status": str(status), "seconds": int() | float() as seconds} if key == self.in_flight:
                self.in_flight = None
                self.settled += 1
                batch.adopt(key, status, float(seconds))
            case _:
                pass

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
        code, words = self.code, self._last_words()
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
        return _Stop(Status.CRASHED, f"{how}; it last said: {words}" if words else how)

    def failed_import(self) -> _Stop:
        """Why the framework never became ready."""
        if self._import_failure:
            return _Stop(Status.ERROR, f"the framework could not be imported: {self._import_failure}")
        crash = self.crash()
        return _Stop(crash.status, f"the sandbox ended before the framework was imported: {crash.reason}")

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
        _sweep(self.batch.staging)
        size = self.batch.log.stat().st_size
        if size - self._log_start > OUTPUT_MB * 2**20:
            os.truncate(self.batch.log, self._log_start + OUTPUT_MB * 2**20)


class _JournalReader:
    """Reads the lines that were added since it last looked; half a line waits for its end, anything but a JSON object is passed over."""

    def __init__(self, path: Path) -> None:
        self._path, self._position, self._rest = path, 0, b""

    def entries(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open("rb") as journal:
                journal.seek(self._position)
                data = journal.read()
        except FileNotFoundError:
            return
        self._position += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
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


def _bound_child(limits: Limits, parent: int, *, bound_memory: bool) -> Callable[[], None]:
    """What the child does before it becomes the sandbox: die with its supervisor, no core files, no allocation far beyond the limit."""
    data = (limits.memory_mb + ADDRESS_MARGIN_MB) * 2**20

    def prepare() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if bound_memory:  # GPU runtimes reserve far more than they use
            resource.setrlimit(resource.RLIMIT_DATA, (data, data))

    return prepare


def _sweep(staging: Path) -> None:
    """Kill what is left of earlier sandboxes of this staging folder: processes that a supervisor killed at once could not end."""
    for pid in _marked(staging):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _marked(staging: Path) -> list[int]:
    """Processes of sandboxes of this staging folder, but this one."""
    wanted = f"{MARK}={staging}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@contextlib.contextmanager
def _signals_become_exceptions() -> Iterator[None]:
    """SIGTERM ends the supervisor through its ``finally`` blocks, as SIGINT does; only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
