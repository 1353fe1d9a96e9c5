"""``replab list``: what there is, and how much of it the configuration asks for."""

from __future__ import annotations

import fnmatch
from collections import Counter
from pathlib import Path

from replab import calling, ids
from replab.commands.common import console, nothing_matches, planned, show
from replab.config import environments
from replab.errors import ConfigError
from replab.model import Generator, Lab
from replab.plan import planning
from replab.visible import shown, visible

KINDS = ("environments", "families", "cases", "cells", "generators")
OPTION = 60
"""Letters of an option of a generator that are shown: tables of values may be long."""


def run(lab: Lab, kind: str, pattern: str) -> None:
    """Print an overview (no ``kind``), or the names of one kind, those that match ``pattern``. Raises ``ConfigError``."""
    match kind:
        case "":
            _overview(lab)
        case "environments":
            _environments(lab)
        case "families":
            _families(lab)
        case "cases":
            _cases(lab, pattern)
        case "cells":
            _cells(lab, pattern)
        case "generators":
            _generators(lab, pattern)
        case _:
            raise ConfigError(f"there is nothing called {shown(kind)} to list", hint=f"Known: {', '.join(KINDS)}")


def _overview(lab: Lab) -> None:
    count = Counter({"cells": 0, "left out": 0})
    for cell in planned(lab):
        count["left out" if cell.left_out else "cells"] += 1
    cases = sum(len(family.cases) for family in lab.families)
    rows = [
        ("environments", len(lab.environments), " ".join(environment.name for environment in lab.environments)),
        ("families", len(lab.families), " ".join(family.name for family in lab.families)),
        ("cases", cases, ""),
        ("batches", len(planning.batches(lab)), "one process each"),
        ("cells", count["cells"], f"and {count['left out']} left out with a reason"),
    ]
    show(rows, ("what", "number", "names"), right=("number",))


def _environments(lab: Lab) -> None:
    selected = {environment.name for environment in lab.environments}
    rows = [
        ("*" if e.name in selected else "", e.name, e.framework, e.version, e.python, " ".join(e.modes), " ".join(e.groups))
        for e in environments.load_environments(*environments.folders_of(lab.root, lab.folder))
    ]
    show(rows, ("", "environment", "framework", "version", "Python", "modes", "groups"))
    console().print("* is selected; choose with --environments NAME,GROUP,…")


def _families(lab: Lab) -> None:
    cells = Counter(cell.case.family for cell in planned(lab))
    rows = [
        (family.name, len(family.cases), cells[family.name], _short(family.folder, lab.folder), family.title) for family in lab.families
    ]
    show(rows, ("family", "cases", "cells", "folder", "title"), right=("cases", "cells"))


def _cases(lab: Lab, pattern: str) -> None:
    cells = Counter((cell.case.family, cell.case.name) for cell in planned(lab, pattern))
    rows = [
        (f"{family.name}.{case.name}", cells[family.name, case.name], case.derivatives, " ".join(case.dtypes), case.title)
        for family in lab.families
        for case in family.cases
        if cells[family.name, case.name]
    ]
    if not rows:
        raise nothing_matches(lab, pattern)
    show(rows, ("case", "cells", "derivatives", "dtypes", "title"), right=("cells", "derivatives"))


def _cells(lab: Lab, pattern: str) -> None:
    """One id a line, for other programs; after them those that are left out, by reason, where a reader looks on."""
    left_out: dict[str, list[str]] = {}
    cells = planned(lab, pattern)
    if not cells:
        raise nothing_matches(lab, pattern)
    for cell in cells:
        if cell.left_out:
            left_out.setdefault(cell.left_out, []).append(str(ids.cell_id(cell)))
        else:
            print(visible(str(ids.cell_id(cell))))  # noqa: T201 (lines for other programs)
    for reason, names in left_out.items():
        print(visible(f"\n# left out, {len(names)}: {reason}"))  # noqa: T201
        for name in names:
            print(visible(f"# {name}"))  # noqa: T201


def _generators(lab: Lab, pattern: str) -> None:
    """What inputs of cases are made by: the generators that families declare, and those that stand with a case."""
    users: dict[tuple[str, str, str, str], list[str]] = {}
    for family in lab.families:
        for case in family.cases:
            for generator in case.inputs.values():
                users.setdefault((family.name, generator.name, generator.kind, _options(generator)), []).append(case.name)
    rows = [
        (family, name, kind, options, len(set(cases)), cases[0])
        for (family, name, kind, options), cases in sorted(users.items())
        if fnmatch.fnmatchcase(f"{family}.{name}", pattern)
    ]
    if not rows:
        raise ConfigError(f"no generator matches {shown(pattern)}", hint=f"See '{calling.program()} list generators'")
    show(rows, ("family", "generator", "kind", "shape and options", "cases", "such as"), right=("cases",))


def _options(generator: Generator) -> str:
    """The options of a generator in one line, its shape first."""
    options = sorted(generator.options.items(), key=lambda item: (item[0] != "shape", item[0]))
    return ", ".join(f"{name} {_cut(str(value))}" for name, value in options)


def _cut(text: str) -> str:
    return text if len(text) <= OPTION else f"{text[:OPTION]}…"


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
