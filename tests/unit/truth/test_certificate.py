"""A certificate is one: what would take digits off a value is refused with its line, or does not happen; what is open stays open."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx, fmpq

from replab.compare.metrics import against_truth
from replab.compare.verdict import verdict
from replab.errors import TruthError
from replab.model import Verdict
from replab.truth import balls, certify as certifying
from replab.truth.certify import certify
from replab.truth.reference import Problem

HEAD = "import math\nimport numpy as np\nfrom scipy import special\n"
X = np.array([-2.5, -0.75, 0.1, 0.5, 1.25])
CONVERSION = (
    "a value cannot become a plain number (float, astype, asarray, item, tolist, math …): it would lose its error bound, or its rounding errors. "
    "Stay with functions of np and special; np.round_to(x, format) is a rounding that is meant"
)
IN_PLACE = "a reference changes no array in place"


@pytest.fixture
def posed(tmp_path):
    def of(text, *, dtype="float64", derivative=0, head=HEAD, parameters=None, values=X):
        path = tmp_path / "family" / f"{len(list(tmp_path.rglob('*.py')))}" / "reference.py"
        path.parent.mkdir(parents=True)
        path.write_text(head + text + "\n", encoding="utf-8")
        x = np.asarray(values, dtype)
        return Problem(
            path=path,
            function="f",
            parameters=parameters or {},
            inputs={"x": x},
            differentiable=("x",) if derivative else (),
            derivative=derivative,
            cotangents=[[np.ones(x.shape, dtype)]] * derivative,
        )

    return of


def refusal(problem, dtype="float64", *, elementwise=False):
    with pytest.raises(TruthError) as caught:
        certify(problem, dtype, elementwise=elementwise)
    return str(caught.value)


REFUSED = {
    'def f(x): return np.exp(x).astype("float64")': CONVERSION,
    "def f(x): return np.exp(x).astype(np.float32)": CONVERSION,
    "def f(x): return np.exp(x).astype(float)": CONVERSION,
    "def f(x): return x * float(np.exp(x[0]))": CONVERSION,
    "def f(x): return math.exp(x[0]) - 1.0 + 0.0 * x": CONVERSION,
    "def f(x): return x * np.exp(x[0]).item()": CONVERSION,
    "def f(x): return np.array([2.0 * v for v in x.tolist()])": CONVERSION,
    'def f(x): return np.asarray(np.exp(x), "float64")': CONVERSION,
    "def f(x): return np.array([float(v) for v in x])": CONVERSION,
    "def f(x): return x * np.float64(np.exp(x[0]))": CONVERSION,
    "def f(x): return x * np.float32(0.1)": "write the number itself, or np.round_to(x, 'float32') where that rounding is meant",
    "def f(x): return x * np.int64(2)": "np.int64(…) would cast, which loses an error bound: write the number itself",
    "def f(x): return x * type(0.5)(np.exp(x[0]))": CONVERSION,
    "def f(x): return x * round(np.exp(x[0]), 3)": CONVERSION,
    "def f(x): return x * float(f'{np.exp(x[0])}')": CONVERSION,
    "def f(x): return x * complex(x[0]).real": CONVERSION,
    "def f(x): return np.round_to(np.stack([math.floor(v / 0.1) for v in x]), 'float32')": CONVERSION,
    "def f(x): return x * sum(map(float, x))": CONVERSION,
    "def f(x): return x * np.array(x, dtype='float32')[0]": CONVERSION,
    "def f(x): x[0] = 1.0; return x": IN_PLACE,
    "def f(x): y = np.zeros(5); y[0] = np.exp(x[0]); return y": CONVERSION,
    "def f(x): y = np.zeros(5); y[0] = 1.0; return x + y": IN_PLACE,
    "def f(x): y = x; y += 1.0; return x": IN_PLACE,
    "def f(x): y = np.zeros(5); np.exp(x, out=y); return y": IN_PLACE,
    "def f(x): n = np.arange(5); n[0] = 3; return x * n": IN_PLACE,
    "def f(x): return x if np.sum(np.sin(x) ** 2 + np.cos(x) ** 2) > 5.0 else -x": "whether this condition holds is open, with 2048 bits as with 128",
    "def f(x): return x[np.argsort(np.log(np.exp(x - x)) - np.log(np.exp(x)) + x)]": "the order of a sort depends on",
    "def f(x): return x * np.argmax(np.log(np.exp(x)) - x)": "np.argmax depends on which of two numbers is larger",
    "def f(x): return x * max(np.log(np.exp(x[0])) - x[0], 0.0)": "whether this condition holds is open",
    "def f(x): return x * sorted([np.log(np.exp(x[0])), x[0]])[0]": "whether this condition holds is open",
    "def f(x): return x * np.searchsorted(np.log(np.exp(x)), 0.1)": "np.searchsorted depends on",
    "def f(x): return x + x[np.log(np.exp(x)) + np.where(x > 0.0, 1.0, 0.0) > x][0]": "an index must be decided",
    "def f(x): return np.floor(np.log(np.exp(4.0 * x[3:]))).astype(int)": "an integer is needed, and the ball holds several",
    "def f(x): return np.log(np.exp(x)) > x": "whether a condition that is returned holds is open",
    "def f(x): return x * (1 if any(np.log(np.exp(v)) > v for v in x) else 2)": "whether this condition holds is open",
    "def f(x): return x * bool(np.log(np.exp(x[0])) - x[0])": "whether this number is 0 is open",
    "def f(x): return x * len(np.nonzero(np.log(np.exp(x)) - x)[0])": "which numbers are not 0 is open",
    "def f(x): return x * np.linspace(0.0, 1.0, 5)": "references cannot use np.linspace",
    "def f(x): return x * np.arange(0.0, 0.5, 0.1)": "np.arange takes whole numbers here",
    "def f(x): return x * np.nan_to_num(x)": "references cannot use np.nan_to_num",
    "def f(x): return x * eval('1.0 / 3.0')": "references cannot use eval",
    "def f(x): return x * (0.1).__add__(0.2)": "references use no attributes like __add__",
    "def f(x): return x * np.linalg.np.sqrt(2.0)": "references cannot use np.linalg.np",
    "def f(x): return x * np.unique(np.exp(x))": "references cannot use np.unique",
    "def f(x): return x * (1.0 if hasattr(x, 'item') else 2.0)": "references do not ask for the type of an array",
    "def f(x): return x * (1.0 if isinstance(x, np.ndarray) else 2.0)": "references cannot use np.ndarray",
    "def f(x): return np.sum(x, dtype=np.float32) + x": "dtype",
    "def f(x): return np.mean(x, out=None) * x": "out",
    "def f(x): import operator; return x * operator.add(0.1, 0.2)": "references cannot import operator: they may have numpy (as np), scipy.special, math, functools, itertools, typing",
    "def f(x): import struct; return x * struct.unpack('d', struct.pack('d', x[0]))[0]": "required argument is not a float",
    "def f(x): import itertools; return x * next(itertools.count(0.1, 0.1))": "itertools.count takes whole numbers here",
    "def f(x): global C; C = 1.0; return x * C": "a reference keeps nothing between two calls",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_would_hide_a_rounding_is_refused_with_its_line(posed, text):
    problem = posed(text)
    found = refusal(problem)
    assert found.startswith(f"{problem.path}:4: `{text}`: ")
    assert REFUSED[text] in found


def test_what_happens_after_an_error_is_not_certified(posed):
    problem = posed("def f(x):\n    try:\n        c = math.exp(0.1)\n    except TypeError:\n        c = 1.0\n    return c * x")
    assert refusal(problem) == f"{problem.path}:5: `try:`: a reference has no try statement: what happens after an error is not certified"


THIRD, SUM = Fraction(1, 3), Fraction(0.1) + Fraction(0.2)
FACTORS = {
    "def f(x): return x * (1.0 / 3.0)": THIRD,
    "def f(x): return x * (1 / 3)": THIRD,
    "C = 1 / 3\ndef f(x): return C * x": THIRD,
    "def f(x, c=0.1 + 0.2): return c * x": SUM,
    "def f(x): return x * sum([0.1, 0.2])": SUM,
    "def f(x): return x * np.full(10, 0.1).sum()": 10 * Fraction(0.1),
    "def f(x): return x * np.mean([0.1, 0.2])": SUM / 2,
    "def f(x): return x * np.mean(np.arange(4)) / 7": Fraction(3, 14),
    "def f(x): return x * (np.arange(5) / 3)[1]": THIRD,
    "def f(x): return x / np.size(x) * np.size(x)": Fraction(1),
    "def f(x): return x * 0.1": Fraction(0.1),
    "def f(x): return x * (0.1 * 0.1)": Fraction(0.1) ** 2,
    "def f(x): return x * 0.1 ** 3": Fraction(0.1) ** 3,
    "def f(x): return x * 10 ** -1": Fraction(1, 10),
    "def f(x): return x * (0.7 % 0.1)": Fraction(0.7) - 6 * Fraction(0.1),
    "def f(x): return x * float(1 / 3)": THIRD,
    "def f(x): return x * float(2 ** 60 + 1)": Fraction(2**60 + 1),
    "def f(x): return x * divmod(0.7, 0.1)[1]": Fraction(0.7) - 6 * Fraction(0.1),
    "import itertools\ndef f(x): return x * list(itertools.accumulate([0.1, 0.2]))[1]": SUM,
    "import functools\ndef f(x): return x * functools.reduce(lambda a, b: a + b, [0.1, 0.2])": SUM,
    "def f(x): return x * math.fsum([0.1, 0.2])": SUM,
    "def f(x): return x * math.prod([0.1, 0.1])": Fraction(0.1) ** 2,
    "def f(x):\n  c = 0.1\n  c += 0.2\n  return x * c": SUM,
    "def f(x):\n  c = [0.1]\n  c[0] += 0.2\n  return x * c[0]": SUM,
    "def f(x): return x * (1 if 0.1 + 0.2 > 0.3 else 2)": Fraction(1),
    "def f(x): return x * (1 if 0.1 + 0.2 == 0.30000000000000004 else 2)": Fraction(2),
    "def f(x): return x * np.array([[0.1, 0.2]]).sum()": SUM,
    "def f(x): return x * np.where(0.1 + 0.2 > 0.3, 1.0, 2.0)": Fraction(1),
    "def f(x): import numpy; return x * numpy.divide(1, 3)": THIRD,
    "from numpy import divide\ndef f(x): return x * divide(1, 3)": THIRD,
    "def f(x): return x * np.linalg.det(np.array([[1, 2], [3, 7]])) / 3": THIRD,
    "def f(x): return x * (np.array([1, 2]) @ (np.array([1, 1]) / 9))": THIRD,
    "def f(x): return x * max(0.1 + 0.2, 0.3)": SUM,
    "def f(x): return x * (5.5 // 1.1)": Fraction(4),
    "def f(x): return x * np.var(np.array([1, 2, 4])) / np.var([1.0, 2.0, 4.0]) / 3": THIRD,
    "def f(x): return x * np.asarray(0.1 + 0.2)": SUM,
    "def f(x): return x * pow(3, -1)": THIRD,
    "def f(x): return x * (lambda a, b=1 / 3: a * b)(1)": THIRD,
    "def f(x): return x * np.stack([v for v in np.ones(5)])[0] / 3": THIRD,
    "def f(x): return x * (np.where(x > 0.0, 1, 1)[0] / 3)": THIRD,
    "def f(x): return x * float('0.1')": Fraction(0.1),
    "def f(x: np.ndarray, c: float = 0.1) -> np.ndarray:\n  d: float = c + 0.2\n  e: int\n  return x * d": SUM,
    "from scipy import special as s\nimport numpy\ndef f(x): return x + 0.0 * s.expit(x) + numpy.zeros(5) * s.expit(x)": Fraction(1),
    "def f(x): return x * abs(-0.1 - 0.2)": SUM,
    "def f(x): return x * (np.reciprocal(3) + np.power(2, 3) + np.square(3))": Fraction(17),
    "def f(x): return x * np.reciprocal(3.0)": THIRD,
}


@pytest.mark.parametrize("text", FACTORS)
def test_arithmetic_on_constants_is_exact(posed, text):
    (truth,) = certify(posed(text), "float64", elementwise=False)
    for x, high, low, bound in zip(X.tolist(), truth.high.tolist(), truth.low.tolist(), truth.bound.tolist(), strict=True):
        assert abs(Fraction(high) + Fraction(low) - Fraction(x) * FACTORS[text]) <= Fraction(bound)
        assert bound <= 1e-30


CLOSED = {
    "math.sqrt(2.0)": lambda: arb(2).sqrt(),
    "2.0 ** 0.5": lambda: arb(2).sqrt(),
    "math.pi / 3": lambda: arb.pi() / 3,
    "np.sqrt(2)": lambda: arb(2).sqrt(),
    "math.log(3, 2)": lambda: arb(3).log() / arb(2).log(),
    "special.erf(0.3)": lambda: arb(0.3).erf(),
    "np.euler_gamma": arb.const_euler,
    "math.hypot(1, 2)": lambda: arb(5).sqrt(),
    "math.tau": lambda: 2 * arb.pi(),
    "np.e": lambda: arb(1).exp(),
    "np.power(2, 0.1)": lambda: arb(2) ** arb(0.1),
}


@pytest.mark.parametrize("place", ["def f(x): return x * ({})", "C = {}\ndef f(x): return x * C", "def f(x, c={}): return x * c"])
@pytest.mark.parametrize("text", CLOSED)
def test_constants_are_what_they_say_wherever_they_stand(posed, text, place):
    (truth,) = certify(posed(place.format(text)), "float64", elementwise=True)
    before, ctx.prec = ctx.prec, 500
    try:
        for x, high, low, bound in zip(X.tolist(), truth.high.tolist(), truth.low.tolist(), truth.bound.tolist(), strict=True):
            assert abs(arb(high) + arb(low) - arb(x) * CLOSED[text]()) <= arb(bound)
            assert bound <= 1e-30
    finally:
        ctx.prec = before


def test_more_bits_decide_what_few_leave_open(posed, monkeypatch):
    problem = posed("def f(x): return x if np.sum(x + 1e-60) > np.sum(x) else -x")
    (truth,) = certify(problem, "float64", elementwise=False)
    assert truth.high.tolist() == X.tolist()
    monkeypatch.setattr(certifying, "PRECISIONS", (128,))
    assert "whether this condition holds is open" in refusal(problem)


@pytest.mark.parametrize("elementwise", [False, True])
def test_a_choice_that_is_open_holds_both_values_and_touches_no_other_element(posed, elementwise):
    (truth,) = certify(
        posed("def f(x): return np.where(np.log(np.exp(x)) + np.where(x > 0.0, x, 0.0) > x, x, -x)"), "float64", elementwise=elementwise
    )
    assert truth.high.tolist() == [0.0, 0.0, 0.1, 0.5, 1.25]
    assert truth.bound.tolist() == pytest.approx([2.5, 0.75, 0.0, 0.0, 0.0])


def test_a_choice_between_values_that_meet_needs_no_decision(posed):
    (truth,) = certify(posed("def f(x): y = np.log(np.exp(x)) - x; return x + np.where(y > 0.0, y, 2.0 * y)"), "float64", elementwise=True)
    assert np.all(np.abs(truth.high - X) + truth.bound <= 1e-30)


def test_ties_of_exact_numbers_are_decided(posed):
    (truth,) = certify(
        posed("def f(x): return np.where(x > 0.0, 1.0, np.where(x == 0.0, 2.0, 3.0))", values=[0.0, -0.0, 1.0]), "float64", elementwise=True
    )
    assert (truth.high.tolist(), truth.bound.tolist()) == ([2.0, 2.0, 1.0], [0.0] * 3)


def test_the_larger_of_two_computed_numbers_hands_its_derivative_on(posed):
    (truth,) = certify(posed("def f(x): return np.maximum(np.exp(x), 1.5) + np.max(np.exp(x))", derivative=1), "float64", elementwise=False)
    expected = np.where(np.exp(X) > 1.5, np.exp(X), 0.0) + 5 * np.where(X == 1.25, np.exp(X), 0.0)
    assert np.allclose(truth.high, expected, rtol=1e-15)


def test_what_is_not_known_is_neither_nan_nor_0(posed):
    """A root of a ball around 0 could be anything: that it is NaN in balls decides nothing."""
    (truth,) = certify(posed("def f(x): return np.where(np.isnan(np.sqrt(np.log(np.exp(x)) - x)), 0.0, 1.0)"), "float64", elementwise=True)
    assert np.all(np.abs(truth.high - 0.5) + 0.5 <= truth.bound * (1 + 1e-8))


def test_where_nothing_is_known_every_result_is_within_the_envelope(posed):
    (truth,) = certify(
        posed("def f(x): return x + np.sqrt(np.log(np.exp(x)) - x + 0.0)", values=[0.5, 0.75, 1.0, 1.25, 1.5, 2.0]),
        "float64",
        elementwise=True,
    )
    unknown = np.isfinite(truth.ieee)
    assert unknown.any() and np.isnan(truth.high).all()
    assert np.isinf(truth.sigma[unknown]).all()


@pytest.mark.parametrize("text", ["np.arctan2(x, -1.0)", "np.copysign(1.0, x)", "np.arctan2(x, x)"])
def test_the_sign_of_a_zero_is_nothing_that_balls_decide(posed, text):
    """π or -π: float64 says which, no result is called wrong, and the other elements are as sharp as ever."""
    (truth,) = certify(posed(f"def f(x): return {text}", values=[-0.0, 0.5, -0.5]), "float64", elementwise=True)
    assert truth.bound[0] >= 1.0
    assert (truth.bound[1:] < 1e-30).all() and np.isfinite(truth.sigma[1:]).all()


def test_conditions_that_are_open_are_not_added(posed):
    """NumPy's True + True is True: a sum of balls would hold 2."""
    for text in ("((y > x) + (x > -9.0)) * x", "(y > x) * (y > x) * x", "np.add(y > x, y > x) * x"):
        assert "conditions that are open cannot be computed with" in refusal(posed(f"def f(x): y = np.log(np.exp(x)); return {text}"))


