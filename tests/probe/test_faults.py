"""Cells that misbehave inside real frameworks become records, and every other cell of the batch is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from probe_requests import PROBE, RequestBuilder

from replab.engines.sandbox import Launch
from replab.model import Limits, Status
from replab.run.supervise import run_batch
from replab.store.store import Store

FAULTS = {"aborts": "crashed", "raises": "error", "eats_at_once": "oom", "eats_slowly": "oom", "sleeps": "timeout"}


@pytest.mark.parametrize(("name", "framework"), [("tf-1.15", "tensorflow"), ("tf-2.21", "tensorflow"), ("torch-2.13", "torch")])
def test_every_fault_becomes_a_record(name: str, framework: str, python_of: Callable[[str], Path], tmp_path: Path) -> None:
    python = python_of(name)
    builder = RequestBuilder(tmp_path, name, framework, family="faults")
    good, bad = [], {}
    # TensorFlow 2 waits ten seconds for memory to come free before it gives up
    faults = {fault: status for fault, status in FAULTS.items() if (name, fault) != ("tf-2.21", "eats_at_once")}
    for fault in faults:
        good.append(builder.add("fine", label=f".before.{fault}"))
        bad[fault] = builder.add(fault)
    good.append(builder.add("fine", label=".last"))
    store, staging = Store(tmp_path / "store"), tmp_path / "staging"

    def launch(request: Path, staging: Path) -> Launch:
        argv = (str(python), str(PROBE), "--request", str(request), "--out", str(staging))
        env = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"], "HOME": str(staging), "TF_CPP_MIN_LOG_LEVEL": "2"}
        return Launch(argv=argv, env=env, cwd=staging)

    def fail(cell: dict[str, Any], status: Status, reason: str, seconds: float) -> None:
        store.write_failure(cell["key"], cell["id"], status.value, reason, seconds)

    summary = run_batch(
        launch,
        builder.request(),
        staging,
        limits=Limits(seconds=8, memory_mb=1500),
        adopt=lambda key: store.adopt(key, staging),
        fail=fail,
        progress=lambda *_: None,
        log=tmp_path / "log",
    )
    records = {fault: store.read(key).record for fault, key in bad.items()}
    assert {fault: record["status"] for fault, record in records.items()} == faults, records
    for key in good:
        assert store.read(key).record["status"] == "ok", store.read(key).record
        assert (store.read(key).tensors[0].values == [4.0]).all()
    assert summary.statuses.total() == len(good) + len(bad)
