"""Until when a worker may work, and what on: memory that it shares with who started it."""

from __future__ import annotations

import mmap
import struct
import time

CLOCK = struct.Struct("dddI")
"""When the item in hand must be done (monotonic), how many seconds that were, how many it began with, and the length of a name."""
SHARED_BYTES = mmap.PAGESIZE


class Clock:
    """Memory that a worker shares with who started it: until when it may work, and what on."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SHARED_BYTES)

    def set(self, seconds: float, name: str) -> None:
        """The work called ``name`` has ``seconds`` from now; what has no name is put down to what had the last one."""
        name_bytes = name.encode("utf-8", "backslashreplace")[: SHARED_BYTES - CLOCK.size]
        # Copied as a whole, since the other process may read at any moment: `pack_into` fills the place with zeros first.
        self.memory[: CLOCK.size] = CLOCK.pack(time.monotonic() + seconds, seconds, 0.0, len(name_bytes))
        self.memory[CLOCK.size : CLOCK.size + len(name_bytes)] = name_bytes

    def read(self) -> tuple[float, float, str]:
        """Deadline, seconds, name."""
        deadline, seconds, _, length = CLOCK.unpack_from(self.memory, 0)
        name_bytes = self.memory[CLOCK.size : CLOCK.size + min(length, SHARED_BYTES - CLOCK.size)]
        return deadline, seconds, name_bytes.decode("utf-8", "replace")
