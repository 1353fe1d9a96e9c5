"""The truth: certified values, derivatives of any order, exact outcomes, and the verdicts that follow from it on real arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx

from replab.compare.metrics import against_truth, z_limit
from replab.compare.verdict import outside, verdict
from replab.errors import TruthError
from replab.formats import FORMATS, round_to, spacing
from replab.model import Verdict
from replab.truth import certify as certifying
from replab.truth.certify import BOUND_ULP, KNOWN, certify
from replab.truth.reference import Problem

REFERENCE = """
import numpy as np
from scipy import special

def cube(x): return x**3
def tanh(x): return np.tanh(x)
def exp(x): return np.exp(x)
def logsumexp(x): return np.log(np.sum(np.exp(x)))
def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
def product(a, b): return np.matmul(a, b)
def some_rows(a, b, *, every=3): return np.matmul(a[::every], b)
def computed_factors(a, b): return np.matmul(a * 0.1, b)
def product_of_a_branch(a, b): return np.matmul(a, b) if np.sum(a) > 0.1 else a @ b
def product_and_more(a, b): return np.matmul(a, b) + 0.0
def two_products(a, b): return np.matmul(np.matmul(a, b), b)
def variance(x, *, ddof=0): return np.var(x, axis=-1, ddof=ddof)
def circle(x): return np.pi * x * x
def both(x): return np.sin(x), np.argmax(x)
def order(x): return np.argsort(x)
def gelu(x): return 0.5 * x * (1 + special.erf(x / np.sqrt(2.0)))
def log(x): return np.log(x)
def cancel(x): return (1.0 + x) - 1.0
def solve(a, b): return np.linalg.solve(a, b)
def broken(x): return np.nothing_like_it(x)
def wrong(x): return x @ x @ 3
def exp2(x): return np.exp2(x)
def log2(x): return np.log2(x)
def log10(x): return np.log10(x)
def erf(x): return special.erf(x)
def erfc(x): return special.erfc(x)
def erfinv(x): return special.erfinv(x)
def rsqrt(x): return 1.0 / np.sqrt(x)
def root(x): return np.sqrt(x)
def tenth(x): return 0.1 * x
def layer_norm(x, *, epsilon=1e-5):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + epsilon)
"""
GRID = np.array([-2.5, -0.75, 0.1, 0.5, 1.25], np.float32)


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "reference.py"
    path.write_text(REFERENCE, encoding="utf-8")
    return path


@pytest.fixture
def problem(reference):
    def of(function, *, derivative=0, cotangents=(), parameters=None, **inputs):
        inputs = {name: np.asarray(values) for name, values in inputs.items()}
        floats = tuple(name for name, values in inputs.items() if values.dtype.kind == "f")
        return Problem(
            path=reference,
            function=function,
            parameters=parameters or {},
            inputs=inputs,
            differentiable=floats,
            derivative=derivative,
            cotangents=cotangents,
        )

    return of


@pytest.fixture
def bits():
    before, ctx.prec = ctx.prec, 1000
    yield
    ctx.prec = before


def balls(values):
    return [arb(float(value)) for value in np.ravel(values)]


def holds(truth, expected, dtype):
    """The certified interval holds the expected numbers (arb, 1 000 bits), and is as narrow as promised."""
    for high, low, bound, value in zip(np.ravel(truth.high), np.ravel(truth.low), np.ravel(truth.bound), expected, strict=True):
        assert abs(value - arb(float(high)) - arb(float(low))) <= arb(float(bound)) * 1.0001 + arb(2) ** -900, (high, value)
        assert bound <= BOUND_ULP * spacing(np.array(high), dtype)


C0, C1, C2 = (
    np.array([0.5, 1.5, 1.0, 0.75, 1.25], np.float32),
    np.array([1.0, 0.5, 1.25, 1.5, 0.75], np.float32),
    np.array([0.625, 1.375, 0.5, 1.0, 1.5], np.float32),
)


def _tanh(x, order):
    t = x.tanh()
    return (t, 1 - t * t, -2 * t * (1 - t * t), (1 - t * t) * (6 * t * t - 2))[order]


ANALYTIC = {"cube": lambda x, order: (x**3, 3 * x**2, 6 * x, arb(6))[order], "exp": lambda x, order: x.exp(), "tanh": _tanh}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("name", ANALYTIC)
def test_derivatives_are_the_analytic_ones(problem, bits, name, order, dtype):
    levels = [[C0], [C1], [C2]][:order]
    [truth] = certify(
        problem(name, x=GRID.astype(dtype), derivative=order, cotangents=[[c.astype(dtype) for c in level] for level in levels]),
        dtype,
        elementwise=True,
    )
    factors = np.prod([level[0].astype(np.float64) for level in levels], axis=0) if levels else np.ones(5)
    holds(truth, [arb(float(c)) * ANALYTIC[name](x, order) for c, x in zip(factors, balls(GRID), strict=True)], dtype)


@pytest.mark.parametrize("order", range(4))
def test_derivatives_mix_elements_where_the_function_does(problem, bits, order):
    levels = [[np.ones((), np.float32)], [C1], [C2]][:order]
    [truth] = certify(problem("logsumexp", x=GRID, derivative=order, cotangents=levels), "float32", elementwise=False)
    e = [x.exp() for x in balls(GRID)]
    total = sum(e, arb(0))
    p = [each / total for each in e]
    c1, c2 = balls(C1), balls(C2)
    m1, m2 = (sum((a * b for a, b in zip(p, c, strict=True)), arb(0)) for c in (c1, c2))
    cov = sum((w * (a - m1) * (b - m2) for w, a, b in zip(p, c1, c2, strict=True)), arb(0))
    expected = (
        [total.log()],
        p,
        [w * (a - m1) for w, a in zip(p, c1, strict=True)],
        [w * ((b - m2) * (a - m1) - cov) for w, a, b in zip(p, c1, c2, strict=True)],
    )[order]
    holds(truth, expected, "float32")


def test_constants_are_enclosed_and_not_rounded(problem, bits):
    [truth] = certify(problem("circle", x=GRID.astype(np.float64)), "float64", elementwise=True)
    holds(truth, [arb.pi() * x * x for x in balls(GRID)], "float64")


FIRST = {
    "exp2": lambda x: arb.const_log2() * 2**x,
    "log2": lambda x: 1 / (x * arb.const_log2()),
    "log10": lambda x: 1 / (x * arb.const_log10()),
    "erf": lambda x: 2 * (-x * x).exp() / arb.pi().sqrt(),
    "erfc": lambda x: -2 * (-x * x).exp() / arb.pi().sqrt(),
    "erfinv": lambda x: arb.pi().sqrt() / 2 * (x.erfinv() ** 2).exp(),
}


@pytest.mark.parametrize("name", FIRST)
def test_constants_within_the_rules_of_differentiation_are_not_rounded(problem, bits, name):
    x = np.array([0.1, 0.3, 0.75])
    [truth] = certify(problem(name, x=x, derivative=1, cotangents=[[np.ones(3)]]), "float64", elementwise=True)
    holds(truth, [FIRST[name](each) for each in balls(x)], "float64")


def test_constants_made_by_functions_are_enclosed_too(problem, bits):
    """``x / np.sqrt(2.0)`` in a definition means the square root of two, not the float64 next to it."""
    [truth] = certify(problem("gelu", x=GRID.astype(np.float64)), "float64", elementwise=True)
    holds(truth, [x / 2 * (1 + (x / arb(2).sqrt()).erf()) for x in balls(GRID)], "float64")


def test_cancellation_is_met_with_more_bits(problem, bits):
    x = np.array([2.0**-200, -(2.0**-300), 1e-250])
    [truth] = certify(problem("cancel", x=x), "float64", elementwise=True)
    holds(truth, balls(x), "float64")


def test_products_are_enclosed(problem, bits):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 7)).astype(np.float32), rng.standard_normal((7, 2)).astype(np.float32)
    [truth] = certify(problem("product", a=a, b=b), "float32", elementwise=False)
    expected = [sum((x * y for x, y in zip(balls(a[i]), balls(b[:, j]), strict=True)), arb(0)) for i in range(3) for j in range(2)]
    holds(truth, expected, "float32")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("product", slice(None)),
        ("some_rows", slice(None, None, 3)),
        ("product_and_more", None),
        ("two_products", None),
        ("computed_factors", None),
        ("product_of_a_branch", None),
    ],
)
def test_a_product_is_known_by_what_the_reference_does(problem, name, rows):
    """Whatever it is called: large ones are summed from exact slices and not enclosed by balls."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((7, 5)).astype(np.float32), rng.standard_normal((5, 5)).astype(np.float32)
    values, factors = problem(name, a=a, b=b).plain_and_factors()
    if rows is None:
        assert factors is None
    else:
        assert np.array_equal(factors[0], a[rows]) and np.array_equal(factors[1], b)
        assert np.array_equal(values[0], factors[0] @ factors[1])
    assert problem(name, derivative=1, cotangents=[[np.ones_like(values[0])]], a=a, b=b).plain_and_factors()[1] is None


