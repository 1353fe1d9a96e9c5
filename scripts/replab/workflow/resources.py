"""What a job asks a scheduler for: memory, time, CPUs, GPUs. From what it cost before, more with every attempt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from replab import ids
from replab.model import Lab
from replab.plan import planning
from replab.workflow.costs import Cost, Costs, Origin

JOB_MB = 500
"""What starting a job on a node takes: two processes of Snakemake (135 MiB each as measured) and the step's own Python."""
JOB_SECONDS = 60
"""What starting a job on a node may take, before the step begins: Python, Snakemake and the workflow, read twice from a shared disk."""
JOB_SECONDS_SEEN = 6
"""What it takes on a node that is not busy (CPU time of both processes, as measured)."""
MEMORY_FACTOR = {Origin.MEASURED: 1.25, Origin.ALIKE: 1.5, Origin.DECLARED: 1.5}
TIME_FACTOR = {Origin.MEASURED: 3.0, Origin.ALIKE: 5.0, Origin.DECLARED: 10.0}
"""Nodes differ in speed, and a node shared with others more so: a job that is killed for its time costs more than one that waits longer."""
LEAST_MB = 1000
LEAST_MINUTES = 5
LIMIT_MARGIN_MB = 2048
"""Above the limit of a cell: beyond that it is the supervisor that stops a cell, and not the scheduler that kills the job."""


class Asks:
    """The requests of one lab's jobs."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.costs = lab, Costs(lab)

    def resources(self, step: str, name: str = "") -> dict[str, Callable[[Mapping[str, str], int], int]]:
        """What a rule asks for; ``name`` is that of its jobs, with wildcards in braces."""
        return {
            "mem_mb": lambda wildcards, attempt: self.memory_mb(step, name.format(**wildcards), attempt),
            "runtime": lambda wildcards, attempt: self.minutes(step, name.format(**wildcards), attempt),
        }

    def memory_mb(self, step: str, name: str = "", attempt: int = 1) -> int:
        """MiB, doubled with every attempt; of a batch, never more than the lab itself lets it use."""
        cost = self.costs.expected(step, name)
        wanted = (cost.memory_mb * MEMORY_FACTOR[cost.origin] + JOB_MB) * _doubled(attempt)
        if step == "batch":
            wanted = min(wanted, self.lab.limits.memory_mb + LIMIT_MARGIN_MB + JOB_MB)
        return max(LEAST_MB, math.ceil(wanted / 100) * 100)

    def minutes(self, step: str, name: str = "", attempt: int = 1) -> int:
        """Minutes, doubled with every attempt; a batch has room for two cells that run into their own limit."""
        seconds = _likely(self.costs.expected(step, name)) + JOB_SECONDS
        if step == "batch":
            seconds += 2 * self.lab.limits.seconds
        return max(LEAST_MINUTES, math.ceil(seconds / 60)) * _doubled(attempt)

    def cpus(self, batch: str) -> int:
        """CPUs of a batch: as many as its variant has threads."""
        _, _, variant = planning.parts(self.lab, ids.parse_batch_id(batch))
        return variant.threads

    def gpus(self, batch: str) -> int:
        """GPUs of a batch: one when it computes on one."""
        return int(ids.parse_batch_id(batch).device != "cpu")


def _doubled(attempt: int) -> int:
    return 1 << (attempt - 1)


def _likely(cost: Cost) -> float:
    return cost.seconds * TIME_FACTOR[cost.origin]
