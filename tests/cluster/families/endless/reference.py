"""The truth of a family that gives a scheduler time, or reason, to end a job."""


def hold(x, seconds=0.0, mb=0):
    return x + 0
