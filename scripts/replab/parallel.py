"""Map a function over items in forked processes: they inherit the items, and results are pickled."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

Item = TypeVar("Item")
Found = TypeVar("Found")
MOST = 8
"""Processes at most: what more would save is lost in starting them."""
_work: list[Callable[[int], object]] = []


def each(work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """``work`` of each of ``items``, in their order; what it returns or raises is pickled, the items are not.

    Raises what ``work`` raises for the first item for which it does, whichever process came to an end first; then nothing is said about the
    other items.
    """
    count = usable(len(items))
    if count < 2:
        return [work(item) for item in items]
    _work.append(lambda index: work(items[index]))
    try:
        with multiprocessing.get_context("fork").Pool(count) as pool:
            return list(cast("Iterable[Found]", pool.imap(_result_of, range(len(items)))))
    finally:
        _work.pop()


def usable(items: int) -> int:
    """How many processes so many items are divided among."""
    return min(MOST, len(os.sched_getaffinity(0)), items)


def _result_of(index: int) -> object:
    return _work[-1](index)
