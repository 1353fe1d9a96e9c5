"""Rules of the claims about ways to execute: bits, speed, memory, and what Python still sees."""

import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, UNDECIDED, Finding, Tables, missing, rule
from replab.claims.patterns import by_switch, moved, where_it_moves
from replab.claims.rows import OTHERWISE, causes_evidence, measured_evidence, pairs_evidence
from replab.claims.words import listed, named, number, share
from replab.formats import FORMATS
from replab.model import Verdict

BOTH = ("tensorflow", "torch")
GRAPHS = ("session", "function", "script")
"""Modes that build a graph and run its operations; xla and compile make other operations of it, which is K02."""
REWRITERS = ("xla", "compile", "script")
SWITCHES = ("grappler", "xla-auto", "xla-fastmath", "jit", "fus")
"""How the variants begin that switch rewriting or fusing."""
HALF_OF_THE_DIGITS = float(FORMATS["float32"].unit_roundoff) ** 0.5
"""A relative difference of two results; float32 knows twice as many digits."""
NEW_THINGS = {"shape": "another shape", "dtype": "another type", "scalar": "another number"}
"""What a call can bring for which a graph may have to be built again."""
ACCUMULATES = {"torch": 2.0, "tensorflow": 1.0}
"""The gradient after two backward passes over that after one, as the claim has it."""


@rule("B3", needs="the measurement body_runs in eager and in a mode that builds a graph", frameworks=BOTH)
def body_runs(tables: Tables, environment: str) -> Finding:
    """A function with a counter in its body is called N times. Holds where the body runs at least N times eagerly and fewer than N times in
    every mode that builds a graph; not where it runs N times there too; else in part, for the modes that are named. What something new
    costs (another shape, type or number) is told in calls that bring nothing new.
    """
    rows = tables.measured(environment, "body_runs")
    eager, graphs = rows[rows["mode"] == "eager"], rows[rows["mode"] != "eager"]
    if eager.empty or graphs.empty:
        return missing(f"no body_runs in {environment}, eagerly and in a graph")
    fewer = graphs["value"] < graphs["count"]
    spread = graphs.groupby("mode")["value"].agg(["min", "max"])
    words = f"in {int(eager['count'].max())} calls the body runs {number(float(eager['value'].max()))} times eagerly, "
    words += ", ".join(
        f"{number(low)}" + (f" to {number(high)}" if high > low else "") + f" in {mode}" for mode, low, high in spread.itertuples()
    )
    costs = pd.concat([tables.measured(environment, f"retrace_{kind}") for kind in NEW_THINGS])
    costs = costs[costs["mode"] != "eager"]
    always = bool((eager["value"] >= eager["count"]).all())
    verdict = HOLDS if fewer.all() and always else DOES_NOT_HOLD if not fewer.any() and always else IN_PART
    part = ""
    if verdict is IN_PART:
        part = f"mode {listed(graphs['mode'][fewer])}, not {listed(graphs['mode'][~fewer])}"
        part = part if always else "eagerly the body does not run at every call either"
    evidence = (*measured_evidence(graphs.drop_duplicates("mode"), 3), *measured_evidence(eager, 1), *measured_evidence(costs, 2))
    return Finding(
        verdict=verdict,
        words=words,
        beside=_costs_of_new_things(costs),
        part=part,
        number=float(graphs["value"].median()),
        unit="runs of the body, median",
        evidence=evidence,
    )


def _costs_of_new_things(costs: pd.DataFrame) -> tuple[str, ...]:
    """How long a call takes that brings something new, a sentence per mode."""
    medians = costs.groupby(["mode", "measurement"])["value"].median()
    return tuple(
        f"in mode {mode}, a call takes as long as so many calls that bring nothing new: "
        + ", ".join(
            f"{number(float(medians[mode, f'retrace_{kind}']))} with {words}"
            for kind, words in NEW_THINGS.items()
            if (mode, f"retrace_{kind}") in medians.index
        )
        for mode in dict.fromkeys(costs["mode"])
    )


