"""One batch: what is missing in the store is run in a sandbox, and a manifest says which cells the batch consists of."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from replab import ids, linux
from replab.contract.facts import Facts
from replab.contract.manifest import Manifest, ManifestEntry
from replab.contract.record import Record
from replab.contract.request import AskedCell, CellRequest
from replab.engines.base import Engine, isolation
from replab.engines.gpus import lease, with_device
from replab.engines.registry import get_engine
from replab.engines.sandbox import Built, Launch, Sandbox
from replab.errors import EnvironmentUnavailable, SandboxError
from replab.model import Batch, Cell, Environment, Family, Lab, Limits, Status, Variant
from replab.plan import planning
from replab.progress import Progress
from replab.run.requests import PROBE, planned, request
from replab.run.supervise import Summary, run_batch
from replab.store.step_files import environment_facts, write_json
from replab.store.store import Store, write_atomically


def run_batch_job(lab: Lab, batch: Batch, *, log: Path, only: str = "*") -> Manifest:
    """Run the missing cells of ``batch`` whose id matches ``only`` and write the manifest; returns it.

    Raises ``LabError`` when the lab itself fails; cells that fail are records.
    """
    with _alone(lab, ids.batch_id(batch)):
        return _run_batch_job(lab, batch, log=log, only=only)


def _run_batch_job(lab: Lab, batch: Batch, *, log: Path, only: str) -> Manifest:
    store, begin = Store(lab.results.store), time.time()
    _doubt_killed(lab, batch, store)
    whole = plan_batch(lab, batch, store, only)
    summary = Summary()
    if whole.missing:
        with _device(batch.device) as gpus:
            summary = _run(lab, whole, store, log, batch, gpus)
    entries = [
        _entry(store, whole.facts, cell.left_out, planned_request, summary.again.get(planned_request.key))
        for cell, planned_request in whole.planned
    ]
    effect = whole.variant.effect.get(whole.environment.framework, {})
    if idle := _without_effect(store, effect, entries):
        entries = [entry._replace(status=Status.SKIPPED, key="", reason=idle, files=[]) for entry in entries]
    manifest = Manifest(
        batch=ids.batch_id(batch),
        cells=entries,
        began=begin,
        import_seconds=summary.import_seconds,
        cell_seconds=summary.cell_seconds,
        wall_seconds=summary.wall_seconds,
        sandboxes=summary.sandboxes,
        peak_mb=round(summary.peak_mb, 1),
        ran=dict(sorted(summary.statuses.items())),
        limits={status: lab.limits.about(status) for status in (Status.TIMEOUT, Status.OOM)},
    )
    write_json(lab.results.manifest(manifest.batch), manifest.to_json())
    return manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A batch, and what of it is missing in the store."""

    environment: Environment
    families: tuple[Family, ...]
    variant: Variant
    facts: Facts
    planned: list[tuple[Cell, CellRequest]]
    """Every cell with its request, those that are left out too."""
    missing: list[CellRequest]
    """Requests of the cells that have no sound result, each key once."""


def plan_batch(lab: Lab, batch: Batch, store: Store, only: str = "*") -> Planned:
    """What a batch consists of, as far as its cells' ids match ``only``."""
    environment, families, variant = planning.parts(lab, batch)
    facts = environment_facts(lab, environment.build_name(batch.device))
    cells = [(cell, cell_request) for cell, cell_request in planned(lab, batch, facts) if fnmatchcase(cell_request.id, only)]
    missing: dict[str, CellRequest] = {}
    if facts.ok:
        missing = {
            cell_request.key: cell_request
            for _, cell_request in cells
            if cell_request.key and not _settled(store.sound(cell_request.key), lab.limits)
        }
    return Planned(environment=environment, families=families, variant=variant, facts=facts, planned=cells, missing=list(missing.values()))


def _settled(record: Record | None, limits: Limits) -> bool:
    """Whether there is a result that need not be run again: a cell that was stopped at a lower limit than today's is."""
    return record is not None and limits.about(record["status"]) <= record.get("limit", math.inf)


