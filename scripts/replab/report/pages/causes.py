"""Finished page objects of causes: what templates print."""

from __future__ import annotations

from dataclasses import dataclass, field

from replab.report.data.words import Outcome
from replab.report.pages.parts import Chart, Link


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRow:
    """A source of discrepancy between TensorFlow and PyTorch."""

    rank: str
    """``1`` for the largest; empty outside of the list."""
    anchor: str
    title: str
    meaning: str
    remedy: str
    share: str
    """Of all digits lost, with its interval."""
    models: str
    """Its share among layers, networks and trainings."""
    operations: str
    """Its share among single operations."""
    digits: str
    """That a case loses, in the median."""
    above_percent: str
    """Cases whose worst result is off by more than 1 % of its norm."""
    above_ten_thousandth: str
    beyond: str
    """Share of the elements of a result that rounding does not explain, in the median."""
    count: str
    """``65 of 137 (47 %)``."""
    cases: str
    factors: str
    note: str
    """What else there is to say."""
    examples: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A factor's part of a bar."""

    label: str
    text: str
    width: str
    """How much of the bar; empty for a share that is not positive."""
    hue: int
    """1-8 for factors, 0 for the rest that no factor explains."""
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """Shares of factors, for one or several pairs of environments that say the same."""

    where: str
    detail: str
    parts: tuple[Part, ...]
    before: Outcome
    after: Outcome
    enough: str
    """The smallest set of factors whose alignment is enough; empty when not even all are."""
    run: Link
    """The run that shows it."""
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorCase:
    """A case with factors."""

    anchor: str
    work: Link
    title: str
    factors: tuple[tuple[str, int], ...]
    """(name, hue)."""
    rows: tuple[Sharing, ...]
    """Between frameworks."""
    steps: tuple[Sharing, ...]
    """Between versions of one framework."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorGroup:
    """The cases of one family."""

    title: str
    anchor: str
    cases: tuple[FactorCase, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """Results that the reference gives too, with another value of a factor."""

    factor: str
    value: str
    truth: str
    work: Link
    where: str
    detail: str
    count: str
    before: Outcome
    after: tuple[Outcome, ...]
    z: str
    rest: str
    """Share of the distance that is left."""
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unexplained:
    """Results that no value that was tried explains."""

    work: Link
    where: str
    detail: str
    count: str
    outcome: Outcome
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchCell:
    """What one switch does for one case."""

    text: str
    css: str
    """``all``, ``some`` or ``none``."""
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchTable:
    """Which switch makes two places agree bit for bit: case × variant."""

    pair: str
    variants: tuple[str, ...]
    rows: tuple[tuple[Link, tuple[SwitchCell, ...]], ...]
    summary: str
    nothing: str
    """Cases in which no switch does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MovesTable:
    """How many results a switch moves: environment × variant."""

    answer: str
    variants: tuple[tuple[str, str], ...]
    """(name, title)."""
    rows: tuple[tuple[str, tuple[SwitchCell | None, ...]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unrepeatable:
    """A result that came out otherwise the second time."""

    work: Link
    where: str
    detail: str
    outcome: Outcome | None
    """The verdict of both runs against each other; None where calls within one process already differ."""
    ulp: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatTable:
    """The same cells twice."""

    summary: str
    environments: tuple[tuple[str, int, int], ...]
    """(environment, with the same bits, of)."""
    rows: tuple[Unrepeatable, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedRow:
    """One control with a planted mistake, and what was named as its cause."""

    name: Link
    title: str
    factor: str
    good: int
    total: int
    others: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedTable:
    """The test set of causes."""

    precision: str
    recall: str
    precision_text: str
    recall_text: str
    rows: tuple[PlantedRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignedTable:
    """Verdicts of the runs in which factors were aligned: subset × environment."""

    heading: str
    environments: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[tuple[Outcome, str] | None, ...]], ...]
    """(anchor, aligned factors, a verdict and its words per environment)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CauseSection:
    """What is known about the causes of one case."""

    summary: tuple[str, ...]
    factors: FactorCase | None
    explained: tuple[Explained, ...]
    unknown: tuple[Unexplained, ...]
    switches: tuple[SwitchTable, ...]
    aligned: tuple[AlignedTable, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CausesPage:
    """Why results differ."""

    question: str
    lede: str
    chart: Chart | None
    sources: tuple[SourceRow, ...]
    beside: tuple[SourceRow, ...]
    """Sources without a rank."""
    factors: tuple[FactorGroup, ...]
    explained: tuple[Explained, ...]
    unknown: tuple[Unexplained, ...]
    elsewhere: str
    """What the lists leave out."""
    switches: tuple[SwitchTable, ...]
    moves: MovesTable | None
    repeat: RepeatTable | None
    planted: PlantedTable | None = field(default=None)
