"""The right formulas of the controls of normalisation, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
"""

import numpy as np


def _layer_norm(x, units, scale, shift, epsilon, epsilon_placement, axis, groups, ddof, centring, affine):
    """Layer normalisation of x (6, 10) · units (6, 1) over the features, with scale and shift (10,)."""
    x = x * units
    if groups > 1:
        x = np.reshape(x, (6 * groups, 10 // groups))
    axes = {"features": -1, "batch": 0, "all": None}[axis]
    count = {"features": np.shape(x)[-1], "batch": np.shape(x)[0], "all": np.size(x)}[axis] - ddof
    centre = np.mean(x, axis=axes, keepdims=True)
    apart = x if centring in ("none", "above_only") else x - centre
    variance = np.sum(apart * apart, axis=axes, keepdims=True) / float(count)
    above = x if centring in ("none", "below_only") else x - centre
    return _affine(np.reshape(above / _denominator(variance, epsilon, epsilon_placement), (6, 10)), scale, shift, affine)


def _batch_norm(
    x,
    units,
    scale,
    shift,
    running_mean,
    running_variance,
    epsilon,
    epsilon_placement,
    axis,
    statistics,
    ddof,
    running_ddof,
    momentum_convention,
    momentum,
    running_quantity,
    affine,
):
    """Batch normalisation in training of x (8, 5) · units (1, 5), the others (5,).

    Gives (10, 5): the outputs, the new running mean, the new running variance.
    """
    x = x * units
    centre, count = np.mean(x, axis=0, keepdims=True), 8.0
    apart = np.sum((x - centre) * (x - centre), axis=0, keepdims=True)
    rest = 1.0 - momentum
    new, old = {"new_share": (momentum, rest), "old_share": (rest, momentum), "sum": (1.0, momentum)}[momentum_convention]
    kept = apart / (count - running_ddof)
    kept = np.sqrt(kept) if running_quantity == "deviation" else kept
    mean_after = old * np.reshape(running_mean, (1, 5)) + new * centre
    variance_after = old * np.reshape(running_variance, (1, 5)) + new * kept
    axes, size = {"batch": (0, 8), "channels": (1, 5), "all": (None, 40)}[axis]
    middle = np.mean(x, axis=axes, keepdims=True)
    variance = np.sum((x - middle) * (x - middle), axis=axes, keepdims=True) / float(size - ddof)
    if statistics == "running":
        middle, variance = np.reshape(running_mean, (1, 5)), np.reshape(running_variance, (1, 5))
    elif statistics == "updated":
        middle, variance = mean_after, variance_after
    normal = (x - middle) / _denominator(variance, epsilon, epsilon_placement)
    return np.concatenate([_affine(normal, scale, shift, affine), mean_after, variance_after])


def _denominator(variance, epsilon, placement):
    if placement == "outside":
        return np.sqrt(variance) + epsilon
    if placement == "floor":
        return np.sqrt(np.maximum(variance, 0.0 * variance + epsilon))
    if placement == "squared":
        return np.sqrt(variance + epsilon * epsilon)
    return np.sqrt(variance + epsilon)


def _affine(x, scale, shift, form):
    return {
        "scale_then_shift": x * scale + shift,
        "shift_then_scale": (x + shift) * scale,
        "one_plus_scale": x * (1.0 + scale) + shift,
        "scale_only": x * scale,
        "shift_only": x + shift,
        "exchanged": x * shift + scale,
        "none": x,
    }[form]
