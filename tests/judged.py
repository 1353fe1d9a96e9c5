"""Cells and truths that are made up, for tests of judging: nothing is run, stored or certified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from replab import ids
from replab.compare.pairs import Judged
from replab.model import Case, Status, Verdict
from replab.store.store import Tensor
from replab.truth.certify import Truth

X = np.linspace(1.0, 2.0, 8)
U32 = 2.0**-24
"""Unit roundoff of float32."""
CASE = Case(family="made_up", name="f", title="", function="f", inputs={}, dtypes=("float32", "float64", "float16"), parameters={})


def truth(values: Any = X, *, spread: float = U32, **parts: Any) -> Truth:
    """A truth without error of its own, whose envelope is ``spread`` of each value; ``parts`` are given as they are."""
    high = np.asarray(values, np.float64)
    zero = np.zeros_like(high)
    given = {"high": high, "low": zero, "bound": zero, "sigma": np.abs(high) * spread, "ieee": high, "exact": None}
    return Truth(runs=32, method="made up", **(given | parts))


def exact(values: Any) -> Truth:
    """A truth of whole numbers."""
    nothing = np.zeros(0)
    return truth(nothing, exact=np.asarray(values, np.int64))


def cell(values: Any, *, verdict: Verdict | None = None, output: str = "out", **more: Any) -> Judged:
    """A cell that gave ``values``; ``more``: parts of its id, and fields of ``Judged``. ``verdict``: as if it had been judged."""
    array = np.asarray(values)
    parts = {"dtype": str(array.dtype), "grid": "", "derivative": 0, "environment": "torch-2", "mode": "eager", "variant": "default"}
    name = ids.CellId(family="made_up", case="f", device="cpu", **{key: more.pop(key, usual) for key, usual in parts.items()})
    tensor = Tensor(name=output, dtype=str(array.dtype), values=array, sha256=hashlib.sha256(array.tobytes()).hexdigest())
    verdicts: Mapping[str, Any] = {} if verdict is None else {output: (verdict, "", np.nan)}
    return Judged(id=name, key="k", status=Status.OK, reason="", tensors={output: tensor}, verdicts=dict(verdicts), **more)


def off(relative: Any, values: Any = X, dtype: str = "float32") -> Any:
    """``values`` that are off by a relative error, in a format."""
    return (np.asarray(values) * (1.0 + np.asarray(relative))).astype(dtype)
