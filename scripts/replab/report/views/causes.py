"""Why results differ: the ranked sources, the factors, the switches, and how far the lab itself can be trusted with causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any

from replab.report.charts.charts import Ranked, ranked_chart
from replab.report.data.evidence import SIDES, Index, split_id
from replab.report.data.results import Results
from replab.report.data.words import count, derivative_name, listing, number, percent, plural, slug
from replab.report.pages.causes import CauseSection, CausesPage, SourceRow
from replab.report.pages.parts import Chart, Link
from replab.report.views.factor_shares import aligned_tables, factor_case, factor_groups
from replab.report.views.hypotheses import as_declared, explained, planted, unexplained
from replab.report.views.switches import moves, repeats, switch_tables
from replab.store.rows import AttributionRow, CellRow

QUESTION = "What are the sources of discrepancy between TensorFlow and PyTorch, ranked by size?"
UNIT = "relative difference of the worst element"
MOST_FACTORS = 8
OPEN = "open"
"""The source that says that none is known: it has a place in the table and is no answer."""


def real(value: Any) -> float:
    """A number of a JSON file; NaN where there is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else nan


def _whole(value: Any) -> int:
    """A count; 0 where there is none."""
    found = real(value)
    return int(found) if isfinite(found) else 0


def ranked(results: Results) -> list[Mapping[str, Any]]:
    """The sources in their order."""
    return sorted(results.sources, key=lambda entry: (real(entry.get("rank")), str(entry.get("id") or "")))


def source_anchor(entry: Mapping[str, Any]) -> str:
    """The row of a source."""
    return slug(f"source-{entry.get('id') or entry.get('title') or ''}")


def source_count(entry: Mapping[str, Any]) -> str:
    """``65 of 137 (47 %)``."""
    part, whole = _whole(entry.get("count")), _whole(entry.get("of"))
    return f"{count(part)} of {count(whole)} ({percent(part, whole)})" if whole else count(part)


def source_lede(results: Results) -> str:
    """The answer in a sentence or two."""
    found = ranked(results)
    if not found:
        return "This run holds no results of both TensorFlow and PyTorch beside each other, so it cannot rank what sets them apart."
    sized = [entry for entry in found if real(entry.get("median")) > 0 and entry.get("id") != OPEN]
    said = [f"{_title(entry)} ({number(real(entry['median']))})" for entry in sized[:3]]
    parts = [f"By the median relative difference, the largest {'is' if len(said) == 1 else 'are'} {listing(said)}."] if said else []
    often = max(found, key=lambda entry: (real(entry.get("share") or 0.0), str(entry.get("id") or "")))
    parts.append(f"The most frequent is {_title(often)}: {source_count(often)} results.")
    return " ".join(parts)


def _title(entry: Mapping[str, Any]) -> str:
    title = str(entry.get("title") or entry.get("id") or "")
    return title[:1].lower() + title[1:]


def _note(entry: Mapping[str, Any]) -> str:
    """What the words of a source say beyond the columns of its row: how many have no size, what restores the bits."""
    parts = str(entry.get("words") or "").split("; ")
    skipped = ("median relative difference", "factors:")
    return "; ".join(part for place, part in enumerate(parts) if place and not part.startswith(skipped))


def _example(evidence: Mapping[str, Any], index: Index) -> Link:
    """An example, called by its case and derivative: what is compared stands above the table."""
    parts = split_id(str(evidence.get("id") or "").partition(SIDES)[0])
    found = index.link(evidence)
    if parts is None:
        return found
    return Link(text=f"{parts.family}.{parts.case}, {derivative_name(parts.derivative)}", href=found.href)


