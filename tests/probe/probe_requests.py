"""Requests for the probe, made by hand, and what came back."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from replab import sealed
from replab.run.inputs import write_array
from replab.store.store import CellResult, read_cell

HERE = Path(__file__).parent
PROBE = HERE.parents[1] / "scripts" / "sandbox" / "probe" / "main.py"
IMPL = {"numpy": "impl_numpy.py", "tensorflow": "impl_tf.py", "torch": "impl_torch.py"}


@dataclass
class RequestBuilder:
    """Collects cells; inputs are written below ``folder``/inputs."""

    folder: Path
    environment: str
    framework: str
    family: str = "family"
    threads: int = 1
    cells: list[dict[str, Any]] = field(default_factory=list)

    def item(self, name: str, values: Any, dtype: str) -> dict[str, Any]:
        """An input file and its entry."""
        stored = "float32" if dtype == "bfloat16" else dtype
        array = np.asarray(values, stored)
        return {"name": name, "sha256": write_array(self.folder / "inputs", array), "dtype": dtype, "shape": list(array.shape)}

    def add(
        self,
        function: str,
        mode: str = "eager",
        *,
        inputs: Mapping[str, Any] | None = None,
        dtype: str = "float64",
        derivative: int = 0,
        parameters: Mapping[str, Any] | None = None,
        cotangents: Sequence[Mapping[str, Any]] = (),
        outputs: Sequence[str] = (),
        stored: Mapping[str, str] | None = None,
        label: str = "",
    ) -> str:
        """Add a cell and return its key. ``stored``: input dtypes that are not the cell's; those of integers are never differentiated."""
        kinds = dict(stored or {})
        given = {"x": [2.0]} if inputs is None else inputs
        items = []
        for name, values in given.items():
            kind = kinds.get(name, dtype)
            items.append({**self.item(name, values, kind), "differentiable": not kind.startswith(("int", "bool"))})
        name = f"{function}{label}"
        cell_id = f"{self.family}.{name}:{dtype}:d{derivative}@{self.environment}:{mode}:default:cpu"
        key = hashlib.sha256(cell_id.encode()).hexdigest()
        self.cells.append(
            {
                "key": key,
                "id": cell_id,
                "case": name,
                "impl": str(HERE / self.family / IMPL[self.framework]),
                "function": function,
                "parameters": dict(parameters or {}),
                "dtype": dtype,
                "mode": mode,
                "derivative": derivative,
                "outputs": list(outputs),
                "inputs": items,
                "cotangents": [[self.item(n, v, dtype) for n, v in level.items()] for level in cotangents],
            }
        )
        return key

    def request(self) -> dict[str, Any]:
        """The request as the host would write it."""
        return {
            "schema": 1,
            "environment": self.environment,
            "framework": self.framework,
            "inputs": str(self.folder / "inputs"),
            "variant": "default",
            "threads": self.threads,
            "switches": {},
            "device": "cpu",
            "cells": self.cells,
        }


@dataclass(frozen=True)
class Answers:
    """Everything the probe left in its folder."""

    folder: Path
    journal: list[dict[str, Any]]
    output: str

    def result(self, key: str) -> CellResult:
        """The checked result of one cell."""
        return read_cell(self.folder / f"{key}.safetensors", lambda sha256: self.folder / "blobs" / f"{sha256}.safetensors")

    def status(self, key: str) -> tuple[str, str]:
        """Status and reason of one cell."""
        record = self.result(key).record
        return record["status"], record["reason"]

    def again(self, key: str) -> tuple[str, str]:
        """Status and reason of a cell that has no result, since its function was not called."""
        assert not (self.folder / f"{key}.safetensors").exists()
        (said,) = (entry for entry in self.journal if entry.get("done") == key and entry.get("again"))
        return said["status"], said["reason"]

    def values(self, key: str) -> dict[str, Any]:
        """Outputs by name of a cell that must be ``ok``."""
        result = self.result(key)
        assert result.record["status"] == "ok", result.record["reason"]
        return {tensor.name: tensor.values for tensor in result.tensors}


def run_probe(python: Path, builder: RequestBuilder, *, variables: Mapping[str, str] | None = None) -> Answers:
    """Run the probe itself, without a supervisor."""
    out = builder.folder / "out"
    out.mkdir()
    request = builder.folder / "request.json"
    request.write_bytes(sealed.seal(builder.request()))
    done = subprocess.run(
        [str(python), str(PROBE), "--request", str(request), "--out", str(out)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "2", **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    lines = (out / "journal.jsonl").read_text().splitlines()
    return Answers(out, [json.loads(line) for line in lines if line], done.stdout)
