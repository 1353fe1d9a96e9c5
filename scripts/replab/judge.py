"""Cells and truths in, rows with verdicts out; the only place where results of different environments meet."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replab import ids, plan
from replab.batch import environment_facts, input_index
from replab.compare.escalation import escalate
from replab.compare.metrics import NAN, Distances, Finding, against_truth, widen, z_limit
from replab.compare.ulp import compare_pair
from replab.compare.verdict import outside, pair_verdict, verdict
from replab.errors import TruthError
from replab.formats import FORMATS, ordered_key
from replab.model import Batch, Case, Environment, Family, Lab, Status, Verdict
from replab.progress import Progress
from replab.requests import output_names
from replab.store import CellResult, Store, Tensor
from replab.truth.certify import Truth
from replab.truths import Truths, judging_cell

BINS = 320
PAIR_ENVELOPE = np.sqrt(2.0)
"""Two results that are both off by σ are off from each other by √2·σ."""
Row = dict[str, Any]


@dataclass(kw_only=True)
class Judged:
    """A cell with what was found; the arrays live only while its case is judged."""

    id: ids.CellId
    key: str
    status: str
    reason: str
    record: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, Distances | None]] = field(default_factory=dict)
    verdicts: dict[str, tuple[Verdict, str, float]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Rows:
    """What judging produces."""

    cells: list[Row] = field(default_factory=list)
    pairs: list[Row] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)


class Judge:
    """Judges the cases of one family's shard."""

    def __init__(self, lab: Lab, family: Family) -> None:
        self.lab, self.family = lab, family
        self.store = Store(lab.results / "store")
        self.truths = Truths(lab.results / "store", lab.results / "inputs" / "data")
        self.index = input_index(lab, family.name)
        self.environments = {one.name: one for one in lab.environments}
        self.facts = {name: environment_facts(lab, name) for name in self.environments}
        self.rows = Rows()

    def run(self, shard: int, progress: Progress | None = None) -> Rows:
        """All rows of a shard.

        Raises ``StoreError`` when a result is damaged (the next run of the workflow makes it again).
        """
        cases = plan.shard_cases(self.family, shard)
        entries = self._entries({case.name for case in cases})
        for place, case in enumerate(cases):
            if progress is not None:
                progress.update(place, len(cases), case.name)
            self._case(case, entries.get(case.name, {}))
        if progress is not None:
            progress.finish()
        return self.rows

    def _entries(self, names: set[str]) -> dict[str, dict[tuple[str, str, int], list[tuple[ids.CellId, Row]]]]:
        """Manifest entries by case and by (dtype, grid, order)."""
        found: dict[str, dict[tuple[str, str, int], list[tuple[ids.CellId, Row]]]] = {}
        for batch in plan.batches(self.lab):
            if batch.family != self.family.name:
                continue
            for entry in self._manifest(batch)["cells"]:
                cell = ids.parse_cell_id(entry["id"])
                if cell.case in names:
                    found.setdefault(cell.case, {}).setdefault((cell.dtype, cell.grid, cell.derivative), []).append((cell, entry))
        return found

    def _manifest(self, batch: Batch) -> Any:
        return json.loads((self.lab.results / "batches" / f"{ids.batch_id(batch)}.json").read_text(encoding="utf-8"))

    def _case(self, case: Case, entries: Mapping[tuple[str, str, int], list[tuple[ids.CellId, Row]]]) -> None:
        for derivative in range(case.derivatives + 1):
            singles: dict[tuple[str, str, str, str], Verdict] = {}
            # float32 first: the other dtypes ask what it found.
            for dtype in sorted(case.dtypes, key=lambda name: name != "float32"):
                cells = [self._load(cell, entry) for cell, entry in entries.get((dtype, "", derivative), [])]
                finer = entries.get(("float64", dtype, derivative), []) if dtype == "float32" else []
                escalations = [self._load(cell, entry) for cell, entry in finer]
                self._group(case, dtype, derivative, cells, escalations, singles)

    def _load(self, cell: ids.CellId, entry: Row) -> Judged:
        judged = Judged(id=cell, key=entry["key"], status=entry["status"], reason=entry["reason"])
        if judged.status == Status.OK:
            result: CellResult = self.store.read(entry["key"])
            judged.record = result.record
            judged.tensors = {tensor.name: tensor for tensor in result.tensors}
        return judged

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
        problem = ""
        truths: list[Truth] = []
        standing = judging_cell(case, dtype, "", derivative)
        if any(cell.status == Status.OK for cell in cells):
            try:
                truths = self.truths.get(self.family, standing, self.index)
            except TruthError as error:
                problem = f"the reference has no answer: {error.problem}"
        names = _output_names(case, derivative, len(truths), self.index, dtype)
        seen: dict[tuple[str, str], tuple[Finding, Distances | None]] = {}
        for cell in (*cells, *escalations):
            self._compare(cell, names, truths, seen)
        higher = {(one.id.environment, one.id.mode): one for one in escalations if one.status == Status.OK}
        for cell in cells:
            place = (cell.id.environment, cell.id.mode)
            escalation = higher.get(place) or higher.get((cell.id.environment, "eager"))
            for output in cell.findings:
                eager = (cell.id.environment, "eager", output, cell.id.variant)
                single = singles.get((*place, output, cell.id.variant)) or singles.get(eager)
                truth = dict(zip(names, truths, strict=True))[output]
                cell.verdicts[output] = self._verdict(cell, output, truth, escalation if dtype == "float32" else None, single)
                if dtype == "float32":
                    singles[(*place, output, cell.id.variant)] = cell.verdicts[output][0]
        inputs = {one["name"]: self.truths.array(one) for one in self._inputs(case, dtype, derivative)}
        for cell in cells:
            self.rows.cells += self._cell_rows(case, cell, dict(zip(names, truths, strict=True)), inputs, problem)
        if truths:
            self._pairs(case, cells, dict(zip(names, truths, strict=True)))
            if case.elementwise and not case.special and derivative == 0 and dtype in FORMATS:
                self._curves(case, dtype, cells, next(iter(inputs.values())))

    def _inputs(self, case: Case, dtype: str, derivative: int) -> list[Row]:
        found: list[Row] = self.index[case.name][dtype]["derivative" if derivative else "value"]["inputs"]
        return found

    @staticmethod
    def _compare(
        cell: Judged, names: list[str], truths: list[Truth], seen: dict[tuple[str, str], tuple[Finding, Distances | None]]
    ) -> None:
        """Compare each output with its truth; equal bits are compared once."""
        for name, truth in zip(names, truths, strict=True):
            tensor = cell.tensors.get(name)
            if tensor is None:
                continue
            if (name, tensor.sha256) not in seen:
                seen[name, tensor.sha256] = against_truth(tensor.values, tensor.dtype, truth)
            cell.findings[name] = seen[name, tensor.sha256]
            if not cell.findings[name][0].problem and truth.exact is None and tensor.dtype != cell.id.dtype:
                wrong = Finding(elements=int(tensor.values.size), problem=f"dtype {tensor.dtype}, expected {cell.id.dtype}")
                cell.findings[name] = (wrong, None)

    @staticmethod
    def _verdict(cell: Judged, output: str, truth: Truth, escalation: Judged | None, single: Verdict | None) -> tuple[Verdict, str, float]:
        """Verdict, reason and shrinking of one output."""
        finding, distances = cell.findings[output]
        seen = None
        if distances is not None and escalation is not None and output in escalation.findings and outside(finding):
            other = escalation.findings[output][1]
            if other is not None:
                seen = escalate(finding, distances, other, escalation.tensors[output].values, truth)
        found, why = verdict(finding, dtype=cell.id.dtype, escalation=seen, single=None if cell.id.dtype == "float32" else single)
        return found, why, NAN if seen is None else seen.shrink

    def _cell_rows(
        self, case: Case, cell: Judged, truths: Mapping[str, Truth], inputs: Mapping[str, NDArray[Any]], problem: str
    ) -> Iterator[Row]:
        environment: Environment = self.environments[cell.id.environment]
        facts = self.facts[cell.id.environment]
        base: Row = {
            "key": cell.key, "id": str(cell.id), "family": case.family, "experiment": case.family, "case": case.name, "title": case.title,
            "output": "", "environment": environment.name, "framework": environment.framework,
            "framework_version": found_version(facts, environment),
            "environment_order": environment.order, "mode": cell.id.mode, "device": cell.id.device, "dtype": cell.id.dtype,
            "derivative": cell.id.derivative, "variant": cell.id.variant, "engine": facts.get("engine", ""),
            "platform": facts.get("platform", ""), "status": cell.status, "reason": cell.reason, "verdict": "", "why": "", "z_max": NAN,
            "z_limit": NAN, "ulp_max": NAN, "ulp_mean": NAN, "ulp_p99": NAN, "abs_max": NAN, "rel_max": NAN, "bits": "", "elements": 0,
            "seconds": cell.record.get("seconds", NAN), "first_call_seconds": cell.record.get("first_call_seconds", NAN),
            "import_seconds": NAN, "flushed": 0, "nan_mismatch": 0, "inf_mismatch": 0, "zero_sign": 0, "uncertain": 0, "worst_index": "",
            "worst_inputs": "", "worst_result": "", "worst_truth": "", "truth_bound_ulp": NAN, "truth_method": "", "envelope_ulp": NAN,
            "shrink": NAN, "role": "control" if case.control else "result", "expect": case.control.expect if case.control else "",
            "factor": case.control.factor if case.control else "", "elementwise": case.elementwise, "special": case.special,
            "claims": ",".join(case.claims), "notes": "; ".join(cell.record.get("notes", ())),
        }  # fmt: skip
        if not cell.tensors:
            yield base
            return
        for name, tensor in cell.tensors.items():
            row = base | {"output": name, "bits": tensor.sha256, "elements": int(tensor.values.size)}
            if name not in cell.findings:
                found = Verdict.INCONCLUSIVE if problem else Verdict.INCOMPARABLE
                yield row | {"verdict": found, "why": problem or f"the reference has no output {name!r}"}
                continue
            finding, _ = cell.findings[name]
            found, why, shrink = cell.verdicts[name]
            row |= {
                "verdict": found, "why": why, "z_max": finding.z_max, "z_limit": finding.z_limit, "ulp_max": finding.ulp_max,
                "ulp_mean": finding.ulp_mean, "ulp_p99": finding.ulp_p99, "abs_max": finding.abs_max, "rel_max": finding.rel_max,
                "flushed": finding.flushed, "nan_mismatch": finding.nan_mismatch, "inf_mismatch": finding.inf_mismatch,
                "zero_sign": finding.zero_sign, "uncertain": finding.uncertain, "truth_bound_ulp": finding.bound_ulp,
                "truth_method": truths[name].method, "envelope_ulp": finding.envelope_ulp, "shrink": shrink,
            }  # fmt: skip
            yield row | _worst(case, finding, tensor, truths[name], inputs)

    def _pairs(self, case: Case, cells: list[Judged], truths: Mapping[str, Truth]) -> None:
        for left, right, axis in pairs([cell for cell in cells if cell.status == Status.OK], self.environments):
            for name in sorted(left.tensors.keys() & right.tensors.keys() & truths.keys()):
                if name in left.verdicts and name in right.verdicts:
                    self.rows.pairs.append(_pair_row(case, left, right, axis, name, truths[name]))

    def _curves(self, case: Case, dtype: str, cells: list[Judged], x: NDArray[Any]) -> None:
        """Largest and mean error over bins of the first input, once per bit class."""
        flat = x.reshape(-1).astype(np.float64)
        keys = ordered_key(x.reshape(-1), dtype).astype(np.float64)
        low, high = keys.min(), keys.max()
        bins = np.minimum(((keys - low) / max(high - low, 1.0) * BINS).astype(int), BINS - 1)
        order = np.argsort(bins, kind="stable")  # elements of a bin side by side: one pass for all bins
        places, starts = np.unique(bins[order], return_index=True)
        lowest, highest = np.minimum.reduceat(flat[order], starts), np.maximum.reduceat(flat[order], starts)
        drawn: set[str] = set()
        for cell in cells:
            for name, (_, distances) in cell.findings.items():
                sha256 = cell.tensors[name].sha256
                if distances is None or sha256 in drawn:
                    continue
                drawn.add(sha256)
                usable = distances.measured[order]
                ulp = np.where(usable, distances.ulp[order], 0.0)
                counts = np.add.reduceat(usable.astype(np.int64), starts)
                largest, total = np.maximum.reduceat(ulp, starts), np.add.reduceat(ulp, starts)
                for k in np.flatnonzero(counts):
                    self.rows.curves.append({
                        "family": case.family, "case": case.name, "dtype": dtype, "output": name, "environment": cell.id.environment,
                        "mode": cell.id.mode, "bits": sha256, "bin": int(places[k]), "x_lo": float(lowest[k]), "x_hi": float(highest[k]),
                        "ulp_max": float(largest[k]), "ulp_mean": float(total[k] / counts[k]), "count": int(counts[k]),
                    })  # fmt: skip


