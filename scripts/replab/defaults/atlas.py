"""The defaults atlas: what the frameworks do when they are not told, read in every environment and compared.

``experiments/defaults/atlas.toml`` declares paired APIs; ``scripts/sandbox/atlas/introspect.py`` reads the real values inside a
sandbox; this module checks the first, runs the second, and makes rows of what was found, steps between versions and differences between
frameworks.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from replab import contained, files, ids, resources, texts
from replab.config.faults import Faults
from replab.engines.base import Engine
from replab.engines.run_once import TIMED_OUT, run_once
from replab.engines.sandbox import Built, Sandbox
from replab.errors import ConfigError, EnvironmentUnavailable, LabError
from replab.model import FRAMEWORKS, IMPORT_SECONDS, Environment, Lab
from replab.store import ledger
from replab.store.rows import DEFAULTS, DefaultRow
from replab.texts import nearest

ATLAS = Path("experiments/defaults/atlas.toml")
"""Where the atlas lies, below the root of the lab."""
SCRIPT = resources.SANDBOX / "atlas" / "introspect.py"
"""What reads the defaults; apart from the probe, whose every change makes all results stale."""
WAYS = ("signature", "config", "instance", "result", "source")
"""How a value may be read; the functions of the same names are in ``introspect.py``."""
CALLED = ("config", "instance", "result")
"""Ways that call the API, and so need its arguments."""
CONVERSIONS = ("one_minus", "negate", "square", "not")
ROOTS = {"tensorflow": "tf", "torch": "torch", "numpy": "numpy"}
READ, REQUIRED, ABSENT = "read", "required", "absent"
"""A value was found; there is such a parameter without a default; there is no such API or parameter in this version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One framework's part of an API."""

    names: tuple[str, ...]
    """Dotted names, the preferred one first."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    operator: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a parameter is called in one framework, and how its default is read."""

    way: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter that means the same in several frameworks."""

    name: str
    readings: Mapping[str, Reading]
    compare: Mapping[str, Any]
    """By framework: how its value becomes comparable to that of the others."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """One API as its users know it, in two frameworks at least."""

    name: str
    title: str
    group: str
    sides: Mapping[str, Side]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A default that is not the same in two neighbouring versions of one framework."""

    api: str
    parameter: str
    framework: str
    older: str
    """The name of the environment."""
    newer: str
    before: str
    """The value, or ``required`` or ``absent``."""
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A default that differs between the newest versions of two frameworks."""

    api: str
    parameter: str
    left: str
    """The name of the environment."""
    right: str
    left_value: str
    right_value: str
    note: str


# --- the atlas ---------------------------------------------------------------------------------------------------------------------------


def load(path: Path) -> tuple[Api, ...]:
    """The atlas, in the order of the file.

    Raises ``ConfigErrors`` with every fault of the file.
    """
    faults = Faults()
    place = "/".join(path.parts[-2:])
    data: dict[str, Any] = {}
    try:
        data = files.read_toml(path, where=place)
    except FileNotFoundError:
        faults.add("does not exist", where=place)
    except ConfigError as error:
        faults.found.append(error)
    atlas = tuple(api for name, fields in data.items() if (api := _api(name, fields, f"{place}: {name}", faults)) is not None)
    faults.raise_all()
    return atlas


def _api(name: str, fields: object, where: str, faults: Faults) -> Api | None:
    before = len(faults.found)
    if fault := ids.check_name(name, "an API"):
        faults.found.append(fault.within(where))
    if not isinstance(fields, dict):
        faults.add("must be a table", where=where)
        return None
    known = ("title", "group", "parameters", *FRAMEWORKS)
    for key in sorted(set(fields) - set(known)):
        faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, known))
    for key in ("title", "group"):
        if not isinstance(fields.get(key), str):
            faults.add(f"needs a {key}", where=where)
    sides = {key: _side(key, fields[key], f"{where}.{key}", faults) for key in FRAMEWORKS if key in fields}
    if len(sides) < 2:
        faults.add("needs two frameworks at least", where=where, hint=f"Known: {', '.join(FRAMEWORKS)}")
    parameters = fields.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        faults.add("needs parameters", where=where)
        return None
    found = tuple(_parameter(key, value, sides, f"{where}.parameters.{key}", faults) for key, value in parameters.items())
    if len(faults.found) > before:
        return None
    return Api(name=name, title=fields["title"], group=fields["group"], sides=sides, parameters=found)


def _side(framework: str, value: object, where: str, faults: Faults) -> Side:
    table = value if isinstance(value, dict) else {"names": value}
    for key in sorted(set(table) - {"names", "arguments", "operator"}):
        faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, ("names", "arguments", "operator")))
    names = _texts(table.get("names"), where, faults)
    for name in names:
        if not name.startswith(ROOTS[framework] + "."):
            faults.add(f"{name!r} does not begin with '{ROOTS[framework]}.'", where=where)
    arguments = table.get("arguments", {})
    if not isinstance(arguments, dict):
        faults.add("arguments must be a table", where=where)
        arguments = {}
    return Side(names=names, arguments=arguments, operator=str(table.get("operator", "")))


def _parameter(name: str, fields: object, sides: Mapping[str, Side], where: str, faults: Faults) -> Parameter:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        faults.add(f"{name!r} is no name for a parameter", where=where, hint="Use a-z, 0-9 and '_'")
    if not isinstance(fields, dict):
        faults.add("must be a table", where=where)
        return Parameter(name=name, readings={}, compare={})
    known = ("compare", "note", *FRAMEWORKS)
    for key in sorted(set(fields) - set(known)):
        faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, known))
    readings = {}
    for key in FRAMEWORKS:
        if key in fields and key not in sides:
            faults.add(f"the API has no side {key!r}", where=where)
        elif key in fields:
            readings[key] = _reading(fields[key], f"{where}.{key}", faults)
    if not readings:
        faults.add("names no framework", where=where)
    compare = fields.get("compare", {})
    if not isinstance(compare, dict):
        faults.add("compare must be a table", where=where)
        compare = {}
    for key, how in compare.items():
        if key not in readings:
            faults.add(f"compare names {key!r}, where the parameter has no name", where=where)
        elif not isinstance(how, dict) and how not in CONVERSIONS:
            faults.add(f"there is no conversion {how!r}", where=where, hint=nearest(str(how), CONVERSIONS))
    return Parameter(name=name, readings=readings, compare=compare, note=str(fields.get("note", "")))


def _reading(value: object, where: str, faults: Faults) -> Reading:
    texts = _texts(value, where, faults)
    ways = {text.partition(":")[0] if ":" in text else WAYS[0] for text in texts}
    for way in sorted(ways - set(WAYS)):
        faults.add(f"there is no way {way!r} to read a default", where=where, hint=nearest(way, WAYS))
    if len(ways) > 1:
        faults.add("is to be read in more than one way", where=where, hint="All names of a parameter are read in the same way")
    return Reading(way=min(ways, default=WAYS[0]), names=tuple(text.rpartition(":")[2] for text in texts))


def _texts(value: object, where: str, faults: Faults) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and texts and all(isinstance(text, str) and text for text in texts):
        return tuple(texts)
    faults.add(f"must be a name or a list of names, not {value!r}", where=where)
    return ()


# --- reading -----------------------------------------------------------------------------------------------------------------------------


def request(atlas: Iterable[Api]) -> dict[str, Any]:
    """What ``introspect.py`` gets: names and ways, neither titles nor what values mean."""
    apis = []
    for api in atlas:
        parameters = []
        sides: dict[str, Any] = {}
        for parameter in api.parameters:
            readings = {}
            for framework, reading in parameter.readings.items():
                key = f"{framework}:{reading.way}"
                sides[key] = _side_request(api.sides[framework], reading.way)
                readings[framework] = {"side": key, "names": list(reading.names)}
            parameters.append({"name": parameter.name, "sides": readings})
        apis.append({"name": api.name, "sides": sides, "parameters": parameters})
    return {"schema": 1, "apis": apis}


def _side_request(side: Side, way: str) -> dict[str, Any]:
    names = [f"{name}.reset_parameters" for name in side.names] if way == "source" else list(side.names)
    return {"names": names, "read": way, "arguments": dict(side.arguments) if way in CALLED else {}, "operator": side.operator}


def read_in(engine: Engine, built: Built, lab: Lab, environment: Environment, atlas: Sequence[Api]) -> dict[str, Any]:
    """Start a sandbox that reads the defaults of its framework; returns the answer of ``introspect.py``, or the ``problem`` with it.

    Whatever goes wrong in there costs the atlas one environment.
    """

    def ask(_: None) -> dict[str, Any]:
        try:
            answer = _ask(engine, built, lab, environment, atlas)
            found = DEFAULTS.by_column(rows(atlas, environment, answer))
            odd = [name for name, values in found.items() if not all(isinstance(text, str) for text in values)]
        except LabError as error:
            return {"problem": error.problem}
        return {"problem": f"it answered with something else than texts: {odd[0]}"} if odd else answer

    (told,) = contained.each(ask, [None], lab.limits, seconds=2 * IMPORT_SECONDS)
    answer: dict[str, Any] = {"problem": told.reason} if isinstance(told, contained.Lost) else told
    if "problem" in answer:
        sys.stderr.write(f"{environment.name}: its defaults cannot be read: {texts.plain(answer['problem'])}\n")
    return answer


def _ask(engine: Engine, built: Built, lab: Lab, environment: Environment, atlas: Iterable[Api]) -> dict[str, Any]:
    """The answer of ``introspect.py``. Raises ``EnvironmentUnavailable`` when it gives none."""
    staging = lab.results.staging(f"defaults--{environment.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    (staging / "atlas.json").write_text(json.dumps(request(atlas)))
    out = staging / "defaults.json"
    argv = (str(SCRIPT), "--atlas", str(staging / "atlas.json"), "--framework", environment.framework, "--out", str(out))
    launch = engine.command(Sandbox(built=built, argv=argv, limits=lab.limits, writable=staging, readable=(SCRIPT.parent,)))
    code, said = run_once(launch, IMPORT_SECONDS)
    last = said.strip().splitlines()[-1:] or [f"the process ended with {code} and without a word"]
    if code == TIMED_OUT:
        last = [f"it took more than {IMPORT_SECONDS:.0f} s"]
    if not out.is_file():
        raise EnvironmentUnavailable(last[0], where=environment.name)
    answer: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    shutil.rmtree(staging, ignore_errors=True)
    return answer


def is_wanted(lab: Lab) -> bool:
    """Whether the atlas is read: with the family whose experiments show what its differences do."""
    return any(family.folder == lab.root / ATLAS.parent for family in lab.families)


def table(lab: Lab) -> list[DefaultRow]:
    """All rows of ``defaults.parquet``, from what the rule ``defaults`` found in every environment."""
    if not is_wanted(lab):
        return []
    atlas, found = load(lab.root / ATLAS), []
    for environment in lab.environments:
        answer = ledger.load_json(lab.results.defaults(environment.name))
        if "rows" in answer:  # not where the environment is not available, or could not answer
            told = (asdict(row) for row in rows(atlas, environment, answer))
            found += [DefaultRow(**{name: texts.plain(text) for name, text in row.items()}) for row in told]
    return found


# --- rows and what follows from them -----------------------------------------------------------------------------------------------------


def rows(atlas: Iterable[Api], environment: Environment, answer: Mapping[str, Any]) -> Iterator[DefaultRow]:
    """Rows of the table for one environment.

    ``value`` is canonical JSON, or ``required`` or ``absent`` without quotes; ``comparable`` is the value in the convention that the
    parameter has in all frameworks, as JSON, and empty where there is none.
    """
    found = {(row["api"], row["parameter"]): row for row in answer["rows"]}
    for api in atlas:
        for parameter in api.parameters:
            if environment.framework not in parameter.readings:
                continue
            row = found[api.name, parameter.name]
            yield DefaultRow(
                api=api.name,
                parameter=parameter.name,
                environment=environment.name,
                framework=environment.framework,
                value=row["value"] if row["status"] == READ else row["status"],
                status=row["status"],
                source=row["source"],
                title=api.title,
                group=api.group,
                api_name=row["api_name"],
                comparable=_comparable(row["value"], parameter.compare.get(environment.framework)) if row["status"] == READ else "",
                note=parameter.note,
                reason=row["reason"],
            )


def _comparable(value: str, how: Any) -> str:
    """A value in the common convention, as canonical JSON; numbers that are equal have one text."""
    found = json.loads(value)
    if isinstance(how, dict):
        found = how.get(found if isinstance(found, str) else value, found)
    elif how == "not" and isinstance(found, bool):
        found = not found
    elif how == "one_minus" and _is_number(found):
        found = float(f"{1 - found:.12g}")  # 1 - 0.1, and not what binary fractions make of it
    elif how == "negate" and _is_number(found):
        found = -found
    elif how == "square" and _is_number(found):
        found = float(f"{found * found:.12g}")
    return json.dumps(_one_text(found), sort_keys=True)


def _one_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_one_text(item) for item in value]
    if isinstance(value, dict):
        return {key: _one_text(item) for key, item in value.items()}
    return float(value) if _is_number(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def drift(table: Iterable[DefaultRow], environments: Sequence[Environment]) -> list[Step]:
    """Every default that changed, came or went between neighbouring versions of one framework, older steps first.

    An API that is absent in both versions makes no step; nor does a value that is only written in another way (1 and 1.0).
    """
    by_place = _by_place(table)
    steps = []
    for framework in FRAMEWORKS:
        line = sorted((e for e in environments if e.framework == framework), key=lambda e: e.order)
        for older, newer in itertools.pairwise(line):
            for (api, parameter), sides in by_place.items():
                before, after = sides.get(older.name), sides.get(newer.name)
                if before is None or after is None or _meaning(before) == _meaning(after):
                    continue
                steps.append(
                    Step(
                        api=api,
                        parameter=parameter,
                        framework=framework,
                        older=older.name,
                        newer=newer.name,
                        before=before.value,
                        after=after.value,
                    )
                )
    return steps


def differences(table: Iterable[DefaultRow], environments: Sequence[Environment]) -> list[Difference]:
    """Defaults that differ between the newest version of each two frameworks, where both have one, by API.

    Values are compared in their common convention (``comparable``). ``None`` against a number counts: the note of the parameter says what
    ``None`` stands for.
    """
    newest = {e.framework: e for e in sorted(environments, key=lambda e: e.order)}
    found = []
    for (api, parameter), sides in _by_place(table).items():
        for left, right in itertools.combinations([newest[name] for name in FRAMEWORKS if name in newest], 2):
            one, other = sides.get(left.name), sides.get(right.name)
            if one is None or other is None or ABSENT in (one.status, other.status) or _meaning(one) == _meaning(other):
                continue
            found.append(
                Difference(
                    api=api,
                    parameter=parameter,
                    left=left.name,
                    right=right.name,
                    left_value=one.value,
                    right_value=other.value,
                    note=one.note,
                )
            )
    return found


def _meaning(row: DefaultRow) -> str:
    return row.comparable if row.status == READ else row.status


def _by_place(table: Iterable[DefaultRow]) -> dict[tuple[str, str], dict[str, DefaultRow]]:
    """Rows by API and parameter, then by environment."""
    found: dict[tuple[str, str], dict[str, DefaultRow]] = {}
    for row in table:
        found.setdefault((row.api, row.parameter), {})[row.environment] = row
    return found
