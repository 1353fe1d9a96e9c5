"""Statistics of a pair: special values, places, memory, threads."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest

from replab.compare import ulp
from replab.compare.ulp import PairStatistics, compare_pair, ulp_distance
from replab.formats import FORMATS, bits_to_float32, round_to

DTYPES = list(FORMATS)


def stored(values, dtype):
    """As an array of the dtype; bfloat16 as float32."""
    return round_to(np.asarray(values, np.float64), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_signed_zeros_are_zero_apart_and_counted(dtype):
    found = compare_pair(stored([0.0, -0.0, 0.0], dtype), stored([-0.0, 0.0, 0.0], dtype), dtype)
    assert found == PairStatistics(
        elements=3,
        different=2,
        ulp_max=0,
        ulp_mean=0,
        ulp_p99=0,
        abs_max=0,
        rel_max=0,
        nan_mismatch=0,
        inf_mismatch=0,
        zero_sign=2,
        worst=0,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_are_counted_and_left_out_of_distances(dtype):
    a = stored([np.nan, np.nan, 1.0, np.inf, np.inf, -np.inf, 2.0, 1.0], dtype)
    b = stored([np.nan, 1.0, np.nan, np.inf, -np.inf, 3.0, np.inf, 1.0], dtype)
    found = compare_pair(a, b, dtype)
    assert (found.different, found.nan_mismatch, found.inf_mismatch, found.ulp_max, found.worst) == (5, 2, 3, 0, 7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_against_infinity_is_a_nan_mismatch(dtype):
    found = compare_pair(stored([np.nan], dtype), stored([np.inf], dtype), dtype)
    assert (found.different, found.nan_mismatch, found.inf_mismatch, found.worst) == (1, 1, 0, -1)


def test_nan_of_other_bits_is_the_same_nan():
    a, b = (np.array([bits], np.uint32).view(np.float32) for bits in (0x7FC00000, 0xFF800001))
    assert compare_pair(a, b, "float32").different == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_two_ends_of_the_line_do_not_wrap(dtype):
    form = FORMATS[dtype]
    a, b = stored([form.largest], dtype), stored([-form.largest], dtype)
    steps = 2 * ((form.emax - form.emin + 2) * 2 ** (form.precision - 1) - 1)
    assert ulp_distance(a, b, dtype).tolist() == [steps]
    found = compare_pair(a, b, dtype)
    assert (found.ulp_max, found.ulp_mean, found.ulp_p99, found.rel_max) == (float(steps), float(steps), float(steps), 2.0)
    assert found.abs_max == (np.inf if dtype == "float64" else 2 * form.largest)


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormals_are_steps_like_all_others(dtype):
    tiny = FORMATS[dtype].smallest_subnormal
    found = compare_pair(stored([tiny, -tiny, 3 * tiny], dtype), stored([-tiny, 0.0, 3 * tiny], dtype), dtype)
    assert (found.ulp_max, found.ulp_mean, found.worst, found.abs_max, found.rel_max) == (2, 1, 0, 2 * tiny, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 511, 512, 513, 70_000])
def test_the_first_of_the_worst_elements_is_named(dtype, size):
    a = stored(np.linspace(1, 1.9, size), dtype)
    b = a.copy()
    for place in (size // 2, size - 1):
        b[place] = stored([a[place] + 4 * 2.0 ** (1 - FORMATS[dtype].precision)], dtype)[0]
    found = compare_pair(a, b, dtype)
    assert (found.ulp_max, found.worst, found.different) == (4, size // 2, 1 if size == 1 else 2)


def test_nothing_to_compare_gives_zeros_and_no_worst_element():
    for dtype in DTYPES:
        found = compare_pair(stored([], dtype), stored([], dtype), dtype)
        assert (found.elements, found.ulp_max, found.ulp_mean, found.worst) == (0, 0, 0, -1)


def test_a_single_number_without_axes_is_compared():
    found = compare_pair(np.array(1.0, np.float32), np.array(1.5, np.float32), "float32")
    assert (found.elements, found.ulp_max, found.worst) == (1, 2**22, 0)


def test_bfloat16_bits_and_their_float32_give_the_same():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2**16, 5000).astype(np.uint16), rng.integers(0, 2**16, 5000).astype(np.uint16)
    assert compare_pair(a, b, "bfloat16") == compare_pair(bits_to_float32(a), bits_to_float32(b), "bfloat16")


def test_every_number_of_16_bits_against_its_neighbour_is_one_step():
    for dtype in ("float16", "bfloat16"):
        raw = np.arange(2**15 - 1, dtype=np.uint16)
        raw = raw[raw < (0x7C00 if dtype == "float16" else 0x7F80) - 1]
        a, b = (each.view(np.float16) if dtype == "float16" else each for each in (raw, raw + np.uint16(1)))
        found = compare_pair(a, b, dtype)
        assert (found.different, found.ulp_max, found.ulp_mean, found.ulp_p99) == (raw.size, 1, 1, 1)


def test_the_largest_difference_is_exact_even_where_float32_would_round_it():
    # 2^24 + 1/2 needs 26 bits: in float32 it would come out as 2^24.
    a, b = np.array([2.0**24, 1.0], np.float32), np.array([-0.5, 1.0], np.float32)
    assert compare_pair(a, b, "float32").abs_max == 2.0**24 + 0.5
    huge = np.array([3e38], np.float32)
    assert compare_pair(huge, -huge, "float32").abs_max == 2 * float(huge[0])


def test_the_largest_ratio_is_that_of_float64_and_not_of_float32():
    rng = np.random.default_rng(5)
    a = (1 + rng.random(100_000)).astype(np.float32)
    b = np.nextafter(a, np.float32(9))
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    assert compare_pair(a, b, "float32").rel_max == float(((wide_b - wide_a) / wide_b).max())


def test_at_most_one_percent_of_distances_is_above_the_99th_percentile():
    a = np.ones(10_000, np.float32)
    b = a.copy()
    b[:100] += np.float32(2.0**-10)
    assert compare_pair(a, b, "float32").ulp_p99 == 0
    b[:101] += np.float32(2.0**-10)
    assert compare_pair(a, b, "float32").ulp_p99 >= 2**13


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_any_layout_give_what_their_copies_give(dtype):
    rng = np.random.default_rng(1)
    a = stored(rng.standard_normal((120, 700)), dtype)
    b = stored(a * (1 + 0.01 * rng.standard_normal(a.shape)), dtype)
    for view in (
        lambda x: x[:, ::3],
        lambda x: x.T,
        lambda x: x[::-1],
        lambda x: x.astype(x.dtype.newbyteorder(">")),
        np.asfortranarray,
        unaligned,
    ):
        left, right = view(a), view(b)
        expected = compare_pair(np.array(left, a.dtype, order="C"), np.array(right, a.dtype, order="C"), dtype)
        assert compare_pair(left, right, dtype) == expected


def unaligned(values):
    """The same numbers at an odd address."""
    room = np.empty(values.nbytes + 1, np.uint8)
    view = room[1:].view(values.dtype).reshape(values.shape)
    view[...] = values
    assert not view.flags.aligned
    return view


def test_read_only_memory_mapped_files_are_taken_as_they_are(tmp_path):
    rng = np.random.default_rng(2)
    a = rng.standard_normal(10_000).astype(np.float32)
    for name, values in (("a", a), ("b", a * np.float32(1.0001))):
        np.save(tmp_path / f"{name}.npy", values)
    left, right = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "ab")
    assert compare_pair(left, right, "float32") == compare_pair(a, a * np.float32(1.0001), "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_results_do_not_depend_on_threads_or_on_where_ranges_end(dtype, monkeypatch):
    rng = np.random.default_rng(3)
    a, b = (stored(rng.standard_normal(50_000), dtype) for _ in range(2))
    a[::777], b[::999] = np.nan, np.inf
    alone = compare_pair(a, b, dtype)
    seen = set()
    honest = ulp._scanner(dtype)

    def watched(piece):
        seen.add(threading.get_ident())
        return honest(piece)

    for length in (1000, 1537, 4096):
        monkeypatch.setattr(ulp, "RANGE", length)
        monkeypatch.setattr(ulp, "CHUNK", length)
        monkeypatch.setattr(ulp.os, "sched_getaffinity", lambda _: range(3))
        monkeypatch.setattr(ulp, "_scanner", lambda _: watched)
        assert compare_pair(a, b, dtype) == alone
    assert threading.get_ident() not in seen


@pytest.mark.parametrize("layout", ["plain", "every other"])
def test_memory_does_not_grow_with_the_arrays(layout):
    def peak(size):
        a = np.ones(2 * size, np.float32)[:: 1 if layout == "plain" else 2]
        b = a.copy() if layout == "plain" else np.full(2 * size, 2, np.float32)[::2]
        compare_pair(a[:9], b[:9], "float32")
        tracemalloc.start()
        compare_pair(a, b, "float32")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1000)
    assert peak(4_000_000) < 2_500_000 + peak(100)


def test_other_shapes_and_dtypes_are_refused():
    one = np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"^shapes or dtypes differ: \(3,\) float32 and \(2,\) float32$"):
        compare_pair(one, one[:2], "float32")
    with pytest.raises(ValueError, match=r"^shapes or dtypes differ: \(3,\) float32 and \(3,\) float64$"):
        compare_pair(one, one.astype(float), "float32")
    with pytest.raises(ValueError, match=r"^an array of float32 does not hold float64$"):
        compare_pair(one, one, "float64")
    with pytest.raises(ValueError, match=r"^an array of float32 does not hold float16$"):
        compare_pair(one, one, "float16")
    with pytest.raises(ValueError, match=r"^shapes differ: \(3,\) and \(2,\)$"):
        ulp_distance(one, one[:2], "float32")


@pytest.mark.parametrize("dtype", DTYPES)
def test_distances_keep_the_shape(dtype):
    for shape in ((), (2, 3)):
        assert ulp_distance(stored(np.ones(shape), dtype), stored(np.zeros(shape), dtype), dtype).shape == shape
