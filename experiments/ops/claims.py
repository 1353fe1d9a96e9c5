"""Rules of the claims whose evidence is mostly in the atlas of operations."""

from dataclasses import replace

import pandas as pd

from replab.claims import DOES_NOT_HOLD, HOLDS, IN_PART, Finding, Tables, missing, rule
from replab.claims.patterns import beside_apart, differ, grows, lines
from replab.claims.rows import (
    BEYOND,
    EXPLAINED,
    OPEN,
    SAME,
    SEVERITY,
    causes_evidence,
    cells_evidence,
    deciding,
    defaults_evidence,
    pairs_evidence,
    versus_evidence,
    worst_first,
)
from replab.claims.words import at_worst, counted, listed, named, number, share

SHORT_SOFTMAX = ("ops.softmax_3",)
"""The vector of the article."""
PUBLISHED_CHAIN = ("ops.cumsum_chain_*",)
"""The chain of the article in several lengths."""
ROUNDED_AT_THE_END = 1.0
"""ULP: what is off by no more has nothing but its last rounding, and that of what stands before it."""
LIBRARIES = ("isa", "mkl-cbwr", "onednn")
"""How the variants begin that switch the kernels of a library; threads change an order, grappler and XLA rewrite graphs."""
SINGLE_AND_DOUBLE = ("float32", "float64")
TOLERANCES = ("rcond", "rtol", "atol", "tol", "tolerance", "cutoff", "cut_off")
"""What the cut-offs of linear algebra are called, as factors and as parameters."""


@rule("A3", needs="the softmax of (1, 2, 3) in float32", decides=SHORT_SOFTMAX)
def softmax_is_right(tables: Tables, environment: str) -> Finding:
    """Holds where the softmax of (1, 2, 3) in float32 is within the rounding envelope of the truth in every mode, in part where it is in
    some, not where it is in none. The number is its largest error in ULP. Longer vectors are told beside it: their errors are larger,
    since the exponential of a large difference multiplies the rounding of that difference.
    """
    every = worst_first(tables.results("A3", environment, dtype="float32", derivative=0), "verdict", "ulp_max")
    rows, longer = deciding(every, SHORT_SOFTMAX)
    if rows.empty:
        return missing(f"no result of softmax_3 in float32 in {environment}")
    beyond = rows["verdict"].isin(BEYOND)
    verdict = HOLDS if not beyond.any() else DOES_NOT_HOLD if beyond.all() else IN_PART
    worst = rows.iloc[0]
    words = f"the softmax of (1, 2, 3) is at most {number(float(rows['ulp_max'].max()))} ULP off in modes {listed(rows['mode'])}"
    words += f", {at_worst(worst)} at its worst element" if worst["worst_result"] else ""
    return Finding(
        verdict=verdict,
        words=words,
        beside=_longer_vectors(longer),
        part=f"mode {listed(rows['mode'][~beyond])}" if verdict is IN_PART else "",
        number=float(rows["ulp_max"].max()),
        unit="ULP off the truth at most",
        evidence=(*cells_evidence(rows, 2), *cells_evidence(longer, 1)),
    )


def _longer_vectors(rows: pd.DataFrame) -> tuple[str, ...]:
    """How far off the softmax of longer vectors is, in a sentence; none where there are no rows."""
    if rows.empty:
        return ()
    sizes = rows.groupby("case")["ulp_max"].max().sort_values()
    beyond = rows[rows["verdict"].isin(BEYOND)]
    words = "longer vectors: " + ", ".join(f"{case} {number(value)} ULP off" for case, value in sizes.items())
    words += (
        f", beyond rounding {named(beyond)}"
        if len(beyond)
        else ", all of it rounding: the exponential of x − max multiplies the rounding of x − max"
    )
    return (words,)


