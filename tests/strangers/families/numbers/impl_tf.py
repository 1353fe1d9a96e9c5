"""The numbers as they were computed with TensorFlow."""

import tensorflow as tf


def deviation(x):
    return tf.math.reduce_std(x)


def deviation_first(x):
    return tf.math.reduce_std(x, 0)


def covariance(x):
    centred = x - tf.reduce_mean(x, 0)
    return tf.matmul(centred, centred, transpose_a=True) / 5


def median(x):
    ordered = tf.sort(x)
    return (ordered[3] + ordered[4]) / 2


def remainder(x, y):
    return tf.math.floormod(x, y)


def quotient(x, y):
    return tf.math.floordiv(x, y)


def rounded(x):
    return tf.round(x)


def quantile(x):
    ordered = tf.sort(x)
    return ordered[2] + (ordered[3] - ordered[2]) / 10


def log_sum_exp(x):
    return tf.reduce_logsumexp(x, -1, keepdims=True)


def variance_rewritten(x):
    return tf.math.reduce_variance(x, -1)


def mean_of_means(x):
    return tf.reduce_mean(x)


def broadcast_loss(x, y):
    return tf.reduce_mean(tf.square(x - tf.roll(y, -1, 0)))


def exclusive_sum(x):
    return tf.cumsum(x, exclusive=True)


def ranked(x, owners):
    return tf.gather(owners, tf.argsort(x, direction="DESCENDING", stable=True))


def sums_from_behind(x):
    return tf.cumsum(x, reverse=True)
