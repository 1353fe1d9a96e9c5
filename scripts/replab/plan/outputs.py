"""What a cell reads and gives: names of its outputs and cotangents, and which input files it needs."""

from __future__ import annotations

from replab.contract.input_index import CotangentFile, Index, InputFile
from replab.errors import TruthError
from replab.model import Case, Cell


def cotangent_name(case: Case, order: int, name: str) -> str:
    """What the cotangent of the value or gradient ``name`` is drawn by; cases made from one another share it."""
    return f"{case.group}:{order}:{name}"


def output_names(case: Case, count: int) -> list[str]:
    """Names of the ``count`` outputs of a case's function, as the probe gives them."""
    if case.outputs:
        return list(case.outputs)[:count]
    return ["out"] if count == 1 else [f"out{number}" for number in range(count)]


def bytes_of(cell: Cell, index: Index) -> tuple[list[InputFile], list[list[CotangentFile]]]:
    """Descriptions of a cell's inputs and cotangents.

    Raises ``TruthError`` where they could not be made.
    """
    entry = index[cell.case.name][cell.grid or cell.dtype]
    chosen = entry["derivative"] if cell.derivative else entry["value"]
    if problem := chosen.get("problem"):
        raise TruthError(problem, where=f"{cell.case.family}.{cell.case.name}")
    return chosen["inputs"], chosen["cotangents"][: cell.derivative]
