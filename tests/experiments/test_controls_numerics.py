"""Every control is judged as it says it will be, and every planted mistake can be told from all others of its subject.

Judged by the truth, the envelope and the rules that judge all other cells: here with NumPy, and in real environments where they are built.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replab.attribute.hypotheses import Judgement, Search, distinct
from replab.compare.escalation import escalate
from replab.compare.metrics import Distances, Finding, against_truth
from replab.compare.verdict import outside, verdict
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.formats import FORMATS, spacing
from replab.model import IMPL_FILE, Case, Verdict
from replab.run.inputs import case_inputs
from replab.truth.certify import Truth, certify
from replab.truth.reference import Problem

ROOT = Path(__file__).parents[2]
FOLDERS = sorted((ROOT / "experiments").glob("controls_*"))
FAR = 20.0
"""So many envelopes must lie between any two hypotheses about a result."""
RUNS = 6
"""Perturbed runs that estimate the envelope of a hypothesis: it only has to be known to a factor of about 2."""
WORTH = 1e5
"""Hypotheses farther than this many envelopes of the planted one are far, however wide their own envelope is."""
ENVIRONMENTS = ("numpy-1.18", "numpy-2.5", "tf-1.15", "tf-2.21", "torch-1.4", "torch-2.13")
Arrays = Mapping[str, np.ndarray[Any, Any]]
Values = list[np.ndarray[Any, Any]]
Change = tuple[tuple[str, Any], ...]
RUNNER = """
import importlib.util, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
impl, given, found = sys.argv[1:4]
spec = importlib.util.spec_from_file_location("impl", impl)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
lift, lower = (lambda x: x), np.asarray
if hasattr(module, "torch"):
    module.torch.set_num_threads(1)
    lift, lower = module.torch.from_numpy, (lambda x: x.numpy())
if hasattr(module, "tf"):
    if not module.tf.executing_eagerly():
        module.tf.compat.v1.enable_eager_execution()
    lift, lower = module.tf.constant, (lambda x: x.numpy())
arrays, results = dict(np.load(given)), {}
for name in sorted({key.split("/")[0] for key in arrays}):
    function = name.split(":")[0]
    places = sorted(key for key in arrays if key.startswith(name + "/"))
    values = getattr(module, function)(*[lift(arrays[key]) for key in places])
    values = list(values) if isinstance(values, (tuple, list)) else [values]
    results.update({"{}/{}".format(name, place): lower(value) for place, value in enumerate(values)})
