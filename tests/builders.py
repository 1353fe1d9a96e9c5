"""Made-up tables of a run, realistic in shape and size: what the report is tested with.

Nothing here is measured. Numbers follow simple rules so that tests can say beforehand what a page must state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from builders_why import claim, default, finding, hypothesis, measurement, source, subsets, switched
from replab.report.data.results import Results
from replab.report.data.viewmodel import divided
from replab.store.rows import (
    AttributionRow,
    CellRow,
    CurveRow,
    DefaultRow,
    ElsewhereRow,
    MeasurementRow,
    PairRow,
    PlatformRow,
    ScriptRow,
    TrajectoryRow,
)

HOSTILE = '<script>alert("x")</script>'


@dataclass(frozen=True)
class Stack:
    """An environment of the made-up lab."""

    name: str
    framework: str
    version: str
    order: int
    modes: tuple[str, ...]


STACKS = (
    Stack("numpy-1.18", "numpy", "1.18.5", 0, ("eager",)),
    Stack("numpy-2.4", "numpy", "2.4.1", 1, ("eager",)),
    Stack("tf-1.15", "tensorflow", "1.15.0", 0, ("eager", "session")),
    Stack("tf-2.4", "tensorflow", "2.4.4", 1, ("eager", "session", "function", "xla")),
    Stack("tf-2.21", "tensorflow", "2.21.0", 2, ("eager", "session", "function", "xla")),
    Stack("torch-1.4", "torch", "1.4.0", 0, ("eager", "script")),
    Stack("torch-2.13", "torch", "2.13.0", 1, ("eager", "script", "compile")),
)


def sha(*parts: object) -> str:
    """A stand-in for the hash of some bytes."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def cell(
    case: str = "exp",
    *,
    family: str = "ops",
    environment: str = "numpy-2.4",
    mode: str = "eager",
    dtype: str = "float32",
    derivative: int = 0,
    output: str = "out",
    **more: Any,
) -> CellRow:
    """A row of ``cells.parquet``; environment facts come from ``STACKS``, everything else can be given."""
    stack = next((stack for stack in STACKS if stack.name == environment), Stack(environment, "numpy", "0", 0, ("eager",)))
    given: dict[str, Any] = {
        "id": f"{family}.{case}:{dtype}:d{derivative}@{environment}:{mode}:default:cpu",
        "framework": stack.framework,
        "framework_version": stack.version,
        "environment_order": stack.order,
        "experiment": family,
        "title": case,
        "engine": "uv",
        "platform": "linux-x86_64",
        "status": "ok",
        "elements": 4096,
        "seconds": 0.0012,
        "first_call_seconds": 0.03,
        "import_seconds": 2.5,
    }
    given |= more
    if given["status"] == "ok":
        given = {
            "verdict": "rounding",
            "z_max": 1.2,
            "z_limit": 4.8,
            "ulp_max": 1.0,
            "ulp_mean": 0.2,
            "ulp_p99": 0.9,
            "abs_max": 1e-7,
            "rel_max": 6e-8,
            "bits": sha(case, dtype, derivative, output, environment, mode),
            "truth_bound_ulp": 0.001,
            "envelope_ulp": 0.4,
            "shrink": 1.9e-9,
            "worst_index": "17",
            "worst_inputs": "x=0x1.8p+3 (12.0)",
            "worst_result": "0x1.3de166p+17 (162754.8)",
            "worst_truth": "0x1.3de1654d37c9ap+17 (162754.79141900392)",
        } | given
    given["key"] = sha(given["id"])
    return CellRow(family=family, case=case, output=output, environment=environment, mode=mode, dtype=dtype, derivative=derivative, **given)


def pair(left: CellRow, right: CellRow, axis: str, **more: Any) -> PairRow:
    """A row of ``pairs.parquet`` for two cells; same bits are ``identical`` unless something else is given."""
    same = left.bits == right.bits
    given: dict[str, Any] = {
        "verdict": "identical" if same else "rounding",
        "z_max": 0.0 if same else 1.1,
        "ulp_max": 0.0 if same else 2.0,
        "abs_max": 0.0 if same else 1e-7,
        "rel_max": 0.0 if same else 1e-7,
        "cause": "" if same else "unknown",
    } | more
    return PairRow(
        left=left.id,
        right=right.id,
        axis=axis,
        family=left.family,
        case=left.case,
        output=left.output,
        dtype=left.dtype,
        derivative=left.derivative,
        left_environment=left.environment,
        right_environment=right.environment,
        left_mode=left.mode,
        right_mode=right.mode,
        **given,
    )


