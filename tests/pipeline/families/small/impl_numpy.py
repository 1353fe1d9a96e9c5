"""The small family; ``slow`` gives a killed workflow time to be killed in."""

import time

import numpy as np


def square(x):
    return x * x


def tanh(x):
    return np.tanh(x)


def doubled(x):
    return x + x


def slow(x, seconds=0.1):
    time.sleep(seconds)
    return x + 0
