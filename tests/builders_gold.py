"""Made-up runs whose reports are golden: together their pages say every kind of sentence, in as few rows as that takes."""

from __future__ import annotations

from typing import Any

from builders import Lab, case_facts, cell, curve, pair, realistic
from builders_learning import learning
from builders_why import claim, default, hypothesis, source
from replab.report.data.viewmodel import is_plain
from replab.store.rows import CellRow, ScriptRow

LEFT_OUT = frozenset({"numpy-1.18", "tf-2.4"})
"""Environments of the made-up lab that would say the same again."""
CASES = ("cumsum", "exp", "gelu", "hard_sigmoid", "layer_norm", "lstsq", "matmul", "max", "softmax")


def whole() -> Lab:
    """A run in which everything occurs: verdicts, causes, claims, trainings, another engine, what failed, and the findings of the first page."""
    lab = realistic(dtypes=("float32",), names=CASES)
    learned = learning()
    lab.cells += learned.cells
    lab.trajectories += learned.trajectories
    lab.attributions += learned.attributions
    lab.claims += [*learned.claims, claim("K31", {}, "holds in part", words="Here yes and there no.")]
    lab.sources.append(source("open", None, None, 3.2, 1, 137))
    lab.cases |= learned.cases
    told = _findings()
    lab.cells += told
    lab.pairs += [
        pair(left, right, "framework", verdict=right.verdict)
        for left in told
        for right in told
        if left.case == right.case and (left.environment, right.environment) == ("tf-2.21", "torch-2.13") and left.mode == right.mode
    ]
    cases = lab.cases["ops"]["cases"]
    cases |= {row.case: case_facts(f"Operation {row.case}") for row in told}
    cases["slope"]["note"] = "the slope is 0.2 in TensorFlow."
    cases["ties"]["note"] = "half the gradient to each"
    lab.published = _programs()
    _one_case_with_everything(lab)
    _oddities(lab)
    return _without(lab)


def _programs() -> dict[str, Any]:
    """Programs of articles with every way to end."""
    listed = [
        {"id": f"a_{place}", "title": f"program {place}", "printed": "24.0", "why": "Because.", "source": "print(24.0)", "after": []}
        for place in range(1, 6)
    ]
    long = "\n".join(f"epoch {number}" for number in range(9))
    outcomes = (
        {"state": "ok", "printed": "192.0\n"},
        {"state": "ok", "printed": long, "alone": "NameError, line 3", "lacking": ["torch"]},
        {"state": "error", "error": "ValueError", "line": 7, "message": "no weights"},
        {"state": "timeout", "seconds": 60.0},
        {"state": "absent", "message": "torch"},
    )
    return {"programs": listed, "outcomes": {"tf-2.21": {one["id"]: outcome for one, outcome in zip(listed, outcomes, strict=True)}}}


def _findings() -> list[CellRow]:
    """What the first page finds worth telling: mended, new, in one mode, another function, without a witness, special values."""
    far = {"verdict": "accuracy", "ulp_max": 8.7e8, "ulp_mean": 4e7, "worst_inputs": "x=-0x1.6p+6 (-88.0)"}
    return [
        cell("sigmoid", environment="tf-1.15", mode="session", bits="s", **far),
        cell("sigmoid", environment="tf-1.15", bits="s", **far),
        cell("sigmoid", environment="tf-2.21", ulp_max=2.1),
        cell("sigmoid", environment="torch-2.13", ulp_max=1.95),
        cell("elu", environment="tf-2.21", ulp_max=2.0),
        cell("elu", environment="tf-2.21", mode="xla", verdict="accuracy", ulp_max=6e4, ulp_mean=40.0),
        cell("elu", environment="torch-2.13", ulp_max=0.9),
        cell("lgamma", environment="tf-1.15", ulp_max=1.98),
        cell("lgamma", environment="tf-2.21", verdict="accuracy", ulp_max=1.8e9, ulp_mean=3e6),
        cell("lgamma", ulp_max=0.5),
        cell("erf", environment="tf-1.15", verdict="accuracy", ulp_max=9e5, ulp_mean=3e4),
        cell("erf", environment="tf-2.21", verdict="accuracy", ulp_max=8e5, ulp_mean=2e4),
        cell("erf", ulp_max=0.6),
        *(cell("slope", environment="tf-2.21", mode=mode, verdict="semantic") for mode in ("eager", "function", "xla")),
        cell("slope", environment="torch-2.13"),
        cell("ties", environment="tf-1.15", derivative=1, output="grad_x", verdict="semantic"),
        cell("ties", environment="tf-2.21", derivative=1, output="grad_x"),
        cell("ties", environment="torch-2.13", derivative=1, output="grad_x", verdict="identical"),
        cell("norm", environment="tf-2.21"),
        cell("norm", environment="tf-2.21", mode="xla", verdict="semantic"),
        cell("norm", environment="torch-2.13", verdict="accuracy"),
        cell("central", environment="tf-2.21", verdict="semantic"),
        cell("central", environment="torch-2.13", verdict="semantic"),
        cell("relu", verdict="incomparable", inf_mismatch=2, why="2 of 9 elements differ in infinity"),
        cell("relu", environment="torch-2.13"),
        cell("relu.special", special=True),
        cell("exp.special", special=True, verdict="incomparable", nan_mismatch=1),
    ]


