"""A finished run: its tables as data frames, its results as arrays, its cells in words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from replab.compare.metrics import widen
from replab.errors import ConfigError
from replab.formats import Array
from replab.library import explaining
from replab.library.errors import InputError
from replab.model import Status
from replab.results_folder import ResultsFolder
from replab.store.rows import PUBLIC
from replab.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

TABLES = tuple(table.name for table in PUBLIC)


def open_results(folder: str | os.PathLike[str] = "results") -> Results:
    """The results of a finished run. Raises ``InputError`` where the folder holds none."""
    return Results(folder)


class Results:
    """The results of a run, read when they are asked for; a table is a data frame of pandas (``docs/tables.md``)."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._files = ResultsFolder(self.folder)
        if not self.tables:
            raise InputError(f"{self.folder} holds no results: name the folder with cells.parquet, which a run made")

    def __repr__(self) -> str:
        return f"replab.open({str(self.folder)!r})"

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that are there."""
        return tuple(name for name in TABLES if self._files.table(name).is_file())

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name. Raises ``InputError`` where there is none."""
        if name not in TABLES:
            raise InputError(f"there is no table {name!r}: known are {', '.join(TABLES)}")
        if name not in self.tables:
            raise InputError(f"this run has no table {name!r}: it has {', '.join(self.tables)}")
        return explaining.data_frame(self._files.table(name))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Every cell by output, against the truth."""
        return self.table("cells")

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Cells against each other, on one axis at a time."""
        return self.table("pairs")

    @cached_property
    def attributions(self) -> pd.DataFrame:
        """What causes were found, and how."""
        return self.table("attributions")

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The error over the range of the first input."""
        return self.table("curves")

    @cached_property
    def defaults(self) -> pd.DataFrame:
        """The frameworks' own defaults."""
        return self.table("defaults")

    def array(self, cell: str) -> Array | dict[str, Array]:
        """What a cell gave: an array, or several by the names of its outputs; bfloat16 as float32 numbers.

        ``cell``: an id, or a pattern that one cell matches. Raises ``InputError``, and ``StoreError`` where the result is damaged.
        """
        name = self._id(cell)
        row = next(one for one in self._rows if one["id"] == name)
        if row["status"] != Status.OK:
            raise InputError(f"{row['id']} has no result: {row['status']}: {row['reason']}")
        found = {one.name: widen(one.values, one.dtype) for one in Store(self._files.store).read(str(row["key"])).tensors}
        return next(iter(found.values())) if len(found) == 1 else found

    def explain(self, cell: str) -> Explanation:
        """A cell in words: its verdict with the numbers that decide it, its cause, and what others gave.

        ``cell``: an id, or a pattern that one cell matches. Raises ``InputError``.
        """
        name = self._id(cell)
        return Explanation("\n".join(explaining.explain(self._rows, name, *explaining.about(self.folder, name))))

    @cached_property
    def _rows(self) -> list[Mapping[str, object]]:
        return explaining.read(self.folder)

    def _id(self, cell: str) -> str:
        try:
            return explaining.find(self._rows, cell)
        except ConfigError as error:
            raise InputError(str(error)) from None


class Explanation(str):
    """A text that a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.splitlines())
