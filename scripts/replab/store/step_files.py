"""Reads what steps left for other steps, each file checked against the ledger and its type."""

from __future__ import annotations

import json
from pathlib import Path

from replab import ids
from replab.contract.facts import Facts
from replab.contract.input_index import Index
from replab.contract.manifest import Manifest
from replab.model import Batch, Lab
from replab.store import ledger
from replab.store.store import write_atomically


def input_index(lab: Lab, family: str) -> Index:
    """What the step ``inputs`` wrote for a family: case → dtype → its files (``replab.run.requests.write_inputs``)."""
    loaded: Index = ledger.load_json(lab.results.inputs(family))
    return loaded


def environment_facts(lab: Lab, build_name: str) -> Facts:
    """What the step ``environment`` found out; ``place`` is an environment, or ``Environment.place`` for another device of it."""
    path = lab.results.environment(build_name)
    return Facts.from_json(ledger.load_json(path), str(path))


def manifest_of(lab: Lab, batch: Batch) -> Manifest:
    """What the step ``batch`` wrote."""
    path = lab.results.manifest(ids.batch_id(batch))
    return Manifest.from_json(ledger.load_json(path), str(path))


def write_json(path: Path, value: object) -> None:
    """Leave ``value`` for other steps, in the one form that equal values have."""
    write_atomically(path, json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode())
