# One operation per line is the layout of this atlas: a formatter would turn its table into pages.
"""The atlas in TensorFlow 1.15 to 2.21: one native operation each, or what people compose where there is none.

Indices are returned as int64, as the other frameworks do: the width of an index is not the question here.
"""

import tensorflow as tf


def _needs(module, name):
    """Where this TensorFlow lacks ``name``, replace the function below by one that says so."""

    def decorate(function):
        if hasattr(module, name):
            return function
        reason = "%s.%s is missing in TensorFlow %s" % (module.__name__.split(".")[-1], name, tf.__version__)

        def absent(*tensors, **parameters):
            raise NotImplementedError(reason)

        return absent

    return decorate


# --- arithmetic ---
def add(x, y):
    return tf.add(x, y)


def subtract(x, y):
    return tf.subtract(x, y)


def multiply(x, y):
    return tf.multiply(x, y)


def divide(x, y):
    return tf.divide(x, y)


def multiply_add(x, y, z):
    return x * y + z


def square(x):
    return tf.square(x)


def reciprocal(x):
    return tf.math.reciprocal(x)


def absolute(x):
    return tf.abs(x)


def sign(x):
    return tf.sign(x)


def floor(x):
    return tf.floor(x)


def ceil(x):
    return tf.math.ceil(x)


def rint(x):
    return tf.round(x)


def trunc(x):
    return tf.where(x < 0.0, tf.math.ceil(x), tf.floor(x))


def floor_divide(x, y):
    return tf.math.floordiv(x, y)


def modulo(x, y):
    return tf.math.floormod(x, y)


def modulo_truncated(x, y):
    return tf.truncatemod(x, y)


def maximum(x, y):
    return tf.maximum(x, y)


def minimum(x, y):
    return tf.minimum(x, y)


def clip(x, low: float = -1.0, high: float = 1.0):
    return tf.clip_by_value(x, low, high)


# --- elementary functions ---
def exp(x):
    return tf.exp(x)


def exp2(x):
    return tf.pow(tf.cast(2.0, x.dtype), x)  # no operation of its own


def expm1(x):
    return tf.math.expm1(x)


def log(x):
    return tf.math.log(x)


def log1p(x):
    return tf.math.log1p(x)


def log2(x):
    return tf.math.log(x) / tf.cast(0.6931471805599453, x.dtype)  # no operation of its own


def log10(x):
    return tf.math.log(x) / tf.cast(2.302585092994046, x.dtype)  # no operation of its own


def sqrt(x):
    return tf.sqrt(x)


def rsqrt(x):
    return tf.math.rsqrt(x)


def power(x, y):
    return tf.pow(x, y)


def sin(x):
    return tf.sin(x)


def cos(x):
    return tf.cos(x)


def tan(x):
    return tf.tan(x)


def asin(x):
    return tf.asin(x)


def acos(x):
    return tf.acos(x)


def atan(x):
    return tf.atan(x)


def atan2(y, x):
    return tf.atan2(y, x)


def sinh(x):
    return tf.sinh(x)


def cosh(x):
    return tf.cosh(x)


def tanh(x):
    return tf.tanh(x)


def asinh(x):
    return tf.asinh(x)


def acosh(x):
    return tf.acosh(x)


def atanh(x):
    return tf.atanh(x)


def hypot(x, y):
    return tf.sqrt(tf.square(x) + tf.square(y))  # no operation of its own


def logaddexp(x, y):
    return tf.reduce_logsumexp(tf.stack([x, y]), axis=0)


def xlogy(x, y):
    return tf.math.xlogy(x, y)


def erf(x):
    return tf.math.erf(x)


def erfc(x):
    return tf.math.erfc(x)


@_needs(tf.math, "erfinv")
def erfinv(x):
    return tf.math.erfinv(x)


def lgamma(x):
    return tf.math.lgamma(x)


def digamma(x):
    return tf.math.digamma(x)


# --- activations ---
def sigmoid(x):
    return tf.sigmoid(x)


