"""From files to one checked, frozen ``Lab``; every fault at once, each with its place."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml

from replab import files, ids
from replab.config import environments, factors as factor_tables, functions, generators as kinds, subjects as subject_tables
from replab.config.faults import Faults, nearest
from replab.config.values import MOST, NAME_BYTES, check_texts, value_fault
from replab.config.variants import FILE as VARIANTS, load_variants
from replab.engines.gpus import gpus
from replab.engines.registry import get_engine
from replab.errors import ConfigError, ConfigErrors, LabError
from replab.model import DTYPES, IMPL_FILE, MODES, Case, Control, Family, Generator, Lab, Limits, Variant
from replab.results_folder import ResultsFolder
from replab.visible import shown, visible

POINTS = {"quick": 2**15, "full": 1_000_000}
"""Elements of an elementwise input: a first run has its answer in minutes, the whole matrix looks closely."""
DEVICES = ("auto", "cpu", "cuda")
"""What the key ``devices`` may say."""
MEASUREMENTS = ("time", "body_runs", "retrace", "memory", "debug", "accumulate")
"""What the probe can measure beside the outputs of a cell."""
FAMILY_FIELDS = ("title", "question", "generators", "subjects", "defaults", "leave_out", "variants", "light", "shards", "cases")
COMPILE: dict[object, Literal["", "values", "all"]] = {False: "", True: "all", "values": "values"}
"""What the field ``compile`` of a case may say."""
KINDS = tuple(kinds.KINDS)
"""Kinds of generators, one function of ``replab.run.inputs`` each (a test ties the two)."""
SETTINGS_LIMIT = 1 << 16
"""Bytes of ``config.yaml``: a reader of YAML in Python takes a second for these."""
HIGHEST = {"points": float(kinds.ELEMENTS), "cell_seconds": 86_400.0, "cell_memory_mb": float(2**24)}
"""The largest a number may be: an input's elements; a day, when a sandbox is ended whatever it does; 16 TiB."""
DERIVATIVES = 4
"""The highest order of derivatives: each is the gradient of the one before, so that its graph, its truth in balls and its time grow several
times with each order. No framework's users ask for more, and at order 10 certifying one case takes hours."""
SHARDS = 1000
"""Jobs that judge one family: each starts a process and reads tables."""
FACTORS = 32
"""Factors of one case: each is run alone and left out alone, which is two runs more per environment."""
INPUTS = 64
SPECIAL_INPUTS = 5
"""Inputs of a case with special values: all combinations of them are tried, 32 768 with five."""
PATH_BYTES = 1024
"""Bytes of a path: file systems end at 4096, and the lab's own names, of up to 200 bytes, come below."""
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
    "title": str,
    "function": str,
    "reference": str,
    "inputs": dict,
    "parameters": dict,
    "dtypes": list,
    "derivatives": int,
    "elementwise": bool,
    "special": bool,
    "compile": (bool, str),
    "program": bool,
    "own_float64": bool,
    "constants": list,
    "outputs": list,
    "claims": list,
    "control": dict,
    "note": str,
    "factors": dict,
    "subject": str,
    "plant": dict,
    "modes": list,
    "modes_note": str,
    "measure": list,
    "measure_compiled": list,
    "drawn": bool,
}


def read_config(path: Path) -> dict[str, Any]:
    """The user's settings as written in ``config.yaml``.

    Raises ``ConfigError`` when the file is missing or not YAML.
    """
    try:
        data = read_yaml(files.read_text(path, limit=SETTINGS_LIMIT))
    except FileNotFoundError:
        raise ConfigError("does not exist", where=str(path), hint="Run from the root of the repository") from None
    except ConfigError as error:
        raise error if error.where else error.within(str(path)) from None
    if not isinstance(data or {}, dict):
        raise ConfigError("must be a table of settings", where=str(path))
    return data or {}