def test_a_large_product_has_the_truth_that_balls_give_it(problem, monkeypatch):
    rng = np.random.default_rng(0)
    given = {"a": rng.standard_normal((9, 40)).astype(np.float32), "b": rng.standard_normal((40, 6)).astype(np.float32)}
    (balls_say,) = certify(problem("some_rows", **given), "float32", elementwise=False)
    monkeypatch.setattr(certifying, "BIG_PRODUCT", 1)
    (slices_say,) = certify(problem("some_rows", **given), "float32", elementwise=False)
    assert (balls_say.method, slices_say.method) == ("ball arithmetic", "sums of exact products")
    assert np.array_equal(balls_say.high, slices_say.high)
    assert np.all(np.abs(balls_say.low - slices_say.low) <= balls_say.bound + slices_say.bound)


def test_parameters_reach_the_reference(problem):
    x = np.array([[1.0, 2.0, 4.0]], np.float32)
    values = [certify(problem("variance", x=x, parameters={"ddof": ddof}), "float32", elementwise=False)[0].high for ddof in (0, 1)]
    assert [float(v[0]) for v in values] == pytest.approx([14 / 9, 7 / 3], rel=1e-15)


def test_integer_outputs_are_exact(problem):
    floats, place = certify(problem("both", x=np.array([0.5, 2.0, 1.0], np.float32)), "float32", elementwise=False)
    assert floats.exact is None
    assert place.exact.tolist() == 1
    [ranks] = certify(problem("order", x=np.array([0.5, -2.0, 1.0], np.float32)), "float32", elementwise=False)
    assert ranks.exact.tolist() == [1, 0, 2]


