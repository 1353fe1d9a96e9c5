"""What a sandbox of NumPy gets of a reference: the functions that it runs, and not the imports of others.

A reference may import ``scipy.special``, which environments of NumPy do not have. So the file that a sandbox loads holds what the functions
reach and nothing else, each line where it stands in ``reference.py``. It lies among the inputs, which every sandbox may read, and beside
it lie the modules of the family that these functions import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from replab.config import functions
from replab.config.implementations import REFERENCE
from replab.contract.request import CellRequest
from replab.store.store import write_atomically

FOLDER = "references"


def with_slices(cells: Sequence[CellRequest], data: Path) -> list[CellRequest]:
    """Requests of cells; those that run a reference name the file that was written for them below ``data``."""
    written = slices([(cell.impl, cell.function) for cell in cells], data)
    return [replace(cell, impl=written.get(cell.impl, cell.impl)) for cell in cells]


def slices(wanted: Iterable[tuple[str, str]], data: Path) -> dict[str, str]:
    """The files to load in the place of references, from files and functions in them."""
    functions_of: dict[str, set[str]] = {}
    for path, function in wanted:
        if Path(path).name == REFERENCE:
            functions_of.setdefault(path, set()).add(function)
    return {path: str(_written(Path(path), names, data)) for path, names in functions_of.items()}


def _written(path: Path, names: set[str], data: Path) -> Path:
    beside = {module for name in names for module in functions.family_modules(path, name)}
    texts = {REFERENCE: functions.lines_of(path, names).encode()}
    texts |= {module.relative_to(path.parent).as_posix(): module.read_bytes() for module in sorted(beside)}
    hashes = [hashlib.sha256(text).hexdigest() for text in texts.values()]
    name = hashes[0] if not beside else hashlib.sha256("\n".join([*texts, *hashes]).encode()).hexdigest()
    for below, text in texts.items():
        target = data / FOLDER / name / below
        if not target.is_file() or target.read_bytes() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, text)
    return data / FOLDER / name / REFERENCE
