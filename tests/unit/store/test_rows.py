"""Rows of the public tables: declared once, and the same on both sides of a process."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from replab import texts
from replab.judge.rows import Rows
from replab.store import tables, tables_page
from replab.store.rows import CELLS, CURVES, ELSEWHERE, JUDGED, PAIRS, PUBLIC, CellRow, CurveRow, ElsewhereRow, PairRow

PAGE = Path(__file__).parents[3] / "docs" / "tables.md"
CELL = CellRow(id="ops.exp:float32:d0@numpy-2.5:eager:default:cpu", verdict="rounding", z_max=1.5, elements=3, special=True)


def crossed(rows: Rows) -> Rows:
    """Rows as they arrive from the process in which they were made."""
    return Rows.heard(json.loads(texts.json_of(rows.told(), None)))


@pytest.mark.parametrize("table", PUBLIC, ids=lambda table: table.name)
def test_every_column_says_what_it_means(table: Any) -> None:
    assert set(table.sort) <= set(table.names)
    for column in table.columns:
        assert len(column.meaning) > 7, column
        assert not column.meaning.endswith("."), column
        assert type(column.empty) is column.kind, column
        assert column.kind in {int, float} or not column.unit, column


def test_rows_arrive_as_they_were_made() -> None:
    made = Rows(cells=[CELL, CellRow(z_max=math.inf)], pairs=[PairRow(left="a", ulp_max=2.0)], curves=[CurveRow(bin=7)])
    assert [str(rows) for rows in vars(crossed(made)).values()] == [str(rows) for rows in vars(made).values()]


def test_odd_characters_arrive_written_out() -> None:
    (row,) = crossed(Rows(cells=[CellRow(reason="\x1b[31m\ud800")])).cells
    assert row.reason == r"\x1b[31m\ud800"


HOSTILE = {
    "no table of columns": lambda told: told.update(cells=[]),
    "a table less": lambda told: told.pop("curves"),
    "a table more": lambda told: told.update(more={}),
    "a column less": lambda told: told["cells"].pop("why"),
    "a column more": lambda told: told["cells"].update(__class__=["x"]),
    "a column that is none": lambda told: told["cells"].update(why="x"),
    "a text for a number": lambda told: told["cells"].update(z_max=["1.5"]),
    "a number for a text": lambda told: told["cells"].update(why=[1]),
    "nothing": lambda told: told["cells"].update(why=[None]),
    "a truth value for a count": lambda told: told["cells"].update(elements=[True]),
    "a number without room": lambda told: told["cells"].update(elements=[2**63]),
    "a real number without room": lambda told: told["cells"].update(z_max=[10**400]),
    "two rows in one column": lambda told: told["cells"].update(why=["", ""]),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_row_is_refused(change: Any) -> None:
    told = json.loads(texts.json_of(Rows(cells=[CELL]).told(), None))
    Rows.heard(told)
    change(told)
    with pytest.raises(ValueError, match=r"no rows of|shorter|longer"):
        Rows.heard(told)


def test_a_file_has_the_declared_columns_in_the_declared_order(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    tables.write(path, [PairRow(axis="version", left="b"), PairRow(axis="mode", left="c"), PairRow(axis="version", left="a")], PAIRS)
    found = tables.load(path)
    assert found.schema.equals(tables.schema(PAIRS))
    assert found["left"].to_pylist() == ["c", "a", "b"]
    assert found.schema.field("derivative").type == pa.int64()


def test_files_of_shards_become_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.parquet" for name in ("one", "other")]
    tables.write(paths[0], [CurveRow(family="a", bin=10), CurveRow(family="a", bin=9)], CURVES)
    tables.write(paths[1], [CurveRow(family="a", bin=8)], CURVES)
    merged = tables.merge(paths, tmp_path / "curves.parquet", CURVES)
    assert merged["bin"].to_pylist() == [8, 9, 10]


def test_a_result_of_elsewhere_is_a_cell_and_more() -> None:
    assert ElsewhereRow(id="x", here="ok").id == "x"
    assert set(CELLS.names) < {column.name for table in PUBLIC if table.row is ElsewhereRow for column in table.columns}
    assert list(JUDGED) == ["cells", "pairs", "curves", "attributions", "measurements", "scripts", "trajectories"]


def test_golden_page_of_tables_is_that_of_the_declarations() -> None:
    """``make accept`` writes it anew."""
    if os.environ.get("REPLAB_ACCEPT"):
        PAGE.write_text(tables_page.page(), encoding="utf-8")
    assert tables_page.page() == PAGE.read_text(encoding="utf-8")


def test_the_page_has_a_line_for_every_column() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    own = {table.name: len(table.columns) for table in PUBLIC} | {"elsewhere": len(ELSEWHERE.columns) - len(CELLS.columns)}
    assert sum(line.startswith("| `") for line in lines) == sum(own.values())
    assert all(line.replace("\\|", "").count("|") == 5 for line in lines if line.startswith("| `"))
