"""Distances between two arrays of one format in representable steps, and all statistics of a pair in one compiled pass.

The pass is bound by memory, not by arithmetic: it works on tiles that stay in the first-level cache, with branch-free integer loops that
the compiler turns into vector instructions. Every statistic is a sum of integers or a maximum, so threads cannot change a result.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replab.formats import FORMATS, Array, bits_to_float32, float32_to_bits, ordered_key

TILE = 512
"""Elements of a tile: its buffers (20 bytes an element in float32) fit a first-level cache with room for the inputs that stream through."""
RANGE = 2**22
"""Elements that one task takes; below two of them a second thread costs more than it brings."""
CHUNK = 2**16
"""Elements copied at a time where an array is not a plain run of memory."""
STEP_BITS = 64
FINITE, UNEQUAL, NAN, INF, LOW, HIGH, LARGEST, PLACE, ABOVE = range(9)
"""Slots of a range's totals: ``LOW`` and ``HIGH`` are the sum of all steps in 32-bit halves, ``PLACE`` is an index plus 1, from ``ABOVE``
on stands for each b how many elements are at least 2^b steps apart."""
SLACK = 1.0 + 2.0**-20
"""More than the rounding of a float32 difference and quotient together: what is below a maximum by more cannot beat it in float64."""


def ulp_distance(a: NDArray[np.floating], b: NDArray[np.floating], dtype: str) -> NDArray[np.uint64]:
    """Representable steps between ``a`` and ``b``, elementwise (same shape in, uint64 out); cannot wrap.

    +0 and -0 are zero apart. Where either side is NaN the result is meaningless: mask first. bfloat16 comes as float32.
    Raises ``ValueError`` when shapes differ.
    """
    if np.shape(a) != np.shape(b):
        raise ValueError(f"shapes differ: {np.shape(a)} and {np.shape(b)}")
    ka, kb = ordered_key(a, dtype), ordered_key(b, dtype)
    return np.where(ka >= kb, ka.view(np.uint64) - kb.view(np.uint64), kb.view(np.uint64) - ka.view(np.uint64))


@dataclass(frozen=True, kw_only=True, slots=True)
class PairStatistics:
    """Everything about two arrays of one format and shape; distances are over the elements that are finite on both sides."""

    elements: int
    different: int
    """Elements with different bits (NaN against NaN counts as equal, +0 against -0 as different)."""
    ulp_max: float
    ulp_mean: float
    """The exact sum of all steps over their number, rounded once."""
    ulp_p99: float
    """An upper bound of the 99th percentile: the end of its power of two (exact at 0 and 1), at most ``ulp_max``."""
    abs_max: float
    """Largest |a-b|, rounded once to float64."""
    rel_max: float
    """Largest |a-b| / max(|a|, |b|), as float64 operations give it."""
    nan_mismatch: int
    inf_mismatch: int
    zero_sign: int
    worst: int
    """Flat index of the first element with the largest distance in ULP; -1 when no element is finite on both sides."""


def compare_pair(a: Array, b: Array, dtype: str) -> PairStatistics:
    """All statistics of two arrays of one format, memory-mapped or not; bfloat16 as uint16 bits or as float32 of the same values.

    Memory beside the inputs does not grow with them. Raises ``ValueError`` when shapes or dtypes differ or do not fit the format.
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(f"shapes or dtypes differ: {a.shape} {a.dtype} and {b.shape} {b.dtype}")
    stored = (np.dtype(np.uint16), np.dtype(np.float32)) if dtype == "bfloat16" else (np.dtype(dtype),)
    if a.dtype.newbyteorder("=") not in stored:
        raise ValueError(f"an array of {a.dtype} does not hold {dtype}")
    ranges = _ranges(a, b, RANGE if a.itemsize > 2 and dtype != "bfloat16" else CHUNK)
    return _statistics(a.size, _mapped(_scanner(dtype), ranges, a.size))


Pieces = tuple[int, Array, Array]


def _ranges(a: Array, b: Array, length: int) -> Iterator[Pieces]:
    """(offset, piece of a, piece of b), flat, in order; views where the arrays are plain memory, else copies of ``CHUNK`` elements."""
    if all(each.flags.c_contiguous and each.flags.aligned and each.dtype.isnative for each in (a, b)):
        a, b = a.reshape(-1), b.reshape(-1)
        for start in range(0, a.size, length):
            yield start, a[start : start + length], b[start : start + length]
        return
    native = a.dtype.newbyteorder("=")
    start = 0
    for x, y in np.nditer(
        [a, b],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly", "aligned", "nbo"]] * 2,
        op_dtypes=[native] * 2,
        order="C",
        buffersize=CHUNK,
    ):
        yield start, x.copy(), y.copy()  # the iterator uses its buffers again
        start += x.size


