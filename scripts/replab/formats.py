"""The floating-point formats under test: what each can represent, and rounding to it.

NumPy has no bfloat16; its values are carried as float32 that bfloat16 represents exactly, its bits as uint16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""Numbers of whatever type: who gave them decides, or a name of the type that travels beside them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A binary floating-point format (IEEE 754-2019, table 3.5; bfloat16 as published by its makers)."""

    name: str
    precision: int
    """Significand bits, the hidden one included."""
    emin: int
    """Exponent of the smallest normal number."""
    emax: int
    bits: type[np.signedinteger]
    """Integer type of the same width, for the ordered key."""

    @property
    def unit_roundoff(self) -> float:
        """Largest relative error of rounding to nearest: 2^-precision."""
        return 2.0**-self.precision

    @property
    def smallest_normal(self) -> float:
        """The smallest positive normal number."""
        return 2.0**self.emin

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive number; the spacing of all subnormals."""
        return 2.0 ** (self.emin - self.precision + 1)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.precision)) * 2.0**self.emax


FORMATS = {
    "float16": Format(name="float16", precision=11, emin=-14, emax=15, bits=np.int16),
    "bfloat16": Format(name="bfloat16", precision=8, emin=-126, emax=127, bits=np.int16),
    "float32": Format(name="float32", precision=24, emin=-126, emax=127, bits=np.int32),
    "float64": Format(name="float64", precision=53, emin=-1022, emax=1023, bits=np.int64),
}


def round_to(values: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    """``values`` rounded to nearest even in a format; bfloat16 comes back as float32, the others in their own dtype.

    NaN stays NaN, overflow gives infinity.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if name != "bfloat16":
            return np.asarray(values).astype(name)
        single = _to_odd_float32(np.asarray(values))
        raw = single.view(np.uint32)
        rounded = ((raw + np.uint32(0x7FFF) + ((raw >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)).view(np.float32)
        return np.where(np.isnan(single), np.float32(np.nan), rounded)


def _to_odd_float32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """float64 → float32 rounded to odd, so that a second rounding to bfloat16 is as good as one (Boldo and Melquiond, 2008)."""
    single = values.astype(np.float32)
    if values.dtype == np.float32:
        return single.copy()
    wide = np.asarray(values, np.float64)
    inexact = (single.astype(np.float64) != wide) & np.isfinite(wide) & np.isfinite(single)
    toward_zero = np.where(np.abs(single.astype(np.float64)) > np.abs(wide), np.nextafter(single, np.float32(0)), single)
    odd = (toward_zero.view(np.uint32) | np.uint32(1)).view(np.float32)
    return np.where(inexact, odd, single)


def bits_to_float32(raw: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 bits (uint16) as the float32 of the same value."""
    return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)


def float32_to_bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 values that bfloat16 represents exactly, as bfloat16 bits."""
    return (np.asarray(values, np.float32, order="C").view(np.uint32) >> np.uint32(16)).astype(np.uint16)


def ordered_key(values: NDArray[np.floating], name: str) -> NDArray[np.int64]:
    """Place of each value on the line of representable numbers, as int64; ±0 are both 0, NaN is meaningless (mask first).

    ``values`` has the format's dtype (float32 for bfloat16).
    """
    form = FORMATS[name]
    if name == "bfloat16":
        raw = float32_to_bits(np.asarray(values, np.float32)).view(np.int16).astype(np.int64)
    else:
        raw = np.asarray(values, dtype=name, order="C").view(form.bits).astype(np.int64)
    lowest = np.int64(np.iinfo(form.bits).min)
    return np.where(raw < 0, lowest - raw, raw)


def spacing(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Distance from |value| to the next larger representable number (one ULP), as float64; infinite and NaN give NaN."""
    form = FORMATS[name]
    with np.errstate(invalid="ignore"):
        _, exponent = np.frexp(np.abs(np.asarray(values, np.float64)))
        ulp = np.ldexp(1.0, np.maximum(exponent - 1, form.emin) - form.precision + 1)
        ulp = np.where(values == 0, form.smallest_subnormal, ulp)
        return np.where(np.isfinite(values), ulp, np.nan)
