"""Why results differ: the ranked sources, the factors, the switches, and how far the lab itself can be trusted with causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite, nan

from replab.contract.summaries import SourceSummary
from replab.report.charts.charts import Ranked, ranked_chart
from replab.report.data.evidence import SIDES, Index, split_id
from replab.report.data.results import Results
from replab.report.data.words import count, derivative_name, listing, number, percent, plural, portion, slug
from replab.report.pages.causes import CauseSection, CausesPage, SourceRow
from replab.report.pages.parts import Chart, Link
from replab.report.views.factor_shares import aligned_tables, factor_case, factor_groups
from replab.report.views.hypotheses import as_declared, explained, planted, unexplained
from replab.report.views.switches import moves, repeats, switch_tables
from replab.store.rows import AttributionRow, CellRow

QUESTION = "What are the sources of discrepancy between TensorFlow and PyTorch, ranked by the digits they cost?"
MOST_FACTORS = 8


def real(value: object) -> float:
    """A number of a JSON file; NaN where there is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else nan


def _whole(value: object) -> int:
    """A count; 0 where there is none."""
    found = real(value)
    return int(found) if isfinite(found) else 0


def ranked(results: Results) -> list[SourceSummary]:
    """The sources that have a rank, the largest share of all digits lost first."""
    return sorted((entry for entry in results.sources if isfinite(real(entry.get("rank")))), key=lambda entry: real(entry.get("rank")))


def _beside(results: Results) -> list[SourceSummary]:
    """The sources without a rank: values chosen to break, what was not decided, and what lies within one framework."""
    return [entry for entry in results.sources if not isfinite(real(entry.get("rank")))]


def source_anchor(entry: SourceSummary) -> str:
    """The row of a source."""
    return slug(f"source-{entry.get('id') or entry.get('title') or ''}")


def source_share(entry: SourceSummary) -> str:
    """``48 % (41 to 55 %)``: the share of all digits lost, with its interval over cases; empty without a rank."""
    share, low, high = (real(entry.get(name)) for name in ("lost", "low", "high"))
    return f"{portion(share)} ({portion(low)} to {portion(high)})" if isfinite(share) else ""


def source_count(entry: SourceSummary) -> str:
    """``65 of 137 (47 %)``."""
    part, whole = _whole(entry.get("count")), _whole(entry.get("of"))
    return f"{count(part)} of {count(whole)} ({percent(part, whole)})" if whole else count(part)


def source_lede(results: Results) -> str:
    """The answer in a sentence or two."""
    if not results.sources:
        return "This run holds no results of both TensorFlow and PyTorch beside each other, so it cannot rank what sets them apart."
    entries = ranked(results)
    if not entries:
        return "In this run nothing sets TensorFlow and PyTorch apart but special values, or what was not decided."
    largest = [f"{source_share(entry)} {'to' if place else 'are due to'} {_title(entry)}" for place, entry in enumerate(entries[:3])]
    sentence = f"Of all digits that the two lose against each other, {listing(largest)}."
    often = max(entries, key=lambda entry: _whole(entry.get("cases")))
    cases, digits = plural(_whole(often.get("cases")), "case"), number(real(often.get("digits")))
    return f"{sentence} The most frequent is {_title(often)}: {cases}, {digits} digits each in the median."


def _title(entry: SourceSummary) -> str:
    title = str(entry.get("title") or entry.get("id") or "")
    return title[:1].lower() + title[1:]


def _example(evidence: Mapping[str, object], index: Index) -> Link:
    """An example, called by its case and derivative: what is compared stands above the table."""
    parts = split_id(str(evidence.get("id") or "").partition(SIDES)[0])
    found = index.link(evidence)
    if parts is None:
        return found
    return Link(text=f"{parts.family}.{parts.case}, {derivative_name(parts.derivative)}", href=found.href)


def _rows(entries: Sequence[SourceSummary], index: Index) -> tuple[SourceRow, ...]:
    return tuple(
        SourceRow(
            rank=count(_whole(entry.get("rank"))) if isfinite(real(entry.get("rank"))) else "",
            anchor=source_anchor(entry),
            title=str(entry.get("title") or entry.get("id") or ""),
            meaning=str(entry.get("meaning") or ""),
            remedy=str(entry.get("remedy") or ""),
            share=source_share(entry),
            models=_kind(entry, "models"),
            operations=_kind(entry, "operations"),
            digits=number(real(entry.get("digits"))),
            above_percent=count(_whole(entry.get("above_percent"))),
            above_ten_thousandth=count(_whole(entry.get("above_ten_thousandth"))),
            beyond=portion(real(entry.get("beyond"))) if isfinite(real(entry.get("beyond"))) else "",
            count=source_count(entry),
            cases=plural(_whole(entry.get("cases")), "case"),
            factors=listing([str(factor) for factor in entry.get("factors") or []], MOST_FACTORS),
            note=str(entry.get("note") or ""),
            examples=tuple(dict.fromkeys(_example(one, index) for one in entry.get("examples") or [])),
        )
        for entry in entries
    )


def _kind(entry: SourceSummary, name: str) -> str:
    """The share of the digits that one kind of case loses."""
    kinds = entry.get("kinds")
    share = real(kinds.get(name)) if isinstance(kinds, Mapping) else nan
    return portion(share) if isfinite(share) else ""


def source_chart(results: Results) -> Chart | None:
    """The ranked sources: a bar for the share of all digits lost, a line for its interval."""
    bars = [
        Ranked(
            name=str(entry.get("title") or entry.get("id") or ""),
            value=real(entry.get("lost")),
            low=real(entry.get("low")),
            high=real(entry.get("high")),
            said=f"{source_share(entry)}; {plural(_whole(entry.get('cases')), 'case')}, {source_count(entry)} results",
        )
        for entry in ranked(results)
    ]
    return ranked_chart("chart-sources", "Sources by the digits they cost", source_lede(results), "share of all digits lost", bars)


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
        sources=_rows(ranked(results), index),
        beside=_rows(_beside(results), index),
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
