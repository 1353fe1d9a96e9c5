"""One cell of a run in words, from the tables of the run."""

from __future__ import annotations

import fnmatch
import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from replab import calling, ids
from replab.errors import ConfigError, StoreError
from replab.model import Status, Verdict
from replab.results_folder import ResultsFolder
from replab.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, object]
SHOWN = 8
"""Names that a list gives before it counts."""
REMEDIES = (
    ("no run in another precision", "'--config coverage=full' runs every mode in float64 as well, which tells why"),
    ("the implementation computes in float32", "look for a cast in the implementation: it computes in float32 whatever it is given"),
    ("the reference has no answer", "mend the reference; its case alone runs again"),
    ("the truth is not known", "look at what the reference does with these inputs: arithmetic with bounds says nothing there"),
    ("nothing was compared", "give the case inputs that hold numbers"),
)
"""What can be done about a result that is ``inconclusive``, or ``beyond`` rounding, by a part of its reason."""
AXES = {
    "framework": "in another framework",
    "across": "in another framework",
    "version": "in a neighbouring version",
    "mode": "in another mode",
    "variant": "under a switch",
}
"""On what two cells differ, in words."""


def read(results: Path) -> list[Row]:
    """All rows of the last run, and those that ``replab cell`` made and the last run has not; raises ``StoreError``."""
    ran, tried = ResultsFolder(results).table("cells"), ResultsFolder(results).single_cells.table("cells")
    if not ran.exists() and not tried.exists():
        raise StoreError("there are no results yet", where=str(ran), hint=f"Run '{calling.whole_run()}' first")
    rows = _table(ran)
    known = {row["key"] for row in rows}
    return rows + [row for row in _table(tried) if row["key"] not in known]


