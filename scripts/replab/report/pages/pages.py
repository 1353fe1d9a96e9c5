"""Finished page objects: what templates print. No number is computed after this point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from replab.report.data.words import Outcome
from replab.report.pages.between import BetweenPage
from replab.report.pages.causes import CauseSection, CausesPage
from replab.report.pages.claims import ClaimPage, ClaimsPage
from replab.report.pages.modes import DefaultsPage, ModesPage
from replab.report.pages.parts import Bar, Chart, ClassPicture, Finding, Link
from replab.report.pages.stories import RecurrentPage, TrainingPage


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultRow:
    """One output of one cell, formatted."""

    anchor: str
    place: str
    environment: str
    how: str
    output: str
    outcome: Outcome
    reason: str
    letter: str
    hue: int
    ulp_max: str
    ulp_width: str
    """How far the bar of this error reaches, in per cent of the column, on a logarithmic scale; empty where there is none."""
    ulp_mean: str
    ulp_p99: str
    z: str
    z_limit: str
    abs_max: str
    rel_max: str
    shrink: str
    seconds: str
    remarks: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Worst:
    """The worst element of a bit class."""

    letter: str
    hue: int
    places: str
    output: str
    ulp: str
    index: str
    inputs: str
    result: str
    truth: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A stand-alone script for the worst result of one framework, or why there is none."""

    where: str
    anchor: str
    outcome: Outcome
    ulp: str
    text: str
    reason: str
    file: str
    """A name to save it under."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Everything about one precision and derivative of a case."""

    id: str
    dtype: str
    derivative: int
    heading: str
    outcomes: tuple[tuple[Outcome, int], ...]
    summary: tuple[str, ...]
    picture: ClassPicture | None
    charts: tuple[Chart, ...]
    rows: tuple[ResultRow, ...]
    several_outputs: bool
    worst: tuple[Worst, ...]
    reasons: tuple[tuple[Outcome, str, str], ...]
    """(status, reason, places)."""
    command: str
    scripts: tuple[Script, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationPage:
    """The page of one case."""

    path: str
    name: str
    title: str
    family: str
    family_title: str
    question: str
    note: str
    claims: tuple[Link, ...]
    parameters: str
    sources: tuple[tuple[str, str], ...]
    related: tuple[Link, ...]
    panels: tuple[Panel, ...]
    dtypes: tuple[str, ...]
    orders: tuple[tuple[int, str], ...]
    cause: CauseSection | None = None
    """What is known about causes; None where nothing was attributed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixPage:
    """The whole matrix: data for the browser, and what a page without scripts can say."""

    data: Mapping[str, object]
    rows: int
    cells: int
    families: tuple[str, ...]
    dtypes: tuple[str, ...]
    modes: tuple[str, ...]
    frameworks: tuple[tuple[str, str], ...]
    orders: tuple[tuple[int, str], ...]
    operations: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRow:
    """A control: what was expected and what came out."""

    name: str
    anchor: str
    title: str
    expect: Outcome
    factor: str
    found: tuple[tuple[Outcome, int], ...]
    good: int
    total: int
    misses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccusedReference:
    """An output of a case of which all frameworks give one thing, and the reference another, and nothing is known that explains it."""

    case: Link
    what: str
    """Derivative order and output."""
    dtypes: str
    frameworks: str
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlsPage:
    """The lab's own test."""

    accused: tuple[AccusedReference, ...]
    scores: tuple[tuple[str, int, int, str], ...]
    rows: tuple[ControlRow, ...]
    not_run: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentEntry:
    """An environment, asked for and found."""

    name: str
    anchor: str
    framework: str
    available: bool
    reason: str
    note: str
    facts: tuple[tuple[str, str, str, bool], ...]
    """(what, asked, found, whether what was found is not what was asked for)."""
    packages: tuple[tuple[str, str], ...]
    details: tuple[tuple[str, str], ...]
    lock: str
    pins: str
    """The file of its pins in the repository."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonRow:
    """Cells that did not end ``ok`` for the same reason."""

    outcome: Outcome
    reason: str
    count: int
    where: str
    cases: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformLine:
    """An environment on another engine or machine, beside this run."""

    environment: str
    where: str
    platform: str
    same: str
    """How many cells have the same bits, of how many."""
    share: float
    other: str
    told: str
    """How many facts differ."""
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ElsewhereLine:
    """A cell that is other elsewhere."""

    cell: Link
    where: str
    there: Outcome
    here: Outcome | None
    """None where it gave no result here."""
    ulp_there: str
    ulp_here: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ElsewherePart:
    """The same cells on other engines and machines."""

    lines: tuple[PlatformLine, ...]
    cells: tuple[ElsewhereLine, ...]
    left_out: int
    """Cells that are other and not listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenancePage:
    """Where the numbers come from."""

    facts: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[str, int], ...]
    reasons: tuple[ReasonRow, ...]
    environments: tuple[EnvironmentEntry, ...]
    command: str
    machine: tuple[tuple[str, str], ...]
    elsewhere: ElsewherePart
    steps: tuple[tuple[str, str], ...] = ()
    """(what for, command): how to get these numbers again."""
    processors: tuple[tuple[str, str, str], ...] = ()
    """(model, instruction sets, environments that saw it)."""
    switches: tuple[tuple[str, str, str, int], ...] = ()
    """(variant, what it does, the question it answers, cells)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """The first card: what sets TensorFlow and PyTorch apart, the largest first."""

    title: str
    rows: tuple[tuple[Link, str], ...]
    """(source, its size and how often it occurs)."""
    more: Link
    claims: str
    """How the claims came out."""
    claims_link: Link


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerPage:
    """The first page."""

    question: str
    lede: str
    left_out: Finding | None
    """What was planned and not run, and why; nothing where all was run."""
    overall: Bar
    ranking: Ranking | None
    cards: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    bars: tuple[Bar, ...]
    featured: ClassPicture | None
    featured_title: str
    featured_href: str
    warnings: tuple[Finding, ...]
    """What makes the rest of the page doubtful: failed or missing controls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The whole report."""

    version: str
    footer: str
    answer: AnswerPage
    matrix: MatrixPage
    operations: tuple[Callable[[], OperationPage], ...]
    """What makes each page of a case."""
    upgrade: BetweenPage
    port: BetweenPage
    recurrent: RecurrentPage
    training: TrainingPage
    controls: ControlsPage
    provenance: ProvenancePage
    claims: ClaimsPage
    claim_pages: tuple[ClaimPage, ...]
    causes: CausesPage
    modes: ModesPage
    defaults: DefaultsPage
    outcomes: tuple[Outcome, ...] = field(default=())
    claim_outcomes: tuple[Outcome, ...] = field(default=())
