"""Bundled data sets are the same bytes on every machine, in the order of scikit-learn, and standardised over the whole set."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from sklearn import datasets

from replab.errors import ConfigError
from replab.formats import FORMATS
from replab.model import Generator
from replab.run import inputs

GOLDEN = {
    ("digits", "x"): "23a53393488b04f9",
    ("digits", "y"): "a3c91c262eddcf7b",
    ("digits", "one_hot"): "3bc17cf904730d5b",
    ("diabetes", "x"): "a99373168bc247ee",
    ("diabetes", "y"): "57939cc05ce82a5a",
}
SHAPES = {
    ("digits", "x"): (1797, 64),
    ("digits", "y"): (1797,),
    ("digits", "one_hot"): (1797, 10),
    ("diabetes", "x"): (442, 10),
    ("diabetes", "y"): (442, 1),
}


def made(dtype="float64", **options):
    return inputs.generate(Generator(name="g", kind="dataset", options=options), dtype, points=1, derivative=False)


@pytest.mark.parametrize(("name", "part"), GOLDEN)
def test_bytes_and_shapes_are_the_same_on_every_machine(name, part):
    values = made(name=name, part=part)
    assert values.shape == SHAPES[name, part]
    assert hashlib.sha256(values.tobytes()).hexdigest()[:16] == GOLDEN[name, part]


def test_pixels_are_sixteenths_that_every_format_represents():
    pixels = datasets.load_digits().data
    for dtype in FORMATS:
        assert np.array_equal(made(dtype, name="digits", part="x").astype(np.float64) * 16, pixels)


def test_labels_are_whole_numbers_in_every_dtype_and_agree_with_the_rows_of_one_hot():
    labels = made("float32", name="digits", part="y")
    assert labels.dtype == np.int64
    assert labels.tolist() == datasets.load_digits().target.tolist()
    hot = made("float32", name="digits", part="one_hot")
    assert (hot.dtype, np.argmax(hot, axis=1).tolist(), set(hot.sum(axis=1))) == (np.float32, labels.tolist(), {1.0})


@pytest.mark.parametrize("part", ["x", "y"])
def test_patients_have_mean_0_and_deviation_1_over_the_whole_set(part):
    values = made(name="diabetes", part=part)
    raw = datasets.load_diabetes(scaled=False)
    table = raw.data if part == "x" else raw.target[:, None]
    assert np.abs(values.mean(axis=0)).max() < 1e-14
    assert np.abs(values.std(axis=0) - 1).max() < 1e-14
    assert np.allclose(values, (table - table.mean(axis=0)) / table.std(axis=0), rtol=1e-12, atol=1e-12)


def test_rows_are_a_slice_of_the_whole_whatever_is_asked_for():
    whole = made(name="diabetes", part="x")
    assert np.array_equal(made(name="diabetes", part="x", rows=7, start=100), whole[100:107])
    assert np.array_equal(made(name="diabetes", part="x", start=440), whole[440:])
    assert np.array_equal(made("float32", name="diabetes", part="x", rows=3), whole[:3].astype(np.float32))


def test_a_caller_cannot_spoil_the_data_for_the_next():
    first = made(name="digits", part="x", rows=2)
    first[:] = -1
    assert made(name="digits", part="x", rows=2).min() == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "iris", "part": "x"}, "g.name: must be diabetes or digits, not 'iris'"),
        ({"name": "digits", "part": "z"}, "g.part: digits has no part 'z', only x, y, one_hot"),
        ({"name": "digits", "part": "x", "rows": 1000, "start": 1000}, "g: digits has the rows 0 to 1797, not 1000 to 2000"),
        ({"name": "digits", "part": "x", "rows": 0}, "g.rows: must be a whole number from 1 on, not 0"),
        ({"name": "digits"}, "g: the kind 'dataset' needs the option 'part'"),
    ],
)
def test_what_is_not_there_is_named(options, said):
    with pytest.raises(ConfigError) as caught:
        made(**options)
    assert str(caught.value) == f"generators.{said}"
