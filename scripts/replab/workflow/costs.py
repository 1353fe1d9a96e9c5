"""What jobs cost: measured by every step, remembered beside the results, and expected of the next run.

A scheduler wants to know memory and time before a job starts, and a reader wants to know how much a selection is. Each step leaves
what it used in ``results/costs/STEP--NAME.json`` (never an input or an output of the workflow: it changes no result and causes no job).
What was not measured is taken from ``config/costs.toml``.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TypedDict, cast

from replab import ids
from replab.errors import ConfigError
from replab.model import Batch, Lab
from replab.plan import planning
from replab.store.store import write_atomically

DECLARED = Path("config/costs.toml")


class Origin(StrEnum):
    """Where an expectation comes from."""

    MEASURED = "measured"
    """This very job, in these results."""
    ALIKE = "alike"
    """The same family with the same framework in another environment or variant, per cell."""
    DECLARED = "declared"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one job. ``cells`` is how many cells these figures are for; 0 for jobs that run none."""

    seconds: float
    """Wall time of the step, from the start of its process to its end."""
    memory_mb: float
    """The largest resident memory of its processes together, in MiB."""
    cells: int = 0
    import_seconds: float = 0.0
    bytes: int = 0
    """Of the result files of a batch, blobs counted once."""
    points: int = 0
    """Elements of an elementwise input when this was measured; figures of other sizes say nothing."""
    origin: Origin = Origin.MEASURED


class DeclaredStep(TypedDict):
    """A step, in ``config/costs.toml``."""

    seconds: float
    memory_mb: float


class DeclaredBatch(TypedDict):
    """Batches of a framework."""

    import_seconds: float
    cell_seconds: float
    memory_mb: float


class MeasuredAt(TypedDict):
    """What the file was measured with."""

    points: int


class DeclaredCells(TypedDict):
    """Cells of any kind."""

    bytes: int


class Declared(TypedDict):
    """``config/costs.toml``."""

    measured_at: MeasuredAt
    steps: dict[str, DeclaredStep]
    batches: dict[str, DeclaredBatch]
    families: dict[str, float]
    """Seconds that a cell of them takes at least."""
    cells: DeclaredCells


