"""The other side of the hostile family: sound, but for the last ones."""

import numpy as np


def identity(x):
    return x + 0


loops = sleeps = exits = leaves = aborts = kills_itself = segfaults = recurses = returns_text = returns_nothing = hungry = identity
hungry_in_secret = talks = closes = writes_everywhere = wanders = leaves_a_daemon = leaves_a_thread = sets_an_alarm = surrogate = identity
huge = alters = forks = identity


def infinite(x, limit, other, several):
    return np.where(x > limit, other, x).astype(x.dtype)


def no_output(x):
    return ()


def one_output(x):
    return x + 0


def raises_codes(x):
    raise ValueError("\ud800 and \x1b[31m red")