def curve(row: CellRow, errors: Iterable[float], start: int = -20) -> list[CurveRow]:
    """The error curve of a cell: one bin per power of two, first the negative inputs, then the positive ones."""
    errors = list(errors)
    half = len(errors) // 2
    made = []
    for place, error in enumerate(errors):
        power = start + (half - 1 - place if place < half else place - half)
        lo, hi = (-(2.0 ** (power + 1)), -(2.0**power)) if place < half else (2.0**power, 2.0 ** (power + 1))
        made.append(
            CurveRow(
                family=row.family,
                case=row.case,
                dtype=row.dtype,
                output=row.output,
                environment=row.environment,
                mode=row.mode,
                bits=row.bits,
                bin=place,
                x_lo=lo,
                x_hi=hi,
                ulp_max=error,
                ulp_mean=error / 5,
                count=100,
            )
        )
    return made


def environment(stack: Stack, **more: Any) -> dict[str, Any]:
    """An entry of ``environments.json``."""
    package = {"tensorflow": "tensorflow-cpu"}.get(stack.framework, stack.framework)
    return {
        "asked": {"framework": stack.framework, "version": stack.version, "python": "3.11", "modes": list(stack.modes), "variables": {}},
        "status": "ok",
        "reason": "",
        "lock_sha256": sha("lock", stack.name),
        "build_seconds": 5.2,
        "observed": {
            "schema": 1,
            "python": {"compiler": "GCC 12.2.0", "implementation": "CPython", "version": "3.11.9"},
            "platform": {"distribution": "Some Linux 12", "libc": "glibc 2.36", "machine": "x86_64", "system": "Linux"},
            "packages": {package: stack.version, "six": "1.16.0"},
            "cpu": {"model": "A processor", "flags": ["avx2", "avx512f", "fma"], "usable": 2},
            "libraries": {
                "libm.so.6": {},
                "libopenblas.so": {"config": "OpenBLAS 0.3.21 DYNAMIC_ARCH MAX_THREADS=64", "core": "SkylakeX", "threads": 1},
            },
            "numpy": {"version": "1.26.4"},
            "switches": {"OMP_NUM_THREADS": "1"},
        },
    } | more


def run_facts(cells: Iterable[CellRow], **more: Any) -> dict[str, Any]:
    """A ``run.json``."""
    counts: dict[str, int] = {}
    for row in cells:
        counts[row.status] = counts.get(row.status, 0) + 1
    return {
        "version": "0.1.0",
        "environments": [stack.name for stack in STACKS],
        "families": ["ops", "gradients"],
        "engine": "uv",
        "counts": counts,
        "wall_seconds": 431.0,
        "floor_seconds": 380.0,
        "cores": 2,
        "seconds_in_cells": 700.0,
        "import_seconds": 60.0,
        "command": "uv run snakemake --cores all",
        "controls": {"rounding": [12, 12], "semantic": [8, 8]},
        "machine": {"system": "Linux", "cores": 2},
        "commit": "0123456789abcdef0123",
    } | more


def case_facts(title: str = "", **more: Any) -> dict[str, Any]:
    """A case in ``cases.json``."""
    return {
        "title": title,
        "function": "exp",
        "parameters": {},
        "note": "",
        "claims": [],
        "sources": {
            "reference": "def exp(x):\n    return np.exp(x)\n",
            "numpy": "def exp(x):\n    return np.exp(x)\n",
            "tensorflow": "def exp(x):\n    return tf.exp(x)\n",
            "torch": "def exp(x):\n    return torch.exp(x)\n",
        },
    } | more


def families(cases: Mapping[str, Mapping[str, Any]], family: str = "ops") -> dict[str, Any]:
    """A ``cases.json`` of one family."""
    return {
        family: {
            "title": "Atlas of operations",
            "question": "Which operation gives which bits, and how far from the truth?",
            "cases": dict(cases),
        }
    }