def log_sigmoid(x):
    return tf.math.log_sigmoid(x)


def softplus(x):
    return tf.math.softplus(x)


def softsign(x):
    return tf.nn.softsign(x)


def relu(x):
    return tf.nn.relu(x)


def relu6(x):
    return tf.nn.relu6(x)


def leaky_relu(x, slope: float = 0.2):
    return tf.nn.leaky_relu(x, alpha=slope)


def leaky_relu_default(x):
    return tf.nn.leaky_relu(x)  # alpha = 0.2


def elu(x):
    return tf.nn.elu(x)


def selu(x):
    return tf.nn.selu(x)


def silu(x):
    return tf.nn.swish(x)


def hard_sigmoid(x):
    return tf.keras.activations.hard_sigmoid(x)  # 0.2 x + 0.5 until Keras 2, x / 6 + 0.5 in Keras 3


@_needs(tf.nn, "gelu")
def gelu_default(x):
    return tf.nn.gelu(x)


if hasattr(tf.nn, "gelu"):  # from 2.4

    def gelu(x):
        return tf.nn.gelu(x, approximate=False)

    def gelu_tanh(x):
        return tf.nn.gelu(x, approximate=True)
else:

    def gelu(x):
        return 0.5 * x * (1.0 + tf.math.erf(x / 1.4142135623730951))

    def gelu_tanh(x):
        return 0.5 * x * (1.0 + tf.tanh(0.7978845608028654 * (x + 0.044715 * tf.pow(x, 3))))


if hasattr(tf.keras.activations, "mish"):  # late Keras 2 and Keras 3

    def mish(x):
        return tf.keras.activations.mish(x)
else:

    def mish(x):
        return x * tf.tanh(tf.math.softplus(x))


if hasattr(tf.keras.activations, "hard_swish"):  # Keras 3

    def hard_swish(x):
        return tf.keras.activations.hard_swish(x)
else:

    def hard_swish(x):
        return x * tf.nn.relu6(x + 3.0) / 6.0


# --- reductions ---
def reduce_sum(x, axis: int = -1):
    return tf.reduce_sum(x, axis=axis)


def reduce_mean(x, axis: int = -1):
    return tf.reduce_mean(x, axis=axis)


def reduce_prod(x, axis: int = -1):
    return tf.reduce_prod(x, axis=axis)


def reduce_max(x, axis: int = -1):
    return tf.reduce_max(x, axis=axis)


def reduce_min(x, axis: int = -1):
    return tf.reduce_min(x, axis=axis)


def any_positive(x, axis: int = -1):
    return tf.reduce_any(x > 0.0, axis=axis)


def all_positive(x, axis: int = -1):
    return tf.reduce_all(x > 0.0, axis=axis)


def argmax(x, axis: int = -1):
    return tf.argmax(x, axis=axis)


def median(x):
    return _middle(tf.sort(x, axis=-1), x.shape.as_list()[-1])  # no operation of its own


def var(x, axis: int = -1):
    return tf.math.reduce_variance(x, axis=axis)


def var_sample(x, axis: int = -1):
    return _bessel(tf.math.reduce_variance(x, axis=axis), x.shape.as_list()[axis])  # no ddof


def var_default(x, axis: int = -1):
    return tf.math.reduce_variance(x, axis=axis)


def std(x, axis: int = -1):
    return tf.math.reduce_std(x, axis=axis)


def std_default(x, axis: int = -1):
    return tf.math.reduce_std(x, axis=axis)


def norm(x, axis: int = -1):
    return tf.norm(x, axis=axis)


def logsumexp(x):
    return tf.reduce_logsumexp(x, axis=-1)


def softmax(x):
    return tf.nn.softmax(x, axis=-1)


def log_softmax(x):
    return tf.nn.log_softmax(x, axis=-1)


def cumsum(x, axis: int = -1):
    return tf.cumsum(x, axis=axis)


def cumsum_chain(x):
    return tf.cumsum(tf.sin(tf.exp(x)), axis=-1)


