"""The controls of images in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import tensorflow as tf


def wrong_kernel_axes(x, w, b):
    return _pooled(_convolved(x, tf.transpose(w, [1, 0, 2, 3]), b))  # height and width exchanged


def wrong_kernel_channels(x, w, b):
    return _pooled(_convolved(x, tf.transpose(w, [0, 1, 3, 2]), b))  # inputs and outputs exchanged


def wrong_convolution_flipped(x, w, b):
    return _pooled(_convolved(x, tf.reverse(w, [0, 1]), b))  # convolution in the textbook's sense


def wrong_padding(x, w, b):
    return _pooled(_convolved(tf.pad(x, [[0, 0], [1, 0], [1, 0], [0, 0]]), w, b, "VALID"))  # as PyTorch's padding=1


def wrong_padding_value(x, w, b):
    return _pooled(_convolved(tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]], "REFLECT"), w, b, "VALID"))


def wrong_channel_order(x, w, b):
    return _pooled(_convolved(tf.reverse(x, [3]), w, b))  # blue, green, red


def wrong_image_axes(x, w, b):
    return _pooled(_convolved(tf.transpose(x, [0, 2, 1, 3]), w, b))


def wrong_pool_count(x, w, b):
    active = tf.nn.leaky_relu(_convolved(x, w, b), 0.125)
    return tf.nn.avg_pool2d(tf.pad(active, [[0, 0], [0, 1], [0, 1], [0, 0]]), 3, 2, "VALID")  # the padding counts


def wrong_pool_padding(x, w, b):
    return tf.reverse(_pooled(tf.reverse(_convolved(x, w, b), [1, 2]), False), [1, 2])  # windows begin outside


def wrong_convnet_two(x, w, b):
    return _pooled(_convolved(tf.reverse(x, [3]), tf.reverse(w, [0, 1]), b))  # blue, green, red and a flipped kernel


def equal_convnet_products(x, w, b):
    padded = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
    # one loop and not two: AutoGraph of TensorFlow 1.15 nests the loops of a comprehension the other way round
    windows = tf.stack([padded[0, place // 3 : place // 3 + 11 : 2, place % 3 : place % 3 + 11 : 2] for place in range(9)], 2)
    features = tf.matmul(tf.reshape(windows, [36, 27]), tf.reshape(w, [27, 3])) + b
    return _pooled(tf.reshape(features, [1, 6, 6, 3]))


def equal_convnet_library(x, w, b):
    return _pooled(_convolved(x, w, b), False)


def _convolved(x, w, b, padding="SAME"):
    return tf.nn.conv2d(x, w, strides=[1, 2, 2, 1], padding=padding) + b


def _pooled(x, by_hand=True):
    active = tf.nn.leaky_relu(x, 0.125)
    if not by_hand:
        return tf.nn.avg_pool2d(active, 3, 2, "SAME")
    total = tf.nn.avg_pool2d(tf.pad(active, [[0, 0], [0, 1], [0, 1], [0, 0]]), 3, 2, "VALID")
    there = tf.nn.avg_pool2d(tf.pad(tf.ones_like(active), [[0, 0], [0, 1], [0, 1], [0, 0]]), 3, 2, "VALID")
    return total / there


def wrong_resize_corners(x, mean, deviation):
    return (_enlarged(x, [3.0 * place / 7.0 for place in range(8)]) / 255.0 - mean) / deviation  # align_corners


def wrong_resize_pixels(x, mean, deviation):
    return (_enlarged(x, [place / 2.0 for place in range(8)]) / 255.0 - mean) / deviation  # half_pixel_centers=False


def wrong_normalisation_order(x, mean, deviation):
    return _enlarged(x) / 255.0 / deviation - mean  # divided first


def wrong_statistics_order(x, mean, deviation):
    return (_enlarged(x) / 255.0 - tf.reverse(mean, [0])) / tf.reverse(deviation, [0])  # blue, green, red


def wrong_pixel_scale(x, mean, deviation):
    return (_enlarged(x) / 256.0 - mean) / deviation  # not 255


def equal_preprocess_folded(x, mean, deviation):
    return _enlarged(x) * (1.0 / (255.0 * deviation)) - mean / deviation


def _enlarged(x, places=None):
    """x (4, 4, 3) at eight places of each axis, between pixels linearly; TensorFlow's own resizing knows float32 only."""
    places = places or [(2 * place + 1) / 4.0 - 0.5 for place in range(8)]
    low = [min(max(int(place // 1), 0), 3) for place in places]
    high = [min(max(int(place // 1) + 1, 0), 3) for place in places]
    share = tf.constant([place - place // 1 for place in places], x.dtype)
    for axis, weights in ((0, tf.reshape(share, [8, 1, 1])), (1, tf.reshape(share, [1, 8, 1]))):
        x = tf.gather(x, low, axis=axis) * (1.0 - weights) + tf.gather(x, high, axis=axis) * weights
    return x
