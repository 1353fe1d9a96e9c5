"""The cells of a batch that are still to be run, and what the others came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from replab import texts
from replab.contract.request import AskedCell
from replab.errors import LabError
from replab.model import Status

Adopt = Callable[[str], None]
Fail = Callable[[AskedCell, Status, str, float], None]
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


class CellsLeft:
    """The cells of one request that have come to nothing yet; each leaves exactly once."""

    def __init__(self, cells: Iterable[AskedCell], staging: Path, *, adopt: Adopt, fail: Fail, progress: Progress) -> None:
        self._staging, self._adopt, self._fail, self._progress = staging, adopt, fail, progress
        self.left: dict[str, AskedCell] = {cell["key"]: cell for cell in cells}
        self.total = len(self.left)
        self.summary = Summary()
        self.unloaded: Counter[str] = Counter()
        """By implementation file, how many sandboxes in a row ended while a cell of it was in flight whose function was not called yet."""

    def adopt_leftovers(self) -> None:
        """Take what an earlier, killed run had finished; throw away what it had not."""
        for path in sorted(self._staging.rglob("*.tmp")):
            path.unlink(missing_ok=True)
        for key in list(self.left):
            if self.has_result(key):
                self.finished(key, "leftover")

    def has_result(self, key: str) -> bool:
        """Whether a whole result of a cell lies in the staging folder; it is adopted."""
        if not (self._staging / f"{key}.safetensors").is_file():
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
        self.finished(key, status)

    def fail(self, key: str, status: Status, reason: str, seconds: float) -> None:
        """Record a cell that has no file of its own."""
        self.summary.cell_seconds += seconds
        self._fail(self.left[key], status, texts.plain(reason), seconds)
        self.finished(key, status.value)

    def postpone(self, key: str, status: Status, reason: str) -> None:
        """Give up a cell for now: its function was not called."""
        self.summary.again[key] = (status, texts.plain(reason))
        self.finished(key, status.value)

    def finished(self, key: str, status: str) -> None:
        """Count a cell that has come to something."""
        cell = self.left.pop(key)
        self.summary.statuses[status] += 1
        self._progress(self.total - len(self.left), self.total, cell["id"])

    def give_up(self, keys: Iterable[str], status: Status, reason: str) -> None:
        """Postpone several."""
        for key in keys:
            self.postpone(key, status, reason)
