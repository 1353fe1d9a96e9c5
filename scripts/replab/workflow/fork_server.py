"""A process that has imported what steps need, and forks one for each job of this machine: a start of Python costs more than many jobs.

The workflow calls ``start``; ``scripts/step.py`` is the client. The client sends its arguments, folder, variables and standard streams; the
server replies with the process id of the step, and at the end with its exit code. A step is killed when its client ends; all steps are
killed when the workflow ends (this process's standard input closes), and the kernel kills them when this process ends. Processes that a
step leaves behind become children of this process, which kills those of sandboxes. After a file of the lab was edited, the server refuses
every request: the modules that it has imported are not those on disk.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from replab import linux, resources, termination
from replab.freshness import code

if TYPE_CHECKING:
    from replab.model import Lab

SOCKET = "REPLAB_WARM"
"""Variable that names the socket (in no folder: an abstract one), and the workflow: its process, and when that was started. Without it,
steps start as processes of their own."""
MODULES = ("replab.workflow.steps", "replab.steps.environments", "replab.run.batch", *code.STEPS.values())
"""What the steps of a run begin in; these modules import the rest."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Snakemake gives every job the threads of its rule, one; libraries read it when they are imported, which is here."""
VARIABLES = {**dict.fromkeys(THREADS, "1"), "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""What the process is started with: one that is forked must have no other threads, and an allocator that arrow brings would start one."""
ROOT = resources.ROOT
READ = ("scripts/**/*.py", "scripts/**/*.j2", "experiments/*/experiment.toml", "containers/*/*", "config/*")
"""What steps import and fill, the probe whose version this process knows, and what the lab is read from."""
HEADER = struct.Struct("!I")
CREDENTIALS = struct.Struct("3i")
"""Process, user and group at the other end of a socket, as the kernel tells them."""
STREAMS = 3
OWN = (signal.SIGCHLD, signal.SIGTERM)
"""Signals that this process handles in its own way."""
END_SECONDS = 5.0
"""How long this process waits, at its end, for what it ended; sandboxes end with their steps."""


def start(settings: Path, leavings: Path = Path(os.devnull)) -> subprocess.Popen[bytes]:
    """Start the process for steps that read ``settings``, and name its socket in this process's variables.

    ``leavings``: a folder of the workflow for temporary files, removed when the workflow is gone, however it went.
    The socket is there when this returns, so that a job may ask at once, and waits until everything is imported.
    """
    name = f"replab-{secrets.token_hex(16)}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"\0{name}")
    listener.listen(128)
    process = subprocess.Popen(
        [sys.executable, "-m", "replab.workflow.fork_server", str(listener.fileno()), str(settings), str(os.getpid()), str(leavings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **VARIABLES},
        pass_fds=(listener.fileno(),),
        start_new_session=True,
    )
    listener.close()
    os.environ[SOCKET] = f"{name} {os.getpid()} {linux.started(os.getpid())}"
    return process


class Asked(TypedDict):
    """What ``scripts/step.py`` sends."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]


@dataclass(slots=True)
class _Job:
    """One that asked, and the step that runs for it."""

    connection: socket.socket
    pid: int
    log: int
    """Where the step's errors go: for the last word about it."""
    gone: bool = False
    """Who asked has ended."""

    def close(self, message: str = "") -> None:
        """Let go of who asked, with a sentence for the log of the job."""
        if message:
            with contextlib.suppress(OSError):
                os.write(self.log, f"replab: {message}\n".encode())
        for end in (self.connection.close, lambda: os.close(self.log)):
            with contextlib.suppress(OSError):
                end()


class _Server:
    def __init__(self, listener: socket.socket, settings: Path) -> None:
        self.listener, self.settings, self.pid = listener, settings, os.getpid()
        self.jobs: dict[int, _Job] = {}
        """By process."""
        self.selector = selectors.DefaultSelector()
        self.lab: Lab | None = None
        self.read = _stamps()

    def prepare(self) -> None:
        """Import and read what every step would; a fault is left to the steps, which say it in their logs."""
        for name in MODULES:
            __import__(name)
        from replab.errors import LabError  # noqa: PLC0415
        from replab.run import requests  # noqa: PLC0415 (this process starts before it imports anything)
        from replab.truth import cache  # noqa: PLC0415 (this process starts before it imports anything)
        from replab.workflow import steps  # noqa: PLC0415 (this process starts before it imports anything)

        with contextlib.suppress(LabError, OSError, ValueError):
            self.lab = steps.load(self.settings)
            requests.probe_version()
            cache.code_version()
        gc.collect()
        gc.freeze()  # what is here stays: steps need not look through it, nor copy it by looking

    def serve(self) -> None:
        """Until the workflow is gone."""
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for stream, purpose in ((0, "workflow"), (wake, "child"), (self.listener, "asked")):
            self.selector.register(stream, selectors.EVENT_READ, purpose)
        while True:
            for key, _ in self.selector.select():
                if key.data == "workflow":
                    if not os.read(0, 1):
                        return
                elif key.data == "child":
                    os.read(wake, 4096)
                    self._reap()
                elif key.data == "asked":
                    self._accept()
                else:
                    self._gone(key.data)

    def stop(self) -> None:
        """Kill all steps, their sandboxes, and the processes that those left behind."""
        for pid, job in self.jobs.items():
            _kill(pid)
            os.waitpid(pid, 0)
            job.close("the workflow has ended, and this step with it")
        self.jobs.clear()
        end = time.monotonic() + END_SECONDS
        while self._end_orphans() and time.monotonic() < end:
            time.sleep(0.01)

    def _end_orphans(self) -> bool:
        """End processes of sandboxes that lost their own parent, and came here; whether there were any."""
        from replab.engines.marks import limit_mark  # noqa: PLC0415 (imported when this process has prepared itself)

        ended_any = False
        for pid in set(_children()) - set(self.jobs):
            if limit_mark(pid):
                _kill(pid)
                ended_any = True
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return ended_any

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        try:
            call, streams = _receive(connection)
        except (OSError, ValueError):
            connection.close()
            return
        if _stamps() != self.read:
            for stream in streams:
                os.close(stream)
            connection.close()
            return
        sys.stdout.flush()
        sys.stderr.flush()
        pid = termination.fork(*OWN)
        if pid == 0:
            self._run(call, streams)
        for stream in streams[:-1]:
            os.close(stream)
        job = _Job(connection, pid, streams[-1])
        self.jobs[pid] = job
        self.selector.register(connection, selectors.EVENT_READ, job)
        _tell(connection, pid)

    def _run(self, call: Asked, streams: list[int]) -> None:
        """In the child: become the process that was asked for, and never return."""
        code = 1
        try:
            if not linux.end_with(self.pid, signal.SIGTERM):  # not SIGKILL: who has sandboxes ends what they left
                os._exit(1)
            os.setpgid(0, 0)
            for descriptor, stream in enumerate(streams):
                os.dup2(stream, descriptor)
                os.close(stream)
            self.selector.close()
            self.listener.close()
            for job in self.jobs.values():
                job.close()
            os.environ.clear()
            os.environ.update(call["environment"])
            os.chdir(call["folder"])
            from replab.workflow import steps  # noqa: PLC0415 (it is there)

            loaded = {} if self.lab is None else {self.settings.absolute(): self.lab}
            code = steps.main(call["arguments"], loaded)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BaseException:  # noqa: BLE001 (a process of its own: this is its last word)
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for pid, job in list(self.jobs.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self.jobs[pid]
            if not job.gone:
                self.selector.unregister(job.connection)
            _tell(job.connection, os.waitstatus_to_exitcode(status))
            job.close()
        self._end_orphans()

    def _gone(self, job: _Job) -> None:
        """Who asked says nothing but that it has ended; the process is reaped when it has, too."""
        with contextlib.suppress(OSError):
            if job.connection.recv(1):
                return
        job.gone = True
        self.selector.unregister(job.connection)
        _kill(job.pid)
        with contextlib.suppress(OSError):
            os.write(job.log, b"replab: the process that asked for this step has ended, and the step with it\n")


def _stamps() -> dict[str, int]:
    """The files that this process reads, and when each was written last."""
    return {str(path): path.stat().st_mtime_ns for pattern in READ for path in ROOT.glob(pattern)}


def _receive(connection: socket.socket) -> tuple[Asked, list[int]]:
    """What is asked, and the three streams. Raises ``OSError`` or ``ValueError``, the latter also where another user asks."""
    if _user(connection) != os.geteuid():
        raise ValueError("another user")
    head, streams, _, _ = socket.recv_fds(connection, HEADER.size, STREAMS)
    if len(head) != HEADER.size or len(streams) != STREAMS:
        raise ValueError("not a step")
    (left,) = HEADER.unpack(head)
    parts = []
    while left:
        part = connection.recv(left)
        if not part:
            raise ValueError("half a step")
        parts.append(part)
        left -= len(part)
    call: Asked = json.loads(b"".join(parts))
    return call, streams


def _user(connection: socket.socket) -> int:
    """The user at the other end."""
    _, user, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return int(user)


def _children() -> list[int]:
    """The children of this process, which has one thread."""
    pid = os.getpid()
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _tell(connection: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # it has gone: the next event says so
        connection.sendall(struct.pack("!i", number))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """``FILE DESCRIPTOR OF THE SOCKET, SETTINGS, PROCESS OF THE WORKFLOW, ITS FOLDER FOR TEMPORARY FILES``."""
    number, settings, workflow, leavings = arguments
    if not linux.end_with(int(workflow), signal.SIGKILL):  # while it imports it looks at nothing, and has started nothing
        return
    server = _Server(socket.socket(fileno=int(number)), Path(settings))
    server.prepare()
    linux.outlive_parent()
    linux.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    try:
        server.serve()
    finally:
        server.stop()
        shutil.rmtree(leavings, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
