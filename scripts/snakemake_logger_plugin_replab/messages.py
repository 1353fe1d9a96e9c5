"""What Snakemake's records say to a reader, in words."""

from __future__ import annotations

from collections.abc import Sequence
from logging import WARNING, LogRecord
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake_logger_plugin_replab.state import Job

TAIL = 12
"""Lines of a failed job's log that are shown: a sentence of ours, or the end of a traceback."""
READ = 16_384
"""Bytes of the log that are read for it."""
_SAID = ("Nothing to be done", "Touching output", "Unlocking working directory")
_HIDDEN = (
    "Shutting down, this might take some time",
    "Exiting because a job execution failed",
    "Complete log",
    "RuleException:",  # the failure of a job is told with its log
    "WorkflowError:\nAt least one job did not complete",  # the summary counts them
)


def worth_saying(record: LogRecord) -> str:
    """The text of a record that is no event of a job, or nothing when it tells a reader nothing new."""
    text = str(record.msg or "").strip()
    if text.startswith(_HIDDEN):
        return ""
    return text if record.levelno >= WARNING or text.startswith(_SAID) else ""


def failure_text(record: LogRecord, job: Job | None) -> str:
    """What failed, where its log lies, and how that log ends."""
    name = job.name if job is not None else str(getattr(record, "rule_name", "a job"))
    logs = [Path(path) for path in getattr(record, "log", None) or ()]
    lines = [f"failed: {name}"]
    if not logs and (message := getattr(record, "rule_msg", None)):
        lines.append(f"  {message}")
    for log in logs:
        lines.append(f"  log: {log}")
        lines += [f"  | {line}" for line in tail(log)]
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


def duration(seconds: float) -> str:
    """A time for readers: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def thousands(number: int) -> str:
    """``12 345``, with a thin gap that does not break a line."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(number: int, word: str) -> str:
    """``1 job``, ``2 jobs``; words that end in s stay, ``batch`` becomes ``batches``."""
    if number == 1 or word.endswith("s"):
        return f"{thousands(number)} {word}"
    return f"{thousands(number)} {word}{'es' if word.endswith(('ch', 'sh', 'x')) else 's'}"
