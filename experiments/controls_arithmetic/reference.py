"""The right formulas of the controls of sums, products and spreads, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
"""

import numpy as np
from scipy import special


def equal_sum_reversed(x):
    return np.sum(x, axis=-1)


def equal_sum_halves(x):
    return np.sum(x, axis=-1)


def equal_mean_dot(x):
    return np.mean(x, axis=-1, keepdims=True)


def equal_variance_moments(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return np.mean(centred * centred, axis=-1)


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
    return w[0] * x[:, :60] + w[1] * x[:, 1:61] + w[2] * x[:, 2:62] + w[3] * x[:, 3:63] + w[4] * x[:, 4:]


def equal_softmax_shift(x):
    return _softmax(x, -1)


def equal_log_softmax(x):
    return _log_softmax(x, -1)


def equal_logsumexp_halves(x):
    top = np.max(x, axis=-1, keepdims=True)
    return top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True))


def equal_sigmoid_tanh(x):
    return special.expit(x)


def equal_cosine(x, y):
    return np.sum(x * y, axis=-1, keepdims=True) / (_length(x) * _length(y))


def equal_linear_layers(x, v, w):
    return np.tanh(np.matmul(np.matmul(x, v), w))


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


def _denominator(variance, epsilon, placement):
    if placement == "outside":
        return np.sqrt(variance) + epsilon
    if placement == "floor":
        return np.sqrt(np.maximum(variance, 0.0 * variance + epsilon))
    if placement == "squared":
        return np.sqrt(variance + epsilon * epsilon)
    return np.sqrt(variance + epsilon)


def _statistics(x, accumulator, element_dtype, axis, ddof, spread, norm_order, centre, epsilon, epsilon_placement):
    """Sum, spread, norm and the first standardised element of every row of x (12, 12): (4, 12)."""
    if element_dtype != "as_given":
        x = np.round_to(x, element_dtype)
    x = np.transpose(x) if axis == "first" else x
    if accumulator == "as_given":
        total = np.sum(x, axis=1)
    else:  # the running sum is stored in a narrower type
        total = 0.0 * x[:, 0]
        for column in range(12):
            total = np.round_to(total + x[:, column], accumulator)
    middle = np.mean(x, axis=1, keepdims=True) if centre == "mean" else 0.0 * x[:, :1]
    variance = np.sum((x - middle) * (x - middle), axis=1) / (12.0 - ddof)
    norms = {"two": np.sqrt(np.sum(x * x, axis=1)), "one": np.sum(np.abs(x), axis=1), "largest": np.max(np.abs(x), axis=1)}
    standard = (x[:, 0] - middle[:, 0]) / _denominator(variance, epsilon, epsilon_placement)
    return np.stack([total, np.sqrt(variance) if spread == "deviation" else variance, norms[norm_order], standard])


def _length(x):
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax(x, axis):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _slope(x, y, w):
    """Gradient of the mean squared error of the linear model x (32, 5) · w (5, 1) against y (32, 1), halved."""
    return np.matmul(np.transpose(x), np.matmul(x, w) - y) / 32.0
