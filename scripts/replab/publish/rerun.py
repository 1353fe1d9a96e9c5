"""The half of a replay that runs with the published code: ``python -m replab.publish.rerun``, started in the published workflow.

Builds the environments, runs the chosen cells, compares every output with the published hash, and judges those that differ by the certified
truth. Reads a request (JSON) and writes what it found (JSON).
"""

from __future__ import annotations

import fnmatch
import json
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypedDict

from replab import ids, opening
from replab.contract.facts import Facts
from replab.contract.manifest import Manifest
from replab.engines.installed import some
from replab.engines.registry import get_engine
from replab.errors import LabError, StoreError
from replab.model import EXPLAINED, Batch, Lab, Status
from replab.plan import planning
from replab.publish import manifest, versions
from replab.publish.replayed import Compared, Request
from replab.run.batch import run_batch_job
from replab.steps import order
from replab.steps.environments import find_out
from replab.store import ledger
from replab.store.rows import ManifestRow
from replab.store.step_files import write_json
from replab.store.store import Store, write_atomically


class Outcome(TypedDict):
    """What came of a cell here."""

    status: str
    reason: str
    outputs: dict[str, tuple[str, str]]
    """Format and hash by name."""
    steady: bool


def rerun(request: Request) -> dict[str, object]:
    """What came of running the published cells that match ``request["cells"]``.

    Raises ``LabError`` when nothing matches or the lab itself fails.
    """
    lab = opening.open_lab(request["settings"], Path(request["root"]))
    published = [row for row in manifest.read(Path(request["version"])) if row.key and row.status != Status.SKIPPED]
    wanted = ids.normal_pattern(request["cells"])
    chosen = [row for row in published if fnmatch.fnmatchcase(row.id, wanted)]
    if not chosen:
        hint = "An id reads like ops.exp:float32:d0@tf-2.21:eager:default:cpu"
        raise LabError(f"no published cell matches {request['cells']!r}", hint=hint)
    lab = _restrict(lab, {row.id for row in chosen})
    places = {(cell.environment, cell.device) for cell in (ids.parse_cell_id(row.id) for row in chosen)}
    names = {
        environment_and_device: lab.environment(environment_and_device[0]).build_name(environment_and_device[1])
        for environment_and_device in sorted(places)
    }
    ids_of_chosen = {row.id for row in chosen}
    environments = order.compute(
        lab, names.values(), _say, run=lambda lab, _: _run(lab, request, ids_of_chosen), find_out=_found_out, build_images=True
    )
    results = _results(lab)
    cells = [_compare(row, results.get(row.id)) for row in chosen]
    for compared in cells:
        cell = ids.parse_cell_id(compared.id)
        compared.place = names[cell.environment, cell.device]
    as_published = versions.read(Path(request["version"])).environments
    alike = {
        name
        for name, facts in environments.items()
        if (facts.platform, facts.identity) == (as_published[name]["platform"], as_published[name]["identity"])
    }
    _again(lab, request, cells, alike)
    differing = {compared.id for compared in cells if compared.kind == "other" and compared.here_status == Status.OK}
    verdicts = _judge(lab, differing)
    for compared in cells:
        compared.here_verdict = verdicts.get((compared.id, compared.output), "")
        if compared.kind == "other" and compared.here_verdict in EXPLAINED:
            compared.kind = "within"
    return {
        "environments": {name: facts.to_json() for name, facts in environments.items()},
        "cells": [asdict(compared) for compared in cells],
    }


def _found_out(lab: Lab, build_name: str) -> Facts:
    """What an environment is, found out when it is known to be as it was built."""
    _verified(lab, build_name)
    return find_out(lab, build_name)


def _verified(lab: Lab, build_name: str) -> None:
    """Of an environment that was built before, every byte is read: one that is not as it was is built anew."""
    environment, device = lab.build_at(build_name)
    if faults := get_engine(lab.engine).verify(environment, lab.cache, device):
        _say(f"{build_name} is not as it was built: {some(faults)}")


def _restrict(lab: Lab, names: Iterable[str]) -> Lab:
    """The lab with the families, environments and variants that the cells need."""
    cells = [ids.parse_cell_id(name) for name in names]
    families, environments = {cell.family for cell in cells}, {cell.environment for cell in cells}
    variants = {"default", *(cell.variant for cell in cells)}
    return replace(
        lab,
        families=tuple(noun for noun in lab.families if noun.name in families),
        environments=tuple(noun for noun in lab.environments if noun.name in environments),
        variants=tuple(noun for noun in lab.variants if noun.name in variants),
    )


def _again(lab: Lab, request: Request, cells: Iterable[Compared], alike: set[str]) -> None:
    """Run cells a second time that gave other bits where nothing else is other: two runs here that differ make them ``unsteady``."""
    open_ = [cell for cell in cells if cell.kind == "other" and cell.here_status == cell.published_status == Status.OK]
    open_ = [cell for cell in open_ if cell.place in alike]
    if not open_:
        return
    second = replace(lab, results=lab.results.again)
    for name in ("environments", "inputs"):
        lab.results.share(name, second.results)
    _run(second, request, {cell.id for cell in open_})
    results = _results(second)
    for cell in open_:
        bits = results[cell.id]["outputs"].get(cell.output, ("", ""))[1]
        if bits != cell.here_bits:
            cell.kind = "unsteady"


