"""Modules that lie beside an implementation file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from probe_requests import RequestBuilder
from test_state import NOTE, run


def test_each_family_has_its_own_modules_and_takes_no_name_from_python(python_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Two families in one process call a module alike; the first comes once more at the end."""
    builder = RequestBuilder(tmp_path, "numpy-2.5", "numpy", family="beside/one")
    wanted = {builder.add("scaled", label=".first"): 4.0}
    builder.family = "beside/other"
    wanted[builder.add("scaled", label=".other")] = -2.0
    wanted[builder.add("of_python")] = 5.0
    builder.family = "beside/one"
    wanted[builder.add("late")] = 12.0
    wanted[builder.add("scaled", label=".again")] = 4.0
    leaves = builder.add("leaves")
    wanted[builder.add("scaled", label=".after")] = 4.0
    store, summary = run(builder, python_of("numpy-2.5"), tmp_path)
    assert {key: store.read(key).tensors[0].values.tolist() for key in wanted} == {key: [value] for key, value in wanted.items()}
    (note,) = [note for note in store.read(leaves).record["notes"] if note.startswith(NOTE)]
    assert "layers.py.FACTOR was replaced" in note
    assert summary.sandboxes == 2