@rule("K01", needs="results in session, function or script beside eager ones", frameworks=BOTH)
def building_a_graph(tables: Tables, environment: str) -> Finding:
    """Results of modes that build a graph and run its operations (session, function, script) are compared with the eager ones of the
    same environment, where these repeat. Does not hold where all bits agree; holds where every case has other bits; else in part, for
    the operations that are named. Where a graph computes something else, or is beyond rounding of unknown kind, that is said first. Where
    switching the rewriting of graphs off restores the eager bits, not the graph changed them but its rewriting.
    """
    rows = tables.pairs_of(environment, "mode", to_mode=GRAPHS)
    if rows.empty:
        return missing(f"no result of a graph beside an eager one in {environment}")
    apart = moved(rows)
    words = f"{something_else(apart, 'something else in a graph than eagerly')}{by_switch(rows, 'to_mode')[0]}"
    words += f"; {where_it_moves(apart)}" if len(apart) else ""
    causes = tables.causes(environment, "variant", axis="mode", named=True)
    causes = causes[causes["right"].isin(set(apart["right"]))]
    words += f"; {listed(causes['factor'])} restores the eager bits of {named(causes)}" if len(causes) else ""
    cases, all_cases = apart[["family", "base_case"]].drop_duplicates(), rows[["family", "base_case"]].drop_duplicates()
    verdict = DOES_NOT_HOLD if apart.empty else HOLDS if len(cases) == len(all_cases) else IN_PART
    part = f"{len(cases)} of {len(all_cases)} operations, in some precision or derivative" if verdict is IN_PART else ""
    evidence = (*pairs_evidence(apart if len(apart) else rows, 4), *causes_evidence(causes, 1))
    percentage = 100.0 * len(apart) / len(rows)
    return Finding(verdict=verdict, words=words, part=part, number=percentage, unit="% of results with other bits", evidence=evidence)


def something_else(apart: pd.DataFrame, what: str) -> str:
    """The functions that are another one on one of two sides, the farthest apart first; empty where there is none. What is beyond rounding
    of unknown kind counts where at least half of float32's digits are lost: below, it may be a coarser kernel.
    """
    other = apart[apart["verdict"].isin(OTHERWISE) & ~apart["special"] & ~apart["flushes"]].sort_values("distance", ascending=False)
    other = other[(other["verdict"] != str(Verdict.BEYOND)) | (other["distance"] >= HALF_OF_THE_DIGITS)]
    if other.empty:
        return ""
    far = other.iloc[0]
    known = far["cause"] and far["cause"] != "unknown" and not far["cause"].endswith("computes another function")
    cause = f", because of {far['cause']}" if known else ""
    verb = "is" if len(other[["family", "case"]].drop_duplicates()) == 1 else "are"
    return f"{named(other)} {verb} {what}, the farthest by {number(float(far['distance']))} of its size{cause}; "


@rule("K02", needs="results in xla, script or compile beside eager ones, or variants that switch grappler, XLA or fusion", frameworks=BOTH)
def rewriting_a_graph(tables: Tables, environment: str) -> Finding:
    """Each thing that rewrites or fuses (the modes xla, script and compile against eager; variants that switch grappler, XLA or fusion
    against the default) is compared with its absence. Holds where each moves the bits of some results, not where none does,
    else in part, for those that are named.
    """
    modes = tables.pairs_of(environment, "mode", to_mode=REWRITERS)
    variants = tables.pairs_of(environment, "variant")
    variants = variants[variants["variant"].str.startswith(SWITCHES)]
    rows = pd.concat([modes.assign(switch=modes["to_mode"]), variants.assign(switch=variants["variant"])])
    if rows.empty:
        return missing(f"no rewriting was switched in {environment}")
    words, counts = by_switch(rows, "switch")
    apart = moved(rows)
    words = f"{something_else(apart, 'something else with a rewriting than without')}{words}"
    words += f"; {where_it_moves(apart)}" if len(apart) else ""
    verdict = HOLDS if all(counts.values()) else IN_PART if any(counts.values()) else DOES_NOT_HOLD
    part = listed(name for name, many in counts.items() if many) if verdict is IN_PART else ""
    evidence = pairs_evidence((apart if len(apart) else rows).drop_duplicates(["switch", "verdict"]), 6)
    percentage = 100.0 * len(apart) / len(rows)
    return Finding(verdict=verdict, words=words, part=part, number=percentage, unit="% of results with other bits", evidence=evidence)


