"""Jobs that run inside an image which Snakemake enters (engine ``apptainer``): what they are asked, and what came of it.

A job is named like a batch, or ``observe--ENVIRONMENT`` or ``defaults--ENVIRONMENT``. Its request is ``results/inside/JOB.json``, its
output folder ``results/staging/JOB``; ``results/inside/JOB.done.json`` appears when it has ended.
"""

from __future__ import annotations

import json
import shlex
import time
from collections import Counter
from pathlib import Path
from typing import Any

from replab import ids, sealed
from replab.contract.request import CellRequest
from replab.defaults import atlas, reading
from replab.engines.apptainer import PYTHON, inside_command, inside_variables
from replab.engines.base import promised
from replab.engines.registry import get_engine
from replab.engines.sandbox import Sandbox
from replab.errors import EnvironmentUnavailable, LabError, SandboxError
from replab.model import Environment, Lab, Status, Variant
from replab.run.batch import Planned, limit_of, plan_batch
from replab.run.requests import PROBE, request
from replab.run.supervise import Summary
from replab.store.store import Store, write_atomically

ENGINE = "apptainer"
OBSERVE, DEFAULTS = "observe--", "defaults--"
_DEFAULT = Variant(name="default")


def job_of(environment: Environment, kind: str) -> str:
    """The name of a job about one environment."""
    return f"{kind}{environment.name}"


def _parts(lab: Lab, job: str) -> tuple[Environment, Variant]:
    """The environment and variant of a job."""
    for kind in (OBSERVE, DEFAULTS):
        if job.startswith(kind):
            return lab.environment(job.removeprefix(kind)), _DEFAULT
    batch = ids.parse_batch_id(job)
    environment = lab.environment(batch.environment)
    return environment, lab.variant(batch.variant)


def request_file(lab: Lab, job: str) -> Path:
    """What a job is asked."""
    return lab.results.inside_request(job)


def done_file(lab: Lab, job: str) -> Path:
    """What appears when a job has ended."""
    return lab.results.inside_done(job)


def staging(lab: Lab, job: str) -> Path:
    """The output folder of a job."""
    return lab.results.staging(job)


def command(lab: Lab, job: str) -> str:
    """The shell line of a job: depends on the configuration alone, as Snakemake wants it of a parameter."""
    environment, variant = _parts(lab, job)
    folder = staging(lab, job)
    variables, threads = variant.variables.get(environment.framework, {}), variant.threads
    if job.startswith(DEFAULTS):
        pairs = [f"{name}={value}" for name, value in sorted(inside_variables(environment, {}, 1, folder).items())]
        words = [
            "env",
            "-i",
            *pairs,
            PYTHON,
            str(reading.SCRIPT),
            "--atlas",
            str(request_file(lab, job)),
            "--framework",
            environment.framework,
            "--out",
            str(done_file(lab, job)),
        ]
        return f"test -d /.singularity.d || exit 12; {shlex.join(words)}"
    return inside_command(
        environment, variables, threads, lab.limits, request=request_file(lab, job), folder=folder, done=done_file(lab, job), root=lab.root
    )


def ask(lab: Lab, job: str) -> None:
    """Write the request of a job."""
    environment, variant = _parts(lab, job)
    if job.startswith(DEFAULTS):
        _write(request_file(lab, job), reading.request(atlas.load(lab.root / atlas.ATLAS)))
        return
    folder, data = staging(lab, job), lab.results.input_data
    engine = get_engine(lab.engine)
    variables = variant.variables.get(environment.framework, {})
    names = inside_variables(environment, variables, variant.threads, folder)
    cells: list[CellRequest] = []
    readable = [PROBE]
    if not job.startswith(OBSERVE):
        planned = plan_batch(lab, ids.parse_batch_id(job), Store(lab.results.store))
        cells = planned.missing
        readable += [*(family.folder for family in planned.families), data]
    built = engine.build(environment, lab.cache, lambda _: None)
    sandbox = Sandbox(built=built, threads=variant.threads, limits=lab.limits, writable=folder, readable=tuple(readable))
    asked = request(environment, variant, device="cpu", inputs=data, cells=cells, isolation=promised(engine, sandbox, names))
    # asked twice, it is run twice, also where the question is the same
    write_atomically(request_file(lab, job), sealed.seal({**asked.to_json(), "asked": time.time()}))


def observed(lab: Lab, environment: Environment) -> tuple[dict[str, Any], str]:
    """What the probe saw inside, and the compiler there. Raises ``EnvironmentUnavailable``."""
    job = job_of(environment, OBSERVE)
    seen = sorted((staging(lab, job) / "observations").glob("*.json"), key=lambda path: path.stat().st_mtime)
    if not seen:
        problem = f"{environment.framework} cannot be imported: the log of the job inside '{job}' says why"
        raise EnvironmentUnavailable(problem, where=environment.name)
    done = json.loads(done_file(lab, job).read_text(encoding="utf-8"))
    loaded: dict[str, Any] = json.loads(seen[-1].read_text(encoding="utf-8"))
    return loaded, str(done.get("compiler", ""))


def read_defaults(lab: Lab, environment: Environment) -> dict[str, Any]:
    """What the job about the defaults of an environment found."""
    loaded: dict[str, Any] = json.loads(done_file(lab, job_of(environment, DEFAULTS)).read_text(encoding="utf-8"))
    return loaded


def adopt(lab: Lab, job: str, planned: Planned, store: Store) -> Summary:
    """Take what a job left into the store; every missing cell has come to something. Raises ``SandboxError``."""
    summary, folder = Summary(statuses=Counter(), sandboxes=1), staging(lab, job)
    for cell in planned.missing:
        key = cell.key
        failure = folder / f"{key}.failure.json"
        if (folder / f"{key}.safetensors").is_file():
            try:
                store.adopt(key, folder)
            except LabError as error:
                store.write_failure(key, cell.id, Status.ERROR, f"the sandbox left a damaged result: {error.problem}", 0.0)
            record, _ = store.describe(key)
            summary.statuses[record["status"]] += 1
            summary.cell_seconds += record["seconds"]
        elif failure.is_file():
            said = json.loads(failure.read_text(encoding="utf-8"))
            summary.statuses[said["status"]] += 1
            if said["again"]:
                summary.again[key] = (Status(said["status"]), said["reason"])
                continue
            store.write_failure(key, cell.id, said["status"], said["reason"], said["seconds"], limit_of(said["status"], lab.limits))
        else:
            hint = "Run again: finished cells are kept"
            raise SandboxError("the job inside the image left no result of a cell", where=cell.id, hint=hint)
    return summary


def _write(path: Path, value: Any) -> None:
    write_atomically(path, json.dumps(value, sort_keys=True).encode())
