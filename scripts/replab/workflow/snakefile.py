"""What the Snakefile needs from Python: the lab, its settings on disk, names as wildcards. No rule logic lives here."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import IO

from replab import ids, linux, opening, resources
from replab.config import implementations as family_files, own_modules, settings as settings_file
from replab.defaults import atlas
from replab.engines.installed import RUN
from replab.errors import INTERRUPTED, ConfigError, LabError, StoreError
from replab.freshness import code, jobs
from replab.freshness.jobs import IMAGE_ENGINES
from replab.locks import pins
from replab.model import Batch, Family, Lab
from replab.plan import planning
from replab.publish import versions
from replab.published import programs
from replab.store import platforms
from replab.store.ledger import Ledger
from replab.store.store import write_atomically
from replab.workflow import fork_server, temporary
from replab.workflow.internals import ResourceSettings, Workflow
from replab.workflow.invocation import is_dry_run, is_main_process
from snakemake_logger_plugin_replab.messages import REPORT as REPORT_SAID

DEVICES = "REPLAB_DEVICES"
"""Variable that tells jobs what the main process found for `devices: auto`: nodes of a cluster differ, the plan must not."""
IN_USE = 10
"""Exit code when another workflow holds the results."""
REPORT = "report"
"""The target that is a rule with an output."""
NAMED = 20
"""So many jobs that are done again are named."""
ENDING = "Will exit after finishing currently running jobs"
"""How Snakemake says that it starts no other job; the display knows it by these words."""
_held: list[IO[str]] = []
_interrupts: list[int] = []
_running: list[object] = []
"""Processes that end with this one: they read a pipe that it holds."""
NOT_SETTINGS = ("version", "allow", "site", "sign")
"""Keys of the workflow's configuration that are no settings of the lab."""


