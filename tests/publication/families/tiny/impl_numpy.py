"""The tiny family; ``restless`` gives other bits whenever it runs, by no more than rounding."""

import numpy as np


def square(x):
    return x * x


def tanh(x):
    return np.tanh(x)


def doubled(x):
    return x + x


def restless(x):
    noise = np.random.default_rng().integers(-1, 2, x.shape).astype(x.dtype)
    return x * x * (1 + noise * np.finfo(x.dtype).eps / 2)


def raises(x):
    raise ValueError("<script>alert('planted')</script>")
