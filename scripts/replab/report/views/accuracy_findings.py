"""Where one framework departs from the truth and another, on the same bytes, does not.

An ill-posed case, or one that is wrong by design (a difference quotient), tells nothing about a framework: there all of them are off. So
every finding of this module needs a witness: a cell of another framework, of the same case, precision and derivative, that is fine. A run
of one framework has no witnesses; there the truth alone decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

from replab.model import SAME_FUNCTION
from replab.report.data.cells import CellView, Work, by_work
from replab.report.data.links import case_path, cell_path, work_path
from replab.report.data.words import count, derivative_name, framework_name, listing, number, plural
from replab.report.pages.parts import Finding, Item, Link

FURTHER = 10.0
"""So many times further from the truth than the best other framework, on average and at the worst, is worth telling."""
MOST_FURTHER, MOST_FUNCTIONS, MOST_ASTRAY = 8, 12, 8
"""Items of one finding; the matrix has the rest."""
_HALF, _QUARTER = 0.5, 0.25
"""Largest and mean error in ULP of correct rounding: nobody can do better."""

Notes = Mapping[tuple[str, str], str]
"""What the experiment says about a case, by family and case."""


def frameworks(cells: Iterable[CellView]) -> list[str]:
    """Names in the order of their columns."""
    return list(dict.fromkeys(place.framework for place in sorted({cell.place for cell in cells})))


def environments(cells: Iterable[CellView], framework: str) -> list[str]:
    """Environments of one framework, oldest first."""
    return list(dict.fromkeys(place.environment for place in sorted({cell.place for cell in cells}) if place.framework == framework))


def versions(bad: set[str], ran: Sequence[str]) -> str:
    """In which of the environments that ran it, oldest first: the only one, all, or some."""
    if len(ran) == 1:
        return f"in {ran[0]}"
    if bad >= set(ran):
        return "in every version"
    return f"only in {listing([name for name in ran if name in bad])}"


def _ordinary(ok: Sequence[CellView]) -> list[CellView]:
    return [cell for cell in ok if not cell.worst.special]


def _mean(cell: CellView) -> float:
    """Mean error, 0 when unknown."""
    return 0.0 if isnan(cell.worst.ulp_mean) else cell.worst.ulp_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class _Distance:
    """The worst cell of a framework for one work, and the best of another framework (none in a run of one framework)."""

    top: CellView
    peer: CellView | None
    members: tuple[CellView, ...]
    """All cells of the framework for this work."""
    ratio: float


def _distance(members: Sequence[CellView], others: Sequence[CellView], *, alone: bool) -> _Distance | None:
    """How much further ``members`` reach than the best of ``others``; the smaller of the ratios of mean and of largest error.

    Both count: the largest error alone may tell of a crossing of zero, the mean alone of a single point.
    """
    coarse = [cell for cell in members if cell.outcome.name == "accuracy" and not isnan(cell.ulp)]
    witnesses = [cell for cell in others if cell.outcome.name in SAME_FUNCTION and not isnan(cell.ulp)]
    if not coarse or not (witnesses or alone):
        return None
    top = max(coarse, key=lambda cell: (_mean(cell), cell.ulp))
    peer = min(witnesses, key=lambda cell: (cell.ulp, _mean(cell), cell.place)) if witnesses else None
    best, usual = (max(peer.ulp, _HALF), max(_mean(peer), _QUARTER)) if peer else (_HALF, _QUARTER)
    return _Distance(top=top, peer=peer, members=tuple(members), ratio=min(top.ulp / best, max(_mean(top), _QUARTER) / usual))


def _named(cell: CellView, ok: Sequence[CellView]) -> str:
    """The framework of a cell; the environment where the run has several of that framework."""
    framework = cell.place.framework
    return framework_name(framework) if len(environments(ok, framework)) == 1 else cell.place.environment


def _modes(found: _Distance) -> str:
    """`` (xla)`` when only some modes of the environment are that far; nothing when all are."""
    here = [cell for cell in found.members if cell.place.environment == found.top.place.environment]
    bad = [cell.place.how for cell in here if cell.outcome.name == "accuracy"]
    return "" if len(bad) == len(here) else f" ({', '.join(dict.fromkeys(bad))})"


def _history(found: _Distance) -> str:
    """What became of it in other versions: mended, new, or still there."""
    by: dict[str, list[CellView]] = defaultdict(list)
    for cell in sorted(found.members, key=lambda cell: cell.place):
        by[cell.place.environment].append(cell)
    names = list(by)
    near = FURTHER * max(found.peer.ulp if found.peer else _HALF, _HALF)
    good = [all(cell.outcome.explained or (cell.outcome.name == "accuracy" and cell.ulp < near) for cell in by[name]) for name in names]
    within = {name: number(max((cell.ulp for cell in by[name] if not isnan(cell.ulp)), default=float("nan"))) for name in names}
    at = names.index(found.top.place.environment)
    mended = next((name for name, fine in zip(names[at + 1 :], good[at + 1 :], strict=True) if fine), "")
    if mended and good[-1]:
        return f"; mended in {mended} (within {within[mended]})"
    before = [name for name, fine in zip(names[:at], good[:at], strict=True) if fine]
    if before:
        return f"; {before[-1]} was within {within[before[-1]]}"
    if names[-1] != names[at]:
        return f"; still {within[names[-1]]} in {names[-1]}"
    return ""


def _reach(found: _Distance, ok: Sequence[CellView]) -> str:
    """``is up to 8.7e8 ULP off where PyTorch is within 1.95``."""
    off = f"is up to {number(found.top.ulp)} ULP off"
    if found.peer is None:
        return off
    verb = "is within" if found.peer.outcome.explained else "reaches"
    return f"{off} where {_named(found.peer, ok)} {verb} {number(found.peer.ulp)}"


def less_accurate(ok: Sequence[CellView]) -> list[Finding]:
    """Per framework, the float32 values in which it is much further from the truth than the best other framework.

    The framework with the most such operations comes first.
    """
    cells = _ordinary(ok)
    alone = len(frameworks(cells)) == 1
    works = {work: members for work, members in by_work(cells).items() if work.derivative == 0 and work.dtype == "float32"}
    made: list[tuple[tuple[int, float], Finding]] = []
    for framework in frameworks(cells):
        found = []
        for members in works.values():
            mine = [cell for cell in members if cell.place.framework == framework]
            distance = _distance(mine, [cell for cell in members if cell.place.framework != framework], alone=alone)
            if distance and distance.ratio >= FURTHER:
                found.append(distance)
        found.sort(key=lambda entry: (-entry.ratio, entry.top.work.label))
        rank = (len(found), found[0].ratio if found else 0.0)
        made.append((rank, _further(framework, found, cells, alone=alone)))
    return [finding for _, finding in sorted(made, key=lambda item: item[0], reverse=True)]


def _further(framework: str, found: Sequence[_Distance], cells: Sequence[CellView], *, alone: bool) -> Finding:
    name = framework_name(framework)
    than = "the correctly rounded result" if alone else "another framework"
    if not found:
        return Finding(
            kind="accuracy",
            title=f"{name} is nowhere much further from the truth than {than}",
            lines=(
                f"In no operation in float32 is it less accurate than rounding explains and {FURTHER:g} times further off than {than}.",
            ),
        )
    seen: set[str] = set()
    items = []
    for entry in found:
        top = entry.top
        if top.bits and top.bits in seen:
            continue  # the same function under another name
        seen.add(top.bits)
        text = f"{top.place.environment}{_modes(entry)} {_reach(entry, cells)}{_history(entry)}"
        items.append(Item(link=Link(text=top.work.label, href=cell_path(top)), text=text))
    first = found[0]
    where = f", at {first.top.worst.worst_inputs}" if first.top.worst.worst_inputs else ""
    average = f"{number(first.top.worst.ulp_mean)} ULP on average"
    return Finding(
        kind="accuracy",
        title=f"{first.top.place.environment}'s {first.top.work.case}{_modes(first)} {_reach(first, cells)}",
        lines=(
            f"In float32{where}; {average}.",
            f"{name} is at least {FURTHER:g} times further from the truth than {than} in {plural(len(found), 'operation')}.",
        ),
        items=tuple(items[:MOST_FURTHER]),
        figure=number(first.top.ulp),
        unit="ULP",
        links=(_more(len(items) - MOST_FURTHER, f"matrix.html#framework={framework}&dtype=float32&derivative=0&verdict=accuracy"),),
    )


def _more(left: int, href: str) -> Link:
    return Link(text=f"{count(left)} more in the matrix" if left > 0 else "in the matrix", href=href)


class _Case(NamedTuple):
    family: str
    case: str

    @property
    def label(self) -> str:
        return f"{self.family}.{self.case}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Departure:
    """A case in which a framework departs and another does not."""

    case: _Case
    cells: tuple[CellView, ...]
    """The cells that depart and have a witness."""
    ran: tuple[CellView, ...]
    """All cells of the framework for the works of ``cells``."""
    witnesses: tuple[str, ...]
    """Frameworks that are fine."""


def _departures(cells: Sequence[CellView], framework: str, verdict: str, *, alone: bool) -> tuple[list[_Departure], list[_Case]]:
    """Cases with a witness, the most affected first; and those without."""
    bad: dict[_Case, list[CellView]] = defaultdict(list)
    ran: dict[_Case, list[CellView]] = defaultdict(list)
    witnesses: dict[_Case, list[str]] = defaultdict(list)
    idle: dict[_Case, None] = {}
    for work, members in by_work(cells).items():
        case = _Case(work.family, work.case)
        mine = [cell for cell in members if cell.place.framework == framework]
        apart = [cell for cell in mine if cell.outcome.name == verdict]
        fine = [cell.place.framework for cell in members if cell.place.framework != framework and cell.outcome.name in SAME_FUNCTION]
        if not apart:
            continue
        if not fine and not alone:
            idle[case] = None
            continue
        bad[case] += apart
        ran[case] += mine
        witnesses[case] = list(dict.fromkeys([*witnesses[case], *fine]))
    found = [_Departure(case=case, cells=tuple(bad[case]), ran=tuple(ran[case]), witnesses=tuple(witnesses[case])) for case in bad]
    found.sort(key=lambda entry: (_order(entry), entry.case))
    return found, [case for case in idle if case not in bad]


def _order(entry: _Departure) -> tuple[int, int]:
    """Sorts by cells in the precisions people compute in, then by all; most first."""
    return (-sum(cell.work.dtype in {"float32", "float64"} for cell in entry.cells), -len(entry.cells))


def _orders(works: Iterable[Work]) -> str:
    return listing([derivative_name(order) for order in sorted({work.derivative for work in works})])


def _scope(entry: _Departure) -> str:
    """Derivatives, versions, and the modes when not all: ``2nd derivative, in every version``."""
    bad = {cell.place.environment for cell in entry.cells}
    names = list(dict.fromkeys(cell.place.environment for cell in sorted(entry.ran, key=lambda cell: cell.place)))
    here = [cell for cell in entry.ran if cell.place.environment in bad]
    modes = list(dict.fromkeys(cell.place.mode for cell in sorted(entry.cells, key=lambda cell: cell.place)))
    said = [_orders(cell.work for cell in entry.cells), versions(bad, names)]
    if len(modes) < len({cell.place.mode for cell in here}):
        said.append(f"{'mode' if len(modes) == 1 else 'modes'} {listing(modes)}")
    dtypes = list(dict.fromkeys(cell.work.dtype for cell in entry.cells))
    if len(dtypes) == 1 and dtypes[0] != "float32":
        said.append(dtypes[0])
    return ", ".join(said)


def _convention(note: str, witnesses: Sequence[str]) -> str:
    """Which side has which convention: a note that is a sentence tells it, any other is what the reference does."""
    names = [framework_name(name) for name in witnesses]
    if note.endswith("."):
        return f". {note[0].upper()}{note[1:]}"
    if note:
        return f". {listing(['Reference', *names])}: {note}."
    agree = "agrees" if len(names) == 1 else "agree"
    return f"; {listing(names)} {agree} with the reference." if names else "."


def other_functions(ok: Sequence[CellView], notes: Notes) -> list[Finding]:
    """Per framework, the cases in which it computes something else than the reference although another framework does not."""
    cells = _ordinary(ok)
    alone = len(frameworks(cells)) == 1
    made: list[tuple[int, Finding]] = []
    for framework in frameworks(cells):
        found, idle = _departures(cells, framework, "semantic", alone=alone)
        if not found:
            continue
        lines = ["The difference from the reference stays in float64" + ("." if alone else ", and another framework does not have it.")]
        if idle:
            such = f"such as {idle[0].label}" if len(idle) > 1 else idle[0].label
            lines.append(f"Not counted: {plural(len(idle), 'case')} where no framework computes the reference, {such}.")
        items = [
            Item(
                link=Link(text=entry.case.label, href=work_path(entry.cells[0].work)),
                text=f"{_scope(entry)}{_convention(notes.get(entry.case, ''), entry.witnesses)}",
            )
            for entry in found
        ]
        made.append(
            (
                len(found),
                Finding(
                    kind="semantic",
                    title=f"{framework_name(framework)} computes another function in {plural(len(found), 'case')}",
                    lines=tuple(lines),
                    items=tuple(items[:MOST_FUNCTIONS]),
                    figure=count(len(found)),
                    unit="case" if len(found) == 1 else "cases",
                    links=(_more(len(items) - MOST_FUNCTIONS, f"matrix.html#framework={framework}&verdict=semantic"),),
                ),
            )
        )
    if not made and cells:
        none = "No result has the verdict semantic" + ("." if alone else " where another framework computes the reference.")
        made.append((0, Finding(kind="semantic", title="Every operation computes the function of its reference", lines=(none,))))
    return [finding for _, finding in sorted(made, key=lambda item: -item[0])]


def not_comparable(ok: Sequence[CellView], notes: Notes) -> list[Finding]:
    """Per framework, ordinary inputs for which NaN, infinity, shape or type are not those of the truth, and another framework's are."""
    cells = _ordinary(ok)
    alone = len(frameworks(cells)) == 1
    made: list[tuple[int, Finding]] = []
    for framework in frameworks(cells):
        found, idle = _departures(cells, framework, "incomparable", alone=alone)
        if not found:
            continue
        items = []
        for entry in found:
            first = entry.cells[0]
            what = f"{_scope(entry)}: {first.worst.why or 'other NaN, infinities, shape or type'}"
            text = f"{what}{_convention(notes.get(entry.case, ''), entry.witnesses)}"
            items.append(Item(link=Link(text=entry.case.label, href=work_path(first.work)), text=text))
        witness = "." if alone else ", and another framework's are."
        lines = [f"For ordinary inputs its NaN, infinities, shape or type are not those of the truth{witness}"]
        if idle:
            lines.append(f"Not counted: {plural(len(idle), 'case')} where that is so in every framework.")
        made.append(
            (
                len(found),
                Finding(
                    kind="incomparable",
                    title=f"{framework_name(framework)} cannot be compared with the truth in {plural(len(found), 'case')}",
                    lines=tuple(lines),
                    items=tuple(items[:MOST_ASTRAY]),
                    figure=count(len(found)),
                    unit="case" if len(found) == 1 else "cases",
                    links=(_more(len(items) - MOST_ASTRAY, f"matrix.html#framework={framework}&verdict=incomparable"),),
                ),
            )
        )
    return [finding for _, finding in sorted(made, key=lambda item: -item[0])]


