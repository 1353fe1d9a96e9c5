"""Functions that a stand-alone script may hold, as they stand here: short, for Python from 3.7 on, and with nothing but NumPy."""
# ruff: noqa: ANN001, ANN002, ANN201, D103 (the text of these functions is part of a script, where every line counts)
# mypy: allow-untyped-defs, allow-untyped-calls

from statistics import NormalDist

import numpy as np


def draw(seed, *shape):
    return np.random.Generator(np.random.PCG64(seed)).random(shape)


def bell(seed, *shape):
    even = np.clip(draw(seed, *shape).ravel(), 2.0**-54, 1 - 2.0**-53)
    return np.array([*map(NormalDist().inv_cdf, even)]).reshape(shape)


def narrow(x):  # to bfloat16, in float32
    bits = np.asarray(x, "float32").view("uint32")
    return (bits + 0x7FFF + (bits >> 16 & 1) >> 16 << 16).astype("uint32").view("float32")
