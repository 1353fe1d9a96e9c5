# One operation per line is the layout of this atlas: a formatter would turn its table into pages.
"""The atlas in NumPy 1.18 and later, as people write it: where NumPy has no operation of its own, it is composed.

NumPy has no erf, gamma functions or digamma; the first three are taken element by element from the standard library (computed in
float64), the others refuse. Constants are Python floats, so that they keep the dtype of the array they meet. What is not here, NumPy runs
as the reference has it.
"""

import math

import numpy as np


# --- arithmetic ---
def add(x, y):
    return np.add(x, y)


def subtract(x, y):
    return np.subtract(x, y)


def multiply(x, y):
    return np.multiply(x, y)


def divide(x, y):
    return np.divide(x, y)


def square(x):
    return np.square(x)


def reciprocal(x):
    return np.reciprocal(x)


def clip(x, low: float = -1.0, high: float = 1.0):
    return np.clip(x, low, high)


# --- elementary functions ---


def xlogy(x, y):
    return np.where(x == 0.0, 0.0 * x, x * np.log(y))


def erf(x):
    return _each(math.erf, x)


def erfc(x):
    return _each(math.erfc, x)


def erfinv(x):
    raise NotImplementedError("NumPy and the standard library have no inverse error function")


def lgamma(x):
    return _each(_lgamma, x)


def digamma(x):
    raise NotImplementedError("NumPy and the standard library have no digamma function")


def _each(function, x):
    """``function`` of Python floats over an array; computed in float64, rounded once to the dtype of ``x``."""
    return np.array([function(v) for v in x.ravel().tolist()], dtype=np.float64).reshape(x.shape).astype(x.dtype)


def _lgamma(v):
    try:
        return math.lgamma(v)
    except (ValueError, OverflowError):  # a pole, or a result beyond float64
        return math.inf


# --- activations ---
def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def log_sigmoid(x):
    return -np.logaddexp(0.0 * x, -x)


def softplus(x):
    return np.logaddexp(0.0 * x, x)


def relu(x):
    return np.maximum(x, 0.0)


def relu6(x):
    return np.minimum(np.maximum(x, 0.0), 6.0)


def leaky_relu_default(x):
    return np.where(x > 0.0, x, 0.01 * x)


def elu(x):
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


def selu(x):
    return 1.0507009873554805 * np.where(x > 0.0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0.0)))


def gelu(x):
    return 0.5 * x * (1.0 + _each(math.erf, x / math.sqrt(2.0)))


def gelu_tanh(x):
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def gelu_default(x):
    return gelu(x)


def silu(x):
    return x / (1.0 + np.exp(-x))


def mish(x):
    return x * np.tanh(np.logaddexp(0.0 * x, x))


def hard_sigmoid(x):
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def hard_swish(x):
    return x * np.clip(x + 3.0, 0.0, 6.0) / 6.0


def median(x):
    return np.median(x, axis=-1)


def var(x, axis: int = -1):
    return np.var(x, axis=axis)


def var_sample(x, axis: int = -1):
    return np.var(x, axis=axis, ddof=1)


def var_default(x, axis: int = -1):
    return np.var(x, axis=axis)


def std(x, axis: int = -1):
    return np.std(x, axis=axis)


def std_default(x, axis: int = -1):
    return np.std(x, axis=axis)


def norm(x, axis: int = -1):
    return np.linalg.norm(x, axis=axis)


def log_softmax(x):
    return _shifted(x) - np.log(np.sum(np.exp(_shifted(x)), axis=-1, keepdims=True))


def cumprod(x):
    return np.cumprod(x, axis=-1)


def _shifted(x):
    return x - np.max(x, axis=-1, keepdims=True)


# --- products ---


def matmul_rows(x, y, every=64):
    return np.matmul(x, y)[::every]


def einsum(q, k):
    return np.einsum("bqhd,bkhd->bhqk", q, k)


def outer(x, y):
    return np.outer(x, y)


def dot(x, y):
    return np.dot(x, y)


def tensordot(x, y):
    return np.tensordot(x, y, axes=2)


# Images are NHWC, kernels HWIO (depthwise: HWCM), sequences NWC, their kernels WIO. "SAME" pads as TensorFlow does: the odd zero goes
# to the end.
def conv1d(x, w, padding: str = "SAME", stride: int = 1):
    return _conv2d(x[:, None], w[None], padding, stride)[:, 0]


def conv2d(x, w, padding: str = "SAME", stride: int = 1):
    return _conv2d(x, w, padding, stride)


def conv2d_half_padding(x, w, stride: int = 2):
    return _conv2d(x, w, "SAME", stride)


def depthwise_conv2d(x, w):
    return _depthwise(_windows(_pad(x, w.shape[:2], "SAME", 1), w.shape[:2], 1), w)


def max_pool(x, size: int = 2, padding: str = "VALID", stride: int = 2):
    return _pool(x, size, padding, stride, -np.inf).max(axis=(3, 4))


def avg_pool(x, size: int = 2, padding: str = "VALID", stride: int = 2):
    return _mean(_pool(x, size, padding, stride, np.nan))


def avg_pool_default(x, size: int = 3, stride: int = 1):
    return _mean(_pool(x, size, "SAME", stride, np.nan))


