"""Looks for causes: by other values of the reference's factors, and by the runs in which factors were aligned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replab.attribute import rows
from replab.attribute.hypotheses import Explanation, Judgement, Search
from replab.compare.escalation import escalate
from replab.compare.metrics import NAN, against_truth, widen
from replab.compare.pairs import Judged, pair_row
from replab.compare.verdict import outside, verdict
from replab.errors import TruthError
from replab.model import Case, Cell, Environment, Family, Verdict, worst
from replab.plan.alignment import is_partly_aligned
from replab.store.rows import AttributionRow
from replab.truth.cache import Truths, judging_cell

REMEMBERED = 2**16
"""Values of the reference of up to so many elements are kept while other results of the same case are looked at."""


class Causes:
    """The causes of differences in one family."""

    def __init__(self, family: Family, truths: Truths, index: Mapping[str, Any]) -> None:
        self._family, self._truths, self._index = family, truths, index
        self._told: dict[str, list[Mapping[str, Any]]] = {}
        """What explained results of a case so far: tried first on its other results."""
        self._named: dict[tuple[str, int, str, str], str] = {}
        """The causes of float32 results, by case, order, environment and mode."""
        self._evaluated: dict[str, list[NDArray[Any]]] = {}
        """The plain reference at values that were tried, for the truth in hand."""

    def explain(
        self,
        case: Case,
        dtype: str,
        derivative: int,
        cells: Sequence[Judged],
        finer: Mapping[tuple[str, str], Judged],
        names: Sequence[str],
    ) -> list[AttributionRow]:
        """Try the factors of the reference on every result that is another function, and note the cause on the cell.

        ``finer``: the float64 run of a float32 cell by (environment, mode). Equal bits are explained once; what is not repeatable is left
        alone; results in 16-bit formats have the cause of their float32 companion.
        """
        if case.drawn or is_partly_aligned(case):  # the latter differs, and on purpose
            return []
        if dtype not in ("float32", "float64"):
            for cell in cells:
                if any(not one.same_function for one, _, _ in cell.verdicts.values()) and cell.id.variant == "default":
                    cell.cause = self._named.get((case.name, derivative, cell.id.environment, cell.id.mode), "")
            return []
        standing = judging_cell(case, dtype, "", derivative)
        self._evaluated.clear()
        known: dict[tuple[str, ...], tuple[float, list[Explanation]]] = {}
        candidates = sum(len(factor.alternatives) + factor.fit for factor in case.factors.values())
        found: list[AttributionRow] = []
        for cell in cells:
            wrong = [one for one, _, _ in cell.verdicts.values() if not one.same_function]
            if not wrong or cell.repeatable == "no" or set(cell.verdicts) != set(names) or cell.id.variant != "default":
                continue
            bits = tuple(cell.tensors[name].sha256 for name in names)
            if bits not in known:
                escalation = finer.get((cell.id.environment, cell.id.mode)) if dtype == "float32" else None
                known[bits] = self._search(standing, cell, escalation, names)
            apart, explanations = known[bits]
            told = list(rows.explained(case, cell, worst(wrong), apart, explanations, candidates))
            cell.cause = "" if told[0].factor == rows.UNKNOWN else told[0].factor
            if dtype == "float32":
                self._named[case.name, derivative, cell.id.environment, cell.id.mode] = cell.cause
            found += told
        return found

    def _search(self, standing: Cell, cell: Judged, escalation: Judged | None, names: Sequence[str]) -> tuple[float, list[Explanation]]:
        """How far a result is from the reference, and which other values of its factors explain it."""

        def certify(changed: Mapping[str, Any]) -> Judgement:
            try:
                truths = self._truths.get(self._family, standing, self._index, changed)
            except TruthError as error:
                return Judgement(verdict=f"no truth: {error.problem}", z=NAN, rms=NAN, explains=False)
            found: list[Verdict] = []
            z: list[NDArray[np.float64]] = [np.zeros(1)]
            for name, truth in zip(names, truths, strict=True):
                tensor = cell.tensors[name]
                finding, distances = against_truth(tensor.values, tensor.dtype, truth)
                seen = None
                if distances is not None:
                    z.append(distances.z[distances.measured])
                    if outside(finding) and escalation is not None and name in escalation.tensors:
                        finer = escalation.tensors[name]
                        _, other = against_truth(finer.values, finer.dtype, truth)
                        seen = escalate(finding, distances, other, finer.values, truth) if other is not None else None
                found.append(verdict(finding, dtype=cell.id.dtype, escalation=seen, single=None)[0])
            every = np.concatenate(z)
            return Judgement(
                verdict=str(worst(found)),
                z=float(every.max()),
                rms=float(np.sqrt(np.mean(np.square(every)))),
                explains=all(one.same_function for one in found),
            )

        def plain(changed: Mapping[str, Any]) -> list[NDArray[Any]]:
            name = repr(sorted(changed.items()))
            if name not in self._evaluated:
                found = self._truths.plain(self._family, standing, self._index, changed)
                if sum(one.size for one in found) > REMEMBERED:
                    return found
                self._evaluated[name] = found
            return self._evaluated[name]

        result = [widen(cell.tensors[name].values, cell.tensors[name].dtype) for name in names]
        search = Search(standing.case.factors, result, plain, certify, double=cell.id.dtype == "float64")
        told = self._told.setdefault(standing.case.group, [])
        found = search.run(told)
        if len({one.factor for one in found}) == 1 and found[0].changed not in told:
            told.append(found[0].changed)
        return search.base, found

    def align(
        self,
        cases: Sequence[Case],
        dtype: str,
        derivative: int,
        cells: Mapping[str, Mapping[str, Judged]],
        names: Sequence[str],
        environments: Sequence[Environment],
    ) -> list[AttributionRow]:
        """Shares of the factors of ``cases[0]``, from the runs of ``cases`` in which some of them were aligned.

        ``cells``: case → environment → its eager cell of this dtype and order.
        """
        try:
            truths = self._truths.get(self._family, judging_cell(cases[0], dtype, "", derivative), self._index)
        except TruthError:
            return []
        by_output = dict(zip(names, truths, strict=True))

        def verdict_of(left: Judged, right: Judged) -> Verdict:
            common = left.verdicts.keys() & right.verdicts.keys()
            found = [Verdict(pair_row(cases[0], left, right, "", name, by_output[name]).verdict) for name in sorted(common)]
            return worst(found) if found else Verdict.INCOMPARABLE

        return list(rows.aligned(cases, cells, verdict_of, environments))
