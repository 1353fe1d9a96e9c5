"""What each rule of the workflow runs: ``python -m replab.workflow.steps NAME …``; files in, files out."""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from replab import __version__, files, ids, opening
from replab.errors import INTERRUPTED, EnvironmentUnavailable, LabError, StoreError
from replab.freshness import jobs
from replab.model import Environment, Family, Lab
from replab.plan import planning
from replab.store import ledger
from replab.store.ledger import Ledger

NOTHING: Mapping[Path, Lab] = {}
FREE_SPACE = "Free some space, or mend the permissions, and run again: finished cells are kept"


def load(path: Path) -> Lab:
    """The lab as the workflow was started: its settings were written to ``path``. Raises ``LabError``."""
    settings = ledger.load_json(path)
    return opening.open_lab(settings["config"], Path(settings.get("folder", settings["root"])), Path(settings["root"]), checked=True)


def step_environment(lab: Lab, options: argparse.Namespace) -> None:
    """Build one environment and record what it is; one that cannot be built is recorded as unavailable, and the others go on."""
    from replab.engines.base import describe_image, points  # noqa: PLC0415
    from replab.engines.gpus import with_device  # noqa: PLC0415
    from replab.engines.registry import get_engine  # noqa: PLC0415
    from replab.run.observe import observe  # noqa: PLC0415
    from replab.store import platforms  # noqa: PLC0415 (each step imports what it needs: starts count)

    environment, device = lab.build_at(options.name)
    asked = {key: (list(value) if isinstance(value, tuple) else value) for key, value in asdict(environment).items() if key != "folder"}
    facts: dict[str, Any] = {"name": environment.name, "asked": asked, "status": "ok", "reason": "", "engine": lab.engine, "device": device}
    begin = time.monotonic()
    unusable = "" if device == "cpu" else _unusable(environment)
    try:
        if unusable:  # nothing is built for a device that is not there
            nothing = {"identity": "", "platform": "", "lock_sha256": "", "observed": {}}
            _write_json(options.out, facts | nothing | {"status": "skipped", "reason": unusable, "build_seconds": 0.0})
            return
        engine = get_engine(lab.engine)
        built = engine.build(environment, lab.cache, lambda line: print(line, flush=True), device)
        lock = built.image.lock_sha256 if built.image is not None else built.identity
        if lab.engine == "apptainer":
            from replab.engines.apptainer import inside_platform  # noqa: PLC0415
            from replab.run import apptainer_jobs  # noqa: PLC0415

            facts["observed"], compiler = apptainer_jobs.observed(lab, environment)
            facts["platform"] = inside_platform(facts["observed"], compiler, environment.modes)
        else:
            facts["platform"] = engine.platform(built)
            facts["observed"] = observe(engine, built, lab, environment, device)
        facts |= {"identity": built.identity, "lock_sha256": lock, "image": describe_image(built.image)}
        facts["platform"] = with_device(facts["platform"], device)
        facts["isolation"] = points(engine)
        facts["interpreter"] = dict(built.interpreter)
    except EnvironmentUnavailable as error:
        facts |= {"status": "unavailable", "reason": str(error), "identity": "", "platform": "", "lock_sha256": "", "observed": {}}
        print(f"{environment.name} is not available here: {error}", file=sys.stderr)
    facts["build_seconds"] = round(time.monotonic() - begin, 3)
    platforms.remember(lab.results.store, options.name, facts)
    _write_json(options.out, facts)


def _unusable(environment: Environment) -> str:
    """Why an environment cannot compute on a GPU of this machine; empty when it can."""
    from replab.config.gpu_support import gpu_refusal  # noqa: PLC0415
    from replab.engines.gpus import gpus  # noqa: PLC0415

    if not gpus():
        return "no CUDA device"
    return gpu_refusal(environment, gpus()[0].compute_capability, gpus()[0].driver) or ""


