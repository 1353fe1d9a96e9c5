"""The public tables: every column declared once, with its type, unit and meaning.

What is written, read, published and documented (``docs/tables.md``) follows from these classes: a new column is one line here. Missing
text is empty, a missing number NaN, a missing count 0. Nothing here imports a reader of tables: a worker that judges must not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replab.store.columns import Table, flag, real, text, whole


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRow:
    """One output of one cell, or a cell that has none."""

    key: str = text("Name of the result in the store: a hash of everything that can change a number of it. Empty where nothing was run")
    id: str = text("The cell: `family.case:dtype:dORDER@environment:mode:variant:device`")
    family: str = text("Family of experiments")
    experiment: str = text("The same as `family`")
    case: str = text("Case of the family, such as `softmax`, `softmax.special` or `adam.aligned-epsilon`")
    title: str = text("The case in words")
    output: str = text("Name of the output; for derivatives `grad_` and the input. Empty for a cell without outputs")
    environment: str = text("Pinned environment, such as `tf-2.21`")
    framework: str = text("`numpy`, `tensorflow` or `torch`")
    framework_version: str = text("Version of the framework as it was found inside of the environment")
    environment_order: int = whole("Place of the environment among those of its framework, the oldest first")
    mode: str = text("How the function is run: `eager`, `session`, `function`, `xla`, `script` or `compile`")
    device: str = text("`cpu` or `cuda`", empty="cpu")
    dtype: str = text("Format of inputs and outputs: `float32`, `float64`, `float16` or `bfloat16`")
    derivative: int = whole("Order of the derivative; 0 is the value itself")
    variant: str = text(
        "Switch of the arithmetic (`config/variants.toml`), `repeat` for the same in a new process, or `default`", empty="default"
    )
    engine: str = text("What ran the sandbox: `uv`, `docker`, `podman`, `apptainer` or `host`")
    platform: str = text("What of machine and system results can depend on, in one text; part of the key")
    status: str = text("How the cell ended: `ok`, `error`, `unsupported`, `timeout`, `oom`, `crashed` or `skipped`")
    reason: str = text("Why it did not end with `ok`")
    verdict: str = text("What the comparison with the truth says (docs/verdicts.md); empty where there is no result")
    why: str = text("What decided the verdict, in words")
    z_max: float = real(
        "Largest |result − truth| / σ of the elements, where σ is what rounding alone would cause (the envelope); NaN where `unrounded` "
        "is not 0",
        "σ",
    )
    z_limit: float = real("Largest z that rounding is allowed: rounding alone exceeds it in one of 10⁶ cells", "σ")
    ulp_max: float = real(
        "Largest distance from the truth, counted in representable numbers of `dtype`; at most 0.5 if correctly rounded", "ULP"
    )
    ulp_mean: float = real("Mean of the same distance over the elements that could be measured", "ULP")
    ulp_p99: float = real("99th percentile of the same distance", "ULP")
    abs_max: float = real("Largest |result − truth|; for integers the largest difference", "that of the output")
    rel_max: float = real("Largest |result − truth| / |truth| over the elements whose truth is not 0")
    bits: str = text("SHA-256 of the bytes of the output: equal text means equal bits")
    elements: int = whole("Elements of the output", "elements")
    seconds: float = real("Time of the last call; where the cell did not end well, of all that it did", "s")
    first_call_seconds: float = real("Time until the first call had ended: graphs are traced and compiled in it", "s")
    import_seconds: float = real("Always NaN: the time to import a framework belongs to a batch of cells, not to one")
    flushed: int = whole("Elements that are 0 where the truth is subnormal; not part of any distance", "elements")
    nan_mismatch: int = whole("Elements that are NaN in the result or in the truth, and not in both", "elements")
    inf_mismatch: int = whole("Elements where an infinity stands on one side only, and no rounding can have overflowed", "elements")
    zero_sign: int = whole("Elements that are 0, rightly, with the other sign", "elements")
    uncertain: int = whole("Elements whose truth is known to no better than 0.01 ULP and 0.01 σ, or not at all", "elements")
    misrounded: int = whole(
        "Elements that are not the correctly rounded result, of an operation of which IEEE 754 asks it (+, −, ×, ÷, √)", "elements"
    )
    unrounded: int = whole(
        "Elements that differ although rounding has no part in them: σ is 0 there, or below 10⁻³⁰ of the distance", "elements"
    )
    parted: int = whole(
        "Elements at which rounding alone decides between two values: the perturbed runs lie in two peaks (docs/verdicts.md)", "elements"
    )
    other_branch: int = whole("Those of them at which the result is in the other peak than the truth", "elements")
    worst_index: str = text("Place of the worst element: indices along the axes, joined by commas")
    worst_inputs: str = text("The inputs at the worst element, as `name=hexadecimal (decimal)`, where the inputs have such an element")
    worst_result: str = text("The result at the worst element, hexadecimal and decimal")
    worst_truth: str = text("The truth at the worst element, hexadecimal and decimal")
    truth_bound_ulp: float = real("Largest bound on the error of the truth itself", "ULP")
    truth_method: str = text(
        "How the truth and its bound were found: `ball arithmetic` (proved), extended precision (bound estimated), exact sums or integers"
    )
    envelope_ulp: float = real("Median of σ over the elements: what rounding alone would cause, one standard deviation", "ULP")
    shrink: float = real(
        "Σ|float64 result − truth| / Σ|float32 result − truth| over the elements outside of the envelope: near 1 if it stays in "
        "float64, near 2⁻²⁹ if it is rounding; NaN where no float64 run was asked"
    )
    role: str = text(
        "`result`, `control` for a case whose outcome is known beforehand, or `part` for a run in which some factors are aligned and "
        "others are not: it is made to be compared with the other runs of its case, and is no result to be counted",
        empty="result",
    )
    expect: str = text("For controls: the verdict that must come out, `rounding` or `semantic`")
    factor: str = text("For controls: the factor that was planted, several joined by `+`")
    elementwise: bool = flag("Whether each element of the output depends on the same element of the inputs alone")
    model: bool = flag("Whether it is a layer, a network or a training, and no single operation")
    special: bool = flag("Whether the inputs are special values: ±0, subnormals, ±Inf, NaN, extremes")
    claims: str = text("Ids of the claims that look at the case, joined by commas")
    notes: str = text("What was noticed while it ran, joined by `; `")
    base: str = text("The declared case that this one was made from (special values, aligned factors); empty for a declared one")
    aligned: str = text("Factors that both sides are given alike, joined by `+`")
    repeatable: str = text("`yes` or `no` where the cell was compared with itself, called again in the process or run again in a new one")
    cause: str = text("The factor of the reference that explains a result which is another function; `a or b` where two do")
    shown_by: str = text("The evaluation of the reference, or the run, that shows the cause; where none is named, what came nearest")


@dataclass(frozen=True, kw_only=True, slots=True)
class PairRow:
    """One output of two cells that differ along one axis."""

    left: str = text("Id of the one cell: the default, eager, older or alphabetically first side")
    right: str = text("Id of the other cell")
    axis: str = text(
        "On what they differ: `repeat`, `variant`, `mode`, `version` (neighbours), `framework` (the newest of each) or `across` (an older "
        "environment beside the newest of another framework, in cases that claims look at)"
    )
    family: str = text("Family of experiments")
    case: str = text("Case of the family")
    output: str = text("Name of the output")
    dtype: str = text("Format of inputs and outputs")
    derivative: int = whole("Order of the derivative; 0 is the value itself")
    left_environment: str = text("Environment of the left side")
    right_environment: str = text("Environment of the right side")
    left_mode: str = text("Mode of the left side")
    right_mode: str = text("Mode of the right side")
    verdict: str = text("What the comparison of the two says, given what each is against the truth (docs/verdicts.md)")
    z_max: float = real(
        "Largest |left − right| / (√2·σ): two results that are both off by σ are off from each other by √2·σ; NaN above 10³⁰, where "
        "rounding has no part",
        "√2·σ",
    )
    ulp_max: float = real("Largest distance, counted in representable numbers of `dtype`", "ULP")
    abs_max: float = real("Largest |left − right|", "that of the output")
    abs_mean: float = real("Mean of |left − right| over the elements that are finite on both sides", "that of the output")
    rel_max: float = real("Largest |left − right| / max(|left|, |right|) of an element")
    distance: float = real(
        "Normwise relative difference ‖left − right‖ / max(‖left‖, ‖right‖): what one sees of a result as a whole; 1 where one side "
        "alone has NaN or an infinity, or another shape or type"
    )
    beyond: float = real("Share of the elements that are farther apart than rounding explains")
    other_branch: int = whole("Elements at which rounding decides between two values, and each side has another one", "elements")
    cause: str = text(
        "What the comparisons with the truth prove about the difference, in words; `unknown`, or empty where rounding explains it"
    )
    variant: str = text("Variant of the right side", empty="default")


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveRow:
    """The error of all results with the same bits in one bin of the range of the first input; elementwise values only."""

    family: str = text("Family of experiments")
    case: str = text("Case of the family")
    dtype: str = text("Format of inputs and outputs")
    output: str = text("Name of the output")
    environment: str = text("The first environment that gave these bits")
    mode: str = text("The first mode that gave these bits")
    bits: str = text("SHA-256 of the bytes of the output, which `cells` has as well")
    bin: int = whole("Number of the bin; all have the same width on the line of representable numbers")
    x_lo: float = real("Smallest input in the bin", "that of the input")
    x_hi: float = real("Largest input in the bin", "that of the input")
    ulp_max: float = real("Largest distance from the truth in the bin", "ULP")
    ulp_mean: float = real("Mean distance from the truth in the bin", "ULP")
    count: int = whole("Elements of the bin that could be measured", "elements")


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributionRow:
    """What was found about one possible cause of one difference (docs/causes.md)."""

    family: str = text("Family of experiments")
    case: str = text("The case as it was declared")
    pair: str = text("The two sides as `left | right`: environments, with the mode where it matters, or `reference`")
    factor: str = text("The factor or the switch; `a or b` where several explain equally well; `unknown`")
    share: float = real(
        "Part of the discrepancy that the factor makes: its Shapley value, or what the other value of the reference takes away"
    )
    residual: float = real("Part of the discrepancy that is left when all factors are aligned, or with the other value of the reference")
    verdict_aligned: str = text("Verdict with all factors aligned, with the other value of the reference, or with the switch on both sides")
    method: str = text("`hypothesis` (the reference with another value), `subsets` (runs with aligned factors) or `variant` (a switch)")
    axis: str = text("On what the sides differ: `truth`, `mode`, `version` or `framework`")
    dtype: str = text("Format of inputs and outputs")
    derivative: int = whole("Order of the derivative; 0 is the value itself")
    left: str = text("Id of the left cell")
    right: str = text("Id of the right cell, or `reference`")
    left_value: str = text("Value of the factor on the left side; by hypotheses the values with which the reference gives the result")
    right_value: str = text("Value of the factor on the right side; by hypotheses the values that the reference has")
    aligned_value: str = text("Value that both sides were given in the runs with this factor aligned")
    verdict: str = text("Verdict as the sides are; of several outputs the worst")
    discrepancy: float = real(
        "Normwise relative difference of the sides as they are, ‖a − b‖ / max(‖a‖, ‖b‖), its root mean square over outputs; in hypotheses "
        "that of the result from the reference, over the size of the latter; 0 or 1 where sides cannot be subtracted"
    )
    discrepancy_aligned: float = real("The same distance with all factors aligned, or with the other value of the reference")
    z_aligned: float = real("Largest z of the result against the truth of the reference with the other value", "σ")
    sufficient: str = text("The smallest set of factors after which rounding explains the rest, joined by `+`")
    evidence: str = text("The run, or the evaluation of the reference, that shows it")
    named: bool = flag("Whether this row names the cause: the factor is part of the smallest sufficient set, and no other set does as well")
    role: str = text("`result`, or `control` for a case whose outcome is known beforehand", empty="result")
    expect: str = text("For controls: the factor that was planted")
    note: str = text("What else there is to say, in words")


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementRow:
    """What a cell measured of itself beside its outputs."""

    id: str = text("The cell")
    family: str = text("Family of experiments")
    case: str = text("Case of the family")
    environment: str = text("Pinned environment")
    framework: str = text("`numpy`, `tensorflow` or `torch`")
    mode: str = text("How the function is run")
    dtype: str = text("Format of inputs and outputs")
    derivative: int = whole("Order of the derivative; 0 is the value itself")
    variant: str = text("Switch of the arithmetic, or `default`", empty="default")
    measurement: str = text("What was measured, such as `time_ratio`, `body_runs` or `line_events`")
    value: float = real("The value; of several the median", "`unit`")
    low: float = real("Lower end of the confidence interval of the median", "`unit`")
    high: float = real("Upper end of the confidence interval of the median", "`unit`")
    count: int = whole("How many values were taken")
    unit: str = text("Unit of `value`, `low` and `high`; empty for ratios")
    baseline: str = text("What a ratio is relative to")
    claims: str = text("Ids of the claims that look at the case, joined by commas")
    note: str = text("How it was measured, where that needs words")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptRow:
    """A stand-alone script that shows a result's distance from the truth, or why there is none."""

    id: str = text("The cell")
    script: str = text("The script; empty where there is none")
    short: str = text("What a graph gives beside the certified value, in few lines; empty where the result is not about that")
    reason: str = text("Why there is none")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrajectoryRow:
    """A loss at one checkpoint of a training."""

    id: str = text("The cell")
    family: str = text("Family of experiments")
    case: str = text("The case as it was declared")
    dtype: str = text("Format of inputs and outputs")
    environment: str = text("Pinned environment")
    framework: str = text("`numpy`, `tensorflow` or `torch`")
    environment_order: int = whole("Place of the environment among those of its framework, the oldest first")
    mode: str = text("How the function is run")
    aligned: str = text("Factors that both sides are given alike, joined by `+`: none or all")
    verdict: str = text("Verdict of all losses of the cell against the truth")
    place: int = whole("Place of the loss among those of the cell, from 0")
    step: int = whole("After how many steps of training it was taken", "steps")
    value: float = real("The loss that came out", "that of the loss")
    truth: float = real("The certified loss", "that of the loss")
    sigma: float = real("What rounding alone moves the loss by, one standard deviation (σ)", "that of the loss")
    z_limit: float = real("Largest |value − truth| / σ that rounding is allowed", "σ")


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultRow:
    """A default of one parameter of one API, as an environment has it."""

    api: str = text("Name of the API in the atlas of defaults, the same for all frameworks")
    parameter: str = text("Name of the parameter in the atlas")
    environment: str = text("Pinned environment")
    framework: str = text("`numpy`, `tensorflow` or `torch`")
    value: str = text("The default as canonical JSON; `required` or `absent` where there is none")
    status: str = text("`read`, `required` (there is no default) or `absent` (there is no such API or parameter)", empty="read")
    source: str = text("Where the value was read: `signature`, `config`, `instance`, `result`, `source` and the like")
    title: str = text("The API in words")
    group: str = text("Subject under which the API is shown")
    api_name: str = text("What the API is called in this environment")
    comparable: str = text("The value in the convention that all frameworks share, as JSON; empty where there is none")
    note: str = text("What must be known to compare the values")
    reason: str = text("Why there is no value, or why a call does not tell which one it is")
    effective: str = text("What a call without the parameter shows its value to be, in that convention, as JSON; empty where no call tells")


