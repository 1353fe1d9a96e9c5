"""Reads ``config/variants.toml``: which arithmetic switches there are, and in which versions of which frameworks they exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from replab import files, ids, jsons
from replab.config.faults import Faults
from replab.config.generators import is_whole
from replab.config.records import check_fields, fields_of
from replab.config.values import strings, value_fault, variable_fault
from replab.errors import LabError
from replab.model import FRAMEWORKS, Variant
from replab.texts import nearest
from replab.visible import shown

FILE = Path("config/variants.toml")
FIELDS = {**fields_of(Variant, made=("name",)), "frameworks": (list,)}
"""What a variant may say; frameworks and their versions are a list of texts."""
THREADS = 1024
DEFAULT = Variant(name="default", title="as the framework ships it, one thread")
_FRAMEWORK = re.compile(r"([^\s<>=!~]*)\s*(.*)", re.DOTALL)


def load_variants(path: Path, faults: Faults) -> dict[str, Variant]:
    """The variants by name: the default and those of the file; a laboratory without that file has only the default."""
    variants = {DEFAULT.name: DEFAULT}
    try:
        data = files.read_toml(path, where=str(FILE))
    except FileNotFoundError:
        return variants
    except LabError as error:
        faults.errors.append(error)
        return variants
    for name, fields in data.items():
        where = f"{FILE}: {name}"
        before = len(faults.errors)
        if fault := ids.check_name(name, "a variant"):
            faults.errors.append(fault.within(where))
        if not isinstance(fields, dict) or name == DEFAULT.name:
            faults.add(f"must be a table, and `{DEFAULT.name}` cannot be declared", where=where)
            continue
        _check(fields, where, faults)
        frameworks = _frameworks(fields["frameworks"], f"{where}: frameworks", faults) if "frameworks" in fields else {}
        if len(faults.errors) == before:
            rest: dict[str, object] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
            variants[name] = jsons.made(Variant, {"name": name} | rest | ({"frameworks": frameworks} if frameworks else {}))
    return variants


def _check(fields: Mapping[str, object], where: str, faults: Faults) -> None:
    """The fields of one table of the file."""
    before = len(faults.errors)
    check_fields(fields, FIELDS, where, faults)
    if len(faults.errors) > before:
        return
    if not is_whole(fields.get("threads", 1), 1, THREADS):
        faults.add(f"threads must be 1 to {THREADS}, not {shown(fields['threads'])}", where=where)
    for key in ("variables", "switches", "effect"):
        for framework, table in jsons.table(fields.get(key, {})).items():
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
    if value == []:
        faults.add("names no framework", where=where, hint="Leave the key out for a switch that all frameworks have")
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
