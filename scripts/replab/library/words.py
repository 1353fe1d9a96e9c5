"""What the library answers with: values with names and types, which say of themselves in words what they mean."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from replab.formats import Array
from replab.model import Verdict, worst

NAN = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """The element that decides: where it is and what it is."""

    index: tuple[int, ...]
    result: float | int | bool
    truth: float | int | bool
    """What is right there; of two results that are compared, the second one."""
    inputs: Mapping[str, float | int | bool] = field(default_factory=dict)
    """The inputs of the shape of the result, at this element."""

    def __str__(self) -> str:
        place = f"element [{', '.join(map(str, self.index))}]" if self.index else "the only element"
        given = "".join(f"; {name} = {value!r}" for name, value in self.inputs.items())
        return f"{place}: {self.result!r}, where {self.truth!r} is right{given}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """What one output is against its truth."""

    name: str
    verdict: Verdict
    why: str
    """The verdict's reason, in words."""
    elements: int
    z: float = NAN
    """The largest distance from the truth in units of what rounding alone moves (σ)."""
    limit: float = NAN
    """The largest z that rounding is allowed."""
    ulp: float = NAN
    """The largest distance from the truth in units of the last place."""
    rtol: float = NAN
    """The smallest ``rtol`` with which ``assert_allclose(result, truth, atol=0)`` would have passed."""
    atol: float = NAN
    """The smallest ``atol`` with which it would have passed with ``rtol=0``."""
    bound: float = NAN
    """How well the truth itself is known, in ULP."""
    envelope: float = NAN
    """What rounding alone moves the median element by (σ), in ULP."""
    shrink: float = NAN
    """The share of the difference that is left in float64, where ``again`` told it."""
    worst: Element | None = None


