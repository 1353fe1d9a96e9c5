"""Cells as the pages see them: the outputs of a cell together, its place in the matrix, the outcome that counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from replab.model import MODES, Status
from replab.report.data.results import Results
from replab.report.data.words import Outcome, largest, listing, outcome_of, slug
from replab.store.rows import CellRow, PairRow

ROLE_SHOWN = "result"
UNJUDGED = frozenset({"inconclusive", "beyond", "incomparable"})
"""Verdicts of which a distance says too little: pages say in words what stood in the way."""
COMPILERS = frozenset({"xla", "compile"})
"""Modes that hand the function to a compiler, which may fuse; the others run the framework's own kernels one by one."""

_MODE_ORDER = {mode: place for place, mode in enumerate(dict.fromkeys(mode for modes in MODES.values() for mode in modes))}


class Place(NamedTuple):
    """Where a cell ran: a column of the matrix. Sorts by framework, version, mode."""

    framework: str
    order: int
    environment: str
    mode_order: int
    mode: str
    variant: str
    device: str

    @property
    def where(self) -> str:
        """What is unusual about this place beside its mode; empty for the default variant on the CPU."""
        parts = [] if self.variant in {"default", ""} else [self.variant]
        parts += [] if self.device in {"cpu", ""} else [self.device]
        return " ".join(parts)

    @property
    def how(self) -> str:
        """Mode, and what else is unusual."""
        return " ".join(part for part in (self.mode, self.where) if part)

    @property
    def label(self) -> str:
        """``tf-1.15:session``."""
        return f"{self.environment}:{self.how}"

    @property
    def slug(self) -> str:
        """The place as part of an anchor."""
        return slug(f"{self.environment}-{self.how}".replace(" ", "-"))


class Work(NamedTuple):
    """What a cell computed: a row of the matrix. Sorts by family, case, derivative, precision."""

    family: str
    case: str
    derivative: int
    dtype: str

    @property
    def label(self) -> str:
        """``ops.exp``."""
        return f"{self.family}.{self.case}"

    @property
    def panel(self) -> str:
        """The anchor of this work on the page of its case."""
        return slug(f"{self.dtype}-d{self.derivative}")


@dataclass(frozen=True, kw_only=True, slots=True)
class CellView:
    """A cell with all its outputs; where they differ in outcome, the worst counts."""

    id: str
    work: Work
    place: Place
    outcome: Outcome
    rows: tuple[CellRow, ...]
    """One per output, the worst first."""
    ulp: float
    """Largest error over the outputs, in ULP of the dtype."""
    bits: str
    """One name for the bits of all outputs; empty when a hash is missing."""

    @property
    def ok(self) -> bool:
        """The cell ran to its end."""
        return self.rows[0].status == Status.OK

    @property
    def worst(self) -> CellRow:
        """The output that decides the outcome."""
        return self.rows[0]

    @property
    def explanation(self) -> str:
        """Why it is not ok, why there is no verdict that compares, or that rounding decides more than last bits; in words."""
        told = [row.why for row in self.rows[:1] if self.outcome.name in UNJUDGED] or [row.why for row in self.rows if row.other_branch]
        return self.rows[0].reason or (told[0] if told else "")


def _place(row: CellRow) -> Place:
    return Place(
        row.framework,
        row.environment_order,
        row.environment,
        _MODE_ORDER.get(row.mode, len(_MODE_ORDER)),
        row.mode,
        row.variant,
        row.device,
    )


def _badness(row: CellRow) -> tuple[int, float]:
    size = row.ulp_max if row.ulp_max == row.ulp_max else -1.0
    return (-outcome_of(row.status, row.verdict).severity, -size)


def _bits(rows: Iterable[CellRow]) -> str:
    parts = sorted((row.output, row.bits) for row in rows)
    if any(not bits for _, bits in parts):
        return ""
    return parts[0][1] if len(parts) == 1 else "+".join(f"{output}:{bits}" for output, bits in parts)


def views(rows: Iterable[CellRow]) -> tuple[CellView, ...]:
    """The cells that ``rows`` describe, by work and place."""
    grouped: dict[tuple[Work, Place, str], list[CellRow]] = defaultdict(list)
    for row in rows:
        grouped[Work(row.family, row.case, row.derivative, row.dtype), _place(row), row.id].append(row)
    made = []
    for work, place, identity in sorted(grouped, key=lambda key: (_work_order(key[0]), key[1], key[2])):
        outputs = tuple(sorted(grouped[work, place, identity], key=lambda row: (*_badness(row), row.output)))
        made.append(
            CellView(
                id=identity,
                work=work,
                place=place,
                rows=outputs,
                outcome=outcome_of(outputs[0].status, outputs[0].verdict),
                ulp=largest(row.ulp_max for row in outputs),
                bits=_bits(outputs),
            )
        )
    return tuple(made)


_DTYPE_ORDER = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3}


def _work_order(work: Work) -> tuple[str, str, int, int, str]:
    return (work.family, work.case, work.derivative, _DTYPE_ORDER.get(work.dtype, 9), work.dtype)


def shown(results: Results) -> tuple[CellView, ...]:
    """The cells of the matrix: results, without controls and escalations."""
    return views(row for row in results.cells if row.role == ROLE_SHOWN)


def result_pairs(results: Results) -> list[PairRow]:
    """The pairs of results; those of controls belong to the page of controls."""
    others = {row.id for row in results.cells if row.role != ROLE_SHOWN}
    return [pair for pair in results.pairs if pair.left not in others and pair.right not in others]


def by_work(cells: Iterable[CellView]) -> Mapping[Work, list[CellView]]:
    """Cells grouped by what they computed, in order."""
    grouped: dict[Work, list[CellView]] = defaultdict(list)
    for cell in cells:
        grouped[cell.work].append(cell)
    return grouped


def places_in_words(places: Iterable[Place]) -> str:
    """``tf-1.15 (session, eager) and torch-1.4 (eager)``."""
    grouped: dict[str, list[str]] = {}
    for place in sorted(places):
        modes = grouped.setdefault(place.environment, [])
        if place.how not in modes:
            modes.append(place.how)
    return listing([f"{environment} ({', '.join(modes)})" for environment, modes in grouped.items()])


@dataclass(frozen=True, kw_only=True, slots=True)
class BitClass:
    """Cells of one work that share every bit."""

    letter: str
    bits: str
    cells: tuple[CellView, ...]

    @property
    def truth(self) -> bool:
        """These are the bits of the correctly rounded truth."""
        return self.cells[0].outcome.name == "identical"


def _letter(place: int) -> str:
    text = ""
    while True:
        text = chr(ord("A") + place % 26) + text
        place = place // 26 - 1
        if place < 0:
            return text


def bit_classes(cells: Iterable[CellView]) -> tuple[BitClass, ...]:
    """The classes among the ``ok`` cells of one work, the largest first; cells without a hash are left out."""
    grouped: dict[str, list[CellView]] = defaultdict(list)
    for cell in cells:
        if cell.ok and cell.bits:
            grouped[cell.bits].append(cell)
    ordered = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[1][0].place, item[0]))
    return tuple(BitClass(letter=_letter(place), bits=bits, cells=tuple(members)) for place, (bits, members) in enumerate(ordered))
