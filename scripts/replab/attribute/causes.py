"""Looks for causes: by other values of the reference's factors, and by the runs in which factors were aligned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from replab.attribute import arithmetic, rows, ties
from replab.attribute.hypotheses import EQUALLY_GOOD, SMALL_RMS, Answer, Explanation, Judgement, Search, distance, sizes
from replab.attribute.values import Change, Fitted, InFloat32, RestInFloat32, in_format, is_same
from replab.compare.escalation import escalate
from replab.compare.metrics import NAN, Distances, against_truth, widen
from replab.compare.pairs import Judged, pair_row
from replab.compare.verdict import SINGLE_TO_DOUBLE, outside, verdict
from replab.contract.input_index import Index
from replab.errors import TruthError
from replab.formats import FORMATS, Array, round_to
from replab.model import Case, Cell, Environment, Factor, Family, Verdict, worst
from replab.plan.alignment import is_partly_aligned
from replab.store.rows import AttributionRow
from replab.store.store import Tensor
from replab.truth.arithmetic import TIES, is_arithmetic
from replab.truth.cache import Truths, judging_cell
from replab.truth.certify import Truth

REMEMBERED = 2**16
"""Values of the reference of up to so many elements are kept while other results of the same case are looked at."""
COARSE = 8.0
"""A kernel may lose three bits more than rounding does, or than rounding the largest of its numbers does, and still be told apart from
another function: what is farther is not explained."""
Near = Callable[[Distances, Tensor], bool]
Place = tuple[str, int, str, str]
"""Case, order, environment and mode."""


class Causes:
    """The causes of differences in one family."""

    def __init__(self, family: Family, truths: Truths, index: Index, frameworks: Mapping[str, str] | None = None) -> None:
        """``frameworks``: that of each environment, to name no choice which it does not have."""
        self._family, self._truths, self._index, self._frameworks = family, truths, index, frameworks or {}
        self._named_before: dict[str, list[Change]] = {}
        """What explained results of a case so far."""
        self._named: dict[Place, str] = {}
        """The causes of float32 results."""
        self._chosen: dict[Place, Sequence[Explanation]] = {}
        """What explained them."""
        self._evaluated: dict[str, list[Array]] = {}
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
        """Try the factors of the reference on every result that is another function, or a coarse one, and note the cause on the cell.

        ``finer``: the float64 run of a float32 cell by (environment, mode). Equal bits are explained once; what is not repeatable is left
        alone; results in 16-bit formats have the cause of their float32 companion.
        """
        if case.drawn or is_partly_aligned(case):  # the latter differs, and on purpose
            return []
        if dtype not in ("float32", "float64"):
            return self._in_a_short_format(case, dtype, derivative, cells, names)
        standing = judging_cell(case, dtype, "", derivative)
        self._evaluated.clear()
        answers: dict[tuple[str, ...], Answer] = {}
        rows_made: list[AttributionRow] = []
        for cell in cells:
            verdicts = [verdict for verdict, _, _ in cell.verdicts.values()]
            coarse = all(verdict.same_function for verdict in verdicts)
            if (coarse and Verdict.ACCURACY not in verdicts) or cell.repeatable == "no" or cell.id.variant != "default":
                continue
            if set(cell.verdicts) != set(names):
                continue
            factors = self._factors(case, cell)
            bits = (*factors, *(cell.tensors[name].sha256 for name in names))
            if bits not in answers:
                companion = _companion(cell, cells, finer, names) if factors and dtype == "float32" else None
                answer = self._search(standing, cell, companion, names, coarse=coarse) if factors else Answer(apart=NAN)
                answers[bits] = answer if answer.explanations else self._in_another_arithmetic(standing, cell, names, answer)
            answer = answers[bits]
            if (coarse or not factors) and not answer.explanations:
                continue
            candidates = sum(len(factor.alternatives) + factor.fit for factor in factors.values())
            row = self._noted(standing, cell, names, answer, candidates)
            position = (case.name, derivative, cell.id.environment, cell.id.mode)
            if dtype == "float32" and all(
                name == TIES or not is_arithmetic(name) for name in cell.changed or ()
            ):  # arithmetic is of that format alone
                self._named[position], self._chosen[position] = cell.cause, answer.explanations
            rows_made += row
        return rows_made

    def _noted(self, standing: Cell, cell: Judged, names: Sequence[str], answer: Answer, candidates: int) -> list[AttributionRow]:
        """The rows on what explains a result, which is noted on its cell."""
        noted = list(rows.explained(standing.case, cell, worst(verdict for verdict, _, _ in cell.verdicts.values()), answer, candidates))
        cell.shown_by = rows.shown_by(noted[0])
        if noted[0].factor != rows.UNKNOWN:
            cell.cause = noted[0].factor
            cell.changed = answer.explanations[0].changed if noted[0].named else None
            cell.explained_by = self._explaining(standing, names, cell.changed)
        return noted

    def _in_a_short_format(
        self, case: Case, dtype: str, derivative: int, cells: Sequence[Judged], names: Sequence[str]
    ) -> list[AttributionRow]:
        """Results in other formats have the cause of their float32 companion; without one, what overflows in float16 is looked for."""
        standing = judging_cell(case, dtype, "", derivative)
        self._evaluated.clear()
        answers: dict[tuple[str, ...], Answer] = {}
        rows_made: list[AttributionRow] = []
        for cell in cells:
            verdicts = [verdict for verdict, _, _ in cell.verdicts.values()]
            if cell.id.variant != "default" or all(verdict.explained for verdict in verdicts):
                continue
            position = (case.name, derivative, cell.id.environment, cell.id.mode)
            if any(not verdict.same_function for verdict in verdicts) and self._named.get(position):
                cell.cause = self._named[position]
                cell.changed = self._chosen[position][0].changed if " or " not in cell.cause else None
            elif dtype == "float16" and cell.repeatable != "no" and set(cell.verdicts) == set(names):
                bits = tuple(cell.tensors[name].sha256 for name in names)
                if bits not in answers:
                    answers[bits] = self._by_results(standing, cell, names, Answer(apart=NAN))
                if answers[bits].explanations:
                    rows_made += self._noted(standing, cell, names, answers[bits], 0)
        return rows_made

    def _by_results(self, standing: Cell, cell: Judged, names: Sequence[str], answer: Answer) -> Answer:
        """The ``answer`` of a search that found nothing, or the explanation by what becomes of results of operations."""
        explanation = self._of_results(standing, cell, names)
        if explanation is None:
            return answer
        values = self._plainly(standing)({})
        result = [widen(cell.tensors[name].values, cell.tensors[name].dtype) for name in names]
        return replace(answer, apart=distance(result, values, sizes(values, result)), explanations=[explanation])

    def _in_another_arithmetic(self, standing: Cell, cell: Judged, names: Sequence[str], answer: Answer) -> Answer:
        """The ``answer`` of a search that found nothing, or the explanation that nobody declared."""
        answer = self._by_results(standing, cell, names, answer)
        if not answer.explanations and (explanation := self._of_ties(standing, cell, names)) is not None:
            return replace(answer, explanations=[explanation])
        if answer.explanations or cell.id.dtype != "float64":
            return answer
        held = arithmetic.held_in_float32(standing.case, self._truths.constants(self._family, standing))
        if not held:
            return answer
        near = _near_in_own_units(self._truths.inputs(standing, self._index)) if standing.case.elementwise else None
        certify = self._certifier(standing, cell, names, None, near)
        search = self._looking(standing, cell, names, cell.id.dtype, certify)
        bases: list[Change] = [{}] if answer.nearest is None else [{}, answer.nearest.changed]
        explanation = arithmetic.constants_in_float32(held, bases, search, certify)
        return answer if explanation is None else replace(answer, apart=search.base, explanations=[explanation])

    def _of_results(self, standing: Cell, cell: Judged, names: Sequence[str]) -> Explanation | None:
        """What explains a result by subnormal numbers that are flushed, or by an overflow in float16."""
        tensors = [cell.tensors[name] for name in names]
        result = [widen(tensor.values, tensor.dtype) for tensor in tensors]
        plain = self._plainly(standing)
        ways = arithmetic.OVERFLOWING if standing.dtype == "float16" else arithmetic.FLUSHED
        numbers = [*result, *plain({}), *self._truths.inputs(standing, self._index)]
        if ways is arithmetic.FLUSHED and not arithmetic.may_be_flushed(numbers, standing.dtype):
            return None
        truths = self._truths.get(self._family, standing, self._index)
        far = []
        for tensor, truth in zip(tensors, truths, strict=True):
            finding, distances = against_truth(tensor.values, tensor.dtype, truth)
            if distances is None:  # integers, or another shape
                return None
            lost = truth.high.reshape(-1) != 0 if finding.vanished else np.zeros(finding.elements, bool)
            far.append(lost | (distances.measured & (distances.z > COARSE * finding.z_limit)))

        def rounded(changed: Change) -> list[Array]:
            return [round_to(values, standing.dtype) for values in plain(changed)]

        certify = self._certifier(standing, cell, names, None, lambda _, __: False)
        return arithmetic.of_results(ways, result, np.concatenate(far), rounded, certify)

    def _of_ties(self, standing: Cell, cell: Judged, names: Sequence[str]) -> Explanation | None:
        """Whether the reference gives the indices of a result where equal elements of its input are told apart as the result has them.

        Nothing where the case declares choices: how equal elements are told apart is one of those then.
        """
        truths = self._truths.get(self._family, standing, self._index)
        indices = [name for name, truth in zip(names, truths, strict=True) if truth.exact is not None]
        inputs = self._truths.inputs(standing, self._index)
        if (
            standing.case.factors
            or len(indices) != 1
            or len(inputs) != 1
            or any(not cell.verdicts[name][0].explained for name in names if name not in indices)
        ):
            return None
        (name,) = indices
        wanted = cell.tensors[name].values
        for other in ties.otherwise_broken(inputs[0], wanted):
            plain = self._truths.plain_on(self._family, standing, self._index, [other])[names.index(name)]
            if np.array_equal(plain, wanted):
                return Explanation(changed={TIES: "that of the result"}, verdict=str(Verdict.IDENTICAL), z=NAN, rms=0.0, left=0.0)
        return None

    def _explaining(self, standing: Cell, names: Sequence[str], changed: Change | None) -> Mapping[str, Truth]:
        """The truths of the reference with ``changed`` factors, by output."""
        return {} if changed is None else dict(zip(names, self._truths.get(self._family, standing, self._index, changed), strict=True))

    def _search(self, standing: Cell, cell: Judged, companion: Judged | None, names: Sequence[str], *, coarse: bool) -> Answer:
        """Which other values of the factors of the reference explain a result.

        A float32 result is asked for in float64 first, where 29 bits more tell hypotheses apart; what explains that must explain the
        float32 result too. ``coarse``: the result is the right function, and only what leaves nothing but rounding explains it.
        """
        named_before = self._named_before.setdefault(standing.case.group, [])
        dtype = cell.id.dtype
        search = self._looking(standing, cell, names, dtype, self._certifier(standing, cell, names, companion))
        if coarse:
            answer = search.run(_in(named_before, dtype), most=1)
            exact = [
                explanation
                for explanation in answer.explanations
                if Verdict(explanation.verdict).explained and not _is_fitted(explanation.changed)
            ]
            return replace(answer, explanations=self._in_both(standing, exact, companion, names, []))
        if companion is not None:
            certify = self._certifier(standing, companion, names, None)
            double = self._looking(standing, companion, names, "float64", certify).run(_in(named_before, "float64"))
            explanations = self._also_in_float32(search, double.explanations)
            answer = replace(double, apart=search.base, explanations=explanations)
            if not explanations:
                answer = search.run(_in(named_before, dtype))
                explaining = [explanation.factor for explanation in double.explanations]
                answer = replace(answer, explanations=self._in_both(standing, answer.explanations, companion, names, explaining))
        else:
            position = (standing.case.name, standing.derivative, cell.id.environment, cell.id.mode)
            single = [explanation.changed for explanation in self._chosen.get(position, ())]
            answer = search.run(_in([*named_before, *single], dtype))
            both = [
                explanation
                for explanation in answer.explanations
                if any(is_same(in_format(explanation.changed, "float32"), other) for other in single)
            ]
            answer = replace(answer, explanations=[*both, *(explanation for explanation in answer.explanations if explanation not in both)])
        if len({explanation.factor for explanation in answer.explanations}) == 1 and answer.explanations[0].changed not in named_before:
            named_before.append(answer.explanations[0].changed)
        return answer

    def _looking(self, standing: Cell, cell: Judged, names: Sequence[str], dtype: str, certify: Callable[[Change], Judgement]) -> Search:
        """A search for what explains a result of one format."""
        result = [widen(cell.tensors[name].values, cell.tensors[name].dtype) for name in names]
        plain = self._plainly(standing)
        return Search(self._factors(standing.case, cell), result, plain, certify, dtype=dtype, largest=self._largest(standing))

    def _plainly(self, standing: Cell) -> Callable[[Change], list[Array]]:
        """The plain reference, which remembers what it gave for the truth in hand."""

        def plain(changed: Change) -> list[Array]:
            name = repr(sorted((name, float(value) if isinstance(value, float) else value) for name, value in changed.items()))
            if name not in self._evaluated:
                values = self._truths.plain(self._family, standing, self._index, changed)
                if sum(array.size for array in values) > REMEMBERED:
                    return values
                self._evaluated[name] = values
            return self._evaluated[name]

        return plain

    def _factors(self, case: Case, cell: Judged) -> dict[str, Factor]:
        """The factors of a case, without those that the framework of a cell does not have."""
        framework = self._frameworks.get(cell.id.environment, "")
        return {name: factor for name, factor in case.factors.items() if framework not in factor.absent}

    def _largest(self, standing: Cell) -> int:
        """The larger side of the matrices that go in; 0 where there are none."""
        described = self._index[standing.case.name][standing.dtype]["value"]["inputs"]
        return max((max(described_input["shape"][-2:]) for described_input in described if len(described_input["shape"]) > 1), default=0)

    def _certifier(
        self, standing: Cell, cell: Judged, names: Sequence[str], companion: Judged | None, near_enough: Near | None = None
    ) -> Callable[[Change], Judgement]:
        """Judges a result by the certified truth of the changed reference; ``cell`` may be the float64 run of a float32 one.

        ``near_enough``: whether elements beyond ``COARSE`` times the limit are near all the same (``_is_absolutely_near``).
        """
        doubled = standing.dtype == "float32" and cell.id.dtype == "float64"
        is_near = near_enough or _is_absolutely_near

        def certify(changed: Change) -> Judgement:
            try:
                truths = self._truths.get(self._family, standing, self._index, changed)
            except TruthError as error:
                return Judgement(verdict=f"no truth: {error.problem}", z=NAN, rms=NAN, explains=False)
            verdicts: list[Verdict] = []
            z: list[NDArray[np.float64]] = [np.zeros(1)]
            near = True
            for name, truth in zip(names, truths, strict=True):
                tensor = cell.tensors[name]
                finding, distances = against_truth(tensor.values, tensor.dtype, _in_float64(truth) if doubled else truth)
                seen = None
                if distances is not None:
                    z.append(distances.z[distances.measured])
                    near &= not finding.z_max > COARSE * finding.z_limit or is_near(distances, tensor)
                    if outside(finding) and companion is not None and name in companion.tensors:
                        finer = companion.tensors[name]
                        _, other = against_truth(finer.values, finer.dtype, truth)
                        seen = escalate(finding, distances, other, finer.values, truth) if other is not None else None
                verdicts.append(verdict(finding, dtype=cell.id.dtype, escalation=seen, single=None)[0])
            if near_enough is not None and near:  # what is so near is the right function, whatever other precisions would say
                verdicts = [Verdict.ACCURACY if judged_verdict is Verdict.BEYOND else judged_verdict for judged_verdict in verdicts]
            every = np.concatenate(z)
            return Judgement(
                verdict=str(worst(verdicts)),
                z=float(every.max()),
                rms=float(np.sqrt(np.mean(np.square(every)))),
                explains=near and all(judged_verdict.same_function for judged_verdict in verdicts),
            )

        return certify

    @staticmethod
    def _also_in_float32(search: Search, explanations: Sequence[Explanation]) -> list[Explanation]:
        """Those of the explanations of a float64 run that explain the float32 result, without what cannot be seen there."""
        kept_explanations: list[Explanation] = []
        for explanation in explanations:
            changed = in_format(explanation.changed, "float32")
            judged = search.certify(changed)
            if not judged.explains:
                continue
            for name, value in list(changed.items()):
                plainer = {**changed, name: value.given} if isinstance(value, InFloat32 | RestInFloat32) else changed
                without = {other: kept for other, kept in changed.items() if other != name}
                for simpler in (without, plainer):
                    shorter = search.certify(simpler) if simpler and simpler != changed else judged
                    if shorter.explains and shorter is not judged and shorter.rms <= EQUALLY_GOOD * max(judged.rms, SMALL_RMS):
                        changed, judged = simpler, shorter
                        break
            left = search.distance(changed) / search.base
            kept_explanations.append(Explanation(changed=changed, verdict=judged.verdict, z=judged.z, rms=judged.rms, left=left))
        fewest = min((len(explanation.changed) for explanation in kept_explanations), default=0)
        best = max(min((explanation.rms for explanation in kept_explanations), default=0.0), SMALL_RMS)
        return [
            explanation
            for explanation in kept_explanations
            if len(explanation.changed) == fewest and explanation.rms <= EQUALLY_GOOD * best
        ]

    def _in_both(
        self, standing: Cell, explanations: Sequence[Explanation], companion: Judged | None, names: Sequence[str], factors: Sequence[str]
    ) -> list[Explanation]:
        """Those of the explanations of a float32 result that its float64 run allows.

        That is a choice of the same factors (``there``: those that explain the float64 run), or declared values with which no more is
        left in float64 than float32 would round.
        """
        if companion is None:
            return list(explanations)
        certify = self._certifier(standing, companion, names, None)

        def allows(explanation: Explanation) -> bool:
            if explanation.factor in factors:
                return True
            verdict = certify(in_format(explanation.changed, "float64")).verdict
            return not _is_fitted(explanation.changed) and verdict in set(Verdict) and Verdict(verdict).same_function

        return [explanation for explanation in explanations if allows(explanation)]

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
            verdicts = [Verdict(pair_row(cases[0], left, right, "", name, by_output[name]).verdict) for name in sorted(common)]
            return worst(verdicts) if verdicts else Verdict.INCOMPARABLE

        return list(rows.aligned(cases, cells, verdict_of, environments))


def by_alignment(cases: Sequence[Case], cells: Mapping[str, Mapping[str, Judged]]) -> dict[str, tuple[str, str]]:
    """Causes that only runs with aligned factors know, like initial values that each side draws: by the id of a cell its cause and the run.

    The smallest set of factors with which the same environment computes what the reference does; none where there are several.
    ``cells``: case → environment → its eager cell of one dtype and order.
    """
    causes: dict[str, tuple[str, str]] = {}
    for environment, cell in cells.get(cases[0].name, {}).items():
        if cell.cause or cell.repeatable == "no" or all(seen.same_function for seen, _, _ in cell.verdicts.values()):
            continue
        runs = {case.aligned: cells[case.name][environment] for case in cases[1:] if environment in cells.get(case.name, {})}
        enough = [
            aligned
            for aligned, run in runs.items()
            if run.verdicts.keys() == cell.verdicts.keys() and all(seen.same_function for seen, _, _ in run.verdicts.values())
        ]
        fewest = min((len(aligned) for aligned in enough), default=0)
        smallest = [aligned for aligned in enough if len(aligned) == fewest]
        if len(smallest) == 1:
            causes[str(cell.id)] = ("+".join(sorted(smallest[0])), f"the run {runs[smallest[0]].id}")
    return causes


def _companion(cell: Judged, cells: Sequence[Judged], finer: Mapping[tuple[str, str], Judged], names: Sequence[str]) -> Judged | None:
    """The float64 run of a float32 cell; where its mode has none, that of the eager mode, if this is another function as well.

    None where it has no more digits than float32, or lacks an output.
    """
    position = (cell.id.environment, cell.id.mode)
    eager = [
        candidate
        for candidate in cells
        if (candidate.id.environment, candidate.id.mode, candidate.id.variant) == (cell.id.environment, "eager", "default")
    ]
    alike = any(not seen.explained for candidate in eager for seen, _, _ in candidate.verdicts.values())
    finer_cell = finer.get(position) or (finer.get((cell.id.environment, "eager")) if alike else None)
    if finer_cell is None or any(name not in finer_cell.tensors for name in names):
        return None
    return finer_cell if all(_is_double(cell.tensors[name], finer_cell.tensors[name]) for name in names) else None


def _is_double(single: Tensor, double: Tensor) -> bool:
    """Whether an output was computed in float64: it has digits that float32 has not, or the same value, which needs none."""
    if single.dtype != "float32":
        return single.dtype == double.dtype
    short = double.values.astype(np.float32)
    fine = not np.array_equal(short.astype(np.float64), double.values, equal_nan=True)
    return double.dtype == "float64" and (fine or np.array_equal(short, single.values, equal_nan=True))


def _in_float64(truth: Truth) -> Truth:
    """A truth on float32 inputs as it judges what was computed in float64: rounding is less by the ratio of the units."""
    return truth if truth.exact is not None else replace(truth, sigma=truth.sigma * SINGLE_TO_DOUBLE)


def _in(changes: Sequence[Change], dtype: str) -> list[Change]:
    return [in_format(changed, dtype) for changed in changes]


def _is_absolutely_near(distances: Distances, tensor: Tensor) -> bool:
    """Whether no element is farther away than ``COARSE`` unit roundoffs of the largest: what cancelling a sum of that size loses."""
    values = np.abs(widen(tensor.values, tensor.dtype))
    largest = values.max(initial=0.0, where=np.isfinite(values))
    apart = np.abs(distances.difference[distances.measured]).max(initial=0.0)
    return bool(apart <= COARSE * FORMATS[tensor.dtype].unit_roundoff * largest)


def _near_in_own_units(inputs: Sequence[Array]) -> Near:
    """As ``_is_absolutely_near`` for elements by themselves, whose numbers are of the size of one, of their inputs, or of the result."""

    def is_near(distances: Distances, tensor: Tensor) -> bool:
        values = widen(tensor.values, tensor.dtype).reshape(-1)
        numbers = [np.abs(array.astype(np.float64)).reshape(-1) for array in inputs if array.size == values.size]
        size = np.maximum.reduce([np.ones(values.size), np.abs(values), *numbers])[distances.measured]
        apart = np.abs(distances.difference[distances.measured])
        return bool(np.all(apart <= COARSE * FORMATS[tensor.dtype].unit_roundoff * size))

    return is_near


def _is_fitted(changed: Change) -> bool:
    return any(isinstance(value, Fitted) for value in changed.values())
