"""Variants take effect: what is switched around a process is what the process then says of itself, in real environments."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from probe_requests import PROBE, RequestBuilder, run_probe

from replab import sealed
from replab.config.environments import load_environments
from replab.config.loading import load_lab
from replab.engines.variables import thread_variables
from replab.model import Variant

ROOT = Path(__file__).parents[2]
FRAMEWORK = {"numpy-1.26": "numpy", "numpy-2.5": "numpy", "tf-1.15": "tensorflow", "tf-2.21": "tensorflow", "torch-2.13": "torch"}
VARIANTS = {variant.name: variant for variant in load_lab({"families": "controls_arithmetic"}, ROOT).variants}
ENVIRONMENTS = {environment.name: environment for environment in load_environments(ROOT / "containers")}
DECLARED = [
    (environment, name)
    for environment, framework in FRAMEWORK.items()
    if environment != "numpy-1.26"  # looked at below
    for name, variant in VARIANTS.items()
    if variant.effect.get(framework) and variant.applies(ENVIRONMENTS[environment])
]


def arithmetic(python: Path, environment: str, folder: Path, variant: Variant) -> dict[str, Any]:
    """What a process without cells says about its arithmetic under a variant."""
    framework = FRAMEWORK[environment]
    builder = RequestBuilder(folder, environment, framework, threads=variant.threads)
    request = {**builder.request(), "switches": dict(variant.switches.get(framework, {}))}
    (folder / "out").mkdir()
    (folder / "request.json").write_bytes(sealed.seal(request))
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variant.variables.get(framework, {}), **thread_variables(variant.threads)}
    command = [str(python), str(PROBE), "--request", str(folder / "request.json"), "--out", str(folder / "out")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (observation,) = (folder / "out" / "observations").iterdir()
    found: dict[str, Any] = json.loads(observation.read_text())["arithmetic"]
    return found


@pytest.fixture(scope="module")
def default(python_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """What an environment says under the default variant, asked once."""

    @functools.cache
    def asked(environment: str) -> dict[str, Any]:
        return arithmetic(python_of(environment), environment, tmp_path_factory.mktemp(environment), VARIANTS["default"])

    return asked


@pytest.mark.parametrize(("environment", "name"), DECLARED)
def test_a_variant_takes_effect_and_the_default_says_otherwise(
    environment: str, name: str, python_of: Callable[[str], Path], default: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    variant, wanted = VARIANTS[name], VARIANTS[name].effect[FRAMEWORK[environment]]
    found, before = arithmetic(python_of(environment), environment, tmp_path, variant), default(environment)
    assert {fact: found[fact] for fact in wanted} == wanted
    moved = {fact for fact in wanted if before[fact] != found[fact]}
    # a processor or a version may have the limited instruction set anyway
    assert moved or name.startswith("isa-"), (before, found)


@pytest.mark.parametrize(("name", "simd"), [("isa-avx2", "avx2"), ("isa-sse", "sse")])
@pytest.mark.parametrize("environment", ["numpy-1.26", "numpy-2.5"])
def test_numpy_takes_the_names_of_features_that_its_version_knows(
    environment: str, name: str, simd: str, python_of: Callable[[str], Path], default: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    found = arithmetic(python_of(environment), environment, tmp_path, VARIANTS[name])["simd"]
    assert found == min(simd, default(environment)["simd"], key=("sse", "avx2", "avx512").index)


def test_every_variant_names_facts_that_are_observed() -> None:
    known: Mapping[str, set[str]] = {
        "numpy": {"threads", "blas", "simd"},
        "tensorflow": {"threads", "custom_onednn", "onednn", "grappler", "jit", "deterministic", "xla_flags"},
        "torch": {"threads", "capability", "mkldnn", "onednn", "mkl_branch", "deterministic"},
    }
    for variant in VARIANTS.values():
        for framework, effect in variant.effect.items():
            assert set(effect) <= known[framework], variant.name
        switched = {*variant.variables, *variant.switches} | (set(variant.frameworks) if variant.threads != 1 else set())
        assert switched == set(variant.effect), variant.name  # what is switched is verified


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ("numpy-2.5", "NumPy has no switch turbo"),
        ("tf-1.15", "TensorFlow has no switch turbo"),
        ("torch-2.13", "PyTorch has no switch turbo"),
    ],
)
def test_a_switch_that_does_not_exist_ends_the_process_in_words(
    environment: str, said: str, python_of: Callable[[str], Path], tmp_path: Path
) -> None:
    builder = RequestBuilder(tmp_path, environment, FRAMEWORK[environment])
    (tmp_path / "out").mkdir()
    (tmp_path / "request.json").write_bytes(sealed.seal({**builder.request(), "switches": {"turbo": True}}))
    command = [str(python_of(environment)), str(PROBE), "--request", str(tmp_path / "request.json"), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    journal = (tmp_path / "out" / "journal.jsonl").read_text()
    assert done.returncode == 3
    assert json.loads(journal.strip().splitlines()[-1]) == {"failed": f"Unsupported: {said}"}


def test_facts_asked_of_a_copy_leave_no_trace(python_of: Callable[[str], Path], tmp_path: Path) -> None:
    """oneDNN tells its instruction set on a verbose call only: the process itself stays silent."""
    builder = RequestBuilder(tmp_path, "torch-2.13", "torch")
    builder.add("square", inputs={"x": [2.0]})
    answers = run_probe(python_of("torch-2.13"), builder)
    assert "onednn_verbose" not in answers.output
    (observation,) = (answers.folder / "observations").iterdir()
    # which one it is depends on the processor, and those of tomorrow have names of their own
    assert json.loads(observation.read_text())["arithmetic"]["onednn"] not in ("unused", "unknown", "")
