"""The parent of workers: hands items to them, measures their time and memory, and kills those that exceed a limit."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import psutil

from replab import linux, termination, texts
from replab.contained.child import Child, ForgedError
from replab.contained.protocol import FAULT, FILES_GONE, NO_FILES, PATIENCE, PROBLEM, RESULT, unpacked
from replab.contained.worker import Duty
from replab.model import Limits

Item = TypeVar("Item")
Made = TypeVar("Made")
OUTPUT_MB = 64
"""MB: a worker that prints more while it does one item is killed."""
POLL_SECONDS = 0.2
DEAF_SECONDS = 2.0
"""Seconds within which a worker that has closed its files must have ended."""
FRESH_TRIES = 2
"""A worker that somebody else killed says nothing about its item, the first time."""
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
FORGED = "wrote into a file of the lab"


@dataclass(frozen=True, slots=True)
class Lost:
    """Why an item has no result: "it did not end within 120 s"."""

    reason: str


def each(
    work: Callable[[Item], Made],
    items: Sequence[Item],
    limits: Limits,
    *,
    seconds: float | None = None,
    count: int = 1,
    lost: Mapping[str, str] | None = None,
) -> Generator[Made | Lost, None, None]:
    """What ``work`` gives for each of ``items`` (JSON values, numbers of NumPy too; texts made plain), in their order, or ``Lost``.

    An item has ``seconds`` (``PATIENCE`` times those of a cell, if not given), which begin anew with every ``trial`` and ``note``.
    ``count``: so many workers at once. ``known``: names that are lost beforehand. Raises the ``LabError`` that ``work`` raises.
    """
    duty = Duty(work=work, items=items, limits=limits, seconds=PATIENCE * limits.seconds if seconds is None else seconds)
    pool = _Pool(duty, dict(lost or {}))
    with linux.adopting_orphans(), termination.becomes_exception(signal.SIGTERM) as check:
        try:
            yield from pool.run(min(count, len(items)), check)
        finally:
            pool.end()


class _Pool(Generic[Item, Made]):
    """The workers of one piece of work, and what came of its items."""

    def __init__(self, duty: Duty[Item, Made], lost: dict[str, str]) -> None:
        self.duty, self.lost = duty, lost
        self.waiting = deque(range(len(duty.items)))
        self.made: dict[int, Made | Lost] = {}
        self.workers: list[Child] = []
        self.selector = selectors.DefaultSelector()
        self.killed: dict[int, int] = {}
        """How often the worker of an item was killed from outside."""
        self.others = {child.pid for child in psutil.Process().children()} if duty.items else set()

    def run(self, count: int, check: Callable[[], None]) -> Iterator[Made | Lost]:
        """What came of each item, in their order; ``count`` workers at once. ``check`` raises when this process is to end."""
        for item in range(len(self.duty.items)):
            while item not in self.made:
                check()
                while self.waiting and len(self.workers) < count:
                    self._ask(self._start())
                self._listen()
            yield self.made.pop(item)

    def end(self) -> None:
        """Kill every worker."""
        for worker in list(self.workers):
            self._end(worker)
        self.selector.close()

    def _start(self) -> Child:
        worker = Child.start(self.duty, self.lost, self.workers)
        self.workers.append(worker)
        self.selector.register(worker.channel, selectors.EVENT_READ, (worker, self._hear))
        self.selector.register(worker.output, selectors.EVENT_READ, (worker, self._overhear))
        return worker

    def _ask(self, worker: Child) -> None:
        """Hand the next item to a worker, or end the worker where no item is left."""
        if self.waiting:
            worker.ask(self.waiting.popleft(), self.duty.seconds, self.lost)
        else:
            self._end(worker)

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

    def _hear(self, worker: Child) -> None:
        """What a worker says; the next item is given to it before anybody looks at its answer."""
        worker.listen()
        if worker.deaf:
            self.selector.unregister(worker.channel)
        try:
            answer = worker.answer()
        except ForgedError:
            self._give_up(worker, FORGED)
            return
        if answer is None:
            return
        if answer.kind == FAULT:
            fault = json.loads(answer.body)
            self._lose(answer.item, fault["reason"], fault["name"])
        if answer.goes:
            self._end(worker)
        else:
            self._ask(worker)
        if answer.kind == RESULT:
            self.made[answer.item] = json.loads(answer.body)
        elif answer.kind == PROBLEM:
            raise unpacked(answer.body)

    def _overhear(self, worker: Child) -> None:
        if not worker.overhear():
            self.selector.unregister(worker.output)
        elif worker.printed > OUTPUT_MB * 2**20 and worker.item is not None:
            self._give_up(worker, f"printed more than {OUTPUT_MB} MB")

    def _look(self, worker: Child, now: float) -> None:
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
        elif worker.held(now) > self.duty.limits.memory_mb * 2**20:
            self._give_up(worker, f"needed more than {self.duty.limits.memory_mb} MiB of memory")

    def _gone(self, worker: Child, code: int) -> None:
        """Handle the end of a worker that was not asked to end."""
        item, (_, _, name) = worker.item, worker.clock.read()
        self._end(worker, reaped=True)
        if item is None:
            return
        if -code in FROM_OUTSIDE:
            self.killed[item] = self.killed.get(item, 0) + 1
            if self.killed[item] < FRESH_TRIES:
                self.waiting.appendleft(item)
                return
        self._lose(item, NO_FILES if code == FILES_GONE else f"ended its process: {_ending(code)}", name)

    def _give_up(self, worker: Child, reason: str) -> None:
        item, (_, _, name) = worker.item, worker.clock.read()
        self._end(worker)
        if item is not None:
            self._lose(item, reason, name)

    def _lose(self, item: int, reason: str, name: str) -> None:
        """Do the item again without what was in hand; it is lost itself where nothing had a name, or has been left out already."""
        reason = f"it {texts.plain(reason)}"
        sys.stderr.write(f"{texts.plain(name) or 'what was in hand'}: {reason}\n")
        if name and name not in self.lost:
            self.lost[name] = reason
            self.waiting.appendleft(item)
        else:
            self.made[item] = Lost(reason)

    def _end(self, worker: Child, *, reaped: bool = False) -> None:
        """Kill the worker and every process that it started."""
        self.workers.remove(worker)
        for stream in (worker.channel, worker.output):
            with contextlib.suppress(KeyError):
                self.selector.unregister(stream)
        worker.end(reaped=reaped)
        keep = self.others | {other_child.pid for other_child in self.workers}
        while orphans := [child.pid for child in psutil.Process().children() if child.pid not in keep]:
            for pid in orphans:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
