"""Rows of the defaults that were read, steps between versions and differences between frameworks."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NotRequired, TypedDict, TypeGuard

from replab import texts
from replab.defaults.atlas import ATLAS, Api, Parameter, canonical, is_wanted, load
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

    called: NotRequired[str]
    """What a call without the parameter gave, as JSON."""
    not_called: NotRequired[str]
    """Why there is none."""

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
    atlas, all_rows = load(lab.root / ATLAS), []
    for environment in (candidate for candidate in lab.environments if candidate.modes):
        answer: Answer = ledger.load_json(lab.results.defaults(environment.name))
        if "rows" in answer:  # not where the environment is not available, or could not answer
            values = (asdict(row) for row in rows(atlas, environment, answer))
            all_rows += [DefaultRow(**{name: texts.plain(text) for name, text in row.items()}) for row in values]
    return all_rows


def rows(atlas: Iterable[Api], environment: Environment, answer: Answer) -> Iterator[DefaultRow]:
    """Rows of the table for one environment.

    ``value`` is canonical JSON, or ``required`` or ``absent`` without quotes; ``comparable`` is the value in the convention that the
    parameter has in all frameworks, as JSON, and empty where there is none.
    """
    answered = {(row["api"], row["parameter"]): row for row in answer["rows"]}
    for api in atlas:
        for parameter in api.parameters:
            if environment.framework not in parameter.readings:
                continue
            row = answered[api.name, parameter.name]
            if parameter.readings[environment.framework].way == "call":
                row = _as_called(row, parameter)
            effective, unclear = _effective(row, parameter)
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
                reason=row["reason"] or unclear,
                effective=effective,
            )


NEAR = 0.01
"""A result is that of a value if it is a hundred times nearer to its outcome than to any other: formats and kernels move it by less."""


def _as_called(row: Reading, parameter: Parameter) -> Reading:
    """The reading of a parameter that only a call tells of: its value is the one whose outcome came out."""
    if row["status"] != READ:
        return row
    meant, unclear = _by_outcome(row["value"], parameter)
    if not meant:
        return {**row, "status": ABSENT, "reason": unclear}
    return {**row, "value": meant, "called": row["value"]}


def _effective(row: Reading, parameter: Parameter) -> tuple[str, str]:
    """The value that a call without the parameter shows, as canonical JSON, or why none does."""
    if row["status"] != READ or not parameter.outcomes:
        return "", ""
    if "called" not in row:
        return "", f"a call tells nothing: {row.get('not_called', 'none was made')}"
    return _by_outcome(row["called"], parameter)


def _by_outcome(result: str, parameter: Parameter) -> tuple[str, str]:
    """The value whose outcome a result is, and why none is."""
    numbers = list(_numbers(json.loads(result)))
    distances = sorted((_distance(numbers, expected), value) for value, expected in parameter.outcomes.items())
    (nearest, value), (next_one, _) = distances[:2]
    if nearest < NEAR * next_one:
        return value, ""
    return "", f"a call gives {result}, which none of the values {', '.join(parameter.outcomes)} gives"


def _numbers(value: object) -> Iterator[float]:
    """All numbers of a result in a row; what is no number is NaN."""
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    else:
        try:
            yield float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            yield math.nan


def _distance(numbers: Sequence[float], expected: Sequence[float]) -> float:
    """The largest difference of two results; infinite where they have another length, or no number is there."""
    if len(numbers) != len(expected):
        return math.inf
    apart = [0.0 if number == other else abs(number - other) for number, other in zip(numbers, expected, strict=True)]
    return math.inf if any(map(math.isnan, apart)) else max(apart)


def _comparable(value: str, how: object) -> str:
    """A value in the common convention, as canonical JSON; numbers that are equal have one text."""
    decoded = json.loads(value)
    if isinstance(how, dict):
        decoded = how.get(decoded if isinstance(decoded, str) else value, decoded)
    elif how == "not" and isinstance(decoded, bool):
        decoded = not decoded
    elif how == "one_minus" and _is_number(decoded):
        decoded = float(f"{1 - decoded:.12g}")  # 1 - 0.1, and not what binary fractions make of it
    elif how == "negate" and _is_number(decoded):
        decoded = -decoded
    elif how == "square" and _is_number(decoded):
        decoded = float(f"{decoded * decoded:.12g}")
    return canonical(decoded)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def drift(table: Iterable[DefaultRow], environments: Sequence[Environment]) -> list[Step]:
    """Every default that changed, came or went between neighbouring versions of one framework, older steps first.

    An API that is absent in both versions makes no step; nor does a value that is only written in another way (1 and 1.0).
    """
    by_parameter = _by_parameter(table)
    steps = []
    for framework in FRAMEWORKS:
        line = sorted((e for e in environments if e.framework == framework), key=lambda e: e.order)
        for older, newer in itertools.pairwise(line):
            for (api, parameter), sides in by_parameter.items():
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
                        before=_shown(before),
                        after=_shown(after),
                    )
                )
    return steps


def differences(table: Iterable[DefaultRow], environments: Sequence[Environment]) -> list[Difference]:
    """Defaults that differ between the newest version of each two frameworks, where both have one, by API.

    Values are compared in their common convention (``comparable``). ``None`` against a number counts: the note of the parameter says what
    ``None`` stands for.
    """
    newest = {e.framework: e for e in sorted(environments, key=lambda e: e.order)}
    departures = []
    for (api, parameter), sides in _by_parameter(table).items():
        for left, right in itertools.combinations([newest[name] for name in FRAMEWORKS if name in newest], 2):
            earlier, other = sides.get(left.name), sides.get(right.name)
            if earlier is None or other is None or ABSENT in (earlier.status, other.status) or _meaning(earlier) == _meaning(other):
                continue
            departures.append(
                Difference(
                    api=api,
                    parameter=parameter,
                    left=left.name,
                    right=right.name,
                    left_value=_shown(earlier),
                    right_value=_shown(other),
                    note=earlier.note,
                )
            )
    return departures


def _meaning(row: DefaultRow) -> str:
    """What a default is in the common convention: what a call shows, or else what is declared."""
    return (row.effective or row.comparable) if row.status == READ else row.status


def _shown(row: DefaultRow) -> str:
    """A value as it is declared, or what it amounts to where a call shows something else."""
    return row.effective if row.effective not in {"", row.comparable} else row.value


def _by_parameter(table: Iterable[DefaultRow]) -> dict[tuple[str, str], dict[str, DefaultRow]]:
    """Rows by API and parameter, then by environment."""
    by_parameter: dict[tuple[str, str], dict[str, DefaultRow]] = {}
    for row in table:
        by_parameter.setdefault((row.api, row.parameter), {})[row.environment] = row
    return by_parameter
