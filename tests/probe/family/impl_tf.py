"""A small family for testing the probe: TensorFlow."""

import tensorflow as tf


def square(x):
    return x * x


def cube(x):
    return x * x * x


def tanh(x):
    return tf.tanh(x)


def two(x, y):
    return x * y, x + y


def largest(x):
    return tf.argmax(x)


def mixed(x):
    return x * x, x > 0


def branch(x, y):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: x + y, lambda: x - y)


def python_branch(x, y):
    if tf.reduce_sum(x) > 0:
        z = x + y
    else:
        z = x - y
    return z


def scaled(x, factor):
    return x * factor


def constant(x):
    return tf.ones_like(x)


def transposed(x):
    return tf.transpose(x)


def gathered(x, index):
    return tf.gather(x, index)


def complicated(x):
    return tf.complex(x, x)


def absent(x):
    return tf.this_is_in_no_version(x)


def refused(x):
    raise NotImplementedError("this version has no such operation")


def broken(x):
    raise ValueError("the values do not fit\nand more")


def kernel_missing(x):
    return tf.math.betainc(x, x, x)
