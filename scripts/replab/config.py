"""From files to one checked, frozen ``Lab``; every fault at once, each with its place."""

from __future__ import annotations

import difflib
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml

from replab import environments, factors as factor_tables, ids, plan, sources
from replab.engines.gpus import gpus
from replab.engines.registry import get_engine
from replab.errors import ConfigError, ConfigErrors, LabError
from replab.model import DTYPES, FRAMEWORKS, IMPL_FILE, MODES, Case, Control, Factor, Family, Generator, Lab, Limits, Variant

POINTS = {"quick": 2**15, "full": 1_000_000}
"""Elements of an elementwise input: a first run has its answer in minutes, the whole matrix looks closely."""
VARIANTS = Path("config/variants.toml")
VARIANT_FIELDS: dict[str, type | tuple[type, ...]] = {
    "title": str, "question": str, "threads": int, "frameworks": list, "environments": list, "modes": list, "variables": dict,
    "switches": dict, "effect": dict,
}  # fmt: skip
DEVICES = ("auto", "cpu", "cuda")
"""What the key ``devices`` may say."""
MEASUREMENTS = ("time", "body_runs", "retrace", "memory", "debug", "accumulate")
"""What the probe can measure beside the outputs of a cell."""
FAMILY_FIELDS = ("title", "question", "generators", "factors", "defaults", "leave_out", "variants", "light", "shards", "cases")
COMPILE: dict[object, Literal["", "values", "all"]] = {False: "", True: "all", "values": "values"}
"""What the field ``compile`` of a case may say."""
KINDS = (
    "float_range", "normal", "uniform", "integers", "values", "ties", "one_hot", "spd", "conditioned", "orthogonal", "permutation",
    "dataset",
)  # fmt: skip
"""Kinds of generators, one function of ``replab.inputs`` each (a test ties the two)."""
INTEGER_DTYPES = ("int32", "int64", "bool")
DEFAULTS: dict[str, Any] = {
    "environments": "core",
    "families": "all",
    "experiments": ["experiments"],
    "engine": "uv",
    "variants": "all",
    "coverage": "quick",
    "points": "auto",
    "cell_seconds": 120,
    "cell_memory_mb": 6144,
    "results": "results",
    "cache": ".replab",
    "bases": "containers/bases.lock",
    "builder": "auto",
    "devices": "auto",
}
BUILDERS = ("docker", "podman")
"""What can build images; the first that this machine has, where nothing says which."""
CASE_FIELDS: dict[str, type | tuple[type, ...]] = {
    "title": str, "function": str, "inputs": dict, "parameters": dict, "dtypes": list, "derivatives": int, "elementwise": bool,
    "special": bool, "compile": (bool, str), "program": bool, "own_float64": bool, "constants": list, "outputs": list, "claims": list,
    "control": dict, "note": str, "factors": dict, "candidates": str, "modes": list, "modes_note": str, "measure": list,
    "measure_compiled": list, "drawn": bool,
}  # fmt: skip


class Faults:
    """Collects faults so that a reader sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[LabError] = []

    def add(self, problem: str, *, where: str, hint: str = "") -> None:
        """Note one fault."""
        self.found.append(ConfigError(problem, where=where, hint=hint))

    def raise_all(self) -> None:
        """Raise ``ConfigErrors`` when there is any fault."""
        if self.found:
            raise ConfigErrors(self.found)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(choices)}"


def read_config(path: Path) -> dict[str, Any]:
    """The user's settings as written in ``config.yaml``.

    Raises ``ConfigError`` when the file is missing or not YAML.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("does not exist", where=str(path), hint="Run from the root of the repository") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"is not valid YAML: {' '.join(str(error).split())}", where=str(path)) from None
    if not isinstance(data or {}, dict):
        raise ConfigError("must be a table of settings", where=str(path))
    return data or {}


