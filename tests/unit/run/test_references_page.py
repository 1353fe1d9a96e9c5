"""``docs/references.md`` says what references may use, all of it and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from replab.run import references_page
from replab.truth import composed, linalg, namespace, special

PAGE = Path(__file__).parents[3] / "docs" / "references.md"


def test_golden_page_of_references_is_that_of_the_tables() -> None:
    """``make accept`` writes it anew."""
    if os.environ.get("REPLAB_ACCEPT"):
        PAGE.write_text(references_page.page(), encoding="utf-8")
    assert references_page.page() == PAGE.read_text(encoding="utf-8")


def named(groups: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [name for group in groups.values() for names in group for name in names.split(", ")]


def test_every_function_that_has_rules_has_a_line() -> None:
    assert sorted(named(references_page.NP)) == sorted(namespace.STRICT)
    assert sorted(named(references_page.SPECIAL)) == sorted(special.SPECIAL)


def test_what_is_named_is_there_and_every_line_says_something() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").partition("## What is not there")[0].splitlines() if line.startswith("| `")]
    assert all(line.split(" | ")[1].strip(" |") for line in rows)
    for owner, name in re.findall(r"`(np|np\.linalg|special)\.(\w+)`", "\n".join(line.split(" | ")[0] for line in rows)):
        assert hasattr({"np": namespace.np_, "np.linalg": linalg, "special": special.special_}[owner], name), name


def test_what_is_said_to_be_missing_is_not_there() -> None:
    assert not composed.WHY_NOT.keys() & (namespace.STRICT | vars(composed.Composed).keys())
    assert not linalg.WHY_NOT.keys() & set(linalg.__all__)
    assert not special.WHY_NOT.keys() & (special.SPECIAL.keys() | special.COMPOSED.keys())
