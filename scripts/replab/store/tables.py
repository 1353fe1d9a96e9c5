"""Reading and writing the public tables, whose columns ``rows`` declares; pandas lives here and in the report's view model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from replab.errors import StoreError
from replab.store import ledger
from replab.store.columns import Row, Table
from replab.store.store import write_atomically

KINDS: Mapping[type, pa.DataType] = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
TIMING = ("seconds", "first_call_seconds", "import_seconds")
"""Columns that differ from run to run; all others are the same for the same bits."""


def schema(table: Table[Row]) -> pa.Schema:
    """The columns of a public table, as Arrow has them."""
    return pa.schema([(column.name, KINDS[column.kind]) for column in table.columns])


def write(path: Path, rows: Iterable[Row], table: Table[Row]) -> None:
    """Write the rows of a public table as parquet, sorted, atomically.

    Raises ``pyarrow.ArrowInvalid`` when a value does not fit its column.
    """
    key = attrgetter(*table.sort)
    # by their texts, names and numbers alike; of a single column there is one value and no tuple
    ordered = sorted(rows, key=lambda row: tuple(map(str, key(row))) if len(table.sort) > 1 else str(key(row)))
    write_table(path, pa.Table.from_pydict(table.by_column(ordered), schema=schema(table)))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table so that nobody sees a part of it; each page carries a checksum.

    Raises ``StoreError`` when the folder cannot be written (a full disk, say); nothing is left behind.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    write_atomically(path, sink.getvalue())


def merge(paths: Iterable[Path], target: Path, table: Table[Row]) -> pa.Table:
    """Several files of one public table as one, sorted. Raises ``StoreError`` when one of them is damaged."""
    wanted = schema(table)
    merged = pa.concat_tables([load(path).select(wanted.names).cast(wanted) for path in sorted(paths)] or [wanted.empty_table()])
    merged = merged.sort_by([(name, "ascending") for name in table.sort])
    write_table(target, merged)
    return merged


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
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(f"is damaged: {message}", where=str(path), hint=ledger.AGAIN) from None


def read(path: Path) -> pd.DataFrame:
    """A public table as a data frame. Raises ``StoreError`` as ``load`` does."""
    frame: pd.DataFrame = load(path).to_pandas()
    return frame


def rows(path: Path, columns: list[str]) -> list[dict[str, object]]:
    """Some columns of a public table, row by row; a column that the table lacks is left out. Raises ``StoreError`` as ``load`` does."""
    listed: list[dict[str, object]] = load(path, columns).to_pylist()
    return listed
