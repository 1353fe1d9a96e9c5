"""What the first page finds worth telling, in which order, and its counts, on tables that say what they must be."""

from __future__ import annotations

from builders import Lab, cell, pair, realistic
from replab.report.data.cells import shown
from replab.report.pages.parts import Finding
from replab.report.views.accuracy_findings import less_accurate, not_comparable, other_functions, special_values
from replab.report.views.answer import answer, lede
from replab.report.views.findings import control_score, crossings, mode_sharing, version_steps
from sentences import numbers


def _ok(lab: Lab):
    return [view for view in shown(lab.results()) if view.ok]


def _items(finding: Finding) -> list[str]:
    return [item.link.text for item in finding.items]


def test_the_first_sentence_counts_every_verdict_that_occurs() -> None:
    lab = Lab(cells=[cell("a", verdict="identical"), cell("b"), cell("c"), cell("d", verdict="semantic")])
    assert numbers(lede(_ok(lab))) == ["4", "25", "50", "25"]


def test_what_is_far_off_where_another_framework_is_not_comes_with_the_furthest_first() -> None:
    bad = {"verdict": "accuracy", "ulp_max": 8.7e8, "ulp_mean": 4e7, "bits": "s", "worst_inputs": "x=-0x1.6p+6 (-88.0)"}
    lab = Lab(
        cells=[
            cell("sigmoid", environment="tf-1.15", mode="session", **bad),
            cell("sigmoid", environment="tf-1.15", mode="eager", **bad),
            cell("sigmoid", environment="tf-2.21", verdict="rounding", ulp_max=2.1),
            cell("sigmoid", environment="torch-2.13", verdict="rounding", ulp_max=1.95),
            cell("sum", environment="tf-2.21", verdict="rounding", ulp_max=9e9),
            cell("elu", environment="tf-2.21", verdict="rounding", ulp_max=2.0),
            cell("elu", environment="tf-2.21", mode="xla", verdict="accuracy", ulp_max=6e4, ulp_mean=40.0),
            cell("elu", environment="torch-2.13", verdict="rounding", ulp_max=0.9),
        ]
    )
    first, second = less_accurate(_ok(lab))
    assert (first.figure, first.unit, _items(first)) == ("8.7e8", "ULP", ["ops.sigmoid", "ops.elu"])
    assert (second.figure, second.items) == ("", ())


def test_a_case_in_which_every_framework_is_far_off_tells_nothing_about_one() -> None:
    far = {"verdict": "accuracy", "ulp_mean": 1e9}
    lab = Lab(
        cells=[cell("pinv", environment="tf-2.21", ulp_max=2.4e9, **far), cell("pinv", environment="torch-2.13", ulp_max=2.3e9, **far)]
    )
    assert [(finding.figure, finding.items) for finding in less_accurate(_ok(lab))] == [("", ()), ("", ())]


def test_another_function_needs_a_witness_and_the_most_affected_comes_first() -> None:
    lab = Lab(
        cells=[
            *(cell("slope", environment="tf-2.21", mode=mode, verdict="semantic") for mode in ("eager", "function", "xla")),
            cell("slope", environment="torch-2.13"),
            cell("ties", environment="tf-1.15", derivative=1, verdict="semantic"),
            cell("ties", environment="tf-2.21", derivative=1),
            cell("ties", environment="torch-2.13", derivative=1, verdict="identical"),
            cell("norm", environment="tf-2.21", verdict="rounding"),
            cell("norm", environment="tf-2.21", mode="xla", verdict="semantic"),
            cell("norm", environment="torch-2.13", verdict="accuracy"),
            cell("central", environment="tf-2.21", verdict="semantic"),
            cell("central", environment="torch-2.13", verdict="semantic"),
        ]
    )
    (finding,) = other_functions(_ok(lab), {})
    assert (finding.figure, _items(finding)) == ("3", ["ops.slope", "ops.norm", "ops.ties"])
    assert "ops.central" in finding.lines[1]


