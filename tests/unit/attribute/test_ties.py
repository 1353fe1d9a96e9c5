"""Indices that differ from those of the reference: another order of equal elements, or another function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up import World
from replab.attribute.causes import Causes
from replab.model import Factor

X = np.array([2.0, 1.0, 2.0, 3.0, 1.0, 2.0])
ROWS = np.array([[2.0, 1.0, 2.0, 3.0], [5.0, 5.0, 5.0, 4.0]])
SORTED = 'def f(x):\n    return np.argsort(x, axis=-1, kind="stable")'
LARGEST = 'def f(x):\n    return np.argsort(-x, axis=-1, kind="stable")[..., :3]'
FIRST = "def f(x):\n    return np.argmax(x, axis=-1)"


@pytest.mark.parametrize(
    ("reference", "x", "gave", "named"),
    [
        (SORTED, X, [4, 1, 0, 5, 2, 3], True),
        (SORTED, X, [1, 4, 0, 2, 3, 5], False),
        (SORTED, X, [1, 1, 0, 2, 5, 3], False),
        (SORTED, X, [1, 4, 0, 2, 9, 3], False),
        (SORTED, ROWS, [[1, 2, 0, 3], [3, 1, 0, 2]], True),
        (SORTED, ROWS, [[1, 2, 0, 3], [1, 3, 0, 2]], False),
        (LARGEST, X, [3, 5, 2], True),
        (LARGEST, X, [3, 5, 1], False),
        (FIRST, ROWS, [3, 2], True),
        (FIRST, ROWS, [0, 2], False),
    ],
    ids=[
        "a sort",
        "not sorted",
        "one index twice",
        "no such element",
        "rows",
        "a row that is not sorted",
        "the largest",
        "not the largest",
        "a maximum",
        "not the maximum",
    ],
)
def test_the_order_of_equal_elements(tmp_path: Path, reference: str, x: Any, gave: list[Any], named: bool) -> None:
    world = World(tmp_path, reference, {"x": x})
    cell = world.cell(np.array(gave), dtype="float32")
    Causes(world.family, world.truths, world.index).explain(world.case, "float32", 0, [cell], {}, ["out"])
    assert cell.cause == ("order of equal elements" if named else "")


def test_a_declared_choice_says_how_equal_elements_are_told_apart(tmp_path: Path) -> None:
    factors = {"stable": Factor(aligned=True)}
    world = World(tmp_path, 'def f(x, stable=True):\n    return np.argsort(x, kind="stable")', {"x": X}, factors)
    cell = world.cell(np.array([4, 1, 0, 5, 2, 3]), dtype="float32")
    Causes(world.family, world.truths, world.index).explain(world.case, "float32", 0, [cell], {}, ["out"])
    assert cell.cause == ""
