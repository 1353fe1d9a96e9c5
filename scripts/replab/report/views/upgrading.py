"""What somebody who upgrades asks first: what stops working, what gets worse, what becomes another function, and which packages changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replab.model import Status
from replab.report.data.cells import CellView, Work
from replab.report.data.links import case_path, cell_path
from replab.report.data.results import Results
from replab.report.data.words import derivative_name, listing, plural
from replab.report.views.between import Difference, Ends

WIDE = frozenset({"float32", "float64"})
"""Formats whose accuracy a model depends on; what gets worse in 16 bits stands after them."""
ANOTHER_FUNCTION = frozenset({"semantic", "incomparable"})
DID_NOT_END = frozenset({Status.ERROR, Status.CRASHED, Status.TIMEOUT, Status.OOM, Status.UNSUPPORTED})
"""States of a cell that was tried and has no result. What coverage left out was not tried."""
NUMERIC = ("tensorflow", "torch", "keras", "numpy", "scipy", "jax", "mkl", "openblas", "onednn", "triton", "ml-dtypes", "python")
"""How the names of packages begin that can change a number: they are named first, in this order."""
NAMED = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A part of the list of differences of an upgrade."""

    title: str
    text: str
    folded: bool = False


GROUPS: tuple[Group, ...] = (
    Group(title="Gets worse", text="In float32 and float64: a result that rounding explained is further off than that now."),
    Group(title="Computes another function now", text="The new version departs from the reference where the old one agreed with it."),
    Group(title="Gets worse in 16 bits", text="The same in float16 and bfloat16."),
    Group(title="Other numbers, as wrong as before", text="Both versions depart from the reference, and from each other.", folded=True),
    Group(title="Gets better", text="The new version is the one that agrees with the reference, or nearer to it.", folded=True),
    Group(title="Other bits within rounding", text="Both versions agree with the truth as far as rounding lets them.", folded=True),
)
WORSE, OTHER_FUNCTION, WORSE_HALF, AS_WRONG, BETTER, ROUNDING = range(len(GROUPS))


def group_of(difference: Difference) -> int:
    """The part of the list that a difference belongs to: an index of ``GROUPS``."""
    old, new = difference.left.outcome, difference.right.outcome
    if new.severity > old.severity:
        if new.name in ANOTHER_FUNCTION and difference.work.dtype in WIDE:
            return OTHER_FUNCTION
        return WORSE if difference.work.dtype in WIDE else WORSE_HALF
    if new.severity < old.severity:
        return BETTER
    return ROUNDING if new.explained and difference.outcome.explained else AS_WRONG


def changes(cells: Mapping[Work, Sequence[CellView]], ends: Ends) -> tuple[tuple[Sequence[object], ...], tuple[Sequence[object], ...]]:
    """What stops working and what starts, by case: [case, page, what, modes, state before, state after, why].

    Both sides must have been tried: what coverage left out on one side is neither. ``cells``: those of each work, whatever became of them.
    """
    stops: dict[tuple[str, ...], list[tuple[CellView, CellView]]] = defaultdict(list)
    starts: dict[tuple[str, ...], list[tuple[CellView, CellView]]] = defaultdict(list)
    for work, members in cells.items():
        sides = {(cell.place.environment, cell.place.mode): cell for cell in members if cell.place.variant in {"default", ""}}
        for environment, mode in list(sides):
            if environment != ends.left or (ends.right, mode) not in sides:
                continue
            old, new = sides[ends.left, mode], sides[ends.right, mode]
            if old.ok and _failed(new):
                stops[work.family, work.case, new.worst.status, new.explanation].append((old, new))
            elif new.ok and _failed(old):
                starts[work.family, work.case, old.worst.status, old.explanation].append((old, new))
    return _told(stops, failed=1), _told(starts, failed=0)


def _failed(cell: CellView) -> bool:
    return cell.worst.status in DID_NOT_END


def _told(found: Mapping[tuple[str, ...], Sequence[tuple[CellView, CellView]]], *, failed: int) -> tuple[Sequence[object], ...]:
    rows = []
    for (family, case, _, reason), pairs in sorted(found.items()):
        works = dict.fromkeys(pair[failed].work for pair in pairs)
        what = listing(list(dict.fromkeys(f"{work.dtype} {derivative_name(work.derivative)}" for work in works)), 4)
        modes = ", ".join(dict.fromkeys(pair[failed].place.mode for pair in pairs))
        page = cell_path(pairs[0][failed]) or case_path(family, case)
        states = [pair.worst.status for pair in pairs[0]]
        rows.append([f"{family}.{case}", page, what, modes, *states, reason])
    return tuple(rows)


def packages(results: Results, ends: Ends) -> Mapping[str, object]:
    """Packages whose versions differ between two environments: ``sentence``, and ``rows`` of [package, before, after].

    Those that can change a number come first.
    """
    old, new = (_installed(results, name) for name in ends)
    if not old or not new:
        return {"sentence": "", "rows": []}
    names = sorted((name for name in {*old, *new} if old.get(name) != new.get(name)), key=_prominence)
    rows = [[name, old.get(name, ""), new.get(name, "")] for name in names]
    told = [f"{name} {before or 'absent'} → {after or 'absent'}" for name, before, after in rows if name.startswith(NUMERIC)]
    sentence = f"{plural(len(rows), 'package differs', 'packages differ')} between the two"
    return {"sentence": f"{sentence}: {listing(told, NAMED)}." if told else f"{sentence}, none of which computes.", "rows": rows}


def _prominence(package: str) -> tuple[int, str]:
    """By which packages are listed."""
    return next((place for place, prefix in enumerate(NUMERIC) if package.startswith(prefix)), len(NUMERIC)), package


def _installed(results: Results, environment: str) -> dict[str, str]:
    """What was found inside of an environment, Python included, by name."""
    observed = (results.environments.get(environment) or {}).get("observed") or {}
    python = (observed.get("python") or {}).get("version") if isinstance(observed.get("python"), Mapping) else None
    found = {str(name).lower().replace("_", "-"): str(version) for name, version in (observed.get("packages") or {}).items()}
    return found | ({"python": str(python)} if python else {})


def others(results: Results, here: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Pinned environments that this run did not use, of the frameworks that it has; ``here``: its environments by framework."""
    pinned = results.run.get("pinned")
    if not isinstance(pinned, Mapping):
        return ()
    return tuple(str(name) for name, framework in pinned.items() if framework in here and name not in here[framework])


__all__ = ["GROUPS", "Group", "changes", "group_of", "others", "packages"]
