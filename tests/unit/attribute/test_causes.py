"""Which cause is named for a result that is another function: a row per sentence of docs/causes.md, on numbers that are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from judged import CASE, cell
from made_up import World
from replab.attribute.causes import Causes, by_alignment
from replab.model import Factor, Verdict

X = np.linspace(0.5, 4.0, 16)
NORM = """
def f(x, epsilon=1e-3, place="inside", scale=1.0):
    centred = x - np.mean(x)
    square = np.mean(centred * centred)
    if place == "inside":
        return scale * centred / np.sqrt(square + epsilon)
    return scale * centred / (np.sqrt(square) + epsilon)
"""


def norm(x: Any, epsilon: float = 1e-3, place: str = "inside", scale: float = 1.0) -> Any:
    """The same in float64: what an implementation with these choices would give."""
    centred = x - x.mean()
    square = (centred * centred).mean()
    return scale * centred / (np.sqrt(square + epsilon) if place == "inside" else np.sqrt(square) + epsilon)


EPSILON = Factor(aligned=1e-3, alternatives=(1e-5,))
PLACE = Factor(aligned="inside", alternatives=("outside",))
SCALE = Factor(aligned=1.0, fit=True)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What an implementation did, and what is to be said of it."""

    factors: dict[str, Factor]
    gave: Callable[[Any], Any]
    named: str
    """The factor that is named; ``unknown``, or two joined by ``or``."""
    values: str = ""
    dtype: str = "float64"


STORIES = {
    "each alternative of each factor is tried": Story(
        factors={"epsilon": EPSILON, "place": PLACE}, gave=lambda x: norm(x, epsilon=1e-5), named="epsilon", values="epsilon = 1e-05"
    ),
    "also in float32": Story(
        factors={"epsilon": EPSILON, "place": PLACE},
        gave=lambda x: norm(x, place="outside"),
        named="place",
        values="place = outside",
        dtype="float32",
    ),
    "a real factor is fitted, with as few digits as the fit allows": Story(
        factors={"place": PLACE, "scale": SCALE}, gave=lambda x: norm(x, scale=1.25), named="scale", values="scale = 1.25"
    ),
    "in float64, a number that went through float32": Story(
        factors={"scale": replace(SCALE, aligned=1.1), "place": PLACE},
        gave=lambda x: norm(x, scale=float(np.float32(1.1))),
        named="scale",
        values="scale = float32(1.1)",
    ),
    "two factors where no single one explains it": Story(
        factors={"epsilon": EPSILON, "place": PLACE},
        gave=lambda x: norm(x, epsilon=1e-5, place="outside"),
        named="epsilon+place",
        values="epsilon = 1e-05, place = outside",
    ),
    "what nobody declared is unknown": Story(factors={"epsilon": EPSILON, "place": PLACE}, gave=lambda x: 9 + norm(x), named="unknown"),
    "the sign of a fitted number does not change": Story(factors={"scale": SCALE}, gave=lambda x: norm(x, scale=-1.0), named="unknown"),
    "of two true factors the declared one is told as the nearest": Story(
        factors={"place": PLACE}, gave=lambda x: norm(x, place="outside") * 1.000001, named="unknown", values="place = outside"
    ),
}