Totals = tuple[NDArray[np.uint64], NDArray[np.float64]]


def _mapped(scan: Callable[[Pieces], Totals], ranges: Iterable[Pieces], size: int) -> list[Totals]:
    """The totals of every range, in order, from as many threads as this process may use where the arrays are large."""
    threads = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, size // RANGE)
    if threads < 2:
        return list(map(scan, ranges))
    with ThreadPoolExecutor(threads) as pool:
        totals: list[Totals] = []
        waiting = []
        for piece in ranges:  # only a few pieces at a time: they may be copies
            waiting.append(pool.submit(scan, piece))
            if len(waiting) > 2 * threads:
                totals.append(waiting.pop(0).result())
        return totals + [each.result() for each in waiting]


def _statistics(elements: int, totals: list[Totals]) -> PairStatistics:
    """The ranges' totals put together; ``found`` is in the order of the elements."""
    whole = [[int(value) for value in each] for each, _ in totals]
    finite, unequal, nan, inf, low, high = (sum(each[slot] for each in whole) for slot in (FINITE, UNEQUAL, NAN, INF, LOW, HIGH))
    above = [sum(each[ABOVE + b] for each in whole) for b in range(STEP_BITS)]
    places = [each for each in whole if each[PLACE]]
    worst = max(places, key=operator.itemgetter(LARGEST), default=None)  # the first of equals
    largest = float(worst[LARGEST]) if worst else 0.0
    # At most 1 % of the distances may lie above the bound; 2^b - 1 is the largest distance of b bits.
    bits = next((b for b in range(STEP_BITS) if 100 * above[b] <= finite), STEP_BITS)
    return PairStatistics(
        elements=elements,
        different=unequal + nan + inf,
        ulp_max=largest,
        ulp_mean=((high << 32) + low) / finite if finite else 0.0,
        ulp_p99=min(float(2**bits - 1), largest),
        abs_max=float(max((each[0] for _, each in totals), default=0.0)),
        rel_max=float(max((each[1] for _, each in totals), default=0.0)),
        nan_mismatch=nan,
        inf_mismatch=inf,
        zero_sign=unequal - above[0],
        worst=worst[PLACE] - 1 if worst else -1,
    )


@functools.cache
def _scanner(dtype: str) -> Callable[[Pieces], Totals]:
    """A function from a range to its totals; compiled at the first use on a machine, then read from numba's cache."""
    if dtype in ("float32", "float64"):
        kernel = _kernel32() if dtype == "float32" else _kernel64()
        integer = np.dtype(FORMATS[dtype].bits)

        def scan(piece: Pieces) -> Totals:
            offset, a, b = piece
            whole, real = np.zeros(ABOVE + STEP_BITS, np.uint64), np.zeros(2)
            kernel(a.view(integer), b.view(integer), offset, whole, real)
            return whole, real

        return scan
    half, form = _kernel16(), FORMATS[dtype]
    raw = np.arange(2**16, dtype=np.uint16)
    with np.errstate(invalid="ignore"):
        table = (raw.view(np.float16) if dtype == "float16" else bits_to_float32(raw)).astype(np.float64)
    infinity = int((2 ** (15 - form.precision + 1) - 1) << (form.precision - 1))

    def scan_half(piece: Pieces) -> Totals:
        offset, a, b = piece
        x, y = (each.view(np.uint16) if each.itemsize == 2 else float32_to_bits(each) for each in (a, b))
        whole, real = np.zeros(ABOVE + STEP_BITS, np.uint64), np.zeros(2)
        half(x, y, table, infinity, offset, whole, real)
        return whole, real

    return scan_half


@functools.cache
def _kernel32() -> Any:
    return _wide_kernel(np.int32, np.uint32, np.float32)


@functools.cache
def _kernel64() -> Any:
    return _wide_kernel(np.int64, np.uint64, np.float64)


