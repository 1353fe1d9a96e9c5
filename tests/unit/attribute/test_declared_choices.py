"""Choices that the atlas of operations declares for its causes: what the reference gives with each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replab.truth.reference import load

OPS = load(Path(__file__).resolve().parents[3] / "experiments" / "ops" / "reference.py")
NAN = float("nan")
ROWS = np.array([[0.5, NAN, 2.0, 1.0], [NAN, 3.0, NAN, 3.0], [1.0, 7.0, 0.0, NAN]])
EVEN = np.array([[4.0, 1.0, 3.0, 2.0], [-1.0, -2.0, 0.0, 8.0]])


@pytest.mark.parametrize(
    ("function", "argument", "choice", "expected"),
    [
        ("argmax", ROWS, {}, [1, 0, 3]),
        ("argmax", ROWS, {"nan_in_maximum": "ignored"}, [2, 1, 1]),
        ("median", EVEN, {}, [2.5, -0.5]),
        ("median", EVEN, {"middle": "lower"}, [2.0, -1.0]),
        ("median", EVEN, {"middle": "upper"}, [3.0, 0.0]),
        ("median", EVEN[:, :3], {"middle": "lower"}, [3.0, -1.0]),
    ],
)
def test_a_choice_gives_what_some_framework_gives(function: str, argument: np.ndarray, choice: dict[str, str], expected: list[float]):
    assert getattr(OPS, function)(argument, **choice).tolist() == expected
