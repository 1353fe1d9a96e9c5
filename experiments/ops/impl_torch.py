# One operation per line is the layout of this atlas: a formatter would turn its table into pages.
"""The atlas in PyTorch 1.4 to 2.13: one native operation each, or what people compose where there is none.

Every function can be compiled by TorchScript: what a version offers is decided when the file is read, not inside a function.
"""

from typing import List, Tuple

import torch
import torch.nn.functional as F

_linalg = getattr(torch, "linalg", None)


def _needs(module, name, what=""):
    """Where this PyTorch lacks ``name``, replace the function below by one that says so (and calls it ``what``)."""

    def decorate(function):
        if hasattr(module, name):
            return function
        reason = "%s is missing in PyTorch %s" % (what or name, torch.__version__)

        def absent(*tensors, **parameters):
            raise NotImplementedError(reason)

        return absent

    return decorate


# --- arithmetic ---
_maximum = getattr(torch, "maximum", torch.max)
_minimum = getattr(torch, "minimum", torch.min)


def add(x, y):
    return torch.add(x, y)


def subtract(x, y):
    return torch.sub(x, y)


def multiply(x, y):
    return torch.mul(x, y)


def divide(x, y):
    return torch.div(x, y)


def multiply_add(x, y, z):
    return x * y + z


def square(x):
    return torch.pow(x, 2)


def reciprocal(x):
    return torch.reciprocal(x)


def absolute(x):
    return torch.abs(x)


def sign(x):
    return torch.sign(x)


def floor(x):
    return torch.floor(x)


def ceil(x):
    return torch.ceil(x)


def rint(x):
    return torch.round(x)


def trunc(x):
    return torch.trunc(x)


def floor_divide(x, y):
    return x // y  # truncated before 1.13


def modulo(x, y):
    return torch.remainder(x, y)


def modulo_truncated(x, y):
    return torch.fmod(x, y)


def maximum(x, y):
    return _maximum(x, y)


def minimum(x, y):
    return _minimum(x, y)


def clip(x, low: float = -1.0, high: float = 1.0):
    return torch.clamp(x, low, high)


# --- elementary functions ---
def exp(x):
    return torch.exp(x)


@_needs(torch, "exp2")
def exp2(x):
    return torch.exp2(x)


def expm1(x):
    return torch.expm1(x)


def log(x):
    return torch.log(x)


def log1p(x):
    return torch.log1p(x)


def log2(x):
    return torch.log2(x)


def log10(x):
    return torch.log10(x)


def sqrt(x):
    return torch.sqrt(x)


def rsqrt(x):
    return torch.rsqrt(x)


def power(x, y):
    return torch.pow(x, y)


def sin(x):
    return torch.sin(x)


def cos(x):
    return torch.cos(x)


def tan(x):
    return torch.tan(x)


def asin(x):
    return torch.asin(x)


def acos(x):
    return torch.acos(x)


def atan(x):
    return torch.atan(x)


def atan2(y, x):
    return torch.atan2(y, x)


def sinh(x):
    return torch.sinh(x)


def cosh(x):
    return torch.cosh(x)


def tanh(x):
    return torch.tanh(x)


@_needs(torch, "asinh")
def asinh(x):
    return torch.asinh(x)


@_needs(torch, "acosh")
def acosh(x):
    return torch.acosh(x)


@_needs(torch, "atanh")
def atanh(x):
    return torch.atanh(x)


@_needs(torch, "hypot")
def hypot(x, y):
    return torch.hypot(x, y)


@_needs(torch, "logaddexp")
def logaddexp(x, y):
    return torch.logaddexp(x, y)


@_needs(torch, "xlogy")
def xlogy(x, y):
    return torch.xlogy(x, y)


def erf(x):
    return torch.erf(x)


def erfc(x):
    return torch.erfc(x)


def erfinv(x):
    return torch.erfinv(x)


def lgamma(x):
    return torch.lgamma(x)


def digamma(x):
    return torch.digamma(x)


# --- activations ---
def sigmoid(x):
    return torch.sigmoid(x)


def log_sigmoid(x):
    return F.logsigmoid(x)


def softplus(x):
    return F.softplus(x)  # the identity above 20


def softsign(x):
    return F.softsign(x)


def relu(x):
    return F.relu(x)


def relu6(x):
    return F.relu6(x)


def leaky_relu(x, slope: float = 0.2):
    return F.leaky_relu(x, negative_slope=slope)


