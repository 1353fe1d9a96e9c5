"""The input axis of charts."""

from __future__ import annotations

from hypothesis import given, strategies as st

from replab.report.charts.axis import WIDER, Axis

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, min_size=1, max_size=20), FINITE, FINITE)
def test_larger_inputs_never_lie_further_left(edges: list[float], one: float, two: float) -> None:
    axis = Axis(edges)
    low, high = sorted((one, two))
    assert axis.at(low) <= axis.at(high)


@given(st.lists(FINITE, min_size=1, max_size=20), FINITE)
def test_the_axis_is_odd(edges: list[float], x: float) -> None:
    axis = Axis(edges)
    assert axis.at(-x) == -axis.at(x)


def test_a_narrow_range_has_plain_decades() -> None:
    axis = Axis([0.01, 100.0])
    assert axis.title == "input (logarithmic on both sides of 0)"
    assert axis.ticks(-9, 9) == [
        (-4.0, "−100"),
        (-3.0, "−10"),
        (-2.0, "−1"),
        (-1.0, "−0.1"),
        (0.0, "0"),
        (1.0, "0.1"),
        (2.0, "1"),
        (3.0, "10"),
        (4.0, "100"),
    ]


def test_a_wide_range_draws_the_decades_around_one_wider() -> None:
    axis = Axis([1e-38, 1e38])
    assert axis.title == "input (logarithmic on both sides of 0; from 0.001 to 1000 drawn wider)"
    assert axis.at(10.0) - axis.at(1.0) == WIDER
    assert round(axis.at(1e20) - axis.at(1e19), 9) == 1.0
    assert {"1e-20", "1", "−1e20", "100", "0"} <= {text for _, text in axis.ticks(-1e9, 1e9)}