@dataclass
class Lab:
    """A made-up run that tests add to."""

    cells: list[CellRow] = field(default_factory=list)
    pairs: list[PairRow] = field(default_factory=list)
    curves: list[CurveRow] = field(default_factory=list)
    trajectories: list[TrajectoryRow] = field(default_factory=list)
    scripts: list[ScriptRow] = field(default_factory=list)
    elsewhere: list[ElsewhereRow] = field(default_factory=list)
    platforms: list[PlatformRow] = field(default_factory=list)
    attributions: list[AttributionRow] = field(default_factory=list)
    measurements: list[MeasurementRow] = field(default_factory=list)
    defaults: list[DefaultRow] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    environments: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    cases: dict[str, Any] = field(default_factory=dict)

    def results(self) -> Results:
        """As the report's modules take it."""
        return Results(
            **divided(self.cells, self.pairs),
            curves=tuple(self.curves),
            trajectories=tuple(self.trajectories),
            scripts=tuple(self.scripts),
            elsewhere=tuple(self.elsewhere),
            platforms=tuple(self.platforms),
            attributions=tuple(self.attributions),
            measurements=tuple(self.measurements),
            defaults=tuple(self.defaults),
            claims=tuple(self.claims),
            sources=tuple(self.sources),
            environments=self.environments,
            run=self.run,
            published=self.published,
            cases=self.cases,
        )

    def write(self, folder: Path) -> Path:
        """As the tables of a results folder."""
        folder.mkdir(parents=True, exist_ok=True)
        tables: tuple[tuple[str, list[Any], type], ...] = (
            ("cells", self.cells, CellRow),
            ("pairs", self.pairs, PairRow),
            ("curves", self.curves, CurveRow),
            ("trajectories", self.trajectories, TrajectoryRow),
            ("scripts", self.scripts, ScriptRow),
            ("elsewhere", self.elsewhere, ElsewhereRow),
            ("platforms", self.platforms, PlatformRow),
            ("attributions", self.attributions, AttributionRow),
            ("measurements", self.measurements, MeasurementRow),
            ("defaults", self.defaults, DefaultRow),
        )
        for name, rows, kind in tables:
            frame = pd.DataFrame([asdict(row) for row in rows], columns=[column.name for column in fields(kind)])
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        facts = ("environments", "run", "cases", "published", "claims", "sources")
        for name, value in ((name, getattr(self, name)) for name in facts):
            (folder / f"{name}.json").write_text(json.dumps(value, sort_keys=True), encoding="utf-8")
        return folder


_ERRORS = {  # largest error in ULP by case, per environment; what is missing is 0.9
    "sigmoid": {"tf-1.15": 3.9e7, "tf-2.4": 9.8e3, "tf-2.21": 5.4, "torch-1.4": 2.1, "torch-2.13": 1.6},
    "tanh": {"tf-1.15": 5.7, "tf-2.4": 5.7, "tf-2.21": 3.2, "torch-1.4": 0.6, "torch-2.13": 0.6},
    "softmax": {"tf-1.15": 120.0, "tf-2.4": 66.0, "tf-2.21": 42.0, "torch-1.4": 199.0, "torch-2.13": 117.0},
    "cumsum": {
        "numpy-1.18": 27.3,
        "numpy-2.4": 27.3,
        "tf-1.15": 27.3,
        "tf-2.4": 27.3,
        "tf-2.21": 27.3,
        "torch-1.4": 0.8,
        "torch-2.13": 0.8,
    },
    "matmul": {
        "numpy-1.18": 61.0,
        "numpy-2.4": 54.0,
        "tf-1.15": 58.0,
        "tf-2.4": 47.0,
        "tf-2.21": 47.0,
        "torch-1.4": 71.0,
        "torch-2.13": 49.0,
    },
}
_CURVED = ("exp", "sigmoid", "tanh", "erf", "gelu")
_NAMES = (
    "abs",
    "acos",
    "asin",
    "atan",
    "conv1d",
    "cosh",
    "cumsum",
    "digamma",
    "einsum",
    "elu",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "gelu",
    "hard_sigmoid",
    "huber",
    "layer_norm",
    "leaky_relu",
    "lgamma",
    "log",
    "log1p",
    "logsumexp",
    "lstsq",
    "matmul",
    "max",
    "mean",
    "norm",
    "pinv",
    "pow",
    "relu",
    "rsqrt",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
    "var",
)


def _verdict(case: str, stack: Stack, dtype: str, derivative: int, ulp: float) -> str:
    if case == "hard_sigmoid" and stack.framework == "torch":
        return "semantic"
    if case == "gelu" and stack.name == "tf-1.15":
        return "semantic"
    if case == "max" and derivative and stack.framework == "torch":
        return "incomparable"
    if case == "lgamma" and derivative:
        return "inconclusive"
    if case in {"abs", "relu", "max"}:
        return "identical"
    return "accuracy" if ulp > 5 and case in {"sigmoid", "tanh"} else "rounding"


def _status(case: str, stack: Stack, mode: str, dtype: str, derivative: int) -> tuple[str, str]:
    if mode == "compile" and case not in _CURVED:
        return "skipped", "each function costs seconds of C++ compilation; cases with `compile = true` are covered"
    if stack.framework == "numpy" and derivative:
        return "unsupported", "NumPy has no automatic differentiation"
    if stack.framework == "numpy" and dtype == "bfloat16":
        return "unsupported", "NumPy has no bfloat16"
    if case == "pinv" and stack.name == "tf-1.15":
        return "unsupported", "tf.linalg.pinv came with 2.0"
    if case == "digamma" and stack.name == "torch-1.4" and mode == "script":
        return "crashed", "the interpreter ended with signal 6 (SIGABRT)"
    if case == "lstsq" and mode == "xla":
        return "error", "InvalidArgumentError: Detected unsupported operations when trying to compile graph"
    if case == "einsum" and mode == "xla" and dtype == "float16":
        return "timeout", "stopped after 60 s"
    if case == "conv1d" and stack.name == "tf-2.4" and dtype == "float64":
        return "oom", "stopped at 2048 MB"
    return "ok", ""