def step_defaults(lab: Lab, options: argparse.Namespace) -> None:
    """Read the defaults of one environment; one that is not available has none."""
    from replab.defaults import atlas, reading  # noqa: PLC0415
    from replab.engines.registry import get_engine  # noqa: PLC0415
    from replab.store.step_files import environment_facts  # noqa: PLC0415

    environment = lab.environment(options.name)
    answer: dict[str, Any] = {}
    if environment_facts(lab, environment.name).ok and lab.engine == "apptainer":
        from replab.run import apptainer_jobs  # noqa: PLC0415

        answer = apptainer_jobs.read_defaults(lab, environment)
    elif environment_facts(lab, environment.name).ok:
        engine = get_engine(lab.engine)
        built = engine.build(environment, lab.cache, lambda line: print(line, flush=True))
        answer = reading.read_in(engine, built, lab, environment, atlas.load(lab.root / atlas.ATLAS))
    _write_json(options.out, answer)


def step_image(lab: Lab, options: argparse.Namespace) -> None:
    """Build the container image of one environment, look at it from inside, and note which one it is."""
    from replab.images import build_image, check  # noqa: PLC0415

    environment, device = lab.build_at(options.name)
    image = build_image(environment, lab.root, lab.cache, lab.builder, lambda line: print(line, flush=True), lab.bases, device)
    check.demand(environment, image, lab.builder)
    _write_json(options.out, asdict(image))


def step_ask(lab: Lab, options: argparse.Namespace) -> None:
    """Write what a job inside an image is asked (engine apptainer)."""
    from replab.run import apptainer_jobs  # noqa: PLC0415

    apptainer_jobs.ask(lab, options.name)


def step_sif(lab: Lab, options: argparse.Namespace) -> None:
    """Make the file that Apptainer enters from the image that was built (engine apptainer)."""
    from replab.engines.sif import convert  # noqa: PLC0415

    environment, device = lab.build_at(options.name)
    convert(environment, lab.cache, lab.builder, options.out, device)


def step_inputs(lab: Lab, options: argparse.Namespace) -> dict[str, Any]:
    """Make the input bytes of one family."""
    from replab.run.requests import write_inputs  # noqa: PLC0415

    family = lab.family(options.name)
    data = lab.results.input_data
    index = write_inputs(family, lab.points, data, limits=lab.limits)
    _write_json(options.out, index)
    return {"made": [data / f"{name}.npy" for name in sorted(set(jobs.named(index)))]}