def open_lab(settings: Mapping[str, object], folder: Path) -> Lab:
    """The checked lab; on faults, prints each as one sentence and leaves with its exit code (a traceback would help nobody)."""
    given = _settings(settings)
    if not is_main_process() and DEVICES in os.environ:
        given["devices"] = os.environ[DEVICES]
    try:
        lab = opening.open_lab(given, folder)
        os.environ[DEVICES] = _devices(lab)
        for sentence in lab.left_out if is_main_process() else ():
            print(f"replab: {sentence}", file=sys.stderr)
        return lab
    except LabError as error:
        print(f"replab: {error}".replace("\n", "\nreplab: "), file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _settings(settings: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in settings.items() if key not in NOT_SETTINGS}


def _devices(lab: Lab) -> str:
    return "cuda" if lab.cuda else "cpu"


def write_settings(settings: Mapping[str, object], lab: Lab, path: Path) -> None:
    """Put the settings where the steps read them; untouched when nothing changed."""
    decided = {**_settings(settings), "devices": _devices(lab)}
    if lab.left_out:  # jobs do not look for functions again
        decided["families"] = [family.name for family in lab.families]
    text = json.dumps({"root": str(lab.root), "folder": str(lab.folder), "config": decided}, sort_keys=True, indent=1).encode()
    if not path.exists() or path.read_bytes() != text:
        write_atomically(path, text)
    Ledger(lab.results.root, lab.folder).write(jobs.SETTINGS, read={}, made=[path])
    counts = {ids.batch_id(batch): planning.counts(lab, batch)[0] for batch in planning.batches(lab)}
    write_atomically(lab.results.cell_counts, json.dumps({"cells": counts}).encode())


def forget_stale(lab: Lab) -> None:
    """Have the workflow do again what is no longer as its sources say; says what and why."""
    book = Ledger(lab.results.root, lab.folder)
    stale = list(jobs.stale(lab, book)) if is_dry_run() else jobs.forget(lab, book)
    for stale_job in stale[:NAMED]:
        print(f"replab: {stale_job.job.key} is done again: {stale_job.reason}", file=sys.stderr)
    if len(stale) > NAMED:
        print(f"replab: and {len(stale) - NAMED} more", file=sys.stderr)
    if stale and REPORT in sys.argv and not is_dry_run():  # a target with an output of its own: with it, nothing would be looked at before
        lab.results.report.unlink(missing_ok=True)


def last(lab: Lab) -> str:
    """The report, which is what a whole run ends with; the display is told that it says where."""
    if is_main_process():
        os.environ.setdefault(REPORT_SAID, str(lab.results.report.resolve()))
    return relative(lab, lab.results.report)


def reported(lab: Lab) -> list[str]:
    """Every file that a run leaves before its report.

    Targets name them all: of a file between two steps that is lost Snakemake thinks that nobody needs it as long as later ones are there.
    """
    return [relative(lab, path) for job in jobs.planned(lab) if job.step != "report" for path in job.makes]


def forget_missing_images(lab: Lab) -> None:
    """Let images be built again that were deleted since."""
    from replab.images import find_image  # noqa: PLC0415 - only the target `images` needs it

    for environment, device in jobs.builds(lab):
        note = lab.results.image(environment.build_name(device))
        if note.is_file():
            try:
                exists = find_image(environment, lab.cache, lab.builder, device) is not None
            except LabError as error:
                print(f"replab: {error}", file=sys.stderr)
                exists = False
            if not exists:
                note.unlink()


def note_start(lab: Lab, *, cores: int) -> None:
    """Note when the workflow started, for the time that the report shows."""
    command = " ".join(["snakemake", *sys.argv[1:]])
    write_atomically(lab.results.started, json.dumps({"time": time.time(), "cores": cores, "command": command}).encode())


def sweep_temporary(lab: Lab, workflow: Workflow) -> None:
    """Note the folder for temporary files of this workflow, for the next one, should this be killed with all that would remove it."""
    temporary.note(lab.results, workflow.snakemake_tmp_dir)


def stop_polling(workflow: Workflow) -> None:
    """On this machine jobs are limited by cores alone, so that nothing has to be looked at again before one of them ends.

    For its limit of jobs per time Snakemake looks at all that is ready again and again, once more for each job that has ended: a tenth of a
    core in a run of a few hundred jobs. The profile's limit holds where jobs are submitted.
    """
    if workflow.local_exec and workflow.scheduler is not None:
        workflow.scheduler.job_rate_limiter = None


def ignore_times(workflow: Workflow) -> None:
    """Have no job fail since an input seems younger than what was just made of it: contents decide, and clocks may be wrong."""

    async def believe(_job: object, _made: object) -> None:
        pass

    workflow.dag.check_output_mtime = believe


def warm_up(workflow: Workflow, settings: Path) -> None:
    """Have the steps of this machine forked from one process that has imported everything; submitted jobs start on their own."""
    os.environ[RUN] = secrets.token_hex(8)
    if workflow.local_exec and is_main_process():
        _running.append(fork_server.start(settings, workflow.snakemake_tmp_dir))


def slots(settings: ResourceSettings) -> int:
    """How many jobs run at once: cores of this machine, or jobs on a cluster (each has one core of its own)."""
    return int(settings.cores or settings.nodes or 1)


def claim(lab: Lab) -> None:
    """Hold the results folder for this process; a second workflow on it is refused.

    The kernel lets go of it when the process ends, however.
    """
    try:
        lab.results.root.mkdir(parents=True, exist_ok=True)
        handle = os.fdopen(os.open(lab.results.lock, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o666), "a")
    except OSError as error:
        hint = "Mend the permissions, or name other results"
        fault = StoreError(f"cannot be written: {error.strerror}", where=str(lab.results.root), hint=hint)
        print(f"replab: {fault}", file=sys.stderr)
        raise SystemExit(fault.exit_code) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in linux.HELD:
            print(
                f"replab: {lab.results.root}: this file system has no locks: start one workflow at a time on these results", file=sys.stderr
            )
            return
        print(
            f"replab: {lab.results.root}: another workflow is at work on these results. "
            "Wait for it, or give other results: --config results=PATH",
            file=sys.stderr,
        )
        raise SystemExit(IN_USE) from None
    _held.append(handle)


def refuse_cores(settings: ResourceSettings) -> None:
    """Leave with a sentence where no job could ever start (``--cores 0``), or all of them at once (a negative number).

    ``settings`` are Snakemake's of resources; what was not given is None there.
    """
    numbers = {"--cores": settings.cores, "--jobs": settings.nodes, "--local-cores": settings.local_cores}
    for option, number in numbers.items():
        if number is not None and number < 1:
            fault = ConfigError(f"{number} is no number of jobs at a time", where=option, hint="Say a number from 1 up, or all")
            print(f"replab: {fault}", file=sys.stderr)
            raise SystemExit(fault.exit_code)


def note_interrupt(workflow: Workflow) -> None:
    """Let Ctrl-C end a workflow in order, and be known again when it has ended.

    A terminal sends it to the jobs as well, which end; Snakemake starts no other, and leaves. By itself it would be interrupted wherever
    it stands, with whatever errors that gives there. Elsewhere than on this machine jobs must be cancelled, which Snakemake does by itself;
    and a second Ctrl-C is one for Snakemake.
    """

    def end() -> None:  # in a thread of its own: a handler may stand in the middle of what it would lock
        from snakemake.logging import logger  # noqa: PLC0415 (only where Snakemake runs)

        logger.info(f"{ENDING} (Ctrl-C)")
        if workflow.scheduler is not None:
            workflow.scheduler.exit_gracefully()

    def interrupted(number: int, frame: FrameType | None) -> None:
        _interrupts.append(number)
        if workflow.scheduler is None:  # nothing has begun
            end_interrupted()
        if len(_interrupts) > 1 or not workflow.local_exec:
            signal.default_int_handler(number, frame)
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGINT, interrupted)


