"""Distances between two arrays of one format in representable steps, and all statistics of a pair in one compiled pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from replab.formats import FORMATS, ordered_key

BUCKETS = 64
"""Steps are counted by powers of two: bucket b holds distances of b bits. The 99th percentile is the upper end of its bucket."""


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
    """Everything about two arrays of one format and shape."""

    elements: int
    different: int
    """Elements with different bits (NaN against NaN counts as equal, +0 against -0 as different)."""
    ulp_max: float
    ulp_mean: float
    ulp_p99: float
    abs_max: float
    rel_max: float
    """Largest |a-b| / max(|a|, |b|)."""
    nan_mismatch: int
    inf_mismatch: int
    zero_sign: int
    worst: int
    """Flat index of the element with the largest distance in ULP; -1 when there is none."""


@numba.njit(cache=True, nogil=True, fastmath=False, inline="always")
def _key32(raw: Any) -> Any:
    magnitude = np.int64(raw & np.uint32(0x7FFFFFFF))
    return -magnitude if raw >> np.uint32(31) else magnitude


@numba.njit(cache=True, nogil=True, parallel=True)
def _pair32(a: Any, b: Any, raw_a: Any, raw_b: Any, blocks: int) -> Any:
    """One pass over two float32 arrays; each block keeps its own totals so that the result does not depend on threads."""
    n = a.size
    sums = np.zeros((blocks, 8))
    worst = np.full(blocks, -1, np.int64)
    histogram = np.zeros((blocks, BUCKETS + 1), np.int64)
    step = (n + blocks - 1) // blocks
    for block in numba.prange(blocks):
        largest, total, difference, relative = np.int64(-1), 0.0, np.float32(0.0), np.float32(0.0)
        unequal = nan = inf = zero = np.int64(0)
        place = np.int64(-1)
        start, stop = block * step, min(n, (block + 1) * step)
        for tile in range(start, stop, 2048):
            end = min(stop, tile + 2048)
            # First the branch-free part, which the compiler vectorises: is there anything but equal bits here?
            changed = np.uint32(0)
            for i in range(tile, end):
                changed |= raw_a[i] ^ raw_b[i]
            if changed == 0:
                histogram[block, 0] += end - tile
                largest = max(largest, np.int64(0))
                if place < 0:
                    place = np.int64(tile)
                continue
            for i in range(tile, end):
                ra, rb = raw_a[i], raw_b[i]
                ma, mb = ra & np.uint32(0x7FFFFFFF), rb & np.uint32(0x7FFFFFFF)
                if ma >= np.uint32(0x7F800000) or mb >= np.uint32(0x7F800000):
                    na, nb = ma > np.uint32(0x7F800000), mb > np.uint32(0x7F800000)
                    if na != nb:
                        nan += 1
                        unequal += 1
                    elif not na and ra != rb:
                        inf += 1
                        unequal += 1
                    continue
                distance = np.int64(ma) - np.int64(mb) if (ra ^ rb) < np.uint32(0x80000000) else np.int64(ma) + np.int64(mb)
                distance = abs(distance)
                if ra != rb:
                    unequal += 1
                    if distance == 0:
                        zero += 1
                total += distance
                if distance > largest:
                    largest, place = distance, np.int64(i)
                bucket = 0
                left = distance
                while left:
                    bucket += 1
                    left >>= 1
                histogram[block, bucket] += 1
                gap = abs(a[i] - b[i])
                difference = max(difference, gap)
                top = max(abs(a[i]), abs(b[i]))
                if top > 0:
                    relative = max(relative, gap / top)
        sums[block, 0], sums[block, 1], sums[block, 2], sums[block, 7] = total, difference, relative, largest
        sums[block, 3], sums[block, 4], sums[block, 5], sums[block, 6] = unequal, nan, inf, zero
        worst[block] = place
    return sums, worst, histogram


@numba.njit(cache=True, nogil=True, parallel=True)
def _pair64(a: Any, b: Any, raw_a: Any, raw_b: Any, blocks: int) -> Any:
    """As ``_pair32`` for float64; distances are unsigned so that they cannot wrap."""
    n = a.size
    sums = np.zeros((blocks, 8))
    worst = np.full(blocks, -1, np.int64)
    histogram = np.zeros((blocks, BUCKETS + 1), np.int64)
    step = (n + blocks - 1) // blocks
    sign, quiet = np.uint64(1) << np.uint64(63), np.uint64(0x7FF0000000000000)
    for block in numba.prange(blocks):
        largest, total, difference, relative = np.uint64(0), 0.0, 0.0, 0.0
        unequal = nan = inf = zero = np.int64(0)
        place = np.int64(-1)
        for i in range(block * step, min(n, (block + 1) * step)):
            ra, rb = raw_a[i], raw_b[i]
            ma, mb = ra & ~sign, rb & ~sign
            if ma >= quiet or mb >= quiet:
                if (ma > quiet) != (mb > quiet):
                    nan += 1
                    unequal += 1
                elif ma <= quiet and ra != rb:
                    inf += 1
                    unequal += 1
                continue
            if (ra ^ rb) & sign:
                distance = ma + mb
            else:
                distance = ma - mb if ma >= mb else mb - ma
            if ra != rb:
                unequal += 1
                if distance == np.uint64(0):
                    zero += 1
            total += np.float64(distance)
            if distance > largest or place < 0:
                largest, place = distance, np.int64(i)
            bucket = 0
            left = distance
            while left:
                bucket += 1
                left >>= np.uint64(1)
            histogram[block, bucket] += 1
            gap = abs(a[i] - b[i])
            difference = max(difference, gap)
            top = max(abs(a[i]), abs(b[i]))
            if top > 0:
                relative = max(relative, gap / top)
        sums[block, 0], sums[block, 1], sums[block, 2], sums[block, 7] = total, difference, relative, np.float64(largest)
        sums[block, 3], sums[block, 4], sums[block, 5], sums[block, 6] = unequal, nan, inf, zero
        worst[block] = place
    return sums, worst, histogram


def compare_pair(a: NDArray[Any], b: NDArray[Any], dtype: str) -> PairStatistics:
    """All statistics of two arrays of one format (bfloat16 and float16 are widened to float32's grid first), memory-mapped or not.

    Memory beside the inputs does not grow with them for float32 and float64. Raises ``ValueError`` when shapes or dtypes differ.
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(f"shapes or dtypes differ: {a.shape} {a.dtype} and {b.shape} {b.dtype}")
    if dtype in ("float16", "bfloat16"):
        return _compare_half(a, b, dtype)
    a, b = np.ascontiguousarray(a).reshape(-1), np.ascontiguousarray(b).reshape(-1)
    kernel, unsigned = (_pair32, np.uint32) if dtype == "float32" else (_pair64, np.uint64)
    blocks = max(1, min(64, a.size // 65536))
    sums, worst, histogram = kernel(a, b, a.view(unsigned), b.view(unsigned), blocks)
    best = int(np.argmax(sums[:, 7]))
    return _statistics(a.size, sums, int(worst[best]), histogram.sum(axis=0))


def _statistics(elements: int, sums: NDArray[np.float64], worst: int, histogram: NDArray[np.int64]) -> PairStatistics:
    counted = int(histogram.sum())
    rank = np.searchsorted(np.cumsum(histogram), 0.99 * counted) if counted else 0
    largest = max(float(sums[:, 7].max()), 0.0)
    return PairStatistics(
        elements=elements,
        different=int(sums[:, 3].sum()),
        ulp_max=largest,
        ulp_mean=float(sums[:, 0].sum()) / counted if counted else 0.0,
        ulp_p99=min(float(2.0**rank - 1), largest),
        abs_max=float(sums[:, 1].max()),
        rel_max=float(sums[:, 2].max()),
        nan_mismatch=int(sums[:, 4].sum()),
        inf_mismatch=int(sums[:, 5].sum()),
        zero_sign=int(sums[:, 6].sum()),
        worst=worst,
    )


def _compare_half(a: NDArray[Any], b: NDArray[Any], dtype: str) -> PairStatistics:
    """16-bit formats, with NumPy: they have 65 536 values at most and small arrays in practice."""
    x, y = a.reshape(-1).astype(np.float32), b.reshape(-1).astype(np.float32)
    finite = np.isfinite(x) & np.isfinite(y)
    steps = ulp_distance(np.where(finite, x, 0), np.where(finite, y, 0), dtype).astype(np.float64)
    gap = np.where(finite, np.abs(x - y), 0.0)
    top = np.maximum(np.abs(x), np.abs(y))
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    zero = (x == 0) & (y == 0) & (np.signbit(x) != np.signbit(y))
    form = FORMATS[dtype]
    assert form.precision < FORMATS["float32"].precision
    return PairStatistics(
        elements=x.size,
        different=int((~same | zero).sum()),
        ulp_max=float(steps.max(initial=0.0)),
        ulp_mean=float(steps[finite].mean()) if finite.any() else 0.0,
        ulp_p99=float(np.quantile(steps[finite], 0.99)) if finite.any() else 0.0,
        abs_max=float(gap.max(initial=0.0)),
        rel_max=float(np.max(np.divide(gap, top, out=np.zeros_like(gap), where=finite & (top > 0)), initial=0.0)),
        nan_mismatch=int((np.isnan(x) != np.isnan(y)).sum()),
        inf_mismatch=int((~finite & ~np.isnan(x) & ~np.isnan(y) & (x != y)).sum()),
        zero_sign=int(zero.sum()),
        worst=int(np.argmax(steps)) if x.size else -1,
    )
