"""A limit on the time of somebody's function in the thread at hand: a reference may loop."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator


class TimeUp(BaseException):
    """Is raised inside of a function that has taken too long; no handler of ``Exception`` catches it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise ``TimeUp`` in this thread, between two steps of Python, once ``seconds`` have passed."""
    thread, over, lock = threading.get_ident(), threading.Event(), threading.Lock()

    def watch() -> None:
        if not over.wait(seconds):
            with lock:
                if not over.is_set():
                    _raise(thread, TimeUp)

    watcher = threading.Thread(target=watch, name="replab-deadline", daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            with lock:
                over.set()
    finally:
        watcher.join()


def _raise(thread: int, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