def load_lab(config: Mapping[str, Any], root: Path, *, checked: bool = False) -> Lab:
    """The whole configuration: settings, environments, experiments.

    ``checked``: the workflow that starts a job has looked for every case's functions already; files that the job does not need stay closed.

    Raises ``ConfigErrors`` with every fault found.
    """
    faults = Faults()
    settings = {**DEFAULTS, **config}
    place = "config"
    for key in sorted(set(settings) - set(DEFAULTS)):
        faults.add(f"unknown key {key!r}", where=place, hint=nearest(key, DEFAULTS))
    chosen: tuple[Any, ...] = ()
    try:
        known = environments.load_environments(root / "containers")
        chosen = environments.select(known, environments.load_groups(root / "containers"), settings["environments"])
    except ConfigErrors as errors:
        faults.found += errors.faults
    except LabError as error:
        faults.found.append(error)
    families = _load_families(settings, root, faults, checked=checked)
    coverage = settings["coverage"]
    if coverage not in POINTS:
        faults.add(f"must be quick or full, not {coverage!r}", where=f"{place}: coverage")
        coverage = "quick"
    points = POINTS[coverage] if settings["points"] == "auto" else settings["points"]
    numbers = {"points": points, **{name: settings[name] for name in ("cell_seconds", "cell_memory_mb")}}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            faults.add(f"must be a positive number, not {value!r}", where=f"{place}: {name}")
    for name in ("engine", "results", "cache", "bases"):
        if not isinstance(settings[name], str) or not settings[name]:
            faults.add(f"must be a word, not {settings[name]!r}", where=f"{place}: {name}")
    try:
        get_engine(str(settings["engine"]))
    except LabError as error:
        faults.found.append(error.within("config"))
    if settings["devices"] not in DEVICES:
        faults.add(f"must be {', '.join(DEVICES)}, not {settings['devices']!r}", where=f"{place}: devices")
    if settings["builder"] not in ("auto", *BUILDERS):
        faults.add(f"must be auto, {' or '.join(BUILDERS)}, not {settings['builder']!r}", where=f"{place}: builder")
    bases = root / str(settings["bases"])
    if str(settings["bases"]) != DEFAULTS["bases"] and not bases.is_file():
        faults.add(f"there is no lock {settings['bases']}", where=f"{place}: bases", hint="Make it with 'replab bases build'")
    variants = _load_variants(settings["variants"], root / VARIANTS, faults)
    faults.raise_all()
    return Lab(
        root=root,
        results=root / settings["results"],
        cache=root / settings["cache"],
        engine=settings["engine"],
        environments=chosen,
        families=families,
        variants=variants,
        coverage=coverage,
        points=int(points),
        limits=Limits(seconds=float(settings["cell_seconds"]), memory_mb=int(settings["cell_memory_mb"])),
        cuda=settings["devices"] == "cuda" or (settings["devices"] == "auto" and bool(gpus())),
        bases=None if str(settings["bases"]) == DEFAULTS["bases"] else bases,
        builder=_builder(str(settings["builder"]), str(settings["engine"])),
    )


def _builder(wanted: str, engine: str) -> str:
    """Who builds images: who is asked for, else the engine that runs them, else whom this machine has."""
    if wanted in BUILDERS:
        return wanted
    return engine if engine in BUILDERS else next((name for name in BUILDERS if shutil.which(name)), BUILDERS[0])


