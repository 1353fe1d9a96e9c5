"""Ctrl-C, numbers of jobs that are none, cells that all fail: real runs end with a sentence and a code of their own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from replab.errors import CellsFailed, ConfigError
from replab.workflow.snakefile import INTERRUPTED

from .conftest import CACHE, ROOT

pytestmark = pytest.mark.pipeline
EXPERIMENT = """
title = "T"
question = "Q"
[generators.few]
kind = "normal"
shape = [4]
[defaults]
dtypes = ["float32"]
modes = ["eager"]
[cases]
quick = { inputs = { x = "few" } }
slow = { inputs = { x = "few" } }
"""
REFERENCE = "def quick(x):\n    return x\n\n\ndef slow(x):\n    return x\n"
IMPL = "import time\n\n\ndef quick(x):\n    return x\n\n\ndef slow(x):\n    time.sleep(10_000)\n    return x\n"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A run whose second cell takes as long as a cell may."""
    folder = tmp_path / "experiments" / "waits"
    folder.mkdir(parents=True)
    for name, text in {"experiment.toml": EXPERIMENT, "reference.py": REFERENCE, "impl_numpy.py": IMPL}.items():
        (folder / name).write_text(text)
    settings = [
        "environments=numpy-2.5",
        "variants=default",
        f"experiments=[{tmp_path}/experiments]",
        f"results={tmp_path}/results",
        f"cache={CACHE}",
    ]
    return [sys.executable, "-m", "snakemake", "--config", *settings]


def start(command: list[str], *more: str) -> subprocess.Popen[str]:
    """A run in a group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [*command, *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def test_ctrl_c_in_the_middle_of_a_cell_keeps_what_is_finished(command: list[str], tmp_path: Path) -> None:
    with start(command, "--cores", "2") as process:
        assert process.stdout is not None
        end = time.monotonic() + 300
        while not [*(tmp_path / "results" / "store" / "cells").rglob("*.safetensors")]:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=300)
    assert process.returncode == INTERRUPTED, said
    assert "ending what runs; finished cells are kept" in said
    assert "replab: interrupted; finished cells are kept" in said
    assert "Traceback" not in said
    assert len([*(tmp_path / "results" / "store" / "cells").rglob("*.safetensors")]) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ctrl_c_at_any_moment_is_a_sentence(command: list[str], seed: int) -> None:
    """From the moment that the lab is read: before, Python itself is interrupted."""
    with start(command, "--cores", "2") as process:
        assert process.stdout is not None
        first = process.stdout.readline() + process.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 3))
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=300)
    assert process.returncode == INTERRUPTED, first + said
    assert said.count("replab: interrupted; finished cells are kept") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("cores", ["0", "-1"])
def test_no_cores_and_fewer_are_refused_before_anything_starts(command: list[str], tmp_path: Path, cores: str) -> None:
    with start(command, "--cores", cores) as process:
        said, _ = process.communicate(timeout=300)
    assert process.returncode == ConfigError.exit_code
    assert f"replab: --cores: {cores} is no number of jobs at a time. Say a number from 1 up, or all" in said
    assert not (tmp_path / "results").exists()


def cell(command: list[str], pattern: str, *more: str) -> list[str]:
    """The command that runs cells of the same lab with no workflow."""
    given = [word for setting in command[command.index("--config") + 1 :] for word in ("-c", setting)]
    return [sys.executable, "-m", "replab.cli", "cell", pattern, *given, *more]


def test_a_cell_that_fails_gives_a_code_of_its_own_whatever_the_others_do(command: list[str], tmp_path: Path) -> None:
    impl = tmp_path / "experiments" / "waits" / "impl_numpy.py"
    impl.write_text("def quick(x):\n    raise ValueError('\\x1b[2J no')\n\n\ndef slow(x):\n    return x\n")
    for pattern, code, said in (
        ("waits.quick", CellsFailed.exit_code, "1 of 1 cell failed"),
        ("waits.slow", 0, ""),
        ("waits.*", CellsFailed.exit_code, "1 of 2 cells failed"),
    ):
        done = subprocess.run(cell(command, pattern), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert said in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    assert "1 error: ValueError" in done.stdout
    assert done.stdout.splitlines()[1].startswith("waits.quick:"), "the worst comes first"


def test_ctrl_c_in_a_single_cell_keeps_what_is_finished_and_says_so(command: list[str], tmp_path: Path) -> None:
    with start(cell(command, "waits.*")) as process:
        assert process.stdout is not None
        end = time.monotonic() + 300
        while not [*(tmp_path / "results" / "store" / "cells").rglob("*.safetensors")]:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=300)
    assert process.returncode == INTERRUPTED, said
    assert said.splitlines()[-1] == "replab: interrupted; finished cells are kept"
    assert "Traceback" not in said
    assert len([*(tmp_path / "results" / "store" / "cells").rglob("*.safetensors")]) == 1


def test_a_family_whose_code_cannot_be_read_costs_itself_and_a_sentence(command: list[str], tmp_path: Path) -> None:
    """A whole run of the others, to its report."""
    waits = tmp_path / "experiments" / "waits"
    (waits / "impl_numpy.py").write_text(REFERENCE)
    shutil.copytree(waits, tmp_path / "experiments" / "broken")
    (tmp_path / "experiments" / "broken" / "impl_numpy.py").write_text("def quick(x):\n    return (\n")
    with start(command, "--cores", "2") as process:
        said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    sentence = f"replab: a family is left out: {tmp_path}/experiments/broken/impl_numpy.py:2: is not valid Python: '(' was never closed"
    assert said.count(sentence) == 1
    assert said.splitlines()[-1].endswith(f"report: {tmp_path}/results/report/index.html")
    assert set(pd.read_parquet(tmp_path / "results" / "cells.parquet").family) == {"waits"}
    asked = subprocess.run(cell(command, "waits.quick"), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (asked.returncode, asked.stderr.splitlines()[0]) == (0, sentence)
