"""What was meant. Arguments with a default are choices; the default is what the numbers were published with."""

import numpy as np


def deviation(x, ddof=0, axis="all"):
    return _deviation(x, ddof, axis)


def deviation_first(x, ddof=0, axis="first"):
    return _deviation(x, ddof, axis)


def covariance(x, ddof=1):
    centred = x - np.mean(x, axis=0)
    return np.matmul(np.transpose(centred), centred) / (6.0 - ddof)


def median(x, middle="mean"):
    ordered = np.sort(x)
    return {"mean": (ordered[3] + ordered[4]) / 2.0, "lower": ordered[3], "upper": ordered[4]}[middle]


def remainder(x, y, modulo_sign="divisor"):
    whole = np.floor(x / y) if modulo_sign == "divisor" else np.trunc(x / y)
    return x - y * whole


def quotient(x, y, towards="floor"):
    return np.floor(x / y) if towards == "floor" else np.trunc(x / y)


def rounded(x, half="even"):
    if half == "even":
        return np.round(x)
    return np.floor(x + 0.5) if half == "up" else np.where(x < 0.0, np.ceil(x - 0.5), np.floor(x + 0.5))


def quantile(x, percentile="linear"):
    """The quantile 0.3 of 8 numbers: place 2.1."""
    ordered = np.sort(x)
    if percentile == "linear":
        return ordered[2] + (ordered[3] - ordered[2]) / 10.0
    return {"lower": ordered[2], "nearest": ordered[2], "higher": ordered[3], "midpoint": (ordered[2] + ordered[3]) / 2.0}[percentile]


def log_sum_exp(x, axis="last"):
    at = 0 if axis == "first" else -1
    top = np.max(x, axis=at, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=at, keepdims=True)) + top


def variance_rewritten(x, ddof=0, axis="last"):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return np.sum(centred * centred, axis=-1) / (4.0 - ddof)


def mean_of_means(x, axis="all"):
    return np.mean(x, axis=None if axis == "all" else 0 if axis == "first" else -1)


def broadcast_loss(x, y, reduction="mean", square_share=1.0):
    """The targets are the inputs, shifted by one place."""
    squares = square_share * (x - np.concatenate([y[1:], y[:1]])) ** 2
    return np.sum(squares) / (8.0 if reduction == "mean" else 1.0)


def exclusive_sum(x, axis="first"):
    """What came before each row, and not the row itself."""
    sums = np.cumsum(x, axis=0 if axis == "first" else 1)
    return sums - x


def ranked(x, owners):
    """Owners by falling score; of equal scores the first comes first."""
    return owners[np.argsort(-x, kind="stable")]


def sums_from_behind(x, axis="first"):
    at = 0 if axis == "first" else 1
    return np.flip(np.cumsum(np.flip(x, axis=at), axis=at), axis=at)


def _deviation(x, ddof, axis):
    at, count = {"all": (None, 24.0), "first": (0, 6.0), "last": (-1, 4.0)}[axis]
    centred = x - np.mean(x, axis=at, keepdims=True)
    return np.sqrt(np.sum(centred * centred, axis=at) / (count - ddof))
