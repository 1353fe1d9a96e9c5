"""A function that reads what nobody wrote, and one that does not."""

import tensorflow as tf


def unwritten(x):
    return x + tf.raw_ops.Empty(shape=[5000], dtype=x.dtype)


def written(x):
    return x + tf.zeros([5000], x.dtype)