def _elsewhere(lab: Lab) -> None:
    """Two results of another engine have other bits, one of them fails there."""
    long = "x86_64 glibc-2.36 AuthenticAMD-25-17 avx+fma+avx2+avx512f+avx512_vnni+avx512_bf16"
    ran = [row for row in lab.cells if row.status == "ok" and row.environment == "tf-2.21"][:2]
    facts = ('packages numpy: "2.4.1" here, "2.5.0" there', "and 7 more")
    lab.platforms = [
        PlatformRow(environment="numpy-2.4", engine="docker", platform=long, same=90),
        PlatformRow(environment="tf-2.21", engine="docker", platform=long, same=88, other=2, unrepeatable=1, differences="; ".join(facts)),
    ]
    lab.elsewhere = [
        ElsewhereRow(
            id=row.id,
            output=row.output,
            engine="docker",
            platform=long,
            status=status,
            verdict="rounding",
            ulp_max=3.0,
            bits=sha(row.id),
            here="ok",
            here_bits=row.bits,
            reason=reason,
        )
        for row, status, reason in zip(ran, ("ok", "error"), ("", "it raised"), strict=False)
    ]


def realistic(dtypes: Iterable[str] = ("float32", "float64"), derivatives: int = 1, names: Iterable[str] = _NAMES) -> Lab:
    """A run over all ``STACKS``: every verdict and every status occurs, bits are shared by rules, two environments are unavailable or empty."""
    lab = Lab()
    by: dict[tuple[Any, ...], CellRow] = {}
    for case in names:
        for dtype in dtypes:
            for derivative in range(derivatives + 1):
                for stack in STACKS:
                    for mode in stack.modes:
                        row = _made(case, dtype, derivative, stack, mode)
                        by[case, dtype, derivative, stack.name, mode] = row
                        lab.cells.append(row)
    _pair_up(lab, by)
    _draw(lab, by)
    _explain(lab, by)
    _measure(lab, by)
    _defaults(lab)
    _judge(lab, by)
    _elsewhere(lab)
    for name, expect, factor in (("control_sum_reversed", "rounding", ""), ("control_layer_norm_epsilon", "semantic", "epsilon")):
        for stack in STACKS:
            found = expect if not (name == "control_layer_norm_epsilon" and stack.name == "torch-1.4") else "rounding"
            lab.cells.append(
                cell(
                    name,
                    family="controls",
                    environment=stack.name,
                    role="control",
                    expect=expect,
                    factor=factor,
                    verdict=found,
                    z_max=1.3 if found == "rounding" else 812.0,
                )
            )
            if found == "semantic":  # the cause is named everywhere but in one place
                named = ("epsilon", "0.001", "1e-05") if stack.name != "numpy-1.18" else ("unknown",)
                lab.attributions.append(hypothesis(lab.cells[-1], *named))
    lab.cells.append(cell("exp", dtype="float64", id="ops.exp:float64/float32:d0@numpy-2.4:eager:default:cpu", role="escalation"))
    lab.environments = {stack.name: environment(stack) for stack in STACKS}
    lab.environments["torch-2.0"] = environment(
        Stack("torch-2.0", "torch", "2.0.1", 2, ("eager",)),
        status="unavailable",
        observed={},
        build_seconds=None,
        reason="no interpreter for Python 3.10 was found, and none could be downloaded",
    )
    lab.run = run_facts(lab.cells, controls={"rounding": [7, 7], "semantic": [6, 7]})
    lab.cases = families({name: case_facts(f"Operation {name}") for name in sorted({row.case for row in lab.cells if row.family == "ops"})})
    lab.cases |= families(
        {
            "control_sum_reversed": case_facts("A sum from the other end"),
            "control_layer_norm_epsilon": case_facts("Layer norm with epsilon 1e-3"),
        },
        "controls",
    )
    return lab


