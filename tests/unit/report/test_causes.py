"""The page of causes, the section on the page of a case, and the first card, on tables that say what they must state."""

from __future__ import annotations

import dataclasses
from math import nan

import altair as alt
import pandas as pd
import pytest

from builders import Lab, aligned_cell, cell, pair, realistic, sha, varied
from builders_why import claim, hypothesis, source, subsets, switched
from replab.attribute.score import score
from replab.report.data.cells import result_pairs, shown
from replab.report.data.evidence import Index
from replab.report.data.viewmodel import site
from replab.report.pages.causes import CausesPage
from replab.report.views.answer import answer
from replab.report.views.causes import cause_sections, causes
from replab.report.views.hypotheses import short_value
from sentences import numbers


def _page(lab: Lab) -> CausesPage:
    results = lab.results()
    return causes(results, Index(results, shown(results)))


def _norm(verdict: str = "semantic", **more: object) -> tuple:
    return tuple(cell("norm", environment=name, verdict=verdict, **more) for name in ("tf-1.15", "tf-2.21", "torch-2.13"))


# --- sources -----------------------------------------------------------------------------------------------------------------------------


def test_the_answer_ranks_by_digits_lost_and_says_what_is_most_frequent() -> None:
    found = [source("b", 2, 0.12, 0.4, 40, cases=30), source("a", 1, 0.5, 7.0, 10), source("c", None, None, 0.0, 2)]
    page = _page(Lab(sources=found))
    assert numbers(page.lede) == ["50", "25", "100", "12", "6", "24", "30", "0.4"]
    assert [(row.rank, row.title, row.share, row.models, row.digits, row.cases, row.count) for row in page.sources] == [
        ("1", "Source a", "50\u00a0% (25\u00a0% to 100\u00a0%)", "12\u00a0%", "7", "2 cases", "10 of 50 (20\u00a0%)"),
        ("2", "Source b", "12\u00a0% (6\u00a0% to 24\u00a0%)", "3\u00a0%", "0.4", "30 cases", "40 of 50 (80\u00a0%)"),
    ]
    assert [(row.rank, row.title, row.share, row.note) for row in page.beside] == [("", "Source c", "", "none beyond rounding")]


def test_the_picture_of_sources_is_valid_and_leaves_out_what_has_no_rank() -> None:
    page = _page(Lab(sources=[source("a", 1, 0.5), source("b", 2, 0.25), source("c", None, None)]))
    assert page.chart is not None
    alt.Chart.from_dict(page.chart.payload["spec"])  # validates against the schema, raises otherwise
    points = page.chart.payload["points"]
    assert [(point["label"], point["low"], point["value"], point["high"]) for point in points] == [
        ("1. Source a", 0.25, 0.5, 1.0),
        ("2. Source b", 0.125, 0.25, 0.5),
    ]


def test_what_is_not_decided_stands_outside_of_the_list() -> None:
    page = _page(Lab(sources=[source("open", None, None, count=1), source("a", 1, 0.5, count=10)]))
    assert "source a" in page.lede and "source open" not in page.lede
    assert ([row.title for row in page.sources], [row.title for row in page.beside]) == (["Source a"], ["Source open"])


def test_an_example_leads_to_the_cell_it_names() -> None:
    left, right = cell("exp", environment="tf-2.21"), cell("exp", environment="torch-2.13")
    evidence = {"kind": "pair", "id": f"{left.id} | {right.id}", "axis": "framework"}
    (row,) = _page(Lab(cells=[left, right], sources=[source("a", 1, 0.5, examples=[evidence])])).sources
    assert [(link.text, link.href) for link in row.examples] == [("ops.exp, value", "op/ops.exp.html#float32-d0-tf-2.21-eager")]


def test_the_first_card_names_the_largest_sources_and_counts_the_claims() -> None:
    lab = Lab(
        cells=[cell("exp")],
        sources=[source("a", 1, 0.5, count=10), source("open", None, None, count=1)],
        claims=[claim("K01", {}), claim("K02", {}, "does not hold")],
    )
    ranking = answer(lab.results(), shown(lab.results())).ranking
    assert ranking is not None
    assert [(link.text, link.href, numbers(text)) for link, text in ranking.rows] == [
        ("Source a", "causes.html#source-a", ["50", "25", "100", "10", "50", "20"])
    ]
    assert numbers(ranking.claims) == ["2", "1", "1"]
    assert (ranking.more.href, ranking.claims_link.href) == ("causes.html", "claims.html")