def test_special_values_are_where_ieee_arithmetic_has_them(problem):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, -1.0, 1.0], np.float32)
    [truth] = certify(problem("log", x=x), "float32", elementwise=True)
    with np.errstate(all="ignore"):
        finding, _ = against_truth(np.log(x), "float32", truth)
    assert finding.identical
    [truth] = certify(problem("exp", x=x[:3]), "float32", elementwise=True)
    assert against_truth(np.array([np.inf, 0.0, np.nan], np.float32), "float32", truth)[0].identical


def test_equal_problems_have_equal_truths(problem):
    first, second = (certify(problem("softmax", x=GRID.reshape(1, 5)), "float32", elementwise=False)[0] for _ in range(2))
    for part in ("high", "low", "bound", "sigma", "ieee"):
        assert np.array_equal(getattr(first, part), getattr(second, part))


def test_faults_of_a_reference_name_it(problem, reference):
    with pytest.raises(TruthError) as caught:
        certify(problem("broken", x=GRID), "float32", elementwise=True)
    assert str(caught.value) == (
        f"{reference}:26: `def broken(x): return np.nothing_like_it(x)`: broken (order 0): "
        "AttributeError: references cannot use np.nothing_like_it: autograd has no rule for it"
    )
    with pytest.raises(TruthError):
        certify(problem("wrong", x=GRID), "float32", elementwise=True)


def test_a_reference_that_cannot_be_imported_is_named(tmp_path):
    path = tmp_path / "reference.py"
    path.write_text("import numpy as np\nraise RuntimeError('no')\n", encoding="utf-8")
    with pytest.raises(TruthError) as caught:
        Problem(path=path, function="f", parameters={}, inputs={"x": GRID}, differentiable=(), derivative=0, cotangents=()).plain()
    assert str(caught.value) == f"{path}:2: `raise RuntimeError('no')`: cannot be imported: RuntimeError: no"


# --- the envelope on real arithmetic: float32 and float16 as NumPy computes them ---

