"""The functions of ``special`` in every interpretation: enclosures beside mpmath at hard points, derivatives beside differences of mpmath."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special
from flint import arb, ctx

from replab.errors import TruthError
from replab.formats import FORMATS
from replab.truth.certify import certify
from replab.truth.reference import Problem
from replab.truth.special import SLOPES, SPECIAL, special_
from replab.truth.special_balls import ON_BALLS

Numbers = tuple[float, ...]


def normal(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def erfinv(y: mpmath.mpf) -> mpmath.mpf:
    """By bisection of erfc or erf: mpmath's own has no digits near 1."""
    return mpmath.findroot(lambda x: mpmath.erf(x) - y, mpmath.mpf(float(scipy.special.erfinv(float(y)))))


def entropy(x: mpmath.mpf, y: mpmath.mpf) -> mpmath.mpf:
    return x * mpmath.log(x / y)


def bessel(
    order: int, function: Callable[..., mpmath.mpf], scale: Callable[[mpmath.mpf], mpmath.mpf] = lambda _: 1
) -> Callable[..., mpmath.mpf]:
    return lambda x: function(order, x) * scale(x)


def down(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.exp(-abs(x))


# SciPy's name: the same by mpmath, and points; the first of them is an ordinary one, where SciPy itself must agree.
CASES: dict[str, tuple[Callable[..., mpmath.mpf], list[Numbers]]] = {
    "erf": (mpmath.erf, [(0.7,), (1e-300,), (-6.0,)]),
    "erfc": (mpmath.erfc, [(0.7,), (26.0,), (-5.0,)]),
    "erfcx": (lambda x: mpmath.exp(x * x) * mpmath.erfc(x), [(0.7,), (30.0,), (-3.0,), (1e-20,)]),
    "erfi": (mpmath.erfi, [(0.7,), (-20.0,), (1e-200,)]),
    "erfinv": (erfinv, [(0.7,), (-0.99999,), (1e-30,)]),
    "erfcinv": (lambda y: erfinv(1 - y), [(0.7,), (1e-5,), (1.9,)]),
    "dawsn": (lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x), [(0.7,), (25.0,), (-1e-10,)]),
    "ndtr": (normal, [(0.7,), (-37.0,), (9.0,)]),
    "log_ndtr": (lambda x: mpmath.log(normal(x)), [(0.7,), (-200.0,), (7.0,)]),
    "ndtri": (lambda p: -mpmath.sqrt(2) * erfinv(1 - 2 * p), [(0.7,), (1e-6,), (0.999,)]),
    "expit": (mpmath.sigmoid if hasattr(mpmath, "sigmoid") else lambda x: 1 / (1 + mpmath.exp(-x)), [(0.7,), (-700.0,), (36.0,)]),
    "log_expit": (lambda x: -mpmath.log1p(mpmath.exp(-x)), [(0.7,), (50.0,), (-800.0,)]),
    "logit": (lambda p: mpmath.log(p / (1 - p)), [(0.7,), (0.5 + 2.0**-50,), (1e-300,)]),
    "xlogy": (lambda x, y: x * mpmath.log(y), [(0.7, 2.5), (3.0, 1 + 2.0**-50)]),
    "xlog1py": (lambda x, y: x * mpmath.log1p(y), [(0.7, 2.5), (3.0, 1e-30)]),
    "entr": (lambda x: -x * mpmath.log(x), [(0.7,), (1 + 2.0**-50,), (1e-300,)]),
    "rel_entr": (entropy, [(0.7, 2.5), (1.0, 1 + 2.0**-50)]),
    "kl_div": (lambda x, y: entropy(x, y) - x + y, [(0.7, 2.5), (1.0, 1 + 2.0**-30)]),
    "exprel": (lambda x: mpmath.expm1(x) / x, [(0.7,), (1e-30,), (-40.0,)]),
    "gamma": (mpmath.gamma, [(0.7,), (-3.0001,), (170.5,)]),
    "rgamma": (mpmath.rgamma, [(0.7,), (-3.0,), (-150.25,)]),
    "gammaln": (lambda x: mpmath.log(abs(mpmath.gamma(x))), [(0.7,), (2 + 2.0**-40,), (-3.001,), (1e20,)]),
    "loggamma": (mpmath.loggamma, [(0.7,), (1 + 2.0**-40,), (1e20,)]),
    "psi": (mpmath.digamma, [(0.7,), (1.4616321449683622,), (-2.0001,)]),
    "digamma": (mpmath.digamma, [(0.7,), (1e-300,)]),
    "poch": (mpmath.rf, [(0.7, 2.5), (1e5, 3.0)]),
    "binom": (mpmath.binomial, [(4.7, 2.5), (100.0, 50.0)]),
    "beta": (mpmath.beta, [(0.7, 2.5), (200.0, 300.0)]),
    "betaln": (lambda a, b: mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b), [(0.7, 2.5), (1e5, 1e-5)]),
    "gammainc": (lambda a, x: mpmath.gammainc(a, 0, x, regularized=True), [(0.7, 2.5), (100.0, 60.0), (1e-3, 1e-200), (30.0, 1e-3)]),
    "gammaincc": (lambda a, x: mpmath.gammainc(a, x, regularized=True), [(0.7, 2.5), (100.0, 160.0), (1e-10, 5.0)]),
    "betainc": (lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True), [(0.7, 2.5, 0.3), (50.0, 0.5, 0.99), (3.0, 40.0, 1e-5)]),
    "betaincc": (lambda a, b, x: mpmath.betainc(a, b, x, 1, regularized=True), [(0.7, 2.5, 0.3), (3.0, 40.0, 0.9)]),
    "zeta": (lambda x, q=1: mpmath.zeta(x, q), [(2.5,), (1.0001,), (2.5, 0.75), (40.0, 3.0)]),
    "j0": (bessel(0, mpmath.besselj), [(0.7,), (2.404825557695773,), (1e4,)]),
    "j1": (bessel(1, mpmath.besselj), [(0.7,), (3.8317059702075125,), (-50.0,)]),
    "y0": (bessel(0, mpmath.bessely), [(0.7,), (0.8935769662791675,), (1e-100,)]),
    "y1": (bessel(1, mpmath.bessely), [(0.7,), (500.0,)]),
    "i0": (bessel(0, mpmath.besseli), [(0.7,), (-700.0,)]),
    "i1": (bessel(1, mpmath.besseli), [(0.7,), (1e-200,)]),
    "i0e": (bessel(0, mpmath.besseli, down), [(0.7,), (800.0,), (-300.0,)]),
    "i1e": (bessel(1, mpmath.besseli, down), [(0.7,), (800.0,), (-300.0,)]),
    "k0": (bessel(0, mpmath.besselk), [(0.7,), (700.0,), (1e-200,)]),
    "k1": (bessel(1, mpmath.besselk), [(0.7,), (700.0,)]),
    "k0e": (bessel(0, mpmath.besselk, mpmath.exp), [(0.7,), (1e3,)]),
    "k1e": (bessel(1, mpmath.besselk, mpmath.exp), [(0.7,), (1e3,)]),
    "jv": (mpmath.besselj, [(2.5, 0.7), (100.0, 20.0), (0.3, 300.0)]),
    "yv": (mpmath.bessely, [(2.5, 0.7), (20.0, 3.0)]),
    "iv": (mpmath.besseli, [(2.5, 0.7), (3.0, -5.0)]),
    "ive": (lambda v, x: mpmath.besseli(v, x) * down(x), [(2.5, 0.7), (3.0, -5.0), (2.5, 700.0)]),
    "kv": (mpmath.besselk, [(2.5, 0.7), (30.0, 1e-3)]),
    "kve": (lambda v, x: mpmath.besselk(v, x) * mpmath.exp(x), [(2.5, 0.7), (2.5, 900.0)]),
    "exp1": (mpmath.e1, [(0.7,), (1e-100,), (600.0,)]),
    "expi": (mpmath.ei, [(0.7,), (0.37250741078136663,), (-30.0,)]),
    "expn": (mpmath.expint, [(3, 0.7), (2, 100.0)]),
    "ellipk": (mpmath.ellipk, [(0.7,), (1 - 2.0**-40,), (-1e5,)]),
    "ellipe": (mpmath.ellipe, [(0.7,), (1 - 2.0**-40,), (-1e5,)]),
    "spence": (lambda x: mpmath.polylog(2, 1 - x), [(0.7,), (1 + 2.0**-40,), (0.001,)]),
    "hyp0f1": (mpmath.hyp0f1, [(2.5, 0.7), (0.5, -200.0)]),
    "hyp1f1": (mpmath.hyp1f1, [(0.7, 2.5, 0.3), (3.0, 0.5, -40.0)]),
    "hyp2f1": (mpmath.hyp2f1, [(0.7, 2.5, 1.5, 0.3), (1.0, 1.0, 2.0, -50.0)]),
    "hyperu": (mpmath.hyperu, [(0.7, 2.5, 0.3), (0.5, 0.5, 1e4)]),
    "eval_chebyt": (mpmath.chebyt, [(5, 0.7), (50, 0.999)]),
    "eval_chebyu": (mpmath.chebyu, [(5, 0.7), (50, 0.999)]),
    "eval_legendre": (mpmath.legendre, [(5, 0.7), (50, -0.999)]),
    "eval_hermite": (mpmath.hermite, [(5, 0.7), (20, 3.0)]),
    "eval_laguerre": (lambda n, x: mpmath.laguerre(n, 0, x), [(5, 0.7), (20, 30.0)]),
}
POINTS = [(name, point) for name, (_, points) in CASES.items() for point in points]


