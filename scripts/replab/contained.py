"""Work that runs somebody's code, in a process of its own: whatever that code does costs the item in hand, and no other.

A worker is forked, which has everything at hand, and is asked for one item after the other. It may loop, exit, crash, eat memory, print
without end, close descriptors or leave processes behind: it is ended then with all that it started, and another one goes on. What was
being tried when it happened has a name (``trial``); the item is done again with that name ``lost``, so that the work itself says what
follows from it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import math
import mmap
import os
import re
import resource
import secrets
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil

from replab import termination, texts
from replab.errors import LabError, TruthError
from replab.model import Limits

Item = TypeVar("Item")
PATIENCE = 30.0
"""Certifying and judging may take so many times as long as one plain evaluation of a reference, which has the time of a cell."""
OUTPUT_MB = 64
"""Who prints more than this while one item is done is stopped."""
SHOWN_BYTES = 2**14
"""So much of it is passed on to the log."""
POLL_SECONDS = 0.2
DEAF_SECONDS = 2.0
"""Whoever ends closes its files, and has ended within this."""
FAMILY_SECONDS = 5.0
"""How often the memory of processes that a worker started is looked at; that reads all of /proc."""
FRESH_TRIES = 2
"""A worker that somebody else killed says nothing about its item, the first time."""
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
HEAD = struct.Struct("!16scIQI")
"""Of an answer: a secret, its kind, the place of the item, and length and checksum of what follows."""
ASK = struct.Struct("!II")
"""The place of an item, and the length of what is lost since the worker was told last."""
CLOCK = struct.Struct("dddI")
"""When the item in hand must be done (monotonic), how many seconds that were, how many it began with, and the length of a name."""
SHARED_BYTES = mmap.PAGESIZE
FILES_GONE, NO_FILES = 120, "closed files that the lab had open"
"""How a worker ends that cannot answer, and what that means."""
RESULT, PROBLEM, FAULT = b"r", b"p", b"f"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 1, 36, 37
_LIBC = ctypes.CDLL(None, use_errno=True)
TINY = sys.float_info.min
RELIED_ON = (
    "builtins",
    "math",
    "json",
    "hashlib",
    "zlib",
    "numpy",
    "numpy.linalg",
    "scipy.special",
    "flint",
    "replab.formats",
    "replab.truth.balls",
    "replab.truth.certify",
    "replab.truth.namespace",
    "replab.truth.perturbed",
    "replab.truth.reference",
    "replab.store.store",
    "replab.truth.cache",
)
"""Modules whose functions somebody's code may exchange, for all who come after it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Why an item has no result: "it did not end within 120 s"."""

    reason: str


