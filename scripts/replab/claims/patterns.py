"""Shapes that several rules share: right results, default against default, growth with length, bits moved by a switch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from replab.claims.evidence import Evidence
from replab.claims.model import DOES_NOT_HOLD, HOLDS, IN_PART, LAST_BITS, PROGRAMS_DIFFER, UNDECIDED, Finding, missing
from replab.claims.rows import (
    ANOTHER_FUNCTION,
    BEYOND,
    EXPLAINED,
    OPEN,
    SAME,
    SEVERITY,
    causes_evidence,
    cells_evidence,
    deciding,
    pairs_evidence,
    select,
    versus_evidence,
    worst_first,
)
from replab.claims.statistics import Growth, growth
from replab.claims.tables import Tables
from replab.claims.words import counted, listed, named, number, percent, share

BY_ROUNDING = "in another branch, which rounding decides"
"""What a result is called that is the truth up to rounding, but for a condition that rounding decides."""
WHOLE = 0.995
"""A share from which a factor is the whole cause: no percentage says more."""
SERIES = re.compile(r"(?P<stem>.+?)_(?:length_|layers_)?(?P<length>\d+)")
"""Cases of one series are called by a name and a length: ``lstm_length_64``, ``repeated_cell_16``."""


def right_results(tables: Tables, environment: str, claim: str, *, decides: Sequence[str] = (), **where: Any) -> Finding:
    """Holds where every result of a claim is the truth up to rounding in every mode, does not where none is, else in part.

    Where ``decides`` names cases, they decide, and the others are told beside them.
    """
    rows = tables.results(claim, environment, **where)
    rows, others = deciding(rows[rows["verdict"] != OPEN], decides)
    failed, others_failed = deciding(select(tables.failed(claim, environment), **where), decides)
    if rows.empty and failed.empty:
        return missing(f"no result of {claim} in {environment}")
    wrong = _wrong(rows)
    modes = listed(dict.fromkeys([*rows["mode"], *failed["mode"]]))
    words = f"{share(len(rows) - len(wrong), len(rows))} results are the truth up to rounding (modes {modes})"
    if len(wrong):
        words += f"; not so {named(wrong)}: {counted(wrong['kind'], SEVERITY)}"
    if len(failed):
        words += f"; {named(failed)} ended in an error in mode {listed(failed['mode'])}"
    bad, every = len(wrong) + len(failed), len(rows) + len(failed)
    verdict = HOLDS if not bad else DOES_NOT_HOLD if bad == every else IN_PART
    part = f"not {named(pd.concat([wrong, failed]))}" if verdict is IN_PART else ""
    evidence = cells_evidence(pd.concat([wrong, failed, rows.sort_values("derivative", ascending=False)]), 4)
    # not the distance in ULP: where the truth is nearly zero, rounding alone is any number of those
    reached = float((rows["z_max"] / rows["z_limit"]).replace(np.inf, np.nan).max())
    return Finding(
        verdict=verdict,
        words=words,
        beside=beside_right(others, others_failed),
        part=part,
        number=100.0 * reached,
        unit="% of what rounding may do, at the worst result",
        evidence=evidence,
    )


def _wrong(rows: pd.DataFrame) -> pd.DataFrame:
    """The results that are not the truth up to rounding, or took another branch by it; the worst first, of which ``kind``."""
    wrong = worst_first(rows[rows["verdict"].isin(BEYOND) | (rows["other_branch"] > 0)], "verdict", "ulp_max")
    return wrong.assign(kind=wrong["verdict"].where(wrong["verdict"].isin(BEYOND), BY_ROUNDING))


def beside_right(rows: pd.DataFrame, failed: pd.DataFrame) -> tuple[str, ...]:
    """Results of cases that decide nothing, and cells of such cases that failed, in a sentence; no sentence where there are none."""
    if rows.empty and failed.empty:
        return ()
    wrong = _wrong(rows)
    words = f"of the other cases, {share(len(rows) - len(wrong), len(rows))} results are the truth up to rounding"
    words += f", not so {named(wrong)} ({counted(wrong['kind'], SEVERITY)})" if len(wrong) else ""
    words += f"; {named(failed)} ended in an error in mode {listed(failed['mode'])}" if len(failed) else ""
    return (words,)


def beside_apart(rows: pd.DataFrame, subject: str) -> tuple[str, ...]:
    """Results beside those of the other framework, of cases that decide nothing, in a sentence; none where there are no rows."""
    if rows.empty:
        return ()
    return (f"of the other cases, {_apart_in_words(rows, subject)}",)


def _apart_in_words(rows: pd.DataFrame, subject: str) -> str:
    """``all 3 predictions agree with torch-2.13 within rounding, 1 of them bit for bit``, or which differ beyond it."""
    beyond, same, others = rows[rows["kind"].isin(BEYOND)], int((rows["kind"] == SAME).sum()), listed(rows["other"])
    if len(beyond):
        return (
            f"{share(len(beyond), len(rows))} {subject} differ beyond rounding from {others} "
            f"({counted(beyond['kind'], SEVERITY)}): {named(beyond)}"
        )
    bits = "all" if same == len(rows) else str(same) if same else "none"
    return f"all {len(rows)} {subject} agree with {others} within rounding, {bits} of them bit for bit"


def as_published(tables: Tables, environment: str, claim: str, *, decides: Sequence[str] = (), **where: Any) -> Finding:
    """Two published programs: as they stand, and with every factor aligned.

    Does not hold where they agree as they stand; holds where they are other functions even when aligned (a less accurate gradient is
    not); else the programs differ, and the factors are named with their Shapley shares. Where ``decides`` names cases, they decide, and
    the others are told beside them.
    """
    rows = tables.versus(claim, environment, **where)
    rows, others = deciding(rows[rows["kind"] != OPEN], decides)
    aligned = tables.versus(claim, environment, aligned="all", **where)
    aligned, _ = deciding(aligned[aligned["kind"] != OPEN], decides)
    beside = beside_apart(others, "outputs")
    if rows.empty:
        return missing(f"no result of {claim} in {environment} beside one of another framework")
    beyond = worst_first(rows[rows["kind"].isin(BEYOND)], "kind", "distance")
    if beyond.empty:
        words = f"as published the sides agree: {counted(rows['kind'], SEVERITY)}"
        return Finding(
            verdict=DOES_NOT_HOLD,
            words=words,
            beside=beside,
            number=float(rows["ulp"].max()),
            unit="ULP apart at most",
            evidence=versus_evidence(rows),
        )
    left = aligned[aligned["kind"].isin(ANOTHER_FUNCTION)]
    reasons, evidence = factor_shares(tables, environment, claim, decides=decides, **{k: v for k, v in where.items() if k == "family"})
    words = f"as published {share(len(beyond), len(rows))} outputs differ beyond rounding ({counted(beyond['kind'], SEVERITY)})"
    words += f"; causes: {reasons}" if reasons else ""
    words += f"; with every factor aligned: {counted(aligned['kind'], SEVERITY)}" if len(aligned) else "; no run with aligned factors"
    verdict = PROGRAMS_DIFFER if len(aligned) and left.empty else HOLDS
    evidence = (*versus_evidence(beyond, 2), *evidence, *versus_evidence(aligned, 1))
    return Finding(
        verdict=verdict,
        words=words,
        beside=beside,
        number=_finite(beyond["distance"]),
        unit="relative difference as published",
        evidence=evidence,
    )


def factor_shares(
    tables: Tables, environment: str, claim: str, *, decides: Sequence[str] = (), **where: Any
) -> tuple[str, tuple[Evidence, ...]]:
    """Factors that are needed to explain the differences of a claim between frameworks, with their median shares, the largest first.

    Where ``decides`` names cases, those of other cases are left out.
    """
    causes, _ = deciding(tables.causes(environment, "subsets", claim, axis="framework", **where), decides)
    causes = causes[causes["named"] & causes["share"].notna()]
    if causes.empty:
        causes, _ = deciding(tables.causes(environment, "hypothesis", claim, **where), decides)
        causes = causes[causes["named"]]
    if causes.empty:
        return "", ()
    shares = causes.groupby(["case", "factor"])["share"].median().sort_values(ascending=False)
    words = listed(f"{factor} of {case}" + (f" ({percent(value)})" if value < WHOLE else "") for (case, factor), value in shares.items())
    return words, causes_evidence(causes.sort_values("share", ascending=False), 2)


def differ(tables: Tables, environment: str, claim: str, *, aligned: str = "all", **where: Any) -> tuple[pd.DataFrame, Finding | None]:
    """Results beside those of the other framework, the worst first; a finding only where there is nothing to judge, or nothing differs."""
    rows, _, settled = differ_apart(tables, environment, claim, (), aligned=aligned, **where)
    return rows, settled


def differ_apart(
    tables: Tables, environment: str, claim: str, decides: Sequence[str], *, aligned: str = "all", **where: Any
) -> tuple[pd.DataFrame, pd.DataFrame, Finding | None]:
    """As ``differ`` for the cases that decide; the rows of the other cases stand second and settle nothing."""
    rows = tables.versus(claim, environment, aligned=aligned, **where)
    rows, others = deciding(worst_first(rows[rows["kind"] != OPEN], "kind", "ulp"), decides)
    if rows.empty:
        return rows, others, missing(f"no result of {claim} in {environment} beside one of another framework")
    if (rows["kind"] == SAME).all():
        words = f"all {len(rows)} results have the bits of {listed(rows['other'])}"
        evidence = versus_evidence(rows)
        beside = beside_apart(others, "results")
        return (
            rows,
            others,
            Finding(verdict=DOES_NOT_HOLD, words=words, beside=beside, number=0.0, unit="results with other bits", evidence=evidence),
        )
    return rows, others, None


def same_weights(tables: Tables, environment: str, claim: str, subject: str, *, decides: Sequence[str] = (), **where: Any) -> Finding:
    """With everything aligned: holds where a result differs beyond rounding, last bits only where bits do, does not hold where none do.

    Where ``decides`` names cases, they decide, and the others are told beside them.
    """
    rows, others, settled = differ_apart(tables, environment, claim, decides, **where)
    if settled is not None:
        return settled
    beyond = rows[rows["kind"].isin(BEYOND)]
    words = _apart_in_words(rows, subject)
    words += "" if len(beyond) else f", at most {number(float(rows['ulp'].max()))} ULP apart"
    if beyond.empty and len(others) and not others["kind"].isin(BEYOND).any():
        words += f", and so do all {len(others)} of other cases"
    reasons, causes = factor_shares(tables, environment, claim)
    beside = beside_apart(others, subject)
    beside += (f"with each side's own conventions they differ because of {reasons}",) if reasons else ()
    verdict = HOLDS if len(beyond) else LAST_BITS
    evidence = (*versus_evidence(rows), *causes)
    return Finding(
        verdict=verdict, words=words, beside=beside, number=float(len(beyond)), unit=f"{subject} beyond rounding", evidence=evidence
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The growth of one series of cases."""

    stem: str
    growth: Growth
    rows: pd.DataFrame


