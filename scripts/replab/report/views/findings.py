"""What a run says about modes, versions, pairs, controls and its own extent; each finding names its evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from replab.contract.summaries import RunSummary
from replab.model import SAME_FUNCTION, Status
from replab.report.data.cells import COMPILERS, CellView, Work, result_pairs
from replab.report.data.links import work_path
from replab.report.data.results import Results
from replab.report.data.words import count, percent, slug
from replab.report.pages.parts import Finding, Item, Link
from replab.report.views.accuracy_findings import environments, frameworks
from replab.report.views.sentences import say
from replab.store.rows import PairRow

MOST_MOVED = 3
"""Operations told per direction when a version changes its error."""


def mode_sharing(ok: Sequence[CellView]) -> list[Finding]:
    """For every environment with several modes, whether they give the same bits."""
    grouped: dict[tuple[str, int, str], dict[Work, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for cell in ok:
        if cell.bits and not cell.place.where:
            grouped[cell.place.framework, cell.place.order, cell.place.environment][cell.work][cell.place.mode] = cell.bits
    lines, shared, asked = [], 0, 0
    for (_, _, environment), works in sorted(grouped.items()):
        plain = sorted({mode for by_mode in works.values() for mode in by_mode} - COMPILERS, key=_mode_key)
        whole = [by_mode for by_mode in works.values() if all(mode in by_mode for mode in plain)] if len(plain) > 1 else []
        same = sum(len({by_mode[mode] for mode in plain}) == 1 for by_mode in whole)
        shared, asked = shared + same, asked + len(whole)
        compilers = []
        for compiler in sorted({mode for by_mode in works.values() for mode in by_mode} & COMPILERS):
            base = next((mode for mode in ("eager", *plain) if mode in plain), "")
            both = [by_mode for by_mode in works.values() if compiler in by_mode and base in by_mode]
            if both:
                compilers.append((compiler, base, sum(by_mode[compiler] == by_mode[base] for by_mode in both), len(both)))
        if whole or compilers:
            lines.append(say("sharing_line", environment, plain, (same, len(whole)) if whole else (), compilers))
    if not lines:
        return []
    return [
        Finding(
            kind="modes",
            title=say("sharing_title", shared, asked),
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
    steps = []
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
        steps.append(
            Finding(
                kind="upgrade",
                title=say("steps_title", old, new, len(changed), len(both)),
                lines=(say("steps_line", common[0], len(changed), len(both), len(verdicts), len(worse)),),
                items=tuple(_moved(left, right, both)),
                links=(Link(text="all that changed", href="upgrade.html"),),
                figure=percent(len(changed), len(both)),
                unit="new bits",
            )
        )
    return steps


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
    rising = [work for work in moved if right[work].ulp > left[work].ulp]
    falling = [work for work in moved if right[work].ulp < left[work].ulp]
    return [
        Item(link=Link(text=work.label, href=work_path(work)), text=say("moved", work, left[work].ulp, right[work].ulp))
        for work in (*rising[:MOST_MOVED], *falling[:MOST_MOVED])
    ]


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
    verdicts = [
        (name, counts[name]) for name in ("rounding", "accuracy", "beyond", "semantic", "incomparable", "inconclusive") if counts[name]
    ]
    return [
        Finding(
            kind="port",
            title=say("crossing_title", counts["rounding"], len(apart)),
            lines=(say("crossing_line", len(pairs), len(apart), verdicts),),
            items=_between(results, apart),
            figure=percent(counts["rounding"], len(apart)),
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
            link=Link(text=say("crossing_sides", left, right), href=f"port.html#{slug(f'{left}-{right}')}"),
            text=say("crossing_item", sum(pair.verdict == "rounding" for pair in pairs), len(pairs)),
        )
        for (left, right), pairs in sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def control_counts(run: RunSummary) -> tuple[tuple[int, int], tuple[int, int]]:
    """(as expected, all) of rewrites and of planted mistakes, as recorded by the run."""
    scores = run.get("controls") or {}
    good, total = zip(*((int(value or 0) for value in scores.get(kind, (0, 0))[:2]) for kind in ("rounding", "semantic")), strict=True)
    return (good[0], total[0]), (good[1], total[1])


def controls_hold(run: RunSummary) -> bool:
    """Whether controls ran, and every one came out as expected."""
    rewrites, mistakes = control_counts(run)
    return rewrites[0] + mistakes[0] == rewrites[1] + mistakes[1] > 0


def control_score(run: RunSummary) -> list[Finding]:
    """The lab's own test, as recorded by the run."""
    rewrites, mistakes = control_counts(run)
    good, total = rewrites[0] + mistakes[0], rewrites[1] + mistakes[1]
    return [
        Finding(
            kind="controls",
            title=say("controls_title", good, total),
            lines=(say("controls_line", rewrites, mistakes),),
            figure=f"{count(good)}/{count(total)}" if total else "",
            unit="controls" if total else "",
            links=(Link(text="controls", href="controls.html"),),
        )
    ]


def coverage(cells: Sequence[CellView], environments: Mapping[str, Any]) -> Finding:
    """What ran, what did not."""
    ok = sum(cell.ok for cell in cells)
    statuses = Counter(cell.outcome.name for cell in cells if not cell.ok)
    ends = [(name, statuses[name]) for name in sorted(statuses, key=lambda name: (-statuses[name], name))]
    lines = [say("coverage_line", len(cells), ends)]
    away = sorted(name for name, entry in environments.items() if entry.get("status") == "unavailable")
    if away and cells:
        lines.append(say("coverage_away", away))
    return Finding(
        kind="coverage",
        title=say("coverage_title", ok, len(cells)),
        lines=tuple(lines),
        links=(Link(text="reasons", href="provenance.html#statuses"),) if cells else (),
    )


def left_out(cells: Sequence[CellView], run: Mapping[str, Any]) -> Finding | None:
    """What was planned and left out on purpose, and what environments do not offer; nothing where neither is so."""
    counts = Counter(cell.outcome.name for cell in cells)
    skipped, unsupported = counts[Status.SKIPPED], counts[Status.UNSUPPORTED]
    if not skipped + unsupported:
        return None
    modes = Counter(cell.place.mode for cell in cells if cell.outcome.name == Status.SKIPPED)
    line = say("left_out_line", modes.most_common(3), unsupported, str(run.get("coverage") or ""))
    return Finding(
        kind="coverage",
        title=say("left_out_title", skipped, len(cells)),
        lines=(line,),
        links=(Link(text="Every reason.", href="provenance.html#statuses"),),
    )
