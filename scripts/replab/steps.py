"""What each rule of the workflow runs: ``python -m replab.steps NAME …``; files in, files out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from replab import __version__, config, ids, plan
from replab.errors import EnvironmentUnavailable, LabError
from replab.model import Lab


def load(path: Path) -> Lab:
    """The lab as the workflow was started: its settings were written to ``path``."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    return config.load_lab(settings["config"], Path(settings["root"]))


def step_environment(lab: Lab, options: argparse.Namespace) -> None:
    """Build one environment and record what it is; one that cannot be built is recorded as unavailable, and the others go on."""
    from replab.engines.registry import get_engine  # noqa: PLC0415 (each step imports what it needs: starts count)
    from replab.observe import observe  # noqa: PLC0415

    environment = next(one for one in lab.environments if one.name == options.name)
    asked = {key: (list(value) if isinstance(value, tuple) else value) for key, value in asdict(environment).items() if key != "folder"}
    facts: dict[str, Any] = {"name": environment.name, "asked": asked, "status": "ok", "reason": "", "engine": lab.engine}
    begin = time.monotonic()
    try:
        engine = get_engine(lab.engine)
        built = engine.build(environment, lab.cache, lambda line: print(line, flush=True))
        facts |= {"identity": built.identity, "platform": engine.platform(built), "lock_sha256": built.identity}
        facts["observed"] = observe(engine, built, lab, environment)
    except EnvironmentUnavailable as error:
        facts |= {"status": "unavailable", "reason": str(error), "identity": "", "platform": "", "lock_sha256": "", "observed": {}}
        print(f"{environment.name} is not available here: {error}", file=sys.stderr)
    facts["build_seconds"] = round(time.monotonic() - begin, 3)
    _write_json(options.out, facts)


def step_defaults(lab: Lab, options: argparse.Namespace) -> None:
    """Read the defaults of one environment; one that is not available has none."""
    from replab import defaults  # noqa: PLC0415
    from replab.batch import environment_facts  # noqa: PLC0415
    from replab.engines.registry import get_engine  # noqa: PLC0415

    environment = next(one for one in lab.environments if one.name == options.name)
    answer: dict[str, Any] = {}
    if environment_facts(lab, environment.name)["status"] == "ok":
        engine = get_engine(lab.engine)
        built = engine.build(environment, lab.cache, lambda line: print(line, flush=True))
        answer = defaults.read_in(engine, built, lab, environment, defaults.load(lab.root / defaults.ATLAS))
    _write_json(options.out, answer)


def step_inputs(lab: Lab, options: argparse.Namespace) -> None:
    """Make the input bytes of one family."""
    from replab.requests import write_inputs  # noqa: PLC0415

    family = next(one for one in lab.families if one.name == options.name)
    _write_json(options.out, write_inputs(family, lab.points, lab.results / "inputs" / "data"))


def step_batch(lab: Lab, options: argparse.Namespace) -> None:
    """Run the missing cells of one batch."""
    from replab.batch import run_batch_job  # noqa: PLC0415

    run_batch_job(lab, ids.parse_batch_id(options.name), manifest=options.out, log=options.log)


def step_truth(lab: Lab, options: argparse.Namespace) -> None:
    """Certify every truth that a shard needs."""
    from replab.batch import input_index  # noqa: PLC0415
    from replab.errors import TruthError  # noqa: PLC0415
    from replab.progress import Progress  # noqa: PLC0415
    from replab.truths import Truths, wanted  # noqa: PLC0415

    family = next(one for one in lab.families if one.name == options.name)
    truths = Truths(lab.results / "store", lab.results / "inputs" / "data")
    index = input_index(lab, family.name)
    cells = list(wanted(plan.shard_cases(family, options.shard)))
    shown = lab.results / "progress" / f"truth--{family.name}--{options.shard}.json"
    progress = Progress(shown, f"truth of {family.name}", total=len(cells))
    found = []
    for place, cell in enumerate(cells):
        progress.update(place, len(cells), f"{cell.case.name} {cell.dtype} d{cell.derivative}")
        begin = time.monotonic()
        entry = {"case": cell.case.name, "dtype": cell.dtype, "derivative": cell.derivative, "problem": ""}
        key = truths.key(family, cell, index)
        try:
            if not truths.path(key).is_file():  # judging checks the hashes, and makes a damaged one again
                truths.get(family, cell, index)
        except TruthError as error:
            entry["problem"] = str(error)
            print(error, file=sys.stderr)
        print(f"{time.monotonic() - begin:8.2f} s  {cell.case.name} {cell.dtype} d{cell.derivative}", flush=True)
        found.append(entry | {"key": key})
    progress.update(len(cells), len(cells), "")
    progress.finish()
    _write_json(options.out, found)


