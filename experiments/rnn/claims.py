"""Rules of the claims about recurrent networks."""

from dataclasses import replace

import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, Finding, Tables, missing, rule
from replab.claims.patterns import as_published, factor_shares, grows, lines, same_weights
from replab.claims.rows import BEYOND, EXPLAINED, SEVERITY, cells_evidence, worst_first
from replab.claims.words import counted, listed, number

BOTH = ("tensorflow", "torch")
PRECISIONS = ("float32", "float64")
PADDED = ("rnn.b2_*",)
"""The sequences of different length that an article has."""
APPLIED = ("rnn.simple_training", "rnn.lstm_carried")
"""Layers with state whose gradients are accumulated and applied as each side does it unasked."""
CARRIED = ("rnn.lstm_carried", "rnn.lstm_stateful")
"""Layers of the article's kind whose state goes from batch to batch."""
OPPOSITE = {HOLDS: DOES_NOT_HOLD, DOES_NOT_HOLD: HOLDS}


@rule("B2", needs="padded and packed sequences, cases b2_…, in TensorFlow and PyTorch", frameworks=BOTH, decides=PADDED)
def padded_against_packed(tables: Tables, environment: str) -> Finding:
    """Both sides run over the sequences of the article, as each has it by default and with every factor aligned (what padded steps
    return). Other layers and conventions are told beside it. Holds where they agree within rounding by default, not where
    they differ even when aligned, else the programs differ, and the factors are named with their shares. What becomes of a mask of floats,
    as the article passes it, is told per mode.
    """
    found = as_published(tables, environment, "B2", decides=PADDED)
    if not found.evidence:
        return found
    floats = tables.all_cells("B2", environment)
    floats = floats[floats["case"].str.contains("float") & floats["mode"].isin(["eager", "session", "function"])]
    ended = floats["verdict"].where(floats["status"] == "ok", floats["status"] + ": " + floats["reason"])
    modes = listed((f"{mode} {how}" for mode, how in zip(floats["mode"], ended, strict=True)), 4)
    words = f"{found.words}; with a mask of floats: {modes}" if modes else found.words
    verdict = OPPOSITE.get(found.verdict, found.verdict)
    return replace(found, verdict=verdict, words=words, evidence=(*found.evidence[:4], *cells_evidence(floats, 2)))


@rule("K05", needs="gradients of recurrent networks of at least three lengths, called NAME_length_N, in two frameworks", frameworks=BOTH)
def gradients_by_length(tables: Tables, environment: str) -> Finding:
    """The difference of each gradient from that of the other framework, ‖a − b‖ / max(‖a‖, ‖b‖), with the same weights, is fitted as length
    to a power, by least squares over the lengths, with a 99 % interval. Holds where the power is positive for certain for every gradient of
    every network; in part where it is for some, which are named; not where it is negative for certain for every one; else the statistics
    do not decide.
    """
    rows = tables.versus("K05", environment, dtype="float32", derivative=1, aligned="all")
    rows = rows[rows["case"].str.contains("_length_")]
    fitted = [replace(line, stem=f"{line.stem} {output}") for output, mine in rows.groupby("output") for line in lines(mine, "distance")]
    found = grows(fitted, "the relative difference of gradients")
    if found is None:
        return missing(f"no gradients of at least three lengths in {environment} beside one of another framework")
    size = rows.assign(length=rows["case"].str.extract(r"_(\d+)$")[0].astype(int)).groupby("length")["distance"].median()
    ends = [f"{number(float(value))} at {length} steps" for length, value in (*size.head(1).items(), *size.tail(1).items())]
    words = f"the median difference is {' and '.join(ends)}"
    return replace(found, words=f"{words}; {found.words}; {counted(rows['kind'], SEVERITY)}")


