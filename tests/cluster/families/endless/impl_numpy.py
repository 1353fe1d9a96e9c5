"""Takes ``seconds``, and ``mb`` MiB while it does."""

import time

import numpy as np


def hold(x, seconds=0.0, mb=0):
    held = np.ones(mb * 2**17)
    time.sleep(seconds)
    return x + 0 * held[:0].sum()