def _readonly(kind: Any) -> Any:
    """Arrays that the kernels only read; writable ones and memory-mapped ones are both taken, by one compiled version."""
    import numba  # noqa: PLC0415 (half a second, and most users of this module need no kernel)

    return numba.types.Array(kind, 1, "C", readonly=True)


def _wide_kernel(signed: Any, unsigned: Any, floating: Any) -> Any:
    """The pass over float32 or float64, given the types of that width."""
    import numba  # noqa: PLC0415

    magnitude = signed(np.iinfo(signed).max)
    infinity = signed(np.array(np.inf, floating).view(signed))
    spread = signed(np.iinfo(signed).bits - 1)
    tiny = floating(np.finfo(floating).smallest_subnormal)
    none, unit = signed(0), unsigned(1)
    exact = unsigned(1 << np.finfo(floating).nmant)
    half_word, word = np.uint64(32), np.uint64(0xFFFFFFFF)
    narrow = floating is np.float32

    def scan(raw_a, raw_b, offset, whole, real):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers the types)
        x, y, steps = np.empty(TILE, signed), np.empty(TILE, signed), np.empty(TILE, unsigned)
        gaps, ratios = np.empty(TILE, floating), np.empty(TILE, floating)
        wide_gaps, wide_ratios = np.empty(TILE, np.float64), np.empty(TILE, np.float64)
        u, v = x.view(floating), y.view(floating)
        # Floats from 0 up are ordered like their bits, and a maximum of integers is what compilers turn into vector code.
        gap_bits, ratio_bits = gaps.view(signed), ratios.view(signed)
        wide_gap_bits, wide_ratio_bits = wide_gaps.view(np.int64), wide_ratios.view(np.int64)
        largest, position = unsigned(0), np.uint64(0)
        gap_best, ratio_best = 0.0, 0.0
        for start in range(0, raw_a.size, TILE):
            length = min(TILE, raw_a.size - start)
            left, right = raw_a[start : start + length], raw_b[start : start + length]
            # 1. A copy in which elements that are not finite on both sides are 0 on both.
            finite = none
            for i in range(length):
                p, q = left[i], right[i]
                good = signed(signed(p & magnitude) < infinity) & signed(signed(q & magnitude) < infinity)
                x[i] = p if good else none
                y[i] = q if good else none
                finite = signed(finite + good)
            if finite < length:
                for i in range(length):
                    p, q = signed(left[i] & magnitude), signed(right[i] & magnitude)
                    if max(p, q) > infinity:
                        whole[NAN] += np.uint64((p > infinity) != (q > infinity))
                    elif max(p, q) == infinity:
                        whole[INF] += np.uint64(left[i] != right[i])
            whole[FINITE] += np.uint64(finite)
            # 2. Steps: the differences of the places on the line of numbers.
            most, unequal = unsigned(0), none
            low, high = np.uint64(0), np.uint64(0)
            for i in range(length):
                p, q = x[i], y[i]
                sign_p, sign_q = signed(p >> spread), signed(q >> spread)
                key_p = signed((signed(p & magnitude) ^ sign_p) - sign_p)
                key_q = signed((signed(q & magnitude) ^ sign_q) - sign_q)
                # The compiler may assume that signed differences do not overflow; unsigned ones may, and these never do.
                step = unsigned(unsigned(max(key_p, key_q)) - unsigned(min(key_p, key_q)))
                steps[i] = step
                most = max(most, step)
                unequal = signed(unequal + signed(p != q))
                low += np.uint64(step) & word
                high += np.uint64(step) >> half_word
            whole[UNEQUAL] += np.uint64(unequal)
            if finite and (position == np.uint64(0) or most > largest):
                largest = most
                for i in range(length):
                    if steps[i] == most and signed(left[i] & magnitude) < infinity and signed(right[i] & magnitude) < infinity:
                        position = np.uint64(offset + start + i + 1)
                        break
            if most == unsigned(0):
                continue
            whole[LOW] += low
            whole[HIGH] += high
            # 3. The histogram: how many distances have more than b bits, for every b that occurs in this tile.
            bits, limit = 0, unit
            while limit != unsigned(0) and limit <= most:
                count = none
                for i in range(length):
                    count = signed(count + signed(steps[i] >= limit))
                whole[ABOVE + bits] += np.uint64(count)
                bits += 1
                limit = unsigned(limit << unit)
            # 4. Differences, in the arrays' own precision; in float64 again only where the tile may hold a new maximum.
            for i in range(length):
                gap = abs(u[i] - v[i])
                up, vp = abs(u[i]), abs(v[i])
                top = max(up, vp, tiny)
                gaps[i] = gap
                ratios[i] = gap / top
            gap_most, ratio_most = none, none
            for i in range(length):
                gap_most = max(gap_most, gap_bits[i])
                ratio_most = max(ratio_most, ratio_bits[i])
            gap_bits[0], ratio_bits[0] = gap_most, ratio_most
            gap_found, ratio_found = float(gaps[0]), float(ratios[0])
            # Numbers at most a factor of 2 apart (Sterbenz), and subnormals, have an exact difference: they are few steps apart.
            again = ratio_found * SLACK >= ratio_best if narrow else ratio_found == np.inf
            if again or (most > exact and gap_found * SLACK >= gap_best):
                for i in range(length):
                    wide_u, wide_v = np.float64(u[i]), np.float64(v[i])
                    gap = abs(wide_u - wide_v)
                    up, vp = abs(wide_u), abs(wide_v)
                    top = max(up, vp)
                    top = top if top > 0.0 else 1.0
                    halved = abs(0.5 * wide_u - 0.5 * wide_v) / (0.5 * top)
                    ratio = gap / top
                    wide_gaps[i] = gap
                    wide_ratios[i] = halved if gap == np.inf else ratio
                gap_wide, ratio_wide = np.int64(0), np.int64(0)
                for i in range(length):
                    gap_wide = max(gap_wide, wide_gap_bits[i])
                    ratio_wide = max(ratio_wide, wide_ratio_bits[i])
                wide_gap_bits[0], wide_ratio_bits[0] = gap_wide, ratio_wide
                gap_found, ratio_found = float(wide_gaps[0]), float(wide_ratios[0])
            elif narrow:
                ratio_found = ratio_best  # what float32 found is below it
            gap_best, ratio_best = max(gap_best, gap_found), max(ratio_best, ratio_found)
        whole[LARGEST], whole[PLACE] = np.uint64(largest), position
        real[0], real[1] = gap_best, ratio_best

    raw = _readonly(numba.from_dtype(np.dtype(signed)))
    signature = numba.void(raw, raw, numba.int64, numba.uint64[::1], numba.float64[::1])
    return numba.njit(signature, cache=True, nogil=True, error_model="numpy")(scan)


