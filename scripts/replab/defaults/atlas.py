"""The defaults atlas: what the frameworks do when they are not told. ``experiments/defaults/atlas.toml`` declares paired APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from replab import files, ids
from replab.config.faults import Faults
from replab.errors import ConfigError
from replab.model import FRAMEWORKS, Lab
from replab.texts import nearest

ATLAS = Path("experiments/defaults/atlas.toml")
"""Where the atlas lies, below the root of the lab."""
WAYS = ("signature", "config", "instance", "result", "source", "call")
"""How a value may be read; the functions of the same names are in ``introspect.py``."""
CONVERSIONS = ("one_minus", "negate", "square", "not")
ROOTS = {"tensorflow": "tf", "torch": "torch", "numpy": "numpy"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One framework's part of an API."""

    names: tuple[str, ...]
    """Dotted names, the preferred one first."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    operator: str = ""
    call: Mapping[str, object] = field(default_factory=dict)
    """What a function, or an instance of a class, is called with where outcomes tell what it does."""
    part: str = ""
    """Which part of the result of a call is looked at: a path of attributes and places."""


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
    compare: Mapping[str, object]
    """By framework: how its value becomes comparable to that of the others."""
    note: str = ""
    outcomes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What a call gives for each value that the parameter may have: that value (comparable, as JSON), and the numbers of the result."""
    call: Mapping[str, object] = field(default_factory=dict)
    """Arguments of that call where they are others than those of the side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """One API as its users know it, in two frameworks at least."""

    name: str
    title: str
    group: str
    sides: Mapping[str, Side]
    parameters: tuple[Parameter, ...]


def load(path: Path) -> tuple[Api, ...]:
    """The atlas, in the order of the file.

    Raises ``ConfigErrors`` with every fault of the file.
    """
    faults = Faults()
    shown_path = "/".join(path.parts[-2:])
    data: dict[str, object] = {}
    try:
        data = files.read_toml(path, where=shown_path)
    except FileNotFoundError:
        faults.add("does not exist", where=shown_path)
    except ConfigError as error:
        faults.errors.append(error)
    atlas = tuple(api for name, fields in data.items() if (api := _api(name, fields, f"{shown_path}: {name}", faults)) is not None)
    faults.raise_all()
    return atlas


def _api(name: str, fields: object, where: str, faults: Faults) -> Api | None:
    before = len(faults.errors)
    if fault := ids.check_name(name, "an API"):
        faults.errors.append(fault.within(where))
    if not isinstance(fields, dict):
        faults.add("must be a table", where=where)
        return None
    allowed = ("title", "group", "parameters", "call", *FRAMEWORKS)
    for key in sorted(set(fields) - set(allowed)):
        faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, allowed))
    for key in ("title", "group"):
        if not isinstance(fields.get(key), str):
            faults.add(f"needs a {key}", where=where)
    call = _call(fields.get("call", {}), where, faults)
    sides = {key: _side(key, fields[key], call, f"{where}.{key}", faults) for key in FRAMEWORKS if key in fields}
    if len(sides) < 2:
        faults.add("needs two frameworks at least", where=where, hint=f"Known: {', '.join(FRAMEWORKS)}")
    parameters = fields.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        faults.add("needs parameters", where=where)
        return None
    listed = tuple(_parameter(key, value, sides, f"{where}.parameters.{key}", faults) for key, value in parameters.items())
    if len(faults.errors) > before:
        return None
    return Api(name=name, title=fields["title"], group=fields["group"], sides=sides, parameters=listed)


def _call(value: object, where: str, faults: Faults) -> Mapping[str, object]:
    """The arguments of a call, by place ("0", "1" …) and keyword."""
    if isinstance(value, dict):
        return value
    faults.add("call must be a table", where=where)
    return {}


def _side(framework: str, value: object, call: Mapping[str, object], where: str, faults: Faults) -> Side:
    """``call``: what the API is called with on all sides that do not say otherwise."""
    table = value if isinstance(value, dict) else {"names": value}
    allowed = ("names", "arguments", "operator", "call", "part")
    for key in sorted(set(table) - set(allowed)):
        faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, allowed))
    names = _texts(table.get("names"), where, faults)
    for name in names:
        if not name.startswith(ROOTS[framework] + "."):
            faults.add(f"{name!r} does not begin with '{ROOTS[framework]}.'", where=where)
    arguments = table.get("arguments", {})
    if not isinstance(arguments, dict):
        faults.add("arguments must be a table", where=where)
        arguments = {}
    return Side(
        names=names,
        arguments=arguments,
        operator=str(table.get("operator", "")),
        call=_call(table.get("call", call), where, faults),
        part=str(table.get("part", "")),
    )


def _parameter(name: str, fields: object, sides: Mapping[str, Side], where: str, faults: Faults) -> Parameter:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        faults.add(f"{name!r} is no name for a parameter", where=where, hint="Use a-z, 0-9 and '_'")
    if not isinstance(fields, dict):
        faults.add("must be a table", where=where)
        return Parameter(name=name, readings={}, compare={})
    allowed = ("compare", "note", "outcomes", "call", *FRAMEWORKS)
    for key in sorted(set(fields) - set(allowed)):
        faults.add(f"unknown key {key!r}", where=where, hint=nearest(key, allowed))
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
    call, outcomes = _call(fields.get("call", {}), where, faults), _outcomes(fields.get("outcomes", {}), where, faults)
    for key, reading in readings.items():
        if reading.way == "call" and not outcomes:
            faults.add(f"a call says nothing of {key} without outcomes", where=where)
        if outcomes and not (call or sides[key].call):
            faults.add(f"has outcomes and no call of {key} that they come out of", where=where)
    return Parameter(name=name, readings=readings, compare=compare, note=str(fields.get("note", "")), outcomes=outcomes, call=call)


def _outcomes(value: object, where: str, faults: Faults) -> Mapping[str, tuple[float, ...]]:
    """What a call gives, by the value that makes it so: numbers and words as JSON has them."""
    made: dict[str, tuple[float, ...]] = {}
    for key, numbers in value.items() if isinstance(value, dict) else ():
        listed = numbers if isinstance(numbers, list) else [numbers]
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in listed):
            faults.add(f"the outcome of {key} must be a number or a list of numbers", where=where)
            continue
        try:
            meant: object = json.loads(key)
        except ValueError:  # a word
            meant = key
        made[canonical(meant)] = tuple(map(float, listed))
    if not isinstance(value, dict) or len(made) == 1:
        faults.add("outcomes must be a table of two values or more", where=where)
    return made


def canonical(value: object) -> str:
    """A value as JSON; numbers that are equal have one text."""
    return json.dumps(_one_text(value), sort_keys=True)


def _one_text(value: object) -> object:
    if isinstance(value, list):
        return [_one_text(item) for item in value]
    if isinstance(value, dict):
        return {key: _one_text(item) for key, item in value.items()}
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


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


def is_wanted(lab: Lab) -> bool:
    """Whether the atlas is read: with the family whose experiments show what its differences do."""
    return any(family.folder == lab.root / ATLAS.parent for family in lab.families)
