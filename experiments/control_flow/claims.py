"""Rules of the claims about branches and loops."""

from dataclasses import replace

from replab.claims import DOES_NOT_HOLD, HOLDS, LAST_BITS, Finding, Tables, missing, rule
from replab.claims.patterns import factor_shares, moved, same_weights
from replab.claims.rows import BEYOND, cells_evidence, pairs_evidence, versus_evidence, worst_first
from replab.claims.words import listed, named, number, share


@rule("K03", needs="control flow in several modes, cases of claim K03, in TensorFlow", frameworks=("tensorflow",))
def control_flow_in_graphs(tables: Tables, environment: str) -> Finding:
    """Every mode of TensorFlow that builds a graph is compared with eager mode, where Python's own control flow decides. Holds
    where a value or gradient is beyond rounding of the truth, or an error, in a graph and not so eagerly; last bits only where no
    more than those differ between the two; does not hold where all bits agree.
    """
    rows = tables.results("K03", environment, aligned="any")
    graphs = rows[rows["mode"] != "eager"]
    failed = tables.failed("K03", environment)
    if graphs.empty:
        return missing(f"no control flow in a graph in {environment}")
    place = ["family", "case", "output", "dtype", "derivative"]
    eager = rows[rows["mode"] == "eager"].assign(wrong=lambda frame: frame["verdict"].isin(BEYOND)).set_index(place)["wrong"]
    graphs = graphs.join(eager, on=place)
    wrong = worst_first(graphs[graphs["verdict"].isin(BEYOND) & ~graphs["wrong"].fillna(value=False).astype(bool)], "verdict", "ulp_max")
    here = set(rows.loc[rows["mode"] == "eager", "case"])
    broken = failed[(failed["mode"] != "eager") & failed["case"].isin(here)]
    apart = moved(tables.pairs_of(environment, "mode", "K03"))
    words = f"in graphs {share(len(wrong), len(graphs))} results are beyond rounding where eager ones are not"
    words += f" ({named(wrong)}, mode {listed(wrong['mode'])})" if len(wrong) else ""
    words += f"; {named(broken)} end in an error in mode {listed(broken['mode'])}" if len(broken) else ""
    words += f"; {len(apart)} have other bits than eagerly" if len(apart) else "; none has other bits than eagerly"
    reasons, causes = factor_shares(tables, environment, "K03")
    words += f"; cause: {reasons}" if reasons else ""
    verdict = HOLDS if len(wrong) or len(broken) else LAST_BITS if len(apart) else DOES_NOT_HOLD
    evidence = (*cells_evidence(wrong, 3), *cells_evidence(broken, 2), *causes[:1], *pairs_evidence(apart, 2), *cells_evidence(graphs, 1))
    return Finding(
        verdict=verdict, words=words, number=float(len(wrong) + len(broken)), unit="results wrong in graphs only", evidence=evidence
    )


@rule("K21", needs="loops with branches, cases of claim K21, in TensorFlow and PyTorch", frameworks=("tensorflow", "torch"))
def branches_in_loops(tables: Tables, environment: str) -> Finding:
    """Values and derivatives of branches and loops whose steps depend on the data, held against the other framework: holds where rounding
    decides a condition, so that each side takes another branch, or where one is beyond rounding; last bits only where no more than those
    differ, does not hold where all bits agree. Loops whose conditions no rounding decides are told beside it.
    """
    found = same_weights(tables, environment, "K21", "results")
    rows = tables.versus("K21", environment, aligned="all")
    flipped = worst_first(rows[rows["other_branch"] > 0], "kind", "distance")
    if flipped.empty:
        return found
    words = (
        f"rounding decides a condition of {named(flipped)}, and {share(len(flipped), len(rows))} results take another branch than "
        f"in {listed(flipped['other'])}: up to {number(float(flipped['distance'].max()))} of their size apart"
    )
    return replace(
        found,
        verdict=HOLDS,
        words=words,
        beside=(f"elsewhere {found.words}", *found.beside),
        number=float(len(flipped)),
        unit="results in another branch",
        evidence=(*versus_evidence(flipped), *found.evidence),
    )
