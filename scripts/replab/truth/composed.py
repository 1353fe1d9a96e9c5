"""Functions of NumPy that are written with others here, so that one code serves every interpretation and has derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from autograd.tracer import Box

from replab.truth.values import Function, Value

_COMPLEX = "certified arithmetic has no complex numbers"
_ORDER = "its shape depends on which of two numbers is larger"
WHY_NOT = {
    "fft": f"{_COMPLEX}: write the transform with np.cos and np.sin, real and imaginary part apart",
    "angle": _COMPLEX,
    "imag": _COMPLEX,
    **dict.fromkeys(("nanmean", "nansum", "nanmax", "nanmin", "nanmedian"), "say with np.where what stands in the place of NaN"),
    "random": "a reference is a function of its inputs: make random numbers an input",
    **dict.fromkeys(("frexp", "ldexp", "nextafter", "spacing"), "it is about the digits of a format, and values have no end of them"),
    **dict.fromkeys(("histogram", "unique", "bincount"), _ORDER),
    **dict.fromkeys(("vectorize", "apply_along_axis"), "write it with functions of arrays"),
    "polyval": "write the polynomial out, by Horner's rule",
    "digitize": "np.searchsorted does it",
    "correlate": "write it as np.convolve with one row turned round",
}
"""Names that somebody may look for, and why they are not there."""


class Composed:
    """What ``np`` offers beside NumPy's own functions that have rules."""

    def __getattr__(self, name: str) -> Function:
        """The functions that have rules, in the interpretation in force."""
        raise AttributeError(name)

    def median(self, a: Value, axis: int | None = None, keepdims: bool = False) -> Value:  # noqa: FBT001, FBT002 (NumPy's signature)
        """The number in the middle, or the mean of the two there."""
        return self._between(a, Fraction(1, 2), axis, keepdims)

    def percentile(self, a: Value, q: float, axis: int | None = None, keepdims: bool = False) -> Value:  # noqa: FBT001, FBT002 (NumPy's signature)
        """The number below which q per cent lie, by linear interpolation between neighbours; q is one number."""
        return self._between(a, Fraction(q) / 100, axis, keepdims)

    def quantile(self, a: Value, q: float, axis: int | None = None, keepdims: bool = False) -> Value:  # noqa: FBT001, FBT002 (NumPy's signature)
        """As percentile, q being a share between 0 and 1."""
        return self._between(a, Fraction(q), axis, keepdims)

    def _between(self, a: Value, share: Fraction, axis: int | None, keepdims: bool) -> Value:  # noqa: FBT001 (NumPy's signature)
        """What lies at a share of the way through the sorted elements along an axis."""
        if not 0 <= share <= 1:
            raise ValueError("percentiles are from 0 to 100, quantiles from 0 to 1")
        a = self._given(a)
        count = a.ndim
        rows = self.reshape(a, (1, -1)) if axis is None else self.moveaxis(a, axis, -1)
        ranked = self._ranked(rows)
        length = ranked.shape[-1]
        place = share * (length - 1)
        below = int(place)
        low = ranked[..., below]
        found: Value = low
        if place != below:
            high, rest = ranked[..., below + 1], place - below
            found = (low + high) / 2 if rest == Fraction(1, 2) else low + (high - low) * self.ratio(rest)
        if self.any(self.isnan(rows)):  # as NumPy has it
            found = self.where(self.any(self.isnan(rows), axis=-1), self.nan, found)
        if axis is None:
            shaped: Value = self.reshape(found, (1,) * count if keepdims else ())
            return shaped
        kept: Value = self.expand_dims(found, axis) if keepdims else found
        return kept

    def _ranked(self, rows: Value) -> Value:
        """The elements of each row in ascending order."""
        if not isinstance(rows, Box):
            ranked: Value = self.sort(rows, axis=-1)
            return ranked
        flat = self.reshape(rows, (-1, rows.shape[-1]))  # the rule of differentiation for sorting knows one row
        order = self.argsort(self.stop_gradient(flat), axis=-1)
        moved: Value = self.reshape(flat[np.arange(flat.shape[0])[:, None], order], rows.shape)
        return moved

    def convolve(self, a: Value, v: Value, mode: str = "full") -> Value:
        """Sums of products of one row and the other one turned round; mode full, same or valid."""
        a, v = self._given(a), self._given(v)
        if a.shape[0] < v.shape[0]:
            a, v = v, a
        length, width = a.shape[0], v.shape[0]
        around = np.zeros(width - 1, np.int64)
        padded = self.concatenate([around, a, around]) if width > 1 else a
        windows = padded[np.arange(length + width - 1)[:, None] + np.arange(width)]
        whole: Value = self.matmul(windows, v[::-1])
        if mode == "full":
            return whole
        if mode not in ("same", "valid"):
            raise ValueError(f"np.convolve has the modes full, same and valid, not {mode!r}")
        start = (width - 1) // 2 if mode == "same" else width - 1
        return whole[start : start + (length if mode == "same" else length - width + 1)]

    def interp(self, x: Value, xp: Sequence[float] | Value, fp: Sequence[float] | Value) -> Value:
        """The straight lines between points, the first and the last value beyond them; xp ascends. One step for each point."""
        x = self._given(x)
        ends, values = ([self.lifted(given[one]) for one in range(len(given))] for given in (xp, fp))  # type: ignore[arg-type]  # one axis
        found: Value = self.where(self.equal(x, x), values[0], x)  # NaN stays
        for low, high, below, above in zip(ends, ends[1:], values, values[1:], strict=False):
            found = self.where(x >= low, below + (above - below) * (x - low) / (high - low), found)
        last: Value = self.where(x >= ends[-1], values[-1], found)
        return last

    def _given(self, a: Sequence[float] | Value) -> Value:
        """An argument as an array of the interpretation in force."""
        array: Value = self.lifted(self.array(a) if isinstance(a, list | tuple) else a)
        return array

    def sinc(self, x: Value) -> Value:
        """sin(πx) / πx, and 1 at 0."""
        x = self._given(x)
        angle = self.pi * x
        curve: Value = self.where(self.equal(x, 0), 1, self.sin(angle) / self.where(self.equal(x, 0), 1, angle))
        return curve
