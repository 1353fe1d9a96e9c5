"""Where rounding decides between two values: perturbed runs of one element that lie in two peaks (docs/verdicts.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replab.formats import Format, spacing
from replab.truth import noise

FALSE_ALARM = 1e-6
"""Probability, per output, that values of one peak are taken for two."""
Floats = NDArray[np.float64]


def cuts(runs: Floats, form: Format) -> Floats:
    """For each element of ``runs`` (runs, …) the value in the middle of the gap between its two peaks; NaN where there is one peak.

    Values of one peak have a density that falls away from it, on the side of the gap where the peak is not. Of m values beyond the inner
    edge of the gap, the outermost given, each of the other m − 1 lies in the outer part of width w with a probability of no more than
    w / (w + gap): all of them with no more than that to the power m − 1. Which side that is nobody knows, so both must be as unlikely,
    among all elements and all places that a gap may have among the runs. What lies within a step of the format is no gap.
    """
    shape = runs.shape[1:]
    flat = np.ascontiguousarray(runs, np.float64).reshape(len(runs), -1)
    least, below, above, largest, lower, upper = (np.zeros(flat.shape[1]) for _ in range(6))
    noise.halves(flat, least, below, above, largest, lower, upper)
    with np.errstate(all="ignore"):
        step = spacing(np.fmax(np.abs(least), np.abs(largest)), form.name)
        gap = above - below
        unlikely = [
            (count - 1) * np.log2((width + step) / (width + gap)) for count, width in ((lower, below - least), (upper, largest - above))
        ]
        limit = np.log2(FALSE_ALARM / (max(1, flat.shape[1]) * len(flat)))
        parted = (np.minimum(lower, upper) > 1) & (np.maximum(*unlikely) < limit)
        return np.where(parted, 0.5 * below + 0.5 * above, np.nan).reshape(shape)


__all__ = ["cuts"]
