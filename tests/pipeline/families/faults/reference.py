"""References of the faults: what the cells would give if they gave anything."""

import numpy as np


def fine(x, times=1.0):
    return x * times


def raises(x):
    return np.exp(x)


def aborts(x):
    return x


def sleeps(x):
    return x


def eats(x):
    return x
