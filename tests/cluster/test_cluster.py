"""The workflow through a real Slurm: the numbers of a local run, and nothing lost when jobs are killed, moved or too small."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from .conftest import BATCH, ROOT, Workflow, finish, wait_until
from .slurm import Cluster

pytestmark = pytest.mark.cluster
EATS = "hungry.eats:float32:d0@numpy-2.5:eager:default:cpu"
COMPARED = ("numpy-2.5", "tf-2.21")
"""Environments whose tables of the cluster are compared with those of a local run."""
LASTING = [f"wait{number}" for number in range(8)]


def job_of(slurm: Cluster, family: str) -> str:
    """The job that runs a batch now; empty when none does."""
    lines = slurm.run("squeue", "--noheader", "--states", "RUNNING", "--format", "%A %k").splitlines()
    return next((line.split()[0] for line in lines if line.endswith(BATCH.format(family))), "")


def history_of(slurm: Cluster, family: str, after: int) -> list[dict[str, str]]:
    """Accounting's lines of a batch, for jobs numbered above ``after``."""
    found = slurm.history("JobID", "State", "ReqMem", "Timelimit", "AllocTRES", "Comment")
    return [one for one in found if int(one["JobID"]) > after and one["Comment"].endswith(BATCH.format(family))]


def newest(slurm: Cluster) -> int:
    """The number of the newest job."""
    return max((int(one["JobID"]) for one in slurm.history("JobID")), default=0)


@pytest.fixture(scope="module", autouse=True)
def too_slow(slurm: Cluster, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workflow, subprocess.Popen[str]]]:
    """A workflow whose job gets a minute for more than that; Slurm looks at such limits every half a minute, so it runs beside the others."""
    results = tmp_path_factory.mktemp("slow") / "results"
    shutil.copytree(prepared, results, symlinks=True)
    workflow = Workflow(results, slurm, families="lasting,hungry,endless", cell_seconds=1000)
    process = workflow.start(workflow.batch("endless"), options=("--set-resources", "batch:runtime=1", "--retries", "0"))
    yield workflow, process
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def core(slurm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workflow, Workflow, str, int]:
    """Two environments, on the cluster and here; what the first run printed, and the newest job before it."""
    before = newest(slurm)
    settings = {"environments": ",".join(COMPARED), "families": "randomness", "experiments": ROOT / "experiments"}
    far, near = (Workflow(tmp_path_factory.mktemp(name) / "results", slurm, **settings) for name in ("far", "near"))
    said = far.submit()
    near.run_here()
    return far, near, said, before


@pytest.mark.parametrize("name", ["cells", "pairs", "curves", "attributions"])
def test_the_tables_are_those_of_a_local_run(core: tuple[Workflow, Workflow, str, int], name: str) -> None:
    """The same environments, the same bits, the same verdicts; only times differ."""
    far, near, _, _ = core
    pd.testing.assert_frame_equal(far.comparable(name), near.comparable(name))


def test_every_batch_is_one_job_and_the_display_tells_of_it(core: tuple[Workflow, Workflow, str, int], slurm: Cluster) -> None:
    """One job for each batch, none failed, all of them shown with their cells."""
    far, _, said, before = core
    jobs = [one for one in slurm.history("JobID", "State", "Comment", "ReqMem", "Timelimit") if int(one["JobID"]) > before]
    batches = [one for one in jobs if "batch" in one["Comment"] and "--light--" in one["Comment"]]
    assert sorted(one["Comment"].rpartition("wildcards_")[2] for one in batches) == [f"{name}--light--default" for name in COMPARED]
    assert {one["State"] for one in batches} == {"COMPLETED"}
    assert "done: batch tf-2.21--light--default in " in said
    assert "(45 cells" in said
    assert (far.results / "report" / "index.html").is_file()


def test_a_second_run_submits_nothing(core: tuple[Workflow, Workflow, str, int], slurm: Cluster) -> None:
    """With nothing to do there is no job."""
    before = newest(slurm)
    assert "Nothing to be done" in core[0].submit()
    assert newest(slurm) == before


