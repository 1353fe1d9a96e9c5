"""Two results of one case, one against the other: a row per sentence of docs/verdicts.md, on arrays that are made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from judged import CASE, U32, X, cell, exact, off, truth
from replab.compare.pairs import Judged, note_repeats, pair_row
from replab.model import Verdict
from replab.truth.certify import Truth

FAR, NEAR = 1e-4, 2 * U32
ROUNDING, ACCURACY, SEMANTIC, BEYOND, APART = (Verdict.ROUNDING, Verdict.ACCURACY, Verdict.SEMANTIC, Verdict.BEYOND, Verdict.INCOMPARABLE)
OTHER = 3.0 * X
SMALL = np.array([1e-39, 1.0], np.float32)
FLUSHED = np.array([0.0, 1.0], np.float32)
INFINITE = off(np.where(X == 1.0, np.inf, 0.0))


def left(values: Any, verdict: Verdict = ROUNDING, **more: Any) -> Judged:
    return cell(values, verdict=verdict, environment="tf-2", **more)


def right(values: Any, verdict: Verdict = ROUNDING, **more: Any) -> Judged:
    return cell(values, verdict=verdict, environment="torch-2", **more)


@dataclass(frozen=True, kw_only=True)
class Story:
    """Two cells, and what their pair is."""

    left: Judged
    right: Judged
    verdict: str
    cause: str = ""
    truth: Truth = field(default_factory=truth)


STORIES = {
    "the same bits": Story(left=left(off(NEAR)), right=right(off(NEAR)), verdict="identical"),
    "the same bits, however wrong": Story(left=left(off(FAR), SEMANTIC), right=right(off(FAR), SEMANTIC), verdict="identical"),
    "within the limit for √2·σ": Story(left=left(off(NEAR)), right=right(off(-NEAR)), verdict="rounding"),
    "beyond it and one side is another function": Story(
        left=left(off(NEAR)), right=right(off(FAR), SEMANTIC), verdict="semantic", cause="torch-2 (eager) computes another function"
    ),
    "beyond it and both sides are another function": Story(
        left=left(off(-FAR), SEMANTIC), right=right(off(FAR), SEMANTIC), verdict="semantic", cause="unknown"
    ),
    "beyond it and one side is of unknown kind": Story(
        left=left(off(NEAR)), right=right(off(FAR), BEYOND), verdict="beyond", cause="unknown"
    ),
    "beyond it and another function hides what is of unknown kind": Story(
        left=left(off(-FAR), BEYOND), right=right(off(FAR), SEMANTIC), verdict="semantic", cause="torch-2 (eager) computes another function"
    ),
    "beyond it by an approximate kernel": Story(
        left=left(off(NEAR)), right=right(off(FAR), ACCURACY), verdict="accuracy", cause="the kernel of torch-2 (eager)"
    ),
    "beyond it by two approximate kernels": Story(
        left=left(off(-FAR), ACCURACY),
        right=right(off(FAR), ACCURACY),
        verdict="accuracy",
        cause="the kernel of tf-2 (eager) and of torch-2 (eager)",
    ),
    "beyond it although each side rounds": Story(left=left(off(-FAR)), right=right(off(FAR)), verdict="accuracy", cause="unknown"),
    "rounding decides a branch": Story(
        left=left(off(NEAR)), right=right(off(-NEAR)), truth=truth(cut=X), verdict="rounding", cause="rounding decides the branch"
    ),
    "infinity on one side": Story(
        left=left(off(NEAR)), right=right(INFINITE, APART), verdict="incomparable", cause="special values of torch-2 (eager)"
    ),
    "another shape": Story(left=left(off(NEAR)), right=right(off(NEAR)[:4]), verdict="incomparable", cause="another shape or dtype"),
    "another type": Story(
        left=left(off(NEAR)), right=right(off(NEAR, dtype="float64")), verdict="incomparable", cause="another shape or dtype"
    ),
    "nothing on either side": Story(
        left=left(off([], [])), right=right(off([], [])), truth=truth([]), verdict="inconclusive", cause="nothing was compared"
    ),
    "integers that differ": Story(
        left=left(np.arange(4)),
        right=right(np.array([0, 1, 2, 7]), SEMANTIC),
        truth=exact(range(4)),
        verdict="semantic",
        cause="torch-2 (eager) computes another function",
    ),
    "a named cause is told": Story(
        left=left(off(NEAR)), right=right(off(FAR), SEMANTIC, cause="epsilon"), verdict="semantic", cause="epsilon"
    ),
    "the same other choice on both sides, and its rounding": Story(
        left=left(off(NEAR, OTHER), SEMANTIC, cause="fill", changed={"fill": "last"}, explained_by={"out": truth(OTHER)}),
        right=right(off(-NEAR, OTHER), SEMANTIC, cause="fill", changed={"fill": "last"}, explained_by={"out": truth(OTHER)}),
        truth=truth(0 * X, spread=0.0),
        verdict="rounding",
    ),
    "the same other choice on both sides is no cause of more": Story(
        left=left(off(FAR, OTHER), SEMANTIC, cause="fill", changed={"fill": "last"}, explained_by={"out": truth(OTHER)}),
        right=right(off(-FAR, OTHER), SEMANTIC, cause="fill", changed={"fill": "last"}, explained_by={"out": truth(OTHER)}),
        verdict="accuracy",
        cause="unknown",
    ),
    "a cause is a choice on which they differ": Story(
        left=left(off(FAR), SEMANTIC, cause="epsilon+rho", changed={"epsilon": 1e-7, "rho": 0.9}),
        right=right(off(-FAR), SEMANTIC, cause="rho", changed={"rho": 0.9}),
        verdict="semantic",
        cause="epsilon",
    ),
    "the choice of one side is no cause where the other's is not known": Story(
        left=left(off(FAR), SEMANTIC, cause="rho", changed={"rho": 0.9}),
        right=right(off(-FAR), SEMANTIC),
        verdict="semantic",
        cause="unknown",
    ),
    "nor where the other is coarse for a reason that is not known": Story(
        left=left(off(FAR), ACCURACY, cause="rho", changed={"rho": 0.9}),
        right=right(off(-FAR), ACCURACY),
        verdict="accuracy",
        cause="the kernel of tf-2 (eager) and of torch-2 (eager)",
    ),
    "beside another function a coarse result is one of the reference": Story(
        left=left(off(FAR), SEMANTIC, cause="rho", changed={"rho": 0.9}), right=right(off(-FAR), ACCURACY), verdict="semantic", cause="rho"
    ),
    "one side flushes": Story(
        left=left(FLUSHED), right=right(SMALL), truth=truth(SMALL), verdict="rounding", cause="subnormal numbers are flushed: tf-2 (eager)"
    ),
    "what does not repeat is blamed on nothing else": Story(
        left=left(off(NEAR)),
        right=right(off(FAR), SEMANTIC, cause="epsilon", repeatable="no"),
        verdict="semantic",
        cause="not repeatable: torch-2 (eager)",
    ),
    "what rounding explains has no cause": Story(left=left(off(NEAR), repeatable="no"), right=right(off(-NEAR)), verdict="rounding"),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_the_verdict_and_the_cause_of_a_pair(story: Story) -> None:
    row = pair_row(CASE, story.left, story.right, "framework", "out", story.truth)
    assert (str(row.verdict), row.cause) == (story.verdict, story.cause)
    assert (row.left_environment, row.right_environment, row.axis) == ("tf-2", "torch-2", "framework")


def test_distances_of_a_pair() -> None:
    row = pair_row(CASE, left(off(0.0)), right(np.nextafter(off(0.0), np.float32(9))), "framework", "out", truth())
    assert row.ulp_max == 1.0
    assert row.abs_max == 2.0**-23 * (2 if X[-1] >= 2.0 else 1)
    assert row.rel_max == pytest.approx(2.0**-23, rel=1e-6)
    assert row.z_max == pytest.approx(2.0 / np.sqrt(2.0), rel=1e-6)


def test_a_distance_where_the_reference_is_zero_is_a_number() -> None:
    """Nothing is rounded there, but the results are."""
    row = pair_row(CASE, left(off(NEAR, OTHER), SEMANTIC), right(off(0.0, OTHER), SEMANTIC), "framework", "out", truth(0 * X, spread=0.0))
    assert 0 < row.z_max < 10


def test_integers_have_a_distance_and_no_envelope() -> None:
    row = pair_row(CASE, left(np.arange(4)), right(np.array([0, 1, 2, 7])), "framework", "out", exact(range(4)))
    assert row.abs_max == 4.0
    assert np.isnan([row.z_max, row.ulp_max, row.rel_max]).all()


REPEATS = {
    "the same bits in a new process": ([off(NEAR), off(NEAR)], {}, "yes"),
    "other bits in a new process": ([off(NEAR), off(-NEAR)], {}, "no"),
    "other bits in the same process": ([off(NEAR), off(NEAR)], {"notes": ["repeated calls gave other bits: 2"]}, "no"),
    "never repeated": ([off(NEAR)], {}, ""),
}


@pytest.mark.parametrize(("values", "record", "found"), REPEATS.values(), ids=REPEATS)
def test_a_cell_is_compared_with_its_repeat(values: list[Any], record: dict[str, Any], found: str) -> None:
    cells = [left(one, variant=variant) for one, variant in zip(values, ("default", "repeat"), strict=False)]
    cells[0].record = record
    note_repeats(cells)
    assert cells[0].repeatable == found


def test_other_bits_are_another_order_of_equal_elements_on_either_side() -> None:
    sides = [
        cell(
            np.array(order),
            verdict=SEMANTIC,
            cause="order of equal elements",
            changed={"order of equal elements": "that of the result"},
            **where,
        )
        for order, where in (([1, 0, 2], {}), ([2, 0, 1], {"environment": "tf-2"}))
    ]
    row = pair_row(CASE, *sides, "framework", "out", exact([0, 1, 2]))
    assert (row.verdict, row.cause) == ("semantic", "order of equal elements")


@pytest.mark.parametrize(
    ("changed", "verdict", "cause"),
    [
        ({"overflow of intermediates": "float16"}, "accuracy", "overflow of intermediates"),
        (None, "rounding", "subnormal numbers are flushed: tf-2 (eager)"),
    ],
    ids=["zeros by an overflow", "zeros"],
)
def test_zeros_that_come_of_an_overflow_are_not_flushed(changed: Any, verdict: str, cause: str) -> None:
    """A mean of so many elements that float16 cannot count them has the gradient 0 beside subnormal numbers."""
    small = np.full(4, 1e-5)
    told = "overflow of intermediates" if changed else ""
    lost = cell(np.zeros(4, np.float16), verdict=ACCURACY, environment="tf-2", changed=changed, cause=told)
    kept = cell(small.astype(np.float16), verdict=Verdict.IDENTICAL)
    row = pair_row(CASE, lost, kept, "framework", "out", truth(small, spread=1e-4))
    assert (row.verdict, row.cause) == (verdict, cause)
