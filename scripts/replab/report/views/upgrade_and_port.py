"""The pages *Upgrade* (two versions of one framework) and *Port* (two frameworks): every pair, packed for the browser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import isnan
from urllib.parse import urlencode

from replab.model import EXPLAINED
from replab.report.charts.figures import bar
from replab.report.data.links import case_path, cell_path
from replab.report.data.results import Results
from replab.report.data.words import MISSING, OUTCOMES, count, derivative_name, framework_name, listing, number, percent, plural, slug
from replab.report.pages.between import BetweenGroup, BetweenPage, BetweenPair
from replab.report.views.between import Between, Difference, Ends
from replab.report.views.matrix import CODES
from replab.report.views.upgrading import GROUPS, changes, group_of, others, packages
from replab.report.views.what_to_set import Settings

_EXPLAINED = {
    "semantic": "computes another function than the reference",
    "incomparable": "has other special values, shape or type than the truth",
    "beyond": "is further from the truth than rounding explains",
    "accuracy": "is less accurate than rounding explains",
}


class Pool:
    """Texts that many rows share, by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of ``text``."""
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def texts(self) -> list[str]:
        """All texts, by their numbers."""
        return list(self._numbers)


def upgrade_sense(one: Difference) -> str:
    """Which way a result went, from left to right."""
    left, right = one.left, one.right
    if right.outcome.severity > left.outcome.severity:
        return "worse"
    if right.outcome.severity < left.outcome.severity:
        return "better"
    if isnan(left.ulp) or isnan(right.ulp) or left.ulp == right.ulp:
        return ""
    return "closer" if right.ulp < left.ulp else "further"


def port_sense(one: Difference) -> str:
    """Which side departs from the reference, in words."""
    left, right = one.left, one.right
    names = {left.outcome.name: left.place.environment, right.outcome.name: right.place.environment}
    for verdict, said in _EXPLAINED.items():
        if left.outcome.name == right.outcome.name == verdict:
            return f"each side {said}"
        if verdict in names:
            return f"{names[verdict]} {said}"
    return "both agree with the truth within rounding" if set(names) <= EXPLAINED else ""


def _details(found: Sequence[Difference]) -> str:
    """``float32 value, 1st derivative; float64 value``."""
    by_dtype: dict[str, list[str]] = {}
    for difference in found:
        output = "" if difference.output in {"out", ""} or difference.output.startswith("grad_") else f" {difference.output}"
        said = by_dtype.setdefault(difference.work.dtype, [])
        name = f"{derivative_name(difference.work.derivative)}{output}"
        if name not in said:
            said.append(name)
    return "; ".join(f"{dtype} {', '.join(said)}" for dtype, said in by_dtype.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """Differences of one case that say the same."""

    told: Difference
    """The one whose numbers are shown: compared directly if one was, in float32 if there is any."""
    members: tuple[Difference, ...]
    sense: str

    @property
    def weight(self) -> float:
        """That of the heaviest."""
        return max(member.weight for member in self.members)

    @property
    def modes(self) -> str:
        """``eager, session``; modes whose numbers nobody compared stand apart."""
        measured = dict.fromkeys(mode for member in self.members if member.measured for mode in member.modes)
        others = [mode for mode in dict.fromkeys(mode for member in self.members for mode in member.modes) if mode not in measured]
        if not measured or not others:
            return ", ".join([*measured, *others])
        return f"{', '.join(measured)}; not compared directly: {', '.join(others)}"


def _weighed(found: Sequence[Difference], sense: Callable[[Difference], str]) -> list[_Line]:
    """What differs, the weightiest first: a line per case, verdicts, sense and cause."""
    grouped: dict[tuple[str, ...], list[Difference]] = defaultdict(list)
    for difference in found:
        if difference.outcome.name != "identical" or difference.turned:
            verdicts = (difference.outcome.name, difference.left.outcome.name, difference.right.outcome.name)
            part = (sense(difference), str(difference.special), str(group_of(difference)))
            grouped[difference.work.label, *verdicts, *part].append(difference)
    lines = []
    for members in grouped.values():
        causes = list(dict.fromkeys(difference.cause for difference in members if difference.cause)) or [""]
        for cause in causes:  # what nobody compared goes with the first cause of its case
            mine = [difference for difference in members if difference.cause == cause or (not difference.cause and cause == causes[0])]
            mine.sort(
                key=lambda difference: (
                    difference.cause != cause,
                    not difference.measured,
                    difference.work.dtype != "float32",
                    difference.work,
                    difference.modes,
                )
            )
            lines.append(_Line(told=mine[0], members=tuple(mine), sense=sense(mine[0])))
    return sorted(lines, key=lambda line: (-line.weight, line.told.work, line.modes))


def _row(line: _Line, pool: Pool) -> list[object]:
    difference = line.told
    anchors = [cell_path(side).partition("#")[2] for side in (difference.left, difference.right)]
    apart = number(difference.ulp)
    return [
        pool.number(difference.work.label),
        pool.number(case_path(difference.work.family, difference.work.case)),
        pool.number(_details(line.members)),
        pool.number(line.modes),
        CODES[difference.outcome.name],
        apart if difference.measured or apart == MISSING else f"≤ {apart}",
        CODES[difference.left.outcome.name],
        number(difference.left.ulp),
        pool.number(anchors[0]),
        CODES[difference.right.outcome.name],
        number(difference.right.ulp),
        pool.number(anchors[1]),
        pool.number(line.sense or MISSING),
        pool.number(difference.cause),
        round(line.weight, 2),
        int(difference.special),
        group_of(difference),
    ]


def _summary(found: Sequence[Difference], *, step: bool) -> tuple[str, ...]:
    apart = [difference for difference in found if difference.outcome.name != "identical"]
    same = len(found) - len(apart)
    said = [f"{plural(len(found), 'result')} on both sides: {count(same)} with the same bits ({percent(same, len(found))})."]
    if step:
        turned = [difference for difference in found if difference.turned]
        worse = sum(upgrade_sense(difference) == "worse" for difference in turned)
        changed = plural(len(turned), "result changes", "results change")
        said.append(f"{changed} verdict against the truth, {count(worse)} for the worse.")
    else:
        beyond = sorted(
            (difference for difference in apart if not difference.outcome.explained and not difference.special),
            key=lambda difference: (-difference.weight, difference.work),
        )
        cases = list(dict.fromkeys(difference.work.label for difference in beyond))
        said.append(f"{plural(len(cases), 'case differs', 'cases differ')} beyond rounding{': ' + listing(cases, 5) if cases else ''}.")
    known = sum(bool(difference.cause) for difference in apart if difference.outcome.name != "rounding")
    of = sum(difference.outcome.name != "rounding" for difference in apart)
    if known:
        said.append(f"The cause is known for {count(known)} of the {count(of)} beyond rounding.")
    unmeasured = sum(not difference.measured for difference in apart)
    if unmeasured:
        said.append(f"{count(unmeasured)} were not compared directly: ≤ marks a bound, from pairs between them or from the truth.")
    return tuple(said)


def _pair(between: Between, ends: Ends, kind: str, more: Mapping[str, object], told: Sequence[str] = ()) -> BetweenPair | None:
    """``more``: what the page shows beside the differences; ``told``: sentences that come first."""
    differences = between.differences(ends)
    if not differences:
        return None
    step = kind == "upgrade"
    pool = Pool()
    rows = [_row(line, pool) for line in _weighed(differences, upgrade_sense if step else port_sense)]
    summary = (*told, *_summary(differences, step=step))
    data = {"left": ends.left, "right": ends.right, "summary": list(summary), "rows": rows, **more, "texts": pool.texts}
    name = slug(f"{kind}-{ends.left}-to-{ends.right}")
    return BetweenPair(
        left=ends.left,
        right=ends.right,
        bar=bar(
            f"{ends.left} → {ends.right}" if step else f"{ends.left} ↔ {ends.right}", (difference.outcome for difference in differences)
        ),
        summary=summary,
        address=urlencode({"from": ends.left, "to": ends.right}),
        file=f"data/{name}.js",
        data=data,
    )


def _page(kind: str, groups: Sequence[BetweenGroup], first: Ends | None, *, pinned: Sequence[str] = ()) -> BetweenPage:
    pairs = [pair for group in groups for pair in group.pairs]
    chosen = next((at for at, pair in enumerate(pairs) if first == (pair.left, pair.right)), 0)
    index: Mapping[str, object] = {
        "kind": kind,
        "pairs": [[pair.left, pair.right, pair.file] for pair in pairs],
        "first": chosen,
        "groups": [[group.title, group.text, int(group.folded)] for group in GROUPS] if kind == "upgrade" else [],
        "outcomes": {
            CODES[name]: {"name": name, "glyph": outcome.glyph, "css": outcome.css, "short": outcome.short}
            for name, outcome in OUTCOMES.items()
        },
    }
    return BetweenPage(kind=kind, groups=tuple(groups), index=index, pinned=tuple(pinned))


def upgrade(results: Results, between: Between) -> BetweenPage:
    """Every two versions of one framework, older to newer; neighbours last, the longest way first."""
    groups = []
    for framework, names in sorted(between.frameworks.items(), key=lambda item: (item[0] == "numpy", item[0])):
        ways = sorted(combinations(range(len(names)), 2), key=lambda way: (way[0] - way[1], way))
        pairs = [_step(results, between, Ends(names[old], names[new])) for old, new in ways]
        with_differences = tuple(pair for pair in pairs if pair)
        if with_differences:
            groups.append(
                BetweenGroup(title=framework_name(framework) or "Other", anchor=slug(framework or "other"), pairs=with_differences)
            )
    return _page("upgrade", groups, None, pinned=others(results, between.frameworks))


def _step(results: Results, between: Between, ends: Ends) -> BetweenPair | None:
    stops, starts = changes(between.works, ends)
    told = f"{plural(len(stops), 'case stops', 'cases stop')} working, {count(len(starts))} {'starts' if len(starts) == 1 else 'start'} to."
    return _pair(between, ends, "upgrade", {"stops": stops, "starts": starts, "packages": packages(results, ends)}, [told])


def port(between: Between, aligned: Callable[[Ends], Settings]) -> BetweenPage:
    """Every environment of one framework against every one of another; TensorFlow against PyTorch first, the newest first."""
    groups = []
    pairs_of = combinations(sorted(between.frameworks), 2)
    for first, second in sorted(pairs_of, key=lambda names: (set(names) != {"tensorflow", "torch"}, names)):
        ways = product(reversed(between.frameworks[first]), reversed(between.frameworks[second]))
        pairs = [_pair(between, Ends(*way), "port", _advice(aligned(Ends(*way)))) for way in ways]
        with_differences = tuple(pair for pair in pairs if pair)
        if with_differences:
            title = f"{framework_name(first) or 'Other'} against {framework_name(second) or 'other'}"
            groups.append(BetweenGroup(title=title, anchor=slug(f"{first or 'other'}-{second or 'other'}"), pairs=with_differences))
    return _page("port", groups, None)


def _advice(aligned: Settings) -> Mapping[str, object]:
    return {name: getattr(aligned, name) for name in ("answer", "checklist", "settings", "stays", "untried")}
