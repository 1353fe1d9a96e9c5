"""How well causes are named: over the controls, where the cause is known beforehand.

A result that does not repeat is counted apart: no cause is looked for there, since two runs of the same code differ already.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

JUDGED = ("float32", "float64")
"""Formats in which causes are sought."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Precision and recall of the named cause, counted over results."""

    planted: int
    """Results of planted mistakes."""
    right: int
    """Those whose planted factor, and no other, was named."""
    named: int
    """Results of any control for which a cause was named."""
    planted_kinds: int
    """Different factors (or sets of factors) that were planted."""
    rounding_cases: int
    """Rewrites that differ by rounding alone."""
    unrepeatable: int = 0
    """Results of controls left out because the same cell gives other bits when it runs again."""
    misses: list[str] = field(default_factory=list)
    """Planted mistakes that were not named, or named otherwise."""
    false_alarms: list[str] = field(default_factory=list)
    """Rewrites for which a cause was named."""

    @property
    def precision(self) -> float:
        """Right among named."""
        return self.right / self.named if self.named else 0.0

    @property
    def recall(self) -> float:
        """Right among planted."""
        return self.right / self.planted if self.planted else 0.0

    @property
    def text(self) -> str:
        """One line for people."""
        return (
            f"{self.planted_kinds} kinds in {self.planted} results: precision {self.precision:.2%}, recall {self.recall:.2%}; "
            f"{self.rounding_cases} rewrites that only round, {len(self.false_alarms)} of their results blamed"
            + (f"; left out as not repeatable: {self.unrepeatable}" if self.unrepeatable else "")
        )


def score(cells: pd.DataFrame) -> Score:
    """Score the controls of ``cells.parquet``."""
    with_plants = cells[
        (cells.role == "control") & (cells.status == "ok") & (cells.variant == "default") & cells.dtype.isin(JUDGED)
    ].drop_duplicates("id")
    controls = with_plants[with_plants.repeatable != "no"]
    planted, rewrites = controls[controls.expect == "semantic"], controls[controls.expect == "rounding"]
    right = planted[planted.cause == planted.factor]
    wrong = planted[planted.cause != planted.factor]
    blamed = rewrites[rewrites.cause != ""]
    return Score(
        planted=len(planted),
        right=len(right),
        named=int((controls.cause != "").sum()),
        planted_kinds=planted.factor.nunique(),
        rounding_cases=rewrites.case.nunique(),
        unrepeatable=len(with_plants) - len(controls),
        misses=sorted(f"{row.id}: planted {row.factor}, named {row.cause or 'nothing'}" for row in wrong.itertuples()),
        false_alarms=sorted(f"{row.id}: named {row.cause}" for row in blamed.itertuples()),
    )
