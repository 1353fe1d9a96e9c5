"""What the probe tells its supervisor, line by line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

JOURNAL = "journal.jsonl"


class JournalReader:
    """Reads the lines that were added since it last looked; half a line waits for its end, anything but a JSON object is passed over.

    The file is made and opened here, before there is a sandbox: one that removes or replaces it goes on writing to what is read here.
    """

    def __init__(self, path: Path) -> None:
        self._stream, self._rest = path.open("x+b", buffering=0), b""

    def close(self) -> None:
        """Stop reading."""
        self._stream.close()

    def entries(self) -> Iterator[dict[str, object]]:
        """The objects of the lines that are new."""
        if os.fstat(self._stream.fileno()).st_size < self._stream.tell():
            self._stream.seek(0)  # cut short by a cell: what is written now comes at the new end
        *lines, self._rest = (self._rest + self._stream.read()).split(b"\n")
        for line in lines:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield entry
