"""What a run says, in sentences computed from its tables; each finding names its evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

from replab.report.cells import COMPILERS, CellView, Work, places_in_words, result_pairs
from replab.report.links import case_path, cell_path, work_path
from replab.report.pages import Finding, Link
from replab.report.results import Results
from replab.report.words import (
    count,
    derivative_name,
    framework_name,
    listing,
    number,
    percent,
    plural,
)

GOOD_CONTROLS = "Every control came out as expected"


def _precision(work: Work) -> str:
    return work.dtype if work.derivative == 0 else f"{work.dtype}, {derivative_name(work.derivative)}"


def _frameworks(cells: Iterable[CellView]) -> list[str]:
    return list(dict.fromkeys(place.framework for place in sorted({cell.place for cell in cells})))


def _environments(cells: Iterable[CellView], framework: str) -> list[str]:
    """Names, oldest first."""
    return list(dict.fromkeys(place.environment for place in sorted({cell.place for cell in cells}) if place.framework == framework))


def least_accurate(ok: Sequence[CellView]) -> list[Finding]:
    """Per framework, the cell that is furthest from the truth on average, among those that rounding does not excuse.

    The average decides, because the largest error of a function that crosses zero tells of the crossing and not of the function; values
    in float32 come first, and special values have a finding of their own.
    """
    found: list[tuple[float, Finding]] = []
    for framework in _frameworks(ok):
        mine = [cell for cell in ok if cell.place.framework == framework and not cell.worst.special]
        name = framework_name(framework)
        coarse = [cell for cell in mine if cell.outcome.name == "accuracy" and not isnan(cell.ulp)]
        values = [cell for cell in coarse if cell.work.derivative == 0]
        candidates = [cell for cell in values if cell.work.dtype == "float32"] or values or coarse
        if not candidates:
            none = f"None of its {plural(len(mine), 'result')} has the verdict accuracy."
            found.append((-1.0, Finding(kind="accuracy", title=f"{name} is nowhere less accurate than rounding explains", lines=(none,))))
            continue
        top = max(candidates, key=lambda cell: (_mean(cell), cell.ulp))
        peers = [cell for cell in mine if cell.work == top.work]
        same = [cell.place for cell in peers if (cell.bits and cell.bits == top.bits) or cell.id == top.id]
        where = f", at {top.worst.worst_inputs}" if top.worst.worst_inputs else ""
        reach = f"Up to {number(top.ulp)} ULP from the truth in {_precision(top.work)}, in {places_in_words(same)}{where}"
        lines = [f"{reach}; {number(top.worst.ulp_mean)} ULP on average."]
        newest = _environments(mine, framework)[-1]
        now = [cell for cell in peers if cell.place.environment == newest and not isnan(cell.ulp)]
        if newest != top.place.environment and now:
            best = max(now, key=lambda cell: cell.ulp)
            lines.append(f"In {newest} it is up to {number(best.ulp)} ULP ({best.outcome.name}).")
        works = {(cell.work.family, cell.work.case) for cell in coarse}
        verb = "is" if len(works) == 1 else "are"
        lines.append(f"{plural(len(works), 'operation')} of {name} {verb} less accurate than rounding explains in some version.")
        matrix = Link(text=f"all of {name} in the matrix", href=f"matrix.html#framework={framework}&verdict=accuracy")
        finding = Finding(
            kind="accuracy",
            title=f"{name} is furthest from the truth in {top.work.label}",
            lines=tuple(lines),
            figure=number(top.ulp),
            unit="ULP",
            links=(Link(text=top.work.label, href=cell_path(top)), matrix),
        )
        found.append((_mean(top), finding))
    return [finding for _, finding in sorted(found, key=lambda item: -item[0])]


def _mean(cell: CellView) -> float:
    """Mean error, 0 when unknown."""
    return 0.0 if isnan(cell.worst.ulp_mean) else cell.worst.ulp_mean


def _versions(bad: set[str], ran: Sequence[str]) -> str:
    """In which of the environments that ran it: all, only some, or up to one."""
    if len(ran) == 1:
        return f"in {ran[0]}"
    if bad >= set(ran):
        return "in every version"
    return f"only in {listing([name for name in ran if name in bad])}"


def other_functions(ok: Sequence[CellView]) -> list[Finding]:
    """Per framework, the cases that compute something else than the reference; and those that cannot be compared."""
    made = []
    for framework in _frameworks(ok):
        mine = [cell for cell in ok if cell.place.framework == framework and not cell.worst.special]
        ran: dict[tuple[str, str], list[str]] = defaultdict(list)
        bad: dict[tuple[str, str], set[str]] = defaultdict(set)
        for cell in sorted(mine, key=lambda cell: cell.place):
            case = (cell.work.family, cell.work.case)
            if cell.place.environment not in ran[case]:
                ran[case].append(cell.place.environment)
            if cell.outcome.name == "semantic":
                bad[case].add(cell.place.environment)
        name = framework_name(framework)
        if not bad:
            continue
        cases = sorted(bad)
        said = [f"{family}.{case} ({_versions(bad[family, case], ran[family, case])})" for family, case in cases]
        made.append(
            (
                len(cases),
                Finding(
                    kind="semantic",
                    title=f"{name} computes another function in {count(len(cases))} of {plural(len(ran), 'case')}",
                    lines=(f"The difference from the reference stays in float64: {listing(said)}.",),
                    figure=count(len(cases)),
                    unit="case" if len(cases) == 1 else "cases",
                    links=(
                        *(Link(text=f"{family}.{case}", href=case_path(family, case)) for family, case in cases[:6]),
                        Link(text="all in the matrix", href=f"matrix.html#framework={framework}&verdict=semantic"),
                    ),
                ),
            )
        )
    if not made and any(not cell.worst.special for cell in ok):
        made.append(
            (
                0,
                Finding(
                    kind="semantic",
                    title="Every operation computes the function of its reference",
                    lines=("No result has the verdict semantic.",),
                ),
            )
        )
    return [finding for _, finding in sorted(made, key=lambda item: -item[0])]


def special_values(ok: Sequence[CellView]) -> list[Finding]:
    """Where ±0, subnormals, infinities and NaN lead to something else than in the truth."""
    asked = {(cell.work.family, cell.work.case) for cell in ok if cell.worst.special}
    bad = [cell for cell in ok if cell.worst.special and cell.outcome.name in {"semantic", "incomparable"}]
    if not bad:
        return []
    cases = Counter((cell.work.family, cell.work.case) for cell in bad)
    return [
        Finding(
            kind="incomparable",
            title=f"Special values are treated otherwise than in the truth in {count(len(cases))} of {plural(len(asked), 'operation')}",
            lines=_astray(bad, cases),
            figure=count(len(cases)),
            unit="operation" if len(cases) == 1 else "operations",
            links=_case_links(cases, "matrix.html#text=special&verdict=incomparable"),
        )
    ]


def not_comparable(ok: Sequence[CellView]) -> list[Finding]:
    """Shape, type, NaN or infinity differ for ordinary inputs."""
    bad = [cell for cell in ok if cell.outcome.name == "incomparable" and not cell.worst.special]
    if not bad:
        return []
    cases = Counter((cell.work.family, cell.work.case) for cell in bad)
    return [
        Finding(
            kind="incomparable",
            title=f"{plural(len(bad), 'result')} of {plural(len(cases), 'case')} cannot be compared",
            lines=_astray(bad, cases),
            figure=count(len(bad)),
            unit="result" if len(bad) == 1 else "results",
            links=_case_links(cases, "matrix.html#verdict=incomparable"),
        )
    ]


def _ranked(cases: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(cases, key=lambda case: (-cases[case], case))


def _astray(bad: Sequence[CellView], cases: Counter[tuple[str, str]]) -> tuple[str, ...]:
    said = listing([f"{family}.{case} ({cases[family, case]})" for family, case in _ranked(cases)])
    nans = sum(any(row.nan_mismatch for row in cell.rows) for cell in bad)
    infinities = sum(any(row.inf_mismatch for row in cell.rows) for cell in bad)
    counted = f"Of {plural(len(bad), 'result')}, NaN is elsewhere than in the truth in {count(nans)}, infinity in {count(infinities)}."
    return (f"{said}.", counted) if nans or infinities else (f"{said}.",)


def _case_links(cases: Counter[tuple[str, str]], matrix: str) -> tuple[Link, ...]:
    links = [Link(text=f"{family}.{case}", href=case_path(family, case)) for family, case in _ranked(cases)[:6]]
    return (*links, Link(text="all in the matrix", href=matrix))


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
    for framework in _frameworks(ok):
        mine = [cell for cell in ok if cell.place.framework == framework and not cell.place.where]
        names = _environments(mine, framework)
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
        moved = [
            work
            for work in both
            if not left[work].worst.special
            and "accuracy" in {left[work].outcome.name, right[work].outcome.name}
            and _ratio(left[work].ulp, right[work].ulp) > 1
        ]
        links = [Link(text="version drift", href="upgrade.html")]
        if moved:
            top = max(moved, key=lambda work: (work.derivative == 0, _ratio(left[work].ulp, right[work].ulp), work))
            went = "falls" if right[top].ulp < left[top].ulp else "rises"
            lines.append(
                f"The error of {top.label} ({_precision(top)}) {went} from {number(left[top].ulp)} to {number(right[top].ulp)} ULP."
            )
            links.insert(0, Link(text=top.label, href=work_path(top)))
        made.append(
            Finding(
                kind="upgrade",
                title=f"From {old} to {new}, {percent(len(changed), len(both))} of the results change their bits",
                lines=tuple(lines),
                links=tuple(links),
                figure=percent(len(changed), len(both)),
                unit="new bits",
            )
        )
    return made


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
            figure=share,
            unit="is rounding",
            links=(Link(text="what does not agree", href="port.html"),),
        )
    ]


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
