"""Finds claims and their rules in folders of experiments: ``claims.toml`` in the folder, ``claims.py`` in its families."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from replab import files, jsons
from replab.claims.evidence import ClaimError
from replab.claims.model import Claim, ClaimVerdict, Rule
from replab.errors import ConfigError

LIST, RULES = "claims.toml", "claims.py"
KINDS = ("example", "claim")
FIELDS = ("kind", "statement", "source", "ran", "reads", "changes", "published", "truth", "untested")
SOURCES = "sources"
"""The table that says what the letters of sources stand for."""


def claims(folders: Iterable[Path]) -> dict[str, Claim]:
    """All claims of the folders by id, in the order in which they are written.

    Raises ``ClaimError`` naming the file and the entry that is wrong.
    """
    declared: dict[str, Claim] = {}
    for path in (folder / LIST for folder in folders if (folder / LIST).exists()):
        try:
            data = files.read_toml(path)
        except ConfigError as error:
            raise ClaimError(error.problem, where=str(path)) from None
        letters = _texts(data.pop(SOURCES, {}), f"{path}: {SOURCES}")
        for name, fields in data.items():
            where = f"{path}: {name}"
            if name in declared:
                raise ClaimError("there is such a claim already", where=where, hint="Give it another id")
            if not isinstance(fields, dict) or fields.get("kind") not in KINDS or not isinstance(fields.get("statement"), str):
                raise ClaimError('needs `kind = "example"` or `kind = "claim"`, and a statement', where=where)
            if unknown := sorted(set(fields) - set(FIELDS)):
                raise ClaimError(f"unknown key {unknown[0]!r}", where=where, hint=f"Known: {', '.join(FIELDS)}")
            reads = _texts(fields.pop("reads", {}), f"{where}.reads")
            if unknown := sorted(set(reads) - set(ClaimVerdict)):
                raise ClaimError(f"{unknown[0]!r} is no verdict", where=f"{where}.reads", hint=f"Known: {', '.join(ClaimVerdict)}")
            texts = {key: str(value) for key, value in fields.items()}
            named = {letter: letters[letter] for letter in texts.get("source", "").split(", ") if letter in letters}
            declared[name] = jsons.made(Claim, {"id": name, "reads": reads, "sources": named, **texts})
    return declared


def _texts(value: object, where: str) -> dict[str, str]:
    """A table of texts. Raises ``ClaimError`` where it is something else."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ClaimError("needs a table of texts", where=where)
    return {str(name): str(text) for name, text in value.items()}


def rule_files(folders: Iterable[Path]) -> list[Path]:
    """The files of rules of all families of the folders."""
    return [path for folder in folders for path in sorted(folder.glob(f"*/{RULES}"))]


@functools.cache
def rules(path: Path) -> Mapping[str, Rule]:
    """The rules in a file, by claim; its code is run.

    Raises ``ClaimError`` when two functions judge one claim, one says nothing in words, or the file cannot be read.
    """
    declared: dict[str, Rule] = {}
    for function in list(vars(_module(path)).values()):
        marked = getattr(function, "rule", None)
        if not isinstance(marked, tuple) or getattr(function, "__module__", "") != _name(path):
            continue
        claim, needs, frameworks, decides = marked
        if claim in declared:
            raise ClaimError(f"it has two rules for {claim}", where=str(path))
        if not function.__doc__:
            raise ClaimError(f"the rule of {claim} has no docstring, which is how the report words it", where=str(path))
        declared[claim] = Rule(claim=claim, judge=function, needs=needs, frameworks=frameworks, decides=decides, where=str(path))
    return declared


def _name(path: Path) -> str:
    return f"replab_rules_{path.parent.name}"


def _module(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(_name(path), path)
    if specification is None or specification.loader is None:
        raise ClaimError("cannot be read as Python", where=str(path))
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise ClaimError(f"cannot be read: {type(error).__name__}: {error}", where=str(path)) from error
    return module
