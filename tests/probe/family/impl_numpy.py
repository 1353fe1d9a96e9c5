"""A small family for testing the probe: NumPy."""

import numpy as np


def square(x):
    return x * x


def cube(x):
    return x * x * x


def tanh(x):
    return np.tanh(x)


def two(x, y):
    return x * y, x + y


def largest(x):
    return np.argmax(x)


def mixed(x):
    return x * x, x > 0


def branch(x, y):
    return x + y if np.sum(x) > 0 else x - y


def scaled(x, factor):
    return x * factor


def constant(x):
    return np.ones_like(x)


def transposed(x):
    return np.transpose(x)


def gathered(x, index):
    return np.take(x, index)


def complicated(x):
    return x + 1j


def absent(x):
    return np.this_is_in_no_version(x)


def refused(x):
    raise NotImplementedError("this version has no such operation")


def broken(x):
    raise ValueError("the values do not fit\nand more")


def kernel_missing(x):
    return np.linalg.inv(x)
