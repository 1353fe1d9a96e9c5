"""Which choice explains a result that is another function: the reference is tried with other values of its factors.

Nothing is known about the implementation but its result. A factor is named when the reference with one other value of it (a declared
alternative, or a real number estimated from the result) brings the result back inside the envelope, and no other factor does equally well.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from replab.errors import TruthError
from replab.model import Factor, Verdict

Values = list[NDArray[Any]]
Change = Mapping[str, Any]

CERTIFIED = 6
"""So many of the nearest hypotheses are certified; the others are too far away to be right."""
PROMISING = 0.7
"""A first change is followed by a second one when it leaves less than this share of the distance, or is among the ``CERTIFIED`` nearest."""
EQUALLY_GOOD = 3.0
"""Two explanations whose root mean square z are within this ratio cannot be told apart."""
NEARLY = 100.0
"""Hypotheses this many times farther away than the nearest are not certified."""
COARSE = 0.1
"""A hypothesis against which the result is inaccurate must leave less than this share of the distance: it explains the main part."""
SEARCH_SECONDS = 20.0
FIT_STEPS = 25
FIT_DIGITS = 6
FIT_SETTLED = 0.01
"""Steps shorter than so many standard errors do not change what is written down."""
FIT_GAIN = 0.01
"""… and neither is a fit followed whose steps make the distance less by a smaller share than this: it leads nowhere."""
FIT_SPREADS, FIT_ROUNDING = 8.0, 2.0**-22
"""A fitted value is known to so many standard errors, and never better than a number that went through float32 on its way."""


class InFloat32(float):
    """A number that was rounded to float32 on its way into a float64 computation: its value, and the name under which it is told."""

    def __new__(cls, value: float) -> Self:
        """``value`` as float32 has it."""
        made = super().__new__(cls, float(np.float32(value)))
        made.given = value
        return made

    given: float

    def __repr__(self) -> str:
        return f"float32({self.given!r})"

    __str__ = __repr__


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Values of factors with which the reference gives the result."""

    changed: Mapping[str, Any]
    verdict: str
    z: float
    rms: float
    """Root mean square z: smaller is nearer."""
    left: float
    """Share of the distance that is left."""

    @property
    def factor(self) -> str:
        """Names of the factors, joined by ``+`` in alphabetical order."""
        return "+".join(sorted(self.changed))


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What certifying a hypothesis says: verdict, largest and root mean square z, and whether the verdict means that it explains."""

    verdict: str
    z: float
    rms: float
    explains: bool


class Search:
    """One result and the hypotheses that are tried on it."""

    def __init__(
        self,
        factors: Mapping[str, Factor],
        result: Values,
        plain: Callable[[Change], Values],
        certify: Callable[[Change], Judgement],
        *,
        double: bool = False,
        seconds: float = SEARCH_SECONDS,
    ) -> None:
        """``result``: float64 arrays. ``plain`` evaluates the reference in float64; ``certify`` judges the result by a certified truth.

        ``double``: the result was computed in float64, where it shows if a number was rounded to float32 before.
        """
        self.factors, self.result, self._plain, self._certify, self._double = factors, result, plain, certify, double
        self._deadline = time.monotonic() + seconds
        self._known: dict[str, float] = {}
        self.base = self.distance({})

    def run(self, known: Iterable[Change] = ()) -> list[Explanation]:
        """All explanations with the fewest factors, best first; empty when there is none.

        ``known`` explained other results of the same case: where one of them explains this result too, nothing else is tried.
        """
        if not self.base > 0:
            return []
        for one in known:
            found = self._accept([one])
            if found and not (self._double and found[0].verdict == Verdict.ACCURACY):
                return found
        singles = [*self._alternatives(), *self._fits({})]
        if self._double:
            singles += [*self._rounded([*singles, *({name: factor.aligned} for name, factor in self.factors.items())])]
        found = self._accept(singles)
        if found:
            return found
        ranked = sorted(singles, key=self.distance)
        promising = [one for place, one in enumerate(ranked) if place < CERTIFIED or self.distance(one) < PROMISING * self.base]
        doubles = []
        for first in promising:
            for second in [*self._alternatives(), *self._fits(first)]:
                if time.monotonic() > self._deadline:
                    break
                if not set(first) & set(second):
                    doubles.append({**first, **second})
        return self._accept(doubles)

    def distance(self, changed: Change) -> float:
        """Relative distance of the result from the plain reference with ``changed`` factors; see the function of this name."""
        name = repr(sorted(changed.items()))
        if name not in self._known:
            try:
                self._known[name] = distance(self.result, self._plain(changed))
            except TruthError:
                self._known[name] = math.inf
        return self._known[name]

    def _alternatives(self) -> Iterator[dict[str, Any]]:
        for name, factor in self.factors.items():
            for value in factor.alternatives:
                yield {name: value}

    @staticmethod
    def _rounded(singles: Iterable[Change]) -> Iterator[dict[str, Any]]:
        """The same changes with numbers that went through float32."""
        seen: list[Change] = []
        for one in singles:
            ((name, value),) = one.items()
            if isinstance(value, float) and math.isfinite(value) and InFloat32(value) != value and one not in seen:
                seen.append(one)
                yield {name: InFloat32(value)}

    def _accept(self, candidates: Sequence[Change]) -> list[Explanation]:
        """Those of the nearest candidates that certification confirms, without those that are clearly less near than the best."""
        ranked = sorted((one for one in candidates if self.distance(one) < self.base), key=self.distance)
        if not ranked:
            return []
        nearest = max(self.distance(ranked[0]), 2.0**-60)
        found = []
        for one in ranked[:CERTIFIED]:
            if self.distance(one) > NEARLY * nearest:
                break
            judged = self._certify(one)
            if judged.explains and (judged.verdict != Verdict.ACCURACY or self.distance(one) < COARSE * self.base):
                found.append(
                    Explanation(changed=one, verdict=judged.verdict, z=judged.z, rms=judged.rms, left=self.distance(one) / self.base)
                )
        found.sort(key=lambda one: one.rms)
        return [one for one in found if one.rms <= EQUALLY_GOOD * max(found[0].rms, 0.1)]

    def _fits(self, given: Change) -> Iterator[dict[str, Any]]:
        """Real factors at the value that fits the result best, written with as few digits as that value is known to."""
        for name, factor in self.factors.items():
            if factor.fit and name not in given and time.monotonic() < self._deadline:
                starts = [factor.aligned, *(value for value in factor.alternatives if isinstance(value, int | float))]
                start = min(starts, key=lambda value: self.distance({**given, name: value}))
                fitted = self._fit(given, name, float(start), float(factor.aligned))
                if fitted is not None:
                    yield {name: fitted}

    def _fit(self, given: Change, name: str, start: float, scale: float) -> float | None:
        """Least squares in one variable by Gauss-Newton steps that are halved until they help; None when it leads nowhere."""
        units = [_unit(one) for one in self.result]
        weights = [1.0 / unit / max(float(np.linalg.norm(one / unit)), 1e-300) for one, unit in zip(self.result, units, strict=True)]

        def residual(value: float) -> NDArray[np.float64] | None:
            try:
                found = self._plain({**given, name: value})
            except TruthError:
                return None
            if any(a.shape != b.shape for a, b in zip(found, self.result, strict=True)):
                return None
            parts = [(a.astype(np.float64) - b).reshape(-1) * w for a, b, w in zip(found, self.result, weights, strict=True)]
            flat = np.concatenate(parts)
            return flat if np.isfinite(flat).all() else None

        value = start
        now = residual(value)
        if now is None:
            return None
        spread = math.inf
        for _ in range(FIT_STEPS):
            step = max(abs(value), abs(scale), 1e-12) * 2.0**-20
            beside = residual(value + step)
            if beside is None:
                return None
            slope = (beside - now) / step
            steep = float(slope @ slope)
            if steep == 0 or not math.isfinite(steep):
                return None
            move = -float(slope @ now) / steep
            spread = math.sqrt(float(now @ now) / max(len(now) - 1, 1) / steep)
            trial = None
            while abs(move) > FIT_SETTLED * spread:  # an exact fit has neither
                trial = residual(value + move)
                if trial is not None and float(trial @ trial) < float(now @ now):
                    break
                trial, move = None, move / 2
            if trial is None:
                break
            gain = 1.0 - math.sqrt(float(trial @ trial) / float(now @ now))
            value, now = value + move, trial
            if value * scale < 0:  # a positive epsilon that became negative explains nothing
                return None
            if gain < FIT_GAIN:
                break
        return _shortest(value, max(FIT_SPREADS * spread, abs(value) * FIT_ROUNDING)) if math.isfinite(spread) else None


def distance(a: Values, b: Values) -> float:
    """Relative distance of two lists of arrays: the root of the mean over arrays of (‖a - b‖ / ‖b‖)².

    Infinite where shapes, or the places of NaN and infinities, differ.
    """
    if len(a) != len(b):
        return math.inf
    total = 0.0
    for left, right in zip(a, b, strict=True):
        if left.shape != right.shape:
            return math.inf
        x, y = left.astype(np.float64), right.astype(np.float64)
        finite = np.isfinite(x) & np.isfinite(y)
        if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
            return math.inf
        unit = _unit(y[finite])
        size = float(np.linalg.norm(y[finite] / unit))
        apart = float(np.linalg.norm(x[finite] / unit - y[finite] / unit))
        total += (apart / size) ** 2 if size else float(apart > 0)
    return math.sqrt(total / max(len(a), 1))


def _unit(values: NDArray[np.float64]) -> float:
    """The largest magnitude: squares of numbers divided by it do not overflow."""
    return float(np.abs(values).max(initial=0.0)) or 1.0


def _shortest(value: float, tolerance: float) -> float:
    """The number with the fewest significant digits within ``tolerance`` of ``value``."""
    for digits in range(1, FIT_DIGITS + 1):
        short = float(f"{value:.{digits - 1}e}")
        if abs(short - value) <= tolerance:
            return short
    return value


def distinct(explanations: Sequence[Explanation]) -> list[str]:
    """The factors that explain, without repetition: one name is a cause, several cannot be told apart."""
    return list(dict.fromkeys(one.factor for one in explanations))


__all__ = ["Explanation", "Judgement", "Search", "distance", "distinct"]