def leaky_relu_default(x):
    return F.leaky_relu(x)  # negative_slope = 0.01


def elu(x):
    return F.elu(x)


def selu(x):
    return F.selu(x)


def gelu_default(x):
    return F.gelu(x)


def gelu(x):
    return F.gelu(x)


if "approximate" in (F.gelu.__doc__ or ""):  # from 1.12

    def gelu_tanh(x):
        return F.gelu(x, approximate="tanh")
else:

    def gelu_tanh(x):
        return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * torch.pow(x, 3))))


if hasattr(F, "silu"):  # from 1.7

    def silu(x):
        return F.silu(x)
else:

    def silu(x):
        return x * torch.sigmoid(x)


if hasattr(F, "mish"):  # from 1.9

    def mish(x):
        return F.mish(x)
else:

    def mish(x):
        return x * torch.tanh(F.softplus(x))


@_needs(F, "hardsigmoid")
def hard_sigmoid(x):
    return F.hardsigmoid(x)


if hasattr(F, "hardswish"):

    def hard_swish(x):
        return F.hardswish(x)
else:

    def hard_swish(x):
        return x * F.relu6(x + 3.0) / 6.0


# --- reductions ---
def reduce_sum(x, axis: int = -1):
    return torch.sum(x, dim=axis)


def reduce_mean(x, axis: int = -1):
    return torch.mean(x, dim=axis)


def reduce_prod(x, axis: int = -1):
    return torch.prod(x, dim=axis)


def reduce_max(x, axis: int = -1):
    return torch.max(x, dim=axis)[0]


def reduce_min(x, axis: int = -1):
    return torch.min(x, dim=axis)[0]


def any_positive(x, axis: int = -1):
    return torch.any(x > 0.0, dim=axis)


def all_positive(x, axis: int = -1):
    return torch.all(x > 0.0, dim=axis)


def argmax(x, axis: int = -1):
    return torch.argmax(x, dim=axis)


def median(x):
    return torch.median(x, dim=-1)[0]  # the lower of the two in the middle


def var(x, axis: int = -1):
    return torch.var(x, dim=axis, unbiased=False)


def var_sample(x, axis: int = -1):
    return torch.var(x, dim=axis, unbiased=True)


def var_default(x, axis: int = -1):
    return torch.var(x, dim=axis)


def std(x, axis: int = -1):
    return torch.std(x, dim=axis, unbiased=False)


def std_default(x, axis: int = -1):
    return torch.std(x, dim=axis)


def norm(x, axis: int = -1):
    return torch.norm(x, p=2, dim=axis)


def logsumexp(x):
    return torch.logsumexp(x, dim=-1)


def softmax(x):
    return torch.softmax(x, dim=-1)


def log_softmax(x):
    return torch.log_softmax(x, dim=-1)


def cumsum(x, axis: int = -1):
    return torch.cumsum(x, dim=axis)


def cumsum_chain(x):
    return torch.cumsum(torch.sin(torch.exp(x)), dim=-1)


def cumprod(x):
    return torch.cumprod(x, dim=-1)


# --- products ---
_outer = getattr(torch, "outer", torch.ger)


def matmul(x, y):
    return torch.matmul(x, y)


def matmul_rows(x, y, every: int = 64):
    return torch.matmul(x, y)[::every]


def einsum(q, k):
    return torch.einsum("bqhd,bkhd->bhqk", [q, k])


def outer(x, y):
    return _outer(x, y)


def dot(x, y):
    return torch.dot(x, y)


def tensordot(x, y):
    return torch.tensordot(x, y, dims=2)


# Inputs are NHWC and kernels HWIO here and channels-first inside. "SAME" pads explicitly, as TensorFlow does: the odd zero goes to the end.
def conv1d(x, w, padding: str = "SAME", stride: int = 1):
    return _conv2d(x.unsqueeze(1), w.unsqueeze(0), padding, stride).squeeze(1)


def conv2d(x, w, padding: str = "SAME", stride: int = 1):
    return _conv2d(x, w, padding, stride)


def conv2d_half_padding(x, w, stride: int = 2):
    return _half_padded(x, w, stride)


def depthwise_conv2d(x, w):
    return _depthwise(x, w)


def max_pool(x, size: int = 2, padding: str = "VALID", stride: int = 2):
    return _max_pool(x, size, padding, stride)


def avg_pool(x, size: int = 2, padding: str = "VALID", stride: int = 2):
    return _avg_pool(x, size, padding, stride, False)


