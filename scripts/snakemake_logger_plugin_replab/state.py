"""What is known of a running workflow: its jobs by stage, and how far the long ones are."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_logger_plugin_replab.stages import COUNTED, UNSEEN, in_order, stage_of
from snakemake_logger_plugin_replab.words import duration, plural

PROGRESS = "progress"
"""The folder below the results in which a long job tells how far it is."""
PLAN = "plan.json"
"""In that folder: ``{"cells": {batch: count}}``, written before the first job, so that the total is known from the start."""


@dataclass(slots=True)
class Job:
    """One Snakemake job; ``done`` and ``total`` are what its progress file says."""

    rule: str
    stage: str
    name: str
    since: float
    files: tuple[Path, ...] = ()
    """Where its progress may lie."""
    born: float = 0.0
    """Wall time of its start: an older progress file is of an earlier run."""
    seconds: float | None = None
    failed: bool = False
    done: int = 0
    total: int = 0
    other: int = 0
    current: str = ""

    def read_progress(self) -> None:
        """Take in the progress file; one that is missing, old or being replaced changes nothing."""
        for path in self.files:
            try:
                if path.stat().st_mtime < self.born - 1:  # file systems keep whole seconds at worst
                    continue
                written = json.loads(path.read_text(encoding="utf-8"))
                self.done, self.total, self.other = int(written["done"]), int(written["total"]), int(written.get("other", 0))
                self.current = str(written.get("current") or "")
            except (OSError, ValueError, KeyError, TypeError):
                continue
            return


@dataclass(slots=True)
class Stage:
    """Counts of one stage."""

    name: str
    planned: int
    finished: int = 0
    failed: int = 0
    running: int = 0
    since: float | None = None
    until: float | None = None
    done: int = 0
    """Cells (or what ``COUNTED`` names) done; jobs where the stage counts nothing else."""
    total: int = 0
    other: int = 0
    """Cells that ended in another way than ``ok``."""
    guessed: bool = False
    """The total rests on jobs like those seen so far."""

    @property
    def unit(self) -> str:
        """What ``done`` and ``total`` count."""
        return f"{COUNTED.get(self.name, 'job')}s"

    def remaining(self, now: float) -> float | None:
        """Seconds left at the pace so far, or ``None`` when nothing can be said yet."""
        if self.since is None or not self.running or not self.done or self.done >= self.total:
            return None
        return (now - self.since) / self.done * (self.total - self.done)


@dataclass(slots=True)
class Run:
    """The workflow: jobs planned per rule, jobs seen. Safe to read while another thread writes."""

    counts: dict[str, int] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def planned(self, stats: Mapping[str, Any], now: float) -> None:
        """Note how many jobs each rule has."""
        with self.lock:
            self.began = now
            self.counts = {rule: int(count) for rule, count in stats.items() if rule != "total" and rule not in UNSEEN}

    def started(self, record: LogRecord, now: float) -> Job:
        """Note a job that starts now."""
        fields = vars(record)
        rule, outputs = str(fields["rule_name"]), [Path(path) for path in fields.get("output") or ()]
        values = [str(value) for value in dict(fields.get("wildcards") or {}).values()]
        job = Job(
            rule=rule,
            stage=stage_of(rule),
            name=" ".join([rule, *values]),
            since=now,
            files=_progress_files(rule, outputs, values),
            born=time.time(),
        )
        with self.lock:
            self.jobs[int(fields["jobid"])] = job
        return job

    def finished(self, identity: int, now: float) -> Job | None:
        """Note that a job ended well; ``None`` when it was never seen or is no news."""
        return self._ended(identity, now, failed=False)

    def failed(self, identity: int, now: float) -> Job | None:
        """Note that a job failed."""
        return self._ended(identity, now, failed=True)

    def _ended(self, identity: int, now: float, *, failed: bool) -> Job | None:
        with self.lock:
            job = self.jobs.get(identity)
            if job is None:
                return None
            job.read_progress()
            job.seconds, job.failed = now - job.since, failed
            return job

    def running(self) -> list[Job]:
        """Jobs that run now, the oldest first, their progress read."""
        with self.lock:
            unfinished = [job for job in self.jobs.values() if job.seconds is None and job.rule not in UNSEEN]
            for job in unfinished:
                job.read_progress()
            return unfinished

    def stages(self) -> list[Stage]:
        """Every stage that has jobs in this run, in order."""
        with self.lock:
            self.running()
            names = {stage_of(rule) for rule in self.counts} | {job.stage for job in self.jobs.values() if job.rule not in UNSEEN}
            return [self._stage(name) for name in in_order(names)]

    def _stage(self, name: str) -> Stage:
        jobs = [job for job in self.jobs.values() if job.stage == name and job.rule not in UNSEEN]
        planned = max(sum(count for rule, count in self.counts.items() if stage_of(rule) == name), len(jobs))
        ended = [job for job in jobs if job.seconds is not None]
        stage = Stage(
            name=name,
            planned=planned,
            finished=sum(not job.failed for job in ended),
            failed=sum(job.failed for job in ended),
            running=len(jobs) - len(ended),
            since=min((job.since for job in jobs), default=None),
            until=max((job.since + (job.seconds or 0) for job in ended), default=None) if len(ended) == planned else None,
        )
        if name in COUNTED:
            self._count(stage, jobs)
        else:
            stage.done, stage.total = len(ended), planned
        return stage

    def _count(self, stage: Stage, jobs: list[Job]) -> None:
        """Sum what the progress files say; jobs that have not begun count as the plan says, else as the others did on average."""
        counted = [job for job in jobs if job.total]
        stage.done = sum(job.done for job in counted)
        stage.other = sum(job.other for job in counted)
        stage.total = sum(job.total for job in counted)
        silent = sum(job.seconds is not None and not job.total for job in jobs)
        waiting = stage.planned - len(counted) - silent
        if waiting <= 0:
            return
        begun = {path.stem for job in counted for path in job.files}
        sizes = [count for batch, count in _plan(jobs).items() if batch not in begun] if stage.name == "cells" else []
        if sizes:
            stage.total += round(sum(sizes) / len(sizes) * waiting)
            stage.guessed = len(sizes) != waiting
        elif counted:
            stage.total += round(stage.total / len(counted) * waiting)
            stage.guessed = True

    def is_done(self) -> bool:
        """Whether every job that was planned ended well."""
        return all(stage.finished == stage.planned for stage in self.stages())

    def summary(self, now: float, *, interrupted: bool = False) -> str:
        """The last line: jobs, cells, failures, time. Jobs that were ``interrupted`` did not fail: they are not done."""
        with self.lock:
            stages = self.stages()
            if not stages:
                return ""
            jobs = [plural(sum(stage.finished for stage in stages), "job")]
            jobs += [f"{plural(stage.done, 'cell')}" for stage in stages if stage.name == "cells" and stage.done]
            failed = sum(stage.failed for stage in stages)
            left = sum(stage.planned - stage.finished - stage.failed for stage in stages)
            if interrupted:
                failed, left = 0, left + failed
            ends = [f"{plural(failed, 'job')} failed"] if failed else []
            ends += [f"{plural(left, 'job')} not done"] if left else []
            return ", ".join([*jobs, *ends]) + f" in {duration(now - self.began)}"


def _progress_files(rule: str, outputs: list[Path], values: list[str]) -> tuple[Path, ...]:
    """Where a job's progress lies, found from its outputs: whatever the results folder is called, all lie below it."""
    names = ["--".join(values), *(path.stem for path in outputs)]
    names = list(dict.fromkeys(name for base in names if base for name in (base, f"{rule}--{base}")))
    folders = list(dict.fromkeys(parent / PROGRESS for path in outputs for parent in path.parents if parent != Path()))
    return tuple(folder / f"{name}.json" for folder in folders for name in names)


def _plan(jobs: list[Job]) -> dict[str, int]:
    for folder in dict.fromkeys(path.parent for job in jobs for path in job.files):
        try:
            cells = json.loads((folder / PLAN).read_text(encoding="utf-8"))["cells"]
            return {str(batch): int(count) for batch, count in cells.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {}
