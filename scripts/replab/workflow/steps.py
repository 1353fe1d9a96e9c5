"""What each rule of the workflow runs: ``python -m replab.workflow.steps NAME …``; files in, files out."""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from replab import __version__, files, ids, opening
from replab.errors import INTERRUPTED, LabError, StoreError
from replab.freshness import jobs
from replab.model import Lab
from replab.store import ledger
from replab.store.ledger import Ledger

NOTHING: Mapping[Path, Lab] = {}
FREE_SPACE = "Free some space, or mend the permissions, and run again: finished cells are kept"


def load(path: Path) -> Lab:
    """The lab as the workflow was started: its settings were written to ``path``. Raises ``LabError``."""
    settings = ledger.load_json(path)
    return opening.open_lab(settings["config"], Path(settings.get("folder", settings["root"])), Path(settings["root"]), checked=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """What a step made beside what its rule names, and what it used, where that is known better than from the process."""

    made: Sequence[Path] = ()
    memory_mb: float = 0.0
    cells: int = 0
    import_seconds: float = 0.0
    bytes: int = 0
    """Of the results of a batch."""


def _image(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import images  # noqa: PLC0415 (each step imports what it needs: starts count)

    images.build(lab, options.name)
    return Used()


def _environment(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import environments  # noqa: PLC0415 (as above)

    environments.find_out(lab, options.name)
    return Used()


def _defaults(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import defaults  # noqa: PLC0415 (as above)

    defaults.read(lab, options.name)
    return Used()


def _published(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import published  # noqa: PLC0415 (as above)

    published.run(lab, options.name)
    return Used()


def _inputs(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import inputs  # noqa: PLC0415 (as above)

    return Used(made=inputs.make(lab, lab.family(options.name)))


def _batch(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.run.batch import run_batch_job  # noqa: PLC0415 (as above)

    ran = run_batch_job(lab, ids.parse_batch_id(options.name), log=options.log)
    sizes, cells = {file: size for cell in ran.cells for file, size, _ in cell.files}, sum(ran.ran.values())
    size = sum(sizes.values()) * cells // max(1, sum(bool(cell.files) for cell in ran.cells))
    return Used(memory_mb=ran.peak_mb, cells=cells, import_seconds=ran.import_seconds, bytes=size)


def _truth(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import truth  # noqa: PLC0415 (as above)

    truth.certify(lab, lab.family(options.name), options.shard)
    return Used()


def _judge(lab: Lab, options: argparse.Namespace) -> Used:
    from replab.steps import judge  # noqa: PLC0415 (as above)

    judge.judge_shard(lab, lab.family(options.name), options.shard)
    return Used()


def _tables(lab: Lab, _options: argparse.Namespace) -> Used:
    from replab.steps import tables  # noqa: PLC0415 (as above)

    tables.merge(lab)
    return Used()


def _claims(lab: Lab, _options: argparse.Namespace) -> Used:
    from replab.claims import run  # noqa: PLC0415 (as above)

    run.write(lab.root, lab.results.root, run.folders(lab.families), lab.limits)
    return Used()


def _elsewhere(lab: Lab, _options: argparse.Namespace) -> Used:
    from replab.steps import elsewhere  # noqa: PLC0415 (as above)

    elsewhere.compare(lab)
    return Used()


def _report(lab: Lab, _options: argparse.Namespace) -> Used:
    from replab.report.render import render  # noqa: PLC0415 (as above)

    folder = lab.results.report.parent
    render(lab.results.root, folder, lab.root / "reports" / "templates")
    return Used(made=[folder])


def _publish(lab: Lab, options: argparse.Namespace) -> Used:
    """``--name`` holds version, allow, site and sign as JSON."""
    from replab.publish import run  # noqa: PLC0415 (as above)

    wanted = json.loads(options.name)
    chosen = run.Options(
        version=wanted["version"], allow=wanted["allow"], site=Path(wanted["site"]), sign=Path(wanted["sign"]) if wanted["sign"] else None
    )
    settings = ledger.load_json(options.config)["config"]
    print(f"published {run.publish(lab, settings, chosen, lambda line: print(line, flush=True))}")
    return Used()


STEPS: Mapping[str, Callable[[Lab, argparse.Namespace], Used]] = {
    "image": _image,
    "environment": _environment,
    "defaults": _defaults,
    "published": _published,
    "inputs": _inputs,
    "batch": _batch,
    "truth": _truth,
    "judge": _judge,
    "tables": _tables,
    "claims": _claims,
    "elsewhere": _elsewhere,
    "report": _report,
    "publish": _publish,
}


def _remember(lab: Lab, options: argparse.Namespace, seconds: float, used: Used) -> None:
    """Note what a step used, for requests of later runs; that it could not be noted costs nothing."""
    from replab.workflow import costs  # noqa: PLC0415

    of_self, children = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    memory = of_self + max(children, used.memory_mb)
    name = f"{options.name}--{options.shard}" if options.step in jobs.SHARDED else options.name
    cost = costs.Cost(
        seconds=round(seconds, 3),
        memory_mb=round(memory, 1),
        points=lab.points,
        cells=used.cells,
        import_seconds=used.import_seconds,
        bytes=used.bytes,
    )
    with contextlib.suppress(LabError):
        costs.remember(lab, options.step, name, cost)


def main(arguments: Sequence[str] | None = None, loaded: Mapping[Path, Lab] = NOTHING) -> int:
    """Run one step; a ``LabError`` becomes one sentence and its exit code. ``known``: labs that have been read, by their settings."""
    parser = argparse.ArgumentParser(prog="replab.workflow.steps", description=f"replab {__version__}: one step of the workflow")
    parser.add_argument("step", choices=sorted(STEPS))
    parser.add_argument("--config", type=Path, required=True, help="the settings that the workflow wrote")
    parser.add_argument("--name", default="", help="environment, family or batch")
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("/dev/null"), help="where a sandbox's own output goes")
    parser.add_argument("--reads", type=Path, nargs="*", default=[], help="files that the rule names as input: checked, and noted")
    parser.add_argument("--makes", type=Path, nargs="*", default=[], help="files that the rule names as output: noted")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        lab = loaded.get(options.config.absolute()) or load(options.config)
        book = Ledger(lab.results.root, lab.folder)
        read = {book.name(path): book.check(path) for path in options.reads}
        used = STEPS[options.step](lab, options)
        made = [*options.makes, *used.made]
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
        file = str(error.filename2 or error.filename or options.config)
        refused = StoreError(f"cannot be written or read: {error.strerror or error}", where=file, hint=FREE_SPACE)
        print(f"replab: {refused}", file=sys.stderr)
        return refused.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
