"""Frozen dataclasses from JSON: keys and kinds of values are checked against the fields."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum

from replab.errors import StoreError
from replab.jsons import Json
from replab.visible import shown

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

AGAIN = "Remove it: the next run makes it again"
KINDS: Mapping[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float), dict: (dict,), list: (list,)}
"""What JSON has for a value of a type."""


def checked(kind: type[DataclassInstance], data: object, where: str) -> dict[str, Json]:
    """The object ``data`` of a file, as arguments for the dataclass ``kind``.

    Raises ``StoreError`` with the name of the file when a field is missing, unknown, or of another kind.
    """
    if not isinstance(data, dict):
        raise StoreError(f"is no description: {shown(data)}", where=where, hint=AGAIN)
    required, allowed = _allowed(kind)
    for name in sorted(required - data.keys()):
        raise StoreError(f"does not say {name}", where=where, hint=AGAIN)
    for name, value in data.items():
        if name not in allowed:
            raise StoreError(f"says {shown(name)}, which nobody reads", where=where, hint=AGAIN)
        if not isinstance(value, allowed[name]) or (isinstance(value, bool) and bool not in allowed[name]):
            raise StoreError(f"its {name} is {shown(value)}", where=where, hint=AGAIN)
    return data


@functools.cache
def _allowed(kind: type) -> tuple[frozenset[str], dict[str, tuple[type, ...]]]:
    """The fields that must be there, and what each may be in JSON."""
    hints = typing.get_type_hints(kind)
    required = {
        record_field.name for record_field in fields(kind) if record_field.default is MISSING and record_field.default_factory is MISSING
    }
    return frozenset(required), {record_field.name: _kinds(hints[record_field.name]) for record_field in fields(kind)}


def _kinds(hint: object) -> tuple[type, ...]:
    """What JSON has for a hint; ``X | None`` may be null as well."""
    options = typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,)
    kinds: tuple[type, ...] = ()
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is type(None):
            kinds += (type(None),)
        elif isinstance(origin, type) and issubclass(origin, StrEnum):
            kinds += (str,)
        elif isinstance(origin, type) and issubclass(origin, tuple | list):
            kinds += (list,)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            kinds += (dict,)
        else:
            kinds += KINDS[origin]
    return kinds
