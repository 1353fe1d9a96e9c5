"""What the probe says of one cell; it lies in the file of its result."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class OutputRecord(TypedDict):
    """A tensor of a result."""

    name: str
    dtype: str
    shape: list[int]
    sha256: str
    """Of its bytes."""
    blob: bool
    """Whether it lies in a file of its own."""


class Measured(TypedDict):
    """Something that was measured beside the outputs."""

    name: str
    value: float
    unit: str
    note: str


class Record(TypedDict):
    """How a cell ended, and what it gave."""

    schema: int
    key: str
    id: str
    status: str
    reason: str
    """Why it is not ``ok``."""
    seconds: float
    first_call_seconds: float
    outputs: list[OutputRecord]
    notes: list[str]
    observation: str
    """The SHA-256 of what its sandbox found inside itself; empty where none was."""
    measured: NotRequired[list[Measured]]
    limit: NotRequired[float]
    """What a cell exceeded that its supervisor had to stop, in seconds or MiB as its status says."""
