"""JSON as it is read: what its values may be, and what is made of them once somebody has looked at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Made = TypeVar("Made")


def table(value: object) -> dict[str, object]:
    """A table of a file that the lab wrote. Raises ``ValueError`` for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"this is a {type(value).__name__}, and no table")  # noqa: TRY004 (a fault of a file)
    return value


def text(value: object) -> str:
    """A text of a file that the lab wrote. Raises ``ValueError`` for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"this is a {type(value).__name__}, and no text")  # noqa: TRY004 (as above)
    return value


def number(value: object) -> float:
    """A number of a file that the lab wrote. Raises ``ValueError`` for anything else."""
    if not isinstance(value, int | float):
        raise ValueError(f"this is a {type(value).__name__}, and no number")  # noqa: TRY004 (as above)
    return value


def items(value: object) -> list[object]:
    """A list of a file that the lab wrote. Raises ``ValueError`` for anything else."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"this is a {type(value).__name__}, and no list")  # noqa: TRY004 (as above)
    return list(value)


def tables(value: object) -> list[dict[str, object]]:
    """A list of tables."""
    return [table(item) for item in items(value)]


def texts(value: object) -> list[str]:
    """A list of texts."""
    return [text(item) for item in items(value)]


def made(kind: type[Made], arguments: Mapping[str, object]) -> Made:
    """An instance of a class of arguments whose names and kinds somebody has checked."""
    build: Callable[..., Made] = kind
    return build(**arguments)
