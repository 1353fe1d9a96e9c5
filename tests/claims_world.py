"""Made-up tables for rules of claims: a few rows that say exactly what a rule must conclude. Nothing here is measured."""

from __future__ import annotations

from typing import Any

import pandas as pd

from replab.claims import Tables

STACKS = {
    "numpy-2.5": ("numpy", 1),
    "tf-2.4": ("tensorflow", 0),
    "tf-2.21": ("tensorflow", 1),
    "torch-2.0": ("torch", 0),
    "torch-2.13": ("torch", 1),
}
TF, TORCH, NUMPY = "tf-2.21", "torch-2.13", "numpy-2.5"
GOOD = ("identical", "rounding")


class World:
    """Rows of the public tables, made one by one."""

    def __init__(self) -> None:
        self.cells: list[dict[str, Any]] = []
        self.pairs: list[dict[str, Any]] = []
        self.attributions: list[dict[str, Any]] = []
        self.measurements: list[dict[str, Any]] = []
        self.defaults: list[dict[str, Any]] = []

    def tables(self) -> Tables:
        """The tables of this world; cells of a case that no rule is about say which environments there are."""
        for environment in (TF, TORCH, NUMPY):
            self.cell("nothing", claims="", environment=environment, family="nothing")
        frames = (self.cells, self.pairs, self.attributions, self.measurements, self.defaults)
        return Tables(*(pd.DataFrame(rows) for rows in frames))

    def cell(
        self, case: str, *, claims: str, environment: str = TF, family: str = "made", mode: str = "eager", **more: Any
    ) -> dict[str, Any]:
        """A result; equal ``bits`` mean equal bytes, and each cell has its own unless they are given."""
        framework, order = STACKS[environment]
        row: dict[str, Any] = {
            "family": family,
            "case": case,
            "output": "out",
            "environment": environment,
            "framework": framework,
            "environment_order": order,
            "mode": mode,
            "dtype": "float32",
            "derivative": 0,
            "variant": "default",
            "status": "ok",
            "reason": "",
            "verdict": "rounding",
            "why": "",
            "ulp_max": 2.0,
            "z_max": 1.0,
            "z_limit": 7.0,
            "ulp_mean": 0.5,
            "abs_max": 1e-7,
            "rel_max": 1e-7,
            "role": "result",
            "special": False,
            "claims": claims,
            "base": "",
            "aligned": "",
            "repeatable": "yes",
            "flushed": 0,
            "other_branch": 0,
            "worst_result": "",
            "cause": "",
        } | more
        row["id"] = f"{family}.{case}:{row['dtype']}:d{row['derivative']}@{environment}:{mode}:{row['variant']}:cpu"
        row.setdefault("bits", f"{row['id']} {row['output']}")
        if row["status"] != "ok":
            row |= {"verdict": "", "bits": ""}
        self.cells.append(row)
        return row

    def pair(self, left: dict[str, Any], right: dict[str, Any], axis: str, verdict: str = "", **more: Any) -> dict[str, Any]:
        """A pair of two cells; without a verdict ``identical`` or ``rounding``, as their bits say."""
        same = left["bits"] == right["bits"]
        row = {
            "left": left["id"],
            "right": right["id"],
            "axis": axis,
            "family": left["family"],
            "case": left["case"],
            "output": left["output"],
            "dtype": left["dtype"],
            "derivative": left["derivative"],
            "left_environment": left["environment"],
            "right_environment": right["environment"],
            "left_mode": left["mode"],
            "right_mode": right["mode"],
            "variant": right["variant"],
            "verdict": verdict or ("identical" if same else "rounding"),
            "z_max": 0.0,
            "ulp_max": 0.0 if same else 3.0,
            "cause": "",
            "abs_max": 0.0 if same else 2e-7,
            "rel_max": 0.0 if same else 2e-7,
            "distance": 0.0 if same else 2e-7,
            "abs_mean": 0.0 if same else 1e-8,
            "beyond": 0.0,
            "other_branch": 0,
        } | more
        self.pairs.append(row)
        return row

    def both(self, case: str, kind: str, *, claims: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """One case in the newest TensorFlow and PyTorch, and the pair: ``kind`` is its verdict, and TensorFlow's where it is bad."""
        shared = {"bits": f"{case} {more.get('dtype', '')} {more.get('output', '')}"} if kind == "identical" else {}
        size = {"ulp_max": 3.0} if kind in GOOD else {"ulp_max": 4e6, "rel_max": 0.5}
        size |= {name: more.pop(name) for name in ("ulp_max", "rel_max", "distance") if name in more}
        left = self.cell(case, claims=claims, environment=TF, verdict="rounding" if kind in GOOD else kind, **shared, **{**size, **more})
        right = self.cell(case, claims=claims, environment=TORCH, **shared, **{**more, "verdict": "rounding"})
        self.pair(left, right, "framework", kind, **({} if kind == "identical" else size))
        return left, right

    def published(self, kind: str, aligned: str = "", *, claims: str, case: str = "program", factor: str = "start", **more: Any) -> None:
        """Two programs as they stand (``kind`` is the verdict of the pair) and, where ``aligned`` is given, with their factor aligned."""
        left, right = self.both(case, kind, claims=claims, **more)
        if aligned:
            self.both(f"{case}.aligned-{factor}", aligned, claims="", base=case, **{**more, "aligned": factor})
            self.cause(left, right, factor, verdict_aligned=aligned, named=aligned in GOOD)

    def cause(self, left: dict[str, Any], right: dict[str, Any], factor: str, **more: Any) -> None:
        """An attribution of a pair to a factor."""
        self.attributions.append(
            {
                "family": left["family"],
                "case": left["case"],
                "method": "subsets",
                "pair": f"{left['environment']} | {right['environment']}",
                "axis": "framework",
                "factor": factor,
                "share": 0.9,
                "residual": 0.0,
                "verdict": "semantic",
                "verdict_aligned": "rounding",
                "left": left["id"],
                "right": right["id"],
                "dtype": left["dtype"],
                "derivative": left["derivative"],
                "named": True,
                "role": "result",
                "discrepancy": 0.5,
            }
            | more
        )

    def modes(
        self, kind: str, *, claims: str = "", case: str = "op", modes: tuple[str, ...] = ("function",), environment: str = TF, **more: Any
    ) -> None:
        """A case eagerly and in other modes, and the pairs between them; ``distance`` is that of the pairs."""
        size = {name: more.pop(name) for name in ("distance",) if name in more}
        eager = self.cell(case, claims=claims, environment=environment, **{**more, **({"bits": case} if kind == "identical" else {})})
        for mode in modes:
            bits = {"bits": case} if kind == "identical" else {}
            other = self.cell(case, claims=claims, environment=environment, mode=mode, **{**more, **bits})
            self.pair(eager, other, "mode", kind, **size)

    def variant(self, name: str, kind: str, *, claims: str = "", case: str = "op", environment: str = TF, **more: Any) -> None:
        """A case as it is and under a variant, and the pair of both."""
        bits = {"bits": case} if kind == "identical" else {}
        usual = self.cell(case, claims=claims, environment=environment, **{**more, **bits})
        switched = self.cell(case, claims=claims, environment=environment, **{**more, **bits, "variant": name})
        self.pair(usual, switched, "variant", kind)

    def measure(self, name: str, mode: str, value: float, *, case: str = "step", environment: str = TF, **more: Any) -> None:
        """A measurement of a cell."""
        self.measurements.append(
            {
                "id": f"modes.{case}:float32:d{more.get('derivative', 0)}@{environment}:{mode}:default:cpu",
                "family": "modes",
                "case": case,
                "environment": environment,
                "framework": STACKS[environment][0],
                "mode": mode,
                "dtype": "float32",
                "derivative": 0,
                "variant": "default",
                "measurement": name,
                "value": value,
                "low": value * 0.9,
                "high": value * 1.1,
                "count": 10,
                "unit": "",
                "baseline": "",
                "claims": "",
                "note": "",
            }
            | more
        )

    def series(self, stem: str, power: float, *, claims: str, environment: str = TF, noise: float = 0.0, **more: Any) -> None:
        """Cases of five lengths whose mean error is length to a power, with a wobble that no power explains."""
        for place, length in enumerate((4, 16, 64, 256, 1024)):
            wobble = 1.0 + noise * (-1) ** place
            self.cell(f"{stem}_{length}", claims=claims, environment=environment, ulp_mean=0.1 * length**power * wobble, **more)

    def default(self, api: str, parameter: str, tensorflow: str, torch: str, group: str = "layers") -> None:
        """A default of the newest versions of both sides."""
        for environment, value in ((TF, tensorflow), (TORCH, torch)):
            self.defaults.append(
                {
                    "api": api,
                    "parameter": parameter,
                    "environment": environment,
                    "framework": STACKS[environment][0],
                    "value": value,
                    "status": "read",
                    "title": api,
                    "group": group,
                    "comparable": value,
                    "note": "",
                }
            )
