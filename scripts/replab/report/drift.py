"""Two environments against each other: the steps of one framework (upgrade) and the crossings between frameworks (port)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isnan

from replab.report.cells import CellView, Work, result_pairs
from replab.report.figures import bar
from replab.report.links import work_path
from replab.report.pages import DriftGroup, DriftRow, DriftSection
from replab.report.results import PairRow, Results
from replab.report.words import (
    OUTCOMES,
    Outcome,
    count,
    derivative_name,
    framework_name,
    listing,
    number,
    percent,
    plural,
    slug,
)

MOST_SERIOUS, MOST_ROUNDING = 300, 60
"""Rows shown per section: nearly all that goes beyond rounding, and the largest of those that rounding explains."""

_IMPORTANCE = {"semantic": 5, "incomparable": 4, "accuracy": 3, "inconclusive": 2, "rounding": 1, "identical": 0}

_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Makes distances in ULP of different precisions comparable."""


def _outcome(pair: PairRow) -> Outcome:
    return OUTCOMES[pair.verdict or "inconclusive"]


def _matters(pair: PairRow, cells: Mapping[str, CellView]) -> tuple[float, ...]:
    """How much a difference matters; larger is more."""
    size = pair.ulp_max if not isnan(pair.ulp_max) else 0.0
    return (_IMPORTANCE[_outcome(pair).name], float(_turned(pair, cells)), size * _EPSILON.get(pair.dtype, 1.0))


def _turned(pair: PairRow, cells: Mapping[str, CellView]) -> bool:
    left, right = cells.get(pair.left), cells.get(pair.right)
    return left is not None and right is not None and left.outcome != right.outcome


def _special(pair: PairRow, cells: Mapping[str, CellView]) -> bool:
    """The pair is about special values and not about ordinary inputs."""
    sides = [cells[side] for side in (pair.left, pair.right) if side in cells]
    return pair.case.endswith(".special") or any(side.worst.special for side in sides)


def _upgrade_sense(left: CellView, right: CellView) -> str:
    if right.outcome.severity > left.outcome.severity:
        return "worse"
    if right.outcome.severity < left.outcome.severity:
        return "better"
    if isnan(left.ulp) or isnan(right.ulp) or left.ulp == right.ulp:
        return ""
    return "closer" if right.ulp < left.ulp else "further"


def _port_sense(left: CellView, right: CellView) -> str:
    """Which side departs from the reference, in words."""
    one, two = left.place.environment, right.place.environment
    names = {left.outcome.name: one, right.outcome.name: two}
    both = left.outcome.name == right.outcome.name
    for verdict, said in (
        ("semantic", "computes another function than the reference"),
        ("incomparable", "has other special values, shape or type than the truth"),
        ("accuracy", "is less accurate than rounding explains"),
    ):
        if both and left.outcome.name == verdict:
            return f"each side {said}"
        if verdict in names:
            return f"{names[verdict]} {said}"
    return "both agree with the truth within rounding" if {left.outcome.name, right.outcome.name} <= {"identical", "rounding"} else ""


def _details(pairs: Sequence[PairRow]) -> str:
    """``float32 value, 1st derivative; float64 value``."""
    by_dtype: dict[str, list[str]] = {}
    for pair in pairs:
        output = "" if pair.output in {"out", ""} or pair.output.startswith("grad_") else f" {pair.output}"
        said = by_dtype.setdefault(pair.dtype, [])
        name = f"{derivative_name(pair.derivative)}{output}"
        if name not in said:
            said.append(name)
    return "; ".join(f"{dtype} {', '.join(said)}" for dtype, said in by_dtype.items())


def _rows(pairs: Sequence[PairRow], cells: Mapping[str, CellView], sense: Callable[[CellView, CellView], str]) -> list[DriftRow]:
    """A row per case, verdicts and sense; its numbers are those in float32 if it has any, else of the pair that matters most."""
    grouped: dict[tuple[str, ...], list[PairRow]] = defaultdict(list)
    for pair in pairs:
        left, right = cells.get(pair.left), cells.get(pair.right)
        said = sense(left, right) if left and right else ""
        key = (
            pair.family,
            pair.case,
            pair.verdict,
            left.outcome.name if left else "",
            right.outcome.name if right else "",
            said,
            pair.cause,
        )
        grouped[key].append(pair)
    made = []
    for (*_, said, cause), members in grouped.items():
        pair = next((member for member in members if member.dtype == "float32"), members[0])
        left, right = cells.get(pair.left), cells.get(pair.right)
        work = Work(pair.family, pair.case, pair.derivative, pair.dtype)
        modes = dict.fromkeys(p.left_mode if p.left_mode == p.right_mode else f"{p.left_mode} → {p.right_mode}" for p in members)
        made.append(
            DriftRow(
                work=work.label,
                href=work_path(work) if left or right else "",
                detail=_details(members),
                modes=", ".join(modes),
                outcome=_outcome(pair),
                ulp=number(pair.ulp_max),
                z=number(pair.z_max),
                left=left.outcome if left else None,
                right=right.outcome if right else None,
                left_ulp=number(left.ulp if left else None),
                right_ulp=number(right.ulp if right else None),
                sense=said,
                cause="" if cause == "unknown" else cause,
            )
        )
    return made


