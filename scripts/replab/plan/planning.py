"""Which cells, batches and pairs a ``Lab`` means; pure and quick, since every remote job parses the workflow again."""

from __future__ import annotations

from collections.abc import Iterator

from replab import ids
from replab.model import DTYPES, FRAMEWORKS, IMPL_FILE, Batch, Case, Cell, Environment, Family, Lab, Variant
from replab.plan.alignment import is_partly_aligned

EVERY_ORDER = 99
COSTLY: dict[str, dict[str, tuple[tuple[str, ...], int]]] = {
    "quick": {
        "session": (("float32",), EVERY_ORDER),
        "function": (("float32",), EVERY_ORDER),
        "xla": (("float32",), 1),
        "compile": (("float32",), 1),
    },
    "full": {"xla": (("float32", "float64"), 1), "compile": (("float32", "float64"), 1)},
}
"""Modes that build or compile every function anew, for tenths of a second to seconds: the dtypes and the highest order they are run for, by
coverage, and without escalations (those of the eager mode serve). torch.compile has no second derivative at all."""
COMPILERS = {"quick": ("xla", "compile")}
"""Modes in which a coverage runs elementwise functions for their values only: the derivative is one more function of the same kind."""
SLOWEST = {"quick": ("compile",)}
"""Modes in which a coverage runs cases with ``compile = "values"`` for their values only: each kernel costs a start of the C++ compiler."""
MARKED_ONLY = {"quick": ("xla",)}
"""Modes that a coverage runs only for cases with ``compile = true``, as torch.compile is in every coverage."""
GRAPHS = {"quick": ("session", "function", "xla", "compile")}
"""Modes in which a coverage runs whole programs for their values only: the gradient of a loop takes three times as long to build."""
SHORT, SHORT_ORDER = ("float16", "bfloat16"), 1
"""Formats of 16 bits, and the highest order for which quick coverage runs them."""
REPEAT = "repeat"
"""The variant that changes nothing: the same cells in a new process."""
CASES_PER_SHARD = 64
"""Judging is split by case, so that all cores have work."""


def runs_in(family: Family, framework: str) -> bool:
    """Whether a framework has something to run of a family."""
    return (family.folder / IMPL_FILE[framework]).is_file() or (framework == "numpy" and family.reference_run)


