"""The lab as a package: a wheel in an environment of its own, and somebody who has a folder and no checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from replab.locks.uv_tool import find_uv

from .conftest import CACHE, ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([find_uv(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of an environment into which nothing but the wheel was installed, with the versions that the lab is locked to."""
    return _installed(f"replab[lab] @ {wheel.as_uri()}", tmp_path_factory.mktemp("installed") / "v")


@pytest.fixture(scope="module")
def library(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same of the library alone, and of pytest."""
    return _installed(f"replab @ {wheel.as_uri()}", tmp_path_factory.mktemp("library") / "v", "pytest")


def _installed(what: str, home: Path, *more: str) -> Run:
    uv = find_uv()
    subprocess.run([uv, "venv", "--quiet", home], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", home / "bin" / "python", "--constraint", _versions(home.parent)]
    subprocess.run([*command, what, *more], check=True)
    outer = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    path = os.pathsep.join([str(home / "bin"), outer["PATH"]])

    def run(folder: Path, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [home / "bin" / program, *map(str, words)]
        return subprocess.run(command, cwd=folder, env={**outer, "PATH": path}, capture_output=True, text=True, check=False)

    return run


def _versions(folder: Path) -> Path:
    """The lab's lock without its hashes: the package itself has none."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    path = folder / "versions.txt"
    path.write_text("\n".join(line.partition("\\")[0].strip() for line in lines if "==" in line and not line.startswith("#")))
    return path


def test_the_wheel_holds_what_the_checkout_has(wheel: Path) -> None:
    """Every module, and every file that a run of a checkout reads; no results, no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {path.relative_to(ROOT / "scripts").as_posix() for path in (ROOT / "scripts" / "replab").rglob("*.py")}
    read = {
        f"replab/checkout/{path.relative_to(ROOT).as_posix()}"
        for place in ("rules", "scripts/sandbox", "experiments", "containers", "config", "reports/templates", "reports/static")
        for path in (ROOT / place).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert modules
    assert modules | read <= names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or "/results/" in name]


def test_the_library_alone_judges_and_the_command_says_what_is_missing(library: Run, tmp_path: Path) -> None:
    done = library(tmp_path, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "docs" / "test_softplus.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replab judged 3 results: 3 rounding" in done.stdout
    command = library(tmp_path, "replab", "list")
    assert command.returncode == 1
    assert command.stderr == "replab: this is the library alone (typer is missing): pip install 'replab[lab]' gives the workflow\n"
    there = library(
        tmp_path,
        "python",
        "-c",
        "import importlib.util as i; print(*(n for n in ('snakemake', 'pandas', 'uv', 'docker') if i.find_spec(n)))",
    )
    assert there.stdout == "\n"
    tables = library(
        tmp_path, "python", "-c", "import replab; from pathlib import Path; Path('cells.parquet').touch(); replab.open('.').cells"
    )
    assert tables.stderr.endswith("ModuleNotFoundError: tables need pandas: pip install 'replab[tables]'\n")


def test_one_family_runs_in_a_folder_of_a_user(installed: Run, tmp_path: Path) -> None:
    done = installed(tmp_path, "replab", "init", "mine", "--family", "first")
    assert done.returncode == 0, done.stderr
    mine = tmp_path / "mine"
    assert sorted(path.name for path in mine.iterdir()) == [".gitignore", "Snakefile", "config", "experiments", "profiles"]

    words = ("--cores", "2", "--config", "environments=numpy-2.5", f"cache={CACHE}")
    done = installed(mine, "snakemake", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = pd.read_parquet(mine / "results" / "cells.parquet")
    assert set(cells.family) == {"first"}
    assert set(cells.loc[cells.status == "ok", "verdict"]) <= {"identical", "rounding"}
    assert (cells.status == "ok").sum() >= 3
    report = mine / "results" / "report"
    assert [path for path in report.rglob("*.html") if "softsign" in path.read_text(encoding="utf-8")]

    again = installed(mine, "snakemake", *words)
    assert "Nothing to be done" in again.stdout + again.stderr

    impl = mine / "experiments" / "first" / "impl_numpy.py"  # until now NumPy ran the reference
    impl.write_text("import numpy as np\n\n\ndef softsign(x):\n    return x / (1 + np.abs(x)) + x\n")
    done = installed(mine, "snakemake", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = pd.read_parquet(mine / "results" / "cells.parquet")
    assert "semantic" in set(cells.verdict)

    explained = installed(mine, "replab", "explain", "first.softsign:float32:d0@numpy-2.5:eager:default:cpu")
    assert "semantic" in explained.stdout, explained.stderr


def test_families_of_the_lab_are_built_in(installed: Run, tmp_path: Path) -> None:
    installed(tmp_path, "replab", "init", "mine")
    done = installed(tmp_path / "mine", "replab", "list", "families", "--config", "experiments=[built-in]")
    assert done.returncode == 0, done.stderr
    assert "gradients" in done.stdout


def test_a_user_has_environments_of_their_own(installed: Run, tmp_path: Path) -> None:
    installed(tmp_path, "replab", "init", "mine")
    mine = tmp_path / "mine"
    shutil.copytree(ROOT / "containers" / "numpy-2.5", mine / "containers" / "numpy-mine")
    file = mine / "containers" / "numpy-mine" / "env.toml"
    text = file.read_text()
    order = next(line for line in text.splitlines() if line.startswith("order"))
    file.write_text(text.replace(order, "order = 9999"))
    done = installed(mine, "replab", "list", "environments", "-e", "numpy-mine")
    assert "numpy-mine" in done.stdout, done.stderr
    assert installed(mine, "replab", "pin", "--check", "numpy-mine").returncode == 0
    refused = installed(mine, "replab", "pin", "numpy-2.5")
    assert "belongs to the installed lab" in refused.stderr


def test_a_folder_that_has_something_is_left_alone(installed: Run, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("rule all:\n    input: []\n")
    done = installed(tmp_path, "replab", "init", ".")
    assert done.returncode != 0
    assert "exists already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["Snakefile"]


def test_a_report_says_which_lab_made_it(installed: Run, tmp_path: Path) -> None:
    """The git repository around an environment is not the lab's."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    installed(tmp_path, "replab", "init", "mine")
    done = installed(tmp_path / "mine", "snakemake", "--cores", "2", "--config", "environments=numpy-2.5", f"cache={CACHE}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "mine" / "results" / "run.json").read_text())["commit"] == ""
