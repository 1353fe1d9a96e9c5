"""``make``: what its targets promise, without running the lab."""

from __future__ import annotations

import ast
import os
import pty
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What setting up needs, in another place."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "cluster.lock", "README.md", "scripts", "config"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


STARTS = ("uv", "hatchling", "typer", "snakemake", "snakemake-interface-logger-plugins", "pandas")
"""What makes an editable install of the lab, and starts its commands as far as their help (the plugin for Slurm needs pandas). The whole lock was
installed by the `make setup` of this checkout."""


@pytest.fixture
def light(copy: Path) -> Path:
    """The same with a lock of fewer packages."""
    lock = copy / "requirements.lock"
    names = with_what_they_need(STARTS)
    blocks = re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE)
    kept = [block for block in blocks if block.startswith("#") or canonicalize_name(re.split(r"[=\[]", block)[0]) in names]
    assert len(STARTS) < len(kept) < len(blocks)
    lock.write_text("".join(kept))
    return copy


def with_what_they_need(names: tuple[str, ...]) -> set[str]:
    """Packages of this environment and all that they require."""
    left, known = list(names), set()
    while left:
        if (name := canonicalize_name(left.pop())) not in known:
            known.add(name)
            wanted = (Requirement(text) for text in metadata.requires(name) or ())
            left += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return known


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """``make`` in a folder."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")} | variables
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment)


def test_without_a_target_it_says_what_there_is() -> None:
    said = make(ROOT).stdout
    for target in ("run", "check", "test", "setup", "lint", "bench", "accept", "doctor", "clean"):
        assert target in said


def test_setup_uses_the_uv_at_hand_and_does_nothing_the_second_time(light: Path) -> None:
    first = make(light, "setup", PATH=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    assert first.returncode == 0, first.stderr
    assert "installing what requirements.lock names" in first.stdout
    program = light / ".venv" / "bin" / "replab"
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True, cwd=light)
    assert "verify" in help_text.stdout
    plugins = subprocess.run([light / ".venv" / "bin" / "snakemake", "--help"], capture_output=True, text=True, check=True, cwd=light)
    assert "--logger-replab-interval" in plugins.stdout

    again = make(light, "setup")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    assert "--slurm-logdir" not in plugins.stdout
    assert "installing what requirements.lock and cluster.lock name" in make(light, "setup-cluster").stdout
    plugins = subprocess.run([light / ".venv" / "bin" / "snakemake", "--help"], capture_output=True, text=True, check=True, cwd=light)
    assert "--slurm-logdir" in plugins.stdout
    assert "--cluster-generic-submit-cmd" in plugins.stdout

    (light / "pyproject.toml").write_text((light / "pyproject.toml").read_text() + "\n# changed\n")
    assert "requirements.lock and cluster.lock" in make(light, "setup").stdout, "what was asked for once stays"


def test_a_lock_with_a_wrong_hash_is_one_sentence(copy: Path) -> None:
    lock = copy / "requirements.lock"
    text = lock.read_text()
    block = re.search(r"^jinja2==.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    lock.write_text(text.replace(block[0], re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, block[0])))
    done = make(copy, "setup", PATH=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    assert done.returncode != 0
    assert "setup: uv pip sync failed" in done.stderr
    assert "Hash mismatch for `jinja2==" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (copy / ".venv" / "replab-setup.txt").exists()


def test_the_bootstrap_is_written_for_old_pythons() -> None:
    ast.parse((ROOT / "scripts" / "bootstrap.py").read_text(), feature_version=(3, 6))


def test_run_ends_with_the_path_of_the_report(copy: Path) -> None:
    """The real recipe, with a Snakemake that succeeds at once."""
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / ".venv" / "bin" / "snakemake").write_text('#!/bin/sh\necho "snakemake $*, and says${REPLAB_REPORT-} nothing of the report"\n')
    (copy / ".venv" / "bin" / "snakemake").chmod(0o755)
    (copy / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (copy / ".venv" / "bin" / "python").chmod(0o755)
    (copy / "scripts" / "bootstrap.py").write_text("")
    shutil.copytree(ROOT / "containers", copy / "containers")
    (copy / "experiments").mkdir()
    (copy / "config" / "config.yaml").write_text("results: elsewhere\n")
    done = make(copy, "run", "CONFIG=points=7", "CORES=3", REPLAB_REPORT="x", PYTHONPATH=str(ROOT / "scripts"))
    lines = done.stdout.splitlines()
    assert lines[0] == "snakemake --cores 3 --config points=7, and says nothing of the report"
    assert lines[-2].startswith("make run took 0 min ")
    assert lines[-1] == f"{copy}/elsewhere/report/index.html", done.stderr


def test_run_fails_when_the_workflow_does(copy: Path) -> None:
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / ".venv" / "bin" / "snakemake").write_text("#!/bin/sh\nexit 3\n")
    (copy / ".venv" / "bin" / "snakemake").chmod(0o755)
    (copy / "scripts" / "bootstrap.py").write_text("")
    done = make(copy, "run")
    assert done.returncode != 0
    assert "the run is not complete" in done.stderr
    assert "report" not in done.stdout


def test_ci_calls_make_test_and_is_sound_shell() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert text.rstrip().endswith("make test")
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A checkout that was worked in, and a cache of uv's."""
    checkout = tmp_path / "checkout"
    for name in ("results/store", ".venv/bin", ".replab/environments", ".snakemake"):
        (checkout / name).mkdir(parents=True)
        (checkout / name / "file").write_bytes(b"x" * 3_000_000)
    for name in ("Makefile", "scripts/clean.py"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "wheel").write_bytes(b"x" * 2_000_000)
    os.link(tmp_path / "uv" / "wheel", tmp_path / "uv" / "again")
    return checkout


