"""Which file holds the function of a case as a framework runs it: NumPy runs that of the reference where it has none of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from replab.config import candidates, functions, own_modules
from replab.errors import LabError
from replab.model import IMPL_FILE, Case

NUMPY = "numpy"
REFERENCE = "reference.py"
AVAILABLE = frozenset({NUMPY, *sys.stdlib_module_names})
"""Modules that an environment of NumPy has."""


def _has(path: Path, function: str) -> bool:
    """Whether a file has a function, as far as can be told; one that cannot be read says so when it is used."""
    try:
        return function in functions.functions(path)
    except FileNotFoundError:
        return False
    except LabError:
        return True


def path_of(folder: Path, framework: str, function: str) -> Path:
    """The file that a framework runs ``function`` from."""
    module = folder / IMPL_FILE[framework]
    if framework == NUMPY and not _has(module, function) and _has(folder / REFERENCE, function):
        return folder / REFERENCE
    return module


def fault(folder: Path, case: Case) -> str:
    """Why NumPy cannot run the function of the reference in place of one of its own; nothing where it can."""
    reference = folder / REFERENCE
    if not _has(reference, case.implementation):
        return "nor has the reference"
    try:
        needed = {name for name, factor in case.factors.items() if factor.diagnose} - set(
            candidates.defaults(reference, case.implementation)
        )
        if needed:
            return "and that of the reference takes factors which implementations do not take"
        missing = sorted(functions.modules(reference, case.implementation) - AVAILABLE)
    except LabError:
        return ""  # said elsewhere
    return f"and that of the reference needs {missing[0]}, which environments of NumPy do not have" if missing else ""


def is_reference_run(folder: Path, cases: Sequence[Case]) -> bool:
    """Whether NumPy has no file of its own for a family, and can run all of the reference."""
    module, reference = folder / IMPL_FILE[NUMPY], folder / REFERENCE
    return not module.is_file() and reference.is_file() and not any(fault(folder, case) for case in cases)


def paths(folder: Path, cases: Sequence[Case], framework: str) -> list[Path]:
    """The files that a framework runs a family from, modules of the family's own among them."""
    files = {path_of(folder, framework, case.implementation) for case in cases}
    return sorted(files.union(*map(own_modules.of_file, files)))