def end_interrupted() -> None:
    """After a run that did not end well: where Ctrl-C was the reason, say so, and leave with the exit code that shells expect."""
    if _interrupts:
        print("replab: interrupted; finished cells are kept", file=sys.stderr, flush=True)
        raise SystemExit(INTERRUPTED)


def one_of(names: Iterable[str]) -> str:
    """A regular expression that matches exactly the given names."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def any_batch(lab: Lab) -> str:
    """A regular expression for names of batches, as long as the lists of environments, families and variants.

    Not the list of batches: Snakemake reads the expression for every job, and would read a text as long as the plan for each part of it.
    """
    batches = planning.batches(lab)
    parts = ({batch.environment for batch in batches}, {batch.family for batch in batches}, {batch.variant for batch in batches})
    devices = one_of({f"--{batch.device}" for batch in batches if batch.device != "cpu"})
    return "--".join(f"(?:{one_of(names)})" for names in parts) + f"(?:{devices})?"


def environment_file(lab: Lab, build_name: str) -> str:
    """What asks for an environment, of whichever of its devices."""
    environment = next(candidate for candidate, device in jobs.builds(lab) if candidate.build_name(device) == build_name)
    return relative(lab, environment.folder / "env.toml")


def lock_file(lab: Lab, build_name: str) -> list[str]:
    """The lock of an environment and device, where its packages do not come with an image."""
    environment, device = next((candidate, device) for candidate, device in jobs.builds(lab) if candidate.build_name(device) == build_name)
    return [relative(lab, path)] if (path := pins.lock_of(environment, device)).is_file() else []


def facts_file(lab: Lab, batch: Batch) -> str:
    """What is known about the environment of a batch, on its device."""
    return relative(lab, lab.results.environment(place_of(lab, batch)))


def place_of(lab: Lab, batch: Batch) -> str:
    """The name of a batch's environment on its device."""
    return lab.environment(batch.environment).build_name(batch.device)


def image_notes(lab: Lab, environment: str) -> list[str]:
    """What the rule ``image`` writes for an environment, where the engine needs one: another image is another environment."""
    return [relative(lab, lab.results.image(environment))] if lab.engine in IMAGE_ENGINES else []


def implementations(lab: Lab, batch: Batch) -> list[str]:
    """The implementation files of a batch, as paths below the root where possible."""
    environment, families, _ = planning.parts(lab, batch)
    framework = environment.framework
    return [relative(lab, path) for family in families for path in family_files.paths(family.folder, family.cases, framework)]


def indices(lab: Lab, batch: Batch) -> list[str]:
    """What the rule ``inputs`` writes for the families of a batch."""
    return [relative(lab, lab.results.inputs(family.name)) for family in planning.members(lab, batch)]


