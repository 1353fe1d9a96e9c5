"""One bad thing costs itself: a family of hostile references, generators, parameters and rules beside a sound one, in real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from replab.store.rows import JUDGED
from replab.store.store import Store, encode

from .conftest import FAMILIES, Workflow

pytestmark = pytest.mark.pipeline

SETTINGS: dict[str, Any] = {"experiments": FAMILIES / "contained", "environments": "numpy-2.5", "cell_seconds": 3, "cell_memory_mb": 1024}
NO_ANSWER = "the reference has no answer: "
UNDIFFERENTIATED = "the reference has no answer, so that nothing says what to differentiate: "
REASONS = {
    "loops": "it did not end within 3 s",
    "sleeps": "it did not end within 3 s",
    "leaves": "it ended its process: exit code 0",
    "aborts": "it ended its process: SIGABRT",
    "kills_itself": "it ended its process: SIGKILL",
    "segfaults": "it ended its process: SIGSEGV",
    "recurses": "RecursionError: maximum recursion depth exceeded, in reference.py:51: `return recurses(x)`: recurses (order 0)",
    "talks": "it printed more than 64 MB",
    "alters": "a reference changes no attribute, in reference.py:124: `math.exp = math.sin`",
    "surrogate": "ValueError: \\ud800 and \\x1b[31m red, "
    'in reference.py:134: `raise ValueError("\\ud800 and \\x1b[31m red")`: surrogate (order 0)',
}
"""What is said where the reference of a case goes wrong; of others, whose words depend on more than this, only that something is said."""
OTHERS = ("exits", "returns_text", "returns_nothing", "huge", "hungry", "hungry_in_secret")
LEFT_BEHIND = ("wanders", "forks", "leaves_a_daemon", "leaves_a_thread", "sets_an_alarm")
"""References that have an answer, and leave something behind in their process."""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A finished run of both families."""
    workflow = Workflow(tmp_path_factory.mktemp("beside"), families="hostile,sound", **SETTINGS)
    workflow.run()
    return workflow


def _rows(workflow: Workflow) -> dict[tuple[str, int], pd.Series]:
    cells = workflow.table()
    return {(row.case, row.derivative): row for _, row in cells[cells.family == "hostile"].iterrows()}


def test_a_sound_family_has_the_tables_that_it_has_alone(beside: Workflow, tmp_path: Path) -> None:
    """Value for value, whatever its neighbour does."""
    alone = Workflow(tmp_path / "alone", families="sound", **SETTINGS)
    alone.run()
    for part in JUDGED:
        mine, all_rows = alone.comparable(part), beside.comparable(part)
        if part == "scripts":
            all_rows = all_rows[all_rows.id.str.startswith("sound.")]
        elif len(all_rows):
            all_rows = all_rows[all_rows.family == "sound"]
        pd.testing.assert_frame_equal(all_rows.reset_index(drop=True), mine)
    assert len(alone.table("cells")) > 10 and len(alone.table("attributions"))


def test_each_bad_reference_costs_its_case_and_says_why(beside: Workflow) -> None:
    """The cells that can be computed are, and are not judged; those that need its shapes are left out."""
    rows = _rows(beside)
    for case in (*REASONS, *OTHERS):
        row = rows[case, 0]
        said = row.why.removeprefix(NO_ANSWER)
        assert (row.status, row.verdict) == ("ok", "inconclusive") and said != row.why, (case, row.why)
        assert said == REASONS.get(case, said), case
        if (case, 1) in rows:
            left_out = rows[case, 1]
            assert left_out.status == "skipped" and left_out.reason.startswith(UNDIFFERENTIATED + REASONS.get(case, "")), case
    for case in ("closes", "writes_everywhere"):  # its truth may have been kept before the worker was known to be lost
        assert rows[case, 0].verdict == "identical" or rows[case, 0].why in (
            f"{NO_ANSWER}it closed files that the lab had open",
            f"{NO_ANSWER}it wrote into a file of the lab",
        )
    for case in LEFT_BEHIND:  # what they would need is refused where truth is certified
        assert (rows[case, 0].status, rows[case, 0].verdict) == ("ok", "inconclusive"), (case, rows[case, 0].why)
        assert rows[case, 0].why.startswith(f"{NO_ANSWER}ImportError: references cannot import "), (case, rows[case, 0].why)
    assert (rows["last", 0].status, rows["last", 0].verdict) == ("ok", "identical"), rows["last", 0].why
    assert rows["last", 1].status == "unsupported"


