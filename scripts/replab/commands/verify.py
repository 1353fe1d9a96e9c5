"""``replab verify``: every hash of every stored result, checked against its bytes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track

from replab import pins
from replab.commands.common import console
from replab.engines.installed import own_packages, some
from replab.engines.registry import get_engine
from replab.errors import EnvironmentUnavailable, StoreError
from replab.model import Lab
from replab.store import Store, read_cell, read_safetensors

LAB = "the lab itself"
"""The place of the packages that the lab computes truths and verdicts with."""
SHOWN = 50
"""Damaged files that are named; more than that is one problem, not many."""


@dataclass(slots=True)
class Findings:
    """What a check of the store found."""

    cells: int = 0
    blobs: int = 0
    damaged: dict[Path, str] = field(default_factory=dict)
    aside: int = 0
    """Files that were put aside before, by a run or by this command."""


def run(results: Path, *, remove: bool) -> Findings:
    """Check the store below ``results`` and print what was found; with ``remove``, damaged files are put aside so that they are made again.

    Raises ``StoreError`` when something is damaged and stays where it is, or when there is no store.
    """
    store = Store(results / "store")
    if not store.root.is_dir():
        cure = "Run 'make run' first, or name the folder with --config results=…"
        raise StoreError("there are no results", where=str(store.root), hint=cure)
    found = check(store)
    out = console()
    out.print(f"{found.cells} cells and {found.blobs} large tensors checked, {len(found.damaged)} damaged, {found.aside} put aside earlier")
    for path, problem in list(found.damaged.items())[:SHOWN]:
        out.print(f"  {path}: {problem}", markup=False)
    if len(found.damaged) > SHOWN:
        out.print(f"  and {len(found.damaged) - SHOWN} more")
    if remove:
        for path in found.damaged:
            path.replace(path.with_suffix(".damaged"))
        if found.damaged:
            out.print(f"{len(found.damaged)} put aside as *.damaged; the next run makes them again")
    elif found.damaged:
        raise StoreError(
            f"{len(found.damaged)} results are damaged", where=str(store.root), hint="'replab verify --remove' puts them aside"
        )
    return found


def environments(lab: Lab) -> dict[str, list[str]]:
    """Read every byte of the environments of the configuration, as far as they are built here, and of the lab's own packages.

    Returns what is not as it was, by place.
    """
    engine, found, read = get_engine(lab.engine), dict[str, list[str]](), 0
    builds = [(environment, device) for environment in lab.environments for device in pins.locked_devices(environment)]
    for environment, device in builds:
        faults = engine.verify(environment, lab.cache, device)
        read += faults is not None
        if faults:
            found[environment.place(device)] = faults
    if read and (faults := own_packages(Path(sys.prefix))):
        found[LAB] = faults
    if read:
        console().print(f"{read} environments read, {len(found)} not as they were built")
    for place, faults in found.items():
        console().print(f"  {place}: {some(faults)}", markup=False)
    return found


def demand(changed: Mapping[str, list[str]]) -> None:
    """Raise ``EnvironmentUnavailable`` when an environment is not as it was built."""
    for place, faults in changed.items():
        hint = "It is built anew before it is next used; 'replab build' does so now"
        if place == LAB:
            hint = "Empty uv's cache ('uv cache clean'), remove .venv, and run 'make setup'"
        raise EnvironmentUnavailable(f"is not what its lock says: {some(faults)}", where=place, hint=hint)


def check(store: Store) -> Findings:
    """Read every file of the store; blobs too, so that a damaged one is named itself and not only the cells that need it."""
    found = Findings(aside=sum(1 for _ in store.root.rglob("*.damaged")))
    blobs = sorted((store.root / "blobs").glob("*/*.safetensors"))
    for path in track(blobs, description="large tensors", transient=True, disable=not console().is_terminal):
        found.blobs += 1
        if problem := _blob_fault(path):
            found.damaged[path] = problem
    cells = sorted((store.root / "cells").glob("*/*.safetensors"))
    for path in track(cells, description="cells", transient=True, disable=not console().is_terminal):
        found.cells += 1
        try:
            key = read_cell(path, store.blob_path).record.get("key")
        except StoreError as error:
            # A cell whose only fault is a damaged tensor elsewhere is made again too: its tensors are written together with it.
            found.damaged[path] = error.problem if error.where == str(path) else f"{error.where} {error.problem}"
            continue
        if key != path.stem:
            found.damaged[path] = f"holds the result of {key!r}"
    return found


def _blob_fault(path: Path) -> str:
    """What is wrong with a large tensor, or nothing."""
    try:
        _, held = read_safetensors(path)
    except StoreError as error:
        return error.problem
    if "data" not in held:
        return "lacks the tensor 'data'"
    return "" if hashlib.sha256(held["data"][2]).hexdigest() == path.stem else "does not have the hash that it is named by"