def _output_names(case: Case, derivative: int, count: int, index: Mapping[str, Any], dtype: str) -> list[str]:
    """Names of a cell's outputs, as the probe gives them."""
    if derivative:
        return [f"grad_{one['name']}" for one in index[case.name][dtype]["derivative"]["inputs"] if one["differentiable"]][:count]
    return output_names(case, count)


def _worst(case: Case, finding: Finding, tensor: Tensor, truth: Truth, inputs: Mapping[str, NDArray[Any]]) -> Row:
    """The worst element: where, from which inputs, what came out and what is true."""
    if finding.worst < 0 or not tensor.values.size:
        return {}
    place = np.unravel_index(finding.worst, tensor.values.shape)
    value = widen(tensor.values, tensor.dtype).reshape(-1)[finding.worst]
    if truth.exact is not None:
        true: Any = truth.exact.reshape(-1)[finding.worst]
    else:
        true = truth.high.reshape(-1)[finding.worst]
        true = truth.ieee.reshape(-1)[finding.worst] if np.isnan(true) else true
    given = []
    for name, values in inputs.items():
        if values.shape == tensor.values.shape or (case.elementwise and values.size == tensor.values.size):
            given.append(f"{name}={_number(values.reshape(-1)[finding.worst])}")
        elif values.size == 1:
            given.append(f"{name}={_number(values.reshape(-1)[0])}")
    return {
        "worst_index": ",".join(str(int(axis)) for axis in place),
        "worst_inputs": ", ".join(given),
        "worst_result": _number(value),
        "worst_truth": _number(true),
    }


