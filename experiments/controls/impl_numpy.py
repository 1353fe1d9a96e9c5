"""The controls in NumPy: rewrites (``equal_*``) and planted mistakes (``wrong_*``, each with the line that is wrong marked)."""

import numpy as np

# --- rewrites ----------------------------------------------------------------------------------------------------------------------------


def equal_sum_reversed(x):
    return np.sum(x[:, ::-1].copy(), axis=-1)


def equal_sum_halves(x):
    return np.sum(x[:, :500], axis=-1) + np.sum(x[:, 500:], axis=-1)


def equal_mean_dot(x):
    return np.matmul(x, np.ones_like(x[:1]).T / 1000.0)


def equal_variance_moments(x):
    mean = np.mean(x, axis=-1)
    return np.mean(x * x, axis=-1) - mean * mean


def equal_add_association(a, b, c):
    return a + (b + c)


def equal_distributive(a, b, c):
    return a * b + a * c


def equal_divide_reciprocal(x, y):
    return x * (1.0 / y)


def equal_cube(x):
    return x**3


def equal_polynomial(x):
    return 1.0 + x * (0.5 + x * (0.25 + x * (0.125 + x * 0.0625)))


def equal_matmul_transposed(a, b):
    return np.matmul(b.T, a.T).T


def equal_matmul_blocks(a, b):
    return np.matmul(a[:, :16], b[:16]) + np.matmul(a[:, 16:], b[16:])


def equal_quadratic_form(x, a):
    return np.sum(x * np.matmul(a, x.T).T, axis=-1, keepdims=True)


def equal_convolution(x, w):
    windows = np.stack([x[:, :60], x[:, 1:61], x[:, 2:62], x[:, 3:63], x[:, 4:]], axis=-1)
    return np.matmul(windows.reshape(240, 5), w.reshape(5, 1)).reshape(4, 60)


