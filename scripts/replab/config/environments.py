"""Reads ``containers/*/env.toml`` and ``containers/groups.toml``: which environments there are, and their names for sets of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from replab import files
from replab.config.values import MOST
from replab.errors import ConfigError, ConfigErrors, LabError
from replab.model import FRAMEWORKS, MODES, Cuda, Environment
from replab.texts import nearest_of_all
from replab.visible import shown

EVERYTHING = "all"
"""The group that needs no entry in ``groups.toml``: every environment with a CPU build."""

DEVICES = ("cpu", "cuda")

HIGHEST_ORDER = 10**6

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")  # a name is part of ids and of file names
_PYTHON = re.compile(r"3\.\d{1,2}")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+((a|b|rc)[0-9]+)?(\.?(post|dev)[0-9]+)?")  # what ranges of versions are compared with
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_REQUIREMENT = re.compile(r"--no-binary [A-Za-z0-9._-]+|[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]+\])?\s*([<>=!~]=?.*)?")
_BASE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_CAPABILITY = re.compile(r"\d{1,2}\.\d")
_DRIVER = re.compile(r"\d{3}(\.\d+)*")
_REQUIRED = ("framework", "version", "python", "modes", "order")
_OPTIONAL = ("requirements", "devices", "index", "variables", "note", "base", "cuda")
_CUDA_REQUIRED = ("architectures", "driver")
_CUDA_OPTIONAL = ("ptx", "base", "requirements")


def folders_of(root: Path, folder: Path) -> tuple[Path, ...]:
    """Where environments are asked for: by the lab itself, and by its user beside it."""
    users_folder = folder / "containers"
    return (root / "containers", users_folder) if folder != root and users_folder.is_dir() else (root / "containers",)


def own_folders(root: Path, folder: Path) -> tuple[Path, ...]:
    """The same, where the last one is the folder that a user's own environments are written to, whether it exists or not."""
    return (root / "containers", folder / "containers") if folder != root else (root / "containers",)