def _made(case: str, dtype: str, derivative: int, stack: Stack, mode: str) -> CellRow:
    status, reason = _status(case, stack, mode, dtype, derivative)
    output = "out" if derivative == 0 else "grad_x"
    if status != "ok":
        return cell(
            case, environment=stack.name, mode=mode, dtype=dtype, derivative=derivative, output=output, status=status, reason=reason
        )
    ulp = _ERRORS.get(case, {}).get(stack.name, 0.9) if dtype == "float32" else 0.9
    verdict = _verdict(case, stack, dtype, derivative, ulp)
    ulp = {"identical": 0.0, "incomparable": float("nan"), "semantic": 2.4e6}.get(verdict, ulp)
    compiled = mode in {"xla", "compile"} and case not in {"sqrt", "tanh"}
    bits = (
        sha(case, dtype, derivative, "truth")
        if verdict == "identical"
        else sha(case, dtype, derivative, f"{ulp:g}", stack.framework if case in _ERRORS else "any", compiled)
    )
    where = {"sigmoid": "x=-0x1.5d589ep+6 (-87.33654)", "tanh": "x=0x1.d7b3a2p-1 (0.9213)"}.get(case, "x=0x1.8p+3 (12.0)")
    return cell(
        case,
        environment=stack.name,
        mode=mode,
        dtype=dtype,
        derivative=derivative,
        output=output,
        verdict=verdict,
        ulp_max=ulp,
        ulp_mean=ulp / 7,
        ulp_p99=ulp / 2,
        bits=bits,
        z_max={"rounding": 1.4, "identical": 0.0}.get(verdict, 37.5),
        worst_inputs=where,
        elementwise=case in _CURVED,
        nan_mismatch=3 if verdict == "incomparable" else 0,
    )


def _pair_up(lab: Lab, by: Mapping[tuple[Any, ...], CellRow]) -> None:
    def add(left: CellRow, right: CellRow, axis: str) -> None:
        if left.status != "ok" or right.status != "ok":
            return
        kinds = {left.verdict, right.verdict}
        verdict = next((name for name in ("semantic", "incomparable", "accuracy", "inconclusive") if name in kinds), "rounding")
        if left.bits == right.bits:
            lab.pairs.append(pair(left, right, axis))
        else:
            sizes = [row.ulp_max for row in (left, right) if row.ulp_max == row.ulp_max]
            lab.pairs.append(
                pair(
                    left,
                    right,
                    axis,
                    verdict=verdict,
                    ulp_max=max(sizes, default=float("nan")),
                    z_max=1.2 if verdict == "rounding" else 40.0,
                )
            )

    for (case, dtype, derivative, name, mode), row in by.items():
        stack = next(stack for stack in STACKS if stack.name == name)
        for other in STACKS:
            there = by.get((case, dtype, derivative, other.name, mode))
            if other.framework == stack.framework and other.order == stack.order + 1 and there:
                add(row, there, "version")
        if mode != "eager":
            add(by[case, dtype, derivative, name, "eager"], row, "mode")
        if mode == "eager" and stack.name in {"tf-2.21", "numpy-2.4"}:
            add(row, by[case, dtype, derivative, "torch-2.13", "eager"], "framework")


def _draw(lab: Lab, by: Mapping[tuple[Any, ...], CellRow]) -> None:
    for (case, _dtype, derivative, _name, _mode), row in by.items():
        if case in _CURVED and derivative == 0 and row.status == "ok" and not any(drawn.bits == row.bits for drawn in lab.curves):
            top = row.ulp_max
            half = 26
            left = [min(top, 0.5 + top * (place / half) ** 9) for place in range(half)][::-1]
            right = [0.5 + 0.3 * (place % 3) for place in range(half)]
            lab.curves += curve(row, left + right)


def _explain(lab: Lab, by: Mapping[tuple[Any, ...], CellRow]) -> None:
    """Causes: a factor of layer_norm, other values for hard_sigmoid and gelu, switches, repeats."""
    get = by.get
    for derivative in (0, 1):
        old, new, torch = (get(("layer_norm", "float32", derivative, name, "eager")) for name in ("tf-1.15", "tf-2.21", "torch-2.13"))
        if not (old and new and torch):
            continue
        for row in (old, new, torch):
            for aligned in ("epsilon", "axis", "axis+epsilon"):
                lab.cells.append(aligned_cell(row, aligned))
        run = aligned_cell(new, "epsilon").id
        lab.attributions += subsets(old, torch, {"epsilon": 0.83, "axis": 0.17}, aligned_cell(old, "axis+epsilon").id)
        lab.attributions += subsets(new, torch, {"epsilon": 1.04, "axis": -0.04}, run, sufficient="epsilon")
        lab.attributions += subsets(
            old,
            new,
            {"axis": 0.4, "epsilon": 0.1},
            aligned_cell(old, "axis+epsilon").id,
            sufficient="",
            verdict_aligned="semantic",
            note="not even all factors together explain it",
        )
        lab.pairs.append(pair(aligned_cell(new, "epsilon"), aligned_cell(torch, "epsilon"), "framework", verdict="rounding"))
    for row in by.values():
        if row.status == "ok" and row.verdict == "semantic":
            found = {"hard_sigmoid": ("definition", "sixth", "fifth"), "gelu": ("approximate", "tanh", "none")}.get(row.case)
            lab.attributions.append(hypothesis(row, *found) if found and row.mode != "script" else hypothesis(row))
    _vary(lab, by)