def read_yaml(text: str) -> Any:
    """What a text in YAML says. Raises ``ConfigError`` for all that its reader cannot make a value of."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        said = "nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"is not valid YAML: {said}") from None


def path_fault(text: str) -> str:
    """Why a path cannot be that of results, caches, experiments or a site; nothing when it can.

    Blanks, quotes, ``$``, ``;``, ``&``, ``%``, ``#``, ``?`` and letters of any language are parts of names like others: they reach commands
    as data. Refused is what Snakemake reads as something else (braces are wildcards), what no log can show, and what commands read as an
    option.
    """
    if not text.strip():
        return "is empty"
    if visible(text, lines=False) != text:
        if any("\ud800" <= one <= "\udfff" for one in text):
            return "has bytes that are no text here: rename it, or use a locale with UTF-8, such as LC_ALL=C.UTF-8"
        return "has control characters or letters that cannot be seen"
    if found := sorted({one for one in text if one in "{}"}):
        return f"has {' and '.join(found)}, which Snakemake reads as a wildcard"
    if text.startswith(("-", "~")):
        return f"begins with {text[0]}, which commands and shells read as something else: write ./{text}, or the whole path"
    if len(text.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in Path(text).parts):
        return f"is too long: {PATH_BYTES} bytes at most, {NAME_BYTES} for one name"
    return ""


def folder_fault(path: Path) -> str:
    """Why there is no folder at ``path`` and none can be made, as far as can be told before anything starts; nothing when it can."""
    for place in (path, *path.parents):
        try:
            mode = place.stat().st_mode
        except FileNotFoundError:
            if place.is_symlink():
                return f"{place} is a link that leads nowhere"
            continue
        except (OSError, ValueError) as error:
            if isinstance(error, NotADirectoryError):
                continue  # the file in the way is one of the next
            return f"{place}: {getattr(error, 'strerror', None) or error}"
        return "" if stat.S_ISDIR(mode) else f"{place} is {files.kind_of(mode) or 'a file'}, not a folder"
    return "there is no such place"


def load_lab(config: Mapping[str, Any], root: Path, *, checked: bool = False) -> Lab:
    """The whole configuration: settings, environments, experiments.

    ``checked``: the workflow that starts a job has looked for every case's functions already; files that the job does not need stay closed.

    Raises ``ConfigErrors`` with every fault found.
    """
    faults = Faults()
    settings: dict[str, Any] = {**DEFAULTS, **config}
    place = "config"
    for key in settings.keys() - DEFAULTS.keys():
        faults.add(f"unknown key {shown(key)}", where=place, hint=nearest(key, DEFAULTS))
    faults.found.sort(key=str)
    if fault := path_fault(str(root)):
        faults.add(fault, where=f"the folder {root}")
        faults.raise_all()
    chosen: tuple[Any, ...] = ()
    try:
        known = environments.load_environments(root / "containers")
        chosen = environments.select(known, environments.load_groups(root / "containers"), settings["environments"])
    except ConfigErrors as errors:
        faults.found += errors.faults
    except LabError as error:
        faults.found.append(error)
    families = _load_families(settings, root, faults, checked=checked)
    coverage = settings["coverage"] if isinstance(settings["coverage"], str) else ""
    if coverage not in POINTS:
        faults.add(f"must be quick or full, not {shown(settings['coverage'])}", where=f"{place}: coverage")
        coverage = "quick"
    points = POINTS[coverage] if settings["points"] == "auto" else settings["points"]
    numbers = {"points": points, **{name: settings[name] for name in ("cell_seconds", "cell_memory_mb")}}
    for name, value in numbers.items():
        _check_number(value, f"{place}: {name}", faults, whole=name == "points", highest=HIGHEST[name])
    for name in ("results", "cache", "bases"):
        _check_path(settings[name], root, f"{place}: {name}", faults, folder=name != "bases")
    if not isinstance(settings["engine"], str) or not settings["engine"]:
        faults.add(f"must be a word, not {shown(settings['engine'])}", where=f"{place}: engine")
    else:
        try:
            get_engine(settings["engine"])
        except LabError as error:
            faults.found.append(error.within("config"))
    if settings["devices"] not in DEVICES:
        faults.add(f"must be {', '.join(DEVICES)}, not {shown(settings['devices'])}", where=f"{place}: devices")
    if settings["builder"] not in ("auto", *BUILDERS):
        faults.add(f"must be auto, {' or '.join(BUILDERS)}, not {shown(settings['builder'])}", where=f"{place}: builder")
    bases = root / str(settings["bases"])
    if not faults.found and settings["bases"] != DEFAULTS["bases"] and not bases.is_file():
        faults.add(f"there is no lock {settings['bases']}", where=f"{place}: bases", hint="Make it with 'replab bases build'")
    variants = _load_variants(settings["variants"], root / VARIANTS, faults)
    faults.raise_all()
    return Lab(
        root=root,
        results=ResultsFolder(root / settings["results"]),
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


def _check_number(value: object, where: str, faults: Faults, *, whole: bool, highest: float) -> None:
    """A positive number that is no more than a machine can mean."""
    if not kinds.is_finite(value) or not isinstance(value, int | float) or value <= 0:
        faults.add(f"must be a positive number, not {shown(value)}", where=where)
    elif value < 1 or (whole and value != int(value)):
        faults.add(f"must be {'a whole number' if whole else '1 or more'}, not {shown(value)}", where=where)
    elif value > highest:
        faults.add(f"must be at most {highest:.0f}, not {shown(value)}", where=where)


def _check_path(value: object, root: Path, where: str, faults: Faults, *, folder: bool) -> None:
    """A word that names a file, or a folder that is there or can be made."""
    if not isinstance(value, str) or not value:
        faults.add(f"must be a word, not {shown(value)}", where=where)
    elif fault := path_fault(value) or (folder_fault(root / value) if folder else ""):
        faults.add(fault, where=where, hint="Name another place" if folder else "")


def words(value: object) -> list[str]:
    """A setting that may be one word, several words in one string, or a list of words."""
    found = value.replace(",", " ").split() if isinstance(value, str) else value
    if isinstance(found, list | tuple) and all(isinstance(word, str) for word in found) and len(found) <= MOST:
        return list(found)
    raise ConfigError(f"must be a name or a list of names, not {shown(value)}")


def folders(value: object) -> list[str]:
    """The setting ``experiments``: a path, several with commas between them, or a list of paths; blanks are parts of paths."""
    found = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(part, str) for part in found) or len(found) > MOST:
        raise ConfigError(f"must be a folder or a list of folders, not {shown(value)}", where="experiments")
    if not found:
        raise ConfigError("names no folder", where="experiments", hint="Say where families lie: experiments=FOLDER")
    return list(found)


def _load_variants(wanted: object, path: Path, faults: Faults) -> tuple[Variant, ...]:
    known = load_variants(path, faults)
    try:
        names = words(wanted)
    except ConfigError as error:
        faults.found.append(error.within("config: variants"))
        return ()
    names = list(known) if names == ["all"] else list(dict.fromkeys(["default", *names]))
    for name in names:
        if name not in known:
            faults.add(f"there is no variant {shown(name)}", where="config: variants", hint=nearest(name, known))
    return tuple(known[name] for name in names if name in known)


def _load_families(settings: Mapping[str, Any], root: Path, faults: Faults, *, checked: bool) -> tuple[Family, ...]:
    try:
        places = folders(settings["experiments"])
        wanted = words(settings["families"])
    except ConfigError as error:
        faults.found.append(error.within("config"))
        return ()
    found: dict[str, Family] = {}
    there: dict[str, Path] = {}
    for text in dict.fromkeys(places):
        if fault := path_fault(text):
            faults.add(fault, where=f"config: experiments: {text}")
            continue
        try:
            paths = files.named(root / text, "experiment.toml") if (root / text).is_dir() else None
        except OSError as error:
            faults.add(f"cannot be read: {error.strerror}", where=str(root / text))
            continue
        if paths is None:
            faults.add("is not a folder of experiments", where=str(root / text), hint="Mend `experiments` in the configuration")
            continue
        for path in paths:
            name = path.parent.name
            if name in there:
                faults.add(f"the family {shown(name)} exists twice", where=str(path), hint=f"The other is {there[name]}")
            there[name] = path
    if not wanted:
        faults.add("no family is asked for", where="config: families", hint="Say all, or names of families")
    for name in sorted(there) if wanted == ["all"] else dict.fromkeys(wanted):
        if name not in there:
            faults.add(f"there is no family {shown(name)}", where="config: families", hint=nearest(name, there))
        elif (family := load_family(there[name], root, faults, checked=checked)) is not None:
            found[name] = family
    return tuple(found[name] for name in sorted(found))


def load_family(path: Path, root: Path, faults: Faults, *, checked: bool = False) -> Family | None:
    """One ``experiment.toml``; its faults are added to ``faults``. ``checked``: its functions are known to be there."""
    place = str(path.relative_to(root) if path.is_relative_to(root) else path)
    name = path.parent.name
    if fault := ids.check_name(name, "a family"):
        faults.found.append(fault.within(place))
    if name in (ids.ALL, ids.LIGHT):
        faults.add(f"a family cannot be called {name!r}", where=place, hint="The word stands for several families in the names of batches")
    try:
        data = files.read_toml(path, where=place)
    except FileNotFoundError:
        faults.add("does not exist", where=place)
        return None
    except ConfigError as error:
        if "overwrite" in error.problem or "twice" in error.problem:
            error.problem = error.problem.replace("is not valid TOML", "gives one name twice", 1)
            error.hint = "Two cases (or tables) of a family cannot have the same name"
        faults.found.append(error)
        return None
    for key in sorted(set(data) - set(FAMILY_FIELDS)):
        faults.add(f"unknown key {shown(key)}", where=place, hint=nearest(key, FAMILY_FIELDS))
    for key in ("variants", "light"):
        if not isinstance(data.get(key, False), bool):
            faults.add(f"{key} must be true or false", where=place)
    shards = data.get("shards", 0)
    if not kinds.is_whole(shards, 0, SHARDS):
        faults.add(f"shards must be a number of jobs, at most {SHARDS}, not {shown(shards)}", where=place)
        shards = 0
    for key in ("title", "question"):
        if not isinstance(data.get(key), str):
            faults.add(f"needs a {key}", where=place)
    for key in ("generators", "subjects", "defaults", "leave_out", "cases"):
        if not isinstance(data.get(key, {}), dict):
            faults.add("must be a table", where=f"{place}: {key}")
            return None
    generators = _load_generators(data.get("generators", {}), place, faults)
    modes = {mode for group in MODES.values() for mode in group}
    for mode in sorted(set(data.get("leave_out", {})) - modes):
        faults.add(f"there is no mode {shown(mode)}", where=f"{place}: leave_out", hint=nearest(mode, modes))
    for mode, reason in data.get("leave_out", {}).items():
        if not isinstance(reason, str) or not reason:
            faults.add(f"needs a reason in words, not {shown(reason)}", where=f"{place}: leave_out.{mode}")
    if not data.get("cases"):
        faults.add("has no cases", where=place)
    subjects = subject_tables.load_subjects(data.get("subjects", {}), place, CASE_FIELDS, faults)
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
            faults.add(f"there is no kind {shown(options['kind'])}", where=where, hint=nearest(options["kind"], KINDS))
        else:
            rest = {key: value for key, value in options.items() if key != "kind"}
            for option, problem in kinds.faults(options["kind"], rest):
                faults.add(problem, where=f"{where}.{option}" if option else where)
            generators[name] = Generator(name=name, kind=options["kind"], options=rest)
    return generators


def _load_case(
    family: str,
    name: str,
    fields: object,
    defaults: Mapping[str, Any],
    generators: Mapping[str, Generator],
    subjects: Mapping[str, subject_tables.Subject],
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
    completed, shared_factors = subject_tables.complete(fields, defaults, subjects, where, faults)
    merged: dict[str, Any] = completed
    for key, value in merged.items():
        if key not in CASE_FIELDS:
            faults.add(f"unknown key {shown(key)}", where=where, hint=nearest(key, CASE_FIELDS))
        elif not isinstance(value, CASE_FIELDS[key]) or (isinstance(value, bool) and CASE_FIELDS[key] is int):
            faults.add(f"{key} must be a {getattr(CASE_FIELDS[key], '__name__', 'value')}, not {shown(value)}", where=where)
        elif isinstance(value, list):
            check_texts(value, f"{where}: {key}", faults)
    if len(faults.found) > before:
        return []
    inputs: dict[str, Generator] = {}
    for argument, generator in merged.get("inputs", {}).items():
        if not argument.isidentifier():
            faults.add(f"{shown(argument)} is no name for an input", where=where, hint="Use letters, digits and '_'")
        elif isinstance(generator, dict):
            inputs |= _load_generators({argument: generator}, where, faults)
        elif not isinstance(generator, str) or generator not in generators:
            hint = nearest(generator, generators)
            faults.add(f"input {argument!r} names no generator {shown(generator)}", where=where, hint=hint)
        else:
            inputs[argument] = generators[generator]
    if not merged.get("inputs"):
        faults.add("needs inputs", where=where)
    limit = SPECIAL_INPUTS if merged.get("special", False) else INPUTS
    if len(merged.get("inputs", {})) > limit:
        why = ", of which all combinations of special values are tried" if merged.get("special", False) else ""
        faults.add(f"has {len(merged['inputs'])} inputs{why}, and may have {limit}", where=where)
    if "dtypes" in merged and not merged["dtypes"]:
        faults.add("dtypes is empty: nothing would be run", where=where, hint=f"Known: {', '.join((*DTYPES, *INTEGER_DTYPES))}")
    for dtype in merged.get("dtypes", DTYPES):
        if dtype not in (*DTYPES, *INTEGER_DTYPES):
            faults.add(f"there is no dtype {dtype!r}", where=where, hint=nearest(str(dtype), (*DTYPES, *INTEGER_DTYPES)))
    if not 0 <= merged.get("derivatives", 0) <= DERIVATIVES:
        faults.add(f"derivatives must be 0 to {DERIVATIVES}, not {shown(merged['derivatives'])}", where=where)
    _check_inputs(merged, inputs, where, faults)
    for constant in merged.get("constants", []):
        if constant not in merged.get("inputs", {}):
            faults.add(f"constants names no input {constant!r}", where=where)
    for key in ("function", "reference", "title"):
        if key in merged and not (merged[key] if key == "title" else merged[key].isidentifier()):
            faults.add(f"{key} cannot be {shown(merged[key])}", where=where)
    for output in merged.get("outputs", ()):
        if not output.isidentifier():
            faults.add(f"{shown(output)} is no name for an output", where=where, hint="Use letters, digits and '_'")
    for parameter, value in merged.get("parameters", {}).items():
        if not parameter.isidentifier():
            faults.add(f"{shown(parameter)} is no name for a parameter", where=where, hint="It becomes a keyword argument")
        elif problem := value_fault(value):
            faults.add(problem, where=f"{where}: parameters.{parameter}")
    control = _load_control(merged["control"], where, faults) if "control" in merged else None
    modes = {mode for group in MODES.values() for mode in group}
    for mode in merged.get("modes", ()):
        if mode not in modes:
            faults.add(f"there is no mode {mode!r}", where=where, hint=nearest(str(mode), modes))
    if (compiled := merged.get("compile", False)) not in COMPILE:
        faults.add(f'compile must be true, false or "values", not {shown(compiled)}', where=where)
    for measurement in (*merged.get("measure", ()), *merged.get("measure_compiled", ())):
        if measurement not in MEASUREMENTS:
            faults.add(f"cannot measure {measurement!r}", where=where, hint=nearest(str(measurement), MEASUREMENTS))
    factors = factor_tables.load_factors(merged.get("factors", {}), f"{where}: factors", faults)
    factors = {**shared_factors, **factors}
    if len(factors) > FACTORS:
        faults.add(f"has {len(factors)} factors, and may have {FACTORS}", where=where)
    for factor, choice in factors.items():
        for value in (choice.aligned, *choice.sides.values(), *choice.alternatives):
            if problem := value_fault(value):
                faults.add(problem, where=f"{where}: factors.{factor}")
    if len(faults.found) > before:
        return []
    function = merged.get("function", name)
    case = Case(
        family=family,
        name=name,
        title=merged.get("title", name.replace("_", " ")),
        function=merged.get("reference", function),
        implemented_as=function if merged.get("reference", function) != function else "",
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


def _check_inputs(fields: Mapping[str, Any], inputs: Mapping[str, Generator], where: str, faults: Faults) -> None:
    """Inputs that are too large together, or that would be empty in one of the case's dtypes."""
    total = 0
    dtypes = [one for one in fields.get("dtypes", DTYPES) if one in (*DTYPES, *INTEGER_DTYPES)]
    for name, generator in inputs.items():
        if any(True for _ in kinds.faults(generator.kind, generator.options)):
            continue  # told where it is declared
        total += kinds.size(generator.kind, generator.options)
        if generator.kind == "float_range" and (
            fault := kinds.empty_window(generator.options, dtypes, derivatives=fields.get("derivatives", 0) > 0)
        ):
            faults.add(fault, where=f"{where}: {name}")
    if total > kinds.ELEMENTS:
        faults.add(f"its inputs have {total} elements, and may have {kinds.ELEMENTS}", where=where)


