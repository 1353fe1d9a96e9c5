"""What the Snakefile needs from Python: the lab, its settings on disk, names as wildcards. No rule logic lives here."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from replab import config, defaults, ids, plan
from replab.batch import audit, marker, parts
from replab.errors import LabError
from replab.model import IMPL_FILE, Batch, Lab
from replab.publish import versions
from replab.store import write_atomically
from replab.summary import STARTED

IN_USE = 10
"""Exit code when another workflow holds the results."""
_held: list[IO[str]] = []
NOT_SETTINGS = ("version", "allow", "site", "sign")
"""Keys of the workflow's configuration that are no settings of the lab."""


def open_lab(settings: Mapping[str, Any], root: Path) -> Lab:
    """The checked lab; on faults, prints each as one sentence and leaves with its exit code (a traceback would help nobody)."""
    try:
        return config.load_lab(_settings(settings), root)
    except LabError as error:
        print(f"replab: {error}".replace("\n", "\nreplab: "), file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in NOT_SETTINGS}


def write_settings(settings: Mapping[str, Any], lab: Lab, path: Path) -> None:
    """Put the settings where the steps read them; untouched when nothing changed."""
    text = json.dumps({"root": str(lab.root), "config": _settings(settings)}, sort_keys=True, indent=1).encode()
    if not path.exists() or path.read_bytes() != text:
        write_atomically(path, text)
    counts = {ids.batch_id(batch): _planned(lab, batch) for batch in plan.batches(lab)}
    write_atomically(lab.results / "progress" / "plan.json", json.dumps({"cells": counts}).encode())


def _planned(lab: Lab, batch: Batch) -> int:
    environment, families, variant = parts(lab, batch)
    return sum(not cell.left_out for family in families for cell in plan.cells(family, environment, variant, lab.coverage))


def forget_changed_results(lab: Lab) -> None:
    """Let batches run again whose results were damaged or removed since; says so."""
    for name in audit(lab):
        print(f"replab: results of {name} are missing or were changed: they are checked and, where needed, computed again", file=sys.stderr)


def note_start(lab: Lab, *, cores: int) -> None:
    """Note when the workflow started, for the time that the report shows."""
    command = " ".join(["snakemake", *sys.argv[1:]])
    write_atomically(lab.results / "progress" / STARTED, json.dumps({"time": time.time(), "cores": cores, "command": command}).encode())


def claim(lab: Lab) -> None:
    """Hold the results folder for this process; a second workflow on it is refused.

    The kernel lets go of it when the process ends, however.
    """
    lab.results.mkdir(parents=True, exist_ok=True)
    handle = (lab.results / ".lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(
            f"replab: {lab.results}: another workflow is at work on these results. "
            "Wait for it, or give other results: --config results=PATH",
            file=sys.stderr,
        )
        raise SystemExit(IN_USE) from None
    _held.append(handle)


def is_dry_run() -> bool:
    """Whether nothing will be run, so that looking needs no claim."""
    return any(word in ("-n", "--dry-run", "--lint", "--summary", "--dag", "--rulegraph") for word in sys.argv)


def is_main_process() -> bool:
    """False in the jobs that Snakemake starts as processes of its own, which parse the workflow again."""
    return "--mode" not in sys.argv and "subprocess" not in sys.argv and "remote" not in sys.argv


def one_of(names: Iterable[str]) -> str:
    """A regular expression that matches exactly the given names."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def stale(lab: Lab, batch: str) -> list[str]:
    """The marker of a batch whose results were changed since, when there is one."""
    path = marker(lab, batch)
    return [relative(lab, path)] if path.exists() else []


def implementations(lab: Lab, batch: Batch) -> list[str]:
    """The implementation files of a batch, as paths below the root where possible."""
    environment, families, _ = parts(lab, batch)
    return [relative(lab, family.folder / IMPL_FILE[environment.framework]) for family in families]


def indices(lab: Lab, batch: Batch) -> list[str]:
    """What the rule ``inputs`` writes for the families of a batch."""
    return [relative(lab, lab.results / "inputs" / f"{family.name}.json") for family in plan.members(lab, batch)]


def batches_of(lab: Lab, family: str) -> list[str]:
    """The manifests in which cells of a family stand."""
    found = (batch for batch in plan.batches(lab) if batch.family in (family, plan.ALL))
    return [relative(lab, lab.results / "batches" / f"{ids.batch_id(batch)}.json") for batch in found]


def reads_defaults(lab: Lab) -> bool:
    """Whether the atlas of defaults is part of this run."""
    return defaults.is_wanted(lab)


def claim_files(lab: Lab) -> list[str]:
    """The lists and rules of claims, beside the experiments."""
    folders = dict.fromkeys(family.folder.parent for family in lab.families)
    lists = [folder / "claims.toml" for folder in folders]
    found = [*lists, *(family.folder / "claims.py" for family in lab.families)]
    return [relative(lab, path) for path in found if path.is_file()]


def publication(settings: Mapping[str, Any]) -> str:
    """How to publish, as one word of a shell; a version that cannot be one ends the workflow before anything runs."""
    if "publish" in sys.argv and is_main_process():
        from replab.publish import checks  # noqa: PLC0415 (tables are slow to import, and few runs publish)

        try:
            versions.check(settings.get("version"))
            checks.allowed(settings.get("allow"))
        except LabError as error:
            print(f"replab: {error}", file=sys.stderr)
            raise SystemExit(error.exit_code) from None
    asked = {"version": settings.get("version", ""), "allow": settings.get("allow") or "", "site": str(settings.get("site") or "site")}
    return shlex.quote(json.dumps(asked | {"sign": str(settings.get("sign") or "")}, sort_keys=True))


def relative(lab: Lab, path: Path) -> str:
    """``path`` as the workflow names it."""
    return path.relative_to(lab.root).as_posix() if path.is_relative_to(lab.root) else str(path)
