# One operation per line is the layout of this atlas: a formatter would turn its table into pages.
"""The definition of every operation of the atlas, in plain NumPy.

Inputs are float arrays unless the name says otherwise (``ids``, ``labels``, ``n``, ``m`` are integers). The lab replaces ``np`` and
``special`` by its own namespace (balls, perturbed arrays, reverse mode), so each line is the best-conditioned form of the mathematical
definition: the rounding that a good implementation is allowed comes from the same line. Where frameworks ship different definitions
under one name, the definition written here is the one that README.md states.
"""

import functools

import numpy as np
from scipy import special


# --- arithmetic ---
def add(x, y):
    return x + y


def subtract(x, y):
    return x - y


def multiply(x, y):
    return x * y


def divide(x, y):
    return x / y


def multiply_add(x, y, z):
    return x * y + z


def square(x):
    return x * x


def reciprocal(x):
    return 1.0 / x


def absolute(x):
    return np.abs(x)


def sign(x):
    return np.sign(x)


def floor(x):
    return np.floor(x)


def ceil(x):
    return np.ceil(x)


def rint(x):
    return np.rint(x)


def trunc(x):
    return np.trunc(x)


def floor_divide(x, y):
    return np.floor_divide(x, y)


def modulo(x, y):
    return np.mod(x, y)


def modulo_truncated(x, y):
    return np.fmod(x, y)


def maximum(x, y):
    return np.maximum(x, y)


def minimum(x, y):
    return np.minimum(x, y)


def clip(x, low=-1.0, high=1.0):
    return np.where(x < low, low, np.where(x > high, high, x))


# --- elementary functions ---
def exp(x):
    return np.exp(x)


def exp2(x):
    return np.exp2(x)


def expm1(x):
    return np.expm1(x)


def log(x):
    return np.log(x)


def log1p(x):
    return np.log1p(x)


def log2(x):
    return np.log2(x)


def log10(x):
    return np.log10(x)


def sqrt(x):
    return np.sqrt(x)


def rsqrt(x):
    return 1.0 / np.sqrt(x)


def power(x, y):
    return np.power(x, y)


def sin(x):
    return np.sin(x)


def cos(x):
    return np.cos(x)


def tan(x):
    return np.tan(x)


def asin(x):
    return np.arcsin(x)


def acos(x):
    return np.arccos(x)


def atan(x):
    return np.arctan(x)


def atan2(y, x):
    return np.arctan2(y, x)


def sinh(x):
    return np.sinh(x)


def cosh(x):
    return np.cosh(x)


def tanh(x):
    return np.tanh(x)


def asinh(x):
    return np.arcsinh(x)


def acosh(x):
    return np.arccosh(x)


def atanh(x):
    return np.arctanh(x)


def hypot(x, y):
    return np.hypot(x, y)


def logaddexp(x, y):
    return np.logaddexp(x, y)


def xlogy(x, y):
    return np.where(x == 0.0, np.where(np.isnan(y), y, 0.0), x * np.log(y))


def erf(x):
    return special.erf(x)


def erfc(x):
    return special.erfc(x)


def erfinv(x):
    return special.erfinv(x)


def lgamma(x):
    return np.where(x == -np.inf, np.inf, special.gammaln(x))


def digamma(x):
    return special.psi(x)


# --- activations ---
def sigmoid(x):
    return special.expit(x)


def log_sigmoid(x):
    return -np.logaddexp(0.0, -x)


def softplus(x):
    return np.logaddexp(0.0, x)


def softsign(x):
    return x / (1.0 + np.abs(x))


def relu(x):
    return np.where(x <= 0.0, 0.0, x)


def relu6(x):
    return np.where(x <= 0.0, 0.0, np.where(x >= 6.0, 6.0, x))


def leaky_relu(x, slope=0.2):
    return np.where(x > 0.0, x, slope * x)


def leaky_relu_default(x, slope=0.01):
    return np.where(x > 0.0, x, slope * x)


def elu(x):
    return np.where(x > 0.0, x, np.expm1(np.where(x > 0.0, 0.0 * x, x)))


