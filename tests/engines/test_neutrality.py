"""The same cells give the same bits, whoever runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from replab import ids, sealed
from replab.config.loading import load_lab
from replab.engines.registry import get_engine
from replab.model import Lab
from replab.plan import planning
from replab.run.batch import run_batch_job
from replab.run.requests import PROBE, planned, request
from replab.steps import environments, inputs
from replab.store import platforms
from replab.store.step_files import environment_facts
from replab.store.store import Store

FAMILIES = "control_flow,randomness"


def lab_of(root: Path, cache: Path, results: Path, engine: str) -> Lab:
    settings: dict[str, Any] = {
        "engine": engine,
        "environments": "numpy-2.5" if engine == "podman" else "numpy-2.5,torch-2.13",
        "families": FAMILIES,
        "variants": "default",
        "results": str(results),
        "cache": str(root / ".replab" if engine == "uv" else cache),
        "points": 4096,
    }
    return load_lab(settings, root)


def run(lab: Lab) -> None:
    """Environments, inputs and batches, without judging."""
    for environment in lab.environments:
        environments.find_out(lab, environment.name)
        assert environment_facts(lab, environment.name).ok
    for family in lab.families:
        inputs.make(lab, family)
    for batch in planning.batches(lab):
        name = ids.batch_id(batch)
        run_batch_job(lab, batch, log=lab.results.root / "logs" / f"{name}.log")


@pytest.fixture(scope="module")
def local(root: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Results of the engine ``uv``."""
    lab = lab_of(root, cache, tmp_path_factory.mktemp("uv"), "uv")
    run(lab)
    return lab


def test_a_container_computes_the_bits_of_the_host(engine: str, local: Lab, root: Path, cache: Path, tmp_path: Path) -> None:
    lab = lab_of(root, cache, tmp_path, engine)
    run(lab)
    found = {one.environment: one for one in platforms.compare(local.results.root, lab.results.root)}
    assert set(found) == {one.name for one in lab.environments}
    for one in found.values():
        moved = [cell for cell in one.other if ":compile:" not in cell]  # machine code of another compiler is another platform
        assert not moved or any(line.startswith(("platform libc", "packages", "libraries")) for line in one.differences), one.sentence()
        assert one.same > 20
    host, inside = (environment_facts(each, "numpy-2.5").observed["platform"]["libc"] for each in (local, lab))
    if host == inside:
        assert not [cell for one in found.values() for cell in one.other if ":compile:" not in cell]


def test_the_probe_by_hand_computes_the_bits_of_the_lab(local: Lab, tmp_path: Path) -> None:
    """No engine, no supervisor: one process, started with the request alone."""
    batch = next(one for one in planning.batches(local) if one.environment == "numpy-2.5")
    environment, _, variant = planning.parts(local, batch)
    facts = environment_facts(local, environment.name)
    built = get_engine("uv").build(environment, local.cache, print)
    cells = [one for _, one in planned(local, batch, facts) if one.key]
    asked = request(environment, variant, device="cpu", inputs=local.results.input_data, cells=cells)
    (tmp_path / "request.json").write_bytes(sealed.seal(asked.to_json()))
    argv = [str(built.python), str(PROBE / "main.py"), "--request", str(tmp_path / "request.json"), "--out", str(tmp_path)]
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # switches of somebody's shell move bits
    subprocess.run(argv, check=True, capture_output=True, timeout=120, env=env)
    store, compared = Store(local.results.root / "store"), 0
    for cell in cells:
        by_lab = store.read(cell.key)
        by_hand = Store(tmp_path / "by-hand")
        by_hand.adopt(cell.key, tmp_path)
        assert [one["sha256"] for one in by_hand.read(cell.key).record["outputs"]] == [one["sha256"] for one in by_lab.record["outputs"]], (
            cell.id
        )
        compared += by_lab.record["status"] == "ok"
    assert compared > 5


def test_a_difference_is_told_with_what_differs_there(tmp_path: Path) -> None:
    found = list(
        platforms.differences(
            {"packages": {"numpy": "2.5.0"}, "platform": {"libc": "glibc 2.36", "kernel": "6.1"}, "isolation": {"network": "holds"}},
            {
                "packages": {"numpy": "2.5.0"},
                "platform": {"libc": "glibc 2.31", "kernel": "5.4"},
                "isolation": {},
                "libraries": {"libm.so.6": {"a": 1}},
            },
        )
    )
    assert found == ['platform libc: "glibc 2.36" here, "glibc 2.31" there', "libraries libm.so.6 a: absent here, 1 there"]
    assert platforms.first(["a"] * 14) == "a; " * 12 + "and 2 more"


def test_switching_the_engine_keeps_what_is_there(engine: str, local: Lab, root: Path, cache: Path) -> None:
    """Both engines use one folder of results: nothing of the other is run again or overwritten."""
    before = {path: path.stat().st_mtime_ns for path in (local.results.root / "store" / "cells").rglob("*.safetensors")}
    lab = lab_of(root, cache, local.results.root, engine)
    run(lab)
    after = {path: path.stat().st_mtime_ns for path in (local.results.root / "store" / "cells").rglob("*.safetensors")}
    assert {path: after[path] for path in before} == before
    assert len(after) > len(before)
    run(local)
    manifests = [json.loads(path.read_text()) for path in (local.results.root / "batches").glob("*.json")]
    assert sum(one["sandboxes"] for one in manifests) == 0, "everything of the first engine was there"