def avg_pool_default(x, size: int = 3, stride: int = 1):
    return _avg_pool(x, size, "SAME", stride, True)  # counts the padding


def _first(x):
    return x.permute(0, 3, 1, 2)


def _last(x):
    return x.permute(0, 2, 3, 1)


def _kernel(w):
    return w.permute(3, 2, 0, 1)


def _total(n: int, k: int, padding: str, stride: int) -> int:
    total = ((n + stride - 1) // stride - 1) * stride + k - n
    if padding == "VALID" or total < 0:
        total = 0
    return total


def _pads(x, h: int, w: int, padding: str, stride: int) -> List[int]:
    """Widths for ``F.pad`` of a channels-first image: left, right, top, bottom."""
    rows = _total(x.size(2), h, padding, stride)
    columns = _total(x.size(3), w, padding, stride)
    return [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2]


def _conv2d(x, w, padding: str, stride: int):
    x = _first(x)
    pads = _pads(x, w.size(0), w.size(1), padding, stride)
    return _last(F.conv2d(F.pad(x, pads), _kernel(w), None, [stride, stride]))


def _half_padded(x, w, stride: int):
    """``padding=kernel // 2``, as most PyTorch code says "same": zeros on both sides, whatever the stride."""
    return _last(F.conv2d(_first(x), _kernel(w), None, [stride, stride], [w.size(0) // 2, w.size(1) // 2]))


def _depthwise(x, w):
    x = _first(x)
    channels = w.size(2)
    kernel = w.permute(2, 3, 0, 1).reshape(channels * w.size(3), 1, w.size(0), w.size(1))
    return _last(F.conv2d(F.pad(x, _pads(x, w.size(0), w.size(1), "SAME", 1)), kernel, None, [1, 1], [0, 0], [1, 1], channels))


def _max_pool(x, size: int, padding: str, stride: int):
    x = _first(x)
    wide = F.pad(x, _pads(x, size, size, padding, stride), "constant", float("-inf"))
    return _last(F.max_pool2d(wide, [size, size], [stride, stride]))


def _avg_pool(x, size: int, padding: str, stride: int, counted: bool):
    """Padding of ``avg_pool2d`` itself, which is symmetric: "SAME" here means an odd size and stride 1."""
    before = _total(x.size(1), size, padding, stride) // 2
    return _last(F.avg_pool2d(_first(x), [size, size], [stride, stride], [before, before], False, counted))


# --- normalisation, resizing ---
def layer_norm(x, gamma, beta, epsilon: float = 1e-5):
    return F.layer_norm(x, [x.size(-1)], gamma, beta, epsilon)


def layer_norm_default(x):
    return F.layer_norm(x, [x.size(-1)])  # eps = 1e-5


def batch_norm(x, mean, variance, gamma, beta, epsilon: float = 1e-3):
    return _batch_norm(x, mean, variance, gamma, beta, epsilon)


def batch_norm_default(x, mean, variance, gamma, beta):
    return _last(F.batch_norm(_first(x), mean, variance, gamma, beta))  # eps = 1e-5


def batch_norm_fused(x, mean, variance, gamma, beta, epsilon: float = 1e-3):
    return _batch_norm(x, mean, variance, gamma, beta, epsilon)


def group_norm(x, gamma, beta, groups: int = 4, epsilon: float = 1e-5):
    return _last(F.group_norm(_first(x), groups, gamma, beta, epsilon))


def l2_normalize(x):
    return F.normalize(x, p=2.0, dim=-1)


def local_response_norm(x):
    return _last(F.local_response_norm(_first(x), 5, alpha=1e-4, beta=0.75, k=1.0))  # alpha is per window of 5


def resize_bilinear(x):
    return _last(F.interpolate(_first(x), size=[2 * x.size(1), 2 * x.size(2)], mode="bilinear", align_corners=False))


def _batch_norm(x, mean, variance, gamma, beta, epsilon: float):
    return _last(F.batch_norm(_first(x), mean, variance, gamma, beta, False, 0.1, epsilon))


# --- losses ---
def sparse_softmax_cross_entropy(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


def binary_cross_entropy(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def mse(x, y):
    return F.mse_loss(x, y)


def mae(x, y):
    return F.l1_loss(x, y)


def huber(x, y):
    return F.smooth_l1_loss(x, y)  # the same function at delta = 1, and older than huber_loss


def hinge(x, y):
    return torch.mean(torch.clamp(1.0 - x * y, min=0.0))


def kl_divergence(p, log_q):
    return F.kl_div(log_q, p, reduction="sum")


def cosine_similarity(x, y):
    return F.cosine_similarity(x, y, dim=-1)


if "probabilities" in (F.cross_entropy.__doc__ or ""):  # from 1.10

    def softmax_cross_entropy(logits, labels):
        return F.cross_entropy(logits, labels, reduction="none")
else:

    def softmax_cross_entropy(logits, labels):
        return -torch.sum(labels * torch.log_softmax(logits, dim=-1), dim=-1)


# --- sorting, selection ---
def sort(x):
    return torch.sort(x, dim=-1)[0]


@_needs(torch, "msort", "a stable sort")  # both came with 1.9
def argsort_stable(x):
    return torch.sort(x, stable=True, dim=-1)[1]


def argsort_default(x):
    return torch.argsort(x, dim=-1)


def top_k(x, k: int = 5):
    return _pair(torch.topk(x, k, dim=-1))


@_needs(torch, "searchsorted")
def searchsorted(edges, x):
    return torch.searchsorted(edges, x)


def where(condition, x, y):
    return torch.where(condition > 0.0, x, y)


def embedding(table, ids):
    return F.embedding(ids, table)


def scatter_add(x, ids, size: int = 16):
    return torch.zeros([size, x.size(1)], dtype=x.dtype, device=x.device).index_add(0, ids, x)


def _pair(found: Tuple[torch.Tensor, torch.Tensor]):
    return found[0], found[1]


# --- linear algebra ---
# cholesky and eigvalsh take the symmetric part, so that the gradient does not depend on which triangle a library reads.
def inv(a):
    return torch.inverse(a)


def det(a):
    return torch.det(a)


def slogdet(a):
    return _pair(torch.slogdet(a))


def _positive_diagonal(r):
    return torch.sign(torch.diagonal(r)).unsqueeze(-1) * r


if hasattr(_linalg, "lstsq"):  # from 1.9 all of these are in torch.linalg

    def solve(a, b):
        return torch.linalg.solve(a, b)

    def cholesky(a):
        return torch.linalg.cholesky(0.5 * (a + a.t()))

    def eigvalsh(a):
        return torch.linalg.eigvalsh(0.5 * (a + a.t()))

    def qr_r(a):
        return _positive_diagonal(torch.linalg.qr(a)[1])

    def svdvals(a):
        return torch.linalg.svdvals(a)

    def pinv(a):
        return torch.linalg.pinv(a)

    def lstsq(a, b):
        return torch.linalg.lstsq(a, b)[0]

    def matrix_rank(a):
        return torch.linalg.matrix_rank(a)
else:

    def solve(a, b):
        return torch.solve(b, a)[0]

    def cholesky(a):
        return torch.cholesky(0.5 * (a + a.t()))

    def eigvalsh(a):
        return torch.symeig(0.5 * (a + a.t()), eigenvectors=True)[0]  # with vectors, or it has no gradient

    def qr_r(a):
        return _positive_diagonal(torch.qr(a)[1])

    def svdvals(a):
        return torch.svd(a)[1]

    def pinv(a):
        return torch.pinverse(a)

    def lstsq(a, b):
        return torch.lstsq(b, a)[0][: a.size(1)]

    def matrix_rank(a):
        return torch.matrix_rank(a)


# --- casts and integers ---
def float16_round_trip(x):
    return x.to(torch.float16).to(x.dtype)


def bfloat16_round_trip(x):
    return x.to(torch.bfloat16).to(x.dtype)


def float32_round_trip(x):
    return x.to(torch.float32).to(x.dtype)


def to_int32(x):
    return x.to(torch.int32)


def to_int32_out_of_range(x):
    return x.to(torch.int32)


def int32_add(n, m):
    return n + m


def int32_multiply(n, m):
    return n * m


def int_floor_divide(n, m):
    return n // m  # truncated before 1.13


if hasattr(torch, "frexp"):  # from 1.9; div got rounding modes in 1.8, and `//` truncated until 1.12

    def int_truncate_divide(n, m):
        return torch.div(n, m, rounding_mode="trunc")
else:

    def int_truncate_divide(n, m):
        return n // m


def int_modulo(n, m):
    return torch.remainder(n, m)


def int_modulo_truncated(n, m):
    return torch.fmod(n, m)


def int_true_divide(n, m):
    return n / m  # an integer before 1.5


def int_mean(n):
    raise NotImplementedError("torch.mean refuses integers and says so")
