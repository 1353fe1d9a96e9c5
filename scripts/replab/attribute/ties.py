"""Whether integers that a result has, indices of elements, are those of the reference but for the order of equal elements."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from replab.formats import Array

Floats = NDArray[np.float64]


def otherwise_broken(values: Array, indices: Array) -> Iterator[Floats]:
    """Numbers in the order of ``values`` along their last axis, no two of them equal: what ``indices`` name first comes first.

    Once the first of equal ones is the least of them, as in a sort, and once the largest, as in a maximum. Nothing where ``indices`` are
    not along that axis.
    """
    if indices.shape == values.shape[:-1]:
        indices = indices[..., None]
    if indices.shape[:-1] != values.shape[:-1] or not values.ndim or not np.isfinite(values.astype(np.float64)).all():
        return
    rows, named = values.reshape(-1, values.shape[-1]), indices.reshape(-1, indices.shape[-1]).astype(np.int64)
    count = rows.shape[1]
    if named.size and (named.min() < 0 or named.max() >= count):
        return
    ranks, places = np.empty(rows.shape), np.full(rows.shape, float(count))
    for row, (numbers, order) in enumerate(zip(rows, named, strict=True)):
        ranks[row] = np.unique(numbers, return_inverse=True)[1]
        places[row, order] = np.arange(order.size)
    for sign in (1.0, -1.0):
        yield ((count + 1.0) * ranks + sign * places).reshape(values.shape)
