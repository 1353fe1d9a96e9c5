"""The page of modes and the atlas of defaults, on tables that say what they must state."""

from __future__ import annotations

from math import nan

import altair as alt
import pytest

from builders import Lab, cell
from builders_why import default, measurement
from replab.report.data.cells import shown
from replab.report.data.evidence import Index
from replab.report.pages.modes import DefaultsPage, ModesPage
from replab.report.views.atlas import defaults, python_text
from replab.report.views.modes import modes, sense
from sentences import numbers


def _modes(lab: Lab) -> ModesPage:
    results = lab.results()
    return modes(results, Index(results, shown(results)))


def _defaults(lab: Lab) -> DefaultsPage:
    results = lab.results()
    return defaults(results, Index(results, shown(results)))


def _timed(mode: str, value: float, low: float, high: float, **more: object) -> tuple:
    row = cell("exp", environment="tf-2.21", mode=mode, **more)
    return row, measurement(row, "time_ratio", value, low, high, baseline="eager")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.5, 0.99, "faster"),
        (0.99, 1.01, "no difference seen"),
        (1.0, 1.2, "no difference seen"),
        (1.01, 1.2, "slower"),
        (nan, nan, "no difference seen"),
    ],
)
def test_only_a_whole_interval_on_one_side_of_1_is_a_difference(low: float, high: float, said: str) -> None:
    assert sense(_timed("xla", 1.0, low, high)[1]).text == said


def test_modes_are_counted_and_their_ratios_written_with_the_interval() -> None:
    made = [_timed("xla", 0.2, 0.19, 0.22), _timed("session", 1.02, 0.97, 1.05), _timed("function", 1.5, 1.4, 1.6)]
    page = _modes(Lab(cells=[row for row, _ in made], measurements=[found for _, found in made]))
    assert numbers(page.lede) == ["3", "1", "1", "1"]
    assert [(row.mode, row.faster, row.slower, row.even, row.median) for row in page.summary] == [
        ("session", 0, 0, 1, "1.02"),
        ("function", 0, 1, 0, "1.5"),
        ("xla", 1, 0, 0, "0.2"),
    ]
    (case,) = page.cases
    assert [(row.mode, row.values[0][0], row.sense and row.sense.text) for row in case.rows] == [
        ("session", "1.02 (0.97 … 1.05)", "no difference seen"),
        ("function", "1.5 (1.4 … 1.6)", "slower"),
        ("xla", "0.2 (0.19 … 0.22)", "faster"),
    ]
    assert numbers(case.summary)[-2:] == ["0.2", "1.5"], "the least and the largest ratio"


def test_the_picture_of_ratios_is_valid_and_holds_every_interval() -> None:
    made = [_timed("xla", 0.2, 0.19, 0.22), _timed("session", 1.02, 0.97, 1.05, dtype="float64"), _timed("function", nan, nan, nan)]
    (case,) = _modes(Lab(cells=[row for row, _ in made], measurements=[found for _, found in made])).cases
    assert case.chart is not None
    alt.Chart.from_dict(case.chart.payload["spec"])
    assert case.chart.table == (
        ("tf-2.21 session", "float64 value", "1.02", "0.97", "1.05"),
        ("tf-2.21 xla", "float32 value", "0.2", "0.19", "0.22"),
    )


def test_everything_that_was_measured_stands_in_a_column_of_its_own() -> None:
    row = cell("exp", environment="tf-2.21", mode="function")
    lab = Lab(
        cells=[row],
        measurements=[
            measurement(row, "seconds_per_call", 0.0002, unit="s"),
            measurement(row, "first_call_seconds", 1.5, unit="s"),
            measurement(row, "body_runs", 1.0, count=10, note="a counter"),
            measurement(row, "retrace_shape", 812.0),
            measurement(row, "retrace_shape_seconds", 0.04, unit="s"),
            measurement(row, "retrace_shape_body_runs", 1.0),
            measurement(row, "memory_gradient_mb", 4.0),
            measurement(row, "memory_gradient_ratio", 2.0),
            measurement(row, "line_events", 0.0),
            measurement(row, "something_new", 7.0),
        ],
    )
    (case,) = _modes(lab).cases
    (found,) = case.rows
    assert dict(zip((name for name, _ in case.head), found.values, strict=True)) == {
        "a call": ("200 µs", ""),
        "first call": ("1.5 s", ""),
        "body runs": ("1 in 10 calls", "a counter"),
        "new shape": ("×812, 40 ms, body 1×", ""),
        "memory of the gradient": ("4 MiB, 2 × the inputs", ""),
        "lines seen": ("0", ""),
        "something new": ("7", ""),
    }
    assert case.chart is None


