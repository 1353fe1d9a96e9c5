"""Selections of rows of the public tables, and rows as evidence."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from replab.claims.evidence import Evidence
from replab.model import BEYOND_ROUNDING, EXPLAINED, SEVERITY, Verdict

SAME, OPEN = str(Verdict.IDENTICAL), str(Verdict.INCONCLUSIVE)
ANOTHER_FUNCTION = (Verdict.SEMANTIC, Verdict.INCOMPARABLE)
BEYOND = BEYOND_ROUNDING
"""Verdicts of differences that rounding does not explain."""

COARSE = str(Verdict.ACCURACY)
OTHERWISE = tuple(verdict for verdict in BEYOND if verdict != COARSE)
"""Those that no coarse kernel explains."""


def rank(verdicts: pd.Series) -> pd.Series:
    """The severity of verdicts."""
    return verdicts.map({str(verdict): verdict.severity for verdict in Verdict}).astype(float)


def select(rows: pd.DataFrame, **where: object) -> pd.DataFrame:
    """The rows whose columns have the given values (one, or one of several)."""
    for name, wanted in where.items():
        several = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else None
        rows = rows[rows[name] == wanted if several is None else rows[name].isin(several)]
    return rows


def kept(rows: pd.DataFrame, flags: Iterable[bool]) -> pd.DataFrame:
    """The rows whose flag is set."""
    return rows[np.fromiter(flags, dtype=np.bool_, count=len(rows))]


def deciding(rows: pd.DataFrame, cases: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the cases that decide, and those that are told beside them.

    ``cases`` are patterns of ``family.case`` as it was declared, such as ``models.feed_forward*``; without any, all rows decide.
    """
    if not cases:
        return rows, rows.iloc[:0]
    declared = rows["base_case"] if "base_case" in rows else rows["case"]
    names = [f"{family}.{case}" for family, case in zip(rows["family"], declared, strict=True)]
    decides = np.fromiter((any(fnmatchcase(name, case) for case in cases) for name in names), dtype=np.bool_, count=len(rows))
    return rows[decides], rows[~decides]


def cells_evidence(rows: pd.DataFrame, most: int = 3) -> tuple[Evidence, ...]:
    """Cells as evidence, in the order of the rows."""
    return tuple(Evidence("cell", name) for name in list(dict.fromkeys(rows["id"]))[:most])


def pairs_evidence(rows: pd.DataFrame, most: int = 3) -> tuple[Evidence, ...]:
    """Pairs as evidence, in the order of the rows."""
    names = zip(rows["left"], rows["right"], rows["axis"], strict=True)
    return tuple(Evidence("pair", f"{left} | {right}", axis) for left, right, axis in list(dict.fromkeys(names))[:most])


def versus_evidence(rows: pd.DataFrame, most: int = 3) -> tuple[Evidence, ...]:
    """The pairs of ``Tables.versus`` as evidence."""
    names = rows[["judged", "axis"]].drop_duplicates().head(most).itertuples(index=False)
    return tuple(Evidence("pair", pair, axis) for pair, axis in names)


def causes_evidence(rows: pd.DataFrame, most: int = 3) -> tuple[Evidence, ...]:
    """Attributions as evidence."""
    return tuple(dict.fromkeys(Evidence("attribution", attribution_id(row)) for row in rows.head(most).to_dict("records")))


def measured_evidence(rows: pd.DataFrame, most: int = 3) -> tuple[Evidence, ...]:
    """Measurements as evidence."""
    names = zip(rows["id"], rows["measurement"], strict=True)
    return tuple(Evidence("measurement", f"{cell} | {name}") for cell, name in list(dict.fromkeys(names))[:most])


def defaults_evidence(rows: pd.DataFrame, most: int = 2) -> tuple[Evidence, ...]:
    """Defaults as evidence: this environment's."""
    names = zip(rows["api"], rows["parameter"], rows["environment"], strict=True)
    return tuple(
        Evidence("default", f"{api}.{parameter} @ {environment}") for api, parameter, environment in list(dict.fromkeys(names))[:most]
    )


def attribution_id(row: Mapping[Hashable, object]) -> str:
    """How evidence names a row of ``attributions.parquet``."""
    return f"{row['family']}.{row['case']} | {row['method']} | {row['pair']} | {row['factor']}"


def worst_first(rows: pd.DataFrame, kind: str, size: str) -> pd.DataFrame:
    """Rows by verdict and then by size, the worst first."""
    order = rows.assign(_rank=rank(rows[kind]), _size=rows[size].fillna(0.0))
    return order.sort_values(["_rank", "_size"], ascending=False, kind="stable").drop(columns=["_rank", "_size"])


__all__ = [
    "ANOTHER_FUNCTION",
    "BEYOND",
    "COARSE",
    "EXPLAINED",
    "OPEN",
    "OTHERWISE",
    "SAME",
    "SEVERITY",
    "attribution_id",
    "causes_evidence",
    "cells_evidence",
    "deciding",
    "defaults_evidence",
    "kept",
    "measured_evidence",
    "pairs_evidence",
    "rank",
    "select",
    "versus_evidence",
    "worst_first",
]
