"""A small family for testing the probe: PyTorch."""

import torch


def square(x):
    return x * x


def cube(x):
    return x * x * x


def tanh(x):
    return torch.tanh(x)


def two(x, y):
    return x * y, x + y


def largest(x):
    return torch.argmax(x)


def mixed(x):
    return x * x, x > 0


def branch(x, y):
    if bool(torch.sum(x) > 0):
        z = x + y
    else:
        z = x - y
    return z


def scaled(x, factor):
    # unannotated: TorchScript takes the parameter for a tensor and refuses the number
    return x * factor


def constant(x):
    return torch.ones_like(x)


def transposed(x):
    return torch.transpose(x, 0, 1)


def gathered(x, index):
    return x[index]


def complicated(x):
    return torch.complex(x, x)


def absent(x):
    return torch.this_is_in_no_version(x)


def refused(x):
    raise NotImplementedError("this version has no such operation")


def broken(x):
    raise ValueError("the values do not fit\nand more")


def kernel_missing(x):
    return torch.inverse(x)
