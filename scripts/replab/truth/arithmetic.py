"""Other arithmetic in which a reference may be evaluated: what happens to numbers on their way although nobody chose it.

Numbers below the smallest normal one become 0: processors do so when they are asked to, and some libraries ask. Intermediate results, and
counts, overflow in the format in which they are kept. And a constant of the definition is held in float32 whatever the tensors are. All
are asked for beside the values of factors, under names that no keyword argument can have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from replab.formats import FORMATS, Array

FLUSHING = "flushing of subnormal numbers"
OVERFLOW = "overflow of intermediates"
TIES = "order of equal elements"
CONSTANT = "constant "
"""What the name of a constant begins with; its text in the reference follows."""


class Flushing(StrEnum):
    """What becomes 0 where it is below the smallest normal number."""

    INPUTS = "inputs"
    INTERMEDIATES = "intermediates"
    BOTH = "inputs and intermediates"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a reference is evaluated."""

    flushing: Flushing | None = None
    smallest: float = 0.0
    """The smallest normal number of the format."""
    infinite_above: float = math.inf
    """Results of operations above this, and whole numbers that go into them, are infinite."""
    constants: tuple[tuple[str, float], ...] = ()
    """Constants by their text in the reference, and what stands in their place."""

    @property
    def ordinary(self) -> bool:
        """Whether operations give what they give in float64."""
        return not self.flushed_below and math.isinf(self.infinite_above)

    @property
    def inputs_flushed_below(self) -> float:
        """Inputs below this are 0."""
        return self.smallest if self.flushing in (Flushing.INPUTS, Flushing.BOTH) else 0.0

    @property
    def flushed_below(self) -> float:
        """Results of operations below this are 0."""
        return self.smallest if self.flushing in (Flushing.INTERMEDIATES, Flushing.BOTH) else 0.0


ORDINARY = Arithmetic()


def is_arithmetic(name: str) -> bool:
    """Whether a change of this name is one of the arithmetic, and of no factor."""
    return name in (FLUSHING, OVERFLOW, TIES) or name.startswith(CONSTANT)


def nobody_chose(cause: str) -> bool:
    """Whether a cause, names joined by ``+``, consists of arithmetic alone."""
    return all(map(is_arithmetic, re.split(r"(?<! )\+(?! )", cause)))  # in the text of a constant there are blanks around


def apart(changed: Mapping[str, object], dtype: str) -> tuple[dict[str, object], Arithmetic]:
    """Values of factors, and the arithmetic in a format, which a change names together."""
    factors = {name: value for name, value in changed.items() if not is_arithmetic(name)}
    held = sorted((name, value) for name, value in changed.items() if name.startswith(CONSTANT))
    constants = tuple((name.removeprefix(CONSTANT), value) for name, value in held if isinstance(value, float))
    flushing = Flushing(str(changed[FLUSHING])) if FLUSHING in changed else None
    above = FORMATS[str(changed[OVERFLOW])].largest if OVERFLOW in changed else math.inf
    return factors, Arithmetic(flushing, FORMATS[dtype].smallest_normal if flushing else 0.0, above, constants)


def flushed(values: Array, below: float) -> NDArray[np.float64]:
    """``values`` with zeros of their sign in the place of what is below."""
    return np.where(np.abs(values) < below, np.copysign(0.0, values), values)


def overflowed(values: Array, above: float) -> NDArray[np.float64]:
    """``values`` with infinities of their sign in the place of what is above."""
    return np.where(np.abs(values) > above, np.copysign(np.inf, values), values)


__all__ = [
    "CONSTANT",
    "FLUSHING",
    "ORDINARY",
    "OVERFLOW",
    "TIES",
    "Arithmetic",
    "Flushing",
    "apart",
    "flushed",
    "is_arithmetic",
    "nobody_chose",
    "overflowed",
]
