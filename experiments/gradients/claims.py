"""Rules of the claims about derivatives."""

from dataclasses import replace

import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, Finding, Tables, missing, rule
from replab.claims.patterns import differ, right_results
from replab.claims.rows import BEYOND, COARSE, EXPLAINED, OTHERWISE, SEVERITY, cells_evidence, deciding, versus_evidence, worst_first
from replab.claims.words import counted, decimal, listed, named, number, share

CUBE = ("gradients.cube",)
"""What the article differentiates twice."""
PLACE_OF_A_DERIVATIVE = ["family", "case", "output", "dtype", "derivative"]
TYPES_WITH_DIGITS = ("float32", "float64")


@rule("A1", needs="branches that depend on data, cases of claim A1")
def branches_agree(tables: Tables, environment: str) -> Finding:
    """Holds where value and derivatives of every branch are within rounding of the truth with every control flow in every mode;
    not where none is; else in part, without the cases that are named. A result that took another branch than the truth, because
    rounding decides the condition, is not within. A control flow that ends in an error counts as wrong, one that
    a version does not have is not counted.
    """
    return right_results(tables, environment, "A1")


@rule("A2", needs="the case chain_of_powers with its first derivative", frameworks=("tensorflow", "torch"))
def chain_of_powers(tables: Tables, environment: str) -> Finding:
    """The derivative of the chain is compared with its certified truth, 6·2⁵ = 192, and with the 24 that the article prints. Holds
    where every result is 24, in part where some are, and not where none is.
    """
    rows = tables.results("A2", environment, derivative=1, case="chain_of_powers")
    if rows.empty:
        return missing(f"no derivative of the chain in {environment}")
    right, values = rows["verdict"].isin(EXPLAINED), rows["worst_result"].map(decimal)
    printed = listed(f"{value:g}" for value in values)
    printed_so = values == 24.0
    verdict = HOLDS if printed_so.all() else IN_PART if printed_so.any() else DOES_NOT_HOLD
    part = f"in mode {listed(rows['mode'][printed_so])}" if verdict is IN_PART else ""
    words = (
        f"dz/dx is {printed}, right in {share(int(right.sum()), len(rows))} results (modes {listed(rows['mode'])}); the article prints 24"
    )
    evidence = cells_evidence(worst_first(rows, "verdict", "ulp_max"), 4)
    return Finding(verdict=verdict, words=words, part=part, number=float(values.iloc[0]), unit="dz/dx", evidence=evidence, measured=printed)


@rule("C3", needs="the case cube with its derivatives of order two and more", frameworks=("tensorflow", "torch"), decides=CUBE)
def higher_orders_are_right(tables: Tables, environment: str) -> Finding:
    """Holds where every derivative of x³ from the second order on is within rounding of the truth in every mode that can form it; not
    where none is; else in part. Derivatives of functions that round are told beside it.
    """
    found = right_results(tables, environment, "C3", decides=CUBE, derivative=(2, 3, 4))
    rows, _ = deciding(tables.results("C3", environment, derivative=(2, 3, 4)), CUBE)
    told = rows[rows["worst_result"] != ""]
    values = [listed(f"{decimal(value):g}" for value in mine) for _, mine in told.groupby("derivative")["worst_result"]]
    if not found.evidence or not values:
        return found
    return replace(found, words=f"the derivatives of x³ at 2 from the second on are {listed(values)}: {found.words}")


@rule("D2", needs="the case central_1e-6 in float32 and the derivative of the case cubic")
def published_difference(tables: Tables, environment: str) -> Finding:
    """Holds where the central difference with h = 1e-6 in float32 is within rounding of the derivative 14, not where it is beyond.
    The number is what it gives. In float32 neither 2 + 1e-6 nor 2 − 1e-6 is a number, so the step taken is not the one divided
    by.
    """
    rows = tables.results("D2", environment, case="central_1e-6", dtype="float32", mode="eager")
    if rows.empty:
        return missing(f"no central difference with h = 1e-6 in float32 in {environment}")
    first = rows.iloc[0]
    value = decimal(first.worst_result)
    others = tables.results("D2", environment, derivative=0, mode="eager", dtype="float32")
    others = others[others["verdict"].isin(EXPLAINED) & (others["case"] != "cubic")]
    exact = tables.results("D2", environment, case="cubic", derivative=1, mode="eager")
    words = f"it gives {value:.6g} for 14"
    words += f"; within rounding: {named(others)}" if len(others) else "; no step of any difference is within rounding in float32"
    words += f"; automatic differentiation: {counted(exact['verdict'], SEVERITY)}" if len(exact) else ""
    verdict = DOES_NOT_HOLD if first.verdict in BEYOND else HOLDS
    evidence = (*cells_evidence(rows, 1), *cells_evidence(exact, 2), *cells_evidence(others, 1))
    return Finding(verdict=verdict, words=words, number=value, unit="for 14", evidence=evidence, measured=f"{value:.6g}")


