"""The formats: their constants, and what is said about NaN, infinities, zeros and shapes."""

from __future__ import annotations

import numpy as np
import pytest

from replab.formats import FORMATS, bits_to_float32, float32_to_bits, ordered_key, round_to, spacing


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_constants_are_those_of_numpy(dtype):
    form, info = FORMATS[dtype], np.finfo(dtype)
    assert (form.largest, form.smallest_normal, form.smallest_subnormal) == (
        float(info.max),
        float(info.smallest_normal),
        float(info.smallest_subnormal),
    )
    assert form.unit_roundoff == float(info.eps) / 2


def test_bfloat16_is_the_upper_half_of_float32():
    form = FORMATS["bfloat16"]
    assert form.largest == float(bits_to_float32(np.array([0x7F7F], np.uint16))[0])
    assert form.smallest_normal == float(bits_to_float32(np.array([0x0080], np.uint16))[0])
    assert form.smallest_subnormal == float(bits_to_float32(np.array([0x0001], np.uint16))[0])


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_special_values_keep_themselves_when_rounded(dtype):
    found = round_to(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0]), dtype).astype(float)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [np.inf, -np.inf, 0.0, 0.0]
    assert np.signbit(found[3:]).tolist() == [False, True]


@pytest.mark.parametrize("dtype", list(FORMATS))
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 2, 0)])
def test_shapes_stay(dtype, shape):
    values = np.ones(shape)
    rounded = round_to(values, dtype)
    assert rounded.shape == ordered_key(rounded, dtype).shape == spacing(values, dtype).shape == shape


def test_bits_keep_their_shape():
    for shape in ((), (2, 3)):
        assert float32_to_bits(np.ones(shape, np.float32)).shape == bits_to_float32(np.ones(shape, np.uint16)).shape == shape


def test_a_nan_of_any_payload_stays_a_nan_in_bfloat16():
    payload = np.array([0x7F800001, 0xFF800001, 0x7FFFFFFF], np.uint32).view(
        np.float32
    )  # cutting the lower half off would make infinities of two
    assert np.isnan(round_to(payload, "bfloat16")).all()


def test_signed_zeros_are_the_same_place():
    for dtype in FORMATS:
        assert ordered_key(round_to(np.array([0.0, -0.0]), dtype), dtype).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_spacing_is_that_of_numpy(dtype):
    values = np.concatenate(
        [np.geomspace(FORMATS[dtype].smallest_subnormal, FORMATS[dtype].largest / 2, 999), [0.0, 1.0, FORMATS[dtype].smallest_normal]]
    ).astype(dtype)
    assert np.array_equal(spacing(values.astype(np.float64), dtype), np.spacing(values).astype(np.float64))


def test_spacing_of_what_is_not_finite_is_unknown():
    assert np.isnan(spacing(np.array([np.inf, -np.inf, np.nan]), "float32")).all()


def test_arrays_that_are_no_plain_memory_are_keyed_alike():
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (values[:, ::2], values.T, values.astype(">f4")):
        assert np.array_equal(ordered_key(view, "float32"), ordered_key(np.array(view, np.float32, order="C"), "float32"))
