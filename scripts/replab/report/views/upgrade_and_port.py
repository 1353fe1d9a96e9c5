"""The pages *Upgrade* (two versions of one framework) and *Port* (two frameworks): every pair, packed for the browser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import isnan
from typing import Any
from urllib.parse import urlencode

from replab.model import EXPLAINED
from replab.report.charts.figures import bar
from replab.report.data.links import case_path, cell_path
from replab.report.data.words import MISSING, OUTCOMES, count, derivative_name, framework_name, listing, number, percent, plural, slug
from replab.report.pages.between import BetweenGroup, BetweenPage, BetweenPair
from replab.report.views.between import Between, Difference, Ends
from replab.report.views.matrix import CODES
from replab.report.views.what_to_set import Settings

_EXPLAINED = {
    "semantic": "computes another function than the reference",
    "incomparable": "has other special values, shape or type than the truth",
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
    for one in found:
        output = "" if one.output in {"out", ""} or one.output.startswith("grad_") else f" {one.output}"
        said = by_dtype.setdefault(one.work.dtype, [])
        name = f"{derivative_name(one.work.derivative)}{output}"
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
        return max(one.weight for one in self.members)

    @property
    def modes(self) -> str:
        """``eager, session``; modes whose numbers nobody compared stand apart."""
        measured = dict.fromkeys(mode for one in self.members if one.measured for mode in one.modes)
        others = [mode for mode in dict.fromkeys(mode for one in self.members for mode in one.modes) if mode not in measured]
        if not measured or not others:
            return ", ".join([*measured, *others])
        return f"{', '.join(measured)}; not compared directly: {', '.join(others)}"


def _weighed(found: Sequence[Difference], sense: Callable[[Difference], str]) -> list[_Line]:
    """What differs, the weightiest first: a line per case, verdicts, sense and cause."""
    grouped: dict[tuple[str, ...], list[Difference]] = defaultdict(list)
    for one in found:
        if one.outcome.name != "identical" or one.turned:
            verdicts = (one.outcome.name, one.left.outcome.name, one.right.outcome.name)
            grouped[one.work.label, *verdicts, sense(one), str(one.special)].append(one)
    lines = []
    for members in grouped.values():
        causes = list(dict.fromkeys(one.cause for one in members if one.cause)) or [""]
        for cause in causes:  # what nobody compared goes with the first cause of its case
            mine = [one for one in members if one.cause == cause or (not one.cause and cause == causes[0])]
            mine.sort(key=lambda one: (one.cause != cause, not one.measured, one.work.dtype != "float32", one.work, one.modes))
            lines.append(_Line(told=mine[0], members=tuple(mine), sense=sense(mine[0])))
    return sorted(lines, key=lambda line: (-line.weight, line.told.work, line.modes))


def _row(line: _Line, pool: Pool) -> list[Any]:
    one = line.told
    anchors = [cell_path(side).partition("#")[2] for side in (one.left, one.right)]
    apart = number(one.ulp)
    return [
        pool.number(one.work.label),
        pool.number(case_path(one.work.family, one.work.case)),
        pool.number(_details(line.members)),
        pool.number(line.modes),
        CODES[one.outcome.name],
        apart if one.measured or apart == MISSING else f"≤ {apart}",
        CODES[one.left.outcome.name],
        number(one.left.ulp),
        pool.number(anchors[0]),
        CODES[one.right.outcome.name],
        number(one.right.ulp),
        pool.number(anchors[1]),
        pool.number(line.sense or MISSING),
        pool.number(one.cause),
        round(line.weight, 2),
        int(one.special),
    ]


def _summary(found: Sequence[Difference], *, step: bool) -> tuple[str, ...]:
    apart = [one for one in found if one.outcome.name != "identical"]
    same = len(found) - len(apart)
    said = [f"{plural(len(found), 'result')} on both sides: {count(same)} with the same bits ({percent(same, len(found))})."]
    if step:
        turned = [one for one in found if one.turned]
        worse = sum(upgrade_sense(one) == "worse" for one in turned)
        said.append(f"{plural(len(turned), 'result changes', 'results change')} verdict, {count(worse)} for the worse.")
    else:
        beyond = sorted((one for one in apart if not one.outcome.explained and not one.special), key=lambda one: (-one.weight, one.work))
        cases = list(dict.fromkeys(one.work.label for one in beyond))
        said.append(f"{plural(len(cases), 'case differs', 'cases differ')} beyond rounding{': ' + listing(cases, 5) if cases else ''}.")
    known = sum(bool(one.cause) for one in apart if one.outcome.name != "rounding")
    of = sum(one.outcome.name != "rounding" for one in apart)
    if known:
        said.append(f"The cause is known for {count(known)} of the {count(of)} beyond rounding.")
    unmeasured = sum(not one.measured for one in apart)
    if unmeasured:
        said.append(f"{count(unmeasured)} were not compared directly: ≤ marks a bound, from pairs between them or from the truth.")
    return tuple(said)


def _pair(between: Between, ends: Ends, kind: str, aligned: Settings | None) -> BetweenPair | None:
    found = between.differences(ends)
    if not found:
        return None
    step = kind == "upgrade"
    pool = Pool()
    rows = [_row(line, pool) for line in _weighed(found, upgrade_sense if step else port_sense)]
    data: dict[str, Any] = {"left": ends.left, "right": ends.right, "summary": list(_summary(found, step=step)), "rows": rows}
    if aligned is not None:
        data |= {"settings": aligned.settings, "stays": aligned.stays, "untried": aligned.untried}
    data["texts"] = pool.texts
    name = slug(f"{kind}-{ends.left}-to-{ends.right}")
    return BetweenPair(
        left=ends.left,
        right=ends.right,
        bar=bar(f"{ends.left} → {ends.right}" if step else f"{ends.left} ↔ {ends.right}", (one.outcome for one in found)),
        summary=_summary(found, step=step),
        address=urlencode({"from": ends.left, "to": ends.right}),
        file=f"data/{name}.js",
        data=data,
    )


def _page(kind: str, groups: Sequence[BetweenGroup], first: Ends | None) -> BetweenPage:
    pairs = [pair for group in groups for pair in group.pairs]
    chosen = next((at for at, pair in enumerate(pairs) if first == (pair.left, pair.right)), 0)
    index: Mapping[str, Any] = {
        "kind": kind,
        "pairs": [[pair.left, pair.right, pair.file] for pair in pairs],
        "first": chosen,
        "outcomes": {CODES[name]: {"name": name, "glyph": one.glyph, "css": one.css, "short": one.short} for name, one in OUTCOMES.items()},
    }
    return BetweenPage(kind=kind, groups=tuple(groups), index=index)


def upgrade(between: Between) -> BetweenPage:
    """Every two versions of one framework, older to newer; neighbours last, the longest way first."""
    groups = []
    for framework, names in sorted(between.frameworks.items(), key=lambda item: (item[0] == "numpy", item[0])):
        ways = sorted(combinations(range(len(names)), 2), key=lambda way: (way[0] - way[1], way))
        pairs = [_pair(between, Ends(names[old], names[new]), "upgrade", None) for old, new in ways]
        made = tuple(pair for pair in pairs if pair)
        if made:
            groups.append(BetweenGroup(title=framework_name(framework) or "Other", anchor=slug(framework or "other"), pairs=made))
    return _page("upgrade", groups, None)


def port(between: Between, aligned: Callable[[Ends], Settings]) -> BetweenPage:
    """Every environment of one framework against every one of another; TensorFlow against PyTorch first, the newest first."""
    groups = []
    pairs_of = combinations(sorted(between.frameworks), 2)
    for one, other in sorted(pairs_of, key=lambda names: (set(names) != {"tensorflow", "torch"}, names)):
        ways = product(reversed(between.frameworks[one]), reversed(between.frameworks[other]))
        pairs = [_pair(between, Ends(*way), "port", aligned(Ends(*way))) for way in ways]
        made = tuple(pair for pair in pairs if pair)
        if made:
            title = f"{framework_name(one) or 'Other'} against {framework_name(other) or 'other'}"
            groups.append(BetweenGroup(title=title, anchor=slug(f"{one or 'other'}-{other or 'other'}"), pairs=made))
    return _page("port", groups, None)