@rule("K12", needs="the measurement time_ratio, of graph modes against eager", frameworks=BOTH)
def graphs_are_faster(tables: Tables, environment: str) -> Finding:
    """The time per call over that of eager mode, both called in turn, with an interval for the median ratio. Holds where the
    interval lies below 1 for every function and mode, in part where it does for some (values and gradients are counted apart), not where
    it does for none and lies above 1 for some. An interval that holds 1 decides nothing: where all do, statistics decide nothing.
    """
    rows = tables.measured(environment, "time_ratio")
    rows = rows[rows["mode"] != "eager"]
    if rows.empty:
        return missing(f"no time_ratio in {environment}")
    faster, slower = rows["high"] < 1.0, rows["low"] > 1.0
    words = "; ".join(
        f"{mode}: {share(int(faster[mine.index].sum()), len(mine))} faster, {int(slower[mine.index].sum())} slower, "
        f"median ratio {number(float(mine['value'].median()))}"
        for mode, mine in rows.groupby("mode")
    )
    steps = rows[rows["case"].str.startswith("training")]
    words += "".join(
        f"; {case} in {mode} {number(value)}" for case, mode, value in steps[["case", "mode", "value"]].itertuples(index=False)
    )
    fastest, slowest = rows.loc[[rows["value"].idxmin()]], rows.loc[[rows["value"].idxmax()]]
    words += f"; from {number(float(rows['value'].min()))} ({named(fastest)}) to {number(float(rows['value'].max()))} ({named(slowest)})"
    verdict = HOLDS if faster.all() else IN_PART if faster.any() else DOES_NOT_HOLD if slower.any() else UNDECIDED
    kinds = {"values": rows["derivative"] == 0, "gradients": rows["derivative"] > 0}
    counts = [
        f"{name}: {int((faster & mine).sum())} of {int(mine.sum())} faster, {int((slower & mine).sum())} slower"
        for name, mine in kinds.items()
        if mine.any()
    ]
    part = "; ".join(counts) if verdict is IN_PART else ""
    sizes = tables.cells.loc[tables.cells["id"].isin(set(rows["id"])), "elements"]
    beside = (f"all of it with small tensors: outputs of {int(sizes.min())} to {int(sizes.max())} numbers",) if len(sizes) else ()
    evidence = (*measured_evidence(fastest, 1), *measured_evidence(slowest, 1), *measured_evidence(rows.drop_duplicates("mode"), 3))
    return Finding(
        verdict=verdict,
        words=words,
        beside=beside,
        part=part,
        number=float(rows["value"].median()),
        unit="× the time of eager mode, median",
        evidence=evidence,
    )


@rule("K13", needs="the measurement line_events, eagerly and in a compiled mode", frameworks=BOTH)
def stepping_through(tables: Tables, environment: str) -> Finding:
    """A debugger counts the lines of the function's own file that it passes in one call after the first. Holds where every compiled
    function passes fewer lines than the same function does eagerly, in part where some do, not where none does. Functions of a single line
    say nothing.
    """
    rows = tables.measured(environment, "line_events")
    key = ["family", "case", "dtype", "derivative"]
    eager = rows[rows["mode"] == "eager"].set_index(key)["value"].rename("eagerly")
    both = rows[rows["mode"] != "eager"].join(eager, on=key)
    both = both[both["eagerly"] > 1]
    if both.empty:
        return missing(f"no line_events in {environment}, eagerly and compiled")
    fewer = both["value"] < both["eagerly"]
    passed = ", ".join(f"{mode} {number(float(mine['value'].max()))}" for mode, mine in both.groupby("mode"))
    words = f"of up to {number(float(both['eagerly'].max()))} lines that a function passes eagerly, a debugger sees at most: {passed}"
    some, seen = both[both["value"] > 0], both[~fewer]
    beside = tuple(
        f"{number(line.value)} lines are seen of {line.case} in mode {line.mode}"
        for line in some.drop_duplicates(["mode", "value"]).itertuples()
    )
    verdict = HOLDS if fewer.all() else DOES_NOT_HOLD if not fewer.any() else IN_PART
    return Finding(
        verdict=verdict,
        words=words,
        beside=beside,
        part=f"not {listed(seen['case'] + ' in mode ' + seen['mode'])}" if verdict is IN_PART else "",
        number=float(both["value"].max()),
        unit="lines seen in a compiled function at most",
        evidence=(*measured_evidence(both.drop_duplicates("mode"), 4), *measured_evidence(rows[rows["mode"] == "eager"], 1)),
    )


