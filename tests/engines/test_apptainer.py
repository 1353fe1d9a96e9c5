"""Engine ``apptainer`` for real, wherever it is on PATH: Snakemake enters the image, the lab stays outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sandboxes import ENVIRONMENTS, SandboxedBatch, statuses_of
from workflows import Workflow

import daemons
from replab import sealed
from replab.engines.apptainer import ApptainerEngine, inside_command
from replab.engines.registry import get_engine
from replab.engines.sandbox import Built, Sandbox
from replab.errors import SandboxError
from replab.model import Limits
from replab.run.requests import PROBE
from replab.store import platforms

MISSING = "" if shutil.which("apptainer") and shutil.which("mksquashfs") else "optional: apptainer or mksquashfs is not on PATH"


@pytest.fixture
def entered(docker: daemons.Docker, bases: tuple[Path, str], cache: Path, tmp_path: Path) -> Workflow:
    workflow = Workflow("apptainer", tmp_path / "results", cache, bases[0], environments="numpy-2.5")
    workflow.settings.append("builder=docker")
    return workflow


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_snakemake_enters_the_image_and_the_bits_are_those_of_the_host(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    workflow: Workflow = request.getfixturevalue("entered")
    manifest = "batches/numpy-2.5--light--default.json"
    # Root without CAP_SYS_RESOURCE, as in many containers, can start nothing otherwise.
    done = workflow.run(
        "--sdm", "apptainer", str(workflow.results / manifest), env={"APPTAINER_NO_PRIVS": "1"} if os.geteuid() == 0 else {}
    )
    assert done.returncode == 0, done.stdout + workflow.logs()
    assert statuses_of(workflow.results)["ok"] > 25
    facts = json.loads((workflow.results / "environments" / "numpy-2.5.json").read_text())
    assert facts["engine"] == "apptainer"
    assert facts["observed"]["platform"]["container"] is True
    assert {facts["observed"]["isolation"][point] for point in ApptainerEngine().promises} == {"holds"}

    local = Workflow("uv", tmp_path / "local", tmp_path / "unused", workflow.lock, environments="numpy-2.5")
    local.settings.remove(f"cache={tmp_path / 'unused'}")
    done = local.run(str(local.results / manifest))
    assert done.returncode == 0, done.stdout
    (one,) = platforms.compare(local.results, workflow.results)
    assert not one.other or any(line.startswith(("platform libc", "packages", "libraries")) for line in one.differences), one.sentence()


def test_a_job_that_finds_itself_on_the_host_refuses(root: Path, tmp_path: Path) -> None:
    """The very line that would run inside, run here."""
    line = inside_command(
        ENVIRONMENTS["numpy-2.5"],
        {},
        1,
        Limits(seconds=1, memory_mb=100),
        request=tmp_path / "r.json",
        folder=tmp_path / "out",
        done=tmp_path / "done.json",
        root=root,
    )
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 12
    assert done.stderr == "replab: this job runs on the host. Run snakemake with --sdm apptainer\n"
    assert not (tmp_path / "out").exists()


def test_nothing_is_started_from_the_host(root: Path, tmp_path: Path) -> None:
    built = Built(
        environment=ENVIRONMENTS["numpy-2.5"], engine="apptainer", python=Path("/p"), folder=Path("/"), identity="", cache=tmp_path
    )
    with pytest.raises(SandboxError) as caught:
        ApptainerEngine().command(Sandbox(built=built, limits=Limits(seconds=1, memory_mb=1), writable=tmp_path))
    assert str(caught.value) == (
        "numpy-2.5: only Snakemake can start this engine. Run 'snakemake --sdm apptainer --config engine=apptainer', or choose another engine"
    )


def _alone(root: Path, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """What ``scripts/sandbox/apptainer/supervisor.py``, told that this host is a container, says about the cells that have no result of their own."""
    (folder / "request.json").write_bytes(sealed.seal(request))
    python = get_engine("uv").build(ENVIRONMENTS["numpy-2.5"], root / ".replab", print).python
    script = (root / "scripts/sandbox/apptainer/supervisor.py").read_text().replace('MARKS = ("/.singularity.d"', f'MARKS = ("{folder}"')
    (folder / "alone.py").write_text(script)
    argv = [
        str(python),
        str(folder / "alone.py"),
        "--probe",
        str(PROBE / "main.py"),
        "--request",
        str(folder / "request.json"),
        "--out",
        str(folder / "out"),
        "--done",
        str(folder / "done.json"),
        "--seconds",
        "3",
        "--memory-mb",
        "500",
    ]
    subprocess.run(argv, check=True, timeout=120, capture_output=True)
    assert json.loads((folder / "done.json").read_text())["cells"] == len(request["cells"])
    return {path.name.partition(".")[0]: json.loads(path.read_text()) for path in (folder / "out").glob("*.failure.json")}


def _request(box: SandboxedBatch, cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": 1,
        "environment": "numpy-2.5",
        "framework": "numpy",
        "inputs": str(box.data),
        "variant": "default",
        "threads": 1,
        "switches": {},
        "device": "cpu",
        "cells": cells,
    }


ALONE_FAULTS = ("fine", "dies_by_a_signal", "leaves", "endless", "prints")


def test_the_supervisor_inside_survives_its_cells(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``scripts/sandbox/apptainer/supervisor.py`` on the host, told that this is a container: what befalls a cell is its record, and the others go on."""
    box = SandboxedBatch("uv", ENVIRONMENTS["numpy-2.5"], root / ".replab", tmp_path)
    cells = box.cells(*ALONE_FAULTS)
    said = _alone(root, tmp_path, _request(box, cells))
    found = {cell["case"]: (said[cell["key"]]["status"], said[cell["key"]]["reason"]) if cell["key"] in said else "ok" for cell in cells}
    assert not any(one["again"] for one in said.values())
    assert found == {
        "fine": "ok",
        "dies_by_a_signal": ("crashed", "the process was killed by SIGSEGV"),
        "leaves": ("crashed", "the process left with exit code 7"),
        "endless": ("timeout", "took longer than the limit of 3 s"),
        "prints": "ok",
    }


@pytest.mark.parametrize("text", ["import no_such_module", "import os\nos._exit(0)"])
def test_a_broken_file_inside_has_no_results_and_touches_no_other(root: Path, tmp_path: Path, text: str) -> None:
    box = SandboxedBatch("uv", ENVIRONMENTS["numpy-2.5"], root / ".replab", tmp_path)
    cells = box.cells("fine", "leaves", "prints")
    (tmp_path / "impl_broken.py").write_text(text)
    cells[1]["impl"] = str(tmp_path / "impl_broken.py")
    said = _alone(root, tmp_path, _request(box, cells))
    assert {key: one["again"] for key, one in said.items()} == {cells[1]["key"]: True}