def words(value: object) -> list[str]:
    """A setting that may be one word, several words in one string, or a list of words."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return list(value)
    raise ConfigError(f"must be a name or a list of names, not {value!r}")


def _load_variants(wanted: object, path: Path, faults: Faults) -> tuple[Variant, ...]:
    known = {"default": Variant(name="default", title="as the framework ships it, one thread"), **_declared_variants(path, faults)}
    try:
        names = words(wanted)
    except ConfigError as error:
        faults.found.append(error.within("config: variants"))
        return ()
    names = list(known) if names == ["all"] else list(dict.fromkeys(["default", *names]))
    for name in names:
        if name not in known:
            faults.add(f"there is no variant {name!r}", where="config: variants", hint=nearest(name, known))
    return tuple(known[name] for name in names if name in known)


def _declared_variants(path: Path, faults: Faults) -> dict[str, Variant]:
    """The variants of ``config/variants.toml``; a laboratory without that file has only the default."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.add(f"is not valid TOML: {error}", where=str(VARIANTS))
        return {}
    found = {}
    for name, fields in data.items():
        where = f"{VARIANTS}: {name}"
        before = len(faults.found)
        if fault := ids.check_name(name, "a variant"):
            faults.found.append(fault.within(where))
        if not isinstance(fields, dict) or name == "default":
            faults.add("must be a table, and `default` cannot be declared", where=where)
            continue
        for key, value in fields.items():
            if key not in VARIANT_FIELDS:
                faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, VARIANT_FIELDS))
            elif not isinstance(value, VARIANT_FIELDS[key]) or isinstance(value, bool):
                faults.add(f"{key} must be a {getattr(VARIANT_FIELDS[key], '__name__', 'value')}, not {value!r}", where=where)
        frameworks = fields.get("frameworks", FRAMEWORKS)
        for key in ("variables", "switches", "effect"):
            for framework in fields.get(key, {}) if isinstance(fields.get(key, {}), dict) else ():
                if framework not in FRAMEWORKS:
                    faults.add(f"there is no framework {framework!r}", where=f"{where}: {key}", hint=nearest(framework, FRAMEWORKS))
        if len(faults.found) == before:
            lists = {key: tuple(value) for key, value in {**fields, "frameworks": frameworks}.items() if isinstance(value, list | tuple)}
            rest: dict[str, Any] = {**fields, **lists}
            found[name] = Variant(name=name, **rest)
    return found


def _load_families(settings: Mapping[str, Any], root: Path, faults: Faults, *, checked: bool) -> tuple[Family, ...]:
    try:
        folders = [root / name for name in words(settings["experiments"])]
        wanted = words(settings["families"])
    except ConfigError as error:
        faults.found.append(error.within("config"))
        return ()
    found: dict[str, Family] = {}
    files: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            faults.add("is not a folder of experiments", where=str(folder), hint="Mend `experiments` in the configuration")
            continue
        for path in sorted(folder.glob("*/experiment.toml")):
            if path.parent.name in files:
                faults.add(f"the family {path.parent.name!r} exists twice", where=str(path), hint=f"The other is {files[path.parent.name]}")
            files[path.parent.name] = path
    names = sorted(files) if wanted == ["all"] else wanted
    for name in names:
        if name not in files:
            faults.add(f"there is no family {name!r}", where="config: families", hint=nearest(name, files))
        elif (family := load_family(files[name], root, faults, checked=checked)) is not None:
            found[name] = family
    return tuple(found[name] for name in sorted(found))