def sources(lab: Lab, family: Family) -> list[str]:
    """What the inputs of a family are made from: its table, its reference, and the files of arrays that it brings along."""
    return [relative(lab, path) for path in (family.folder / "experiment.toml", *array_files(family))] + references(lab, family)


def references(lab: Lab, family: Family) -> list[str]:
    """The reference of a family, and the modules of its own that it imports."""
    path = family.folder / "reference.py"
    return [relative(lab, file) for file in (path, *own_modules.of_file(path))]


def array_files(family: Family) -> list[Path]:
    """The files that inputs of a family are read from."""
    given = [generator for case in family.cases for generator in case.inputs.values() if generator.kind == "file"]
    return [family.folder / path for path in sorted({str(generator.options["path"]) for generator in given})]


def batches_of(lab: Lab, family: Family) -> list[str]:
    """The manifests in which cells of a family stand."""
    return [relative(lab, jobs.manifest(lab, batch)) for batch in planning.batches_with(lab, family)]


def code_of(lab: Lab, step: str) -> list[str]:
    """The lab's own code that a step consists of."""
    return [relative(lab, path) for path in code.of_step(resources.SCRIPTS, step)]


def judged(lab: Lab) -> list[str]:
    """Every table that judging makes."""
    return [relative(lab, path) for family, shard in jobs.shards(lab) for path in jobs.judged(lab, family, shard).values()]


def certified(lab: Lab, family: Family, shard: str) -> list[str]:
    """Truths that are ready, or what they are made from: those of a light family take less time than a job that makes them."""
    if family.light:
        return [*references(lab, family), *code_of(lab, "truth")]
    return [relative(lab, lab.results.truths(family.name, shard))]


def reads_defaults(lab: Lab) -> list[str]:
    """The environments whose defaults are read: those that compute anything, where the atlas is part of this run."""
    return [environment.name for environment in lab.environments if environment.modes] if atlas.is_wanted(lab) else []


def runs_programs(lab: Lab) -> bool:
    """Whether the programs of articles are part of this run."""
    return programs.is_wanted(lab)


def program_files(lab: Lab) -> list[str]:
    """The programs of articles and their list."""
    folder = lab.root / programs.FOLDER
    return [relative(lab, path) for path in sorted(folder.glob("*.*"))] if programs.is_wanted(lab) else []


def known_elsewhere(lab: Lab) -> list[str]:
    """What says where other results in the store come from; a merged bundle, or a run with another engine, brings more."""
    return [relative(lab, path) for path in platforms.sources(lab)]


def claim_files(lab: Lab) -> list[str]:
    """The lists and rules of claims, beside the experiments."""
    return [relative(lab, path) for path in jobs.claim_files(lab)]


def publication(settings: Mapping[str, object]) -> str:
    """How to publish, as one word of a shell; a version that cannot be one ends the workflow before anything runs."""
    if "publish" in sys.argv and is_main_process():
        from replab.publish import reasons  # noqa: PLC0415 (tables are slow to import, and few runs publish)

        try:
            versions.check(settings.get("version"))
            reasons.allowed(settings.get("allow"))
            if fault := settings_file.path_fault(str(settings.get("site") or "site")):
                raise ConfigError(fault, where=f"site: {settings.get('site')}", hint="Name another folder")
        except LabError as error:
            print(f"replab: {error}", file=sys.stderr)
            raise SystemExit(error.exit_code) from None
    options = {"version": settings.get("version", ""), "allow": settings.get("allow") or "", "site": str(settings.get("site") or "site")}
    return shlex.quote(json.dumps(options | {"sign": str(settings.get("sign") or "")}, sort_keys=True))


def lab_file(lab: Lab, name: str) -> str:
    """A file of the lab itself, as the workflow names it."""
    return relative(lab, lab.root / name)


def keep_handlers(workflow: Workflow, start: Callable[..., None], error: Callable[..., None]) -> None:
    """Have Snakemake call these also where another workflow uses this one as a module: by itself it calls those of the main one only."""
    workflow._onstart, workflow._onerror = lambda _log: start(), lambda _log: error()  # noqa: SLF001 (there is no public way)


def relative(lab: Lab, path: Path) -> str:
    """``path`` as the workflow names it."""
    return path.relative_to(lab.folder).as_posix() if path.is_relative_to(lab.folder) else str(path)