def test_integers_are_decided_by_balls_and_not_by_float64(posed):
    (truth,) = certify(posed("def f(x): return np.floor(x / 0.1).astype('int64')", values=[0.3, 0.8, 0.9]), "float64", elementwise=True)
    assert truth.exact.tolist() == [int(Fraction(x) / Fraction(0.1)) for x in (0.3, 0.8, 0.9)] == [2, 8, 8]
    assert np.floor(np.array([0.3, 0.8, 0.9]) / 0.1).tolist() == [2.0, 8.0, 9.0]


def test_a_rank_is_that_of_the_matrix_itself(posed):
    matrix = np.array([[1.0, 0.5], [0.5, 0.25 + 2.0**-50]])
    for values, rank in ((matrix, 2), (np.ones((2, 2)), 1)):
        (truth,) = certify(posed("def f(x): return np.linalg.matrix_rank(x)", values=values), "float64", elementwise=False)
        assert truth.exact.tolist() == rank


@pytest.mark.parametrize(
    "text",
    [
        "def f(x): return x - np.mean(x)",
        "def f(x): return x * x[0]",
        "def f(x): return np.sort(x)",
        "def f(x): return x * np.max(x)",
        "def f(x): return np.cumsum(x)",
        "def f(x): return x @ x + x",
        "def f(x): return x / np.size(x)",
        "def f(x): return x / x.shape[0]",
        "def f(x): return x / len(x)",
        "def f(x): return x + np.arange(5) @ x",
    ],
)
def test_an_elementwise_case_mixes_no_elements(posed, text):
    problem = posed(text)
    found = refusal(problem, elementwise=True)
    assert found.startswith(f"{problem.path}:4: `{text}`: ")
    assert found.endswith("makes elements depend on each other, and the case says elementwise = true")


