"""What every default stands for, in plain NumPy: each factor with its aligned value and with all the others that a framework uses."""

import numpy as np
from scipy import special

# --- activations -------------------------------------------------------------------------------------------------------------------------


def leaky_relu(x, slope):
    return np.where(x > 0.0, x, slope * x)


def leaky_relu_layer(x, slope):
    return np.where(x > 0.0, x, slope * x)


def prelu(x, initial):
    return np.where(x > 0.0, x, initial * x)


def elu(x, alpha):
    return np.where(x > 0.0, x, alpha * np.expm1(np.where(x > 0.0, 0.0 * x, x)))


def gelu(x, approximate):
    return gelu_ops(x, approximate, "float64")


def gelu_ops(x, approximate, stored):
    if approximate == "tanh":
        cubic = np.round_to(0.044715, "float32") if stored == "float32" else 0.044715
        return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + cubic * x * x * x)))
    return 0.5 * x * _twice_normal(x)


def hard_sigmoid(x, definition):
    line = 0.2 * x + 0.5 if definition == "fifth" else (x + 3.0) / 6.0
    return np.where(line < 0.0, 0.0 * x, np.where(line > 1.0, 0.0 * x + 1.0, line))


def softplus(x, threshold):
    return np.where(x > threshold, x, np.logaddexp(0.0, x))


def softmax_axis(x, axis):
    powers = np.exp(x)
    return powers / np.sum(powers, axis=axis, keepdims=True)


# --- normalisation -----------------------------------------------------------------------------------------------------------------------


def batch_norm(x, training, epsilon):
    if not training:
        return x / np.sqrt(1.0 + epsilon)
    return _standardised(x, 0, epsilon)


def batch_norm_running(x, momentum, correction, stored):
    momentum = _stored(momentum, stored)
    axes = tuple(range(np.ndim(x) - 1))
    mean = np.mean(x, axis=axes)
    centred = x - mean
    count = np.size(x) // np.shape(x)[-1]
    return momentum * mean, (1.0 - momentum) + momentum * np.sum(centred * centred, axis=axes) / (count - correction)


def layer_norm(x, epsilon):
    return _standardised(x, -1, epsilon)


