"""What tables in TOML may hold, derived from the records that are made of them: a field is declared once, with its type and default."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Literal, get_args, get_origin, get_type_hints

from replab.config.faults import Faults
from replab.config.values import check_texts
from replab.texts import nearest
from replab.visible import shown

TYPES: Mapping[type, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", list: "list", dict: "table"}
"""Types of TOML as users call them."""
Fields = Mapping[str, tuple[type, ...]]
"""By field: the types that its value may have in TOML."""


@functools.cache
def fields_of(record: type, made: Collection[str]) -> Fields:
    """The fields of a frozen record that a table may give, in their order: all but those ``made`` by the lab."""
    return {name: _written_as(hint) for name, hint in get_type_hints(record).items() if name not in made}


def _written_as(hint: object) -> tuple[type, ...]:
    """How TOML writes values of a type: a tuple as a list, a mapping or another record as a table."""
    origin = get_origin(hint)
    if origin is UnionType:
        return tuple(kind for part in get_args(hint) if part is not NoneType for kind in _written_as(part))
    if origin is Literal:
        return tuple(dict.fromkeys(type(value) for value in get_args(hint)))
    if origin is tuple:
        return (list,)
    if origin is Mapping or is_dataclass(hint):
        return (dict,)
    if not isinstance(hint, type):
        raise TypeError(f"{hint} cannot be written in TOML")
    return (hint,)


def check_fields(table: Mapping[str, object], fields: Fields, where: str, faults: Faults) -> None:
    """Note keys that are unknown, values of another type, and lists of something else than different names."""
    for key, value in table.items():
        if key not in fields:
            faults.add(f"unknown key {shown(key)}", where=where, hint=nearest(key, fields))
        elif not isinstance(value, fields[key]) or (isinstance(value, bool) and bool not in fields[key]):
            expected = " or ".join(TYPES[kind] if kind is bool else f"a {TYPES[kind]}" for kind in fields[key])
            faults.add(f"{key} must be {expected}, not {shown(value)}", where=where)
        elif isinstance(value, list):
            check_texts(value, f"{where}: {key}", faults)