def test_a_run_without_sources_and_claims_has_no_first_card() -> None:
    lab = Lab(cells=[cell("exp")])
    assert answer(lab.results(), shown(lab.results())).ranking is None


# --- factors -----------------------------------------------------------------------------------------------------------------------------


def test_shares_stand_with_the_verdicts_the_smallest_set_and_the_run_that_shows_it() -> None:
    old, new, torch = _norm()
    run = aligned_cell(new, "epsilon")
    lab = Lab(cells=[old, new, torch, run], attributions=subsets(new, torch, {"axis": 0.1, "epsilon": 0.8}, run.id, sufficient="epsilon"))
    ((case,),) = (group.cases for group in _page(lab).factors)
    (row,) = case.rows
    assert (row.where, row.detail) == ("tf-2.21 against torch-2.13", "float32 value")
    assert [(part.label, part.text, part.hue) for part in row.parts] == [
        ("epsilon", "80\u00a0%", 2),
        ("axis", "10\u00a0%", 1),
        ("rest", "10\u00a0%", 0),
    ]
    assert sum(float(part.width) for part in row.parts) == pytest.approx(100.0, abs=0.1)
    assert (row.before.name, row.after.name, row.enough) == ("semantic", "rounding", "epsilon")
    assert row.run.href == "op/ops.norm.html#aligned-float32-d0-epsilon"


def test_a_negative_share_is_said_and_not_drawn() -> None:
    _, new, torch = _norm()
    lab = Lab(cells=[new, torch], attributions=subsets(new, torch, {"a": 1.5, "b": -0.5}, sufficient="a"))
    ((case,),) = (group.cases for group in _page(lab).factors)
    assert [(part.text, part.width) for part in case.rows[0].parts] == [("150\u00a0%", "100.00"), ("−50\u00a0%", ""), ("0\u00a0%", "")]


def test_pairs_that_say_the_same_share_a_row_and_the_newest_pair_comes_first() -> None:
    old, new, torch = _norm()
    lab = Lab(
        cells=[old, new, torch],
        attributions=[
            *subsets(old, torch, {"epsilon": 0.5, "axis": 0.5}, discrepancy=9.0),
            *subsets(new, torch, {"epsilon": 1.0, "axis": 0.0}, discrepancy=0.1),
            *subsets(old, new, {"epsilon": 0.2, "axis": 0.7}, sufficient="", verdict_aligned="semantic"),
        ],
    )
    ((case,),) = (group.cases for group in _page(lab).factors)
    assert [row.where for row in case.rows] == ["tf-2.21 against torch-2.13", "tf-1.15 against torch-2.13"]
    assert [(row.where, row.enough) for row in case.steps] == [("tf-1.15 against tf-2.21", "")]
    lab.attributions = [*subsets(old, torch, {"epsilon": 0.801}), *subsets(new, torch, {"epsilon": 0.799})]
    ((case,),) = (group.cases for group in _page(lab).factors)
    assert [row.where for row in case.rows] == ["tf-1.15 and tf-2.21 against torch-2.13"]


def test_shares_without_a_number_are_dashes() -> None:
    _, new, torch = _norm()
    lab = Lab(cells=[new, torch], attributions=subsets(new, torch, {"epsilon": nan}, sufficient="epsilon", residual=nan, discrepancy=nan))
    ((case,),) = (group.cases for group in _page(lab).factors)
    assert [(part.label, part.text, part.width) for part in case.rows[0].parts] == [("epsilon", "–", ""), ("rest", "–", "")]


# --- other values ------------------------------------------------------------------------------------------------------------------------


def test_results_that_another_value_explains_are_grouped_and_the_unknown_stand_apart() -> None:
    lab = Lab(cells=list(_norm()))
    old, new, torch = lab.cells
    lab.attributions = [
        hypothesis(old, "epsilon", "0.001", "1e-05"),
        hypothesis(new, "epsilon", "0.00099999999999999", "1e-05", verdict_aligned="identical", z_aligned=2.0),
        hypothesis(torch),
    ]
    page = _page(lab)
    (row,) = page.explained
    assert (row.factor, row.value, row.truth, row.where, row.count, row.z) == (
        "epsilon",
        "0.001",
        "1e-05",
        "tf-1.15 (eager) and tf-2.21 (eager)",
        "2 results",
        "2",
    )
    assert [outcome.name for outcome in row.after] == ["identical", "rounding"]
    assert row.work.href == "op/ops.norm.html#cause"
    assert [(row.where, row.note) for row in page.unknown] == [("torch-2.13 (eager)", "none of 4 other values explains it")]


