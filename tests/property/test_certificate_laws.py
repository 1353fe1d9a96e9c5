"""Whatever a reference does: if it gets a certificate, the truth lies within the bound; if it gets none, a sentence names the line.

References are written at random as text, right ones and ones with conversions, comparisons, constants and changes in place that a rounding
hides in. What they should give is evaluated from the same tree by mpmath with 200 digits, which owes nothing to balls.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from mpmath import mpf

from replab.errors import TruthError
from replab.truth import cache
from replab.truth.certify import Truth, certify
from replab.truth.reference import Problem

pytestmark = pytest.mark.property
count = itertools.count()
DIGITS = 200
SURE = mpf(10) ** -150
"""Numbers that are closer than this may be equal: mpmath does not know, and neither does this test."""
SLACK = mpf(10) ** -180
"""What mpmath rounds: the sine of its π is not 0."""
HEAD = """import math
import numpy as np
from scipy import special

THIRD = 1.0 / 3.0
SUM = 0.1 + 0.2
ROOT = np.sqrt(2.0)
TABLE = [0.1, 0.7, 1 / 7]


def scaled(x, by=0.7 * 1.1):
    return x * by


def f(x, y, c):
"""


class Unsure(Exception):
    """What mpmath cannot tell."""


def larger(a, b):
    if a != b and abs(a - b) < SURE:
        raise Unsure
    return a > b


def each(function):
    return lambda *columns: [function(*row) for row in zip(*columns, strict=True)]


def spread(function):
    return lambda *columns: [function(columns[0])] * len(columns[0])


def total(values):
    return sum(values, mpf(0))


def largest(values):
    found = values[0]
    for one in values[1:]:
        found = one if larger(one, found) else found
    return found


def constant(value):
    return lambda x, y: [value()] * len(x)


def exact(text):
    return mpf(float(text))


LEAVES = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "0.3": constant(lambda: exact("0.3")),
    "c": constant(lambda: exact("0.1")),
    "np.pi": constant(lambda: +mpmath.pi),
}
CONSTANTS = {
    "THIRD": lambda: mpf(1) / 3,
    "SUM": lambda: exact("0.1") + exact("0.2"),
    "ROOT": lambda: mpmath.sqrt(2),
    "(1 / 3)": lambda: mpf(1) / 3,
    "(2.0 / 3.0)": lambda: mpf(2) / 3,
    "2.0 ** 0.5": lambda: mpmath.sqrt(2),
    "math.sqrt(3.0)": lambda: mpmath.sqrt(3),
    "math.exp(0.1)": lambda: mpmath.exp(exact("0.1")),
    "(math.pi / 4)": lambda: mpmath.pi / 4,
    "TABLE[2]": lambda: mpf(1) / 7,
    "sum(TABLE)": lambda: exact("0.1") + exact("0.7") + mpf(1) / 7,
    "scaled(0.1)": lambda: exact("0.1") * exact("0.7") * exact("1.1"),
    "pow(3.0, 0.3)": lambda: mpmath.power(3, exact("0.3")),
    "np.mean(np.arange(3) + 2) / 7": lambda: mpf(3) / 7,
    "c * c": lambda: exact("0.1") ** 2,
    "np.full(10, 0.1).sum()": lambda: 10 * exact("0.1"),
    "(c - 0.3)": lambda: exact("0.1") - exact("0.3"),
    "float(1 / 3)": lambda: mpf(1) / 3,
    "max(0.1 + 0.2, 0.3)": lambda: exact("0.1") + exact("0.2"),
    "(np.arange(1, 4) / 3)[0]": lambda: mpf(1) / 3,
    "(0.7 % 0.1)": lambda: exact("0.7") - 6 * exact("0.1"),
    "(7 // 2 / 3)": lambda: mpf(1),
    "np.array([0.1, 0.2]).sum()": lambda: exact("0.1") + exact("0.2"),
    "special.erf(0.5)": lambda: mpmath.erf(mpf("0.5")),
}
LEAVES |= {text: constant(value) for text, value in CONSTANTS.items()}
UNARY = {
    "np.exp({})": each(mpmath.exp),
    "np.tanh({})": each(mpmath.tanh),
    "np.sin({})": each(mpmath.sin),
    "np.arctan({})": each(mpmath.atan),
    "(-{})": each(lambda a: -a),
    "np.sqrt(np.abs({}) + 1.0)": each(lambda a: mpmath.sqrt(abs(a) + 1)),
    "special.erf({})": each(mpmath.erf),
    "np.expm1({})": each(mpmath.expm1),
    "({} + 0.0 * x).sum()": spread(total),
    "np.max({} + 0.0 * x)": spread(largest),
    "({} / 3)": each(lambda a: a / 3),
    "({}) ** 2": each(lambda a: a * a),
    "np.sort({} + 0.0 * x)": sorted,
    "np.cumsum({} + 0.0 * x)": lambda a: [total(a[: place + 1]) for place in range(len(a))],
}
BINARY = {
    "({} + {})": each(lambda a, b: a + b),
    "({} - {})": each(lambda a, b: a - b),
    "({} * {})": each(lambda a, b: a * b),
    "({} / (np.square({}) + 0.5))": each(lambda a, b: a / (b * b + mpf("0.5"))),
    "np.where({0} > {1}, {0}, {1})": each(max),
    "np.where({0} > {1}, 1.0, {0})": each(lambda a, b: mpf(1) if larger(a, b) else a),
    "np.maximum({}, {})": each(max),
    "np.logaddexp({}, {})": each(lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b))),
    "np.minimum({}, {})": each(min),
}
PLANTED = {
    **dict.fromkeys(
        (
            '({} + 0.0 * x).astype("float64")',
            "({} + 0.0 * x).astype(np.float32)",
            'np.asarray({} + 0.0 * x, dtype="float64")',
            "np.array([float(v) for v in {} + 0.0 * x])",
            "np.array(({} + 0.0 * x).tolist())",
            "np.array([v.item() for v in {} + 0.0 * x])",
            "np.float64({} + 0.0 * x)",
            "np.array([float(str(v)) for v in {} + 0.0 * x])",
            "np.array([float(f'{{v}}') for v in {} + 0.0 * x])",
            "({} + 0.0 * x).copy()",
            "np.fromiter({} + 0.0 * x, float)",
            "np.array([round(v, 17) for v in {} + 0.0 * x])",
            "np.stack([v for v in {} + 0.0 * x])",
            "np.array([type(0.5)(v) for v in {} + 0.0 * x])",
            "np.add({}, 0.0 * x, dtype=np.float32)",
            "({} + 0.0 * x).view()",
            "np.array([complex(v).real for v in {} + 0.0 * x])",
            "np.array(list(map(float, {} + 0.0 * x)))",
        ),
        lambda a: a,
    ),
    "np.array([math.exp(v) for v in {} + 0.0 * x])": each(mpmath.exp),
    "np.stack([max(v, 0.0) for v in {} + 0.0 * x])": each(lambda a: max(a, mpf(0))),
    "np.stack(sorted({} + 0.0 * x))": sorted,
    "np.stack([v if v > 0.0 else -v for v in {} + 0.0 * x])": each(abs),
    "({} + 0.0 * x)[np.argsort({} + 0.0 * x)]": None,
    "({} + 0.0 * x)[np.argmax({} + 0.0 * x)]": None,
    "np.clip({}, -0.5, 0.5)": each(lambda a: max(min(a, mpf("0.5")), mpf("-0.5"))),
    "np.sign({})": each(lambda a: mpf(1) if larger(a, mpf(0)) else mpf(-1) if larger(mpf(0), a) else mpf(0)),
    "np.array([int(4.0 * v) for v in {} + 0.0 * x])": each(lambda a: whole(4 * a)),
    "np.unique({} + 0.0 * x)": lambda a: sorted(set(a)),
    "(np.zeros(np.shape(x)) + sum([v for v in {} + 0.0 * x]))": spread(total),
    "np.array(sorted({} + 0.0 * x, key=lambda v: -v))": lambda a: sorted(a, reverse=True),
}
PLANTED["({} + 0.0 * x)[np.argsort({} + 0.0 * x)]"] = lambda a, b: [a[place] for place in order(b)]
PLANTED["({} + 0.0 * x)[np.argmax({} + 0.0 * x)]"] = lambda a, b: [a[order([-one for one in b])[0]]] * len(a)


def whole(a):
    if abs(a - mpmath.nint(a)) < SURE and a != mpmath.nint(a):
        raise Unsure
    return mpf(int(a))


def order(values):
    for one, other in itertools.pairwise(sorted(values)):
        larger(other, one)
    return sorted(range(len(values)), key=values.__getitem__)


def _joined(template, functions, *inner):
    function = functions[template]
    return template.format(*(text for text, _ in inner)), lambda x, y: function(*(below(x, y) for _, below in inner))


def trees(*, planted):
    def grown(inner):
        kinds = [
            st.builds(_joined, st.sampled_from(sorted(UNARY)), st.just(UNARY), inner),
            st.builds(_joined, st.sampled_from(sorted(BINARY)), st.just(BINARY), inner, inner),
        ]
        if planted:
            kinds.append(
                st.sampled_from(sorted(PLANTED)).flatmap(
                    lambda text: st.builds(_joined, st.just(text), st.just(PLANTED), *[inner] * max(1, text.count("{}")))
                )
            )
        return st.one_of(kinds)

    return st.recursive(st.sampled_from(sorted(LEAVES.items())), grown, max_leaves=5)


BODIES = {
    "    return {0}\n": lambda a, b: a,
    "    if np.sum({0}) > {1}:\n        return {0}\n    return {1}\n": None,
    "    for _ in range(3):\n        x = 0.5 * x + 0.1 * ({0})\n    return x + 0.0 * ({1})\n": None,
    "    total = 0.0\n    for one in TABLE:\n        total += one / 3\n    return total * ({0}) + ({1})\n": lambda a, b: [
        (exact("0.1") + exact("0.7") + mpf(1) / 7) / 3 * one + other for one, other in zip(a, b, strict=True)
    ],
    "    made = [{0}, {1}]\n    made[1] = made[0] - made[1]\n    return made[1]\n": each(lambda a, b: a - b),
    "    z = x\n    z += {0}\n    return x + ({1})\n": None,
    "    z = np.zeros(np.shape(x))\n    z[:] = {0}\n    return z + ({1})\n": each(lambda a, b: a + b),
    "    z = np.zeros(np.shape(x))\n    np.add({0}, {1}, out=z)\n    return z\n": each(lambda a, b: a + b),
    "    try:\n        return np.array([float(v) for v in {0}])\n    except TypeError:\n        return {1}\n": lambda a, b: a,
}


def body(text, first, second):
    return HEAD + text.format(first[0], second[0]).replace("return ", "return 0.0 * x + "), lambda x, y: expected(
        text, first[1], second[1], x, y
    )


def expected(text, first, second, x, y):
    if "range(3)" in text:
        for _ in range(3):
            x = [one / 2 + exact("0.1") * other for one, other in zip(x, first(x, y), strict=True)]
        second(x, y)
        return x
    if "z += " in text:
        z = [one + other for one, other in zip(x, first(x, y), strict=True)]
        return [one + other for one, other in zip(z, second(z, y), strict=True)]
    a, b = first(x, y), second(x, y)
    if "if np" in text:
        if len(set(b)) > 1:
            raise Unsure  # not a condition
        return a if larger(total(a) if len(set(a)) > 1 or len(a) == 1 else a[0], b[0]) else b
    return BODIES[text](a, b)


RIGHT = sorted(BODIES)[:1] + [text for text in sorted(BODIES) if text.startswith(("    return", "    total", "    made"))]
references = {
    planted: st.builds(body, st.sampled_from(sorted(BODIES) if planted else RIGHT), trees(planted=planted), trees(planted=planted))
    for planted in (False, True)
}
numbers = st.lists(st.floats(-2, 2, width=32), min_size=2, max_size=4)


def posed(folder, text, values, dtype):
    place = folder / f"family_{next(count)}"
    place.mkdir()
    path = place / "reference.py"
    path.write_text(text, encoding="utf-8")
    x = np.array(values, dtype)
    return Problem(
        path=path, function="f", parameters={"c": 0.1}, inputs={"x": x, "y": x[::-1].copy()}, differentiable=(), derivative=0, cotangents=()
    )


def holds(truth, value, text):
    for high, low, bound, one in zip(
        np.ravel(truth.high).tolist(), np.ravel(truth.low).tolist(), np.ravel(truth.bound).tolist(), value, strict=True
    ):
        if np.isfinite(high) and np.isfinite(bound):
            assert abs(mpf(high) + mpf(low) - one) <= mpf(bound) + SLACK * (1 + abs(one)), text


def check(folder, reference, values, dtype):
    text, exactly = reference
    problem = posed(folder, text, values, dtype)
    try:
        (truth,) = certify(problem, dtype, elementwise=False)
    except TruthError as error:
        assert re.match(rf"{re.escape(str(problem.path))}:\d+: `.+`: \S", str(error))  # noqa: PT017 (it may as well not be raised)
        return str(error)
    with mpmath.workdps(DIGITS):
        try:
            value = exactly([mpf(float(one)) for one in problem.inputs["x"]], [mpf(float(one)) for one in problem.inputs["y"]])
        except Unsure:
            return "unsure"
        holds(truth, value, text)
    return ""


@settings(max_examples=150)
@given(references[False], numbers, st.sampled_from(("float32", "float64")))
def test_a_right_reference_is_certified_and_the_truth_is_within_its_bound(tmp_path, reference, values, dtype):
    assert check(tmp_path, reference, values, dtype) in ("", "unsure")


@settings(max_examples=300)
@given(references[True], numbers, st.sampled_from(("float32", "float64")))
def test_a_reference_in_which_a_rounding_may_hide_is_refused_with_its_line_or_right(tmp_path, reference, values, dtype):
    check(tmp_path, reference, values, dtype)


def test_constants_of_every_kind_are_tried_by_themselves(tmp_path):
    """Chance alone would leave some out."""
    for text, value in CONSTANTS.items():
        program = f"{HEAD}    return x * ({text})\n", lambda x, y, value=value: [one * value() for one in x]
        assert check(tmp_path, program, [0.3, -1.7], "float64") == "", text


def test_everything_that_is_planted_is_tried_by_itself(tmp_path):
    refused = []
    for text in sorted(PLANTED):
        tree = _joined(text, PLANTED, *[("np.exp(x)", lambda x, y: [mpmath.exp(one) for one in x])] * max(1, text.count("{}")))
        if check(tmp_path, (f"{HEAD}    return 0.0 * x + {tree[0]}\n", tree[1]), [0.3, -1.7], "float64"):
            refused.append(text)
    passed = {
        "({} + 0.0 * x).copy()",
        "np.stack([v for v in {} + 0.0 * x])",
        "np.stack([max(v, 0.0) for v in {} + 0.0 * x])",
        "np.stack(sorted({} + 0.0 * x))",
        "np.stack([v if v > 0.0 else -v for v in {} + 0.0 * x])",
        "({} + 0.0 * x)[np.argsort({} + 0.0 * x)]",
        "({} + 0.0 * x)[np.argmax({} + 0.0 * x)]",
        "np.clip({}, -0.5, 0.5)",
        "np.sign({})",
        "np.array([int(4.0 * v) for v in {} + 0.0 * x])",
        "(np.zeros(np.shape(x)) + sum([v for v in {} + 0.0 * x]))",
        "np.array(sorted({} + 0.0 * x, key=lambda v: -v))",
    }
    assert set(PLANTED) - set(refused) == passed


@settings(max_examples=60)
@given(data=st.data())
def test_a_truth_that_was_stored_keeps_its_bound(data: st.DataObject) -> None:
    """``high + low`` as read lies as near to the one that was certified as the bound that was read says it may."""
    number = st.floats(-1e30, 1e30, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-30)
    high = np.array(data.draw(st.lists(number, min_size=1, max_size=6)))
    share = np.array([data.draw(st.floats(-0.5, 0.5)) for _ in high])
    low = share * np.spacing(np.abs(high))
    bound = np.array([data.draw(st.floats(0, 1e-3)) for _ in high]) * np.abs(high)
    dtype = data.draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"]))
    made = Truth(high=high, low=low, bound=bound, sigma=np.abs(high) * 1e-7, ieee=high, runs=32, method="ball arithmetic")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.safetensors"
        path.write_bytes(cache._encode([made], dtype))
        (found,) = cache._read(path, dtype)
    for place in range(len(high)):
        apart = abs(Fraction(high[place]) + Fraction(low[place]) - Fraction(found.high[place]) - Fraction(found.low[place]))
        assert Fraction(bound[place]) + apart <= Fraction(found.bound[place])
