"""What an environment is, observed by the probe from inside a sandbox, apart from what was asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from replab.engines.base import Built, Engine
from replab.errors import EnvironmentUnavailable
from replab.model import Environment, Lab
from replab.requests import PROBE
from replab.supervise import IMPORT_SECONDS


def observe(engine: Engine, built: Built, lab: Lab, environment: Environment) -> dict[str, Any]:
    """Start a sandbox without cells and return its observation.

    Raises ``EnvironmentUnavailable`` when the framework cannot be imported there.
    """
    staging = lab.results / "staging" / f"observe--{environment.name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    request = {
        "schema": 1, "environment": environment.name, "framework": environment.framework, "inputs": str(staging),
        "variant": "default", "threads": 1, "switches": {}, "device": "cpu", "cells": [],
    }  # fmt: skip
    (staging / "request.json").write_text(json.dumps(request))
    argv = [str(PROBE / "main.py"), "--request", str(staging / "request.json"), "--out", str(staging)]
    launch = engine.command(built, argv, variables={}, threads=1, limits=lab.limits, writable=staging, readable=[PROBE])
    try:
        done = subprocess.run(
            launch.argv, env=dict(launch.env), cwd=launch.cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=IMPORT_SECONDS, check=False,
        )  # fmt: skip
        last = done.stderr.strip().splitlines()[-1:] or [f"the process ended with {done.returncode} and without a word"]
    except subprocess.TimeoutExpired:
        last = [f"it took more than {IMPORT_SECONDS:.0f} s"]
    seen = sorted((staging / "observations").glob("*.json"))
    if not seen:
        raise EnvironmentUnavailable(
            f"{environment.framework} cannot be imported: {last[0]}",
            where=environment.name,
            hint="`replab doctor` says what this machine lacks",
        )
    observed: dict[str, Any] = json.loads(seen[0].read_text(encoding="utf-8"))
    shutil.rmtree(staging, ignore_errors=True)
    return observed
