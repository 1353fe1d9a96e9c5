"""Which choices explain a result that is another function: the reference is tried with other values of its factors.

Nothing is known about the implementation but its result. A set of factors is named when the reference with other values of them (declared
alternatives, rules such as ``4*eps``, or real numbers estimated from the result) brings the result back inside the envelope, when no
smaller set does, and no other set of that size does equally well.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from replab import jsons
from replab.attribute.fitting import fit, shortest
from replab.attribute.values import Change, Fitted, InFloat32, RestInFloat32, TimesEps, key, rules, through_float32
from replab.errors import TruthError
from replab.formats import Array
from replab.model import Factor

Values = list[Array]

CERTIFIED = 6
"""So many of the nearest hypotheses of a size are certified; the others are too far away to be right."""
EQUALLY_GOOD = 3.0
"""Two explanations whose root mean square z are within this ratio cannot be told apart."""
NEARLY = 100.0
"""Hypotheses this many times farther away than the nearest are not certified."""
EXHAUSTIVE = 600
"""While a size has no more hypotheses than this, all of them are tried; then those that add a change to one of the nearest."""
BEAM = 12
"""The nearest hypotheses of a size that are followed."""
FIT_FROM = 3
"""The nearest hypotheses of a size beside which real numbers are fitted."""
FIT_TOGETHER = 3
"""Most real numbers that are fitted at once."""
SEARCH_SECONDS = 20.0
"""Of the processor: how busy the machine is decides nothing."""
MAIN_PART = 0.5
"""A hypothesis must leave less than this share of the distance: where rounding may do so much that it explains all, it explains nothing."""
FINER = 0.9
"""A number that went through float32 is tried as such where that leaves less than this share of what the number itself leaves."""
WORTH = 0.5
"""Numbers are not estimated while the nearest declared values leave less than this share of what those of the size before leave."""
GAIN, PATIENCE = 0.9, 2
"""Larger sets are looked at no more once the nearest of so many sizes in a row left more than this share of what was left before."""
SMALL_RMS = 0.1
"""Root mean square z below this do not differ."""
TINY = 2.0**-60
"""Of a result: no distance is less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Values of factors with which the reference gives the result."""

    changed: Change
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """The hypothesis that leaves least, whether or not it explains."""

    changed: Change
    left: float
    """Share of the distance that is left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a search found."""

    apart: float
    """Distance of the result from the reference as it is."""
    explanations: Sequence[Explanation] = ()
    """All with the fewest factors, best first; empty when there is none."""
    nearest: Nearest | None = None
    ended_early: bool = False
    """The limit of time ended it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    """Declared changes, and the numbers that fit best beside them: each as it came out, with how well it is known."""

    base: Change
    numbers: Mapping[str, tuple[float, float]]

    @property
    def changed(self) -> dict[str, object]:
        """All of them."""
        return {**self.base, **{name: Fitted(value) for name, (value, _) in self.numbers.items()}}


@dataclass(kw_only=True)
class _Size:
    """What was tried of one size."""

    states: list[Change]
    """Declared changes, the nearest first."""
    fits: list[_Fit] = field(default_factory=list)
    """The nearest first."""