def step_judge(lab: Lab, options: argparse.Namespace) -> None:
    """Judge the cells of a shard."""
    from replab import tables  # noqa: PLC0415
    from replab.judge import Judge  # noqa: PLC0415
    from replab.progress import Progress  # noqa: PLC0415

    family = next(one for one in lab.families if one.name == options.name)
    cases = plan.shard_cases(family, options.shard)
    shown = lab.results / "progress" / f"judge--{family.name}--{options.shard}.json"
    progress = Progress(shown, f"verdicts of {family.name}", total=len(cases))
    rows = Judge(lab, family).run(options.shard, progress)
    stem = options.out.stem.removesuffix(".cells")
    for part, (columns, sort) in tables.PARTS.items():
        tables.write(options.out.parent / f"{stem}.{part}.parquet", getattr(rows, part), columns, sort)


def step_tables(lab: Lab, options: argparse.Namespace) -> None:
    """Merge what the shards found into the public tables."""
    from replab import defaults, summary, tables  # noqa: PLC0415

    folder = lab.results / "judged"
    names = [f"{family.name}--{shard}" for family in lab.families for shard in range(plan.shards(family))]
    merged = {
        part: tables.merge([folder / f"{name}.{part}.parquet" for name in names], lab.results / f"{part}.parquet", columns, sort)
        for part, (columns, sort) in tables.PARTS.items()
    }
    cells = merged["cells"]
    tables.write(lab.results / "defaults.parquet", defaults.table(lab), dict.fromkeys(defaults.COLUMNS, tables.TEXT), list(defaults.SORT))
    _write_json(lab.results / "environments.json", summary.environments(lab))
    _write_json(lab.results / "cases.json", summary.cases(lab))
    _write_json(lab.results / "run.json", summary.run(lab, cells))
    print(f"{cells.num_rows} rows: {dict(Counter(cells['status'].to_pylist()))}")
    del options


def step_claims(lab: Lab, options: argparse.Namespace) -> None:
    """Judge every claim by the tables."""
    from replab.claims import run  # noqa: PLC0415

    run.write(lab.root, lab.results, run.folders(lab.families))
    del options


def step_illustrate(lab: Lab, options: argparse.Namespace) -> None:
    """Collect what pages show beside the tables: the losses of trainings, and stand-alone scripts."""
    from replab import standalone, tables, trajectories  # noqa: PLC0415

    table = tables.read(lab.results / "cells.parquet")
    cells = table[sorted({*standalone.NEEDED, *trajectories.NEEDED})].to_dict("records")
    tables.write(options.out, trajectories.rows(lab, cells), trajectories.COLUMNS, trajectories.SORT)
    tables.write(lab.results / "scripts.parquet", standalone.rows(lab, cells), standalone.COLUMNS, standalone.SORT)


def step_report(lab: Lab, options: argparse.Namespace) -> None:
    """Render the tables."""
    from replab.report.render import render  # noqa: PLC0415

    render(lab.results, options.out.parent, lab.root / "reports" / "templates")


STEPS: dict[str, Callable[[Lab, argparse.Namespace], None]] = {
    name.removeprefix("step_"): function for name, function in sorted(globals().items()) if name.startswith("step_")
}


def _write_json(path: Path, value: Any) -> None:
    from replab.store import write_atomically  # noqa: PLC0415

    write_atomically(path, json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; a ``LabError`` becomes one sentence and its exit code."""
    parser = argparse.ArgumentParser(prog="replab.steps", description=f"replab {__version__}: one step of the workflow")
    parser.add_argument("step", choices=sorted(STEPS))
    parser.add_argument("--config", type=Path, required=True, help="the settings that the workflow wrote")
    parser.add_argument("--name", default="", help="environment, family or batch")
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--log", type=Path, default=Path("/dev/null"), help="where a sandbox's own output goes")
    options = parser.parse_args(arguments)
    try:
        STEPS[options.step](load(options.config), options)
    except LabError as error:
        print(f"replab: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
