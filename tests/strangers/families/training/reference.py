"""What the ported trainings were meant to compute: four steps from w (5,), with the gradients g (4, 5) given.

Arguments with a default are choices; the default is what the model was trained with.
"""

import itertools

import numpy as np


def cross_entropy(x, y, reduction="mean", from_logits=True, label_smoothing=0.0):
    return _entropy(x, y, reduction, from_logits, label_smoothing)


def cross_entropy_twice(x, y, softmax="once", reduction="mean"):
    if softmax == "none":
        return _reduced(-_picked(np.log(np.maximum(x, 1e-300)), y), reduction)
    x = _log_softmax(x)
    return _reduced(-_picked(_log_softmax(np.exp(x)) if softmax == "twice" else x, y), reduction)


def class_weights(x, y, weights, weighting="sum", reduction="mean"):
    """``sum``: weighted losses over the number of samples; ``normalised``: over the sum of their weights."""
    losses, each = -_picked(_log_softmax(x), y), weights[y]
    if weighting == "none":
        return np.mean(losses)
    total = np.sum(losses * each)
    return total / (np.sum(each) if weighting == "normalised" else 6.0)


def smoothed_labels(x, y, label_smoothing=0.1, smoothing_over="all", reduction="mean"):
    log = _log_softmax(x)
    uniform = np.mean(log, axis=-1) if smoothing_over == "all" else (np.sum(log, axis=-1) - _picked(log, y)) / 2.0
    return _reduced(-((1.0 - label_smoothing) * _picked(log, y) + label_smoothing * uniform), reduction)


def masked_mean(x, y, mask, mask_reduction="valid"):
    losses = -_picked(_log_softmax(x), y) * mask
    return np.sum(losses) / (np.sum(mask) if mask_reduction == "valid" else 6.0)


def clipped_entropy(p, y, clip=1e-7, reduction="mean"):
    """``clip`` 0 stands for PyTorch's rule: logarithms below by -100."""
    if clip == 0.0:
        log, other = (np.where(q > 0.0, np.log(np.where(q > 0.0, q, 1.0)), -100.0) for q in (p, 1.0 - p))
    else:
        p = np.minimum(np.maximum(p, clip), 1.0 - clip)
        log, other = np.log(p), np.log(1.0 - p)
    return _reduced(-(y * log + (1.0 - y) * other), reduction)


def squared_error(x, y, reduction="mean", square_share=1.0):
    return _reduced(square_share * (x - y) ** 2, reduction)


def huber(x, y, delta=0.5, huber_form="huber", reduction="mean"):
    apart = np.abs(x - y)
    value = np.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    return _reduced(value / delta if huber_form == "smooth_l1" else value, reduction)


def divergence(p, q, reduction="batch", divergence="kl", log_input=False):
    return _divergence(p, q, reduction, divergence)


def _divergence(p, q, reduction, divergence):
    if divergence == "reversed_kl":
        p, q = q, p
    terms = p * (np.log(p) - np.log(q)) if divergence != "cross_entropy" else -p * np.log(q)
    return np.sum(terms) / {"batch": 2.0, "mean": 6.0, "elements": 6.0, "sum": 1.0}[reduction] if reduction != "none" else terms


def error_by_hand(x, y, reduction="mean", square_share=1.0):
    return _reduced(square_share * (x - y) ** 2, reduction)


def adam_epsilon(w, g, epsilon=1e-7, epsilon_placement="outside", learning_rate=0.001, amsgrad="no"):
    return _adam(w, g, epsilon, epsilon_placement, learning_rate, 0.0, "coupled", True)


def adam_placement(w, g, epsilon=1e-6, epsilon_placement="before_correction", learning_rate=0.001):
    return _adam(w, g, epsilon, epsilon_placement, learning_rate, 0.0, "coupled", True)


def adam_by_hand(w, g, epsilon=1e-8, epsilon_placement="outside", learning_rate=0.001, bias_correction=True):
    return _adam(w, g, epsilon, epsilon_placement, learning_rate, 0.0, "coupled", bias_correction)


def adam_decay(w, g, epsilon=1e-8, learning_rate=0.01, weight_decay=0.1, weight_decay_form="decoupled", bias_correction=True):
    return _adam(w, g, epsilon, "outside", learning_rate, weight_decay, weight_decay_form, bias_correction)


