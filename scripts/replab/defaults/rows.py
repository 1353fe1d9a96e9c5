"""Rows of the defaults that were read, steps between versions and differences between frameworks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypedDict, TypeGuard

from replab import texts
from replab.defaults.atlas import ATLAS, Api, is_wanted, load
from replab.model import FRAMEWORKS, Environment, Lab
from replab.store import ledger
from replab.store.rows import DefaultRow

READ, REQUIRED, ABSENT = "read", "required", "absent"
"""A value was found; there is such a parameter without a default; there is no such API or parameter in this version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A default that is not the same in two neighbouring versions of one framework."""

    api: str
    parameter: str
    framework: str
    older: str
    """The name of the environment."""
    newer: str
    before: str
    """The value, or ``required`` or ``absent``."""
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A default that differs between the newest versions of two frameworks."""

    api: str
    parameter: str
    left: str
    """The name of the environment."""
    right: str
    left_value: str
    right_value: str
    note: str


class Reading(TypedDict):
    """A default as ``introspect.py`` found it."""

    api: str
    parameter: str
    value: str
    status: str
    source: str
    api_name: str
    reason: str


class Answer(TypedDict, total=False):
    """What a sandbox says of the defaults of its framework; nothing where the environment is not available."""

    rows: list[Reading]
    problem: str
    """Why there is no answer."""


def table(lab: Lab) -> list[DefaultRow]:
    """All rows of ``defaults.parquet``, from what the rule ``defaults`` found in every environment."""
    if not is_wanted(lab):
        return []
    atlas, found = load(lab.root / ATLAS), []
    for environment in lab.environments:
        answer: Answer = ledger.load_json(lab.results.defaults(environment.name))
        if "rows" in answer:  # not where the environment is not available, or could not answer
            told = (asdict(row) for row in rows(atlas, environment, answer))
            found += [DefaultRow(**{name: texts.plain(text) for name, text in row.items()}) for row in told]
    return found


def rows(atlas: Iterable[Api], environment: Environment, answer: Answer) -> Iterator[DefaultRow]:
    """Rows of the table for one environment.

    ``value`` is canonical JSON, or ``required`` or ``absent`` without quotes; ``comparable`` is the value in the convention that the
    parameter has in all frameworks, as JSON, and empty where there is none.
    """
    found = {(row["api"], row["parameter"]): row for row in answer["rows"]}
    for api in atlas:
        for parameter in api.parameters:
            if environment.framework not in parameter.readings:
                continue
            row = found[api.name, parameter.name]
            yield DefaultRow(
                api=api.name,
                parameter=parameter.name,
                environment=environment.name,
                framework=environment.framework,
                value=row["value"] if row["status"] == READ else row["status"],
                status=row["status"],
                source=row["source"],
                title=api.title,
                group=api.group,
                api_name=row["api_name"],
                comparable=_comparable(row["value"], parameter.compare.get(environment.framework)) if row["status"] == READ else "",
                note=parameter.note,
                reason=row["reason"],
            )


def _comparable(value: str, how: object) -> str:
    """A value in the common convention, as canonical JSON; numbers that are equal have one text."""
    found = json.loads(value)
    if isinstance(how, dict):
        found = how.get(found if isinstance(found, str) else value, found)
    elif how == "not" and isinstance(found, bool):
        found = not found
    elif how == "one_minus" and _is_number(found):
        found = float(f"{1 - found:.12g}")  # 1 - 0.1, and not what binary fractions make of it
    elif how == "negate" and _is_number(found):
        found = -found
    elif how == "square" and _is_number(found):
        found = float(f"{found * found:.12g}")
    return json.dumps(_one_text(found), sort_keys=True)


def _one_text(value: object) -> object:
    if isinstance(value, list):
        return [_one_text(item) for item in value]
    if isinstance(value, dict):
        return {key: _one_text(item) for key, item in value.items()}
    return float(value) if _is_number(value) else value


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def drift(table: Iterable[DefaultRow], environments: Sequence[Environment]) -> list[Step]:
    """Every default that changed, came or went between neighbouring versions of one framework, older steps first.

    An API that is absent in both versions makes no step; nor does a value that is only written in another way (1 and 1.0).
    """
    by_place = _by_place(table)
    steps = []
    for framework in FRAMEWORKS:
        line = sorted((e for e in environments if e.framework == framework), key=lambda e: e.order)
        for older, newer in itertools.pairwise(line):
            for (api, parameter), sides in by_place.items():
                before, after = sides.get(older.name), sides.get(newer.name)
                if before is None or after is None or _meaning(before) == _meaning(after):
                    continue
                steps.append(
                    Step(
                        api=api,
                        parameter=parameter,
                        framework=framework,
                        older=older.name,
                        newer=newer.name,
                        before=before.value,
                        after=after.value,
                    )
                )
    return steps


def differences(table: Iterable[DefaultRow], environments: Sequence[Environment]) -> list[Difference]:
    """Defaults that differ between the newest version of each two frameworks, where both have one, by API.

    Values are compared in their common convention (``comparable``). ``None`` against a number counts: the note of the parameter says what
    ``None`` stands for.
    """
    newest = {e.framework: e for e in sorted(environments, key=lambda e: e.order)}
    found = []
    for (api, parameter), sides in _by_place(table).items():
        for left, right in itertools.combinations([newest[name] for name in FRAMEWORKS if name in newest], 2):
            one, other = sides.get(left.name), sides.get(right.name)
            if one is None or other is None or ABSENT in (one.status, other.status) or _meaning(one) == _meaning(other):
                continue
            found.append(
                Difference(
                    api=api,
                    parameter=parameter,
                    left=left.name,
                    right=right.name,
                    left_value=one.value,
                    right_value=other.value,
                    note=one.note,
                )
            )
    return found


def _meaning(row: DefaultRow) -> str:
    return row.comparable if row.status == READ else row.status


def _by_place(table: Iterable[DefaultRow]) -> dict[tuple[str, str], dict[str, DefaultRow]]:
    """Rows by API and parameter, then by environment."""
    found: dict[tuple[str, str], dict[str, DefaultRow]] = {}
    for row in table:
        found.setdefault((row.api, row.parameter), {})[row.environment] = row
    return found
