"""What a run says about modes, versions, pairs, controls and its own extent; each finding names its evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from replab.model import SAME_FUNCTION
from replab.report.data.cells import COMPILERS, CellView, Work, result_pairs
from replab.report.data.links import work_path
from replab.report.data.results import Results
from replab.report.data.words import count, derivative_name, framework_name, listing, number, percent, plural, slug
from replab.report.pages.parts import Finding, Item, Link
from replab.report.views.accuracy_findings import environments, frameworks
from replab.store.rows import PairRow

GOOD_CONTROLS = "Every control came out as expected"
MOST_MOVED = 3
"""Operations told per direction when a version changes its error."""


def _precision(work: Work) -> str:
    return work.dtype if work.derivative == 0 else f"{work.dtype}, {derivative_name(work.derivative)}"


def mode_sharing(ok: Sequence[CellView]) -> list[Finding]:
    """For every environment with several modes, whether they give the same bits."""
    grouped: dict[tuple[str, int, str], dict[Work, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for cell in ok:
        if cell.bits and not cell.place.where:
            grouped[cell.place.framework, cell.place.order, cell.place.environment][cell.work][cell.place.mode] = cell.bits
    lines, shared, asked = [], 0, 0
    for (_, _, environment), works in sorted(grouped.items()):
        plain = sorted({mode for found in works.values() for mode in found} - COMPILERS, key=_mode_key)
        parts = []
        if len(plain) > 1:
            full = [found for found in works.values() if all(mode in found for mode in plain)]
            same = sum(len({found[mode] for mode in plain}) == 1 for found in full)
            if full:
                parts.append(f"{listing(plain)} share their bits in {count(same)} of {plural(len(full), 'result')}")
                shared, asked = shared + same, asked + len(full)
        for compiler in sorted({mode for found in works.values() for mode in found} & COMPILERS):
            base = next((mode for mode in ("eager", *plain) if mode in plain), "")
            both = [found for found in works.values() if compiler in found and base in found]
            if both:
                same = sum(found[compiler] == found[base] for found in both)
                parts.append(f"{compiler} has the bits of {base} in {count(same)} of {count(len(both))}")
        if parts:
            lines.append(f"{environment}: {'; '.join(parts)}.")
    if not lines:
        return []
    title = "How a function is executed can change its bits"
    if asked and shared == asked:
        title = "Modes that run the framework's own kernels always share their bits"
    elif asked:
        title = f"Modes that run the framework's own kernels share their bits in {percent(shared, asked)} of the results"
    return [
        Finding(
            kind="modes",
            title=title,
            lines=tuple(lines),
            figure=percent(shared, asked) if asked else "",
            unit="same bits",
            links=(Link(text="the matrix", href="matrix.html"),),
        )
    ]


def _mode_key(mode: str) -> tuple[int, str]:
    order = ("session", "eager", "function", "script")
    return (order.index(mode) if mode in order else len(order), mode)


def version_steps(ok: Sequence[CellView]) -> list[Finding]:
    """From the oldest to the newest version of each framework."""
    made = []
    for framework in frameworks(ok):
        mine = [cell for cell in ok if cell.place.framework == framework and not cell.place.where]
        names = environments(mine, framework)
        if len(names) < 2:
            continue
        old, new = names[0], names[-1]
        by: dict[tuple[str, str], dict[Work, CellView]] = defaultdict(dict)
        for cell in mine:
            by[cell.place.environment, cell.place.mode][cell.work] = cell
        common = sorted(
            {mode for name, mode in by if name == old} & {mode for name, mode in by if name == new}, key=lambda m: (m != "eager", m)
        )
        if not common:
            continue
        left, right = by[old, common[0]], by[new, common[0]]
        both = [work for work in left if work in right and left[work].bits and right[work].bits]
        changed = [work for work in both if left[work].bits != right[work].bits]
        verdicts = [work for work in both if left[work].outcome != right[work].outcome]
        worse = [work for work in verdicts if right[work].outcome.severity > left[work].outcome.severity]
        moves = f"{count(len(changed))} of {plural(len(both), 'result')} change their bits and {count(len(verdicts))} their verdict"
        lines = [f"In {common[0]} mode {moves} ({count(len(worse))} for the worse)."]
        items = _moved(left, right, both)
        made.append(
            Finding(
                kind="upgrade",
                title=f"From {old} to {new}, {percent(len(changed), len(both))} of the results change their bits",
                lines=tuple(lines),
                items=tuple(items),
                links=(Link(text="all that changed", href="upgrade.html"),),
                figure=percent(len(changed), len(both)),
                unit="new bits",
            )
        )
    return made


def _moved(left: Mapping[Work, CellView], right: Mapping[Work, CellView], both: Sequence[Work]) -> list[Item]:
    """The values whose error changed most, for the worse and for the better; float32 if there is any."""
    moved = [
        work
        for work in both
        if work.derivative == 0
        and not left[work].worst.special
        and "accuracy" in {left[work].outcome.name, right[work].outcome.name}
        and {left[work].outcome.name, right[work].outcome.name} <= SAME_FUNCTION
        and _ratio(left[work].ulp, right[work].ulp) > 1
    ]
    moved = [work for work in moved if work.dtype == "float32"] or moved
    moved.sort(key=lambda work: (-_ratio(left[work].ulp, right[work].ulp), work))
    items = []
    for verb, found in (
        ("rises", [work for work in moved if right[work].ulp > left[work].ulp]),
        ("falls", [work for work in moved if right[work].ulp < left[work].ulp]),
    ):
        for work in found[:MOST_MOVED]:
            text = f"error ({_precision(work)}) {verb} from {number(left[work].ulp)} to {number(right[work].ulp)} ULP"
            items.append(Item(link=Link(text=work.label, href=work_path(work)), text=text))
    return items


def _ratio(one: float, two: float) -> float:
    """How many times the larger error is the smaller one, half an ULP being as good as it gets; 0 when one is unknown."""
    if isnan(one) or isnan(two):
        return 0.0
    return max(one, two, 0.5) / max(min(one, two), 0.5)


def crossings(results: Results) -> list[Finding]:
    """How much of what differs between frameworks is rounding."""
    pairs = [pair for pair in result_pairs(results) if pair.axis == "framework"]
    apart = [pair for pair in pairs if pair.verdict != "identical"]
    if not apart:
        return []
    counts = Counter(pair.verdict or "inconclusive" for pair in apart)
    said = [
        f"{name} {count(counts[name])}" for name in ("rounding", "accuracy", "semantic", "incomparable", "inconclusive") if counts[name]
    ]
    share = percent(counts["rounding"], len(apart))
    same = len(pairs) - len(apart)
    compared = f"{plural(len(pairs), 'pair')} of results compared across frameworks"
    lines = [f"{compared}: {count(same)} with the same bits, {count(len(apart))} that differ ({listing(said)})."]
    return [
        Finding(
            kind="port",
            title=f"Rounding explains {share} of the differences between frameworks",
            lines=tuple(lines),
            items=_between(results, apart),
            figure=share,
            unit="is rounding",
            links=(Link(text="what does not agree", href="port.html"),),
        )
    ]


def _between(results: Results, apart: Sequence[PairRow]) -> tuple[Item, ...]:
    """The same for each two frameworks, when the run has more than two."""
    framework = {row.environment: row.framework for row in results.cells}
    grouped: dict[tuple[str, str], list[PairRow]] = defaultdict(list)
    for pair in apart:
        grouped[framework.get(pair.left_environment, ""), framework.get(pair.right_environment, "")].append(pair)
    if len(grouped) < 2 or any(not name for names in grouped for name in names):
        return ()
    return tuple(
        Item(
            link=Link(text=f"{framework_name(left)} against {framework_name(right)}", href=f"port.html#{slug(f'{left}-{right}')}"),
            text=f"rounding explains {percent(sum(pair.verdict == 'rounding' for pair in pairs), len(pairs))} of {count(len(pairs))}",
        )
        for (left, right), pairs in sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def control_score(run: Mapping[str, Any]) -> list[Finding]:
    """The lab's own test, as recorded by the run."""
    scores = run.get("controls") or {}
    said, good, total = [], 0, 0
    for kind, text in (
        ("rounding", "{} of {} known-equal rewrites came out as rounding"),
        ("semantic", "{} of {} planted mistakes were found"),
    ):
        if kind in scores and int(scores[kind][1] or 0):
            got, asked = (int(value) for value in scores[kind][:2])
            said.append(text.format(count(got), count(asked)))
            good, total = good + got, total + asked
    if not total:
        return [
            Finding(
                kind="controls",
                title="No control ran",
                lines=("Without its controls this run cannot show that its verdicts are right.",),
                links=(Link(text="controls", href="controls.html"),),
            )
        ]
    title = GOOD_CONTROLS if good == total else f"{plural(total - good, 'control')} of {count(total)} did not come out as expected"
    return [
        Finding(
            kind="controls",
            title=title,
            lines=(f"{listing(said)}.",),
            figure=f"{count(good)}/{count(total)}",
            unit="controls",
            links=(Link(text="controls", href="controls.html"),),
        )
    ]


def coverage(cells: Sequence[CellView], environments: Mapping[str, Any]) -> Finding:
    """What ran, what did not."""
    ok = sum(cell.ok for cell in cells)
    statuses = Counter(cell.outcome.name for cell in cells if not cell.ok)
    said = [f"{count(statuses[name])} {name}" for name in sorted(statuses, key=lambda name: (-statuses[name], name))]
    if not cells:
        return Finding(kind="coverage", title="The run holds no cells", lines=("Nothing was planned, or nothing was recorded.",))
    lines = [
        f"{count(len(cells) - ok)} did not end in a result: {listing(said)}; each has its reason."
        if said
        else "Every one of them ended in a result."
    ]
    away = sorted(name for name, entry in environments.items() if entry.get("status") == "unavailable")
    if away:
        lines.append(f"Not available here: {listing(away)}.")
    return Finding(
        kind="coverage",
        title=f"{count(ok)} of {plural(len(cells), 'cell')} gave a result",
        lines=tuple(lines),
        links=(Link(text="reasons", href="provenance.html#statuses"),),
    )
