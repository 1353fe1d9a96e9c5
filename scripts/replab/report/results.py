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
class Results:
    """All that a report is made of."""

    cells: tuple[CellRow, ...] = ()
    pairs: tuple[PairRow, ...] = ()
    curves: tuple[CurveRow, ...] = ()
    environments: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    cases: Mapping[str, Any] = field(default_factory=dict)
