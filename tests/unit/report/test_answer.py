"""The sentences of the first page, word for word, on tables that say what they must be."""

from __future__ import annotations

from builders import Lab, cell, pair, realistic
from replab.report.data.cells import shown
from replab.report.pages.parts import Finding
from replab.report.views.accuracy_findings import less_accurate, not_comparable, other_functions, special_values
from replab.report.views.answer import answer, lede
from replab.report.views.findings import control_score, crossings, mode_sharing, version_steps


def _ok(lab: Lab):
    return [view for view in shown(lab.results()) if view.ok]


def _lines(findings: list[Finding]) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.title, finding.lines) for finding in findings]


def _items(finding: Finding) -> list[str]:
    return [f"{item.link.text} {item.text}" for item in finding.items]


def test_the_first_sentence_names_every_verdict_that_occurs() -> None:
    lab = Lab(cells=[cell("a", verdict="identical"), cell("b"), cell("c"), cell("d", verdict="semantic")])
    assert lede(_ok(lab)) == (
        "Of 4 results, 25\u00a0% carry the very bits of the truth, 50\u00a0% differ by no more than rounding explains "
        "and 25\u00a0% compute another function."
    )


def test_without_a_result_the_first_sentence_says_so() -> None:
    assert lede([]) == "No result yet: not one cell of this run ended well. The page on provenance says why."


def test_the_least_accurate_operation_is_named_with_its_witness_its_input_and_what_became_of_it() -> None:
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
    assert first.title == "tf-1.15's sigmoid is up to 8.7e8 ULP off where PyTorch is within 1.95"
    assert first.lines == (
        "In float32, at x=-0x1.6p+6 (-88.0); 4e7 ULP on average.",
        "TensorFlow is at least 10 times further from the truth than another framework in 2 operations.",
    )
    assert _items(first) == [
        "ops.sigmoid tf-1.15 is up to 8.7e8 ULP off where PyTorch is within 1.95; mended in tf-2.21 (within 2.1)",
        "ops.elu tf-2.21 (xla) is up to 6e4 ULP off where PyTorch is within 0.9",
    ]
    assert second.title == "PyTorch is nowhere much further from the truth than another framework"


def test_a_case_in_which_every_framework_is_far_off_tells_nothing_about_one() -> None:
    far = {"verdict": "accuracy", "ulp_mean": 1e9}
    lab = Lab(
        cells=[cell("pinv", environment="tf-2.21", ulp_max=2.4e9, **far), cell("pinv", environment="torch-2.13", ulp_max=2.3e9, **far)]
    )
    assert all("nowhere" in finding.title and not finding.items for finding in less_accurate(_ok(lab)))


def test_a_newer_version_that_became_worse_is_told_with_the_one_that_was_better() -> None:
    lab = Lab(
        cells=[
            cell("lgamma", environment="tf-1.15", ulp_max=1.98),
            cell("lgamma", environment="tf-2.21", verdict="accuracy", ulp_max=1.8e9, ulp_mean=3e6),
            cell("lgamma", environment="numpy-2.4", ulp_max=0.5),
        ]
    )
    assert _items(less_accurate(_ok(lab))[0]) == [
        "ops.lgamma tf-2.21 is up to 1.8e9 ULP off where NumPy is within 0.5; tf-1.15 was within 1.98"
    ]


def test_another_function_is_told_with_its_versions_its_convention_and_its_witnesses() -> None:
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
    notes = {("ops", "slope"): "the slope is 0.2 in TensorFlow.", ("ops", "ties"): "half the gradient to each"}
    (finding,) = other_functions(_ok(lab), notes)
    assert finding.title == "TensorFlow computes another function in 3 cases"
    assert finding.lines == (
        "The difference from the reference stays in float64, and another framework does not have it.",
        "Not counted: 1 case where no framework computes the reference, ops.central.",
    )
    assert _items(finding) == [
        "ops.slope value, in tf-2.21. The slope is 0.2 in TensorFlow.",
        "ops.norm value, in tf-2.21, mode xla; PyTorch agrees with the reference.",
        "ops.ties 1st derivative, only in tf-1.15. Reference and PyTorch: half the gradient to each.",
    ]


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
    assert _items(finding) == ["ops.var value, in every version.", "ops.gelu value, only in torch-1.4."]
    assert [found.title for found in less_accurate(_ok(lab))] == ["torch-1.4's erf is up to 900 ULP off"]


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
    assert _lines(mode_sharing(_ok(lab))) == [
        (
            "Modes that run the framework's own kernels share their bits in 50\u00a0% of the results",
            ("tf-2.21: session, eager and function share their bits in 1 of 2 results; xla has the bits of eager in 0 of 1.",),
        )
    ]


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
    assert _lines(version_steps(_ok(lab))) == [
        (
            "From tf-1.15 to tf-2.21, 50\u00a0% of the results change their bits",
            ("In eager mode 1 of 2 results change their bits and 1 their verdict (0 for the worse).",),
        )
    ]
    assert _items(version_steps(_ok(lab))[0]) == ["ops.sigmoid error (float32) falls from 3.9e7 to 2 ULP"]


def test_rounding_is_weighed_against_the_pairs_that_differ() -> None:
    left, right = cell("exp", environment="tf-2.21"), cell("exp", environment="torch-2.13")
    lab = Lab(
        pairs=[pair(left, right, "framework", verdict=verdict) for verdict in ("identical", "rounding", "rounding", "rounding", "semantic")]
        + [pair(left, right, "version")]
    )
    assert _lines(crossings(lab.results())) == [
        (
            "Rounding explains 75\u00a0% of the differences between frameworks",
            ("5 pairs of results compared across frameworks: 1 with the same bits, 4 that differ (rounding 3 and semantic 1).",),
        )
    ]


def test_controls_are_told_as_the_run_counted_them() -> None:
    assert _lines(control_score({"controls": {"rounding": [12, 12], "semantic": [8, 8]}})) == [
        (
            "Every control came out as expected",
            ("12 of 12 known-equal rewrites came out as rounding and 8 of 8 planted mistakes were found.",),
        )
    ]
    assert (
        control_score({"controls": {"rounding": [12, 12], "semantic": [7, 8]}})[0].title == "1 control of 20 did not come out as expected"
    )
    assert control_score({})[0].title == "No control ran"


def test_a_failed_control_is_a_warning_at_the_top() -> None:
    results = realistic(names=("exp",)).results()
    assert [finding.title for finding in answer(results, shown(results)).warnings] == ["1 control of 14 did not come out as expected"]


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
    assert _lines(special_values(_ok(lab))) == [
        (
            "Special values are treated otherwise than in the truth in 1 of 2 operations",
            ("Of 1 result of ±0, subnormals, infinities, NaN and extremes, NaN is elsewhere than in the truth in 1, infinity in 0.",),
        )
    ]
    (finding,) = not_comparable(_ok(lab), {})
    assert finding.title == "NumPy cannot be compared with the truth in 1 case"
    assert _items(finding) == ["ops.relu value, in numpy-2.4: 2 of 9 elements differ in infinity; PyTorch agrees with the reference."]


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
    assert card.links[0].text == "2 more below"
    assert [len(finding.items) for finding in page.findings if finding.title == card.title] == [5]


def test_pairs_of_controls_are_no_difference_between_frameworks() -> None:
    left, right = cell("wrong", environment="tf-2.21", role="control"), cell("wrong", environment="torch-2.13", role="control")
    lab = Lab(cells=[left, right], pairs=[pair(left, right, "framework", verdict="semantic")])
    assert crossings(lab.results()) == []