def selu(x):
    return 1.0507009873554804934193349852946 * np.where(x > 0.0, x, 1.6732632423543772848170429916717 * elu(x))


def gelu(x):
    return 0.5 * x * special.erfc(-x / np.sqrt(2.0))


def gelu_tanh(x):
    return x * special.expit(2.0 * np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x))


def gelu_default(x):
    return gelu(x)


def silu(x):
    return x * special.expit(x)


def mish(x):
    return x * np.tanh(np.logaddexp(0.0, x))


def hard_sigmoid(x, slope=0.16666666666666666):
    return relu6(_six_times(slope) * x + 3.0) / 6.0


def hard_swish(x):
    return x * relu6(x + 3.0) / 6.0


def _six_times(slope):
    """The float64 number next to 1/6 stands for 1/6."""
    return 1.0 if slope == 0.16666666666666666 else 6.0 * slope


# --- reductions ---
def reduce_sum(x, axis=-1):
    return np.sum(x, axis=axis)


def reduce_mean(x, axis=-1):
    return np.mean(x, axis=axis)


def reduce_prod(x, axis=-1):
    return np.prod(x, axis=axis)


def reduce_max(x, axis=-1):
    return np.max(x, axis=axis)


def reduce_min(x, axis=-1):
    return np.min(x, axis=axis)


def any_positive(x, axis=-1):
    return np.any(x > 0.0, axis=axis)


def all_positive(x, axis=-1):
    return np.all(x > 0.0, axis=axis)


def argmax(x, axis=-1, nan_in_maximum="first"):
    """``nan_in_maximum``: the first NaN is the maximum, as NumPy has it, or comparisons with it are false and it is passed over."""
    return np.argmax(np.where(np.isnan(x), -np.inf, x) if nan_in_maximum == "ignored" else x, axis=axis)


