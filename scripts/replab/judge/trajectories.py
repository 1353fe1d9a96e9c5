"""The losses of trainings at their checkpoints, with the certified values and the envelope: rows for the page on training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from replab.compare.metrics import widen, z_limit
from replab.contract.input_index import Index
from replab.errors import StoreError, TruthError
from replab.model import Case, Family, Lab, Status
from replab.plan.outputs import output_names
from replab.store.rows import CellRow, TrajectoryRow
from replab.store.store import Store
from replab.truth.cache import Truths, judging_cell

OUTPUT = "losses"
"""Outputs of this name are drawn as curves."""


def steps_of(case: Case, points: int) -> list[int]:
    """After how many steps each loss was taken: 0, 1, and a tenth, a quarter, half and all of ``steps``; else the places themselves."""
    steps = case.parameters.get("steps")
    marks = [0, 1, steps // 10, steps // 4, steps // 2, steps] if isinstance(steps, int) else []
    return marks if len(marks) == points else list(range(points))


def rows(lab: Lab, cells: Sequence[CellRow], truths: Truths, indices: Mapping[str, Index]) -> Iterator[TrajectoryRow]:
    """Every loss of the default variant, of cases as declared and with all factors aligned; ``cells`` are judged ones.

    ``indices``: what the rule ``inputs`` wrote, by family.
    """
    wanted: dict[tuple[str, str], list[CellRow]] = defaultdict(list)
    for cell in cells:
        if cell.output == OUTPUT and cell.status == Status.OK and cell.variant == "default":
            wanted[cell.family, cell.case].append(cell)
    store = Store(lab.results.store)
    for family in lab.families:
        cases = {case.name: case for case in family.cases} if any(name == family.name for name, _ in wanted) else {}
        for case in cases.values():
            environments_wanted = wanted.get((family.name, case.name), [])
            if environments_wanted and case.aligned in ((), tuple(cases[case.group].factors)):
                yield from _case(family, cases[case.group], case, environments_wanted, store, truths, indices[family.name])


def _case(
    family: Family, base: Case, case: Case, cells: Sequence[CellRow], store: Store, truths: Truths, index: Index
) -> Iterator[TrajectoryRow]:
    for dtype in sorted({cell.dtype for cell in cells}):
        try:
            certified = truths.get(family, judging_cell(base, dtype, "", 0), index)
            truth = dict(zip(output_names(base, len(certified)), certified, strict=True)).get(OUTPUT)
        except (TruthError, KeyError):
            truth = None
        for cell in cells:
            if cell.dtype != dtype or cell.derivative:
                continue
            try:
                tensor = next(candidate for candidate in store.read(cell.key).tensors if candidate.name == OUTPUT)
            except (StoreError, StopIteration):
                continue
            values = widen(tensor.values, tensor.dtype).astype(np.float64).ravel()
            if truth is None or truth.high.size != values.size:
                continue
            marks = steps_of(case, values.size)
            for number, (value, high, sigma) in enumerate(zip(values, truth.high.ravel(), truth.sigma.ravel(), strict=True)):
                yield TrajectoryRow(
                    id=cell.id,
                    family=cell.family,
                    case=case.group,
                    dtype=cell.dtype,
                    environment=cell.environment,
                    framework=cell.framework,
                    environment_order=cell.environment_order,
                    mode=cell.mode,
                    aligned="+".join(case.aligned),
                    verdict=cell.verdict,
                    place=number,
                    step=marks[number],
                    value=float(value),
                    truth=float(high),
                    sigma=float(sigma),
                    z_limit=z_limit(truth.high.size, truth.runs),
                )
