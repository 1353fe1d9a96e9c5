"""Two displays of one run: live bars for a terminal, plain lines for everything else."""

from __future__ import annotations

import shutil
import threading
import time
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from replab.visible import visible
from snakemake_logger_plugin_replab.stages import COUNTED, UNSEEN
from snakemake_logger_plugin_replab.state import Job, Run, Stage
from snakemake_logger_plugin_replab.words import duration, plural, thousands

REFRESH = 4
"""Pictures a second; progress files are rewritten about as often."""
SHOWN = 8
"""Running jobs that are listed by name."""
NAMED = 3
"""The same in one line."""


class Display(Protocol):
    """What the handler tells a display."""

    def started(self) -> None:
        """The plan is known."""

    def job_started(self, job: Job) -> None:
        """A job begins."""

    def job_finished(self, job: Job) -> None:
        """A job ended well."""

    def say(self, text: str, style: str = "") -> None:
        """A message for the reader that stays."""

    def stop(self, summary: str) -> None:
        """Nothing comes after this."""


def make_display(run: Run, stream: TextIO, *, colour: bool, interval: float) -> Display:
    """Bars when ``stream`` is a terminal that can redraw, else lines."""
    console = Console(file=stream, no_color=not colour, highlight=False, soft_wrap=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveDisplay(run, console)
    return PlainDisplay(run, stream, interval)


class PlainDisplay:
    """One line for each job that starts or ends, and one with counts now and then."""

    def __init__(self, run: Run, stream: TextIO, interval: float) -> None:
        self.run, self.stream, self.interval = run, stream, interval
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread: threading.Thread | None = None

    def started(self) -> None:
        """See ``Display``."""
        parts = [plural(stage.planned, "job") + f" of {stage.name}" for stage in self.run.stages()]
        self.thread = threading.Thread(target=self._tick, name="replab-progress", daemon=True)
        self.say("to do: " + ", ".join(parts))
        self.thread.start()

    def job_started(self, job: Job) -> None:
        """See ``Display``."""
        if job.rule not in UNSEEN:
            self.say(f"start: {job.name}")

    def job_finished(self, job: Job) -> None:
        """See ``Display``."""
        if job.rule not in UNSEEN:
            self.say(f"done: {job.name} in {duration(job.seconds or 0)}{_cells(job)}")

    def say(self, text: str, style: str = "") -> None:  # noqa: ARG002 (lines have no style)
        """See ``Display``."""
        stamp = f"[{time.strftime('%H:%M:%S')}] " if self.thread is not None else ""  # what is said before a run is no log
        with self.lock:
            print(f"{stamp}{visible(text)}", file=self.stream, flush=True)

    def stop(self, summary: str) -> None:
        """See ``Display``."""
        self.over.set()
        if self.thread is not None:
            self.thread.join(timeout=5)
        for line in summary.splitlines():
            self.say(line)

    def _tick(self) -> None:
        while not self.over.wait(self.interval):
            stages = "; ".join(_line(stage, time.monotonic()) for stage in self.run.stages() if stage.since is not None)
            self.say(" – ".join(part for part in (stages, _waiting(self.run.running())) if part) or "waiting")


class LiveDisplay:
    """A bar per stage and the names of the running jobs, redrawn in place; messages scroll by above."""

    def __init__(self, run: Run, console: Console) -> None:
        self.run, self.console = run, console
        self.live = Live(get_renderable=self.render, console=console, refresh_per_second=REFRESH, transient=False)

    def started(self) -> None:
        """See ``Display``."""
        if self.run.stages():
            self.live.start()

    def job_started(self, job: Job) -> None:
        """See ``Display``: the next picture shows it."""

    def job_finished(self, job: Job) -> None:
        """See ``Display``: the next picture shows it."""

    def say(self, text: str, style: str = "") -> None:
        """See ``Display``."""
        self.console.print(Text(visible(text), style=style))

    def stop(self, summary: str) -> None:
        """See ``Display``."""
        if self.live.is_started:
            self.live.stop()
        if summary:
            self.console.print(Text(summary, style="bold"))

    def render(self) -> RenderableType:
        """The picture of this moment."""
        now = time.monotonic()
        width = shutil.get_terminal_size().columns
        stages = self.run.stages()
        bars = Table.grid(padding=(0, 1))
        bars.add_column(no_wrap=True)
        bars.add_column(width=max(8, min(40, width - 66)))
        bars.add_column(justify="right", no_wrap=True)
        bars.add_column(no_wrap=True, overflow="ellipsis")
        for stage in stages:
            bars.add_row(_title(stage), _bar(stage), _counts(stage), Text(_times(stage, now), style="dim"))
        running = self.run.running()
        names = [Text(f"  {_running(job, now)}"[: width - 1], style="dim", no_wrap=True) for job in running[:SHOWN]]
        if len(running) > SHOWN:
            names.append(Text(f"  and {plural(len(running) - SHOWN, 'more job')}", style="dim"))
        return Group(bars, *names)


def _title(stage: Stage) -> Text:
    if stage.failed:
        return Text(f"✗ {stage.name}", style="red")
    if stage.until is not None:
        return Text(f"✓ {stage.name}", style="green")
    return Text(f"  {stage.name}", style="bold" if stage.running else "dim")


def _bar(stage: Stage) -> ProgressBar:
    # A stage without a total yet shows an empty bar; pulsing would hide which one is at work.
    return ProgressBar(total=max(stage.total, 1), completed=min(stage.done, stage.total))


def _counts(stage: Stage) -> str:
    total = f"{'~' if stage.guessed else ''}{thousands(stage.total)}" if stage.total else "?"
    return f"{thousands(stage.done)}/{total} {stage.unit}"


def _times(stage: Stage, now: float) -> str:
    if stage.since is None:
        return ""
    passed = duration((stage.until if stage.until is not None else now) - stage.since)
    left = stage.remaining(now) if stage.until is None else None
    parts = [passed, *([f"about {duration(left)} left"] if left is not None else [])]
    if stage.other:
        parts.append(f"{thousands(stage.other)} not ok")
    return ", ".join(parts)


def _running(job: Job, now: float) -> str:
    count = f" {thousands(job.done)}/{thousands(job.total)}" if job.total else ""
    current = f" {job.current}" if job.current else ""
    return f"{job.name}{count} {duration(now - job.since)}{current}"


def _waiting(running: list[Job]) -> str:
    """Which jobs run, the oldest first."""
    names = [job.name for job in running[:NAMED]] + ([f"{len(running) - NAMED} more"] if len(running) > NAMED else [])
    return f"waiting for: {', '.join(names)}" if names else ""


def _cells(job: Job) -> str:
    if not job.total:
        return ""
    other = f", {thousands(job.other)} not ok" if job.other else ""
    return f" ({plural(job.done, COUNTED.get(job.stage, 'step'))}{other})"


def _line(stage: Stage, now: float) -> str:
    times = _times(stage, now) if stage.until is None else "done"
    return f"{stage.name} {_counts(stage)} ({times})"
