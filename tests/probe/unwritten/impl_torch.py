"""A function that reads what nobody wrote, and one that does not."""

import torch


def unwritten(x):
    return x + torch.empty([5000], dtype=x.dtype)


def written(x):
    return x + torch.zeros([5000], dtype=x.dtype)


def least_squares(x, y):
    return torch.linalg.lstsq(x, y)[0]