def test_runs_with_aligned_factors_are_counted_and_not_listed() -> None:
    _, new, _ = _norm()
    run = aligned_cell(new, "axis")
    page = _page(Lab(cells=[new, run], attributions=[hypothesis(run, "epsilon", "0.001", "1e-05")]))
    assert page.explained == ()
    assert numbers(page.elsewhere) == ["1", "1"]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("momentum = 0.009999999092582527", "momentum = 0.01"),
        ("a = 2.220446049250313e-15, b = tanh", "a = 2.22045e-15, b = tanh"),
        ("epsilon = 0.001", "epsilon = 0.001"),
        ("size = 10", "size = 10"),
    ],
)
def test_fitted_numbers_keep_six_digits(text: str, short: str) -> None:
    assert short_value(text) == short


# --- switches ----------------------------------------------------------------------------------------------------------------------------


def test_switches_are_counted_per_case_and_pair() -> None:
    left, right = (cell("matmul", environment=name, derivative=0) for name in ("tf-2.21", "torch-2.13"))
    left64, right64 = (cell("matmul", environment=name, dtype="float64") for name in ("tf-2.21", "torch-2.13"))
    other = [cell("sum", environment=name) for name in ("tf-2.21", "torch-2.13")]
    lab = Lab(
        cells=[left, right, left64, right64, *other],
        attributions=[
            switched(left, right, "framework", "isa-avx2"),
            switched(left, right, "framework", "threads-2"),
            switched(left64, right64, "framework", "isa-avx2"),
            switched(other[0], other[1], "framework"),
        ],
    )
    (table,) = _page(lab).switches
    assert (table.pair, table.variants) == ("tf-2.21:eager against torch-2.13:eager", ("isa-avx2", "threads-2"))
    ((work, cells),) = table.rows
    assert (work.text, [(one.text, one.css) for one in cells]) == ("ops.matmul", [("2/2", "all"), ("1/2", "some")])
    assert numbers(table.summary) == ["2", "3", "67", "1", "2"]
    assert numbers(table.nothing) == ["1"] and "ops.sum" in table.nothing


def test_another_processor_is_answered_by_what_the_instruction_set_moves() -> None:
    rows = [cell(name, environment="torch-2.13") for name in ("a", "b", "c")]
    lab = Lab(cells=list(rows))
    for row in rows:
        for variant, moved in (("isa-avx2", row.case == "a"), ("isa-sse", row.case != "c"), ("threads-2", True)):
            other = varied(row, variant, bits=sha(variant) if moved else row.bits)
            lab.cells.append(other)
            lab.pairs.append(
                pair(row, other, "variant", variant=variant, **({"verdict": "accuracy"} if variant == "isa-sse" and moved else {}))
            )
    moves = _page(lab).moves
    assert moves is not None
    assert numbers(moves.answer) == ["2", "3", "67", "2", "2", "3"]
    assert [name for name, _ in moves.variants] == ["isa-avx2", "isa-sse", "threads-2"]
    ((environment, cells),) = moves.rows
    assert environment == "torch-2.13"
    assert [one and (one.text, one.css) for one in cells] == [("1 of 3", "some"), ("2 of 3, 2 ▲", "beyond"), ("3 of 3", "some")]


def test_switches_of_controls_and_of_aligned_runs_do_not_count() -> None:
    control = cell("wrong", role="control")
    other = varied(control, "isa-avx2")
    lab = Lab(cells=[control, other], pairs=[pair(control, other, "variant", variant="isa-avx2")])
    assert _page(lab).moves is None


def test_what_does_not_repeat_is_counted_and_listed() -> None:
    rows = [cell(name) for name in ("a", "b", "c")]
    rows[2] = cell("c", repeatable="no")
    lab = Lab(cells=list(rows))
    for row in rows:
        again = varied(row, "repeat", bits=sha("again") if row.case == "b" else row.bits)
        lab.cells.append(again)
        lab.pairs.append(pair(row, again, "repeat", variant="repeat"))
    table = _page(lab).repeat
    assert table is not None
    assert numbers(table.summary) == ["2", "3", "67", "1"]
    assert [(row.work.text, row.outcome and row.outcome.name) for row in table.rows] == [("ops.b", "rounding"), ("ops.c", None)]
    assert table.environments == (("numpy-2.4", 2, 3),)


# --- planted mistakes --------------------------------------------------------------------------------------------------------------------


