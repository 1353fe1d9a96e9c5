"""Judged cells and the pairs that are made of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from replab import ids
from replab.compare.metrics import NAN, Distances, Finding, widen, z_limit
from replab.compare.ulp import compare_pair
from replab.compare.verdict import pair_verdict
from replab.formats import FORMATS
from replab.model import Case, Environment, Status, Verdict
from replab.plan import planning
from replab.store.rows import PairRow
from replab.store.store import Tensor
from replab.truth.certify import Truth

PAIR_ENVELOPE = np.sqrt(2.0)
"""Two results that are both off by σ are off from each other by √2·σ."""


@dataclass(kw_only=True)
class Judged:
    """A cell with what was found; the arrays live only while its case is judged."""

    id: ids.CellId
    key: str
    status: str
    reason: str
    record: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, Distances | None]] = field(default_factory=dict)
    verdicts: dict[str, tuple[Verdict, str, float]] = field(default_factory=dict)
    repeatable: str = ""
    """``yes`` or ``no`` where a cell was compared with its own repeat, in the same and in a new process."""
    cause: str = ""
    """The factor that explains a result which is another function."""
    changed: Mapping[str, Any] | None = None
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
        if any(note.startswith("repeated calls gave other bits") for note in cell.record.get("notes", ())):
            cell.repeatable = "no"
        elif again is not None:
            bits = [{name: tensor.sha256 for name, tensor in one.tensors.items()} for one in (cell, again)]
            cell.repeatable = "yes" if bits[0] == bits[1] else "no"


def pairs(cells: list[Judged], environments: Mapping[str, Environment]) -> Iterator[tuple[Judged, Judged, str]]:
    """Pairs that differ on one axis.

    Repeat and variant: against the default. Mode: against eager. Version: neighbours. Framework: the newest of each.
    """
    by_place = {(cell.id.environment, cell.id.mode): cell for cell in cells if cell.id.variant == "default"}
    for cell in sorted(cells, key=lambda one: str(one.id)):
        usual = by_place.get((cell.id.environment, cell.id.mode))
        if cell.id.variant != "default" and usual is not None:
            yield usual, cell, "repeat" if cell.id.variant == planning.REPEAT else "variant"
    for (environment, mode), cell in sorted(by_place.items()):
        eager = by_place.get((environment, "eager"))
        if mode != "eager" and eager is not None:
            yield eager, cell, "mode"
    families: dict[str, list[str]] = {}
    for one in sorted(environments.values(), key=lambda one: one.order):
        families.setdefault(one.framework, []).append(one.name)
    for line in families.values():
        for older, newer in itertools.pairwise(name for name in line if (name, "eager") in by_place):
            yield by_place[older, "eager"], by_place[newer, "eager"], "version"
    newest = [line[-1] for _, line in sorted(families.items()) if (line[-1], "eager") in by_place]
    for left, right in itertools.combinations(newest, 2):
        yield by_place[left, "eager"], by_place[right, "eager"], "framework"


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
        rel_max=0.0,
    )
    if not a.values.size and not b.values.size:
        return replace(same, verdict=Verdict.INCONCLUSIVE, cause="nothing was compared")
    if a.sha256 == b.sha256 and a.dtype == b.dtype:
        return same
    verdicts = (left.verdicts[output][0], right.verdicts[output][0])
    if a.values.shape != b.values.shape or a.dtype != b.dtype:
        unlike = "another shape or dtype"
        return replace(same, verdict=Verdict.INCOMPARABLE, z_max=NAN, ulp_max=NAN, abs_max=NAN, rel_max=NAN, cause=unlike)
    x, y = widen(a.values, a.dtype), widen(b.values, b.dtype)
    if truth.exact is not None or a.dtype not in FORMATS:
        gap = float(np.abs(x.astype(np.float64) - y.astype(np.float64)).max(initial=0.0))
        found = Verdict.SEMANTIC if gap else Verdict.IDENTICAL
        cause = _cause(found, left, right, output)
        return replace(same, verdict=found, z_max=NAN, ulp_max=NAN, abs_max=gap, rel_max=NAN, cause=cause)
    statistics = compare_pair(x, y, a.dtype)
    with np.errstate(all="ignore"):
        difference = np.abs(x.astype(np.float64) - y.astype(np.float64))
        z = np.where(np.isfinite(difference) & (difference > 0), difference / (PAIR_ENVELOPE * truth.sigma), 0.0)
    z_max = float(z.max(initial=0.0))
    found = pair_verdict(
        same_bits=statistics.different == 0,
        z=z_max,
        limit=z_limit(statistics.elements, truth.runs),
        incomparable=bool(statistics.nan_mismatch or statistics.inf_mismatch),
        left=verdicts[0],
        right=verdicts[1],
    )
    return replace(
        same,
        verdict=found,
        z_max=z_max,
        ulp_max=statistics.ulp_max,
        abs_max=statistics.abs_max,
        rel_max=statistics.rel_max,
        cause=_cause(found, left, right, output),
    )


def _cause(found: Verdict, left: Judged, right: Judged, output: str) -> str:
    """What the comparison with the truth already proves about a difference; ``unknown`` is an answer."""
    if found.explained:
        return ""
    shaky = [f"{cell.id.environment} ({cell.id.mode})" for cell in (left, right) if cell.repeatable == "no"]
    if shaky:
        return f"not repeatable: {' and '.join(shaky)}"
    named = list(dict.fromkeys(cell.cause for cell in (left, right) if cell.cause))
    if named:
        return " and ".join(named)
    sides = {f"{cell.id.environment} ({cell.id.mode})": cell.verdicts[output][0] for cell in (left, right)}
    if found is Verdict.SEMANTIC:
        others = [side for side, value in sides.items() if value is Verdict.SEMANTIC]
        return f"{others[0]} computes another function" if len(others) == 1 else "unknown"
    if found is Verdict.ACCURACY:
        coarse = [side for side, value in sides.items() if value is Verdict.ACCURACY]
        return f"the kernel of {' and of '.join(coarse)}" if coarse else "unknown"
    if found is Verdict.INCOMPARABLE:
        others = [side for side, value in sides.items() if value is Verdict.INCOMPARABLE]
        return f"special values of {' and of '.join(others)}" if others else "unknown"
    return "unknown"
