"""Values that a number may have on its way into a computation: they are told by how they came about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

import numpy as np

from replab.formats import FORMATS

Change = Mapping[str, object]

MULTIPLES = 4096
"""Up to so many times the spacing of numbers beside one, a declared value is read as a rule."""


class InFloat32(float):
    """A number that was rounded to float32: its value, and the name under which it is told."""

    def __new__(cls, value: float) -> Self:
        """``value`` as float32 has it."""
        number = super().__new__(cls, float(np.float32(value)))
        number.given = value
        return number

    given: float

    def __repr__(self) -> str:
        return f"float32({self.given!r})"

    __str__ = __repr__


class RestInFloat32(float):
    """A number whose rest to one was rounded to float32, as where ``1 - rho`` is computed before and kept."""

    def __new__(cls, value: float) -> Self:
        """``value`` with 1 - ``value`` as float32 has it."""
        number = super().__new__(cls, 1.0 - float(np.float32(1.0 - value)))
        number.given = value
        return number

    given: float

    def __repr__(self) -> str:
        return f"1 - float32(1 - {self.given!r})"

    __str__ = __repr__


class TimesEps(float):
    """A multiple of eps, the spacing of the numbers of a format beside one: another number in each format, and one rule."""

    def __new__(cls, times: int, dtype: str, largest: int = 0) -> Self:
        """``largest``: the larger side of the matrices that go in, to say where ``times`` is it."""
        number = super().__new__(cls, times * 2.0 * FORMATS[dtype].unit_roundoff)
        number.times, number.largest = times, largest
        return number

    times: int
    largest: int

    def in_format(self, dtype: str) -> TimesEps:
        """The same rule in another format."""
        return TimesEps(self.times, dtype, self.largest)

    def __repr__(self) -> str:
        for factor in (1, 10):
            if self.largest > 1 and self.times == factor * self.largest:
                return f"{'' if factor == 1 else f'{factor}*'}max(m, n)*eps"
        return "eps" if self.times == 1 else f"{self.times}*eps"

    __str__ = __repr__


class Fitted(float):
    """A number that nobody declared: it was estimated from a result."""


def in_format(changed: Change, dtype: str) -> dict[str, object]:
    """The same choice where numbers have another format: rules are other numbers there."""
    return {name: value.in_format(dtype) if isinstance(value, TimesEps) else value for name, value in changed.items()}


def rules(alternatives: Iterable[object], dtype: str, largest: int = 0) -> Iterator[TimesEps]:
    """The rules that declared numbers stand for: each may be a multiple of eps of float32 or of float64.

    Where one is, the sides of the matrices that go in are tried as well: ``max(m, n)*eps`` and ten times that are usual.
    """
    multiples: set[int] = set()
    for value in alternatives:
        for form in ("float32", "float64"):
            times = value / (2.0 * FORMATS[form].unit_roundoff) if isinstance(value, float) else 0.0
            if times.is_integer() and 1 <= times <= MULTIPLES:
                multiples.add(int(times))
    if multiples and largest > 1:
        multiples |= {largest, 10 * largest}
    yield from (TimesEps(times, dtype, largest) for times in sorted(multiples))


def through_float32(value: object) -> Iterator[float]:
    """A real number as it is after it, or its rest to one, went through float32; nothing where that is the same number."""
    if not isinstance(value, float) or type(value) not in (float, Fitted) or not math.isfinite(value):
        return
    given = float(value)
    if InFloat32(given) != given:
        yield InFloat32(given)
    if 0.0 < given < 1.0 and RestInFloat32(given) not in (given, InFloat32(given)):
        yield RestInFloat32(given)


def is_same(left: Change, right: Change) -> bool:
    """Whether two changes are the same choice."""
    return left.keys() == right.keys() and all(type(left[name]) is type(right[name]) and left[name] == right[name] for name in left)


def told(changed: Change) -> str:
    """``epsilon = 1e-05, place = outside``."""
    return ", ".join(f"{name} = {value}" for name, value in sorted(changed.items()))


def key(changed: Change) -> tuple[tuple[str, str], ...]:
    """The same for equal values, however they came about."""
    return tuple(sorted((name, float.__repr__(value) if isinstance(value, float) else repr(value)) for name, value in changed.items()))
