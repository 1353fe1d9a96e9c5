"""A finished run, opened: tables, arrays, words."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import replab
from builders import cell
from property.test_store_laws import KEY, cell_file, placed
from replab.library import explaining
from replab.store import tables
from replab.store.rows import CELLS, PAIRS, PairRow
from replab.store.store import Store

BITS = np.array([0x3F80, 0xC000], np.uint16)  # 1 and -2 in bfloat16
NET = "ops.net:float32:d0@tf-2.21:eager:default:cpu"
EXP = "ops.exp:float32:d0@tf-2.21:eager:default:cpu"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two cells with results, one of them with three outputs, and one without."""
    net = {"environment": "tf-2.21"}
    rows = [
        cell("net", output="a_last", verdict="semantic", why="z = 9e5 is beyond the limit", **net),
        cell("net", output="block", verdict="semantic", cause="epsilon", shown_by="the reference with epsilon = 0.001", **net),
        cell("net", output="start", verdict="rounding", **net),
        cell(
            "exp",
            environment="tf-2.21",
            verdict="beyond",
            why="z = 20 is beyond the limit 8, and there is no run in another precision to tell why",
        ),
        cell("exp", environment="tf-1.15", status="error", reason="ValueError: no", verdict=""),
    ]
    blank = PairRow(
        axis="framework", left=EXP, right=EXP.replace("tf-2.21", "torch-2.13"), output="out", verdict="accuracy", z_max=31.5, ulp_max=39.0
    )
    pairs = [
        replace(blank, cause="the kernel of tf-2.21 (eager)"),
        replace(blank, axis="mode", right=EXP.replace("eager", "xla"), verdict="semantic", z_max=float("nan"), ulp_max=float("nan")),
        replace(blank, axis="version", left=EXP.replace("tf-2.21", "tf-1.15"), right=EXP, verdict="identical"),
    ]
    rows = [replace(row, key=KEY) if row.case == "net" else row for row in rows]
    tables.write(tmp_path / "cells.parquet", rows, CELLS)
    tables.write(tmp_path / "pairs.parquet", pairs, PAIRS)
    outputs = {"start": ("BF16", BITS), "block": ("F32", np.ones((2, 1), np.float32)), "a_last": ("I64", np.arange(3))}
    placed(Store(tmp_path / "store"), cell_file(outputs)[1])
    return tmp_path


def test_tables_are_data_frames(folder: Path) -> None:
    run = replab.open(folder)
    assert run.tables == ("cells", "pairs")
    assert isinstance(run.cells, pd.DataFrame)
    assert len(run.cells.query("verdict == 'semantic'")) == 2
    assert list(run.table("pairs").axis) == ["framework", "mode", "version"]
    with pytest.raises(replab.InputError, match="this run has no table 'curves': it has cells, pairs"):
        run.curves  # noqa: B018
    with pytest.raises(replab.InputError, match="there is no table 'cell': known are cells, pairs, "):
        run.table("cell")


def test_a_folder_without_results_is_said(tmp_path: Path) -> None:
    with pytest.raises(replab.InputError, match=r"holds no results: name the folder with cells\.parquet"):
        replab.open(tmp_path)


def test_results_are_arrays(folder: Path) -> None:
    found = replab.open(str(folder)).array("ops.net")
    assert isinstance(found, dict)
    assert {name: (values.dtype.name, values.tolist()) for name, values in found.items()} == {
        "start": ("float32", [1.0, -2.0]),
        "block": ("float32", [[1.0], [1.0]]),
        "a_last": ("int64", [0, 1, 2]),
    }


def test_what_has_no_array_is_said(folder: Path) -> None:
    run = replab.open(folder)
    with pytest.raises(replab.InputError, match=r"exp:float32:d0@tf-1\.15:eager:default:cpu has no result: error: ValueError: no"):
        run.array("ops.exp@tf-1.15")
    with pytest.raises(replab.InputError, match=r"^2 cells match 'ops\.exp', one is wanted"):
        run.array("ops.exp")


def test_a_net_says_which_output_departs_first_in_the_order_in_which_it_computes(folder: Path) -> None:
    text = str(replab.open(folder).explain("ops.net"))
    assert "the first output that departs: block (semantic), after start\n" in text
    assert text.index("output start: rounding") < text.index("output block: semantic") < text.index("output a_last: semantic")
    assert "  cause: epsilon\n  shown by the reference with epsilon = 0.001\n" in text


def test_a_cell_says_what_others_gave_the_farthest_first_and_what_to_do_where_nothing_is_known(folder: Path) -> None:
    lines = list(replab.open(folder).explain("ops.exp@tf-2.21"))
    assert "  what to do: '--config coverage=full' runs every mode in float64 as well, which tells why" in lines
    assert lines[-2:] == [
        "  in another mode, tf-2.21:xla: semantic",
        "  in another framework, torch-2.13:eager: accuracy, z = 31.5, at most 39 ULP; cause: the kernel of tf-2.21 (eager)",
    ]


@pytest.mark.parametrize("why", [part for part, _ in explaining.REMEDIES])
def test_every_reason_for_which_there_is_advice_is_one_that_the_lab_gives(why: str, root: Path) -> None:
    code = "".join(path.read_text() for package in ("compare", "judge") for path in (root / "scripts" / "replab" / package).glob("*.py"))
    assert why in code


def test_a_table_without_pairs_is_enough(folder: Path) -> None:
    (folder / "pairs.parquet").unlink()
    rows: list[Any] = [asdict(row) for row in [cell("exp", environment="tf-2.21")]]
    assert explaining.about(folder, "ops.exp:float32:d0@tf-2.21:eager:default:cpu") == ([], [])
    assert "in another" not in "\n".join(explaining.explain(rows, EXP))
