"""The same cells elsewhere: results in this store that came from another engine, or were merged from another machine.

A key names engine, platform and pins, so results from elsewhere lie beside those of the run and replace none. Which of them belong to the
cells of this run is found by computing their keys again, with what was observed there. Where they have the same bits there is nothing more
to say; the others are judged by the same truths.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from replab import ids
from replab.contract.facts import Facts
from replab.contract.manifest import ManifestEntry
from replab.errors import LabError, StoreError
from replab.judge.cells import Judge
from replab.model import Lab, Status
from replab.plan import planning
from replab.run.requests import planned
from replab.store.platforms import bits, differences, facts_fault, first, sources, told_by
from replab.store.rows import CELLS, ElsewhereRow, PlatformRow
from replab.store.step_files import environment_facts, manifest_of
from replab.store.store import Store
from replab.visible import visible

NAMED = 5
"""So many cells with other bits are named in a line."""
NOTHING_HERE = "not run here"

ODD = (LabError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What descriptions and results that others made may end in, after all checks: they are passed over."""


@dataclass(kw_only=True, slots=True)
class Line:
    """One environment on another platform."""

    environment: str
    device: str
    engine: str
    platform: str
    same: int = 0
    """Cells with the bits, or the failure, that they have here."""
    other: int = 0
    unrepeatable: int = 0
    """Those of ``other`` that do not repeat anyway."""
    only_there: int = 0
    """Cells that gave a result there and none here."""
    damaged: int = 0
    named: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    """What was observed inside, where it differs; only said where bits do."""

    def row(self) -> PlatformRow:
        """As a row of ``platforms.parquet``."""
        return PlatformRow(**(asdict(self) | {"named": "; ".join(self.named), "differences": first(self.differences)}))


def facts_of_others(lab: Lab) -> dict[str, list[Facts]]:
    """What was found in the environments of this run elsewhere, by ``Environment.place``, each platform once."""
    places = {environment.build_name(device) for environment in lab.environments for device in environment.devices}
    distinct: dict[tuple[str, ...], tuple[str, Facts]] = {}
    for path in sources(lab):
        try:
            named = told_by(path)
        except StoreError as error:
            _pass_over(error)
            continue
        for build_name, facts in sorted(named.items()):
            if fault := facts_fault(facts):
                _pass_over(visible(f"{path}: {build_name}: {fault}"))
            elif build_name in places and isinstance(facts, dict) and facts.get("status") == Status.OK:
                try:
                    other = Facts.of_elsewhere(facts, f"{path}: {build_name}")
                except StoreError as error:
                    _pass_over(error)
                    continue
                # Other versions inside are no reason to keep silent: the line says that they differ.
                if other.built != environment_facts(lab, build_name).built:
                    distinct[build_name, *other.built.values()] = (build_name, other)
    grouped: dict[str, list[Facts]] = defaultdict(list)
    for _, (build_name, other) in sorted(distinct.items()):
        grouped[build_name].append(other)
    return grouped


def _pass_over(problem: object) -> None:
    """Say what of elsewhere is left out: it came from others, and must not cost the results of this run."""
    print(f"replab: {problem}: passed over", file=sys.stderr)  # noqa: T201 (for the log of the step)


def rows(lab: Lab, unrepeatable: Iterable[str] = ()) -> tuple[list[ElsewhereRow], list[PlatformRow]]:
    """Judged outputs of cells that are other elsewhere than here (or only there), and one line for each environment and platform.

    ``unrepeatable``: ids of cells that give other bits when they run again. Raises ``StoreError``.
    """
    shaky = frozenset(unrepeatable)
    judged: list[ElsewhereRow] = []
    lines: list[PlatformRow] = []
    named = {candidate.build_name(device): (candidate.name, device) for candidate in lab.environments for device in candidate.devices}
    for build_name, others in facts_of_others(lab).items():
        environment, device = named[build_name]
        here = _Here(lab, build_name, environment, device)
        for facts in others:
            line = Line(environment=environment, device=device, engine=facts.engine, platform=facts.platform)
            try:
                entries, other = here.compare(facts, line, shaky)
                if not entries:
                    continue
                if line.other:
                    line.differences = tuple(differences(here.facts.observed, facts.observed))
                judged += list(_judged(lab, environment, facts, entries, other))
            except ODD as error:
                problem = str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
                _pass_over(visible(f"what {line.engine} found in {environment} on {line.platform} ({problem})"))
                continue
            lines.append(line.row())
    return judged, lines