def _sources(results: Results, index: Index) -> tuple[SourceRow, ...]:
    return tuple(
        SourceRow(
            rank=place,
            anchor=source_anchor(entry),
            title=str(entry.get("title") or entry.get("id") or ""),
            meaning=str(entry.get("meaning") or ""),
            remedy=str(entry.get("remedy") or ""),
            median=number(real(entry.get("median"))),
            worst=number(real(entry.get("worst"))),
            ulp=number(real(entry.get("median_ulp"))),
            count=source_count(entry),
            cases=plural(_whole(entry.get("cases")), "case"),
            factors=listing([str(factor) for factor in entry.get("factors") or []], MOST_FACTORS),
            note=_note(entry),
            examples=tuple(dict.fromkeys(_example(one, index) for one in entry.get("examples") or [] if isinstance(one, Mapping))),
        )
        for place, entry in enumerate(ranked(results), 1)
    )


def source_chart(results: Results) -> Chart | None:
    """The sources that have a size, the largest first."""
    found = ranked(results)
    drawn = [
        Ranked(
            name=str(entry.get("title") or entry.get("id") or ""),
            value=real(entry.get("median")),
            most=real(entry.get("worst")),
            said=f"median {number(real(entry.get('median')))}, at most {number(real(entry.get('worst')))}; {source_count(entry)} results",
        )
        for entry in found
    ]
    units = sorted({str(entry.get("unit") or UNIT) for entry in found})
    title = f"{units[0] if units else UNIT} (logarithmic)"
    return ranked_chart("chart-sources", "Sources by size", source_lede(results), title, drawn)


def causes(results: Results, index: Index) -> CausesPage:
    """The page about why results differ."""
    rows = [row for row in results.attributions if row.role != "control"]
    declared = [row for row in rows if as_declared(row)]
    aligned = [row for row in rows if row.method == "hypothesis" and not as_declared(row)]
    elsewhere = ""
    if aligned:
        named = sum(row.named for row in aligned)
        elsewhere = f"Not listed here: {plural(len(aligned), 'result')} of runs with aligned factors; "
        elsewhere += f"one cause was named for {count(named)} of them."
    return CausesPage(
        question=QUESTION,
        lede=source_lede(results),
        chart=source_chart(results),
        sources=_sources(results, index),
        factors=factor_groups(results, index),
        explained=explained(declared, index),
        unknown=unexplained(declared, index),
        elsewhere=elsewhere,
        switches=switch_tables(rows, index),
        moves=moves(results),
        repeat=repeats(results, index),
        planted=planted(results, index),
    )


def cause_sections(results: Results, index: Index) -> dict[tuple[str, str], CauseSection]:
    """What is known about the causes of each case that has attributions."""
    attributions: dict[tuple[str, str], list[AttributionRow]] = defaultdict(list)
    for row in results.attributions:
        attributions[row.family, row.case].append(row)
    runs: dict[tuple[str, str], list[CellRow]] = defaultdict(list)
    for cell in results.varied:
        if cell.aligned:
            runs[cell.family, cell.base or cell.case].append(cell)
    made = {}
    for family, case in sorted({*attributions, *runs}):
        rows = attributions[family, case]
        declared = [row for row in rows if as_declared(row)]
        made[family, case] = CauseSection(
            summary=_summary(declared),
            factors=factor_case(results, family, case, rows, index),
            explained=explained(declared, index),
            unknown=unexplained(declared, index),
            switches=switch_tables(rows, index),
            aligned=aligned_tables(runs[family, case]),
        )
    return made


def _summary(rows: Sequence[AttributionRow]) -> tuple[str, ...]:
    """A sentence per way in which a cause was found."""
    said = []
    enough = sorted({row.sufficient for row in rows if row.method == "subsets" and row.axis == "framework" and row.sufficient})
    if enough:
        names = listing([" + ".join(one.split("+")) for one in enough])
        said.append(f"Between frameworks it is enough to align {names}; the runs below show it.")
    if any(row.method == "subsets" and not row.sufficient for row in rows):
        said.append("For some pairs not even all factors together are enough.")
    named = sorted({row.left_value for row in rows if row.method == "hypothesis" and row.named})
    if named:
        said.append(f"The reference gives results found here too, with {listing(named)}.")
    switches = sorted({row.factor for row in rows if row.method == "variant" and row.named})
    if switches:
        said.append(f"Bits become equal under {listing(switches)}.")
    return tuple(said)
