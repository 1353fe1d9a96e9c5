"""Small batches of the probe under a container engine, and what came of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import daemons
from replab.config.environments import load_environments
from replab.engines.base import isolation
from replab.engines.registry import get_engine
from replab.engines.sandbox import Launch, Sandbox
from replab.model import Environment, Limits
from replab.run.inputs import write_array
from replab.run.requests import PROBE
from replab.run.supervise import Summary, run_batch
from replab.store.store import Store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
USED = ("numpy-2.5", "torch-2.13")
"""Environments that have images in these tests."""
ENVIRONMENTS = {one.name: one for one in load_environments(ROOT / "containers")}
IMPL = HERE / "faults" / "impl_numpy.py"


class SandboxedBatch:
    """A batch of the functions in ``faults/impl_numpy.py``, one cell each."""

    def __init__(self, engine: str, environment: Environment, cache: Path, folder: Path) -> None:
        self.engine, self.environment, self.cache, self.folder = engine, environment, cache, folder
        self.staging, self.log = folder / "staging" / "batch", folder / "sandbox.log"
        self.store = Store(folder / "store")
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.statuses: dict[str, tuple[str, str]] = {}

    def cells(self, *functions: str) -> list[dict[str, Any]]:
        """One cell for each function."""
        import numpy as np

        sha = write_array(self.data, np.arange(8, dtype=np.float32))
        found = []
        for place, function in enumerate(functions):
            found.append(
                {
                    "key": f"{place:064x}",
                    "id": f"faults.{function}:float32:d0@{self.environment.name}:eager:default:cpu",
                    "case": function,
                    "function": function,
                    "impl": str(IMPL),
                    "parameters": {},
                    "dtype": "float32",
                    "mode": "eager",
                    "derivative": 0,
                    "outputs": [],
                    "cotangents": [],
                    "measure": [],
                    "inputs": [{"name": "x", "sha256": sha, "dtype": "float32", "shape": [8], "differentiable": True}],
                }
            )
        return found

    def run(
        self, *functions: str, seconds: float = 20, memory_mb: int = 400, writable: Path | None = None, readable: list[Path] | None = None
    ) -> Summary:
        """Run one cell for each function; ``statuses`` says what each came to."""
        engine = get_engine(self.engine)
        built = engine.build(self.environment, self.cache, print)
        limits = Limits(seconds=seconds, memory_mb=memory_mb)
        read = [PROBE, IMPL.parent, self.data] if readable is None else readable
        staging = writable or self.staging
        staging.mkdir(parents=True, exist_ok=True)
        sandbox = Sandbox(built=built, limits=limits, writable=staging, readable=tuple(read))
        request = {
            "schema": 1,
            "environment": self.environment.name,
            "framework": "numpy",
            "inputs": str(self.data),
            "variant": "default",
            "threads": 1,
            "switches": {},
            "device": "cpu",
            "cells": self.cells(*functions),
            "isolation": isolation(engine, sandbox),
        }
        names = {cell["key"]: cell["case"] for cell in request["cells"]}

        def launch(request_path: Path, folder: Path) -> Launch:
            argv = (str(PROBE / "main.py"), "--request", str(request_path), "--out", str(folder))
            return engine.command(replace(sandbox, argv=argv, writable=folder))

        def adopt(key: str) -> None:
            self.store.adopt(key, staging)
            record, _ = self.store.describe(key)
            self.statuses[names[key]] = (record["status"], record["reason"])

        def fail(cell: dict[str, Any], status: Any, reason: str, _seconds: float) -> None:
            self.statuses[cell["case"]] = (str(status), reason)

        return run_batch(launch, request, staging, limits=limits, adopt=adopt, fail=fail, progress=lambda *_: None, log=self.log)


def statuses_of(results: Path) -> Counter[str]:
    """Cells of all manifests by status."""
    found: Counter[str] = Counter()
    for path in sorted((results / "batches").glob("*.json")):
        found.update(cell["status"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
    return found


def containers_left(engine: str) -> list[str]:
    """Names of the containers that the engine still has."""
    program = daemons.program(engine)
    done = subprocess.run([str(program), "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True, timeout=60)
    return [name for name in done.stdout.split() if name.startswith("replab-")]


class variables:  # noqa: N801 - reads as what it is: with variables(…)
    """Sets variables of this process, which the engines pass on to their clients."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.wanted, self.before = dict(wanted), {}

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.wanted}
        os.environ.update(self.wanted)

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
