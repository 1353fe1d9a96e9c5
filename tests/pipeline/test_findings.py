"""What must come out of real runs by itself, on a processor with AVX2: facts that anyone can check, found without being told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from replab.config.environments import load_environments

ROOT = Path(__file__).resolve().parents[2]
CACHE = os.environ.get("REPLAB_CACHE", str(ROOT / ".replab"))

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lab's definitions and results of its own."""
    found = tmp_path_factory.mktemp("findings")
    for name in ("containers", "config", "experiments", "scripts"):
        (found / name).symlink_to(ROOT / name, target_is_directory=True)
    return found


def cells(folder: Path, pattern: str, *settings: str) -> pd.DataFrame:
    """Run and judge the cells that match and return their rows."""
    given = [word for one in (f"cache={CACHE}", *settings) for word in ("--config", one)]
    done = subprocess.run(
        [sys.executable, "-m", "replab.cli", "cell", pattern, *given],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(folder / "results" / "cell" / "cells.parquet")
    table["place"] = table.environment + ":" + table["mode"]
    return table[(table.dtype == "float32") & (table.derivative == 0)].set_index("place")


def test_the_sigmoid_of_tensorflow_1_15_is_far_off_in_its_negative_tail(folder: Path) -> None:
    """More than a million ULP at a negative input, and mended by 2.21; an approximate kernel, not another function."""
    found = cells(folder, "ops.sigmoid:float*:d0@*:eager*")
    old, new = found.loc["tf-1.15:eager"], found.loc["tf-2.21:eager"]
    assert old.ulp_max > 1e6
    assert old.worst_inputs.startswith("x=-")
    assert old.verdict == "accuracy"
    assert new.ulp_max < 100


def test_torch_accumulates_more_precisely_than_numpy(folder: Path) -> None:
    """The long chain D3: PyTorch below 1.5 ULP, NumPy above 10, and rounding explains both."""
    found = cells(folder, "ops.cumsum_chain:float*:d0@*:eager*")
    assert found.loc["torch-2.13:eager"].ulp_max < 1.5
    assert found.loc["numpy-2.5:eager"].ulp_max > 10
    assert set(found.verdict) <= {"identical", "rounding"}


def test_session_eager_and_function_share_their_bits_for_matmul(folder: Path) -> None:
    """Building a graph first does not change the bits of a matrix product."""
    found = cells(folder, "ops.matmul_256:float*:d0@tf-*")
    for version, modes in (("tf-1.15", ("eager", "session")), ("tf-2.21", ("eager", "session", "function"))):
        assert len(set(found.loc[[f"{version}:{mode}" for mode in modes], "bits"])) == 1


def test_every_environment_computes(folder: Path) -> None:
    """All pinned environments give a result for tanh, within rounding or an accurate kernel of the truth."""
    found = cells(folder, "ops.tanh:float*:d0@*:eager*", "environments=all", "points=2000")
    assert set(found.environment) == {one.name for one in load_environments(ROOT / "containers") if "cpu" in one.devices and one.modes}
    assert set(found.status) == {"ok"}
    assert set(found.verdict) <= {"identical", "rounding", "accuracy"}
