"""``replab verify``: every hash of everything that is kept below the results, checked against its bytes."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track

from replab import calling, files, sealed
from replab.commands.common import console
from replab.engines.installed import own_packages, some
from replab.engines.registry import get_engine
from replab.errors import EnvironmentUnavailable, StoreError
from replab.locks import pins
from replab.model import Lab
from replab.report.data.words import plural
from replab.results_folder import ResultsFolder
from replab.store.ledger import Ledger
from replab.store.platforms import MERGED, PLATFORMS
from replab.store.store import Store, read_cell, read_safetensors

LAB = "the lab itself"
"""The place of the packages that the lab computes truths and verdicts with."""
SHOWN = 50
"""Damaged files that are named; more than that is one problem, not many."""
ASIDE = ".damaged"
"""How the name of a file ends that was put aside."""


@dataclass(slots=True)
class Findings:
    """What a check found."""

    checked: Counter[str] = field(default_factory=Counter)
    """Files of each kind."""
    damaged: dict[Path, str] = field(default_factory=dict)
    aside: int = 0
    """Files that were put aside before, by a run or by this command."""


def run(results: Path, *, remove: bool) -> Findings:
    """Check what is kept below ``results`` and print what was found; with ``remove``, damaged files are put aside and made again.

    Raises ``StoreError`` when something is damaged and stays where it is, or when there is no store.
    """
    store = Store(ResultsFolder(results).store)
    if not store.root.is_dir():
        cure = f"Run '{calling.whole_run()}' first, or name the folder with --config results=…"
        raise StoreError("there are no results", where=str(store.root), hint=cure)
    findings = check(store)
    check_inputs(ResultsFolder(results).input_data, findings)
    check_steps(Ledger(results), findings)
    out = console()
    counts = ", ".join(plural(number, name) for name, number in findings.checked.items())
    out.print(f"{counts} checked, {len(findings.damaged)} damaged, {findings.aside} put aside earlier", markup=False)
    for path, problem in list(findings.damaged.items())[:SHOWN]:
        out.print(f"  {path}: {problem}", markup=False)
    if len(findings.damaged) > SHOWN:
        out.print(f"  and {len(findings.damaged) - SHOWN} more")
    if remove:
        for path in findings.damaged:
            try:
                path.replace(path.with_suffix(ASIDE))
            except OSError as error:
                raise StoreError(f"cannot be put aside: {error.strerror}", where=str(path), hint="Mend the permissions") from None
        if findings.damaged:
            out.print(f"{len(findings.damaged)} put aside as *{ASIDE}; the next run makes again what it needs of them")
    elif findings.damaged:
        raise StoreError(
            f"{len(findings.damaged)} files are damaged", where=str(store.root), hint="'replab verify --remove' puts them aside"
        )
    return findings


def check_steps(book: Ledger, findings: Findings) -> None:
    """Compare every file that a step of the run made with the hash that it noted."""
    if book.notes:
        findings.checked["noted file"] = sum(len(note.made) for note in book.notes.values())
    findings.damaged |= {path: problem for path, problem in book.damaged() if path.exists()}


def environments(lab: Lab) -> dict[str, list[str]]:
    """Read every byte of the environments of the configuration, as far as they are built here, and of the lab's own packages.

    Returns what is not as it was, by place.
    """
    engine, changed, read = get_engine(lab.engine), dict[str, list[str]](), 0
    builds = [(environment, device) for environment in lab.environments for device in pins.locked_devices(environment)]
    for environment, device in builds:
        faults = engine.verify(environment, lab.cache, device)
        read += faults is not None
        if faults:
            changed[environment.build_name(device)] = faults
    if read and (faults := own_packages(Path(sys.prefix))):
        changed[LAB] = faults
    if read:
        console().print(f"{read} environments read, {len(changed)} not as they were built")
    for build_name, faults in changed.items():
        console().print(f"  {build_name}: {some(faults)}", markup=False)
    return changed


def demand(changed: Mapping[str, list[str]]) -> None:
    """Raise ``EnvironmentUnavailable`` when an environment is not as it was built."""
    for build_name, faults in changed.items():
        hint = "It is built anew before it is next used; 'replab build' does so now"
        if build_name == LAB:
            hint = "Empty uv's cache ('uv cache clean'), remove .venv, and run 'make setup'"
        raise EnvironmentUnavailable(f"is not what its lock says: {some(faults)}", where=build_name, hint=hint)


def check(store: Store) -> Findings:
    """Read every file of the store; blobs too, so that a damaged one is named itself and not only the cells that need it."""
    findings = Findings(aside=sum(1 for _ in store.root.rglob(f"*{ASIDE}")))
    _each(findings, "cell", store.root / "cells", "*/*.safetensors", lambda path: _cell_fault(store, path))
    _each(findings, "large tensor", store.root / "blobs", "*/*.safetensors", _blob_fault)
    _each(findings, "truth", store.root / "truth", "*/*.safetensors", _truth_fault)
    _each(findings, "observation", store.root / "observations", "*.json", _name_fault)
    for folder in (MERGED, PLATFORMS):
        _each(findings, "foreign note", store.root / folder, "*.json", _seal_fault)
    return findings


def check_inputs(folder: Path, findings: Findings) -> None:
    """Read the bytes of every input, which are named by their hash."""
    _each(findings, "input", folder, "*.npy", _name_fault)


def _each(findings: Findings, name: str, folder: Path, pattern: str, fault: Callable[[Path], str]) -> None:
    """Check the files of one kind, and count them."""
    paths = sorted(folder.glob(pattern))
    findings.checked[name] += len(paths)
    for path in track(paths, description=name, transient=True, disable=not console().is_terminal):
        try:
            other = files.kind_of(path.lstat().st_mode)
            problem = f"is {other}, not a file" if other else fault(path)
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        if problem:
            findings.damaged[path] = problem


def _cell_fault(store: Store, path: Path) -> str:
    try:
        key = read_cell(path, store.blob_path).record.get("key")
    except StoreError as error:
        # A cell whose only fault is a damaged tensor elsewhere is made again too: its tensors are written together with it.
        return error.problem if error.where == str(path) else f"{error.where} {error.problem}"
    except (LookupError, TypeError, ValueError, AttributeError):
        return "has a record that this lab cannot read"
    return "" if key == path.stem else f"holds the result of {key!r}"


def _blob_fault(path: Path) -> str:
    """What is wrong with a large tensor, or nothing."""
    try:
        _, held = read_safetensors(path)
    except StoreError as error:
        return error.problem
    if "data" not in held:
        return "lacks the tensor 'data'"
    return "" if hashlib.sha256(held["data"][2]).hexdigest() == path.stem else "does not have the hash that it is named by"


def _truth_fault(path: Path) -> str:
    """The same of a truth: its record has the hash that it names, and every array that of the record."""
    try:
        metadata, held = read_safetensors(path)
    except StoreError as error:
        return error.problem
    text = metadata.get("record", "")
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get("sha256"):
        return "is damaged: its record does not have the hash that it names"
    listed = json.loads(text).get("sha256", {})
    if listed != {name: hashlib.sha256(raw).hexdigest() for name, (_, _, raw) in held.items()}:
        return "is damaged: its arrays do not have the hashes that its record names"
    return ""


def _name_fault(path: Path) -> str:
    """The same of a file that is named by the hash of its bytes."""
    return "" if files.sha256_of(path) == path.stem else "does not have the hash that it is named by"


def _seal_fault(path: Path) -> str:
    try:
        sealed.read(path)
    except StoreError as error:
        return error.problem
    return ""
