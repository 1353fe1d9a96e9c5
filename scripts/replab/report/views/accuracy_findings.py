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
from replab.report.data.cells import CellView, by_work
from replab.report.data.links import case_path, cell_path, work_path
from replab.report.data.words import count, framework_name, number
from replab.report.pages.parts import Finding, Item, Link
from replab.report.views.sentences import say

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


def _ordinary(ok: Sequence[CellView]) -> list[CellView]:
    return [cell for cell in ok if not cell.worst.special]


def _mean(cell: CellView) -> float:
    """Mean error, 0 when unknown."""
    return 0.0 if isnan(cell.worst.ulp_mean) else cell.worst.ulp_mean


class _Later(NamedTuple):
    """What other versions make of a large error: ``mended`` in a later one, ``new`` since an earlier one, ``still`` there in the last."""

    kind: str = ""
    environment: str = ""
    ulp: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Distance:
    """The worst cell of a framework for one work, and the best of another framework (none in a run of one framework)."""

    top: CellView
    peer: CellView | None
    peer_name: str
    members: tuple[CellView, ...]
    """All cells of the framework for this work."""
    ratio: float

    @property
    def modes(self) -> tuple[str, ...]:
        """Ways to run it that are that far in the environment of the worst cell, when only some are."""
        here = [cell for cell in self.members if cell.place.environment == self.top.place.environment]
        bad = [cell.place.how for cell in here if cell.outcome.name == "accuracy"]
        return () if len(bad) == len(here) else tuple(dict.fromkeys(bad))

    @property
    def history(self) -> _Later:
        """What became of it in other versions."""
        by: dict[str, list[CellView]] = defaultdict(list)
        for cell in sorted(self.members, key=lambda cell: cell.place):
            by[cell.place.environment].append(cell)
        names = list(by)
        near = FURTHER * max(self.peer.ulp if self.peer else _HALF, _HALF)
        good = [all(cell.outcome.explained or (cell.outcome.name == "accuracy" and cell.ulp < near) for cell in by[name]) for name in names]
        within = {name: max((cell.ulp for cell in by[name] if not isnan(cell.ulp)), default=float("nan")) for name in names}
        at = names.index(self.top.place.environment)
        mended = next((name for name, fine in zip(names[at + 1 :], good[at + 1 :], strict=True) if fine), "")
        if mended and good[-1]:
            return _Later("mended", mended, within[mended])
        before = [name for name, fine in zip(names[:at], good[:at], strict=True) if fine]
        if before:
            return _Later("new", before[-1], within[before[-1]])
        return _Later("still", names[-1], within[names[-1]]) if names[-1] != names[at] else _Later()


def _distance(members: Sequence[CellView], others: Sequence[CellView], ok: Sequence[CellView], *, alone: bool) -> _Distance | None:
    """How much further ``members`` reach than the best of ``others``; the smaller of the ratios of mean and of largest error.

    ``ok``: all results, which say how the best is called.

    Both count: the largest error alone may tell of a crossing of zero, the mean alone of a single point.
    """
    coarse = [cell for cell in members if cell.outcome.name == "accuracy" and not isnan(cell.ulp)]
    witnesses = [cell for cell in others if cell.outcome.name in SAME_FUNCTION and not isnan(cell.ulp)]
    if not coarse or not (witnesses or alone):
        return None
    top = max(coarse, key=lambda cell: (_mean(cell), cell.ulp))
    peer = min(witnesses, key=lambda cell: (cell.ulp, _mean(cell), cell.place)) if witnesses else None
    best, usual = (max(peer.ulp, _HALF), max(_mean(peer), _QUARTER)) if peer else (_HALF, _QUARTER)
    ratio = min(top.ulp / best, max(_mean(top), _QUARTER) / usual)
    return _Distance(top=top, peer=peer, peer_name=_named(peer, ok) if peer else "", members=tuple(members), ratio=ratio)


def _named(cell: CellView, ok: Sequence[CellView]) -> str:
    """The framework of a cell; the environment where the run has several of that framework."""
    framework = cell.place.framework
    return framework_name(framework) if len(environments(ok, framework)) == 1 else cell.place.environment


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
            distance = _distance(mine, [cell for cell in members if cell.place.framework != framework], cells, alone=alone)
            if distance and distance.ratio >= FURTHER:
                found.append(distance)
        found.sort(key=lambda entry: (-entry.ratio, entry.top.work.label))
        rank = (len(found), found[0].ratio if found else 0.0)
        made.append((rank, _further(framework, found, alone=alone)))
    return [finding for _, finding in sorted(made, key=lambda item: item[0], reverse=True)]


