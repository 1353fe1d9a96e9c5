"""The comparison of two runs sees each kind of difference, and nothing where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import same_tables

CELL = {"id": "f.a:float32:d0@numpy-2.5:eager:default:cpu", "output": "out", "status": "ok", "bits": "aa", "verdict": "rounding"}
PAIR = {
    "left": CELL["id"],
    "right": CELL["id"].replace("numpy-2.5", "torch-2.13"),
    "axis": "framework",
    "output": "out",
    "verdict": "rounding",
}
ATTRIBUTION = {"family": "f", "case": "a", "method": "search", "axis": "port", "pair": CELL["id"], "dtype": "float32", "derivative": 0}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder of results with one row in each table."""
    folder = tmp_path / "before"
    folder.mkdir()
    pd.DataFrame([CELL | {"cause": "", "repeatable": "yes"}]).to_parquet(folder / "cells.parquet")
    pd.DataFrame([PAIR | {"cause": ""}]).to_parquet(folder / "pairs.parquet")
    row = ATTRIBUTION | {
        "factor": "epsilon",
        "note": "",
        "share": 1.0,
        "verdict_aligned": "rounding",
        "left_value": "1",
        "right_value": "2",
    }
    pd.DataFrame([row]).to_parquet(folder / "attributions.parquet")
    (folder / "claims.json").write_text(json.dumps([{"id": "K01", "verdict": "supported"}]))
    shutil.copytree(folder, tmp_path / "after")
    return tmp_path


def change(folder: Path, table: str, column: str, value: object) -> None:
    rows = pd.read_parquet(folder / f"{table}.parquet")
    rows[column] = value
    rows.to_parquet(folder / f"{table}.parquet")


def test_a_run_is_the_same_as_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert same_tables.main([str(run / "before"), str(run / "after")]) == 0
    assert capsys.readouterr().out == "the same cells, bits, verdicts, causes and claims\n"


CHANGES = [(table, column) for table, (_, columns) in same_tables.TABLES.items() for column in columns]


@pytest.mark.parametrize(("table", "column"), CHANGES)
def test_a_value_that_differs_is_named(run: Path, table: str, column: str) -> None:
    change(run / "after", table, column, 0.5 if column == "share" else "else")
    (line,) = same_tables.differences(run / "before", run / "after")
    assert line.startswith(f"{table}.{column}: 1 of 1 rows differ:")


def test_rows_of_one_run_only_and_claims_are_named(run: Path) -> None:
    change(run / "after", "cells", "output", "other")
    (run / "after" / "claims.json").write_text(json.dumps([{"id": "K01", "verdict": "refuted"}]))
    lines = list(same_tables.differences(run / "before", run / "after"))
    assert [line.partition(": [")[0] for line in lines] == [
        "cells: 1 rows only before",
        "cells: 1 rows only after",
        "claims: K01: supported → refuted",
    ]


def test_a_family_that_was_divided_is_taken_for_one(run: Path) -> None:
    for table, column in (("cells", "id"), ("pairs", "left"), ("pairs", "right"), ("attributions", "pair")):
        change(run / "after", table, column, pd.read_parquet(run / "after" / f"{table}.parquet")[column].str.replace("f.a", "f_new.a"))
    change(run / "after", "attributions", "family", "f_new")
    assert list(same_tables.differences(run / "before", run / "after"))
    assert list(same_tables.differences(run / "before", run / "after", {"f_.*?": "f"})) == []


def test_rows_that_say_the_same_are_compared_in_their_order(run: Path) -> None:
    for folder in ("before", "after"):
        rows = pd.read_parquet(run / folder / "attributions.parquet")
        pd.concat([rows, rows]).to_parquet(run / folder / "attributions.parquet")
    assert list(same_tables.differences(run / "before", run / "after")) == []
    change(run / "after", "attributions", "left_value", "3")
    assert len(list(same_tables.differences(run / "before", run / "after"))) == 1
