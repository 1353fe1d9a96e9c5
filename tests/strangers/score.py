"""How right the lab is about pairs that it did not plant: verdicts and causes against ``expected.toml``.

``python tests/strangers/score.py RESULTS`` prints the score of a finished run of ``tests/strangers/families``.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SAME = ("identical", "rounding", "accuracy")
"""Verdicts of a side that computes what was meant, well or less well."""
OTHER = ("semantic", "incomparable")
UNKNOWN = "unknown"
DEVELOPED, SCORED = "developed on", "only scored"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One side of a pair, and what the lab says of it."""

    pair: str
    side: str
    half: str
    true: tuple[str, ...]
    """Causes that are true; empty where the side computes what was meant."""
    verdict: str
    cause: str

    @property
    def verdict_right(self) -> bool:
        return self.verdict in (OTHER if self.true else SAME)

    @property
    def cause_right(self) -> bool:
        """Named what is true, or nothing where nothing that it knows is."""
        return self.cause in self.true if self.true not in ((), (UNKNOWN,)) else not self.cause

    @property
    def cause_wrong(self) -> bool:
        """Named something that is not true: the one thing that may not happen."""
        return bool(self.cause) and self.cause not in self.true


def half_of(pair: str) -> str:
    """The half of a pair, by a hash of its name, so that nobody chose it."""
    return DEVELOPED if hashlib.sha256(pair.encode()).digest()[0] % 2 == 0 else SCORED


def expected() -> dict[str, dict[str, object]]:
    """By ``family.case`` what is true of it."""
    data = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    return {f"{family}.{case}": fields for family, cases in data.items() for case, fields in cases.items()}


def judged(results: Path) -> Iterator[Judged]:
    """Every side of every pair, in float32 as it was written."""
    cells = pd.read_parquet(results / "cells.parquet")
    cells = cells[(cells["mode"] == "eager") & (cells.variant == "default") & (cells["dtype"] == "float32") & (cells.base == "")]
    for pair, fields in expected().items():
        family, _, case = pair.partition(".")
        for side in ("tensorflow", "torch"):
            rows = cells[(cells.family == family) & (cells.case == case) & (cells.framework == side)]
            said = fields.get(side, ())
            yield Judged(
                pair=pair,
                side=side,
                half=half_of(pair),
                true=(said,) if isinstance(said, str) else tuple(said),
                verdict=" ".join(sorted(set(rows.verdict))) or " ".join(sorted(set(rows.status + " " + rows.reason))),
                cause=" ".join(sorted(set(rows.cause))),
            )


def counts(sides: list[Judged]) -> str:
    """The score in one line."""
    beyond = [side for side in sides if side.true]
    return (
        f"verdict right {sum(side.verdict_right for side in sides)} of {len(sides)}, "
        f"cause right {sum(side.cause_right for side in beyond)} of {len(beyond)}, "
        f"cause wrong {sum(side.cause_wrong for side in sides)}"
    )


def main(results: Path) -> int:
    sides = list(judged(results))
    for side in sides:
        if not (side.verdict_right and side.cause_right):
            print(
                f"{side.pair} {side.side}: {side.verdict}, cause {side.cause or UNKNOWN}; true: {' or '.join(side.true) or 'the same function'}"
            )
    for half in (DEVELOPED, SCORED):
        print(f"{half}: {counts([side for side in sides if side.half == half])}")
    return any(side.cause_wrong for side in sides)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
