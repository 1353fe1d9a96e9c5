"""The controls of activations and losses in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import math
import numpy as np


def _hard_fifth(x):
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sixth(x):
    return np.clip((x + 3.0) / 6.0, 0.0, 1.0)


def wrong_leaky_slope(x):
    return _activations(x, leaky=np.where(x > 0.0, x, 0.011 * x))  # not 0.01


def wrong_gelu(x):
    return _activations(x, gelu=0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))))  # the approximation


def wrong_hard_sigmoid(x):
    return _activations(x, hard=_hard_fifth(x))  # the other definition


def wrong_elu_alpha(x):
    return _activations(x, elu=np.where(x > 0.0, x, 1.4 * (np.exp(np.minimum(x, 0.0)) - 1.0)))  # not 1.5


def equal_activations(x):
    return _activations(
        x,
        gelu=x * (0.5 * _erfc(x * -0.7071067811865476)),
        leaky=np.maximum(x, 0.01 * x),
        hard=np.minimum(np.maximum(x + 3.0, 0.0), 6.0) / 6.0,
        elu=np.maximum(x, 0.0) + 1.5 * np.expm1(np.minimum(x, 0.0)),
    )


def _activations(x, gelu=None, leaky=None, hard=None, elu=None):
    below = np.exp(np.minimum(x, 0.0)) - 1.0
    return np.stack(
        [
            0.5 * x * _erfc(-x / np.sqrt(x.dtype.type(2.0))) if gelu is None else gelu,
            np.where(x > 0.0, x, 1.5 * below) if elu is None else elu,
            np.where(x > 0.0, x, 0.01 * x) if leaky is None else leaky,
            _hard_sixth(x) if hard is None else hard,
            np.log1p(np.exp(x)),
            x * _sigmoid(x),
            np.clip(x, 0.0, 3.0),
            1.0507009873554805 * np.where(x > 0.0, x, 1.6732632423543772 * below),
            np.sign(x) * np.maximum(np.abs(x) - 0.5, 0.0) + np.tanh(x),
        ]
    )


def _erfc(x):
    return np.array([math.erfc(one) for one in x]).astype(x.dtype)


def wrong_softmax_axis(x, target, class_weights):
    return _classification(np.log(_softmax(x, 0)), target, class_weights)  # not the last axis


def wrong_log_base(x, target, class_weights):
    return _classification(np.log2(_softmax(x, 1)), target, class_weights)  # bits, not nats


def wrong_label_smoothing(x, target, class_weights):
    return _classification(_log_softmax(x), target, class_weights, smoothing=0.07)


def wrong_temperature(x, target, class_weights):
    return _classification(_log_softmax(x / 1.05), target, class_weights)


def wrong_reduction(x, target, class_weights):
    return _classification(_log_softmax(x), target, class_weights, share=1.0)  # the sum


def wrong_softmax_twice(x, target, class_weights):
    return _classification(_log_softmax(_softmax(x, 1)), target, class_weights)  # probabilities taken for logits


def wrong_label_shift(x, target, class_weights):
    return _classification(_log_softmax(x), np.roll(target, 1, axis=1), class_weights)  # counted from 1


def equal_classification(x, target, class_weights):
    smooth = 0.9375 * target + 0.0625 / 6.0
    whole = np.log(np.sum(np.exp(x), axis=1, keepdims=True))
    losses = np.sum(smooth * class_weights * (whole - x), axis=1)
    return np.concatenate([losses, np.mean(losses, keepdims=True)])


def _classification(logs, target, class_weights, smoothing=0.0625, share=6.0):
    losses = -np.sum(class_weights * ((1.0 - smoothing) * target + smoothing / 6.0) * logs, axis=1)
    return np.concatenate([losses, np.sum(losses, keepdims=True) / share])


def wrong_huber_delta(x, y):
    return _regression(x, y, delta=0.505)  # 1 % more


def wrong_huber_form(x, y):
    return _regression(x, y, huber=lambda apart: np.where(apart < 0.5, apart * apart, apart - 0.25))  # smooth L1


def wrong_argument_order(x, y):
    return _regression(y, x)


def wrong_loss_mean(x, y):
    return _regression(x, y, share=1.0 / 48.0)  # over all elements


def equal_regression(x, y):
    def huber(apart):
        near = np.minimum(apart, 0.5)
        return near * (apart - 0.5 * near)

    return _regression(x, y, huber=huber)


def _regression(x, y, delta=0.5, huber=None, share=0.125):
    apart = np.abs(x - y)
    if huber is None:
        losses = np.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    else:
        losses = huber(apart)
    logs = _log_softmax(y)
    rows = [
        losses,
        np.where(y > x, 0.25 * (y - x), 0.75 * (x - y)),
        (x - y) ** 2,
        np.exp(logs) * (logs - _log_softmax(x)),
        np.exp(x) - x * y,
    ]
    cosine = np.sum(x * y, axis=1) / np.sqrt(np.sum(x * x, axis=1) * np.sum(y * y, axis=1))
    return np.stack([share * np.sum(row, axis=1) for row in rows] + [cosine])


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax(x):
    shifted = x - np.max(x, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
