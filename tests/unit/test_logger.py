"""The progress display: its arithmetic on made-up records, and real Snakemake runs in a terminal and out of one."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_replab import LogHandler, LogHandlerSettings, cells_in_words
from snakemake_logger_plugin_replab.display import LiveDisplay, PlainDisplay
from snakemake_logger_plugin_replab.messages import REPORT, tail
from snakemake_logger_plugin_replab.stages import STAGES, UNSEEN, stage_of
from snakemake_logger_plugin_replab.state import Run
from snakemake_logger_plugin_replab.words import duration, plural

ROOT = Path(__file__).resolve().parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def record(event: LogEvent | None, message: str | None = None, level: int = logging.INFO, **fields: Any) -> logging.LogRecord:
    """A record as Snakemake makes it."""
    made = logging.LogRecord("snakemake.logging", level, __file__, 1, message, None, None)
    vars(made).update(fields)
    if event is not None:
        vars(made)["event"] = event
    return made


def job(identity: int, rule: str, output: str, **wildcards: str) -> logging.LogRecord:
    """The record of a job that starts."""
    return record(LogEvent.JOB_INFO, jobid=identity, rule_name=rule, output=[output], wildcards=wildcards, log=[], input=[])


def handler(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> LogHandler:
    """The plugin as Snakemake makes it, writing to ``stream``."""
    monkeypatch.setattr(sys, "stderr", stream)
    common = SimpleNamespace(stdout=False, nocolor=True, dryrun=False, quiet=None, printshellcmds=False, **settings)
    return LogHandler(common, LogHandlerSettings(interval=1000.0))


def write_progress(folder: Path, name: str, done: int, total: int, current: str = "") -> None:
    """A progress file as jobs write it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"batch": name, "done": done, "total": total, "current": current}))


HOSTILE = "\x1b]8;;http://x\x1b\\\x9b2J\u202e\ud800\x07"


def test_terminal_codes_of_messages_and_logs_are_shown_and_never_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    log = tmp_path / "x.log"
    log.write_bytes(b"the end \x1b[2J \xc2\x9b \xe2\x80\xae \xff\n")
    plugin.emit(record(LogEvent.RUN_INFO, "Job stats", stats={"batch": 1, "total": 1}))
    plugin.emit(job(1, "batch", f"{tmp_path}/results/batches/x.json", batch=f"x{HOSTILE}"))
    plugin.emit(record(LogEvent.JOB_ERROR, "Error", logging.ERROR, jobid=1, rule_name="batch", rule_msg=HOSTILE, log=[str(log)]))
    plugin.emit(record(None, HOSTILE, logging.WARNING))
    plugin.close()
    said = stream.getvalue()
    assert "the end \\x1b[2J" in said
    assert "\\u202e\\ud800\\x07" in said
    assert all(one.isprintable() or one in "\n\N{NARROW NO-BREAK SPACE}\N{REPLACEMENT CHARACTER}" for one in said)


def test_after_ctrl_c_stopped_jobs_are_no_failures_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    plugin.emit(record(LogEvent.RUN_INFO, "Job stats", stats={"batch": 1, "total": 1}))
    plugin.emit(job(1, "batch", f"{tmp_path}/results/batches/x.json", batch="x"))
    for _ in range(2):
        plugin.emit(record(None, "Will exit after finishing currently running jobs (scheduler)."))
    plugin.emit(record(LogEvent.JOB_ERROR, "Error", logging.ERROR, jobid=1, rule_name="batch", rule_msg="x", log=[]))
    plugin.close()
    said = stream.getvalue()
    assert said.count("ending what runs; finished cells are kept") == 1
    assert "failed" not in said
    assert "0 jobs, 1 job not done in " in said