def test_requests_are_learned_from_what_jobs_cost(core: tuple[Workflow, Workflow, str, int], slurm: Cluster) -> None:
    """The first request is the declared one; the next is what the job used, with room."""
    far, _, _, before = core
    name = "tf-2.21--light--default"
    first = next(
        one
        for one in slurm.history("JobID", "ReqMem", "Timelimit", "Comment")
        if int(one["JobID"]) > before and one["Comment"].endswith(name)
    )
    cost = json.loads((far.results / "costs" / f"batch--{name}.json").read_text(encoding="utf-8"))
    after = newest(slurm)
    (far.results / "batches" / f"{name}.json").unlink()
    cells = far.cell_files()
    far.submit(f"batches/{name}.json")
    again = next(one for one in slurm.history("JobID", "ReqMem", "Comment") if int(one["JobID"]) > after and one["Comment"].endswith(name))
    assert far.cell_files() == cells
    wanted = max(1000, -(-(cost["memory_mb"] * 1.25 + 500) // 100) * 100)
    assert again["ReqMem"] == f"{wanted:.0f}M"
    assert again["ReqMem"] != first["ReqMem"]


def test_a_cancelled_job_is_tried_again_and_keeps_what_it_had(faulty: Workflow, slurm: Cluster) -> None:
    """`scancel` in the middle: the cells that were finished are not run again, none is recorded as failed, the result is whole."""
    process = faulty.start(faulty.batch("lasting"))
    wait_until("some cells", lambda: len(faulty.cell_files()) >= 3, process)
    slurm.run("scancel", job_of(slurm, "lasting"))
    kept = faulty.cell_files()
    said = finish(process)
    assert f"failed: batch {BATCH.format('lasting')}: Slurm's job " in said
    assert " was cancelled. What it had finished is kept\n" in said
    assert f"again: batch {BATCH.format('lasting')}\n" in said
    after = faulty.cell_files()
    assert {name: after[name] for name in kept} == kept
    assert faulty.statuses("lasting") == dict.fromkeys(LASTING, "ok")
    assert faulty.half_written() == []


def test_a_killed_workflow_goes_on_beside_the_job_that_outlived_it(faulty: Workflow, slurm: Cluster) -> None:
    """The submitting process dies, its job does not: the next run waits for that one instead of disturbing it, and computes nothing twice."""
    before = newest(slurm)
    process = faulty.start(faulty.batch("lasting"))
    wait_until("some cells", lambda: len(faulty.cell_files()) >= 3, process)
    process.kill()
    process.wait()
    assert job_of(slurm, "lasting")
    finish(faulty.start(faulty.batch("lasting")))
    assert faulty.statuses("lasting") == dict.fromkeys(LASTING, "ok")
    assert len(faulty.cell_files()) == len(LASTING)
    end = time.monotonic() + 180
    while not (jobs := history_of(slurm, "lasting", before)):  # the accounts come a little later
        assert time.monotonic() < end, "Slurm's accounts do not know the job"
        time.sleep(0.5)
    log = (faulty.results / "logs" / "batch" / f"{BATCH.format('lasting')}.log").read_text(encoding="utf-8")
    assert len(jobs) == 1 or "another process is at work on" in log or faulty.manifest("lasting")["sandboxes"] == 0


def test_a_node_that_is_drained_and_resumed_in_the_middle_costs_nothing(faulty: Workflow, slurm: Cluster) -> None:
    """The node is drained and its job goes back into the queue, as when a node fails; resumed, the job goes on where it was."""
    process = faulty.start(faulty.batch("lasting"))
    wait_until("some cells", lambda: len(faulty.cell_files()) >= 3, process)
    number = job_of(slurm, "lasting")
    slurm.run("scontrol", "update", f"nodename={slurm.node}", "state=drain", "reason=test")
    try:
        kept = faulty.cell_files()
        slurm.run("scontrol", "requeue", number)
        wait_until("the job to wait", lambda: number in slurm.jobs("PENDING"), process)
        slurm.run("scontrol", "update", f"jobid={number}", "starttime=now", check=False)  # Slurm would let it rest for two minutes
        time.sleep(2)
        assert number in slurm.jobs("PENDING"), "a drained node takes no job"
    finally:
        slurm.run("scontrol", "update", f"nodename={slurm.node}", "state=resume")
    said = finish(process)
    assert "failed" not in said
    after = faulty.cell_files()
    assert {name: after[name] for name in kept} == kept
    assert faulty.statuses("lasting") == dict.fromkeys(LASTING, "ok")


def test_a_job_with_too_little_memory_gets_more(faulty: Workflow, slurm: Cluster) -> None:
    """It is the job that is tried again, with twice as much; the cell is not blamed for the size of the job."""
    costs = faulty.results / "costs"
    costs.mkdir(exist_ok=True)
    wrong = {"bytes": 0, "cells": 3, "import_seconds": 0.1, "memory_mb": 80.0, "points": 32768, "seconds": 2.0}
    (costs / f"batch--{BATCH.format('hungry')}.json").write_text(json.dumps(wrong))
    before = newest(slurm)
    said = faulty.submit(faulty.batch("hungry"))
    assert said.count(f"{EATS} needed more memory than this job has. ") == 2
    assert said.count(f"again: batch {BATCH.format('hungry')}\n") == 2
    assert faulty.statuses("hungry") == {"before": "ok", "eats": "ok", "after": "ok"}
    jobs = history_of(slurm, "hungry", before)
    assert [one["ReqMem"] for one in jobs] == ["1000M", "1200M", "2400M"]
    assert jobs[-1]["State"] == "COMPLETED"


def test_a_job_that_never_has_enough_is_one_sentence(faulty: Workflow, slurm: Cluster) -> None:
    """With a fixed size the job fails with its reason, and the next run goes on from there. And `gpu` of a batch is a GPU of Slurm's."""
    before = newest(slurm)
    said = faulty.submit(faulty.batch("hungry"), options=("--set-resources", "batch:mem_mb=900", "batch:gpu=1", "--retries", "0"), code=1)
    assert "gres/gpu=1" in history_of(slurm, "hungry", before)[-1]["AllocTRES"]
    assert said.count(f"{EATS} needed more memory than this job has. The job is to ask for more (--set-resources batch:mem_mb=…)") == 1
    assert not (faulty.results / faulty.batch("hungry")).exists()
    assert len(faulty.cell_files()) == 1
    assert faulty.half_written() == []
    faulty.run_here(faulty.batch("hungry"))
    assert faulty.statuses("hungry") == {"before": "ok", "eats": "ok", "after": "ok"}


def test_the_commands_of_any_other_scheduler_do_as_well(faulty: Workflow) -> None:
    """The same workflow through `profiles/generic`, which knows a scheduler by three commands."""
    faulty.submit(faulty.batch("lasting"), profile="generic")
    assert faulty.statuses("lasting") == dict.fromkeys(LASTING, "ok")


def test_a_job_over_its_time_is_one_sentence_and_keeps_what_it_had(too_slow: tuple[Workflow, subprocess.Popen[str]]) -> None:
    """What was finished is kept, the cell in flight is not blamed."""
    workflow, process = too_slow
    said = finish(process, code=1, seconds=240)
    assert said.count("took longer than it had asked for. What it had finished is kept\n") == 1
    assert len(workflow.cell_files()) == 3
    assert not (workflow.results / workflow.batch("endless")).exists()
    assert workflow.half_written() == []