@rule("D1", needs="matrix products, cases of claim D1, in two frameworks")
def products_differ_slightly(tables: Tables, environment: str) -> Finding:
    """Holds where products of float32 and float64 matrices have other bits than another framework's and all differences are within
    rounding; in part where some are beyond it; not where all bits agree. The number is the article's own
    figure: the mean absolute difference of the two products of 1000×1000 in float32.
    """
    rows, settled = differ(tables, environment, "D1", derivative=0, dtype=SINGLE_AND_DOUBLE)
    if settled is not None:
        return settled
    apart, beyond = rows[rows["kind"] != SAME], rows[rows["kind"].isin(BEYOND)]
    thousand = rows[(rows["case"] == "matmul_1000") & (rows["dtype"] == "float32")]
    thousand = thousand if len(thousand) else apart
    figures = ", ".join(f"{number(mean)} from {other}" for other, mean in zip(thousand["other"], thousand["apart"], strict=True))
    words = f"the mean absolute difference of 1000×1000 in float32 is {figures}; "
    words += f"{share(len(apart), len(rows))} products have other bits, {len(beyond)} differ beyond rounding"
    truth = tables.results("D1", environment, case="matmul_1000", dtype="float32", mode="eager", derivative=0)
    if len(truth):
        first = truth.iloc[0]
        words += f"; 1000×1000 in float32 is {number(first.ulp_max)} ULP off the truth at most, {number(first.ulp_mean)} on average"
    return Finding(
        verdict=IN_PART if len(beyond) else HOLDS,
        words=words,
        part=f"not {named(beyond)}, which differ by more than rounding" if len(beyond) else "",
        number=float(thousand["apart"].max()),
        unit="apart on average, of two products of 1000×1000 in float32",
        evidence=(*versus_evidence(rows, 2), *versus_evidence(thousand, 2), *cells_evidence(truth, 1)),
    )


@rule("D3", needs="the case cumsum_chain in two frameworks, in float32")
def chain_drifts(tables: Tables, environment: str) -> Finding:
    """Holds where the chain differs from another framework's by more than one ULP, which is more than either side's final rounding;
    not where it does not. The number is the article's own figure, the mean absolute difference; beside it stands the
    largest error against the truth in ULP, which shows who accumulates in higher precision.
    """
    rows, settled = differ(tables, environment, "D3", derivative=0, dtype="float32")
    if settled is not None:
        return settled
    mine = tables.results("D3", environment, dtype="float32", derivative=0, mode="eager")
    error, apart = float(mine["ulp_max"].max()), float(rows["ulp"].max())
    figures = ", ".join(f"{number(mean)} from {other}" for other, mean in zip(rows["other"], rows["apart"], strict=True))
    words = f"the mean absolute difference is {figures}, at most {number(apart)} ULP; "
    words += "it adds up in higher precision and rounds at the end" if error <= ROUNDED_AT_THE_END else "it adds up in float32"
    words += f", {number(error)} ULP off the truth at most"
    evidence = (*cells_evidence(mine, 1), *versus_evidence(rows, 3))
    return Finding(
        verdict=HOLDS if apart > 1.0 else DOES_NOT_HOLD,
        words=words,
        number=float(rows["apart"].max()),
        unit="apart on average",
        evidence=evidence,
    )


@rule("K07", needs="elementary operations, cases of claim K07, in two frameworks, and variants that switch libraries or instruction sets")
def libraries_decide(tables: Tables, environment: str) -> Finding:
    """Holds where elementary operations have other bits than in another framework, and a switch of the library below (its instruction
    set, oneDNN) moves the bits of every one of them here: then the library decides them. In part where it moves those of some, which are
    counted, or where no switch was run, so that the cause is not shown. Not where all bits agree. Rewriting graphs is no library.
    """
    rows, settled = differ(tables, environment, "K07", derivative=0, dtype=SINGLE_AND_DOUBLE)
    if settled is not None:
        return settled
    apart = rows[rows["kind"] != SAME]
    switched = tables.pairs_of(environment, "variant", "K07", derivative=0)
    switched = switched[switched["variant"].str.startswith(LIBRARIES)]
    shifted = switched[switched["verdict"] != SAME]
    decided = set(apart["base_case"]) & set(shifted["base_case"])
    restored = tables.causes(environment, "variant", "K07", axis="framework", named=True)
    words = f"{share(apart['case'].nunique(), rows['case'].nunique())} operations have other bits than in {listed(rows['other'])}"
    beyond = apart[apart["kind"].isin(BEYOND)]
    words += f", beyond rounding {named(beyond)}" if len(beyond) else ", none beyond rounding"
    if len(shifted):
        words += f"; here switches of libraries move bits of {len(decided)} of these ({listed(shifted['variant'])})"
        words += f"; {listed(restored['factor'])} makes {named(restored)} agree bit for bit" if len(restored) else ""
    else:
        words += "; no switch moved their bits" if len(switched) else "; no variant was run, so the cause is not shown"
    evidence = (*versus_evidence(rows, 2), *pairs_evidence(worst_first(shifted, "verdict", "ulp_max"), 2), *causes_evidence(restored, 1))
    percentage = 100.0 * apart["case"].nunique() / rows["case"].nunique()
    differing = apart["base_case"].nunique()
    verdict = HOLDS if len(decided) == differing else IN_PART
    part = f"a library is shown to decide the bits of {len(decided)} of {differing} operations that differ" if verdict is IN_PART else ""
    return Finding(verdict=verdict, words=words, part=part, number=percentage, unit="% of operations with other bits", evidence=evidence)


