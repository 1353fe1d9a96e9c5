"""How far a long job is, in a small file that the display reads; written at most a few times a second."""

from __future__ import annotations

import json
import time
from pathlib import Path

INTERVAL_S = 0.3


class Progress:
    """``{"name", "done", "total", "current"}`` in ``path``, replaced as a whole."""

    def __init__(self, path: Path, name: str, *, total: int) -> None:
        self.path, self.name, self.total = path, name, total
        self._last = 0.0
        self._done = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(0, "")

    def update(self, done: int, total: int, current: str) -> None:
        """Note that ``done`` of ``total`` are done and ``current`` runs."""
        self._done, self.total = done, total
        if time.monotonic() - self._last >= INTERVAL_S:
            self._write(done, current)

    def finish(self) -> None:
        """Write the last state."""
        self._write(self._done, "")

    def _write(self, done: int, current: str) -> None:
        self._last = time.monotonic()
        aside = self.path.with_suffix(".tmp")
        try:
            aside.write_text(json.dumps({"batch": self.name, "done": done, "total": self.total, "current": current}), encoding="utf-8")
            aside.replace(self.path)
        except OSError:
            pass  # a display that stands still must never cost results
