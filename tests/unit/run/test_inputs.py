"""Inputs are bytes that stay the same, cover the range, and lie on the grid of their dtype."""

from __future__ import annotations

import hashlib
import inspect

import numpy as np
import pytest

from replab.config import generators
from replab.config.cases import KINDS
from replab.errors import ConfigError
from replab.formats import FORMATS, round_to
from replab.model import Case, Generator
from replab.run import inputs

DTYPES = list(FORMATS)


def made(kind, dtype="float64", /, *, points=4096, derivative=False, name="g", **options):
    return inputs.generate(Generator(name=name, kind=kind, options=options), dtype, points=points, derivative=derivative)


def case(count, **more):
    names = "xyz"[:count]
    generators = {name: Generator(name=name, kind="float_range", options={}) for name in names}
    return Case(
        **{"family": "ops", "name": "f", "title": "", "function": "f", "inputs": generators, "parameters": {}, "dtypes": ("float32",)}
        | more
    )


def test_the_kinds_of_the_configuration_are_the_generators():
    assert set(KINDS) == set(inputs.GENERATORS)


def test_the_options_of_the_configuration_are_the_arguments_of_the_generators():
    given = {"points", "derivative", "folder"}
    for kind, function in inputs.GENERATORS.items():
        arguments = {
            name: one for name, one in inspect.signature(function).parameters.items() if one.kind is one.KEYWORD_ONLY and name not in given
        }
        assert set(arguments) == set(generators.KINDS[kind]), kind
        assert {name for name, one in arguments.items() if one.default is one.empty} == {
            name for name, one in generators.KINDS[kind].items() if one.required
        }, kind
    assert {name: (one.precision, one.emin, one.emax) for name, one in FORMATS.items()} == generators.NORMAL
    assert {name: (len(inputs._bundled(name)["x"]), tuple(inputs._bundled(name))) for name in generators.ROWS} == {
        name: (rows, generators.PARTS[name]) for name, rows in generators.ROWS.items()
    }


GOLDEN = {
    ("float_range", "float32"): "7ec74c8bc71f695e",
    ("normal", "float64"): "67c94f6d8d121336",
    ("uniform", "bfloat16"): "6dedcd2dbd95c78e",
    ("integers", "float32"): "9686366a778cd970",
    ("ties", "float16"): "c63d9a4f0e108cc2",
    ("one_hot", "float32"): "e179912fc1a57cbf",
    ("permutation", "float32"): "9ac1fb6a3c0c2e72",
}
OPTIONS = {
    "normal": {"shape": [7, 5]},
    "uniform": {"shape": [40]},
    "integers": {"shape": [40], "lo": -3, "hi": 9},
    "ties": {"shape": [40]},
    "one_hot": {"shape": [9, 4]},
    "permutation": {"n": 33},
}


@pytest.mark.parametrize(("kind", "dtype"), GOLDEN)
def test_bytes_are_the_same_on_every_machine_and_with_every_numpy(kind, dtype):
    values = made(kind, dtype, **OPTIONS.get(kind, {}))
    assert hashlib.sha256(f"{values.dtype} {values.shape}".encode() + values.tobytes()).hexdigest()[:16] == GOLDEN[kind, dtype]


@pytest.mark.parametrize("kind", ["normal", "float_range"])
def test_another_name_or_seed_gives_other_bytes(kind):
    options = OPTIONS.get(kind, {})
    first = made(kind, **options)
    assert np.array_equal(first, made(kind, **options))
    assert not np.array_equal(first, made(kind, name="h", **options))
    assert not np.array_equal(first, made(kind, seed=1, **options))
    assert np.array_equal(made(kind, seed=1, **options), made(kind, seed=1, name="h", **options))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize(
    ("lo", "hi", "positive"),
    [
        (-np.inf, np.inf, False),
        (-0.5, 2.0, False),
        (0.0, np.inf, True),
        (3.0, 5.0, False),
        (-7.0, -2.0, False),
        (-1e30, 1e30, False),
        (1e-3, 1e-2, True),
    ],
)
def test_ranges_are_kept_and_values_are_normal_numbers_of_the_format(dtype, derivative, lo, hi, positive):
    form = FORMATS[dtype]
    values = made("float_range", dtype, lo=lo, hi=hi, positive=positive, derivative=derivative).astype(np.float64)
    assert np.isfinite(values).all()
    assert np.array_equal(round_to(values, dtype).astype(np.float64), values)
    slack = 2 * form.unit_roundoff * np.maximum(np.abs(values), 1e-30)  # the ends themselves are rounded to the format
    assert np.all(values >= (max(lo, 0.0) if positive else lo) - slack)
    assert np.all(values <= hi + slack)
    assert np.all(np.abs(values) >= form.smallest_normal)
    if positive:
        assert np.all(values > 0)
    if derivative:
        assert np.all(np.abs(values) <= 64)
        assert len(values) == inputs.DERIVATIVE_POINTS


