"""A family that exists for one test: its reference is a text, its cells hold the numbers that the test says, and nothing is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from replab import ids
from replab.compare.pairs import Judged
from replab.model import Case, Factor, Family, Status, Verdict
from replab.run import inputs
from replab.store.store import Tensor
from replab.truth.cache import Truths


class World:
    """One case ``f`` of one family with its inputs and truths below a folder."""

    def __init__(
        self, folder: Path, reference: str, arrays: Mapping[str, Any], factors: Mapping[str, Factor] | None = None, **more: Any
    ) -> None:
        """``arrays``: float64 inputs by name, which every dtype rounds for itself. ``more``: further fields of the case."""
        home = folder / "family"
        home.mkdir(parents=True, exist_ok=True)
        (home / "reference.py").write_text(f"import numpy as np\n\n\n{reference}\n", encoding="utf-8")
        fields = {"title": "", "function": "f", "inputs": dict.fromkeys(arrays), "parameters": {}, "dtypes": ("float32", "float64")}
        self.case = Case(family="made_up", name="f", factors=dict(factors or {}), **(fields | more))
        self.family = Family(name="made_up", folder=home, title="", question="", cases=(self.case,), leave_out={})
        self.data = folder / "data"
        self.index = {"f": {dtype: {"value": self._described(arrays, dtype)} for dtype in self.case.dtypes}}
        self.truths = Truths(folder / "store", self.data)

    def _described(self, arrays: Mapping[str, Any], dtype: str) -> dict[str, Any]:
        made = {name: np.asarray(values, dtype) for name, values in arrays.items()}
        described = [
            {
                "name": name,
                "sha256": inputs.write_array(self.data, array),
                "dtype": dtype,
                "shape": list(array.shape),
                "differentiable": True,
            }
            for name, array in made.items()
        ]
        return {"inputs": described, "cotangents": []}

    def cell(self, values: Any, verdict: Verdict = Verdict.SEMANTIC, *, environment: str = "torch-2.13", **more: Any) -> Judged:
        """A cell that gave ``values`` in the output ``out``; ``more``: other parts of its id, and ``repeatable``."""
        array = np.asarray(values)
        parts = {"dtype": str(array.dtype), "grid": "", "derivative": 0, "mode": "eager", "variant": "default", "device": "cpu"}
        repeatable = more.pop("repeatable", "")
        name = ids.CellId(family="made_up", case=self.case.name, environment=environment, **(parts | more))
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        tensor = Tensor(name="out", dtype=str(array.dtype), values=array, sha256=digest)
        return Judged(
            id=name,
            key=digest,
            status=Status.OK,
            reason="",
            tensors={"out": tensor},
            verdicts={"out": (verdict, "", np.nan)},
            repeatable=repeatable,
        )