@rule("K14", needs="the measurements retrace_…_body_runs, and where memory shows memory_value_mb and memory_gradient_mb", frameworks=BOTH)
def graphs_for_gradients(tables: Tables, environment: str) -> Finding:
    """Two parts. Memory: the peak of a call with gradients lies above that of the same call without, interval above interval, for some
    functions, and below it for none. Rebuilding: the body of a function in a graph mode runs again for another shape, type or number, in
    every mode. Holds where both parts do, not where neither does, else in part. Where memory cannot be measured, since the framework
    keeps what it has freed, rebuilding decides: in part where a graph is built again, not where none is.
    """
    key = ["family", "case", "mode", "dtype"]
    value = tables.measured(environment, "memory_value_mb")
    both = tables.measured(environment, "memory_gradient_mb").merge(value, on=key, suffixes=("", "_value"))
    again = pd.concat([tables.measured(environment, f"retrace_{kind}_body_runs") for kind in NEW_THINGS])
    again = again[again["mode"] != "eager"].reset_index(drop=True)
    if again.empty:
        return missing(f"no retraces in {environment}")
    more, less, rebuilt = both["low"] > both["high_value"], both["high"] < both["low_value"], again["value"] >= 1
    takes_more = bool(more.any() and not less.any())
    by_mode = rebuilt.groupby(again["mode"]).mean()
    words = "a graph is built again for another shape, type or number in " + ", ".join(
        f"{share(int(rebuilt[mine.index].sum()), len(mine))} cases of {mode}" for mode, mine in again.groupby("mode")
    )
    memory = "what gradients take in memory is not measurable here, since freed memory is kept"
    if len(both):
        memory = f"gradients take more memory for certain in {share(int(more.sum()), len(both))} functions and modes"
        memory += f" (median {number(float(both['value'].median()))} against {number(float(both['value_value'].median()))} MiB)"
    verdict = HOLDS if takes_more and rebuilt.all() else IN_PART if takes_more or rebuilt.any() else DOES_NOT_HOLD
    part = ""
    if verdict is IN_PART:
        builds = [mode for mode, often in by_mode.items() if often > 0]
        part = f"a graph is built again in {listed(builds)}" if builds else "no graph is built again"
        part += f", not in {listed(sorted(set(by_mode.index) - set(builds)))}" if 0 < len(builds) < len(by_mode) else ""
        part += ("" if takes_more else f", {memory}") if len(both) else ", memory is not measurable here"
    evidence = (*measured_evidence(again.drop_duplicates(["mode", "measurement"]), 4), *measured_evidence(both, 2))
    return Finding(
        verdict=verdict,
        words=words,
        beside=(memory,),
        part=part,
        number=100.0 * float(rebuilt.mean()),
        unit="% of new things for which a graph is built again",
        evidence=evidence,
    )


@rule("K15", needs="the measurement gradient_after_two_backwards_ratio", frameworks=BOTH)
def gradients_add_up(tables: Tables, environment: str) -> Finding:
    """The gradient found after two backward passes over that after one, nothing zeroed in between: nearer to 2 it adds up, nearer to 1
    it does not. Holds where PyTorch's adds up and where TensorFlow's does not, in every function and mode; not where it is the
    other way round in all; else in part, for the modes that are named.
    """
    rows = tables.measured(environment, "gradient_after_two_backwards_ratio")
    if rows.empty:
        return missing(f"no gradient after two backward passes in {environment}")
    expected = ACCUMULATES[tables.environments[environment]]
    as_claimed = rows["value"].map(lambda value: min((1.0, 2.0), key=lambda near: abs(value - near))) == expected
    words = "after two passes the gradient is, in gradients of one pass, " + ", ".join(
        f"{listed((number(value, 6) for value in mine['value']), 3)} in mode {mode}" for mode, mine in rows.groupby("mode")
    )
    verdict = HOLDS if as_claimed.all() else DOES_NOT_HOLD if not as_claimed.any() else IN_PART
    part = f"mode {listed(rows['mode'][as_claimed])}" if verdict is IN_PART else ""
    evidence = measured_evidence(pd.concat([rows[~as_claimed], rows]).drop_duplicates(["id"]), 4)
    return Finding(
        verdict=verdict, words=words, part=part, number=float(rows["value"].median()), unit="× the gradient of one pass", evidence=evidence
    )
