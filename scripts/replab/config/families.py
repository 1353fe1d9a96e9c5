"""Reads ``experiments/*/experiment.toml``: families of cases, and whether their functions are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from replab import files, ids
from replab.config import functions, implementations, own_modules, parsed
from replab.config.cases import FIELDS as CASE_FIELDS, CaseReader, load_generators
from replab.config.faults import Faults
from replab.config.generators import is_whole
from replab.config.records import fields_of
from replab.config.settings import BUILT_IN, DEFAULTS, folders, path_fault, words
from replab.config.subjects import load_subjects
from replab.errors import ConfigError, LabError
from replab.model import IMPL_FILE, MODES, Case, Family
from replab.texts import nearest
from replab.visible import shown

MADE = ("name", "folder", "reference_run")
"""What the lab finds out about a family, so that its table does not say it."""
FIELDS = (*fields_of(Family, made=MADE), "generators", "subjects", "defaults")
"""What a family may say: what its record holds, and what its cases have in common."""
NEW = "A family is a folder with an experiment.toml; 'replab new' makes one"
SHARDS = 1000
"""Jobs that judge one family: each starts a process and reads tables."""


def load_families(
    settings: Mapping[str, object], root: Path, folder: Path, faults: Faults, *, checked: bool
) -> tuple[tuple[Family, ...], tuple[LabError, ...]]:
    """The families that the settings name, of folders of experiments below ``folder`` or those of ``root``, sorted by name.

    And why others are left out: where all are asked for, a file that is no Python (somebody is writing it) costs its own family alone.
    """
    try:
        places = folders(settings["experiments"])
        wanted = words(settings["families"])
    except ConfigError as error:
        faults.errors.append(error.within("config"))
        return (), ()
    families, before = dict[str, Family](), len(faults.errors)
    paths_by_name: dict[str, Path] = {}
    left_out: list[LabError] = []
    for text in dict.fromkeys(places):
        if fault := path_fault(text):
            faults.add(fault, where=f"config: experiments: {text}")
            continue
        home = root / "experiments" if text == BUILT_IN else folder / text
        try:
            paths = files.named(home, "experiment.toml") if home.is_dir() else None
        except OSError as error:
            faults.add(f"cannot be read: {error.strerror}", where=str(home))
            continue
        if paths is None:
            faults.add("is not a folder of experiments", where=str(home), hint="Mend `experiments` in the configuration")
            continue
        for path in paths:
            name = path.parent.name
            if name in paths_by_name:
                faults.add(f"the family {shown(name)} exists twice", where=str(path), hint=f"The other is {paths_by_name[name]}")
            paths_by_name[name] = path
    if not paths_by_name and places != DEFAULTS["experiments"] and len(faults.errors) == before:
        faults.add("there are no families in this folder", where=f"config: experiments: {', '.join(places)}", hint=NEW)
    if not wanted:
        faults.add("no family is asked for", where="config: families", hint="Say all, or names of families")
    for name in sorted(paths_by_name) if wanted == ["all"] else dict.fromkeys(wanted):
        if name not in paths_by_name:
            faults.add(f"there is no family {shown(name)}", where="config: families", hint=nearest(name, paths_by_name))
            continue
        family_faults = Faults()
        family = load_family(paths_by_name[name], folder, family_faults, checked=checked)
        if wanted == ["all"] and family_faults.errors and all(fault.problem.startswith(parsed.NO_CODE) for fault in family_faults.errors):
            left_out += family_faults.errors
            continue
        faults.errors += family_faults.errors
        if family is not None:
            families[name] = family
    if left_out and not families:
        faults.errors += left_out
    return tuple(families[name] for name in sorted(families)), tuple(left_out)


def load_family(path: Path, root: Path, faults: Faults, *, checked: bool = False) -> Family | None:
    """One ``experiment.toml``; its faults are added to ``faults``. ``checked``: its functions are known to be there."""
    file = str(path.relative_to(root) if path.is_relative_to(root) else path)
    name = path.parent.name
    if fault := ids.check_name(name, "a family"):
        faults.errors.append(fault.within(file))
    if name in (ids.ALL, ids.LIGHT):
        faults.add(f"a family cannot be called {name!r}", where=file, hint="The word stands for several families in the names of batches")
    try:
        data = files.read_toml(path, where=file)
    except FileNotFoundError:
        faults.add("does not exist", where=file)
        return None
    except ConfigError as error:
        if "overwrite" in error.problem or "twice" in error.problem:
            error.problem = error.problem.replace("is not valid TOML", "gives one name twice", 1)
            error.hint = "Two cases (or tables) of a family cannot have the same name"
        faults.errors.append(error)
        return None
    for key in sorted(set(data) - set(FIELDS)):
        faults.add(f"unknown key {shown(key)}", where=file, hint=nearest(key, FIELDS))
    for key in ("variants", "light"):
        if not isinstance(data.get(key, False), bool):
            faults.add(f"{key} must be true or false", where=file)
    shards = data.get("shards", 0)
    if not is_whole(shards, 0, SHARDS):
        faults.add(f"shards must be a number of jobs, at most {SHARDS}, not {shown(shards)}", where=file)
        shards = 0
    for key in ("title", "question"):
        if not isinstance(data.get(key), str):
            faults.add(f"needs a {key}", where=file)
    for key in ("generators", "subjects", "defaults", "leave_out", "cases"):
        if not isinstance(data.get(key, {}), dict):
            faults.add("must be a table", where=f"{file}: {key}")
            return None
    generators = load_generators(data.get("generators", {}), file, faults, path.parent)
    modes = {mode for group in MODES.values() for mode in group}
    for mode in sorted(set(data.get("leave_out", {})) - modes):
        faults.add(f"there is no mode {shown(mode)}", where=f"{file}: leave_out", hint=nearest(mode, modes))
    for mode, reason in data.get("leave_out", {}).items():
        if not isinstance(reason, str) or not reason:
            faults.add(f"needs a reason in words, not {shown(reason)}", where=f"{file}: leave_out.{mode}")
    if not data.get("cases"):
        faults.add("has no cases", where=file)
    subjects = load_subjects(data.get("subjects", {}), file, CASE_FIELDS, faults)
    cases: list[Case] = []
    defaults = data.get("defaults", {})
    reader = CaseReader(
        family=name, folder=path.parent, file=file, defaults=defaults, generators=generators, subjects=subjects, faults=faults
    )
    for case_name, fields in data.get("cases", {}).items():
        cases += reader.read(case_name, fields)
    if not checked:
        _check_functions(path.parent, cases, file, faults)
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
        reference_run=implementations.is_reference_run(path.parent, cases),
    )


def _check_functions(folder: Path, cases: Iterable[Case], family_file: str, faults: Faults) -> None:
    """Every case needs its function in the reference and in each implementation file that exists; NumPy can run that of the reference."""
    last_first = list(cases)[::-1]
    of_reference = {case.function: case for case in last_first}
    of_implementations = {case.implementation: case for case in last_first}
    for file in ("reference.py", *IMPL_FILE.values()):
        path = folder / file
        if not files.is_there(path):
            if file == "reference.py":
                faults.add("needs a reference.py beside it", where=family_file)
            continue
        try:
            defined = functions.functions(path)
            own_modules.of_file(path)  # that those are Python, too
        except FileNotFoundError:
            faults.add("is a link that leads nowhere", where=str(path))
            continue
        except LabError as error:
            faults.errors.append(error)
            continue
        wanted = of_reference if file == "reference.py" else of_implementations
        for function in sorted(set(wanted) - defined):
            why = ""
            if file == IMPL_FILE["numpy"] and not (why := implementations.fault(folder, wanted[function])):
                continue
            hint = f"The case {wanted[function].name!r} of {family_file} needs it"
            faults.add(f"has no function {function!r}{why and ', '}{why}", where=str(folder.name + "/" + file), hint=hint)
    if not any(files.is_there(folder / file) for file in IMPL_FILE.values()) and not implementations.is_reference_run(folder, last_first):
        *names, last = IMPL_FILE.values()
        faults.add(f"needs {', '.join(names)} or {last} beside it: NumPy cannot run its reference", where=family_file)
