"""The pages on recurrent layers and on trainings, and the table of losses that they draw."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import altair as alt
import pytest

from builders import Lab
from builders_learning import LOSSES, STEPS, learning
from replab.judge.trajectories import steps_of
from replab.model import Case
from replab.report.charts.curves import Band, Line, line_chart
from replab.report.data.cells import shown
from replab.report.data.evidence import Index
from replab.report.pages.stories import RecurrentPage, TrainingPage
from replab.report.views.recurrent import recurrent
from replab.report.views.training import training
from sentences import numbers


def pages(lab: Lab) -> tuple[RecurrentPage, TrainingPage]:
    """Both pages of a run."""
    results = lab.results()
    cells = shown(results)
    index = Index(results, cells)
    return recurrent(results, cells, index), training(results, cells, index)


def test_every_recurrent_case_has_one_topic_and_topics_their_claims() -> None:
    page, _ = pages(learning())
    told = {section.title: [row.work.text for row in section.rows] for section in page.sections}
    assert told == {
        "One step": ["lstm_cell"],
        "One layer": ["lstm_layer"],
        "Several layers": ["lstm_stacked_2"],
        "Both directions, and backwards": ["lstm_bidirectional"],
        "Sequences of different length": ["b2_lstm_masked"],
        "A layer of LSTM and a dense layer, with copied weights": ["e2_lstm_dense"],
        "Sequences of growing length": ["lstm_length_4", "lstm_length_16", "lstm_length_64"],
        "State carried from batch to batch": ["lstm_stateful"],
    }
    claims = {section.title: [card.id for card in section.claims] for section in page.sections if section.claims}
    assert claims == {"Sequences of different length": ["B2"], "Sequences of growing length": ["K05"]}


def test_a_recurrent_case_says_value_and_gradient_and_why() -> None:
    page, _ = pages(learning())
    row = next(row for section in page.sections for row in section.rows if row.work.text == "b2_lstm_masked")
    side = row.sides[page.environments.index("tf-2.21")]
    assert [(one.outcome.name, one.text) for one in side] == [("semantic", "value 2e9 ULP"), ("semantic", "gradient 2e9 ULP")]
    assert side[1].href == "op/rnn.b2_lstm_masked.html#float32-d1-tf-2.21-eager"
    assert row.cause == "padded_output"


def test_growth_is_drawn_by_length_for_values_and_gradients() -> None:
    page, _ = pages(learning())
    section = next(section for section in page.sections if section.charts)
    assert [chart.title for chart in section.charts] == [
        "lstm: mean error of the gradients by length",
        "lstm: mean error of the values by length",
    ]
    gradients, values = section.charts
    assert gradients.head == ("steps of the sequence", "4", "16", "64")
    assert ("tf-2.21", "0.5", "2", "8") in gradients.table
    assert not any(row[0].startswith("numpy") for row in gradients.table)
    assert any(row[0].startswith("numpy") for row in values.table)


def test_what_leaves_the_band_comes_first_with_its_shares() -> None:
    _, page = pages(learning())
    assert [case.work.text for case in page.cases] == ["training.mlp_adam", "training.mlp_sgd"]
    first, second = page.cases
    assert (numbers(first.summary), numbers(second.summary)) == (["300", "300", "300"], ["7"])
    assert first.shares is not None and [part.label for part in first.shares.rows[0].parts] == ["epsilon_place", "rest"]
    assert numbers(page.lede) == ["1", "2", "1", "2", "50"]


def test_losses_are_drawn_with_the_certified_ones_and_aligned_runs_beside_the_band() -> None:
    _, page = pages(learning())
    losses, apart = page.cases[0].charts
    assert losses.table[0] == ("certified", "2.3", "2.1", "1", "0.5", "0.25", "0.1")
    assert losses.table[1] == ("rounding envelope", *["± 8e-7"] * 6)
    assert apart.table[0] == ("what rounding explains", *["8e-7"] * 6)
    assert ("tf-2.21 aligned", *["2.4e-7"] * 6) in apart.table
    for chart in (losses, apart):
        alt.Chart.from_dict(chart.payload["spec"])


def test_the_accuracy_at_the_end_is_told_beside_the_certified_one() -> None:
    _, page = pages(learning())
    rows = {work.text: (truth, sides) for work, _, truth, sides in page.accuracy}
    truth, sides = rows["training.mlp_adam"]
    found = {name: side[1] for name, side in zip(page.environments, sides, strict=True) if side}
    assert truth == "88.3\u00a0%"
    assert (found["tf-2.21"], found["torch-2.13"]) == ("87.5\u00a0%", "88.3\u00a0%")


def test_without_the_families_the_pages_hold_nothing() -> None:
    one, other = pages(Lab())
    assert (one.sections, other.cases) == ((), ())


def test_a_line_chart_keeps_gaps_and_puts_zeros_at_its_foot() -> None:
    lines = [Line(environment="a", framework="torch", order=0, values=(1.0, nan, 0.0))]
    chart = line_chart("x", "t", "s", ("steps", (0, 1, 2)), "y", lines, Band(name="b", low=(0.0,) * 3, high=(0.5,) * 3))
    assert chart is not None
    assert [(point["x"], point["said"]) for point in chart.payload["points"]] == [(0, "1"), (2, "0")]
    assert chart.payload["points"][1]["y"] > 0
    assert chart.table == (("b", "0.5", "0.5", "0.5"), ("a", "1", "–", "0"))
    assert line_chart("x", "t", "s", ("steps", (0, 1)), "y", [replace(lines[0], values=(0.0, nan))]) is None


@pytest.mark.parametrize(
    ("parameters", "points", "marks"),
    [({"steps": 200}, 6, list(STEPS)), ({"steps": 2000}, 6, [0, 1, 200, 500, 1000, 2000]), ({}, 3, [0, 1, 2]), ({"steps": 9}, 2, [0, 1])],
)
def test_checkpoints_are_those_of_the_family(parameters: dict[str, int], points: int, marks: list[int]) -> None:
    case = Case(family="training", name="a", title="", function="a", inputs={}, parameters=parameters, dtypes=("float32",))
    assert steps_of(case, points) == marks
    assert len(LOSSES) == len(STEPS)
