"""What the draws should be distributed like: exact statistics (row 0) and their standard deviations in a sample (row 1).

Draws are given in units of the aligned standard deviation. A statistic is a mean over the sample, so that its standard deviation follows
from the moments; an event of probability 0 or 1 gets one so small that a single exception is far outside.
"""

import numpy as np
from scipy import special

# --- numbers -----------------------------------------------------------------------------------------------------------------------------


def uniform(count, seed):
    return _statistics(_Uniform(-np.sqrt(3.0), np.sqrt(3.0)), int(count[0]))


def normal(count, seed):
    return _statistics(_Normal(1.0), int(count[0]))


def truncated_normal(count, seed):
    return _statistics(_Truncated(1.0, 2.0), int(count[0]))


def truncated_normal_small(count, seed, bounds):
    return _statistics(_Truncated(1.0, 40.0 if bounds == "absolute" else 2.0), int(count[0]))


def integers(count, seed):
    return _shares(np.full(10, 0.1), int(count[0]))


def categorical(count, seed):
    return _shares(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625]), int(count[0]))


def poisson(count, seed):
    rate = 3.0
    terms = [np.exp(-rate)]
    for k in range(1, 9):
        terms.append(terms[-1] * rate / k)
    return _shares(np.array(terms), int(count[0]))


# --- initialisers ------------------------------------------------------------------------------------------------------------------------


def glorot_uniform(fans, seed):
    return _statistics(_Uniform(-np.sqrt(3.0), np.sqrt(3.0)), _product(fans))


def glorot_normal(fans, seed, tails):
    return _statistics(_scaled_normal(tails), _product(fans))


def he_uniform(fans, seed):
    return _statistics(_Uniform(-np.sqrt(3.0), np.sqrt(3.0)), _product(fans))


def he_normal(fans, seed, tails):
    return _statistics(_scaled_normal(tails), _product(fans))


def lecun_uniform(fans, seed):
    return _statistics(_Uniform(-np.sqrt(3.0), np.sqrt(3.0)), _product(fans))


def lecun_normal(fans, seed, tails):
    return _statistics(_scaled_normal(tails), _product(fans))


def normal_initializer(fans, seed, stddev):
    return _statistics(_Normal(stddev / 0.05), _product(fans))


def uniform_initializer(fans, seed, low, high):
    unit = 0.05 / np.sqrt(3.0)
    return _statistics(_Uniform(low / unit, high / unit), _product(fans))


def orthogonal(sizes, seed):
    """One entry of each of many matrices: a coordinate of a random direction, whose square follows a beta distribution."""
    matrices, n = int(sizes[0]), int(sizes[1])
    fourth = 3.0 * n / (n + 2.0)
    entries = _pack([0.0, 1.0], [np.sqrt(1.0 / matrices), np.sqrt((fourth - 1.0) / matrices)])
    return entries, _pack([0.0], [ROUNDING])


# --- layers as they are when nothing is said ---------------------------------------------------------------------------------------------


def dense(fans, seed, kernel, bias):
    inside, outside = int(fans[0]), int(fans[1])
    return (*_statistics(_kernel(kernel, inside, outside), inside * outside), _moments(_bias(bias), outside))


def conv(fans, seed, kernel, bias):
    inside, outside = 9 * int(fans[0]), 9 * int(fans[1])
    return (*_statistics(_kernel(kernel, inside, outside), inside * int(fans[1])), _moments(_bias(bias), int(fans[1])))


def lstm(fans, seed, kernel, recurrent):
    return _recurrent(fans, 4, kernel, recurrent)


def gru(fans, seed, kernel, recurrent):
    return _recurrent(fans, 3, kernel, recurrent)


def embedding(sizes, seed, initialiser):
    unit = 0.05 / np.sqrt(3.0)
    drawn = _Normal(1.0 / unit) if initialiser == "normal" else _Uniform(-np.sqrt(3.0), np.sqrt(3.0))
    return _statistics(drawn, _product(sizes))


# --- dropout -----------------------------------------------------------------------------------------------------------------------------


def dropout(count, seed):
    return _shares(np.array([0.25]), int(count[0])), _pack([4.0 / 3.0], [ROUNDING])


def dropout_layer(count, seed, training):
    if training:
        return _shares(np.array([0.5]), int(count[0])), _pack([2.0], [ROUNDING])
    return _shares(np.array([0.0]), int(count[0])), _pack([1.0], [ROUNDING])


# --- distributions -----------------------------------------------------------------------------------------------------------------------

ROUNDING = 1e-6
"""Standard deviation of a statistic that is the same in every sample, but for the rounding of float32."""
EXCEPTION = 1e-3
"""That of the number of draws where probability leaves no choice: one exception is a thousand of them."""
PLACES = (-1.5, -0.75, 0.0, 0.75, 1.5)
BEYOND = (1.0, 1.7, 1.74, 2.0, 2.28, 3.0)
"""Uniform draws end at √3 = 1.732, draws that are cut at two standard deviations and scaled back to variance 1 end at 2.274."""


