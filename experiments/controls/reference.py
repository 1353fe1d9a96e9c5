"""The right formula of every control. Implementations hold what is compared with it: a rewrite (``equal_*``) or a mistake (``wrong_*``).

Shapes stand in ``experiment.toml``. Trainings loop over arrays only, so that every operation of every step is seen by the lab.
"""

import numpy as np
from scipy import special

# --- rewrites: each of these is evaluated by another, algebraically equal formula --------------------------------------------------------


def equal_sum_reversed(x):
    return np.sum(x, axis=-1)


def equal_sum_halves(x):
    return np.sum(x, axis=-1)


def equal_mean_dot(x):
    return np.mean(x, axis=-1, keepdims=True)


def equal_variance_moments(x):
    return _variance(x, -1)


def equal_add_association(a, b, c):
    return a + b + c


def equal_distributive(a, b, c):
    return a * (b + c)


def equal_divide_reciprocal(x, y):
    return x / y


def equal_cube(x):
    return x * x * x


def equal_polynomial(x):
    return 1.0 + 0.5 * x + 0.25 * (x * x) + 0.125 * (x * x * x) + 0.0625 * (x * x * x * x)


def equal_matmul_transposed(a, b):
    return np.matmul(a, b)


def equal_matmul_blocks(a, b):
    return np.matmul(a, b)


def equal_quadratic_form(x, a):
    return np.sum(np.matmul(x, a) * x, axis=-1, keepdims=True)


def equal_convolution(x, w):
    return _convolution(x, w)


def equal_softmax_shift(x):
    return _softmax(x, -1)


def equal_log_softmax(x):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def equal_logsumexp_halves(x):
    top = np.max(x, axis=-1, keepdims=True)
    return top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True))


def equal_sigmoid_tanh(x):
    return special.expit(x)


def equal_cosine(x, y):
    return np.sum(x * y, axis=-1, keepdims=True) / (_length(x) * _length(y))


def equal_layer_norm(x, scale, shift):
    return _normalised(x, -1, 1e-5) * scale + shift


def equal_linear_layers(x, v, w):
    return np.tanh(np.matmul(np.matmul(x, v), w))


def equal_lstm_joined(x, h, c, w, u, b):
    return _lstm(np.matmul(x, w) + np.matmul(h, u) + b, c)


def equal_attention_scale(q, k, v):
    return _attention(q, k, v)


def equal_training(x, y, w):
    for _ in range(100):
        w = w - 0.0625 * _slope(x, y, w)
    return w


def equal_momentum(x, y, w):
    speed = 0.0 * w
    for _ in range(50):
        speed = 0.5 * speed + _slope(x, y, w)
        w = w - 0.0625 * speed
    return w


# --- planted mistakes: this is what is right ---------------------------------------------------------------------------------------------


def wrong_learning_rate(x, y, w):
    for _ in range(100):
        w = w - 0.01 * _slope(x, y, w)
    return w


def wrong_learning_rate_mlp(x, y, v, w):
    for _ in range(100):
        hidden = np.tanh(np.matmul(x, v))
        error = (np.matmul(hidden, w) - y) / 16.0
        back = np.matmul(error, np.transpose(w)) * (1.0 - hidden * hidden)
        v, w = v - 0.02 * np.matmul(np.transpose(x), back), w - 0.02 * np.matmul(np.transpose(hidden), error)
    return v, w


def wrong_step_division(x, y, w):
    step = 0.0 * w[:1, :]
    for _ in range(40):
        w = w - 0.0625 / (1.0 + step / 10.0) * _slope(x, y, w)
        step = step + 1.0
    return w


def wrong_momentum_convention(x, y, w):
    speed = 0.0 * w
    for _ in range(40):
        speed = 0.9 * speed + _slope(x, y, w)
        w = w - 0.01 * speed
    return w


def wrong_nesterov(x, y, w):
    speed = 0.0 * w
    for _ in range(40):
        slope = _slope(x, y, w)
        speed = 0.9 * speed + slope
        w = w - 0.01 * (slope + 0.9 * speed)
    return w


def wrong_rmsprop_decay(x, y, w):
    square = 0.0 * w
    for _ in range(40):
        slope = _slope(x, y, w)
        square = 0.99 * square + 0.01 * slope * slope
        w = w - 0.01 * slope / (np.sqrt(square) + 0.001)
    return w


def wrong_adam_epsilon(x, y, w):
    return _adam(x, y, w, 0.0)


def wrong_adam_correction(x, y, w):
    return _adam(x, y, w, 0.0)


def wrong_weight_decay(x, y, w):
    return _adam(x, y, w, 0.01)


def wrong_layer_norm_epsilon(x, scale, shift):
    return _normalised(x, -1, 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, scale, shift):
    return _normalised(x, 0, 1e-5) * scale + shift


def wrong_running_mean(x, running):
    return 0.9 * running + 0.1 * np.mean(x, axis=0)


def wrong_running_variance(x, running):
    return 0.9 * running + 0.1 * _variance(x, 0) * (32.0 / 31.0)