# --- defaults ----------------------------------------------------------------------------------------------------------------------------


def _read(api: str, parameter: str, *values: tuple[str, str, str], **more: object) -> list:
    return [default(environment, framework, api, parameter, value, **more) for environment, framework, value in values]


def test_defaults_that_differ_come_first_and_changes_between_versions_are_marked() -> None:
    lab = Lab(
        defaults=[
            *_read(
                "layer_norm",
                "epsilon",
                ("tf-2.4", "tensorflow", "0.001"),
                ("tf-2.21", "tensorflow", "0.001"),
                ("torch-2.13", "torch", "1e-05"),
            ),
            *_read("dense", "bias", ("tf-2.4", "tensorflow", "false"), ("tf-2.21", "tensorflow", "true"), ("torch-2.13", "torch", "true")),
            *_read("gelu", "approximate", ("torch-2.13", "torch", '"none"')),
        ]
    )
    page = _defaults(lab)
    assert numbers(page.lede) == ["3", "3", "1", "1"]
    assert page.frameworks == (("tensorflow", "tf-2.21"), ("torch", "torch-2.13"))
    told = [
        (section.kind, [(row.api, row.parameter, [side and side.value for side in row.sides]) for row in section.rows])
        for section in page.sections
    ]
    assert told == [
        ("differs", [("layer_norm", "epsilon", ["0.001", "1e-05"])]),
        ("one", [("gelu", "approximate", [None, "'none'"])]),
        ("same", [("dense", "bias", ["True", "True"])]),
    ]
    assert page.sections[2].rows[0].changes == ("tf-2.4 → tf-2.21: False → True",)


def test_values_of_other_conventions_are_compared_by_what_they_mean() -> None:
    lab = Lab(
        defaults=[
            default("tf-2.21", "tensorflow", "batch_norm", "momentum", "0.99", comparable="0.99"),
            default("torch-2.13", "torch", "batch_norm", "momentum", "0.01", comparable="0.99"),
        ]
    )
    (section,) = _defaults(lab).sections
    assert section.kind == "same"
    assert [(side.value, side.meaning) for side in section.rows[0].sides if side] == [("0.99", ""), ("0.01", "0.99")]


def test_what_is_absent_says_why_and_what_is_required_says_that() -> None:
    lab = Lab(
        defaults=[
            default("tf-2.21", "tensorflow", "dropout", "rate", "required"),
            default("torch-2.13", "torch", "dropout", "rate", "absent", reason="it came with 2.0"),
        ]
    )
    ((row,),) = (section.rows for section in _defaults(lab).sections)
    required, absent = (side.absent for side in row.sides if side)
    assert required and absent == "it came with 2.0"


def test_a_case_of_the_same_name_shows_the_effect() -> None:
    lab = Lab(
        cells=[cell("layer_norm", family="defaults")],
        defaults=[*_read("layer_norm", "epsilon", ("tf-2.21", "tensorflow", "1")), *_read("dense", "bias", ("tf-2.21", "tensorflow", "1"))],
    )
    (section,) = _defaults(lab).sections
    assert [(row.api, row.effect and row.effect.href) for row in section.rows] == [
        ("dense", None),
        ("layer_norm", "op/defaults.layer_norm.html"),
    ]


@pytest.mark.parametrize(
    ("value", "text"), [("null", "None"), ('"same"', "'same'"), ("[2, 2]", "[2, 2]"), ("absent", "absent"), ("1e-05", "1e-05")]
)
def test_values_are_written_as_python_writes_them(value: str, text: str) -> None:
    assert python_text(value) == text
