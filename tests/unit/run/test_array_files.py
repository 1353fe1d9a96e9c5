"""Inputs from files that a family brings along: what is read, and what is said of files that cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from replab.config.loading import load_lab
from replab.errors import ConfigErrors, LabError
from replab.model import Generator
from replab.run import inputs
from replab.run.requests import write_inputs

ROOT = Path(__file__).resolve().parents[3]
TABLE = """
title = "Of files"
question = "?"

[generators.x]
kind = "file"
{options}

[cases]
twice = {{ inputs = {{ x = "x" }}, dtypes = ["float32"], derivatives = {derivatives} }}
"""
WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4) / 3


def safetensors(header: dict[str, object], data: bytes) -> bytes:
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data


def family(folder: Path, options: str, derivatives: int = 0) -> Path:
    here = folder / "mine"
    here.mkdir(exist_ok=True)
    (here / "experiment.toml").write_text(TABLE.format(options=options, derivatives=derivatives))
    (here / "reference.py").write_text("import numpy as np\n\n\ndef twice(x):\n    return 2 * x\n")
    return here


def made(folder: Path, grid: str = "float32", /, **options: object) -> np.ndarray:
    generator = Generator(name="x", kind="file", options=options)
    return inputs.generate(generator, grid, points=1, derivative=False, folder=folder)


def faults(folder: Path, options: str) -> str:
    family(folder, options)
    with pytest.raises(ConfigErrors) as raised:
        load_lab({"experiments": str(folder), "families": "mine", "environments": "numpy-2.5"}, ROOT)
    return "\n".join(map(str, raised.value.faults))


def test_each_kind_of_file_gives_its_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", WEIGHTS)
    np.save(tmp_path / "f.npy", np.asfortranarray(WEIGHTS.astype(">f8")))
    np.savez(tmp_path / "b.npz", kernel=WEIGHTS, bias=WEIGHTS[0])
    np.savez_compressed(tmp_path / "c.npz", kernel=WEIGHTS)
    described = {"w": {"dtype": "F32", "shape": [3, 4], "data_offsets": [4, 52]}, "__metadata__": {"format": "pt"}}
    (tmp_path / "d.safetensors").write_bytes(safetensors(described, b"\0" * 4 + WEIGHTS.tobytes()))
    for options in (
        {"path": "a.npy"},
        {"path": "f.npy"},
        {"path": "b.npz", "name": "kernel"},
        {"path": "c.npz", "name": "kernel", "shape": [3, 4]},
        {"path": "d.safetensors", "name": "w"},
    ):
        values = made(tmp_path, **options)
        assert np.array_equal(values, WEIGHTS), options
    bits = np.array([0x3F80, 0xC000], np.uint16)  # 1, -2
    narrow = {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    (tmp_path / "n.safetensors").write_bytes(safetensors(narrow, bits.tobytes()))
    assert made(tmp_path, "bfloat16", path="n.safetensors", name="w").tolist() == [1.0, -2.0]


def test_floats_lie_on_the_grid_of_the_cell_and_integers_stay_what_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([0.1, 1.0]))
    assert made(tmp_path, "float32", path="w.npy")[0] == np.float32(0.1)
    assert made(tmp_path, "float64", path="w.npy")[0] == 0.1
    for kind, becomes in {"int8": "int64", "uint16": "int64", "int32": "int32", "int64": "int64", "bool": "bool"}.items():
        np.save(tmp_path / "i.npy", np.array([0, 1], kind))
        assert made(tmp_path, path="i.npy").dtype == becomes
    np.save(tmp_path / "pixels.npy", np.array([0, 255], np.uint8))
    assert made(tmp_path, path="pixels.npy", dtype="float64").dtype.kind == "f"
    assert made(tmp_path, path="pixels.npy", dtype="int32").dtype == np.int32
    for kept, wanted in (([0.5], "int32"), ([2.0**40], "int32"), ([np.nan, 1.0], "int64"), ([2], "bool")):
        np.save(tmp_path / "no.npy", np.array(kept))
        with pytest.raises(LabError, match=f"holds numbers that {wanted} does not have"):
            made(tmp_path, path="no.npy", dtype=wanted)


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda _: None, 'path = "w.npy"', "w.npy does not exist in"),
    "outside": (lambda _: None, 'path = "../w.npy"', "../w.npy lies outside of the family"),
    "absolute": (lambda _: None, 'path = "/etc/passwd"', "/etc/passwd lies outside of the family"),
    "a link to elsewhere": (lambda here: os.symlink("/etc/hostname", here / "w.npy"), 'path = "w.npy"', "w.npy lies outside of the family"),
    "a folder": (lambda here: (here / "w.npy").mkdir(), 'path = "w.npy"', "w.npy is not a file"),
    "another kind": (lambda here: (here / "w.pt").write_bytes(b""), 'path = "w.pt"', "w.pt is no file of arrays: known are .npy"),
    "empty file": (lambda here: (here / "w.npy").write_bytes(b""), 'path = "w.npy"', "w.npy is damaged: it does not begin"),
    "no archive": (lambda here: (here / "w.npz").write_bytes(b"PK"), 'path = "w.npz"\nname = "a"', "w.npz is damaged: File is not a zip"),
    "no header": (
        lambda here: (here / "w.safetensors").write_bytes(b"\xff" * 40),
        'path = "w.safetensors"\nname = "a"',
        "w.safetensors is damaged: its header would have",
    ),
    "cut short": (
        lambda here: (np.save(here / "w.npy", WEIGHTS), os.truncate(here / "w.npy", 150)),
        'path = "w.npy"',
        "w.npy is damaged: it has 150 bytes, and would need 176",
    ),
    "objects": (
        lambda here: np.save(here / "w.npy", np.array([{}], object), allow_pickle=True),
        'path = "w.npy"',
        "w.npy holds '|O': an input is an array of numbers",
    ),
    "complex": (lambda here: np.save(here / "w.npy", np.array([1j])), 'path = "w.npy"', "w.npy holds '<c16'"),
    "another shape": (
        lambda here: np.save(here / "w.npy", WEIGHTS),
        'path = "w.npy"\nshape = [4, 3]',
        "generators.x.shape: w.npy has the shape [3, 4], not [4, 3]",
    ),
    "no element": (lambda here: np.save(here / "w.npy", WEIGHTS[:0]), 'path = "w.npy"', "w.npy has no element"),
    "no name": (lambda here: np.savez(here / "w.npz", a=WEIGHTS), 'path = "w.npz"', "w.npz holds several arrays: say name = one of a"),
    "another name": (
        lambda here: np.savez(here / "w.npz", a=WEIGHTS, b=WEIGHTS),
        'path = "w.npz"\nname = "c"',
        "w.npz has no array 'c', only a, b",
    ),
    "a name too many": (
        lambda here: np.save(here / "w.npy", WEIGHTS),
        'path = "w.npy"\nname = "a"',
        "generators.x.name: is for files with",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_cannot_be_read_is_a_fault_of_the_family(what: str, tmp_path: Path) -> None:
    """It is said at the start, before anything is built, with the name of the file."""
    spoil, options, said = BROKEN[what]
    (tmp_path / "mine").mkdir()
    spoil(tmp_path / "mine")
    assert said in faults(tmp_path, options)


@pytest.mark.processes
def test_an_archive_whose_data_are_damaged_costs_its_case(tmp_path: Path) -> None:
    here = family(tmp_path, 'path = "w.npz"\nname = "a"')
    np.savez(here / "w.npz", a=np.ones(2**17))  # so long that its header is read without its end
    data = bytearray((here / "w.npz").read_bytes())
    data[2**19] ^= 1
    (here / "w.npz").write_bytes(bytes(data))
    lab = load_lab({"experiments": str(tmp_path), "families": "mine", "environments": "numpy-2.5"}, ROOT)
    index = write_inputs(lab.families[0], 16, tmp_path / "data")
    assert "w.npz: is damaged: Bad CRC-32" in index["twice"]["float32"]["value"]["problem"]


@pytest.mark.processes
def test_values_of_a_file_are_inputs_like_others(tmp_path: Path) -> None:
    """They are written by their hash, with cotangents, and a changed file makes other inputs."""
    here = family(tmp_path, 'path = "w.npy"', derivatives=1)
    settings = {"experiments": str(tmp_path), "families": "mine", "environments": "numpy-2.5"}
    found = []
    for factor in (1, 2):
        np.save(here / "w.npy", factor * WEIGHTS)
        index = write_inputs(load_lab(settings, ROOT).families[0], 16, tmp_path / "data")
        (described,) = index["twice"]["float32"]["derivative"]["inputs"]
        assert np.array_equal(np.load(tmp_path / "data" / f"{described['sha256']}.npy"), factor * WEIGHTS)
        assert index["twice"]["float32"]["derivative"]["cotangents"][0][0]["shape"] == [3, 4]
        found.append(described["sha256"])
    assert len(set(found)) == 2
