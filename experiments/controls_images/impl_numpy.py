"""The controls of images in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import math
import numpy as np


def wrong_kernel_axes(x, w, b):
    return _convnet(x, w.transpose(1, 0, 2, 3), b)  # height and width exchanged


def wrong_kernel_channels(x, w, b):
    return _convnet(x, w.transpose(0, 1, 3, 2), b)  # inputs and outputs exchanged


def wrong_convolution_flipped(x, w, b):
    return _convnet(x, w[::-1, ::-1], b)  # convolution in the textbook's sense


def wrong_padding(x, w, b):
    return _convnet(x, w, b, pad=((1, 0), (1, 0)))  # on the other side


def wrong_padding_value(x, w, b):
    return _convnet(x, w, b, pad_mode="reflect")


def wrong_channel_order(x, w, b):
    return _convnet(x[..., ::-1], w, b)  # blue, green, red


def wrong_image_axes(x, w, b):
    return _convnet(x.transpose(0, 2, 1, 3), w, b)


def wrong_pool_count(x, w, b):
    return _convnet(x, w, b, counted=True)


def wrong_pool_padding(x, w, b):
    return _convnet(x, w, b, pool_pad=(1, 0))  # windows begin outside


def wrong_convnet_two(x, w, b):
    return _convnet(x[..., ::-1], w[::-1, ::-1], b)  # blue, green, red and a flipped kernel


def equal_convnet_products(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), "constant")
    windows = [padded[0, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].reshape(27) for i in range(6) for j in range(6)]
    return _pooled((np.stack(windows).dot(w.reshape(27, 3)) + b).reshape(1, 6, 6, 3))


def equal_convnet_library(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), "constant")
    windows = np.stack([padded[:, i : i + 11 : 2, j : j + 11 : 2] for i in range(3) for j in range(3)])
    return _pooled(np.einsum("knhwi,kio->nhwo", windows, w.reshape(9, 3, 3)) + b)


def _convnet(x, w, b, pad=((0, 1), (0, 1)), pad_mode="constant", pool_pad=(0, 1), counted=False):
    padded = np.pad(x, ((0, 0),) + tuple(pad) + ((0, 0),), pad_mode)
    taps = [padded[:, i : i + 11 : 2, j : j + 11 : 2].dot(w[i, j]) for i in range(3) for j in range(3)]
    return _pooled(sum(taps[1:], taps[0]) + b, pool_pad, counted)


def _pooled(x, pad=(0, 1), counted=False):
    x = np.maximum(x, 0.125 * x)
    pads = ((0, 0), pad, pad, (0, 0))
    padded, ones = np.pad(x, pads, "constant"), np.pad(np.ones_like(x), pads, "constant")
    total = sum(padded[:, i : i + 5 : 2, j : j + 5 : 2] for i in range(3) for j in range(3))
    return total / (9.0 if counted else sum(ones[:, i : i + 5 : 2, j : j + 5 : 2] for i in range(3) for j in range(3)))


def wrong_resize_corners(x, mean, deviation):
    return (_enlarged(x, [place * 3.0 / 7.0 for place in range(8)]) / 255.0 - mean) / deviation  # corners aligned


def wrong_resize_pixels(x, mean, deviation):
    return (_enlarged(x, [place / 2.0 for place in range(8)]) / 255.0 - mean) / deviation  # without half pixels


def wrong_normalisation_order(x, mean, deviation):
    return _enlarged(x) / 255.0 / deviation - mean  # divided first


def wrong_statistics_order(x, mean, deviation):
    return (_enlarged(x) / 255.0 - mean[::-1]) / deviation[::-1]  # blue, green, red


def wrong_pixel_scale(x, mean, deviation):
    return (_enlarged(x) / 256.0 - mean) / deviation  # not 255


def equal_preprocess_folded(x, mean, deviation):
    return _enlarged(x) * (1.0 / (255.0 * deviation)) - mean / deviation


def _enlarged(x, places=None):
    """x (4, 4, 3) at eight places of each axis, between pixels linearly."""
    for axis in (0, 1):
        columns = []
        for place in places or [(2 * place + 1) / 4.0 - 0.5 for place in range(8)]:
            low = math.floor(place)
            first, second = np.take(x, min(max(low, 0), 3), axis), np.take(x, min(max(low + 1, 0), 3), axis)
            columns.append(first * (1.0 - (place - low)) + second * (place - low))
        x = np.stack(columns, axis=axis)
    return x