@rule("K04", needs="derivatives, cases of claim K04, in TensorFlow and PyTorch", frameworks=("tensorflow", "torch"))
def gradients_differ(tables: Tables, environment: str) -> Finding:
    """Derivatives are held against the newest version of the other framework, in three kinds: of second order and more, custom
    gradients (cases custom_…), control flow (cases that also belong to A1, K03 or K21). A derivative differs that is another function, or
    beyond rounding of unknown kind, or that took another branch by rounding; so does one that is this in a graph alone, beside the other
    framework's right one. Holds where each kind has such derivatives, not where none has, else in part, for the kinds that are named.
    Derivatives that a coarse kernel moves are told beside it.
    """
    rows, settled = differ(tables, environment, "K04", derivative=(1, 2, 3, 4))
    if settled is not None:
        return settled
    graphs = _derivatives_of_graphs(tables, environment, rows)
    every = pd.concat([rows, graphs])
    flow = [bool(tags & {"A1", "K03", "K21"}) for tags in every["tags"]]
    kinds = {
        "second order and more": every[every["derivative"] >= 2],
        "custom gradients": every[every["case"].str.startswith("custom_")],
        "control flow": every[flow],
    }
    there = {name: mine for name, mine in kinds.items() if len(mine)}
    if not there:
        return missing(f"no derivative of these kinds in {environment} beside one of another framework")
    bad = {name: mine[mine["kind"].isin(OTHERWISE) | (mine["other_branch"] > 0)] for name, mine in there.items()}
    words = "; ".join(
        f"{name}: {share(len(bad[name]), len(mine))} differ" + (f" ({named(bad[name])})" if len(bad[name]) else "")
        for name, mine in there.items()
    )
    failed = tables.failed("K04", environment)
    words += f"; {named(failed)} ended in an error in mode {listed(failed['mode'])}" if len(failed) else ""
    coarse = rows[rows["kind"] == COARSE]
    beside = (f"coarse kernels, and no other derivative: {named(coarse)}",) if len(coarse) else ()
    verdict = DOES_NOT_HOLD if not any(map(len, bad.values())) else HOLDS if all(map(len, bad.values())) else IN_PART
    part = listed(name for name, mine in bad.items() if len(mine)) if verdict is IN_PART else ""
    evidence = (*cells_evidence(graphs[graphs["kind"].isin(OTHERWISE)], 2), *versus_evidence(rows, 4), *cells_evidence(failed, 1))
    apart = pd.concat(list(bad.values())).drop_duplicates([*PLACE_OF_A_DERIVATIVE, "left"])
    return Finding(
        verdict=verdict, words=words, beside=beside, part=part, number=float(len(apart)), unit="derivatives that differ", evidence=evidence
    )


def _derivatives_of_graphs(tables: Tables, environment: str, beside: pd.DataFrame) -> pd.DataFrame:
    """Derivatives in modes that build a graph, of those that stand eagerly ``beside`` the other framework's and agree with it."""
    agree = beside[beside["kind"].isin(EXPLAINED) & (beside["other_branch"] == 0)][[*PLACE_OF_A_DERIVATIVE, "other"]]
    graphs = tables.results("K04", environment, aligned="all", derivative=(1, 2, 3, 4))
    graphs = graphs[(graphs["mode"] != "eager") & ~graphs["special"]]
    columns = [*PLACE_OF_A_DERIVATIVE, "base_case", "tags", "id", "verdict", "other_branch"]
    both = graphs[columns].merge(agree, on=PLACE_OF_A_DERIVATIVE)
    return both.rename(columns={"verdict": "kind"}).assign(left=both["id"])


@rule("K17", needs="differences of several steps (forward_…, central_…) and the derivative of the case cubic")
def differences_disagree(tables: Tables, environment: str) -> Finding:
    """Holds where every finite difference, whatever its step and precision, is beyond rounding of the derivative; not where
    every one is within, as automatic differentiation is; else in part, without the steps that are named. How near each precision comes, and
    at which step, is told first; the complex step, which subtracts nothing, beside them.
    """
    rows = tables.results("K17", environment, derivative=0, mode="eager", dtype=TYPES_WITH_DIGITS)
    steps = worst_first(rows[rows["case"].str.match("forward_|central_")], "verdict", "ulp_max")
    if steps.empty:
        return missing(f"no finite difference in {environment}")
    beyond = steps["verdict"].isin(BEYOND)
    exact = tables.results("K17", environment, case="cubic", derivative=1, mode="eager")
    complex_step = rows[rows["case"].str.startswith("complex_")]
    words = "; ".join(_best_step(dtype, mine) for dtype, mine in steps.groupby("dtype", sort=False))
    words += f"; {share(int(beyond.sum()), len(steps))} differences are beyond rounding"
    close = steps[~beyond]
    words += f", not so {listed(close['case'] + ' in ' + close['dtype'])}" if len(close) else ""
    words += f"; automatic differentiation: {counted(exact['verdict'], SEVERITY)}" if len(exact) else ""
    words += f"; complex step: {counted(complex_step['verdict'], SEVERITY)}" if len(complex_step) else ""
    verdict = HOLDS if beyond.all() else DOES_NOT_HOLD if not beyond.any() else IN_PART
    part = f"not {listed(close['case'] + ' in ' + close['dtype'])}" if verdict is IN_PART else ""
    evidence = (
        *cells_evidence(steps, 2),
        *cells_evidence(exact, 1),
        *cells_evidence(complex_step, 1),
        *cells_evidence(steps.iloc[[-1]], 1),
    )
    best = float(steps["rel_max"].min())
    return Finding(verdict=verdict, words=words, part=part, number=best, unit="relative error at the best step", evidence=evidence)


def _best_step(dtype: str, steps: pd.DataFrame) -> str:
    """How far off the best and the worst step of one precision are, relative to the derivative."""
    best, worst = steps.loc[steps["rel_max"].idxmin()], steps.loc[steps["rel_max"].idxmax()]
    told = [f"{number(float(row['rel_max']))} off ({str(row['case']).replace('_', ', step ')})" for row in (best, worst)]
    return f"{dtype}: at best {told[0]}, at worst {told[1]}"