def aligned_cell(row: CellRow, aligned: str) -> CellRow:
    """The same cell of the case in which factors are aligned."""
    name = f"{row.case}.aligned-{aligned.replace('+', '-')}"
    return cell(
        name,
        family=row.family,
        environment=row.environment,
        dtype=row.dtype,
        derivative=row.derivative,
        output=row.output,
        base=row.case,
        aligned=aligned,
        verdict="rounding" if "epsilon" in aligned else "semantic",
    )


def varied(row: CellRow, variant: str, **more: Any) -> CellRow:
    """The same cell under a variant."""
    return replace(row, id=row.id.replace(":default:", f":{variant}:"), variant=variant, **more)


def _vary(lab: Lab, by: Mapping[tuple[Any, ...], CellRow]) -> None:
    for (case, dtype, derivative, name, mode), row in by.items():
        if row.status != "ok" or derivative or mode != "eager":
            continue
        again = varied(row, "repeat", bits=sha(row.bits, "again") if (case, name) == ("cumsum", "torch-2.13") else row.bits)
        lab.cells.append(again)
        lab.pairs.append(pair(row, again, "repeat", variant="repeat"))
        for variant in ("isa-avx2", "threads-2"):
            moves = (case == "matmul") or (variant == "isa-avx2" and case == "softmax" and name.startswith("torch"))
            other = varied(row, variant, bits=sha(row.bits, variant) if moves else row.bits)
            lab.cells.append(other)
            lab.pairs.append(
                pair(
                    row,
                    other,
                    "variant",
                    variant=variant,
                    verdict=("accuracy" if case == "softmax" else "rounding") if moves else "identical",
                )
            )
        torch = by.get((case, dtype, derivative, "torch-2.13", "eager"))
        if name == "tf-2.21" and torch and torch.status == "ok" and torch.bits != row.bits:
            lab.attributions.append(switched(row, torch, "framework", "isa-avx2" if case == "matmul" else ""))


def _measure(lab: Lab, by: Mapping[tuple[Any, ...], CellRow]) -> None:
    """Modes of two cases: xla and compile are faster, session is not distinguishable, script is slower."""
    ratios = {
        "xla": (0.2, 0.19, 0.21),
        "compile": (0.4, 0.37, 0.45),
        "session": (1.02, 0.97, 1.05),
        "function": (1.0, 0.99, 1.01),
        "script": (1.3, 1.2, 1.5),
    }
    for (case, *_, mode), row in by.items():
        if case not in {"exp", "matmul"} or row.status != "ok":
            continue
        if mode in ratios:
            value, low, high = ratios[mode]
            lab.measurements.append(measurement(row, "time_ratio", value, low, high, baseline="eager"))
            lab.measurements.append(measurement(row, "retrace_shape", 812.0, 790.0, 850.0, baseline="warm call"))
            lab.measurements.append(measurement(row, "retrace_shape_seconds", 0.04, unit="s"))
            lab.measurements.append(measurement(row, "retrace_shape_body_runs", 1.0, unit="runs"))
        lab.measurements.append(measurement(row, "seconds_per_call", 0.0002, unit="s"))
        lab.measurements.append(measurement(row, "first_call_seconds", 1.5, count=1, unit="s"))
        lab.measurements.append(
            measurement(row, "body_runs", 10.0 if mode == "eager" else 1.0, count=10, unit="runs", note="a counter in the function's body")
        )
        lab.measurements.append(measurement(row, "line_events", 0.0 if mode in ratios else 3.0, count=1, unit="lines"))
        lab.measurements.append(measurement(row, "memory_value_mb", 4.0, unit="MiB"))
        lab.measurements.append(measurement(row, "memory_value_ratio", 2.0, baseline="inputs"))