def test_a_run_of_one_framework_is_held_against_the_truth_alone() -> None:
    lab = Lab(
        cells=[
            cell("gelu", environment="torch-1.4", verdict="semantic"),
            cell("gelu", environment="torch-2.13"),
            cell("var", environment="torch-1.4", verdict="semantic"),
            cell("var", environment="torch-2.13", verdict="semantic"),
            cell("erf", environment="torch-1.4", verdict="accuracy", ulp_max=900.0, ulp_mean=20.0),
        ]
    )
    (finding,) = other_functions(_ok(lab), {})
    assert _items(finding) == ["ops.var", "ops.gelu"]
    assert [(found.figure, _items(found)) for found in less_accurate(_ok(lab))] == [("900", ["ops.erf"])]


def test_modes_are_counted_over_results_that_all_of_them_have() -> None:
    lab = Lab(
        cells=[
            *(cell("a", environment="tf-2.21", mode=mode, bits="one") for mode in ("session", "eager", "function")),
            cell("a", environment="tf-2.21", mode="xla", bits="two"),
            *(
                cell("b", environment="tf-2.21", mode=mode, bits=bits)
                for mode, bits in (("session", "1"), ("eager", "1"), ("function", "2"))
            ),
            cell("c", environment="tf-2.21", mode="eager"),
        ]
    )
    (finding,) = mode_sharing(_ok(lab))
    assert (finding.figure, [numbers(line) for line in finding.lines]) == ("50\u00a0%", [["1", "2", "0", "1"]])


def test_the_upgrade_compares_the_oldest_with_the_newest_in_a_common_mode() -> None:
    lab = Lab(
        cells=[
            cell("sigmoid", environment="tf-1.15", bits="1", verdict="accuracy", ulp_max=3.9e7),
            cell("sigmoid", environment="tf-2.4", bits="2", verdict="accuracy", ulp_max=9800.0),
            cell("sigmoid", environment="tf-2.21", bits="3", ulp_max=2.0),
            cell("exp", environment="tf-1.15", bits="4"),
            cell("exp", environment="tf-2.21", bits="4"),
        ]
    )
    (finding,) = version_steps(_ok(lab))
    assert (finding.figure, [numbers(line) for line in finding.lines]) == ("50\u00a0%", [["1", "2", "1", "0"]])
    assert [(item.link.text, numbers(item.text)) for item in finding.items] == [("ops.sigmoid", ["3.9e7", "2"])]


def test_rounding_is_weighed_against_the_pairs_that_differ() -> None:
    left, right = cell("exp", environment="tf-2.21"), cell("exp", environment="torch-2.13")
    lab = Lab(
        pairs=[pair(left, right, "framework", verdict=verdict) for verdict in ("identical", "rounding", "rounding", "rounding", "semantic")]
        + [pair(left, right, "version")]
    )
    (finding,) = crossings(lab.results())
    assert (finding.figure, [numbers(line) for line in finding.lines]) == ("75\u00a0%", [["5", "1", "4", "3", "1"]])


def test_controls_are_told_as_the_run_counted_them() -> None:
    (finding,) = control_score({"controls": {"rounding": [12, 12], "semantic": [7, 8]}})
    assert (finding.figure, numbers(finding.lines[0])) == ("19/20", ["12", "12", "7", "8"])
    assert control_score({})[0].figure == ""


def test_a_failed_control_is_a_warning_at_the_top() -> None:
    results = realistic(names=("exp",)).results()
    assert [finding.figure for finding in answer(results, shown(results)).warnings] == ["13/14"]


def test_a_control_or_an_escalation_is_no_result() -> None:
    lab = Lab(cells=[cell("a"), cell("b", role="control"), cell("a", dtype="float64", role="escalation")])
    assert [view.work.label for view in shown(lab.results())] == ["ops.a"]