class _Uniform:
    """Evenly from ``low`` to ``high``."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def moment(self, k):
        return (self.high ** (k + 1) - self.low ** (k + 1)) / ((k + 1) * (self.high - self.low))

    def below(self, t):
        return np.minimum(np.maximum((t - self.low) / (self.high - self.low), 0.0), 1.0)


class _Normal:
    """Around 0 with standard deviation ``sigma``."""

    def __init__(self, sigma):
        self.sigma = sigma

    def moment(self, k):
        return 0.0 if k % 2 else self.sigma**k * {2: 1.0, 4: 3.0, 8: 105.0}[k]

    def below(self, t):
        return 0.5 * (1.0 + special.erf(t / (self.sigma * np.sqrt(2.0))))


class _Truncated:
    """Normal draws that are drawn again where they lie beyond ``cut`` standard deviations."""

    def __init__(self, sigma, cut):
        self.sigma, self.cut = sigma, cut
        self.mass = special.erf(np.array(cut / np.sqrt(2.0)))

    def moment(self, k):
        if k % 2:
            return 0.0
        edge = np.exp(-0.5 * self.cut * self.cut) / np.sqrt(2.0 * np.pi)
        found = 1.0
        for place in range(2, k + 1, 2):  # by parts
            found = (place - 1) * found - 2.0 * self.cut ** (place - 1) * edge / self.mass
        return self.sigma**k * found

    def below(self, t):
        inside = np.minimum(np.maximum(t / self.sigma, -self.cut), self.cut)
        return 0.5 * (1.0 + special.erf(inside / np.sqrt(2.0)) / self.mass)


class _Zero:
    """Always 0."""

    def moment(self, k):
        return 0.0 * k

    def below(self, t):
        return np.where(t < 0.0, 0.0, 1.0)


def _scaled_normal(tails):
    """Variance 1: normal, or cut at two standard deviations and scaled back, as Keras has it."""
    if tails != "truncated":
        return _Normal(1.0)
    return _Truncated(1.0 / np.sqrt(_Truncated(1.0, 2.0).moment(2)), 2.0)


def _kernel(kind, inside, outside):
    """A kernel in units of √(2 / (inside + outside)), Glorot's standard deviation."""
    if kind == "glorot_uniform":
        return _Uniform(-np.sqrt(3.0), np.sqrt(3.0))
    end = np.sqrt(1.0 / inside) / np.sqrt(2.0 / (inside + outside))  # U(±1/√fan_in)
    return _Uniform(-end, end)


def _bias(kind):
    """A bias in units of 1/√fan_in."""
    return _Zero() if kind == "zeros" else _Uniform(-1.0, 1.0)


# --- statistics --------------------------------------------------------------------------------------------------------------------------


def _statistics(drawn, n):
    """Moments, shares below places, shares beyond places on either side."""
    places, ends = np.array(PLACES), np.array(BEYOND)
    return _moments(drawn, n), _shares(drawn.below(places), n), _shares(1.0 - drawn.below(ends) + drawn.below(-ends), n)


def _moments(drawn, n):
    exact = [drawn.moment(k) for k in (1, 2, 4)]
    squares = [drawn.moment(2 * k) for k in (1, 2, 4)]
    return _pack(exact, [np.sqrt(np.maximum(s - e * e, 0.0) / n) for e, s in zip(exact, squares, strict=True)])


def _shares(p, n):
    p = np.where(np.abs(p) < NEVER, 0.0, p)
    return _pack(p, np.maximum(np.sqrt(np.maximum(p * (1.0 - p), 0.0) / n), EXCEPTION / n))


NEVER = 1e-12
"""Probabilities below this are the rounding of a difference of two distribution functions."""


def _pack(exact, deviation):
    exact = np.array(exact)
    return np.stack([exact, np.maximum(np.array(deviation), np.where(exact == 0.0, 0.0, ROUNDING * np.abs(exact)) + 1e-12)])


def _product(sizes):
    return int(sizes[0]) * int(sizes[1])


def _recurrent(fans, gates, kernel, recurrent):
    """A kernel (fan_in, gates · units), and a recurrent kernel (units, gates · units) whose rows Keras makes orthonormal."""
    inside, units = int(fans[0]), int(fans[1])
    width = gates * units
    end = np.sqrt(1.0 / units) / np.sqrt(2.0 / (inside + width))
    drawn = _Uniform(-np.sqrt(3.0), np.sqrt(3.0)) if kernel == "glorot_uniform" else _Uniform(-end, end)
    pairs = units * (units - 1) / 2.0
    if recurrent == "orthogonal":
        # rows are random directions: their lengths, and so the mean of squares, are the same in every sample
        fourth = 3.0 * width / (width + 2.0)
        moments = _pack([0.0, 1.0, fourth], [np.sqrt(1.0 / (units * width)), ROUNDING, np.sqrt(24.0 / (units * width))])
        return (*_statistics(drawn, inside * width), moments, _pack([0.0], [ROUNDING]))
    entry = _Uniform(-np.sqrt(1.0 * gates), np.sqrt(1.0 * gates))  # in units of 1/√width
    second, fourth = entry.moment(2), entry.moment(4)
    square = second * second / width  # of the product of two rows of length about 1
    spread = (width * fourth * fourth + 3.0 * width * (width - 1.0) * second**4) / width**4 - square * square
    shared = second * second * (fourth - second * second) / width**3
    deviation = np.sqrt((spread + 2.0 * (units - 2.0) * shared) / pairs)
    return (*_statistics(drawn, inside * width), _moments(entry, units * width), _pack([square], [deviation]))