class _Clock:
    """Memory that a worker shares with who started it: until when it may work, and what on."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SHARED_BYTES)

    def set(self, seconds: float, name: str) -> None:
        """The work called ``name`` has ``seconds`` from now; what has no name is put down to what had the last one."""
        told = name.encode("utf-8", "backslashreplace")[: SHARED_BYTES - CLOCK.size]
        CLOCK.pack_into(self.memory, 0, time.monotonic() + seconds, seconds, 0.0, len(told))
        self.memory[CLOCK.size : CLOCK.size + len(told)] = told

    def read(self) -> tuple[float, float, str]:
        """Deadline, seconds, name."""
        deadline, seconds, _, length = CLOCK.unpack_from(self.memory, 0)
        told = self.memory[CLOCK.size : CLOCK.size + min(length, SHARED_BYTES - CLOCK.size)]
        return deadline, seconds, told.decode("utf-8", "replace")


class _Modules:
    """What modules that everybody relies on held at first."""

    def __init__(self) -> None:
        there = [(name, vars(sys.modules[name])) for name in RELIED_ON if name in sys.modules]
        self.held = [(name, now, [one for one in now.items() if callable(one[1])]) for name, now in there]

    def altered(self) -> str:
        """The first name that stands for something else now; empty where all is as it was."""
        return next((f"{module}.{word}" for module, now, held in self.held for word, value in held if now.get(word) is not value), "")


@dataclass(kw_only=True, slots=True)
class _Inside:
    """What a worker knows of itself."""

    clock: _Clock
    limits: Limits
    seconds: float
    lost: dict[str, str]
    name: str = ""
    """What is in hand."""
    last: str = ""
    """What had a name last: where nothing has one, it may have left something behind."""
    blamed: str = ""
    """What was tried when an exception went through it."""
    modules: _Modules = field(default_factory=_Modules)

    def at(self, seconds: float, name: str) -> None:
        """Be at the work of this name, for so long at most."""
        self.name, self.last = name, name or self.last
        self.clock.set(seconds, self.last)


_inside: _Inside | None = None
"""Nothing in a process that is no worker: there everything runs without bounds."""


def lost(name: str) -> str:
    """Why work of this name was lost before; empty when it was not."""
    return "" if _inside is None else _inside.lost.get(name, "")


def note(name: str) -> None:
    """Say what is in hand: should the process end over it, the item is done again with this name lost."""
    if _inside is not None:
        _inside.at(_inside.seconds, name)


@contextlib.contextmanager
def trial(name: str) -> Iterator[None]:
    """Somebody's code runs: until ``passed`` is called it has the time of a cell.

    Raises ``TruthError`` where it was lost before.
    """
    if _inside is None:
        yield
        return
    if reason := lost(name):
        raise TruthError(reason, where=name)
    before = _inside.name
    _inside.at(_inside.limits.seconds, name)
    try:
        yield
    except LabError:
        raise
    except BaseException:
        _inside.blamed = _inside.blamed or name
        raise
    finally:
        note(before)


def altered() -> str:
    """What of a module that everybody relies on is another thing than when this worker began; empty where nothing is."""
    return "" if _inside is None else _inside.modules.altered()


def passed() -> None:
    """What is tried has ended once: it has the time of the whole item from now."""
    if _inside is not None:
        _inside.at(_inside.seconds, _inside.name)


def each(
    work: Callable[[Item], Any],
    items: Sequence[Item],
    limits: Limits,
    *,
    seconds: float | None = None,
    count: int = 1,
    known: Mapping[str, str] | None = None,
) -> Generator[Any, None, None]:
    """What ``work`` gives for each of ``items`` (JSON values, numbers of NumPy too; texts made plain), in their order, or ``Lost``.

    An item has ``seconds`` (``PATIENCE`` times those of a cell, if not given), which begin anew with every ``trial`` and ``note``.
    ``count``: so many workers at once. ``known``: names that are lost beforehand. Raises the ``LabError`` that ``work`` raises.
    """
    pool = _Pool(work, items, limits, PATIENCE * limits.seconds if seconds is None else seconds, dict(known or {}))
    with _adopting_orphans(), termination.becomes_exception(signal.SIGTERM) as check:
        try:
            yield from pool.run(min(count, len(items)), check)
        finally:
            pool.end()


@dataclass(kw_only=True, slots=True)
class _Worker:
    """A process that does items, as its parent sees it."""

    pid: int
    channel: socket.socket
    output: int
    clock: _Clock
    secret: bytes
    resident: int
    """Bytes that it held when it began."""
    item: int | None = None
    received: bytearray = field(default_factory=bytearray)
    printed: int = 0
    told: int
    """How many lost names it knows."""
    deaf: float = 0.0
    """Since when it can no longer be talked to (monotonic); 0 while it can."""
    looked: float = 0.0


class _Pool:
    def __init__(
        self, work: Callable[[Any], Any], items: Sequence[Any], limits: Limits, seconds: float, known: MutableMapping[str, str]
    ) -> None:
        self.work, self.items, self.limits, self.seconds, self.lost = work, items, limits, seconds, known
        self.waiting = deque(range(len(items)))
        self.found: dict[int, Any] = {}
        self.workers: list[_Worker] = []
        self.selector = selectors.DefaultSelector()
        self.killed: dict[int, int] = {}
        """How often the worker of an item was killed from outside."""
        self.others = {child.pid for child in psutil.Process().children()} if items else set()

    def run(self, count: int, check: Callable[[], None]) -> Iterator[Any]:
        for place in range(len(self.items)):
            while place not in self.found:
                check()
                while self.waiting and len(self.workers) < count:
                    self._ask(self._start())
                self._listen()
            yield self.found.pop(place)

    def end(self) -> None:
        for worker in list(self.workers):
            self._end(worker)
        self.selector.close()

    # --- the parent's side ---------------------------------------------------------------------------------------------------------------

    def _start(self) -> _Worker:
        mine, its = socket.socketpair()
        output, printing = os.pipe()
        clock, secret = _Clock(), secrets.token_bytes(16)
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = termination.fork(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        if pid == 0:
            mine.close()
            os.close(output)
            for other in self.workers:
                other.channel.close()
                os.close(other.output)
            self._serve(its, printing, clock, secret, parent)
        its.close()
        os.close(printing)
        mine.setblocking(False)
        os.set_blocking(output, False)
        held, told = _resident(os.getpid()), len(self.lost)
        worker = _Worker(pid=pid, channel=mine, output=output, clock=clock, secret=secret, resident=held, told=told)
        self.workers.append(worker)
        self.selector.register(mine, selectors.EVENT_READ, (worker, self._hear))
        self.selector.register(output, selectors.EVENT_READ, (worker, self._overhear))
        return worker

    def _ask(self, worker: _Worker) -> None:
        """Give it the next item, or let it go."""
        if not self.waiting:
            self._end(worker)
            return
        worker.item, worker.printed = self.waiting.popleft(), 0
        worker.clock.set(self.seconds, "")
        news = json.dumps(dict(list(self.lost.items())[worker.told :])).encode() if worker.told < len(self.lost) else b""
        worker.told = len(self.lost)
        with contextlib.suppress(OSError):  # it has ended: that is noticed at the next look
            worker.channel.sendall(ASK.pack(worker.item, len(news)) + news)

    def _listen(self) -> None:
        ending = any(worker.deaf for worker in self.workers)
        for key, _ in self.selector.select(POLL_SECONDS / 10 if ending else POLL_SECONDS):
            worker, hear = key.data
            if worker in self.workers:
                hear(worker)
        now = time.monotonic()
        for worker in list(self.workers):
            if worker in self.workers:
                self._look(worker, now)

    def _hear(self, worker: _Worker) -> None:
        """What a worker says; the next item is given to it before anybody looks at its answer."""
        try:
            while part := worker.channel.recv(2**18):
                worker.received += part
            worker.deaf = time.monotonic()
        except BlockingIOError:
            pass
        except OSError:
            worker.deaf = time.monotonic()
        if worker.deaf:
            self.selector.unregister(worker.channel)
        data = worker.received
        if len(data) < HEAD.size:
            return
        secret, kind, place, length, checksum = HEAD.unpack_from(data)
        if secret != worker.secret or place != worker.item:
            self._give_up(worker, "wrote into a file of the lab")
            return
        if len(data) < HEAD.size + length:
            return
        body = bytes(data[HEAD.size :])
        del data[:]
        if len(body) != length or zlib.crc32(body) != checksum:
            self._give_up(worker, "wrote into a file of the lab")
            return
        worker.item = None
        if kind.lower() == FAULT:
            told = json.loads(body)
            self._lose(place, told["reason"], told["name"])
        if kind in (RESULT, PROBLEM, FAULT):
            self._ask(worker)
        else:  # it left something behind in its process, and has gone
            self._end(worker)
        if kind.lower() == RESULT:
            self.found[place] = json.loads(body)
        elif kind.lower() == PROBLEM:
            raise _problem(json.loads(body))

    def _overhear(self, worker: _Worker) -> None:
        """What is printed goes to the log as far as anybody would read it."""
        try:
            part = os.read(worker.output, 2**20)
        except BlockingIOError:
            return
        if not part:
            self.selector.unregister(worker.output)
            return
        if worker.printed < SHOWN_BYTES:
            shown = part[: SHOWN_BYTES - worker.printed].decode("utf-8", "backslashreplace")
            sys.stderr.write(texts.plain(shown))
            if worker.printed + len(part) >= SHOWN_BYTES:
                sys.stderr.write(f"\n… (no more than {SHOWN_BYTES} bytes of what is printed are shown)\n")
        worker.printed += len(part)
        if worker.printed > OUTPUT_MB * 2**20 and worker.item is not None:
            self._give_up(worker, f"printed more than {OUTPUT_MB} MB")

    def _look(self, worker: _Worker, now: float) -> None:
        """Whether it still lives, and keeps its bounds."""
        ended, status = os.waitpid(worker.pid, os.WNOHANG)
        if ended:
            if not worker.deaf:
                self._hear(worker)  # its last words
            if worker in self.workers:
                self._gone(worker, os.waitstatus_to_exitcode(status))
            return
        if worker.item is None:
            return
        deadline, seconds, _ = worker.clock.read()
        if worker.deaf:
            if now - worker.deaf > DEAF_SECONDS:
                self._give_up(worker, NO_FILES)
        elif not now < deadline:
            self._hear(worker)
            if worker in self.workers and not time.monotonic() < worker.clock.read()[0]:  # it has said nothing after all
                self._give_up(worker, f"did not end within {seconds:g} s")
        elif self._held(worker, now) > self.limits.memory_mb * 2**20:
            self._give_up(worker, f"needed more than {self.limits.memory_mb} MiB of memory")

    def _held(self, worker: _Worker, now: float) -> int:
        """Bytes of memory beyond what the worker began with, its own processes included."""
        total = _resident(worker.pid) - worker.resident
        if now - worker.looked > FAMILY_SECONDS:
            worker.looked = now
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(worker.pid).children(recursive=True):
                    total += max(0, _resident(child.pid) - worker.resident)
        return total

    def _gone(self, worker: _Worker, code: int) -> None:
        """It has ended without being told to."""
        place, (_, _, name) = worker.item, worker.clock.read()
        self._end(worker, reaped=True)
        if place is None:
            return
        if -code in FROM_OUTSIDE:
            self.killed[place] = self.killed.get(place, 0) + 1
            if self.killed[place] < FRESH_TRIES:
                self.waiting.appendleft(place)
                return
        self._lose(place, NO_FILES if code == FILES_GONE else f"ended its process: {_ending(code)}", name)

    def _give_up(self, worker: _Worker, reason: str) -> None:
        place, (_, _, name) = worker.item, worker.clock.read()
        self._end(worker)
        if place is not None:
            self._lose(place, reason, name)

    def _lose(self, place: int, reason: str, name: str) -> None:
        """Do the item again without what was in hand; it is lost itself where nothing had a name, or has been left out already."""
        reason = f"it {texts.plain(reason)}"
        sys.stderr.write(f"{texts.plain(name) or 'what was in hand'}: {reason}\n")
        if name and name not in self.lost:
            self.lost[name] = reason
            self.waiting.appendleft(place)
        else:
            self.found[place] = Lost(reason)

    def _end(self, worker: _Worker, *, reaped: bool = False) -> None:
        """Nothing of it is left, nor of what it started."""
        self.workers.remove(worker)
        for number in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                number(worker.pid, signal.SIGKILL)
        if not reaped:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)
        for stream in (worker.channel, worker.output):
            with contextlib.suppress(KeyError):
                self.selector.unregister(stream)
        worker.channel.close()
        os.close(worker.output)
        worker.clock.memory.close()
        keep = self.others | {one.pid for one in self.workers}
        while orphans := [child.pid for child in psutil.Process().children() if child.pid not in keep]:
            for pid in orphans:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    # --- the worker's side ---------------------------------------------------------------------------------------------------------------

    def _serve(self, channel: socket.socket, printing: int, clock: _Clock, secret: bytes, parent: int) -> None:
        """Do what is asked for until nobody asks; never returns."""
        global _inside  # noqa: PLW0603 (one per process: this process is a worker from here on)
        try:
            _bind(parent, printing, channel.fileno(), self.limits)
            _inside = _Inside(clock=clock, limits=self.limits, seconds=self.seconds, lost=dict(self.lost))
            place, state, me = os.fstat(channel.fileno()), _state(), os.getpid()
            while asked := channel.recv(ASK.size, socket.MSG_WAITALL):
                item, length = ASK.unpack(asked)
                _inside.lost.update(json.loads(channel.recv(length, socket.MSG_WAITALL)) if length else {})
                _inside.name = _inside.last = _inside.blamed = ""
                kind, body = self._answer(item)
                if os.getpid() != me:  # somebody's code forked, and this is the other one
                    os._exit(0)
                _inside.at(PATIENCE * self.seconds, "")  # it is done: what follows takes until somebody listens
                same = _state() == state and not altered()
                if not os.path.samestat(os.fstat(channel.fileno()), place):
                    os._exit(FILES_GONE)
                head = HEAD.pack(secret, kind if same else kind.upper(), item, len(body), zlib.crc32(body))
                channel.sendall(head)
                channel.sendall(body)
                if not same:
                    break
        except OSError:  # nothing is left to talk by
            os._exit(FILES_GONE)
        except BaseException:  # noqa: BLE001 (the parent says what that means)
            with contextlib.suppress(BaseException):
                traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def _answer(self, item: int) -> tuple[bytes, bytes]:
        try:
            return RESULT, texts.json_of(self.work(self.items[item]), _plain_number).encode()
        except LabError as error:
            return PROBLEM, json.dumps([type(error).__name__, error.problem, error.where, error.hint]).encode()
        except BaseException as error:  # noqa: BLE001 (what somebody's code raises may be anything)
            name = _inside.blamed or _inside.name if _inside is not None else ""
            with contextlib.suppress(BaseException):
                traceback.print_exc()
            return FAULT, json.dumps({"reason": f"raised {described(error)}", "name": name}).encode()


def described(error: BaseException) -> str:
    """An exception in words; what it says of itself may be anything, or fail."""
    try:
        said = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 (somebody's own __str__)
        said = ""
    name = type(error).__name__
    return texts.plain(f"{name}: {said[:500]}" if said else name)


def _bind(parent: int, printing: int, channel: int, limits: Limits) -> None:
    """What a worker does first: die with its parent, print where it is heard, hold no other file, take no more memory than it may."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
    os.setpgid(0, 0)
    gc.freeze()  # what is here stays
    nothing = os.open(os.devnull, os.O_RDWR)
    for target, source in ((0, nothing), (1, printing), (2, printing)):
        os.dup2(source, target)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (numbers, no paths)
        if int(name) > 2 and int(name) not in (channel, nothing):
            with contextlib.suppress(OSError):  # the one that lists them
                os.fstat(int(name))
                os.dup2(nothing, int(name))  # not closed: an object that has the number may close it yet
    # new objects: another thread of the parent may have held the locks of the old ones
    sys.stdout, sys.stderr = (open(number, "w", errors="backslashreplace", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = _data_bytes() + limits.memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _state() -> tuple[Any, ...]:
    """What code can change of its process and the next item would notice."""
    try:
        folder = os.getcwd()  # noqa: PTH109 (a path would be made of it, for each item)
        streams = tuple(os.fstat(number).st_ino for number in range(3))
    except OSError:
        folder, streams = "", ()
    mask = os.umask(0o077)
    os.umask(mask)
    third, tiny = 1.0 / _number(3.0), _number(TINY) / 2
    return (
        folder,
        streams,
        mask,
        dict(os.environ),
        sys.getrecursionlimit(),
        signal.getitimer(signal.ITIMER_REAL),
        threading.active_count(),
        third,
        tiny,
        1.0 + _number(2.0**-60),
        [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGSEGV)],
    )


def _number(value: float) -> float:
    """A number that no compiler knows beforehand."""
    return math.fsum((value,))


def _plain_number(value: Any) -> Any:
    """A number of NumPy, for JSON."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not leave its process")


def _problem(told: Sequence[str]) -> LabError:
    name, problem, where, hint = told
    kinds = [LabError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    chosen = next((kind for kind in kinds if kind.__name__ == name and kind.__init__ is LabError.__init__), LabError)
    return chosen(problem, where=where, hint=hint)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it has gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 (looked at several times a second)
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return 0


def _data_bytes() -> int:
    """What counts towards the limit on data segments, of this process."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 (see above)
        found = re.search(r"VmData:\s+(\d+) kB", file.read())
    return int(found[1]) * 1024 if found else 0


@contextlib.contextmanager
def _adopting_orphans() -> Iterator[None]:
    """Processes whose parents have ended become children of this one, where they are found."""
    before = ctypes.c_int(0)
    _LIBC.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
    _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _LIBC.prctl(PR_SET_CHILD_SUBREAPER, before.value)


__all__ = ["PATIENCE", "Lost", "altered", "described", "each", "lost", "note", "passed", "trial"]
