"""The rule of the claim about trainings."""

import numpy as np
import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, Finding, Tables, missing, rule
from replab.claims.patterns import factor_shares
from replab.claims.rows import BEYOND, OPEN, SAME, SEVERITY, versus_evidence, worst_first
from replab.claims.words import counted, listed, named, number, share
from replab.formats import FORMATS

BOTH = ("tensorflow", "torch")
ONE_ULP = 1.0
"""The share of right answers of n rows moves in steps of 1/n, of very many ULP: an ULP is how the division was rounded."""


@rule("K06", needs="trainings with an output `accuracy`, cases of claim K06, in TensorFlow and PyTorch", frameworks=BOTH)
def accuracy_changes(tables: Tables, environment: str) -> Finding:
    """Trainings of both frameworks with every factor aligned are compared at their end. A training counts as changed where its accuracy
    on the rows held out differs. Holds where all changed although their weights differ by rounding alone. In part where some did: then
    it turns on how well conditioned a training is, which is measured by how far rounding grows in it, from the difference of the weights
    after the first step to that after the last; in part, too, where only such changed whose weights differ beyond rounding, so that
    another function was trained. Not where none changed although weights differ.
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
    growth = _growth(weights, training)
    grown = ends.join(growth, on=training)["growth"]
    by_training = ends.index.isin(by_rounding.index)
    told = [
        f"by {number(float(mine.median()))} where the accuracy {what}"
        for what, mine in (("changes by rounding", grown[by_training].dropna()), ("stays", grown[~ends.index.isin(changed.index)].dropna()))
        if len(mine)
    ]
    words += f"; over a training a difference of rounding grows {listed(told)} (median)" if told else ""
    verdict = DOES_NOT_HOLD if changed.empty else HOLDS if len(by_rounding) == len(ends) else IN_PART
    part = ""
    if verdict is IN_PART:
        conditioned = f"on how well conditioned the training is ({named(by_rounding)})"
        part = conditioned if len(by_rounding) else f"trainings of which more than rounding differs: {named(changed)}"
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


def _growth(weights: pd.DataFrame, training: list[str]) -> pd.Series:
    """How many times the difference of weights is larger after the last step than after the first, where a rounding is the least."""
    first, last = (weights[weights["output"] == output].groupby(training)["distance"].max() for output in ("weights_first", "weights_last"))
    both = pd.concat([first.rename("first"), last.rename("last")], axis=1).dropna().reset_index()
    least = both["dtype"].map({name: form.unit_roundoff for name, form in FORMATS.items()})
    both["growth"] = both["last"] / np.maximum(both["first"], least)
    return both.set_index(training)["growth"]
