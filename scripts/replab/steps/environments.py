"""The step that finds out what an environment is."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, replace

from replab.config.gpu_support import gpu_refusal
from replab.contract.facts import UNAVAILABLE, Facts
from replab.engines import gpus
from replab.engines.base import describe_image, points
from replab.engines.registry import get_engine
from replab.errors import EnvironmentUnavailable
from replab.model import Environment, Lab, Status
from replab.run.observe import observe
from replab.store import platforms
from replab.store.step_files import write_json


def find_out(lab: Lab, build_name: str) -> Facts:
    """Build an environment and write down what it is; one that cannot be built is written down as unavailable, and the others go on."""
    environment, device = lab.build_at(build_name)
    settings = {key: (list(value) if isinstance(value, tuple) else value) for key, value in asdict(environment).items() if key != "folder"}
    facts = Facts(
        name=environment.name, asked=settings, status=Status.OK, engine=lab.engine, device=device, identity="", platform="", observed={}
    )
    begin = time.monotonic()
    if device != "cpu" and (reason := _unusable(environment)):  # nothing is built for a device that is not there
        facts = replace(facts, status=Status.SKIPPED, reason=reason)
        write_json(lab.results.environment(build_name), facts.to_json())
        return facts
    try:
        facts = _built(lab, environment, device, facts)
    except EnvironmentUnavailable as error:
        facts = replace(facts, status=UNAVAILABLE, reason=str(error))
        print(f"{environment.name} is not available here: {error}", file=sys.stderr)
    facts = replace(facts, build_seconds=round(time.monotonic() - begin, 3))
    platforms.remember(lab.results.store, build_name, facts)
    write_json(lab.results.environment(build_name), facts.to_json())
    return facts


def _built(lab: Lab, environment: Environment, device: str, facts: Facts) -> Facts:
    """The facts with what is found out about an environment by building it. Raises ``EnvironmentUnavailable``."""
    engine = get_engine(lab.engine)
    built = engine.build(environment, lab.cache, lambda line: print(line, flush=True), device)
    platform = engine.platform(built)
    observed = observe(engine, built, lab, environment, device)
    return replace(
        facts,
        observed=observed,
        platform=gpus.with_device(platform, device),
        identity=built.identity,
        lock_sha256=built.image.lock_sha256 if built.image is not None else built.identity,
        image=describe_image(built.image),
        isolation=points(engine),
        interpreter=dict(built.interpreter),
    )


def _unusable(environment: Environment) -> str:
    """Why an environment cannot compute on a GPU of this machine; empty when it can."""
    devices = gpus.gpus()
    return gpu_refusal(environment, devices[0].compute_capability, devices[0].driver) or "" if devices else "no CUDA device"