def special_values(ok: Sequence[CellView]) -> list[Finding]:
    """Where ±0, subnormals, infinities and NaN lead to something else than in the truth, most cells first."""
    asked = {case_path(cell.work.family, cell.work.case) for cell in ok if cell.worst.special}
    bad: dict[_Case, list[CellView]] = defaultdict(list)
    for cell in ok:
        if cell.worst.special and cell.outcome.name in {"semantic", "incomparable"}:
            bad[_Case(cell.work.family, cell.work.case)].append(cell)
    if not bad:
        return []
    ranked = sorted(bad, key=lambda case: (-len(bad[case]), case))
    everything = [cell for members in bad.values() for cell in members]
    nans = sum(any(row.nan_mismatch for row in cell.rows) for cell in everything)
    infinities = sum(any(row.inf_mismatch for row in cell.rows) for cell in everything)
    where = f"NaN is elsewhere than in the truth in {count(nans)}, infinity in {count(infinities)}"
    items = [
        Item(
            link=Link(text=case.label, href=case_path(*case)),
            text=f"{plural(len(bad[case]), 'result')} of {listing([framework_name(name) for name in frameworks(bad[case])])}",
        )
        for case in ranked[:MOST_ASTRAY]
    ]
    return [
        Finding(
            kind="incomparable",
            title=f"Special values are treated otherwise than in the truth in {count(len(bad))} of {plural(len(asked), 'operation')}",
            lines=(f"Of {plural(len(everything), 'result')} of ±0, subnormals, infinities, NaN and extremes, {where}.",),
            items=tuple(items),
            figure=count(len(bad)),
            unit="operation" if len(bad) == 1 else "operations",
            links=(_more(len(ranked) - MOST_ASTRAY, "matrix.html#text=special&verdict=incomparable"),),
        )
    ]