# --- long programs, which are run in extended precision ---


@pytest.fixture
def long(monkeypatch):
    monkeypatch.setattr(certifying, "LONG_PROGRAM", 0)


@pytest.mark.parametrize("text", [text for text, why in REFUSED.items() if why in (CONVERSION, IN_PLACE)])
def test_a_long_program_hides_no_rounding_either(posed, long, text):
    problem = posed(text)
    assert refusal(problem).startswith(f"{problem.path}:4: `{text}`: ")


@pytest.mark.parametrize("derivative", [0, 1])
@pytest.mark.parametrize("text", FACTORS)
def test_constants_of_a_long_program_have_all_its_digits(posed, long, text, derivative):
    (truth,) = certify(posed(text, dtype="float32", derivative=derivative), "float32", elementwise=False)
    assert truth.method.startswith("extended precision")
    for x, high, low in zip(X.astype(np.float32).tolist(), truth.high.tolist(), truth.low.tolist(), strict=True):
        exact = FACTORS[text] * (1 if derivative else Fraction(x))
        assert abs(Fraction(high) + Fraction(low) - exact) <= abs(exact) * Fraction(2) ** -60


def test_constants_of_a_long_program_that_are_no_fractions_have_all_its_digits(posed, long, monkeypatch):
    monkeypatch.setattr(ctx, "prec", 200)
    for text, value in {
        "np.pi": arb.pi(),
        "math.sqrt(2.0)": arb(2).sqrt(),
        "2.0 ** 0.5": arb(2).sqrt(),
        "np.sqrt(2)": arb(2).sqrt(),
        "np.e": arb(1).exp(),
    }.items():
        (truth,) = certify(posed(f"def f(x): return x * ({text})", values=[1.0], dtype="float32"), "float32", elementwise=False)
        assert abs(arb(float(truth.high[0])) + arb(float(truth.low[0])) - value) < 2.0**-50 * 1e-3


