"""What was judged before and would come out the same: after an edit of one case, the other cases of its family are not judged again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from replab import ids, jsons, resources, sealed
from replab.config import functions, implementations
from replab.errors import LabError, StoreError
from replab.files import sha256_of
from replab.freshness import code
from replab.judge.cells import Entries, Judge
from replab.judge.rows import Rows
from replab.locks import lab_lock
from replab.model import Case, Family, Lab
from replab.store.rows import JUDGED, ScriptRow
from replab.store.store import write_atomically

KEYS = "keys"


class OfCase(Protocol):
    """A row that names its case."""

    case: str


class KeptVerdicts:
    """The rows of a shard as they were judged last time, by declared case, with the hash of everything that they depended on."""

    def __init__(self, lab: Lab, family: Family, shard: int, judge: Judge, without_truth: Mapping[str, str]) -> None:
        """``known``: references that have no answer, by name, and why."""
        self.lab, self.family, self.shard, self.judge, self.without_truth = lab, family, shard, judge, without_truth
        self._common = self._shared()
        self._keys: dict[str, str] = {}

    def unchanged(self, groups: Iterable[tuple[Case, ...]], entries: Entries) -> set[str]:
        """The declared cases whose rows would come out as they are kept; none where what was kept is not whole."""
        self._keys = {group[0].group: self._key(group, entries) for group in groups}
        try:
            kept = sealed.read(self._path(KEYS))
            files, before = jsons.table(kept["files"]), jsons.table(kept["cases"])
            if any(sha256_of(self._path(part)) != files[part] for part in JUDGED):
                return set()
        except (StoreError, OSError, KeyError, ValueError):
            return set()
        return {case for case, key in self._keys.items() if key and before.get(case) == key}

    def rows(self, cases: set[str]) -> Rows:
        """The kept rows of some declared cases."""
        from replab.store import tables  # noqa: PLC0415 (what it imports starts threads, and judging forks)

        group_of = {case.name: case.group for case in self.family.cases}
        kept: dict[str, list[object]] = {}
        for part, table in JUDGED.items():
            read = table.rows(tables.load(self._path(part)).to_pydict()) if cases else []
            kept[part] = [row for row in read if group_of.get(_case_of(row), _case_of(row)) in cases]
        return jsons.made(Rows, kept)

    def keep(self, files: Mapping[str, Path]) -> None:
        """Keep what was judged now, of which ``files`` holds each part; that it cannot be kept costs a judging, and nothing else."""
        with contextlib.suppress(OSError, StoreError):
            self._path(KEYS).unlink(missing_ok=True)
            for part in JUDGED:
                path = self._path(part)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                try:
                    os.link(files[part], path)
                except OSError:
                    shutil.copyfile(files[part], path)
            written = {"cases": self._keys, "files": {part: sha256_of(self._path(part)) for part in JUDGED}}
            write_atomically(self._path(KEYS), sealed.seal(written))

    def _path(self, part: str) -> Path:
        return self.lab.results.kept(self.family.name, self.shard, part)

    def _shared(self) -> str:
        """What all cases depend on: the code that judges, the lab's own packages, the environments, the settings."""
        total = hashlib.sha256()
        locks = [path for path in (self.lab.root / lab_lock.LOCK,) if path.is_file()]
        for path in [*code.of_step(resources.SCRIPTS, "judge"), *locks]:
            total.update(path.read_bytes())
        family = {name: value for name, value in asdict(self.family).items() if name != "cases"}
        settings = [self.lab.coverage, self.lab.points, self.lab.engine, self.lab.cuda, asdict(self.lab.limits)]
        places = [*map(asdict, self.lab.environments), *map(asdict, self.lab.variants)]
        facts = {name: asdict(of_environment) for name, of_environment in self.judge.facts.items()}
        total.update(_json([family, settings, places, facts]))
        return total.hexdigest()

    def _key(self, group: tuple[Case, ...], entries: Entries) -> str:
        """The hash of everything that the rows of a group depend on; empty where that cannot be told."""
        sides = sorted({environment.framework for environment in self.lab.environments})
        sources: list[str] = []
        try:
            for reference, implementation in dict.fromkeys((case.function, case.implementation) for case in group):
                places = [(self.family.folder / implementations.REFERENCE, reference)]
                places += [(implementations.path_of(self.family.folder, side, implementation), implementation) for side in sides]
                for path, function in places:
                    if path.is_file() and function in functions.functions(path):
                        sources += [path.name, functions.digest(path, function), functions.text(path, function)]
        except LabError:
            return ""
        cells = {
            f"{case.name} {side_name}": [(str(cell), entry.key, entry.status, entry.reason, entry.record) for cell, entry in judged_entries]
            for case in group
            for side_name, judged_entries in sorted(entries.get(case.name, {}).items())
        }
        refused = {name: why for name, why in self.without_truth.items() if any(f"{case.name} " in name for case in group)}
        parts = [self._common, [asdict(case) for case in group], sources, cells, [self.judge.index[case.name] for case in group], refused]
        return hashlib.sha256(_json(parts)).hexdigest()


def _json(value: object) -> bytes:
    """Records as bytes; where something lies is left out: no row says it."""
    return json.dumps(value, sort_keys=True, default=lambda unwritable: "" if isinstance(unwritable, Path) else str(unwritable)).encode()


def _case_of(row: ScriptRow | OfCase) -> str:
    """The case that a row is about; attributions name the declared one."""
    return ids.parse_cell_id(row.id).case if isinstance(row, ScriptRow) else str(row.case)