def lines(rows: pd.DataFrame, size: str, *, group: Sequence[str] = ("output", "derivative", "dtype")) -> list[Line]:
    """How ``size`` grows in each series of cases of different length: three lengths at least."""
    parts = rows["base_case"].map(SERIES.fullmatch)
    rows = rows[parts.notna()].assign(
        stem=[part["stem"] for part in parts if part], length=[float(part["length"]) for part in parts if part]
    )
    fitted_lines = []
    for (family, stem), mine in rows.groupby(["family", "stem"]):
        series = list(mine[list(group)].itertuples(index=False, name=None))
        fitted = growth(list(mine["length"]), list(mine[size]), series)
        if fitted is not None:
            fitted_lines.append(Line(stem=f"{family}.{stem}", growth=fitted, rows=mine.sort_values("length", ascending=False)))
    return fitted_lines


def grows(lines: Sequence[Line], subject: str) -> Finding | None:
    """Holds where every series grows for certain, in part where some do, not where each falls for certain; else noise decides nothing."""
    if not lines:
        return None
    signs = {line.growth.sign for line in lines}
    verdict = HOLDS if signs == {1} else IN_PART if 1 in signs else DOES_NOT_HOLD if signs == {-1} else UNDECIDED
    part = listed(line.stem for line in lines if line.growth.sign == 1) if verdict is IN_PART else ""
    states = {1: "grows", -1: "falls", 0: "shows no growth that stands out of the noise"}
    words = f"{subject}: " + ", ".join(
        f"{line.stem} {states[line.growth.sign]} from length {line.growth.lengths[0]} to {line.growth.lengths[-1]}" for line in lines
    )
    beside = tuple(
        f"{line.stem} is fitted by length to the power {number(line.growth.slope)}, between "
        f"{number(line.growth.low)} and {number(line.growth.high)} with 99 % confidence"
        for line in lines
    )
    steepest = max(lines, key=lambda line: line.growth.slope)
    rows = pd.concat([steepest.rows.iloc[[0, -1]], *(line.rows.iloc[[0]] for line in lines)])
    evidence = versus_evidence(rows, 4) if "judged" in rows else cells_evidence(rows, 5) if "id" in rows else pairs_evidence(rows, 4)
    return Finding(
        verdict=verdict,
        words=words,
        beside=beside,
        part=part,
        number=steepest.growth.slope,
        unit="exponent of the length, steepest series",
        evidence=evidence,
    )


