"""The controls of normalisation in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import tensorflow as tf


def wrong_layer_norm_epsilon(x, units, scale, shift):
    return _normal(x * units, [1], 1e-3) * scale + shift  # Keras' own


def wrong_layer_norm_placement(x, units, scale, shift):
    apart = x * units - tf.reduce_mean(x * units, axis=-1, keepdims=True)
    return apart / (tf.sqrt(tf.reduce_mean(tf.square(apart), axis=-1, keepdims=True)) + 1e-5) * scale + shift  # outside of the root


def wrong_layer_norm_axis(x, units, scale, shift):
    return _normal(x * units, [0]) * scale + shift  # over the batch


def wrong_layer_norm_ddof(x, units, scale, shift):
    apart = x * units - tf.reduce_mean(x * units, axis=-1, keepdims=True)
    return apart / tf.sqrt(tf.reduce_sum(tf.square(apart), axis=-1, keepdims=True) / 9.0 + 1e-5) * scale + shift  # over n - 1


def wrong_rms_norm(x, units, scale, shift):
    x = x * units
    return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + 1e-5) * scale + shift  # no mean


def wrong_group_norm(x, units, scale, shift):
    return tf.reshape(_normal(tf.reshape(x * units, [6, 2, 5]), [2]), [6, 10]) * scale + shift  # in two groups


def wrong_scale_from_one(x, units, scale, shift):
    return _normal(x * units, [1]) * (1.0 + scale) + shift


def equal_layer_norm(x, units, scale, shift):
    x = x * units
    mean, variance = tf.nn.moments(x, [1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)  # a scale and a shift


def equal_layer_norm_moments(x, units, scale, shift):
    x = x * units
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    return (x - mean) / tf.sqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) - mean * mean + 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, epsilon=1e-3)


def wrong_running_mean(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, kept=0.125)  # PyTorch's share of the new value


def wrong_running_variance(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, count=8.0)  # over n


def wrong_eval_statistics(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, training=False)


def equal_batch_norm_folded(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    mean, variance = tf.nn.moments(x, [0])
    out = tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)
    after = [running_mean + 0.125 * (mean - running_mean), running_variance - 0.125 * (running_variance - variance * 8.0 / 7.0)]
    return tf.concat([out, tf.stack(after)], 0)


def _normal(x, axes, epsilon=1e-5):
    """Not with ``tf.nn.moments``: graphs of TensorFlow 2.15 and later (with oneDNN) take that for a layer norm of their own, whose epsilon
    is always 0.001."""
    apart = x - tf.reduce_mean(x, axis=axes, keepdims=True)
    return apart / tf.sqrt(tf.reduce_mean(apart * apart, axis=axes, keepdims=True) + epsilon)


def _batch_norm(x, scale, shift, running_mean, running_variance, epsilon=1e-5, kept=0.875, count=7.0, training=True):
    mean, variance = tf.nn.moments(x, [0])
    unbiased = tf.reduce_sum(tf.square(x - mean), axis=0) / count
    after = tf.stack([kept * running_mean + (1.0 - kept) * mean, kept * running_variance + (1.0 - kept) * unbiased])
    if not training:
        mean, variance = running_mean, running_variance
    return tf.concat([(x - mean) / tf.sqrt(variance + epsilon) * scale + shift, after], 0)