@rule("K09", needs="linear algebra of nearly singular matrices, cases of claim K09, in two frameworks")
def tolerances_differ(tables: Tables, environment: str) -> Finding:
    """Holds where a default tolerance of linear algebra differs from another framework's (read from both) or is the named cause of
    a result, and results of nearly singular matrices differ beyond rounding; in part where they do without a tolerance as cause, or a
    tolerance differs and nothing comes of it; not where neither is so. Operations without a tolerance (inv, solve, det, cholesky)
    are named apart.
    """
    rows = tables.versus("K09", environment, derivative=0)
    rows = worst_first(rows[rows["kind"] != OPEN], "kind", "distance")
    near = rows[rows["case"].str.contains("singular") | (rows["family"] == "defaults")]
    if near.empty:
        return missing(f"no result of a nearly singular matrix in {environment} beside one of another framework")
    beyond = near[near["kind"].isin(BEYOND)]
    settings = tables.default_differences(environment, ("linear algebra",))
    settings = settings[settings["parameter"].isin(TOLERANCES)]
    causes = tables.causes(environment, "subsets", "K09", named=True)
    causes = causes[causes["factor"].isin(TOLERANCES)]
    without = beyond[beyond["case"].str.match("inv|solve|det|cholesky")]
    words = f"{share(beyond['case'].nunique(), near['case'].nunique())} operations differ beyond rounding from {listed(near['other'])}"
    words += f": {named(beyond)}" if len(beyond) else ""
    words += f"; without any tolerance: {named(without)}" if len(without) else ""
    words += (
        f"; other defaults: {listed(settings['api'] + '.' + settings['parameter'])}"
        if len(settings)
        else "; no tolerance was read to differ"
    )
    words += f"; named as cause: {listed(causes['factor'])}" if len(causes) else ""
    words += _effective_cutoffs(tables, environment)
    shown = bool(len(settings) or len(causes))
    verdict = HOLDS if shown and len(beyond) else IN_PART if shown or len(beyond) else DOES_NOT_HOLD
    part = ""
    if verdict is IN_PART:
        part = "a tolerance differs, and no result does" if shown else "results differ, and no tolerance was shown to be the cause"
    evidence = (*versus_evidence(near, 2), *causes_evidence(causes, 1), *defaults_evidence(settings, 2))
    return Finding(
        verdict=verdict,
        words=words,
        part=part,
        number=float(beyond["case"].nunique()),
        unit="operations beyond rounding",
        evidence=evidence,
    )


def _effective_cutoffs(tables: Tables, environment: str) -> str:
    """The cut-offs that results are shown to have, here and in the newest of the other frameworks; the defaults read ``None``."""
    found: dict[str, str] = {}
    for name in (environment, *tables.others(environment)):
        rows = tables.causes(name, "hypothesis", "K09", named=True)
        rows = rows[rows["factor"].isin(TOLERANCES) & (rows["dtype"] == "float32")]
        for case, value in zip(rows["case"], rows["left_value"], strict=True):
            found.setdefault(f"{case} in {name}", value)
    return f"; cut-offs in effect: {listed(f'{value} ({where})' for where, value in found.items())}" if found else ""


