"""The tables of a run as frozen rows. Missing text is ``""``, a missing number is NaN, a missing count is 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

from replab.errors import LabError


class ReportError(LabError):
    """The tables that the report is made of are missing or cannot be read."""

    exit_code = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRow:
    """One output of one cell: a row of ``cells.parquet``."""

    key: str = ""
    id: str = ""
    family: str = ""
    experiment: str = ""
    case: str = ""
    title: str = ""
    output: str = ""
    environment: str = ""
    framework: str = ""
    framework_version: str = ""
    environment_order: int = 0
    mode: str = ""
    device: str = "cpu"
    dtype: str = ""
    derivative: int = 0
    variant: str = "default"
    engine: str = ""
    platform: str = ""
    status: str = ""
    reason: str = ""
    verdict: str = ""
    why: str = ""
    """What decided the verdict, in words."""
    z_max: float = nan
    z_limit: float = nan
    ulp_max: float = nan
    ulp_mean: float = nan
    ulp_p99: float = nan
    abs_max: float = nan
    rel_max: float = nan
    bits: str = ""
    elements: int = 0
    seconds: float = nan
    first_call_seconds: float = nan
    import_seconds: float = nan
    flushed: int = 0
    nan_mismatch: int = 0
    inf_mismatch: int = 0
    zero_sign: int = 0
    worst_index: str = ""
    worst_inputs: str = ""
    worst_result: str = ""
    worst_truth: str = ""
    truth_bound_ulp: float = nan
    truth_method: str = ""
    envelope_ulp: float = nan
    shrink: float = nan
    role: str = "result"
    expect: str = ""
    factor: str = ""
    elementwise: bool = False
    special: bool = False
    claims: str = ""
    notes: str = ""
    base: str = ""
    aligned: str = ""
    repeatable: str = ""
    cause: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairRow:
    """Two cells that differ along one axis: a row of ``pairs.parquet``."""

    left: str = ""
    right: str = ""
    axis: str = ""
    family: str = ""
    case: str = ""
    output: str = ""
    dtype: str = ""
    derivative: int = 0
    left_environment: str = ""
    right_environment: str = ""
    left_mode: str = ""
    right_mode: str = ""
    verdict: str = ""
    z_max: float = nan
    ulp_max: float = nan
    abs_max: float = nan
    rel_max: float = nan
    cause: str = ""
    variant: str = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributionRow:
    """What was found about one cause: a row of ``attributions.parquet``."""

    family: str = ""
    case: str = ""
    pair: str = ""
    factor: str = ""
    share: float = nan
    residual: float = nan
    verdict_aligned: str = ""
    method: str = ""
    """``hypothesis`` (the reference with another value), ``subsets`` (runs with aligned factors) or ``variant`` (an arithmetic switch)."""
    axis: str = ""
    dtype: str = ""
    derivative: int = 0
    left: str = ""
    right: str = ""
    left_value: str = ""
    right_value: str = ""
    aligned_value: str = ""
    """What both sides were given in the runs with this factor aligned."""
    verdict: str = ""
    discrepancy: float = nan
    discrepancy_aligned: float = nan
    z_aligned: float = nan
    sufficient: str = ""
    evidence: str = ""
    named: bool = False
    role: str = "result"
    expect: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementRow:
    """What the probe measured beside the outputs: a row of ``measurements.parquet``."""

    id: str = ""
    family: str = ""
    case: str = ""
    environment: str = ""
    framework: str = ""
    mode: str = ""
    dtype: str = ""
    derivative: int = 0
    variant: str = "default"
    measurement: str = ""
    value: float = nan
    low: float = nan
    high: float = nan
    count: int = 0
    unit: str = ""
    baseline: str = ""
    claims: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultRow:
    """A default as an environment has it: a row of ``defaults.parquet``."""

    api: str = ""
    parameter: str = ""
    environment: str = ""
    framework: str = ""
    value: str = ""
    status: str = "read"
    source: str = ""
    title: str = ""
    group: str = ""
    api_name: str = ""
    comparable: str = ""
    note: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveRow:
    """The error of one bit class in one bin of the input range: a row of ``curves.parquet``."""

    family: str = ""
    case: str = ""
    dtype: str = ""
    output: str = ""
    environment: str = ""
    mode: str = ""
    bits: str = ""
    bin: int = 0
    x_lo: float = nan
    x_hi: float = nan
    ulp_max: float = nan
    ulp_mean: float = nan
    count: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TrajectoryRow:
    """A loss at one checkpoint of a training: a row of ``trajectories.parquet``."""

    id: str = ""
    family: str = ""
    case: str = ""
    dtype: str = ""
    environment: str = ""
    framework: str = ""
    environment_order: int = 0
    mode: str = ""
    aligned: str = ""
    verdict: str = ""
    place: int = 0
    step: int = 0
    value: float = nan
    truth: float = nan
    sigma: float = nan
    """What rounding alone moves the loss by (one standard deviation)."""
    z_limit: float = nan


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptRow:
    """A stand-alone script that shows a result's distance from the truth: a row of ``scripts.parquet``."""

    id: str = ""
    script: str = ""
    reason: str = ""
    """Why there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ElsewhereRow:
    """One output of a cell that another engine or machine gave otherwise: a row of ``elsewhere.parquet``."""

    id: str = ""
    family: str = ""
    case: str = ""
    output: str = ""
    environment: str = ""
    device: str = "cpu"
    engine: str = ""
    platform: str = ""
    status: str = ""
    reason: str = ""
    verdict: str = ""
    ulp_max: float = nan
    bits: str = ""
    here: str = ""
    """How the cell ended here."""
    here_bits: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformRow:
    """An environment on another platform, beside this run: a row of ``platforms.parquet``."""

    environment: str = ""
    device: str = "cpu"
    engine: str = ""
    platform: str = ""
    same: int = 0
    other: int = 0
    unrepeatable: int = 0
    only_there: int = 0
    damaged: int = 0
    named: str = ""
    differences: str = ""


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
    claims: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[Mapping[str, Any], ...] = ()
    """Sources of discrepancy, the largest first."""
    environments: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    cases: Mapping[str, Any] = field(default_factory=dict)
