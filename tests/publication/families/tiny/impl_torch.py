"""The tiny family."""

import torch


def square(x):
    return x * x


def tanh(x):
    return torch.tanh(x)


def doubled(x):
    return x + x


def restless(x):
    return x * x


def raises(x):
    raise ValueError("<script>alert('planted')</script>")
