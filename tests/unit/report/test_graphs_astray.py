"""What a graph computes otherwise than the same code run eagerly stands on the first page."""

from __future__ import annotations

from typing import Any

import pytest

from builders import Lab, cell, pair
from builders_why import switched
from replab.report.data.cells import shown
from replab.report.pages.parts import Finding
from replab.report.views.answer import answer
from replab.report.views.graphs_astray import graphs_astray
from replab.store.rows import CellRow


def two(case: str, mode: str = "function", verdict: str = "semantic", **more: Any) -> tuple[CellRow, CellRow]:
    """A case eagerly, right, and in a graph, with bits of their own."""
    shared = {name: more.pop(name) for name in ("derivative", "special") if name in more}
    eager = cell(case, environment="tf-2.21", bits=f"{case} eager", **shared)
    return eager, cell(case, environment="tf-2.21", mode=mode, verdict=verdict, bits=f"{case} {mode}", **(shared | more))


def astray(lab: Lab) -> list[Finding]:
    """The finding of a run."""
    return graphs_astray(lab.results(), shown(lab.results()))


def test_the_farthest_comes_first_with_its_modes_cause_and_switch() -> None:
    norm, again, sum_ = two("norm"), two("norm", "session"), two("sum", "xla", "beyond")
    lab = Lab(cells=[*norm, again[1], *sum_])
    lab.pairs = [
        pair(*norm, "mode", verdict="semantic", distance=1.3, cause="epsilon"),
        pair(norm[0], again[1], "mode", verdict="semantic", distance=1.3, cause="epsilon"),
        pair(*sum_, "mode", verdict="beyond", distance=0.01),
    ]
    lab.attributions = [switched(*norm, "mode", "grappler-off")]
    (found,) = astray(lab)
    assert (found.figure, [item.link.text for item in found.items]) == ("2", ["ops.norm", "ops.sum"])
    first = found.items[0].text
    assert "function and session" in first and "1.3" in first and "epsilon" in first and "grappler-off" in first
    assert answer(lab.results(), shown(lab.results())).cards[0].kind == "astray"


def test_a_derivative_that_is_zero_without_a_word_is_said_to_be() -> None:
    loop = two("loop", "session", derivative=2, worst_result="0x0.0p+0 (0)")
    (found,) = astray(Lab(cells=[*loop], pairs=[pair(*loop, "mode", verdict="semantic", distance=1.0)]))
    assert "2nd derivative is 0" in found.items[0].text


@pytest.mark.parametrize(
    ("graph", "of_pair"),
    [
        ({"verdict": "rounding"}, {"verdict": "rounding"}),
        ({"verdict": "accuracy"}, {"verdict": "accuracy"}),
        ({"special": True}, {"verdict": "semantic"}),
        ({"repeatable": "no"}, {"verdict": "semantic"}),
        ({"verdict": "beyond"}, {"verdict": "beyond", "distance": 1e-7}),
    ],
)
def test_rounding_kernels_special_values_and_what_does_not_repeat_are_left_alone(graph: dict[str, Any], of_pair: dict[str, Any]) -> None:
    sides = two("norm", **graph)
    assert astray(Lab(cells=[*sides], pairs=[pair(*sides, "mode", **{"distance": 0.5, **of_pair})])) == []


def test_a_graph_that_repeats_what_eager_execution_does_wrongly_is_no_finding() -> None:
    eager, graph = two("slope")
    lab = Lab(cells=[cell("slope", environment="tf-2.21", verdict="semantic", bits="slope eager"), graph])
    lab.pairs = [pair(eager, graph, "mode", verdict="semantic", distance=0.5)]
    assert astray(lab) == []
