"""The right formulas of the controls of activations and losses, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
"""

import numpy as np
from scipy import special


def _activations(
    x,
    gelu,
    elu_alpha,
    elu_form,
    leaky_slope,
    hard_sigmoid,
    softplus_beta,
    swish_beta,
    relu_cap,
    selu_scale,
    shrink_limit,
    shrink,
    tanh_scale,
):
    """Nine activations of x (32,): (9, 32)."""
    one = 0.0 * x + 1.0
    below = np.minimum(x, 0.0 * x)
    gelus = {
        "erf": 0.5 * x * special.erfc(-x / np.sqrt(2.0 * one)),  # a root of an array: the lab encloses it
        "tanh": 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 * one / np.pi) * (x + 0.044715 * (x * x * x)))),
        "sigmoid": x * special.expit(1.702 * x),
    }
    elus = {"elu": elu_alpha * (np.exp(below) - 1.0), "celu": elu_alpha * (np.exp(below / elu_alpha) - 1.0)}
    hard = {
        "sixth": _between((x + 3.0) / 6.0, 0.0, 1.0),
        "fifth": _between(0.2 * x + 0.5, 0.0, 1.0),
        "half": _between(0.5 * x + 0.5, 0.0, 1.0),
    }
    soft = np.maximum(np.abs(x) - shrink_limit, 0.0 * x) * np.sign(x)
    return np.stack(
        [
            gelus[gelu],
            np.where(x > 0.0, x, elus[elu_form]),
            np.where(x > 0.0, x, leaky_slope * x),
            hard[hard_sigmoid],
            np.log(1.0 + np.exp(softplus_beta * x)) / softplus_beta,
            x * special.expit(swish_beta * x),
            _between(x, 0.0, relu_cap),
            selu_scale * np.where(x > 0.0, x, 1.6732632423543772 * (np.exp(below) - 1.0)),
            {"soft": soft, "hard": np.where(np.abs(x) > shrink_limit, x, 0.0 * x)}[shrink] + np.tanh(tanh_scale * x),
        ]
    )


def _classification(x, target, class_weights, label_smoothing, temperature, log_base, axis, link, weighting, reduction, label_shift, focal):
    """Weighted cross-entropy of logits x (6, 6) and one-hot targets (6, 6), class_weights (6,): the six losses, then their mean: (7,)."""
    x = x / temperature
    if label_shift:
        target = np.concatenate([target[:, -label_shift:], target[:, :-label_shift]], axis=1)
    target = (1.0 - label_smoothing) * target + label_smoothing / (0.0 * target + 6.0)
    place = {"classes": 1, "batch": 0}[axis]
    if link == "softmax_twice":
        x = _softmax(x, place)
    if link == "sigmoid":
        terms = target * np.log(special.expit(x)) + (1.0 - target) * np.log(special.expit(-x))
    else:
        logs = _log_softmax(x, place)
        terms = target * logs * (1.0 - np.exp(logs)) ** focal if focal else target * logs
    weights = class_weights if weighting in ("by_class", "normalised") else 0.0 * class_weights + 1.0
    if weighting == "normalised":
        weights = weights / np.mean(weights)
    losses = -np.sum(weights * terms, axis=1)
    if log_base != "e":
        losses = losses / np.log(0.0 * losses + {"2": 2.0, "10": 10.0}[log_base])
    total = np.sum(losses, keepdims=True)
    share = {"mean": 6.0, "sum": 1.0, "elements": 36.0, "weights": np.sum(target * weights)}[reduction]
    return np.concatenate([losses, total / share])


def _regression(x, y, delta, huber_form, quantile, argument_order, square_share, reduction, divergence, similarity, poisson):
    """Five losses of predictions x (6, 8) and targets y (6, 8), each reduced over a row: (5, 6)."""
    if argument_order == "target_first":
        x, y = y, x
    apart = np.abs(x - y)
    huber = np.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    if huber_form == "smooth_l1":
        huber = huber / delta
    pinball = np.maximum(quantile * (y - x), (quantile - 1.0) * (y - x))
    square = square_share * (x - y) * (x - y)
    log_x, log_y = _log_softmax(x, 1), _log_softmax(y, 1)
    terms = {
        "kl": np.exp(log_y) * (log_y - log_x),
        "reversed_kl": np.exp(log_x) * (log_x - log_y),
        "cross_entropy": -np.exp(log_y) * log_x,
    }[divergence]
    rates = {"log_input": np.exp(x) - y * x, "input": np.abs(x) - y * np.log(np.abs(x))}[poisson]
    rows = [huber, pinball, square, terms, rates]
    rows = [np.sum(row, axis=1) for row in rows]
    if reduction != "sum":
        rows = [row / {"mean": 8.0, "elements": 48.0}[reduction] for row in rows]
    products = np.sum(x * y, axis=1)
    lengths = np.sqrt(np.sum(x * x, axis=1) * np.sum(y * y, axis=1))
    return np.stack([*rows, {"cosine": products / lengths, "distance": 1.0 - products / lengths, "dot": products}[similarity]])


def _between(x, low, high):
    return np.minimum(np.maximum(x, 0.0 * x + low), 0.0 * x + high)


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax(x, axis):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
