"""Every job of a run: what it makes, what it must have read, and on which settings it depends.

The workflow wants all that is made here (rule ``all``), asks ``stale`` at its start what must be done again, and publishing asks the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from replab import ids
from replab.contract.manifest import ManifestEntry
from replab.defaults import atlas
from replab.errors import LabError, StoreError
from replab.model import Batch, Environment, Family, Lab
from replab.plan import planning
from replab.published import programs
from replab.store import ledger, platforms
from replab.store.ledger import Ledger
from replab.store.step_files import input_index, manifest_of
from replab.store.store import Store

IMAGE_ENGINES = ("docker", "podman", "apptainer")
"""Engines that start images which the rule ``image`` builds."""
JUDGED = ("cells", "pairs", "curves", "attributions", "measurements", "scripts", "trajectories")
"""The parts of ``store.rows.JUDGED``, named here since planning must not wait for what reads tables (a test ties the two)."""
TABLES, SUMMARIES = (*JUDGED, "defaults"), ("environments", "cases", "run", "published")
"""What the step ``tables`` makes."""
SHARDED = ("truth", "judge")
"""Steps that are divided by cases."""
Touched = dict[str, list[ManifestEntry]]
"""By batch, the cells whose files have other sizes or times than were noted: they were read, and told by their hashes."""
SETTINGS = "settings"
"""The job of the workflow itself, which writes the settings down for all others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job: a step, with the name and shard that it is started with."""

    step: str
    name: str = ""
    shard: int | None = None
    makes: tuple[Path, ...] = ()
    needs: tuple[Path, ...] = ()
    """Files of other jobs that it reads, where the plan decides which."""

    @property
    def key(self) -> str:
        """Its name in the ledger."""
        return key_of(self.step, self.name, self.shard)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stale:
    """A job that must be done again, and why."""

    job: Job
    reason: str


def key_of(step: str, name: str = "", shard: int | None = None) -> str:
    """The name of a job in the ledger."""
    return "--".join(part for part in (step, name, "" if shard is None else str(shard)) if part)


def builds(lab: Lab) -> list[tuple[Environment, str]]:
    """Every environment with each device that it is built for in this run, the first of its devices first."""
    return [
        (environment, device)
        for environment in lab.environments
        for number, device in enumerate(environment.devices)
        if number == 0 or device == "cpu" or lab.cuda
    ]


def shards(lab: Lab) -> Iterator[tuple[Family, int]]:
    """Every family with the numbers of the jobs that judge it."""
    for family in lab.families:
        for shard in range(planning.shards(family)):
            yield family, shard


def judged(lab: Lab, family: Family, shard: int) -> dict[str, Path]:
    """What judging one shard makes, part by part."""
    return {part: lab.results.judged(family.name, shard, part) for part in JUDGED}


def manifest(lab: Lab, batch: Batch) -> Path:
    """What running a batch makes."""
    return lab.results.manifest(ids.batch_id(batch))


def claim_files(lab: Lab) -> list[Path]:
    """The lists and rules of claims, beside the experiments."""
    folders = dict.fromkeys(family.folder.parent for family in lab.families)
    paths = [*(folder / "claims.toml" for folder in folders), *(family.folder / "claims.py" for family in lab.families)]
    return [path for path in paths if path.is_file()]


def planned(lab: Lab) -> Iterator[Job]:
    """Every job that the configuration means, each after those whose files it reads."""
    results = lab.results
    for environment, device in builds(lab):
        build_name = environment.build_name(device)
        if lab.engine in IMAGE_ENGINES:
            yield Job(step="image", name=build_name, makes=(results.image(build_name),))
        yield Job(step="environment", name=build_name, makes=(results.environment(build_name),))
    if atlas.is_wanted(lab):
        for environment in (candidate for candidate in lab.environments if candidate.modes):
            yield Job(step="defaults", name=environment.name, makes=(results.defaults(environment.name),))
    if programs.is_wanted(lab):
        for environment in lab.environments:
            yield Job(step="published", name=environment.name, makes=(results.published(environment.name),))
    for family in lab.families:
        yield Job(step="inputs", name=family.name, makes=(results.inputs(family.name),))
    for batch in planning.batches(lab):
        indices = tuple(results.inputs(family.name) for family in planning.members(lab, batch))
        name = ids.batch_id(batch)
        yield Job(step="batch", name=name, makes=(manifest(lab, batch),), needs=indices)
    for family, shard in shards(lab):
        manifests = tuple(manifest(lab, batch) for batch in planning.batches_with(lab, family))
        if not family.light:
            yield Job(step="truth", name=family.name, shard=shard, makes=(results.truths(family.name, shard),))
        made = tuple(judged(lab, family, shard).values())
        yield Job(step="judge", name=family.name, shard=shard, makes=made, needs=manifests)
    merged = tuple(path for family, shard in shards(lab) for path in judged(lab, family, shard).values())
    facts = tuple(results.environment(environment.name) for environment in lab.environments)
    yield Job(step="tables", makes=(*map(results.table, TABLES), *map(results.summary, SUMMARIES)), needs=(*merged, *facts))
    yield Job(step="claims", makes=(results.summary("claims"), results.summary("sources")), needs=tuple(claim_files(lab)))
    compared = (results.table("elsewhere"), results.table("platforms"))
    yield Job(step="elsewhere", makes=compared, needs=tuple(platforms.sources(lab)))
    yield Job(step="report", makes=(results.report,))


def terms(lab: Lab, step: str, name: str = "") -> str:
    """The settings that a step's files depend on, beside the files that it reads, as JSON."""
    settings: dict[str, object] = {}
    match step:
        case "environment" | "defaults" | "image" | "published":
            settings = {"engine": lab.engine, "builder": lab.builder}
        case "inputs":
            settings = {"points": lab.points, "limits": asdict(lab.limits)}
        case "truth" | "judge":
            settings = {"coverage": lab.coverage, "limits": asdict(lab.limits)}
        case "claims":
            settings = {"limits": asdict(lab.limits)}
        case "batch":
            variant = lab.variant(ids.parse_batch_id(name).variant)
            settings = {"coverage": lab.coverage, "engine": lab.engine, "variant": asdict(variant)}
        case "tables":
            settings = {
                "coverage": lab.coverage,
                "points": lab.points,
                "engine": lab.engine,
                "variants": [any_variant.name for any_variant in lab.variants],
            }
        case _:
            pass
    return json.dumps(settings, sort_keys=True, default=str)


