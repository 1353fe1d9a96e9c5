"""Values that the laws are checked on."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from replab.formats import FORMATS, bits_to_float32
from replab.ids import CellId

DTYPES = ("float16", "bfloat16", "float32", "float64")
BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}


def place_limit(dtype: str) -> int:
    """The place of the largest finite number on the line of representable ones; 0 is at place 0."""
    form = FORMATS[dtype]
    return (form.emax - form.emin + 1) * 2 ** (form.precision - 1) + 2 ** (form.precision - 1) - 1


def at(places: Any, dtype: str) -> np.ndarray:
    """The numbers at the given places (bfloat16 as float32), an array of the same shape; made from bits, with none of the code under test."""
    signs = np.array([1 << (BITS[dtype] - 1) if place < 0 else 0 for place in np.ravel(places)], dtype=object)
    raw = [int(sign) | abs(int(place)) for sign, place in zip(signs, np.ravel(places), strict=True)]
    bits = np.array(raw, dtype=f"uint{BITS[dtype]}").reshape(np.shape(places))
    return bits_to_float32(bits) if dtype == "bfloat16" else bits.view(dtype)


def places(dtype: str) -> SearchStrategy[int]:
    """Places of finite numbers: anywhere, close to zero, close to the ends, close to powers of two."""
    limit, width = place_limit(dtype), 2 ** (FORMATS[dtype].precision - 1)
    binade = st.builds(
        lambda exponent, off: max(-limit, min(limit, exponent * width + off)),
        st.integers(-limit // width, limit // width),
        st.integers(-3, 3),
    )
    return st.one_of(st.integers(-limit, limit), st.integers(-4, 4), st.integers(limit - 4, limit), st.integers(-limit, -limit + 4), binade)


dtypes = st.sampled_from(DTYPES)


@st.composite
def numbers(draw: st.DrawFn, count: int) -> tuple[Any, ...]:
    """A dtype and ``count`` places of finite numbers of it."""
    dtype = draw(dtypes)
    return (dtype, *(draw(places(dtype)) for _ in range(count)))


@st.composite
def raw_pairs(draw: st.DrawFn) -> tuple[str, np.ndarray, np.ndarray]:
    """A dtype and two arrays of it with any bits at all: NaN, infinities and signed zeros among numbers near and far from each other."""
    dtype = draw(dtypes)
    bits = BITS[dtype]
    limit = place_limit(dtype)
    element = st.one_of(
        st.integers(0, 2**bits - 1), st.sampled_from([0, 1 << (bits - 1), limit, limit + 1, (limit + 1) | (1 << (bits - 1)), limit + 2, 1])
    )
    one = st.one_of(st.tuples(element, element), element.map(lambda raw: (raw, raw)), element.map(lambda raw: (raw, (raw + 1) % 2**bits)))
    both = draw(st.lists(one, max_size=40))
    left, right = (np.array([pair[side] for pair in both], dtype=f"uint{bits}") for side in (0, 1))
    return (dtype, left, right) if dtype == "bfloat16" else (dtype, left.view(dtype), right.view(dtype))


names = st.from_regex(r"[a-z0-9][a-z0-9_]{0,12}(\.[a-z0-9]{1,6})?", fullmatch=True)
plain_names = st.from_regex(r"[a-z0-9][a-z0-9_]{0,12}", fullmatch=True)
environment_names = st.from_regex(r"[a-z]{2,6}-[0-9]{1,2}\.[0-9]{1,2}", fullmatch=True)

cell_ids = st.builds(
    CellId,
    family=plain_names,
    case=names,
    dtype=st.sampled_from(DTYPES),
    grid=st.sampled_from(("", "float32")),
    derivative=st.integers(0, 9),
    environment=environment_names,
    mode=st.sampled_from(("eager", "session", "function", "xla", "script", "compile")),
    variant=plain_names,
    device=st.sampled_from(("cpu", "cuda")),
)