# --- what a reference returns, and how it ends ---

OUTPUTS = {
    "def f(x): return 'text'": "returns a str",
    "def f(x): return None": "returns a NoneType",
    "def f(x): return {'a': x}": "returns a dict",
    "def f(x): return (v for v in x)": "returns a generator",
    "def f(x): return [x, [x]]": "returns a list",
    "def f(x): return np.array(['a', None], object)": "returns an array of object",
    "def f(x): return np.array(['a', 'b'])": "returns an array of <U1",
    "def f(x): return x * 1j": "returns an array of complex128",
    "def f(x): return f": "returns a function",
}


@pytest.mark.parametrize("text", OUTPUTS)
def test_an_output_is_numbers(posed, text):
    problem = posed(text)
    assert refusal(problem) == (
        f"{problem.path}:4: `{text}`: f (order 0): TypeError: {OUTPUTS[text]}: an output is a number or an array of numbers, several of them are a tuple"
    )


def test_outputs_have_one_shape_in_every_interpretation(posed):
    problem = posed("def f(x): return x[:2] if 0.1 + 0.2 == 0.30000000000000004 else x[:3]")
    assert refusal(problem).endswith(
        "f (order 0): returns floats of shape [2] in float64 and floats of shape [3] in another interpretation"
    )


ENDS = {
    "def f(x): raise SystemExit(3)": "SystemExit: 3",
    "def f(x): raise GeneratorExit": "GeneratorExit: ",
    "def f(x): raise ValueError('\\ud800')": "ValueError: \\ud800",
    "def f(x): import sys; sys.exit(0)": "SystemExit: 0",
    "def f(x): return f(x)": "RecursionError: maximum recursion depth exceeded",
}


