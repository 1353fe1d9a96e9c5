"""Runs a batch in sandboxes and survives its cells.

The probe answers cell by cell and says in its journal which one is in flight, and whether its function was called. Whatever takes the
process down from then on (a limit, a signal, an exit that a cell calls for) becomes a record of that cell, and a new sandbox goes on with
the next one. What somebody else may have done (a signal from outside, a result that is gone) becomes one only when it happens again in a
sandbox that the cell has to itself. What goes wrong before the function is called is no result at all: it is told, and tried again at the
next start. Nothing is lost but the cell in flight, also when this process itself is killed: what lies complete in the staging folder is
adopted at the next start.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

from replab import linux, termination
from replab.contract.request import Asked, AskedCell
from replab.model import IMPORT_SECONDS, Limits, Status
from replab.run.supervise.cells import Adopt, CellsLeft, Fail, Progress, Summary
from replab.run.supervise.processes import sweep
from replab.run.supervise.sandbox import EXIT_STATE, LaunchFactory, SandboxRun, Stop, Terms

ATTEMPTS = 2
"""How often a sandbox may end before the function of a cell was called, until what is concerned is given up for now."""
TWICE = "twice: the second time in a sandbox of its own"


def run_batch(
    launch_factory: LaunchFactory,
    request: Asked,
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
    staging = staging.absolute()
    cells = CellsLeft(request["cells"], staging, adopt=adopt, fail=fail, progress=progress)
    terms = Terms(launch_factory=launch_factory, request=request, staging=staging, limits=limits, log=log, import_seconds=import_seconds)
    return _Batch(terms, cells).run()


class _Batch:
    """One sandbox after the other, and what the end of each means for its cells."""

    def __init__(self, terms: Terms, cells: CellsLeft) -> None:
        self.terms, self.cells = terms, cells
        self._doubtful: set[str] = set()
        """Cells that have lost a sandbox to what somebody else may have done."""
        self._fruitless = 0
        """How many sandboxes in a row ended without coming to a cell."""

    def run(self) -> Summary:
        """Run them until none is left."""
        begin = time.monotonic()
        self.terms.log.parent.mkdir(parents=True, exist_ok=True)
        sweep(self.terms.staging)
        self.cells.adopt_leftovers()
        with termination.becomes_exception(signal.SIGTERM, signal.SIGHUP) as check, linux.adopting_orphans():
            while self.cells.left:
                check()
                sandbox = SandboxRun(self.terms, self.cells, check)
                self._settle(sandbox, sandbox.run(self._next_cells()))
        self.cells.summary.wall_seconds = time.monotonic() - begin
        return self.cells.summary

    def _next_cells(self) -> list[AskedCell]:
        """What the next sandbox runs: one cell alone, where the one that it was in flight in ended doubtfully; else all that are left."""
        alone = next((cell for key, cell in self.cells.left.items() if key in self._doubtful), None)
        return list(self.cells.left.values()) if alone is None else [alone]

    def _settle(self, sandbox: SandboxRun, stop: Stop | None) -> None:
        """After a sandbox has ended: its journal is read to the end; find out which cells that costs.

        Every sandbox settles a cell or is counted here, so that this comes to an end.
        """
        if not self.cells.left:
            return
        key = sandbox.in_flight
        if key is not None and sandbox.begun and (stop is None or not stop.doubtful) and self.cells.has_result(key):
            self.cells.finished(key, "leftover")  # its end was not told: somebody cut the journal
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
                self.cells.give_up(list(self.cells.left), Status.ERROR if sandbox.said_why else verdict.status, reason)
            return
        self._fruitless = 0
        if not sandbox.begun:
            path = self.cells.left[key]["impl"]
            self.cells.unloaded[path] += 1
            if self.cells.unloaded[path] >= ATTEMPTS:
                same = [other for other, cell in self.cells.left.items() if cell["impl"] == path]
                self.cells.give_up(same, verdict.status, f"before a function of {Path(path).name} was called, {verdict.reason}")
            return
        if verdict.status is Status.OOM and sandbox.settled:
            return  # memory may have been left by the cells before: this one, if it was one, gets a sandbox to itself
        if verdict.doubtful and key not in self._doubtful:
            self._doubtful.add(key)
        elif verdict.lacks_room:
            self.cells.postpone(key, verdict.status, verdict.reason)
        else:
            reason = f"{verdict.reason}, {TWICE}" if verdict.doubtful else verdict.reason
            self.cells.fail(key, verdict.status, reason, sandbox.seconds_in_flight())
