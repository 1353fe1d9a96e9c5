"""The page that says what references may use: ``python -m replab.run.references_page`` prints it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping

from replab.run.markdown import table
from replab.truth import composed, linalg, namespace, special
from replab.truth.reading import attributes, modules

HEAD = """\
# What references may use

Everything that `np`, `np.linalg` and `special` offer in a `reference.py`, and what else a reference may be made of. `python -m
replab.run.references_page` prints this page from the lab's own tables; a test compares the two, and `make accept` writes it anew.

A reference is evaluated four ways: on balls (rigorous enclosures with as many bits as it takes: the truth), on runs whose every
operation is off by a rounding (the envelope), in float64 (for ±Inf, NaN and the signs of zeros), and, where a program is long, in
extended precision; each with derivatives of any order. So it consists of functions that have a rule for each. Arguments are NumPy's
where nothing else is said, without `out=`, `where=`, `dtype=` and `casting=`. What depends on which of two numbers is larger (`argmax`,
`argsort`, `nonzero`, an `if`) needs numbers that are not equal but for rounding.

Where a case says `elementwise = true`, functions that mix elements are refused (sums, products of matrices, sorting, an index).
"""
NP: Mapping[str, Mapping[str, str]] = {
    "Arithmetic": {
        "add, subtract, multiply": "as `+`, `-`, `*`",
        "divide, true_divide": "as `/`",
        "floor_divide": "as `//`: the largest whole number below the quotient",
        "mod, remainder": "as `%`: what is left then, with the sign of the divisor",
        "fmod": "what is left of a division towards zero",
        "power": "as `**`",
        "square": "x·x",
        "reciprocal": "1/x",
        "negative, positive": "as `-x`, `+x`",
        "abs, absolute, fabs": "without its sign",
        "sign": "-1, 0 or 1",
        "copysign": "the first with the sign of the second",
        "maximum, minimum": "the larger, the smaller of two",
        "clip": "between two limits",
        "conj, conjugate, real, real_if_close": "the number itself: there are no complex ones",
    },
    "Elementary functions": {
        "exp, exp2, expm1": "eˣ, 2ˣ, eˣ - 1",
        "log, log2, log10, log1p": "logarithms to e, 2 and 10, and of 1 + x",
        "logaddexp": "log(eˣ + eʸ)",
        "sqrt, cbrt": "square and cube root",
        "hypot": "√(x² + y²)",
        "sin, cos, tan": "of radians",
        "arcsin, arccos, arctan, arctan2": "their inverses; `arctan2(y, x)` knows the quadrant",
        "sinh, cosh, tanh": "hyperbolic functions",
        "arcsinh, arccosh, arctanh": "their inverses",
    },
    "Whole numbers and rounding": {
        "floor, ceil, trunc, fix": "to a whole number: downwards, upwards, towards zero",
        "rint, round, around": "to the nearest whole number, half to even (no decimals)",
    },
    "Comparisons and conditions": {
        "equal, not_equal, greater, greater_equal, less, less_equal": "as `==`, `!=`, `>`, `>=`, `<`, `<=`",
        "logical_and, logical_or, logical_xor, logical_not": "of conditions",
        "bitwise_and, bitwise_or, bitwise_xor, invert": "as `&`, `|`, `^`, `~`, of conditions and integers",
        "isnan, isfinite, isinf": "questions about each number",
        "where": "the one or the other, by a condition",
        "any, all": "whether any, or every condition holds",
        "nonzero, flatnonzero, argwhere, count_nonzero": "where numbers are not 0, and how many",
    },
    "Sums and statistics": {
        "sum, prod": "along axes",
        "cumsum, cumprod": "all partial ones",
        "mean": "the sum over the count",
        "max, amax, min, amin": "the largest, the smallest along axes",
        "argmax, argmin": "its place; the first of several",
        "diff": "differences of neighbours",
        "sort, argsort": "in ascending order, and the places in that order",
        "searchsorted": "where numbers belong in a sorted row",
    },
    "Products": {
        "matmul": "as `@`",
        "dot, vdot, inner, outer": "of vectors (and matrices)",
        "tensordot": "over pairs of axes",
        "einsum": "over indices that are named",
        "trace": "the sum of the diagonal",
    },
    "Shapes": {
        "reshape, ravel": "the same elements in another shape, in one row",
        "transpose, swapaxes, moveaxis, rollaxis": "axes in another order",
        "expand_dims, squeeze, atleast_1d, atleast_2d, atleast_3d": "axes of length 1 more or less",
        "broadcast_to": "repeated to a shape",
        "concatenate, stack, hstack, vstack, column_stack": "arrays joined",
        "split, array_split, hsplit, vsplit": "arrays cut",
        "tile, repeat": "elements over and over",
        "roll, flip, flipud, fliplr, rot90": "elements moved round",
        "pad": "more around: constant, edge, reflect, symmetric or wrap",
        "take, take_along_axis, delete, insert": "chosen, left out, put between",
        "diag, diagonal, tril, triu, tri": "diagonals and triangles",
        "copy": "the same again",
        "shape, ndim, size": "of an array",
    },
    "New arrays": {
        "array, asarray": "from lists",
        "zeros, ones, full, eye, identity, arange": "of whole numbers, or of one number",
        "zeros_like, ones_like, empty_like, full_like": "of another one's shape",
        "result_type, iscomplexobj": "what NumPy itself asks of arrays",
    },
}
"""The functions of NumPy that have rules, by subject; a test holds them against the rules."""
OF_THE_LAB = {
    "round_to": "`np.round_to(x, 'float32')`: the nearest number of a format, half to even; gradients pass",
    "stop_gradient": "the same as a constant: its derivative is 0",
    "pi, e, euler_gamma": "the constants, with all digits that are needed",
    "inf, nan, newaxis": "as NumPy has them",
}
SPECIAL: Mapping[str, Mapping[str, str]] = {
    "Error functions and the normal distribution": {
        "erf, erfc, erfi": "error function, 1 - erf(x), -i·erf(ix)",
        "erfcx": "e^(x²)·erfc(x)",
        "erfinv, erfcinv": "their inverses",
        "dawsn": "Dawson's integral",
        "ndtr, log_ndtr, ndtri": "the normal distribution's function, its logarithm, its inverse",
    },
    "Logistic functions and entropy": {
        "expit, log_expit, logit": "1/(1 + e⁻ˣ), its logarithm, its inverse",
        "xlogy, xlog1py": "x·log y and x·log(1 + y), 0 where x is 0",
        "entr, rel_entr, kl_div": "-x·log x, x·log(x/y), x·log(x/y) - x + y",
        "exprel": "(eˣ - 1)/x",
    },
    "Gamma, beta and zeta": {
        "gamma, rgamma": "the gamma function, and 1 over it",
        "gammaln, loggamma": "log|Γ(x)|; log Γ(x) for x > 0",
        "psi, digamma": "the derivative of log Γ; derivatives for x > 0",
        "poch, binom": "Γ(z + m)/Γ(z); the binomial coefficient",
        "beta, betaln": "the beta function, its logarithm for positive arguments",
        "gammainc, gammaincc": "(a, x): the regularized incomplete gamma function and its complement; derivatives in x",
        "betainc, betaincc": "(a, b, x): the regularized incomplete beta function and its complement; derivatives in x",
        "zeta": "(x), or Hurwitz's (x, q); derivatives in q",
    },
    "Bessel functions": {
        "j0, j1, y0, y1, jv, yv": "of the first and second kind; `jv(v, x)`, `yv(v, x)` of any order; derivatives in x",
        "i0, i1, iv, k0, k1, kv": "modified",
        "i0e, i1e, ive": "modified, times e^(-|x|)",
        "k0e, k1e, kve": "modified, times eˣ",
    },
    "Integrals": {
        "exp1, expi, expn": "exponential integrals E₁(x), Ei(x), Eₙ(x)",
        "ellipk, ellipe": "complete elliptic integrals of m < 1",
        "spence": "the dilogarithm Li₂(1 - x)",
    },
    "Hypergeometric functions and polynomials": {
        "hyp0f1, hyp1f1, hyp2f1, hyperu": "₀F₁, ₁F₁, ₂F₁, U; derivatives in the last argument",
        "eval_chebyt, eval_chebyu, eval_legendre, eval_hermite, eval_laguerre": "(n, x): polynomials; derivatives of chebyt and hermite",
    },
}


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for title, group in NP.items():
        lines += [f"## np: {title}", "", *_rows("np", group), ""]
    written = {name: _first_line(function) for name, function in vars(composed.Composed).items() if not name.startswith("_")}
    written |= {name: _first_line(getattr(namespace.LabNumpy, name)) for name in ("var", "std")}
    lines += ["## np: More", "", *_rows("np", OF_THE_LAB | written), ""]
    lines += ["## np.linalg", "", "Matrices are small: each step of elimination is an operation on rows.", ""]
    lines += [*_rows("np.linalg", {name: _first_line(getattr(linalg, name)) for name in linalg.__all__}), ""]
    for title, group in SPECIAL.items():
        lines += [f"## special: {title}", "", *_rows("special", group), ""]
    lines += [
        "## special: More",
        "",
        *_rows("special", {name: _first_line(composed_of) for name, composed_of in special.COMPOSED.items()}),
        "",
    ]
    lines += ["## What is not there", "", *table(("name", "why"), _missing()), ""]
    lines += ["## Python", "", *_python(), ""]
    return "\n".join(lines)


def _rows(owner: str, group: Mapping[str, str]) -> Iterator[str]:
    rows = [(", ".join(f"`{owner}.{name}`" for name in names.split(", ")), about) for names, about in group.items()]
    return table(("function", "what it is"), rows)


def _first_line(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0].replace("``", "`").removesuffix(".")


def _missing() -> Iterator[tuple[str, str]]:
    for owner, reasons in (("np", composed.WHY_NOT), ("np.linalg", linalg.WHY_NOT), ("special", special.WHY_NOT)):
        names: dict[str, list[str]] = {}
        for name, why in reasons.items():
            names.setdefault(why, []).append(f"`{owner}.{name}`")
        yield from ((", ".join(same), why) for why, same in names.items())


def _python() -> Iterator[str]:
    public = sorted(name for name in attributes.ATTRIBUTES if not name.startswith("_"))
    yield f"A reference imports {modules.IMPORTS}, and [modules of its family](experiments.md#modules-and-files-of-your-own)."
    yield f"An array may be asked for {', '.join(f'`.{name}`' for name in public)}; methods are those of the functions of the same name."
    yield "Numbers that Python would round (`1.0 / 3.0`, `sum(…)`, `math.exp`) are enclosed where the truth is certified."
    yield "There is no `try`, no `match`, no `global`, no change of an array in place, and nothing that makes a plain number of a value."


if __name__ == "__main__":
    sys.stdout.write(page())