def equal_softmax_shift(x):
    powers = np.exp(x - np.mean(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


def equal_log_softmax(x):
    return np.log(_softmax(x, -1))


def equal_logsumexp_halves(x):
    return np.logaddexp(_logsumexp(x[:, :32]), _logsumexp(x[:, 32:]))


def equal_sigmoid_tanh(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def equal_cosine(x, y):
    return np.sum((x / _length(x)) * (y / _length(y)), axis=-1, keepdims=True)


def equal_layer_norm(x, scale, shift):
    mean = np.mean(x, axis=-1, keepdims=True)
    factor = scale / np.sqrt(np.mean(np.square(x - mean), axis=-1, keepdims=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_linear_layers(x, v, w):
    return np.tanh(np.matmul(x, np.matmul(v, w)))


def equal_lstm_joined(x, h, c, w, u, b):
    return _lstm(np.matmul(np.concatenate([x, h], axis=1), np.concatenate([w, u], axis=0)) + b, c)


def equal_attention_scale(q, k, v):
    return np.matmul(_softmax(np.matmul(q / 4.0, k.T), -1), v)


def equal_training(x, y, w):
    square, product = np.matmul(x.T, x) / 32.0, np.matmul(x.T, y) / 32.0
    for _ in range(100):
        w = w - 0.0625 * (np.matmul(square, w) - product)
    return w


def equal_momentum(x, y, w):
    before = w
    for _ in range(50):
        w, before = w - 0.0625 * _slope(x, y, w) + 0.5 * (w - before), w
    return w


# --- planted mistakes --------------------------------------------------------------------------------------------------------------------


def wrong_learning_rate(x, y, w):
    for _ in range(100):
        w = w - 0.01001 * _slope(x, y, w)  # 0.1 % more
    return w


def wrong_learning_rate_mlp(x, y, v, w):
    for _ in range(100):
        hidden = np.tanh(np.matmul(x, v))
        error = (np.matmul(hidden, w) - y) / 16.0
        back = np.matmul(error, w.T) * (1.0 - hidden * hidden)
        v, w = v - 0.02002 * np.matmul(x.T, back), w - 0.02002 * np.matmul(hidden.T, error)  # 0.1 % more
    return v, w


def wrong_step_division(x, y, w):
    for step in range(40):
        w = w - 0.0625 / (1.0 + step // 10) * _slope(x, y, w)  # the quotient loses its fraction
    return w


def wrong_momentum_convention(x, y, w):
    speed = 0.0 * w
    for _ in range(40):
        speed = 0.9 * speed + 0.1 * _slope(x, y, w)  # an average, not a sum
        w = w - 0.01 * speed
    return w


def wrong_nesterov(x, y, w):
    speed = 0.0 * w
    for _ in range(40):
        speed = 0.9 * speed + _slope(x, y, w)
        w = w - 0.01 * speed  # without looking ahead
    return w


def wrong_rmsprop_decay(x, y, w):
    square = 0.0 * w
    for _ in range(40):
        slope = _slope(x, y, w)
        square = 0.9 * square + 0.1 * slope * slope  # not 0.99 and 0.01
        w = w - 0.01 * slope / (np.sqrt(square) + 0.001)
    return w


def wrong_adam_epsilon(x, y, w):
    return _adam(x, y, w, inside=True)


def wrong_adam_correction(x, y, w):
    return _adam(x, y, w, corrected=False)


def wrong_weight_decay(x, y, w):
    return _adam(x, y, w, coupled=0.01)


def wrong_layer_norm_epsilon(x, scale, shift):
    return _normalised(x, -1, 1e-3) * scale + shift  # not 1e-5


def wrong_batch_norm_epsilon(x, scale, shift):
    return _normalised(x, 0, 1e-3) * scale + shift  # not 1e-5


def wrong_running_mean(x, running):
    return 0.1 * running + 0.9 * np.mean(x, axis=0)  # the weights are exchanged


def wrong_running_variance(x, running):
    return 0.9 * running + 0.1 * np.mean(np.square(x - np.mean(x, axis=0)), axis=0)  # without n / (n - 1)


def wrong_ddof(x):
    return np.mean(np.square(x - np.mean(x, axis=-1, keepdims=True)), axis=-1)  # over n, not n - 1


def wrong_lstm_gates(x, h, c, w, u, b):
    gates = np.matmul(x, w) + np.matmul(h, u) + b
    return _lstm(np.concatenate([gates[:, 8:16], gates[:, :8], gates[:, 16:]], axis=1), c)  # input and forget gate exchanged


def wrong_forget_bias(x, h, c, w, u, b):
    return _lstm(np.matmul(x, w) + np.matmul(h, u) + b, c)  # forget bias 0, not 1


def wrong_gru_reset(x, h, w, u, b):
    inner = np.matmul(x, w) + b
    update = _sigmoid(inner[:, :8] + np.matmul(h, u[:, :8]))
    reset = _sigmoid(inner[:, 8:16] + np.matmul(h, u[:, 8:16]))
    candidate = np.tanh(inner[:, 16:] + np.matmul(reset * h, u[:, 16:]))  # reset before the product
    return update * h + (1.0 - update) * candidate


def wrong_kernel_transposed(x, w):
    return np.matmul(x, w.T)  # the layout of the other framework


def wrong_missing_bias(x, w, b):
    return np.matmul(x, w) + 0.0 * b  # no bias


def wrong_convolution_flipped(x, w):
    return _convolution(x, w[::-1])  # convolution in the textbook's sense


def wrong_padding(x, w):
    edge = np.zeros_like(x[:, :1])
    padded = np.concatenate([edge, edge, x], axis=1)  # both zeros on the left
    return w[0] * padded[:, :64] + w[1] * padded[:, 1:65] + w[2] * padded[:, 2:66]


def wrong_pool_count(x):
    edge = np.zeros_like(x[:, :1])
    padded = np.concatenate([edge, x, edge], axis=1)
    return (padded[:, :64] + padded[:, 1:65] + padded[:, 2:66]) / 3.0  # the padding is counted


def wrong_softmax_axis(x):
    return _softmax(x, 0)  # not the last axis


def wrong_attention_scale(q, k, v):
    return np.matmul(_softmax(np.matmul(q, k.T), -1), v)  # scores not scaled


def wrong_leaky_slope(x):
    return np.where(x > 0.0, x, 0.011 * x)  # not 0.01


def wrong_gelu(x):
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))  # the approximation


def wrong_hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)  # the other definition


def wrong_dropout_scale(x, mask):
    return x * mask * 0.5  # times the share kept, not divided by it


def wrong_reduction(x, y):
    return np.sum((x - y) * (x - y), axis=-1)  # not the mean


def wrong_huber_delta(x, y):
    distance = np.abs(x - y)
    return np.mean(np.where(distance <= 1.01, 0.5 * distance * distance, 1.01 * distance - 0.51005), axis=-1)  # delta 1.01


def wrong_label_smoothing(x, target):
    return -np.sum((0.9 * target + 0.01) * np.log(_softmax(x, -1)), axis=-1)  # smoothed by 0.1 over 10 classes


def wrong_log_base(x, target):
    return -np.sum(target * np.log2(_softmax(x, -1)), axis=-1)  # bits, not nats


def wrong_weight_cast(x, w):
    return np.matmul(x, w.astype(np.float16).astype(w.dtype))  # weights stored as float16


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True))


def _length(x):
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def _normalised(x, axis, epsilon):
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=axis, keepdims=True) + epsilon)


def _convolution(x, w):
    return w[0] * x[:, :60] + w[1] * x[:, 1:61] + w[2] * x[:, 2:62] + w[3] * x[:, 3:63] + w[4] * x[:, 4:]


def _lstm(gates, c):
    c = _sigmoid(gates[:, 8:16]) * c + _sigmoid(gates[:, :8]) * np.tanh(gates[:, 16:24])
    return _sigmoid(gates[:, 24:]) * np.tanh(c), c


def _slope(x, y, w):
    return np.matmul(x.T, np.matmul(x, w) - y) / 32.0


def _adam(x, y, w, inside=False, corrected=True, coupled=0.0):
    mean, square, first, second = 0.0 * w, 0.0 * w, 0.0 * w[:1] + 1.0, 0.0 * w[:1] + 1.0
    for _ in range(25):
        slope = _slope(x, y, w) + coupled * w  # coupled: decay inside the gradient
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope * slope
        first, second = 0.9 * first, 0.99 * second
        m = mean / (1.0 - first) if corrected else mean  # or not corrected for the start at zero
        v = square / (1.0 - second) if corrected else square
        w = w - 0.01 * m / (np.sqrt(v + 0.001) if inside else np.sqrt(v) + 0.001)  # epsilon inside or outside of the root
    return w
