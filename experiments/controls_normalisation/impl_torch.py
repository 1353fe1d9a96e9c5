"""The controls of normalisation in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import torch
import torch.nn.functional as F


def wrong_layer_norm_epsilon(x, units, scale, shift):
    return F.layer_norm(x * units, [10], scale, shift, 1e-3)


def wrong_layer_norm_placement(x, units, scale, shift):
    apart = x * units - torch.mean(x * units, dim=-1, keepdim=True)
    return apart / (torch.sqrt(torch.mean(apart * apart, dim=-1, keepdim=True)) + 1e-5) * scale + shift  # outside of the root


def wrong_layer_norm_axis(x, units, scale, shift):
    return F.layer_norm((x * units).t(), [6], None, None, 1e-5).t() * scale + shift  # over the batch


def wrong_layer_norm_ddof(x, units, scale, shift):
    x = x * units
    variance = torch.var(x, dim=-1, keepdim=True)  # PyTorch's default: over n - 1
    return (x - torch.mean(x, dim=-1, keepdim=True)) / torch.sqrt(variance + 1e-5) * scale + shift


def wrong_rms_norm(x, units, scale, shift):
    x = x * units
    return x * torch.rsqrt(torch.mean(x * x, dim=-1, keepdim=True) + 1e-5) * scale + shift  # no mean


def wrong_group_norm(x, units, scale, shift):
    return F.group_norm(x * units, 2, scale, shift, 1e-5)


def wrong_scale_from_one(x, units, scale, shift):
    return F.layer_norm(x * units, [10], 1.0 + scale, shift, 1e-5)


def equal_layer_norm(x, units, scale, shift):
    x = x * units
    mean = torch.mean(x, dim=-1, keepdim=True)
    factor = scale / torch.sqrt(torch.mean(torch.pow(x - mean, 2), dim=-1, keepdim=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_layer_norm_moments(x, units, scale, shift):
    x = x * units
    mean = torch.mean(x, dim=-1, keepdim=True)
    return (x - mean) / torch.sqrt(torch.mean(x * x, dim=-1, keepdim=True) - mean * mean + 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, epsilon=1e-3)


def wrong_running_mean(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, momentum=0.875)  # Keras' share of the old value


def wrong_running_variance(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    out = _batch_norm(x, scale, shift, running_mean, running_variance)
    variance = 0.875 * running_variance + 0.125 * torch.var(x, dim=0, unbiased=False)  # over n
    return torch.cat([out[:9], variance.reshape(1, 5)])


def wrong_eval_statistics(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    out = _batch_norm(x, scale, shift, running_mean, running_variance)
    return torch.cat([F.batch_norm(x, running_mean, running_variance, scale, shift, False, 0.125, 1e-5), out[8:]])  # as in eval()


def equal_batch_norm_folded(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    mean, variance = torch.mean(x, dim=0), torch.var(x, dim=0, unbiased=False)
    factor = scale / torch.sqrt(variance + 1e-5)
    mean_after = running_mean + 0.125 * (mean - running_mean)
    variance_after = running_variance - 0.125 * (running_variance - variance * 8.0 / 7.0)
    return torch.cat([x * factor + (shift - mean * factor), mean_after.reshape(1, 5), variance_after.reshape(1, 5)])


def _batch_norm(x, scale, shift, running_mean, running_variance, epsilon: float = 1e-5, momentum: float = 0.125):
    mean, variance = running_mean.clone(), running_variance.clone()  # changed in place
    out = F.batch_norm(x, mean, variance, scale, shift, True, momentum, epsilon)
    return torch.cat([out, mean.reshape(1, 5), variance.reshape(1, 5)])