def _one_case_with_everything(lab: Lab) -> None:
    """``layer_norm`` gets a curve, scripts, a result that does not repeat itself and a verdict that compares nothing."""
    rows = {(row.environment, row.mode, row.derivative): row for row in lab.cells if row.case == "layer_norm" and is_plain(row)}
    new, torch = rows["tf-2.21", "eager", 0], rows["torch-2.13", "eager", 0]
    lab.curves += curve(new, [3.0, 2.0, 0.5, 0.5, 0.5, 1.0])
    lab.scripts = [
        ScriptRow(id=new.id, script="import numpy as np\nprint(1 < 2)\n"),
        ScriptRow(id=torch.id, reason="it would take 99 lines"),
    ]
    lab.cells[lab.cells.index(torch)] = cell(
        "layer_norm", environment="torch-2.13", repeatable="no", bits=torch.bits, notes="traced", elementwise=torch.elementwise
    )
    script = rows["torch-2.13", "script", 0]
    lab.cells[lab.cells.index(script)] = cell(
        "layer_norm",
        environment="torch-2.13",
        mode="script",
        verdict="inconclusive",
        why="the truth is not known well enough at any element",
    )


def _oddities(lab: Lab) -> None:
    """What is told beside the rest: a cause of an aligned run, a control that does not repeat itself, defaults that nobody has."""
    lab.attributions.append(hypothesis(next(row for row in lab.cells if row.aligned == "axis"), "epsilon", "0.001", "1e-05"))
    about = {"family": "controls", "role": "control", "expect": "semantic", "factor": "gate", "verdict": "semantic", "repeatable": "no"}
    lab.cells.append(cell("control_shaky", cause="gate", **about))
    lab.cases["controls"]["cases"]["control_shaky"] = case_facts("A mistake that comes and goes")
    lab.attributions.append(hypothesis(lab.cells[-1], "gate", "1", "2"))
    lab.defaults += [
        default("tf-2.21", "tensorflow", "dropout", "rate", "required"),
        default("torch-2.13", "torch", "dropout", "rate", "absent", reason="it came with 2.0"),
    ]


def _without(lab: Lab) -> Lab:
    """The run without the environments of ``LEFT_OUT``."""
    lab.cells = [row for row in lab.cells if row.environment not in LEFT_OUT]
    ids = {row.id for row in lab.cells} | {"reference"}
    lab.pairs = [row for row in lab.pairs if {row.left, row.right} <= ids]
    lab.attributions = [row for row in lab.attributions if {row.left, row.right} <= ids]
    lab.measurements = [row for row in lab.measurements if row.id in ids and row.case == "exp"]
    lab.trajectories = [row for row in lab.trajectories if row.environment not in LEFT_OUT]
    lab.defaults = [row for row in lab.defaults if row.environment not in LEFT_OUT]
    bits = {row.bits for row in lab.cells}
    lab.curves = [row for row in lab.curves if row.bits in bits]
    lab.environments = {name: entry for name, entry in lab.environments.items() if name not in LEFT_OUT}
    lab.run["environments"] = sorted(lab.environments)
    return lab


def one_framework() -> Lab:
    """A run of PyTorch alone, where nothing but the truth says what is right; every control is as expected."""
    return Lab(
        cells=[
            cell("gelu", environment="torch-1.4", verdict="semantic"),
            cell("gelu", environment="torch-2.13"),
            cell("var", environment="torch-1.4", verdict="semantic"),
            cell("var", environment="torch-2.13", verdict="semantic"),
            cell("erf", environment="torch-1.4", verdict="accuracy", ulp_max=900.0, ulp_mean=20.0),
            cell("erf", environment="torch-2.13", status="error", reason="it raised"),
        ],
        run={"controls": {"rounding": [12, 12], "semantic": [8, 8]}},
    )


def nothing() -> Lab:
    """A run that holds nothing: every page says so."""
    return Lab()


__all__ = ["nothing", "one_framework", "whole"]
