"""``replab cell``: runs and judges a few cells now, beside the results of the last run and sharing their store."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from replab import ids
from replab.commands.cell_results import FAILED, Asked, tell
from replab.commands.common import doing, nothing_matches, planned
from replab.engines.registry import get_engine
from replab.errors import CellsFailed, EnvironmentUnavailable, StoreError
from replab.freshness import jobs
from replab.judge.cells import Judge
from replab.model import Cell, Lab, Status
from replab.plan import planning
from replab.report.data.words import plural
from replab.results_folder import ResultsFolder
from replab.run.batch import run_batch_job
from replab.run.requests import write_inputs
from replab.store import ledger, tables
from replab.store.ledger import Ledger
from replab.store.rows import CELLS, CellRow, PairRow
from replab.store.store import write_atomically
from replab.workflow import steps


def run(lab: Lab, pattern: str, asked: Asked) -> None:
    """Run the cells that match ``pattern`` and are not in the store, and tell what came of each.

    Raises ``ConfigError`` when nothing matches, ``CellsFailed`` when a cell failed, and what the steps of the workflow raise.
    """
    asked.check()
    cells = planned(lab, pattern)
    cells = [cell for cell in cells if cell.variant == "default"] or cells  # variants only when they are asked for
    if not cells:
        raise nothing_matches(lab, pattern)
    small = restrict(lab, cells)
    lab.results.share("store", small.results)
    with doing("preparing") as say:
        for environment in small.environments:
            say(f"environment {environment.name}")
            _prepare(lab, small.results, environment.name)
        for family in small.families:
            say(f"inputs of {family.name}")
            index = write_inputs(family, small.points, small.results.input_data, limits=small.limits)
            write_atomically(small.results.inputs(family.name), json.dumps(index, sort_keys=True).encode())
        for batch in planning.batches(small):
            name = ids.batch_id(batch)
            say(f"cells of {batch.family} in {batch.environment}")
            run_batch_job(small, batch, log=small.results.log(name))
        rows, pairs = list[CellRow](), list[PairRow]()
        for family in small.families:
            say(f"truth and verdicts of {family.name}")
            for shard in range(planning.shards(family)):
                judged = Judge(small, family).run(shard)
                rows += judged.cells
                pairs += judged.pairs
    tables.write(small.results.table("cells"), rows, CELLS)
    wanted = {str(ids.cell_id(cell)) for cell in cells}
    told = [row for row in rows if row.id in wanted]
    ported = {one.name for one in lab.environments if one.framework != "numpy"}  # who moves a model moves it between the other two
    met = [row for row in pairs if row.axis == "framework" and {row.left_environment, row.right_environment} <= ported]
    tell(told, [row for row in met if {row.left, row.right} <= wanted], asked)
    if failed := {row.id for row in told if row.status in FAILED}:
        raise CellsFailed(f"{len(failed)} of {plural(len(wanted), 'cell')} failed", hint="The reasons stand above")


def restrict(lab: Lab, cells: Iterable[Cell]) -> Lab:
    """The lab with no more cases, derivatives, environments and modes than ``cells`` need.

    All dtypes of a case stay: the verdict of one asks for another.
    """
    chosen = list(cells)
    orders: dict[tuple[str, str], int] = {}
    modes: dict[str, set[str]] = {}
    for cell in chosen:
        place = (cell.case.family, cell.case.name)
        orders[place] = max(orders.get(place, 0), cell.derivative)
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
        variants=tuple(one for one in lab.variants if one.name in {"default", *(cell.variant for cell in chosen)}),
    )


def _prepare(lab: Lab, folder: ResultsFolder, name: str) -> None:
    """What the environment is, observed again only when it, or this machine, is not the one observed before."""
    out = folder.environment(name)
    known = _known(lab, name, out, lab.results.environment(name))
    if known is None:
        steps.step_environment(lab, Namespace(name=name, out=out))
    else:
        write_atomically(out, json.dumps(known, sort_keys=True, indent=1).encode())
    Ledger(folder.root, lab.root).write(jobs.key_of("environment", name), read={}, made=[out])


def _known(lab: Lab, name: str, *places: Path) -> dict[str, Any] | None:
    """What was found before in this very environment on this very machine."""
    engine = get_engine(lab.engine)
    try:
        built = engine.build(lab.environment(name), lab.cache, lambda _: None)
    except EnvironmentUnavailable:
        return None  # who observes it says so
    asked: dict[str, Any] = {"status": Status.OK, "identity": built.identity, "platform": engine.platform(built), "engine": lab.engine}
    asked["interpreter"] = dict(built.interpreter)
    return next((facts for facts in map(_read, places) if all(facts.get(key) == value for key, value in asked.items())), None)


def _read(path: Path) -> dict[str, Any]:
    """What was found in an environment before; nothing where it cannot be believed."""
    try:
        facts = ledger.load_json(path)
    except StoreError:
        return {}
    return facts if isinstance(facts, dict) else {}
