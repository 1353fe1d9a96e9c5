"""The verdict of a result against the truth: a row per paragraph of docs/verdicts.md, on arrays that are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from judged import CASE, U32, X, cell, exact, off, truth
from replab.compare.metrics import z_limit
from replab.compare.pairs import Judged
from replab.judge.verdicts import compare, decide, runs_in_float64, settle
from replab.model import Verdict
from replab.truth.certify import Truth

FAR, NEAR = 1e-4, 3 * U32
"""Relative errors: a thousand and more times σ of float32, and three times σ."""
LARGEST = float(np.finfo(np.float32).max)
NOTHING = np.full_like(X, np.nan)


@dataclass(frozen=True, kw_only=True)
class Story:
    """Cells in the order in which they are told, and the verdict of the last one."""

    cells: Sequence[Judged]
    verdict: str
    why: str = ""
    """Words that the reason must hold."""
    truth: Truth = field(default_factory=truth)
    finer: Sequence[Judged] = ()
    inputs: Mapping[str, Any] = field(default_factory=lambda: {"x": X})
    drawn: bool = False


def finer(values: Any, **more: Any) -> Judged:
    """The float64 run of a float32 cell."""
    return cell(np.asarray(values, np.float64), grid="float32", **more)


def where(place: int, this: float, others: Any = X) -> Any:
    """``others`` with another value at one place."""
    return np.where(np.arange(len(X)) == place, this, others)


STORIES = {
    # 1. The truth
    "only what lies outside of the ball counts": Story(
        cells=[cell(off(FAR))], truth=truth(bound=2 * FAR * X), verdict="inconclusive", why="not known well enough at any element"
    ),
    "an uncertain element says nothing against the others": Story(
        cells=[cell(off(where(3, FAR, NEAR)))], truth=truth(bound=where(3, 1.0, 0.0)), verdict="rounding"
    ),
    "where balls have no answer IEEE arithmetic says where infinities belong": Story(
        cells=[cell(where(0, np.inf, off(0.0)).astype(np.float32))],
        truth=truth(where(0, np.nan, off(0.0)), bound=where(0, np.inf, 0.0), ieee=where(0, np.inf, off(0.0))),
        verdict="identical",
    ),
    "where float64 has a number and balls have none nothing is decided": Story(
        cells=[cell(where(0, 7.0, off(0.0)).astype(np.float32))],
        truth=truth(where(0, np.nan, off(0.0)), bound=where(0, np.inf, 0.0), sigma=where(0, np.inf, U32 * X), ieee=off(0.0)),
        verdict="identical",
        why="of 1 elements it is not",
    ),
    "nothing is known at any element": Story(
        cells=[cell(off(0.0))],
        truth=truth(NOTHING, bound=NOTHING, sigma=np.full_like(X, np.inf), ieee=X),
        verdict="inconclusive",
        why="not known at any element",
    ),
    "integers are equal": Story(cells=[cell(np.arange(4), dtype="float32")], truth=exact(range(4)), verdict="identical"),
    "integers are not equal": Story(
        cells=[cell(np.array([0, 1, 2, 4]), dtype="float32")], truth=exact(range(4)), verdict="semantic", why="1 of 4 integers differ"
    ),
    # 2. The envelope
    "within the envelope": Story(cells=[cell(off(NEAR))], verdict="rounding", why="is within the limit"),
    "a wider envelope explains more": Story(cells=[cell(off(FAR))], truth=truth(spread=FAR), verdict="rounding"),
    # 3. Escalation
    "the difference stays in float64": Story(
        cells=[cell(off(FAR))], finer=[finer(X * (1 + FAR))], verdict="semantic", why="in float64 the difference stays"
    ),
    "the difference shrinks in float64": Story(
        cells=[cell(off(FAR))], finer=[finer(X * (1 + 1e-15))], verdict="accuracy", why="in float64 the difference shrinks"
    ),
    "what stays is inside of float32's own envelope": Story(
        cells=[cell(off(FAR))], finer=[finer(X * (1 + NEAR))], verdict="accuracy", why="is no more than float32 rounds"
    ),
    "the float64 run computes in float32": Story(
        cells=[cell(off(FAR))],
        truth=truth(X + 1e-9),
        finer=[finer(off(FAR).astype(np.float64))],
        verdict="beyond",
        why="no more digits than float32",
    ),
    "within the envelope nobody asks": Story(cells=[cell(off(NEAR))], finer=[finer(X * 2)], verdict="rounding"),
    "a mode with a float64 run of its own asks that": Story(
        cells=[cell(off(FAR)), cell(off(FAR), mode="xla")],
        finer=[finer(X * (1 + FAR)), finer(X * (1 + 1e-15), mode="xla")],
        verdict="accuracy",
    ),
    "a mode without one asks eager's where eager lies outside too": Story(
        cells=[cell(off(FAR)), cell(off(FAR), mode="xla")], finer=[finer(X * (1 + FAR))], verdict="semantic"
    ),
    "eager's float64 says nothing where eager is within": Story(
        cells=[cell(off(NEAR)), cell(off(FAR), mode="xla")],
        finer=[finer(X * (1 + FAR))],
        verdict="beyond",
        why="no run in another precision",
    ),
    "a mode that is rounding away from eager, where eager is within": Story(
        cells=[cell(off(6.0 * U32)), cell(off(9.0 * U32), mode="xla")],
        verdict="accuracy",
        why="no more than rounding from the eager result",
    ),
    "eager of another variant is not asked": Story(
        cells=[cell(off(6.0 * U32), variant="threads-2"), cell(off(9.0 * U32), mode="xla")], verdict="beyond"
    ),
    "the run of another environment is no companion": Story(
        cells=[cell(off(FAR))], finer=[finer(X * (1 + FAR), environment="torch-1")], verdict="beyond"
    ),
    "a companion that failed is none": Story(
        cells=[cell(off(FAR))], finer=[replace(finer(X * (1 + FAR)), status="error")], verdict="beyond"
    ),
    "another type is semantic where float32 is": Story(
        cells=[cell(off(FAR)), cell(off(FAR, dtype="float64"))],
        finer=[finer(X * (1 + FAR))],
        verdict="semantic",
        why="float32 shows another function as well",
    ),
    "another type is accuracy where float32 rounds": Story(
        cells=[cell(off(NEAR)), cell(off(FAR, dtype="float64"))], verdict="accuracy", why="float32 computes the right function"
    ),
    "another type asks the same mode": Story(
        cells=[cell(off(FAR)), cell(off(NEAR), mode="xla"), cell(off(FAR, dtype="float64"), mode="xla")],
        finer=[finer(X * (1 + FAR))],
        verdict="accuracy",
        why="float32 computes the right function (rounding)",
    ),
    "another type asks eager where the mode has no float32": Story(
        cells=[cell(off(NEAR)), cell(off(FAR, dtype="float64"), mode="xla")], verdict="accuracy", why="float32 computes the right function"
    ),
    "nobody can tell why another type is outside": Story(
        cells=[cell(off(FAR, dtype="float64"))], truth=truth(spread=2.0**-53), verdict="beyond"
    ),
    "a float64 result within what float32 would round": Story(
        cells=[cell(X * (1 + 1e-9))], truth=truth(spread=2.0**-53), verdict="accuracy", why="within what float32 would round"
    ),
    # 4. The order of the questions
    "another shape": Story(cells=[cell(off(0.0)[:5])], verdict="incomparable", why="shape [5], expected [8]"),
    "a float32 quotient of integers": Story(
        cells=[cell(np.array([1 / 3, 2.0], np.float32), dtype="int64")], truth=truth(np.array([1 / 3, 2.0])), verdict="identical"
    ),
    "a float64 quotient of integers that has the digits of float32": Story(
        cells=[cell(np.array([np.float32(1 / 3), 2.0], np.float64), dtype="int64")], truth=truth(np.array([1 / 3, 2.0])), verdict="beyond"
    ),
    "another type than asked for": Story(cells=[cell(X, dtype="float32")], verdict="incomparable", why="dtype float64, expected float32"),
    "integers where there should be numbers": Story(cells=[cell(np.arange(8), dtype="float32")], verdict="incomparable"),
    "NaN on one side": Story(
        cells=[cell(where(2, np.nan).astype(np.float32))], finer=[finer(X)], verdict="incomparable", why="1 of 8 elements differ in NaN"
    ),
    "infinity on one side": Story(cells=[cell(where(2, np.inf).astype(np.float32))], verdict="incomparable", why="infinity"),
    "an overflow that rounding can cause is excused": Story(
        cells=[cell(where(2, np.inf, off(NEAR)).astype(np.float32))], truth=truth(where(2, LARGEST)), verdict="rounding"
    ),
    "every element is the correctly rounded truth": Story(cells=[cell(off(0.0))], verdict="identical"),
    "a zero of the other sign is not the same": Story(
        cells=[cell(where(0, -0.0, off(0.0)).astype(np.float32))], truth=truth(where(0, 0.0)), verdict="rounding"
    ),
    "nothing is in it": Story(cells=[cell(np.zeros(0, np.float32))], truth=truth([]), verdict="inconclusive", why="it has no elements"),
    # Random draws
    "draws within chance": Story(cells=[cell(off(NEAR))], drawn=True, verdict="rounding", why="chance explains it"),
    "draws of another distribution": Story(
        cells=[cell(off(FAR))], finer=[finer(X)], drawn=True, verdict="semantic", why="another distribution"
    ),
    # What a verdict does not say
    "from NaN comes nothing that could be judged": Story(
        cells=[cell(NOTHING.astype(np.float32))],
        truth=truth(NOTHING, bound=NOTHING, ieee=NOTHING),
        inputs={"x": NOTHING},
        verdict="inconclusive",
        why="every input is NaN",
    ),
}


def judge(story: Story) -> tuple[Verdict, str, float]:
    """The verdict of the last cell, after the others: float32 first, as a case is judged."""
    case, known = replace(CASE, drawn=story.drawn), {}
    for dtype in ("float32", "float64", "int64"):
        cells = [one for one in story.cells if one.id.dtype == dtype]
        compare((*cells, *story.finer), {"out": story.truth})
        decide(case, cells, {"out": story.truth}, story.inputs, runs_in_float64(story.finer), known, elementwise=True)
    return story.cells[-1].verdicts["out"]


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_the_verdict_of_a_result(story: Story) -> None:
    found, why, _ = judge(story)
    assert str(found) == story.verdict, why
    assert story.why in why


def test_a_mode_is_judged_after_eager_in_whatever_order_they_are_told() -> None:
    cells = [cell(off(FAR), mode="compile"), cell(off(NEAR))]
    for order in (cells, cells[::-1]):
        judge(Story(cells=order, finer=[finer(X * (1 + FAR))], verdict=""))
        assert cells[0].verdicts["out"][0] is Verdict.BEYOND


def test_how_much_of_the_difference_stays_is_told() -> None:
    stays = judge(STORIES["the difference stays in float64"])[2]
    shrinks = judge(STORIES["the difference shrinks in float64"])[2]
    assert stays == pytest.approx(1.0, rel=0.01)
    assert shrinks < 1e-9
    assert np.isnan(judge(STORIES["within the envelope nobody asks"])[2])


def test_equal_bits_are_compared_once() -> None:
    cells = [cell(off(NEAR), mode=mode) for mode in ("eager", "xla")]
    compare(cells, {"out": truth()})
    assert cells[0].findings["out"] is cells[1].findings["out"]


def test_a_choice_that_gives_the_result_settles_of_what_kind_it_is() -> None:
    """And so for the same bits elsewhere; where rounding explains the result, or other bits came out, nothing is settled."""
    cells = [cell(off(FAR), mode="xla"), cell(off(FAR), mode="xla", variant="repeat"), cell(off(3 * FAR), mode="session"), cell(off(NEAR))]
    known: dict[tuple[str, str, str, str], Verdict] = {}
    compare(cells, {"out": truth()})
    decide(CASE, cells, {"out": truth()}, {"x": X}, {}, known, elementwise=True)
    assert [str(one.verdicts["out"][0]) for one in cells] == ["beyond"] * 3 + ["rounding"]
    settle(cells, {str(cells[0].id): "epsilon"}, known)
    assert [str(one.verdicts["out"][0]) for one in cells] == ["semantic", "semantic", "beyond", "rounding"]
    assert cells[1].verdicts["out"][1].endswith("beyond the limit 6.75, and the reference with another epsilon gives it")
    assert known["torch-2", "xla", "out", "default"] is Verdict.SEMANTIC


def test_another_arithmetic_is_no_other_function() -> None:
    cells = [cell(off(FAR), mode="xla", changed={"constant 0.3": 0.3}), cell(off(FAR), mode="xla", variant="repeat")]
    known: dict[tuple[str, str, str, str], Verdict] = {}
    compare(cells, {"out": truth()})
    decide(CASE, cells, {"out": truth()}, {"x": X}, {}, known, elementwise=True)
    settle(cells, {str(cells[0].id): "constant 0.3"}, known)
    assert [str(one.verdicts["out"][0]) for one in cells] == ["accuracy", "accuracy"]
    assert cells[1].verdicts["out"][1].endswith("but the reference in another arithmetic gives it: constant 0.3")


@pytest.mark.parametrize(
    ("share", "runs", "asked"),
    [(0.5, 32, False), (0.75, 32, True), (1.25, 32, True), (1.5, 32, False), (1.0, 8, True), (1.0, 256, False), (1.0, 10**6, False)],
)
def test_a_result_near_its_limit_is_judged_by_more_runs(share: float, runs: int, asked: bool) -> None:
    few = replace(truth(), runs=runs)
    many = replace(truth(spread=2 * U32), runs=4 * runs)
    calls: list[int] = []

    def sharper() -> dict[str, Truth]:
        calls.append(1)
        return {"out": many}

    values = X.copy()
    values[3] *= 1.0 + share * z_limit(X.size, runs) * U32
    seen = cell(values, dtype="float64")
    compare([seen, cell(values, dtype="float64", mode="script")], {"out": few}, sharper=sharper)
    finding, _ = seen.findings["out"]
    assert len(calls) == asked
    assert finding.z_limit == z_limit(X.size, 4 * runs if asked else runs)
    assert finding.z_max == pytest.approx(share * z_limit(X.size, runs) / (2 if asked else 1), rel=1e-3)
