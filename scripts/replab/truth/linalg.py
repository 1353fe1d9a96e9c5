"""Dense linear algebra from elementary operations, so that one code runs on balls, on perturbed arrays and under differentiation.

Small matrices only (every element operation is a NumPy call). Gaussian elimination with partial pivoting is what LAPACK's ``gesv`` does;
perturbing its operations one by one gives the envelope that its backward error analysis promises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval
from flint import acb_mat, fmpq_mat
from numpy.typing import NDArray

from replab.truth.enclosures.arrays import Enclosed
from replab.truth.enclosures.evaluation import Undecided
from replab.truth.perturbed import Perturbed, active, random, settled

Array = Any
__all__ = ["cholesky", "cond", "det", "eigvalsh", "inv", "lstsq", "matrix_rank", "norm", "pinv", "qr", "slogdet", "solve", "svd", "svdvals"]
"""What a reference may use."""
_TURNED = "vectors of that kind may be turned, each by another sign: compare what does not depend on it (svdvals, eigvalsh, a product)"
WHY_NOT = {**dict.fromkeys(("eig", "eigh"), _TURNED), "eigvals": "its results are complex, and certified arithmetic has no complex numbers"}
"""Names that somebody may look for, and why they are not there."""


def _largest(candidates: list[Array]) -> int:
    """The place of the largest absolute value among numbers in boxes, balls, or of several runs, which must agree: the pivot."""
    values = []
    for x in candidates:
        while hasattr(x, "_value"):
            x = getval(x)  # noqa: PLW2901 (unboxed)
        values.append(abs(float(x.one().mid())) if isinstance(x, Enclosed) else abs(x))  # any pivot makes an enclosure
    if any(isinstance(one, Perturbed) for one in values):
        return int(np.argmax(np.stack(values)))
    return int(np.argmax(np.asarray(values, np.float64)))


def _rows(a: Array) -> list[Array]:
    return [a[i] for i in range(a.shape[0])]


def _eliminate(a: Array, right: Array) -> tuple[list[Array], list[Array], int]:
    """Upper triangular rows, the right-hand rows brought along, and the sign of the row exchanges."""
    rows, rights, sign = _rows(a), _rows(right), 1
    n = len(rows)
    for k in range(n):
        best = k + _largest([rows[i][k] for i in range(k, n)])
        if best != k:
            rows[k], rows[best], rights[k], rights[best], sign = rows[best], rows[k], rights[best], rights[k], -sign
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            rows[i] = rows[i] - factor * rows[k]
            rights[i] = rights[i] - factor * rights[k]
    return rows, rights, sign


def solve(a: Array, b: Array) -> Array:
    """x with a·x = b; ``a`` (n, n), ``b`` (n,) or (n, k)."""  # noqa: D403 (x is a name)
    n = a.shape[0]
    right = anp.reshape(b, (n, -1))
    rows, rights, _ = _eliminate(a, right)
    solution: list[Array] = [None] * n
    for i in reversed(range(n)):
        rest = rights[i]
        for j in range(i + 1, n):
            rest = rest - rows[i][j] * solution[j]
        solution[i] = rest / rows[i][i]
    return anp.reshape(anp.stack(solution), np.shape(b))


def inv(a: Array) -> Array:
    """The inverse of ``a`` (n, n)."""
    return solve(a, np.eye(a.shape[0]))


def det(a: Array) -> Array:
    """The determinant of ``a`` (n, n), a scalar."""
    rows, _, sign = _eliminate(a, np.zeros((a.shape[0], 1)))
    product = rows[0][0] * sign
    for k in range(1, len(rows)):
        product = product * rows[k][k]
    return product


def slogdet(a: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the absolute value of the determinant."""
    value = det(a)
    return anp.sign(value), anp.log(anp.abs(value))


def cholesky(a: Array) -> Array:
    """Lower triangular L (n, n) with L·Lᵀ = a, for a symmetric positive definite ``a``."""
    n = a.shape[0]
    low: list[list[Array]] = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j]
            for k in range(j):
                rest = rest - low[i][k] * low[j][k]
            low[i][j] = anp.sqrt(rest) if i == j else rest / low[j][j]
    zero = a[0, 0] * 0.0
    return anp.stack([anp.stack([value if j <= i else zero for j, value in enumerate(row)]) for i, row in enumerate(low)])


def qr(a: Array) -> tuple[Array, Array]:
    """Q (m, n) and R (n, n) with positive diagonal, by Gram and Schmidt's process done twice ("twice is enough": Giraud et al., 2005)."""
    _, n = a.shape
    columns: list[Array] = []
    triangle: list[list[Array]] = [[a[0, 0] * 0.0] * n for _ in range(n)]
    for j in range(n):
        column = a[:, j]
        for _ in range(2):
            for i, other in enumerate(columns):
                share = anp.sum(other * column)
                column = column - share * other
                triangle[i][j] = triangle[i][j] + share
        length = anp.sqrt(anp.sum(column * column))
        triangle[j][j] = length
        columns.append(column / length)
    return anp.stack(columns, axis=1), anp.stack([anp.stack(row) for row in triangle])


