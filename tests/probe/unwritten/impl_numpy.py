"""A function that reads what nobody wrote, and one that does not."""

import numpy as np


def unwritten(x):
    return x + np.empty(5000, x.dtype)


def written(x):
    return x + np.zeros(5000, x.dtype)