class Costs:
    """Measured costs of one lab's results, with the declared ones behind them. Files are read when they are asked for."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._declared: Declared | None = None
        self._measured: dict[tuple[str, str], Cost | None] = {}
        self._alike: dict[tuple[str, str], tuple[float, float, float, float]] | None = None

    def expected(self, step: str, name: str = "", *, look_around: bool = False) -> Cost:
        """What the job ``name`` of ``step`` will cost when all of it has to be done.

        With ``look_around``, batches that were never run are judged by others of their family; that reads the costs of every batch. Raises
        ``ConfigError`` when ``config/costs.toml`` cannot be read.
        """
        batch = ids.parse_batch_id(name) if step == "batch" else None
        cells = planning.counts(self.lab, batch)[0] if batch else 0
        measured = self.measured(step, name)
        if measured is not None and measured.points == self.lab.points:
            scale = max(1.0, cells / measured.cells) if measured.cells else 1.0  # an interrupted batch was measured in part
            return replace(measured, seconds=measured.seconds * scale, cells=cells, bytes=round(measured.bytes * scale))
        if batch is None:
            declared = self._declared_costs()["steps"].get(step, {"seconds": 60, "memory_mb": 1500})
            return Cost(seconds=declared["seconds"], memory_mb=declared["memory_mb"], origin=Origin.DECLARED)
        if look_around and (alike := self._of_others(batch)) is not None:
            import_seconds, cell_seconds, memory, size = alike
            return Cost(
                seconds=import_seconds + cells * cell_seconds,
                memory_mb=memory,
                cells=cells,
                import_seconds=import_seconds,
                bytes=round(cells * size),
                points=self.lab.points,
                origin=Origin.ALIKE,
            )
        return self._declared_batch(batch, cells)

    def measured(self, step: str, name: str = "") -> Cost | None:
        """What this job cost when it was last run as a whole; ``None`` when it never was, or its file cannot be read."""
        step_and_name = (step, name)
        if step_and_name not in self._measured:
            self._measured[step_and_name] = read(path(self.lab, step, name))
        return self._measured[step_and_name]

    def declared_points(self) -> int:
        """Elements of an elementwise input for which ``config/costs.toml`` speaks."""
        return self._declared_costs()["measured_at"]["points"]

    def _of_others(self, batch: Batch) -> tuple[float, float, float, float] | None:
        """Import seconds, seconds a cell, memory and bytes a cell of a family in a framework: means over what was measured."""
        if self._alike is None:
            sums: dict[tuple[str, str], list[float]] = {}
            for other in planning.batches(self.lab):
                cost = self.measured("batch", ids.batch_id(other))
                if cost is None or not cost.cells or cost.points != self.lab.points:
                    continue
                total = sums.setdefault((self._framework(other), other.family), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
                inside = max(0.0, cost.seconds - cost.import_seconds)
                for index, value in enumerate((1.0, cost.import_seconds, cost.cells, inside, cost.bytes)):
                    total[index] += value
                total[5] = max(total[5], cost.memory_mb)
            self._alike = {
                framework_and_family: (total[1] / total[0], total[3] / total[2], total[5], total[4] / total[2])
                for framework_and_family, total in sums.items()
            }
        return self._alike.get((self._framework(batch), batch.family))

    def _framework(self, batch: Batch) -> str:
        environment, _, _ = planning.parts(self.lab, batch)
        return environment.framework

    def _declared_batch(self, batch: Batch, cells: int) -> Cost:
        """Family by family: light ones and repeats share a process."""
        declared = self._declared_costs()
        of_framework, heavy = declared["batches"][self._framework(batch)], declared["families"]
        _, families, _ = planning.parts(self.lab, batch)
        inside = sum(
            planning.counts(self.lab, batch, family)[0] * max(of_framework["cell_seconds"], heavy.get(family.name, 0.0))
            for family in families
        )
        return Cost(
            seconds=of_framework["import_seconds"] + inside,
            memory_mb=of_framework["memory_mb"],
            cells=cells,
            import_seconds=of_framework["import_seconds"],
            bytes=cells * declared["cells"]["bytes"],
            points=self.lab.points,
            origin=Origin.DECLARED,
        )

    def _declared_costs(self) -> Declared:
        if self._declared is None:
            declared_path = self.lab.root / DECLARED
            try:
                self._declared = cast("Declared", tomllib.loads(declared_path.read_text(encoding="utf-8")))
            except (OSError, ValueError) as error:
                raise ConfigError(f"cannot be read: {error}", where=str(DECLARED), hint="Take the file of the repository") from None
        return self._declared


def path(lab: Lab, step: str, name: str) -> Path:
    """Where the cost of a job lies."""
    return lab.results.cost("--".join(part for part in (step, name) if part))


def read(file: Path) -> Cost | None:
    """A remembered cost; ``None`` when there is none that can be read."""
    try:
        return Cost(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remember(lab: Lab, step: str, name: str, cost: Cost) -> None:
    """Keep what a job cost, unless it did less than before: a batch that ran 3 missing cells says nothing about all 300.

    Time falls slowly and rises at once, so that one quick run does not make the next request too small.
    """
    file = path(lab, step, name)
    before = read(file)
    if cost.cells == 0 and step == "batch":
        return  # everything was there
    if before is not None and before.points == cost.points:
        if cost.cells < before.cells:
            cost = replace(before, memory_mb=max(before.memory_mb, cost.memory_mb))
        else:
            cost = replace(cost, seconds=max(cost.seconds, (before.seconds + cost.seconds) / 2 if cost.cells == before.cells else 0.0))
    write_atomically(file, json.dumps({key: value for key, value in asdict(cost).items() if key != "origin"}, sort_keys=True).encode())
