"""The step that looks at results of elsewhere."""

from __future__ import annotations

from replab.judge import other_platforms
from replab.model import Lab
from replab.store import tables
from replab.store.rows import ELSEWHERE, PLATFORMS


def compare(lab: Lab) -> None:
    """Compare with results of other engines and machines that lie in this store."""
    table = tables.read(lab.results.table("cells"))
    cells, lines = other_platforms.rows(lab, table.loc[table.repeatable == "no", "id"])
    tables.write(lab.results.table("elsewhere"), cells, ELSEWHERE)
    tables.write(lab.results.table("platforms"), lines, PLATFORMS)
