"""Every control, run here with NumPy, is judged as it says it will be: by the truth and the rules that judge all other cells."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.compare.escalation import escalate
from replab.compare.metrics import Distances, Finding, against_truth
from replab.compare.verdict import verdict
from replab.config import Faults, load_family
from replab.inputs import case_inputs
from replab.model import Case, Family, Verdict
from replab.truth.certify import Truth, certify
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "controls"
Arrays = Mapping[str, np.ndarray[Any, Any]]


def _family() -> Family:
    loaded = load_family(FOLDER / "experiment.toml", ROOT, Faults())
    assert loaded is not None
    return loaded


def _implementation(function: str) -> Any:
    spec = importlib.util.spec_from_file_location("controls_impl_numpy", FOLDER / "impl_numpy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


def _truth(case: Case, dtype: str) -> tuple[Arrays, list[Truth]]:
    inputs = case_inputs(case, dtype, points=1, derivative=False)
    problem = Problem(
        path=FOLDER / "reference.py",
        function=case.function,
        parameters=case.parameters,
        inputs=inputs,
        differentiable=(),
        derivative=0,
        cotangents=(),
    )
    return inputs, certify(problem, dtype, elementwise=case.elementwise)


def _results(case: Case, inputs: Arrays, dtype: str) -> list[Any]:
    result = _implementation(case.function)(*(values.astype(dtype) for values in inputs.values()), **case.parameters)
    return list(result) if isinstance(result, tuple) else [result]


def _compare(case: Case, inputs: Arrays, truths: list[Truth], dtype: str) -> list[tuple[Finding, Distances]]:
    values = _results(case, inputs, dtype)
    assert [value.dtype.name for value in values] == [dtype] * len(truths)
    found = []
    for value, truth in zip(values, truths, strict=True):
        finding, distances = against_truth(value, dtype, truth)
        assert finding.problem == ""
        assert distances is not None
        found.append((finding, distances))
    return found


def _verdicts(case: Case) -> dict[str, list[Verdict]]:
    """Verdicts of all outputs in float32 (with the escalation to float64) and in float64."""
    inputs, truths = _truth(case, "float32")
    singles = []
    wide = _results(case, inputs, "float64")
    for truth, value, (finding, near), (_, far) in zip(
        truths, wide, _compare(case, inputs, truths, "float32"), _compare(case, inputs, truths, "float64"), strict=True
    ):
        assert finding.uncertain == 0
        seen = escalate(finding, near, far, value, truth)
        singles.append(verdict(finding, dtype="float32", escalation=seen, single=None)[0])
    inputs, truths = _truth(case, "float64")
    findings = [finding for finding, _ in _compare(case, inputs, truths, "float64")]
    assert [finding.uncertain for finding in findings] == [0] * len(findings)
    doubles = [verdict(finding, dtype="float64", escalation=None, single=single)[0] for finding, single in zip(findings, singles, strict=True)]
    return {"float32": singles, "float64": doubles}


CASES = {case.name: case for case in _family().cases}


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("equal_")])
def test_rewrites_are_rounding(name: str) -> None:
    found = _verdicts(CASES[name])
    assert {one for verdicts in found.values() for one in verdicts} <= {Verdict.IDENTICAL, Verdict.ROUNDING}, found


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("wrong_")])
def test_mistakes_are_semantic(name: str) -> None:
    found = _verdicts(CASES[name])
    assert {one for verdicts in found.values() for one in verdicts} == {Verdict.SEMANTIC}, found
