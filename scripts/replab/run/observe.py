"""What an environment is, observed by the probe from inside a sandbox, apart from what was asked for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from replab import sealed
from replab.engines.base import Engine, isolation
from replab.engines.gpus import gpus as local_gpus
from replab.engines.run_once import TIMED_OUT, run_once
from replab.engines.sandbox import Built, Sandbox
from replab.errors import EnvironmentUnavailable, SandboxError
from replab.model import IMPORT_SECONDS, Environment, Lab, Variant
from replab.run.requests import PROBE, request
from replab.run.supervise.journal import JOURNAL
from replab.run.supervise.sandbox import NOT_ISOLATED


def observe(engine: Engine, built: Built, lab: Lab, environment: Environment, device: str = "cpu") -> dict[str, object]:
    """Start a sandbox without cells and return its observation.

    Raises ``EnvironmentUnavailable`` when the framework cannot be imported there.
    """
    gpus = tuple(gpu.index for gpu in local_gpus()[:1]) if device != "cpu" else ()  # looked at, not computed on: no lease
    staging = lab.results.staging(f"observe--{environment.build_name(device)}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    sandbox = Sandbox(built=built, limits=lab.limits, writable=staging, readable=(PROBE,), gpus=gpus)
    promises = isolation(engine, sandbox)
    work = request(environment, Variant(name="default"), device=device, inputs=staging, cells=(), isolation=promises)
    (staging / "request.json").write_bytes(sealed.seal(work.to_json()))
    argv = (str(PROBE / "main.py"), "--request", str(staging / "request.json"), "--out", str(staging))
    code, output = run_once(engine.command(replace(sandbox, argv=argv)), IMPORT_SECONDS)
    last = output.strip().splitlines()[-1:] or [f"the process ended with {code} and without a word"]
    if code == TIMED_OUT:
        last = [f"it took more than {IMPORT_SECONDS:.0f} s"]
    if (breach := _breach(staging / JOURNAL)) is not None:
        raise SandboxError(f"the sandbox is not isolated as its engine promised: {breach}", where=environment.name, hint=NOT_ISOLATED)
    seen = sorted((staging / "observations").glob("*.json"))
    if not seen:
        raise EnvironmentUnavailable(
            f"{environment.framework} cannot be imported: {last[0]}",
            where=environment.name,
            hint="`replab doctor` says what this machine lacks",
        )
    observed: dict[str, object] = json.loads(seen[0].read_text(encoding="utf-8"))
    shutil.rmtree(staging, ignore_errors=True)
    return observed


def _breach(journal: Path) -> str | None:
    """The promise of the engine that the probe found broken, if any."""
    try:
        entries = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError):
        return None
    return next((str(entry["breach"]) for entry in entries if "breach" in entry), None)