@contextlib.contextmanager
def _device(device: str) -> Iterator[tuple[str, ...]]:
    """The indexes of the GPUs that a batch may use; held for as long as it runs."""
    if device == "cpu":
        yield ()
        return
    with lease(lambda line: print(line, flush=True)) as gpu:  # noqa: T201 - to the log of the job
        yield (gpu.index,)


def _run(lab: Lab, whole: Planned, store: Store, log: Path, batch: Batch, gpus: Sequence[str]) -> Summary:
    environment, families, variant, cells = whole.environment, whole.families, whole.variant, whole.missing
    engine, name = get_engine(lab.engine), ids.batch_id(batch)
    built = engine.build(environment, lab.cache, lambda _: None, batch.device)
    _check_platform(with_device(engine.platform(built), batch.device), whole.facts.platform, environment, lab)
    observed = lab.results.environment(environment.build_name(batch.device))
    _check_interpreter(built.interpreter, whole.facts, environment, observed)
    staging = lab.results.staging(name)
    data = lab.results.input_data
    staging.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(
        built=built,
        variables=variant.variables.get(environment.framework, {}),
        threads=variant.threads,
        limits=lab.limits,
        writable=staging,
        readable=(PROBE, *(family.folder for family in families), data),
        gpus=tuple(gpus),
    )
    work = request(environment, variant, device=batch.device, inputs=data, cells=cells, isolation=isolation(engine, sandbox))

    def launch(request_path: Path, folder: Path) -> Launch:
        argv = (str(PROBE / "main.py"), "--request", str(request_path), "--out", str(folder))
        return engine.command(replace(sandbox, argv=argv, writable=folder))

    progress = Progress(lab.results.progress(name), name, total=len(cells))

    computing = _computing(lab, name)
    if built.installed:
        write_atomically(computing, json.dumps({"installed": built.installed, "keys": [cell.key for cell in cells]}).encode())

    def fail(cell: AskedCell, status: Status, reason: str, seconds: float) -> None:
        store.write_failure(cell["key"], cell["id"], status, reason, seconds, lab.limits.about(status))

    try:
        summary = run_batch(
            launch,
            work.to_json(),
            staging,
            limits=lab.limits,
            adopt=lambda key: store.adopt(key, staging, observed=True),
            fail=fail,
            progress=progress.update,
            log=log,
        )
    finally:
        progress.finish()
        _check_untouched(engine, built, store, staging, cells)
        computing.unlink(missing_ok=True)
    shutil.rmtree(staging, ignore_errors=True)  # all of it is in the store now; after a failure it stays, and is adopted at the next start
    return summary


@contextlib.contextmanager
def _alone(lab: Lab, name: str) -> Iterator[None]:
    """Hold a batch: a job that a scheduler started twice, or one that outlived its workflow, is waited for, whatever node it runs on.

    The kernel (of the file server, on a shared disk) lets go of it when the process ends, however. A file system without locks is used
    without.
    """
    lock = lab.results.batch_lock(name)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in linux.HELD:
                print(f"another process is at work on {name}: waiting for it", flush=True)  # noqa: T201 (the log of a job)
                with contextlib.suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _check_platform(here: str, observed: str, environment: Environment, lab: Lab) -> None:
    """Results are kept by the platform that the environment was observed on: another processor or C library would be filed as that one."""
    words = here.split()  # a selection without torch.compile names no compiler, which stands last
    if observed.split()[: len(words)] != words:
        raise EnvironmentUnavailable(
            f"this machine is {here}, and the environment was observed on {observed}",
            where=environment.name,
            hint="Ask the scheduler for nodes of one kind (docs/cluster.md), or remove "
            f"{lab.results.environment(environment.name)} to compute on this kind",
        )


