"""The nouns of the lab: closed sets and frozen records, without behaviour beyond their own identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar

from packaging.specifiers import SpecifierSet

from replab.results_folder import ResultsFolder

FRAMEWORKS = ("numpy", "tensorflow", "torch")
IMPL_FILE = {"numpy": "impl_numpy.py", "tensorflow": "impl_tf.py", "torch": "impl_torch.py"}
ENGINES = ("uv", "host", "docker", "podman", "apptainer")
DTYPES = ("float32", "float64", "float16", "bfloat16")
MODES = {"numpy": ("eager",), "tensorflow": ("eager", "session", "function", "xla"), "torch": ("eager", "script", "compile")}


class Status(StrEnum):
    """How a cell ended."""

    OK = "ok"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    OOM = "oom"
    CRASHED = "crashed"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What a comparison found; see ``docs/verdicts.md``."""

    IDENTICAL = "identical"
    ROUNDING = "rounding"
    ACCURACY = "accuracy"
    SEMANTIC = "semantic"
    INCOMPARABLE = "incomparable"
    BEYOND = "beyond"
    INCONCLUSIVE = "inconclusive"

    @property
    def severity(self) -> int:
        """The place in the one order of verdicts; the worst of several results is the one of the highest severity.

        ``inconclusive`` says that nobody knows. It is worse than what rounding explains, since it is no proof of that, and milder than
        every difference that is proved: a result that is open must not hide one that is known to be another function. ``beyond`` is
        such a difference, of which only the kind is not known: ``accuracy`` at the least. ``incomparable`` is the worst, because there
        is not even a distance.
        """
        return SEVERITY.index(self)

    @property
    def explained(self) -> bool:
        """Whether nothing but rounding is needed to explain the result."""
        return self.severity <= Verdict.ROUNDING.severity

    @property
    def same_function(self) -> bool:
        """Whether the function is shown to be the right one, however coarsely it is computed."""
        return self.explained or self is Verdict.ACCURACY


SEVERITY = (
    Verdict.IDENTICAL,
    Verdict.ROUNDING,
    Verdict.INCONCLUSIVE,
    Verdict.ACCURACY,
    Verdict.BEYOND,
    Verdict.SEMANTIC,
    Verdict.INCOMPARABLE,
)
"""Verdicts, the mildest first."""
BEYOND_ROUNDING = SEVERITY[SEVERITY.index(Verdict.ACCURACY) :]
"""Verdicts of differences that rounding does not explain, of whatever kind."""
EXPLAINED = frozenset(verdict for verdict in Verdict if verdict.explained)
SAME_FUNCTION = frozenset(verdict for verdict in Verdict if verdict.same_function)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts, of which there is at least one."""
    return max(verdicts, key=lambda verdict: verdict.severity)


def is_as_expected(expect: str, verdict: str) -> bool:
    """Whether a control came out as it must. A known-equal rewrite may hit the very bits of the truth."""
    return verdict in EXPLAINED if expect == Verdict.ROUNDING else verdict == expect


@dataclass(frozen=True, kw_only=True, slots=True)
class Cuda:
    """What an environment needs to compute on a GPU."""

    architectures: tuple[str, ...]
    """Compute capabilities for which its kernels were compiled, such as ``8.0``."""
    driver: str
    """The oldest driver, such as ``525`` or ``440.33``."""
    ptx: str = ""
    """Compute capability from which newer GPUs are served by code made at first use; empty where there is no such code."""
    base: str = ""
    """Key of the base image, where it is not that of the CPU image."""
    requirements: tuple[str, ...] = ()
    """What ``replab pin`` resolves into ``cuda.lock``; empty where the wheels of ``cpu.lock``, or the base image, carry CUDA."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """One pinned software stack, as asked for in ``containers/<name>/env.toml`` (what was found is an observation)."""

    name: str
    framework: str
    version: str
    python: str
    """Minor version of the interpreter, such as ``3.7``."""
    modes: tuple[str, ...]
    requirements: tuple[str, ...]
    """The direct requirements that ``replab pin`` resolves into the lock."""
    order: int
    """Place among the environments of the same framework, oldest first: neighbours are compared as a version step."""
    devices: tuple[str, ...] = ("cpu",)
    index: str = ""
    """An extra index of wheels, where a framework publishes its CPU builds."""
    groups: tuple[str, ...] = ("all",)
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables the stack needs to run at all."""
    note: str = ""
    folder: Path = Path()
    base: str = ""
    """Key of the image's base in ``containers/bases.toml``; empty where it is ``python-`` and the Python version."""
    cuda: Cuda | None = None

    @property
    def lock(self) -> Path:
        """The hash-locked requirements of the CPU build."""
        return self.folder / "cpu.lock"

    @property
    def cuda_lock(self) -> Path:
        """The hash-locked requirements on a GPU: a lock of their own, or the same wheels where those carry CUDA."""
        return self.folder / "cuda.lock" if self.cuda is not None and self.cuda.requirements else self.lock

    def build_name(self, device: str) -> str:
        """Name of what is known about its build for a device: that of its first device has its own name."""
        return self.name if device == self.devices[0] else f"{self.name}@{device}"

    def base_key(self, device: str = "cpu") -> str:
        """Key of the base image in ``containers/bases.toml``."""
        base = self.base or f"python-{self.python}"
        return (self.cuda.base or base) if device == "cuda" and self.cuda is not None else base