def _table(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [{str(key): value for key, value in row.items()} for row in data_frame(path).to_dict("records")]


def data_frame(path: Path) -> pd.DataFrame:
    """A table as pandas has it. Raises ``ModuleNotFoundError`` where the library was installed without what reads tables."""
    try:
        from replab.store import tables  # noqa: PLC0415 (the library works without pandas)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"tables need {error.name}: pip install 'replab[tables]'", name=error.name) from None
    return tables.read(path)


def find(rows: Sequence[Row], wanted: str) -> str:
    """The id of the one cell meant by ``wanted``; raises ``ConfigError``."""
    known = sorted({str(row["id"]) for row in rows})
    if wanted in known:
        return wanted
    found = fnmatch.filter(known, ids.normal_pattern(wanted))
    found = [name for name in found if ids.parse_cell_id(name).variant == "default"] or found  # variants only when they are asked for
    if len(found) == 1:
        return found[0]
    if not found:
        hint = f"'{calling.program()} list cells' names those of the configuration"
        raise ConfigError(f"no cell of the last run matches {wanted!r}", hint=hint)
    listed = "".join(f"\n  {name}" for name in found[:SHOWN]) + (f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
    raise ConfigError(f"{len(found)} cells match {wanted!r}, one is wanted:{listed}")


def about(results: Path, cell: str) -> tuple[list[Row], list[str]]:
    """The pairs that a cell is one of, and the names of its outputs in the order in which its function returns them."""
    pairs: list[Row] = []
    for path in (ResultsFolder(results).table("pairs"), ResultsFolder(results).single_cells.table("pairs")):
        if path.exists():
            table = data_frame(path)
            mine = table[(table["left"] == cell) | (table["right"] == cell)].to_dict("records")
            known = {(row["left"], row["right"], row["output"]) for row in pairs}
            pairs += [row for row in mine if (row["left"], row["right"], row["output"]) not in known]
    return pairs, _returned(results, cell)


def _returned(results: Path, cell: str) -> list[str]:
    keys = [str(row["key"]) for row in read(results) if row["id"] == cell]
    try:
        return [one.name for one in Store(ResultsFolder(results).store).read(keys[0]).tensors]
    except StoreError:  # it has none, or it is gone: the order of the table does
        return []


def explain(rows: Sequence[Row], cell: str, pairs: Sequence[Row] = (), order: Sequence[str] = ()) -> Iterator[str]:
    """The lines about one cell: one paragraph for each output, then how it compares with others.

    ``pairs``: rows of the table of pairs that it is one of. ``order``: its outputs as the function returns them.
    """
    places = {name: place for place, name in enumerate(order)}
    mine = sorted((row for row in rows if row["id"] == cell), key=lambda row: places.get(str(row["output"]), 0))
    yield cell
    first = mine[0]
    machine = _text(first, "platform") or "this machine"
    yield f"{_text(first, 'title') or first['case']}, computed by {first['framework']} {first['framework_version']} on {machine}"
    verdicts = [(str(row["output"]), str(row["verdict"])) for row in mine if row["status"] == Status.OK]
    if order and not first["derivative"] and (departing := departs(verdicts)):
        yield departing
    for row in mine:
        if row["status"] != Status.OK:
            yield f"status {row['status']}: {_text(row, 'reason')}"
            continue
        yield ""
        yield f"output {row['output']}: {row['verdict']}"
        yield from (f"  {line}" for line in _numbers(row))
        yield from (f"  {line}" for line in _worst(row))
        if cause := _text(row, "cause"):
            yield f"  cause: {cause}"
        if shown := _text(row, "shown_by"):
            yield f"  shown by {shown}" if cause else f"  no cause is named; {shown}"
        if not cause and (what := remedy(str(row["verdict"]), _text(row, "why"))):
            yield f"  what to do: {what}"
        yield f"  {_company(rows, row)}"
        yield from (f"  {line}" for line in _against(cell, [pair for pair in pairs if pair["output"] == row["output"]]))
    if notes := _text(first, "notes"):
        yield f"notes: {notes}"


def departs(verdicts: Sequence[tuple[str, str]]) -> str:
    """Which of several outputs is the first that rounding does not explain, given as (name, verdict) in their order; empty if none is."""
    beyond = [(name, verdict) for name, verdict in verdicts if verdict and not Verdict(verdict).explained]
    if len(verdicts) < 2 or not beyond:
        return ""
    before = [name for name, _ in verdicts[: verdicts.index(beyond[0])]]
    return f"the first output that departs: {beyond[0][0]} ({beyond[0][1]})" + (f", after {', '.join(before)}" if before else "")


def remedy(verdict: str, why: str) -> str:
    """What can be done about a result; empty where it is no question."""
    if verdict not in (Verdict.BEYOND, Verdict.INCONCLUSIVE):
        return ""
    return next((what for part, what in REMEDIES if part in why), "")


def _against(cell: str, pairs: Sequence[Row]) -> Iterator[str]:
    """What the result is to those of other cells, the farthest first; equal bits are told elsewhere."""
    told = [pair for pair in pairs if pair["axis"] in AXES and pair["verdict"] != Verdict.IDENTICAL]
    told.sort(key=lambda pair: (-Verdict(str(pair["verdict"])).severity, list(AXES).index(str(pair["axis"]))))
    for pair in told[:SHOWN]:
        other = ids.parse_cell_id(str(pair["right"] if pair["left"] == cell else pair["left"]))
        name = ":".join([other.environment, other.mode, *([other.variant] if other.variant != "default" else [])])
        numbers = [
            f"{label} {value:.4g}{unit}"
            for key, label, unit in (("z_max", "z =", ""), ("ulp_max", "at most", " ULP"))
            if (value := _number(pair, key)) is not None
        ]
        cause = f"; cause: {_text(pair, 'cause')}" if _text(pair, "cause") else ""
        yield f"{AXES[str(pair['axis'])]}, {name}: {', '.join([str(pair['verdict']), *numbers])}{cause}"
    if len(told) > SHOWN:
        yield f"and {len(told) - SHOWN} more cells with other bits"


def _numbers(row: Row) -> Iterator[str]:
    if (why := _text(row, "why")) and not why.startswith("z = "):  # the next lines say that in more words
        yield f"why: {why}"
    if flipped := _number(row, "other_branch"):
        yield f"rounding decides the branch at {_number(row, 'parted'):.0f} elements, and at {flipped:.0f} the result took the other one"
    z, limit = _number(row, "z_max"), _number(row, "z_limit")
    if z is not None and limit is not None:
        side = "within" if z <= limit else "beyond"
        yield f"z = {z:.4g}, {side} the limit of {limit:.4g}: the distance from the truth in units of what rounding alone moves"
    if (shrink := _number(row, "shrink")) is not None:
        yield f"escalation: in float64, {shrink:.3g} of the difference is left (1 = all of it, 2e-9 = what rounding leaves)"
    if (ulp := _number(row, "ulp_max")) is not None:
        mean, high = _number(row, "ulp_mean"), _number(row, "ulp_p99")
        rest = "".join(f", {name} {value:.3g}" for name, value in (("mean", mean), ("99 % below", high)) if value is not None)
        yield f"distance from the truth over {int(_number(row, 'elements') or 0)} elements: largest {ulp:.4g} ULP{rest}"
    if (bound := _number(row, "truth_bound_ulp")) is not None:
        envelope = _number(row, "envelope_ulp")
        rest = f"; rounding alone moves this computation by {envelope:.3g} ULP" if envelope is not None else ""
        yield f"the truth is certified to {bound:.2g} ULP{rest}"
    for name, words in (
        ("nan_mismatch", "elements are NaN on one side only"),
        ("inf_mismatch", "elements are infinite on one side only"),
        ("flushed", "elements are 0 where the truth is subnormal"),
        ("zero_sign", "zeros have the other sign"),
    ):
        if count := _number(row, name):
            yield f"{int(count)} {words}"


def _worst(row: Row) -> Iterator[str]:
    if place := _text(row, "worst_index"):
        yield f"worst element: {place}"
        for name, words in (("worst_inputs", "input"), ("worst_result", "result"), ("worst_truth", "truth")):
            if text := _text(row, name):
                yield f"  {words:<6} {text}"


def _company(rows: Sequence[Row], row: Row) -> str:
    """Who else has these very bits."""
    same = ("family", "case", "dtype", "derivative", "output")
    bits = _text(row, "bits")
    others = [other for other in rows if all(other[key] == row[key] for key in same) and other["status"] == Status.OK]
    others = [other for other in others if _kind(other) == _kind(row)]
    alike = sorted({f"{other['environment']}:{other['mode']}" for other in others if other["bits"] == bits and other["id"] != row["id"]})
    classes = len({other["bits"] for other in others})
    listed = ", ".join(alike[:SHOWN]) + (f" and {len(alike) - SHOWN} more" if len(alike) > SHOWN else "")
    return f"bits {bits[:12]}, shared with {listed or 'no other cell'}; {len(others)} cells fall into {classes} classes of bits"


def _kind(row: Row) -> str:
    """Format and order of a cell."""
    return str(row["id"]).partition(":")[2].partition("@")[0]


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, numbers.Real) and not math.isnan(value) else None


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""
