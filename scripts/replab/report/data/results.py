"""All that a report is made of: the rows of the public tables, and what was noted beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replab.contract.summaries import ClaimSummary, FamilySummary, PublishedSummary, RunSummary, SourceSummary
from replab.errors import LabError
from replab.store.rows import (
    AttributionRow,
    CellRow,
    CurveRow,
    DefaultRow,
    ElsewhereRow,
    MeasurementRow,
    PairRow,
    PlatformRow,
    ScriptRow,
    TrajectoryRow,
)


class ReportError(LabError):
    """The tables that the report is made of are missing or cannot be read."""

    exit_code = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """All that a report is made of."""

    cells: tuple[CellRow, ...] = ()
    """Results of the default variant, as the cases were declared."""
    varied: tuple[CellRow, ...] = ()
    """Results under the other variants, and of the runs in which factors were aligned: they explain, and are not shown case by case."""
    pairs: tuple[PairRow, ...] = ()
    """Pairs on the axes mode, version and framework."""
    varied_pairs: tuple[PairRow, ...] = ()
    """Pairs of a result with its repeat, and with its variants."""
    curves: tuple[CurveRow, ...] = ()
    trajectories: tuple[TrajectoryRow, ...] = ()
    scripts: tuple[ScriptRow, ...] = ()
    elsewhere: tuple[ElsewhereRow, ...] = ()
    platforms: tuple[PlatformRow, ...] = ()
    attributions: tuple[AttributionRow, ...] = ()
    measurements: tuple[MeasurementRow, ...] = ()
    defaults: tuple[DefaultRow, ...] = ()
    claims: tuple[ClaimSummary, ...] = ()
    sources: tuple[SourceSummary, ...] = ()
    """Sources of discrepancy, the largest first."""
    environments: Mapping[str, Any] = field(default_factory=dict)
    run: RunSummary = field(default_factory=RunSummary)
    published: PublishedSummary = field(default_factory=PublishedSummary)
    """Programs of articles, and what became of each in every environment."""
    cases: Mapping[str, FamilySummary] = field(default_factory=dict)
