"""Stand-alone scripts: one result's distance from the certified value, with nothing installed but the framework.

A script holds the implementation's own lines, the inputs as hexadecimal floats (or as their bytes, where they are many, or drawn again,
where they are too many for that), the certified value, what the lab recorded here and in the other framework, and prints all of them
beside what it finds. It is at most ``MOST_LINES`` long: a case that needs more says so instead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from replab.compare.metrics import widen
from replab.contained import described
from replab.contract.input_index import Index, InputFile
from replab.errors import LabError, StoreError
from replab.formats import FORMATS
from replab.model import EXPLAINED, Case, Family, Lab, Status, Verdict
from replab.plan.outputs import cotangent_name
from replab.repro_scripts import redrawn_inputs
from replab.repro_scripts.literals import DATA_COLUMNS, hexadecimal
from replab.repro_scripts.writing import MOST_LINES, Problem, Unfit, in_few_lines, write
from replab.store.rows import CellRow, ScriptRow
from replab.store.store import Store
from replab.truth.cache import Truths, judging_cell

OTHER = {"tensorflow": ("torch", "numpy"), "torch": ("tensorflow", "numpy"), "numpy": ("torch", "tensorflow")}
"""Whose result stands beside that of a framework."""


def rows(lab: Lab, cells: Sequence[CellRow], truths: Truths, indices: Mapping[str, Index]) -> Iterator[ScriptRow]:
    """Rows per case, precision, derivative and framework: the script of a result, or why there is none.

    ``indices``: what the rule ``inputs`` wrote, by family.
    """
    groups: dict[tuple[str, str, str, int, str], list[CellRow]] = defaultdict(list)
    newest: dict[tuple[str, str, str, int, str], CellRow] = {}
    right_eagerly: set[tuple[str, str, str, str, int, str]] = set()
    for cell in sorted(cells, key=lambda row: (row.id, row.output)):
        plain = cell.variant == "default" and cell.role == "result" and not cell.aligned
        if plain and cell.status == Status.OK:
            work = (cell.family, cell.case, cell.dtype, cell.derivative)
            groups[(*work, cell.framework)].append(cell)
            if cell.mode == "eager" and cell.verdict in EXPLAINED:
                right_eagerly.add((cell.environment, *work, cell.output))
            before = newest.get((*work, cell.framework))
            if cell.mode == "eager" and (before is None or before.environment_order < cell.environment_order):
                newest[(*work, cell.framework)] = cell
    families = {family.name: family for family in lab.families}
    store = Store(lab.results.store)
    pythons = {environment.name: environment.python for environment in lab.environments}
    for key, members in sorted(groups.items()):
        family = families.get(key[0])
        if family is None:
            continue
        index = indices[family.name]
        others = [newest[(*key[:4], name)] for name in OTHER.get(key[4], ()) if (*key[:4], name) in newest][:1]
        for cell in chosen(members):
            try:
                problem = _problem(family, cell, index, others, store, truths, pythons.get(cell.environment, ""))
                short = in_few_lines(problem) if (cell.environment, *key[:4], cell.output) in right_eagerly else ""
                yield ScriptRow(id=cell.id, script=write(problem), short=short)
            except Unfit as reason:
                yield ScriptRow(id=cell.id, reason=str(reason))
            except Exception as error:  # noqa: BLE001 (an illustration costs no verdict, whatever is odd about what it shows)
                yield ScriptRow(id=cell.id, reason=f"it could not be written: {described(error)}")


MUCH_WORSE = 10.0
"""An older environment has a script of its own where its error is so many times that of the newest."""


def chosen(cells: Sequence[CellRow]) -> list[CellRow]:
    """Of one framework's results the worst of its newest environment, and the worst of all where an older one is much worse."""
    newest = max(cell.environment_order for cell in cells)
    worst = min((cell for cell in cells if cell.environment_order == newest), key=_order)
    before = min(cells, key=_order)
    best, other = _order(before), _order(worst)
    return [worst, before] if best[0] < other[0] or (best[0] == other[0] and best[1] < MUCH_WORSE * other[1]) else [worst]


