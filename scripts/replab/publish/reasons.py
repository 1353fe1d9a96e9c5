"""What speaks against publishing a run: a dirty tree, missing cells, stale pins, failed controls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from replab import calling, git, ids, jsons
from replab.config import settings as settings_file
from replab.contract.manifest import ManifestEntry
from replab.engines import installed
from replab.engines.registry import get_engine
from replab.errors import ConfigError, StoreError
from replab.freshness import code, jobs
from replab.locks import lab_lock, pins
from replab.model import Lab, Status
from replab.plan import planning
from replab.publish.errors import PublishError
from replab.run.requests import requests
from replab.store import ledger, tables
from replab.store.ledger import Ledger
from replab.store.step_files import environment_facts, input_index, manifest_of
from replab.texts import nearest

KINDS = {"dirty": "the tree is dirty", "missing": "cells are missing", "pins": "pins are stale", "controls": "controls failed"}
"""What can be allowed by name, and what it is called in a message."""
NAMED = 3
"""Examples that a reason names."""
WORKFLOW = (
    "Snakefile",
    "rules",
    "scripts",
    "experiments",
    "containers",
    "config",
    "profiles",
    "reports",
    "requirements.lock",
    "cluster.lock",
    "pyproject.toml",
)
"""What results and their presentation depend on."""
AFTERWARDS = ("reports", "pyproject.toml", "scripts/snakemake_logger_plugin_replab", "rules", "Snakefile", "profiles")
"""What may change between the run and its publication, beside the code that only shows: no number of a table depends on it, and pages are
rendered anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Something that speaks against publishing: a kind of ``KINDS``, a sentence about this run, and how to mend it."""

    kind: str
    text: str
    hint: str


def allowed(value: object) -> frozenset[str]:
    """The kinds in a setting such as ``dirty,missing``. Raises ``PublishError``."""
    try:
        names = settings_file.words(value or "")
    except ConfigError as error:
        raise PublishError(error.problem, where="allow", hint=f"Known: {', '.join(KINDS)}") from None
    for name in names:
        if name not in KINDS:
            raise PublishError(f"{name!r} is nothing that can be allowed", where="allow", hint=nearest(name, KINDS))
    return frozenset(names)


def reasons(lab: Lab, entries: Iterable[ManifestEntry]) -> list[Reason]:
    """All that speaks against publishing what lies in the results; ``entries`` are the cells of all manifests."""
    all_reasons = [*_dirty(lab), *_missing(lab, list(entries)), *_stale(lab), *_controls(lab)]
    return sorted(all_reasons, key=lambda reason: list(KINDS).index(reason.kind))


def judge(given: Iterable[Reason], permitted: frozenset[str]) -> list[str]:
    """Sentences for the banner of every page: the reasons that were allowed. Raises ``PublishError`` naming every other."""
    listed = list(given)
    refused = [reason for reason in listed if reason.kind not in permitted]
    if refused:
        kinds = list(dict.fromkeys(reason.kind for reason in refused))
        problem = "; ".join(f"{KINDS[reason.kind]}: {reason.text}" for reason in refused)
        hints = list(dict.fromkeys(reason.hint for reason in refused if reason.hint))
        way = f"Mend it ({'; '.join(hints)}), or publish nevertheless with allow={','.join(kinds)}: every page will say so"
        raise PublishError(problem, where="publish", hint=way)
    return [f"Published although {KINDS[reason.kind]}: {reason.text}." for reason in listed]


def entries_of(lab: Lab) -> list[ManifestEntry]:
    """The cells of every manifest; a batch that has not run has none."""
    entries: list[ManifestEntry] = []
    for batch in planning.batches(lab):
        try:
            entries += manifest_of(lab, batch).cells
        except StoreError:  # it is named as a step that must be done again
            continue
    return entries


def commit(root: Path) -> str:
    """The commit at hand, or nothing."""
    return git.answer(root, "rev-parse", "HEAD") or ""


def _some(names: Iterable[str]) -> str:
    """The first of many, and how many more there are."""
    listed = list(names)
    rest = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + rest


def _dirty(lab: Lab) -> Iterator[Reason]:
    """The tree now, and the tree that the tables were made from."""
    changed = git.answer(lab.root, "status", "--porcelain", "--untracked-files=normal")
    if changed is None or not commit(lab.root):
        yield Reason(kind="dirty", text="this is no git checkout with a commit, so nothing names the code", hint="publish from a clone")
        return
    again = f"run '{calling.program('snakemake')} --cores all --forcerun tables'"
    if changed:
        files = [line[3:] for line in changed.splitlines()]
        yield Reason(kind="dirty", text=f"{_some(files)} differ from the commit", hint="commit or remove what git status names")
    made = str(_json(lab.results.summary("run")).get("commit") or "")
    if made.endswith("-dirty"):
        yield Reason(kind="dirty", text=f"the tables were made from {made}", hint=again)
        return
    between = changed_since(lab.root, made) if made else None
    if between is None:
        text = f"the tables name the commit {made!r}, which is not known here" if made else "the tables name no commit"
        yield Reason(kind="dirty", text=text, hint=again)
    elif between:
        yield Reason(kind="dirty", text=f"since the tables were made (commit {made}), {_some(between.splitlines())} changed", hint=again)


def changed_since(root: Path, made: str) -> str | None:
    """The files, a line each, that results depend on and that are others in the commit at hand; None where ``made`` is not known here."""
    shows = (f"scripts/{code.PACKAGE}/{name}" for name in code.only_shows(root / "scripts"))
    concerned = [*WORKFLOW, *(f":(exclude){name}" for name in (*AFTERWARDS, *shows))]
    return git.answer(root, "diff", "--name-only", made, "HEAD", "--", *concerned)


def _missing(lab: Lab, entries: list[ManifestEntry]) -> Iterator[Reason]:
    """Planned cells without a result, with the result of other sources or bytes, with a damaged one, or that the tables do not hold."""
    again = f"run '{calling.whole_run()}'"
    shut = {environment.build_name(device): _facts(lab, environment.build_name(device)) for environment, device in jobs.builds(lab)}
    for name, facts in shut.items():
        if facts.get("status") not in (Status.OK, Status.SKIPPED):  # skipped: for a device that this machine lacks
            reason = f"{name} was not available: {facts.get('reason') or 'it was never built'}"
            yield Reason(kind="missing", text=reason, hint=f"{calling.program()} doctor says what this machine lacks")
    book = Ledger(lab.results.root, lab.folder)
    undone = [
        f"{stale.job.key} ({stale.reason})" for stale in jobs.stale(lab, book) if stale.job.step != "report"
    ]  # pages are rendered anew
    if undone:
        yield Reason(kind="missing", text=f"{len(undone)} steps must be done again: {_some(undone)}", hint=again)
    lost = [path.name for job in jobs.planned(lab) for path in job.makes if not path.is_file()]
    if lost:
        yield Reason(kind="missing", text=f"{len(lost)} files of the run are not there: {_some(lost)}", hint=again)
    have = {entry.id: entry for entry in entries}
    absent, other = [], []
    for cell, key in _planned(lab, {name for name, facts in shut.items() if facts.get("status") == Status.OK}):
        entry = have.get(cell)
        if entry is None:
            absent.append(cell)
        elif entry.status != Status.SKIPPED and entry.key != key:
            other.append(cell)
    if absent:
        yield Reason(kind="missing", text=f"{len(absent)} planned cells have not run: {_some(absent)}", hint=again)
    if other:
        yield Reason(kind="missing", text=f"{len(other)} results are those of other sources or inputs: {_some(other)}", hint=again)
    held = {(row["id"], row["key"]) for row in _rows(lab.results.table("cells"))}
    shown = [entry for entry in entries if not ids.parse_cell_id(entry.id).grid]
    unlisted = [entry.id for entry in shown if (entry.id, entry.key) not in held]
    if unlisted:
        yield Reason(kind="missing", text=f"the tables lack {len(unlisted)} results: {_some(unlisted)}", hint=again)


def _planned(lab: Lab, available: set[str]) -> Iterator[tuple[str, str]]:
    """Id and key of every cell that should have run in the environments that are there."""
    for batch in planning.batches(lab):
        environment, families, variant = planning.parts(lab, batch)
        if environment.build_name(batch.device) not in available:
            continue
        facts = environment_facts(lab, environment.build_name(batch.device))
        for family in families:
            cells = list(planning.cells(family, environment, variant, lab.coverage, batch.device))
            try:
                planned = requests(family, environment, variant, input_index(lab, family.name), facts.built, iter(cells))
            except (StoreError, KeyError):
                planned = []  # its inputs were never made
                yield from ((str(ids.cell_id(cell)), "") for cell in cells if not cell.left_out)
            yield from ((cell_request.id, cell_request.key) for _, cell_request in planned if cell_request.key)


def _stale(lab: Lab) -> Iterator[Reason]:
    """Locks that were edited or are older than what they were made from, and results of another lock than the one at hand."""
    problems = [
        problem
        for environment in lab.environments
        for device in pins.locked_devices(environment)
        for problem in pins.check(environment, device)
    ]
    problems += [problem for lock in lab_lock.LOCKS for problem in lab_lock.check(lab.root, lock)]
    if problems:
        yield Reason(kind="pins", text=_some(problem.partition(". Run")[0] for problem in problems), hint=f"run '{calling.program()} pin'")
    moved = []
    engine = get_engine(lab.engine)
    for environment, device in jobs.builds(lab):
        if faults := engine.verify(environment, lab.cache, device):
            text = f"{environment.build_name(device)} is not what its lock says: {installed.some(faults)}"
            hint = f"run '{calling.program()} build', which builds it anew, and '{calling.whole_run()}'"
            yield Reason(kind="pins", text=text, hint=hint)
    for environment, device in jobs.builds(lab):
        identity, lock = _facts(lab, environment.build_name(device)).get("identity"), pins.lock_of(environment, device)
        if lab.engine == "uv" and identity and lock.is_file():
            now = hashlib.sha256(lock.read_bytes() + environment.python.encode()).hexdigest()
            moved += [environment.build_name(device)] if now != identity else []
    if moved:
        text = f"{_some(moved)} ran with another lock than the one at hand"
        yield Reason(kind="pins", text=text, hint=f"run '{calling.whole_run()}'")


def _controls(lab: Lab) -> Iterator[Reason]:
    scores = jsons.table(_json(lab.results.summary("run")).get("controls") or {})
    names = {"rounding": "known-equal rewrites", "semantic": "planted mistakes"}
    for kind, score in sorted(scores.items()):
        good, total = map(jsons.number, jsons.items(score))
        if good < total:
            text = f"{total - good} of {total} {names.get(kind, kind)} came out otherwise"
            yield Reason(kind="controls", text=text, hint="see the report's page Controls")


def _facts(lab: Lab, name: str) -> dict[str, object]:
    return _json(lab.results.environment(name))


def _json(path: Path) -> dict[str, object]:
    try:
        content = ledger.load_json(path)
    except StoreError:
        return {}
    return content if isinstance(content, dict) else {}


def _rows(path: Path) -> list[dict[str, object]]:
    return tables.rows(path, ["id", "key"]) if path.is_file() else []
