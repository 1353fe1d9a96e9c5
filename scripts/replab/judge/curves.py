"""The error of an elementwise function along the range of its input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from replab.compare.pairs import Judged
from replab.formats import Array, ordered_key
from replab.model import Case
from replab.store.rows import CurveRow

BINS = 320


def curve_rows(case: Case, dtype: str, cells: Iterable[Judged], x: Array) -> Iterator[CurveRow]:
    """Largest and mean error over bins of the first input ``x``, once for all cells with the same bits."""
    flat = x.reshape(-1).astype(np.float64)
    keys = ordered_key(x.reshape(-1), dtype).astype(np.float64)
    low, high = keys.min(), keys.max()
    bins = np.minimum(((keys - low) / max(high - low, 1.0) * BINS).astype(int), BINS - 1)
    order = np.argsort(bins, kind="stable")  # elements of a bin side by side: one pass for all bins
    places, starts = np.unique(bins[order], return_index=True)
    lowest, highest = np.minimum.reduceat(flat[order], starts), np.maximum.reduceat(flat[order], starts)
    drawn: set[str] = set()
    for cell in cells:
        for name, (_, distances) in cell.findings.items():
            sha256 = cell.tensors[name].sha256
            if distances is None or sha256 in drawn:
                continue
            drawn.add(sha256)
            usable = distances.measured[order]
            ulp = np.where(usable, distances.ulp[order], 0.0)
            counts = np.add.reduceat(usable.astype(np.int64), starts)
            largest, total = np.maximum.reduceat(ulp, starts), np.add.reduceat(ulp, starts)
            for k in np.flatnonzero(counts):
                yield CurveRow(
                    family=case.family,
                    case=case.name,
                    dtype=dtype,
                    output=name,
                    environment=cell.id.environment,
                    mode=cell.id.mode,
                    bits=sha256,
                    bin=int(places[k]),
                    x_lo=float(lowest[k]),
                    x_hi=float(highest[k]),
                    ulp_max=float(largest[k]),
                    ulp_mean=float(total[k] / counts[k]),
                    count=int(counts[k]),
                )
