"""``replab plan``: what a selection means in jobs and cells, and with ``--estimate`` in core hours and bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from replab import ids
from replab.commands.common import console, show
from replab.defaults import atlas
from replab.model import Lab
from replab.plan import planning
from replab.published import programs
from replab.workflow.costs import Cost, Costs, Origin
from replab.workflow.resources import JOB_SECONDS_SEEN

WORDS = {
    Origin.MEASURED: "measured in these results",
    Origin.ALIKE: "as their family came out in other environments",
    Origin.DECLARED: "as config/costs.toml says",
}
BATCH = "batch"
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(kw_only=True, slots=True)
class Line:
    """Jobs of one kind, added up."""

    jobs: int = 0
    cells: int = 0
    left_out: int = 0
    core_seconds: float = 0.0
    longest: float = 0.0
    memory_mb: float = 0.0
    bytes: int = 0
    origins: Counter[Origin] = field(default_factory=Counter)

    def add(self, cost: Cost, cpus: int) -> None:
        """Count a job."""
        self.jobs += 1
        self.core_seconds += cost.seconds * cpus
        self.longest = max(self.longest, cost.seconds)
        self.memory_mb = max(self.memory_mb, cost.memory_mb)
        self.bytes += cost.bytes
        self.origins[cost.origin] += 1


def run(lab: Lab, *, estimate: bool) -> None:
    """Print a line for each kind of job, their sum, and where the figures come from. Raises ``ConfigError``."""
    costs = Costs(lab)
    lines = lines_of(lab, costs)
    rows = [_row(name, line, estimate=estimate) for name, line in lines.items()]
    total = total_of(lines)
    columns = ["jobs of", "jobs", "cells"]
    if estimate:
        columns += ["core hours", "longest", "memory", "results"]
    show([*rows, _row("all", total, estimate=estimate)], columns, right=columns[1:])
    say = console().print
    if total.left_out:
        say(f"{total.left_out} cells are left out with a reason; `replab list cells` names them")
    if not estimate:
        return
    batches = lines[BATCH].origins
    counts = ", ".join(f"{batches[origin]} {WORDS[origin]}" for origin in Origin if batches[origin])
    say(f"{lines[BATCH].jobs} batches: {counts or 'none'}. Nothing that is there already is taken off")
    if batches[Origin.DECLARED] and lab.points > costs.declared_points():
        say(
            f"config/costs.toml is for {costs.declared_points()} points an operation and this selection has {lab.points}: "
            "expect more, until a part of it was run"
        )
    started = total.jobs * JOB_SECONDS_SEEN / 3600
    say(f"Submitted to a scheduler, {total.jobs} jobs take another {started:.1f} core hours to start ({JOB_SECONDS_SEEN} s each)")


def lines_of(lab: Lab, costs: Costs) -> dict[str, Line]:
    """Rule → its jobs, in the order in which they run."""
    lines: dict[str, Line] = {}
    for step, name in jobs(lab):
        line = lines.setdefault(step, Line())
        cpus = 1
        if step == BATCH:
            batch = ids.parse_batch_id(name)
            cells, left_out = planning.counts(lab, batch)
            line.cells, line.left_out = line.cells + cells, line.left_out + left_out
            cpus = planning.parts(lab, batch)[2].threads
        line.add(costs.expected(step, name, look_around=True), cpus)
    return lines


def jobs(lab: Lab) -> Iterator[tuple[str, str]]:
    """(step, name) of every job of a whole run, as the rules of the workflow make them."""
    environments = [environment.name for environment in lab.environments]
    yield from (("environment", name) for name in environments)
    if atlas.is_wanted(lab):
        yield from (("defaults", pinned.name) for pinned in lab.environments if pinned.modes)
    if programs.is_wanted(lab):
        yield from (("published", name) for name in environments)
    yield from (("inputs", family.name) for family in lab.families)
    yield from ((BATCH, ids.batch_id(batch)) for batch in planning.batches(lab))
    shards = [(family, f"{family.name}--{shard}") for family in lab.families for shard in range(planning.shards(family))]
    yield from (("truth", name) for family, name in shards if not family.light)
    yield from (("judge", name) for _, name in shards)
    yield from ((name, "") for name in ("tables", "claims", "elsewhere", "report"))


def total_of(lines: dict[str, Line]) -> Line:
    """All kinds together."""
    total = Line()
    for line in lines.values():
        total.jobs, total.cells, total.left_out = total.jobs + line.jobs, total.cells + line.cells, total.left_out + line.left_out
        total.core_seconds, total.bytes = total.core_seconds + line.core_seconds, total.bytes + line.bytes
        total.longest, total.memory_mb = max(total.longest, line.longest), max(total.memory_mb, line.memory_mb)
    return total


def size(count: float) -> str:
    """Bytes for readers: ``1.2 GB``; nothing for none."""
    unit, name = next(((unit, name) for unit, name in UNITS if count >= unit), (1.0, "B"))
    return f"{count / unit:.3g} {name}" if count else ""


def _row(name: str, line: Line, *, estimate: bool) -> list[str]:
    row = [name, str(line.jobs), str(line.cells or "")]
    if estimate:
        row += [f"{line.core_seconds / 3600:.2f}", f"{line.longest / 60:.1f} min", f"{line.memory_mb:.0f} MiB", size(line.bytes)]
    return row
