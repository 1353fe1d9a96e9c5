"""The controls of normalisation in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import numpy as np


def wrong_layer_norm_epsilon(x, units, scale, shift):
    return _normal(x * units, epsilon=1e-3) * scale + shift


def wrong_layer_norm_placement(x, units, scale, shift):
    apart = x * units - np.mean(x * units, axis=-1, keepdims=True)
    return apart / (np.sqrt(np.mean(apart**2, axis=-1, keepdims=True)) + 1e-5) * scale + shift  # outside of the root


def wrong_layer_norm_axis(x, units, scale, shift):
    return _normal(x * units, axis=0) * scale + shift  # over the batch


def wrong_layer_norm_ddof(x, units, scale, shift):
    x = x * units
    return (x - np.mean(x, axis=-1, keepdims=True)) / np.sqrt(np.var(x, axis=-1, keepdims=True, ddof=1) + 1e-5) * scale + shift


def wrong_rms_norm(x, units, scale, shift):
    x = x * units
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * scale + shift  # no mean


def wrong_group_norm(x, units, scale, shift):
    return _normal((x * units).reshape(6, 2, 5)).reshape(6, 10) * scale + shift  # in two groups


def wrong_scale_from_one(x, units, scale, shift):
    return _normal(x * units) * (1.0 + scale) + shift


def equal_layer_norm(x, units, scale, shift):
    x = x * units
    mean = np.mean(x, axis=-1, keepdims=True)
    factor = scale / np.sqrt(np.mean(np.square(x - mean), axis=-1, keepdims=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_layer_norm_moments(x, units, scale, shift):
    x = x * units
    mean = np.mean(x, axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) - mean * mean + 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, epsilon=1e-3)


def wrong_running_mean(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, new=0.875, old=0.125)  # the shares are exchanged


def wrong_running_variance(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, ddof=0)


def wrong_eval_statistics(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, trained=False)


def equal_batch_norm_folded(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
    factor = scale / np.sqrt(variance + 1e-5)
    after = [running_mean + 0.125 * (mean - running_mean), running_variance - 0.125 * (running_variance - variance * 8.0 / 7.0)]
    return np.concatenate([x * factor + (shift - mean * factor), np.stack(after)])


def _normal(x, axis=-1, epsilon=1e-5):
    return (x - np.mean(x, axis=axis, keepdims=True)) / np.sqrt(np.var(x, axis=axis, keepdims=True) + epsilon)


def _batch_norm(x, scale, shift, running_mean, running_variance, epsilon=1e-5, new=0.125, old=0.875, ddof=1, trained=True):
    mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
    after = np.stack([old * running_mean + new * mean, old * running_variance + new * np.var(x, axis=0, ddof=ddof)])
    if not trained:
        mean, variance = running_mean, running_variance
    return np.concatenate([(x - mean) / np.sqrt(variance + epsilon) * scale + shift, after])
