"""Where TensorFlow and PyTorch differ, every difference is given to one source; sources are ranked by size.

All eager float32 (and integer) results of the newest TensorFlow beside those of the newest PyTorch are divided: each pair with other
bits belongs to exactly one source, decided by its verdict and by what is known about its cause. Beside them stand two sources inside
one framework: ways to execute, and results that do not repeat.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from replab.claims.evidence import Evidence
from replab.claims.rows import BEYOND, SAME, pairs_evidence
from replab.claims.tables import Tables
from replab.claims.words import listed, named, number, percent, share

SIDES = ("tensorflow", "torch")
DRAWN = re.compile(r"initiali[sz]er|initial_weight|bias_start|dropout_mask|draw|seed|shuffle")
"""Factors that say where numbers come from which are drawn: initial weights and biases, dropout masks."""
OTHER_TYPES = ("float16", "bfloat16", "float64")
"""Left out: sizes are those of float32, which is what models are computed in, and of integers."""
FLOW = {"A1", "E3", "K03", "K21"}
"""Claims whose cases are about control flow."""
MOST_NAMED = 5


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
        meaning="Branches and loops whose value or gradient differs beyond rounding.",
        remedy="Compare with the unrolled loop, or with the branches computed apart.",
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


def sources(tables: Tables) -> list[dict[str, Any]]:
    """The sources that occur, the largest median difference first; empty where one of the two frameworks was not run."""
    here = [tables.newest.get(framework) for framework in SIDES]
    if None in here:
        return []
    pairs = _between(tables, [str(one) for one in here])
    apart = pairs[pairs["verdict"] != SAME]
    causes = _causes(tables)
    groups: dict[str, pd.DataFrame] = {}
    named_factors: dict[str, list[str]] = {}
    places = apart[["family", "base_case", "dtype", "derivative"]].itertuples(index=False, name=None)
    chosen = [_source(row, causes.get(place, [])) for row, place in zip(apart.to_dict("records"), places, strict=True)]
    for name, rows in apart.groupby(pd.Series([one for one, _ in chosen], index=apart.index, dtype=object)):
        groups[str(name)] = rows
    for (name, factor), case in zip(chosen, apart["base_case"], strict=True):
        if factor:
            named_factors.setdefault(name, []).append(f"{factor} of {case}")
    entries = [_entry(name, rows, len(pairs), named_factors.get(name, [])) for name, rows in groups.items()]
    entries += _within(tables, [str(one) for one in here])
    if restored := _restored(tables):
        for entry in entries:
            if entry["id"] in ("rounding", "kernels"):
                entry["words"] += restored.get(entry["id"], "")
    entries.sort(key=lambda entry: (-(entry["median"] if entry["median"] is not None else -1.0), entry["id"]))
    return [entry | {"rank": place} for place, entry in enumerate(entries, 1)]


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
        causes.setdefault((row.family, row.case, row.dtype, row.derivative), []).append(row.factor)
    return causes


def _source(row: Mapping[Any, Any], factors: list[str]) -> tuple[str, str]:
    """The source of one pair with other bits, and the factor that is its cause."""
    verdict = row["verdict"]
    if row["drawn"]:
        return "draws", factors[0] if factors else ""
    if row["shaky"]:
        return "unrepeatable", ""
    if row["special"]:
        return "special", ""
    if verdict == "rounding":
        return ("flushing" if row["flushes"] else "rounding"), ""
    if verdict == "inconclusive":
        return "open", ""
    if row["tags"] & FLOW:
        return "control_flow", factors[0] if factors else ""
    if factors:
        return ("draws" if DRAWN.search(factors[0]) else "defaults"), factors[0]
    if verdict == "incomparable":
        return ("types" if "dtype" in row["cause"] else "special"), ""
    if verdict == "semantic":
        return "definitions", ""
    return ("flushing" if row["flushes"] else "kernels"), ""


def _entry(name: str, rows: pd.DataFrame, whole: int, factors: list[str]) -> dict[str, Any]:
    """What is written about one source."""
    source = SOURCES[name]
    sizes = rows["rel_max"].dropna()
    sizes = sizes[sizes.map(math.isfinite)].sort_values()
    median = float(sizes.median()) if len(sizes) else None
    worst = float(sizes.iloc[-1]) if len(sizes) else None
    order = rows.loc[[*sizes.index[::-1], *rows.index.difference(sizes.index)]]
    middle = rows.loc[[sizes.index[len(sizes) // 2]]] if len(sizes) else rows.iloc[:0]
    cases = rows[["family", "base_case"]].drop_duplicates()
    where = f"in {len(cases)} case{'' if len(cases) == 1 else 's'}"
    words = f"{share(len(rows), whole)} results, {where}: {named(order.drop_duplicates('case'), MOST_NAMED)}"
    words += f"; median relative difference {number(median)}, at most {number(worst)}" if median is not None and worst is not None else ""
    if len(sizes) < len(rows):
        words += f"; {len(rows) - len(sizes)} without a size (NaN, infinity, another type)"
    if factors:
        counts = pd.Series(factors).value_counts()
        words += f"; factors: {listed(map(str, counts.index), MOST_NAMED)}"
    ulp = rows["ulp_max"].dropna()
    return {
        "id": name,
        "title": source.title,
        "meaning": source.meaning,
        "remedy": source.remedy,
        "words": words,
        "count": len(rows),
        "of": whole,
        "share": len(rows) / whole if whole else 0.0,
        "share_text": percent(len(rows) / whole) if whole else "",
        "cases": len(cases),
        "median": median,
        "worst": worst,
        "unit": "relative difference of the worst element",
        "median_ulp": float(ulp.median()) if len(ulp) else None,
        "factors": list(dict.fromkeys(factors))[:20],
        "examples": [
            evidence.json() | {"family": str(row["family"]), "case": str(row["case"])}
            for row, evidence in _examples(pd.concat([order.head(2), middle]))
        ],
    }


def _examples(rows: pd.DataFrame) -> list[tuple[Mapping[Any, Any], Evidence]]:
    examples: dict[Evidence, Mapping[Any, Any]] = {}
    for row in rows.to_dict("records"):
        examples.setdefault(pairs_evidence(pd.DataFrame([row]), 1)[0], row)
    return [(row, evidence) for evidence, row in examples.items()]


def _within(tables: Tables, here: list[str]) -> list[dict[str, Any]]:
    """Sources inside one framework: other modes, and repeats."""
    mine = _usual(tables.pairs[(tables.pairs["role"] != "control") & tables.pairs["left_environment"].isin(here)])
    modes = mine[(mine["axis"] == "mode") & ~mine["shaky"] & ~mine["special"]]
    repeats = mine[mine["axis"] == "repeat"]
    entries = []
    for name, rows in (("modes", modes), ("repeats", repeats)):
        apart = rows[rows["verdict"] != SAME]
        if len(apart):
            entry = _entry(name, apart, len(rows), [])
            beyond = int(apart["verdict"].isin(BEYOND).sum())
            entry["words"] += f"; {beyond} beyond rounding" if beyond else "; none beyond rounding"
            entries.append(entry)
    return entries


def _restored(tables: Tables) -> dict[str, str]:
    """For rounding and kernels: which arithmetic switch made results of the two frameworks agree bit for bit."""
    rows = tables.attributions
    rows = rows[(rows["method"] == "variant") & (rows["axis"] == "framework") & (rows["role"] != "control")]
    if rows.empty:
        return {}
    restored = rows[rows["named"]]
    cases = rows[["family", "case"]].drop_duplicates()
    again = restored[["family", "case"]].drop_duplicates()
    words = f"; a switch made both sides agree bit for bit in {share(len(again), len(cases))} cases in which switches were tried"
    words += f" ({listed(restored['factor'])})" if len(restored) else ""
    return {"rounding": words}


__all__ = ["SOURCES", "Source", "sources"]
