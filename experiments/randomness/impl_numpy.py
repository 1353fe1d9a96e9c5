"""Draws of NumPy's generator, and statistics of them."""

import numpy as np

PLACES = (-1.5, -0.75, 0.0, 0.75, 1.5)
BEYOND = (1.0, 1.7, 1.74, 2.0, 2.28, 3.0)


def uniform(count, seed=0):
    return _statistics((np.random.RandomState(seed).random_sample(int(count[0])) - 0.5) * np.sqrt(12.0))


def normal(count, seed=0):
    return _statistics(np.random.RandomState(seed).normal(size=int(count[0])))


def integers(count, seed=0):
    return _shares_of(np.random.RandomState(seed).randint(0, 10, int(count[0])), 10)


def categorical(count, seed=0):
    return _shares_of(np.random.RandomState(seed).choice(5, int(count[0]), p=[0.5, 0.25, 0.125, 0.0625, 0.0625]), 5)


def poisson(count, seed=0):
    return _shares_of(np.random.RandomState(seed).poisson(3.0, int(count[0])), 9)


# --- what NumPy does not have ------------------------------------------------------------------------------------------------------------


def truncated_normal(count, seed=0):
    raise NotImplementedError("NumPy draws no truncated normal numbers")


def truncated_normal_small(count, seed=0, bounds=None):
    raise NotImplementedError("NumPy draws no truncated normal numbers")


def glorot_uniform(fans, seed=0):
    raise NotImplementedError("NumPy has no initialisers")


def glorot_normal(fans, seed=0, tails=None):
    raise NotImplementedError("NumPy has no initialisers")


def he_uniform(fans, seed=0):
    raise NotImplementedError("NumPy has no initialisers")


def he_normal(fans, seed=0, tails=None):
    raise NotImplementedError("NumPy has no initialisers")


def lecun_uniform(fans, seed=0):
    raise NotImplementedError("NumPy has no initialisers")


def lecun_normal(fans, seed=0, tails=None):
    raise NotImplementedError("NumPy has no initialisers")


def normal_initializer(fans, seed=0, stddev=None):
    raise NotImplementedError("NumPy has no initialisers")


def uniform_initializer(fans, seed=0, low=None, high=None):
    raise NotImplementedError("NumPy has no initialisers")


def orthogonal(sizes, seed=0):
    raise NotImplementedError("NumPy has no initialisers")


def dense(fans, seed=0, kernel=None, bias=None):
    raise NotImplementedError("NumPy has no layers")


def conv(fans, seed=0, kernel=None, bias=None):
    raise NotImplementedError("NumPy has no layers")


def lstm(fans, seed=0, kernel=None, recurrent=None):
    raise NotImplementedError("NumPy has no layers")


def gru(fans, seed=0, kernel=None, recurrent=None):
    raise NotImplementedError("NumPy has no layers")


def embedding(sizes, seed=0, initialiser=None):
    raise NotImplementedError("NumPy has no layers")


def dropout(count, seed=0):
    raise NotImplementedError("NumPy has no dropout")


def dropout_layer(count, seed=0, training=None):
    raise NotImplementedError("NumPy has no dropout")


# --- statistics --------------------------------------------------------------------------------------------------------------------------


def _statistics(y):
    """Moments, shares below places, shares beyond places on either side, as float32."""
    moments = np.array([np.mean(y), np.mean(y**2), np.mean(y**4)])
    below = np.array([np.mean(y <= place) for place in PLACES])
    beyond = np.array([np.mean(np.abs(y) > place) for place in BEYOND])
    return moments.astype(np.float32), below.astype(np.float32), beyond.astype(np.float32)


def _shares_of(drawn, kinds):
    return np.array([np.mean(drawn == kind) for kind in range(kinds)]).astype(np.float32)