@rule("K11", needs="the case lstm_forgotten_mask as declared, in TensorFlow and PyTorch", frameworks=BOTH)
def masks_are_needed(tables: Tables, environment: str) -> Finding:
    """Both frameworks get the same padded sequences and nobody tells their lengths. Holds where TensorFlow is then beyond rounding of the
    truth, so that a mask is needed, and PyTorch is not; not where both are, or neither; in part where modes of one disagree.
    """
    here, elsewhere = (
        worst_first(
            pd.concat([tables.results("K11", name, case="lstm_forgotten_mask", derivative=0) for name in names]), "verdict", "ulp_max"
        )
        for names in (
            [environment],
            [
                name
                for name, framework in tables.environments.items()
                if framework in BOTH and framework != tables.environments[environment]
            ],
        )
    )
    rows = here
    if here.empty or elsewhere.empty:
        return missing(f"no sequences without a mask in {environment} and in the other framework")
    per_mode, other_modes = (
        side.groupby("mode")["verdict"].agg(lambda verdicts: verdicts.isin(BEYOND).any()).astype(bool) for side in (here, elsewhere)
    )
    claimed = tables.environments[environment] == "tensorflow"
    as_claimed = (per_mode == claimed) & (other_modes != claimed).any()
    masked = tables.results("K11", environment, derivative=0, aligned="all")
    wrong = [mode for mode, bad in per_mode.items() if bad]
    words = f"without a mask the last state is wrong in mode {listed(wrong)}" if wrong else "nothing is wrong without a mask"
    words += f"; so it is in {listed(elsewhere['environment'])}" if wrong and other_modes.any() else ""
    words += f"; with mask or packing, conventions aligned: {counted(masked['verdict'], SEVERITY)}"
    reasons, causes = factor_shares(tables, environment, "K11")
    words += f"; conventions: {reasons}" if reasons else ""
    verdict = HOLDS if as_claimed.all() else DOES_NOT_HOLD if not as_claimed.any() else IN_PART
    part = f"mode {listed(per_mode.index[as_claimed])}" if verdict is IN_PART else ""
    right = masked[masked["verdict"].isin(EXPLAINED)]
    evidence = (*cells_evidence(rows, 2), *causes, *cells_evidence(right, 1))
    return Finding(verdict=verdict, words=words, part=part, number=float(len(wrong)), unit="modes wrong without a mask", evidence=evidence)


@rule("K22", needs="the case simple_training or lstm_carried, in TensorFlow and PyTorch", frameworks=BOTH, decides=APPLIED)
def order_of_updates(tables: Tables, environment: str) -> Finding:
    """A training that carries its state on, and gradients through carried state, as each side does them unasked and with every factor
    aligned. Two biases of a layer, and gradients through the state of the batch before, are told beside it. Does not hold where
    the sides agree within rounding as they stand, holds where they differ even when aligned, else the programs differ, and the factors
    are named with their shares. The same gradient from batches apart and joined, within one framework, shows beside it whether the order
    of accumulation moves bits.
    """
    found = as_published(tables, environment, "K22", decides=APPLIED)
    rows = tables.results("K22", environment, mode="eager", derivative=1)
    apart, joined = (rows[rows["case"] == f"gru_batches_{name}"] for name in ("apart", "joined"))
    both = apart.merge(joined, on=["output", "dtype"])
    if not found.evidence or both.empty:
        return found
    moved = both["bits_x"] != both["bits_y"]
    words = f"{found.words}; batches apart or joined: {int(moved.sum())} of {len(both)} gradients have other bits"
    evidence = (*found.evidence[:4], *cells_evidence(apart, 1), *cells_evidence(joined, 1))
    return replace(found, words=words, evidence=evidence)


@rule("K23", needs="the case lstm_carried or lstm_stateful, in TensorFlow and PyTorch", frameworks=BOTH, decides=CARRIED)
def state_over_batches(tables: Tables, environment: str) -> Finding:
    """State carried over many batches with the same weights and every convention aligned: holds where it differs beyond rounding,
    last bits only where no more than those differ, not where all bits agree. Other layers, and conventions that each side has by default
    with their shares, are told beside it.
    """
    return same_weights(tables, environment, "K23", "results", decides=CARRIED)
