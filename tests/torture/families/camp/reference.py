"""References of the family."""

import numpy as np


def scaled(x):
    return x * 1.5


def square(x):
    return x * x


def tanh(x):
    return np.tanh(x)


def doubled(x):
    return x + x


def slow(x, seconds=0.05):
    return x
