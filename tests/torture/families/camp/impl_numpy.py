"""The family in NumPy. ``GAIN`` is what tests edit; ``slow`` gives a workflow time to be killed in."""

import time

import numpy as np

GAIN = 1.5


def scaled(x):
    return x * np.asarray(GAIN, x.dtype)


def square(x):
    return x * x


def tanh(x):
    return np.tanh(x)


def doubled(x):
    return x + x


def slow(x, seconds=0.05):
    time.sleep(seconds)
    return x + 0
