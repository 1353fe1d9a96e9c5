"""JSON schemas of dataclasses: each field carries its own; what has no default must be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema = Mapping[str, object]
TEXT: Schema = {"type": "string", "minLength": 1}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
PATH: Schema = {"type": "string", "pattern": "^/"}
COUNT: Schema = {"type": "integer", "minimum": 0}
YES_OR_NO: Schema = {"type": "boolean"}
TABLE: Schema = {"type": "object"}
HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SHAPE: Schema = {"type": "array", "items": COUNT}


def described(schema: Schema, description: str = "") -> Schema:
    """What values are, and what they mean."""
    return {**schema, **({"description": description} if description else {})}


def says(schema: Schema, description: str = "") -> dict[str, Schema]:
    """The metadata of a field: what its values are, and what they mean."""
    return {"schema": described(schema, description)}


def one_of(values: Iterable[str]) -> Schema:
    """Texts of a closed set."""
    return {"enum": list(values)}


def list_of(schema: Schema) -> Schema:
    """Arrays."""
    return {"type": "array", "items": schema}


def schema_of(kind: type[DataclassInstance], **more: object) -> Schema:
    """The schema of a dataclass."""
    described = fields(kind)
    required = [
        record_field.name for record_field in described if record_field.default is MISSING and record_field.default_factory is MISSING
    ]
    return {
        "type": "object",
        "required": required,
        "properties": {record_field.name: record_field.metadata["schema"] for record_field in described},
        **more,
    }


def schema_of_table(kind: object) -> Schema:
    """The schema of a ``TypedDict`` whose keys are annotated with theirs."""
    keys = get_type_hints(kind, include_extras=True)
    return {"type": "object", "required": list(keys), "properties": {name: hint.__metadata__[0] for name, hint in keys.items()}}
