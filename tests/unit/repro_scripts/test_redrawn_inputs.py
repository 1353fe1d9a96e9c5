"""Expressions that draw inputs again: the very bytes, or not used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from replab.model import Generator
from replab.repro_scripts import redrawn_inputs
from replab.run import inputs

KINDS: dict[str, dict[str, Any]] = {
    "normal": {"shape": [7, 5], "scale": 0.25, "loc": 3.0},
    "uniform": {"shape": [40], "lo": -0.9, "hi": 0.7},
    "one_hot": {"shape": [9, 4]},
    "ties": {"shape": [6, 6], "levels": 7},
    "integers": {"shape": [30], "lo": -3, "hi": 9, "dtype": "int32"},
}
DTYPES = ("float32", "float16", "bfloat16")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_again_bit_for_bit(kind: str, dtype: str) -> None:
    generator = Generator(name="x", kind=kind, options=KINDS[kind])
    values = inputs.generate(generator, dtype, points=10, derivative=False)
    expression = redrawn_inputs.of_generator(generator, dtype)
    assert redrawn_inputs.gives(expression, values)
    other = values.copy()
    other.flat[3] += 1
    assert not redrawn_inputs.gives(expression, other)
    assert not redrawn_inputs.gives(expression, values.reshape(-1)[:-1])


@given(st.integers(0, 2**32), st.floats(-4, 4, width=16), st.floats(0.125, 4, width=16), st.sampled_from([*DTYPES, "float64"]))
def test_uniform_numbers_have_any_seed_and_range(seed: int, low: float, width: float, dtype: str) -> None:
    generator = Generator(name="x", kind="uniform", options={"shape": [20], "lo": low, "hi": low + width, "seed": str(seed)})
    assert redrawn_inputs.gives(
        redrawn_inputs.of_generator(generator, dtype), inputs.generate(generator, dtype, points=10, derivative=False)
    )


@pytest.mark.parametrize("dtype", [*DTYPES, "float64"])
def test_cotangents_are_drawn_again(dtype: str) -> None:
    assert redrawn_inputs.gives(redrawn_inputs.of_cotangent("case:0:out", (4, 8), dtype), inputs.cotangent("case:0:out", (4, 8), dtype))


def test_what_cannot_be_drawn_again_has_no_expression() -> None:
    assert redrawn_inputs.of_generator(Generator(name="x", kind="float_range", options={}), "float32") == ""
    assert redrawn_inputs.of_generator(Generator(name="x", kind="spd", options={"n": 4, "condition": 10.0}), "float32") == ""


def test_an_array_of_millions_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrawn_inputs, "_evaluated", lambda _: pytest.fail("it was drawn"))
    assert not redrawn_inputs.gives("draw(1, 2)", np.zeros(redrawn_inputs.MOST_NUMBERS + 1))


def test_python_before_3_8_has_no_normal_distribution() -> None:
    assert redrawn_inputs.too_old(["bell(1, 2)"], "3.7")
    assert not redrawn_inputs.too_old(["bell(1, 2)"], "3.13")
    assert not redrawn_inputs.too_old(["draw(1, 2)"], "3.6")


@pytest.mark.processes
def test_the_helpers_stand_by_themselves(tmp_path: Path) -> None:
    expression = "narrow(bell(0x1f, 3, 4))"
    lines, imports = redrawn_inputs.helpers([expression, "draw(2, 2)"])
    script = tmp_path / "script.py"
    script.write_text("\n".join(["import numpy as np", *imports, *lines, f"print({expression}.shape)"]), encoding="utf-8")
    assert subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, check=True).stdout == "(3, 4)\n"
