"""What the Snakefile asks of Python behaves the same in the process that a user starts and in jobs on other machines."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from types import SimpleNamespace

import pytest

import builders_scale
from replab.config import loading
from replab.errors import EnvironmentUnavailable
from replab.model import Lab
from replab.results_folder import ResultsFolder
from replab.run import batch
from replab.workflow import snakefile, temporary


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    root = builders_scale.write_lab(tmp_path / "lab", 3, 1)
    return loading.load_lab({"environments": "all", "results": str(tmp_path / "results")}, root)


@pytest.mark.parametrize(
    ("words", "main"),
    [
        (["snakemake", "--cores", "2"], True),
        (["snakemake", "--profile", "profiles/slurm", "--config", "results=remote"], True),
        (["snakemake", "results/x.json", "--mode", "remote"], False),
        (["snakemake", "results/x.json", "--mode", "subprocess"], False),
        (["snakemake", "--mode=remote"], False),
    ],
)
def test_jobs_know_that_they_are_not_the_main_process(monkeypatch: pytest.MonkeyPatch, words: list[str], main: bool) -> None:
    monkeypatch.setattr(sys, "argv", words)
    assert snakefile.is_main_process() is main


@pytest.mark.parametrize(("cores", "nodes", "slots"), [(4, None, 4), (None, 100, 100), (None, None, 1), (8, 1, 8)])
def test_a_cluster_has_as_many_slots_as_jobs(cores: int | None, nodes: int | None, slots: int) -> None:
    assert snakefile.slots(SimpleNamespace(cores=cores, nodes=nodes)) == slots


def test_a_file_system_without_locks_is_said_and_used(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_here(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none_here)
    snakefile.claim(lab)
    assert (
        capsys.readouterr().err
        == f"replab: {lab.results.root}: this file system has no locks: start one workflow at a time on these results\n"
    )
    with batch._alone(lab, "x"):
        pass


def _hold(lab: Lab, waiting: int, holding: Event, order: Queue[str]) -> None:
    """Hold a batch until the kernel says that the process ``waiting`` waits for a lock."""
    with batch._alone(lab, "torch-2.0--family0--default"):
        holding.set()
        while not re.search(rf"-> FLOCK +ADVISORY +WRITE {waiting} ", Path("/proc/locks").read_text(encoding="ascii")):
            time.sleep(0.01)
        order.put("the first lets go")


@pytest.mark.processes
def test_a_second_job_of_a_batch_waits_for_the_first(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("fork")
    holding, order = context.Event(), context.Queue()
    first = context.Process(target=_hold, args=(lab, os.getpid(), holding, order))
    first.start()
    assert holding.wait(120)
    with batch._alone(lab, "torch-2.0--family0--default"):
        assert order.get(timeout=120) == "the first lets go"
    first.join()
    assert capsys.readouterr().out == "another process is at work on torch-2.0--family0--default: waiting for it\n"


def test_a_node_of_another_kind_is_refused_in_one_sentence(lab: Lab) -> None:
    torch = next(one for one in lab.environments if one.framework == "torch")
    batch._check_platform("x86_64 glibc-2.36 A", "x86_64 glibc-2.36 A", torch, lab)
    with pytest.raises(EnvironmentUnavailable) as caught:
        batch._check_platform("x86_64 glibc-2.36 B", "x86_64 glibc-2.36 A", torch, lab)
    assert str(caught.value) == (
        "torch-2.0: this machine is x86_64 glibc-2.36 B, and the environment was observed on x86_64 glibc-2.36 A. "
        f"Ask the scheduler for nodes of one kind (docs/cluster.md), or remove {lab.results.root}/environments/torch-2.0.json to compute on this kind"
    )


def test_jobs_compute_on_what_the_main_process_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """`devices: auto` is decided once: a node with a GPU does not plan more than the submit node did, nor one without less."""
    settings = {"environments": "all", "results": str(lab.results.root)}
    monkeypatch.setitem(os.environ, snakefile.DEVICES, "cuda")
    monkeypatch.setattr(sys, "argv", ["snakemake", "--mode", "remote"])
    assert snakefile.open_lab(settings, lab.root).cuda
    monkeypatch.setattr(sys, "argv", ["snakemake"])
    found = snakefile.open_lab({**settings, "devices": "cpu"}, lab.root)
    assert not found.cuda
    assert os.environ[snakefile.DEVICES] == "cpu"
    place = lab.results.root / "plan" / "config.json"
    snakefile.write_settings({**settings, "devices": "auto"}, found, place)
    assert json.loads(place.read_text(encoding="utf-8"))["config"]["devices"] == "cpu"


@pytest.mark.parametrize(
    ("words", "looks"),
    [
        ("-n", True),
        ("-np", True),
        ("-pn", True),
        ("--dry-run", True),
        ("--dry", True),
        ("-c2 -kn", True),
        ("--summary", True),
        ("-S", True),
        ("--dag", True),
        ("--cores 2", False),
        ("-c2", False),
        ("-sname", False),
        ("-j2 -p", False),
        ("-kp", False),
        ("--nolock", False),
        ("report", False),
        ("--config results=-n", False),
        ("--rerun-incomplete", False),
    ],
)
def test_looking_takes_nothing_away_however_it_is_asked_for(words: str, looks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["snakemake", *words.split()])
    assert snakefile.is_dry_run() is looks


def test_a_workflow_that_was_killed_early_has_noted_its_folder_for_temporary_files(tmp_path, monkeypatch):
    """At its first line, in results that were used before; what another one at work has noted is left alone."""
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "2"])
    results = ResultsFolder(tmp_path / "results")
    left, mine, mending = (tmp_path / f"snakemake{number}" for number in range(3))
    for folder in (left, mine, mending):
        folder.mkdir()
    temporary.begin({}, tmp_path, mine)
    assert not results.root.exists()  # nobody has worked here
    temporary.note(results, left)
    results.lock.touch()
    temporary.begin({"results": str(results.root)}, tmp_path, mine)
    assert not left.exists()
    assert results.temporary.read_text() == str(mine)
    with results.lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        temporary.begin({}, tmp_path, mending)
    assert mine.exists()
    assert results.temporary.read_text() == str(mine)


def test_empty_folders_of_workflows_that_were_killed_at_once_are_removed_while_nobody_is_at_work(tmp_path, monkeypatch):
    mine, empty, full, other = (tmp_path / f"snakemake{letter * 8}" for letter in "abcd")
    (empty / "source-cache").mkdir(parents=True)
    for folder in (mine, full, tmp_path / "snakemake"):
        folder.mkdir()
    (full / "file").touch()
    monkeypatch.setattr(temporary, "_others", lambda _place: True)
    temporary.sweep_empty(mine)
    assert empty.exists()
    monkeypatch.setattr(temporary, "_others", lambda _place: False)
    temporary.sweep_empty(mine)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["snakemake", mine.name, full.name]
    assert not other.exists()


@pytest.mark.processes
def test_another_snakemake_at_work_is_seen_where_its_temporary_files_lie(tmp_path):
    script = tmp_path / "snakemake"
    script.write_text("import time\ntime.sleep(1000)\n")
    assert not temporary._others(tmp_path)
    with subprocess.Popen([sys.executable, script], env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        try:
            assert temporary._others(tmp_path)
            assert not temporary._others(tmp_path / "elsewhere")
        finally:
            process.kill()
    assert not temporary._others(tmp_path)
