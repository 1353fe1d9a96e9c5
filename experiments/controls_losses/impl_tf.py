"""The controls of activations and losses in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import tensorflow as tf


def _hard_fifth(x):
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sixth(x):
    return tf.clip_by_value((x + 3.0) / 6.0, 0.0, 1.0)


def wrong_leaky_slope(x):
    return _activations(x, leaky=tf.where(x > 0.0, x, 0.011 * x))  # not 0.01


def wrong_gelu(x):
    return _activations(x, gelu=0.5 * x * (1.0 + tf.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))))  # the approximation


def wrong_hard_sigmoid(x):
    return _activations(x, hard=_hard_fifth(x))  # the other definition


def wrong_elu_alpha(x):
    return _activations(x, alpha=1.4)  # not 1.5


def equal_activations(x):
    return _activations(
        x,
        leaky=tf.maximum(x, 0.01 * x),
        gelu=x * (0.5 * tf.math.erfc(x * -0.7071067811865476)),
        hard=tf.minimum(tf.maximum(x + 3.0, 0.0), 6.0) / 6.0,
        by_hand=False,
    )


def _activations(x, leaky=None, gelu=None, hard=None, alpha=1.5, by_hand=True):
    below = tf.exp(tf.minimum(x, 0.0)) - 1.0 if by_hand else tf.math.expm1(tf.minimum(x, 0.0))
    return tf.stack(
        [
            0.5 * x * tf.math.erfc(-x / 1.4142135623730951) if gelu is None else gelu,
            tf.maximum(x, 0.0) + alpha * below,
            tf.where(x > 0.0, x, 0.01 * x) if leaky is None else leaky,  # tf.nn.leaky_relu rounds its slope to float32
            _hard_sixth(x) if hard is None else hard,
            tf.math.log1p(tf.exp(x)) if by_hand else tf.nn.softplus(x),
            x * _sigmoid(x),
            tf.clip_by_value(x, 0.0, 3.0),
            1.0507009873554805 * (tf.maximum(x, 0.0) + 1.6732632423543772 * below) if by_hand else tf.nn.selu(x),
            tf.sign(x) * tf.maximum(tf.abs(x) - 0.5, 0.0) + tf.tanh(x),
        ]
    )


def wrong_softmax_axis(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x, axis=0), target, class_weights)  # not the last axis


def wrong_log_base(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x) / 0.6931471805599453, target, class_weights)  # bits, not nats


def wrong_label_smoothing(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x), target, class_weights, smoothing=0.07)


def wrong_temperature(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x / 1.05), target, class_weights)


def wrong_reduction(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x), target, class_weights, share=1.0)  # the sum


def wrong_softmax_twice(x, target, class_weights):
    return _classification(tf.nn.log_softmax(tf.nn.softmax(x)), target, class_weights)  # from_logits with probabilities


def wrong_label_shift(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x), tf.roll(target, 1, 1), class_weights)  # counted from 1


def equal_classification(x, target, class_weights):
    smooth = 0.9375 * target + 0.0625 / 6.0
    losses = tf.reduce_sum(smooth * class_weights * (tf.reduce_logsumexp(x, axis=1, keepdims=True) - x), axis=1)
    return tf.concat([losses, tf.reduce_mean(losses, keepdims=True)], 0)


def _classification(logs, target, class_weights, smoothing=0.0625, share=6.0):
    losses = -tf.reduce_sum(class_weights * ((1.0 - smoothing) * target + smoothing / 6.0) * logs, axis=1)
    return tf.concat([losses, tf.reduce_sum(losses, keepdims=True) / share], 0)


def wrong_huber_delta(x, y):
    return _regression(x, y, delta=0.505)  # 1 % more


def wrong_huber_form(x, y):
    return _regression(x, y, huber=lambda apart: tf.where(apart < 0.5, apart * apart, apart - 0.25))  # smooth L1


def wrong_argument_order(x, y):
    return _regression(y, x)  # the target first


def wrong_loss_mean(x, y):
    return _regression(x, y, share=1.0 / 48.0)  # over all elements


def equal_regression(x, y):
    return _regression(x, y, huber=lambda apart: tf.minimum(apart, 0.5) * (apart - 0.5 * tf.minimum(apart, 0.5)))


def _regression(x, y, delta=0.5, huber=None, share=0.125):
    apart = tf.abs(x - y)
    if huber is None:
        losses = tf.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    else:
        losses = huber(apart)
    rows = tf.stack(
        [
            losses,
            tf.maximum(0.25 * (y - x), 0.75 * (x - y)),
            tf.math.squared_difference(x, y),
            tf.nn.softmax(y) * (tf.nn.log_softmax(y) - tf.nn.log_softmax(x)),
            tf.exp(x) - y * x,
        ]
    )
    cosine = tf.reduce_sum(x * y, axis=1) / tf.sqrt(tf.reduce_sum(x * x, axis=1) * tf.reduce_sum(y * y, axis=1))
    return tf.concat([share * tf.reduce_sum(rows, axis=2), tf.reshape(cosine, [1, 6])], 0)


def _sigmoid(x):
    """By its definition: that of TensorFlow 1.15 is dozens of ULP off where it is small, and no control is about that."""
    return 1.0 / (1.0 + tf.exp(-x))
