"""The public tables: declared columns, one place that knows them; pandas lives here and in the report's view model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from replab.errors import StoreError
from replab.store import ledger
from replab.store.store import write_atomically

TEXT, REAL, COUNT, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
CELLS = {
    "key": TEXT,
    "id": TEXT,
    "family": TEXT,
    "experiment": TEXT,
    "case": TEXT,
    "title": TEXT,
    "output": TEXT,
    "environment": TEXT,
    "framework": TEXT,
    "framework_version": TEXT,
    "environment_order": COUNT,
    "mode": TEXT,
    "device": TEXT,
    "dtype": TEXT,
    "derivative": COUNT,
    "variant": TEXT,
    "engine": TEXT,
    "platform": TEXT,
    "status": TEXT,
    "reason": TEXT,
    "verdict": TEXT,
    "why": TEXT,
    "z_max": REAL,
    "z_limit": REAL,
    "ulp_max": REAL,
    "ulp_mean": REAL,
    "ulp_p99": REAL,
    "abs_max": REAL,
    "rel_max": REAL,
    "bits": TEXT,
    "elements": COUNT,
    "seconds": REAL,
    "first_call_seconds": REAL,
    "import_seconds": REAL,
    "flushed": COUNT,
    "nan_mismatch": COUNT,
    "inf_mismatch": COUNT,
    "zero_sign": COUNT,
    "uncertain": COUNT,
    "worst_index": TEXT,
    "worst_inputs": TEXT,
    "worst_result": TEXT,
    "worst_truth": TEXT,
    "truth_bound_ulp": REAL,
    "truth_method": TEXT,
    "envelope_ulp": REAL,
    "shrink": REAL,
    "role": TEXT,
    "expect": TEXT,
    "factor": TEXT,
    "elementwise": FLAG,
    "special": FLAG,
    "claims": TEXT,
    "notes": TEXT,
    "base": TEXT,
    "aligned": TEXT,
    "repeatable": TEXT,
    "cause": TEXT,
}
PAIRS = {
    "left": TEXT,
    "right": TEXT,
    "axis": TEXT,
    "family": TEXT,
    "case": TEXT,
    "output": TEXT,
    "dtype": TEXT,
    "derivative": COUNT,
    "left_environment": TEXT,
    "right_environment": TEXT,
    "left_mode": TEXT,
    "right_mode": TEXT,
    "verdict": TEXT,
    "z_max": REAL,
    "ulp_max": REAL,
    "abs_max": REAL,
    "rel_max": REAL,
    "cause": TEXT,
    "variant": TEXT,
}
CURVES = {
    "family": TEXT,
    "case": TEXT,
    "dtype": TEXT,
    "output": TEXT,
    "environment": TEXT,
    "mode": TEXT,
    "bits": TEXT,
    "bin": COUNT,
    "x_lo": REAL,
    "x_hi": REAL,
    "ulp_max": REAL,
    "ulp_mean": REAL,
    "count": COUNT,
}
ATTRIBUTIONS = {
    "family": TEXT,
    "case": TEXT,
    "pair": TEXT,
    "factor": TEXT,
    "share": REAL,
    "residual": REAL,
    "verdict_aligned": TEXT,
    "method": TEXT,
    "axis": TEXT,
    "dtype": TEXT,
    "derivative": COUNT,
    "left": TEXT,
    "right": TEXT,
    "left_value": TEXT,
    "right_value": TEXT,
    "aligned_value": TEXT,
    "verdict": TEXT,
    "discrepancy": REAL,
    "discrepancy_aligned": REAL,
    "z_aligned": REAL,
    "sufficient": TEXT,
    "evidence": TEXT,
    "named": FLAG,
    "role": TEXT,
    "expect": TEXT,
    "note": TEXT,
}
MEASUREMENTS = {
    "id": TEXT,
    "family": TEXT,
    "case": TEXT,
    "environment": TEXT,
    "framework": TEXT,
    "mode": TEXT,
    "dtype": TEXT,
    "derivative": COUNT,
    "variant": TEXT,
    "measurement": TEXT,
    "value": REAL,
    "low": REAL,
    "high": REAL,
    "count": COUNT,
    "unit": TEXT,
    "baseline": TEXT,
    "claims": TEXT,
    "note": TEXT,
}
PARTS: dict[str, tuple[Mapping[str, pa.DataType], list[str]]] = {
    "cells": (CELLS, ["id", "output"]),
    "pairs": (PAIRS, ["axis", "left", "right", "output"]),
    "curves": (CURVES, ["family", "case", "dtype", "output", "environment", "mode", "bin"]),
    "attributions": (ATTRIBUTIONS, ["family", "case", "method", "axis", "pair", "dtype", "derivative", "factor", "note"]),
    "measurements": (MEASUREMENTS, ["id", "measurement", "note"]),
}
"""What judging finds, part by part: columns, and the order of rows."""
ILLUSTRATIONS: dict[str, tuple[Mapping[str, pa.DataType], list[str]]] = {
    "scripts": ({"id": TEXT, "script": TEXT, "reason": TEXT}, ["id"]),
    "trajectories": (
        {
            "id": TEXT,
            "family": TEXT,
            "case": TEXT,
            "dtype": TEXT,
            "environment": TEXT,
            "framework": TEXT,
            "environment_order": COUNT,
            "mode": TEXT,
            "aligned": TEXT,
            "verdict": TEXT,
            "place": COUNT,
            "step": COUNT,
            "value": REAL,
            "truth": REAL,
            "sigma": REAL,
            "z_limit": REAL,
        },
        ["id", "place"],
    ),
}
"""What pages show beside it: made by the same jobs, which have everything at hand."""
JUDGED = {**PARTS, **ILLUSTRATIONS}
"""All that a judging job writes."""
TIMING = ("seconds", "first_call_seconds", "import_seconds")
"""Columns that differ from run to run; all others are the same for the same bits."""


def write(path: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, pa.DataType], sort: list[str]) -> None:
    """Write rows as parquet with exactly ``columns``, sorted, atomically.

    Raises ``pyarrow.ArrowInvalid`` when a value does not fit its column.
    """
    ordered = sorted(rows, key=lambda row: tuple(str(row[name]) for name in sort))
    schema = pa.schema(list(columns.items()))
    table = pa.Table.from_pylist([{name: row[name] for name in columns} for row in ordered], schema=schema)
    write_table(path, table)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table so that nobody sees a part of it; each page carries a checksum.

    Raises ``StoreError`` when the folder cannot be written (a full disk, say); nothing is left behind.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    write_atomically(path, sink.getvalue())


def merge(paths: Iterable[Path], target: Path, columns: Mapping[str, pa.DataType], sort: list[str]) -> pa.Table:
    """Several tables of the same columns as one, sorted. Raises ``StoreError`` when one of them is damaged."""
    schema = pa.schema(list(columns.items()))
    table = pa.concat_tables([load(path).select(schema.names).cast(schema) for path in sorted(paths)] or [schema.empty_table()])
    table = table.sort_by([(name, "ascending") for name in sort])
    write_table(target, table)
    return table


def load(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of a run or of a published version, or some of its ``columns``; those that it lacks are left out.

    Raises ``StoreError`` when it is missing, damaged (by the hash that its maker noted, or by the checksums of its pages), or no table.
    """
    data = ledger.check(path)
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        names = file.schema_arrow.names
        return file.read([name for name in columns if name in names] if columns is not None else None)
    except (OSError, pa.ArrowException, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(f"is damaged: {said}", where=str(path), hint=ledger.AGAIN) from None


def read(path: Path) -> pd.DataFrame:
    """A public table as a data frame. Raises ``StoreError`` as ``load`` does."""
    frame: pd.DataFrame = load(path).to_pandas()
    return frame


def rows(path: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Some columns of a public table, row by row; a column that the table lacks is left out. Raises ``StoreError`` as ``load`` does."""
    found: list[dict[str, Any]] = load(path, columns).to_pylist()
    return found