def test_precision_counts_the_named_and_recall_the_planted() -> None:
    def control(name: str, factor: str, expect: str = "semantic") -> object:
        return cell(name, family="controls", role="control", expect=expect, factor=factor, verdict="semantic")

    right, wrong, unknown, missed, rewrite = (
        control("right", "epsilon"),
        control("wrong", "epsilon"),
        control("unknown", "slope"),
        control("missed", "slope"),
        control("rewrite", "", "rounding"),
    )
    lab = Lab(
        cells=[right, wrong, unknown, missed, rewrite],
        attributions=[
            hypothesis(right, "epsilon", "1", "2"),
            hypothesis(wrong, "momentum", "1", "2"),
            hypothesis(unknown),
            hypothesis(rewrite, "gate", "1", "2"),
        ],
    )
    table = _page(lab).planted
    assert table is not None
    assert (table.precision, table.recall) == ("33\u00a0%", "25\u00a0%")
    assert numbers(table.precision_text) == ["1", "3", "2"]
    assert [(row.name.text, row.good, row.total, row.others) for row in table.rows] == [
        ("controls.missed", 0, 1, "not noticed (1)"),
        ("controls.unknown", 0, 1, "unknown (1)"),
        ("controls.wrong", 0, 1, "momentum (1)"),
        ("controls.right", 1, 1, ""),
    ]
    assert table.rows[0].name.href == "controls.html#controls.missed"


def test_a_planted_mistake_that_does_not_repeat_is_left_out_and_counted_apart() -> None:
    kept = cell("kept", family="controls", role="control", expect="semantic", factor="epsilon", verdict="semantic", cause="epsilon")
    shaky = cell(
        "shaky", family="controls", role="control", expect="semantic", factor="gate", verdict="semantic", cause="epsilon", repeatable="no"
    )
    table = _page(
        Lab(cells=[kept, shaky], attributions=[hypothesis(kept, "epsilon", "1", "2"), hypothesis(shaky, "gate", "1", "2")])
    ).planted
    assert table is not None
    assert (table.precision, table.recall) == ("100\u00a0%", "100\u00a0%")
    assert numbers(table.recall_text)[-1] == "1"
    counted = score(pd.DataFrame([dataclasses.asdict(row) | {"variant": "default"} for row in (kept, shaky)]))
    assert (counted.planted, counted.unrepeatable, counted.precision, counted.recall) == (1, 1, 1.0, 1.0)
    assert counted.text.endswith("left out as not repeatable: 1")


def test_controls_do_not_stand_among_the_causes_of_results() -> None:
    control = cell("wrong", family="controls", role="control", expect="semantic", factor="epsilon", verdict="semantic")
    page = _page(Lab(cells=[control], attributions=[hypothesis(control, "epsilon", "1", "2")]))
    assert (page.explained, page.unknown, page.factors) == ((), (), ())


# --- the page of a case ------------------------------------------------------------------------------------------------------------------


def test_the_page_of_a_case_has_its_causes_and_its_aligned_runs() -> None:
    old, new, torch = _norm(cause="epsilon")
    runs = [aligned_cell(row, names) for row in (new, torch) for names in ("epsilon", "axis")]
    lab = Lab(
        cells=[old, new, torch, *runs],
        attributions=[*subsets(new, torch, {"epsilon": 1.0}, runs[0].id), hypothesis(new, "epsilon", "0.001", "1e-05")],
    )
    (make,) = site(lab.results()).operations
    page = make()
    assert page.cause is not None
    assert ["epsilon" in line for line in page.cause.summary] == [True, True]
    (table,) = page.cause.aligned
    assert (table.heading, table.environments) == ("float32, value", ("tf-2.21", "torch-2.13"))
    assert [(anchor, names, [one and one[0].name for one in found]) for anchor, names, found in table.rows] == [
        ("aligned-float32-d0-axis", "axis", ["semantic", "semantic"]),
        ("aligned-float32-d0-epsilon", "epsilon", ["rounding", "rounding"]),
    ]
    assert {row.remarks for row in page.panels[0].rows} == {"cause: epsilon"}


def test_aligned_and_varied_runs_are_no_rows_of_the_matrix_and_no_pairs_of_upgrade_and_port() -> None:
    results = realistic(names=("layer_norm", "exp")).results()
    assert {view.work.case for view in shown(results)} == {"layer_norm", "exp"}
    assert any(row.aligned for row in results.varied) and any(row.variant == "repeat" for row in results.varied)
    assert {found.case for found in result_pairs(results)} == {"layer_norm", "exp"}


def test_a_case_without_attributions_has_no_section_on_causes() -> None:
    results = Lab(cells=[cell("exp")]).results()
    assert cause_sections(results, Index(results, shown(results))) == {}
    assert site(results).operations[0]().cause is None
