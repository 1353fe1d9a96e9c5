"""Where things are in the site, relative to its root."""

from __future__ import annotations

from replab.contract.summaries import CaseSummary, FamilySummary
from replab.report.data.cells import CellView, Place, Work
from replab.report.data.results import Results
from replab.report.data.words import slug


def case_path(family: str, case: str) -> str:
    """The page of a case."""
    return f"op/{slug(f'{family}.{case}')}.html"


def claim_path(identity: str) -> str:
    """The page of a claim."""
    return f"claim/{slug(identity)}.html"


def work_path(work: Work) -> str:
    """The panel of one precision and derivative on the page of its case."""
    return f"{case_path(work.family, work.case)}#{work.panel}"


def anchor(work: Work, place: Place) -> str:
    """The row of a cell on the page of its case."""
    return f"{work.panel}-{place.slug}"


def cell_path(cell: CellView) -> str:
    """The row of a cell."""
    return f"{case_path(cell.work.family, cell.work.case)}#{anchor(cell.work, cell.place)}"


def case_entry(results: Results, family: str, case: str) -> CaseSummary:
    """What ``cases.json`` says about a case; empty when it says nothing."""
    return results.cases.get(family, FamilySummary()).get("cases", {}).get(case, CaseSummary())


def case_title(results: Results, family: str, case: str) -> str:
    """The title of a case, or nothing when it only repeats the name."""
    title = str(case_entry(results, family, case).get("title") or "")
    return "" if title == case else title
