"""The worker: how it is bound when it begins, and how it does what it is asked for until nobody asks."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import re
import resource
import signal
import socket
import sys
import threading
import traceback
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

from replab import linux, texts
from replab.contained.clock import Clock
from replab.contained.protocol import ASK, FAULT, FILES_GONE, HEAD, PATIENCE, PROBLEM, RESULT, packed
from replab.contained.trials import Trials, begin
from replab.errors import LabError
from replab.model import Limits

Item = TypeVar("Item")
Made = TypeVar("Made")
TINY = sys.float_info.min


@dataclass(frozen=True, kw_only=True, slots=True)
class Duty(Generic[Item, Made]):
    """What a worker is there for."""

    work: Callable[[Item], Made]
    items: Sequence[Item]
    limits: Limits
    seconds: float
    """What one item has."""


def serve(
    duty: Duty[Item, Made], channel: socket.socket, printing: int, clock: Clock, lost: Mapping[str, str], secret: bytes, parent: int
) -> NoReturn:
    """Do what is asked for until nobody asks."""
    try:
        _bind(parent, printing, channel.fileno(), duty.limits)
        trials = Trials(clock=clock, limits=duty.limits, seconds=duty.seconds, lost=dict(lost))
        begin(trials)
        opened, state, me = os.fstat(channel.fileno()), _state(), os.getpid()
        while header := channel.recv(ASK.size, socket.MSG_WAITALL):
            item, length = ASK.unpack(header)
            trials.lost.update(json.loads(channel.recv(length, socket.MSG_WAITALL)) if length else {})
            trials.next_item()
            kind, body = _answer(duty, item, trials)
            if os.getpid() != me:  # somebody's code forked, and this is the other one
                os._exit(0)
            trials.at(PATIENCE * duty.seconds, "")  # it is done: what follows takes until somebody listens
            same = _state() == state and not trials.modules.altered()
            if not os.path.samestat(os.fstat(channel.fileno()), opened):
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


def _answer(duty: Duty[Item, Made], item: int, trials: Trials) -> tuple[bytes, bytes]:
    try:
        return RESULT, texts.json_of(duty.work(duty.items[item]), _plain_number).encode()
    except LabError as error:
        return PROBLEM, packed(error)
    except BaseException as error:  # noqa: BLE001 (what somebody's code raises may be anything)
        with contextlib.suppress(BaseException):
            traceback.print_exc()
        return FAULT, json.dumps({"reason": f"raised {described(error)}", "name": trials.blamed or trials.name}).encode()


def described(error: BaseException) -> str:
    """An exception in words; what it says of itself may be anything, or fail."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 (somebody's own __str__)
        message = ""
    name = type(error).__name__
    return texts.plain(f"{name}: {message[:500]}" if message else name)


def _bind(parent: int, printing: int, channel: int, limits: Limits) -> None:
    """What a worker does first: die with its parent, print where it is heard, hold no other file, take no more memory than it may."""
    if not linux.end_with(parent, signal.SIGKILL):
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


def _state() -> tuple[object, ...]:
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


def _plain_number(value: object) -> object:
    """A number of NumPy, for JSON."""
    if hasattr(value, "item"):
        number: object = value.item()
        return number
    raise TypeError(f"{type(value).__name__} does not leave its process")


def _data_bytes() -> int:
    """What counts towards the limit on data segments, of this process."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 (see above)
        size = re.search(r"VmData:\s+(\d+) kB", file.read())
    return int(size[1]) * 1024 if size else 0