@dataclass(frozen=True, kw_only=True, slots=True)
class ElsewhereRow(CellRow):
    """One output of a cell that another engine or machine gave otherwise; judged by the same truths as `cells`."""

    here: str = text("How the cell ended in this run")
    here_bits: str = text("SHA-256 of the bytes of the output in this run; empty where it has none")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformRow:
    """An environment on another engine or machine, beside this run."""

    environment: str = text("Pinned environment")
    device: str = text("`cpu` or `cuda`", empty="cpu")
    engine: str = text("What ran the sandbox there")
    platform: str = text("What of machine and system results can depend on there")
    same: int = whole("Cells with the bits, or the failure, that they have here", "cells")
    other: int = whole("Cells with other bits, or another end", "cells")
    unrepeatable: int = whole("Those of `other` that give other bits whenever they run again", "cells")
    only_there: int = whole("Cells that have a result there and none here", "cells")
    damaged: int = whole("Results from there that could not be read", "cells")
    named: str = text("The first cells of `other`, joined by `; `")
    differences: str = text("What was observed inside and differs; only where bits do")


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow:
    """One output of a result that a published version rests on, or a cell that has none."""

    id: str = text("The cell")
    key: str = text("Name of the result in the store")
    status: str = text("How the cell ended")
    reason: str = text("Why it did not end with `ok`")
    output: str = text("Name of the output")
    dtype: str = text("Format of the output")
    shape: str = text("Lengths of its axes, joined by `×`; empty for a single number")
    sha256: str = text("SHA-256 of the bytes of the output, which is `bits` in `cells`")
    file: str = text("The file that holds the result, below the store")
    file_sha256: str = text("SHA-256 of that file")
    observation: str = text("Name of the record of what was observed in the environment when the cell ran")
    repeatable: str = text("`no` where the result gives other bits when it is computed again")


