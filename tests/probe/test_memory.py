"""A result that depends on memory that nobody wrote is known not to repeat itself, whatever that memory happened to hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from probe_requests import RequestBuilder, run_probe

NOTE = "repeated calls gave other bits"


@pytest.mark.parametrize(
    ("name", "framework", "modes"),
    [
        ("numpy-2.5", "numpy", ["eager"]),
        ("torch-2.13", "torch", ["eager", "script"]),
        ("tf-2.21", "tensorflow", ["eager", "function", "session"]),
        ("tf-1.15", "tensorflow", ["eager", "session"]),
    ],
)
def test_memory_that_nobody_wrote_is_noticed(
    name: str, framework: str, modes: list[str], python_of: Callable[[str], Path], tmp_path: Path
) -> None:
    builder = RequestBuilder(tmp_path, name, framework, family="unwritten")
    keys = {(function, mode): builder.add(function, mode, dtype="float32") for function in ("unwritten", "written") for mode in modes}
    answers = run_probe(python_of(name), builder)
    noted = {one: any(note.startswith(NOTE) for note in answers.result(key).record["notes"]) for one, key in keys.items()}
    assert noted == {(function, mode): function == "unwritten" for function, mode in keys}


def test_lstsq_of_torch_reads_pivots_that_nobody_wrote(python_of: Callable[[str], Path], tmp_path: Path) -> None:
    """PyTorch 2.13 hands LAPACK's gelsy an uninitialised JPVT, mended in https://github.com/pytorch/pytorch/pull/187436."""
    builder = RequestBuilder(tmp_path, "torch-2.13", "torch", family="unwritten")
    near = [[1, 1, 1e-5], [1, -1, 1e-5], [1, 1, -1e-5], [1, -1, -1.1e-5]]
    key = builder.add("least_squares", inputs={"x": near, "y": [[1.0], [0.5], [-1.5], [2.0]]}, dtype="float32")
    record = run_probe(python_of("torch-2.13"), builder).result(key).record
    assert any(note.startswith(NOTE) for note in record["notes"]), record