@pytest.mark.parametrize("points", [10, 1000, 4096, 32768])
def test_there_are_as_many_points_as_asked_for(points):
    assert made("float_range", "float32", points=points).shape == (points,)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_formats_are_covered_whole(dtype):
    form = FORMATS[dtype]
    values = made("float_range", dtype)
    assert len(np.unique(values)) == len(values) == 2 * (form.emax - form.emin + 1) * 2 ** (form.precision - 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tails_of_both_signs_and_neighbourhoods_of_zeros_are_covered(dtype):
    form = FORMATS[dtype]
    values = made("float_range", dtype, points=32768, zeros=[1.0]).astype(np.float64)
    exponents = np.frexp(values)[1] - 1
    for sign in (-1, 1):
        mine = exponents[np.sign(values) == sign]
        assert mine.min() <= form.emin + (form.emax - form.emin) * 0.01
        assert mine.max() >= form.emax - (form.emax - form.emin) * 0.01
    near = np.abs(values - 1) <= 16 * 2.0 ** (1 - form.precision)
    assert near.sum() > 200
    assert len(np.unique(exponents)) > 0.9 * (form.emax - form.emin)


def test_written_values_are_what_they_say():
    values = made("values", "float32", values=[1, "0x1.8p+1", "nan", "-inf", "-0.0", "0.1"])
    assert values.dtype == np.float32
    assert np.array_equal(values, np.array([1, 3, np.nan, -np.inf, -0.0, 0.1], np.float32), equal_nan=True)
    assert np.signbit(values[4])
    assert made("values", "float32", values=[1, 2, 3, 4], shape=[2, 2], dtype="int64").tolist() == [[1, 2], [3, 4]]
    assert made("values", "float32", values=[True, False], dtype="bool").dtype == bool


def test_integers_keep_their_own_dtype_and_bounds():
    values = made("integers", "float32", shape=[1000], lo=-3, hi=4, dtype="int32")
    assert (values.dtype, values.min(), values.max()) == (np.int32, -3, 3)


def test_matrices_have_the_properties_they_are_named_for():
    q = made("orthogonal", n=8)
    assert np.abs(q @ q.T - np.eye(8)).max() < 1e-14
    s = made("spd", n=8, condition=1e6)
    assert np.array_equal(s, s.T)
    assert np.linalg.cond(s) == pytest.approx(1e6, rel=1e-6)
    assert np.linalg.eigvalsh(s).min() > 0
    assert np.linalg.cond(made("conditioned", shape=[9, 5], condition=1e8)) == pytest.approx(1e8, rel=1e-5)
    assert sorted(made("permutation", n=20).tolist()) == list(range(20))
    assert made("one_hot", shape=[6, 3]).sum(axis=1).tolist() == [1.0] * 6
    assert len(np.unique(made("ties", shape=[500]))) == 5


def test_options_that_do_not_fit_are_named():
    with pytest.raises(ConfigError) as caught:
        made("normal", shape=[3], width=2)
    assert str(caught.value) == "generators.g: the kind 'normal' has no option 'width', only loc, scale, seed, shape"
    with pytest.raises(ConfigError) as caught:
        made("values", values=["one"])
    assert (
        str(caught.value) == "generators.g.values: must be a list of numbers of at most 64 bits, or of texts that are numbers, not ['one']"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_are_all_there(dtype):
    form = FORMATS[dtype]
    line = round_to(inputs.specials(dtype), dtype).astype(np.float64)
    for value in (
        np.inf,
        -np.inf,
        form.largest,
        -form.largest,
        form.smallest_normal,
        form.smallest_subnormal,
        -form.smallest_subnormal,
        1.0,
    ):
        assert value in line
    assert np.isnan(line).any()
    assert {bool(sign) for sign in np.signbit(line[line == 0])} == {True, False}
    assert ((np.abs(line) > 0) & (np.abs(line) < form.smallest_normal)).sum() >= 4


@pytest.mark.parametrize("count", [1, 2, 3])
def test_special_inputs_meet_each_other_in_every_combination(count):
    arrays = inputs.case_inputs(case(count, special=True), "float32", points=10, derivative=False)
    assert list(arrays) == list("xyz"[:count])
    rows = {tuple(np.array([array[i] for array in arrays.values()], np.float32).tobytes() for _ in (0,)) for i in range(len(arrays["x"]))}
    sides = len({value.tobytes() for value in arrays["x"]})
    assert len(rows) == sides**count == len(arrays["x"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_cotangents_are_near_one_and_on_the_grid(dtype):
    values = inputs.cotangent("f:0:out", (50, 3), dtype).astype(np.float64)
    assert (values.min() >= 0.5, values.max() <= 1.5, len(np.unique(values)) > 40) == (True, True, True)
    assert np.array_equal(round_to(values, dtype).astype(np.float64), values)
    assert inputs.cotangent("f:0:out", (), dtype).tolist() == 1.0
    assert inputs.cotangent("f:0:out", (1, 1), dtype).tolist() == [[1.0]]
    assert not np.array_equal(values, inputs.cotangent("f:1:out", (50, 3), dtype).astype(np.float64))


def test_files_are_named_by_their_hash_and_mended_when_damaged(tmp_path):
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    digest = inputs.write_array(tmp_path, values)
    path = tmp_path / f"{digest}.npy"
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    assert np.array_equal(np.load(path), values)
    assert inputs.write_array(tmp_path, np.asfortranarray(values)) == digest
    for damaged in (data[:-1], data[:-1] + bytes([data[-1] ^ 1])):  # the second has the size that it should have
        path.write_bytes(damaged)
        inputs.write_array(tmp_path, values)
        assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert inputs.write_array(tmp_path, np.float32(3)) != digest