@functools.cache
def _kernel16() -> Any:
    """The pass over 16-bit formats: values come from a table of all 65 536."""
    import numba  # noqa: PLC0415

    def scan(raw_a, raw_b, table, infinity, offset, whole, real):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (see above)
        largest, position = np.int64(-1), np.uint64(0)
        total = np.uint64(0)
        gap_best, ratio_best = 0.0, 0.0
        for i in range(raw_a.size):
            p, q = np.int64(raw_a[i]), np.int64(raw_b[i])
            up, vp = p & 0x7FFF, q & 0x7FFF
            if max(up, vp) > infinity:
                whole[NAN] += np.uint64((up > infinity) != (vp > infinity))
                continue
            if max(up, vp) == infinity:
                whole[INF] += np.uint64(p != q)
                continue
            whole[FINITE] += np.uint64(1)
            whole[UNEQUAL] += np.uint64(p != q)
            step = abs((-up if p > 0x7FFF else up) - (-vp if q > 0x7FFF else vp))
            if step > largest:
                largest, position = step, np.uint64(offset + i + 1)
            if step == 0:
                continue
            total += np.uint64(step)
            bits, rest = 0, step
            while rest:
                whole[ABOVE + bits] += np.uint64(1)
                bits += 1
                rest >>= 1
            gap = abs(table[raw_a[i]] - table[raw_b[i]])
            gap_best = max(gap_best, gap)
            ratio_best = max(ratio_best, gap / max(abs(table[raw_a[i]]), abs(table[raw_b[i]])))
        whole[LOW], whole[HIGH] = total & np.uint64(0xFFFFFFFF), total >> np.uint64(32)
        whole[LARGEST], whole[PLACE] = np.uint64(max(largest, np.int64(0))), position
        real[0], real[1] = gap_best, ratio_best

    raw = _readonly(numba.uint16)
    signature = numba.void(raw, raw, _readonly(numba.float64), numba.int64, numba.int64, numba.uint64[::1], numba.float64[::1])
    return numba.njit(signature, cache=True, nogil=True, error_model="numpy")(scan)