rng = np.random.default_rng(7)
REAL = {
    "tanh": ({"x": rng.standard_normal(3000)}, np.tanh),
    "gelu": ({"x": rng.standard_normal(500)}, None),
    "softmax": (
        {"x": rng.standard_normal((20, 50))},
        lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True),
    ),
    "rsqrt": ({"x": rng.random(3000) + 0.01}, lambda x: x.dtype.type(1) / np.sqrt(x)),
    "product": ({"a": rng.standard_normal((20, 30)), "b": rng.standard_normal((30, 10))}, lambda a, b: a @ b),
    "variance": ({"x": rng.standard_normal((30, 40)) + 3}, lambda x: np.var(x, axis=-1)),
    "logsumexp": ({"x": rng.standard_normal(200)}, lambda x: np.log(np.sum(np.exp(x)))),
    "layer_norm": (
        {"x": rng.standard_normal((10, 64))},
        lambda x: (
            (x - x.mean(-1, keepdims=True)) / np.sqrt(np.square(x - x.mean(-1, keepdims=True)).mean(-1, keepdims=True) + x.dtype.type(1e-5))
        ),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", [name for name, (_, function) in REAL.items() if function])
def test_honest_arithmetic_is_rounding_and_a_planted_mistake_is_not(problem, name, dtype):
    given, function = REAL[name]
    inputs = {key: round_to(values, dtype) for key, values in given.items()}
    [truth] = certify(problem(name, **inputs), dtype, elementwise=False)
    value = np.asarray(function(*inputs.values()))
    assert value.dtype == dtype
    finding, _ = against_truth(value, dtype, truth)
    assert not outside(finding), finding
    if dtype == "float16":  # its own rounding is that large
        return
    wrong = (value.astype(np.float64) * 1.001).astype(dtype)
    assert outside(against_truth(wrong, dtype, truth)[0])


def test_another_epsilon_is_outside_and_stays_in_float64(problem):
    x = REAL["layer_norm"][0]["x"]
    for dtype in ("float32", "float64"):
        values = x.astype(np.float32).astype(dtype)
        [truth] = certify(problem("layer_norm", x=values), dtype, elementwise=False)
        centred = values - values.mean(-1, keepdims=True)
        other = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + values.dtype.type(1e-3))
        assert outside(against_truth(other, dtype, truth)[0])


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_a_function_that_is_rounded_once_has_an_envelope_of_about_its_rounding(problem, dtype):
    x = round_to(np.linspace(0.3, 3, 400), dtype)
    [truth] = certify(problem("exp", x=x.astype(np.float32) if dtype == "bfloat16" else x), dtype, elementwise=True)
    inexact = (round_to(truth.high, dtype).astype(np.float64) != truth.high) | (truth.low != 0)
    ratio = (truth.sigma / spacing(truth.high, dtype))[inexact]
    assert ratio.min() >= 1 / np.sqrt(12) - 1e-9
    # 1/√3 and what 64 runs may be off; the float64 runs add the error of NumPy's own exp, which is up to one ULP.
    assert ratio.max() <= (1.6 if dtype == "float64" else 0.75)


@pytest.mark.parametrize(("correctly_rounded", "expected"), [(True, Verdict.ACCURACY), (False, Verdict.ROUNDING)])
def test_a_root_is_correctly_rounded_or_inaccurate(problem, correctly_rounded, expected):
    """One number beside the right one: rounding for most functions, and too much where IEEE 754 says which one it must be."""
    given = np.linspace(1.0, 3.9, 1000).astype(np.float32)
    (truth,) = certify(problem("root", x=given), "float32", elementwise=True)
    right = round_to(truth.high, "float32")
    beside = np.where(np.arange(1000) == 7, np.nextafter(right, np.float32(9)), right)
    found = [against_truth(values, "float32", truth, correctly_rounded=correctly_rounded)[0] for values in (right, beside)]
    assert [one.misrounded for one in found] == [0, int(correctly_rounded)]
    told = [verdict(one, dtype="float32", escalation=None, single=None)[0] for one in found]
    assert told == [Verdict.IDENTICAL, expected]


def test_the_limit_of_many_elements_is_near_that_of_a_known_spread(problem):
    """tanh(7.909) = 1 in float32 is 4.5 ULP off: the truth leaves 1 at 9.01 only. A limit of ten σ, from 32 runs, let it pass."""
    given = np.append(np.linspace(-9.5, 9.5, 8191), 7.909).astype(np.float32)
    (truth,) = certify(problem("tanh", x=given), "float32", elementwise=True)
    honest = np.tanh(given.astype(np.float64)).astype(np.float32)
    finding, _ = against_truth(honest, "float32", truth)
    assert not outside(finding)
    assert z_limit(8192, KNOWN) < finding.z_limit < 1.05 * z_limit(8192, KNOWN)
    finding, _ = against_truth(np.where(np.arange(8192) == 8191, np.float32(1.0), honest), "float32", truth)
    assert 4.4 < finding.ulp_max < 4.6
    assert outside(finding)


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e-300, 1e-310])
def test_the_envelope_of_tiny_numbers_does_not_vanish(problem, scale):
    """Squares of distances below 1e-162 are 0 in float64; a step between its smallest numbers is no infinite z."""
    given = np.append(np.array([1.1, 1.7, 2.9]) * scale, 1.3)
    (truth,) = certify(problem("tenth", x=given), "float64", elementwise=True)
    beside = np.nextafter(truth.high, np.inf)
    finding, _ = against_truth(beside, "float64", truth)
    assert 0.5 < finding.z_max < 4.0
    assert not outside(finding)
