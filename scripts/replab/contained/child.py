"""The parent's handle of a worker: sends items to the process, reads its answers, measures its memory, and kills it."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import secrets
import signal
import socket
import sys
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import psutil

from replab import termination, texts
from replab.contained.clock import Clock
from replab.contained.protocol import ASK, HEAD
from replab.contained.worker import Duty, serve

Item = TypeVar("Item")
Made = TypeVar("Made")
SHOWN_BYTES = 2**14
"""So much of what is printed while one item is done is passed on to the log."""
FAMILY_SECONDS = 5.0
"""How often the memory of processes that a worker started is looked at; that reads all of /proc."""


class ForgedError(Exception):
    """The bytes that were read are no answer of this worker: code of an experiment wrote into the channel."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of an item."""

    item: int
    kind: bytes
    """``RESULT``, ``PROBLEM`` or ``FAULT``."""
    body: bytes
    goes: bool
    """Whether the worker ends after it: something was left behind in its process."""


@dataclass(kw_only=True, slots=True)
class Child:
    """A worker, from its start to its end."""

    pid: int
    channel: socket.socket
    output: int
    clock: Clock
    secret: bytes
    resident: int
    """Bytes that it held when it began."""
    lost_names_sent: int
    """How many names of lost things were sent to it already."""
    item: int | None = None
    printed: int = 0
    """Bytes, since it was given its item."""
    deaf: float = 0.0
    """Since when it can no longer be talked to (monotonic); 0 while it can."""
    _received: bytearray = field(default_factory=bytearray)
    _looked: float = 0.0

    @classmethod
    def start(cls, duty: Duty[Item, Made], lost: Mapping[str, str], others: Iterable[Child]) -> Child:
        """Fork a worker, which does not keep the files of ``others``."""
        mine, its = socket.socketpair()
        output, printing = os.pipe()
        clock, secret = Clock(), secrets.token_bytes(16)
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = termination.fork(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        if pid == 0:
            mine.close()
            os.close(output)
            for other in others:
                other.channel.close()
                os.close(other.output)
            serve(duty, its, printing, clock, lost, secret, parent)
        its.close()
        os.close(printing)
        mine.setblocking(False)
        os.set_blocking(output, False)
        return cls(pid=pid, channel=mine, output=output, clock=clock, secret=secret, resident=_resident(parent), lost_names_sent=len(lost))

    def ask(self, item: int, seconds: float, lost: Mapping[str, str]) -> None:
        """Send an item, with its limit of ``seconds``, and the names that were lost since the last item was sent."""
        self.item, self.printed = item, 0
        self.clock.set(seconds, "")
        news = json.dumps(dict(list(lost.items())[self.lost_names_sent :])).encode() if self.lost_names_sent < len(lost) else b""
        self.lost_names_sent = len(lost)
        with contextlib.suppress(OSError):  # it has ended: that is noticed at the next look
            self.channel.sendall(ASK.pack(item, len(news)) + news)

    def listen(self) -> None:
        """Read the bytes that the worker has written to its channel."""
        try:
            while part := self.channel.recv(2**18):
                self._received += part
            self.deaf = time.monotonic()
        except BlockingIOError:
            pass
        except OSError:
            self.deaf = time.monotonic()

    def answer(self) -> Answer | None:
        """What it has said of its item, which it has done then; nothing while there is no end to it. Raises ``ForgedError``."""
        data = self._received
        if len(data) < HEAD.size:
            return None
        secret, kind, item, length, checksum = HEAD.unpack_from(data)
        if secret != self.secret or item != self.item:
            raise ForgedError
        if len(data) < HEAD.size + length:
            return None
        body = bytes(data[HEAD.size :])
        del data[:]
        if len(body) != length or zlib.crc32(body) != checksum:
            raise ForgedError
        self.item = None
        return Answer(item, kind.lower(), body, goes=kind != kind.lower())

    def overhear(self) -> bool:
        """Pass on what it prints, as far as anybody would read it; false when it prints no more."""
        try:
            part = os.read(self.output, 2**20)
        except BlockingIOError:
            return True
        if self.printed < SHOWN_BYTES and part:
            shown = part[: SHOWN_BYTES - self.printed].decode("utf-8", "backslashreplace")
            sys.stderr.write(texts.plain(shown))
            if self.printed + len(part) >= SHOWN_BYTES:
                sys.stderr.write(f"\n… (no more than {SHOWN_BYTES} bytes of what is printed are shown)\n")
        self.printed += len(part)
        return bool(part)

    def held(self, now: float) -> int:
        """Bytes of memory beyond what the worker began with, its own processes included."""
        total = _resident(self.pid) - self.resident
        if now - self._looked > FAMILY_SECONDS:
            self._looked = now
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(self.pid).children(recursive=True):
                    total += max(0, _resident(child.pid) - self.resident)
        return total

    def end(self, *, reaped: bool) -> None:
        """Kill it, and close its files; who has ``reaped`` it waits for nothing."""
        for number in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                number(self.pid, signal.SIGKILL)
        if not reaped:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        self.channel.close()
        os.close(self.output)
        self.clock.memory.close()


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it has gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 (looked at several times a second)
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return 0
