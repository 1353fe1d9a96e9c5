"""The table of programs: as printed in an article, and as they came out."""

from __future__ import annotations

from replab.contract.summaries import OutcomeSummary, ProgramSummary
from replab.report.pages.published import ProgramTable
from replab.report.views.published import programs

PROGRAM: ProgramSummary = {"id": "a_1", "title": "a sum", "printed": "3", "why": "Because.", "source": "print(1 + 2)", "after": []}


def table(**outcomes: OutcomeSummary) -> ProgramTable | None:
    """The table of one program in environments of these names."""
    return programs({"programs": [PROGRAM], "outcomes": {name: {"a_1": outcome} for name, outcome in outcomes.items()}}, list(outcomes))


def cell(outcome: OutcomeSummary) -> tuple[str, str, str]:
    """What is shown of an outcome."""
    made = table(here=outcome, there={"state": "ok", "printed": "3\n"})
    assert made is not None
    (row,) = made.rows
    found = row.cells[0]
    return found.state, found.text, found.details


def test_what_was_printed_stands_as_it_is_and_its_end_where_it_is_long() -> None:
    assert cell({"state": "ok", "printed": "3\n"}) == ("ok", "3", "")
    lines = "\n".join(map(str, range(9)))
    assert cell({"state": "ok", "printed": lines}) == ("ok", "6\n7\n8", lines)
    assert cell({"state": "ok", "printed": ""}) == ("ok", "", "")
    assert cell({"state": "ok", "printed": "x" * 500})[1].endswith("…")


def test_every_way_to_end_has_its_words() -> None:
    assert cell({"state": "error", "error": "NameError", "line": 7, "message": "np"}) == ("error", "NameError, line 7", "np")
    assert "0 s" in cell({"state": "timeout", "seconds": 60.2})[1]
    assert "signal 9" in cell({"state": "crashed", "message": "signal 9"})[1]
    assert cell({"state": "ok", "printed": "(3,)", "alone": "NameError, line 2"})[1] == "alone: NameError, line 2\n(3,)"
    assert "needs torch" in cell({"state": "ok", "printed": "3", "lacking": ["torch"]})[2]


def test_an_environment_that_can_run_none_has_no_column_and_no_program_no_table() -> None:
    made = table(here={"state": "ok", "printed": "3"}, gone={"state": "absent", "message": "tensorflow"})
    assert made is not None and made.environments == ("here",)
    assert table(gone={"state": "absent", "message": "tensorflow"}) is None
    assert programs({}, ["here"]) is None


def test_the_summary_counts_by_environment() -> None:
    made = table(here={"state": "error", "error": "ValueError", "line": 1}, there={"state": "ok", "printed": ""})
    assert made is not None
    assert "here can run 1: 1 end in an error." in made.summary and "there can run 1: 1 print nothing." in made.summary
