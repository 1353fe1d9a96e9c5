"""What the lab asks of the probe: the cells of one environment and variant, run by one process.

``scripts/contract/request.schema.json`` is generated from these classes: ``python -m replab.contract.request > FILE``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TypedDict, cast

from replab import jsons
from replab.contract.input_index import CotangentFile, InputFile
from replab.contract.schema import COUNT, HASH, PATH, TABLE, TEXT, TEXTS, YES_OR_NO, list_of, one_of, says, schema_of, schema_of_table
from replab.model import DTYPES, FRAMEWORKS, MODES

SCHEMA = 1
NOT_IN_KEYS = ("key", "id", "case", "impl")
"""Fields of a cell that say what it is called and where its function lies, and cannot move its result."""


class AskedCell(TypedDict):
    """What the host looks at in a ``CellRequest`` that was sent."""

    key: str
    id: str
    impl: str
    inputs: list[InputFile]
    cotangents: list[list[CotangentFile]]


class Asked(TypedDict):
    """What the host looks at in a ``Request`` that was sent."""

    environment: str
    inputs: str
    cells: list[AskedCell]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRequest:
    """One cell; ``inputs`` and ``cotangents`` as the index of inputs has them (``InputFile``, ``CotangentFile``)."""

    key: str = field(metadata=says(HASH))
    id: str = field(metadata=says(TEXT))
    case: str = field(metadata=says(TEXT))
    impl: str = field(
        metadata=says({"type": "string", "pattern": "^/.*\\.py$"}, "Path of the implementation file, as the sandbox sees it.")
    )
    function: str = field(metadata=says(TEXT))
    parameters: Mapping[str, object] = field(metadata=says(TABLE))
    dtype: str = field(metadata=says(one_of(DTYPES)))
    mode: str = field(metadata=says(one_of(dict.fromkeys(mode for modes in MODES.values() for mode in modes))))
    derivative: int = field(metadata=says(COUNT))
    outputs: Sequence[str] = field(metadata=says(TEXTS, "Names of the outputs; empty: out, or out0, out1, …"))
    inputs: Sequence[InputFile] = field(metadata=says(list_of(schema_of_table(InputFile))))
    cotangents: Sequence[Sequence[CotangentFile]] = field(
        metadata=says(list_of(list_of(schema_of_table(CotangentFile))), "One list per order below the derivative's.")
    )
    once: bool = field(default=False, metadata=says(YES_OR_NO, "Not called a second time to see whether it repeats itself."))
    drawn: bool = field(default=False, metadata=says(YES_OR_NO, "Its function draws random numbers, as it should: not noted."))
    measure: Sequence[str] = field(default=(), metadata=says(TEXTS, "What to measure beside the outputs."))

    def to_json(self) -> dict[str, object]:
        """As the probe reads it."""
        return {record_field.name: getattr(self, record_field.name) for record_field in fields(self)}

    def in_key(self) -> dict[str, object]:
        """What its result depends on: part of what is hashed into its key."""
        return {name: value for name, value in self.to_json().items() if name not in NOT_IN_KEYS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Promises:
    """What the sandbox is tried for from inside."""

    promised: Sequence[str] = field(metadata=says(TEXTS, "Points that the engine enforces; the others are noted."))
    writable: Sequence[str] = field(metadata=says(list_of(PATH)))
    readable: Sequence[str] = field(metadata=says(list_of(PATH)))
    variables: Sequence[str] = field(metadata=says(TEXTS, "Names of all variables that the process may have."))
    memory_mb: int = field(metadata=says({"type": "integer"}))
    processes: int = field(metadata=says({"type": "integer"}))
    cpus: float = field(metadata=says({"type": "number"}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """All that one process of the probe is asked."""

    schema: int = field(default=SCHEMA, metadata=says({"const": SCHEMA}))
    environment: str = field(metadata=says(TEXT))
    framework: str = field(metadata=says(one_of(FRAMEWORKS)))
    inputs: str = field(metadata=says(PATH, "Folder of the input files <sha256>.npy, as the sandbox sees it."))
    variant: str = field(metadata=says(TEXT))
    threads: int = field(metadata=says(COUNT, "Threads of every pool; 0 leaves the choice to the framework."))
    switches: Mapping[str, object] = field(
        metadata=says(TABLE, "What the variant sets through the framework's own functions before the first cell.")
    )
    device: str = field(metadata=says(one_of(("cpu", "cuda"))))
    cells: Sequence[CellRequest] = field(metadata=says(list_of(schema_of(CellRequest))))
    isolation: Mapping[str, object] | None = field(
        default=None,
        metadata=says(
            schema_of(Promises),
            "What the sandbox is tried for from inside, before anything is imported; a promise that does not hold ends the run.",
        ),
    )

    def to_json(self) -> Asked:
        """As the probe reads it, once it is sealed (``replab.sealed``)."""
        data = {record_field.name: value for record_field in fields(self) if (value := getattr(self, record_field.name)) is not None}
        return cast("Asked", data | {"cells": [cell.to_json() for cell in self.cells]})


def schema() -> dict[str, object]:
    """The JSON schema of a sealed request."""
    properties_of_request = schema_of(Request)
    seal = {**HASH, "description": "Of the rest as JSON with sorted keys: the probe refuses a request that says anything else."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "replab/request.schema.json",
        "title": "Request",
        "description": "What the host asks of the probe: cells of one environment and variant, run by one process.",
        **properties_of_request,
        "required": ["schema", "sha256", *jsons.items(properties_of_request["required"])],
        "properties": {"sha256": seal, **jsons.table(properties_of_request["properties"])},
    }


def schema_text() -> str:
    """As ``scripts/contract`` has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
