"""How the columns of a public table are declared: a field of a row class each, with unit and meaning beside its type."""

from __future__ import annotations

import collections
import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")
KINDS: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
"""What the annotation of a column may say."""
READ_AS: Mapping[type, frozenset[type]] = {
    str: frozenset({str}),
    int: frozenset({int}),
    float: frozenset({float, int}),
    bool: frozenset({bool}),
}
"""Types of JSON values that a column of each kind takes: a whole number may stand where a real one belongs."""
WIDEST = 2**63
"""Columns of whole numbers have 64 bits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a public table."""

    name: str
    kind: type
    """``str``, ``int``, ``float`` or ``bool``."""
    empty: str | float
    """What stands in a row that says nothing about it, and in all rows of a table that lacks the column."""
    unit: str
    meaning: str


def text(meaning: str, *, empty: str = "") -> str:
    """A column of texts."""
    column: str = field(default=empty, metadata={"unit": "", "meaning": meaning})
    return column


def real(meaning: str, unit: str = "") -> float:
    """A column of float64 numbers; NaN where there is none."""
    column: float = field(default=math.nan, metadata={"unit": unit, "meaning": meaning})
    return column


def whole(meaning: str, unit: str = "") -> int:
    """A column of whole numbers."""
    column: int = field(default=0, metadata={"unit": unit, "meaning": meaning})
    return column


def flag(meaning: str) -> bool:
    """A column of truth values."""
    column: bool = field(default=False, metadata={"unit": "", "meaning": meaning})
    return column


@functools.cache
def columns_of(row: type[DataclassInstance]) -> tuple[Column, ...]:
    """The columns that a row class declares, in their order."""
    columns = []
    for column in fields(row):
        if not isinstance(column.default, str | int | float):
            raise TypeError(f"the column {column.name} has no empty value")
        columns.append(Column(name=column.name, kind=KINDS[str(column.type)], empty=column.default, **column.metadata))
    return tuple(columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table(Generic[Row]):
    """A public table: a file of the results, its rows and their order."""

    name: str
    row: type[Row]
    sort: tuple[str, ...]
    """The columns by which rows are ordered."""
    about: str
    """What a row is, in a sentence."""

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.name}.parquet"

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the row class declares."""
        return columns_of(self.row)

    @property
    def names(self) -> list[str]:
        """The names of all columns."""
        return [column.name for column in self.columns]

    def by_column(self, rows: Iterable[Row]) -> dict[str, list[object]]:
        """The values of rows, column by column."""
        values = list(zip(*map(attrgetter(*self.names), rows), strict=True)) or [()] * len(self.names)
        return {name: list(column) for name, column in zip(self.names, values, strict=True)}

    def rows(self, table: object) -> list[Row]:
        """Rows of values that came column by column from another process, which may say anything.

        Raises ``ValueError`` where they are no rows of this table.
        """
        if not isinstance(table, dict) or list(table) != self.names or not all(isinstance(values, list) for values in table.values()):
            raise ValueError(f"these are no rows of {self.file}: other columns")
        for column in self.columns:
            values = table[column.name]
            kinds = set(map(type, values))
            if not kinds <= READ_AS[column.kind]:
                raise ValueError(f"these are no rows of {self.file}: {column.name} holds something else than {column.kind.__name__}")
            if int in kinds and any(not -WIDEST <= value < WIDEST for value in values if isinstance(value, int)):
                raise ValueError(f"these are no rows of {self.file}: {column.name} holds a number too large")
        return self.made(table)

    def made(self, values: Mapping[str, Sequence[object]]) -> list[Row]:
        """Rows of the values of every column, as they are. Raises ``ValueError`` where columns are not of one length."""
        rows = [self.row.__new__(self.row) for _ in values[self.names[0]]]
        for name in self.names:
            slot = getattr(self.row, name)  # where an object holds it: this takes a tenth of the time of the class's own constructor
            collections.deque(itertools.starmap(slot.__set__, zip(rows, values[name], strict=True)), maxlen=0)
        return rows