def _order(cell: CellRow) -> tuple[int, float, str, str]:
    """The worst verdict first, then the largest distance, then eager before the other modes."""
    severity_order = -Verdict(cell.verdict).severity if cell.verdict else 1
    size = cell.ulp_max if cell.ulp_max == cell.ulp_max else -1.0
    return (severity_order, -size, "" if cell.mode == "eager" else cell.mode, cell.id + cell.output)


def _problem(family: Family, cell: CellRow, index: Index, others: Sequence[CellRow], store: Store, truths: Truths, python: str) -> Problem:
    case = next((candidate for candidate in family.cases if candidate.name == cell.case), None)
    if case is None:
        raise Unfit("the case is no longer part of the experiment")
    if cell.verdict == Verdict.IDENTICAL:
        raise Unfit("there is no difference to show: these are the bits of the certified value")
    if case.drawn:
        raise Unfit("its outputs are statistics of random draws: there is no single number to show")
    if not cell.worst_index and not cell.worst_result:
        raise Unfit("no single element shows the difference (another shape or type)")
    try:
        entry = index[case.name][cell.dtype]
        described = entry["derivative"] if cell.derivative else entry["value"]
        levels = described["cotangents"][: cell.derivative]
        drawn = [
            "" if case.special else redrawn_inputs.of_generator(case.inputs[array["name"]], cell.dtype) for array in described["inputs"]
        ]
        weights = [
            [redrawn_inputs.of_cotangent(cotangent_name(case, order, array["name"]), array["shape"], cell.dtype) for array in level]
            for order, level in enumerate(levels)
        ]
        every = zip(described["inputs"], drawn, strict=True)
        _refuse_long(case, cell, [array for array, again in every if not again or _is_large(array["shape"])])
        given = [(array["name"], array["dtype"], truths.array(array), bool(array["differentiable"])) for array in described["inputs"]]
        cotangents = [[(array["dtype"], truths.array(array)) for array in level] for level in levels]
    except (KeyError, StoreError) as problem:
        raise Unfit(f"its inputs are not there ({problem})") from None
    made = Problem(
        family=family,
        case=case,
        cell=cell,
        inputs=given,
        cotangents=cotangents,
        low=0.0,
        recorded=[(_where(row), (row.worst_result.split() or [""])[0]) for row in (cell, *others)],
        python=python,
        drawn=drawn,
        drawn_weights=weights,
    )
    write(made)  # before more is read: most that do not fit have too much code
    return replace(made, low=_low(made, index, truths), recorded=[made.recorded[0], *_others(made, others, store)])


def _refuse_long(case: Case, cell: CellRow, described: Sequence[InputFile]) -> None:
    """Before anything is read: inputs that can only be written down and would fill a script. An elementwise function needs one element."""
    numbers = sum(math.prod(array["shape"]) for array in described)
    if not case.elementwise and numbers * FORMATS[_grid(cell.dtype)].precision / 8 > MOST_LINES * DATA_COLUMNS:
        raise Unfit(f"{numbers:,} numbers of input are all needed: more than {MOST_LINES} lines")


def _is_large(shape: Sequence[int]) -> bool:
    return math.prod(shape) > redrawn_inputs.MOST_NUMBERS


def _grid(dtype: str) -> str:
    return dtype if dtype in FORMATS else "float32"


def _low(problem: Problem, index: Index, truths: Truths) -> float:
    """What the certified value has beyond float64; told where float64 itself is tested."""
    cell = problem.cell
    if cell.dtype != "float64":
        return 0.0
    try:
        certified = truths.get(problem.family, judging_cell(problem.case, cell.dtype, "", cell.derivative), index)
        low = float(certified[problem.outputs(len(certified)).index(cell.output)].low[problem.element])
    except (LabError, ValueError, IndexError, TypeError):
        return 0.0
    return low if math.isfinite(low) else 0.0


def _others(problem: Problem, others: Sequence[CellRow], store: Store) -> Iterator[tuple[str, str]]:
    """What other cells have at the same element; those without it are left out."""
    for other in others:
        try:
            tensor = next(candidate for candidate in store.read(other.key).tensors if candidate.name == problem.cell.output)
            yield _where(other), hexadecimal(float(widen(tensor.values, tensor.dtype)[problem.element]))
        except (StoreError, StopIteration, IndexError, TypeError):
            continue


def _where(cell: CellRow) -> str:
    return f"{cell.environment} {cell.mode}"


__all__ = ["chosen", "rows"]
