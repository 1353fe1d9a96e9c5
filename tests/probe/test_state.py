"""A cell leaves no state to the next: what it moves is noted, and the next one finds everything as it was."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from probe_requests import HERE, IMPL, PROBE, RequestBuilder

from replab.engines.sandbox import Launch
from replab.model import Limits, Status
from replab.run.supervise import Summary, run_batch
from replab.store.store import Store

OBSERVERS = ("found", "drawn")
PUT_BACK = ("seeds", "warned", "errors")
"""What costs no new process."""
NOTE = "it left this to the cells after it, which got a new process: "


def leaks(framework: str) -> list[str]:
    """The functions of a file that leave something."""
    functions = [node for node in ast.parse((HERE / "leaks" / IMPL[framework]).read_text()).body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if node.args.args and node.name not in OBSERVERS]


def run(builder: RequestBuilder, python: Path, folder: Path) -> tuple[Store, Summary]:
    store, staging = Store(folder / "store"), folder / "staging"

    def launch(request: Path, staging: Path) -> Launch:
        env = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.environ["PATH"],
            "HOME": str(staging),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "LC_ALL": "C.UTF-8",
        }
        return Launch(argv=(str(python), str(PROBE), "--request", str(request), "--out", str(staging)), env=env, cwd=staging)

    def fail(cell: dict[str, object], status: Status, reason: str, seconds: float) -> None:
        store.write_failure(str(cell["key"]), str(cell["id"]), status.value, reason, seconds)

    summary = run_batch(
        launch,
        builder.request(),
        staging,
        limits=Limits(seconds=120, memory_mb=4000),
        adopt=lambda key: store.adopt(key, staging, observed=True),
        fail=fail,
        progress=lambda *_: None,
        log=folder / "log",
    )
    return store, summary


@pytest.mark.parametrize(
    ("name", "framework", "dtype"),
    [
        ("numpy-2.5", "numpy", "float64"),
        ("torch-2.13", "torch", "float32"),
        ("tf-2.21", "tensorflow", "float32"),
        ("tf-1.15", "tensorflow", "float32"),
    ],
)
def test_the_next_cell_finds_everything_as_it_was(
    name: str, framework: str, dtype: str, python_of: Callable[[str], Path], tmp_path: Path
) -> None:
    builder = RequestBuilder(tmp_path, name, framework, family="leaks")
    moved = {
        one: (builder.add(one, dtype=dtype, label=".leak"), builder.add("found", dtype=dtype, label=f".after.{one}"))
        for one in leaks(framework)
    }
    store, summary = run(builder, python_of(name), tmp_path)
    assert summary.again == {}
    silent = []
    for one, (leak, after) in moved.items():
        values = store.read(after).tensors[0].values
        assert (values == 1.0).all(), f"{one}: {values}"
        notes = store.read(leak).record["notes"]
        if one not in PUT_BACK and not any(note.startswith(NOTE) for note in notes):
            silent.append(one)
        assert [note for note in store.read(after).record["notes"] if note.startswith(NOTE)] == []
    assert silent == []
    assert summary.sandboxes == 1 + len(set(moved) - set(PUT_BACK))


@pytest.mark.parametrize(("name", "framework"), [("numpy-2.5", "numpy"), ("torch-2.13", "torch")])
def test_generators_are_put_back_and_a_cell_that_seeds_without_being_known_to_draw_is_marked(
    name: str, framework: str, python_of: Callable[[str], Path], tmp_path: Path
) -> None:
    dtype = "float64" if framework == "numpy" else "float32"
    builder = RequestBuilder(tmp_path, name, framework, family="leaks")
    first = builder.add("drawn", dtype=dtype, label=".first")
    seeds, known = builder.add("seeds", dtype=dtype), builder.add("seeds", dtype=dtype, label=".known")
    builder.cells[-1]["drawn"] = True
    last = builder.add("drawn", dtype=dtype, label=".last")
    for cell in builder.cells:
        cell["once"] = True  # called twice, it would draw twice
    store, summary = run(builder, python_of(name), tmp_path)
    assert store.read(first).tensors[0].sha256 == store.read(last).tensors[0].sha256
    assert any(note.startswith("it seeded the generator of ") for note in store.read(seeds).record["notes"])
    assert store.read(first).record["notes"] == [], "drawing leaves nothing"
    assert store.read(known).record["notes"] == []
    assert summary.sandboxes == 1


def test_what_loading_a_file_moves_holds_for_its_cells_alone(python_of: Callable[[str], Path], tmp_path: Path) -> None:
    builder = RequestBuilder(tmp_path, "numpy-2.5", "numpy", family="leaks")
    before = builder.add("found", label=".before")
    file = tmp_path / "impl_numpy.py"
    file.write_text("import numpy as np\nnp.seterr(all='ignore')\n\n\ndef found(x):\n    return x * (np.geterr()['divide'] == 'ignore')\n")
    own = [builder.add("found", label=f".own.{n}") for n in range(3)]
    for cell in builder.cells[-3:]:
        cell["impl"] = str(file)
    after = builder.add("found", label=".after")
    store, summary = run(builder, python_of("numpy-2.5"), tmp_path)
    for key in own:
        assert (store.read(key).tensors[0].values == 2.0).all()
        (note,) = store.read(key).record["notes"]
        assert note.startswith("loading impl_numpy.py left this: the handling of floating-point errors by NumPy was ")
    for key in (before, after):
        assert (store.read(key).tensors[0].values == 1.0).all()
        assert store.read(key).record["notes"] == []
    assert summary.sandboxes == 2