def _defaults(lab: Lab) -> None:
    for stack in STACKS:
        keras, torch = stack.framework == "tensorflow", stack.framework == "torch"
        if keras or torch:
            lab.defaults += [
                default(stack.name, stack.framework, "layer_norm", "epsilon", "0.001" if keras else "1e-05", group="normalisation"),
                default(stack.name, stack.framework, "dense", "bias", "true"),
                default(
                    stack.name,
                    stack.framework,
                    "batch_norm",
                    "momentum",
                    "0.99" if keras else "0.1",
                    comparable="0.99" if keras else "0.9",
                    group="normalisation",
                    note="the weight of the old or of the new",
                ),
            ]
        if keras:
            lab.defaults.append(
                default(stack.name, stack.framework, "lstm", "recurrent_activation", '"hard_sigmoid"' if stack.order == 0 else '"sigmoid"')
            )
        if torch or stack.framework == "numpy":
            lab.defaults.append(default(stack.name, stack.framework, "std", "ddof", "1" if torch else "0", group="reductions"))
        if torch:
            lab.defaults.append(
                default(stack.name, stack.framework, "gelu", "approximate", "absent" if stack.order == 0 else '"none"', group="activations")
            )


def _judge(lab: Lab, by: Mapping[tuple[Any, ...], CellRow]) -> None:
    """A claim of every verdict, one with a published number, and sources of every size."""
    here, there = (by.get(("exp", "float32", 0, name, "eager")) for name in ("tf-2.21", "torch-2.13"))
    evidence = []
    if here and there:
        evidence = [
            {"kind": "cell", "id": here.id},
            {"kind": "pair", "id": f"{here.id} | {there.id}", "axis": "framework"},
            {"kind": "measurement", "id": f"{here.id} | body_runs"},
            {"kind": "default", "id": "layer_norm.epsilon @ tf-2.21"},
        ]
    lab.claims = [
        claim(
            "A2",
            {"tf-2.21": finding("does not hold", 192.0, "", evidence=evidence[:1]), "torch-2.13": finding("does not hold", 192.0, "")},
            "does not hold",
            published="24",
            truth="192",
            measured="192",
        ),
        claim("K01", {"tf-1.15": finding(number=5.7), "tf-2.21": finding(number=3.2, evidence=evidence)}, evidence=evidence),
        claim(
            "K10",
            {
                "tf-2.21": finding("does not hold", evidence=evidence[:2], beside=["the other cases agree"]),
                "torch-2.13": finding(),
                "numpy-2.4": finding("not measurable here", None, ""),
            },
            "holds in part",
            part="holds in torch-2.13; does not hold in tf-2.21",
            groups=[
                {"verdict": "holds", "part": "", "environments": ["torch-2.13"], "words": "3 of 4 have other bits"},
                {"verdict": "does not hold", "part": "", "environments": ["tf-2.21"], "words": "all 4 have the same"},
            ],
            source="A, D",
            sources={"A": "an answer on softmax", "D": "another one"},
            ran="The softmax of (1, 2, 3).",
            reads={"holds": "some bits differ", "does not hold": "all bits agree"},
            changes="Another exponential.",
            decides=["ops.lay*"],
            evidence=evidence[:2],
        ),
        claim("K26", {}, "not measurable here", untested="Another machine: there is none.", missing="variants"),
        claim("K02", {"torch-2.13": finding()}),
    ]
    pairs = [one for one in evidence if one["kind"] == "pair"]
    lab.sources = [
        source("defaults", 1, 0.64, 7.0, 53, 137, pairs, cases=8),
        source("rounding", 2, 0.12, 0.4, 70, 137, pairs, cases=30),
        source("special", None, None, 0.0, 4, 137),
    ]