def cumprod(x):
    return tf.math.cumprod(x, axis=-1)


def _bessel(variance, n):
    return variance * (n / (n - 1.0))


def _middle(ordered, n):
    return 0.5 * (ordered[..., (n - 1) // 2] + ordered[..., n // 2])


# --- products ---
def matmul(x, y):
    return tf.matmul(x, y)


def matmul_rows(x, y, every=64):
    return tf.matmul(x, y)[::every]


def einsum(q, k):
    return tf.einsum("bqhd,bkhd->bhqk", q, k)


def outer(x, y):
    return tf.tensordot(x, y, axes=0)


def dot(x, y):
    return tf.tensordot(x, y, axes=1)


def tensordot(x, y):
    return tf.tensordot(x, y, axes=2)


def conv1d(x, w, padding: str = "SAME", stride: int = 1):
    return tf.nn.conv1d(x, w, stride=stride, padding=padding)


def conv2d(x, w, padding: str = "SAME", stride: int = 1):
    return tf.nn.conv2d(x, w, strides=[1, stride, stride, 1], padding=padding)


def conv2d_half_padding(x, w, stride: int = 2):
    return tf.nn.conv2d(x, w, strides=[1, stride, stride, 1], padding="SAME")


def depthwise_conv2d(x, w):
    return tf.nn.depthwise_conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME")


def max_pool(x, size: int = 2, padding: str = "VALID", stride: int = 2):
    return tf.nn.max_pool2d(x, size, stride, padding)


def avg_pool(x, size: int = 2, padding: str = "VALID", stride: int = 2):
    return tf.nn.avg_pool2d(x, size, stride, padding)


def avg_pool_default(x, size: int = 3, stride: int = 1):
    return tf.nn.avg_pool2d(x, size, stride, "SAME")


# --- normalisation, resizing ---
def layer_norm(x, gamma, beta, epsilon: float = 1e-5):
    return _normalised(x, [-1], gamma, beta, epsilon)


def layer_norm_default(x):
    return _layer_norm_layer(x)  # epsilon = 1e-3


def batch_norm(x, mean, variance, gamma, beta, epsilon: float = 1e-3):
    return _batch_norm(x, mean, variance, gamma, beta, epsilon)


def batch_norm_default(x, mean, variance, gamma, beta):
    return _batch_norm(x, mean, variance, gamma, beta, 1e-3)  # Keras' default


def batch_norm_fused(x, mean, variance, gamma, beta, epsilon: float = 1e-3):
    return _fused(x, mean, variance, gamma, beta, epsilon)


def group_norm(x, gamma, beta, groups: int = 4, epsilon: float = 1e-5):
    return _grouped(x, groups, epsilon) * gamma + beta


def l2_normalize(x):
    return tf.math.l2_normalize(x, axis=-1)


def local_response_norm(x):
    return tf.nn.local_response_normalization(x, depth_radius=2, bias=1.0, alpha=2e-5, beta=0.75)


def resize_bilinear(x):
    return tf.image.resize(x, [2 * x.shape.as_list()[1], 2 * x.shape.as_list()[2]])  # corners moved in TF 2


def _normalised(x, axes, gamma, beta, epsilon):
    mean, variance = tf.nn.moments(x, axes, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def _layer_norm_layer(x):
    """The Keras layer without weights: it creates no variables, so it is a function."""
    return tf.keras.layers.LayerNormalization(axis=-1, center=False, scale=False, dtype=x.dtype.name)(x)


def _batch_norm(x, mean, variance, gamma, beta, epsilon):
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def _fused(x, mean, variance, gamma, beta, epsilon):
    return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean=mean, variance=variance, epsilon=epsilon, is_training=False)[0]


def _grouped(x, groups, epsilon):
    n, h, w, c = x.shape.as_list()
    return tf.reshape(_normalised(tf.reshape(x, [n, h, w, groups, c // groups]), [1, 2, 4], None, None, epsilon), [n, h, w, c])


# --- losses ---
def softmax_cross_entropy(logits, labels):
    return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def sparse_softmax_cross_entropy(logits, labels):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def binary_cross_entropy(logits, labels):
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)


def mse(x, y):
    return tf.reduce_mean(tf.math.squared_difference(x, y))


def mae(x, y):
    return tf.reduce_mean(tf.abs(x - y))


def huber(x, y):
    return tf.keras.losses.Huber(delta=1.0)(y, x)  # Keras computes it in its default float32


def hinge(x, y):
    return tf.reduce_mean(tf.nn.relu(1.0 - x * y))


def kl_divergence(p, log_q):
    return tf.reduce_sum(tf.math.xlogy(p, p) - p * log_q)


def cosine_similarity(x, y):
    return tf.reduce_sum(tf.math.l2_normalize(x, axis=-1) * tf.math.l2_normalize(y, axis=-1), axis=-1)


# --- sorting, selection ---
def sort(x):
    return tf.sort(x, axis=-1)


def argsort_stable(x):
    return tf.cast(tf.argsort(x, axis=-1, stable=True), tf.int64)


def argsort_default(x):
    return tf.cast(tf.argsort(x, axis=-1), tf.int64)


def top_k(x, k: int = 5):
    return _values_and_indices(tf.nn.top_k(x, k))


def searchsorted(edges, x):
    return tf.searchsorted(edges, x, out_type=tf.int64)


def where(condition, x, y):
    return tf.where(condition > 0.0, x, y)


def embedding(table, ids):
    return tf.nn.embedding_lookup(table, ids)


def scatter_add(x, ids, size: int = 16):
    return tf.math.unsorted_segment_sum(x, ids, size)


def _values_and_indices(found):
    return found[0], tf.cast(found[1], tf.int64)


# --- linear algebra ---
# cholesky and eigvalsh take the symmetric part, so that the gradient does not depend on which triangle a library reads.
def solve(a, b):
    return tf.linalg.solve(a, b)


def inv(a):
    return tf.linalg.inv(a)


def det(a):
    return tf.linalg.det(a)


def slogdet(a):
    return tuple(tf.linalg.slogdet(a))


def cholesky(a):
    return tf.linalg.cholesky(0.5 * (a + tf.transpose(a)))


def eigvalsh(a):
    return tf.linalg.eigvalsh(0.5 * (a + tf.transpose(a)))


def qr_r(a):
    return _positive_diagonal(tf.linalg.qr(a)[1])


def svdvals(a):
    return tf.linalg.svd(a, compute_uv=False)


def pinv(a):
    return tf.linalg.pinv(a)


def lstsq(a, b):
    return tf.linalg.lstsq(a, b)


def matrix_rank(a):
    return tf.cast(tf.linalg.matrix_rank(a), tf.int64)


def _positive_diagonal(r):
    return tf.expand_dims(tf.sign(tf.linalg.diag_part(r)), -1) * r


# --- casts and integers ---
def float16_round_trip(x):
    return tf.cast(tf.cast(x, tf.float16), x.dtype)


def bfloat16_round_trip(x):
    return tf.cast(tf.cast(x, tf.bfloat16), x.dtype)


def float32_round_trip(x):
    return tf.cast(tf.cast(x, tf.float32), x.dtype)


def to_int32(x):
    return tf.cast(x, tf.int32)


def to_int32_out_of_range(x):
    return tf.cast(x, tf.int32)


def int32_add(n, m):
    return n + m


def int32_multiply(n, m):
    return n * m


def int_floor_divide(n, m):
    return tf.math.floordiv(n, m)


def int_truncate_divide(n, m):
    return tf.truncatediv(n, m)


def int_modulo(n, m):
    return tf.math.floormod(n, m)


def int_modulo_truncated(n, m):
    return tf.truncatemod(n, m)


def int_true_divide(n, m):
    return tf.math.truediv(n, m)


def int_mean(n):
    return tf.reduce_mean(n)  # stays an integer
