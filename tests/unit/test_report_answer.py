"""The sentences of the first page, word for word, on tables that say what they must be."""

from __future__ import annotations

from builders import Lab, cell, pair, realistic
from replab.report.answer import answer, lede
from replab.report.cells import shown
from replab.report.findings import (
    control_score,
    crossings,
    least_accurate,
    mode_sharing,
    not_comparable,
    other_functions,
    special_values,
    version_steps,
)
from replab.report.pages import Finding


def _ok(lab: Lab):
    return [view for view in shown(lab.results()) if view.ok]


def _lines(findings: list[Finding]) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.title, finding.lines) for finding in findings]


def test_the_first_sentence_names_every_verdict_that_occurs() -> None:
    lab = Lab(cells=[cell("a", verdict="identical"), cell("b"), cell("c"), cell("d", verdict="semantic")])
    assert lede(_ok(lab)) == (
        "Of 4 results, 25\u00a0% carry the very bits of the truth, 50\u00a0% differ by no more than rounding explains "
        "and 25\u00a0% compute another function."
    )


def test_without_a_result_the_first_sentence_says_so() -> None:
    assert lede([]) == "No result yet: not one cell of this run ended well. The page on provenance says why."


def test_the_least_accurate_operation_is_named_with_its_input_and_what_became_of_it() -> None:
    lab = Lab(
        cells=[
            cell(
                "sigmoid",
                environment="tf-1.15",
                mode="session",
                verdict="accuracy",
                ulp_max=3.9e7,
                bits="s",
                worst_inputs="x=-0x1.6p+6 (-88.0)",
            ),
            cell(
                "sigmoid",
                environment="tf-1.15",
                mode="eager",
                verdict="accuracy",
                ulp_max=3.9e7,
                bits="s",
                worst_inputs="x=-0x1.6p+6 (-88.0)",
            ),
            cell("sigmoid", environment="tf-2.21", verdict="rounding", ulp_max=2.1),
            cell("sum", environment="tf-2.21", verdict="rounding", ulp_max=9e9),
            cell("exp", environment="numpy-2.4"),
        ]
    )
    assert _lines(least_accurate(_ok(lab))) == [
        (
            "TensorFlow is furthest from the truth in ops.sigmoid",
            (
                "Up to 3.9e7 ULP from the truth in float32, in tf-1.15 (eager, session), at x=-0x1.6p+6 (-88.0); 0.2 ULP on average.",
                "In tf-2.21 it is up to 2.1 ULP (rounding).",
                "1 operation of TensorFlow is less accurate than rounding explains in some version.",
            ),
        ),
        ("NumPy is nowhere less accurate than rounding explains", ("None of its 1 result has the verdict accuracy.",)),
    ]


def test_another_function_is_told_with_the_versions_that_compute_it() -> None:
    lab = Lab(
        cells=[
            cell("gelu", environment="torch-1.4", verdict="semantic"),
            cell("gelu", environment="torch-2.13"),
            cell("var", environment="torch-1.4", verdict="semantic"),
            cell("var", environment="torch-2.13", verdict="semantic"),
        ]
    )
    assert _lines(other_functions(_ok(lab))) == [
        (
            "PyTorch computes another function in 2 of 2 cases",
            ("The difference from the reference stays in float64: ops.gelu (only in torch-1.4) and ops.var (in every version).",),
        ),
    ]


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
        ),
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
            (
                "In eager mode 1 of 2 results change their bits and 1 their verdict (0 for the worse).",
                "The error of ops.sigmoid (float32) falls from 3.9e7 to 2 ULP.",
            ),
        ),
    ]


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
        ),
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
    assert [finding.title for finding in least_accurate(_ok(lab))] == ["NumPy is furthest from the truth in ops.sigmoid"]


def test_special_values_have_a_finding_of_their_own() -> None:
    lab = Lab(
        cells=[
            cell("exp.special", special=True, verdict="incomparable", nan_mismatch=1),
            cell("relu.special", special=True),
            cell("relu", verdict="incomparable", inf_mismatch=2),
        ]
    )
    assert _lines(special_values(_ok(lab))) == [
        (
            "Special values are treated otherwise than in the truth in 1 of 2 operations",
            ("ops.exp.special (1).", "Of 1 result, NaN is elsewhere than in the truth in 1, infinity in 0."),
        )
    ]
    assert _lines(not_comparable(_ok(lab))) == [
        ("1 result of 1 case cannot be compared", ("ops.relu (1).", "Of 1 result, NaN is elsewhere than in the truth in 0, infinity in 1."))
    ]


def test_pairs_of_controls_are_no_difference_between_frameworks() -> None:
    left, right = cell("wrong", environment="tf-2.21", role="control"), cell("wrong", environment="torch-2.13", role="control")
    lab = Lab(cells=[left, right], pairs=[pair(left, right, "framework", verdict="semantic")])
    assert crossings(lab.results()) == []