class _Told:
    """Something that says in lines what it means."""

    def lines(self) -> Iterator[str]:
        """The lines, the first of which says all in short."""
        raise NotImplementedError

    def __str__(self) -> str:
        first, *rest = self.lines()
        return "\n".join([first, *(f"  {line}" for line in rest)])

    def _repr_html_(self) -> str:
        """For notebooks."""
        first, *rest = map(html.escape, self.lines())
        items = "".join(f"<li>{line}</li>" for line in rest)
        return f'<div class="replab"><strong>{first}</strong><ul>{items}</ul></div>'


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement(_Told):
    """What a result is against the certified truth; its numbers are those of its worst output."""

    outputs: tuple[Output, ...]
    dtype: str
    cause: str = ""
    """The choice that explains the result, such as ``epsilon = 1e-05 where the reference has epsilon = 0.001``; empty if none is known."""
    searching: str = ""
    """What a search for a cause says that found none."""
    compared: bool = False
    """Whether a run in another precision was given."""
    searched: bool = False
    """Whether factors were given."""

    @property
    def output(self) -> Output:
        """The worst output."""
        return max(self.outputs, key=lambda one: one.verdict.severity)

    @property
    def verdict(self) -> Verdict:
        """``identical``, ``rounding``, ``accuracy``, ``beyond``, ``semantic``, ``incomparable`` or ``inconclusive``: a text as well."""
        return worst([one.verdict for one in self.outputs])

    @property
    def explained(self) -> bool:
        """Whether rounding explains the result."""
        return self.verdict.explained

    @property
    def why(self) -> str:
        """The verdict's reason, in words."""
        return self.output.why

    @property
    def z(self) -> float:
        """The largest distance from the truth in units of what rounding alone moves (σ)."""
        return self.output.z

    @property
    def limit(self) -> float:
        """The largest z that rounding is allowed."""
        return self.output.limit

    @property
    def ulp(self) -> float:
        """The largest distance from the truth in units of the last place."""
        return self.output.ulp

    @property
    def rtol(self) -> float:
        """The smallest ``rtol`` with which ``assert_allclose(result, truth, atol=0)`` would have passed."""
        return self.output.rtol

    @property
    def atol(self) -> float:
        """The smallest ``atol`` with which it would have passed with ``rtol=0``."""
        return self.output.atol

    @property
    def bound(self) -> float:
        """How well the truth itself is known, in ULP."""
        return self.output.bound

    @property
    def worst(self) -> Element | None:
        """The element that decides; None where none differs, or nothing could be compared."""
        return self.output.worst

    @property
    def advice(self) -> str:
        """What to do next; empty where nothing is left to find out."""
        if self.explained or self.cause:
            return ""
        if self.verdict is Verdict.BEYOND and not self.compared:
            other = "float32" if self.dtype == "float64" else "float64"
            return f"give what the same function returns in {other} on the same numbers as again="
        if self.verdict is Verdict.SEMANTIC and not self.searched:
            return "name keyword arguments of the reference, and other values of them, as factors="
        return ""

    def lines(self) -> Iterator[str]:
        """The verdict, then what it rests on."""
        several = f" (output {self.output.name})" if len(self.outputs) > 1 else ""
        yield f"{self.verdict}{several}: {self.why}"
        one = self.output
        if one.worst is not None and self.verdict is not Verdict.IDENTICAL:
            yield str(one.worst)
        yield from _distances(one.ulp, one.rtol, one.atol, alone=self.explained, what="the truth")
        if not math.isnan(one.bound):
            moves = math.isfinite(one.envelope) and self.verdict is not Verdict.IDENTICAL
            rest = f"; rounding alone moves this computation by {one.envelope:.3g} ULP" if moves else ""
            yield f"the truth is certified to {one.bound:.2g} ULP{rest}"
        if self.cause:
            yield f"cause: {self.cause}"
        elif self.searching:
            yield f"no cause is known: {self.searching}"
        if self.advice:
            yield f"to find out more, {self.advice}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison(_Told):
    """What two results of one function are to each other, and each to the truth."""

    verdict: Verdict
    z: float
    """The largest distance of the two in units of what rounding alone moves them apart (√2·σ)."""
    limit: float
    ulp: float
    """The largest distance in units of the last place."""
    rtol: float
    """The smallest ``rtol`` with which ``assert_allclose`` of the two would have passed with ``atol=0``, as far as |a| and |b| allow."""
    atol: float
    cause: str
    """What the comparison of both with the truth proves about the difference; empty if nothing."""
    worst: Element | None
    first: Judgement
    """The first result against the truth."""
    second: Judgement
    """The second one."""

    @property
    def explained(self) -> bool:
        """Whether rounding explains the difference."""
        return self.verdict.explained

    @property
    def advice(self) -> str:
        """What to do next; empty where nothing is left to find out."""
        if self.verdict is Verdict.BEYOND and (self.first.advice or self.second.advice) and not self.first.compared:
            return "give what both return in another precision on the same numbers, as a pair again="
        return ""

    def lines(self) -> Iterator[str]:
        """The verdict, then what it rests on."""
        if self.verdict is Verdict.IDENTICAL:
            yield f"{self.verdict}: the same bits"
        elif math.isnan(self.z):
            yield f"{self.verdict}: {self.cause}" if self.cause else str(self.verdict)
        else:
            side = "within" if self.z <= self.limit else "beyond"
            yield f"{self.verdict}: they are z = {self.z:.3g} apart, {side} the limit {self.limit:.3g}"
        if self.worst is not None and self.verdict is not Verdict.IDENTICAL:
            yield str(self.worst).replace("where", "against").replace(" is right", "")
        yield from _distances(self.ulp, self.rtol, self.atol, alone=self.explained, what="each other")
        yield f"the first against the truth is {next(self.first.lines())}"
        yield f"the second against the truth is {next(self.second.lines())}"
        for one, place in ((self.first, "first"), (self.second, "second")):
            if one.cause:
                yield f"cause of the {place}: {one.cause}"
        if self.cause and not (self.first.cause or self.second.cause) and not math.isnan(self.z):
            yield f"cause: {self.cause}"
        if self.advice:
            yield f"to find out more, {self.advice}"


def _distances(ulp: float, rtol: float, atol: float, *, alone: bool, what: str) -> Iterator[str]:
    if math.isnan(ulp):
        return
    would = (
        f"; assert_allclose would have wanted rtol ≥ {rtol:.2g} (atol=0) or atol ≥ {atol:.2g} (rtol=0)" if not alone and atol > 0 else ""
    )
    yield f"at most {ulp:.4g} ULP from {what}{would}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth(_Told):
    """The certified values of one output: arrays of its shape. The truth is ``value + low`` within ±``bound``."""

    value: Array
    """The float64 number next to the truth; integers where the reference returns integers."""
    low: NDArray[np.float64]
    """What the truth is beyond it."""
    bound: NDArray[np.float64]
    """How well it is known, an absolute number."""
    sigma: NDArray[np.float64]
    """The standard deviation that rounding in ``dtype`` alone would cause, an absolute number."""
    nearest: Array
    """The truth rounded once to ``dtype`` (bfloat16 as float32)."""
    dtype: str
    method: str
    """How it was found: by ball arithmetic, or by extended precision for programs of very many operations."""
    exact: bool
    """Whether it is integers or conditions."""

    def lines(self) -> Iterator[str]:
        """How many, and how well they are known."""
        count = f"{self.value.size} certified value{'s' * (self.value.size != 1)}"
        yield f"{count} of shape {list(self.value.shape)} for {self.dtype}, by {self.method}"
        if self.value.size and not self.exact:
            yield f"known within {float(self.bound.max()):.2g}; rounding alone moves them by up to {float(self.sigma.max()):.2g}"