def stale(lab: Lab, book: Ledger, touched: Touched | None = None) -> Iterator[Stale]:
    """Every planned job whose files are there and must not be believed, or are not there although it once ended.

    Jobs that were never done are no news: the workflow does them. Writes nothing, but to ``touched``.
    """
    touched = {} if touched is None else touched
    for job in planned(lab):
        kept = [path for path in job.makes if path.is_file()]
        if not kept and job.key not in book.notes:
            continue
        if reason := book.fault(job.key, terms(lab, job.step, job.name), job.needs) or _hollow(lab, job, touched):
            yield Stale(job=job, reason=reason)


def forget(lab: Lab, book: Ledger) -> list[Stale]:
    """Take away what ``stale`` names, so that the workflow has to make it again; results in the store stay."""
    touched: Touched = {}
    outdated = list(stale(lab, book, touched))
    for stale_job in outdated:
        for path in stale_job.job.makes:
            path.unlink(missing_ok=True)
        book.forget(stale_job.job.key)
    again = {stale_job.job.key for stale_job in outdated}
    for job in planned(lab):
        book.refresh(job.key)
        if job.key not in again:
            _settle_times(lab, touched.get(job.key, ()))
    return outdated


def _hollow(lab: Lab, job: Job, touched: Touched) -> str:
    """Why a job's file, sound in itself, names things that are not there any more; empty when all of them are."""
    try:
        match job.step:
            case "inputs":
                wanted = set(named(input_index(lab, job.name)))
                data = lab.results.input_data
                lost = [digest for digest in wanted if not (data / f"{digest}.npy").is_file()]
                return f"{len(lost)} of its inputs are missing" if lost else ""
            case "truth":
                listed = ledger.load_json(job.makes[0])
                folder = lab.results.store / "truth"
                keys = [digest["key"] for digest in listed if digest["key"]]
                lost = [key for key in keys if not (folder / key[:2] / f"{key}.safetensors").is_file()]
                return f"{len(lost)} of its truths are missing" if lost else ""
            case "batch":
                return _changed(lab, job, touched)
            case _:
                return ""
    except (StoreError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"its file cannot be used: {error.problem if isinstance(error, LabError) else type(error).__name__}"


def _changed(lab: Lab, job: Job, touched: Touched) -> str:
    """Why the results of a batch must be looked at again: files of the store that are others, cells that never began."""
    manifest, store = manifest_of(lab, ids.parse_batch_id(job.name)), Store(lab.results.store)
    cells = manifest.cells
    again = sum(cell.again for cell in cells)
    if again:
        return f"{again} of its cells failed before they began"
    stopped = sum(lab.limits.about(cell.status) > manifest.limits.get(cell.status, 0.0) for cell in cells)
    if stopped:
        return f"{stopped} of its cells were stopped at a lower limit"
    touched[job.key] = list(_touched(store, cells))
    lost = sum(not store.is_still(cell.key, cell.record) for cell in touched[job.key])
    return f"{lost} of its results are missing or were changed" if lost else ""


def _touched(store: Store, cells: Iterable[ManifestEntry]) -> Iterator[ManifestEntry]:
    """Cells of a manifest whose files have not the sizes and times that it noted: what they hold must be looked at."""
    for cell in cells:
        if not all(_untouched(f"{store.root}/{file}", *stat) for file, *stat in cell.files):
            yield cell


def _untouched(path: str, size: int, stamp: int) -> bool:
    try:
        stat = os.stat(path)  # noqa: PTH116 (tens of thousands at every start: a Path costs more than the call)
    except OSError:
        return False
    return stat.st_size == size and stat.st_mtime_ns == stamp


def _settle_times(lab: Lab, cells: Iterable[ManifestEntry]) -> None:
    """Give results that were only touched the times that the manifest noted, so that they are not read at every start."""
    with contextlib.suppress(OSError):
        for cell in cells:
            for file, _, stamp in cell.files:
                os.utime(lab.results.store / file, ns=(stamp, stamp))


def named(index: object) -> Iterable[str]:
    """The hashes of all input files that an index names."""
    if isinstance(index, dict):
        if isinstance(index.get("sha256"), str):
            yield index["sha256"]
        for value in index.values():
            yield from named(value)
    elif isinstance(index, list):
        for value in index:
            yield from named(value)