def _number(value: Any) -> str:
    """A number in hexadecimal and decimal, or an integer."""
    if np.asarray(value).dtype.kind in "iub":
        return str(int(value))
    return f"{float(value).hex()} ({float(value):.9g})"


def pairs(cells: list[Judged], environments: Mapping[str, Environment]) -> Iterator[tuple[Judged, Judged, str]]:
    """Pairs that differ on one axis: mode (against eager), version (neighbours), framework (newest of each)."""
    by_place = {(cell.id.environment, cell.id.mode): cell for cell in cells}
    for (environment, mode), cell in sorted(by_place.items()):
        eager = by_place.get((environment, "eager"))
        if mode != "eager" and eager is not None:
            yield eager, cell, "mode"
    families: dict[str, list[str]] = {}
    for one in sorted(environments.values(), key=lambda one: one.order):
        families.setdefault(one.framework, []).append(one.name)
    for line in families.values():
        for older, newer in itertools.pairwise(name for name in line if (name, "eager") in by_place):
            yield by_place[older, "eager"], by_place[newer, "eager"], "version"
    newest = [line[-1] for _, line in sorted(families.items()) if (line[-1], "eager") in by_place]
    for left, right in itertools.combinations(newest, 2):
        yield by_place[left, "eager"], by_place[right, "eager"], "framework"