def load_environments(*containers: Path) -> tuple[Environment, ...]:
    """Every environment under the folders ``containers``, by framework and then oldest first; groups are those of the first folder.

    Raises ``ConfigErrors`` with every fault of every file.
    """
    faults: list[LabError] = []
    try:
        declared = [_environment(file, faults) for folder in containers for file in files.named(folder, "env.toml")]
    except OSError:
        declared = []
    environments = sorted((e for e in declared if e is not None), key=lambda e: (FRAMEWORKS.index(e.framework), e.order, e.name))
    if not declared:
        faults.append(ConfigError("no environment is defined", where=str(containers[0]), hint="Expected containers/NAME/env.toml"))
    for pair in itertools.pairwise(environments):
        if len({(environment.framework, environment.order) for environment in pair}) == 1:
            first, second = sorted(
                pair, key=lambda e: (e.folder.parent != containers[0], e.name)
            )  # a user's file yields to that of the lab
            taken = f"{second.order} is taken by {first.name} already"
            faults.append(
                ConfigError(taken, where=f"{_where(second.folder / 'env.toml')}: order", hint="Give each version an order of its own")
            )
    names = [environment.name for environment in environments]
    faults += [
        ConfigError(f"the environment {name!r} exists twice", where=str(containers[-1] / name), hint="Give yours another name")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    groups = _groups(containers[0], environments, faults, complete=not faults)
    if faults:
        raise ConfigErrors(faults)
    return tuple(replace(e, groups=tuple(sorted(name for name, members in groups.items() if e.name in members))) for e in environments)


def load_groups(*containers: Path) -> Mapping[str, tuple[str, ...]]:
    """The environment names of each group, in the order of ``load_environments``; raises ``ConfigErrors`` like it."""
    environments = load_environments(*containers)
    names = sorted({group for environment in environments for group in environment.groups})
    return {name: tuple(e.name for e in environments if name in e.groups) for name in names}


def select(environments: Sequence[Environment], groups: Mapping[str, Sequence[str]], wanted: object) -> tuple[Environment, ...]:
    """The environments that ``wanted`` names, each once, in the order of ``environments``.

    ``wanted`` is a group, an environment, several of them separated by commas or spaces, or a list of such texts.
    Raises ``ConfigErrors`` with every unknown name.
    """
    texts = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        hint = "For example core, or tf-1.15,torch-2.13" if wanted is not None else "Nothing stands behind the name of the setting"
        raise ConfigError(f"must be names of environments or groups, not {shown(wanted)}", where="environments", hint=hint)
    words = [word for text in texts for word in re.split(r"[,\s]+", text.strip()) if word]
    members_of = {e.name: (e.name,) for e in environments} | {name: tuple(members) for name, members in groups.items()}
    faults: list[LabError] = [_unknown(word, members_of) for word in dict.fromkeys(words) if word not in members_of]
    if not words:
        faults.append(ConfigError("no environment is asked for", where="environments", hint=nearest_of_all("", members_of)))
    if faults:
        raise ConfigErrors(faults)
    chosen = {name for word in words for name in members_of[word]}
    return tuple(e for e in environments if e.name in chosen)


def _unknown(word: str, names: Iterable[str]) -> ConfigError:
    return ConfigError(f"unknown environment or group {shown(word)}", where="environments", hint=nearest_of_all(word, names))


def _where(file: Path) -> str:
    """The file as readers know it, whatever the root: ``containers/tf-1.15/env.toml``."""
    return "/".join(file.parts[-3:]) if file.name == "env.toml" else "/".join(file.parts[-2:])


def _read(file: Path, faults: list[LabError]) -> dict[str, object] | None:
    try:
        return files.read_toml(file, where=_where(file))
    except FileNotFoundError:
        faults.append(ConfigError("does not exist", where=_where(file)))
    except LabError as error:
        faults.append(error)
    return None


def _environment(file: Path, faults: list[LabError]) -> Environment | None:
    table = _read(file, faults)
    if table is None:
        return None
    before = len(faults)
    keys = _Keys(table, _where(file), faults)
    keys.only(_REQUIRED, _OPTIONAL)
    name = file.parent.name
    if not _NAME.fullmatch(name):
        faults.append(
            ConfigError(f"'{name}' is no name for an environment", where=_where(file), hint="Use a-z, 0-9, '.', '_', '-'; 40 at most")
        )
    framework = keys.one_of("framework", FRAMEWORKS)
    version = keys.text("version", _VERSION, "a version such as 2.21.0")
    python = keys.text("python", _PYTHON, "a minor version such as 3.11")
    requirements = keys.texts("requirements", _REQUIREMENT, "NAME==VERSION or '--no-binary NAME'")
    modes = () if keys.table.get("modes") == [] else keys.some_of("modes", MODES.get(framework, ()))  # none: it computes no cells
    devices = keys.some_of("devices", DEVICES) if "devices" in table else ("cpu",)
    _pins_the_framework(keys, requirements, version if framework else "")
    if "requirements" not in table and "cpu" in devices:
        keys.fault("requirements", "this key is missing")
    cuda = _cuda(keys, version if framework else "") if "cuda" in table else None
    if ("cuda" in devices) != ("cuda" in table) and len(faults) == before:
        hint = "An environment with a table [cuda] has 'cuda' among its devices, and the other way round"
        keys.fault("devices", f"{', '.join(devices)} {'without' if 'cuda' in devices else 'with'} a table [cuda]", hint)
    environment = Environment(
        name=name,
        framework=framework,
        version=version,
        python=python,
        modes=modes,
        requirements=requirements,
        order=keys.whole_number("order"),
        devices=devices,
        index=keys.text("index", re.compile(r"https?://\S+"), "a URL") if "index" in table else "",
        variables=keys.variables("variables") if "variables" in table else {},
        note=keys.text("note", re.compile(r".*", re.DOTALL), "a text") if "note" in table else "",
        folder=file.parent,
        base=keys.text("base", _BASE, "the key of a base image in containers/bases.toml") if "base" in table else "",
        cuda=cuda,
    )
    return environment if len(faults) == before else None


def _pins_the_framework(keys: _Keys, requirements: Sequence[str], version: str) -> None:
    """Notes a fault where no requirement says the version with ``==``."""
    if version and requirements and not any(re.search(rf"=={re.escape(version)}(\+|\s|;|$)", line) for line in requirements):
        keys.fault("requirements", f"none of them pins the framework to {version}", "Add a line with '==' and that version")


def _cuda(outer: _Keys, version: str) -> Cuda | None:
    """The table ``[cuda]``."""
    table = outer.table["cuda"]
    if not isinstance(table, dict):
        outer.fault("cuda", f"{shown(table)} is not a table")
        return None
    keys = _Keys(table, f"{outer.where}: cuda", outer.faults)
    keys.only(_CUDA_REQUIRED, _CUDA_OPTIONAL)
    requirements = keys.texts("requirements", re.compile(_REQUIREMENT), "NAME==VERSION or '--no-binary NAME'")
    _pins_the_framework(keys, requirements, version)
    return Cuda(
        architectures=keys.texts("architectures", _CAPABILITY, "a compute capability such as 8.0"),
        driver=keys.text("driver", _DRIVER, "a driver version such as 525"),
        ptx=keys.text("ptx", _CAPABILITY, "a compute capability such as 9.0") if "ptx" in table else "",
        base=keys.text("base", _BASE, "the key of a base image in containers/bases.toml") if "base" in table else "",
        requirements=requirements,
    )


def _groups(containers: Path, environments: Sequence[Environment], faults: list[LabError], *, complete: bool) -> dict[str, tuple[str, ...]]:
    """The groups of ``groups.toml`` and ``all``; members are looked up only if every environment could be read."""
    file = containers / "groups.toml"
    table = (_read(file, faults) or {}) if files.is_there(file) else {}
    keys = _Keys(table, _where(file), faults)
    environment_names = [e.name for e in environments]
    groups = {EVERYTHING: tuple(e.name for e in environments if "cpu" in e.devices)}
    for name in table:
        if name == EVERYTHING or name in environment_names:
            keys.fault(name, "this name is taken", f"'{EVERYTHING}' is made by the lab, and a group may not be named like an environment")
        elif not _NAME.fullmatch(name):
            keys.fault(name, "no name for a group", "Use a-z, 0-9, '.', '_', '-'; 40 at most")
        members = keys.texts(name, _NAME, "the name of an environment")
        for member in members if complete else ():
            if member not in environment_names:
                keys.fault(name, f"unknown environment '{member}'", nearest_of_all(member, environment_names))
        groups.setdefault(name, members)
    return groups


class _Keys:
    """Reads one table key by key; a fault is noted with its place and an empty value of the right type is returned."""

    def __init__(self, table: Mapping[str, object], where: str, faults: list[LabError]) -> None:
        self.table, self.where, self.faults = table, where, faults

    def fault(self, key: str, problem: str, hint: str = "") -> None:
        self.faults.append(ConfigError(problem, where=f"{self.where}: {key}", hint=hint))

    def only(self, required: Sequence[str], optional: Sequence[str]) -> None:
        """Notes keys that are missing or unknown."""
        allowed = (*required, *optional)
        for key in self.table:
            if key not in allowed:
                self.fault(key, "unknown key", nearest_of_all(key, allowed))
        for key in required:
            if key not in self.table:
                self.fault(key, "this key is missing")

    def text(self, key: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.table.get(key)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        if key in self.table:
            self.fault(key, f"{shown(value)} is not {expected}")
        return ""

    def one_of(self, key: str, allowed: Sequence[str]) -> str:
        value = self.table.get(key)
        if isinstance(value, str) and value in allowed:
            return value
        if key in self.table:
            self.fault(key, f"unknown value {shown(value)}", nearest_of_all(str(value), allowed))
        return ""

    def texts(self, key: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
        value = self.table.get(key)
        if key not in self.table:
            return ()
        if isinstance(value, list) and len(value) > MOST:
            self.fault(key, f"has {len(value)} entries, and may have {MOST}")
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            self.fault(key, f"{shown(value)} is not a list of texts with at least one entry")
            return ()
        for item in dict.fromkeys(value):
            if not pattern.fullmatch(item):
                self.fault(key, f"{shown(item)} is not {expected}")
            elif value.count(item) > 1:
                self.fault(key, f"{shown(item)} stands there more than once")
        return tuple(dict.fromkeys(value))

    def some_of(self, key: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """A list of distinct members of ``allowed``; nothing is looked up when ``allowed`` is empty (its own fault is noted elsewhere)."""
        values = self.texts(key, re.compile(r"\S+"), "one word")
        for value in values:
            if allowed and value not in allowed:
                self.fault(key, f"unknown value {shown(value)}", nearest_of_all(value, allowed))
        return values

    def whole_number(self, key: str) -> int:
        value = self.table.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_ORDER:
            return value
        if key in self.table:
            self.fault(key, f"{shown(value)} is not a whole number from 0 up to {HIGHEST_ORDER}")
        return 0

    def variables(self, key: str) -> dict[str, str]:
        value = self.table.get(key)
        if isinstance(value, dict) and all(
            _VARIABLE.fullmatch(name) and isinstance(text, str) and text.isprintable() for name, text in value.items()
        ):
            return {name: str(text) for name, text in value.items()}
        self.fault(key, f"{shown(value)} is not a table of printable texts with names such as TF_NAME")
        return {}
