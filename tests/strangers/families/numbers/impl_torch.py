"""The numbers as they were computed again with PyTorch."""

import torch


def deviation(x):
    return torch.std(x)


def deviation_first(x):
    return x.std(0)


def covariance(x):
    return torch.cov(x.t(), correction=0)


def median(x):
    return torch.median(x)


def remainder(x, y):
    return torch.fmod(x, y)


def quotient(x, y):
    return torch.div(x, y, rounding_mode="trunc")


def rounded(x):
    return torch.floor(x + 0.5)


def quantile(x):
    return torch.quantile(x, 0.3, interpolation="nearest")


def log_sum_exp(x):
    top = x.max(-1, keepdim=True)[0]
    return (x - top).exp().sum(-1, keepdim=True).log() + top


def variance_rewritten(x):
    return x.pow(2).mean(-1) - x.mean(-1).pow(2)


def mean_of_means(x):
    return x.mean(0).mean()


def broadcast_loss(x, y):
    return torch.nn.functional.mse_loss(x[:, None], y.roll(-1))


def exclusive_sum(x):
    return x.cumsum(0)


def ranked(x, owners):
    return owners[torch.argsort(x, stable=True).flip(0)]


def sums_from_behind(x):
    return x.flip(0).cumsum(0).flip(0)