def median(x, middle="mean"):
    """``middle``: of an even number the mean of the two in the middle, or one of them."""
    ordered = np.sort(x, axis=-1)
    lower, upper = ordered[..., (ordered.shape[-1] - 1) // 2], ordered[..., ordered.shape[-1] // 2]
    return lower if middle == "lower" else upper if middle == "upper" else _middle(ordered)


def var(x, axis=-1):
    return np.mean(_centred(x, axis) * _centred(x, axis), axis=axis)


def var_sample(x, axis=-1):
    return np.sum(_centred(x, axis) * _centred(x, axis), axis=axis) / (x.shape[axis] - 1)


def var_default(x, axis=-1, ddof=0):
    return np.sum(_centred(x, axis) * _centred(x, axis), axis=axis) / (x.shape[axis] - ddof)


def std(x, axis=-1):
    return np.sqrt(var(x, axis))


def std_default(x, axis=-1, ddof=0):
    return np.sqrt(var_default(x, axis, ddof))


def norm(x, axis=-1):
    return np.sqrt(np.sum(x * x, axis=axis))


def logsumexp(x):
    return np.max(x, axis=-1) + np.log(np.sum(np.exp(_shifted(x)), axis=-1))


def softmax(x):
    return np.exp(_shifted(x)) / np.sum(np.exp(_shifted(x)), axis=-1, keepdims=True)


def log_softmax(x):
    return _shifted(x) - np.log(np.sum(np.exp(_shifted(x)), axis=-1, keepdims=True))


def cumsum(x, axis=-1):
    return np.cumsum(x, axis=axis)


def cumsum_chain(x):
    return np.cumsum(np.sin(np.exp(x)), axis=-1)


def cumprod(x):
    return np.stack(_running_products(x), axis=-1)


def _middle(ordered):
    return 0.5 * (ordered[..., (ordered.shape[-1] - 1) // 2] + ordered[..., ordered.shape[-1] // 2])


def _centred(x, axis):
    return x - np.mean(x, axis=axis, keepdims=True)


def _shifted(x):
    return x - np.max(x, axis=-1, keepdims=True)


def _running_products(x):
    products = [x[..., 0]]
    for i in range(1, x.shape[-1]):
        products.append(products[-1] * x[..., i])
    return products


# --- products ---
def matmul(x, y):
    return np.matmul(x, y)


def matmul_rows(x, y, every=64):
    return np.matmul(x[::every], y)


def einsum(q, k):
    return np.matmul(np.transpose(q, (0, 2, 1, 3)), np.transpose(k, (0, 2, 3, 1)))


def outer(x, y):
    return x[:, None] * y[None, :]


def dot(x, y):
    return np.sum(x * y)


def tensordot(x, y):
    return np.matmul(np.reshape(x, (x.shape[0], -1)), np.reshape(y, (-1, y.shape[-1])))


# Images are NHWC, kernels HWIO (depthwise: HWCM), sequences NWC, their kernels WIO. "SAME" pads as TensorFlow does: the odd zero goes
# to the end.
def conv1d(x, w, padding="SAME", stride=1):
    return conv2d(x[:, None], w[None], padding, stride)[:, 0]


def conv2d(x, w, padding="SAME", stride=1):
    return _conv2d(x, w, _pads(x, w.shape, padding, stride), stride)


def conv2d_half_padding(x, w, stride=2, zeros="end"):
    return _conv2d(x, w, _pads(x, w.shape, "SAME", stride) if zeros == "end" else _both(w), stride)


def depthwise_conv2d(x, w):
    return _depthwise(x, w, _pads(x, w.shape, "SAME", 1))


def max_pool(x, size=2, padding="VALID", stride=2):
    return _max_pool(x, size, _pads(x, (size, size), padding, stride), stride)


def avg_pool(x, size=2, padding="VALID", stride=2):
    return _avg_pool(x, size, _pads(x, (size, size), padding, stride), stride)


def avg_pool_default(x, size=3, stride=1, counted="elements"):
    pads = _pads(x, (size, size), "SAME", stride)
    if counted == "elements":
        return _avg_pool(x, size, pads, stride)
    return sum(_taps(_padded(x, pads), (size, size), stride)) / (size * size)


def _pads(x, window, padding, stride):
    """Zeros before and after, for height and width."""
    if padding == "VALID":
        return ((0, 0), (0, 0))
    totals = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(x.shape[1:3], window[:2])]
    return tuple((total // 2, total - total // 2) for total in totals)


def _both(w):
    """Half the window before and after."""
    return tuple((k // 2, k // 2) for k in w.shape[:2])


def _padded(x, pads, value=0.0):
    return np.pad(x, ((0, 0), pads[0], pads[1], (0, 0)), "constant", constant_values=value)


def _tap(x, i, j, window, stride):
    """The input under kernel position (i, j) at every output position; ``x`` is padded, the result is (N, H', W', C)."""
    rows = (x.shape[1] - window[0]) // stride + 1
    columns = (x.shape[2] - window[1]) // stride + 1
    return x[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride, :]


def _taps(x, window, stride):
    return [_tap(x, i, j, window, stride) for i in range(window[0]) for j in range(window[1])]


def _conv2d(x, w, pads, stride):
    if pads != ((0, 0), (0, 0)):
        x = _padded(x, pads)
    patches = np.concatenate(_taps(x, w.shape, stride), axis=-1)
    rows = np.matmul(np.reshape(patches, (-1, patches.shape[-1])), np.reshape(w, (-1, w.shape[-1])))
    return np.reshape(rows, patches.shape[:3] + (w.shape[-1],))


def _depthwise(x, w, pads):
    patches = np.stack(_taps(_padded(x, pads), w.shape, 1), axis=-1)
    kernel = np.transpose(np.reshape(w, (-1, w.shape[2], w.shape[3])), (1, 0, 2))
    out = np.matmul(patches[..., None, :], kernel)
    return np.reshape(out, out.shape[:3] + (-1,))


def _max_pool(x, size, pads, stride):
    if pads != ((0, 0), (0, 0)):
        x = _padded(x, pads, -np.inf)
    return functools.reduce(np.maximum, _taps(x, (size, size), stride))


def _avg_pool(x, size, pads, stride):
    """Padding is not counted: an average is over the elements that exist."""
    counts = [_counts(n, size, pad, stride) for n, pad in zip(x.shape[1:3], pads)]
    weights = np.array([[1.0 * row * column for column in counts[1]] for row in counts[0]])
    if pads != ((0, 0), (0, 0)):
        x = _padded(x, pads)
    return sum(_taps(x, (size, size), stride)) / weights[None, :, :, None]


def _counts(n, size, pad, stride):
    starts = range(-pad[0], n + pad[1] - size + 1, stride)
    return [min(start + size, n) - max(start, 0) for start in starts]


# --- normalisation, resizing ---
def layer_norm(x, gamma, beta, epsilon=1e-5, mean_in_variance="differentiated"):
    mean = np.mean(x, axis=-1, keepdims=True)
    around = x - (mean if mean_in_variance == "differentiated" else np.stop_gradient(mean))
    return (x - mean) / np.sqrt(np.mean(around * around, axis=-1, keepdims=True) + epsilon) * gamma + beta


def layer_norm_default(x, epsilon=1e-5):
    return _standardised(x, epsilon)


def batch_norm(x, mean, variance, gamma, beta, epsilon=1e-3):
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def batch_norm_default(x, mean, variance, gamma, beta, epsilon=1e-5):
    return batch_norm(x, mean, variance, gamma, beta, epsilon)


def batch_norm_fused(x, mean, variance, gamma, beta, epsilon=1e-3):
    return batch_norm(x, mean, variance, gamma, beta, epsilon)


def group_norm(x, gamma, beta, groups=4, epsilon=1e-5):
    return _grouped(x, groups, epsilon) * gamma + beta


def l2_normalize(x, bound="norm"):
    square = np.sum(x * x, axis=-1, keepdims=True)
    return x / (_at_least(np.sqrt(square), 1e-12) if bound == "norm" else np.sqrt(_at_least(square, 1e-12)))


def local_response_norm(x):
    return x * np.power(1.0 + 2e-5 * _neighbours(x * x), -0.75)


def resize_bilinear(x):
    return _resized(x)


def _standardised(x, epsilon):
    centred = _centred(x, -1)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + epsilon)


def _at_least(x, least):
    return np.where(x > least, x, least)


def _grouped(x, groups, epsilon):
    """NHWC, standardised over height, width and the channels of a group."""
    n, h, w, c = x.shape
    apart = np.transpose(np.reshape(x, (n, h * w, groups, c // groups)), (0, 2, 1, 3))
    flat = _standardised(np.reshape(apart, (n, groups, -1)), epsilon)
    back = np.transpose(np.reshape(flat, (n, groups, h * w, c // groups)), (0, 2, 1, 3))
    return np.reshape(back, (n, h, w, c))


def _neighbours(x):
    """Sum over the channel itself and two on each side."""
    wide = np.pad(x, ((0, 0), (0, 0), (0, 0), (2, 2)), "constant", constant_values=0.0)
    return sum(wide[..., i : i + x.shape[-1]] for i in range(5))


def _doubling(n):
    """Weights of a bilinear doubling with pixel centres at half steps, edges repeated: (2n, n), each 0, 1/4, 3/4 or 1."""
    weights = [[0.0] * n for _ in range(2 * n)]
    for row in range(2 * n):
        near, far = row // 2, row // 2 + (1 if row % 2 else -1)
        weights[row][near] += 0.75
        weights[row][min(max(far, 0), n - 1)] += 0.25
    return np.array(weights)


def _resized(x):
    n, h, w, c = x.shape
    tall = np.matmul(_doubling(h), np.reshape(x, (n, h, w * c)))
    return np.matmul(_doubling(w), np.reshape(tall, (n, 2 * h, w, c)))


# --- losses ---
def softmax_cross_entropy(logits, labels):
    return -np.sum(labels * log_softmax(logits), axis=-1)


def sparse_softmax_cross_entropy(logits, labels):
    return -np.sum(_where_label(log_softmax(logits), labels), axis=-1)


def binary_cross_entropy(logits, labels):
    return np.logaddexp(0.0, logits) - logits * labels


def mse(x, y):
    return np.mean((x - y) * (x - y))


def mae(x, y):
    return np.mean(np.abs(x - y))


def huber(x, y):
    return np.mean(_huber(np.abs(x - y)))


def hinge(x, y):
    return np.mean(relu(1.0 - x * y))


def kl_divergence(p, log_q):
    return np.sum(p * (np.log(p) - log_q))


def cosine_similarity(x, y):
    return np.sum(x * y, axis=-1) / (norm(x) * norm(y))


def _where_label(rows, labels):
    return np.where(labels[:, None] == np.arange(rows.shape[-1])[None, :], rows, 0.0)


def _huber(distance):
    return np.where(distance <= 1.0, 0.5 * distance * distance, distance - 0.5)


# --- sorting, selection ---
def sort(x):
    return np.sort(x, axis=-1)


def argsort_stable(x):
    return np.argsort(x, axis=-1, kind="stable")


def argsort_default(x):
    return np.argsort(x, axis=-1, kind="stable")


def top_k(x, k=5):
    return _first(np.argsort(-x, axis=-1, kind="stable"), x, k)


def searchsorted(edges, x):
    return np.searchsorted(edges, x)


def where(condition, x, y):
    return np.where(condition > 0.0, x, y)


def embedding(table, ids):
    return table[ids]


def scatter_add(x, ids, size=16):
    return np.matmul(np.where(np.arange(size)[:, None] == ids[None, :], 1.0, 0.0), x)


def _first(order, x, k):
    return x[order[:k]], order[:k]


# --- linear algebra ---
# ``np.linalg`` of the namespace means mathematics: R has a positive diagonal, no singular value is cut off, the rank counts those above 0.
# cholesky and eigvalsh take the symmetric part, so that the gradient does not depend on which triangle a library reads.
def solve(a, b):
    return np.linalg.solve(a, b)


def inv(a):
    return np.linalg.inv(a)


def det(a):
    return np.linalg.det(a)


def slogdet(a):
    return np.linalg.slogdet(a)


def cholesky(a):
    return np.linalg.cholesky(0.5 * (a + np.transpose(a)))


def eigvalsh(a):
    return np.linalg.eigvalsh(0.5 * (a + np.transpose(a)))


def qr_r(a):
    return np.linalg.qr(a)[1]


def svdvals(a):
    return np.linalg.svdvals(a)


def pinv(a):
    return np.linalg.pinv(a)


def lstsq(a, b):
    return np.linalg.lstsq(a, b)


def matrix_rank(a, cutoff=0.0):
    """``cutoff``: singular values below this share of the largest are not counted."""
    if cutoff == 0.0:
        return np.linalg.matrix_rank(a)
    values = np.linalg.svdvals(a)
    return np.sum(values > cutoff * values[0])


# --- casts and integers ---
# Integer results are exact: only ordinary arrays get here, and a cast is what is asked for.
def float16_round_trip(x):
    return np.round_to(x, "float16")


def bfloat16_round_trip(x):
    return np.round_to(x, "bfloat16")


def float32_round_trip(x):
    return np.round_to(x, "float32")


def to_int32(x):
    return np.trunc(x).astype("int64")


def to_int32_out_of_range(x, beyond="nearest"):
    """``beyond``: what a number that int32 does not have becomes; C leaves it undefined."""
    if beyond == "smallest":
        inside = (x > -2147483649.0) & (x < 2147483648.0)
        return np.where(inside, x, -2147483648.0).astype("int64")
    return np.where(np.isnan(x), 0.0, np.clip(x, -2147483648.0, 2147483647.0)).astype("int64")


def int32_add(n, m):
    return _wrapped(_wide(n) + m)


def int32_multiply(n, m):
    return _wrapped(_wide(n) * m)


def int_floor_divide(n, m):
    return n // m


def int_truncate_divide(n, m):
    return np.sign(n) * np.sign(m) * (np.abs(n) // np.abs(m))


def int_modulo(n, m):
    return n % m


def int_modulo_truncated(n, m):
    return np.sign(n) * (np.abs(n) % np.abs(m))


def int_true_divide(n, m):
    return n / m


def int_mean(n):
    return np.sum(n) / n.shape[0]


def _wide(n):
    """As int64, in which sums and products of two int32 fit."""
    return n + np.arange(1)


def _wrapped(n):
    """Two's complement with 32 bits."""
    return (n + 2147483648) % 4294967296 - 2147483648
