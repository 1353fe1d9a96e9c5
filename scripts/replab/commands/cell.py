"""``replab cell``: runs and judges a few cells now, beside the results of the last run and sharing their store."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from replab import ids
from replab.commands.common import console, environment_of, nothing_matches, planned, show
from replab.engines.registry import get_engine
from replab.errors import CellsFailed, EnvironmentUnavailable, StoreError
from replab.freshness import jobs
from replab.judge.cells import Judge
from replab.model import Cell, Lab, Status
from replab.plan import planning
from replab.report.data.words import number, plural, seconds
from replab.results_folder import ResultsFolder
from replab.run.batch import run_batch_job
from replab.run.requests import write_inputs
from replab.store import ledger, tables
from replab.store.ledger import Ledger
from replab.store.store import write_atomically
from replab.workflow import steps

FAILED = frozenset({Status.ERROR, Status.TIMEOUT, Status.OOM, Status.CRASHED})
"""Statuses of a cell that was run in vain; what is unsupported or skipped was never to give a result."""


def run(lab: Lab, pattern: str) -> None:
    """Run the cells that match ``pattern`` and are not in the store, and print a line for each with its verdict.

    Raises ``ConfigError`` when nothing matches, ``CellsFailed`` when no cell gave a result, and what the steps of the workflow raise.
    """
    cells = planned(lab, pattern)
    cells = [cell for cell in cells if cell.variant == "default"] or cells  # variants only when they are asked for
    if not cells:
        raise nothing_matches(lab, pattern)
    small = restrict(lab, cells)
    lab.results.share("store", small.results)
    out = console()
    with out.status("preparing") as status:
        for environment in small.environments:
            status.update(f"environment {environment.name}")
            _prepare(lab, small.results, environment.name)
        for family in small.families:
            status.update(f"inputs of {family.name}")
            index = write_inputs(family, small.points, small.results.input_data, limits=small.limits)
            write_atomically(small.results.inputs(family.name), json.dumps(index, sort_keys=True).encode())
        for batch in planning.batches(small):
            name = ids.batch_id(batch)
            status.update(f"cells of {batch.family} in {batch.environment}")
            run_batch_job(small, batch, manifest=small.results.manifest(ids.batch_id(batch)), log=small.results.log(name))
        rows = []
        for family in small.families:
            status.update(f"truth and verdicts of {family.name}")
            for shard in range(planning.shards(family)):
                rows += Judge(small, family).run(shard).cells
    tables.write(small.results.table("cells"), rows, tables.CELLS, ["id", "output"])
    wanted = {str(ids.cell_id(cell)) for cell in cells}
    told = [row for row in sorted(rows, key=lambda row: (row["id"], row["output"])) if row["id"] in wanted]
    _print(told)
    statuses = {row["status"] for row in told}
    if Status.OK not in statuses and statuses & FAILED:
        names = {row["id"] for row in told if row["status"] in FAILED}
        raise CellsFailed(f"none of {plural(len(wanted), 'cell')} gave a result, {len(names)} failed", hint="The reasons stand above")


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
        built = engine.build(environment_of(lab, name), lab.cache, lambda _: None)
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


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    several = len({row["output"] for row in rows if row["output"]}) > 1
    shown = [
        (
            f"{row['id']} {row['output']}" if several else row["id"],
            row["verdict"] or row["status"],
            number(row["ulp_max"]),
            number(row["z_max"]),
            number(row["z_limit"]),
            seconds(row["seconds"]) if row["status"] == Status.OK else "",
            row["bits"][:8],
        )
        for row in rows
    ]
    show(shown, ("cell", "verdict", "max ULP", "z", "limit", "time", "bits"), right=("max ULP", "z", "limit", "time"))
    out = console()
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] != Status.OK:
            reasons.setdefault(f"{row['status']}: {row['reason']}", []).append(row["id"])
    for reason, names in sorted(reasons.items()):
        out.print(f"{len(names)} {reason}", markup=False)
    out.print("'replab explain CELL' tells one of them in words; logs lie in cell/logs below the results", markup=False)
