"""Judged cells and the pairs that are made of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from replab import ids, jsons
from replab.compare.metrics import NAN, READABLE, Distances, Finding, widen, z_limit
from replab.compare.normwise import normwise_difference
from replab.compare.ulp import compare_pair
from replab.compare.verdict import pair_verdict
from replab.formats import FORMATS, Array, spacing
from replab.model import Case, Environment, Status, Verdict
from replab.plan import planning
from replab.store.rows import PairRow
from replab.store.store import Tensor
from replab.truth.arithmetic import OVERFLOW, TIES
from replab.truth.certify import Truth

PAIR_ENVELOPE = np.sqrt(2.0)
"""Two results that are both off by σ are off from each other by √2·σ."""
ROUNDED_ONCE = 1.0 / np.sqrt(12.0)
"""Standard deviation of what rounding a result once does, in ULP."""
ACROSS = {"tensorflow": ("torch",), "torch": ("tensorflow",), "numpy": ("torch", "tensorflow")}
"""Frameworks whose newest versions older ones of a framework are held against as well."""
DECIDED_BY_ROUNDING = "rounding decides the branch"
"""The cause of a difference of two results that lie in different peaks of the envelope."""
Values = Array


@dataclass(kw_only=True)
class Judged:
    """A cell with what was found; the arrays live only while its case is judged."""

    id: ids.CellId
    key: str
    status: str
    reason: str
    record: Mapping[str, object] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, Distances | None]] = field(default_factory=dict)
    verdicts: dict[str, tuple[Verdict, str, float]] = field(default_factory=dict)
    repeatable: str = ""
    """``yes`` or ``no`` where a cell was compared with its own repeat, in the same and in a new process."""
    cause: str = ""
    """The factor that explains a result which is another function."""
    shown_by: str = ""
    """The evaluation of the reference, or the run, that shows the cause; where there is none, what came nearest."""
    changed: Mapping[str, object] | None = None
    """The values of factors with which the reference gives this result, where that is shown."""
    explained_by: Mapping[str, Truth] = field(default_factory=dict)
    """By output, the truth of the reference with these values."""
    unusable: str = ""
    """Why its result could not be looked at."""


def is_plain(cell: Judged) -> bool:
    """A result of the default variant."""
    return cell.status == Status.OK and cell.id.variant == "default"


def note_repeats(cells: list[Judged]) -> None:
    """Compare each cell with its repeats: what is not repeatable is not blamed on anything else."""
    repeats = {
        (cell.id.environment, cell.id.mode): cell for cell in cells if cell.id.variant == planning.REPEAT and cell.status == Status.OK
    }
    for cell in cells:
        if cell.status != Status.OK:
            continue
        again = repeats.get((cell.id.environment, cell.id.mode)) if cell.id.variant == "default" else None
        if any(note.startswith("repeated calls gave other bits") for note in jsons.texts(cell.record.get("notes", ()))):
            cell.repeatable = "no"
        elif again is not None:
            bits = [{name: tensor.sha256 for name, tensor in run.tensors.items()} for run in (cell, again)]
            cell.repeatable = "yes" if bits[0] == bits[1] else "no"


def pairs(cells: list[Judged], environments: Mapping[str, Environment], *, across: bool) -> Iterator[tuple[Judged, Judged, str]]:
    """Pairs that differ on one axis.

    Repeat and variant: against the default. Mode: against eager. Version: neighbours, in every mode that both have. Framework: the newest
    of each, eagerly. With ``across`` an
    older environment stands beside the newest of the frameworks of ``ACROSS`` as well, which claims about each environment ask for.
    """
    by_place = {(cell.id.environment, cell.id.mode): cell for cell in cells if cell.id.variant == "default"}
    for cell in sorted(cells, key=lambda judged: str(judged.id)):
        usual = by_place.get((cell.id.environment, cell.id.mode))
        if cell.id.variant != "default" and usual is not None:
            yield usual, cell, "repeat" if cell.id.variant == planning.REPEAT else "variant"
    for (environment, mode), cell in sorted(by_place.items()):
        eager = by_place.get((environment, "eager"))
        if mode != "eager" and eager is not None:
            yield eager, cell, "mode"
    families: dict[str, list[str]] = {}
    for declared in sorted(environments.values(), key=lambda declared: declared.order):
        families.setdefault(declared.framework, []).append(declared.name)
    for line, mode in itertools.product(families.values(), sorted({mode for _, mode in by_place})):
        for older, newer in itertools.pairwise(name for name in line if (name, mode) in by_place):
            yield by_place[older, mode], by_place[newer, mode], "version"
    newest = {framework: line[-1] for framework, line in sorted(families.items()) if (line[-1], "eager") in by_place}
    for left, right in itertools.combinations(newest.values(), 2):
        yield by_place[left, "eager"], by_place[right, "eager"], "framework"
    for framework, others in ACROSS.items() if across else ():
        for older, other in itertools.product(families.get(framework, [])[:-1], others):
            if other in newest and (older, "eager") in by_place:
                yield by_place[older, "eager"], by_place[newest[other], "eager"], "across"


def pair_row(case: Case, left: Judged, right: Judged, axis: str, output: str, truth: Truth) -> PairRow:
    """A row of ``pairs.parquet``: one output of two cells of a case."""
    a, b = left.tensors[output], right.tensors[output]
    same = PairRow(
        left=str(left.id),
        right=str(right.id),
        axis=axis,
        family=case.family,
        case=case.name,
        output=output,
        dtype=left.id.dtype,
        derivative=left.id.derivative,
        left_environment=left.id.environment,
        right_environment=right.id.environment,
        left_mode=left.id.mode,
        right_mode=right.id.mode,
        variant=right.id.variant,
        verdict=Verdict.IDENTICAL,
        z_max=0.0,
        ulp_max=0.0,
        abs_max=0.0,
        abs_mean=0.0,
        rel_max=0.0,
        distance=0.0,
        beyond=0.0,
    )
    if not a.values.size and not b.values.size:
        return replace(same, verdict=Verdict.INCONCLUSIVE, cause="nothing was compared", distance=NAN, beyond=NAN)
    if a.sha256 == b.sha256 and a.dtype == b.dtype:
        return same
    verdicts = (left.verdicts[output][0], right.verdicts[output][0])
    if a.values.shape != b.values.shape or a.dtype != b.dtype:
        unlike = "another shape or dtype"
        lost = replace(same, z_max=NAN, ulp_max=NAN, abs_max=NAN, abs_mean=NAN, rel_max=NAN, distance=1.0, beyond=1.0)
        return replace(lost, verdict=Verdict.INCOMPARABLE, cause=unlike)
    x, y = widen(a.values, a.dtype), widen(b.values, b.dtype)
    same = replace(same, distance=normwise_difference(x, y))
    if truth.exact is not None or a.dtype not in FORMATS:
        gap = float(np.abs(x.astype(np.float64) - y.astype(np.float64)).max(initial=0.0))
        judged = Verdict.SEMANTIC if gap else Verdict.IDENTICAL
        cause = _cause(judged, left, right, output)
        unequal = float(np.mean(x != y))
        same = replace(same, verdict=judged, abs_max=gap, abs_mean=_mean_gap(x, y), beyond=unequal)
        return replace(same, z_max=NAN, ulp_max=NAN, rel_max=NAN, cause=cause)
    if _same_choice(left, right) and output in left.explained_by:  # both compute one other function, whose rounding is what counts
        truth, verdicts = left.explained_by[output], (Verdict.ROUNDING, Verdict.ROUNDING)
    statistics = compare_pair(x, y, a.dtype)
    overflowed = any(OVERFLOW in (cell.changed or {}) for cell in (left, right))  # zeros that come of an overflow were never subnormal
    flushing = _flushing(x, y, a.dtype) if not overflowed else (np.zeros(x.shape, bool), np.zeros(x.shape, bool))
    distances = _distances(x, y, a.dtype, truth, flushing[0] | flushing[1])
    z_max, limit = float(distances.max(initial=0.0)), z_limit(statistics.elements, truth.runs)
    judged = pair_verdict(
        same_bits=statistics.different == 0,
        z=z_max,
        limit=limit,
        incomparable=bool(statistics.nan_mismatch or statistics.inf_mismatch),
        left=verdicts[0],
        right=verdicts[1],
    )
    other_branch = _on_other_sides(x, y, truth)
    flushed = [_name(cell) for cell, places in zip((left, right), flushing, strict=True) if places.any()]
    if judged.explained and other_branch:
        cause = DECIDED_BY_ROUNDING
    elif judged.explained and flushed:
        cause = f"subnormal numbers are flushed: {' and '.join(flushed)}"
    else:
        cause = _cause(judged, left, right, output)
    return replace(
        same,
        verdict=judged,
        z_max=z_max if z_max <= READABLE else NAN,
        ulp_max=statistics.ulp_max,
        abs_max=statistics.abs_max,
        abs_mean=_mean_gap(x, y),
        rel_max=statistics.rel_max,
        beyond=(int((distances > limit).sum()) + statistics.nan_mismatch + statistics.inf_mismatch) / statistics.elements,
        cause=cause,
        other_branch=other_branch,
    )


def _on_other_sides(x: Values, y: Values, truth: Truth) -> int:
    """Elements at which rounding decides between two values, and each side has another one."""
    if truth.cut is None:
        return 0
    decided = np.isfinite(truth.cut) & np.isfinite(x.astype(np.float64)) & np.isfinite(y.astype(np.float64))
    return int((decided & ((x > truth.cut) != (y > truth.cut))).sum())


def _mean_gap(x: Values, y: Values) -> float:
    """The mean of |x − y| over the elements that are finite on both sides; NaN where there is none."""
    with np.errstate(all="ignore"):
        gaps = np.abs(x.astype(np.float64) - y.astype(np.float64))
    finite = gaps[np.isfinite(gaps)]
    return float(finite.mean()) if finite.size else NAN


def _flushing(x: Values, y: Values, dtype: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the left side has zero and the right one a number below the smallest normal one, and where it is the other way round."""
    least = FORMATS[dtype].smallest_normal
    with np.errstate(invalid="ignore"):
        return (x == 0) & (y != 0) & (np.abs(y) < least), (y == 0) & (x != 0) & (np.abs(x) < least)