def hostile() -> Lab:
    """A run whose every string wants to be markup."""
    lab = Lab()
    bad = HOSTILE
    first = cell(
        f"exp{bad}",
        family=f"ops{bad}",
        environment=f"numpy{bad}",
        mode=f"eager{bad}",
        dtype=f"float32{bad}",
        title=bad,
        output=f"out{bad}",
        worst_inputs=f"x={bad}",
        worst_result=bad,
        worst_truth=bad,
        notes=bad,
        claims=bad,
        verdict="accuracy",
        ulp_max=9.0,
        framework=f"numpy{bad}",
    )
    second = cell(
        f"exp{bad}",
        family=f"ops{bad}",
        environment=f"tf{bad}",
        mode=f"eager{bad}",
        dtype=f"float32{bad}",
        output=f"out{bad}",
        framework=f"tensorflow{bad}",
        environment_order=1,
        verdict="semantic",
    )
    third = cell(
        f"exp{bad}",
        family=f"ops{bad}",
        environment=f"torch{bad}",
        mode="eager",
        dtype=f"float32{bad}",
        output=f"out{bad}",
        framework="torch",
        status="error",
        reason=f"Error: {bad} </title></style>'\"",
    )
    control = cell(f"control{bad}", family=f"ops{bad}", role="control", expect="semantic", factor=bad, verdict="rounding", title=bad)
    lab.cells = [first, second, third, control]
    lab.pairs = [
        pair(first, second, "framework", verdict="semantic", cause=bad),
        pair(first, second, "version", verdict="accuracy", cause=bad),
    ]
    lab.curves = curve(first, [1.0, 2.0, 3.0, 9.0])
    lab.scripts = [ScriptRow(id=first.id, script=f"{bad}</code></pre>{bad}\n"), ScriptRow(id=second.id, reason=bad)]
    lab.elsewhere = [
        ElsewhereRow(id=first.id, output=bad, engine=bad, platform=bad, status="error", reason=bad, verdict=bad, here=bad, here_bits=bad)
    ]
    lab.platforms = [
        PlatformRow(environment=bad, device=bad, engine=bad, platform=bad, same=1, other=2, named=bad, differences=f"{bad}; {bad}")
    ]
    known = {"family": first.family, "case": first.case, "dtype": "float32", "mode": "eager", "z_limit": 8.0, "truth": 1.0, "sigma": 1e-7}
    lab.trajectories = [
        TrajectoryRow(
            id=row.id, environment=row.environment, framework=row.framework, verdict="semantic", place=place, step=place, value=1.5, **known
        )
        for row in (first, second)
        for place in range(3)
    ]
    _hostile_causes(lab, first, second, control)
    lab.environments = {
        f"numpy{bad}": environment(
            STACKS[0],
            asked={"note": bad, "framework": bad, "devices": [bad]},
            reason=bad,
            observed={"python": bad, "packages": {bad: bad}, "cpu": {bad: [bad]}, "framework": bad},
        ),
        f"torch{bad}": {"asked": {"framework": bad, "version": bad}, "status": "unavailable", "reason": bad},
    }
    lab.run = run_facts(lab.cells, command=f"make run {bad}", version=bad, commit=bad, machine={bad: bad})
    lab.cases = {
        f"ops{bad}": {
            "title": bad,
            "question": bad,
            "cases": {f"exp{bad}": case_facts(bad, note=bad, claims=[bad], parameters={bad: bad}, sources={"reference": bad, bad: bad})},
        }
    }
    return lab


def _hostile_causes(lab: Lab, first: CellRow, second: CellRow, control: CellRow) -> None:
    bad = HOSTILE
    run = replace(first, id=f"run{bad}", base=first.case, case=f"exp.aligned{bad}", aligned=bad)
    switch = replace(first, id=f"switch{bad}", variant=bad)
    lab.cells += [run, switch]
    lab.pairs += [pair(first, switch, "variant", variant=bad, verdict="semantic"), pair(first, switch, "repeat", verdict="rounding")]
    lab.attributions = [
        hypothesis(second, bad, bad, bad, note=bad),
        hypothesis(second, note=bad),
        hypothesis(control, bad, bad, bad),
        *subsets(first, second, {bad: 0.7, "epsilon": 0.2}, run.id, note=bad, left_value=bad, right_value=bad, verdict=bad),
        switched(first, second, "framework", bad, bad),
        switched(first, second, "framework", "", bad),
    ]
    lab.measurements = [
        measurement(first, name, 0.5, 0.4, 0.6, note=bad, unit=bad) for name in ("time_ratio", "body_runs", "memory_value_mb", bad)
    ]
    lab.defaults = [
        default(
            f"{framework}{bad}", framework, f"api{bad}", f"parameter{bad}", value, title=bad, group=bad, note=bad, api_name=bad, reason=bad
        )
        for framework, value in (("numpy", bad), ("tensorflow", "absent"), ("torch", f"{bad}2"))
    ]
    evidence = [
        {"kind": kind, "id": name}
        for kind, name in (
            ("cell", first.id),
            ("cell", bad),
            ("pair", f"{first.id} | {second.id}"),
            ("measurement", f"{first.id} | {bad}"),
            ("attribution", f"ops{bad}.exp{bad} | subsets | a{bad} | b{bad} | {bad}"),
            ("default", f"api{bad}.parameter{bad} @ {bad}"),
            (bad, bad),
        )
    ]
    said = finding("does not hold", 1.0, bad, words=bad, evidence=evidence)
    lab.claims = [
        claim(
            f"K{bad}",
            {f"numpy{bad}": said},
            bad,
            statement=bad,
            words=bad,
            rule=f"{bad}\n\n{bad}",
            published=bad,
            truth=bad,
            measured=bad,
            untested=bad,
            source=bad,
            evidence=evidence,
        ),
        claim(f"Z{bad}", {}, "holds", kind=bad),
    ]
    lab.sources = [
        source(bad, 1, 0.5, 2.0, examples=evidence) | {"title": bad, "meaning": bad, "remedy": bad, "factors": [bad], "words": f"a; {bad}"}
    ]
