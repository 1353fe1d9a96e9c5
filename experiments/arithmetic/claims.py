"""Rules of the claims about order, instructions and versions."""

from dataclasses import replace

import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, LAST_BITS, NOT_MEASURABLE, UNDECIDED, Finding, Tables, missing, rule
from replab.claims.patterns import by_switch, grows, lines, moved, where_it_moves
from replab.claims.rows import BEYOND, EXPLAINED, SAME, cells_evidence, pairs_evidence, versus_evidence, worst_first
from replab.claims.words import listed, named, number, share

HARDWARE = ("isa", "mkl-cbwr", "xla-sse")
"""How the variants begin that limit the instruction set: they stand for other processors."""
PLACE_OF_BITS = ["family", "output", "dtype", "derivative"]
FUSING = ("xla", "compile", "script")
SAME_SUM = (("rnn", "lstm_gates_apart", "lstm_gates_joined"), ("rnn", "gru_batches_apart", "gru_batches_joined"))
"""Cases that compute the same in another order."""


@rule("K19", needs="sums and products, cases of claim K19, under variants that change threads, or in two frameworks")
def order_matters(tables: Tables, environment: str) -> Finding:
    """Sums and products are run with another number of threads, which changes the order of operations and nothing else. Holds where that
    moves bits. Where it moves none but narrower instruction sets do, it holds in part: they change the order too, and also drop fused
    operations and choose other polynomials and kernels. Not where neither moves any. Where no such variant was run, the same sum in
    another order (by gates, by batches, or by another framework) is what decides.
    """
    rows = tables.pairs_of(environment, "variant", "K19")
    threads = rows[rows["variant"].str.startswith("threads")]
    narrower = rows[rows["variant"].str.startswith(HARDWARE)]
    beside = _instruction_sets(narrower)
    if threads.empty:
        found = _other_order(tables, environment)
        return found if found.verdict is NOT_MEASURABLE else replace(found, beside=(*beside, *found.beside))
    apart = moved(threads)
    words = f"another number of threads gives {share(len(apart), len(threads))} results other bits"
    words += f", at most {number(float(apart['ulp_max'].max()))} ULP apart" if len(apart) else ""
    beyond = apart[apart["verdict"].isin(BEYOND)]
    words += f"; beyond rounding: {named(beyond)}" if len(beyond) else ""
    verdict = HOLDS if len(apart) else IN_PART if len(moved(narrower)) else DOES_NOT_HOLD
    return Finding(
        verdict=verdict,
        words=words,
        part="narrower instruction sets, which change kernels too; not threads" if verdict is IN_PART else "",
        beside=beside,
        number=float(len(apart)),
        unit="results moved by order alone",
        evidence=pairs_evidence(apart if len(apart) else threads, 4),
    )


def _instruction_sets(rows: pd.DataFrame) -> tuple[str, ...]:
    """What narrower instruction sets move, which is not the order alone."""
    if rows.empty:
        return ()
    apart = moved(rows)
    beyond = apart[apart["verdict"].isin(BEYOND)]
    words = f"narrower instruction sets, which choose other kernels as well: {share(len(apart), len(rows))} results with other bits"
    return (words + (f", beyond rounding {named(beyond)}" if len(beyond) else ""),)


def _other_order(tables: Tables, environment: str) -> Finding:
    """The same sums in another order without any switch: within the environment, and in the other framework."""
    mine = tables.results("", environment, mode="eager", aligned="all")
    same = [
        mine[(mine["family"] == family) & (mine["case"] == one)].merge(mine[mine["case"] == other], on=PLACE_OF_BITS)
        for family, one, other in SAME_SUM
    ]
    both = pd.concat(same)
    apart = both[both["bits_x"] != both["bits_y"]]
    rows = tables.versus("K19", environment, dtype=("float32", "float64"))
    rows = worst_first(rows[rows["kind"].isin([*EXPLAINED, *BEYOND])], "kind", "ulp")
    others = rows[rows["kind"] != SAME]
    if both.empty and rows.empty:
        return missing(f"neither a variant nor the same sum in another order in {environment}")
    words = "no variant with other threads or vector width was run"
    words += f"; the same sum in another order: {share(len(apart), len(both))} with other bits" if len(both) else ""
    words += f"; in {listed(rows['other'])}: {share(len(others), len(rows))} with other bits" if len(rows) else ""
    evidence = (
        *cells_evidence(apart.assign(id=apart["id_x"]), 1),
        *cells_evidence(apart.assign(id=apart["id_y"]), 1),
        *versus_evidence(rows, 3),
    )
    evidence = evidence or cells_evidence(both.assign(id=both["id_x"]), 2)
    verdict = HOLDS if len(apart) or len(others) else DOES_NOT_HOLD
    return Finding(verdict=verdict, words=words, number=float(len(apart) + len(others)), unit="results moved by order", evidence=evidence)


