"""The same cells on two platforms: which have the same bits, and where not, what is different there.

Engines, machines and schedulers must not be seen in the numbers. Two folders of results are compared cell by cell, by the hashes of their
outputs, and environment by environment, by what the probe observed inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replab.errors import StoreError
from replab.model import Lab, Status
from replab.store import Store, write_atomically

NEUTRAL = ("container", "kernel", "distribution", "isolation", "schema")
"""What is seen inside and cannot move a bit: where the process is, not what it computes with."""
MOST_CELLS = 5
"""Differing cells that are named for each environment."""
MOST_FACTS = 12
"""Differing facts that are told for each environment."""
PLATFORMS = "platforms"
"""Below a store: what was found in each environment by each engine that computed here."""
MERGED = "merged"
"""Below a store: the heads of the bundles that were merged, so that it stays known where results come from."""


def remember(store: Path, place: str, facts: Mapping[str, Any]) -> None:
    """Keep what was found in an environment (``Environment.place``), for runs with another engine."""
    if facts.get("status") == Status.OK:
        data = json.dumps(facts, sort_keys=True, indent=1).encode()
        write_atomically(store / PLATFORMS / f"{facts['engine']}--{place}.json", data)


def sources(lab: Lab) -> list[Path]:
    """Files that say where results of elsewhere come from: notes of other engines, and heads of merged bundles."""
    store = lab.results / "store"
    notes = [path for path in (store / PLATFORMS).glob("*.json") if path.name.partition("--")[0] != lab.engine]
    return sorted([*notes, *(store / MERGED).glob("*.json")])


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
    here, there = _cells(left), _cells(right)
    found: dict[str, Comparison] = {}
    for name in sorted(here.keys() & there.keys()):
        environment = name.rpartition("@")[2].partition(":")[0]
        one = found.setdefault(environment, Comparison(environment=environment))
        if here[name] == there[name]:
            one.same += 1
        else:
            one.other.append(name)
    for environment, one in found.items():
        one.differences = tuple(differences(_observed(left, environment), _observed(right, environment)))
    if not found:
        hint = f"Give two folders of results; the other is {right}"
        raise StoreError("has no cell that the other folder has as well", where=str(left), hint=hint)
    return list(found.values())


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[str]:
    """What two observations say differently, but what is neutral; what only one side has comes last."""
    one, other = dict(_flat(left)), dict(_flat(right))
    for name in sorted(one.keys() | other.keys(), key=lambda name: (name not in one or name not in other, name)):
        if one.get(name) != other.get(name) and not set(name.split(" ")) & set(NEUTRAL):
            yield f"{name}: {one.get(name, 'absent')} here, {other.get(name, 'absent')} there"


def first(facts: Sequence[str]) -> str:
    """Differences as one text: the first, and how many more there are."""
    more = [f"and {len(facts) - MOST_FACTS} more"] if len(facts) > MOST_FACTS else []
    return "; ".join([*facts[:MOST_FACTS], *more])


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name} {key}".strip())
    else:
        yield name, json.dumps(value, sort_keys=True)


def _cells(results: Path) -> dict[str, tuple[str, ...]]:
    """Id -> status and the hashes of all outputs, for every cell that was run."""
    store = Store(results / "store")
    found = {}
    for path in sorted((results / "batches").glob("*.json")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["status"] == "ok" and cell["key"]:
                record, _ = store.describe(cell["key"])
                found[cell["id"]] = bits(record)
            elif cell["status"] != "skipped":
                found[cell["id"]] = (cell["status"],)
    return found


def bits(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The status of a result, and the hashes of its outputs but times."""
    return (record["status"], *(f"{one['name']} {one['sha256']}" for one in record["outputs"] if not _is_time(one["name"])))


def _is_time(name: str) -> bool:
    return name.endswith("seconds")


def _observed(results: Path, environment: str) -> dict[str, Any]:
    try:
        facts = json.loads((results / "environments" / f"{environment}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(facts.get("observed") or {})
