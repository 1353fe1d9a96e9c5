"""The order of cells, and what a batch forgets when its inputs are gone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from replab import ids
from replab.config.loading import load_lab
from replab.contract.facts import Facts
from replab.freshness import jobs
from replab.model import Status
from replab.plan import planning
from replab.run.batch import _entry
from replab.run.requests import _backwards, requests, write_inputs
from replab.store.ledger import Ledger
from replab.store.store import Store

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.processes
def test_repeats_run_backwards_within_each_mode(tmp_path: Path) -> None:
    """What depends on the cells before it does not repeat itself."""
    lab = load_lab({"families": "gradients", "environments": "numpy-2.5", "points": 16}, ROOT)
    (family,), (environment,) = lab.families, lab.environments
    repeat = next(one for one in lab.variants if one.name == planning.REPEAT)
    index = write_inputs(family, 16, tmp_path)
    built = {"identity": "i", "platform": "p", "engine": "uv"}
    cells = list(planning.cells(family, environment, repeat, lab.coverage, "cpu"))
    order = [one.id for _, one in requests(family, environment, repeat, index, built, iter(cells))]
    assert len(order) > 5
    assert order == [str(ids.cell_id(cell)) for cell in reversed(cells)]  # NumPy has one mode
    default = next(one for one in lab.variants if one.name == "default")
    first = [replace(cell, variant="default") for cell in cells]
    assert [one.id for _, one in requests(family, environment, default, index, built, iter(first))] == [
        str(ids.cell_id(cell)) for cell in first
    ]
    mixed = [replace(cell, mode=mode) for mode in ("eager", "script") for cell in cells]
    assert [cell.mode for cell in _backwards(mixed)] == [cell.mode for cell in mixed]


@pytest.mark.processes
def test_a_cell_whose_function_was_not_called_stands_in_the_manifest_without_files(tmp_path: Path) -> None:
    lab = load_lab({"families": "gradients", "environments": "numpy-2.5", "points": 16}, ROOT)
    (family,), (environment,) = lab.families, lab.environments
    default = next(one for one in lab.variants if one.name == "default")
    facts = Facts(status="ok", identity="i", platform="p", engine="uv")
    index = write_inputs(family, 16, tmp_path)
    cells = planning.cells(family, environment, default, lab.coverage, "cpu")
    _, request = requests(family, environment, default, index, facts.built, cells)[0]
    entry = _entry(Store(tmp_path), facts, "", request, (Status.ERROR, "ModuleNotFoundError"))
    assert entry == (request.id, request.key, Status.ERROR, "ModuleNotFoundError", [], True, "")
    left_out = _entry(Store(tmp_path), facts, "left out", request, None)
    assert (left_out.status, left_out.reason, left_out.again) == (Status.SKIPPED, "left out", False)


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.processes
def test_the_index_of_inputs_goes_with_one_of_its_files(tmp_path: Path, lost: bool) -> None:
    """So that the workflow makes both again."""
    lab = load_lab({"families": "gradients", "environments": "numpy-2.5", "points": 16, "results": str(tmp_path)}, ROOT)
    (family,) = lab.families
    index, data = tmp_path / "inputs" / "gradients.json", tmp_path / "inputs" / "data"
    index.parent.mkdir()
    index.write_text(json.dumps(write_inputs(family, 16, data)))
    book = Ledger(tmp_path, ROOT)
    book.write("inputs--gradients", read={}, made=[index, *data.iterdir()], terms=jobs.terms(lab, "inputs", "gradients"))
    if lost:
        next(data.iterdir()).unlink()
    found = [one.job.key for one in jobs.forget(lab, Ledger(tmp_path, ROOT))]
    assert found == (["inputs--gradients"] if lost else [])
    assert index.exists() == (not lost)