def _run(lab: Lab, request: Request, names: set[str]) -> None:
    """Run the batches that have cells called ``names``, several at a time, and no other cases of them."""
    places = {(cell.environment, cell.variant, cell.device, cell.family) for cell in map(ids.parse_cell_id, names)}
    places |= {(*parts[:3], several) for parts in places for several in (ids.ALL, ids.LIGHT)}  # batches that several families share
    batches = [batch for batch in planning.batches(lab) if (batch.environment, batch.variant, batch.device, batch.family) in places]
    settings = {**request["settings"], "results": str(lab.results.root)}
    cases = {(cell.family, cell.case) for cell in map(ids.parse_cell_id, names)}
    wanted = ids.normal_pattern(request["cells"])
    with ProcessPoolExecutor(max_workers=int(request["cores"]) or len(os.sched_getaffinity(0))) as pool:
        jobs = {pool.submit(_batch, settings, request["root"], batch, wanted, cases): batch for batch in batches}
        for job in as_completed(jobs):
            job.result()
            _say(f"ran {ids.batch_id(jobs[job])}")


def _batch(settings: dict[str, object], root: str, batch: Batch, wanted: str, cases: set[tuple[str, str]]) -> None:
    """One batch, in a process of its own."""
    lab = opening.open_lab(settings, Path(root))
    families = [replace(loaded, cases=tuple(case for case in loaded.cases if (loaded.name, case.name) in cases)) for loaded in lab.families]
    lab = replace(lab, families=tuple(family for family in families if family.cases))
    name = ids.batch_id(batch)
    run_batch_job(lab, batch, log=lab.results.log(name), only=wanted)


def _results(lab: Lab) -> dict[str, Outcome]:
    """Status, reason and hash of each output, by cell."""
    store = Store(lab.results.store)
    results: dict[str, Outcome] = {}
    for path in lab.results.manifests():
        for entry in Manifest.from_json(ledger.load_json(path), str(path)).cells:
            result_here: Outcome = {"status": entry.status, "reason": entry.reason, "outputs": {}, "steady": True}
            if entry.status != Status.SKIPPED and not entry.again:
                try:
                    result = store.read(entry.key)
                except StoreError as error:
                    result_here["status"], result_here["reason"] = "damaged", str(error)
                else:
                    result_here["outputs"] = {tensor.name: (tensor.dtype, tensor.sha256) for tensor in result.tensors}
                    result_here["steady"] = not any(str(note).startswith(manifest.UNSTEADY) for note in result.record.get("notes", ()))
            results[entry.id] = result_here
    return results


NOT_RUN: Outcome = {"status": "not run", "reason": "the published code does not plan it here", "outputs": {}, "steady": True}


def _compare(row: ManifestRow, here: Outcome | None) -> Compared:
    """One published output beside what came out here: ``same``, ``unsteady``, or ``other``."""
    seen = here or NOT_RUN
    dtype, bits = seen["outputs"].get(row.output, ("", ""))
    return Compared(
        id=row.id,
        output=row.output,
        kind=_kind(row, seen, dtype, bits),
        published_status=row.status,
        published_bits=row.sha256,
        here_status=seen["status"],
        here_reason=seen["reason"],
        here_bits=bits,
    )


def _kind(row: ManifestRow, seen: Outcome, dtype: str, bits: str) -> str:
    if row.status != Status.OK:  # a failure has no bits: the same status is all that can come back
        return "same" if seen["status"] == row.status else "other"
    if seen["status"] == Status.OK and (dtype, bits) == (row.dtype, row.sha256):
        return "same"
    return "unsteady" if seen["status"] == Status.OK and (row.repeatable == "no" or not seen["steady"]) else "other"


def _judge(lab: Lab, names: set[str]) -> dict[tuple[str, str], str]:
    """Verdicts by cell and output, for the cells called ``names`` and their like."""
    cases = {(cell.family, cell.case) for cell in map(ids.parse_cell_id, names)}
    verdicts: dict[tuple[str, str], str] = {}
    for family in lab.families:
        chosen = tuple(case for case in family.cases if (family.name, case.name) in cases)
        if not chosen:
            continue
        small = replace(family, cases=chosen)
        judged = _written(replace(lab, families=tuple(small if loaded.name == family.name else loaded for loaded in lab.families)))
        verdicts |= {(row.id, row.output): row.verdict for row in order.judge(judged, [small], _say).cells}
    return verdicts


def _written(lab: Lab) -> Lab:
    """The lab; batches that were not chosen have an empty manifest, since judging reads all of them."""
    for batch in planning.batches(lab):
        path = lab.results.manifest(ids.batch_id(batch))
        if not path.exists():
            write_json(path, Manifest(batch=ids.batch_id(batch), cells=[]).to_json())
    return lab


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (its output goes to whoever started it)


def main(arguments: Sequence[str]) -> int:
    """``REQUEST ANSWER``: two paths."""
    request, answer = map(Path, arguments)
    try:
        report = rerun(json.loads(request.read_text(encoding="utf-8")))
    except LabError as error:
        print(f"replab: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    write_atomically(answer, json.dumps(report, sort_keys=True, indent=1).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
