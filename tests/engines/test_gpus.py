"""GPUs: who has which, and what is planned where there are none. The driver is stood in for: there is none on most machines."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from replab import ids
from replab.engines import gpus as machine
from replab.errors import SandboxError
from replab.model import Lab
from replab.opening import open_lab
from replab.plan import planning
from replab.run.batch import run_batch_job
from replab.steps import environments, inputs

TWO = """\
0, GPU-aaaa, NVIDIA A100-SXM4-80GB, 8.0, 550.54.14
1, GPU-bbbb, NVIDIA A100-SXM4-80GB, 8.0, 550.54.14
2, GPU-cccc, NVIDIA T4, 7.5, 550.54.14
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an ``nvidia-smi`` that knows two GPUs of one model and one of another."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{TWO}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    machine.gpus.cache_clear()
    yield tmp_path
    machine.gpus.cache_clear()


HOLD = textwrap.dedent("""
    import sys, time
    from replab.engines.gpus import lease
    with lease(lambda line: None, seconds=float(sys.argv[1])) as gpu:
        print(gpu.index, flush=True)
        time.sleep(60)
""")


def holder(seconds: float = 5) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", HOLD, str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_gpus_of_one_model_are_used(two: Path) -> None:
    assert [gpu.index for gpu in machine.gpus()] == ["0", "1"]
    assert machine.gpus()[0].platform == "NVIDIA-A100-SXM4-80GB driver-550.54.14"


@pytest.mark.parametrize(("visible", "indexes"), [("1", ["1"]), ("GPU-bbbb", ["1"]), ("0,1", ["0", "1"]), ("", [])])
def test_a_schedulers_share_is_kept_to(two: Path, monkeypatch: pytest.MonkeyPatch, visible: str, indexes: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.index for gpu in machine.gpus()] == indexes


def test_two_jobs_never_share_a_gpu_and_a_killed_one_gives_it_back(two: Path) -> None:
    jobs = [holder(), holder()]
    try:
        had = sorted(job.stdout.readline().strip() for job in jobs)
        assert had == ["0", "1"]
        with pytest.raises(SandboxError) as caught, machine.lease(lambda line: None, seconds=0.2):
            pass
        assert str(caught.value) == "gpu: no GPU became free within 0 s. See who uses them with 'nvidia-smi'"
        jobs[0].kill()
        jobs[0].wait()
        with machine.lease(lambda line: None, seconds=5) as gpu:
            assert gpu.index in {"0", "1"}
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def test_jobs_share_a_gpu_only_when_told_so(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with machine.lease(lambda line: None) as first:
        monkeypatch.setenv(machine.SHARE, "2")
        with machine.lease(lambda line: None, seconds=1) as second:
            assert first.index == second.index == "0"


def lab_of(root: Path, results: Path, devices: str) -> Lab:
    settings: dict[str, Any] = {
        "environments": "torch-2.13,numpy-2.5",
        "families": "modes",
        "variants": "default",
        "devices": devices,
        "results": str(results),
    }
    return open_lab(settings, root)


def test_cells_on_a_gpu_are_planned_where_there_is_one(root: Path, two: Path) -> None:
    names = [ids.batch_id(batch) for batch in planning.batches(lab_of(root, two / "results", "auto"))]
    assert [name for name in names if name.endswith("--cuda")] == [
        f"{name}--cuda" for name in names if name.startswith("torch-2.13") and "--cuda" not in name
    ]
    assert [ids.parse_batch_id(name).device for name in names if "cuda" in name] == ["cuda"]
    assert not [batch for batch in planning.batches(lab_of(root, two / "results", "cpu")) if batch.device != "cpu"]


def test_a_gpu_that_an_environment_cannot_use_is_told_and_nothing_is_built(root: Path, two: Path) -> None:
    program = two / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, GPU-dddd, NVIDIA K80, 3.7, 470.10'\n")
    machine.gpus.cache_clear()
    lab = lab_of(root, two / "results", "auto")
    out = lab.results.root / "environments" / "torch-2.13@cuda.json"
    environments.find_out(lab, "torch-2.13@cuda")
    facts = json.loads(out.read_text())
    assert facts["status"] == "skipped"
    assert facts["reason"] == "torch-2.13 needs driver 580 or newer, and this machine has 470.10"


def test_without_a_device_its_cells_are_skipped(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpus", tuple)
    lab = lab_of(root, tmp_path / "results", "cuda")
    environments.find_out(lab, "torch-2.13@cuda")
    inputs.make(lab, next(one for one in lab.families if one.name == "modes"))
    (batch,) = (one for one in planning.batches(lab) if one.device == "cuda")
    manifest = run_batch_job(lab, batch, log=tmp_path / "log")
    reasons = {cell.reason for cell in manifest.cells if not cell.reason.startswith(("compile", "each", "torch", "only"))}
    assert "no CUDA device" in reasons
    assert {cell.status for cell in manifest.cells} == {"skipped"}
    assert all(":cuda" in cell.id for cell in manifest.cells)
