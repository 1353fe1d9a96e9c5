"""The same cells on two platforms: which have the same bits, and where not, what is different there.

Engines, machines and schedulers must not be seen in the numbers. Two folders of results are compared cell by cell, by the hashes of their
outputs, and environment by environment, by what the probe observed inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replab import files, jsons, sealed
from replab.contract.facts import Facts
from replab.contract.record import Record
from replab.errors import StoreError
from replab.model import Lab, Status
from replab.results_folder import ResultsFolder
from replab.store.store import Store, write_atomically
from replab.visible import shown

NEUTRAL = ("container", "kernel", "distribution", "isolation", "schema")
"""What is seen inside and cannot move a bit: where the process is, not what it computes with."""
IDENTITY = ("identity", "platform", "engine")
"""What a key has of an environment."""
MOST_CELLS = 5
"""Differing cells that are named for each environment."""
MOST_FACTS = 12
"""Differing facts that are told for each environment."""
PLATFORMS = "platforms"
"""Below a store: what was found in each environment by each engine that computed here."""
MERGED = "merged"
"""Below a store: the heads of the bundles that were merged, so that it stays known where results come from."""


def remember(store: Path, build_name: str, facts: Facts) -> None:
    """Keep what was found in an environment (``Environment.place``), for runs with another engine."""
    if facts.ok:
        write_atomically(store / PLATFORMS / f"{facts.engine}--{build_name}.json", sealed.seal(facts.to_json()))


def sources(lab: Lab) -> list[Path]:
    """Files that say where results of elsewhere come from: notes of other engines, and heads of merged bundles."""
    store = lab.results.store
    notes = [path for path in (store / PLATFORMS).glob("*.json") if path.name.partition("--")[0] != lab.engine]
    return sorted([*notes, *(store / MERGED).glob("*.json")])


def told_by(path: Path) -> dict[str, object]:
    """What one of the ``sources`` says of environments, by ``Environment.place``; each may be odd (``facts_fault``).

    Raises ``StoreError`` for a file that is damaged or names no environments.
    """
    content = sealed.read(path, hint="Remove it; merging, or a run with that engine, writes it again")
    named = content.get("environments") if path.parent.name == MERGED else {path.stem.partition("--")[2]: content}
    if not isinstance(named, dict):
        raise StoreError("names no environments", where=str(path), hint="Remove it, and merge again")
    return named


def facts_fault(facts: object) -> str:
    """Why something cannot be what was found in an environment; nothing when it can. One that was not there has no facts."""
    if facts == {}:
        return ""
    if not isinstance(facts, dict) or not isinstance(facts.get("status"), str):
        return f"{shown(facts)} is no description"
    if facts["status"] != Status.OK:
        return ""
    if wrong := [name for name in IDENTITY if not isinstance(facts.get(name), str) or not facts[name]]:
        return f"its {wrong[0]} is {shown(facts.get(wrong[0]))}"
    return "" if isinstance(facts.get("observed"), dict) else f"what was observed is {shown(facts.get('observed'))}"


@dataclass(kw_only=True, slots=True)
class Comparison:
    """One environment on both sides."""

    environment: str
    same: int = 0
    other: list[str] = field(default_factory=list)
    """Ids of cells with other bits, or another status."""
    differences: tuple[str, ...] = ()
    """What was observed inside, where it differs: ``packages numpy: 2.5.0 here, 2.4.1 there``."""

    def sentence(self) -> str:
        """What came out, in one sentence."""
        total = self.same + len(self.other)
        if not self.other:
            return f"{self.environment}: all {total} cells have the same bits"
        named = ", ".join(self.other[:MOST_CELLS]) + (f" and {len(self.other) - MOST_CELLS} more" if len(self.other) > MOST_CELLS else "")
        why = first(self.differences) or "nothing that was observed inside differs"
        return f"{self.environment}: {len(self.other)} of {total} cells differ ({named}). Different there: {why}"


def compare(left: Path, right: Path) -> list[Comparison]:
    """Every environment that both folders of results have; cells that only one has are left out. Raises ``StoreError``."""
    ours, theirs = _cells(left), _cells(right)
    comparisons: dict[str, Comparison] = {}
    for name in sorted(ours.keys() & theirs.keys()):
        environment = name.rpartition("@")[2].partition(":")[0]
        comparison = comparisons.setdefault(environment, Comparison(environment=environment))
        if ours[name] == theirs[name]:
            comparison.same += 1
        else:
            comparison.other.append(name)
    for environment, comparison in comparisons.items():
        comparison.differences = tuple(differences(_observed(left, environment), _observed(right, environment)))
    if not comparisons:
        hint = f"Give two folders of results; the other is {right}"
        raise StoreError("has no cell that the other folder has as well", where=str(left), hint=hint)
    return list(comparisons.values())


def differences(left: Mapping[str, object], right: Mapping[str, object]) -> Iterator[str]:
    """What two observations say differently, but what is neutral; what only one side has comes last."""
    ours, theirs = dict(_flat(left)), dict(_flat(right))
    for name in sorted(ours.keys() | theirs.keys(), key=lambda name: (name not in ours or name not in theirs, name)):
        if ours.get(name) != theirs.get(name) and not set(name.split(" ")) & set(NEUTRAL):
            yield f"{name}: {ours.get(name, 'absent')} here, {theirs.get(name, 'absent')} there"


def first(facts: Sequence[str]) -> str:
    """Differences as one text: the first, and how many more there are."""
    more = [f"and {len(facts) - MOST_FACTS} more"] if len(facts) > MOST_FACTS else []
    return "; ".join([*facts[:MOST_FACTS], *more])


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name} {key}".strip())
    else:
        yield name, json.dumps(value, sort_keys=True)


def _cells(results: Path) -> dict[str, tuple[str, ...]]:
    """Id -> status and the hashes of all outputs, for every cell that was run. Raises ``StoreError``."""
    store = Store(ResultsFolder(results).store)
    cells: dict[str, tuple[str, ...]] = {}
    for path in ResultsFolder(results).manifests():
        manifest = sealed.decoded(files.read_bytes(path, limit=sealed.LIMIT, kind=StoreError))
        try:
            for cell in jsons.tables((manifest or {})["cells"]):
                name, key, status = (jsons.text(cell[field]) for field in ("id", "key", "status"))
                if status == "ok" and key:
                    record, _ = store.describe(key)
                    cells[name] = bits(record)
                elif status != "skipped":
                    cells[name] = (status,)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise StoreError("is no list of cells", where=str(path), hint="Run again: it is made anew") from None
    return cells


def bits(record: Record) -> tuple[str, ...]:
    """The status of a result, and the hashes of its outputs but times."""
    return (record["status"], *(f"{output['name']} {output['sha256']}" for output in record["outputs"] if not _is_time(output["name"])))


def _is_time(name: str) -> bool:
    return name.endswith("seconds")


def _observed(results: Path, environment: str) -> dict[str, object]:
    try:
        facts = sealed.decoded(files.read_bytes(ResultsFolder(results).environment(environment), limit=sealed.LIMIT, kind=StoreError))
    except (FileNotFoundError, StoreError):
        return {}
    observed = (facts or {}).get("observed")
    return observed if isinstance(observed, dict) else {}
