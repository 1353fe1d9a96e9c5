"""How errors grow with length: least squares with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

CONFIDENCE = 0.99
"""Of intervals: as in the timing of calls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """The exponent p of error ~ length^p, with its interval."""

    slope: float
    low: float
    high: float
    points: int
    lengths: tuple[int, ...]

    @property
    def sign(self) -> int:
        """1 where the error grows, -1 where it falls, 0 where the interval holds both."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def growth(lengths: Sequence[float], errors: Sequence[float], series: Sequence[object]) -> Growth | None:
    """The common slope of log(error) over log(length) in several series, each with a level of its own.

    Errors of 0 have no logarithm and are left out. None where fewer than three lengths or no degree of freedom are left.
    """
    x, y = np.asarray(lengths, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    names = [value for value, use in zip(series, usable, strict=True) if use]
    x, y = np.log(x[usable]), np.log(y[usable])
    groups = sorted(set(names), key=str)
    freedom = len(x) - len(groups) - 1
    if len(set(x)) < 3 or freedom < 1:
        return None
    for group in groups:  # a level of its own: centre each series
        mine = np.array([name == group for name in names])
        x[mine], y[mine] = x[mine] - x[mine].mean(), y[mine] - y[mine].mean()
    spread = float(x @ x)
    if spread <= 0:
        return None
    slope = float(x @ y) / spread
    residual = y - slope * x
    error = math.sqrt(max(float(residual @ residual) / freedom, 0.0) / spread)
    half = float(special.stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * error
    kept = sorted({round(float(value)) for value, use in zip(lengths, usable, strict=True) if use})
    return Growth(slope=slope, low=slope - half, high=slope + half, points=len(x), lengths=tuple(kept))