def rmsprop_of_one(w, g, learning_rate=0.01, rho=0.9, epsilon=1e-3, epsilon_placement="inside", initial_accumulator=1.0):
    return _rmsprop(w, g, learning_rate, rho, epsilon, epsilon_placement, initial_accumulator)


def rmsprop_defaults(w, g, learning_rate=0.001, rho=0.9, epsilon=1e-7, epsilon_placement="outside", initial_accumulator=0.0):
    return _rmsprop(w, g, learning_rate, rho, epsilon, epsilon_placement, initial_accumulator)


def adagrad(w, g, learning_rate=0.01, initial_accumulator=0.1, epsilon=1e-7, epsilon_placement="inside"):
    sums = 0.0 * w + initial_accumulator
    for step in range(4):
        sums = sums + g[step] * g[step]
        w = w - learning_rate * g[step] / (np.sqrt(sums + epsilon) if epsilon_placement == "inside" else np.sqrt(sums) + epsilon)
    return w


def sgd_nesterov(w, g, learning_rate=0.01, momentum=0.9, nesterov=True, dampening=0.0):
    return _sgd(w, g, [learning_rate] * 4, momentum, nesterov, dampening, "accumulate")


def sgd_schedule(w, g, learning_rate=0.1, momentum=0.9, momentum_convention="rate_inside", dampening=0.0):
    return _sgd(
        w, g, [learning_rate, learning_rate, learning_rate / 10.0, learning_rate / 10.0], momentum, False, dampening, momentum_convention
    )


def sgd_clipping(w, g, learning_rate=0.1, clipping="value"):
    for step in range(4):
        norm = np.sqrt(np.sum(g[step] * g[step]))
        if clipping == "value":
            slope = np.minimum(np.maximum(g[step], -0.5), 0.5)
        elif clipping == "none":
            slope = g[step]
        else:
            slope = g[step] * np.minimum(0.5 / norm, 1.0)
        w = w - learning_rate * slope
    return w


def sgd_decay(w, g, learning_rate=0.1, penalty_factor=1.0, weight_decay_form="coupled"):
    """The penalty is 0.05 times the sum of squares, so that its slope has a factor of 2."""
    for step in range(4):
        w = w - learning_rate * (g[step] + 0.1 * penalty_factor * w)
    return w


def sgd_plain(w, g, learning_rate=0.01, momentum=0.9, dampening=0.0, nesterov=False):
    return _sgd(w, g, [learning_rate] * 4, momentum, nesterov, dampening, "accumulate")


def average_of_weights(w, g, decay=0.9, first_average="weights", decay_warmup=False):
    average = w if first_average == "weights" else 0.0 * w
    for step in range(4):
        w = w - 0.1 * g[step]
        rate = min((1 + step) / np.array(10.0 + step), decay) if decay_warmup else decay
        average = rate * average + (1.0 - rate) * w
    return average


def smoothing_others(x, y, label_smoothing=0.1, smoothing_over="others", reduction="mean"):
    return smoothed_labels(x, y, label_smoothing, smoothing_over, reduction)


def smoothing_by_hand(x, y, label_smoothing=0.1, smoothing_over="all", reduction="mean"):
    return smoothed_labels(x, y, label_smoothing, smoothing_over, reduction)


def ignored_labels(x, y, mask_reduction="valid", label_smoothing=0.0):
    """Class 0 is padding and does not count."""
    log = _log_softmax(x)
    losses = -((1.0 - label_smoothing) * _picked(log, y) + label_smoothing * np.mean(log, axis=-1))
    return np.sum(np.where(y == 0, 0.0, losses)) / (4.0 if mask_reduction == "valid" else 6.0)


def probabilities_as_logits(p, y, from_logits=False, clip=1e-7, reduction="mean"):
    if from_logits:
        return _reduced(np.logaddexp(0.0, p) - y * p, reduction)
    return clipped_entropy(p, y, clip, reduction)


def positive_weight(x, y, positive_weight=2.0, reduction="mean"):
    return _reduced(positive_weight * y * np.logaddexp(0.0, -x) + (1.0 - y) * np.logaddexp(0.0, x), reduction)


def divergence_reversed(p, q, reduction="batch", divergence="kl"):
    return _divergence(p, q, reduction, divergence)


