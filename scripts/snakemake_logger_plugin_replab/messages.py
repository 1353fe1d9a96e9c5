"""What Snakemake's records say to a reader, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from logging import WARNING, LogRecord
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake_logger_plugin_replab.state import Job

REPORT = "REPLAB_REPORT"
"""Variable with the path of the report that this run ends with; empty where somebody else says it."""
TAIL = 12
"""Lines of a failed job's log that are shown: a sentence of ours, or the end of a traceback."""
READ = 16_384
"""Bytes of the log that are read for it."""
_SAID = ("Nothing to be done", "Touching output", "Unlocking working directory")
ENDED = re.compile(r"SLURM-job '(?P<job>[^']+)' failed.*?SLURM status is: '(?P<state>[A-Z_]+)", re.DOTALL)
STATES = {
    "OUT_OF_MEMORY": "used more memory than it had asked for",
    "TIMEOUT": "took longer than it had asked for",
    "CANCELLED": "was cancelled",
    "NODE_FAIL": "lost its node",
    "BOOT_FAIL": "lost its node",
    "PREEMPTED": "had to make room for another job",
    "DEADLINE": "could not end before its deadline",
}
"""States of a Slurm job that say by themselves why it did not end well; any other is explained by the job's own log."""
_RESTART = re.compile(r"Trying to restart job (\d+)")
_INTERRUPTED = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
_HIDDEN = (
    "No SLURM account given",  # many sites need none
    "No account was given",
    "Unable to guess SLURM account",
    "MinJobAge ",
    "Shutting down, this might take some time",
    "Exiting because a job execution failed",
    "Complete log",
    "RuleException:",  # the failure of a job is told with its log
    "WorkflowError:\nAt least one job did not complete",  # the summary counts them
)


def worth_saying(record: LogRecord) -> str:
    """The text of a record that is no event of a job, or nothing when it tells a reader nothing new."""
    text = str(record.msg or "").strip()
    if is_interrupt(record):
        return "ending what runs; finished cells are kept"
    if text.startswith(_HIDDEN):
        return ""
    return text if record.levelno >= WARNING or text.startswith(_SAID) else ""


def is_interrupt(record: LogRecord) -> bool:
    """Whether the record says that the run is ended by Ctrl-C or a signal."""
    return str(record.msg or "").startswith(_INTERRUPTED)


def restarted(record: LogRecord) -> int | None:
    """The job that is tried again, when the record says so."""
    match = _RESTART.match(str(record.msg or ""))
    return int(match[1]) if match else None


def failure_text(record: LogRecord, job: Job | None) -> str:
    """What failed, where its log lies, and how that log ends."""
    name = job.name if job is not None else str(getattr(record, "rule_name", "a job"))
    logs = [Path(path) for path in getattr(record, "log", None) or () if path]
    message = str(getattr(record, "rule_msg", None) or "")
    ended = ENDED.search(message)
    if ended and ended["state"] in STATES:  # the job had no chance to say why
        kept = ". What it had finished is kept" if job is not None and job.stage == "cells" else ""
        return "\n".join([f"failed: {name}: Slurm's job {ended['job']} {STATES[ended['state']]}{kept}", *(f"  log: {log}" for log in logs)])
    lines = [f"failed: {name}" + (f" (Slurm's job {ended['job']}, {ended['state']})" if ended else "")]
    if not logs and message:
        lines.append(f"  {message}")
    repeated = False
    for log in logs:
        lines.append(f"  log: {log}")
        if not repeated:  # a scheduler's log repeats what the job's own log says, among much else
            last_lines = tail(log)
            lines += [f"  | {line}" for line in last_lines]
            repeated = bool(last_lines) and ended is not None
    return "\n".join(lines)


def tail(path: Path) -> Sequence[str]:
    """The last lines of a text file; none when it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - READ))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return [line.rstrip() for line in text.splitlines() if line.strip()][-TAIL:]
