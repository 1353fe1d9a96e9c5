"""What each output of the cells of one case is against the truth (docs/verdicts.md). Arrays in, verdicts out: nothing is read or run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace

import numpy as np

from replab import contained
from replab.compare.escalation import Escalation, escalate
from replab.compare.metrics import NAN, Distances, Finding, against_truth
from replab.compare.pairs import PAIR_ENVELOPE, Judged
from replab.compare.verdict import SINGLE_TO_DOUBLE, outside, verdict
from replab.formats import FORMATS, Array
from replab.model import EXPLAINED, Case, Status, Verdict
from replab.truth.arithmetic import is_arithmetic
from replab.truth.certify import Truth, is_of_few_runs

NOTHING_COMPARED = "nothing was compared"
EAGER = "eager"
NEAR = 0.3
"""Of the limit: σ of 32 runs is off by an eighth (one standard deviation), and the largest z of many elements by more."""
FLOATS_OF_INTEGERS = ("float32", "float64")
Finer = Mapping[tuple[str, str], Judged]
"""The float64 runs of float32 cells, by environment and mode."""
Sharper = Callable[[], Mapping[str, Truth]]
Known = Mapping[tuple[str, str, str, str], Verdict]
"""Verdicts of float32 cells, by environment, mode, output and variant."""


def compare(
    cells: Iterable[Judged], truths: Mapping[str, Truth], *, correctly_rounded: bool = False, sharper: Sharper | None = None
) -> None:
    """Compare each output of ``cells`` with its truth; equal bits are compared once.

    ``correctly_rounded``: they are values of an operation of which IEEE 754 asks the correctly rounded result. What floats come out of
    integers is not said by the case: float32, whose truth it is, and float64 are both right. ``sharper`` gives the truths with envelopes of
    more runs, for results so near to their limit that those could decide otherwise.
    """
    finer = {name: replace(truth, sigma=truth.sigma * SINGLE_TO_DOUBLE) for name, truth in truths.items() if truth.exact is None}
    seen: dict[tuple[str, str], tuple[Finding, Distances | None]] = {}
    for cell in cells:
        contained.note(str(cell.id))
        for name, truth in truths.items():
            tensor = cell.tensors.get(name)
            if tensor is None:
                continue
            of_integers = cell.id.dtype not in FORMATS and truth.exact is None
            expected = FLOATS_OF_INTEGERS if of_integers else (cell.id.dtype,)
            if (name, tensor.sha256) not in seen:
                judged_by = finer[name] if of_integers and tensor.dtype == "float64" else truth
                finding = against_truth(tensor.values, tensor.dtype, judged_by, correctly_rounded=correctly_rounded)
                if sharper is not None and not of_integers and is_of_few_runs(truth) and is_near_its_limit(finding[0]):
                    better = sharper()[name]
                    finding = against_truth(tensor.values, tensor.dtype, better, correctly_rounded=correctly_rounded)
                seen[name, tensor.sha256] = finding
            cell.findings[name] = seen[name, tensor.sha256]
            if not cell.findings[name][0].problem and truth.exact is None and tensor.dtype not in expected:
                wrong = Finding(elements=int(tensor.values.size), problem=f"dtype {tensor.dtype}, expected {cell.id.dtype}")
                cell.findings[name] = (wrong, None)
    contained.note("")


def is_near_its_limit(finding: Finding) -> bool:
    """Whether z is as near to its limit as an envelope of few runs is uncertain."""
    return abs(finding.z_max / finding.z_limit - 1.0) <= NEAR if finding.z_limit > 0 else False


def runs_in_float64(companions: Iterable[Judged]) -> Finer:
    """The companions of float32 cells that have a result."""
    return {(companion.id.environment, companion.id.mode): companion for companion in companions if companion.status == Status.OK}


def decide(
    case: Case,
    cells: Sequence[Judged],
    truths: Mapping[str, Truth],
    inputs: Mapping[str, Array],
    finer: Finer,
    verdicts: MutableMapping[tuple[str, str, str, str], Verdict],
    *,
    elementwise: bool,
) -> None:
    """Give every output that was compared its verdict. Verdicts of float32 cells are added to ``known``; other types ask them there.

    ``elementwise``: each element depends on the inputs at its own place alone.
    """
    blank = _is_blank(inputs.values())
    # the cells first that others ask
    for cell in sorted(cells, key=lambda judged: (judged.id.variant != "default", judged.id.mode != EAGER)):
        for output, (finding, _) in cell.findings.items():
            truth = truths[output]
            if case.drawn:
                cell.verdicts[output] = _drawn_verdict(finding)
            elif blank and truth.exact is None and np.isnan(truth.ieee).all():
                cell.verdicts[output] = (Verdict.INCONCLUSIVE, f"{NOTHING_COMPARED}: every input is NaN", NAN)
            elif cell.id.dtype == "float32":
                seen = _escalation(cell, output, truth, escalation_for(cell, output, finer, verdicts), inputs, elementwise=elementwise)
                cell.verdicts[output] = _verdict(cell, output, seen, None)
            else:
                cell.verdicts[output] = _verdict(cell, output, None, float32_verdict_for(cell, output, verdicts))
            if cell.verdicts[output][0] is Verdict.BEYOND and _is_near_eager(cell, output, truth, cells):
                limit = f"z = {finding.z_max:.3g} is beyond the limit {finding.z_limit:.3g}"
                cell.verdicts[output] = (
                    Verdict.ACCURACY,
                    f"{limit}, but no more than rounding from the eager result, which is within",
                    NAN,
                )
            if cell.id.dtype == "float32" and not case.drawn:
                verdicts[cell.id.environment, cell.id.mode, output, cell.id.variant] = cell.verdicts[output][0]


def settle(cells: Iterable[Judged], choices: Mapping[str, str], verdicts: MutableMapping[tuple[str, str, str, str], Verdict]) -> None:
    """Results of unknown kind are another function where the reference with another choice gives them, but for rounding.

    Where it does so in another arithmetic, they are the right function. ``choices``: what was chosen otherwise, by the id of the cell.
    Equal bits have one cause.
    """
    cells = list(cells)
    named = {
        (output, tensor.sha256): (choices[str(cell.id)], bool(cell.changed) and all(map(is_arithmetic, cell.changed or ())))
        for cell in cells
        if str(cell.id) in choices
        for output, tensor in cell.tensors.items()
    }
    for cell in cells:
        for output, (verdict_now, why, shrink) in cell.verdicts.items():
            choice, in_arithmetic = named.get((output, cell.tensors[output].sha256), ("", False))
            if verdict_now is Verdict.BEYOND and choice:
                beyond = why.partition(", and ")[0]
                if in_arithmetic:
                    cell.verdicts[output] = (
                        Verdict.ACCURACY,
                        f"{beyond}, but the reference in another arithmetic gives it: {choice}",
                        shrink,
                    )
                else:
                    cell.verdicts[output] = (Verdict.SEMANTIC, f"{beyond}, and the reference with another {choice} gives it", shrink)
                if cell.id.dtype == "float32":
                    verdicts[cell.id.environment, cell.id.mode, output, cell.id.variant] = cell.verdicts[output][0]


def escalation_for(cell: Judged, output: str, finer: Finer, verdicts: Known) -> Judged | None:
    """The float64 run that says why a float32 result lies outside of the envelope.

    Every float32 cell has a companion that runs the same code in float64 on the same (float32) input values. A mode without a float64 run
    of its own takes that of the eager mode, but only where eager's float32 result lies outside too: if eager is within the envelope and
    the mode is not, eager's float64 says nothing about it.
    """
    same_mode = finer.get((cell.id.environment, cell.id.mode))
    if same_mode is not None or verdicts.get((cell.id.environment, EAGER, output, "default")) in EXPLAINED:
        return same_mode
    return finer.get((cell.id.environment, EAGER))


def float32_verdict_for(cell: Judged, output: str, verdicts: Known) -> Verdict | None:
    """The verdict of the float32 cell of the same case, environment and mode, which other types ask; else that of its eager mode."""
    same_variant = verdicts.get((cell.id.environment, cell.id.mode, output, cell.id.variant))
    return same_variant or verdicts.get((cell.id.environment, EAGER, output, cell.id.variant))


def _escalation(
    cell: Judged, output: str, truth: Truth, finer: Judged | None, inputs: Mapping[str, Array], *, elementwise: bool
) -> Escalation | None:
    """What a float64 run says of an output that rounding does not explain."""
    finding, distances = cell.findings[output]
    if distances is None or finer is None or output not in finer.findings or not outside(finding):
        return None
    other = finer.findings[output][1]
    if other is None:
        return None
    return escalate(finding, distances, other, finer.tensors[output].values, truth, inputs, elementwise=elementwise)


def _verdict(cell: Judged, output: str, seen: Escalation | None, single: Verdict | None) -> tuple[Verdict, str, float]:
    """Verdict, reason and shrinking of one output."""
    decided, why = verdict(cell.findings[output][0], dtype=cell.id.dtype, escalation=seen, single=single)
    return decided, why, NAN if seen is None else seen.shrink


def _is_near_eager(cell: Judged, output: str, truth: Truth, cells: Iterable[Judged]) -> bool:
    """Whether a result is no more than rounding away from that of the eager mode, which rounding explains."""
    distances = cell.findings[output][1]
    for eager in cells:
        places = (eager.id.environment, eager.id.variant, eager.id.dtype) == (cell.id.environment, cell.id.variant, cell.id.dtype)
        if (
            not places
            or eager.id.mode != EAGER
            or eager is cell
            or output not in eager.verdicts
            or eager.verdicts[output][0] not in EXPLAINED
        ):
            continue
        finding, theirs = eager.findings[output]
        if distances is None or theirs is None:
            return False
        apart = np.abs(distances.difference - theirs.difference)
        same = np.array_equal(distances.measured, theirs.measured)
        return same and bool(np.all(apart <= finding.z_limit * PAIR_ENVELOPE * truth.sigma.reshape(-1)))
    return False


def _is_blank(inputs: Iterable[Array]) -> bool:
    """Whether floating inputs are NaN and nothing else, so that nothing can come out that says anything."""
    floating = [values for values in inputs if values.dtype.kind == "f" and values.size]
    return bool(floating) and all(bool(np.isnan(values).all()) for values in floating)


def _drawn_verdict(finding: Finding) -> tuple[Verdict, str, float]:
    """Statistics of draws: within what chance explains, or another distribution."""
    if finding.problem:
        return Verdict.INCOMPARABLE, finding.problem, NAN
    if outside(finding) or finding.nan_mismatch or finding.inf_mismatch:
        return Verdict.SEMANTIC, f"another distribution: z = {finding.z_max:.3g} is beyond the limit {finding.z_limit:.3g}", NAN
    return Verdict.ROUNDING, f"chance explains it: z = {finding.z_max:.3g} is within the limit {finding.z_limit:.3g}", NAN
