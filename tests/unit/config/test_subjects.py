"""Cases that share a subject say what they have in common once; what a case plants becomes the control that it stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import Case

EXPERIMENT = """
title = "T"
question = "Q"

[generators]
steps = { kind = "normal", shape = [4, 4] }
mask = { kind = "values", values = [1.0, 0.0] }
other = { kind = "normal", shape = [2] }

[defaults]
dtypes = ["float64"]
control = { expect = "rounding" }

[subjects.cell]
reference = "_cell"
inputs = { x = "steps", m = "mask" }
constants = ["m"]
dtypes = ["float32"]

[subjects.cell.factors]
order = { aligned = "if", alternatives = ["fi"], diagnose = true }
forget = { aligned = 0.0, alternatives = [1.0], fit = true, diagnose = true }

[cases]
"""
REFERENCE = "def _cell(x, m, order, forget, slope=0):\n    return x\n\n\ndef alone(x):\n    return x\n"
IMPLEMENTATION = "def alone(x):\n    return x\n\n\ndef joined(x, m=0):\n    return x\n\n\nwrong = swapped = joined\n"


def read(folder: Path, cases: str, before: str = "", after: str = "") -> tuple[dict[str, Case], list[str]]:
    """The cases of a family by name, and the faults."""
    (folder / "mine").mkdir()
    assert before in EXPERIMENT
    for name, text in {
        "experiment.toml": EXPERIMENT.replace(before, after, 1) + cases,
        "reference.py": REFERENCE,
        "impl_numpy.py": IMPLEMENTATION,
    }.items():
        (folder / "mine" / name).write_text(text, encoding="utf-8")
    faults = Faults()
    family = load_family(folder / "mine" / "experiment.toml", folder, faults)
    return {case.name: case for case in family.cases} if family is not None else {}, [str(fault) for fault in faults.errors]


def test_a_case_has_the_fields_of_its_subject_and_its_own_come_first(tmp_path: Path) -> None:
    cases, faults = read(
        tmp_path,
        'joined = { subject = "cell" }\nswapped = { subject = "cell", dtypes = ["float16"] }\nalone = { inputs = { x = "other" } }\n',
    )
    assert faults == []
    joined = cases["joined"]
    assert {name: generator.name for name, generator in joined.inputs.items()} == {"x": "steps", "m": "mask"}
    assert (joined.constants, list(joined.factors)) == (("m",), ["order", "forget"])
    assert [case.dtypes for case in cases.values()] == [("float32",), ("float16",), ("float64",)]
    assert (cases["alone"].constants, cases["alone"].factors) == ((), {})


def test_the_reference_is_that_of_the_subject_and_implementations_are_called_like_the_case(tmp_path: Path) -> None:
    cases, _ = read(
        tmp_path,
        'joined = { subject = "cell" }\nswapped = { subject = "cell", function = "joined" }\nalone = { inputs = { x = "other" } }\n',
    )
    assert [(case.function, case.implementation) for case in cases.values()] == [
        ("_cell", "joined"),
        ("_cell", "joined"),
        ("alone", "alone"),
    ]


def test_a_case_may_have_factors_beside_those_of_its_subject(tmp_path: Path) -> None:
    cases, faults = read(
        tmp_path, 'wrong = { subject = "cell", factors = { slope = { aligned = 0.0, diagnose = true } }, plant = { slope = 1.0 } }\n'
    )
    assert faults == []
    assert list(cases["wrong"].factors) == ["order", "forget", "slope"]


@pytest.mark.parametrize(
    ("planted", "factor", "value"),
    [
        ('{ order = "fi" }', "order", "fi"),
        ("{ forget = 1.0 }", "forget", 1.0),
        ('{ order = "fi", forget = 1.0 }', "forget+order", [1.0, "fi"]),
    ],
)
def test_what_is_planted_is_what_is_expected(planted: str, factor: str, value: object, tmp_path: Path) -> None:
    cases, faults = read(tmp_path, f'wrong = {{ subject = "cell", plant = {planted} }}\njoined = {{ subject = "cell" }}\n')
    assert faults == []
    control = cases["wrong"].control
    assert control is not None
    assert (control.expect, control.factor, control.value) == ("semantic", factor, value)
    rewrite = cases["joined"].control
    assert rewrite is not None
    assert (rewrite.expect, rewrite.factor, rewrite.value) == ("rounding", "", None)


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ('wrong = { subject = "cel" }', "cases.wrong: there is no subject 'cel'. Did you mean 'cell'?"),
        ("wrong = { subject = 3 }", "cases.wrong: subject must be a text, not 3"),
        ('wrong = { subjec = "cell" }', "cases.wrong: unknown key 'subjec'. Did you mean 'subject'?"),
        ('wrong = { subject = "cell", plant = { ordr = "fi" } }', "cases.wrong: there is no factor 'ordr' to plant. Did you mean 'order'?"),
        (
            'wrong = { inputs = { x = "other" }, function = "alone", plant = { order = "fi" } }',
            "cases.wrong: there is no factor 'order' to plant. Declare it as a factor of the subject",
        ),
        ('wrong = { subject = "cell", plant = "order" }', "cases.wrong: plant must be a table, not 'order'"),
        ('wrong = { subject = "cell", plant = {} }', "cases.wrong: plants nothing. Such as plant = { epsilon = 1e-3 }"),
        (
            'wrong = { subject = "cell", plant = { order = "fi" }, control = { expect = "rounding" } }',
            "cases.wrong: has a plant and a control: what is planted says already what is expected",
        ),
        ('wrong = { subject = "cell", reference = "_cel" }', "has no function '_cel'. The case 'wrong' of mine/experiment.toml needs it"),
        (
            'missing = { subject = "cell" }',
            "has no function 'missing', nor has the reference. The case 'missing' of mine/experiment.toml needs it",
        ),
    ],
)
def test_a_wrong_case_is_one_sentence(case: str, fault: str, tmp_path: Path) -> None:
    faults = read(tmp_path, case + "\n")[1]
    assert len(faults) == 1
    assert faults[0].endswith(fault)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("constants =", "constant =", "subjects.cell: unknown key 'constant'. Did you mean 'constants'?"),
        ('reference = "_cell"', 'reference = "_cell"\ntitle = "t"', "subjects.cell: title is for each case to say"),
        ('order = { aligned = "if"', 'order = { align = "if"', "subjects.cell.factors.order: needs a value `aligned`. Such as "),
        ("[subjects.cell.factors]", "[subjects.none]", "subjects.none: unknown key 'order'."),
    ],
)
def test_a_wrong_subject_is_named_where_it_stands(before: str, after: str, fault: str, tmp_path: Path) -> None:
    assert f"mine/experiment.toml: {fault}" in read(tmp_path, 'joined = { subject = "cell" }\n', before, after)[1][0]


def test_a_subject_that_is_no_table_is_named(tmp_path: Path) -> None:
    faults = read(tmp_path, 'alone = { inputs = { x = "other" } }\n', "[subjects.cell]", "[subjects]\nodd = 3\n[subjects.cell]")[1]
    assert faults == ["mine/experiment.toml: subjects.odd: must be a table"]
