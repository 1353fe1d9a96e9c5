"""Real runs of the workflow on small families, in folders of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from replab.store.tables import TIMING

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = Path(__file__).parent / "families"
CACHE = os.environ.get("REPLAB_CACHE", str(ROOT / ".replab"))


class Workflow:
    """The workflow with settings of its own; every run is a real ``snakemake`` process."""

    def __init__(self, results: Path, **settings: object) -> None:
        self.results = results
        self.settings = {
            "results": results,
            "experiments": FAMILIES,
            "cache": CACHE,
            "environments": "numpy-2.5,tf-1.15",
            "variants": "default",
            **settings,
        }

    def command(self, *targets: str) -> list[str]:
        """The command line."""
        values = [f"{key}={value}" for key, value in self.settings.items()]
        return [sys.executable, "-m", "snakemake", "--cores", "2", *targets, "--config", *values]

    def start(self, *targets: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own."""
        return subprocess.Popen(
            self.command(*targets), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def run(self, *targets: str, code: int = 0, seconds: float = 400) -> str:
        """Run it to its end and return what it printed."""
        done = subprocess.run(
            self.command(*targets), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False
        )
        assert done.returncode == code, done.stdout[-6000:]
        return done.stdout

    def wait_until_nothing_works(self) -> None:
        """Until no process names these results any more: what a killed run started ends by itself."""
        end = time.monotonic() + 120
        while any(str(self.results) in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])):
            assert time.monotonic() < end, "something still works for a run that was killed"
            time.sleep(0.05)

    def table(self, name: str = "cells") -> pd.DataFrame:
        """A public table."""
        return pd.read_parquet(self.results / f"{name}.parquet")

    def comparable(self, name: str = "cells") -> pd.DataFrame:
        """A public table without what differs from run to run."""
        table = self.table(name)
        return table.drop(columns=[column for column in TIMING if column in table])

    def cell_files(self) -> dict[str, int]:
        """Every cell file and its modification time."""
        return {path.name: path.stat().st_mtime_ns for path in (self.results / "store" / "cells").rglob("*.safetensors")}


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A finished run of the small family."""
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed"), families="small")
    workflow.run()
    return workflow