class _Here:
    """The cells of an environment of this run."""

    def __init__(self, lab: Lab, build_name: str, environment: str, device: str) -> None:
        self.lab, self.store, self.facts = lab, Store(lab.results.store), environment_facts(lab, build_name)
        self.batches = [batch for batch in planning.batches(lab) if (batch.environment, batch.device) == (environment, device)]
        self.entries: dict[str, ManifestEntry] = {}
        for batch in self.batches:
            self.entries |= {entry.id: entry for entry in manifest_of(lab, batch).cells}

    def compare(self, facts: Facts, line: Line, shaky: frozenset[str]) -> tuple[list[ManifestEntry], dict[str, tuple[str, dict[str, str]]]]:
        """Entries (as in a manifest) of the results there; and of those that are other: status and hashes by output here.

        Counts into ``line``.
        """
        entries: list[ManifestEntry] = []
        other: dict[str, tuple[str, dict[str, str]]] = {}
        for request in (cell_request for batch in self.batches for _, cell_request in planned(self.lab, batch, facts)):
            name, key = request.id, request.key
            mine = self.entries.get(name)
            if mine is None or not key or key == mine.key or not self.store.cell_path(key).is_file():
                continue
            if not mine.key and self.facts.ok:  # left out here, with a reason that holds there too
                continue
            try:
                record, _ = self.store.describe(key)
            except (StoreError, OSError):
                line.damaged += 1
                continue
            recorded = self.store.describe(mine.key)[0] if mine.key and not mine.again else None
            same = recorded is not None and bits(recorded) == bits(record)
            if not same and not self.store.intact(key):
                line.damaged += 1
                continue
            entries.append(ManifestEntry(id=name, key=key, status=record["status"], reason=record["reason"], files=[]))
            if ids.parse_cell_id(name).grid:  # a companion, which only helps to judge
                continue
            if same:
                line.same += 1
            elif recorded is not None:
                line.other += 1
                line.unrepeatable += name in shaky
                line.named = (*line.named, name)[:NAMED]
                other[name] = (str(mine.status), {output["name"]: output["sha256"] for output in recorded["outputs"]})
            else:
                line.only_there += 1
                other[name] = (NOTHING_HERE, {})
        return entries, other


def _judged(
    lab: Lab, environment: str, facts: Facts, entries_there: Iterable[ManifestEntry], other: Mapping[str, tuple[str, dict[str, str]]]
) -> Iterator[ElsewhereRow]:
    """Rows of the cells that are ``other``. What has the same bits is judged with them: a verdict may ask other precisions and modes."""
    wanted = {_case(name) for name in other}
    families: dict[str, list[ManifestEntry]] = defaultdict(list)
    for entry in entries_there:
        if (case := _case(entry.id)) in wanted:
            families[case[0]].append(entry)
    for name, entries in sorted(families.items()):
        family = lab.family(name)
        for row in Judge(lab, family, {environment: facts}).judged(entries):
            if row.id in other:
                status, hashes = other[row.id]
                there_too = {name: getattr(row, name) for name in CELLS.names}
                yield ElsewhereRow(**there_too, here=status, here_bits=hashes.get(row.output, ""))


def _case(name: str) -> tuple[str, str]:
    cell = ids.parse_cell_id(name)
    return cell.family, cell.case
