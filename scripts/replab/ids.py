"""Names of cells and batches: the only module that composes and parses them."""

from __future__ import annotations

import re
from typing import NamedTuple

from replab.errors import ConfigError
from replab.model import Batch, Cell
from replab.visible import shown

ALL, LIGHT = "all", "light"
"""Stand for families in the name of a batch: all of them, whose repeats need one process per environment, and those that are ``light``."""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""What families, cases, environments and variants may be called: their names become file names."""
NAME_LIMIT = 60


class CellId(NamedTuple):
    """The parts of ``family.case:dtype[/grid]:dN@environment:mode:variant:device``."""

    family: str
    case: str
    dtype: str
    grid: str
    derivative: int
    environment: str
    mode: str
    variant: str
    device: str

    def __str__(self) -> str:
        dtype = f"{self.dtype}/{self.grid}" if self.grid else self.dtype
        return f"{self.family}.{self.case}:{dtype}:d{self.derivative}@{self.environment}:{self.mode}:{self.variant}:{self.device}"


CELL_ID = re.compile(
    r"(?P<family>[^.:@]+)\.(?P<case>[^:@]+):(?P<dtype>[a-z0-9]+)(?:/(?P<grid>[a-z0-9]+))?:d(?P<derivative>\d+)"
    r"@(?P<environment>[^:@]+):(?P<mode>[a-z]+):(?P<variant>[^:@]+):(?P<device>[^:@]+)"
)


def check_name(name: str, named: str) -> ConfigError | None:
    """A fault when ``name`` cannot be part of an id, else ``None``."""
    if not NAME.fullmatch(name.replace("_", "-")) or len(name) > NAME_LIMIT:
        return ConfigError(
            f"{shown(name)} cannot name {named}",
            hint=f"Use lower-case letters, digits, '.', '-' and '_', starting with a letter or digit, at most {NAME_LIMIT} characters",
        )
    if "--" in name or name.endswith("-"):
        return ConfigError(
            f"{shown(name)} cannot name {named}", hint="Use single dashes, and none at the end: two separate the parts of a batch's name"
        )
    if named == "a family" and name == "all":
        return ConfigError("'all' cannot name a family", hint="It stands for every family, in settings and in names of batches")
    if named == "a family" and "." in name:
        return ConfigError(f"{shown(name)} cannot name {named}", hint="The first dot of a cell's id ends its family: use '_' or '-'")
    return None


def cell_id(cell: Cell) -> CellId:
    """The id of a planned cell."""
    return CellId(
        cell.case.family, cell.case.name, cell.dtype, cell.grid, cell.derivative, cell.environment, cell.mode, cell.variant, cell.device
    )


def parse_cell_id(text: str) -> CellId:
    """The parts of a cell's id.

    Raises ``ConfigError`` when the text is not an id.
    """
    match = CELL_ID.fullmatch(text)
    if match is None:
        raise ConfigError(f"{shown(text)} is not the id of a cell", hint="An id reads like ops.exp:float32:d0@tf-2.21:eager:default:cpu")
    parts: dict[str, str] = match.groupdict(default="")
    derivative = int(parts.pop("derivative"))
    return CellId(derivative=derivative, **parts)


def begin_of(family: str) -> str:
    """How the ids of a family's cells begin, and no others do."""
    return f"{family}."


def batch_id(batch: Batch) -> str:
    """The file name of a batch."""
    name = f"{batch.environment}--{batch.family}--{batch.variant}"
    return name if batch.device == "cpu" else f"{name}--{batch.device}"


def parse_batch_id(text: str) -> Batch:
    """The batch that a file name means.

    Raises ``ConfigError`` when the text has not three parts.
    """
    parts = text.split("--")
    if len(parts) not in (3, 4) or parts[3:] not in ([], ["cuda"]):  # the device, where it is not the processor
        raise ConfigError(f"{shown(text)} is not the name of a batch", hint="It reads ENVIRONMENT--FAMILY--VARIANT")
    return Batch(environment=parts[0], family=parts[1], variant=parts[2], device=(*parts, "cpu")[3])


def normal_pattern(pattern: str) -> str:
    """A shell pattern for whole ids from one for a part of them: what is left out at an end may be anything.

    ``ops.exp`` means ``ops.exp:*@*``, and ``ops.exp@tf-2.21`` means ``ops.exp:*@tf-2.21:*``.
    """
    before, _, after = (pattern or "*").partition("@")
    before += ":*" if before.count(":") < 2 and before != "*" else ""
    after += ":*" if after and after.count(":") < 3 and after != "*" else ""
    return f"{before}@{after or '*'}"
