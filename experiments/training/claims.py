"""The rule of the claim about trainings."""

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, Finding, Tables, missing, rule
from replab.claims.patterns import factor_shares
from replab.claims.rows import BEYOND, OPEN, SAME, SEVERITY, versus_evidence, worst_first
from replab.claims.words import counted, named, number, share

BOTH = ("tensorflow", "torch")
ONE_ULP = 1.0
"""The share of right answers of n rows moves in steps of 1/n, of very many ULP: an ULP is how the division was rounded."""


@rule("K06", needs="trainings with an output `accuracy`, cases of claim K06, in TensorFlow and PyTorch", frameworks=BOTH)
def accuracy_changes(tables: Tables, environment: str) -> Finding:
    """Trainings of both frameworks with every factor aligned are compared at their end. A training counts as changed where its accuracy
    on the rows held out differs. Holds where one changed whose weights differ by rounding alone; in part where only such changed
    whose weights differ beyond rounding, so that another function was trained; not where none changed although weights differ.
    """
    rows = tables.versus("K06", environment, aligned="all")
    ends = rows[rows["output"] == "accuracy"]
    weights = rows[rows["output"].str.startswith("weights") & (rows["kind"] != OPEN)]
    if ends.empty or weights.empty:
        return missing(f"no training in {environment} with an accuracy beside one of another framework")
    training = ["family", "case", "dtype", "other"]
    beyond = weights.assign(bad=weights["kind"].isin(BEYOND)).groupby(training)["bad"].any()
    ends = ends.join(beyond, on=training)
    changed = ends[(ends["kind"] != SAME) & (ends["ulp"].isna() | (ends["ulp"] > ONE_ULP))]
    by_rounding = changed[~changed["bad"].fillna(value=True).astype(bool)]
    last = worst_first(weights[weights["output"] == "weights_last"], "kind", "distance")
    words = f"the accuracy differs in {share(len(changed), len(ends))} trainings" + (f" ({named(changed)})" if len(changed) else "")
    words += f", in {len(by_rounding)} of them by rounding alone" if len(changed) else ""
    if len(last):
        middle = number(float(last["distance"].median()))
        words += f"; the weights at the end: {counted(last['kind'], SEVERITY)}, median relative difference {middle}"
    reasons, causes = factor_shares(tables, environment, "K06")
    words += f"; with each side's own rules: {reasons}" if reasons else ""
    verdict = HOLDS if len(by_rounding) else IN_PART if len(changed) else DOES_NOT_HOLD
    part = f"trainings of which more than rounding differs: {named(changed)}" if verdict is IN_PART else ""
    evidence = (*versus_evidence(by_rounding, 2), *versus_evidence(changed, 2), *versus_evidence(last, 2), *causes)
    percentage = 100.0 * len(changed) / len(ends)
    return Finding(
        verdict=verdict,
        words=words,
        part=part,
        number=percentage,
        unit="% of trainings with another accuracy",
        evidence=evidence or versus_evidence(ends, 2),
    )
