"""Rows of the public tables, made of what judging found out about a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from replab import jsons
from replab.compare.metrics import NAN, Finding, widen
from replab.compare.pairs import Judged
from replab.contract.facts import Facts
from replab.formats import Array
from replab.judge.verdicts import NOTHING_COMPARED
from replab.model import Case, Environment, Status, Verdict
from replab.plan.alignment import is_partly_aligned
from replab.store.rows import JUDGED, AttributionRow, CellRow, CurveRow, MeasurementRow, PairRow, ScriptRow, TrajectoryRow
from replab.store.store import Tensor
from replab.truth.certify import Truth


@dataclass(kw_only=True)
class Rows:
    """What judging produces: a list of rows for each table of ``JUDGED``."""

    cells: list[CellRow] = field(default_factory=list)
    pairs: list[PairRow] = field(default_factory=list)
    curves: list[CurveRow] = field(default_factory=list)
    attributions: list[AttributionRow] = field(default_factory=list)
    measurements: list[MeasurementRow] = field(default_factory=list)
    scripts: list[ScriptRow] = field(default_factory=list)
    trajectories: list[TrajectoryRow] = field(default_factory=list)

    def add(self, other: Rows) -> None:
        """Take the rows of ``other`` as well."""
        for name in JUDGED:
            getattr(self, name).extend(getattr(other, name))

    def told(self) -> dict[str, dict[str, list[object]]]:
        """All rows as JSON values, table by table and column by column: so they leave the process in which they were made."""
        return {name: table.by_column(getattr(self, name)) for name, table in JUDGED.items()}

    @classmethod
    def heard(cls, answer: object) -> Rows:
        """The rows that another process told. Raises ``ValueError`` where it told something else."""
        if not isinstance(answer, dict) or list(answer) != list(JUDGED):
            raise ValueError("these are no rows of the tables that judging makes")
        return cls(**{name: table.rows(answer[name]) for name, table in JUDGED.items()})


def blank_row(case: Case, cell: Judged, environment: Environment, facts: Facts) -> CellRow:
    """What is known of a cell before any output of it is looked at."""
    return CellRow(
        key=cell.key,
        id=str(cell.id),
        family=case.family,
        experiment=case.family,
        case=case.name,
        title=case.title,
        environment=environment.name,
        framework=environment.framework,
        framework_version=found_version(facts, environment),
        environment_order=environment.order,
        mode=cell.id.mode,
        device=cell.id.device,
        dtype=cell.id.dtype,
        derivative=cell.id.derivative,
        variant=cell.id.variant,
        engine=facts.engine,
        platform=facts.platform,
        status=cell.status,
        reason=cell.reason,
        seconds=_seconds(cell, "seconds"),
        first_call_seconds=_seconds(cell, "first_call_seconds"),
        role="control" if case.control else "part" if is_partly_aligned(case) else "result",
        expect=case.control.expect if case.control else "",
        factor=case.control.factor if case.control else "",
        elementwise=case.elementwise,
        model=case.model,
        special=case.special,
        claims=",".join(case.claims),
        notes="; ".join(jsons.texts(cell.record.get("notes", ()))),
        base=case.base,
        aligned="+".join(sorted(case.aligned)),
        repeatable=cell.repeatable,
        cause=cell.cause,
        shown_by=cell.shown_by,
    )


def cell_rows(
    blank: CellRow, case: Case, cell: Judged, truths: Mapping[str, Truth], inputs: Mapping[str, Array], problem: str
) -> Iterator[CellRow]:
    """A row for each output that the cell has or should have, or one in all. ``problem``: why there is no truth, or nothing."""
    if not cell.tensors:
        nothing = cell.unusable or problem or f"{NOTHING_COMPARED}: the function returned no output"
        yield replace(blank, verdict=Verdict.INCONCLUSIVE, why=nothing) if cell.status == Status.OK else blank
        return
    for name in truths:
        if name not in cell.tensors:
            yield replace(blank, output=name, verdict=Verdict.INCOMPARABLE, why=f"the function returned no output {name!r}")
    for name, tensor in cell.tensors.items():
        row = replace(blank, output=name, bits=tensor.sha256, elements=int(tensor.values.size))
        if name not in cell.findings:
            verdict = Verdict.INCONCLUSIVE if problem else Verdict.INCOMPARABLE
            yield replace(row, verdict=verdict, why=problem or f"the reference has no output {name!r}")
            continue
        finding, _ = cell.findings[name]
        verdict, why, shrink = cell.verdicts[name]
        row = replace(
            row,
            verdict=verdict,
            why=why,
            z_max=NAN if finding.unrounded else finding.z_max,
            z_limit=finding.z_limit,
            ulp_max=finding.ulp_max,
            ulp_mean=finding.ulp_mean,
            ulp_p99=finding.ulp_p99,
            abs_max=finding.abs_max,
            rel_max=finding.rel_max,
            flushed=finding.flushed,
            nan_mismatch=finding.nan_mismatch,
            inf_mismatch=finding.inf_mismatch,
            zero_sign=finding.zero_sign,
            uncertain=finding.uncertain,
            misrounded=finding.misrounded,
            unrounded=finding.unrounded,
            parted=finding.parted,
            other_branch=finding.other_branch,
            truth_bound_ulp=finding.bound_ulp,
            truth_method=truths[name].method,
            envelope_ulp=finding.envelope_ulp,
            shrink=shrink,
        )
        yield _with_worst(row, case, finding, tensor, truths[name], inputs)


def measurement_rows(blank: CellRow, cell: Judged) -> Iterator[MeasurementRow]:
    """What a cell measured of itself."""
    for measured in jsons.tables(cell.record.get("measured", ())):
        value, low, high = (_real(measured.get(name)) for name in ("value", "low", "high"))
        yield MeasurementRow(
            id=blank.id,
            family=blank.family,
            case=blank.case,
            environment=blank.environment,
            framework=blank.framework,
            mode=blank.mode,
            dtype=blank.dtype,
            derivative=blank.derivative,
            variant=blank.variant,
            claims=blank.claims,
            measurement=str(measured["name"]),
            value=value,
            low=low,
            high=high,
            baseline=str(measured.get("baseline", "")),
            count=int(jsons.number(measured.get("count") or 0)),
            unit=str(measured.get("unit", "")),
            note=str(measured.get("note", "")),
        )


def _seconds(cell: Judged, name: str) -> float:
    return _real(cell.record.get(name))


def _real(value: object) -> float:
    """A number of a record, NaN where it has none."""
    return NAN if value is None else jsons.number(value)


def _with_worst(row: CellRow, case: Case, finding: Finding, tensor: Tensor, truth: Truth, inputs: Mapping[str, Array]) -> CellRow:
    """The row with its worst element: where, from which inputs, what came out and what is true."""
    if finding.worst < 0 or not tensor.values.size:
        return row
    index = np.unravel_index(finding.worst, tensor.values.shape)
    value = widen(tensor.values, tensor.dtype).reshape(-1)[finding.worst]
    if truth.exact is not None:
        true: np.generic = truth.exact.reshape(-1)[finding.worst]
    else:
        true = truth.high.reshape(-1)[finding.worst]
        true = truth.ieee.reshape(-1)[finding.worst] if np.isnan(true) else true
    given = []
    for name, values in inputs.items():
        if values.shape == tensor.values.shape or (case.elementwise and values.size == tensor.values.size):
            given.append(f"{name}={_number(values.reshape(-1)[finding.worst])}")
        elif values.size == 1:
            given.append(f"{name}={_number(values.reshape(-1)[0])}")
    return replace(
        row,
        worst_index=",".join(str(int(axis)) for axis in index),
        worst_inputs=", ".join(given),
        worst_result=_number(value),
        worst_truth=_number(true),
    )


def _number(value: np.generic) -> str:
    """A number in hexadecimal and decimal, or an integer."""
    number = value.item()
    return f"{number.hex()} ({number:.9g})" if isinstance(number, float) else str(int(number))


def found_version(facts: Facts, environment: Environment) -> str:
    """The framework's version as observed inside (with the engine ``host`` it need not be the one asked for), else as asked."""
    packages = facts.observed.get("packages")
    names = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow_cpu")}.get(environment.framework, (environment.framework,))
    return next((str(packages[name]) for name in names if isinstance(packages, Mapping) and name in packages), environment.version)