class _Index:
    """What is asked of a lab again and again, looked up and not searched: planning stays linear in the number of batches."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.environments = {environment.name: environment for environment in lab.environments}
        self.variants = {variant.name: variant for variant in lab.variants}
        self.families = {
            framework: {loaded.name: loaded for loaded in lab.families if runs_in(loaded, framework)} for framework in FRAMEWORKS
        }
        batches = []
        for environment in lab.environments:
            runnable = self.families[environment.framework] if environment.modes else {}
            for variant in lab.variants:
                if not variant.applies(environment):
                    continue
                if variant.name == REPEAT:
                    names = [ids.ALL] if runnable else []  # everything once more, in one new process
                else:
                    alone = [family for family in runnable.values() if variant.name != "default" or not family.light]
                    names = [family.name for family in alone if family.variants or variant.name == "default"]
                    names += [ids.LIGHT] if len(alone) < len(runnable) else []
                devices = [device for device in environment.devices if device == "cpu" or (lab.cuda and variant.name == "default")]
                for name in names:
                    batches += [Batch(environment=environment.name, family=name, variant=variant.name, device=device) for device in devices]
        self.batches = tuple(sorted(batches, key=_order))
        self.by_family: dict[str, list[Batch]] = {}
        for batch in self.batches:
            self.by_family.setdefault(batch.family, []).append(batch)
        self.counts: dict[tuple[object, ...], tuple[int, int]] = {}


def _order(batch: Batch) -> tuple[str, str, str, str]:
    return batch.environment, batch.family, batch.variant, batch.device


_last: list[_Index] = []
"""A cache of one index: that of the last lab; it is made anew when another lab is passed."""


def _index(lab: Lab) -> _Index:
    if not _last or _last[0].lab is not lab:
        _last[:] = [_Index(lab)]
    return _last[0]


def batches(lab: Lab) -> tuple[Batch, ...]:
    """Every batch that has at least one cell to run, sorted."""
    return _index(lab).batches


def batches_with(lab: Lab, family: Family) -> tuple[Batch, ...]:
    """The batches in which cells of a family stand, sorted."""
    by_family = _index(lab).by_family
    batches = [batch for name in (family.name, ids.ALL, ids.LIGHT) for batch in by_family.get(name, ()) if holds(batch, family)]
    return tuple(sorted(batches, key=_order))


def parts(lab: Lab, batch: Batch) -> tuple[Environment, tuple[Family, ...], Variant]:
    """The environment, families and variant of a batch."""
    index = _index(lab)
    return index.environments[batch.environment], members(lab, batch), index.variants[batch.variant]


def members(lab: Lab, batch: Batch) -> tuple[Family, ...]:
    """The families whose cells a batch runs."""
    index = _index(lab)
    runnable = index.families[index.environments[batch.environment].framework]
    if batch.family in (ids.ALL, ids.LIGHT):
        return tuple(family for family in runnable.values() if holds(batch, family))
    return tuple(runnable[name] for name in (batch.family,) if name in runnable)


def holds(batch: Batch, family: Family) -> bool:
    """Whether cells of ``family`` are run by ``batch``, where there is an implementation."""
    if batch.family == ids.LIGHT:
        return family.light
    return batch.family == ids.ALL or (batch.family == family.name and not (family.light and batch.variant == "default"))


def counts(lab: Lab, batch: Batch, only: Family | None = None) -> tuple[int, int]:
    """How many cells a batch runs, and how many it leaves out with a reason; of all its families, or of one.

    Environments with the same modes have the same cells, so that each family is counted once for each kind of environment.
    """
    environment, families, variant = parts(lab, batch)
    cached, total, left = _index(lab).counts, 0, 0
    for family in families if only is None else (only,):
        key = (family.name, environment.modes, variant.name, batch.device)
        if key not in cached:
            here = [bool(cell.left_out) for cell in cells(family, environment, variant, lab.coverage, batch.device)]
            cached[key] = (len(here) - sum(here), sum(here))
        total, left = total + cached[key][0], left + cached[key][1]
    return total, left


def cells(family: Family, environment: Environment, variant: Variant, coverage: str, device: str) -> Iterator[Cell]:
    """The cells of one batch in the order in which they run: case by case, cheap modes first."""
    modes = [mode for mode in ("eager", "session", "function", "script", "xla", "compile") if mode in environment.modes]
    if variant.modes:
        modes = [mode for mode in modes if mode in variant.modes]
    for mode in modes:  # one mode after the other: the expensive ones last
        for case in family.cases:
            if case.aligned and mode not in case.modes:
                continue  # made to be compared eagerly: not a gap that a reader should be told of
            for dtype, grid, derivative in coordinates(case):
                left_out = _left_out(family, case, mode, (dtype, grid, derivative), coverage)
                if variant.name != "default" and (left_out or not _is_varied(family, case, mode, (dtype, grid, derivative), variant)):
                    continue
                yield Cell(
                    case=case,
                    dtype=dtype,
                    grid=grid,
                    derivative=derivative,
                    environment=environment.name,
                    framework=environment.framework,
                    mode=mode,
                    variant=variant.name,
                    left_out=left_out,
                    device=device,
                )


def _is_varied(family: Family, case: Case, mode: str, coordinate: tuple[str, str, int], variant: Variant) -> bool:
    """Whether a cell is run under a variant: float32 only, since bits are compared and not verdicts.

    A repeat is made of the eager cells of all families, and of every mode where a family has variants.
    """
    dtype, grid, derivative = coordinate
    if dtype != "float32" or grid or case.aligned or case.drawn or case.special:
        return False
    return family.variants or (variant.name == REPEAT and mode == "eager" and derivative <= 1)


def coordinates(case: Case) -> Iterator[tuple[str, str, int]]:
    """(dtype, grid, derivative order) of a case; the escalation of float32 comes right after it.

    Runs in which only some factors are aligned are compared with each other in float32, and in no other dtype.
    """
    partly = is_partly_aligned(case)
    for derivative in range(case.derivatives + 1):
        if partly and "float32" in case.dtypes:
            yield "float32", "", derivative
            continue
        for dtype in case.dtypes:
            yield dtype, "", derivative
            if dtype == "float32" and "float64" in case.dtypes and set(case.dtypes) <= set(DTYPES):
                yield "float64", "float32", derivative


def _left_out(family: Family, case: Case, mode: str, coordinate: tuple[str, str, int], coverage: str) -> str:
    """Why a cell is not run, or nothing."""
    if case.modes and mode not in case.modes:
        return case.modes_note or f"this case is run in {' and '.join(case.modes)} only"
    reason = family.leave_out.get(mode, "")
    if reason and not (mode == "compile" and case.compile):
        return reason
    if mode in MARKED_ONLY.get(coverage, ()) and not case.compile:
        return f"{mode} compiles every function for seconds: run for the cases with `compile = true` (coverage: {coverage})"
    dtype, grid, derivative = coordinate
    if case.elementwise and derivative and mode in COMPILERS.get(coverage, ()):
        return f"{mode} compiles every function for seconds: elementwise ones are run for their values (coverage: {coverage})"
    if case.compile == "values" and derivative and mode in SLOWEST.get(coverage, ()):
        return f"{mode} compiles every function for seconds: this one is run for its values (coverage: {coverage})"
    if case.program and derivative and mode in GRAPHS.get(coverage, ()):
        return f"{mode} builds every function anew: whole programs are run for their values (coverage: {coverage})"
    if spared := _spared(case, coordinate, coverage):
        return spared
    dtypes, highest = COSTLY[coverage].get(mode, ((), 0))
    if dtypes and ((grid or dtype) not in dtypes or derivative > highest or grid):
        orders = "" if highest == EVERY_ORDER else f" up to derivative {highest}"
        return f"{mode} is run for {' and '.join(dtypes)}{orders} only, since it builds every function anew (coverage: {coverage})"
    return ""


def _spared(case: Case, coordinate: tuple[str, str, int], coverage: str) -> str:
    """Why a coverage has no cells of a dtype and order, whatever the mode, and so no truth either; or nothing."""
    dtype, grid, derivative = coordinate
    if coverage != "quick" or grid or "float32" not in case.dtypes:
        return ""
    if dtype == "float64" and not case.own_float64:
        return f"float64 is run on the numbers of float32 here, which tells rounding from other causes (coverage: {coverage})"
    if dtype in SHORT and derivative > SHORT_ORDER:
        return f"{dtype} is run up to derivative {SHORT_ORDER} (coverage: {coverage})"
    return ""


def judged(case: Case, coverage: str) -> Iterator[tuple[str, int]]:
    """(dtype, derivative order) of the truths that cells of a case are judged by; escalations share those of float32."""
    for dtype, grid, derivative in coordinates(case):
        if not grid and not _spared(case, (dtype, grid, derivative), coverage):
            yield dtype, derivative


def shards(family: Family) -> int:
    """How many judging jobs a family is split into."""
    if family.shards:
        return min(family.shards, len({case.group for case in family.cases}))
    return max(1, round(len({case.group for case in family.cases}) / CASES_PER_SHARD))


def shard_cases(family: Family, shard: int) -> tuple[Case, ...]:
    """The cases of one shard: every n-th, a case and those made from it together."""
    count = shards(family)
    bases = sorted({case.group for case in family.cases})
    mine = {base for number, base in enumerate(bases) if number % count == shard}
    return tuple(case for case in family.cases if case.group in mine)
