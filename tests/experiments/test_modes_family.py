"""The family of modes hangs together, and its implementations compute what its reference defines, in real environments."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from replab.config.cases import MEASUREMENTS
from replab.model import IMPL_FILE

_spec = importlib.util.spec_from_file_location("arithmetic_of_experiments", Path(__file__).with_name("test_arithmetic.py"))
assert _spec is not None and _spec.loader is not None
arithmetic = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = arithmetic
_spec.loader.exec_module(arithmetic)

FOLDER = arithmetic.ROOT / "experiments" / "modes"
FAMILY = arithmetic.load(FOLDER)


@pytest.mark.parametrize("file", IMPL_FILE.values())
def test_functions_and_arguments_are_the_same_in_all_files(file: str) -> None:
    assert arithmetic.in_all_cases(FOLDER, file) == arithmetic.signatures(FOLDER / "reference.py")


def test_arguments_are_inputs_and_parameters_in_call_order_and_every_function_is_a_case() -> None:
    known = arithmetic.signatures(FOLDER / "reference.py")
    assert {case.function for case in FAMILY.cases} == set(known)
    for case in FAMILY.cases:
        assert known[case.function] == {(*case.inputs, *case.parameters)}, case.name


def test_every_measurement_is_made_and_every_claim_of_the_family_has_evidence() -> None:
    assert {name for case in FAMILY.cases for name in case.measure} == set(MEASUREMENTS)
    assert all("time" in case.measure for case in FAMILY.cases)
    assert {claim for case in FAMILY.cases for claim in case.claims} >= {"K01", "K02", "K12", "K13", "K14", "K15", "B3"}
    assert sum(bool(case.compile) for case in FAMILY.cases) <= 6


def test_a_new_python_number_can_be_tried_in_some_cases() -> None:
    with_number = [case.name for case in FAMILY.cases if any(isinstance(value, float) for value in case.parameters.values())]
    assert {"chain", "training_step", "branch"} <= set(with_number)


@pytest.mark.environments
@pytest.mark.parametrize(("environment", "framework"), arithmetic.ENVIRONMENTS.items())
def test_implementations_compute_what_the_reference_defines(environment: str, framework: str, tmp_path: Path) -> None:
    arithmetic.check(FAMILY, environment, framework, arithmetic.interpreter(environment), tmp_path)
