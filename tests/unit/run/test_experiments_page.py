"""``docs/experiments.md`` says what the declarations say."""

from __future__ import annotations

import os
from pathlib import Path

from replab.config import cases, families, variants
from replab.run import experiments_page

PAGE = Path(__file__).parents[3] / "docs" / "experiments.md"


def test_golden_page_of_experiments_is_that_of_the_declarations() -> None:
    """``make accept`` writes it anew."""
    if os.environ.get("REPLAB_ACCEPT"):
        PAGE.write_text(experiments_page.page(), encoding="utf-8")
    assert experiments_page.page() == PAGE.read_text(encoding="utf-8")


def names(section: str) -> list[str]:
    """What stands first in the rows of a section."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [line.split("`")[1] for line in text.splitlines() if line.startswith(("| `", "| &nbsp;"))]


def test_every_field_has_a_row_with_its_meaning() -> None:
    assert sorted(names("A family")) == sorted(families.FIELDS)
    assert names("A case") == list(cases.FIELDS)
    assert names("A variant") == list(variants.FIELDS)
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert all(line.split(" | ")[-1].removesuffix(" |").strip() for line in rows)


def test_what_can_be_measured_is_said_where_it_is_asked_for() -> None:
    (row,) = (line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `measure` "))
    assert [word for word in cases.MEASUREMENTS if f"`{word}`" not in row] == []
