"""A reference as it is read where truth is certified."""

from __future__ import annotations

import types
from pathlib import Path

from replab.truth.family_modules import FamilyModule, Importer
from replab.truth.reading.attributes import attribute
from replab.truth.reading.builtin import BUILTINS
from replab.truth.reading.modules import imported
from replab.truth.reading.operators import OPERATIONS, added, chain, changed, shown, stored
from replab.truth.reading.text import HELPER, compiled

Helper = types.SimpleNamespace(**OPERATIONS, chain=chain, changed=changed, stored=stored, added=added, attribute=attribute, shown=shown)


def module(path: Path, function: str, constants: tuple[tuple[str, float], ...] = ()) -> types.ModuleType:
    """A reference as it is read for certified evaluations of ``function``, made anew: nothing is left of an evaluation before.

    ``constants`` stand in the place of those that have their text.
    """
    made = types.ModuleType(f"replab_certified_{path.parent.name}")
    importer = Importer(path.parent, {**BUILTINS, "__import__": imported}, _run)
    made.__dict__.update({"__file__": str(path), "__builtins__": importer.builtins, HELPER: Helper})
    exec(compiled(path, function, constants), made.__dict__)  # noqa: S102 (the file that is run anyway)
    return made


def _run(made: FamilyModule, path: Path) -> None:
    """Fill a module that a reference imports from beside it."""
    made.__dict__[HELPER] = Helper
    exec(compiled(path), made.__dict__)  # noqa: S102 (as above)
