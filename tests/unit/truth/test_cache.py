"""Truths on disk: found again by everything they depend on, made again when they are damaged, refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up import World
from replab.errors import StoreError, TruthError
from replab.model import Factor
from replab.truth import cache

X = np.linspace(-2.0, 2.0, 9)
REFERENCE = "def f(x, slope=0.5):\n    return np.where(x > 0, x, slope * x)\n"
SLOPE = {"slope": Factor(aligned=0.5, alternatives=(0.25,))}


def standing(world: World, dtype: str = "float32", derivative: int = 0) -> Any:
    return cache.judging_cell(world.case, dtype, "", derivative)


def file_of(world: World, **changed: Any) -> Path:
    return world.truths.path(world.truths.key(world.family, standing(world), world.index, changed))


def test_a_truth_is_that_of_the_reference_on_the_inputs_as_their_dtype_has_them(tmp_path: Path) -> None:
    world = World(tmp_path, REFERENCE, {"x": X}, SLOPE)
    (truth,) = world.truths.get(world.family, standing(world), world.index)
    x = X.astype(np.float32).astype(np.float64)
    assert np.array_equal(truth.high, np.where(x > 0, x, 0.5 * x))
    (changed,) = world.truths.get(world.family, standing(world), world.index, {"slope": 0.25})
    assert np.array_equal(changed.high, np.where(x > 0, x, 0.25 * x))


def test_what_was_written_is_what_was_certified(tmp_path: Path) -> None:
    """Read a second time from disk: the same numbers, and a bound that is none the smaller for being stored."""
    world = World(tmp_path, "def f(x):\n    return np.exp(x) / 3.0\n", {"x": X})
    (first,) = world.truths.get(world.family, standing(world), world.index)
    (again,) = World(tmp_path, "def f(x):\n    return np.exp(x) / 3.0\n", {"x": X}).truths.get(world.family, standing(world), world.index)
    for part in ("high", "low", "bound", "sigma", "ieee"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
    exact = np.exp(X.astype(np.float32).astype(np.longdouble)) / 3
    assert np.all(np.abs(exact - first.high - first.low) <= first.bound + 2.0**-60 * np.abs(first.high))


def test_where_rounding_decides_a_branch_is_kept(tmp_path: Path) -> None:
    """Ten times 0.1 against 1: all elements of one case, none of the other."""
    reference = "def f(x):\n    return x if np.sum(x) > 1.0 else -x\n"
    world = World(tmp_path / "decided", reference, {"x": np.full(10, 0.1)})
    (truth,) = world.truths.get(world.family, standing(world), world.index)
    assert truth.cut is not None
    assert np.allclose(truth.cut, 0.0, atol=1e-6)
    steady = World(tmp_path / "steady", reference, {"x": np.full(10, 0.2)})
    assert steady.truths.get(steady.family, standing(steady), steady.index)[0].cut is None


EDITS = {
    "the reference": lambda world: World(world.data.parent, REFERENCE.replace("0.5", "0.25"), {"x": X}, SLOPE),
    "an input": lambda world: World(world.data.parent, REFERENCE, {"x": X + 1.0}, SLOPE),
    "a parameter": lambda world: World(world.data.parent, REFERENCE, {"x": X}, {"slope": Factor(aligned=0.125)}),
    "elementwise": lambda world: World(world.data.parent, REFERENCE, {"x": X}, SLOPE, elementwise=True),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_whatever_it_depends_on_makes_another_truth(tmp_path: Path, edit: Any) -> None:
    world = World(tmp_path, REFERENCE, {"x": X}, SLOPE)
    before = {file_of(world), file_of(world, slope=0.25)}
    assert len(before) == 2
    assert file_of(edit(world)) not in before


def test_words_of_the_reference_do_not(tmp_path: Path) -> None:
    before = file_of(World(tmp_path / "a", REFERENCE, {"x": X}, SLOPE)).name
    other = REFERENCE.replace("    return", '    """Leaky."""\n    # a comment\n    return') + "\n\ndef g(x):\n    return x\n"
    assert file_of(World(tmp_path / "b", other, {"x": X}, SLOPE)).name == before


@pytest.mark.parametrize("place", [0.02, 0.5, 0.98])
def test_a_damaged_truth_is_made_again(tmp_path: Path, place: float) -> None:
    world = World(tmp_path, REFERENCE, {"x": X}, SLOPE)
    (first,) = world.truths.get(world.family, standing(world), world.index)
    path = file_of(world)
    sound = path.read_bytes()
    data = bytearray(sound)
    data[int(place * len(data))] ^= 0x10
    path.write_bytes(data)
    (again,) = world.truths.get(world.family, standing(world), world.index)
    assert np.array_equal(first.high, again.high)
    assert path.read_bytes() == sound


def test_a_damaged_input_is_no_input(tmp_path: Path) -> None:
    world = World(tmp_path, REFERENCE, {"x": X}, SLOPE)
    name = world.index["f"]["float32"]["value"]["inputs"][0]["sha256"]
    path = world.data / f"{name}.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged"):
        world.truths.get(world.family, standing(world), world.index)


REFUSED = {
    "raises": ("    raise ValueError('no')", "ValueError: no"),
    "gives text": ("    return 'x'", "returns a str: an output is a number"),
    "gives nothing": ("    return None", "returns a NoneType: an output is a number"),
    "needs what is not there": ("    return np.nothing(x)", "nothing"),
    "leaves certified arithmetic": ("    return np.exp(x).astype('float64')", "astype"),
}


@pytest.mark.parametrize(("body", "said"), REFUSED.values(), ids=REFUSED)
def test_a_reference_that_has_no_answer_says_why(tmp_path: Path, body: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path, f"def f(x):\n{body}\n", {"x": X})
    problem = world.truths.told(world.family, standing(world), world.index)["problem"]
    assert said in problem
    line = "4: `def f(x):`" if "an output is a number" in said else f"5: `{body.strip()}`"
    assert problem.endswith(f", in reference.py:{line}: f (order 0)")
    with pytest.raises(TruthError):
        world.truths.get(world.family, standing(world), world.index)
    assert not file_of(world).exists()
    capsys.readouterr()


SECOND_NAMES = {
    "of the file": "WEIGHTS = np.array([1.0])\nOTHER = WEIGHTS\nOTHER += 1.0\n\n\ndef f(x):\n    return x * WEIGHTS\n",
    "of a list": "L = [2.0]\nM = L\nM += [3.0]\n\n\ndef f(x):\n    return x * L[-1]\n",
    "of two targets": "A = B = np.array([1.0])\nB += 1.0\n\n\ndef f(x):\n    return x * A\n",
    "in a function": "def f(x):\n    y = 2.0 * x\n    z = y\n    z += 1.0\n    return y\n",
}


@pytest.mark.parametrize("reference", SECOND_NAMES.values(), ids=SECOND_NAMES)
def test_what_is_changed_under_a_second_name_is_refused(tmp_path: Path, reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In NumPy both names are one array; nothing may be certified of what only one of them would be here."""
    world = World(tmp_path, reference, {"x": X})
    assert "has another name" in world.truths.told(world.family, standing(world), world.index)["problem"]
    capsys.readouterr()


def test_envelopes_of_more_runs_are_made_once_and_kept(tmp_path: Path) -> None:
    """Truth, bound and what is unknown stay; σ is estimated anew, and nearer to what it is."""
    x = np.linspace(1.0, 2.0, 30)
    world = World(tmp_path, "def f(x):\n    return np.cumsum(x) / np.sum(x)", {"x": x})
    cell = standing(world)
    (known,) = world.truths.get(world.family, cell, world.index)
    (better,) = world.truths.sharpened(world.family, cell, world.index)
    assert (known.runs, better.runs) == (32, 128)
    assert np.array_equal(known.high, better.high)
    assert np.all(better.sigma != known.sigma)
    assert np.all(np.abs(better.sigma / known.sigma - 1.0) < 0.6)
    files = sorted((tmp_path / "store").rglob("*.safetensors"))
    assert len(files) == 2
    before = [file.stat().st_mtime_ns for file in files]
    (again,) = world.truths.sharpened(world.family, cell, world.index)
    assert np.array_equal(again.sigma, better.sigma)
    assert [file.stat().st_mtime_ns for file in files] == before