def test_lines_with_counts_name_what_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest job first; a few names, then a number."""
    lines, told = list[str](), threading.Event()

    def take(_self: PlainDisplay, text: str, style: str = "") -> None:
        lines.append(text)
        if text.startswith("cells "):
            told.set()

    monkeypatch.setattr(PlainDisplay, "say", take)
    run = Run()
    run.planned({"batch": 6}, time.monotonic())
    for number in range(5):
        run.started(job(number, "batch", f"{tmp_path}/results/batches/b{number}.json", batch=f"b{number}"), time.monotonic())
    run.finished(0, time.monotonic())
    shown = PlainDisplay(run, io.StringIO(), 0.01)
    shown.started()
    assert told.wait(60)
    shown.stop("")
    line = next(line for line in lines if line.startswith("cells "))
    assert line.endswith(" – waiting for: batch b1, batch b2, batch b3, 1 more")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            {"counts": {"ok": 20087, "error": 3, "skipped": 15914}},
            "cells: 20\u202f087 with a result, 3 ended in an error, 15\u202f914 left out (PLACE)",
        ),
        ({"counts": {"ok": 5, "unsupported": 2, "skipped": 0}}, "cells: 5 with a result, 2 not supported there"),
        ({"counts": {}}, ""),
        ({"counts": 3}, ""),
        ([], ""),
        ("{", ""),
        (None, ""),
    ],
)
def test_a_run_ends_with_how_its_cells_ended(tmp_path: Path, text: object, said: str) -> None:
    """What failed is counted, and the page that lists it named; a file that says nothing costs the line and no more."""
    report = tmp_path / "results" / "report" / "index.html"
    report.parent.mkdir(parents=True)
    if text is not None:
        (tmp_path / "results" / "run.json").write_text(text if isinstance(text, str) else json.dumps(text))
    assert cells_in_words(report) == said.replace("PLACE", f"{report.parent / 'provenance.html#statuses'}")


@pytest.mark.parametrize(
    ("ends", "said"), [("well", True), ("failed", False), ("interrupted", False), ("wrong", False), ("nothing", True), ("unmade", False)]
)
def test_a_run_ends_with_the_path_of_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, said: bool) -> None:
    """Only where all went well, and the workflow says that this run makes one."""
    report, stream = tmp_path / "index.html", io.StringIO()
    if ends != "unmade":
        report.write_text("")
    monkeypatch.setenv(REPORT, str(report))
    plugin = handler(stream, monkeypatch)
    if ends == "nothing":
        plugin.emit(record(None, "Nothing to be done (all requested files are present and up to date)."))
    else:
        plugin.emit(record(LogEvent.RUN_INFO, "Job stats", stats={"report": 1, "total": 1}))
        plugin.emit(job(1, "report", str(report)))
    match ends:
        case "failed":
            plugin.emit(record(LogEvent.JOB_ERROR, "Error", logging.ERROR, jobid=1, rule_name="report", rule_msg="", log=[]))
        case "interrupted":
            plugin.emit(record(None, "Will exit after finishing currently running jobs (scheduler)."))
        case "nothing":
            pass
        case _:
            plugin.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    if ends == "wrong":
        plugin.emit(record(LogEvent.ERROR, "WorkflowError: no", logging.ERROR))
    plugin.close()
    assert stream.getvalue().endswith(f"report: {report}\n") == said
    assert ("report: /" in stream.getvalue()) == said


@pytest.mark.processes
def test_ctrl_c_while_snakemake_reads_its_workflow_is_a_sentence(tmp_path: Path) -> None:
    """The real program, stopped in the middle of reading a Snakefile that has not yet said how to be interrupted."""
    os.mkfifo(tmp_path / "held")
    (tmp_path / "Snakefile").write_text("open('held').read()\n")
    with (
        subprocess.Popen([SNAKEMAKE, "--cores", "1"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        (tmp_path / "held").open("w"),  # opened on both sides: Snakemake stands in its middle
    ):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "replab: interrupted; finished cells are kept"


def test_plain_lines_say_what_starts_what_ends_and_what_it_came_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    name = "tf-1.15--ops--default"
    plugin.emit(record(LogEvent.WORKFLOW_STARTED, workflow_id="x"))
    plugin.emit(record(None, "Building DAG of jobs..."))
    plugin.emit(record(LogEvent.RUN_INFO, "Job stats", stats={"environment": 1, "batch": 1, "all": 1, "total": 3}))
    plugin.emit(job(1, "environment", f"{tmp_path}/results/environments/tf-1.15.json", environment="tf-1.15"))
    plugin.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    plugin.emit(job(2, "batch", f"{tmp_path}/results/batches/{name}.json", batch=name))
    write_progress(tmp_path / "results" / "progress", name, 1200, 1200)
    plugin.emit(record(LogEvent.JOB_FINISHED, job_id=2))
    plugin.emit(job(0, "all", "", wildcards=""))
    plugin.emit(record(LogEvent.JOB_FINISHED, job_id=0))
    plugin.close()
    plugin.close()
    lines = [re.sub(r"\d+\.\d s", "T", line.partition("] ")[2]) for line in stream.getvalue().splitlines()]
    assert lines == [
        "to do: 1 job of environments, 1 job of cells",
        "start: environment tf-1.15",
        "done: environment tf-1.15 in T",
        f"start: batch {name}",
        f"done: batch {name} in T (1\u202f200 cells)",
        "2 jobs, 1\u202f200 cells in T",
    ]


def test_a_failure_is_told_once_with_its_log_and_how_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    log = tmp_path / "job.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)) + "[red]the disk is full[/]\n\n")
    plugin.emit(record(LogEvent.RUN_INFO, stats={"inputs": 2, "total": 2}))
    plugin.emit(job(1, "inputs", f"{tmp_path}/results/inputs/ops.json", family="ops"))
    error = record(LogEvent.JOB_ERROR, "Error in rule", logging.ERROR, jobid=1, rule_name="inputs", rule_msg=None, log=[str(log)])
    plugin.emit(record(LogEvent.ERROR, "RuleException:\nCalledProcessError in file …", logging.ERROR, exception="RuleException"))
    plugin.emit(error)
    plugin.emit(record(None, "Exiting because a job execution failed. Look below for error messages", logging.ERROR))
    plugin.emit(error)
    plugin.close()
    text = stream.getvalue()
    assert text.count("failed: inputs ops") == 1
    assert f"  log: {log}\n" in text
    assert "  | [red]the disk is full[/]\n" in text
    assert "  | line 99\n" in text
    assert "line 50" not in text
    assert "RuleException" not in text
    assert "Exiting" not in text
    assert "0 jobs, 1 job failed, 1 job not done in " in text


def slurm_failure(state: str, *logs: Path) -> logging.LogRecord:
    """The record of a job that failed on a cluster, as the executor for Slurm words it."""
    said = f"SLURM-job '17' failed, SLURM status is: '{state}'. Detailed failure reason unavailable (status command is not 'sacct')."
    return record(
        LogEvent.JOB_ERROR, "Error in rule", logging.ERROR, jobid=2, rule_name="batch", rule_msg=said, log=[*map(str, logs), None]
    )


def test_a_job_that_a_cluster_ended_is_one_sentence_and_may_fail_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    name = "tf-1.15--ops--default"
    log = tmp_path / "job.log"
    log.write_text("slurmstepd: noise\n")
    plugin.emit(record(LogEvent.RUN_INFO, "Job stats", stats={"batch": 1, "total": 1}))
    for state in ("OUT_OF_MEMORY", "TIMEOUT"):
        plugin.emit(job(2, "batch", f"{tmp_path}/results/batches/{name}.json", batch=name))
        plugin.emit(slurm_failure(state, log))
        plugin.emit(record(None, "Trying to restart job 2."))
    plugin.emit(job(2, "batch", f"{tmp_path}/results/batches/{name}.json", batch=name))
    plugin.emit(record(LogEvent.JOB_FINISHED, job_id=2))
    plugin.close()
    lines = [re.sub(r"\d+\.\d s", "T", line.partition("] ")[2] or line) for line in stream.getvalue().splitlines()]
    assert lines == [
        "to do: 1 job of cells",
        f"start: batch {name}",
        f"failed: batch {name}: Slurm's job 17 used more memory than it had asked for. What it had finished is kept",
        f"  log: {log}",
        f"again: batch {name}",
        f"start: batch {name}",
        f"failed: batch {name}: Slurm's job 17 took longer than it had asked for. What it had finished is kept",
        f"  log: {log}",
        f"again: batch {name}",
        f"start: batch {name}",
        f"done: batch {name} in T",
        "1 job in T",
    ]


def test_a_job_that_failed_by_itself_on_a_cluster_is_told_by_its_own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    own, theirs = tmp_path / "own.log", tmp_path / "slurm.log"
    own.write_text("replab: the disk is full\n")
    theirs.write_text("much noise\n")
    plugin.emit(record(LogEvent.RUN_INFO, "Job stats", stats={"batch": 1, "total": 1}))
    plugin.emit(job(2, "batch", f"{tmp_path}/results/batches/x.json", batch="x"))
    plugin.emit(slurm_failure("FAILED", own, theirs))
    plugin.close()
    text = stream.getvalue()
    assert "failed: batch x (Slurm's job 17, FAILED)\n" in text
    assert "  | replab: the disk is full\n" in text
    assert f"  log: {theirs}\n" in text
    assert "much noise" not in text


def test_warnings_and_errors_of_snakemake_are_shown_chatter_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    plugin.emit(record(None, "Using shell: /bin/bash"))
    plugin.emit(record(LogEvent.RESOURCES_INFO, "Provided cores: 2"))
    plugin.emit(record(None, "The disk is slow.", logging.WARNING))
    plugin.emit(record(LogEvent.ERROR, "WorkflowError:\nNo rule to make x", logging.ERROR, exception="WorkflowError"))
    plugin.emit(record(None, "Nothing to be done (all requested files are present and up to date)."))
    plugin.close()
    lines = [line.partition("] ")[2] or line for line in stream.getvalue().splitlines()]
    assert lines == [
        "The disk is slow.",
        "WorkflowError:",
        "No rule to make x",
        "Nothing to be done (all requested files are present and up to date).",
    ]


def test_the_total_counts_batches_that_have_not_begun(tmp_path: Path) -> None:
    run = Run()
    run.planned({"batch": 4, "total": 4}, 0.0)
    progress = tmp_path / "results" / "progress"
    run.started(job(1, "batch", f"{tmp_path}/results/batches/a.json", batch="a"), 0.0)
    write_progress(progress, "a", 50, 100)
    (cells,) = run.stages()
    assert (cells.done, cells.total, cells.guessed) == (50, 400, True)
    assert cells.remaining(10.0) == pytest.approx(70.0)

    (progress / "plan.json").write_text(json.dumps({"cells": {"a": 100, "b": 1, "c": 2, "d": 3}}))
    (cells,) = run.stages()
    assert (cells.done, cells.total, cells.guessed) == (50, 106, False)


def test_progress_of_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    progress = tmp_path / "results" / "progress"
    write_progress(progress, "a", 99, 100)
    old = time.time() - 60
    os.utime(progress / "a.json", (old, old))
    run = Run()
    run.planned({"batch": 1}, 0.0)
    run.started(job(1, "batch", f"{tmp_path}/results/batches/a.json", batch="a"), 0.0)
    assert run.stages()[0].done == 0
    write_progress(progress, "a", 1, 100)
    assert run.stages()[0].done == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"done": "x", "total": 1}', '{"done": 1}'])
def test_a_broken_progress_file_changes_nothing(tmp_path: Path, text: str) -> None:
    progress = tmp_path / "results" / "progress"
    write_progress(progress, "a", 7, 100)
    run = Run()
    run.planned({"batch": 1}, 0.0)
    run.started(job(1, "batch", f"{tmp_path}/results/batches/a.json", batch="a"), 0.0)
    assert run.stages()[0].done == 7
    (progress / "a.json").write_text(text)
    assert run.stages()[0].done == 7


def test_progress_of_truths_is_found_by_rule_and_wildcards(tmp_path: Path) -> None:
    write_progress(tmp_path / "elsewhere" / "progress", "truth--ops--3", 4, 9, "exp float32 d0")
    run = Run()
    run.planned({"truth": 1}, 0.0)
    made = run.started(job(1, "truth", f"{tmp_path}/elsewhere/truth/ops--3.json", family="ops", shard="3"), 0.0)
    assert run.running() == [made]
    assert (made.done, made.total, made.current, made.name) == (4, 9, "exp float32 d0", "truth ops 3")


def test_every_rule_of_the_workflow_has_a_stage() -> None:
    included = re.findall(r'^include: "(.+)"', (ROOT / "Snakefile").read_text(encoding="utf-8"), re.MULTILINE)
    rules = {name for path in included for name in re.findall(r"^rule (\w+):", (ROOT / path).read_text(), re.MULTILINE)}
    assert rules
    assert {rule for rule in rules if stage_of(rule) not in STAGES} <= set(UNSEEN)


def test_a_fault_of_the_display_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plugin = handler(stream, monkeypatch)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    plugin.emit(record(LogEvent.JOB_INFO))  # no field that it needs
    plugin.emit(record(LogEvent.JOB_FINISHED, job_id=77))
    plugin.close()


def test_the_live_picture_fits_into_narrow_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    monkeypatch.setenv("COLUMNS", "60")
    run = Run()
    run.planned({rule: 1 for rules in STAGES.values() for rule in rules}, 0.0)
    for number in range(12):
        run.started(
            job(number, "batch", f"{tmp_path}/results/batches/a-rather-long-name-{number}.json", batch=f"a-rather-long-name-{number}"), 0.0
        )
    stream = io.StringIO()
    console = Console(file=stream, width=60, force_terminal=True, no_color=True)
    console.print(LiveDisplay(run, console).render())
    lines = COLOURS.sub(b"", stream.getvalue().encode()).decode().splitlines()
    assert len(lines) == len(STAGES) + 8 + 1
    assert max(map(len, lines)) <= 60
    assert lines[-1].strip() == "and 4 more jobs"


def test_the_ticker_writes_counts_now_and_then(tmp_path: Path) -> None:
    stream, run = io.StringIO(), Run()
    run.planned({"batch": 1, "total": 1}, time.monotonic())
    display = PlainDisplay(run, stream, 0.05)
    display.started()
    write_progress(tmp_path / "results" / "progress", "a", 3, 10)
    run.started(job(1, "batch", f"{tmp_path}/results/batches/a.json", batch="a"), time.monotonic())
    deadline = time.monotonic() + 120
    while "cells 3/10 cells (" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.02)
    display.stop("end")
    assert "cells 3/10 cells (" in stream.getvalue()
    assert stream.getvalue().endswith("] end\n")


def test_words() -> None:
    assert [duration(value) for value in (0.04, 9.94, 9.96, 59.4, 60, 185, 3600, 7620)] == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "59 s",
        "1 min 00 s",
        "3 min 05 s",
        "1 h 00 min",
        "2 h 07 min",
    ]
    assert [plural(1, "job"), plural(2, "job"), plural(2, "batch"), plural(12345, "cell")] == [
        "1 job",
        "2 jobs",
        "2 batches",
        "12\u202f345 cells",
    ]
    assert tail(Path("/nowhere/at/all")) == ()


SNAKEFILE = """
rule all:
    input: "results/report/index.html"