np.savez(found, **results)
"""
"""Runs controls of one implementation file eagerly, inside of an environment; Python 3.7."""


def load() -> tuple[dict[str, Case], dict[str, list[str]]]:
    """The cases by name, and the names of those that share a subject."""
    cases: dict[str, Case] = {}
    subjects: dict[str, list[str]] = {}
    for folder in FOLDERS:
        family = load_family(folder / "experiment.toml", ROOT, Faults())
        assert family is not None
        cases.update((case.name, case) for case in family.cases)
        for name, fields in tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))["cases"].items():
            if "subject" in fields:
                subjects.setdefault(fields["subject"], []).append(name)
    return cases, subjects


CASES, SUBJECTS = load()
REWRITES = [name for name in CASES if name.startswith("equal_")]
MISTAKES = [name for name in CASES if name.startswith("wrong_")]


def planted(case: Case) -> Change:
    """What a control changes on the reference: nothing for a rewrite."""
    assert case.control is not None
    if case.control.expect == "rounding":
        return ()
    names = case.control.factor.split("+")
    return tuple(zip(names, case.control.value if len(names) > 1 else [case.control.value], strict=True))


@functools.cache
def inputs(name: str, dtype: str) -> Arrays:
    return case_inputs(CASES[name], dtype, points=1, derivative=False)


def problem(name: str, dtype: str, changed: Change) -> Problem:
    case = CASES[name]
    return Problem(
        path=folder_of(case) / "reference.py",
        function=case.function,
        parameters=case.true(**dict(changed)),
        inputs=inputs(name, dtype),
        differentiable=(),
        derivative=0,
        cotangents=(),
    )


@functools.cache
def truths(name: str, dtype: str, changed: Change) -> list[Truth]:
    return certify(problem(name, dtype, changed), dtype, elementwise=CASES[name].elementwise)


def folder_of(case: Case) -> Path:
    return ROOT / "experiments" / case.family


@functools.cache
def implementation(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"{folder.name}_impl_numpy", folder / "impl_numpy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def results(name: str, grid: str, dtype: str) -> Values:
    """What NumPy gives for the inputs on one grid, computed in ``dtype``."""
    given = [values.astype(dtype) for values in inputs(name, grid).values()]
    result = getattr(implementation(folder_of(CASES[name])), name)(*given)
    return list(result) if isinstance(result, tuple) else [result]


def compare(values: Sequence[np.ndarray[Any, Any]], expected: Sequence[Truth], dtype: str) -> list[tuple[Finding, Distances]]:
    assert [value.dtype.name for value in values] == [dtype] * len(expected)
    found = []
    for value, truth in zip(values, expected, strict=True):
        finding, distances = against_truth(value, dtype, truth)
        assert finding.problem == ""
        assert distances is not None
        found.append((finding, distances))
    return found


def verdicts(name: str, changed: Change, single: Values, raised: Values, double: Values) -> dict[str, list[Verdict]]:
    """Verdicts of all outputs in float32 (``raised``: computed in float64 from the same inputs) and in float64."""
    expected = truths(name, "float32", changed)
    singles = []
    for truth, value, (finding, near), (_, far) in zip(
        expected, raised, compare(single, expected, "float32"), compare(raised, expected, "float64"), strict=True
    ):
        assert finding.uncertain == 0
        singles.append(verdict(finding, dtype="float32", escalation=escalate(finding, near, far, value, truth), single=None)[0])
    findings = [finding for finding, _ in compare(double, truths(name, "float64", changed), "float64")]
    assert [finding.uncertain for finding in findings] == [0] * len(findings)
    doubles = [verdict(finding, dtype="float64", escalation=None, single=one)[0] for finding, one in zip(findings, singles, strict=True)]
    return {"float32": singles, "float64": doubles}


def numpy_verdicts(name: str, changed: Change) -> set[Verdict]:
    given = results(name, "float32", "float32"), results(name, "float32", "float64"), results(name, "float64", "float64")
    return {one for column in verdicts(name, changed, *given).values() for one in column}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites_are_rounding(name: str) -> None:
    assert numpy_verdicts(name, ()) <= {Verdict.IDENTICAL, Verdict.ROUNDING}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_semantic(name: str) -> None:
    assert numpy_verdicts(name, ()) == {Verdict.SEMANTIC}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_rounding_once_they_are_known(name: str) -> None:
    assert numpy_verdicts(name, planted(CASES[name])) <= {Verdict.IDENTICAL, Verdict.ROUNDING}


@functools.cache
def plain(subject: str, changed: Change) -> Values:
    """The reference of a subject with some factors changed, in float64 on inputs of float32."""
    return problem(SUBJECTS[subject][0], "float32", changed).plain()


@functools.cache
def envelope(subject: str, changed: Change) -> Values:
    """How far float32 may move each element, estimated from few runs."""
    values = plain(subject, changed)
    totals = [np.zeros(value.shape) for value in values]
    for seed in range(RUNS):
        moved, _ = problem(SUBJECTS[subject][0], "float32", changed).perturbed(FORMATS["float32"], seed)
        for total, one, value in zip(totals, moved, values, strict=True):
            np.add(total, np.square(one[0] - value), out=total)
    return [
        np.maximum(np.sqrt(total / RUNS), spacing(value, "float32") / np.sqrt(12.0)) for total, value in zip(totals, values, strict=True)
    ]


def apart(a: Values, b: Values, *envelopes: Values) -> float:
    """Largest distance of two lists of arrays in the widest of some envelopes."""
    far = 0.0
    for left, right, *sigmas in zip(a, b, *envelopes, strict=True):
        if left.shape != right.shape or not (np.isfinite(left).all() and np.isfinite(right).all()):
            return np.inf
        far = max(far, float(np.max(np.abs(left - right) / np.max(sigmas, axis=0))))
    return far


def singles(subject: str) -> list[Change]:
    """Every alternative of every factor of a subject."""
    factors = CASES[SUBJECTS[subject][0]].factors
    return [((name, value),) for name, factor in factors.items() for value in factor.alternatives]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_two_alternatives_look_alike(subject: str) -> None:
    hypotheses: list[Change] = [(), *singles(subject)]
    close = [
        (a, b)
        for a, b in itertools.combinations(hypotheses, 2)
        if apart(plain(subject, a), plain(subject, b), envelope(subject, a), envelope(subject, b)) < FAR
    ]
    assert close == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_one_or_two_alternatives_look_like_a_planted_mistake(subject: str) -> None:
    alone = singles(subject)
    doubles = [(*a, *b) for a, b in itertools.combinations(alone, 2) if a[0][0] != b[0][0]]
    close = []
    for name in (name for name in SUBJECTS[subject] if name in MISTAKES):
        cause = planted(CASES[name])
        values, sigma = plain(subject, cause), envelope(subject, cause)
        for other in [*alone, *doubles]:
            if (len(cause) == 1 and cause[0] in other) or set(cause) == set(other):
                continue  # the cause itself, or the cause and something else
            distance = apart(values, plain(subject, other), sigma)
            if distance < WORTH and apart(values, plain(subject, other), sigma, envelope(subject, other)) < FAR:
                close.append((name, other, distance))
    assert close == []


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    case = CASES[name]
    result = results(name, "float32", "float32")

    def judge(changed: Mapping[str, Any]) -> Judgement:
        found = compare(result, truths(name, "float32", tuple(changed.items())), "float32")
        z = np.concatenate([distances.z for _, distances in found])
        explains = not any(outside(finding) for finding, _ in found)
        return Judgement(verdict="", z=float(z.max()), rms=float(np.sqrt(np.mean(np.square(z)))), explains=explains)

    search = Search(case.factors, result, lambda changed: problem(name, "float32", tuple(changed.items())).plain(), judge)
    found = search.run().explanations
    assert case.control is not None
    assert distinct(found) == [case.control.factor]
    for factor, value in planted(case):
        best = found[0].changed[factor]
        assert best == value or abs(best - value) <= 1e-4 * abs(value), f"{factor} = {best!r}"


@pytest.mark.environments
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_frameworks_plant_the_same_mistakes(environment: str, folder: Path, tmp_path: Path) -> None:
    pythons = sorted((ROOT / ".replab" / "environments").glob(f"{environment}-*/bin/python"))
    if not pythons:
        pytest.skip(f"the environment {environment} is not built here")
    kinds = (("float32", "float32"), ("float32", "float64"), ("float64", "float64"))
    cases = {name: case for name, case in CASES.items() if folder_of(case) == folder}
    assert cases
    given = {
        f"{case.implementation}:{grid}:{dtype}/{place:02}": values.astype(dtype)
        for case in cases.values()
        for grid, dtype in kinds
        for place, values in enumerate(inputs(case.name, grid).values())
    }
    np.savez(tmp_path / "given.npz", **given)
    framework = {"np": "numpy", "tf": "tensorflow", "to": "torch", "nu": "numpy"}[environment[:2]]
    command = [pythons[-1], "-c", RUNNER, folder / IMPL_FILE[framework], tmp_path / "given.npz", tmp_path / "found.npz"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "found.npz") as stored:
        found = dict(stored)
    faults = []
    for name, case in cases.items():
        columns = []
        for grid, dtype in kinds:
            prefix = f"{case.implementation}:{grid}:{dtype}/"
            columns.append([found[key] for key in sorted(key for key in found if key.startswith(prefix))])
        right = {one for column in verdicts(name, planted(case), *columns).values() for one in column}
        if not right <= {Verdict.IDENTICAL, Verdict.ROUNDING}:
            faults.append(f"{name}: {sorted(right)} against what was planted")
        if name in MISTAKES and {one for column in verdicts(name, (), *columns).values() for one in column} != {Verdict.SEMANTIC}:
            faults.append(f"{name}: not semantic")
    assert faults == []
