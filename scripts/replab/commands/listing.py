"""``replab list``: what there is, and how much of it the configuration asks for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from replab import ids
from replab.commands.common import console, planned, show
from replab.config import environments
from replab.errors import ConfigError
from replab.model import Lab
from replab.plan import planning
from replab.visible import visible

KINDS = ("environments", "families", "cases", "cells")


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
        case _:
            raise ConfigError(f"there is nothing called {kind!r} to list", hint=f"Known: {', '.join(KINDS)}")


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
        for e in environments.load_environments(lab.root / "containers")
    ]
    show(rows, ("", "environment", "framework", "version", "Python", "modes", "groups"))
    console().print("* is selected; choose with --environments NAME,GROUP,…")


def _families(lab: Lab) -> None:
    cells = Counter(cell.case.family for cell in planned(lab))
    rows = [(family.name, len(family.cases), cells[family.name], _short(family.folder, lab.root), family.title) for family in lab.families]
    show(rows, ("family", "cases", "cells", "folder", "title"), right=("cases", "cells"))


def _cases(lab: Lab, pattern: str) -> None:
    cells = Counter((cell.case.family, cell.case.name) for cell in planned(lab, pattern))
    rows = [
        (f"{family.name}.{case.name}", cells[family.name, case.name], case.derivatives, " ".join(case.dtypes), case.title)
        for family in lab.families
        for case in family.cases
        if cells[family.name, case.name]
    ]
    show(rows, ("case", "cells", "derivatives", "dtypes", "title"), right=("cells", "derivatives"))


def _cells(lab: Lab, pattern: str) -> None:
    for cell in planned(lab, pattern):
        print(visible(f"{ids.cell_id(cell)}\t{cell.left_out}" if cell.left_out else str(ids.cell_id(cell))))  # noqa: T201 (lines for other programs)


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