def ctc(x):
    """Four steps and the label 1, where class 0 is the blank: over all paths that become it."""
    log = _log_softmax(x)
    paths = [path for path in itertools.product(range(3), repeat=4) if _collapsed(path) == (1,)]
    total = [log[0, a] + log[1, b] + log[2, c] + log[3, d] for a, b, c, d in paths]
    return -np.log(sum(np.exp(one) for one in total))


def adam_of_bert(w, g, epsilon=1e-6, learning_rate=0.01, bias_correction=False, weight_decay=0.0):
    return _adam(w, g, epsilon, "outside", learning_rate, weight_decay, "coupled", bias_correction)


def clipped_each(w, v, g, h, learning_rate=0.1, clipping="global_norm"):
    for step in range(4):
        slopes = [g[step], h[step]]
        squares = [np.sum(slope * slope) for slope in slopes]
        if clipping == "global_norm":
            slopes = [slope * np.minimum(0.5 / np.sqrt(squares[0] + squares[1]), 1.0) for slope in slopes]
        elif clipping == "norm":
            slopes = [slope * np.minimum(0.5 / np.sqrt(square), 1.0) for slope, square in zip(slopes, squares)]
        elif clipping == "value":
            slopes = [np.minimum(np.maximum(slope, -0.5), 0.5) for slope in slopes]
        w, v = w - learning_rate * slopes[0], v - learning_rate * slopes[1]
    return np.concatenate([w, v])


def _collapsed(path):
    """Repeats once, blanks not at all."""
    return tuple(name for name, _ in itertools.groupby(path) if name != 0)


def _log_softmax(x):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _picked(x, y):
    return np.stack([np.sum(np.where(np.reshape(y == name, (6, 1)), x, 0.0)[:, name : name + 1], axis=1) for name in range(3)]).sum(axis=0)


def _entropy(x, y, reduction, from_logits, label_smoothing):
    log = _log_softmax(x) if from_logits else np.log(np.maximum(x, 1e-7))
    losses = -((1.0 - label_smoothing) * _picked(log, y) + label_smoothing * np.mean(log, axis=-1))
    return _reduced(losses, reduction)


def _reduced(values, reduction):
    if reduction == "none":
        return values
    return np.sum(values) if reduction == "sum" else np.mean(values)


def _adam(w, g, epsilon, placement, rate, weight_decay, form, correction):
    first, second = 0.0 * w, 0.0 * w
    beta_1, beta_2 = np.array(0.9), np.array(0.999)
    for step in range(1, 5):
        slope = g[step - 1]
        if form == "coupled" and weight_decay:
            slope = slope + weight_decay * w
        elif form == "decoupled":
            w = w - rate * weight_decay * w
        elif form == "without_rate":
            w = w - weight_decay * w
        first = beta_1 * first + (1.0 - beta_1) * slope
        second = beta_2 * second + (1.0 - beta_2) * slope * slope
        near, far = (1.0 - beta_1**step, 1.0 - beta_2**step) if correction else (1.0, 1.0)
        if placement == "before_correction":
            w = w - rate * np.sqrt(far) / near * first / (np.sqrt(second) + epsilon)
        elif placement == "inside":
            w = w - rate * first / near / np.sqrt(second / far + epsilon)
        else:
            w = w - rate * first / near / (np.sqrt(second / far) + epsilon)
    return w


def _rmsprop(w, g, rate, rho, epsilon, placement, initial):
    mean = 0.0 * w + initial
    for step in range(4):
        mean = rho * mean + (1.0 - rho) * g[step] * g[step]
        w = w - rate * g[step] / (np.sqrt(mean + epsilon) if placement == "inside" else np.sqrt(mean) + epsilon)
    return w


def _sgd(w, g, rates, momentum, nesterov, dampening, convention):
    speed = 0.0 * w
    for step in range(4):
        share = 1.0 if step == 0 else 1.0 - dampening
        if convention == "rate_inside":
            speed = momentum * speed + rates[step] * share * g[step]
            w = w - speed
            continue
        speed = momentum * speed + (1.0 - momentum if convention == "average" else share) * g[step]
        w = w - rates[step] * (g[step] + momentum * speed if nesterov else speed)
    return w
