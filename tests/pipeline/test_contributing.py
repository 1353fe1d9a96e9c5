"""What CONTRIBUTING promises: five lines make an operation, and ``replab cell`` runs and judges it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEP = re.compile(r"^`(experiments/ops/[\w.]+)`[^\n]*\n+```\w+\n(.+?)\n```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A copy of what defines the lab, with the lines of CONTRIBUTING added; environments that are built already are used."""
    for name in ("containers", "config", "experiments"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    added = STEP.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert [Path(file).name for file, _ in added] == ["experiment.toml", "reference.py", "impl_tf.py", "impl_torch.py"]
    for file, line in added:
        assert "\n" not in line
        text = (tmp_path / file).read_text(encoding="utf-8")
        changed = text.replace("\n[cases]\n", f"\n[cases]\n{line}\n", 1) if file.endswith(".toml") else f"{text}\n{line}\n"
        assert changed != text
        (tmp_path / file).write_text(changed, encoding="utf-8")
    return tmp_path


def replab(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder, small and with the built environments of this checkout."""
    settings = ["--config", f"cache={ROOT / '.replab'}", "--config", "points=2000"]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "replab.cli", *arguments, *settings],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_four_lines_make_an_operation(lab: Path) -> None:
    listed = replab(lab, "list", "cases", "ops.tanhshrink*", "-e", "core")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines()[1].startswith("ops.tanhshrink ")

    ran = replab(lab, "cell", "ops.tanhshrink*@*:eager", "-e", "numpy-2.5,torch-2.13")
    assert ran.returncode == 0, ran.stderr
    rows = {line.split()[0]: line.split()[1:] for line in ran.stdout.splitlines() if line.startswith("ops.tanhshrink:")}
    for environment in ("numpy-2.5", "torch-2.13"):
        cell = f"ops.tanhshrink:float32:d0@{environment}:eager:default:cpu"
        verdict = next(word for word in rows[cell] if word != "out")
        assert verdict in ("identical", "rounding", "accuracy"), ran.stdout
    assert "grad_x" in rows["ops.tanhshrink:float32:d1@torch-2.13:eager:default:cpu"]

    explained = replab(lab, "explain", "ops.tanhshrink:float32:d0@torch-2.13:eager")
    assert explained.returncode == 0, explained.stderr
    assert "distance from the truth over 2000 elements" in explained.stdout

    again = replab(lab, "cell", "ops.tanhshrink*@*:eager", "-e", "numpy-2.5,torch-2.13")
    assert again.stdout == ran.stdout  # from the store: even the times are those of the first run