def posed(folder: Path, body: str, *values: float, derivative: int = 0, differentiable: tuple[str, ...] = ()) -> Problem:
    names = [f"x{place}" for place in range(len(values))]
    path = folder / "reference.py"
    path.write_text(f"import numpy as np\nfrom scipy import special\n\n\ndef f({', '.join(names)}):\n    return {body}\n")
    inputs = {name: np.array([value]) for name, value in zip(names, values, strict=True)}
    cotangents = [[np.ones(1)]][:derivative]
    return Problem(
        path=path, function="f", parameters={}, inputs=inputs, differentiable=differentiable, derivative=derivative, cotangents=cotangents
    )


def call(name: str, point: Numbers) -> str:
    return f"special.{name}({', '.join(f'x{place}' for place in range(len(point)))})"


def holds(ball: arb, exact: mpmath.mpf) -> bool:
    """Whether a ball holds a number that mpmath has with 60 digits."""
    near = arb(mpmath.nstr(exact, 55, strip_zeros=False))
    return bool(ball.overlaps(arb(near.mid(), abs(near.mid()) * arb(10) ** -45)))


@pytest.fixture(autouse=True)
def sharp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Balls that tests make themselves have more digits than what they are compared with."""
    monkeypatch.setattr(ctx, "prec", 256)


def test_every_function_is_tested() -> None:
    assert set(CASES) == set(ON_BALLS) == set(SPECIAL)


@pytest.mark.parametrize(("name", "point"), POINTS)
def test_a_ball_holds_the_value_and_is_sharp(name: str, point: Numbers, tmp_path: Path) -> None:
    function, points = CASES[name]
    with mpmath.workdps(150):  # some of these formulas cancel
        exact = mpmath.re(function(*map(mpmath.mpf, point)))
    (values,) = posed(tmp_path, call(name, point), *point).balls(256)
    assert holds(values[0], exact), (values[0], exact)
    assert values[0].rad() <= abs(values[0].mid()) * 2.0**-60
    if point == points[0]:
        assert float(getattr(scipy.special, name)(*point)) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_function_has_an_envelope_and_runs_in_extended_precision(name: str, tmp_path: Path) -> None:
    point = CASES[name][1][0]
    problem = posed(tmp_path, call(name, point), *point)
    plain, extended = problem.plain()[0], problem.extended()[0]
    assert extended.dtype == np.longdouble
    assert extended[0] == pytest.approx(float(plain[0]), rel=1e-12)
    (values,), operations = problem.perturbed(FORMATS["float32"], 1, 16)
    spread = np.abs(values[:, 0] / plain[0] - 1)
    assert operations == 1
    assert spread.max() <= 2.0**-24
    assert len(set(values[:, 0].tolist())) == 16


@pytest.mark.parametrize(("name", "place"), [(name, place) for name, slopes in SLOPES.items() for place in slopes])
def test_a_derivative_is_that_of_the_function(name: str, place: int, tmp_path: Path) -> None:
    function, points = CASES[name]
    point = next(one for one in points if len(one) > place) if name != "zeta" else (2.5, 0.75)
    with mpmath.workdps(40):
        exact = mpmath.diff(
            lambda x: mpmath.re(function(*map(mpmath.mpf, point[:place]), x, *map(mpmath.mpf, point[place + 1 :]))), point[place]
        )
    problem = posed(tmp_path, call(name, point), *point, derivative=1, differentiable=(f"x{place}",))
    (truth,) = certify(problem, "float32", elementwise=True)
    assert truth.high[0] == pytest.approx(float(exact), rel=1e-12)
    assert truth.bound[0] <= 1e-15 * abs(truth.high[0])


@pytest.mark.parametrize("body", ["special.logsumexp(x0)", "special.softmax(x0)[0]", "special.log_softmax(x0)", "special.polygamma(2, x0)"])
def test_composed_functions_are_those_of_scipy(body: str, tmp_path: Path) -> None:
    given = np.array([3.5, 0.25, 9.0])
    path = tmp_path / "reference.py"
    path.write_text(f"import numpy as np\nfrom scipy import special\n\n\ndef f(x0):\n    return {body}\n")
    problem = Problem(path=path, function="f", parameters={}, inputs={"x0": given}, differentiable=(), derivative=0, cotangents=[])
    (truth,) = certify(problem, "float64", elementwise=False)
    expected = eval(body, {"special": scipy.special, "x0": given})
    assert truth.high.shape == np.shape(expected)
    assert np.allclose(truth.high, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("name", "axis"), [(name, axis) for name in ("logsumexp", "softmax", "log_softmax") for axis in (None, 0, 1, -1)])
def test_composed_functions_take_axes(name: str, axis: int | None) -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert np.allclose(getattr(special_, name)(x, axis=axis), getattr(scipy.special, name)(x, axis=axis))


def test_edges_are_those_of_scipy(tmp_path: Path) -> None:
    """Where a function is defined piece by piece: 0·log 0, shares of nothing."""
    for name, point, value in [
        ("xlogy", (0.0, 0.0), 0.0),
        ("xlog1py", (0.0, -1.0), 0.0),
        ("entr", (0.0,), 0.0),
        ("rel_entr", (0.0, 2.0), 0.0),
        ("kl_div", (0.0, 2.0), 2.0),
        ("exprel", (0.0,), 1.0),
        ("gammainc", (2.0, 0.0), 0.0),
        ("gammaincc", (2.0, 0.0), 1.0),
        ("betainc", (2.0, 3.0, 1.0), 1.0),
        ("j0", (0.0,), 1.0),
        ("i1", (0.0,), 0.0),
        ("ellipe", (1.0,), 1.0),
        ("rgamma", (-3.0,), 0.0),
    ]:
        assert float(getattr(scipy.special, name)(*point)) == value
        (tmp_path / name).mkdir()
        (values,) = posed(tmp_path / name, call(name, point), *point).balls(128)
        assert values[0] == value, name


def test_a_function_that_is_not_there_says_why(tmp_path: Path) -> None:
    for name, said in {
        "lambertw": "certified arithmetic has no complex numbers",
        "sici": "it has several results",
        "expm1": "np has it",
        "struve": "known are beta, betainc",
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(TruthError, match=said):
            posed(folder, f"special.{name}(x0)", 0.5).balls(128)
