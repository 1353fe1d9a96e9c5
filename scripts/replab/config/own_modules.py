"""The modules that a family brings along: files and packages beside its ``experiment.toml`` that its functions import.

They are found by reading import statements, so that keys hold what they say; nothing is imported here.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from replab import files
from replab.config import parsed

TAKEN = frozenset({*sys.stdlib_module_names, "numpy", "scipy", "tensorflow", "torch", "keras"})
"""Names that mean the same everywhere, whatever lies in a folder."""
ANY = "*"
"""Stands for every module of the family: names of modules are made while the code runs."""
MADE_AT_RUN_TIME = frozenset({"importlib", "import_module", "__import__", "runpy"})


_IMPORT = re.compile(r"^[ \t]*(?:from (\w+)[\w.]* import (?!.*\bimport\b)|import (\w+)[\w.]*(?: as \w+)?[ \t]*(?:#.*)?$)", re.MULTILINE)
"""A plain import statement of one module, alone in its line."""


def path_of(folder: Path, name: str) -> Path | None:
    """The file of a module with this (dotted) name; None where the family has none."""
    parts = name.split(".")
    if parts[0] in TAKEN or not all(part.isidentifier() for part in parts):
        return None
    module = folder.joinpath(*parts)
    return next((path for path in (module / "__init__.py", module.with_suffix(".py")) if path.is_file()), None)


def every(folder: Path) -> list[Path]:
    """All modules that a family has, sorted."""
    return sorted(folder.rglob("*.py"))


def names(nodes: Iterable[ast.AST], package: str = "") -> frozenset[str]:
    """The dotted names that import statements anywhere in some pieces of syntax may mean, those that mean the same everywhere left out.

    ``package``: that of the file, for relative imports.
    """
    every_node = [inner for node in nodes for inner in ast.walk(node)]
    imported = {name for node in every_node for name in _named(node, package)}
    used = {node.id if isinstance(node, ast.Name) else node.attr for node in every_node if isinstance(node, ast.Name | ast.Attribute)}
    if MADE_AT_RUN_TIME & (used | {name.partition(".")[0] for name in imported}):
        imported.add(ANY)
    return frozenset(name for name in imported if name.partition(".")[0] not in TAKEN)


def _named(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            source = ".".join([*above, *([module] if module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in aliases if alias.name != ANY)
        case _:
            pass


def reached(folder: Path, wanted: Iterable[str]) -> list[Path]:
    """The files of the modules with these names, and of those that they import, sorted.

    Raises ``ConfigError`` where one of them is not valid Python.
    """
    modules: set[Path] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        above = [path_of(folder, ".".join(parts[: count + 1])) for count in range(len(parts))]  # packages run before their modules
        for path in every(folder) if name == ANY else above:
            if path is not None and path not in modules:
                modules.add(path)
                waiting += _names_in(path, _package(folder, path), parsed.stamp_of(path))
    return sorted(modules)


def _package(folder: Path, path: Path) -> str:
    return ".".join(path.relative_to(folder).parent.parts)


@functools.cache
def _names_in(path: Path, package: str, stamp: tuple[int, int]) -> frozenset[str]:
    text = files.read_text(path, limit=files.CODE_LIMIT)
    plain = [match[1] or match[2] for match in _IMPORT.finditer(text)]
    if len(plain) == text.count("import") and TAKEN.issuperset(plain) and not any(word in text for word in MADE_AT_RUN_TIME):
        return frozenset()  # as nearly all do; to look at every piece of their syntax takes a while
    return names(parsed.module(path, stamp).body, package)


def of_file(path: Path) -> list[Path]:
    """The modules of its family that a file imports anywhere, as ``reached``."""
    return reached(path.parent, _names_in(path, "", parsed.stamp_of(path))) if path.is_file() else []
