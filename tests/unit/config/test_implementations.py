"""NumPy runs the function of the reference where it has none of its own; other frameworks run their own files only."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from replab.config import functions
from replab.config.implementations import fault, is_reference_run, path_of, paths
from replab.config.loading import load_lab
from replab.model import Case, Factor
from replab.plan import planning
from replab.run.reference_slices import slices

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = """\
import numpy as np
from scipy import special

HALF = 0.5


def half(x):
    # a comment
    return HALF * x


def smooth(x):
    return special.expit(x)


def shifted(x, shift):
    return np.add(x, shift)
"""


def case(function: str, **fields: Any) -> Case:
    return Case(family="mine", name=function, title=function, function=function, inputs={}, parameters={}, dtypes=("float32",), **fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "reference.py").write_text(REFERENCE, encoding="utf-8")
    (tmp_path / "mine" / "impl_torch.py").write_text("def smooth(x):\n    return x\n", encoding="utf-8")
    return tmp_path / "mine"


def test_numpy_runs_its_own_function_first_and_that_of_the_reference_next(folder: Path) -> None:
    (folder / "impl_numpy.py").write_text("def smooth(x):\n    return x\n", encoding="utf-8")
    names = ["smooth", "half", "nowhere"]
    assert [path_of(folder, "numpy", name).name for name in names] == ["impl_numpy.py", "reference.py", "impl_numpy.py"]
    assert [path_of(folder, "torch", name).name for name in names] == ["impl_torch.py"] * 3
    assert [path.name for path in paths(folder, [case("smooth"), case("half")], "numpy")] == ["impl_numpy.py", "reference.py"]


@pytest.mark.parametrize(("names", "expected"), [(["half"], True), (["half", "smooth"], False), (["nowhere"], False)])
def test_without_a_file_numpy_runs_a_family_whose_whole_reference_it_can_run(folder: Path, names: list[str], expected: bool) -> None:
    cases = [case(name) for name in names]
    assert is_reference_run(folder, cases) == expected
    (folder / "impl_numpy.py").write_text("", encoding="utf-8")
    assert not is_reference_run(folder, cases)


def test_a_family_without_implementations_has_cells_in_numpy(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "reference.py").write_text("def half(x):\n    return 0.5 * x\n", encoding="utf-8")
    (tmp_path / "alone" / "experiment.toml").write_text(
        'title = "T"\nquestion = "Q"\n[cases]\nhalf = { inputs = { x = { kind = "normal", shape = [3] } } }\n', encoding="utf-8"
    )
    lab = load_lab({"experiments": str(tmp_path), "environments": "numpy-2.5,torch-2.13", "variants": "default"}, ROOT)
    assert [(batch.environment, batch.family) for batch in planning.batches(lab)] == [("numpy-2.5", "alone")]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (case("half"), ""),
        (case("nowhere"), "nor has the reference"),
        (case("smooth"), "and that of the reference needs scipy, which environments of NumPy do not have"),
        (
            case("shifted", factors={"shift": Factor(aligned=0.0, diagnose=True)}),
            "and that of the reference takes factors which implementations do not take",
        ),
        (case("shifted", factors={"shift": Factor(aligned=0.0)}), ""),
    ],
)
def test_why_numpy_cannot_run_a_function_of_the_reference_is_said(folder: Path, wanted: Case, said: str) -> None:
    assert fault(folder, wanted) == said


def test_a_sandbox_gets_what_it_runs_of_a_reference_with_each_line_at_its_place(folder: Path, tmp_path: Path) -> None:
    reference, torch = str(folder / "reference.py"), str(folder / "impl_torch.py")
    written = slices([(reference, "half"), (torch, "smooth"), (reference, "shifted")], tmp_path / "data")
    assert list(written) == [reference]
    path = Path(written[reference])
    assert path.name == "reference.py"
    assert (tmp_path / "data") in path.parents
    lines, original = path.read_text(encoding="utf-8").splitlines(), REFERENCE.splitlines()
    assert [number for number, line in enumerate(lines) if line] == [
        number for number, line in enumerate(original) if line in lines and line
    ]
    assert "scipy" not in path.read_text(encoding="utf-8")
    spec = importlib.util.spec_from_file_location("slice", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (module.half(3.0), module.shifted(3.0, 1.0), hasattr(module, "smooth")) == (1.5, 4.0, False)
    assert functions.digest(path, "half") == functions.digest(folder / "reference.py", "half")


def written_twice(folder: Path, names: set[str]) -> list[str]:
    """Functions that mean the same in both files, and that nothing else of the second calls."""
    own, reference = folder / "impl_numpy.py", folder / "reference.py"
    both = names & functions.functions(own) & functions.functions(reference)
    same = {name for name in both if functions.digest(own, name) == functions.digest(reference, name)}
    reached = {name: set(functions.places(own, name)) for name in functions.functions(own)}
    return sorted(name for name in same if not any(reached[name] <= reached[other] for other in reached.keys() - {name}))


def test_no_function_of_the_lab_is_written_twice_for_numpy() -> None:
    families = [family for family in load_lab({}, ROOT).families if (family.folder / "impl_numpy.py").is_file()]
    assert families
    assert [(family.name, written_twice(family.folder, {one.implementation for one in family.cases})) for family in families] == [
        (family.name, []) for family in families
    ]


def test_a_function_that_is_written_twice_is_seen(folder: Path) -> None:
    (folder / "impl_numpy.py").write_text(REFERENCE, encoding="utf-8")
    assert written_twice(folder, {"half", "smooth", "shifted"}) == ["half", "shifted", "smooth"]
