"""Candidates: choices that the lab knows of layers, losses and optimisers, as factors of any case whose reference takes them.

``config/candidates.toml`` has a table per thing (``batch_norm``, ``adam`` …) with the choices on which implementations of it differ. A
case names such tables; of their choices it has those that its reference takes as a keyword argument with a default. The default is what is
right.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from replab import files
from replab.config import functions
from replab.config.factors import same
from replab.config.faults import Faults
from replab.errors import LabError
from replab.model import Factor
from replab.resources import ROOT
from replab.texts import nearest
from replab.visible import shown

FILE = Path("config/candidates.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A choice, and what is known to be chosen somewhere."""

    title: str
    values: tuple[object, ...]
    fit: bool = False
    """The value is a real number, which may be estimated from a result."""


@functools.cache
def tables() -> Mapping[str, Mapping[str, Candidate]]:
    """The choices by name, for each table of the lab's file."""
    data = files.read_toml(ROOT / FILE, where=str(FILE))
    return {
        table: {name: Candidate(**{**fields, "values": tuple(fields["values"])}) for name, fields in choices.items()}
        for table, choices in data.items()
    }


def factors(wanted: Sequence[str], reference: Path, function: str, where: str, faults: Faults) -> dict[str, Factor]:
    """The factors that ``function`` of a reference has by the tables ``wanted``, by the name of its argument.

    Nothing is said of a reference that cannot be read: whoever reads its functions says so.
    """
    try:
        given = defaults(reference, function)
    except (LabError, OSError):
        given = None
    return factors_of(given, wanted, function, where, faults)


def factors_of(given: Mapping[str, object] | None, wanted: Sequence[str], function: str, where: str, faults: Faults) -> dict[str, Factor]:
    """The factors, by the tables ``wanted``, of a function whose keyword arguments have the defaults ``given``; None: nobody knows them."""
    chosen: dict[str, Candidate] = {}
    for table in wanted:
        if table not in tables():
            faults.add(f"there are no candidates called {shown(table)}", where=where, hint=nearest(table, tables()))
            continue
        for name, choice in tables()[table].items():
            chosen[name] = _joined(chosen[name], choice) if name in chosen else choice
    if given is None:
        return {}
    matched = {argument: candidate for argument in given if (candidate := _candidate(argument, chosen)) is not None}
    if chosen and not matched:
        example = next(iter(chosen))
        faults.add(
            f"{function} takes none of the candidates of {', '.join(wanted)}",
            where=where,
            hint=f"Give the reference keyword arguments such as `{example}={chosen[example].values[0]!r}`; the default is what is right",
        )
    return {
        argument: Factor(
            aligned=given[argument],
            alternatives=tuple(value for value in candidate.values if not same(value, given[argument])),
            fit=candidate.fit and isinstance(given[argument], float),
            diagnose=True,
            title=candidate.title,
        )
        for argument, candidate in matched.items()
    }


def _joined(first: Candidate, second: Candidate) -> Candidate:
    """A choice that two tables have: the values of both."""
    more = tuple(value for value in second.values if not any(same(value, other) for other in first.values))
    return replace(first, values=first.values + more, fit=first.fit and second.fit)


def _candidate(argument: str, chosen: Mapping[str, Candidate]) -> Candidate | None:
    """The choice that an argument stands for: called like it, or ending in ``_`` and the longest name that fits."""
    names = [name for name in chosen if argument == name or argument.endswith(f"_{name}")]
    return chosen[max(names, key=len)] if names else None


def defaults(path: Path, function: str) -> dict[str, object]:
    """Arguments of a function of a file whose defaults are written as values, and those values.

    Raises ``ConfigError`` when the file has no such function or is not valid Python.
    """
    given: dict[str, object] = {}
    for node in functions.definitions(path, functions.original(path, function)):
        arguments = [*node.args.posonlyargs, *node.args.args]
        positional = zip(arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True)
        by_keyword = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        given = {}
        for argument, value in (*positional, *by_keyword):
            try:
                given[argument.arg] = ast.literal_eval(value) if value is not None else None
            except ValueError:  # an expression: what it stands for is known when it runs
                continue
            if value is None:
                del given[argument.arg]
    return given
