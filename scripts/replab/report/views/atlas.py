"""The page of defaults: what the newest versions do when they are not told, and where that changed between versions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from replab.defaults.rows import ABSENT, READ, REQUIRED, differences, drift
from replab.model import FRAMEWORKS, Environment
from replab.report.data.evidence import Index, default_anchor
from replab.report.data.results import Results
from replab.report.data.words import count, framework_name, listing, natural, plural
from replab.report.pages.modes import DefaultEntry, DefaultsPage, DefaultsSection, Side
from replab.report.pages.parts import Link
from replab.store.rows import DefaultRow

FAMILY = "defaults"
"""The family of experiments whose cases show what a difference does; a case is called like its API."""
SIDES = ("tensorflow", "torch", "numpy")
"""Columns, in the order in which they are compared."""
_KINDS = (
    ("differs", "They differ", "The newest versions do something else when they are not told."),
    (
        "one",
        "Only one side has it",
        "There is nothing to compare with: the other side has no such parameter, or not in its newest version.",
    ),
    ("same", "They agree", "The same in the newest version of each side, in a common convention."),
)

Sides = Mapping[str, DefaultRow]


def environments(results: Results) -> tuple[Environment, ...]:
    """The environments whose defaults were read, oldest first within each framework."""
    asked = {name: entry.get("asked") or {} for name, entry in results.environments.items()}
    orders = {row.environment: row.environment_order for row in results.cells}
    frameworks = {row.environment: row.framework for row in results.defaults}
    by_name = sorted(frameworks, key=natural)

    def order(name: str) -> int:
        told = asked.get(name, {}).get("order")
        return told if isinstance(told, int) else orders.get(name, by_name.index(name))

    return tuple(
        Environment(name=name, framework=frameworks[name], version="", python="", modes=(), requirements=(), order=order(name))
        for name in sorted(by_name, key=order)
    )


def _side(row: DefaultRow | None) -> Side | None:
    if row is None:
        return None
    absent = ""
    if row.status == ABSENT:
        absent = row.reason or "no such API or parameter in this version"
    elif row.status == REQUIRED:
        absent = "no default: it must be given"
    meant = row.effective or row.comparable
    meaning = meant if row.status == READ and not same_text(meant, row.value) else ""
    return Side(value="" if absent else python_text(row.value), meaning=python_text(meaning), absent=absent, name=row.api_name)


def python_text(value: str) -> str:
    """A value as Python writes it (``None``, ``True``, ``'same'``); what is no JSON (``absent``, ``required``) stays as it is."""
    try:
        return repr(json.loads(value))
    except ValueError:
        return value


def same_text(comparable: str, value: str) -> bool:
    """``1.0`` is only another way to write ``1``."""
    if comparable in {"", value}:
        return True
    try:
        return float(comparable) == float(value)
    except ValueError:
        return False


def _newest(known: Iterable[Environment]) -> dict[str, str]:
    """Framework → its newest environment, in the order of the columns."""
    found = {one.framework: one.name for one in sorted(known, key=lambda one: one.order)}
    return {name: found[name] for name in (*SIDES, *sorted(set(found) - set(SIDES))) if name in found}


def _kind(sides: Sequence[DefaultRow | None], *, apart: bool) -> str:
    if apart:
        return "differs"
    return "same" if sum(row is not None and row.status != ABSENT for row in sides) > 1 else "one"


def _effect(api: str, index: Index) -> Link | None:
    found = index.case(FAMILY, api)
    return Link(text="what it does", href=found.href) if found.href else None


def defaults(results: Results, index: Index) -> DefaultsPage:
    """The atlas, what differs first."""
    known = tuple(one for one in environments(results))
    newest = _newest(known)
    by_place: dict[tuple[str, str], dict[str, DefaultRow]] = defaultdict(dict)
    for row in results.defaults:
        by_place[row.api, row.parameter][row.environment] = row
    table = sorted(results.defaults, key=lambda row: (row.api, row.parameter, row.environment))
    ours = [one for one in known if one.framework in FRAMEWORKS]
    apart = {(one.api, one.parameter) for one in differences(table, ours)}
    steps: dict[tuple[str, str], list[str]] = defaultdict(list)
    for step in drift(table, ours):
        steps[step.api, step.parameter].append(f"{step.older} → {step.newer}: {python_text(step.before)} → {python_text(step.after)}")
    entries: dict[str, list[DefaultEntry]] = defaultdict(list)
    for (api, parameter), places in sorted(by_place.items(), key=lambda item: (_group(item[1]), item[0])):
        rows = [places.get(environment) for environment in newest.values()]
        entries[_kind(rows, apart=(api, parameter) in apart)].append(
            _entry(api, parameter, places, rows, tuple(steps[api, parameter]), index)
        )
    sections = tuple(
        DefaultsSection(title=title, anchor=f"defaults-{kind}", kind=kind, intro=intro, rows=tuple(entries[kind]))
        for kind, title, intro in _KINDS
        if entries[kind]
    )
    return DefaultsPage(
        lede=_lede(by_place, newest, entries),
        frameworks=tuple(newest.items()),
        groups=tuple(sorted({row.group for row in results.defaults if row.group})),
        sections=sections,
        changed=sum(bool(entry.changes) for found in entries.values() for entry in found),
    )


def _checked(rows: Sequence[DefaultRow | None]) -> str:
    """Which of the values a call confirms, or contradicts, in words; empty where none was called."""
    told = [row for row in rows if row is not None and row.status == READ]
    against = [f"a call of {row.api_name} shows {python_text(row.effective)}" for row in told if row.effective not in {"", row.comparable}]
    if against:
        return "; ".join(against)
    called = [row for row in told if row.effective]
    if not called:
        return ""
    return "checked by a call" + ("" if len(called) == len(told) else f" of {listing([row.api_name for row in called])}")


def _group(places: Sides) -> str:
    return next((row.group for row in places.values() if row.group), "")


def _entry(
    api: str, parameter: str, places: Sides, rows: Sequence[DefaultRow | None], changes: tuple[str, ...], index: Index
) -> DefaultEntry:
    told = [places[name] for name in sorted(places, key=natural)]
    title = next((row.title for row in told if row.title), api)
    note = next((row.note for row in told if row.note), "")
    names = dict.fromkeys(row.api_name for row in told if row.api_name)
    return DefaultEntry(
        anchor=default_anchor(api, parameter),
        api=api,
        title=title,
        group=_group(places),
        parameter=parameter,
        sides=tuple(_side(row) for row in rows),
        changes=changes,
        note=note,
        checked=_checked(rows),
        effect=_effect(api, index),
        search=" ".join([api, title, parameter, *names]).lower(),
    )


def _lede(by_place: Mapping[tuple[str, str], Sides], newest: Mapping[str, str], entries: Mapping[str, Sequence[DefaultEntry]]) -> str:
    if not by_place:
        return "This run read no defaults: the family of experiments on defaults did not run."
    apis = {api for api, _ in by_place}
    differ = len(entries.get("differs", ()))
    changed = sum(bool(entry.changes) for found in entries.values() for entry in found)
    names = listing([f"{framework_name(framework)} ({name})" for framework, name in newest.items()])
    said = f"{plural(len(by_place), 'default')} of {plural(len(apis), 'API')} were read inside of {names}."
    verb = "differs" if differ == 1 else "differ"
    return f"{said} {count(differ)} {verb} between the newest versions, and {count(changed)} changed from one version to the next."