def _distances(x: Values, y: Values, dtype: str, truth: Truth, aside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far two results are apart in units of what rounding does, 0 at elements that are put ``aside``.

    Both were rounded to the format at the end: σ is no less than that makes it, also where the reference is zero and exact.
    """
    left, right = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(all="ignore"):
        difference = np.abs(left - right)
        rounded = spacing(np.fmax(np.abs(left), np.abs(right)), dtype) * ROUNDED_ONCE
        sigma = np.fmax(np.fmax(truth.sigma, rounded), FORMATS[dtype].smallest_subnormal)
        return np.where(np.isfinite(difference) & (difference > 0) & ~aside, difference / (PAIR_ENVELOPE * sigma), 0.0)


def _choice(cell: Judged, *, coarsely: bool) -> Mapping[str, object] | None:
    """The values of factors that a result is shown to have, beside those of the reference; None where it is not known.

    ``coarsely``: an approximate kernel counts as the reference, too.
    """
    if cell.changed is not None:
        return cell.changed
    verdicts = [seen for seen, _, _ in cell.verdicts.values()]
    return {} if not cell.cause and all(seen.same_function if coarsely else seen.explained for seen in verdicts) else None


def _same_choice(left: Judged, right: Judged) -> bool:
    """Whether two results are shown to be one function, and not that of the reference."""
    return bool(left.changed) and left.changed == right.changed


def _chosen(left: Judged, right: Judged) -> str:
    """The choices on which two results are shown to differ; where one of them has the reference's, what the other is explained by."""
    verdicts = [seen for cell in (left, right) for seen, _, _ in cell.verdicts.values()]
    coarsely = any(not seen.same_function for seen in verdicts)  # beside another function
    first, second = (_choice(cell, coarsely=coarsely) for cell in (left, right))
    if first is not None and second is not None:
        unlike = {name for name in {**first, **second} if name not in first or name not in second or first[name] != second[name]}
        return "+".join(sorted(unlike | ({TIES} & first.keys())))  # results whose bits differ have two orders of equal elements
    if first == {} or second == {}:
        return left.cause or right.cause  # of several explanations that cannot be told apart
    return ""


def _name(cell: Judged) -> str:
    return f"{cell.id.environment} ({cell.id.mode})"


def _cause(verdict: Verdict, left: Judged, right: Judged, output: str) -> str:
    """What the comparison with the truth already proves about a difference; ``unknown`` is an answer."""
    if verdict.explained:
        return ""
    shaky = [_name(cell) for cell in (left, right) if cell.repeatable == "no"]
    if shaky:
        return f"not repeatable: {' and '.join(shaky)}"
    if chosen := _chosen(left, right):
        return chosen
    sides = {_name(cell): cell.verdicts[output][0] for cell in (left, right)}
    if verdict is Verdict.SEMANTIC:
        others = [side for side, value in sides.items() if value is Verdict.SEMANTIC]
        return f"{others[0]} computes another function" if len(others) == 1 else "unknown"
    if verdict is Verdict.ACCURACY:
        coarse = [side for side, value in sides.items() if value is Verdict.ACCURACY]
        return f"the kernel of {' and of '.join(coarse)}" if coarse else "unknown"
    if verdict is Verdict.INCOMPARABLE:
        others = [side for side, value in sides.items() if value is Verdict.INCOMPARABLE]
        return f"special values of {' and of '.join(others)}" if others else "unknown"
    return "unknown"
