from . import numbers


def shifted(x):
    return x + numbers.SHIFT
