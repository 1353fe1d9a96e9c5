"""The controls of images in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import torch
import torch.nn.functional as F


def wrong_kernel_axes(x, w, b):
    return _convnet(x, w.permute(1, 0, 2, 3), b)  # height and width exchanged


def wrong_kernel_channels(x, w, b):
    return _convnet(x, w.permute(0, 1, 3, 2), b)  # inputs and outputs exchanged


def wrong_convolution_flipped(x, w, b):
    return _convnet(x, torch.flip(w, [0, 1]), b)  # convolution in the textbook's sense


def wrong_padding(x, w, b):
    return _convnet(x, w, b, pad="start")  # what padding=1 does with a stride of 2


def wrong_padding_value(x, w, b):
    return _convnet(x, w, b, mode="reflect")


def wrong_channel_order(x, w, b):
    return _convnet(torch.flip(x, [3]), w, b)  # blue, green, red


def wrong_image_axes(x, w, b):
    return _convnet(x.permute(0, 2, 1, 3), w, b)


def wrong_pool_count(x, w, b):
    return _convnet(x, w, b, counted=True)


def wrong_pool_padding(x, w, b):
    return _convnet(x, w, b, pool_pad="start")  # windows begin outside


def wrong_convnet_two(x, w, b):
    return _convnet(torch.flip(x, [3]), torch.flip(w, [0, 1]), b)  # blue, green, red and a flipped kernel


def equal_convnet_products(x, w, b):
    windows = F.unfold(F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1)), 3, stride=2)[0].t()
    features = torch.matmul(windows, w.permute(2, 0, 1, 3).reshape(27, 3)) + b
    return _pooled(features.reshape(1, 6, 6, 3).permute(0, 3, 1, 2), "end", False)


def equal_convnet_library(x, w, b):
    mirrored = F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1)).flip(2, 3)  # image and kernel both from their ends
    features = F.conv2d(mirrored, w.permute(3, 2, 0, 1).flip(2, 3), b, stride=2).flip(2, 3)
    return _pooled(features, "end", False)


def _convnet(x, w, b, pad: str = "end", mode: str = "constant", pool_pad: str = "end", counted: bool = False):
    images = x.permute(0, 3, 1, 2)
    if mode == "reflect":
        images = F.pad(images, (1, 1, 1, 1), mode="reflect")[:, :, 1:, 1:]  # on both sides, then without the first
    else:
        images = F.pad(images, (1, 0, 1, 0) if pad == "start" else (0, 1, 0, 1))
    return _pooled(F.conv2d(images, w.permute(3, 2, 0, 1), b, stride=2), pool_pad, counted)


def _pooled(x, pad: str, counted: bool):
    x = F.pad(F.leaky_relu(x, 0.125), (1, 0, 1, 0) if pad == "start" else (0, 1, 0, 1))
    found = F.avg_pool2d(x, 3, stride=2)
    if not counted:
        there = F.pad(torch.ones_like(x[:, :, 1:, 1:]), (1, 0, 1, 0) if pad == "start" else (0, 1, 0, 1))
        found = found / F.avg_pool2d(there, 3, stride=2)
    return found.permute(0, 2, 3, 1)


def wrong_resize_corners(x, mean, deviation):
    return (_enlarged(x, corners=True) / 255.0 - mean) / deviation


def wrong_resize_pixels(x, mean, deviation):
    last = torch.cat([x, x[3:]])
    tall = torch.stack([last[:4], (last[:4] + last[1:]) / 2.0], dim=1).reshape(8, 4, 3)  # between the pixels, not around their centres
    last = torch.cat([tall, tall[:, 3:]], dim=1)
    wide = torch.stack([last[:, :4], (last[:, :4] + last[:, 1:]) / 2.0], dim=2).reshape(8, 8, 3)
    return (wide / 255.0 - mean) / deviation


def wrong_normalisation_order(x, mean, deviation):
    return _enlarged(x) / 255.0 / deviation - mean  # divided first


def wrong_statistics_order(x, mean, deviation):
    return (_enlarged(x) / 255.0 - torch.flip(mean, [0])) / torch.flip(deviation, [0])  # blue, green, red


def wrong_pixel_scale(x, mean, deviation):
    return (_enlarged(x) / 256.0 - mean) / deviation  # not 255


def equal_preprocess_folded(x, mean, deviation):
    return _enlarged(x) * (1.0 / (255.0 * deviation)) - mean / deviation


def _enlarged(x, corners: bool = False):
    image = x.permute(2, 0, 1).unsqueeze(0)
    return F.interpolate(image, size=(8, 8), mode="bilinear", align_corners=corners)[0].permute(1, 2, 0)