@pytest.mark.parametrize("text", ENDS)
def test_however_a_reference_ends_it_is_a_sentence(posed, text):
    problem = posed(text)
    found = refusal(problem)
    assert found.startswith(f"{problem.path}:4: `{text}`: f (order 0): {ENDS[text]}")
    found.encode("utf-8")


def test_an_interruption_is_none_of_a_reference(posed):
    with pytest.raises(KeyboardInterrupt):
        certify(posed("def f(x): raise KeyboardInterrupt"), "float64", elementwise=False)


@pytest.mark.parametrize("text", ["raise SystemExit(0)", "import sys; sys.exit(0)", "raise ValueError('\\ud800')", "def f(x) return x"])
def test_a_file_that_cannot_be_imported_is_a_sentence(posed, text):
    problem = posed(text, head="")
    found = refusal(problem)
    assert found.startswith(f"{problem.path}:1: `{text}`: cannot be imported: ")
    found.encode("utf-8")


def test_nothing_is_left_of_an_evaluation_before(posed):
    problem = posed("SEEN = []\ndef f(x):\n    SEEN.append(1)\n    return x * len(SEEN)")
    for _ in range(2):
        assert problem.balls(128)[0][4] == 1.25


def test_a_ball_of_more_bits_than_two_floats_hold_has_a_bound():
    before, ctx.prec = ctx.prec, 400
    try:
        exact = arb(1) + arb(2) ** -60 + arb(2) ** -200
        (high,), (low,), (bound,) = balls.split(np.array([exact], object))
        assert arb.is_exact(exact)
        assert abs(exact.fmpq() - fmpq(1) - fmpq(1, 2**60)) <= fmpq(*float(bound).as_integer_ratio())
        assert (high, low) == (1.0, 2.0**-60)
    finally:
        ctx.prec = before


