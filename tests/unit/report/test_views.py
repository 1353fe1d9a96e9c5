"""Cells, bit classes, the matrix, as the pages get them."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from builders import Lab, cell, curve, realistic, sha
from replab.report.charts.figures import class_picture, error_chart
from replab.report.data.cells import bit_classes, shown
from replab.report.data.evidence import Index
from replab.report.data.results import Results
from replab.report.pages.pages import OperationPage, ProvenancePage
from replab.report.views.controls_and_provenance import controls, provenance
from replab.report.views.matrix import matrix
from replab.report.views.operations import operations
from replab.report.views.other_platforms import elsewhere
from replab.store.rows import ElsewhereRow, PlatformRow
from sentences import numbers


def _provenance(results: Results) -> ProvenancePage:
    views = shown(results)
    return provenance(results, views, Index(results, views))


def made(results: Results) -> list[OperationPage]:
    return [make() for make in operations(results, shown(results))]


def test_the_worst_output_decides_the_outcome_of_a_cell() -> None:
    lab = Lab(
        cells=[
            cell("qr", output="q", verdict="identical", ulp_max=0.0, bits="1"),
            cell("qr", output="r", verdict="accuracy", ulp_max=7.0, bits="2"),
        ]
    )
    (view,) = shown(lab.results())
    assert (view.outcome.name, view.ulp, view.bits, view.worst.output) == ("accuracy", 7.0, "q:1+r:2", "r")


def test_classes_go_from_the_largest_to_the_smallest_and_leave_out_what_has_no_bits() -> None:
    lab = Lab(
        cells=[
            cell("a", environment="numpy-2.4", bits="alone"),
            cell("a", environment="torch-1.4", bits=""),
            *(cell("a", environment="tf-2.21", mode=mode, bits="shared") for mode in ("eager", "session")),
        ]
    )
    classes = bit_classes(shown(lab.results()))
    assert [(entry.letter, entry.bits, len(entry.cells)) for entry in classes] == [("A", "shared", 2), ("B", "alone", 1)]


def test_the_picture_says_who_shares_and_colours_only_what_is_shared() -> None:
    lab = Lab(
        cells=[
            cell("a", environment="numpy-2.4", bits="alone"),
            *(cell("a", environment="tf-2.21", mode=mode, bits="shared") for mode in ("eager", "session")),
        ]
    )
    picture = class_picture(shown(lab.results()), "../")
    assert picture is not None
    assert numbers(picture.summary) == ["3", "2"]
    assert [(row.letter, row.hue) for row in picture.classes] == [("A", 1), ("B", 0)]
    assert picture.modes == ("eager", "session")
    assert [(name, [square.letter if square else None for square in squares]) for name, _, squares in picture.rows] == [
        ("numpy-2.4", ["B", None]),
        ("tf-2.21", ["A", "A"]),
    ]


def test_engines_stand_next_to_each_other() -> None:
    here = [cell(name, bits=sha(name)) for name in ("a", "b")]
    there = ElsewhereRow(
        id=here[1].id,
        output="out",
        engine="docker",
        status="ok",
        verdict="semantic",
        ulp_max=7.0,
        bits=sha("other"),
        here="ok",
        here_bits=here[1].bits,
    )
    only = ElsewhereRow(
        id="ops.c:float32:d0@numpy-2.4:eager:default:cuda", engine="docker", status="error", reason="it raised", here="not run here"
    )
    line = PlatformRow(
        environment="numpy-2.4",
        engine="docker",
        platform="x86_64",
        same=1,
        other=1,
        unrepeatable=1,
        only_there=1,
        differences="libc: a here, b there; and 3 more",
    )
    results = Lab(cells=here, elsewhere=[there, only], platforms=[line]).results()
    part = elsewhere(results, Index(results, shown(results)))
    assert [(row.where, row.same, row.share, numbers(row.other)) for row in part.lines] == [("docker", "1 of 2", 0.5, ["1", "1", "1"])]
    assert part.lines[0].differences == ("libc: a here, b there", "and 3 more")
    told = {row.cell.text: (row.there.name, row.here and row.here.name, row.ulp_there, row.reason) for row in part.cells}
    assert sorted(told.values()) == [("error", None, "–", "it raised"), ("semantic", "rounding", "7", "")]
    assert part.cells[0].there.name == "error"


def test_the_matrix_packs_a_letter_a_cell_and_a_blank_where_nothing_was_planned() -> None:
    lab = Lab(
        cells=[
            cell("a", environment="numpy-2.4", ulp_max=inf),
            cell("b", environment="tf-2.21", status="error", reason="it raised"),
            cell("b", environment="numpy-2.4", ulp_max=nan),
        ]
    )
    data = matrix(lab.results(), shown(lab.results())).data
    letters = {entry["name"]: entry["code"] for entry in data["outcomes"]}
    assert [row[3] for row in data["rows"]] == [f"{letters['rounding']} ", f"{letters['rounding']}{letters['error']}"]
    assert data["rows"][0][4] == [1e300, None]
    assert data["rows"][1][6] == {"1": 0}
    assert data["reasons"] == ["it raised"]


def test_a_curve_is_drawn_where_its_bits_are_and_nowhere_else() -> None:
    value, slope = cell("a", bits="value"), cell("a", bits="slope", derivative=1)
    lab = Lab(cells=[value, slope], curves=curve(value, [1.0, 5.0, 2.0, 1.0]))
    (page,) = made(lab.results())
    assert [len(panel.charts) for panel in page.panels] == [1, 0]
    (chart,) = page.panels[0].charts
    assert chart.table == (("A", "numpy-2.4 (eager)", "5", "-1.9e-6 … -9.5e-7", "0.45", "400"),)
    (line,) = chart.payload["lines"]
    assert line["max"] == [1.0, 5.0, 2.0, 1.0]
    assert line["u"] == sorted(line["u"])
    assert line["u"][0] == -line["u"][-1]


def test_a_curve_without_numbers_draws_nothing() -> None:
    row = cell("a")
    assert error_chart("x", "x", curve(row, [nan, nan]), (), {}) is None
    assert error_chart("x", "x", [], (), {}) is None


def test_the_input_axis_survives_the_whole_range_of_float64() -> None:
    row = cell("a", dtype="float64")
    points = curve(row, [1.0, 1.0]) + [
        type(curve(row, [1.0, 1.0])[0])(bits=row.bits, x_lo=lo, x_hi=hi, ulp_max=1.0, ulp_mean=0.5, count=1)
        for lo, hi in ((5e-324, 1e-300), (-inf, -1e308), (0.0, 0.0), (1e307, inf))
    ]
    chart = error_chart("x", "x", points, (), {})
    assert chart is not None
    assert all(abs(u) < 1000 for line in chart.payload["lines"] for u in line["u"])


def test_every_case_has_a_page_and_the_command_of_its_worst_cell() -> None:
    results = realistic(names=("sigmoid", "exp")).results()
    pages = made(results)
    assert [page.path for page in pages] == ["op/ops.exp.html", "op/ops.sigmoid.html"]
    assert pages[1].panels[0].command == ".venv/bin/replab cell 'ops.sigmoid:float32:d0@tf-1.15:eager:default:cpu'"
    results.run["experiments"] = ["/of/mine", "experiments"]
    command = made(results)[1].panels[0].command
    assert command.endswith("@tf-1.15:eager:default:cpu' --config experiments=/of/mine,experiments"), "it finds the family again"


def test_a_control_that_misses_says_where_and_by_how_much() -> None:
    page = controls(realistic(names=("exp",)).results())
    missed = page.rows[0]
    assert (missed.name, missed.good, missed.total) == ("controls.control_layer_norm_epsilon", 6, 7)
    assert [(miss.partition(",")[0], numbers(miss)) for miss in missed.misses] == [("torch-1.4:eager", ["0", "1.3", "4.8"])]


def test_what_all_frameworks_have_against_the_reference_comes_first_on_the_page_of_controls() -> None:
    lab = realistic(names=("exp",))
    assert not controls(lab.results()).accused
    wrong = {"verdict": "incomparable", "why": "1 of 28 elements differ in NaN", "worst_index": "3", "worst_inputs": "x=nan"}
    sides = ("numpy-2.4", "tf-1.15", "torch-2.13")
    agreed = [cell("relu.special", environment=side, worst_result="nan", worst_truth="0", **wrong) for side in sides]
    torn = [cell("sign.special", environment=side, worst_result=side, worst_truth="0", **wrong) for side in sides]
    lab.cells += [*agreed, *torn, cell("floor.special", environment="torch-2.13", worst_result="nan", **wrong)]
    (row,) = controls(lab.results()).accused
    assert (row.case.text, row.what, row.dtypes) == ("ops.relu.special", "value out", "float32")
    assert row.frameworks == "NumPy, PyTorch and TensorFlow"
    assert row.said == "1 of 28 elements differ in NaN: nan at x=nan, and the reference 0"
    lab.cells[-1] = cell("relu.special", environment="torch-1.4", verdict="identical")
    assert not controls(lab.results()).accused


@pytest.mark.parametrize(
    ("dtype", "derivative", "change", "listed"),
    [
        ("float64", 1, {"verdict": "rounding"}, False),  # gone where the range is wider
        ("float64", 1, {"verdict": "incomparable", "inf_mismatch": 2}, True),  # there as well: no overflow
        ("bfloat16", 1, {"verdict": "rounding"}, True),  # a range no wider than that of float32 shows nothing
        ("float64", 0, {"verdict": "rounding"}, True),  # another derivative neither
    ],
)
def test_what_overflows_on_the_way_is_no_fault_of_the_reference(dtype: str, derivative: int, change: dict[str, Any], listed: bool) -> None:
    lab = realistic(names=("exp",))
    wrong = {"verdict": "incomparable", "why": "2 of 9 elements differ in infinity", "inf_mismatch": 2, "output": "grad_x", "derivative": 1}
    sides = ("tf-1.15", "torch-2.13")
    lab.cells += [cell("cosh", environment=side, worst_result="inf", worst_truth="63242", **wrong) for side in sides]
    lab.cells += [cell("cosh", environment=side, dtype=dtype, output="grad_x", derivative=derivative, **change) for side in sides]
    found = [(row.case.text, row.case.href, row.what, "float32" in row.dtypes) for row in controls(lab.results()).accused]
    panel = "float64-d1" if change["verdict"] == "incomparable" else "float32-d1"
    assert found == [("ops.cosh", f"op/ops.cosh.html#{panel}", "1st derivative grad_x", True)] * listed


def test_a_shared_convention_whose_cause_is_proved_is_no_fault_of_the_reference() -> None:
    lab = realistic(names=("exp",))
    wrong = {"verdict": "semantic", "why": "5 of 9 integers differ", "worst_result": "-2147483648", "worst_truth": "2147483647"}
    lab.cells += [cell("to_int32", environment=side, **wrong) for side in ("numpy-2.4", "torch-2.13")]
    assert [row.case.text for row in controls(lab.results()).accused] == ["ops.to_int32"]
    lab.cells[-1] = cell("to_int32", environment="torch-2.13", cause="beyond", **wrong)
    assert not controls(lab.results()).accused


def test_a_version_found_that_was_not_asked_for_is_marked() -> None:
    lab = realistic(names=("exp",))
    lab.environments["tf-1.15"]["observed"]["packages"]["tensorflow-cpu"] = "1.15.5"
    lab.environments["torch-2.13"]["observed"]["packages"]["torch"] = "2.13.0+cpu"
    entries = {entry.name: entry for entry in _provenance(lab.results()).environments}
    assert entries["tf-1.15"].facts[0] == ("TensorFlow", "1.15.0", "1.15.5", True)
    assert entries["tf-1.15"].facts[3] == ("linear algebra", "–", "OpenBLAS 0.3.21, kernels SkylakeX, 1 thread", False)
    assert entries["torch-2.13"].facts[0] == ("PyTorch", "2.13.0", "2.13.0+cpu", False)


def test_every_cell_without_a_result_is_explained_once_per_reason() -> None:
    results = realistic().results()
    views = shown(results)
    rows = _provenance(results).reasons
    assert sum(row.count for row in rows) == sum(not view.ok for view in views)
    assert all(row.reason and row.where for row in rows)


def test_a_verdict_that_compares_nothing_says_what_stood_in_the_way() -> None:
    lab = Lab(
        cells=[
            cell("a", verdict="inconclusive", why="the truth is not known well enough at any element"),
            cell("a", environment="tf-2.21", why="z = 1"),
        ]
    )
    results = lab.results()
    (page,) = made(results)
    assert [(outcome.name, reason, places) for outcome, reason, places in page.panels[0].reasons] == [
        ("inconclusive", "the truth is not known well enough at any element", "numpy-2.4 (eager)")
    ]
    assert matrix(results, shown(results)).data["reasons"] == ["the truth is not known well enough at any element"]


def test_a_chart_of_a_perfect_function_still_has_an_axis() -> None:
    row = cell("a", verdict="identical", ulp_max=0.0)
    chart = error_chart("x", "x", curve(row, [0.0, 0.0, 0.0, 0.0]), (), {})
    assert chart is not None
    assert chart.payload["spec"]["encoding"]["y"]["scale"]["domain"] == [0, 1.5]


def test_an_environment_says_which_interpreter_it_is_down_to_its_bytes() -> None:
    lab = realistic(names=("exp",))
    python = {"version": "3.11.9", "implementation": "CPython", "build": "main Apr 2 2024", "compiler": "GCC 12.2.0", "name": "python3.11"}
    lab.environments["tf-1.15"]["interpreter"] = {**python, "sha256": "ab" * 32, "library_sha256": ""}
    lab.environments["torch-2.13"]["interpreter"] = {**python, "sha256": "ab" * 32, "library_sha256": "cd" * 32}
    lab.environments["tf-2.21"]["observed"]["python"] = python  # in a container: what the process says
    told = {entry.name: {fact[0]: fact[2] for fact in entry.facts}["interpreter"] for entry in _provenance(lab.results()).environments}
    said = "CPython 3.11.9 (main Apr 2 2024), GCC 12.2.0"
    assert told["tf-1.15"] == f"{said}, python3.11 is SHA-256 abababababababab…"
    assert told["torch-2.13"] == f"{said}, python3.11 is SHA-256 abababababababab…, its library is SHA-256 cdcdcdcdcdcdcdcd…"
    assert told["tf-2.21"] == said
    assert {told[name] for name in told if name not in ("tf-1.15", "torch-2.13", "tf-2.21")} == {"–"}
