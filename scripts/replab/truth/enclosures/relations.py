"""Comparisons of balls: yes, no, or open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flint import arb

NEGATIONS: dict[str, Callable[..., object]] = {
    "greater": np.less_equal,
    "greater_equal": np.less,
    "less": np.greater_equal,
    "less_equal": np.greater,
    "equal": np.not_equal,
    "not_equal": np.equal,
}
EITHER = arb(0).union(arb(1))
"""The ball of a condition that is open."""


def is_nan(x: arb) -> bool:
    """NaN as IEEE arithmetic has it: exactly so, and not a ball that could hold anything."""
    return x.is_nan() and x.rad() == 0


def relation(name: str, a: arb, b: arb) -> bool | None:
    """A comparison of two balls; None where they leave it open. The same ball is the same number."""
    if is_nan(a) or is_nan(b):
        return name == "not_equal"
    if a is b and not a.is_nan():
        return name in ("equal", "greater_equal", "less_equal")
    if getattr(np, name)(a, b):
        return True
    return False if NEGATIONS[name](a, b) else None


def either(x: arb, y: arb) -> arb:
    """The hull of two balls."""
    return x if x is y else x.union(y)