def told(folder: Path, story: Story, *cells: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The rows and the cells after a search; ``cells``: fields of each, one plain cell where none is given."""
    world = World(folder, NORM, {"x": X}, story.factors)
    x = X.astype(story.dtype).astype(np.float64)
    made = [world.cell(story.gave(x).astype(story.dtype), **fields) for fields in (cells or ({},))]
    return Causes(world.family, world.truths, world.index).explain(world.case, story.dtype, 0, made, {}, ["out"]), made


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_the_cause_of_a_difference(tmp_path: Path, story: Story) -> None:
    (row,), (cell,) = told(tmp_path, story)
    assert row.factor == story.named
    assert row.left_value == story.values
    assert cell.cause == ("" if story.named == "unknown" else story.named)
    if story.named != "unknown":
        assert row.named
        assert Verdict(row.verdict_aligned).explained
        assert row.z_aligned < 20


def test_two_that_explain_equally_well_are_not_named(tmp_path: Path) -> None:
    """A factor of two in the input, or in the output of a function that scales alike."""
    reference = "def f(x, before=1.0, after=1.0):\n    return after * (before * x)\n"
    factors = {"before": Factor(aligned=1.0, alternatives=(2.0,)), "after": Factor(aligned=1.0, alternatives=(2.0,))}
    world = World(tmp_path, reference, {"x": X}, factors)
    (row,) = Causes(world.family, world.truths, world.index).explain(world.case, "float64", 0, [world.cell(2.0 * X)], {}, ["out"])
    assert not row.named
    assert set(row.factor.split(" or ")) == {"before", "after"}


@pytest.mark.parametrize(
    "fields",
    [{"repeatable": "no"}, {"variant": "threads-2"}, {"verdict": Verdict.ROUNDING}],
    ids=["not repeatable", "another variant", "rounding"],
)
def test_what_is_left_alone(tmp_path: Path, fields: dict[str, Any]) -> None:
    rows, (cell,) = told(tmp_path, STORIES["each alternative of each factor is tried"], fields)
    assert rows == []
    assert cell.cause == ""


def test_equal_bits_are_explained_once_and_told_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    search = Causes._search
    monkeypatch.setattr(Causes, "_search", lambda self, *given, **more: searched.append(given) or search(self, *given, **more))
    rows, cells = told(tmp_path, STORIES["each alternative of each factor is tried"], {}, {"environment": "tf-2.21"})
    assert len(searched) == 1
    assert [row.left for row in rows] == [str(cell.id) for cell in cells]


def test_a_short_format_has_the_cause_of_its_float32_companion(tmp_path: Path) -> None:
    story = replace(STORIES["each alternative of each factor is tried"], dtype="float32")
    world = World(tmp_path, NORM, {"x": X}, story.factors, dtypes=("float32", "float16"))
    causes = Causes(world.family, world.truths, world.index)
    for dtype in ("float32", "float16"):
        cell = world.cell(story.gave(X.astype(dtype).astype(np.float64)).astype(dtype))
        rows = causes.explain(world.case, dtype, 0, [cell], {}, ["out"])
        assert cell.cause == "epsilon"
        assert len(rows) == (dtype == "float32")


def test_declared_factors_are_tried_on_coarse_results_too(tmp_path: Path) -> None:
    """Like softplus, which is the identity beyond a threshold: what that leaves out is little, and no rounding."""
    (row,), (cell,) = told(tmp_path, STORIES["each alternative of each factor is tried"], {"verdict": Verdict.ACCURACY})
    assert cell.cause == row.factor == "epsilon"
    nothing = replace(STORIES["each alternative of each factor is tried"], gave=lambda x: norm(x) * (1 + 1e-9 * np.sin(x)))
    assert told(tmp_path, nothing, {"verdict": Verdict.ACCURACY})[0] == []


def test_what_shows_a_cause_stands_at_the_cell(tmp_path: Path) -> None:
    _, (made,) = told(tmp_path, STORIES["each alternative of each factor is tried"])
    assert made.shown_by == "the reference with epsilon = 1e-05"
    half = STORIES["of two true factors the declared one is told as the nearest"]
    _, (made,) = told(tmp_path / "half", half)
    assert made.shown_by.startswith("the reference comes nearest with place = outside, which leaves ")


def drawn(*explained: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """A cell that is another function unless one of the sets of factors is aligned: what is told of it."""
    cases = [replace(CASE, name="f" + "".join(f"-{name}" for name in aligned), base="f", aligned=aligned) for aligned in SUBSETS]
    cells = {case.name: {"torch-2": cell(X, verdict=Verdict.ROUNDING if case.aligned in explained else Verdict.SEMANTIC)} for case in cases}
    return by_alignment(cases, cells)


SUBSETS = ((), ("bias",), ("weight",), ("bias", "weight"))


def test_a_cause_that_only_runs_with_aligned_factors_know_is_told_of_the_cell() -> None:
    """Initial values that a framework draws for itself: no evaluation of the reference has them."""
    (cause,) = drawn(("bias", "weight")).values()
    assert cause[0] == "bias+weight"
    assert cause[1].startswith("the run ")
    assert next(iter(drawn(("weight",), ("bias", "weight")).values()))[0] == "weight"


@pytest.mark.parametrize("explained", [(), (("bias",), ("weight",))], ids=["no run", "two runs of as many factors"])
def test_no_cause_is_told_where_runs_do_not_show_one(explained: tuple[tuple[str, ...], ...]) -> None:
    assert drawn(*explained) == {}


def test_a_choice_that_a_framework_does_not_have_is_not_named_for_it(tmp_path: Path) -> None:
    story = STORIES["each alternative of each factor is tried"]
    world = World(tmp_path, NORM, {"x": X}, {"epsilon": replace(EPSILON, absent=("torch",)), "place": PLACE})
    causes = Causes(world.family, world.truths, world.index, {"torch-2.13": "torch", "tf-2.21": "tensorflow"})
    made = [world.cell(story.gave(X), environment=environment) for environment in ("tf-2.21", "torch-2.13")]
    assert [row.factor for row in causes.explain(world.case, "float64", 0, made, {}, ["out"])] == ["epsilon", "unknown"]
