"""Progress of the lab while Snakemake runs: a live display in a terminal, plain lines elsewhere.

Snakemake imports every installed logger plugin at each start, so nothing heavy is imported here; ``rich`` waits until a display is needed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from replab.visible import visible
from snakemake_logger_plugin_replab.messages import REPORT, failure_text, is_interrupt, restarted, worth_saying
from snakemake_logger_plugin_replab.state import Run

if TYPE_CHECKING:
    from snakemake_logger_plugin_replab.display import Display


ENDS = {
    "ok": "with a result",
    "error": "ended in an error",
    "crashed": "crashed",
    "timeout": "took too long",
    "oom": "needed too much memory",
    "unsupported": "not supported there",
    "skipped": "left out",
}
"""What is said of each way in which a cell ends, by its status in the tables."""
FAILED = ("error", "crashed", "timeout", "oom")


def quiet_interrupts() -> None:
    """Have Ctrl-C end Snakemake with a sentence while it reads its command line and the workflow, which has a handler of its own later.

    Snakemake imports this plugin before it does so; a traceback would tell nobody anything. Jobs that are processes of its own are silent.
    """
    before, is_job = sys.excepthook, any(word.startswith("--mode") for word in sys.argv)

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            before(kind, error, trace)
        elif not is_job:
            print("replab: interrupted; finished cells are kept", file=sys.stderr, flush=True)  # noqa: T201 (the last words)

    sys.excepthook = tell


if "snakemake" in Path(sys.argv[0]).parts[-2:]:  # the program, or its package: no other program's tracebacks are ours
    quiet_interrupts()


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the display; Snakemake offers them as ``--logger-replab-…``."""

    interval: float = field(
        default=10.0,
        metadata={
            "help": "Seconds between two lines with counts when the output is no terminal",
            "env_var": False,
            "required": False,
            "type": float,
        },
    )


def cells_in_words(report: Path) -> str:
    """How many cells have a result and how many ended otherwise, from what the tables of the same run say; empty where they say nothing."""
    try:
        counts = json.loads((report.parents[1] / "run.json").read_text(encoding="utf-8"))["counts"]
        parts = [f"{counts[status]:,} {words}".replace(",", "\u202f") for status, words in ENDS.items() if counts.get(status)]
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return ""
    where = f" ({report.parent / 'provenance.html#statuses'})" if any(counts.get(status) for status in FAILED) else ""
    return f"cells: {', '.join(parts)}{where}" if parts else ""


class LogHandler(LogHandlerBase):
    """Turns Snakemake's events into the state of a ``Run`` and shows that.

    Snakemake calls ``emit`` from one thread of its own, in the order of the events.
    """

    def __post_init__(self) -> None:
        self.run = Run()
        self.display: Display | None = None
        self.reported: set[int] = set()
        self.closed = self.interrupted = self.trouble = False

    def emit(self, record: LogRecord) -> None:
        """Show one event; a fault of the display itself never stops the workflow."""
        try:
            self._handle(record)
        except Exception:  # noqa: BLE001 (what ``logging`` asks of handlers: report, and go on)
            self.handleError(record)

    def close(self) -> None:
        """End the display with one line that sums up the run."""
        if not self.closed:
            self.closed = True
            if self.display is not None:
                sentences = [self.run.summary(time.monotonic(), interrupted=self.interrupted), self._report()]
                self.display.stop("\n".join(line for line in sentences if line))
        super().close()

    def _report(self) -> str:
        """What became of the cells and where the report lies, after a run that was to make one and did."""
        path = os.environ.get(REPORT, "")
        done = not self.trouble and not self.interrupted and self.run.is_done()
        if not path or not done or not Path(path).is_file():
            return ""
        return "\n".join(line for line in (cells_in_words(Path(path)), f"report: {path}") if line)

    def _handle(self, record: LogRecord) -> None:
        if self.common_settings.dryrun:
            self._say_as_snakemake_does(record)
            return
        now = time.monotonic()
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                self.run.planned(getattr(record, "stats", {}) or {}, now)
                self._shown().started()
            case LogEvent.JOB_INFO:
                self.reported.discard(getattr(record, "jobid", -1))
                job = self.run.started(record, now)
                self._shown().job_started(job)
            case LogEvent.JOB_FINISHED:
                if (finished := self.run.finished(getattr(record, "job_id", -1), now)) is not None:
                    self._shown().job_finished(finished)
            case LogEvent.JOB_ERROR:
                self._failed(record, now)
            case LogEvent.GROUP_ERROR | LogEvent.ERROR as event:
                self.trouble = self.trouble or event == LogEvent.ERROR
                if text := worth_saying(record):
                    self._shown().say(text, "bold red")
            case None:
                if (restart := restarted(record)) is not None and (job_again := self.run.jobs.get(restart)) is not None:
                    self._shown().say(f"again: {job_again.name}")
                    return
                again, self.interrupted = self.interrupted, self.interrupted or is_interrupt(record)
                text = "" if again and is_interrupt(record) else worth_saying(record)
                if text:
                    style = "red" if record.levelno >= ERROR else "yellow" if record.levelno >= WARNING else ""
                    self._shown().say(text, style)
            case _:
                pass

    def _failed(self, record: LogRecord, now: float) -> None:
        identity = getattr(record, "jobid", -1)
        if identity in self.reported:
            return  # Snakemake repeats every failure at its end
        self.reported.add(identity)
        job = self.run.failed(identity, now)
        if self.interrupted:
            return  # it was stopped, and its log ends in the middle
        self._shown().say(failure_text(record, job), "red")

    def _say_as_snakemake_does(self, record: LogRecord) -> None:
        text = self.format(record)
        if text and text != "None":
            print(visible(text), file=self._stream(), flush=True)

    def _shown(self) -> Display:
        if self.display is None:
            from snakemake_logger_plugin_replab.display import make_display  # noqa: PLC0415 (rich is slow to import, and dry runs need none)

            interval = self.settings.interval if isinstance(self.settings, LogHandlerSettings) else 10.0
            self.display = make_display(self.run, self._stream(), colour=not self.common_settings.nocolor, interval=interval)
        return self.display

    def _stream(self) -> TextIO:
        return sys.stdout if self.common_settings.stdout else sys.stderr

    @property
    def writes_to_stream(self) -> bool:
        """Yes: this plugin replaces Snakemake's own messages."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """No: Snakemake's log file stays as it is."""
        return False

    @property
    def has_filter(self) -> bool:
        """No: Snakemake's filter applies ``--quiet`` and the like."""
        return False

    @property
    def has_formatter(self) -> bool:
        """No: Snakemake's formatter gives the text of what is shown as it is."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False