Options = Mapping[str, Any]
"""What a generator is told: what its kind declares (``replab.config.generators``), checked when a family is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Generator:
    """How the bytes of one input are made: a kind (a function of ``replab.run.inputs``) and its options."""

    name: str
    kind: str
    options: Options


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A case whose outcome is known beforehand: it tests the lab itself."""

    expect: str
    """``rounding`` (a known-equal rewrite) or ``semantic`` (a planted mistake)."""
    factor: str = ""
    """The factor that was planted, or several joined by ``+`` in alphabetical order."""
    value: object = None
    """The value that was planted, where there is one to be found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """A named choice on which two sides of a case may differ; its name is the keyword argument of reference and implementations."""

    aligned: object
    """What every side gets when the factor is aligned, and the reference always."""
    sides: Mapping[str, object] = field(default_factory=dict)
    """What a framework gets when it is not aligned; without an entry nothing is passed, and the function's own default applies."""
    alternatives: tuple[object, ...] = ()
    """Other values that are tried on the reference to explain a result that differs."""
    fit: bool = False
    """The value is a real number which may be estimated from a result."""
    absent: tuple[str, ...] = ()
    """Frameworks that do not have this choice: it is never named for their results."""
    diagnose: bool = False
    """For explaining only: implementations do not take it, and no runs are made to align it."""
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One function with one set of inputs and parameters."""

    family: str
    name: str
    title: str
    """What it is, in words."""
    function: str
    """Its function in ``reference.py``; in the implementations too, unless these call it otherwise."""
    inputs: Mapping[str, Generator]
    """Input tensors in the order of the function's arguments: each names a generator of the family, or is one itself."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Further arguments, given by keyword to reference and implementations."""
    dtypes: tuple[str, ...] = DTYPES
    """Formats it is run in; ``int32``, ``int64`` and ``bool`` may be among them."""
    derivatives: int = 0
    """Highest order of derivatives, at most 4."""
    elementwise: bool = False
    """Each element of an output depends on the same element of the inputs: the report draws the error over the range of the input."""
    correctly_rounded: bool = False
    """Its value is one operation of which IEEE 754 asks the correctly rounded result (+, −, ×, ÷, √): any other is `accuracy`."""
    special: bool = False
    """With special values: ±0, subnormals, ±Inf, NaN, extremes. A case that says so is run as declared, and once more with these."""
    compile: Literal["", "values", "all"] = ""
    """Whether compilers for seconds (torch.compile, XLA) are asked; with ``values``, torch.compile in quick coverage for values only."""
    program: bool = False
    """A whole program (a training, a recurrence over many steps): quick coverage runs modes that build a graph for values only, and eager
    mode is repeated in a new process and not in the same one."""
    model: bool = False
    """A layer, a network or a training, made of many operations: sources of discrepancy are ranked for these and for single operations
    apart."""
    own_float64: bool = True
    """Whether quick coverage runs float64 on numbers of its own too, beside those of float32 that tell rounding from other causes."""
    constants: tuple[str, ...] = ()
    """Inputs that are not differentiated."""
    outputs: tuple[str, ...] = ()
    """Names of the outputs; without them ``out``, or ``out0``, ``out1`` …"""
    claims: tuple[str, ...] = ()
    """Claims of ``claims.toml`` that it gives evidence for."""
    control: Control | None = None
    """Its outcome is known beforehand: ``expect`` is ``rounding`` or ``semantic``; ``factor`` and ``value`` say what was planted."""
    factors: Mapping[str, Factor] = field(default_factory=dict)
    """Choices on which sides may differ, by the name of the argument (docs/causes.md)."""
    base: str = ""
    """The case this one was made from (special values, or some factors aligned); empty for a case as declared."""
    aligned: tuple[str, ...] = ()
    """Factors that are aligned here, a subset of those of ``base``."""
    modes: tuple[str, ...] = ()
    """Modes this case is run in; empty for all."""
    modes_note: str = ""
    """Why it is run in these modes only; other modes show it as the reason."""
    measure: tuple[str, ...] = ()
    """What the probe measures beside the outputs: ``time``, ``body_runs``, ``retrace``, ``memory``, ``debug``, ``accumulate``."""
    measure_compiled: tuple[str, ...] | None = None
    """The same under torch.compile, where something new costs seconds each time; without it, the same as elsewhere."""
    drawn: bool = False
    """Outputs are statistics of random draws: the reference gives their exact values and the standard deviations of the samples."""
    note: str = ""
    """What readers of the report should know of it."""
    implemented_as: str = ""
    """Its function in the implementations, where several cases share one function of the reference."""

    @property
    def implementation(self) -> str:
        """Its function in the implementations."""
        return self.implemented_as or self.function

    def given(self, framework: str) -> dict[str, object]:
        """The keyword arguments that the implementation of a framework gets."""
        values = dict(self.parameters)
        for name, factor in self.factors.items():
            if name in self.aligned:
                values[name] = factor.aligned
            elif framework in factor.sides and not factor.diagnose:
                values[name] = factor.sides[framework]
        return values

    def true(self, **changed: object) -> dict[str, object]:
        """The keyword arguments of the reference: every factor at its aligned value, except those that are ``changed``."""
        return {**self.parameters, **{name: factor.aligned for name, factor in self.factors.items()}, **changed}

    @property
    def group(self) -> str:
        """The declared case that this one belongs to."""
        return self.base or self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A folder of experiments that share implementation files."""

    name: str
    folder: Path
    title: str
    """What it is, in words."""
    question: str
    """What it asks of the frameworks."""
    cases: tuple[Case, ...]
    """Its cases by name, each a table."""
    leave_out: Mapping[str, str]
    """Modes in which its cells are not run, each with the reason in words; such cells appear as ``skipped``."""
    variants: bool = False
    """Whether its cells are run under every variant too."""
    light: bool = False
    """Whether its cells take less time than the start of a process, so that it shares one with other such families, and its truths are
    certified by the job that judges."""
    shards: int = 0
    """How many jobs judge it; 0: as its number of cases says."""
    reference_run: bool = False
    """Whether NumPy runs the reference for all cases: it has no file of its own, and needs none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """Arithmetic switches set around the process, as declared in ``config/variants.toml``."""

    name: str
    title: str = ""
    """What is switched, in words."""
    question: str = ""
    """What that tells, and the claims that it gives evidence for."""
    threads: int = 1
    """Threads of every library."""
    frameworks: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FRAMEWORKS, ""))
    """Frameworks in which the switch exists, each with the range of its versions (PEP 440, such as ``>=2.9``); empty for all of them."""
    modes: tuple[str, ...] = ()
    """Modes it can matter to; empty for all."""
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Environment variables by framework."""
    switches: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What the probe sets through the framework's own functions, by framework."""
    effect: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """By framework: names of observed facts and the values that prove the switch took effect."""

    def applies(self, environment: Environment) -> bool:
        """Whether the variant means something in an environment."""
        versions = self.frameworks.get(environment.framework)
        return versions is not None and SpecifierSet(versions).contains(environment.version, prereleases=True)


