"""Certified values hold the truth, for expressions that Hypothesis makes up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings, strategies as st

from replab.formats import FORMATS
from replab.truth import balls
from replab.truth.certify import certify
from replab.truth.reference import Problem

pytestmark = pytest.mark.property
count = itertools.count()

UNARY = {
    "np.exp({})": lambda x: x.exp(),
    "np.tanh({})": lambda x: x.tanh(),
    "np.sin({})": lambda x: x.sin(),
    "np.arctan({})": lambda x: x.atan(),
    "np.sqrt(np.abs({}) + 1.0)": lambda x: (abs(x) + 1).sqrt(),
    "np.log1p(np.square({}))": lambda x: (x * x).log1p(),
    "special.erf({})": lambda x: x.erf(),
    "(-{})": lambda x: -x,
    "np.maximum({}, 0.25)": lambda x: arb.max(x, arb(0.25)),
    "np.expm1({})": lambda x: x.expm1(),
    "np.cosh({})": lambda x: x.cosh(),
}
BINARY = {
    "({} + {})": lambda x, y: x + y,
    "({} - {})": lambda x, y: x - y,
    "({} * {})": lambda x, y: x * y,
    "({} / (np.square({}) + 0.5))": lambda x, y: x / (y * y + 0.5),
    "np.logaddexp({}, {})": lambda x, y: (x.exp() + y.exp()).log(),
    "np.hypot({}, {} + 3.0)": lambda x, y: (x * x + (y + 3) * (y + 3)).sqrt(),
}
LEAVES = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "np.pi": lambda x, y: arb.pi(),
    "(0.1 + 0.0 * x)": lambda x, y: arb(0.1),
    "2.0": lambda x, y: arb(2),
}
"""A bare 0.1 would meet another one in Python's own arithmetic, which rounds before anything of ours is asked."""


def _unary(template, inner):
    return template.format(inner[0]), lambda x, y: UNARY[template](inner[1](x, y))


def _binary(template, left, right):
    return template.format(left[0], right[0]), lambda x, y: BINARY[template](left[1](x, y), right[1](x, y))


expressions = st.recursive(
    st.sampled_from(list(LEAVES.items())),
    lambda inner: st.one_of(
        st.builds(_unary, st.sampled_from(sorted(UNARY)), inner), st.builds(_binary, st.sampled_from(sorted(BINARY)), inner, inner)
    ),
    max_leaves=6,
)
numbers = st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=4)


def posed(folder, text, x, y, derivative=0, cotangents=()):
    place = folder / f"family_{next(count)}"
    place.mkdir()
    path = place / "reference.py"
    path.write_text(f"import numpy as np\nfrom scipy import special\ndef f(x, y):\n    return {text} + 0.0 * x * y\n", encoding="utf-8")
    return Problem(
        path=path,
        function="f",
        parameters={},
        inputs={"x": x, "y": y},
        differentiable=("x", "y"),
        derivative=derivative,
        cotangents=cotangents,
    )


@given(expressions, numbers, st.sampled_from(("float32", "float64")))
def test_balls_hold_the_value_at_a_thousand_bits(tmp_path, expression, values, dtype):
    text, exact = expression
    x = np.array(values, dtype)
    y = x[::-1].copy()
    [highs, lows, bounds] = balls.split(posed(tmp_path, text, x, y).balls(128)[0])
    before, ctx.prec = ctx.prec, 1000
    try:
        for a, b, high, low, bound in zip(x.tolist(), y.tolist(), highs.tolist(), lows.tolist(), bounds.tolist(), strict=True):
            value = exact(arb(a), arb(b))
            if math.isfinite(bound) and math.isfinite(high):
                assert abs(value - arb(high) - arb(low)) <= arb(bound) + arb(2) ** -900, text
    finally:
        ctx.prec = before


@settings(max_examples=25)
@given(expressions, numbers)
def test_gradients_agree_with_high_precision_differences(tmp_path, expression, values):
    """f(x+h) - f(x-h) at a thousand bits, h = 2^-200: right to h², far below what is asked."""
    text, exact = expression
    x = np.array(values, np.float64)
    y = x[::-1].copy()
    cotangent = np.linspace(0.5, 1.5, x.size)
    enclosures = posed(tmp_path, text, x, y, derivative=1, cotangents=[[cotangent]]).balls(300)
    before, ctx.prec = ctx.prec, 1000
    try:
        h = arb(2) ** -200
        for i, (a, b) in enumerate(zip(map(arb, x.tolist()), map(arb, y.tolist()), strict=True)):
            sides = ((exact(a + h, b) - exact(a - h, b)), (exact(a, b + h) - exact(a, b - h)))
            for enclosure, side in zip(enclosures, sides, strict=True):
                if "maximum" in text or "abs" in text or not arb(enclosure[i]).is_finite():
                    continue  # at a kink the two differ rightly
                expected = arb(float(cotangent[i])) * side / (2 * h)
                assert abs(expected - enclosure[i]).mid() <= enclosure[i].rad() + expected.rad() + arb(2) ** -100 * (1 + abs(expected)), (
                    text
                )
    finally:
        ctx.prec = before


@settings(max_examples=30)
@given(expressions, numbers, st.sampled_from(("float16", "bfloat16", "float32")))
def test_the_envelope_is_finite_where_the_truth_is_and_the_same_every_time(tmp_path, expression, values, dtype):
    text, _ = expression
    x = np.array(values, np.float32)
    first, second = (certify(posed(tmp_path, text, x, x), dtype, elementwise=True)[0] for _ in range(2))
    assert np.array_equal(first.sigma, second.sigma)
    assert np.isfinite(first.sigma[np.abs(first.high) < FORMATS[dtype].largest / 16]).all()
    assert (first.sigma >= 0).all()