def wrong_ddof(x):
    return np.sum(_centred(x, -1) * _centred(x, -1), axis=-1) / 99.0


def wrong_lstm_gates(x, h, c, w, u, b):
    return _lstm(np.matmul(x, w) + np.matmul(h, u) + b, c)


def wrong_forget_bias(x, h, c, w, u, b):
    one = np.concatenate([np.zeros(8), np.ones(8), np.zeros(16)])
    return _lstm(np.matmul(x, w) + np.matmul(h, u) + (b + one), c)


def wrong_gru_reset(x, h, w, u, b):
    inner, state = np.matmul(x, w) + b, np.matmul(h, u)
    update = special.expit(inner[:, :8] + state[:, :8])
    reset = special.expit(inner[:, 8:16] + state[:, 8:16])
    candidate = np.tanh(inner[:, 16:] + reset * state[:, 16:])
    return update * h + (1.0 - update) * candidate


def wrong_kernel_transposed(x, w):
    return np.matmul(x, w)


def wrong_missing_bias(x, w, b):
    return np.matmul(x, w) + b


def wrong_convolution_flipped(x, w):
    return _convolution(x, w)


def wrong_padding(x, w):
    edge = np.zeros((4, 1))
    padded = np.concatenate([edge, x, edge], axis=1)
    return w[0] * padded[:, :64] + w[1] * padded[:, 1:65] + w[2] * padded[:, 2:66]


def wrong_pool_count(x):
    padded = np.concatenate([np.zeros((4, 1)), x, np.zeros((4, 1))], axis=1)
    count = np.concatenate([np.full((1, 1), 2.0), np.full((1, 62), 3.0), np.full((1, 1), 2.0)], axis=1)
    return (padded[:, :64] + padded[:, 1:65] + padded[:, 2:66]) / count


def wrong_softmax_axis(x):
    return _softmax(x, -1)


def wrong_attention_scale(q, k, v):
    return _attention(q, k, v)


def wrong_leaky_slope(x):
    return np.where(x > 0.0, x, 0.01 * x)


def wrong_gelu(x):
    return 0.5 * x * special.erfc(-x / np.sqrt(0.0 * x + 2.0))  # a root of an array: the lab encloses it


def wrong_hard_sigmoid(x):
    return np.where(x > 3.0, 1.0, np.where(x < -3.0, 0.0, (x + 3.0) / 6.0))


def wrong_dropout_scale(x, mask):
    return x * mask * 2.0


def wrong_reduction(x, y):
    return np.mean((x - y) * (x - y), axis=-1)


def wrong_huber_delta(x, y):
    distance = np.abs(x - y)
    return np.mean(np.where(distance <= 1.0, 0.5 * distance * distance, distance - 0.5), axis=-1)


def wrong_label_smoothing(x, target):
    return -np.sum(target * equal_log_softmax(x), axis=-1)


def wrong_log_base(x, target):
    return -np.sum(target * equal_log_softmax(x), axis=-1)


def wrong_weight_cast(x, w):
    return np.matmul(x, w)


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _centred(x, axis):
    return x - np.mean(x, axis=axis, keepdims=True)


def _variance(x, axis):
    return np.mean(_centred(x, axis) * _centred(x, axis), axis=axis)


def _normalised(x, axis, epsilon):
    centred = _centred(x, axis)
    return centred / np.sqrt(np.mean(centred * centred, axis=axis, keepdims=True) + epsilon)


def _length(x):
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _attention(q, k, v):
    return np.matmul(_softmax(np.matmul(q, np.transpose(k)) / 4.0, -1), v)


def _convolution(x, w):
    """Cross-correlation without padding: x (4, 64), w (5,) gives (4, 60)."""
    return w[0] * x[:, :60] + w[1] * x[:, 1:61] + w[2] * x[:, 2:62] + w[3] * x[:, 3:63] + w[4] * x[:, 4:]


def _lstm(gates, c):
    """One step from gates (n, 4·8) in the order input, forget, candidate, output; gives the new h and c."""
    c = special.expit(gates[:, 8:16]) * c + special.expit(gates[:, :8]) * np.tanh(gates[:, 16:24])
    return special.expit(gates[:, 24:]) * np.tanh(c), c


def _slope(x, y, w):
    """Gradient of the mean squared error of the linear model x (32, 5) · w (5, 1) against y (32, 1), halved."""
    return np.matmul(np.transpose(x), np.matmul(x, w) - y) / 32.0


def _adam(x, y, w, decay):
    """25 steps of Adam with decoupled weight decay (Loshchilov and Hutter, 2019); epsilon 0.001, outside of the square root."""
    mean, square, first, second = 0.0 * w, 0.0 * w, 0.0 * w[:1, :] + 1.0, 0.0 * w[:1, :] + 1.0
    for _ in range(25):
        slope = _slope(x, y, w)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope * slope
        first, second = 0.9 * first, 0.99 * second
        w = w - 0.01 * decay * w
        w = w - 0.01 * (mean / (1.0 - first)) / (np.sqrt(square / (1.0 - second)) + 0.001)
    return w
