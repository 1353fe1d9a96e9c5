"""What the report says about the run as a whole: environments, cases with their code, counts, and time against the floor."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from replab import __version__, git, jsons, texts
from replab.config import functions, implementations
from replab.config.environments import folders_of, load_environments
from replab.contract.summaries import FamilySummary, RunSummary
from replab.errors import LabError
from replab.model import FRAMEWORKS, Case, Family, Lab, is_as_expected
from replab.plan import planning
from replab.published import programs
from replab.store import ledger
from replab.store.step_files import environment_facts, manifest_of


def environments(lab: Lab) -> dict[str, object]:
    """What was asked for and what was found, per environment."""
    return _fit({environment.name: environment_facts(lab, environment.name).to_json() for environment in lab.environments})


def cases(lab: Lab) -> dict[str, object]:
    """Titles, parameters and the code of each side, per family and case."""
    summaries: dict[str, FamilySummary] = {
        family.name: {
            "title": family.title,
            "question": family.question,
            "cases": {
                case.name: {
                    "title": case.title,
                    "function": case.implementation,
                    "parameters": dict(case.parameters),
                    "note": case.note,
                    "claims": list(case.claims),
                    "sources": _sources(family, case),
                }
                for case in family.cases
            },
        }
        for family in lab.families
    }
    return _fit(summaries)


def _fit(summary: Mapping[str, object]) -> dict[str, object]:
    """What was found, in words and numbers that JSON and pages have."""
    return jsons.table(texts.numbers_written(texts.plain_values(summary)))


def _sources(family: Family, case: Case) -> dict[str, str]:
    sides = {"reference": (family.folder / "reference.py", case.function)} | {
        side: (implementations.path_of(family.folder, side, case.implementation), case.implementation)
        for side in FRAMEWORKS
        if planning.runs_in(family, side)
    }
    return {side: _source(path, function) for side, (path, function) in sides.items() if path.is_file()}


def _source(path: Path, function: str) -> str:
    """The code of a function, or why it cannot be shown."""
    try:
        return functions.text(path, function)
    except (LabError, OSError, ValueError, RecursionError, MemoryError) as error:
        return f"# it cannot be shown: {type(error).__name__}: {error}"


def run(lab: Lab, cells: pa.Table) -> RunSummary:
    """Counts, the controls' score, and the time that this run took beside what it could not avoid.

    The floor is (imports + time inside cells) / cores, from the batches that ran since the workflow was started.
    """
    try:
        started = json.loads(lab.results.started.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        started = {"time": None, "cores": os.cpu_count() or 1}
    imports = inside = 0.0
    for batch in planning.batches(lab):
        manifest = manifest_of(lab, batch)
        if started["time"] is not None and manifest.began >= started["time"]:
            imports += manifest.import_seconds
            inside += manifest.cell_seconds
    wall = time.time() - started["time"] if started["time"] is not None else 0.0
    unique = {row["id"]: row["status"] for row in cells.select(["id", "status"]).to_pylist()}
    return {
        "schema": 1,
        "version": __version__,
        "environments": [record.name for record in lab.environments],
        "pinned": {record.name: record.framework for record in load_environments(*folders_of(lab.root, lab.folder))},
        "families": [family.name for family in lab.families],
        "experiments": sorted({_below(lab, family.folder.parent) for family in lab.families}),
        "variants": {record.name: {"title": record.title, "question": record.question} for record in lab.variants},
        "engine": lab.engine,
        "coverage": lab.coverage,
        "points": lab.points,
        "counts": dict(sorted(Counter(unique.values()).items())),
        "wall_seconds": round(wall, 1),
        "floor_seconds": round((imports + inside) / started["cores"], 1),
        "import_seconds": round(imports, 1),
        "seconds_in_cells": round(inside, 1),
        "cores": started["cores"],
        "command": texts.plain(started.get("command", "snakemake --cores all")),
        "controls": controls(cells),
        "machine": {
            "system": platform.system(),
            "machine": platform.machine(),
            "libc": " ".join(platform.libc_ver()),
            "python": platform.python_version(),
        },
        "commit": git.description(lab.root),
    }


def published(lab: Lab) -> dict[str, object]:
    """The programs of articles with what became of them in each environment; nothing where they were not run."""
    if not programs.is_wanted(lab):
        return {"programs": [], "outcomes": {}}
    listed = [
        {
            "id": program.id,
            "title": program.title,
            "after": [path.stem for path in program.after],
            "printed": program.printed,
            "why": program.why,
        }
        | {"source": _text(program.path)}
        for program in programs.load(lab.root / programs.FOLDER)
    ]
    outcomes = {environment.name: ledger.load_json(lab.results.published(environment.name)) for environment in lab.environments}
    return {"programs": listed, "outcomes": outcomes}


def _text(path: Path) -> str:
    """A file as it can be shown."""
    return texts.plain(path.read_text(encoding="utf-8", errors="replace"))


def controls(cells: pa.Table) -> dict[str, list[int]]:
    """Per expectation, how many control cells came out as they must, and how many there are.

    A known-equal rewrite must be ``identical`` or ``rounding``; a planted mistake must be ``semantic``.
    """
    score = {"rounding": [0, 0], "semantic": [0, 0]}
    for row in cells.select(["role", "status", "expect", "verdict"]).to_pylist():
        if row["role"] == "control" and row["status"] == "ok":
            score[row["expect"]][1] += 1
            score[row["expect"]][0] += is_as_expected(row["expect"], row["verdict"])
    return score


def _below(lab: Lab, path: Path) -> str:
    """A path as the configuration may name it."""
    return path.relative_to(lab.root).as_posix() if path.is_relative_to(lab.root) else str(path)
