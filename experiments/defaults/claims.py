"""Rules of the claims about defaults."""

import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, Finding, Tables, missing, rule
from replab.claims.patterns import factor_shares
from replab.claims.rows import BEYOND, OPEN, SEVERITY, cells_evidence, defaults_evidence, versus_evidence, worst_first
from replab.claims.words import counted, listed, named, number, share
from replab.formats import FORMATS

TYPES = ("casting",)
"""The group of the atlas that says which types are made of what."""


@rule("K08", needs="operations with the defaults of each side, cases of claim K08, in two frameworks")
def defaults_are_visible(tables: Tables, environment: str) -> Finding:
    """Holds where results with each side's defaults differ beyond rounding and aligning a named factor explains one of them (or,
    where nothing was aligned, the reference with that side's value does); in part where they differ but no factor was shown to be the
    cause; not where all agree within rounding. The defaults that were read to differ are counted beside it.
    """
    rows = tables.versus("K08", environment)
    rows = worst_first(rows[rows["kind"] != OPEN], "kind", "distance")
    if rows.empty:
        return missing(f"no result with defaults in {environment} beside one of another framework")
    beyond = rows[rows["kind"].isin(BEYOND)]
    read = tables.default_differences(environment)
    reasons, causes = factor_shares(tables, environment, "K08")
    count = float(len(beyond.drop_duplicates(["family", "case"])))
    words = "no operation differs beyond rounding with the defaults of each side"
    if len(beyond):
        words = f"{count:.0f} operations differ beyond rounding with the defaults of each side, such as {named(beyond, 3)}"
        words += f", because of {reasons}" if reasons else ", and no default was shown to be the cause"
    told = f"{len(read)} defaults were read to differ, such as {listed(read['api'] + '.' + read['parameter'], 3)}"
    verdict = DOES_NOT_HOLD if beyond.empty else HOLDS if causes else IN_PART
    part = "results differ, and no default was shown to be the cause" if verdict is IN_PART else ""
    evidence = (*causes, *versus_evidence(rows, 2), *defaults_evidence(read, 2))
    return Finding(
        verdict=verdict,
        words=words,
        beside=(told,) if len(read) else (),
        part=part,
        number=count,
        unit="operations that differ visibly",
        evidence=evidence,
    )


@rule(
    "K16",
    needs="casts, integer arithmetic and defaults of types, cases of claim K16 and the atlas of defaults, in PyTorch and another framework",
)
def precision_changes(tables: Tables, environment: str) -> Finding:
    """Holds where casts or mixed types give another type, or a result beyond rounding, than in the newest version of the other
    framework (the type itself is part of the result); in part where no result does but a default type differs; not where neither
    does.
    """
    rows = tables.versus("K16", environment, derivative=0)
    rows = worst_first(rows[rows["kind"] != OPEN], "kind", "distance")
    read = tables.default_differences(environment, TYPES)
    if rows.empty and read.empty:
        return missing(f"no cast and no default type in {environment} beside one of another framework")
    beyond = rows[rows["kind"].isin(BEYOND)]
    mine = tables.results("K16", environment, derivative=0, mode="eager")
    typed = mine[mine["why"].str.startswith("dtype ")]
    words = f"{share(len(beyond), len(rows))} casts and mixed types differ beyond rounding or in type" + (
        f": {named(beyond)} ({counted(beyond['kind'], SEVERITY)})" if len(beyond) else ""
    )
    words += (
        f"; another type than the reference: {listed(f'{case} ({why})' for case, why in zip(typed['case'], typed['why'], strict=True))}"
        if len(typed)
        else ""
    )
    pairs = [
        f"{a}.{p}: {v} against {w}" for a, p, v, w in zip(read["api"], read["parameter"], read["value"], read["value_other"], strict=True)
    ]
    words += f"; defaults: {listed(pairs, 4)}" if pairs else ""
    words += _lost_digits(read)
    verdict = HOLDS if len(beyond) else IN_PART if len(read) else DOES_NOT_HOLD
    part = "default types differ, and no result does" if verdict is IN_PART else ""
    evidence = (*versus_evidence(beyond if len(beyond) else rows, 3), *cells_evidence(typed, 1), *defaults_evidence(read, 2))
    return Finding(verdict=verdict, words=words, part=part, number=float(len(beyond)), unit="results beyond rounding", evidence=evidence)


def _lost_digits(read: pd.DataFrame) -> str:
    """What a number loses on its way from a wider default type to a narrower one: at most half a unit in the last place of the latter."""
    losses = set()
    for types in zip(read["value"], read["value_other"], strict=True):
        names = [str(value).strip('"').removeprefix("torch.").removeprefix("tf.") for value in types]
        if all(name in FORMATS for name in names) and names[0] != names[1]:
            wide, narrow = sorted(names, key=lambda name: FORMATS[name].unit_roundoff)
            losses.add(f"from {wide} to {narrow} each number may lose {number(FORMATS[narrow].unit_roundoff)} of itself")
    return f"; {listed(sorted(losses))}" if losses else ""