class Search:
    """One result and the hypotheses that are tried on it."""

    def __init__(
        self,
        factors: Mapping[str, Factor],
        result: Values,
        plain: Callable[[Change], Values],
        certify: Callable[[Change], Judgement],
        *,
        dtype: str = "float32",
        largest: int = 0,
        seconds: float = SEARCH_SECONDS,
    ) -> None:
        """``result``: float64 arrays. ``plain`` evaluates the reference in float64; ``certify`` judges the result by a certified truth.

        ``dtype``: the format in which the result was computed. ``largest``: the larger side of the matrices that went in.
        """
        self.factors, self.result, self._plain, self.certify = factors, result, plain, certify
        self._deadline = time.process_time() + seconds
        self._ended_early = False
        self._distances: dict[tuple[tuple[str, str], ...], float] = {}
        self._tried: dict[tuple[tuple[str, str], ...], Change] = {}
        self._changes: list[tuple[str, object]] = [
            (name, value)
            for name, factor in factors.items()
            for value in (*factor.alternatives, *rules(factor.alternatives, dtype, largest))
        ]
        self._real = [name for name, factor in factors.items() if factor.fit]
        try:
            self._sizes = sizes(self._plain({}), self.result)
        except TruthError:
            self._sizes = sizes(self.result, self.result)
        self.base = self.distance({})

    def run(self, named_before: Iterable[Change] = (), *, most: int = sys.maxsize) -> Answer:
        """Look for the explanations with the fewest factors, and with ``most`` of them at most.

        ``known`` explained other results of the same case: they are tried among the others.
        """
        if not self.base > 0:
            return Answer(apart=self.base)
        named_before, last = [changed for changed in named_before if changed.keys() <= self.factors.keys()], min(most, len(self.factors))
        tried = [_Size(states=[{}])]
        unfitted: list[int] = []
        explanations: list[Explanation] = []
        for size in range(1, last + 1):
            tried.append(_Size(states=self._declared(tried[-1].states, [changed for changed in named_before if len(changed) == size])))
            explanations = self._accept(self._with_rounded(tried[size].states))
            unfitted.append(size)
            if not explanations and (size == last or not self._gains(tried)):  # while declared values gain, fitting waits
                explanations = next((fits for fitted_size in unfitted if (fits := self._fitting(fitted_size, tried))), [])
                unfitted = []
            if explanations or self._late() or self._leads_nowhere(tried):
                break
        return Answer(
            apart=self.base, explanations=explanations, nearest=self._nearest(), ended_early=self._ended_early and not explanations
        )

    def _fitting(self, size: int, tried: Sequence[_Size]) -> list[Explanation]:
        """Explanations of one size with numbers that are estimated from the result."""
        if not self._real or self._late():
            return []
        tried[size].fits = self._fits(size, tried)
        written = [changed for changed in map(self._written, tried[size].fits[:CERTIFIED]) if changed is not None]
        explanations = self._accept(self._with_rounded(written))
        return (self._declared_instead(explanations, tried[size].states) or explanations) if explanations else []

    def _gains(self, tried: Sequence[_Size]) -> bool:
        """Whether the nearest declared values of the last size are much nearer than those of the size before."""
        before, now = (min((self.distance(changed) for changed in size.states[:1]), default=math.inf) for size in tried[-2:])
        return now < WORTH * before

    def distance(self, changed: Change) -> float:
        """Distance of the result from the plain reference with ``changed`` factors, in units that are the same for all of them."""
        name = key(changed)
        if name not in self._distances:
            try:
                self._distances[name] = distance(self.result, self._plain(changed), self._sizes)
            except TruthError:
                self._distances[name] = math.inf
        return self._distances[name]

    def _late(self) -> bool:
        """Whether the time is over, which is told."""
        late = time.process_time() > self._deadline
        self._ended_early |= late
        return late

    def _leads_nowhere(self, tried: Sequence[_Size]) -> bool:
        """Whether the last sizes gained nothing."""
        best = [
            min((self.distance(changed) for changed in (*size.states[:1], *(fit.changed for fit in size.fits[:1]))), default=math.inf)
            for size in tried
        ]
        if len(best) <= PATIENCE:
            return not tried[-1].states and not tried[-1].fits
        return min(best[-PATIENCE:]) > GAIN * min(best[:-PATIENCE])

    def _nearest(self) -> Nearest | None:
        """The hypothesis that came nearest, the fewest factors first, where it came nearer than the reference as it is."""
        best = min(self._tried.values(), key=lambda changed: (self.distance(changed), len(changed)), default=None)
        if best is None or not self.distance(best) < self.base:
            return None
        return Nearest(changed=best, left=self.distance(best) / self.base if math.isfinite(self.base) else 0.0)

    def _ranked(self, changes: Iterable[Change]) -> list[Change]:
        """The nearest first, each once; as many as there is time for."""
        distinct_changes: dict[str, Change] = {}
        for changed in changes:
            if distinct_changes and self._late():
                break
            distinct_changes.setdefault(repr(sorted(changed.items())), changed)
            self.distance(changed)
            self._tried.setdefault(key(changed), changed)
        return sorted(distinct_changes.values(), key=lambda changed: (self.distance(changed), _oddness(changed)))

    def _declared(self, smaller: Sequence[Change], named_before: Sequence[Change]) -> list[Change]:
        """Declared values of one factor more: beside all that is smaller where these are few, else beside the nearest of them.

        The value that every side is given counts as another one where float32 has none like it.
        """
        bases = smaller if len(smaller) * len(self._changes) <= EXHAUSTIVE else smaller[:BEAM]
        more = ({**base, name: value} for base in bases for name, value in self._changes if name not in base)
        rounded = (
            changed
            for base in smaller[:FIT_FROM]
            for name, factor in self.factors.items()
            if name not in base
            for value in through_float32(factor.aligned)
            if self._is_finer(changed := {**base, name: value}, base)
        )
        return self._ranked(itertools.chain(named_before, more, rounded))

    def _with_rounded(self, states: Sequence[Change]) -> list[Change]:
        """The same, and the nearest of them with numbers that went through float32."""
        with_rounded = list(states)
        for state in states[:CERTIFIED]:
            every = {name: next(through_float32(value), value) for name, value in state.items()}
            single = [{**state, name: rounded} for name, value in state.items() for rounded in through_float32(value)]
            with_rounded += [changed for changed in (*single, every) if self._is_finer(changed, state)]
        return self._ranked(with_rounded)

    def _is_finer(self, changed: Change, than: Change) -> bool:
        return self.distance(changed) < FINER * self.distance(than)

    def _declared_instead(self, explanations: Sequence[Explanation], states: Sequence[Change]) -> list[Explanation]:
        """Declared values, of one factor more at most, that explain as well as numbers which were estimated."""
        if len(states) * len(self._changes) > EXHAUSTIVE:
            return []
        best = max(explanations[0].rms, SMALL_RMS)
        return [explanation for explanation in self._accept(self._declared(states, [])) if explanation.rms <= EQUALLY_GOOD * best]

    def _accept(self, candidates: Sequence[Change]) -> list[Explanation]:
        """Those of the nearest candidates that certification confirms, without those that are clearly less near than the best.

        What is as near as the one before it, like another value with the same effect, is looked at beside it.
        """
        nearest = max(min((self.distance(candidate) for candidate in self._tried.values()), default=math.inf), TINY)
        explanations: list[Explanation] = []
        places: list[float] = []
        for candidate in candidates:
            apart = self.distance(candidate)
            if not apart < MAIN_PART * self.base or apart > NEARLY * nearest:
                continue
            if apart not in places:
                if len(places) == CERTIFIED or (places and self._late()):
                    break
                places.append(apart)
            judged = self.certify(candidate)
            if judged.explains:
                explanations.append(
                    Explanation(changed=candidate, verdict=judged.verdict, z=judged.z, rms=judged.rms, left=apart / self.base)
                )
        best = max(min((explanation.rms for explanation in explanations), default=0.0), SMALL_RMS)
        return sorted(
            (explanation for explanation in explanations if explanation.rms <= EQUALLY_GOOD * best),
            key=lambda explanation: (_oddness(explanation.changed), explanation.rms),
        )

    def _fits(self, size: int, tried: Sequence[_Size]) -> list[_Fit]:
        """Real numbers that fit the result best, beside the nearest declared changes, and those of the size before with one change more."""
        wanted: dict[str, tuple[Change, tuple[str, ...]]] = {}
        for together in range(1, min(FIT_TOGETHER, size) + 1):
            for base in tried[size - together].states[:FIT_FROM]:
                for names in itertools.combinations([name for name in self._real if name not in base], together):
                    wanted.setdefault(repr((sorted(base.items()), names)), (base, names))
        for before in tried[size - 1].fits[:1]:
            names = tuple(before.numbers)
            for name, value in self._changes:
                if name not in before.changed:
                    base = {**before.base, name: value}
                    wanted.setdefault(repr((sorted(base.items()), names)), (base, names))
        fits = []
        for base, names in wanted.values():
            if self._late():
                break
            fitted = self._fit(base, names)
            if fitted is not None:
                fits.append(fitted)
        return sorted(fits, key=lambda fitting: self.distance(fitting.changed))

    def _fit(self, base: Change, names: Sequence[str]) -> _Fit | None:
        """The best values of ``names`` beside ``base``, from those of the declared ones that are nearest."""
        starts: dict[str, float] = {}
        for name in names:
            factor = self.factors[name]
            values = [
                float(jsons.number(factor.aligned)),
                *(float(alternative) for alternative in factor.alternatives if isinstance(alternative, int | float)),
            ]
            starts[name] = min(values, key=lambda value: self.distance({**base, **starts, name: value}))
        numbers = fit(lambda values: self._residual({**base, **values}), starts, unit=1.0)
        return None if numbers is None else _Fit(base=base, numbers=numbers)

    def _residual(self, changed: Change) -> NDArray[np.float64] | None:
        try:
            values = self._plain(changed)
        except TruthError:
            return None
        if any(a.shape != b.shape for a, b in zip(values, self.result, strict=True)):
            return None
        parts = [
            (a.astype(np.float64) / size - b.astype(np.float64) / size).reshape(-1)
            for a, b, size in zip(values, self.result, self._sizes, strict=True)
        ]
        flat = np.concatenate(parts)
        return flat if np.isfinite(flat).all() else None

    def _written(self, fitted: _Fit) -> Change | None:
        """What the numbers are meant to be, the best known first, and the others fitted again beside it; None where that says nothing."""
        base = dict(fitted.base)
        left: _Fit | None = fitted
        while left is not None:
            name, (value, tolerance) = min(
                left.numbers.items(), key=lambda name_and_fit: name_and_fit[1][1] / (abs(name_and_fit[1][0]) or 1.0)
            )
            factor = self.factors[name]
            declared = [
                float(value_declared)
                for value_declared in (factor.aligned, *factor.alternatives)
                if isinstance(value_declared, int | float)
            ]
            short = shortest(value, tolerance, declared, float(jsons.number(factor.aligned)))
            if short is None or short == factor.aligned:
                return None
            base[name] = short if short in declared else Fitted(short)
            rest = [other for other in left.numbers if other != name]
            if not rest:
                return base
            left = self._fit(base, rest)
        return None


