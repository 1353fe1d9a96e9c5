"""The networks as they were written in TensorFlow."""

import tensorflow as tf

layers = tf.keras.layers


def _set(layer, x, *weights):
    layer(x)
    layer.set_weights([weight.numpy() for weight in weights])
    return layer


def strided_same(x, w):
    return _set(layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, dtype=x.dtype), x, w)(x)


def strided_same_odd(x, w):
    return strided_same(x, w)


def batch_norm_inference(x, scale, shift, mean, variance):
    return _set(layers.BatchNormalization(dtype=x.dtype), x, scale, shift, mean, variance)(x, training=False)


def batch_norm_folded(x, w, mean, variance):
    x = tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)
    return tf.nn.conv2d(x, w, 1, "VALID")


def batch_norm_training(x, scale, shift):
    layer = layers.BatchNormalization(dtype=x.dtype)
    layer.build(x.shape)
    layer.gamma.assign(scale)
    layer.beta.assign(shift)
    return layer(x, training=True)


def flattened(x, w):
    return layers.Flatten()(x) @ w


def average_border(x):
    return layers.AveragePooling2D(3, strides=1, padding="same", dtype=x.dtype)(x)


def max_border(x):
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=float("-inf"))
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def max_remainder(x):
    return layers.MaxPooling2D(2, padding="same", dtype=x.dtype)(x)


def enlarged(x):
    return tf.cast(tf.image.resize(x, [7, 7]), x.dtype) if x.dtype == tf.float32 else _enlarged(x)


def _enlarged(x):
    """``tf.image.resize`` gives float32 whatever it gets."""
    at = tf.clip_by_value((tf.range(7, dtype=x.dtype) + 0.5) * 4 / 7 - 0.5, 0, 3)
    low = tf.floor(at)
    share = tf.reshape(at - low, [1, 7, 1, 1])
    for _ in range(2):
        first, second = tf.gather(x, tf.cast(low, tf.int32), axis=1), tf.gather(x, tf.minimum(tf.cast(low, tf.int32) + 1, 3), axis=1)
        x = tf.transpose(first * (1 - share) + second * share, [0, 2, 1, 3])
    return x


def enlarged_nearest(x):
    return tf.image.resize(x, [7, 7], method="nearest")


def channels_of_caffe(x, mean):
    return x[..., ::-1] - 100 * mean


def scaled_pixels(x):
    return x / 127.5 - 1


def leaky(x):
    return layers.LeakyReLU(dtype=x.dtype)(x)


def transposed(x, w):
    return _set(layers.Conv2DTranspose(4, 3, strides=2, padding="same", use_bias=False, dtype=x.dtype), x, w)(x)


def shuffled_pixels(x):
    return tf.nn.depth_to_space(x, 2)


def flipped_kernel(x, w):
    return tf.nn.conv2d(x, w, 1, "VALID")


def group_norm(x):
    return layers.GroupNormalization(2, dtype=x.dtype)(x)


def reflected(x, w):
    return tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), w, 1, "VALID")


def bottleneck(x, w, v):
    x = tf.nn.relu(tf.nn.conv2d(x, w, 2, "SAME"))
    return tf.nn.conv2d(x, v, 1, "SAME")


def channels_first(x, w):
    return tf.nn.conv2d(x, w, 1, "SAME")


def two_blocks(x, w, v):
    x = tf.nn.conv2d(x, w, 2, "SAME")
    x = layers.BatchNormalization(dtype=x.dtype)(x, training=True)
    return tf.nn.conv2d(tf.nn.relu(x), v, 2, "SAME")


def enlarged_cubic(x):
    """``tf.image.resize`` gives float32 whatever it gets."""
    places = tf.range(8)
    low, share = (places - 1) // 2, tf.where(places % 2 == 0, 0.75, 0.25)
    share = tf.reshape(tf.cast(share, x.dtype), [1, 8, 1, 1])
    for _ in range(2):
        total = tf.zeros([1, 8, 4 if x.shape[2] == 4 else 8, 3], x.dtype)
        for tap in range(-1, 3):
            away = tf.abs(share - tap)
            near, far = 1.5 * away**3 - 2.5 * away**2 + 1, -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
            total += tf.gather(x, tf.clip_by_value(low + tap, 0, 3), axis=1) * tf.where(away <= 1, near, far)
        x = tf.transpose(total, [0, 2, 1, 3])
    return x


def shrunk(x):
    """As ``tf.image.resize`` with ``antialias``, which gives float32 whatever it gets."""
    rows = tf.range(8, dtype=x.dtype) + 0.5
    centres = 2 * tf.range(4, dtype=x.dtype) + 1
    shares = tf.maximum(1 - tf.abs(rows[None] - centres[:, None]) / 2, 0)
    shares /= tf.reduce_sum(shares, 1, keepdims=True)
    return tf.einsum("ar,brsc,ds->badc", shares, x, shares)


def batch_norm_moving(x, mean):
    layer = layers.BatchNormalization(momentum=0.9, dtype=x.dtype)
    layer(x)
    layer.moving_mean.assign(mean)
    layer(x, training=True)
    return tf.convert_to_tensor(layer.moving_mean)


def dilated(x, w):
    return tf.nn.conv2d(x, w, 1, "SAME", dilations=2)