def step_batch(lab: Lab, options: argparse.Namespace) -> dict[str, Any]:
    """Run the missing cells of one batch."""
    from replab.run.batch import run_batch_job  # noqa: PLC0415

    ran = run_batch_job(lab, ids.parse_batch_id(options.name), log=options.log)
    sizes, cells = {file: size for cell in ran.cells for file, size, _ in cell.files}, sum(ran.ran.values())
    found = {"cells": cells, "import_seconds": ran.import_seconds, "memory_mb": ran.peak_mb}
    return found | {"bytes": sum(sizes.values()) * cells // max(1, sum(bool(cell.files) for cell in ran.cells))}


def step_truth(lab: Lab, options: argparse.Namespace) -> None:
    """Certify every truth that a shard needs; one that cannot be had is a problem of its own cells."""
    from replab import contained  # noqa: PLC0415
    from replab.progress import Progress  # noqa: PLC0415
    from replab.store.step_files import input_index  # noqa: PLC0415
    from replab.truth.cache import Truths, wanted  # noqa: PLC0415

    family = lab.family(options.name)
    truths = Truths(lab.results.store, lab.results.input_data)
    index = input_index(lab, family.name)
    cells = list(wanted(planning.shard_cases(family, options.shard), lab.coverage))
    shown = lab.results.progress(f"truth--{family.name}--{options.shard}")
    progress = Progress(shown, f"truth of {family.name}", total=len(cells))
    found = []
    made = contained.each(lambda cell: truths.told(family, cell, index), cells, lab.limits)
    for place, cell in enumerate(cells):
        progress.update(place, len(cells), f"{cell.case.name} {cell.dtype} d{cell.derivative}")
        begin, told = time.monotonic(), next(made)
        entry = {"case": cell.case.name, "dtype": cell.dtype, "derivative": cell.derivative, "problem": "", "key": ""}
        entry |= {"problem": told.reason} if isinstance(told, contained.Lost) else told
        if entry["problem"]:
            print(f"{family.name}.{cell.case.name} {cell.dtype} d{cell.derivative}: {entry['problem']}", file=sys.stderr)
        print(f"{time.monotonic() - begin:8.2f} s  {cell.case.name} {cell.dtype} d{cell.derivative}", flush=True)
        found.append(entry)
    made.close()
    progress.update(len(cells), len(cells), "")
    progress.finish()
    _write_json(options.out, found)


def step_judge(lab: Lab, options: argparse.Namespace) -> None:
    """Judge the cells of a shard, and make what pages show of them: the losses of trainings, and stand-alone scripts."""
    from replab.judge.cells import Judge  # noqa: PLC0415
    from replab.progress import Progress  # noqa: PLC0415
    from replab.store.rows import JUDGED  # noqa: PLC0415

    family = lab.family(options.name)
    cases = planning.shard_cases(family, options.shard)
    shown = lab.results.progress(f"judge--{family.name}--{options.shard}")
    progress = Progress(shown, f"verdicts of {family.name}", total=len(cases))
    rows = Judge(lab, family).run(options.shard, progress, known=_without_truth(lab, family, options.shard), illustrate=True)
    from replab.store import tables  # noqa: PLC0415 (what it imports starts threads, and a process is forked above)

    stem = options.out.stem.removesuffix(".cells")
    for part, table in JUDGED.items():
        tables.write(options.out.parent / f"{stem}.{part}.parquet", getattr(rows, part), table)


def _without_truth(lab: Lab, family: Family, shard: int) -> dict[str, str]:
    """Truths of which the job before this one says that they cannot be had, and why; what a light family's are is found on the way."""
    from replab.truth.cache import judging_cell, name_of  # noqa: PLC0415

    if family.light:
        return {}
    told = ledger.load_json(lab.results.truths(family.name, shard))
    cases = {case.name: case for case in family.cases}
    return {
        name_of(judging_cell(cases[one["case"]], one["dtype"], "", one["derivative"])): one["problem"] for one in told if one["problem"]
    }


def step_tables(lab: Lab, options: argparse.Namespace) -> None:
    """Merge what the shards found into the public tables."""
    from replab.defaults import rows  # noqa: PLC0415
    from replab.store import tables  # noqa: PLC0415
    from replab.store.rows import DEFAULTS, JUDGED  # noqa: PLC0415
    from replab.workflow import run_summary  # noqa: PLC0415

    judged = [jobs.judged(lab, family, shard) for family, shard in jobs.shards(lab)]
    merged = {part: tables.merge([files[part] for files in judged], lab.results.table(part), table) for part, table in JUDGED.items()}
    cells = merged["cells"]
    tables.write(lab.results.table("defaults"), rows.table(lab), DEFAULTS)
    _write_json(lab.results.summary("environments"), run_summary.environments(lab))
    _write_json(lab.results.summary("cases"), run_summary.cases(lab))
    _write_json(lab.results.summary("run"), run_summary.run(lab, cells))
    print(f"{cells.num_rows} rows: {dict(Counter(cells['status'].to_pylist()))}")
    del options


def step_claims(lab: Lab, options: argparse.Namespace) -> None:
    """Judge every claim by the tables."""
    from replab.claims import run  # noqa: PLC0415

    run.write(lab.root, lab.results.root, run.folders(lab.families), lab.limits)
    del options


def step_elsewhere(lab: Lab, options: argparse.Namespace) -> None:
    """Compare with results of other engines and machines that lie in this store."""
    from replab.judge import other_platforms  # noqa: PLC0415
    from replab.store import tables  # noqa: PLC0415
    from replab.store.rows import ELSEWHERE, PLATFORMS  # noqa: PLC0415

    table = tables.read(lab.results.table("cells"))
    cells, lines = other_platforms.rows(lab, table.loc[table.repeatable == "no", "id"])
    tables.write(options.out, cells, ELSEWHERE)
    tables.write(lab.results.table("platforms"), lines, PLATFORMS)


def step_report(lab: Lab, options: argparse.Namespace) -> dict[str, Any]:
    """Render the tables."""
    from replab.report.render import render  # noqa: PLC0415

    render(lab.results.root, options.out.parent, lab.root / "reports" / "templates")
    return {"made": [options.out.parent]}


def step_publish(lab: Lab, options: argparse.Namespace) -> None:
    """Publish the run as a version; ``--name`` holds version, allow, site and sign as JSON."""
    from replab.publish import run  # noqa: PLC0415

    asked = json.loads(options.name)
    chosen = run.Options(
        version=asked["version"], allow=asked["allow"], site=Path(asked["site"]), sign=Path(asked["sign"]) if asked["sign"] else None
    )
    settings = ledger.load_json(options.config)["config"]
    print(f"published {run.publish(lab, settings, chosen, lambda line: print(line, flush=True))}")


STEPS: dict[str, Callable[[Lab, argparse.Namespace], dict[str, Any] | None]] = {
    name.removeprefix("step_"): function for name, function in sorted(globals().items()) if name.startswith("step_")
}


def _remember(lab: Lab, options: argparse.Namespace, seconds: float, told: dict[str, Any]) -> None:
    """Note what a step used, for requests of later runs; that it could not be noted costs nothing."""
    from replab.workflow import costs  # noqa: PLC0415

    own, children = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    memory = own + max(children, told.pop("memory_mb", 0.0))
    name = f"{options.name}--{options.shard}" if options.step in jobs.SHARDED else options.name
    cost = costs.Cost(seconds=round(seconds, 3), memory_mb=round(memory, 1), points=lab.points, **told)
    with contextlib.suppress(LabError):
        costs.remember(lab, options.step, name, cost)


def _write_json(path: Path, value: Any) -> None:
    from replab.store.store import write_atomically  # noqa: PLC0415

    write_atomically(path, json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode())


def main(arguments: Sequence[str] | None = None, known: Mapping[Path, Lab] = NOTHING) -> int:
    """Run one step; a ``LabError`` becomes one sentence and its exit code. ``known``: labs that have been read, by their settings."""
    parser = argparse.ArgumentParser(prog="replab.workflow.steps", description=f"replab {__version__}: one step of the workflow")
    parser.add_argument("step", choices=sorted(STEPS))
    parser.add_argument("--config", type=Path, required=True, help="the settings that the workflow wrote")
    parser.add_argument("--name", default="", help="environment, family or batch")
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--log", type=Path, default=Path("/dev/null"), help="where a sandbox's own output goes")
    parser.add_argument("--reads", type=Path, nargs="*", default=[], help="files that the rule names as input: checked, and noted")
    parser.add_argument("--makes", type=Path, nargs="*", default=[], help="files that the rule names as output: noted")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        lab = known.get(options.config.absolute()) or load(options.config)
        book = Ledger(lab.results.root, lab.root)
        read = {book.name(path): book.check(path) for path in options.reads}
        used = STEPS[options.step](lab, options) or {}
        made = [*options.makes, *used.pop("made", [])]
        _remember(lab, options, time.monotonic() - began, used)
        if made:
            key = jobs.key_of(options.step, options.name, options.shard if options.step in jobs.SHARDED else None)
            book.write(key, read=read, made=made, terms=jobs.terms(lab, options.step, options.name))
    except LabError as error:
        print(f"replab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("replab: interrupted; finished cells are kept", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # a full disk, a folder that may not be written: nothing that the lab could mend
        traceback.print_tb(error.__traceback__)
        error = files.first_of(error)
        place = str(error.filename2 or error.filename or options.out)
        told = StoreError(f"cannot be written or read: {error.strerror or error}", where=place, hint=FREE_SPACE)
        print(f"replab: {told}", file=sys.stderr)
        return told.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
