"""The controls of sums, products and spreads in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import numpy as np


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


def equal_linear_layers(x, v, w):
    return np.tanh(np.matmul(x, np.matmul(v, w)))


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


def wrong_ddof(x):
    return _statistics(x, np.sum(x, axis=1), ddof=0)


def wrong_accumulator(x):
    total = np.zeros(12, np.float16)
    for column in range(12):
        total = (total.astype(x.dtype) + x[:, column]).astype(np.float16)  # the running sum is stored in half precision
    return _statistics(x, total.astype(x.dtype))


def wrong_sum_axis(x):
    return _statistics(x.T, np.sum(x, axis=0))  # columns


def wrong_standard_epsilon(x):
    return _statistics(x, np.sum(x, axis=1), epsilon=2e-3)


def equal_statistics(x):
    mean = np.mean(x, axis=1)
    variance = (np.sum(x * x, axis=1) - 12.0 * mean * mean) / 11.0
    total = np.sum(x[:, :6], axis=1) + np.sum(x[:, 6:], axis=1)
    return np.stack([total, variance, np.sqrt(np.sum(x * x, axis=1)), (x[:, 0] - mean) / np.sqrt(variance + 1e-3)])


def _statistics(x, total, ddof=1, epsilon=1e-3):
    variance = np.var(x, axis=1, ddof=ddof)
    norm = np.sqrt(np.sum(np.square(x), axis=1))
    return np.stack([total, variance, norm, (x[:, 0] - np.mean(x, axis=1)) / np.sqrt(variance + epsilon)])


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True))


def _length(x):
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def _slope(x, y, w):
    return np.matmul(x.T, np.matmul(x, w) - y) / 32.0
