"""Signals that end a process through its ``finally`` blocks.

A Python handler may raise wherever the interpreter happens to be. In hooks of a fork, in finalizers and in callbacks of C code Python
prints the exception and drops it, and the process would run on. So what arrived is remembered, and whoever loops asks for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def becomes_exception(*numbers: signal.Signals) -> Iterator[Callable[[], None]]:
    """The signals ``numbers`` raise ``SystemExit(128 + number)``; only the main thread may ask for that, in others nothing is changed.

    Yields a function that raises it again where it was dropped; the end of the block asks, too.
    """
    arrived: list[int] = []

    def leave(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)
        raise SystemExit(128 + number)

    def check() -> None:
        if arrived:
            raise SystemExit(128 + arrived[0])

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    check()


def fork(*handled: signal.Signals) -> int:
    """``os.fork``; handlers of the signals ``own`` are the parent's alone.

    No signal is handled meanwhile: an exception out of a handler would be dropped by the hooks that a fork calls, and one that comes at
    once meets no handler of the parent in the child.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for number in handled:
                signal.signal(number, signal.SIG_DFL)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