def load_family(path: Path, root: Path, faults: Faults, *, checked: bool = False) -> Family | None:
    """One ``experiment.toml``; its faults are added to ``faults``. ``checked``: its functions are known to be there."""
    place = str(path.relative_to(root) if path.is_relative_to(root) else path)
    name = path.parent.name
    if fault := ids.check_name(name, "a family"):
        faults.found.append(fault.within(place))
    if name in (plan.ALL, plan.LIGHT):
        faults.add(f"a family cannot be called {name!r}", where=place, hint="The word stands for several families in the names of batches")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = f"is not valid TOML: {error}"
        hint = ""
        if "overwrite" in str(error) or "twice" in str(error):
            problem, hint = f"gives one name twice: {error}", "Two cases (or tables) of a family cannot have the same name"
        faults.add(problem, where=place, hint=hint)
        return None
    for key in sorted(set(data) - set(FAMILY_FIELDS)):
        faults.add(f"unknown key {key!r}", where=place, hint=nearest(key, FAMILY_FIELDS))
    for key in ("variants", "light"):
        if not isinstance(data.get(key, False), bool):
            faults.add(f"{key} must be true or false", where=place)
    shards = data.get("shards", 0)
    if isinstance(shards, bool) or not isinstance(shards, int) or shards < 0:
        faults.add(f"shards must be a number of jobs, not {shards!r}", where=place)
        shards = 0
    for key in ("title", "question"):
        if not isinstance(data.get(key), str):
            faults.add(f"needs a {key}", where=place)
    for key in ("generators", "factors", "defaults", "leave_out", "cases"):
        if not isinstance(data.get(key, {}), dict):
            faults.add("must be a table", where=f"{place}: {key}")
            return None
    generators = _load_generators(data.get("generators", {}), place, faults)
    modes = {mode for group in MODES.values() for mode in group}
    for mode in sorted(set(data.get("leave_out", {})) - modes):
        faults.add(f"there is no mode {mode!r}", where=f"{place}: leave_out", hint=nearest(mode, modes))
    if not data.get("cases"):
        faults.add("has no cases", where=place)
    subjects = factor_tables.load_subjects(data.get("factors", {}), place, faults)
    cases: list[Case] = []
    for case_name, fields in data.get("cases", {}).items():
        where = f"{place}: cases.{case_name}"
        cases += _load_case(name, case_name, fields, data.get("defaults", {}), generators, subjects, where, faults)
    if not checked:
        _check_functions(path.parent, cases, place, faults)
    return Family(
        name=name,
        folder=path.parent,
        title=str(data.get("title", name)),
        question=str(data.get("question", "")),
        cases=tuple(cases),
        leave_out={key: str(value) for key, value in data.get("leave_out", {}).items()},
        variants=data.get("variants", False),
        light=data.get("light", False),
        shards=shards,
    )


def _load_generators(data: Mapping[str, Any], place: str, faults: Faults) -> dict[str, Generator]:
    generators = {}
    for name, options in data.items():
        where = f"{place}: generators.{name}"
        if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
            faults.add("needs a kind", where=where, hint=f"Known: {', '.join(KINDS)}")
        elif options["kind"] not in KINDS:
            faults.add(f"there is no kind {options['kind']!r}", where=where, hint=nearest(options["kind"], KINDS))
        else:
            rest = {key: value for key, value in options.items() if key != "kind"}
            generators[name] = Generator(name=name, kind=options["kind"], options=rest)
    return generators