def test_the_average_decides_who_is_furthest_and_not_a_crossing_of_zero() -> None:
    lab = Lab(
        cells=[
            cell("lgamma", dtype="float64", verdict="accuracy", ulp_max=8.8e18, ulp_mean=3e16),
            cell("lgamma", verdict="accuracy", ulp_max=8.9e8, ulp_mean=0.3),
            cell("sigmoid", verdict="accuracy", ulp_max=3.9e7, ulp_mean=5e5),
            cell("tanh.special", verdict="accuracy", ulp_max=4e9, ulp_mean=1e9, special=True),
        ]
    )
    (finding,) = less_accurate(_ok(lab))
    assert [item.link.text for item in finding.items] == ["ops.sigmoid"]


def test_special_values_have_a_finding_of_their_own() -> None:
    lab = Lab(
        cells=[
            cell("exp.special", special=True, verdict="incomparable", nan_mismatch=1),
            cell("relu.special", special=True),
            cell("relu", verdict="incomparable", inf_mismatch=2, why="2 of 9 elements differ in infinity"),
            cell("relu", environment="torch-2.13"),
        ]
    )
    (special,) = special_values(_ok(lab))
    assert (special.figure, numbers(special.title), _items(special)) == ("1", ["1", "2"], ["ops.exp.special"])
    (finding,) = not_comparable(_ok(lab), {})
    assert (finding.figure, _items(finding)) == ("1", ["ops.relu"])


def test_a_card_names_three_and_the_page_below_the_rest() -> None:
    names = ("a", "b", "c", "d", "e")
    lab = Lab(
        cells=[
            *(cell(name, environment="tf-2.21", verdict="semantic") for name in names),
            *(cell(name, environment="torch-2.13") for name in names),
        ]
    )
    page = answer(lab.results(), shown(lab.results()))
    (card,) = [card for card in page.cards if card.kind == "semantic"]
    assert len(card.items) == 3
    assert numbers(card.links[0].text) == ["2"]
    assert [len(finding.items) for finding in page.findings if finding.title == card.title] == [5]


def test_pairs_of_controls_are_no_difference_between_frameworks() -> None:
    left, right = cell("wrong", environment="tf-2.21", role="control"), cell("wrong", environment="torch-2.13", role="control")
    lab = Lab(cells=[left, right], pairs=[pair(left, right, "framework", verdict="semantic")])
    assert crossings(lab.results()) == []


def test_what_was_left_out_stands_on_the_first_page() -> None:
    cells = [cell(f"f{place}", environment="tf-2.21", mode="xla", status="skipped", reason="seconds each") for place in range(3)]
    lab = Lab(
        cells=[
            *cells,
            cell("f0", environment="tf-2.21"),
            cell("f1", environment="tf-1.15", status="unsupported", reason="no such function"),
        ]
    )
    lab.run = {"coverage": "quick"}
    page = answer(lab.results(), shown(lab.results()))
    assert page.left_out is not None
    assert page.left_out.title == "60\u00a0% of 5 planned cells were left out."
    assert (
        "xla 3" in page.left_out.lines[0]
        and "coverage=full" in page.left_out.lines[0]
        and "1 cell is not offered" in page.left_out.lines[0]
    )
    whole = Lab(cells=[cell("f0", environment="tf-2.21")])
    assert answer(whole.results(), shown(whole.results())).left_out is None


def test_a_large_error_is_told_with_what_came_out() -> None:
    worst = {"worst_result": "-0x0.0p+0 (-0)", "worst_truth": "-0x1.0p-25 (-2.98023224e-08)"}
    lab = Lab(
        cells=[cell("elu", environment="torch-2.13", verdict="accuracy", ulp_max=8.6e8, ulp_mean=99.0, **worst), cell("elu", ulp_max=0.5)]
    )
    assert "returns 0 for -3e-8 (3e-8 off, 8.6e8 ULP)" in less_accurate(_ok(lab))[0].title