def test_clean_without_a_terminal_throws_no_results_away_and_does_not_wait(used: Path) -> None:
    done = make(used, "clean", UV_CACHE_DIR=str(used.parent / "uv"))
    assert done.returncode != 0
    said = r"clean: results holds 3\.0 MB in 1 files, which must be computed again, and there is no terminal to ask on\. Nothing was removed; say: make clean YES=1"
    assert re.match(said, done.stderr), done.stderr
    assert (used / ".venv" / "bin" / "file").exists()


def test_clean_with_yes_removes_all_of_it_and_says_what_stays(used: Path) -> None:
    """A file that uv keeps under two names is counted once."""
    (used / "config").mkdir()
    (used / "config" / "config.yaml").write_text("results: results\ncache: '../uv'\n")
    done = make(used, "clean", "YES=1", UV_CACHE_DIR=str(used.parent / "uv"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in used.iterdir()) == ["Makefile", "config", "scripts"]
    assert f"clean: {used}/../uv stays: config.yaml names it as 'cache'\n" in done.stdout
    assert f"clean: uv's cache {used.parent}/uv stays (2.0 MB): other projects use it as well" in done.stdout
    assert (used.parent / "uv" / "wheel").exists()
    again = make(used, "clean", UV_CACHE_DIR=str(used.parent / "nowhere"))
    assert (again.returncode, again.stderr) == (0, ""), "there are no results to ask for"


@pytest.mark.parametrize(("answer", "stays"), [("y", False), ("n", True), ("", True)])
def test_clean_asks_on_a_terminal_before_results_go(used: Path, answer: str, stays: bool) -> None:
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")} | {"UV_CACHE_DIR": "/nowhere"}
    with subprocess.Popen(["make", "clean"], cwd=used, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.write(ours, f"{answer}\n".encode())
        assert process.wait(timeout=60) == 0
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "Throw them away? [y/N]" in said
    assert (used / "results").exists() == stays
    assert ("clean: results stays" in said) == stays
    assert not (used / ".venv").exists()


def test_clean_is_written_for_old_pythons() -> None:
    ast.parse((ROOT / "scripts" / "clean.py").read_text(), feature_version=(3, 6))