CELLS = Table(name="cells", row=CellRow, sort=("id", "output"), about="Every cell that was planned, by output, against the truth.")
PAIRS = Table(name="pairs", row=PairRow, sort=("axis", "left", "right", "output"), about="Cells against each other, on one axis at a time.")
CURVES = Table(
    name="curves",
    row=CurveRow,
    sort=("family", "case", "dtype", "output", "environment", "mode", "bin"),
    about="Error along the range of the input, for elementwise functions.",
)
ATTRIBUTIONS = Table(
    name="attributions",
    row=AttributionRow,
    sort=("family", "case", "method", "axis", "pair", "dtype", "derivative", "factor", "note"),
    about="Causes of differences, and what shows them.",
)
MEASUREMENTS = Table(
    name="measurements", row=MeasurementRow, sort=("id", "measurement", "note"), about="Time, memory and the like, where a case asks."
)
SCRIPTS = Table(name="scripts", row=ScriptRow, sort=("id",), about="A script for each kind of result that runs without the lab.")
TRAJECTORIES = Table(name="trajectories", row=TrajectoryRow, sort=("id", "place"), about="The losses of trainings.")
DEFAULTS = Table(
    name="defaults",
    row=DefaultRow,
    sort=("api", "parameter", "framework", "environment"),
    about="What frameworks do when they are not told.",
)
ELSEWHERE = Table(
    name="elsewhere",
    row=ElsewhereRow,
    sort=("id", "engine", "platform", "output"),
    about="Results of other engines and machines that are other than here.",
)
PLATFORMS = Table(
    name="platforms",
    row=PlatformRow,
    sort=("environment", "engine", "platform"),
    about="Other engines and machines, counted by environment.",
)
MANIFEST = Table(
    name="manifest",
    row=ManifestRow,
    sort=("id", "output"),
    about="The results that a published version rests on (`store/manifest.parquet` of the version).",
)

PARTS: tuple[Table[Any], ...] = (CELLS, PAIRS, CURVES, ATTRIBUTIONS, MEASUREMENTS)
"""What judging finds."""
ILLUSTRATIONS: tuple[Table[Any], ...] = (SCRIPTS, TRAJECTORIES)
"""Tables that only pages of the report show; the jobs that judge make them, too."""
JUDGED: Mapping[str, Table[Any]] = {table.name: table for table in (*PARTS, *ILLUSTRATIONS)}
"""All that a judging job writes, by name."""
PUBLIC: tuple[Table[Any], ...] = (*JUDGED.values(), DEFAULTS, ELSEWHERE, PLATFORMS, MANIFEST)
"""Every table of a run, and of the version that is made of it."""
