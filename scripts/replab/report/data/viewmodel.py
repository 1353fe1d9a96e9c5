"""Tables of a run → page objects. The only module of the report that reads tables."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from replab import calling
from replab.report.data.cells import shown
from replab.report.data.claim_verdicts import CLAIM_VERDICTS
from replab.report.data.evidence import Index
from replab.report.data.results import ReportError, Results
from replab.report.data.words import OUTCOMES, short_paths
from replab.report.pages.pages import Site
from replab.report.views.answer import answer
from replab.report.views.atlas import defaults
from replab.report.views.between import Between
from replab.report.views.causes import cause_sections, causes
from replab.report.views.claims import claim_pages, claims
from replab.report.views.controls_and_provenance import controls, provenance
from replab.report.views.matrix import matrix
from replab.report.views.modes import modes
from replab.report.views.operations import operations
from replab.report.views.recurrent import recurrent
from replab.report.views.training import training
from replab.report.views.upgrade_and_port import port, upgrade
from replab.report.views.what_to_set import settings
from replab.results_folder import ResultsFolder
from replab.store import ledger, tables
from replab.store.columns import Column, Row, Table
from replab.store.rows import (
    ATTRIBUTIONS,
    CELLS,
    CURVES,
    DEFAULTS,
    ELSEWHERE,
    MEASUREMENTS,
    PAIRS,
    PLATFORMS,
    SCRIPTS,
    TRAJECTORIES,
    CellRow,
    PairRow,
)

TABLES = ("cells", "pairs", "curves", "attributions", "measurements", "defaults")
FACTS = ("environments", "run", "cases", "published", "claims", "sources")
VARIED = ("repeat", "variant")
PROSE = frozenset({"reason", "why", "notes", "note", "cause"})
"""Columns in which a framework or a sandbox speaks, and may name files of the machine."""


def _text(value: object) -> str:
    """A whole number in a column with gaps comes as a float; it is written without its point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _values(frame: pd.DataFrame, column: Column) -> list[object]:
    """A column as plain Python values, gaps filled with what is empty; a column that is not there is all gaps."""
    if column.name not in frame.columns:
        return [column.empty] * len(frame)
    found = frame[column.name]
    if column.kind is float:
        return [float(value) for value in pd.to_numeric(found, errors="coerce").fillna(nan)]
    if column.kind is int:
        return [int(value) for value in pd.to_numeric(found, errors="coerce").fillna(column.empty)]
    values = zip(found.to_numpy(object), found.isna().to_numpy(), strict=True)  # pandas iterates over its own arrays ten times as slowly
    if column.kind is bool:
        return [column.empty if gap else bool(value) for value, gap in values]
    if isinstance(found.dtype, pd.StringDtype):
        return [column.empty if gap else value for value, gap in values]
    return [column.empty if gap else _text(value) for value, gap in values]


def _rows(folder: ResultsFolder, table: Table[Row]) -> tuple[Row, ...]:
    frame = tables.read(folder.table(table.name))
    columns = {column.name: _values(frame, column) for column in table.columns}
    for name in PROSE & columns.keys():
        columns[name] = [short_paths(str(text)) for text in columns[name]]
    return tuple(table.made(columns))


def _optional(folder: ResultsFolder, table: Table[Row]) -> tuple[Row, ...]:
    """A table that only pages need: a folder of results may lack it, and then the pages lack what it shows."""
    return _rows(folder, table) if folder.table(table.name).is_file() else ()


def _without_paths(value: Any) -> Any:
    """The same structure with the paths in its texts shortened."""
    if isinstance(value, dict):
        return {key: _without_paths(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_without_paths(member) for member in value]
    return short_paths(value) if isinstance(value, str) else value


def is_plain(row: CellRow) -> bool:
    """A result as its case was declared, of the default variant."""
    return row.variant in {"default", ""} and not row.aligned


class Divided(TypedDict):
    """Cells and pairs as ``Results`` takes them."""

    cells: tuple[CellRow, ...]
    varied: tuple[CellRow, ...]
    pairs: tuple[PairRow, ...]
    varied_pairs: tuple[PairRow, ...]


def divided(cells: Iterable[CellRow], pairs: Iterable[PairRow]) -> Divided:
    """Cells and pairs as ``Results`` takes them: results as declared apart from the runs that only explain them."""
    cells, pairs = tuple(cells), tuple(pairs)
    varied = tuple(row for row in cells if not is_plain(row))
    others = {row.id for row in varied}
    return {
        "cells": tuple(row for row in cells if is_plain(row)),
        "varied": varied,
        "pairs": tuple(row for row in pairs if row.axis not in VARIED and row.left not in others and row.right not in others),
        "varied_pairs": tuple(row for row in pairs if row.axis in VARIED),
    }


def load(results: Path) -> Results:
    """The tables in a results folder.

    Raises ``ReportError`` naming every file that is missing, and ``StoreError`` naming one that is damaged.
    """
    folder = ResultsFolder(results)
    wanted = [*map(folder.table, TABLES), *map(folder.summary, FACTS)]
    missing = [path.name for path in wanted if not path.is_file()]
    if missing:
        raise ReportError(
            f"no {', '.join(missing)} here", where=str(results), hint=f"Run '{calling.whole_run()}' first: it writes the tables"
        )
    return Results(
        **divided(_rows(folder, CELLS), _rows(folder, PAIRS)),
        attributions=_rows(folder, ATTRIBUTIONS),
        measurements=_rows(folder, MEASUREMENTS),
        defaults=_rows(folder, DEFAULTS),
        claims=tuple(_without_paths(ledger.load_json(folder.summary("claims")))),
        sources=tuple(_without_paths(ledger.load_json(folder.summary("sources")))),
        curves=_rows(folder, CURVES),
        trajectories=_optional(folder, TRAJECTORIES),
        scripts=_optional(folder, SCRIPTS),
        elsewhere=_optional(folder, ELSEWHERE),
        platforms=_optional(folder, PLATFORMS),
        environments=_without_paths(ledger.load_json(folder.summary("environments"))),
        run=_without_paths(ledger.load_json(folder.summary("run"))),
        published=_without_paths(ledger.load_json(folder.summary("published"))),
        cases=ledger.load_json(folder.summary("cases")),
    )


def site(results: Results) -> Site:
    """Every page of the report."""
    cells = shown(results)
    index = Index(results, cells)
    between = Between(results, cells)
    version = str(results.run.get("version") or "")
    commit = str(results.run.get("commit") or "")
    return Site(
        version=version,
        footer=" · ".join(part for part in (f"replab {version}".strip(), f"commit {commit[:12]}" if commit else "") if part),
        answer=answer(results, cells),
        claims=claims(results, index),
        claim_pages=claim_pages(results, index),
        causes=causes(results, index),
        modes=modes(results, index),
        defaults=defaults(results, index),
        matrix=matrix(results, cells),
        operations=operations(results, cells, cause_sections(results, index)),
        upgrade=upgrade(results, between),
        port=port(between, lambda ends: settings(results, index, ends)),
        recurrent=recurrent(results, cells, index),
        training=training(results, cells, index),
        controls=controls(results),
        provenance=provenance(results, cells, index),
        outcomes=tuple(OUTCOMES.values()),
        claim_outcomes=tuple(CLAIM_VERDICTS.values()),
    )
