"""How a worker and who started it talk to each other, and how long it may take."""

from __future__ import annotations

import json
import struct

from replab.errors import LabError

PATIENCE = 30.0
"""Certifying and judging may take so many times as long as one plain evaluation of a reference, which has the time of a cell."""
HEAD = struct.Struct("!16scIQI")
"""Of an answer: a secret, its kind, the place of the item, and length and checksum of what follows."""
ASK = struct.Struct("!II")
"""The place of an item, and the length of what is lost since the worker was told last."""
RESULT, PROBLEM, FAULT = b"r", b"p", b"f"
FILES_GONE, NO_FILES = 120, "closed files that the lab had open"
"""How a worker ends that cannot answer, and what that means."""


def packed(error: LabError) -> bytes:
    """An error that the work raises, for the other side."""
    return json.dumps([type(error).__name__, error.problem, error.where, error.hint]).encode()


def unpacked(body: bytes) -> LabError:
    """The error that was ``packed``."""
    name, problem, where, hint = json.loads(body)
    kinds = [LabError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    chosen = next((kind for kind in kinds if kind.__name__ == name and kind.__init__ is LabError.__init__), LabError)
    return chosen(problem, where=where, hint=hint)