rule environment:
    output: "results/environments/one.json"
    log: "results/logs/environment.log"
    shell: "echo x > {output}"
rule batch:
    input: "results/environments/one.json"
    output: "results/batches/{batch}.json"
    log: "results/logs/{batch}.log"
    shell: "{PYTHON} work.py {wildcards.batch} {output} > {log} 2>&1"
rule report:
    input: "results/batches/one--ops--default.json", "results/batches/two--ops--default.json"
    output: "results/report/index.html"
    log: "results/logs/report.log"
    shell: "echo x > {output}"
"""
WORK = """
import json, os, sys, time
name, out = sys.argv[1:]
os.makedirs("results/progress", exist_ok=True)
for done in range(1, 41):
    time.sleep(0.02)
    path = f"results/progress/{name}.json"
    with open(path + ".tmp", "w") as file:
        json.dump({"batch": name, "done": done, "total": 40, "current": f"ops.exp:float32:d{done}"}, file)
    os.replace(path + ".tmp", path)
if os.environ.get("FAIL") == name:
    sys.exit("replab: the sandbox cannot be started")
open(out, "w").write("x")
"""


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A workflow with the rules of the lab, the lab's own profile, and jobs that tell how far they are."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("{PYTHON}", sys.executable))
    (tmp_path / "work.py").write_text(WORK)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


@pytest.mark.processes
def test_a_real_run_without_a_terminal(workflow: Path) -> None:
    command = [SNAKEMAKE, "--cores", "2", "--logger-replab-interval", "0.2"]
    done = subprocess.run(command, cwd=workflow, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    for wanted in (
        "] to do: 1 job of environments, 2 jobs of cells, 1 job of report\n",
        "] start: batch two--ops--default\n",
        " (40 cells)\n",
        "] done: report in ",
        "] 4 jobs, 80 cells in ",
    ):
        assert wanted in done.stderr, done.stderr
    assert re.search(r"cells \d+/~?80 cells \(", done.stderr), done.stderr
    assert done.stderr.rstrip().splitlines()[-1].partition("] ")[2].startswith("4 jobs, 80 cells in ")


@pytest.mark.processes
def test_a_real_run_that_fails_goes_on_with_the_rest(workflow: Path) -> None:
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "1"],
        cwd=workflow,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FAIL": "one--ops--default"},
    )
    assert done.returncode == 1
    assert done.stderr.count("failed: batch one--ops--default") == 1
    assert "  log: results/logs/one--ops--default.log\n  | replab: the sandbox cannot be started\n" in done.stderr
    assert "done: batch two--ops--default" in done.stderr
    assert "1 job failed, 1 job not done" in done.stderr


@pytest.mark.processes
def test_a_dry_run_is_snakemakes_own_text(workflow: Path) -> None:
    done = subprocess.run([SNAKEMAKE, "--cores", "1", "-n"], cwd=workflow, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Job stats:" in done.stdout + done.stderr
    assert "This was a dry-run" in done.stdout + done.stderr


@pytest.mark.processes
def test_a_real_run_in_a_terminal_draws_bars(workflow: Path) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")} | {
        "TERM": "xterm-256color"
    }
    process = subprocess.Popen([SNAKEMAKE, "--cores", "2"], cwd=workflow, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert process.wait() == 0
    assert b"\x1b[" in said
    text = COLOURS.sub(b"", said).decode()
    assert "━" in text
    assert re.search(r"batch one--ops--default \d+/40 [\d.]+ s ops\.exp:float32:d\d+", text), text
    assert re.search(r"\d+/~?80 cells", text)
    assert "✓ environments" in text
    assert "✓ report" in text
    assert text.rstrip().splitlines()[-1].strip().startswith("4 jobs, 80 cells in ")