def lstsq(a: Array, b: Array) -> Array:
    """The least-squares solution for a full-rank ``a`` (m, n), m ≥ n; ``b`` (m,) or (m, k)."""
    q, r = qr(a)
    return solve(r, q.T @ b)


def pinv(a: Array) -> Array:
    """The pseudoinverse (n, m) of a full-rank ``a`` (m, n), m ≥ n: the mathematical one, without a cut-off."""
    q, r = qr(a)
    return solve(r, q.T)


def eigvalsh(a: Array) -> Array:
    """Eigenvalues of a symmetric ``a`` (n, n), ascending; rigorous on balls (simple spectra)."""
    if isinstance(a, Enclosed):
        n = a.shape[0]
        lower = [a.data[max(i, j), min(i, j)] for i in range(n) for j in range(n)]  # as LAPACK reads it
        values = [value.real for value in acb_mat(n, n, lower).eig()]
        result = np.empty(len(values), object)
        result[:] = sorted(values, key=lambda ball: float(ball.mid()))
        return Enclosed(result)
    return _backward_stable(np.linalg.eigvalsh, a, symmetric=True)


def svdvals(a: Array) -> Array:
    """Singular values of ``a`` (m, n), m ≥ n, descending; rigorous on balls (the spectrum of aᵀa, computed with enough bits)."""
    if isinstance(a, Enclosed):
        return anp.sqrt(eigvalsh(np.matmul(a.T, a))[::-1])
    return _backward_stable(lambda m: np.linalg.svd(m, compute_uv=False), a, symmetric=False)


def svd(a: Array, full_matrices: bool = True, compute_uv: bool = True) -> Array:  # noqa: ARG001, FBT001, FBT002 (NumPy's signature)
    """Singular values alone (``compute_uv=False``), as svdvals: the signs of the vectors are a choice of each implementation."""
    if compute_uv:
        raise TypeError(f"np.linalg.svd gives vectors, and {_TURNED}; or say compute_uv=False")
    return svdvals(a)


def cond(a: Array) -> Array:
    """The largest singular value over the smallest; ``a`` (m, n), m ≥ n."""
    values = svdvals(a)
    return values[0] / values[-1]


def norm(x: Array, ord: float | str | None = None, axis: int | None = None, keepdims: bool = False) -> Array:  # noqa: A002, FBT001, FBT002 (NumPy's signature)
    """Of vectors (2, 1, inf, -inf) along an axis; of one matrix ("fro", 1, inf, 2, "nuc") where no axis is given."""
    if ord is None or ord == "fro":
        return anp.sqrt(anp.sum(x * x, axis=axis, keepdims=keepdims))
    if axis is None and x.ndim == 2 and ord in (2, "nuc"):
        values = svdvals(x)
        return values[0] if ord == 2 else anp.sum(values)
    sizes = anp.abs(x)
    if axis is None and x.ndim == 2 and ord in (1, np.inf):
        return anp.max(anp.sum(sizes, axis=0 if ord == 1 else 1))
    if x.ndim > 1 and axis is None:
        raise ValueError(f"np.linalg.norm of a matrix has no ord {ord!r} here")
    if ord in (np.inf, -np.inf):
        return (anp.max if ord == np.inf else anp.min)(sizes, axis=axis, keepdims=keepdims)
    if ord == 1:
        return anp.sum(sizes, axis=axis, keepdims=keepdims)
    if ord == 2:
        return anp.sqrt(anp.sum(x * x, axis=axis, keepdims=keepdims))
    raise ValueError(f"np.linalg.norm has no ord {ord!r} here: write the sum out")


def matrix_rank(a: Array) -> Array:
    """Number of singular values above zero, as int64; on balls this is exact."""
    if isinstance(a, Enclosed):
        elements = a.data.ravel().tolist()
        if all(one.is_exact() for one in elements):
            return np.asarray(fmpq_mat(a.shape[0], a.shape[1], [one.fmpq() for one in elements]).rank(), np.int64)
        if not (svdvals(a) > 0).all():  # below full rank no ball decides it
            raise Undecided("the rank of this matrix is open")
        return np.asarray(min(a.shape), np.int64)
    if isinstance(a, Perturbed):
        return settled(np.asarray(np.linalg.matrix_rank(a.data), np.int64))
    return np.asarray(np.linalg.matrix_rank(a), np.int64)


def _backward_stable(function: Callable[..., NDArray[np.floating]], a: Array, *, symmetric: bool) -> Array:
    """What a backward stable algorithm may return: the exact result for a matrix off by about n·u·‖a‖ in norm (Wilkinson's p(n) = n).

    A random matrix with entries of standard deviation s has a norm near 2·s·√n, so s = √n·u·‖a‖/2; uniform entries reach √3·s.
    """
    if not isinstance(a, Perturbed):
        return function(np.asarray(a))
    n = max(a.shape)
    norms = np.linalg.norm(a.data, 2, axis=(-2, -1), keepdims=True)
    noise = random(a.data.shape) * active().u * norms * np.sqrt(3.0 * n) / 2
    if symmetric:
        noise = (noise + noise.swapaxes(-1, -2)) / 2
    return Perturbed(function(a.data + noise))
