"""Whether a result is that of the reference in another arithmetic: subnormal numbers flushed, overflow, constants held in float32.

Nobody declares these, so they are tried where declared factors explain nothing. The reference as it is must not explain the result either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from replab.attribute.hypotheses import FINER, MAIN_PART, Explanation, Judgement
from replab.attribute.values import Change, InFloat32, through_float32
from replab.errors import TruthError
from replab.formats import FORMATS, Array
from replab.model import Case
from replab.truth.arithmetic import CONSTANT, FLUSHING, OVERFLOW, Flushing


class Searching(Protocol):
    """What is needed of a search."""

    def distance(self, changed: Change) -> float:
        """How far the result is from the plain reference with something changed."""


def held_in_float32(case: Case, constants: Mapping[str, float]) -> dict[str, InFloat32]:
    """The ``constants`` of a reference, and the parameters of its case that are no factors, as float32 has them."""
    parameters = {name: value for name, value in case.parameters.items() if name not in case.factors}
    held = {name: rounded for name, value in parameters.items() for rounded in through_float32(value) if isinstance(rounded, InFloat32)}
    return held | {f"{CONSTANT}{text}": InFloat32(value) for text, value in constants.items()}


def constants_in_float32(
    held: Mapping[str, InFloat32], bases: Sequence[Change], search: Searching, certify: Callable[[Change], Judgement]
) -> Explanation | None:
    """Those of the numbers ``held`` in float32 that explain a result, beside the first of ``bases`` with which they do.

    One at a time is added, the one that brings the reference nearest, as long as it gains: so none is named that has no part in it.
    """
    for base in bases:
        changed = dict(base)
        while rest := [{**changed, name: value} for name, value in held.items() if name not in changed]:
            nearest = min(rest, key=search.distance)
            if not search.distance(nearest) < FINER * search.distance(changed):
                break
            changed = dict(nearest)
        if not search.distance(changed) < MAIN_PART * search.distance(base):
            continue
        judged = certify(changed)
        if judged.explains and not certify(base).explains:
            left = search.distance(changed) / search.distance({})
            return Explanation(changed=changed, verdict=judged.verdict, z=judged.z, rms=judged.rms, left=left)
    return None


def may_be_flushed(arrays: Sequence[Array], dtype: str) -> bool:
    """Whether there are numbers so small that their products are subnormal: else nothing is flushed that a result could show."""
    reach = FORMATS[dtype].smallest_normal ** 0.5
    return any(bool(np.any((values != 0) & (np.abs(values) < reach))) for values in arrays if values.dtype.kind == "f")


FLUSHED: tuple[Change, ...] = tuple({FLUSHING: str(way)} for way in Flushing)
OVERFLOWING: tuple[Change, ...] = ({OVERFLOW: "float16"},)


def of_results(
    ways: Sequence[Change],
    result: Sequence[Array],
    far: NDArray[np.bool_],
    plain: Callable[[Change], Sequence[Array]],
    certify: Callable[[Change], Judgement],
) -> Explanation | None:
    """The first of the ``ways`` in which results of operations become others that explains a result.

    ``plain``: the reference, rounded to the format. ``certify`` lets no element be far away. ``far``: elements that the reference as it is
    does not explain, all outputs in a row. Only what brings each of them nearer is certified.
    """
    before = distances(result, plain({}))
    far = far | np.isinf(before)
    for changed in ways if far.any() else ():
        try:
            after = distances(result, plain(changed))
        except TruthError:
            continue
        if after.shape != before.shape or not np.all(np.isfinite(after[far]) & (after[far] <= MAIN_PART * before[far])):
            continue
        judged = certify(changed)
        if judged.explains:
            with np.errstate(invalid="ignore"):
                left = float(np.nan_to_num(after[far] / before[far]).max())
            return Explanation(changed=changed, verdict=judged.verdict, z=judged.z, rms=judged.rms, left=left)
    return None


def distances(result: Sequence[Array], values: Sequence[Array]) -> NDArray[np.float64]:
    """Of all elements; infinite where one is a number and the other is none."""
    parts = []
    for a, b in zip(result, values, strict=True):
        with np.errstate(invalid="ignore"):
            apart = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        parts.append(np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf)).reshape(-1))
    return np.concatenate(parts)