def _section(
    left: str,
    right: str,
    pairs: Sequence[PairRow],
    cells: Mapping[str, CellView],
    sense: Callable[[CellView, CellView], str],
    *,
    step: bool,
) -> DriftSection:
    apart = [pair for pair in pairs if pair.verdict != "identical"]
    order = sorted(
        apart,
        key=lambda pair: (
            *(-value for value in _matters(pair, cells)),
            pair.family,
            pair.case,
            pair.derivative,
            pair.dtype,
            pair.output,
            pair.left,
        ),
    )
    beyond_rounding = [pair for pair in order if _outcome(pair).name != "rounding" or (step and _turned(pair, cells))]
    serious = [pair for pair in beyond_rounding if not _special(pair, cells)]
    special = [pair for pair in beyond_rounding if _special(pair, cells)]
    mild = [pair for pair in order if _outcome(pair).name == "rounding" and not (step and _turned(pair, cells))]
    same = len(pairs) - len(apart)
    summary = [f"{plural(len(pairs), 'pair')} of results: {count(same)} with the same bits ({percent(same, len(pairs))})."]
    if step:
        turned = [pair for pair in pairs if _turned(pair, cells)]
        worse = [pair for pair in turned if cells[pair.right].outcome.severity > cells[pair.left].outcome.severity]
        summary.append(f"{plural(len(turned), 'result changes', 'results change')} verdict, {count(len(worse))} for the worse.")
    else:
        beyond = list(dict.fromkeys(f"{pair.family}.{pair.case}" for pair in serious))
        summary.append(
            f"{plural(len(beyond), 'case differs', 'cases differ')} beyond rounding{': ' + listing(beyond, 8) if beyond else ''}."
        )
    known = sum(pair.cause not in {"", "unknown"} for pair in apart)
    if known:
        summary.append(f"The cause is known for {count(known)} of the {count(len(apart))} that differ.")
    found = [(_rows(serious, cells, sense), MOST_SERIOUS), (_rows(special, cells, sense), MOST_SERIOUS)]
    found.append((_rows(mild, cells, sense), MOST_ROUNDING))
    rows, special_shown, mild_shown = (tuple(made[:most]) for made, most in found)
    left_out = sum(max(len(made) - most, 0) for made, most in found)
    hidden = (
        f"{plural(left_out, 'smaller difference is', 'smaller differences are')} not listed; pairs.parquet has them." if left_out else ""
    )
    return DriftSection(
        anchor=slug(f"{left}-to-{right}"),
        left=left,
        right=right,
        bar=bar(f"{left} → {right}", (_outcome(pair) for pair in pairs)),
        summary=tuple(summary),
        rows=rows,
        special=special_shown,
        mild=mild_shown,
        hidden=hidden,
    )


def _about(results: Results) -> dict[str, tuple[str, int]]:
    """Framework and place in version order of every environment that has a row."""
    return {row.environment: (row.framework, row.environment_order) for row in results.cells}


def _by_environments(pairs: Iterable[PairRow]) -> dict[tuple[str, str], list[PairRow]]:
    grouped: dict[tuple[str, str], list[PairRow]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.left_environment, pair.right_environment].append(pair)
    return grouped


def upgrade(results: Results, cells: tuple[CellView, ...]) -> tuple[DriftGroup, ...]:
    """Per framework, each version against its neighbour."""
    known = {cell.id: cell for cell in cells}
    about = _about(results)
    groups: dict[str, list[tuple[tuple[int, int, str], DriftSection]]] = defaultdict(list)
    for (left, right), pairs in _by_environments(pair for pair in result_pairs(results) if pair.axis == "version").items():
        framework, order = about.get(left, ("", 0))
        section = _section(left, right, pairs, known, _upgrade_sense, step=True)
        groups[framework].append(((order, about.get(right, ("", 0))[1], left), section))
    return tuple(
        DriftGroup(
            title=framework_name(framework) or "Other",
            anchor=slug(framework or "other"),
            sections=tuple(section for _, section in sorted(found, key=lambda item: item[0])),
        )
        for framework, found in sorted(groups.items())
    )


def port(results: Results, cells: tuple[CellView, ...]) -> tuple[DriftGroup, ...]:
    """Pairs across frameworks; TensorFlow against PyTorch first, the newest versions first."""
    known = {cell.id: cell for cell in cells}
    about = _about(results)
    groups: dict[tuple[str, str], list[tuple[tuple[int, int, str, str], DriftSection]]] = defaultdict(list)
    for (left, right), pairs in _by_environments(pair for pair in result_pairs(results) if pair.axis == "framework").items():
        (one, first), (two, second) = about.get(left, ("", 0)), about.get(right, ("", 0))
        section = _section(left, right, pairs, known, _port_sense, step=False)
        groups[one, two].append(((-first, -second, left, right), section))
    return tuple(
        DriftGroup(
            title=f"{framework_name(one) or 'Other'} against {framework_name(two) or 'other'}",
            anchor=slug(f"{one or 'other'}-{two or 'other'}"),
            sections=tuple(section for _, section in sorted(found, key=lambda item: item[0])),
        )
        for (one, two), found in sorted(groups.items(), key=lambda item: ({item[0][0], item[0][1]} != {"tensorflow", "torch"}, item[0]))
    )
