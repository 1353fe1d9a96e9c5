FACTOR = 2.0


def scaled(x):
    return FACTOR * x
