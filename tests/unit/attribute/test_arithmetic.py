"""Causes that nobody declares: constants held in float32, subnormal numbers flushed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up import World
from replab.attribute.causes import Causes
from replab.model import Factor, Verdict

SMALL = np.linspace(-3.0, 3.0, 40)
X = np.concatenate([SMALL, 2.0 ** np.arange(4.0, 40.0, 3.0)])
"""Beside the largest of which the others could be anything."""
SINGLE = {value: float(np.float32(value)) for value in (0.3, 0.7, 0.044715)}
CURVE = """
def f(x, bend=1.0):
    return bend * x * (0.7 + 0.3 * x) + np.sin(x)
"""


def curve(x: Any, first: float = 0.7, second: float = 0.3, bend: float = 1.0) -> Any:
    """The same in float64."""
    return bend * x * (first + second * x) + np.sin(x)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What an implementation gave in float64, and the cause that is named."""

    gave: Callable[[Any], Any]
    cause: str
    shown_by: str = ""
    verdict: Verdict = Verdict.ACCURACY
    factors: dict[str, Factor] = field(default_factory=dict)
    parameters: dict[str, float] = field(default_factory=dict)
    x: Any = field(default_factory=lambda: X)


BEND = {"bend": Factor(aligned=1.0, alternatives=(1.5,))}
STORIES = {
    "a constant in float32": Story(
        gave=lambda x: curve(x, second=SINGLE[0.3]), cause="constant 0.3", shown_by="the reference with constant 0.3 = float32(0.3)"
    ),
    "all constants in float32": Story(
        gave=lambda x: curve(x, SINGLE[0.7], SINGLE[0.3]),
        cause="constant 0.3+constant 0.7",
        shown_by="the reference with constant 0.3 = float32(0.3), constant 0.7 = float32(0.7)",
    ),
    "a parameter that is no factor, in float32": Story(
        gave=lambda x: curve(x, bend=SINGLE[0.3]), cause="bend", shown_by="the reference with bend = float32(0.3)", parameters={"bend": 0.3}
    ),
    "a constant beside a declared choice": Story(
        gave=lambda x: curve(x, first=SINGLE[0.7], bend=1.5),
        cause="bend+constant 0.7",
        shown_by="the reference with bend = 1.5, constant 0.7 = float32(0.7)",
        verdict=Verdict.SEMANTIC,
        factors=BEND,
        x=SMALL,
    ),
    "a result of unknown kind": Story(
        gave=lambda x: curve(x, first=SINGLE[0.7]),
        cause="constant 0.7",
        shown_by="the reference with constant 0.7 = float32(0.7)",
        verdict=Verdict.BEYOND,
    ),
    "the declared choice alone": Story(
        gave=lambda x: curve(x, bend=1.5), cause="bend", shown_by="the reference with bend = 1.5", verdict=Verdict.SEMANTIC, factors=BEND
    ),
    "everything computed in float32": Story(gave=lambda x: curve(x.astype(np.float32)).astype(np.float64), cause=""),
    "errors of the same size without a pattern": Story(gave=lambda x: curve(x) * (1.0 + 1e-8 * np.cos(1e3 * x)), cause=""),
    "a constant that is wrong otherwise": Story(gave=lambda x: curve(x, second=0.3 * (1.0 + 1e-8)), cause=""),
    "a constant in float32 and an error besides": Story(gave=lambda x: curve(x, second=SINGLE[0.3]) + 1e-9 * np.sin(99.0 * x), cause=""),
    "nothing but rounding": Story(gave=lambda x: curve(x) * (1.0 + 1e-16), cause="", verdict=Verdict.ROUNDING),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_constants_held_in_float32(tmp_path: Path, story: Story) -> None:
    world = World(tmp_path, CURVE, {"x": story.x}, story.factors, elementwise=True, parameters=story.parameters)
    cell = world.cell(story.gave(story.x), story.verdict)
    rows = Causes(world.family, world.truths, world.index).explain(world.case, "float64", 0, [cell], {}, ["out"])
    assert cell.cause == story.cause
    if story.cause:
        assert cell.shown_by == story.shown_by
        assert [row.named for row in rows] == [True]


TINY = np.float32(2.0**-126)
A = np.float32(2.0) ** np.arange(-80, -40, dtype=np.float32) * np.float32(1.7)
B = np.full(40, 2.0**-56, np.float32)
C = TINY * np.linspace(1.0, 1e9, 40, dtype=np.float32)
LIKE_THE_REFERENCE = np.float32(A * B) + C
"""With subnormal products: NumPy keeps them."""
FLUSHED = np.where(np.abs(A * B) < TINY, np.float32(0.0), A * B) + C


@pytest.mark.parametrize(
    ("gave", "verdict", "cause"),
    [
        (FLUSHED, Verdict.ACCURACY, "flushing of subnormal numbers"),
        (FLUSHED, Verdict.BEYOND, "flushing of subnormal numbers"),
        (FLUSHED, Verdict.SEMANTIC, "flushing of subnormal numbers"),
        (LIKE_THE_REFERENCE, Verdict.ROUNDING, ""),
        (C, Verdict.ACCURACY, ""),
        (np.where(C < 4 * TINY, C, LIKE_THE_REFERENCE * np.float32(1.001)), Verdict.ACCURACY, ""),
        (FLUSHED * np.float32(1.001), Verdict.ACCURACY, ""),
    ],
    ids=["accuracy", "beyond", "semantic", "kept", "every product is lost", "errors elsewhere", "flushed, and wrong besides"],
)
def test_flushed_intermediates(tmp_path: Path, gave: Any, verdict: Verdict, cause: str) -> None:
    assert not np.array_equal(FLUSHED, LIKE_THE_REFERENCE)
    world = World(tmp_path, "def f(a, b, c):\n    return a * b + c", {"a": A, "b": B, "c": C}, elementwise=True)
    cell = world.cell(gave, verdict)
    Causes(world.family, world.truths, world.index).explain(world.case, "float32", 0, [cell], {}, ["out"])
    assert cell.cause == cause
    if cause:
        assert cell.shown_by == "the reference with flushing of subnormal numbers = intermediates"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flushed_inputs(tmp_path: Path, dtype: str) -> None:
    """Infinite where the reference is large, by whatever format."""
    smallest = float(np.finfo(dtype).tiny)
    x = np.array([smallest / 2, smallest / 8, smallest * 2, 1.0, 3.0])
    world = World(tmp_path, "def f(x):\n    return np.log(x)", {"x": x}, elementwise=True)
    with np.errstate(divide="ignore"):
        cell = world.cell(np.log(np.where(x < smallest, 0.0, x)).astype(dtype), Verdict.INCOMPARABLE)
    Causes(world.family, world.truths, world.index).explain(world.case, dtype, 0, [cell], {}, ["out"])
    assert cell.cause == "flushing of subnormal numbers"
    assert cell.shown_by == "the reference with flushing of subnormal numbers = inputs"


LARGE = np.array([[300.0, 2.0], [1.0, -2.0], [0.5, 400.0]], np.float16)
SQUARES = "def f(x):\n    return np.sqrt(np.sum(x * x, axis=-1))"
with np.errstate(over="ignore"):
    HALF = np.sqrt((LARGE * LARGE).sum(axis=-1, dtype=np.float16))
"""Squares in float16 overflow, although their roots would not."""
WIDER = np.sqrt((LARGE.astype(np.float32) ** 2).sum(axis=-1)).astype(np.float16)


@pytest.mark.parametrize(
    ("gave", "verdict", "cause"),
    [
        (HALF, Verdict.INCOMPARABLE, "overflow of intermediates"),
        (WIDER, Verdict.ROUNDING, ""),
        (np.full(3, np.inf, np.float16), Verdict.INCOMPARABLE, ""),
        (np.where(np.isinf(HALF), np.float16(np.nan), HALF), Verdict.INCOMPARABLE, ""),
        (HALF * np.float16(1.5), Verdict.INCOMPARABLE, ""),
    ],
    ids=["overflow", "in float32", "infinite everywhere", "NaN in its place", "wrong besides"],
)
def test_intermediates_that_overflow_in_float16(tmp_path: Path, gave: Any, verdict: Verdict, cause: str) -> None:
    assert np.isinf(HALF).sum() == 2
    world = World(tmp_path, SQUARES, {"x": LARGE}, dtypes=("float32", "float16"))
    cell = world.cell(gave, verdict)
    Causes(world.family, world.truths, world.index).explain(world.case, "float16", 0, [cell], {}, ["out"])
    assert cell.cause == cause
    if cause:
        assert cell.shown_by == "the reference with overflow of intermediates = float16"
