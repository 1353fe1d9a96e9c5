"""Imports modules beside it, one of them when it is called."""

import layers
import numpy as np


def scaled(x):
    return layers.scaled(x)


def late(x):
    from net import blocks

    return blocks.shifted(x)


def leaves(x):
    layers.FACTOR = np.float64(7.0)
    return layers.scaled(x)