EDGES = """import numpy as np
def one(x): return np.sin(x)**2 + np.cos(x)**2
def ac(x): return np.arccos(one(x))
def sq(x): return np.sqrt(one(x) - 1)
def lg(x): return np.log(one(x) - 1)
def rec(x): return 1 / (one(x) - 1)
def pole(x): return np.log(x - x)
def neg(x): return np.log(-np.exp(x))
"""


@pytest.mark.parametrize("elementwise", [True, False])
@pytest.mark.parametrize(
    ("function", "known"), [("ac", False), ("sq", False), ("lg", False), ("rec", False), ("pole", True), ("neg", True)]
)
def test_next_to_an_edge_that_balls_leave_open_float64_proves_nothing(
    function: str, known: bool, elementwise: bool, tmp_path: Path
) -> None:
    """Neither its number nor its NaN; a pole and an argument far outside of a domain are what they are in every run."""
    path = tmp_path / "reference.py"
    path.write_text(EDGES)
    x = np.linspace(0.1, 3, 32)
    problem = Problem(path=path, function=function, parameters={}, inputs={"x": x}, differentiable=(), derivative=0, cotangents=())
    (truth,) = certify(problem, "float64", elementwise=elementwise)
    for result in (truth.ieee, np.zeros(32)):
        found, _ = verdict(against_truth(result, "float64", truth)[0], dtype="float64", escalation=None, single=None)
        assert (found is Verdict.INCONCLUSIVE) is not known, found
