"""Reads ``config/variants.toml``: which arithmetic switches there are, and in which versions of which frameworks they exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from replab import files, ids
from replab.config.faults import Faults, nearest
from replab.config.generators import is_whole
from replab.config.values import check_texts, strings, value_fault, variable_fault
from replab.errors import LabError
from replab.model import FRAMEWORKS, Variant
from replab.visible import shown

FILE = Path("config/variants.toml")
FIELDS: dict[str, type] = {
    "title": str,
    "question": str,
    "threads": int,
    "frameworks": list,
    "modes": list,
    "variables": dict,
    "switches": dict,
    "effect": dict,
}
THREADS = 1024
DEFAULT = Variant(name="default", title="as the framework ships it, one thread")
_FRAMEWORK = re.compile(r"([^\s<>=!~]*)\s*(.*)", re.DOTALL)


def load_variants(path: Path, faults: Faults) -> dict[str, Variant]:
    """The variants by name: the default and those of the file; a laboratory without that file has only the default."""
    known = {DEFAULT.name: DEFAULT}
    try:
        data = files.read_toml(path, where=str(FILE))
    except FileNotFoundError:
        return known
    except LabError as error:
        faults.found.append(error)
        return known
    for name, fields in data.items():
        where = f"{FILE}: {name}"
        before = len(faults.found)
        if fault := ids.check_name(name, "a variant"):
            faults.found.append(fault.within(where))
        if not isinstance(fields, dict) or name == DEFAULT.name:
            faults.add(f"must be a table, and `{DEFAULT.name}` cannot be declared", where=where)
            continue
        _check(fields, where, faults)
        frameworks = _frameworks(fields["frameworks"], f"{where}: frameworks", faults) if "frameworks" in fields else {}
        if len(faults.found) == before:
            rest: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
            known[name] = Variant(name=name, **(rest | ({"frameworks": frameworks} if frameworks else {})))
    return known


def _check(fields: Mapping[str, Any], where: str, faults: Faults) -> None:
    """The fields of one table of the file."""
    for key, value in fields.items():
        if key not in FIELDS:
            faults.add(f"unknown key {shown(key)}", where=where, hint=nearest(key, FIELDS))
        elif not isinstance(value, FIELDS[key]) or isinstance(value, bool):
            faults.add(f"{key} must be a {FIELDS[key].__name__}, not {shown(value)}", where=where)
        elif isinstance(value, list):
            check_texts(value, f"{where}: {key}", faults)
        elif key == "threads" and not is_whole(value, 1, THREADS):
            faults.add(f"threads must be 1 to {THREADS}, not {shown(value)}", where=where)
        elif isinstance(value, dict):
            for framework, table in value.items():
                _check_switches(key, framework, table, f"{where}: {key}", faults)


def _check_switches(key: str, framework: str, table: object, where: str, faults: Faults) -> None:
    """What a variant sets, or must be found to have set, in one framework."""
    if framework not in FRAMEWORKS:
        faults.add(f"there is no framework {shown(framework)}", where=where, hint=nearest(framework, FRAMEWORKS))
    elif not isinstance(table, dict):
        faults.add(f"must be a table, not {shown(table)}", where=f"{where}.{framework}")
    else:
        for name, value in table.items():
            fault = "" if name.isprintable() and name and "=" not in name else "is no name"
            fault = fault or (variable_fault(value) if key == "variables" else value_fault(value))
            if fault:
                faults.add(fault, where=f"{where}.{framework}.{name}")


def _frameworks(value: object, where: str, faults: Faults) -> dict[str, str]:
    """Version ranges by framework, of texts such as ``torch`` and ``tensorflow>=2.9``: no range means every version."""
    ranges: dict[str, str] = {}
    for text in strings(value):
        match = _FRAMEWORK.fullmatch(text)
        framework, versions = match.groups() if match else (text, "")
        if framework not in FRAMEWORKS:
            faults.add(f"there is no framework {shown(framework)}", where=where, hint=nearest(framework, FRAMEWORKS))
        elif framework in ranges:
            faults.add(f"{framework} stands there more than once", where=where, hint="Say a range with commas, such as torch>=1.5,<2.0")
        elif not _is_range(versions):
            faults.add(f"{shown(versions)} is no range of versions", where=where, hint="Such as tensorflow>=2.9, or torch>=1.5,<2.0")
        else:
            ranges[framework] = versions
    return ranges


def _is_range(versions: str) -> bool:
    try:
        SpecifierSet(versions)
    except InvalidSpecifier:
        return False
    return True