def _load_case(
    family: str,
    name: str,
    fields: object,
    defaults: Mapping[str, Any],
    generators: Mapping[str, Generator],
    subjects: Mapping[str, Mapping[str, Factor]],
    where: str,
    faults: Faults,
) -> list[Case]:
    """A case and the cases that are made from it: special values, and the runs in which factors are aligned."""
    before = len(faults.found)
    if fault := ids.check_name(name, "a case"):
        faults.found.append(fault.within(where))
    if not isinstance(fields, dict):
        faults.add("must be a table", where=where)
        return []
    merged = {**defaults, **fields}
    for key, value in merged.items():
        if key not in CASE_FIELDS:
            faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, CASE_FIELDS))
        elif not isinstance(value, CASE_FIELDS[key]) or (isinstance(value, bool) and CASE_FIELDS[key] is int):
            faults.add(f"{key} must be a {getattr(CASE_FIELDS[key], '__name__', 'value')}, not {value!r}", where=where)
    if len(faults.found) > before:
        return []
    inputs: dict[str, Generator] = {}
    for argument, generator in merged.get("inputs", {}).items():
        if isinstance(generator, dict):
            inputs |= _load_generators({argument: generator}, where, faults)
        elif generator not in generators:
            faults.add(f"input {argument!r} names no generator {generator!r}", where=where, hint=nearest(str(generator), generators))
        else:
            inputs[argument] = generators[generator]
    if not merged.get("inputs"):
        faults.add("needs inputs", where=where)
    for dtype in merged.get("dtypes", DTYPES):
        if dtype not in (*DTYPES, *INTEGER_DTYPES):
            faults.add(f"there is no dtype {dtype!r}", where=where, hint=nearest(str(dtype), (*DTYPES, *INTEGER_DTYPES)))
    for constant in merged.get("constants", []):
        if constant not in merged.get("inputs", {}):
            faults.add(f"constants names no input {constant!r}", where=where)
    control = None
    if "control" in merged:
        if merged["control"].get("expect") not in ("rounding", "semantic") or set(merged["control"]) - {"expect", "factor", "value"}:
            faults.add('control must read { expect = "rounding" } or { expect = "semantic", factor = "…" }', where=where)
        else:
            control = Control(**merged["control"])
    modes = {mode for group in MODES.values() for mode in group}
    for mode in merged.get("modes", ()):
        if mode not in modes:
            faults.add(f"there is no mode {mode!r}", where=where, hint=nearest(str(mode), modes))
    if (compiled := merged.get("compile", False)) not in COMPILE:
        faults.add(f'compile must be true, false or "values", not {compiled!r}', where=where)
    for measurement in (*merged.get("measure", ()), *merged.get("measure_compiled", ())):
        if measurement not in MEASUREMENTS:
            faults.add(f"cannot measure {measurement!r}", where=where, hint=nearest(str(measurement), MEASUREMENTS))
    factors = factor_tables.load_factors(merged.get("factors", {}), f"{where}: factors", faults)
    if (subject := merged.get("candidates", "")) and subject not in subjects:
        faults.add(f"there are no candidates {subject!r}", where=where, hint=nearest(subject, subjects))
    factors = {**subjects.get(subject, {}), **factors}
    if len(faults.found) > before:
        return []
    case = Case(
        family=family,
        name=name,
        title=merged.get("title", name.replace("_", " ")),
        function=merged.get("function", name),
        inputs=inputs,
        parameters=merged.get("parameters", {}),
        dtypes=tuple(merged.get("dtypes", DTYPES)),
        derivatives=merged.get("derivatives", 0),
        elementwise=merged.get("elementwise", False),
        compile=COMPILE[merged.get("compile", False)],
        program=merged.get("program", False),
        own_float64=merged.get("own_float64", not merged.get("program", False)),
        constants=tuple(merged.get("constants", ())),
        outputs=tuple(merged.get("outputs", ())),
        claims=tuple(merged.get("claims", ())),
        control=control,
        factors=factors,
        modes=tuple(merged.get("modes", ())),
        modes_note=merged.get("modes_note", ""),
        measure=tuple(merged.get("measure", ())),
        measure_compiled=tuple(merged["measure_compiled"]) if "measure_compiled" in merged else None,
        drawn=merged.get("drawn", False),
        note=merged.get("note", ""),
    )
    made = [case, *factor_tables.aligned_cases(case)]
    if merged.get("special", False):
        made.append(
            replace(
                case,
                name=f"{name}.special",
                base=name,
                title=f"{case.title}, special values",
                special=True,
                derivatives=0,
                elementwise=False,
                compile="",
                claims=(),
                measure=(),
            )
        )
    return made


def _check_functions(folder: Path, cases: Iterable[Case], place: str, faults: Faults) -> None:
    """Every case needs its function in the reference and in each implementation file that exists."""
    wanted = {case.function: case.name for case in reversed(list(cases))}
    for file in ("reference.py", *IMPL_FILE.values()):
        path = folder / file
        if not path.is_file():
            if file == "reference.py":
                faults.add("needs a reference.py beside it", where=place)
            continue
        try:
            there = sources.functions(path)
        except LabError as error:
            faults.found.append(error)
            continue
        for function in sorted(set(wanted) - there):
            hint = f"The case {wanted[function]!r} of {place} needs it"
            faults.add(f"has no function {function!r}", where=str(folder.name + "/" + file), hint=hint)
    if not any((folder / file).is_file() for file in IMPL_FILE.values()):
        faults.add(f"needs at least one of {', '.join(IMPL_FILE.values())} beside it", where=place)
