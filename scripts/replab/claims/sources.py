"""Where TensorFlow and PyTorch differ, every difference is given to one source; sources are ranked by the digits they cost.

All eager float32 (and integer) results of the newest TensorFlow beside those of the newest PyTorch are divided: each pair with other
bits belongs to exactly one source, decided by its verdict and by what is known about its cause. Each case counts once, by the digits
that its worst result loses, and a source by its share of all digits lost: that does not saturate, needs no tolerance, and ignores tails
that nobody sees. Outside of the list stand special values, which were chosen to break; what was not decided; and two sources inside one
framework, ways to execute and results that do not repeat.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from replab.claims.evidence import Evidence
from replab.claims.rows import BEYOND, SAME, pairs_evidence, rank
from replab.claims.tables import Tables
from replab.claims.words import listed, named, number, share
from replab.contract.summaries import SourceSummary
from replab.truth.arithmetic import nobody_chose

SIDES = ("tensorflow", "torch")
DRAWN = re.compile(r"initiali[sz]er|initial_weight|bias_start|dropout_mask|draw|seed|shuffle")
"""Factors that say where numbers come from which are drawn: initial weights and biases, dropout masks."""
OTHER_TYPES = ("float16", "bfloat16", "float64")
"""Left out: sizes are those of float32, which is what models are computed in, and of integers."""
FLOW = {"A1", "E3", "K03", "K21"}
"""Claims whose cases are about control flow."""
MOST_NAMED = 5
UNIT_ROUNDOFF = 2.0**-24
"""Of float32: half the distance from 1 to the next number, relative to it."""
DRAWS = 2000
"""Of cases with replacement, for the interval of a share."""
OUTSIDE = {"special", "open", "unrepeatable", "modes", "repeats"}
"""Sources that have no rank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A source of discrepancy: what it is, and how to be rid of it."""

    title: str
    meaning: str
    remedy: str


SOURCES: Mapping[str, Source] = {
    "defaults": Source(
        title="Different defaults and conventions",
        meaning="Each side chose another value for something that nobody said: aligning it removes the difference.",
        remedy="Give the named factor the same value on both sides.",
    ),
    "draws": Source(
        title="Different initial values and random draws",
        meaning="Each side starts from numbers of its own, or drops others; or both draw, and no two generators draw the same.",
        remedy="Make initial weights and masks once, and hand the same bytes to both sides.",
    ),
    "definitions": Source(
        title="Another definition",
        meaning="The difference stays in float64, and no named factor explains it: ties, kinks, padding, another function of that name.",
        remedy="Read which definition each side takes, and write the operation out where they differ.",
    ),
    "control_flow": Source(
        title="Control flow",
        meaning="Conditions that rounding decides, so that each side takes another branch; branches and loops that are another function.",
        remedy="Keep conditions away from what rounding moves; compare a loop with the unrolled one, a branch with both computed apart.",
    ),
    "special": Source(
        title="Special values",
        meaning="NaN, infinities, signed zeros and extremes are treated otherwise, or come at other places.",
        remedy="Test for such values before the operation that differs.",
    ),
    "types": Source(
        title="Another type or shape",
        meaning="One side returns another type or shape than the other.",
        remedy="Cast explicitly, before the operation.",
    ),
    "kernels": Source(
        title="Approximate kernels",
        meaning="Further apart than rounding explains, and right in float64: a side computes by a quick approximation.",
        remedy="Compute in float64 where it matters, or take another mode or version, as the page of the operation shows.",
    ),
    "unknown_kind": Source(
        title="Beyond rounding, of unknown kind",
        meaning="Further apart than rounding explains; no run in float64 says whether a kernel is coarse or something else is computed.",
        remedy="Run coverage=full, which runs every mode in float64 too.",
    ),
    "flushing": Source(
        title="Subnormal numbers flushed to zero",
        meaning="One side returns 0 where the other returns a subnormal number.",
        remedy="Switch flushing on or off on both sides, or scale the numbers.",
    ),
    "rounding": Source(
        title="Rounding",
        meaning="Order of summation, vector width, threads, fused operations: no more than rounding explains.",
        remedy="No mistake: compare within the rounding envelope. Equal bits need the same library, threads and instruction set.",
    ),
    "modes": Source(
        title="The way to execute, within one framework",
        meaning="A graph, XLA, TorchScript or torch.compile gives other bits than eager execution.",
        remedy="Compare the same mode on both sides, or eager with eager.",
    ),
    "unrepeatable": Source(
        title="Results that do not repeat",
        meaning="The same cell run twice gave other bits.",
        remedy="Switch deterministic kernels on, and run with one thread.",
    ),
    "repeats": Source(
        title="Other bits at the next run, within one framework",
        meaning="The same cell in a new process gave other bits.",
        remedy="Switch deterministic kernels on, and run with one thread.",
    ),
    "open": Source(
        title="Not decided",
        meaning="The truth is not known well enough to say whether rounding explains the difference.",
        remedy="Run the case in float64 too.",
    ),
}

Row = Mapping[str, Any]
"""A row of a data frame: pandas does not say what it holds."""


def sources(tables: Tables) -> list[SourceSummary]:
    """The sources that occur: first those that are ranked, the largest share of all digits lost first, then those outside of the list.

    Empty where one of the two frameworks was not run.
    """
    newest = [tables.newest.get(framework) for framework in SIDES]
    if None in newest:
        return []
    environments = [str(name) for name in newest]
    pairs = _between(tables, environments)
    differing = pairs[pairs["verdict"] != SAME]
    causes = _causes(tables)
    keys = differing[["family", "base_case", "dtype", "derivative"]].itertuples(index=False, name=None)
    chosen = [_source(row, causes.get(key, [])) for row, key in zip(differing.to_dict("records"), keys, strict=True)]
    differing = differing.assign(source=[name for name, _ in chosen], factor=[factor for _, factor in chosen])
    entries = [_entry(str(name), rows, len(pairs)) for name, rows in differing.groupby("source", sort=False)]
    lost = digits_lost(differing[~differing["source"].isin(OUTSIDE)])
    entries = [entry | _ranking(entry["id"], lost) for entry in entries]
    for entry in entries:
        if entry["id"] == "rounding":
            entry["note"] = _restored(tables)
    ranked = sorted((entry for entry in entries if entry["id"] not in OUTSIDE), key=lambda entry: (-(entry["lost"] or 0.0), entry["id"]))
    beside = [entry for entry in entries if entry["id"] in OUTSIDE] + _within(tables, environments)
    beside.sort(key=lambda entry: (-entry["count"], entry["id"]))
    for position, entry in enumerate(ranked, 1):
        entry["rank"] = position
    for entry in beside:
        entry["rank"] = None
    return ranked + beside


def digits_lost(rows: pd.DataFrame) -> pd.DataFrame:
    """For each case its worst pair, with ``digits``: log₁₀(max(d, u) / u), d the normwise relative difference, u float32's unit roundoff.

    0 where two results are as near as rounding makes them, at most 7.5 (d = 2). A case counts once however many outputs, derivatives and
    special values it has: by the pair that lost most, and of equal ones by the gravest verdict, so that cases with many outputs do not
    weigh more.
    """
    size = rows["distance"].fillna(1.0).clip(lower=UNIT_ROUNDOFF)  # what cannot be compared shares nothing
    rows = rows.assign(digits=np.log10(size / UNIT_ROUNDOFF), _grave=rank(rows["verdict"]))
    rows = rows.sort_values(["digits", "_grave", "derivative", "output"], ascending=[False, False, True, True], kind="stable")
    return rows.drop_duplicates(["family", "base_case"]).drop(columns="_grave")


def share_of_digits(names: Sequence[str], digits: Sequence[float], name: str) -> tuple[float, float, float]:
    """The share of all ``digits`` that belong to ``name``, and its interval: cases drawn with replacement, 2.5 % and 97.5 % of the shares.

    ``names`` and ``digits`` have an element for each case. The draws have a fixed seed: the same table gives the same interval.
    """
    values, mine = np.asarray(digits, dtype=np.float64), np.asarray([other == name for other in names])
    if not values.sum() > 0:
        return 0.0, 0.0, 0.0
    drawn = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    totals = values[drawn].sum(axis=1)
    shares = np.divide((values * mine)[drawn].sum(axis=1), totals, out=np.zeros(DRAWS), where=totals > 0)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(values[mine].sum() / values.sum()), float(low), float(high)


def _ranking(name: str, lost: pd.DataFrame) -> SourceSummary:
    """What a source has of all digits lost, over all cases and over each kind of case."""
    if name in OUTSIDE:
        return {"lost": None, "low": None, "high": None, "kinds": {}}
    share_lost, low, high = share_of_digits(list(lost["source"]), list(lost["digits"]), name)
    kinds = {kind: lost[lost["model"] == is_model] for kind, is_model in (("models", True), ("operations", False))}
    parts = {kind: rows.loc[rows["source"] == name, "digits"].sum() / max(rows["digits"].sum(), 1e-300) for kind, rows in kinds.items()}
    return {"lost": share_lost, "low": low, "high": high, "kinds": {kind: float(part) for kind, part in parts.items()}}


def _between(tables: Tables, here: list[str]) -> pd.DataFrame:
    """Pairs of the two newest environments, as each side has it, controls left out."""
    rows = tables.pairs[(tables.pairs["axis"] == "framework") & (tables.pairs["role"] != "control")]
    rows = rows[rows["left_environment"].isin(here) & rows["right_environment"].isin(here)]
    return _usual(rows[rows["aligned"].fillna("") == ""])


def _usual(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["dtype"].isin(OTHER_TYPES)]


def _causes(tables: Tables) -> dict[tuple[str, str, str, int], list[str]]:
    """Named factors by family, case, type and order, the largest share first."""
    rows = tables.attributions
    rows = rows[rows["method"].isin(["subsets", "hypothesis"]) & rows["named"] & (rows["role"] != "control")]
    rows = rows[(rows["axis"] != "version")].sort_values("share", ascending=False, kind="stable")
    causes: dict[tuple[str, str, str, int], list[str]] = {}
    for row in rows.itertuples():
        if not nobody_chose(row.factor):  # no default, but what a kernel does
            causes.setdefault((row.family, row.case, row.dtype, row.derivative), []).append(row.factor)
    return causes


def _source(row: Row, factors: list[str]) -> tuple[str, str]:
    """The source of one pair with other bits, and the factor that is its cause."""
    verdict = row["verdict"]
    if row["drawn"]:
        return "draws", factors[0] if factors else ""
    if row["shaky"]:
        return "unrepeatable", ""
    if row["special"]:
        return "special", ""
    if row["other_branch"]:
        return "control_flow", factors[0] if factors else ""
    if verdict == "rounding":
        return ("flushing" if row["flushes"] else "rounding"), ""
    if verdict == "inconclusive":
        return "open", ""
    if row["tags"] & FLOW and verdict != "accuracy":  # a coarse kernel in a loop is a coarse kernel
        return "control_flow", factors[0] if factors else ""
    if factors:
        return ("draws" if DRAWN.search(factors[0]) else "defaults"), factors[0]
    if verdict == "incomparable":
        return ("types" if "dtype" in row["cause"] else "special"), ""
    if verdict == "semantic":
        return "definitions", ""
    if verdict == "beyond":
        return "unknown_kind", ""
    return ("flushing" if row["flushes"] else "kernels"), ""


def _entry(name: str, rows: pd.DataFrame, whole: int) -> SourceSummary:
    """What is written about one source."""
    source = SOURCES[name]
    worst = digits_lost(rows)
    named_factors = [f"{factor} of {case}" for factor, case in zip(rows["factor"], rows["base_case"], strict=True) if factor]
    factors = list(pd.Series(named_factors, dtype=object).value_counts().index)
    percents, tenths = (int((worst["distance"].fillna(1.0) > size).sum()) for size in (0.01, 1e-4))
    digits = float(worst["digits"].median())
    where = f"in {len(worst)} case{'' if len(worst) == 1 else 's'}: {named(worst.drop_duplicates('case'), MOST_NAMED)}"
    words = f"{share(len(rows), whole)} results, {where}"
    words += f"; a case loses {number(digits)} digits in the median; {percents} differ by more than 1 %, {tenths} by more than 0.0001"
    words += f"; factors: {listed(factors, MOST_NAMED)}" if factors else ""
    ulp = rows["ulp_max"].dropna()
    return {
        "id": name,
        "title": source.title,
        "meaning": source.meaning,
        "remedy": source.remedy,
        "words": words,
        "note": "",
        "count": len(rows),
        "of": whole,
        "cases": len(worst),
        "digits": digits,
        "above_percent": percents,
        "above_ten_thousandth": tenths,
        "beyond": float(rows["beyond"].median()) if rows["beyond"].notna().any() else None,
        "median_ulp": float(ulp.median()) if len(ulp) else None,
        "factors": factors[:20],
        "examples": [
            evidence.json() | {"family": str(row["family"]), "case": str(row["case"])}
            for row, evidence in _examples(pd.concat([worst.head(2), worst.iloc[[len(worst) // 2]]]))
        ],
    }


def _examples(rows: pd.DataFrame) -> list[tuple[Row, Evidence]]:
    examples: dict[Evidence, Row] = {}
    for row in rows.to_dict("records"):
        examples.setdefault(pairs_evidence(pd.DataFrame([row]), 1)[0], row)
    return [(row, evidence) for evidence, row in examples.items()]


def _within(tables: Tables, here: list[str]) -> list[SourceSummary]:
    """Sources inside one framework: other modes, and repeats."""
    mine = _usual(tables.pairs[(tables.pairs["role"] != "control") & tables.pairs["left_environment"].isin(here)])
    modes = mine[(mine["axis"] == "mode") & ~mine["shaky"] & ~mine["special"]]
    repeats = mine[mine["axis"] == "repeat"]
    entries = []
    for name, rows in (("modes", modes), ("repeats", repeats)):
        apart = rows[rows["verdict"] != SAME]
        if len(apart):
            entry = _entry(name, apart.assign(factor=""), len(rows)) | _ranking(name, apart)
            beyond = int(apart["verdict"].isin(BEYOND).sum())
            entry["note"] = f"{beyond or 'none'} beyond rounding"
            entries.append(entry)
    return entries


def _restored(tables: Tables) -> str:
    """Which arithmetic switch made results of the two frameworks agree bit for bit."""
    rows = tables.attributions
    rows = rows[(rows["method"] == "variant") & (rows["axis"] == "framework") & (rows["role"] != "control")]
    if rows.empty:
        return ""
    restored = rows[rows["named"]]
    cases = rows[["family", "case"]].drop_duplicates()
    again = restored[["family", "case"]].drop_duplicates()
    words = f"a switch made both sides agree bit for bit in {share(len(again), len(cases))} cases in which switches were tried"
    words += f" ({listed(restored['factor'])})" if len(restored) else ""
    return words


__all__ = ["SOURCES", "Source", "digits_lost", "share_of_digits", "sources"]
