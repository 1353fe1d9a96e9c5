"""The first page; the first of its cards is what graphs compute otherwise, then the largest error, then what rounding explains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from replab.report.charts.figures import bar, class_picture
from replab.report.data.cells import CellView, Work, bit_classes, by_work
from replab.report.data.claim_verdicts import counted_words
from replab.report.data.links import work_path
from replab.report.data.results import Results
from replab.report.data.words import count, framework_name, listing, percent, plural
from replab.report.pages.pages import AnswerPage, Ranking
from replab.report.pages.parts import Finding, Link
from replab.report.views.accuracy_findings import Notes, less_accurate, not_comparable, other_functions, special_values
from replab.report.views.causes import ranked, source_anchor, source_count, source_share
from replab.report.views.claims import verdict_words
from replab.report.views.findings import control_score, controls_hold, coverage, crossings, left_out, mode_sharing, version_steps
from replab.report.views.graphs_astray import graphs_astray

QUESTION = "When NumPy, TensorFlow and PyTorch give different numbers: how different are they, and why?"

ITEMS_OF_A_CARD = 3
SOURCES_OF_A_CARD = 4


def lede(ok: Sequence[CellView]) -> str:
    """The one sentence at the top."""
    if not ok:
        return "No result yet: not one cell of this run ended well. The page on provenance says why."
    counts = Counter(cell.outcome.name for cell in ok)
    said = (
        ("identical", "{} carry the very bits of the truth"),
        ("rounding", "{} differ by no more than rounding explains"),
        ("accuracy", "{} are less accurate than that"),
        ("beyond", "{} are beyond rounding without a known kind"),
        ("semantic", "{} compute another function"),
        ("incomparable", "{} cannot be compared"),
        ("inconclusive", "{} stay open"),
    )
    parts = [text.format(percent(counts[name], len(ok))) for name, text in said if counts[name]]
    return f"Of {plural(len(ok), 'result')}, {listing(parts)}."


def _featured(ok: Sequence[CellView]) -> Work | None:
    """The case whose drawing goes on the first page: a matrix product if there is one, else what ran in most places."""
    best: tuple[tuple[bool, int, int], Work] | None = None
    for work, members in by_work(ok).items():
        if work.derivative == 0 and work.dtype == "float32":
            classes = bit_classes(members)
            rank = (work.case.startswith("matmul"), len({cell.place.environment for cell in members}), len(classes))
            if len(members) > 1 and (best is None or rank > best[0]):
                best = (rank, work)
    return best[1] if best else None


def _notes(results: Results) -> Notes:
    return {
        (family, case): str(entry.get("note") or "")
        for family, about in results.cases.items()
        for case, entry in (about.get("cases") or {}).items()
    }


def _card(finding: Finding) -> Finding:
    """The finding with its first items; the whole of it stands further down the page."""
    left = len(finding.items) - ITEMS_OF_A_CARD
    if left <= 0:
        return finding
    return replace(finding, items=finding.items[:ITEMS_OF_A_CARD], links=(Link(text=f"{left} more below", href="#more"), *finding.links))


def ranking(results: Results) -> Ranking | None:
    """The sources of discrepancy in their order, and how the claims came out; nothing when the run knows neither."""
    found = ranked(results)
    if not found and not results.claims:
        return None
    rows = []
    for entry in found[:SOURCES_OF_A_CARD]:
        link = Link(text=str(entry.get("title") or entry.get("id") or ""), href=f"causes.html#{source_anchor(entry)}")
        rows.append((link, f"{source_share(entry)} of all digits lost; {source_count(entry)} results"))
    judged = (
        f"Of {plural(len(results.claims), 'statement')} of articles, {counted_words(verdict_words(results))}." if results.claims else ""
    )
    return Ranking(
        title="What sets TensorFlow and PyTorch apart, by the digits it costs",
        rows=tuple(rows),
        more=Link(text=f"all {count(len(found))} sources, and how to remove each" if found else "why results differ", href="causes.html"),
        claims=judged,
        claims_link=Link(text="every claim with its verdict", href="claims.html"),
    )


def answer(results: Results, cells: tuple[CellView, ...]) -> AnswerPage:
    """The first page. First of its cards is what graphs compute otherwise, then the largest error, then what rounding explains."""
    ok = [cell for cell in cells if cell.ok]
    notes = _notes(results)
    astray, accuracy, semantic, modes, steps, across = (
        graphs_astray(results, cells),
        less_accurate(ok),
        other_functions(ok, notes),
        mode_sharing(ok),
        version_steps(ok),
        crossings(results),
    )
    tested = control_score(results.run)
    ordered = [*astray, *accuracy, *semantic, *across, *steps, *modes, *not_comparable(ok, notes), *special_values(ok), *tested]
    chosen = [kind[0] for kind in (astray, accuracy, across, semantic, steps, modes) if kind and kind[0].figure][:3]
    told = [finding for finding in chosen if len(finding.items) <= ITEMS_OF_A_CARD]
    covered = coverage(cells, results.environments)
    featured = _featured(ok)
    places: dict[tuple[str, int, str], list[CellView]] = defaultdict(list)
    for cell in ok:
        places[cell.place.framework, cell.place.order, cell.place.environment].append(cell)
    picture = class_picture([cell for cell in cells if cell.work == featured], "") if featured else None
    return AnswerPage(
        question=QUESTION,
        lede=lede(ok),
        left_out=left_out(cells, results.run),
        overall=bar("all environments", (cell.outcome for cell in ok)),
        ranking=ranking(results),
        cards=tuple(_card(finding) for finding in chosen),
        findings=(*(finding for finding in ordered if finding not in told), covered),
        bars=tuple(
            bar(name, (cell.outcome for cell in found), framework_name(framework)) for (framework, _, name), found in sorted(places.items())
        ),
        featured=picture,
        featured_title=f"{featured.label}, {featured.dtype}" if featured and picture else "",
        featured_href=work_path(featured) if featured and picture else "",
        warnings=tuple(tested) if cells and not controls_hold(results.run) else (),
    )
