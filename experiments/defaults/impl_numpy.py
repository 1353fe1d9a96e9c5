"""The defaults of NumPy, where NumPy has such a function; elsewhere it has no default to be asked for."""

import numpy as np

# --- what NumPy has ----------------------------------------------------------------------------------------------------------------------


def std(x, ddof=None):
    return np.std(x, axis=-1) if ddof is None else np.std(x, axis=-1, ddof=ddof)


def var(x, ddof=None):
    return np.var(x, axis=-1) if ddof is None else np.var(x, axis=-1, ddof=ddof)


def std_of_one(x, ddof=None):
    return std(x, ddof)


def median(x, middle=None):
    return np.median(x * x, axis=-1)


def argmax_axis(x, axis=None):
    return np.argmax(x)


def argsort_ties(x, stable=None):
    return np.argsort(x, axis=-1) if stable is None else np.argsort(x, axis=-1, kind="stable" if stable else "quicksort")


def round_half(x, half=None):
    return np.round(x)


def histogram(n, bins=None):
    found = np.histogram(n + 0.5, range=(0, 1000)) if bins is None else np.histogram(n + 0.5, bins=bins, range=(0, 1000))
    return found[0].astype(np.int64)


def floor_divide(n, m, towards=None):
    return n // m


def one_hot(n, kind=None):
    rows = np.eye(6)[n]  # the idiom; NumPy's eye is float64
    return rows if kind is None else rows.astype(np.float32)


def pinv(a, mix, rcond=None):
    return mix @ (np.linalg.pinv(a) if rcond is None else np.linalg.pinv(a, rcond))


def lstsq(a, b, mix, rcond=None):
    if rcond is None:
        return mix @ np.linalg.lstsq(a, b)[0]  # in 1.x with a warning that the default will change
    return mix @ np.linalg.lstsq(a, b, rcond=rcond)[0]


def matrix_rank(a, rtol=None):
    # NumPy's tolerance is absolute
    found = np.linalg.matrix_rank(a) if rtol is None else np.linalg.matrix_rank(a, rtol * np.linalg.norm(a, 2))
    return np.asarray(found, np.int64)


def isclose(x, y, rtol=None, atol=None):
    given = {name: value for name, value in (("rtol", rtol), ("atol", atol)) if value is not None}
    return np.isclose(x, y, **given)


# --- what NumPy does not have ------------------------------------------------------------------------------------------------------------


def leaky_relu(x, slope=None):
    raise NotImplementedError("NumPy has no leaky_relu")


def leaky_relu_layer(x, slope=None):
    raise NotImplementedError("NumPy has no layers")


def prelu(x, initial=None):
    raise NotImplementedError("NumPy has no layers")


def elu(x, alpha=None):
    raise NotImplementedError("NumPy has no elu")


def gelu(x, approximate=None):
    raise NotImplementedError("NumPy has no gelu")


def gelu_ops(x, approximate=None):
    raise NotImplementedError("NumPy has no gelu")


def hard_sigmoid(x, definition=None):
    raise NotImplementedError("NumPy has no hard_sigmoid")


def softplus(x, threshold=None):
    raise NotImplementedError("NumPy has no softplus")


def softmax_axis(x, axis=None):
    raise NotImplementedError("NumPy has no softmax")


def batch_norm(x, training=None, epsilon=None):
    raise NotImplementedError("NumPy has no normalisation")


def batch_norm_running(x, momentum=None, correction=None):
    raise NotImplementedError("NumPy has no normalisation")


def layer_norm(x, epsilon=None):
    raise NotImplementedError("NumPy has no normalisation")


def group_norm(x, epsilon=None):
    raise NotImplementedError("NumPy has no normalisation")


def rms_norm(x, epsilon=None):
    raise NotImplementedError("NumPy has no normalisation")


def l2_normalize(x, floor=None):
    raise NotImplementedError("NumPy has no normalisation")


def cosine_similarity(x, y, sign=None, floor=None):
    raise NotImplementedError("NumPy has no cosine similarity")


def local_response_norm(x, alpha=None, beta=None):
    raise NotImplementedError("NumPy has no normalisation")


def mse(x, y, reduction=None):
    raise NotImplementedError("NumPy has no losses")


def huber(x, y, delta=None):
    raise NotImplementedError("NumPy has no losses")


def kl_divergence(p, q, reduction=None, clip=None):
    raise NotImplementedError("NumPy has no losses")


def binary_cross_entropy(p, y, guard=None):
    raise NotImplementedError("NumPy has no losses")


def cross_entropy(x, y, from_logits=None):
    raise NotImplementedError("NumPy has no losses")


def label_smoothing(x, y, smoothing=None):
    raise NotImplementedError("NumPy has no losses")


def poisson(x, y, log_input=None, epsilon=None):
    raise NotImplementedError("NumPy has no losses")


def avg_pool(x, count_padding=None):
    raise NotImplementedError("NumPy has no pooling")


def conv_same_stride(x, w, placement=None):
    raise NotImplementedError("NumPy has no two-dimensional convolution")


def resize(x, method=None, corners=None):
    raise NotImplementedError("NumPy does not resize images")


def lstm_cell(x, h, c, w, u, forget_bias=None, gate=None):
    raise NotImplementedError("NumPy has no recurrent cells")


def gru_cell(x, h, w, u, reset_after=None, gate=None):
    raise NotImplementedError("NumPy has no recurrent cells")


def lstm_layout(x, w, u, batch_first=None, returns=None):
    raise NotImplementedError("NumPy has no recurrent layers")


def sgd(w, g, learning_rate=None):
    raise NotImplementedError("NumPy has no optimisers")


def adam(w, g, learning_rate=None, betas=None, epsilon=None, placement=None):
    raise NotImplementedError("NumPy has no optimisers")


def adamw(w, g, learning_rate=None, weight_decay=None):
    raise NotImplementedError("NumPy has no optimisers")


def adamax(w, g, learning_rate=None, epsilon=None, placement=None):
    raise NotImplementedError("NumPy has no optimisers")


def nadam(w, g, learning_rate=None, epsilon=None, momentum_decay=None):
    raise NotImplementedError("NumPy has no optimisers")


def rmsprop(w, g, learning_rate=None, rho=None, epsilon=None, placement=None):
    raise NotImplementedError("NumPy has no optimisers")


def adagrad(w, g, learning_rate=None, initial=None, epsilon=None, placement=None):
    raise NotImplementedError("NumPy has no optimisers")


def adadelta(w, g, learning_rate=None, rho=None, epsilon=None):
    raise NotImplementedError("NumPy has no optimisers")


def clip_by_norm(x, epsilon=None):
    raise NotImplementedError("NumPy has no optimisers")