def _further(framework: str, found: Sequence[_Distance], *, alone: bool) -> Finding:
    times = f"{FURTHER:g}"
    if not found:
        title, line = say("nowhere_title", framework, alone), say("nowhere_line", times, alone)
        return Finding(kind="accuracy", title=title, lines=(line,))
    seen: set[str] = set()
    items = []
    for entry in found:
        top = entry.top
        if top.bits and top.bits in seen:
            continue  # the same function under another name
        seen.add(top.bits)
        items.append(Item(link=Link(text=top.work.label, href=cell_path(top)), text=say("further_item", entry)))
    first = found[0]
    return Finding(
        kind="accuracy",
        title=say("further_title", first),
        lines=(say("further_where", first), say("further_count", framework, times, len(found), alone)),
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

    @property
    def derivatives(self) -> list[int]:
        """Orders in which it departs."""
        return sorted({cell.work.derivative for cell in self.cells})

    @property
    def every(self) -> list[str]:
        """Environments that ran it, oldest first."""
        return list(dict.fromkeys(cell.place.environment for cell in sorted(self.ran, key=lambda cell: cell.place)))

    @property
    def environments(self) -> list[str]:
        """Those of them in which it departs."""
        bad = {cell.place.environment for cell in self.cells}
        return [name for name in self.every if name in bad]

    @property
    def modes(self) -> list[str]:
        """The modes in which it departs there, when not all do."""
        bad = set(self.environments)
        modes = list(dict.fromkeys(cell.place.mode for cell in sorted(self.cells, key=lambda cell: cell.place)))
        return modes if len(modes) < len({cell.place.mode for cell in self.ran if cell.place.environment in bad}) else []

    @property
    def dtype(self) -> str:
        """The only precision in which it departs, if there is one and it is not float32."""
        dtypes = {cell.work.dtype for cell in self.cells}
        return dtypes.pop() if len(dtypes) == 1 and dtypes != {"float32"} else ""


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


def other_functions(ok: Sequence[CellView], notes: Notes) -> list[Finding]:
    """Per framework, the cases in which it computes something else than the reference although another framework does not."""
    cells = _ordinary(ok)
    alone = len(frameworks(cells)) == 1
    made: list[tuple[int, Finding]] = []
    for framework in frameworks(cells):
        found, idle = _departures(cells, framework, "semantic", alone=alone)
        if not found:
            continue
        lines = [say("function_line", alone)]
        if idle:
            lines.append(say("function_idle", [case.label for case in idle]))
        items = [
            Item(
                link=Link(text=entry.case.label, href=work_path(entry.cells[0].work)),
                text=say("function_item", entry, notes.get(entry.case, "")),
            )
            for entry in found
        ]
        made.append(
            (
                len(found),
                Finding(
                    kind="semantic",
                    title=say("function_title", framework, len(found)),
                    lines=tuple(lines),
                    items=tuple(items[:MOST_FUNCTIONS]),
                    figure=count(len(found)),
                    unit="case" if len(found) == 1 else "cases",
                    links=(_more(len(items) - MOST_FUNCTIONS, f"matrix.html#framework={framework}&verdict=semantic"),),
                ),
            )
        )
    if not made and cells:
        made.append((0, Finding(kind="semantic", title=say("no_function_title"), lines=(say("no_function_line", alone),))))
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
        items = [
            Item(
                link=Link(text=entry.case.label, href=work_path(entry.cells[0].work)),
                text=say("astray_item", entry, notes.get(entry.case, "")),
            )
            for entry in found
        ]
        lines = [say("astray_line", alone)]
        if idle:
            lines.append(say("astray_idle", [case.label for case in idle]))
        made.append(
            (
                len(found),
                Finding(
                    kind="incomparable",
                    title=say("astray_title", framework, len(found)),
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
    items = [
        Item(link=Link(text=case.label, href=case_path(*case)), text=say("special_item", len(bad[case]), frameworks(bad[case])))
        for case in ranked[:MOST_ASTRAY]
    ]
    return [
        Finding(
            kind="incomparable",
            title=say("special_title", len(bad), len(asked)),
            lines=(say("special_line", len(everything), nans, infinities),),
            items=tuple(items),
            figure=count(len(bad)),
            unit="operation" if len(bad) == 1 else "operations",
            links=(_more(len(ranked) - MOST_ASTRAY, "matrix.html#text=special&verdict=incomparable"),),
        )
    ]