def found_version(facts: Mapping[str, Any], environment: Environment) -> str:
    """The framework's version as observed inside (with the engine ``host`` it need not be the one asked for), else as asked."""
    packages = facts.get("observed", {}).get("packages", {})
    names = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow_cpu")}.get(environment.framework, (environment.framework,))
    return next((str(packages[name]) for name in names if name in packages), environment.version)


def _pair_row(case: Case, left: Judged, right: Judged, axis: str, output: str, truth: Truth) -> Row:
    a, b = left.tensors[output], right.tensors[output]
    row: Row = {
        "left": str(left.id), "right": str(right.id), "axis": axis, "family": case.family, "case": case.name, "output": output,
        "dtype": left.id.dtype, "derivative": left.id.derivative, "left_environment": left.id.environment,
        "right_environment": right.id.environment, "left_mode": left.id.mode, "right_mode": right.id.mode, "verdict": Verdict.IDENTICAL,
        "z_max": 0.0, "ulp_max": 0.0, "abs_max": 0.0, "rel_max": 0.0, "cause": "",
    }  # fmt: skip
    if a.sha256 == b.sha256 and a.dtype == b.dtype:
        return row
    verdicts = (left.verdicts[output][0], right.verdicts[output][0])
    if a.values.shape != b.values.shape or a.dtype != b.dtype:
        unlike = "another shape or dtype"
        return row | {"verdict": Verdict.INCOMPARABLE, "z_max": NAN, "ulp_max": NAN, "abs_max": NAN, "rel_max": NAN, "cause": unlike}
    x, y = widen(a.values, a.dtype), widen(b.values, b.dtype)
    if truth.exact is not None or a.dtype not in FORMATS:
        gap = float(np.abs(x.astype(np.float64) - y.astype(np.float64)).max(initial=0.0))
        found = Verdict.SEMANTIC if gap else Verdict.IDENTICAL
        cause = _cause(found, left, right, output)
        return row | {"verdict": found, "z_max": NAN, "ulp_max": NAN, "abs_max": gap, "rel_max": NAN, "cause": cause}
    statistics = compare_pair(x, y, a.dtype)
    with np.errstate(all="ignore"):
        difference = np.abs(x.astype(np.float64) - y.astype(np.float64))
        z = np.where(np.isfinite(difference) & (difference > 0), difference / (PAIR_ENVELOPE * truth.sigma), 0.0)
    z_max = float(z.max(initial=0.0))
    found = pair_verdict(
        same_bits=statistics.different == 0,
        z=z_max,
        limit=z_limit(statistics.elements, truth.runs),
        incomparable=bool(statistics.nan_mismatch or statistics.inf_mismatch),
        left=verdicts[0],
        right=verdicts[1],
    )
    return row | {
        "verdict": found, "z_max": z_max, "ulp_max": statistics.ulp_max, "abs_max": statistics.abs_max, "rel_max": statistics.rel_max,
        "cause": _cause(found, left, right, output),
    }  # fmt: skip


def _cause(found: Verdict, left: Judged, right: Judged, output: str) -> str:
    """What the comparison with the truth already proves about a difference; ``unknown`` is an answer."""
    if found in (Verdict.IDENTICAL, Verdict.ROUNDING):
        return ""
    sides = {f"{cell.id.environment} ({cell.id.mode})": cell.verdicts[output][0] for cell in (left, right)}
    if found is Verdict.SEMANTIC:
        others = [side for side, value in sides.items() if value is Verdict.SEMANTIC]
        return f"{others[0]} computes another function" if len(others) == 1 else "unknown"
    if found is Verdict.ACCURACY:
        coarse = [side for side, value in sides.items() if value is Verdict.ACCURACY]
        return f"the kernel of {' and of '.join(coarse)}" if coarse else "unknown"
    if found is Verdict.INCOMPARABLE:
        others = [side for side, value in sides.items() if value is Verdict.INCOMPARABLE]
        return f"special values of {' and of '.join(others)}" if others else "unknown"
    return "unknown"
