"""Which files of inputs the cells of a family read, as the step ``inputs`` writes it down; requests repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NotRequired, TypeAlias, TypedDict

from replab.contract.schema import HASH, SHAPE, TEXT, YES_OR_NO, described


class CotangentFile(TypedDict):
    """What an output, or a gradient of a lower order, is multiplied with."""

    name: Annotated[str, described(TEXT, "Order 0: the output's name, or its place; above: grad_<input>.")]
    sha256: Annotated[str, described(HASH)]
    dtype: Annotated[str, described(TEXT)]
    shape: Annotated[list[int], described(SHAPE)]


class InputFile(TypedDict):
    """An input of a function."""

    name: Annotated[str, described(TEXT)]
    sha256: Annotated[str, described(HASH)]
    dtype: Annotated[str, described(TEXT, "What the bytes stand for; bfloat16 travels as float32.")]
    shape: Annotated[list[int], described(SHAPE)]
    differentiable: Annotated[bool, described(YES_OR_NO)]


class Files(TypedDict):
    """What cells of one case, dtype and kind (values, or derivatives) read."""

    inputs: list[InputFile]
    cotangents: list[list[CotangentFile]]
    """A list per order."""
    problem: NotRequired[str]
    """Why they cannot be made."""


class Entry(TypedDict):
    """What the index says of one case and dtype."""

    value: Files
    derivative: NotRequired[Files]


Index: TypeAlias = Mapping[str, Mapping[str, Entry]]
"""By case and dtype of the grid."""