def _load_control(fields: Mapping[str, Any], where: str, faults: Faults) -> Control | None:
    sound = fields.get("expect") in ("rounding", "semantic") and not set(fields) - {"expect", "factor", "value"}
    if not sound or not isinstance(fields.get("factor", ""), str):
        faults.add('control must read { expect = "rounding" } or { expect = "semantic", factor = "…" }', where=where)
        return None
    if fault := value_fault(fields.get("value", "")):
        faults.add(fault, where=f"{where}: control.value")
    return Control(**fields)


def _check_functions(folder: Path, cases: Iterable[Case], place: str, faults: Faults) -> None:
    """Every case needs its function in the reference and in each implementation file that exists."""
    last_first = list(cases)[::-1]
    of_reference = {case.function: case.name for case in last_first}
    of_implementations = {case.implementation: case.name for case in last_first}
    for file in ("reference.py", *IMPL_FILE.values()):
        path = folder / file
        if not files.is_there(path):
            if file == "reference.py":
                faults.add("needs a reference.py beside it", where=place)
            continue
        try:
            there = functions.functions(path)
        except FileNotFoundError:
            faults.add("is a link that leads nowhere", where=str(path))
            continue
        except LabError as error:
            faults.found.append(error)
            continue
        wanted = of_reference if file == "reference.py" else of_implementations
        for function in sorted(set(wanted) - there):
            hint = f"The case {wanted[function]!r} of {place} needs it"
            faults.add(f"has no function {function!r}", where=str(folder.name + "/" + file), hint=hint)
    if not any(files.is_there(folder / file) for file in IMPL_FILE.values()):
        faults.add(f"needs at least one of {', '.join(IMPL_FILE.values())} beside it", where=place)
