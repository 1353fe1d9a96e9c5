"""What the steps ``tables`` and ``claims`` write of a run as a whole, and pages show; an older run may lack any of it."""

from __future__ import annotations

from typing import TypedDict


class VariantSummary(TypedDict, total=False):
    """What a variant changes."""

    title: str
    question: str


class RunSummary(TypedDict, total=False):
    """What was run, on which machine, and what it took (``run.json``)."""

    schema: int
    version: str
    environments: list[str]
    pinned: dict[str, str]
    """The framework of every environment that is declared, whether it ran or not."""
    families: list[str]
    experiments: list[str]
    variants: dict[str, VariantSummary]
    engine: str
    coverage: str
    points: int
    counts: dict[str, int]
    """Cells by how they ended."""
    wall_seconds: float
    floor_seconds: float
    """(imports + time inside cells) / cores: what the run could not have done without."""
    import_seconds: float
    seconds_in_cells: float
    cores: int
    command: str
    controls: dict[str, list[int]]
    """By kind: how many came out as expected, and of how many."""
    machine: dict[str, str]
    commit: str


class ProgramSummary(TypedDict, total=False):
    """A program of an article."""

    id: str
    title: str
    after: list[str]
    printed: str
    why: str
    source: str


class OutcomeSummary(TypedDict, total=False):
    """What became of a program in an environment: see ``replab.published.running.Outcome``."""

    state: str
    error: str
    message: str
    line: int
    printed: str
    characters: int
    seconds: float
    files: list[str]
    lacking: list[str]
    before: str
    alone: str


class PublishedSummary(TypedDict, total=False):
    """The programs of articles, and their outcomes by environment and program (``published.json``)."""

    programs: list[ProgramSummary]
    outcomes: dict[str, dict[str, OutcomeSummary]]


class CaseSummary(TypedDict, total=False):
    """A case as its family declares it."""

    title: str
    function: str
    parameters: dict[str, object]
    note: str
    claims: list[str]
    sources: dict[str, str]
    """The code of each side."""


class FamilySummary(TypedDict, total=False):
    """A family with its cases (``cases.json``)."""

    title: str
    question: str
    cases: dict[str, CaseSummary]


class SourceSummary(TypedDict, total=False):
    """A source of discrepancy between TensorFlow and PyTorch (``sources.json``)."""

    id: str
    title: str
    meaning: str
    remedy: str
    words: str
    note: str
    rank: int | None
    """None for what stands beside the list."""
    lost: float | None
    """Its share of all digits lost, and the interval of that over cases."""
    low: float | None
    high: float | None
    kinds: dict[str, float]
    """The same share within models, and within operations."""
    count: int
    of: int
    """How many results it has of how many."""
    cases: int
    digits: float
    """What a case loses in the median."""
    above_percent: int
    above_ten_thousandth: int
    beyond: float | None
    median_ulp: float | None
    factors: list[str]
    examples: list[dict[str, str]]


class Judged(TypedDict, total=False):
    """What is said of a claim, of some environments or of all: it has a verdict and names its evidence."""

    verdict: str
    part: str
    """For which part it holds, where it holds in part."""
    words: str
    number: float | None
    unit: str
    measured: str
    beside: list[str]
    evidence: list[dict[str, str]]
    environments: list[str]
    said_by: str
    """Of several environments that say the same, the one whose words are shown."""


class ClaimSummary(Judged, total=False):
    """A claim with its verdict (``claims.json``)."""

    id: str
    kind: str
    source: str
    statement: str
    groups: list[Judged]
    by_environment: dict[str, Judged]
    rule: str
    needs: str
    decides: list[str]
    missing: str
    published: str
    truth: str
    untested: str
    sources: dict[str, str]
    ran: str
    reads: dict[str, str]
    changes: str