def test_nothing_is_a_result_where_nothing_was_returned(beside: Workflow) -> None:
    """An implementation that returns no output has failed, and is not identical to anything."""
    row = _rows(beside)["no_output", 0]
    assert (row.status, row.verdict) == ("error", "") and row.reason.startswith("TypeError: the function returned nothing"), row.reason


def test_inputs_that_cannot_be_made_cost_their_case(beside: Workflow) -> None:
    """As many elements as an input may have, and more than a cell's memory holds."""
    row = _rows(beside)["no_room", 0]
    assert row.status == "skipped" and row.reason.startswith("its inputs cannot be made: "), row.reason


def test_parameters_that_are_not_finite_are_parameters(beside: Workflow) -> None:
    """Judged, and shown as texts."""
    assert _rows(beside)["infinite", 0].verdict == "identical"
    cases = json.loads((beside.results / "cases.json").read_text())
    wanted = {"limit": "inf", "other": "nan", "several": ["inf", ["-inf"]]}
    assert cases["hostile"]["cases"]["infinite"]["parameters"] == wanted


def test_no_odd_character_reaches_tables_or_pages(beside: Workflow) -> None:
    """Halves of characters and terminal codes, of references, implementations and rules, are written out."""
    assert "\\x1b[31m red" in _rows(beside)["raises_codes", 0].reason
    for path in beside.results.glob("report/**/*.*"):
        assert "\x1b" not in path.read_text(encoding="utf-8"), path
    for name in JUDGED:
        for column, values in beside.table(name).items():
            assert not any("\x1b" in value for value in values if isinstance(value, str)), (name, column)


def test_a_bad_rule_costs_its_claims(beside: Workflow) -> None:
    """Each says what happened; a rule that stands beside them has its answer."""
    claims = {one["id"]: one for one in json.loads((beside.results / "claims.json").read_text())}
    assert claims["S1"]["verdict"] == "holds"
    said = {
        name: one["words"].removeprefix("Not measurable here. Its rule has no answer: ") for name, one in claims.items() if name != "S1"
    }
    assert said == {
        "S2": "it did not end within 3 s.",
        "H1": "it raised KeyError: '\\ud800 \\x1b[31m'.",
        "H2": "it returned str, and no finding.",
        "H3": "the evidence does not exist: cell nowhere.",
    }
    assert {one["verdict"] for name, one in claims.items() if name != "S1"} == {"not measurable here"}


def test_an_odd_record_costs_its_cell(beside: Workflow) -> None:
    """A result that has the right hashes and says nonsense, as a function that changes the probe can leave it."""
    before = beside.comparable()
    victim = before[(before.case == "square") & (before.status == "ok")].iloc[0]
    store = Store(beside.results / "store")
    result = store.read(victim.key)
    kinds = {"float32": "F32", "float64": "F64"}
    tensors = {one.name: (kinds[one.dtype], one.values) for one in result.tensors}  # noqa: PD011 (of a tensor)
    odd = {**result.record, "notes": [5, {}], "seconds": "long", "measured": "none"}
    store.cell_path(victim.key).write_bytes(encode(odd, tensors))
    beside.run()
    after = beside.comparable()
    changed = after[after.id == victim.id].iloc[0]
    assert (changed.status, changed.reason) == ("error", "its record is none: seconds and notes and measured cannot be read")
    pd.testing.assert_frame_equal(
        after[after.id != victim.id].reset_index(drop=True), before[before.id != victim.id].reset_index(drop=True)
    )
