"""The sound family."""

import numpy as np


def square(x):
    return x * x


def tanh(x):
    return np.tanh(x)


def epsilon(x, epsilon=0.25):
    return x + x.dtype.type(epsilon)