def _oddness(changed: Change) -> int:
    """How unusual values are, to choose among those that explain equally well.

    Declared numbers come before rules, rules before numbers that are one (a default that is ``4*eps`` in this format is no constant), and
    these before numbers that were rounded on their way or estimated.
    """
    kinds = {TimesEps: 1, InFloat32: 3, RestInFloat32: 4, Fitted: 5}
    return sum(kinds.get(type(value), 2 if any(rules([value], "float64")) else 0) for value in changed.values())


def sizes(reference: Values, result: Values) -> list[float]:
    """What distances of each output are relative to: the norm of the reference, where that is zero that of the result."""
    norms = []
    for index, other in enumerate(result):
        given = reference[index] if index < len(reference) else other
        norms.append(_norm(given) or _norm(other) or 1.0)
    return norms


def distance(a: Values, b: Values, relative_to: Sequence[float] | None = None) -> float:
    """Relative distance of two lists of arrays: the root of the mean over arrays of (‖a - b‖ / size)², the size of ``b`` if none is given.

    Infinite where shapes, or the places of NaN and infinities, differ.
    """
    if len(a) != len(b):
        return math.inf
    total = 0.0
    for left, right, size in zip(a, b, relative_to or sizes(b, a), strict=True):
        if left.shape != right.shape:
            return math.inf
        x, y = left.astype(np.float64), right.astype(np.float64)
        finite = np.isfinite(x) & np.isfinite(y)
        if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
            return math.inf
        total += (_norm(x[finite] / size - y[finite] / size)) ** 2
    return math.sqrt(total / max(len(a), 1))


def _norm(values: Array) -> float:
    """Of the numbers among them; squares of numbers divided by the largest do not overflow."""
    finite = values.astype(np.float64)[np.isfinite(values)]
    unit = float(np.abs(finite).max(initial=0.0))
    return min(unit * float(np.linalg.norm(finite / unit)), sys.float_info.max) if unit else 0.0


def distinct(explanations: Sequence[Explanation]) -> list[str]:
    """The factors that explain, without repetition: one name is a cause, several cannot be told apart."""
    return list(dict.fromkeys(explanation.factor for explanation in explanations))


__all__ = ["Answer", "Explanation", "Judgement", "Nearest", "Search", "distance", "distinct", "sizes"]
