"""Cells and truths in, rows with verdicts out; the only place where results of different environments meet."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from replab import contained, ids, texts
from replab.attribute import rows as attributions
from replab.attribute.causes import Causes, by_alignment
from replab.compare.pairs import Judged, is_plain, note_repeats, pair_row, pairs
from replab.contract.facts import Facts
from replab.contract.input_index import InputFile
from replab.contract.manifest import ManifestEntry
from replab.errors import LabError, TruthError
from replab.formats import FORMATS
from replab.judge import trajectories
from replab.judge.curves import curve_rows
from replab.judge.rows import Rows, blank_row, cell_rows, measurement_rows
from replab.judge.verdicts import EAGER, compare, decide, runs_in_float64, settle
from replab.model import EXPLAINED, Case, Cell, Family, Lab, Status, Verdict, worst
from replab.plan import planning
from replab.plan.alignment import alignable, is_partly_aligned
from replab.plan.outputs import output_names
from replab.progress import Progress
from replab.repro_scripts import script
from replab.store.columns import WIDEST
from replab.store.rows import AttributionRow, CellRow
from replab.store.step_files import environment_facts, input_index, manifest_of
from replab.store.store import CellResult, Store, Tensor
from replab.truth.cache import Truths, judging_cell
from replab.truth.certify import Truth

Told = dict[str, dict[str, list[object]]]
"""Rows as they leave the process in which they were made."""
Entries = dict[str, dict[tuple[str, str, int], list[tuple[ids.CellId, ManifestEntry]]]]


class Unusable(Exception):
    """Why nothing can be judged by what a cell left, in words."""


def groups_of(family: Family, shard: int) -> list[tuple[Case, ...]]:
    """The cases of a shard, each declared one with those that were made from it: they are judged together."""
    return [tuple(group) for _, group in itertools.groupby(planning.shard_cases(family, shard), key=lambda case: case.group)]


class Judge:
    """Judges cases of one family."""

    def __init__(self, lab: Lab, family: Family, facts: Mapping[str, Facts] | None = None) -> None:
        """``facts`` stand for what was found in environments here, by name: for results that come from elsewhere."""
        self.lab, self.family = lab, family
        self.store = Store(lab.results.store)
        self.truths = Truths(lab.results.store, lab.results.input_data)
        self.index = input_index(lab, family.name)
        computing = [environment for environment in lab.environments if environment.modes]
        self.environments = {environment.name: environment for environment in computing}
        self.facts = {name: environment_facts(lab, name) for name in self.environments} | dict(facts or {})
        self.causes = Causes(family, self.truths, self.index, {environment.name: environment.framework for environment in computing})
        self.rows = Rows()
        self._kept: dict[tuple[str, int], tuple[list[str], dict[str, dict[str, Judged]]]] = {}
        """Outputs and eager float32 cells of the cases with factors in hand: (dtype, order) → case → environment."""

    def entries(self, shard: int) -> Entries:
        """What manifests say of the cells of a shard."""
        return _grouped(self._entries({case.name for case in planning.shard_cases(self.family, shard)}))

    def run(
        self,
        groups: Sequence[tuple[Case, ...]],
        entries: Entries,
        progress: Progress | None = None,
        *,
        without_truth: Mapping[str, str] | None = None,
        illustrate: bool = False,
    ) -> Rows:
        """All rows of ``groups``, each a declared case with those made from it.

        ``known``: references that have no answer, by name, and why. ``illustrate``: with the losses of trainings and stand-alone scripts.
        Raises ``StoreError`` when a result is damaged (the next run of the workflow makes it again).
        """

        def judge(group: tuple[Case, ...]) -> Told:
            self.rows = Rows()
            for case in group:
                self._case(case, entries.get(case.name, {}))
            self._align(group)
            if illustrate:
                self._illustrate()
            return self.rows.told()

        self.rows = self._contained(judge, groups, entries, progress, without_truth)
        return self.rows

    def judged(self, entries: Iterable[ManifestEntry]) -> list[CellRow]:
        """Rows of the cells of any ``entries`` of manifests, beside whatever else is judged. Raises ``StoreError``."""
        by_case = _grouped(entries)
        groups = [(case,) for case in self.family.cases if case.name in by_case]

        def judge(group: tuple[Case, ...]) -> Told:
            self.rows = Rows()
            for case in group:
                self._case(case, by_case[case.name])
            return self.rows.told()

        self.rows = self._contained(judge, groups, by_case, None, None)
        return self.rows.cells

    def _contained(
        self,
        judge: Callable[[tuple[Case, ...]], Told],
        groups: Sequence[tuple[Case, ...]],
        entries: Entries,
        progress: Progress | None,
        without_truth: Mapping[str, str] | None,
    ) -> Rows:
        """Judge in another process, a declared case and those made from it at a time: references run there, and odd results are read."""
        rows, done, total = Rows(), 0, sum(len(group) for group in groups)
        for group, outcome in zip(groups, contained.each(judge, groups, self.lab.limits, lost=without_truth), strict=True):
            try:
                rows.add(self._unjudged(group, entries, outcome.reason) if isinstance(outcome, contained.Lost) else Rows.heard(outcome))
            except ValueError as error:
                rows.add(self._unjudged(group, entries, str(error)))
            done += len(group)
            if progress is not None:
                progress.update(done, total, group[-1].name)
        if progress is not None:
            progress.finish()
        return rows

    def _unjudged(self, group: tuple[Case, ...], entries: Entries, reason: str) -> Rows:
        """Rows of a case that could not be judged at all."""
        rows = Rows()
        for case in group:
            for (_, grid, _), cells in entries.get(case.name, {}).items():
                for cell, entry in cells if not grid else ():
                    cell_reason, why = (texts.plain(str(text)) for text in (entry.reason, f"it cannot be judged: {reason}"))
                    judged = Judged(id=cell, key=entry.key, status=entry.status, reason=cell_reason, unusable=why)
                    rows.cells += cell_rows(self._blank(case, judged), case, judged, {}, {}, "")
        return rows

    def _blank(self, case: Case, cell: Judged) -> CellRow:
        return blank_row(case, cell, self.environments[cell.id.environment], self.facts[cell.id.environment])

    def _align(self, group: Sequence[Case]) -> None:
        """Compare the runs in which factors of a case were aligned."""
        plain = [case for case in group if not case.special]
        for (dtype, order), (names, kept) in self._kept.items():
            self.rows.attributions += self.causes.align(plain, dtype, order, kept, names, list(self.environments.values()))
            if causes := by_alignment(plain, kept):
                self.rows.cells = [
                    replace(row, cause=causes[row.id][0], shown_by=causes[row.id][1]) if row.id in causes else row
                    for row in self.rows.cells
                ]
        self._kept.clear()

    def _illustrate(self) -> None:
        """What pages show of the cells that were judged."""
        cells = self.rows.cells
        self.rows.scripts += script.rows(self.lab, cells, self.truths, {self.family.name: self.index})
        self.rows.trajectories += trajectories.rows(self.lab, cells, self.truths, {self.family.name: self.index})

    def _entries(self, names: set[str]) -> Iterator[ManifestEntry]:
        """Manifest entries of the cases ``names``."""
        begin = ids.begin_of(self.family.name)
        for batch in planning.batches_with(self.lab, self.family):
            for entry in manifest_of(self.lab, batch).cells:
                # most entries of a batch of many families are not of this one: they are not read further
                if entry.id.startswith(begin) and ids.parse_cell_id(entry.id).case in names:
                    yield entry

    def _case(self, case: Case, entries: Mapping[tuple[str, str, int], list[tuple[ids.CellId, ManifestEntry]]]) -> None:
        for derivative in range(case.derivatives + 1):
            singles: dict[tuple[str, str, str, str], Verdict] = {}
            # float32 first: the other dtypes ask what it found.
            for dtype in sorted(case.dtypes, key=lambda name: name != "float32"):
                cells = [self._load(cell, entry) for cell, entry in entries.get((dtype, "", derivative), [])]
                finer = entries.get(("float64", dtype, derivative), []) if dtype == "float32" else []
                escalations = [self._load(cell, entry) for cell, entry in finer]
                self._group(case, dtype, derivative, cells, escalations, singles)

    def _load(self, cell: ids.CellId, entry: ManifestEntry) -> Judged:
        """A cell with its result; what cannot be used of it costs this cell alone."""
        judged = Judged(id=cell, key=entry.key, status=entry.status, reason=entry.reason)
        if judged.status not in set(Status):
            judged.status, judged.reason = Status.ERROR, f"its result has the status {judged.status!r}, which there is not"
        name = str(cell)
        contained.note(name)
        if judged.status != Status.OK:
            return judged
        try:
            judged.record, judged.tensors = self._result(entry.key, name)
        except Unusable as error:
            judged.status, judged.reason = Status.ERROR, str(error)
        return judged

    def _result(self, key: str, name: str) -> tuple[Mapping[str, object], dict[str, Tensor]]:
        """Record and outputs of a cell. Raises ``Unusable``, and ``StoreError`` where they are damaged."""
        if reason := contained.lost(name):
            raise Unusable(f"its result cannot be judged: {reason}")
        try:
            result: CellResult = self.store.read(key)
            problem = odd(result.record)
        except LabError:
            raise
        except Exception as error:  # a record may be anything that has the right hash
            raise Unusable(f"its record is none: {contained.described(error)}") from error
        if problem:
            raise Unusable(problem)
        return result.record, {tensor.name: tensor for tensor in result.tensors}

    def _group(
        self,
        case: Case,
        dtype: str,
        derivative: int,
        cells: list[Judged],
        escalations: list[Judged],
        singles: dict[tuple[str, str, str, str], Verdict],
    ) -> None:
        """All cells that share one truth."""
        if not cells:
            return
        problem = ""
        truths: list[Truth] = []
        standing = judging_cell(case, dtype, "", derivative)
        if any(cell.status == Status.OK for cell in cells):
            try:
                truths = self.truths.get(self.family, standing, self.index)
            except TruthError as error:
                problem = f"the reference has no answer: {error.problem}"
        names = self._names(case, derivative, len(truths), dtype)
        by_output = dict(zip(names, truths, strict=True))
        compare(
            (*cells, *escalations),
            by_output,
            correctly_rounded=case.correctly_rounded and derivative == 0,
            sharper=self._sharper(standing, names),
        )
        note_repeats(cells)
        inputs = {file["name"]: self.truths.array(file) for file in self._inputs(case, dtype, derivative)}
        finer = runs_in_float64(escalations)
        decide(case, cells, by_output, inputs, finer, singles, elementwise=self._is_elementwise(case))
        if truths:
            attributions = self.causes.explain(case, dtype, derivative, cells, finer, names)
            settle(cells, {row.left: row.factor for row in attributions if row.named and row.verdict_aligned in EXPLAINED}, singles)
            self.rows.attributions += [_settled(row, cells) for row in attributions]
        for cell in cells:
            contained.note(str(cell.id))
            row = self._blank(case, cell)
            self.rows.measurements += measurement_rows(row, cell)
            self.rows.cells += cell_rows(row, case, cell, by_output, inputs, problem)
        contained.note("")
        if truths:
            self._pairs(case, cells, by_output)
            if alignable(case) and dtype == "float32":
                kept = self._kept.setdefault((dtype, derivative), (names, {}))[1].setdefault(case.name, {})
                kept.update({cell.id.environment: cell for cell in cells if is_plain(cell) and cell.id.mode == "eager"})
            if case.elementwise and not case.special and derivative == 0 and dtype in FORMATS:
                self.rows.curves += curve_rows(case, dtype, cells, next(iter(inputs.values())))

    def _sharper(self, standing: Cell, names: Sequence[str]) -> Callable[[], Mapping[str, Truth]]:
        """The truths of a cell with envelopes of more runs, made when they are asked for, and once."""
        return functools.cache(lambda: dict(zip(names, self.truths.sharpened(self.family, standing, self.index), strict=True)))

    def _is_elementwise(self, case: Case) -> bool:
        """Whether a case is elementwise, or has the special values of one that is."""
        return case.elementwise or (
            case.special and any(declared.elementwise for declared in self.family.cases if declared.name == case.base)
        )

    def _is_claimed(self, case: Case) -> bool:
        """Whether claims look at a case in each environment: as it was declared, or with all of its factors aligned."""
        if case.special or case.control or is_partly_aligned(case):
            return False
        return any(declared.claims for declared in self.family.cases if declared.name == case.group)

    def _names(self, case: Case, derivative: int, count: int, dtype: str) -> list[str]:
        """Names of the ``count`` outputs of a case, as the probe gives them."""
        if derivative:
            return [f"grad_{file['name']}" for file in self._inputs(case, dtype, derivative) if file["differentiable"]][:count]
        return output_names(case, count)

    def _inputs(self, case: Case, dtype: str, derivative: int) -> list[InputFile]:
        files: list[InputFile] = self.index[case.name][dtype]["derivative" if derivative else "value"]["inputs"]
        return files

    def _pairs(self, case: Case, cells: list[Judged], truths: Mapping[str, Truth]) -> None:
        ended_well = [cell for cell in cells if cell.status == Status.OK]
        pairs_made = list(pairs(ended_well, self.environments, across=self._is_claimed(case)))
        for left, right, axis in pairs_made:
            for name in sorted(left.tensors.keys() & right.tensors.keys() & truths.keys()):
                if name in left.verdicts and name in right.verdicts:
                    self.rows.pairs.append(pair_row(case, left, right, axis, name, truths[name]))
        varied = {(cell.id.environment, cell.id.mode, cell.id.variant): cell for cell in cells if cell.status == Status.OK}
        if {variant for _, _, variant in varied} - {"default", "repeat"}:
            steps = [pair for pair in pairs_made if pair[2] in ("mode", "framework") or (pair[2] == "version" and pair[0].id.mode == EAGER)]
            repeatable = [pair for pair in steps if "no" not in (pair[0].repeatable, pair[1].repeatable)]
            self.rows.attributions += attributions.switched(case, repeatable, varied)


def _settled(row: AttributionRow, cells: Sequence[Judged]) -> AttributionRow:
    """A row with the verdict that its result has now."""
    (cell,) = (candidate for candidate in cells if str(candidate.id) == row.left)
    return row if row.verdict != Verdict.BEYOND else replace(row, verdict=worst(verdict for verdict, _, _ in cell.verdicts.values()))


def _grouped(entries: Iterable[ManifestEntry]) -> Entries:
    """Entries of manifests by case and by (dtype, grid, order)."""
    grouped: Entries = {}
    for entry in entries:
        cell = ids.parse_cell_id(entry.id)
        grouped.setdefault(cell.case, {}).setdefault((cell.dtype, cell.grid, cell.derivative), []).append((cell, entry))
    return grouped


def odd(record: Mapping[str, object]) -> str:
    """What is wrong with a record of a cell, beside its outputs, which the store looks at; empty where it is one."""
    measured, notes = record.get("measured", []), record.get("notes", [])
    sound = {
        "seconds": all(_is_real(record.get(name, 0)) for name in ("seconds", "first_call_seconds")),
        "notes": isinstance(notes, list) and all(isinstance(note, str) for note in notes),
        "measured": isinstance(measured, list) and all(_is_measured(note) for note in measured),
    }
    wrong = [name for name, fine in sound.items() if not fine]
    return f"its record is none: {' and '.join(wrong)} cannot be read" if wrong else ""


def _is_measured(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and all(_is_real(value.get(name)) for name in ("value", "low", "high", "count"))
    )


def _is_real(value: object) -> bool:
    """A number that a table has room for, or none."""
    return value is None or (isinstance(value, int | float) and (isinstance(value, float) or abs(value) < WIDEST))
