"""``docs/inputs.md`` says what the declarations say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replab.config import generators
from replab.run import inputs_page

PAGE = Path(__file__).parents[3] / "docs" / "inputs.md"


def test_golden_page_of_inputs_is_that_of_the_declarations() -> None:
    """``make accept`` writes it anew."""
    if os.environ.get("REPLAB_ACCEPT"):
        PAGE.write_text(inputs_page.page(), encoding="utf-8")
    assert inputs_page.page() == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", generators.KINDS)
def test_every_kind_has_a_section_with_the_meaning_of_every_option(kind: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert [row[0].strip("`") for row in rows] == list(generators.KINDS[kind])
    assert all(row[-1].strip() for row in rows)