def _check_interpreter(here: Mapping[str, str], facts: Facts, environment: Environment, note: Path) -> None:
    """Results are shown beside the interpreter that the environment was observed with: another one is observed first.

    ``place``: what was observed, taken away where it holds no more.
    """
    before = facts.interpreter or here
    if here and before != here:
        note.unlink(missing_ok=True)
        raise EnvironmentUnavailable(
            f"its interpreter is another one, or was changed, since it was observed: Python {here['version']} ({here['build']}) now, "
            f"{before.get('version')} ({before.get('build')}) then",
            where=environment.name,
            hint="It is observed again at the next start",
        )


def _check_untouched(engine: Engine, built: Built, store: Store, staging: Path, cells: Sequence[CellRequest]) -> None:
    """An environment that was changed while cells ran in it has computed nothing: they are forgotten, and the batch has failed."""
    if problem := engine.changed(built):
        _forget(store, staging, [cell.key for cell in cells])
        raise SandboxError(
            f"was changed while cells ran in it ({problem}): their results are not kept",
            where=built.environment.name,
            hint="Find out what writes there: functions must not, nor pip. It is built anew when it is next used",
        )


def _doubt_killed(lab: Lab, batch: Batch, store: Store) -> None:
    """A batch that was killed did not look at its environment again: where that is another build by now, its cells are forgotten."""
    computing = _computing(lab, ids.batch_id(batch))
    if not computing.is_file():
        return
    environment, _, _ = planning.parts(lab, batch)
    try:
        noted = json.loads(computing.read_text(encoding="utf-8"))
        installed, keys = noted["installed"], list(noted["keys"])
    except (ValueError, KeyError, TypeError):  # damaged: it may have been any of them
        facts = environment_facts(lab, environment.build_name(batch.device))
        installed, keys = "", [cell_request.key for _, cell_request in planned(lab, batch, facts) if cell_request.key]
    try:
        same = get_engine(lab.engine).build(environment, lab.cache, lambda _: None, batch.device).installed == installed
    except EnvironmentUnavailable:
        same = False
    if not same:
        _forget(store, lab.results.staging(ids.batch_id(batch)), keys)
    computing.unlink()


def _computing(lab: Lab, name: str) -> Path:
    """Which cells a batch computes in which build of its environment; gone when it has ended."""
    return lab.results.computing(name)


def _forget(store: Store, staging: Path, keys: Iterable[str]) -> None:
    for key in keys:
        store.cell_path(key).unlink(missing_ok=True)
    shutil.rmtree(staging, ignore_errors=True)


def _entry(store: Store, facts: Facts, left_out: str, request: CellRequest, again: tuple[Status, str] | None) -> ManifestEntry:
    """One cell in the manifest: where its result is, or why there is none; ``again`` marks one that is to be tried at the next start."""
    nothing = ManifestEntry(id=request.id, key=request.key, status=Status.SKIPPED, reason=left_out, files=[])
    if again is not None:
        return nothing._replace(status=again[0], reason=again[1], again=True)
    if left_out:
        return nothing
    if not facts.ok:
        reason = facts.reason if facts.status == Status.SKIPPED else f"the environment is not available here: {facts.reason}"
        return nothing._replace(key="", reason=reason)
    record, files, sealed = store.describe_sealed(request.key)  # checked a moment ago, found intact or adopted: not hashed again
    return nothing._replace(status=record["status"], reason=record["reason"], files=files, record=sealed)


def _without_effect(store: Store, effect: Mapping[str, object], entries: list[ManifestEntry]) -> str:
    """Why the results of a variant say nothing: its switch had no effect, as the process observed of itself; empty when it had."""
    done = next((entry for entry in entries if entry.status == Status.OK), None)
    if not effect or done is None:
        return ""
    record, _ = store.describe(done.key)
    observed = json.loads(store.observation_path(record["observation"]).read_text(encoding="utf-8")).get("arithmetic", {})
    wrong = [f"{name} is {observed.get(name)!r} instead of {wanted!r}" for name, wanted in effect.items() if observed.get(name) != wanted]
    return f"the switch did not take effect here: {', '.join(wrong)}" if wrong else ""