def group_norm(x, epsilon):
    rows, columns = np.shape(x)
    grouped = np.reshape(x, (rows, 2, columns // 2))
    return np.reshape(_standardised(grouped, -1, epsilon), (rows, columns))


def rms_norm(x, epsilon):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon)


def l2_normalize(x, floor):
    length = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    return x / np.where(length > floor, length, floor)


def cosine_similarity(x, y, sign, floor, floor_of):
    product = np.sum(x * y, axis=-1)
    left, right = np.sqrt(np.sum(x * x, axis=-1)), np.sqrt(np.sum(y * y, axis=-1))
    if floor_of == "product":
        both = left * right
        return sign * product / np.where(both > floor, both, floor)
    return sign * product / (np.where(left > floor, left, floor) * np.where(right > floor, right, floor))


def local_response_norm(x, alpha, beta):
    square = x * x
    none = 0.0 * square[..., :2]
    wide = np.concatenate([none, square, none], axis=-1)
    count = np.shape(x)[-1]
    total = wide[..., :count]
    for shift in range(1, 5):
        total = total + wide[..., shift : shift + count]
    return x / np.power(1.0 + alpha * total, beta)


# --- reductions and sorting --------------------------------------------------------------------------------------------------------------


def std(x, ddof):
    return np.std(x, axis=-1, ddof=int(ddof))


def var(x, ddof):
    return np.var(x, axis=-1, ddof=int(ddof))


def std_of_one(x, ddof):
    centred = x - x
    return np.sqrt(np.sum(centred * centred, axis=-1) / (1.0 - ddof))


def median(x, middle):
    ordered = np.sort(x * x, axis=-1)
    half = np.shape(x)[-1] // 2
    if middle == "mean":
        return 0.5 * (ordered[..., half - 1] + ordered[..., half])
    return ordered[..., half - 1] if middle == "lower" else ordered[..., half]


def argmax_axis(x, axis):
    return np.argmax(x, axis=0) if axis == "first" else np.argmax(x)


def argsort_ties(x, stable):
    return np.argsort(x, axis=-1, kind="stable")


def round_half(x, half):
    if half == "away":
        return np.where(x < 0.0, np.ceil(x - 0.5), np.floor(x + 0.5))
    return np.rint(x)


def histogram(n, bins):
    width = 1000 // bins
    return np.sum(n[None, :] // width == np.arange(bins)[:, None], axis=1)


def floor_divide(n, m, towards):
    if towards == "zero":
        return np.sign(n) * np.sign(m) * (np.abs(n) // np.abs(m))
    return n // m


def one_hot(n, kind):
    rows = n[:, None] == np.arange(6)[None, :]
    return np.where(rows, 1, 0) if kind == "integer" else np.where(rows, 1.0, 0.0)


# --- losses ------------------------------------------------------------------------------------------------------------------------------


def mse(x, y, reduction):
    square = (x - y) * (x - y)
    return np.mean(square, axis=-1) if reduction == "rows" else np.sum(square) if reduction == "sum" else np.mean(square)


def huber(x, y, delta):
    away = np.where(x > y, x - y, y - x)
    return np.mean(np.where(away < delta, 0.5 * away * away, delta * (away - 0.5 * delta)))


def kl_divergence(p, q, reduction, clip):
    if clip > 0.0:
        p, q = np.where(p < clip, 0.0 * p + clip, p), np.where(q < clip, 0.0 * q + clip, q)
    terms = np.where(p > 0.0, p * (np.log(np.where(p > 0.0, p, 1.0)) - np.log(q)), 0.0 * p)
    return np.mean(terms) if reduction == "mean" else np.sum(terms) / np.shape(p)[0] if reduction == "batchmean" else np.sum(terms)


def binary_cross_entropy(p, y, guard):
    added = 1e-7 if guard == "clip and add" else 0.0
    if guard != "none":
        p = np.where(p < 1e-7, 0.0 * p + 1e-7, np.where(p > 1.0 - 1e-7, 0.0 * p + (1.0 - 1e-7), p))
    return -np.where(y > 0.5, np.log(p + added), np.log(1.0 - p + added))


def cross_entropy(x, y, from_logits):
    if from_logits:
        return np.log(np.sum(np.exp(x), axis=-1)) - np.sum(y * x, axis=-1)
    return np.log(np.sum(x, axis=-1)) - np.log(np.sum(y * x, axis=-1))


def label_smoothing(x, y, smoothing):
    smooth = y * (1.0 - smoothing) + smoothing / 10.0
    return np.log(np.sum(np.exp(x), axis=-1)) * np.sum(smooth, axis=-1) - np.sum(smooth * x, axis=-1)


def poisson(x, y, log_input, epsilon):
    return np.mean(np.exp(x) - y * x) if log_input else np.mean(x - y * np.log(x + epsilon))


# --- linear algebra and tolerances: the columns of these matrices are orthogonal, so that their singular values are the lengths -----------


def pinv(a, mix, rcond):
    square = np.sum(a * a, axis=0)
    kept = _kept(square, rcond)
    return mix @ np.where(kept, a / square, 0.0 * a).T


def lstsq(a, b, mix, rcond, solver):
    square = np.sum(a * a, axis=0)
    kept = _kept(square, 0.0 if solver == "normal equations" else rcond)  # which know no cut-off
    return mix @ np.where(kept[:, None], (a.T @ b) / square[:, None], 0.0)


def matrix_rank(a, rtol):
    return np.sum(_kept(np.sum(a * a, axis=0), rtol))


def isclose(x, y, rtol, atol):
    return np.abs(x - y) <= atol + rtol * np.abs(y)


# --- images ------------------------------------------------------------------------------------------------------------------------------


def avg_pool(x, count_padding):
    total = _windows_sum(x)
    if count_padding:
        return total / 9.0
    height, width = np.shape(x)[1:3]
    rows = 3.0 - (np.arange(height) == 0) - (np.arange(height) == height - 1)
    columns = 3.0 - (np.arange(width) == 0) - (np.arange(width) == width - 1)
    return total / (rows[:, None] * columns[None, :])[None, :, :, None]


def conv_same_stride(x, w, placement):
    first = 1 if placement == "both" else 0
    wide = _padded(x, first, 1)
    size = np.shape(x)[1] // 2
    total = 0.0
    for i in range(3):
        for j in range(3):
            part = wide[:, i : i + 2 * size - 1 : 2, j : j + 2 * size - 1 : 2, :]
            total = total + part @ w[i, j]
    return total


def resize(x, method, corners):
    return _resized(_resized(x, 1, method, corners), 2, method, corners)


# --- recurrent cells ---------------------------------------------------------------------------------------------------------------------


def lstm_cell(x, h, c, w, u, forget_bias, gate):
    i, f, g, o = np.split(x @ w + h @ u, 4, axis=1)
    state = _gate(f + forget_bias, gate) * c + _gate(i, gate) * np.tanh(g)
    return _gate(o, gate) * np.tanh(state), state


def gru_cell(x, h, w, u, reset_after, gate):
    units = np.shape(h)[1]
    before = x @ w
    z = _gate(before[:, :units] + h @ u[:, :units], gate)
    r = _gate(before[:, units : 2 * units] + h @ u[:, units : 2 * units], gate)
    last = u[:, 2 * units :]
    inner = r * (h @ last) if reset_after else (r * h) @ last
    return z * h + (1.0 - z) * np.tanh(before[:, 2 * units :] + inner)


def lstm_layout(x, w, u, batch_first, returns):
    steps = np.transpose(x, (1, 0, 2)) if batch_first else x
    units = np.shape(u)[0]
    h = c = np.zeros((np.shape(steps)[1], units))
    outputs = []
    for step in range(np.shape(steps)[0]):
        i, f, g, o = np.split(steps[step] @ w + h @ u, 4, axis=1)
        c = _gate(f, "sigmoid") * c + _gate(i, "sigmoid") * np.tanh(g)
        h = _gate(o, "sigmoid") * np.tanh(c)
        outputs.append(h)
    return h if returns == "last" else np.stack(outputs, axis=1 if batch_first else 0)


# --- optimisers: three steps with given gradients ----------------------------------------------------------------------------------------


def sgd(w, g, learning_rate, stored):
    rate = _rate(learning_rate, stored)
    for step in range(3):
        w = w - rate * g[step]
    return w


def adam(w, g, learning_rate, betas, epsilon, placement, stored):
    return _adam(w, g, learning_rate, betas, epsilon, placement, stored, 0.0)


def adamw(w, g, learning_rate, weight_decay, stored):
    return _adam(w, g, learning_rate, "exact", 1e-8, "uncorrected", stored, weight_decay)


def adamax(w, g, learning_rate, epsilon, placement, stored):
    rate, beta_1, beta_2 = _rate(learning_rate, stored), 0.875, 0.9990234375
    m = u = 0.0
    for step in range(3):
        m = beta_1 * m + (1.0 - beta_1) * g[step]
        size = np.where(g[step] < 0.0, -g[step], g[step])
        other = size + epsilon if placement == "norm" else size
        u = np.maximum(beta_2 * u, other) if step else other
        w = w - rate / (1.0 - _power(beta_1, step + 1)) * m / (u if placement == "norm" else u + epsilon)
    return w


def nadam(w, g, learning_rate, epsilon, momentum_decay, stored):
    rate, (beta_1, power_1), (beta_2, power_2) = _rate(learning_rate, stored), _beta(0.9, stored), _beta(0.999, stored)
    m = v = 0.0
    product = 1.0
    for step in range(3):
        now = power_1 * (1.0 - 0.5 * np.power(0.96, (step + 1) * momentum_decay))
        later = power_1 * (1.0 - 0.5 * np.power(0.96, (step + 2) * momentum_decay))
        product = product * now
        m = beta_1 * m + (1.0 - beta_1) * g[step]
        v = beta_2 * v + (1.0 - beta_2) * g[step] * g[step]
        ahead = later * m / (1.0 - product * later) + (1.0 - now) * g[step] / (1.0 - product)
        w = w - rate * ahead / (np.sqrt(v / (1.0 - _power(power_2, step + 1))) + epsilon)
    return w


def rmsprop(w, g, learning_rate, rho, epsilon, placement, stored):
    rate, rho = _rate(learning_rate, stored), _stored(rho, stored)
    v = 0.0
    for step in range(3):
        v = rho * v + (1.0 - rho) * g[step] * g[step]
        w = w - rate * g[step] / _rooted(v, epsilon, placement)
    return w


def adagrad(w, g, learning_rate, initial, epsilon, placement, stored):
    rate = _rate(learning_rate, stored)
    total = 0.0 * w + _stored(initial, stored)
    for step in range(3):
        total = total + g[step] * g[step]
        w = w - rate * g[step] / _rooted(total, epsilon, placement)
    return w


def adadelta(w, g, learning_rate, rho, epsilon, stored):
    rate, rho = _rate(learning_rate, stored), _stored(rho, stored)
    square = moved = 0.0
    for step in range(3):
        square = rho * square + (1.0 - rho) * g[step] * g[step]
        change = np.sqrt(moved + epsilon) / np.sqrt(square + epsilon) * g[step]
        moved = rho * moved + (1.0 - rho) * change * change
        w = w - rate * change
    return w


def clip_by_norm(x, epsilon):
    length = np.sqrt(np.sum(x * x))
    return x * (0.0009765625 / (length + epsilon))


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _twice_normal(x):
    return special.erfc(-x / np.sqrt(2.0))


def _standardised(x, axis, epsilon):
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=axis, keepdims=True) + epsilon)


def _kept(square, rcond):
    return square > rcond * rcond * np.max(square)


def _padded(x, before, after):
    n, height, width, channels = np.shape(x)
    rows = [np.zeros((n, before, width, channels)), x, np.zeros((n, after, width, channels))]
    wide = np.concatenate(rows, axis=1)
    height = height + before + after
    return np.concatenate([np.zeros((n, height, before, channels)), wide, np.zeros((n, height, after, channels))], axis=2)


def _windows_sum(x):
    wide = _padded(x, 1, 1)
    height, width = np.shape(x)[1:3]
    columns = wide[:, :, :width] + wide[:, :, 1 : width + 1] + wide[:, :, 2:]
    return columns[:, :height] + columns[:, 1 : height + 1] + columns[:, 2:]


def _resized(x, axis, method, corners):
    """5 rows to 8: places are whole numbers of 16ths (or 7ths), so that floors are exact."""
    out = list(range(8))
    if corners == "align":
        places, unit = [4 * i for i in out], 7
    elif corners == "legacy":
        places, unit = [10 * i for i in out], 16
    else:
        places, unit = [10 * i + (5 if method == "nearest" else -3) for i in out], 16
    if method == "nearest":
        half = unit // 2 if corners == "align" else 0
        return np.take(x, np.array([min(4, (place + half) // unit) for place in places]), axis=axis)
    places = [min(max(place, 0), 4 * unit) for place in places]
    low = np.array([place // unit for place in places])
    high = np.array([min(4, place // unit + 1) for place in places])
    share = np.divide(np.array([float(place % unit) for place in places]), float(unit))
    share = np.reshape(share, (1, 8, 1, 1) if axis == 1 else (1, 1, 8, 1))
    return np.take(x, low, axis=axis) * (1.0 - share) + np.take(x, high, axis=axis) * share


def _gate(x, kind):
    if kind == "hard_fifth":
        line = 0.2 * x + 0.5
        return np.where(line < 0.0, 0.0 * x, np.where(line > 1.0, 0.0 * x + 1.0, line))
    return special.expit(x)


def _stored(value, stored):
    """A hyperparameter, or what is left of it where it is kept as a float32 number."""
    return np.round_to(np.array(float(value)), "float32") if stored == "float32" else value


def _rate(learning_rate, stored):
    return _stored(learning_rate, "float32" if stored == "rate and powers" else stored)


def _beta(beta, stored):
    """A coefficient as moments are averaged with, and as its powers are taken of."""
    return _stored(beta, stored), _stored(beta, "float32" if stored == "rate and powers" else stored)


def _power(x, n):
    product = x
    for _ in range(n - 1):
        product = product * x
    return product


def _rooted(square, epsilon, placement):
    return np.sqrt(square + epsilon) if placement == "inside" else np.sqrt(square) + epsilon


def _adam(w, g, learning_rate, betas, epsilon, placement, stored, weight_decay):
    rate = _rate(learning_rate, stored)
    usual = (0.875, 0.9990234375) if betas == "exact" else (0.9, 0.999)
    (beta_1, power_1), (beta_2, power_2) = (_beta(beta, stored) for beta in usual)
    m = v = 0.0
    for step in range(3):
        m = beta_1 * m + (1.0 - beta_1) * g[step]
        v = beta_2 * v + (1.0 - beta_2) * g[step] * g[step]
        first, second = 1.0 - _power(power_1, step + 1), 1.0 - _power(power_2, step + 1)
        below = np.sqrt(v / second) + epsilon if placement == "corrected" else (np.sqrt(v) + epsilon) / np.sqrt(second)
        w = w * (1.0 - rate * weight_decay) - rate * (m / first) / below
    return w