@rule("K10", needs="softmax in float32, cases of claim K10, in two frameworks")
def softmax_differs_slightly(tables: Tables, environment: str) -> Finding:
    """Holds where the softmax of some vector in float32 has other bits than in another framework and none computes another function (a
    difference is rounding, or an approximate kernel); not where all bits agree, or where one does. Other precisions are told beside it.
    """
    rows, settled = differ(tables, environment, "K10", derivative=0, dtype="float32")
    others = tables.versus("K10", environment, aligned="all", derivative=0, dtype=("float64", "float16", "bfloat16"))
    if settled is not None:
        return replace(settled, beside=beside_apart(others, "results in other precisions"))
    apart = rows[rows["kind"] != SAME]
    other = apart[~apart["kind"].isin((*EXPLAINED, "accuracy"))]
    words = f"in float32 {share(len(apart), len(rows))} vectors have other bits than in {listed(rows['other'])}"
    words += f", of another function: {named(other)}" if len(other) else f", at most {number(float(apart['ulp'].max()))} ULP apart"
    return Finding(
        verdict=DOES_NOT_HOLD if len(other) else HOLDS,
        words=words,
        beside=beside_apart(others, "results in other precisions"),
        number=float(apart["ulp"].max()),
        unit="ULP apart at most",
        evidence=versus_evidence(rows, 4),
    )


@rule("K18", needs="the chain of the article in at least three lengths, cases cumsum_chain_LENGTH", decides=PUBLISHED_CHAIN)
def chains_amplify(tables: Tables, environment: str) -> Finding:
    """The largest error of the published chain in float32, in ULP against the truth, is fitted as length to a power, by least squares with
    a 99 % interval. Holds where the power is positive for certain; does not hold where no length is more than one ULP off, since then
    nothing but the last rounding is left, or where it is negative for certain; else the statistics do not decide. Other series are told
    beside it, by their mean errors.
    """
    rows = tables.results("K18", environment, dtype=SINGLE_AND_DOUBLE, mode="eager", aligned="all")
    chain, others = deciding(rows, PUBLISHED_CHAIN)
    chain = chain[(chain["dtype"] == "float32") & (chain["derivative"] == 0)]
    fitted = lines(chain, "ulp_max")
    found = grows(fitted, "the largest error in ULP")
    if found is None:
        return missing(f"no three lengths of the chain with an error in {environment}")
    sizes = fitted[0].rows.iloc[::-1]
    errors = listed((f"{number(error)} at {int(length)}" for length, error in zip(sizes["length"], sizes["ulp_max"], strict=True)), 9)
    words = f"the chain of the article is off by these ULP at most: {errors}"
    within = float(sizes["ulp_max"].max()) <= ROUNDED_AT_THE_END
    words += "; nothing but the last rounding is left" if within else f"; {found.words}"
    beside = grows(lines(others, "ulp_mean"), "mean error in ULP of other series")
    return replace(
        found,
        verdict=DOES_NOT_HOLD if within else found.verdict,
        words=words,
        beside=(*found.beside, *((beside.words, *beside.beside) if beside else ())),
        number=float(sizes["ulp_max"].iloc[-1]),
        unit="ULP off at the longest",
        evidence=cells_evidence(fitted[0].rows, 5),
    )


@rule("K24", needs="the sigmoid in float32 in two frameworks")
def sigmoids_differ(tables: Tables, environment: str) -> Finding:
    """Holds where the sigmoid has other bits in float32 than in another framework, not where it has the same. The number is the largest
    error against the truth in float32, as it is and not in ULP: far in the tail a kernel that returns 0 is off by all its digits and by
    next to nothing. Other precisions are told beside it.
    """
    rows, settled = differ(tables, environment, "K24", derivative=0, family="ops", dtype="float32")
    others = tables.versus("K24", environment, aligned="all", derivative=0, family="ops", dtype=("float64", "float16", "bfloat16"))
    beside = beside_apart(others, "results in other precisions")
    if settled is not None:
        return replace(settled, beside=beside)
    mine = worst_first(tables.results("K24", environment, dtype="float32", derivative=0, family="ops"), "verdict", "ulp_max")
    error, worst = float(mine["abs_max"].max()), mine.iloc[0]
    words = f"in float32 the sigmoid has other bits than in {listed(rows['other'])} ({counted(rows['kind'], SEVERITY)})"
    words += f" and is off the truth by {number(error)} at most"
    words += f", {number(float(worst['ulp_max']))} ULP at its worst"
    words += f", where it gives {at_worst(worst)}" if worst["worst_result"] else ""
    evidence = (*versus_evidence(rows, 3), *cells_evidence(mine, 1))
    return Finding(verdict=HOLDS, words=words, beside=beside, number=error, unit="off the truth at most, in float32", evidence=evidence)
