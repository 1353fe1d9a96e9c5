"""The public tables as rules see them: results of a claim, pairs, the other framework beside a result, causes, measurements, defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from replab.claims.evidence import ClaimError
from replab.claims.rows import kept, select
from replab.model import Status, Verdict
from replab.results_folder import ResultsFolder
from replab.store.columns import Table
from replab.store.rows import ATTRIBUTIONS, CELLS, DEFAULTS, MEASUREMENTS, PAIRS
from replab.store.tables import read

FAILED = (Status.ERROR, Status.CRASHED, Status.TIMEOUT, Status.OOM)
OTHER = {"tensorflow": ("torch",), "torch": ("tensorflow",), "numpy": ("torch", "tensorflow")}
"""What a framework's results are held against: the newest version of these."""
PLACE = ["family", "case", "output", "dtype", "derivative"]
COMPARED = ["kind", "ulp", "distance", "apart", "other_branch", "judged", "axis"]
"""What rules see of the comparison of two frameworks: verdict, largest distance in ULP, normwise difference, mean absolute difference,
elements at which rounding chose another branch on each side, name and axis of the pair."""
ELSEWHERE = (Verdict.SEMANTIC, Verdict.BEYOND)
"""Verdicts of results around which the envelope of the reference does not lie."""
DRAWN = ("chance explains it", "another distribution")
"""How the reasons begin of verdicts on random draws, whose bits say nothing."""


