"""What holds for all operations of one evaluation: how many there may be, whether elements stay apart, and what is raised."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Undecided(Exception):
    """An answer is needed that the balls do not give; with more bits they may."""

    where = ""
    """The place in the reference, once it is known."""


class TooLong(Exception):
    """More operations than balls are used for."""


class Computed(Exception):
    """A moved array would have to be computed with."""


@dataclass(slots=True)
class _Evaluation:
    """The state of the evaluation that is going on."""

    operations: int = 0
    limit: float = math.inf
    pointwise: bool = False
    """Whether elements may not depend on each other."""


_now = _Evaluation()


@contextmanager
def counting(limit: float) -> Iterator[None]:
    """Within this block ``TooLong`` is raised after ``limit`` operations."""
    _now.operations, _now.limit = 0, limit
    try:
        yield
    finally:
        _now.limit = math.inf


@contextmanager
def apart(pointwise: bool) -> Iterator[None]:  # noqa: FBT001 (one switch)
    """Within this block functions that mix elements raise, if ``pointwise``."""
    before, _now.pointwise = _now.pointwise, pointwise
    try:
        yield
    finally:
        _now.pointwise = before


def count() -> None:
    """One more operation."""
    _now.operations += 1
    if _now.operations > _now.limit:
        raise TooLong


def mixes(name: str) -> None:
    """Says that ``name`` makes elements depend on each other, or on how many there are.

    Raises ``TypeError`` where they may not.
    """
    if _now.pointwise:
        raise TypeError(f"{name} makes elements depend on each other, and the case says elementwise = true")


def unruled(name: str) -> TypeError:
    """The error of a function that has no rule here."""
    hint = "write it with other functions, or give it one in replab/truth/enclosures"
    return TypeError(f"np.{name} has no rule in certified arithmetic: {hint}")
