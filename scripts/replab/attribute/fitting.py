"""Real numbers estimated from a result, and when such an estimate says anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Vector = NDArray[np.float64]
Residual = Callable[[Mapping[str, float]], "Vector | None"]

EVALUATIONS = 25
STEP = 2.0**-20
"""Of a derivative by a difference: relative to a number that is not zero."""
SPREADS, ROUNDING = 8.0, 2.0**-22
"""A fitted value is known to so many standard errors, and never better than a number that went through float32 on its way."""
CHANCE = 0.01
"""A number with so few digits must be nearer than that by chance once in so many: else few digits say nothing."""
DIGITS = 6
ELEMENTS = 3
"""Elements of the result that a fitted number must move, each number so many: one can be met by any number."""
FARTHEST = 60.0
"""Logarithm of how far a fit goes from where it starts."""


def fit(residual: Residual, starts: Mapping[str, float], unit: float) -> dict[str, tuple[float, float]] | None:
    """The values that make the residual least, each with how well it is known; None where that leads nowhere.

    A number that starts above or below zero stays there: its logarithm is what is fitted. ``unit``: the size of one that starts at zero.
    """
    names = list(starts)
    signs = {name: math.copysign(1.0, value) if value else 0.0 for name, value in starts.items()}

    def values(moves: Vector) -> dict[str, float]:
        return {name: starts[name] * math.exp(move) if signs[name] else unit * float(move) for name, move in zip(names, moves, strict=True)}

    first = residual(starts)
    if first is None:
        return None

    def apart(moves: Vector) -> Vector:
        changed = residual(values(moves))
        return np.full_like(first, np.nan) if changed is None or changed.shape != first.shape else changed

    def slopes(moves: Vector) -> NDArray[np.float64]:
        here = apart(moves)
        return np.column_stack([(apart(moves + STEP * np.eye(len(names))[index]) - here) / STEP for index in range(len(names))])

    if first.size < ELEMENTS * len(names):
        return None
    try:
        with np.errstate(all="ignore"):
            solution = least_squares(
                apart,
                np.zeros(len(names)),
                slopes,
                bounds=(-FARTHEST, FARTHEST),
                method="trf",
                x_scale="jac",
                xtol=1e-14,
                ftol=1e-14,
                gtol=None,
                max_nfev=EVALUATIONS,
            )
            steep, rest = np.asarray(solution.jac), np.asarray(solution.fun)
            moved = np.count_nonzero(np.any(steep != 0, axis=1))
            if moved < ELEMENTS * len(names):
                return None
            inverse = np.linalg.inv(steep.T @ steep)
    except (ValueError, np.linalg.LinAlgError):  # the function has no value beside one of the points
        return None
    spreads = np.sqrt(np.diag(inverse) * float(rest @ rest) / max(rest.size - len(names), 1))
    if not np.isfinite(spreads).all():
        return None
    best = values(solution.x)
    return {
        name: (best[name], SPREADS * float(spread) * (abs(best[name]) if signs[name] else unit))
        for name, spread in zip(names, spreads, strict=True)
    }


def shortest(value: float, tolerance: float, declared: Sequence[float] = (), usual: float = 0.0) -> float | None:
    """The number that is meant by an estimate known to ``tolerance``; None where there is none.

    A declared one, or one with few digits, or one that differs from the ``usual`` by a share with few digits, like 0.1 %.
    """
    tolerance = max(tolerance, abs(value) * ROUNDING)
    near = [candidate for candidate in declared if abs(candidate - value) <= tolerance]
    if near:
        return min(near, key=lambda candidate: abs(candidate - value))
    short = _few_digits(value, tolerance)
    if short is not None or not usual:
        return short
    share = _few_digits((value - usual) / usual, tolerance / abs(usual))
    return None if share is None else float(f"{usual * (1.0 + share):.12g}")


def _few_digits(value: float, tolerance: float) -> float | None:
    """The number with the fewest digits within ``tolerance``; None where it is no wonder that there is one.

    Of the 9·10^(d-1) numbers with d digits in a decade (and one power of ten) one lies within a relative t of a number nobody chose with a
    probability of about 2·t·9·10^(d-1): above ``CHANCE`` that is no reason to believe it.
    """
    if not value:
        return None
    chance = 2.0 * tolerance / abs(value)
    power = math.copysign(10.0 ** round(math.log10(abs(value))), value)
    if chance <= CHANCE and abs(power - value) <= tolerance:
        return power
    for digits in range(1, DIGITS + 1):
        short = float(f"{value:.{digits - 1}e}")
        if chance * 9 * 10 ** (digits - 1) > CHANCE:
            return None
        if abs(short - value) <= tolerance:
            return short
    return None
