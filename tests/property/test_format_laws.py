"""Laws of rounding and spacing, against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from property import strategies
from replab.formats import FORMATS, bits_to_float32, float32_to_bits, ordered_key, round_to, spacing

pytestmark = pytest.mark.property

wide = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-4, 4),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    # Just beside the middle between two neighbours, where rounding twice goes wrong.
    st.builds(
        lambda half, off, exponent: float(np.ldexp(1 + (2 * half + 1) * 2.0**-8 + off * 2.0**-50, exponent)),
        st.integers(0, 127),
        st.integers(-2, 2),
        st.integers(-130, 120),
    ),
    st.builds(
        lambda half, off: float(np.ldexp(1 + (2 * half + 1) * 2.0**-24 + off * 2.0**-52, 3)), st.integers(0, 2**23 - 1), st.integers(-1, 1)
    ),
)


def rounded(value: float, dtype: str) -> float:
    """Nearest number of the format, half to even, by rational arithmetic; overflow from half a step beyond the largest number on."""
    form = FORMATS[dtype]
    exact = abs(Fraction(value))
    if exact == 0:
        return value
    exponent = max(int(np.frexp(value)[1]) - 1, form.emin)
    step = Fraction(2) ** (exponent - form.precision + 1)
    quotient, rest = divmod(exact, step)
    quotient += 1 if 2 * rest > step or (2 * rest == step and quotient % 2) else 0
    result = quotient * step
    magnitude = np.inf if result > Fraction(form.largest) else float(result)
    return float(np.copysign(magnitude, value))


@given(st.sampled_from(("bfloat16", "float16", "float32")), wide)
@example("bfloat16", 1.0 + 2.0**-8)
@example("bfloat16", 1.0 + 2.0**-8 + 2.0**-30)
@example("bfloat16", 1.0 + 2.0**-8 - 2.0**-30)
@example("bfloat16", 1.0 + 3 * 2.0**-8 - 2.0**-52)
@example("bfloat16", FORMATS["bfloat16"].largest + 2.0**119)
@example("bfloat16", float(np.nextafter(FORMATS["bfloat16"].largest + 2.0**119, 0)))
@example("bfloat16", 2.0**-134)
@example("bfloat16", float(np.nextafter(2.0**-134, 1)))
@example("bfloat16", 1e-300)
@example("float32", 1e39)
def test_rounding_is_rounding_of_the_rational_number(dtype, value):
    for sign in (1.0, -1.0):
        found = float(round_to(np.array([sign * value]), dtype)[0])
        assert (found, np.signbit(found)) == (rounded(sign * value, dtype), np.signbit(sign * value))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_is_rounded_to_bfloat16_as_its_float64_is(value):
    assert (
        round_to(np.array([value], np.float32), "bfloat16").tolist()
        == round_to(np.array([value]), "bfloat16").tolist()
        == [rounded(value, "bfloat16")]
    )


@given(strategies.dtypes, wide)
def test_rounding_twice_is_rounding_once(dtype, value):
    once = round_to(np.array([value]), dtype)
    assert round_to(once, dtype).tolist() == once.tolist()


@given(strategies.numbers(1))
def test_numbers_of_a_format_are_their_own_rounding(case):
    dtype, place = case
    value = strategies.at([place], dtype)
    assert round_to(value.astype(np.float64), dtype).tolist() == value.tolist()


@given(strategies.numbers(1))
def test_spacing_leads_to_the_next_number_away_from_zero(case):
    dtype, place = case
    if abs(place) == strategies.place_limit(dtype):
        return
    here, there = strategies.at([abs(place)], dtype).astype(np.float64), strategies.at([abs(place) + 1], dtype).astype(np.float64)
    assert Fraction(there[0]) - Fraction(here[0]) == Fraction(spacing(here, dtype)[0]) == Fraction(spacing(-here, dtype)[0])


@given(st.integers(0, 2**16 - 1))
def test_bfloat16_bits_survive_the_way_through_float32(raw):
    bits = np.array([raw], np.uint16)
    assert float32_to_bits(bits_to_float32(bits)).tolist() == [raw]


@given(strategies.numbers(2))
def test_keys_are_ordered_like_the_numbers(case):
    dtype, p, q = case
    a, b = strategies.at([p], dtype), strategies.at([q], dtype)
    assert bool(a[0] < b[0]) == bool(ordered_key(a, dtype)[0] < ordered_key(b, dtype)[0])
