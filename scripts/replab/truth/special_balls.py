"""The functions of ``scipy.special`` on balls, argument by argument in SciPy's order: each gives an enclosure, or NaN where it knows none.

A function that is defined piece by piece is NaN on a ball that reaches over an edge: with more bits it no longer does.
"""

from __future__ import annotations

from collections.abc import Callable

from flint import acb, arb, fmpq

OnBalls = Callable[..., arb]
HALF = fmpq(1, 2)


def _root_half() -> arb:
    return arb(HALF).sqrt()


def _gammaln(x: arb) -> arb:
    return abs(x.gamma()).log() if x < 0 else x.lgamma()


def _beta(a: arb, b: arb) -> arb:
    return a.gamma() * b.gamma() * (a + b).rgamma()


def _betaln(a: arb, b: arb) -> arb:
    return a.lgamma() + b.lgamma() - (a + b).lgamma()


def _erfcx(x: arb) -> arb:
    if x > 1:
        return (x * x).hypgeom_u(HALF, HALF) / arb.const_sqrt_pi()
    return (x * x).exp() * x.erfc()


def _dawsn(x: arb) -> arb:
    return x * (-x * x).hypgeom_1f1(1, fmpq(3, 2))


def _ndtr(x: arb) -> arb:
    return (-x * _root_half()).erfc() / 2


def _log_ndtr(x: arb) -> arb:
    return (-(x * _root_half()).erfc() / 2).log1p() if x > 0 else _ndtr(x).log()


def _ndtri(p: arb) -> arb:
    return -arb(2).sqrt() * (2 * p).erfcinv()


def _log_expit(x: arb) -> arb:
    return x - x.exp().log1p() if x < 0 else -(-x).exp().log1p()


def _logit(p: arb) -> arb:
    return p.log() - (-p).log1p()


def _xlogy(x: arb, y: arb) -> arb:
    return arb(0) if x == 0 and not y.is_nan() else x * y.log()


def _xlog1py(x: arb, y: arb) -> arb:
    return arb(0) if x == 0 and not y.is_nan() else x * y.log1p()


def _entr(x: arb) -> arb:
    return -x * x.log() if x > 0 else arb(0) if x == 0 else arb.neg_inf() if x < 0 else arb.nan()


def _rel_entr(x: arb, y: arb) -> arb:
    if x > 0 and y > 0:
        return x * (x / y).log()
    if x == 0 and y >= 0:
        return arb(0)
    return arb.pos_inf() if x < 0 or y <= 0 else arb.nan()


def _kl_div(x: arb, y: arb) -> arb:
    return _rel_entr(x, y) - x + y


def _exprel(x: arb) -> arb:
    return arb(1) if x == 0 else x.expm1() / x


def _ive(v: arb, x: arb) -> arb:
    return x.bessel_i(v, True) if x >= 0 else (-abs(x)).exp() * x.bessel_i(v)


def _kve(v: arb, x: arb) -> arb:
    return x.bessel_k(v, True)


def _gammainc(a: arb, x: arb) -> arb:
    return x.gamma_lower(a, 1)


def _gammaincc(a: arb, x: arb) -> arb:
    return x.gamma_upper(a, 1)


def _betainc(a: arb, b: arb, x: arb) -> arb:
    return x.beta_lower(a, b, 1)


def _betaincc(a: arb, b: arb, x: arb) -> arb:
    return (1 - x).beta_lower(b, a, 1)


def _binom(n: arb, k: arb) -> arb:
    return (n + 1).gamma() * (k + 1).rgamma() * (n - k + 1).rgamma()


def _poch(z: arb, m: arb) -> arb:
    return z.rising(m)


def _ellipk(m: arb) -> arb:
    return acb(m).elliptic_k().real if m < 1 else arb.nan()


def _ellipe(m: arb) -> arb:
    return acb(m).elliptic_e().real if m < 1 else arb(1) if m == 1 else arb.nan()


def _spence(x: arb) -> arb:
    return (1 - x).polylog(2)


def _of_order(order: int, bessel: Callable[[arb, arb], arb]) -> OnBalls:
    return lambda x: bessel(arb(order), x)


def _jv(v: arb, x: arb) -> arb:
    return x.bessel_j(v)


def _yv(v: arb, x: arb) -> arb:
    return x.bessel_y(v)


def _iv(v: arb, x: arb) -> arb:
    return x.bessel_i(v)


def _kv(v: arb, x: arb) -> arb:
    return x.bessel_k(v)


ON_BALLS: dict[str, OnBalls] = {
    # error functions and the normal distribution
    "erf": arb.erf,
    "erfc": arb.erfc,
    "erfcx": _erfcx,
    "erfi": arb.erfi,
    "erfinv": arb.erfinv,
    "erfcinv": arb.erfcinv,
    "dawsn": _dawsn,
    "ndtr": _ndtr,
    "log_ndtr": _log_ndtr,
    "ndtri": _ndtri,
    # logistic and entropy
    "expit": lambda x: 1 / (1 + (-x).exp()),
    "log_expit": _log_expit,
    "logit": _logit,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "entr": _entr,
    "rel_entr": _rel_entr,
    "kl_div": _kl_div,
    "exprel": _exprel,
    # gamma and beta
    "gamma": arb.gamma,
    "rgamma": arb.rgamma,
    "gammaln": _gammaln,
    "loggamma": arb.lgamma,
    "psi": arb.digamma,
    "digamma": arb.digamma,
    "poch": _poch,
    "binom": _binom,
    "beta": _beta,
    "betaln": _betaln,
    "gammainc": _gammainc,
    "gammaincc": _gammaincc,
    "betainc": _betainc,
    "betaincc": _betaincc,
    "zeta": lambda x, q=arb(1): x.zeta(q),  # noqa: B008 (a number)
    # Bessel
    "j0": _of_order(0, _jv),
    "j1": _of_order(1, _jv),
    "y0": _of_order(0, _yv),
    "y1": _of_order(1, _yv),
    "i0": _of_order(0, _iv),
    "i1": _of_order(1, _iv),
    "i0e": _of_order(0, _ive),
    "i1e": _of_order(1, _ive),
    "k0": _of_order(0, _kv),
    "k1": _of_order(1, _kv),
    "k0e": _of_order(0, _kve),
    "k1e": _of_order(1, _kve),
    "jv": _jv,
    "yv": _yv,
    "iv": _iv,
    "ive": _ive,
    "kv": _kv,
    "kve": _kve,
    # integrals
    "exp1": lambda x: x.expint(1) if x > 0 else arb.nan(),
    "expi": arb.ei,
    "expn": lambda n, x: x.expint(n),
    "ellipk": _ellipk,
    "ellipe": _ellipe,
    "spence": _spence,
    # hypergeometric functions and polynomials
    "hyp0f1": lambda v, z: z.hypgeom_0f1(v),
    "hyp1f1": lambda a, b, x: x.hypgeom_1f1(a, b),
    "hyp2f1": lambda a, b, c, z: z.hypgeom_2f1(a, b, c),
    "hyperu": lambda a, b, x: x.hypgeom_u(a, b),
    "eval_chebyt": lambda n, x: x.chebyshev_t(n),
    "eval_chebyu": lambda n, x: x.chebyshev_u(n),
    "eval_legendre": lambda n, x: x.legendre_p(n),
    "eval_hermite": lambda n, x: x.hermite_h(n),
    "eval_laguerre": lambda n, x: x.laguerre_l(n),
}