def moved(rows: pd.DataFrame) -> pd.DataFrame:
    """Pairs whose bits differ, the worst first; special values last."""
    apart = worst_first(rows[rows["verdict"] != SAME], "verdict", "ulp_max")
    return apart.sort_values("special", kind="stable")


def where_it_moves(apart: pd.DataFrame) -> str:
    """Pairs with other bits, in words: beyond rounding, at special values, by flushing, within rounding, and what nobody can tell."""
    plain = apart[~apart["special"]]
    beyond, flushed = plain[plain["verdict"].isin(BEYOND) & ~plain["flushes"]], plain[plain["flushes"]]
    within, rest = plain[plain["verdict"].isin(EXPLAINED) & ~plain["flushes"]], plain[(plain["verdict"] == OPEN) & ~plain["flushes"]]
    parts = (
        ("beyond rounding", beyond),
        ("by flushing subnormal numbers on one side", flushed),
        ("at special values", apart[apart["special"]]),
        ("within rounding", within),
        ("both off the reference, so that its rounding is no measure", rest),
    )
    return "; ".join(f"{kind}: {len(rows)} ({named(rows)})" for kind, rows in parts if len(rows))


def by_switch(rows: pd.DataFrame, column: str) -> tuple[str, dict[str, int]]:
    """For each mode or variant: how many results lose their bits, and how many of those beyond rounding; words, and the counts."""
    counts = {str(name): int((mine["verdict"] != SAME).sum()) for name, mine in rows.groupby(column)}
    beyond = {str(name): int(mine["verdict"].isin(BEYOND).sum()) for name, mine in rows.groupby(column)}
    sizes = rows[column].value_counts().to_dict()
    words = "; ".join(
        f"{name}: {share(counts[name], sizes[name])} with other bits" + (f", {beyond[name]} beyond rounding" if beyond[name] else "")
        for name in sorted(counts, key=lambda switch: -counts[switch])
    )
    return words, counts


def _finite(values: pd.Series) -> float | None:
    kept = values[values.notna()]
    return float(kept.max()) if len(kept) else None


__all__ = [
    "EXPLAINED",
    "Line",
    "as_published",
    "beside_apart",
    "beside_right",
    "by_switch",
    "differ",
    "differ_apart",
    "factor_shares",
    "grows",
    "lines",
    "moved",
    "right_results",
    "same_weights",
    "where_it_moves",
]