@rule("K25", needs="cases of claim K25 in a fusing mode or under variants, and a series of at least three depths, called NAME_DEPTH")
def fusing_adds_up(tables: Tables, environment: str) -> Finding:
    """Two parts. Fusing modes (xla, compile, script) and instruction sets move bits of some results, and by no more than rounding:
    minute. The distance of fused from unfused, ‖a − b‖ / max(‖a‖, ‖b‖), is fitted as depth to a power, which is positive for certain: it
    adds up. Holds where both parts do; in part where one does for certain; undecided where bits move and the interval of the power
    holds both signs; not where neither part does.
    """
    modes = tables.pairs_of(environment, "mode", "K25", to_mode=FUSING)
    switched = tables.pairs_of(environment, "variant", "K25")
    switched = switched[switched["variant"].str.startswith((*HARDWARE, "onednn", "xla-auto"))]
    rows = pd.concat([modes.assign(switch=modes["to_mode"]), switched.assign(switch=switched["variant"])])
    made = moved(rows)
    growth = grows(lines(made, "distance", group=("output", "derivative", "dtype", "switch")), "the distance of fused from unfused")
    if rows.empty:
        return missing(f"neither a fusing mode nor another instruction set in {environment}")
    beyond = made[made["verdict"].isin(BEYOND)]
    words = by_switch(rows, "switch")[0]
    words += f"; beyond rounding: {named(beyond)}" if len(beyond) else ""
    words += f"; {growth.words}" if growth else "; no series of three depths"
    parts = [bool(len(made)) and beyond.empty, growth is not None and growth.verdict is HOLDS]
    verdict = HOLDS if all(parts) else IN_PART if any(parts) or len(made) else DOES_NOT_HOLD
    if verdict is IN_PART and len(made) and growth is not None and growth.verdict is UNDECIDED:
        verdict = UNDECIDED
    part = ""
    if verdict is IN_PART:
        part = (
            "differences beyond minute ones"
            if len(beyond)
            else "minute differences, not that they add up"
            if parts[0]
            else "growth with depth"
        )
    evidence = (*pairs_evidence(made if len(made) else rows, 3), *(growth.evidence[:3] if growth else ()))
    percentage = 100.0 * len(made) / len(rows)
    return Finding(verdict=verdict, words=words, part=part, number=percentage, unit="% of results moved", evidence=evidence)


@rule("K26", needs="a neighbouring version of the same framework, or variants that limit the instruction set")
def versions_and_hardware(tables: Tables, environment: str) -> Finding:
    """Two parts: the same results in the next version of this run, and under variants that limit the instruction set, as another processor
    would. Holds where both make results of repeatable operations differ beyond rounding, special values and flushed ones left aside; last
    bits only where neither does; not where all bits agree; else in part, for the part that is named. Only what was run counts.
    """
    versions = tables.pairs_of(environment, "version")
    hardware = tables.pairs_of(environment, "variant")
    hardware = hardware[hardware["variant"].str.startswith(HARDWARE)]
    parts = {name: rows for name, rows in (("another version", versions), ("another instruction set", hardware)) if len(rows)}
    if not parts:
        return missing(f"neither another version nor another instruction set beside {environment}")
    apart = {name: moved(rows) for name, rows in parts.items()}
    beyond = {name: rows[rows["verdict"].isin(BEYOND) & ~rows["special"] & ~rows["flushes"]] for name, rows in apart.items()}
    versions_told = listed(sorted({*versions["left_environment"], *versions["right_environment"]} - {environment}))
    told = {"another version": f"another version ({versions_told})", "another instruction set": "another instruction set"}
    words = ", and ".join(
        f"{told[name]} makes {share(len(beyond[name]), len(rows))} results differ beyond rounding "
        f"and {len(apart[name]) - len(beyond[name])} by last bits, by flushing or at special values"
        for name, rows in parts.items()
    )
    unmeasured = {
        "another version": "no other version of this framework was run",
        "another instruction set": "no instruction set was limited",
    }
    beside = (
        *(f"{name}: {where_it_moves(rows)}" for name, rows in apart.items() if len(rows)),
        *(text for name, text in unmeasured.items() if name not in parts),
    )
    changed, bits = [name for name, rows in beyond.items() if len(rows)], [name for name, rows in apart.items() if len(rows)]
    verdict = HOLDS if len(changed) == len(parts) else IN_PART if changed else LAST_BITS if bits else DOES_NOT_HOLD
    evidence = tuple(one for name, rows in parts.items() for one in pairs_evidence(apart[name] if len(apart[name]) else rows, 3))
    return Finding(
        verdict=verdict,
        words=words,
        beside=beside,
        part=f"{listed(changed)} changes results beyond rounding" if verdict is IN_PART else "",
        number=100.0 * sum(map(len, beyond.values())) / sum(map(len, parts.values())),
        unit="% of results differ beyond rounding",
        evidence=evidence,
    )
