"""The workflow on a real Slurm, and the same workflow on this machine to compare with."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from replab.store.tables import TIMING

from .slurm import Cluster, missing

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = Path(__file__).parent / "families"
CACHE = os.environ.get("REPLAB_CACHE", str(ROOT / ".replab"))
BATCH = "numpy-2.5--{}--default"
PLUGIN = "snakemake_executor_plugin_slurm"
POLL_SECONDS = 0.1


class Workflow:
    """The workflow on results of its own; every run is a real ``snakemake`` process, with a scheduler or without."""

    def __init__(self, results: Path, slurm: Cluster, **settings: object) -> None:
        self.results, self.slurm = results, slurm
        given = {"experiments": FAMILIES, "environments": "numpy-2.5", "variants": "default", **settings}
        self.settings = {"results": results, "cache": CACHE, **given}

    def _command(self, options: list[str], targets: tuple[str, ...]) -> list[str]:
        values = [f"{key}={value}" for key, value in self.settings.items()]
        return [sys.executable, "-m", "snakemake", *(f"{self.results}/{target}" for target in targets), *options, "--config", *values]

    def start(self, *targets: str, options: tuple[str, ...] = (), profile: str = "slurm") -> subprocess.Popen[str]:
        """Start it, submitting every job."""
        quick = ["--slurm-init-seconds-before-status-checks", "2"] if profile == "slurm" else []
        command = self._command(["--profile", f"profiles/{profile}", "--jobs", "8", *quick, "--latency-wait", "20", *options], targets)
        return subprocess.Popen(command, cwd=ROOT, env=self.slurm.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def submit(self, *targets: str, options: tuple[str, ...] = (), code: int = 0, profile: str = "slurm") -> str:
        """Run it to its end on the cluster; what it printed."""
        return finish(self.start(*targets, options=options, profile=profile), code)

    def run_here(self, *targets: str) -> str:
        """Run it to its end without a scheduler."""
        done = subprocess.run(
            self._command(["--cores", "2"], targets),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def batch(self, family: str) -> str:
        """The target that is one batch of a family."""
        return f"batches/{BATCH.format(family)}.json"

    def manifest(self, family: str) -> dict[str, object]:
        """What a batch left."""
        found: dict[str, object] = json.loads((self.results / self.batch(family)).read_text(encoding="utf-8"))
        return found

    def statuses(self, family: str) -> dict[str, str]:
        """Case → status, as the manifest of a batch says."""
        cells: list[dict[str, str]] = self.manifest(family)["cells"]  # type: ignore[assignment]
        return {cell["id"].partition(":")[0].partition(".")[2]: cell["status"] for cell in cells}

    def cell_files(self) -> dict[str, int]:
        """Every cell file and its modification time."""
        return {path.name: path.stat().st_mtime_ns for path in (self.results / "store" / "cells").rglob("*.safetensors")}

    def half_written(self) -> list[Path]:
        """Files that a writer left aside."""
        places = [self.results / name for name in ("store", "batches", "environments", "inputs", "judged")]
        return [path for place in places for path in place.rglob("*.tmp")]

    def comparable(self, name: str) -> pd.DataFrame:
        """A public table without what differs from run to run."""
        table = pd.read_parquet(self.results / f"{name}.parquet")
        return table.drop(columns=[column for column in TIMING if column in table])


def finish(process: subprocess.Popen[str], code: int = 0, seconds: float = 600) -> str:
    """Wait for a workflow and return what it printed."""
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        pytest.fail(f"the workflow did not end in {seconds} s:\n{said[-4000:]}")
    assert process.returncode == code, said[-6000:]
    assert "Traceback" not in said
    return said


def wait_until(what: str, happened: Callable[[], object], process: subprocess.Popen[str], seconds: float = 180) -> None:
    """Wait for something that a running workflow brings about."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, f"ended before {what}:\n{process.stdout.read() if process.stdout else ''}"
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(POLL_SECONDS)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one node."""
    if reason := missing():
        pytest.skip(reason)
    if importlib.util.find_spec(PLUGIN) is None:
        pytest.skip("the executor plugin for Slurm is not installed: make setup-cluster")
    with Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, slurm: Cluster) -> Path:
    """Results in which the environment is observed and the inputs of the families of faults are made."""
    workflow = Workflow(tmp_path_factory.mktemp("prepared") / "results", slurm, families="lasting,hungry,endless")
    workflow.run_here("environments/numpy-2.5.json", *(f"inputs/{name}.json" for name in ("lasting", "hungry", "endless")))
    return workflow.results


@pytest.fixture
def faulty(tmp_path: Path, slurm: Cluster, prepared: Path) -> Workflow:
    """A workflow of which only batches are left to be run."""
    results = tmp_path / "results"
    shutil.copytree(prepared, results, symlinks=True)
    return Workflow(results, slurm, families="lasting,hungry,endless")
