"""Whether two runs say the same: ``python tests/same_tables.py BEFORE AFTER [--family PATTERN=NAME …]``.

Compares the tables below two folders of results: which cells there are, their statuses, bits, verdicts and causes, verdicts and causes of
pairs, shares of factors, and verdicts of claims. Times are left out. ``--family 'controls_.*=controls'`` takes families whose names match
for one, after a family was divided or renamed. Ends with 1 and what differs, or with 0.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

TABLES = {
    "cells": (["id", "output"], ["status", "bits", "verdict", "cause", "repeatable"]),
    "pairs": (["left", "right", "axis", "output"], ["verdict", "cause"]),
    "attributions": (
        ["family", "case", "method", "axis", "pair", "dtype", "derivative", "factor", "note"],
        ["share", "verdict_aligned", "left_value", "right_value"],
    ),
}
"""By table, the columns that name a row, and those that must be the same."""
NAMED = ("id", "left", "right", "family", "pair")
"""Columns that hold or begin with the name of a family."""
SHOWN = 10


def differences(before: Path, after: Path, families: Mapping[str, str] | None = None) -> Iterator[str]:
    """A line for each kind of difference, with the first rows that show it."""
    for name, (keys, columns) in TABLES.items():
        old, new = (_read(folder / f"{name}.parquet", keys, families or {}) for folder in (before, after))
        for what, missing in (("only before", old.index.difference(new.index)), ("only after", new.index.difference(old.index))):
            if len(missing):
                yield f"{name}: {len(missing)} rows {what}: {list(missing[:SHOWN])}"
        both = old.index.intersection(new.index)
        for column in columns:
            was, now = (table.loc[both, column].map(_plain) for table in (old, new))
            other = was != now
            if other.any():
                rows = [f"{key}: {was[key]!r} → {now[key]!r}" for key in both[other][:SHOWN]]
                yield f"{name}.{column}: {int(other.sum())} of {len(both)} rows differ:\n    " + "\n    ".join(rows)
    was, now = ({claim["id"]: claim["verdict"] for claim in json.loads((folder / "claims.json").read_text())} for folder in (before, after))
    for claim in sorted(was.keys() | now.keys()):
        if was.get(claim) != now.get(claim):
            yield f"claims: {claim}: {was.get(claim)} → {now.get(claim)}"


def _read(path: Path, keys: list[str], families: Mapping[str, str]) -> pd.DataFrame:
    table = pd.read_parquet(path)
    for column in set(NAMED) & set(keys):
        for pattern, name in families.items():
            table[column] = table[column].str.replace(rf"(^| )({pattern})(?=\.|$)", rf"\g<1>{name}", regex=True)
    table = table.sort_values([*keys, *sorted(set(table.columns) & {"right", "left", "evidence"} - set(keys))], kind="stable")
    return table.set_index(
        [*keys, table.groupby(keys, dropna=False).cumcount().rename("again")]
    ).sort_index()  # several rows may say the same


def _plain(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--family", action="append", default=[], metavar="PATTERN=NAME")
    options = parser.parse_args(arguments)
    for text in options.family:
        if not re.fullmatch(r".+=[\w.-]+", text):
            parser.error(f"--family {text}: is not PATTERN=NAME")
    lines = list(differences(options.before, options.after, dict(text.rsplit("=", 1) for text in options.family)))
    print("\n".join(lines) or "the same cells, bits, verdicts, causes and claims")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