def _pad(x, window, padding, stride, value=0.0):
    if padding == "VALID":
        return x
    totals = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(x.shape[1:3], window)]
    widths = [(0, 0)] + [(total // 2, total - total // 2) for total in totals] + [(0, 0)]
    return np.pad(x, widths, mode="constant", constant_values=value)


def _windows(x, window, stride):
    """(N, H, W, C) to a view (N, H', W', KH, KW, C)."""
    n, h, w, c = x.shape
    shape = (n, (h - window[0]) // stride + 1, (w - window[1]) // stride + 1, window[0], window[1], c)
    a, b, d, e = x.strides
    return np.lib.stride_tricks.as_strided(x, shape, (a, b * stride, d * stride, b, d, e), writeable=False)


def _conv2d(x, w, padding, stride):
    return np.tensordot(_windows(_pad(x, w.shape[:2], padding, stride), w.shape[:2], stride), w, axes=3)


def _depthwise(windows, w):
    out = np.einsum("nhwijc,ijcm->nhwcm", windows, w)
    return out.reshape(out.shape[:3] + (-1,))


def _pool(x, size, padding, stride, value):
    return _windows(_pad(x, (size, size), padding, stride, value), (size, size), stride)


def _mean(windows):
    """Averages over the elements that exist: padding is NaN."""
    return np.nanmean(windows, axis=(3, 4))


# --- normalisation, resizing ---
def layer_norm(x, gamma, beta, epsilon: float = 1e-5):
    return _standardised(x, -1, epsilon) * gamma + beta


def layer_norm_default(x):
    return _standardised(x, -1, 1e-5)


def batch_norm(x, mean, variance, gamma, beta, epsilon: float = 1e-3):
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def batch_norm_default(x, mean, variance, gamma, beta):
    return batch_norm(x, mean, variance, gamma, beta, 1e-5)


def group_norm(x, gamma, beta, groups: int = 4, epsilon: float = 1e-5):
    return _grouped(x, groups, epsilon) * gamma + beta


def l2_normalize(x):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def local_response_norm(x):
    return x / (1.0 + 2e-5 * _neighbours(x * x)) ** 0.75


def resize_bilinear(x):
    return _doubled(_doubled(x, 1), 2)


def _standardised(x, axis, epsilon):
    return (x - np.mean(x, axis=axis, keepdims=True)) / np.sqrt(np.var(x, axis=axis, keepdims=True) + epsilon)


def _grouped(x, groups, epsilon):
    n, h, w, c = x.shape
    return _standardised(x.reshape(n, h, w, groups, c // groups), (1, 2, 4), epsilon).reshape(x.shape)


def _neighbours(x):
    wide = np.pad(x, [(0, 0), (0, 0), (0, 0), (2, 2)], mode="constant")
    return sum(wide[..., i : i + x.shape[-1]] for i in range(5))


def _doubled(x, axis):
    """Bilinear doubling of one axis: each new pixel is three quarters the near one and one quarter the far one."""
    first, last = np.take(x, [0], axis=axis), np.take(x, [-1], axis=axis)
    wide = np.concatenate([first, x, last], axis=axis)
    n = x.shape[axis]
    before, after = np.take(wide, range(n), axis=axis), np.take(wide, range(2, n + 2), axis=axis)
    pairs = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    return pairs.reshape(x.shape[:axis] + (2 * n,) + x.shape[axis + 1 :])


# --- losses ---


def sparse_softmax_cross_entropy(logits, labels):
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def binary_cross_entropy(logits, labels):
    return np.maximum(logits, 0.0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


def mse(x, y):
    return np.mean((x - y) ** 2)


def huber(x, y):
    return np.mean(np.where(np.abs(x - y) <= 1.0, 0.5 * (x - y) ** 2, np.abs(x - y) - 0.5))


def hinge(x, y):
    return np.mean(np.maximum(1.0 - x * y, 0.0))


def cosine_similarity(x, y):
    return np.sum(x * y, axis=-1) / (np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1))


# --- sorting, selection ---


def argsort_default(x):
    return np.argsort(x, axis=-1)


def scatter_add(x, ids, size: int = 16):
    return _added(np.zeros((size, x.shape[1]), x.dtype), ids, x)


def _first(order, x, k):
    return x[order[:k]], order[:k]


def _added(zeros, ids, x):
    np.add.at(zeros, ids, x)
    return zeros


# --- linear algebra ---


def slogdet(a):
    return tuple(np.linalg.slogdet(a))


def cholesky(a):
    return np.linalg.cholesky(0.5 * (a + a.T))


def eigvalsh(a):
    return np.linalg.eigvalsh(0.5 * (a + a.T))


def qr_r(a):
    return _positive_diagonal(np.linalg.qr(a)[1])


def svdvals(a):
    return np.linalg.svd(a, compute_uv=False)


def lstsq(a, b):
    return np.linalg.lstsq(a, b, rcond=None)[0]


def _positive_diagonal(r):
    return np.sign(np.diag(r))[:, None] * r


# --- casts and integers ---
def float16_round_trip(x):
    return x.astype(np.float16).astype(x.dtype)


def bfloat16_round_trip(x):
    raise NotImplementedError("NumPy has no bfloat16")


def float32_round_trip(x):
    return x.astype(np.float32).astype(x.dtype)


def to_int32(x):
    return x.astype(np.int32)


def matrix_rank(a):
    return np.linalg.matrix_rank(a)


def to_int32_out_of_range(x):
    return x.astype(np.int32)


def int32_add(n, m):
    return n + m


def int32_multiply(n, m):
    return n * m


def int_floor_divide(n, m):
    return np.floor_divide(n, m)


def int_modulo(n, m):
    return np.mod(n, m)


def int_modulo_truncated(n, m):
    return np.fmod(n, m)


def int_true_divide(n, m):
    return np.true_divide(n, m)


def int_mean(n):
    return np.mean(n)
