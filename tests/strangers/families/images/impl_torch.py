"""The networks as they were ported to PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn


def _first(x):
    return x.permute(0, 3, 1, 2)


def _last(x):
    return x.permute(0, 2, 3, 1)


def _kernel(w):
    return w.permute(3, 2, 0, 1)


def strided_same(x, w):
    return _last(F.conv2d(_first(x), _kernel(w), stride=2, padding=1))


def strided_same_odd(x, w):
    return strided_same(x, w)


def batch_norm_inference(x, scale, shift, mean, variance):
    layer = nn.BatchNorm2d(3).to(x.dtype).eval()
    layer.load_state_dict(
        {"weight": scale, "bias": shift, "running_mean": mean, "running_var": variance, "num_batches_tracked": torch.tensor(1)}
    )
    return _last(layer(_first(x))).detach()


def batch_norm_folded(x, w, mean, variance):
    factor = torch.rsqrt(variance + 1e-3)
    kernel = _kernel(w * factor[:, None])
    return _last(F.conv2d(_first(x), kernel, bias=-(w[0, 0] * (mean * factor)[:, None]).sum(0)))


def batch_norm_training(x, scale, shift):
    return _last(F.batch_norm(_first(x), None, None, scale, shift, training=True, eps=1e-3))


def flattened(x, w):
    return _first(x).flatten(1) @ w


def average_border(x):
    return _last(nn.AvgPool2d(3, stride=1, padding=1)(_first(x)))


def max_border(x):
    return _last(F.max_pool2d(F.pad(_first(x), (1, 1, 1, 1)), 3, 2))


def max_remainder(x):
    return _last(nn.MaxPool2d(2)(_first(x)))


def enlarged(x):
    return _last(F.interpolate(_first(x), size=(7, 7), mode="bilinear", align_corners=True))


def enlarged_nearest(x):
    return _last(F.interpolate(_first(x), size=(7, 7)))


def channels_of_caffe(x, mean):
    return x - 100 * mean


def scaled_pixels(x):
    return x / 255


def leaky(x):
    return nn.LeakyReLU()(x)


def transposed(x, w):
    return _last(F.conv_transpose2d(_first(x), w.permute(3, 2, 0, 1), stride=2, padding=1, output_padding=1))


def shuffled_pixels(x):
    return _last(nn.PixelShuffle(2)(_first(x)))


def flipped_kernel(x, w):
    return _last(F.conv2d(_first(x), _kernel(w).flip(2, 3)))


def group_norm(x):
    return _last(nn.GroupNorm(2, 4).to(x.dtype)(_first(x))).detach()


def reflected(x, w):
    return _last(F.conv2d(_first(x), _kernel(w), padding=1))


def bottleneck(x, w, v):
    x = F.relu(F.conv2d(_first(x), _kernel(w)))
    return _last(F.conv2d(x, _kernel(v), stride=2, padding=1))


def channels_first(x, w):
    return _last(F.conv2d(_first(x), _kernel(w), padding=1))


def two_blocks(x, w, v):
    x = F.conv2d(_first(x), _kernel(w), stride=2, padding=1)
    x = F.batch_norm(x, None, None, training=True, eps=1e-3)
    return _last(F.conv2d(F.relu(x), _kernel(v), stride=2, padding=1))


def enlarged_cubic(x):
    return _last(F.interpolate(_first(x), scale_factor=2, mode="bicubic"))


def shrunk(x):
    return _last(F.interpolate(_first(x), size=(4, 4), mode="bilinear"))


def batch_norm_moving(x, mean):
    layer = nn.BatchNorm2d(3, momentum=0.9).to(x.dtype)
    layer.running_mean.copy_(mean)
    layer(_first(x))
    return layer.running_mean


def dilated(x, w):
    return _last(F.conv2d(_first(x), _kernel(w), padding=1))