IMPORT_SECONDS = 180.0
"""How long a sandbox may take until it has imported its framework."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one cell may use before its sandbox is stopped."""

    seconds: float
    memory_mb: int

    def about(self, status: str) -> float:
        """The limit that a status is about, in seconds or MiB; 0 for the others."""
        limits: dict[str, float] = {Status.TIMEOUT: self.seconds, Status.OOM: float(self.memory_mb)}
        return limits.get(status, 0.0)


Noun = TypeVar("Noun", Environment, Family, Variant)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lab:
    """The whole configuration, checked."""

    root: Path
    """Where the lab's own files lie: a checkout, or the data of an installed package."""
    folder: Path
    """Where its user works: what paths of the settings are relative to. In a checkout the same."""
    results: ResultsFolder
    cache: Path
    engine: str
    environments: tuple[Environment, ...]
    families: tuple[Family, ...]
    variants: tuple[Variant, ...]
    coverage: str
    """``quick`` or ``full``: how many cells the modes that compile get; see ``plan.COSTLY``."""
    points: int
    """Elements of an elementwise input (float32 and float64)."""
    limits: Limits
    cuda: bool = False
    """Whether cells on a GPU are planned, where an environment has a build for one."""
    bases: Path | None = None
    """Another lock of base images than ``containers/bases.lock``."""
    builder: str = "docker"
    """What builds images: ``docker`` or ``podman``."""
    left_out: tuple[str, ...] = ()
    """Sentences about families that were asked for among all and cannot be read."""

    def environment(self, name: str) -> Environment:
        """The selected environment of that name. Raises ``LookupError`` when there is none, as those below do."""
        return _named(self.environments, name)

    def family(self, name: str) -> Family:
        """The selected family of that name."""
        return _named(self.families, name)

    def variant(self, name: str) -> Variant:
        """The selected variant of that name."""
        return _named(self.variants, name)

    def build_at(self, build_name: str) -> tuple[Environment, str]:
        """The environment and the device that a place, such as ``torch-2.13@cuda``, means."""
        for environment in self.environments:
            for device in environment.devices:
                if environment.build_name(device) == build_name:
                    return environment, device
        raise LookupError(build_name)


def _named(nouns: Sequence[Noun], name: str) -> Noun:
    for noun in nouns:
        if noun.name == name:
            return noun
    raise LookupError(name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One result to be had: a case at one place of the matrix."""

    case: Case
    dtype: str
    derivative: int
    environment: str
    framework: str
    mode: str
    variant: str
    device: str = "cpu"
    grid: str = ""
    """The dtype on whose grid the inputs lie; empty when it is ``dtype`` itself."""
    left_out: str = ""
    """Why this cell is not run; it appears as ``skipped`` with this reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The unit of execution: one environment, one family (or ``all`` of them), one variant, one process."""

    environment: str
    family: str
    variant: str
    device: str = "cpu"