class Tables:
    """The tables of a run. Every frame that a method returns is a selection of rows; rules do not change them."""

    def __init__(
        self,
        cells: pd.DataFrame,
        pairs: pd.DataFrame,
        attributions: pd.DataFrame | None = None,
        measurements: pd.DataFrame | None = None,
        defaults: pd.DataFrame | None = None,
    ) -> None:
        self.cells = _complete(cells, CELLS)
        self.pairs = _complete(pairs, PAIRS)
        self.attributions = _complete(attributions, ATTRIBUTIONS)
        self.measurements = _complete(measurements, MEASUREMENTS)
        self.defaults = _complete(defaults, DEFAULTS)
        self._describe()

    @classmethod
    def read(cls, results: Path) -> Tables:
        """The tables of a folder of results; those that an older run did not write are empty.

        Raises ``ClaimError`` where there is no table of cells or of pairs.
        """
        names = ("cells", "pairs", "attributions", "measurements", "defaults")
        paths = {name: ResultsFolder(results).table(name) for name in names}
        for name in ("cells", "pairs"):
            if not paths[name].is_file():
                raise ClaimError("there is no such table", where=str(paths[name]), hint="Run `snakemake` first")
        return cls(**{name: read(path) for name, path in paths.items() if path.is_file()})

    def _describe(self) -> None:
        """Adds what rules ask for: ``base_case`` and ``tags`` (the claims of the declared case, so that aligned runs have them too)."""
        self.cells["base_case"] = self.cells["base"].where(self.cells["base"] != "", self.cells["case"])
        declared = self.cells[self.cells["claims"] != ""].drop_duplicates(["family", "base_case"])
        self._tags = {(row.family, row.base_case): frozenset(row.claims.split(",")) for row in declared.itertuples()}
        none: frozenset[str] = frozenset()
        places = zip(self.cells["family"], self.cells["base_case"], strict=True)
        self.cells["tags"] = [self._tags.get(case, none) for case in places]
        self.cells["drawn"] = self.cells["why"].str.startswith(DRAWN)
        self._describe_pairs()

    def _describe_pairs(self) -> None:
        """Adds to pairs what their cells know, and opens verdicts that the reference cannot give."""
        none: frozenset[str] = frozenset()
        facts = self.cells.drop_duplicates("id").set_index("id")
        for name in ("base_case", "tags", "role", "aligned", "model"):
            self.pairs[name] = self.pairs["left"].map(facts[name])
        self.pairs["base_case"] = self.pairs["base_case"].fillna(self.pairs["case"])
        self.pairs["model"] = self.pairs["model"].eq(True)  # a pair of a cell that is missing has none
        self.pairs["special"] = self.pairs["left"].isin(set(self.cells.loc[self.cells["special"], "id"]))
        self.pairs["drawn"] = self.pairs["left"].isin(set(self.cells.loc[self.cells["drawn"], "id"]))
        self.pairs["tags"] = [tags if isinstance(tags, frozenset) else none for tags in self.pairs["tags"]]
        self.pairs["to_mode"] = self.pairs["right_mode"]
        sides = [self.pairs["left"], self.pairs["right"]]
        shaky = set(self.cells.loc[self.cells["repeatable"] == "no", "id"])
        self.pairs["shaky"] = sides[0].isin(shaky) | sides[1].isin(shaky)
        flushing = set(self.cells.loc[self.cells["flushed"] > 0, "id"])
        self.pairs["flushes"] = sides[0].isin(flushing) != sides[1].isin(flushing)
        # Where both sides compute another function than the reference, or may, its envelope says nothing about their distance.
        other = {
            output: set(rows["id"]) for output, rows in self.cells[self.cells["verdict"].isin(ELSEWHERE)].groupby("output", sort=False)
        }
        outputs = zip(sides[0], sides[1], self.pairs["output"], strict=True)
        both = np.fromiter((left in other.get(name, ()) and right in other.get(name, ()) for left, right, name in outputs), dtype=np.bool_)
        open_ = both & self.pairs["verdict"].isin(ELSEWHERE) & self.pairs["axis"].isin(["mode", "variant", "repeat"])
        self.pairs["verdict"] = self.pairs["verdict"].where(~open_, str(Verdict.INCONCLUSIVE))

    # --- environments ----------------------------------------------------------------------------------------------------------------

    @cached_property
    def environments(self) -> dict[str, str]:
        """Environments and their frameworks, by framework and version."""
        rows = self.cells.drop_duplicates("environment").sort_values(["framework", "environment_order"])
        return dict(zip(rows["environment"], rows["framework"], strict=True))

    @cached_property
    def newest(self) -> dict[str, str]:
        """The newest environment of each framework."""
        return {framework: environment for environment, framework in self.environments.items()}

    def others(self, environment: str) -> list[str]:
        """The newest environments of the other frameworks that its results are held against."""
        return [self.newest[name] for name in OTHER.get(self.environments[environment], ()) if name in self.newest]

    # --- results ---------------------------------------------------------------------------------------------------------------------

    @cached_property
    def _cells_by_environment(self) -> Mapping[str, pd.DataFrame]:
        plain = self.cells[(self.cells["variant"] == "default") & (self.cells["role"] != "control") & ~self.cells["special"]]
        return {str(name): rows for name, rows in plain.groupby("environment", sort=False)}

    @cached_property
    def _cells_by_claim(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {}

    def all_cells(self, claim: str, environment: str) -> pd.DataFrame:
        """The rows of a claim in one environment, whatever became of them: default variant, no controls, no special values."""
        cached = self._cells_by_claim
        if (claim, environment) not in cached:
            rows = self._cells_by_environment.get(environment, self.cells.iloc[:0])
            cached[claim, environment] = kept(rows, (claim in tags for tags in rows["tags"])) if claim else rows
        return cached[claim, environment]

    def results(self, claim: str, environment: str, *, aligned: str = "declared", **where: object) -> pd.DataFrame:
        """Those that ended well. ``aligned``: ``declared`` (as each side has it), ``all`` (every factor aligned), ``any``.

        ``where``: columns and the value, or the values, that they must have.
        """
        rows = self.all_cells(claim, environment)
        rows = rows[(rows["status"] == Status.OK) & (rows["verdict"] != "")]
        return select(_of_alignment(rows, aligned), **where)

    def failed(self, claim: str, environment: str) -> pd.DataFrame:
        """Rows of cells that raised, crashed or were stopped, once per cell."""
        rows = self.all_cells(claim, environment)
        return rows[rows["status"].isin(FAILED)].drop_duplicates("id")

    def versus(self, claim: str, environment: str, *, aligned: str = "declared", **where: object) -> pd.DataFrame:
        """Eager results of a claim beside the same ones of the newest other frameworks, where the two were compared.

        Columns: those of ``PLACE``; ``left``, ``right`` (ids), ``judged`` and ``axis`` (the pair); ``other``; ``kind`` (the verdict of the
        pair); ``ulp`` (its largest distance); ``distance`` (the normwise relative difference); ``apart`` (the mean absolute one);
        ``other_branch`` (elements at which rounding chose another branch on each side).
        """
        mine = self.results(claim, environment, aligned=aligned, mode="eager", **where)
        columns = [*PLACE, "left", "right", "other", *COMPARED]
        sides = []
        for other in self.others(environment):
            theirs = self.results(claim, other, aligned=aligned, mode="eager", **where)
            both = mine[[*PLACE, "id", "base_case", "tags"]].merge(theirs[[*PLACE, "id"]], on=PLACE, suffixes=("", "_other"))
            sides.append(both.rename(columns={"id": "left", "id_other": "right"}).assign(other=other))
        if not sides:
            return pd.DataFrame(columns=[*columns, "base_case", "tags"])
        rows = pd.concat(sides, ignore_index=True)
        compared = [self._framework_pairs.get(key) for key in zip(rows["left"], rows["right"], rows["output"], strict=True)]
        rows = kept(rows, (pair is not None for pair in compared)).reset_index(drop=True)
        of_pairs = pd.DataFrame([pair for pair in compared if pair is not None], columns=COMPARED)
        return pd.concat([rows, of_pairs], axis=1)[[*columns, "base_case", "tags"]]

    @cached_property
    def _framework_pairs(self) -> dict[tuple[str, str, str], tuple[str, float, float, float, int, str, str]]:
        """What pairs of two frameworks say (``COMPARED``), by both cells, in either order, and the output."""
        rows = self.pairs[self.pairs["axis"].isin(["framework", "across"])]
        compared = {}
        columns = ["left", "right", "output", "verdict", "ulp_max", "distance", "abs_mean", "other_branch", "axis"]
        for left, right, output, *values, axis in rows[columns].itertuples(index=False):
            compared[left, right, output] = compared[right, left, output] = (*values, f"{left} | {right}", axis)
        return compared

    # --- pairs, causes, measurements, defaults ---------------------------------------------------------------------------------------

    @cached_property
    def _pairs_by_axis(self) -> Mapping[str, pd.DataFrame]:
        rows = self.pairs[(self.pairs["role"] != "control") & ~self.pairs["shaky"] & ~self.pairs["drawn"]]
        rows = rows[rows["aligned"].fillna("") == ""]
        return {str(name): part for name, part in rows.groupby("axis", sort=False)}

    def pairs_of(self, environment: str, axis: str, claim: str = "", **where: object) -> pd.DataFrame:
        """Repeatable pairs of an environment on one axis, as each side has it; controls and random draws left out."""
        rows = self._pairs_by_axis.get(axis, self.pairs.iloc[:0])
        rows = rows[(rows["left_environment"] == environment) | (rows["right_environment"] == environment)]
        if claim:
            rows = kept(rows, (claim in tags for tags in rows["tags"]))
        return select(rows, **where)

    def causes(self, environment: str, method: str, claim: str = "", **where: object) -> pd.DataFrame:
        """Attributions in which an environment is one of the sides, controls left out."""
        rows = self.attributions[(self.attributions["method"] == method) & (self.attributions["role"] != "control")]
        if claim:
            places = zip(rows["family"], rows["case"], strict=True)
            rows = kept(rows, (claim in self._tags.get(case, ()) for case in places))
        sides = rows["pair"].str.split(" | ", regex=False)
        rows = kept(rows, (any(side.split(":")[0] == environment for side in both) for both in sides))
        return select(rows, **where)

    def measured(self, environment: str, name: str, claim: str = "", **where: object) -> pd.DataFrame:
        """Measurements of one name in an environment, in the default variant."""
        rows = self.measurements
        rows = rows[(rows["environment"] == environment) & (rows["measurement"] == name) & rows["value"].notna()]
        rows = rows[rows["variant"].isin(["default", ""])]
        if claim:
            rows = kept(rows, (claim in str(tags).split(",") for tags in rows["claims"]))
        return select(rows, **where)

    def default_differences(self, environment: str, groups: Sequence[str] = ()) -> pd.DataFrame:
        """Defaults that differ, in their common convention, between an environment and the newest of other frameworks."""
        rows = self.defaults[self.defaults["status"].isin(["read", ""])]
        rows = rows[rows["group"].isin(groups)] if groups else rows
        mine = rows[rows["environment"] == environment]
        theirs = rows[rows["environment"].isin(self.others(environment))]
        both = mine.merge(theirs, on=["api", "parameter"], suffixes=("", "_other"))
        return both[both["comparable"].where(both["comparable"] != "", both["value"]) != _meaning(both, "_other")]


def _of_alignment(rows: pd.DataFrame, which: str) -> pd.DataFrame:
    if which == "any":
        return rows
    if which == "declared":
        return rows[rows["aligned"] == ""]
    depth = rows["aligned"].str.count(r"\+") + (rows["aligned"] != "")
    deepest = depth.groupby([rows["family"], rows["base_case"]]).transform("max")
    return rows[depth == deepest]


def _meaning(rows: pd.DataFrame, suffix: str) -> pd.Series:
    comparable = rows[f"comparable{suffix}"]
    return cast("pd.Series", comparable.where(comparable != "", rows[f"value{suffix}"]))


def _complete(frame: pd.DataFrame | None, table: Table[Any]) -> pd.DataFrame:
    """A copy with every declared column: an older run may lack some."""
    completed = pd.DataFrame() if frame is None else frame.copy()
    for column in table.columns:
        if column.name not in completed:
            completed[column.name] = pd.Series(
                column.kind(column.empty), index=completed.index, dtype=object if column.kind is str else None
            )
        elif column.kind is str:
            completed[column.name] = completed[column.name].fillna("").astype(object)
    return completed.copy()  # one block: what was put in column by column lies in pieces
