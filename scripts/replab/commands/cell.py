"""``replab cell``: runs and judges a few cells now, beside the results of the last run and sharing their store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from replab import ids
from replab.commands.cell_results import FAILED, Asked, tell
from replab.commands.common import doing, nothing_matches, planned
from replab.contract.facts import Facts
from replab.engines.registry import get_engine
from replab.errors import CellsFailed, EnvironmentUnavailable, StoreError
from replab.freshness import jobs
from replab.model import Cell, Lab
from replab.report.data.words import plural
from replab.steps import environments, order
from replab.store import ledger, tables
from replab.store.ledger import Ledger
from replab.store.rows import CELLS, PAIRS
from replab.store.step_files import write_json


def run(lab: Lab, pattern: str, options: Asked) -> None:
    """Run the cells that match ``pattern`` and are not in the store, and tell what came of each.

    Raises ``ConfigError`` when nothing matches, ``CellsFailed`` when a cell failed, and what the steps of the workflow raise.
    """
    options.check()
    cells = planned(lab, pattern)
    cells = [cell for cell in cells if cell.variant == "default"] or cells  # variants only when they are asked for
    if not cells:
        raise nothing_matches(lab, pattern)
    small = restrict(lab, cells)
    lab.results.share("store", small.results)
    with doing("preparing") as say:
        order.compute(
            small, [environment.name for environment in small.environments], say, find_out=lambda small, name: _find_out(lab, small, name)
        )
        rows = order.judge(small, small.families, say)
    tables.write(small.results.table("cells"), rows.cells, CELLS)
    tables.write(small.results.table("pairs"), rows.pairs, PAIRS)
    wanted = {str(ids.cell_id(cell)) for cell in cells}
    judged = [row for row in rows.cells if row.id in wanted]
    ported = {
        environment.name for environment in lab.environments if environment.framework != "numpy"
    }  # who moves a model moves it between the other two
    met = [row for row in rows.pairs if row.axis == "framework" and {row.left_environment, row.right_environment} <= ported]
    tell(judged, [row for row in met if {row.left, row.right} <= wanted], options)
    if failed := {row.id for row in judged if row.status in FAILED}:
        raise CellsFailed(f"{len(failed)} of {plural(len(wanted), 'cell')} failed", hint="The reasons stand above")


def restrict(lab: Lab, cells: Iterable[Cell]) -> Lab:
    """The lab with no more cases, derivatives, environments and modes than ``cells`` need.

    All dtypes of a case stay: the verdict of one asks for another.
    """
    chosen = list(cells)
    orders: dict[tuple[str, str], int] = {}
    modes: dict[str, set[str]] = {}
    for cell in chosen:
        name = (cell.case.family, cell.case.name)
        orders[name] = max(orders.get(name, 0), cell.derivative)
        modes.setdefault(cell.environment, set()).add(cell.mode)
    families = []
    for family in lab.families:
        cases = [replace(case, derivatives=orders[family.name, case.name]) for case in family.cases if (family.name, case.name) in orders]
        if cases:
            families.append(replace(family, cases=tuple(cases)))
    return replace(
        lab,
        results=lab.results.single_cells,
        environments=tuple(replace(e, modes=tuple(m for m in e.modes if m in modes[e.name])) for e in lab.environments if e.name in modes),
        families=tuple(families),
        variants=tuple(variant for variant in lab.variants if variant.name in {"default", *(cell.variant for cell in chosen)}),
    )


def _find_out(lab: Lab, small: Lab, name: str) -> Facts:
    """What the environment is, observed again only when it, or this machine, is not the one observed before, by ``lab`` or for a cell."""
    out = small.results.environment(name)
    facts = _facts_at_hand(lab, name, out, lab.results.environment(name))
    if facts is None:
        facts = environments.find_out(small, name)
    else:
        write_json(out, facts.to_json())
    Ledger(small.results.root, lab.folder).write(jobs.key_of("environment", name), read={}, made=[out])
    return facts


def _facts_at_hand(lab: Lab, name: str, *places: Path) -> Facts | None:
    """What was found before in this very environment on this very machine."""
    engine = get_engine(lab.engine)
    try:
        built = engine.build(lab.environment(name), lab.cache, lambda _: None)
    except EnvironmentUnavailable:
        return None  # who observes it says so
    here = {"identity": built.identity, "platform": engine.platform(built), "engine": lab.engine}
    for path in places:
        with contextlib.suppress(StoreError):  # what cannot be believed is found out again
            facts = Facts.from_json(ledger.load_json(path), str(path))
            if facts.ok and facts.built == here and facts.interpreter == dict(built.interpreter):
                return facts
    return None
