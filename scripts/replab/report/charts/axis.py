"""The input axis of a chart: logarithmic on both sides of zero, over the whole range of any precision."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, isfinite, isinf, log10

NEAR = 3
"""Decades from ``10**-NEAR`` to ``10**NEAR`` are drawn wider: that is where people compute, and where a tail begins."""
WIDER = 12.0
WIDE_SPAN = 20
"""Decades of data from which on these are drawn wider."""
MOST_TICKS = 5
"""Ticks per side outside of the wide part."""


class Axis:
    """Places ``u`` on the axis for inputs ``x``; ``u`` is 0 at 0 and odd in ``x``."""

    def __init__(self, edges: Iterable[float]) -> None:
        sizes = [abs(edge) for edge in edges if edge != 0 and isfinite(edge)]
        self.low = floor(log10(min(sizes))) if sizes else 0
        self.high = max(log10(max(sizes)), self.low + 1.0) if sizes else 1.0
        self.widened = self.high - self.low > WIDE_SPAN and self.high > -NEAR

    @property
    def title(self) -> str:
        """What a reader must know."""
        near = f"; from {10.0**-NEAR:g} to {10.0**NEAR:g} drawn wider" if self.widened else ""
        return f"input (logarithmic on both sides of 0{near})"

    def at(self, x: float) -> float:
        """Where ``x`` lies; infinities lie at the ends."""
        if x == 0:
            return 0.0
        decade = self.high if isinf(x) else log10(abs(x))
        return max(self._place(decade) - self._place(self.low), 0.0) * (1 if x > 0 else -1)

    def ticks(self, left: float, right: float) -> list[tuple[float, str]]:
        """Some powers of ten, zero, and their signs, between two places."""
        step = next((step for step in (1, 2, 5, 10, 20, 50, 100) if (self.high - self.low) / step <= MOST_TICKS), 200)
        powers = [power for power in range(self.low + 1, floor(self.high) + 1) if self._marked(power, step)]
        marks = [(self.at(10.0**power), f"1e{power}" if abs(power) >= NEAR else f"{10.0**power:g}") for power in powers]
        both = [(-u, f"−{text}") for u, text in reversed(marks)] + [(0.0, "0"), *marks]
        return [(u, text) for u, text in both if left <= u <= right]

    def _marked(self, power: int, step: int) -> bool:
        if self.widened and abs(power) <= NEAR:
            return True
        return power % step == 0

    def _place(self, decade: float) -> float:
        if not self.widened:
            return decade
        inside = min(max(decade, -NEAR), NEAR)
        return decade + (WIDER - 1) * inside
