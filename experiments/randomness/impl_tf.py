"""Draws of TensorFlow 1.15 to 2.21 and its Keras, and statistics of them in float64. A factor that is None leaves the choice to Keras."""

import math
import random

import tensorflow as tf

keras = tf.keras
PLACES = (-1.5, -0.75, 0.0, 0.75, 1.5)
BEYOND = (1.0, 1.7, 1.74, 2.0, 2.28, 3.0)

# --- numbers -----------------------------------------------------------------------------------------------------------------------------


def uniform(count, seed=0):
    _start(seed)
    return _statistics((tf.cast(tf.random.uniform([int(count[0])]), tf.float64) - 0.5) * math.sqrt(12.0))


def normal(count, seed=0):
    _start(seed)
    return _statistics(tf.random.normal([int(count[0])]))


def truncated_normal(count, seed=0):
    _start(seed)
    return _statistics(tf.random.truncated_normal([int(count[0])]))


def truncated_normal_small(count, seed=0, bounds=None):
    _start(seed)
    return _statistics(keras.initializers.TruncatedNormal(stddev=0.05)((int(count[0]),)) / 0.05)


def integers(count, seed=0):
    _start(seed)
    return _shares_of(tf.random.uniform([int(count[0])], 0, 10, tf.int32), 10)


def categorical(count, seed=0):
    _start(seed)
    logits = tf.math.log(tf.constant([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))
    return _shares_of(tf.cast(tf.random.categorical(logits, int(count[0]))[0], tf.int32), 5)


def poisson(count, seed=0):
    _start(seed)
    return _shares_of(tf.cast(tf.random.poisson(shape=[int(count[0])], lam=3.0), tf.int32), 9)


# --- initialisers: kernels are (fan_in, fan_out) here ------------------------------------------------------------------------------------


def glorot_uniform(fans, seed=0):
    return _statistics(_weights(fans, seed, "GlorotUniform", "glorot_uniform") / _glorot(fans))


def glorot_normal(fans, seed=0, tails=None):
    return _scaled(fans, seed, tails, "GlorotNormal", "glorot_normal", _glorot(fans))


def he_uniform(fans, seed=0):
    return _statistics(_weights(fans, seed, "HeUniform", "he_uniform") / math.sqrt(2.0 / int(fans[0])))


def he_normal(fans, seed=0, tails=None):
    return _scaled(fans, seed, tails, "HeNormal", "he_normal", math.sqrt(2.0 / int(fans[0])))


def lecun_uniform(fans, seed=0):
    return _statistics(_weights(fans, seed, "LecunUniform", "lecun_uniform") / math.sqrt(1.0 / int(fans[0])))


def lecun_normal(fans, seed=0, tails=None):
    return _scaled(fans, seed, tails, "LecunNormal", "lecun_normal", math.sqrt(1.0 / int(fans[0])))


def normal_initializer(fans, seed=0, stddev=None):
    return _statistics(_weights(fans, seed, "RandomNormal", **_given(stddev=stddev)) / 0.05)


def uniform_initializer(fans, seed=0, low=None, high=None):
    return _statistics(_weights(fans, seed, "RandomUniform", **_given(minval=low, maxval=high)) / (0.05 / math.sqrt(3.0)))


def orthogonal(sizes, seed=0):
    _start(seed)
    matrices, n = int(sizes[0]), int(sizes[1])
    # an initialiser of Keras 3 draws the same numbers again when it is called again: each matrix has its own
    drawn = tf.cast(tf.stack([keras.initializers.Orthogonal()((n, n)) for _ in range(matrices)]), tf.float64)
    entries = drawn[:, 0, 0] * math.sqrt(n)
    away = tf.matmul(drawn, drawn, transpose_a=True) - tf.eye(n, dtype=tf.float64)
    return _row([tf.reduce_mean(entries), tf.reduce_mean(entries**2)]), _row([tf.reduce_mean(away**2)])


# --- layers as they are when nothing is said ---------------------------------------------------------------------------------------------


def dense(fans, seed=0, kernel=None, bias=None):
    _start(seed)
    inside, outside = int(fans[0]), int(fans[1])
    layer = keras.layers.Dense(outside, **_given(kernel_initializer=kernel, bias_initializer=bias))
    layer.build((None, inside))
    return _layer(layer, inside, outside)


def conv(fans, seed=0, kernel=None, bias=None):
    _start(seed)
    inside, outside = int(fans[0]), int(fans[1])
    layer = keras.layers.Conv2D(outside, 3, **_given(kernel_initializer=kernel, bias_initializer=bias))
    layer.build((None, 8, 8, inside))
    return _layer(layer, 9 * inside, 9 * outside)


def lstm(fans, seed=0, kernel=None, recurrent=None):
    return _recurrent(keras.layers.LSTMCell, fans, 4, seed, kernel, recurrent)


def gru(fans, seed=0, kernel=None, recurrent=None):
    return _recurrent(keras.layers.GRUCell, fans, 3, seed, kernel, recurrent)


def embedding(sizes, seed=0, initialiser=None):
    _start(seed)
    layer = keras.layers.Embedding(int(sizes[0]), int(sizes[1]), **_given(embeddings_initializer=initialiser))
    layer.build((None,))
    return _statistics(layer.trainable_weights[0] / (0.05 / math.sqrt(3.0)))


# --- dropout -----------------------------------------------------------------------------------------------------------------------------


def dropout(count, seed=0):
    _start(seed)
    return _kept(tf.nn.dropout(tf.ones([int(count[0])]), rate=0.25))


def dropout_layer(count, seed=0, training=None):
    _start(seed)
    return _kept(keras.layers.Dropout(0.5)(tf.ones([int(count[0])]), **_given(training=training)))


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _start(seed):
    """Start all generators: Keras 3 takes the seeds of its initialisers from Python's."""
    random.seed(seed)
    tf.compat.v1.set_random_seed(seed)
    if hasattr(keras.utils, "set_random_seed"):
        keras.utils.set_random_seed(seed)


def _given(**values):
    return {name: value for name, value in values.items() if value is not None}


def _weights(fans, seed, *names, **arguments):
    """Draws of an initialiser, under the first of its names that this Keras has."""
    _start(seed)
    kind = next(getattr(keras.initializers, name) for name in names if hasattr(keras.initializers, name))
    return kind(**arguments)((int(fans[0]), int(fans[1])))


def _scaled(fans, seed, tails, name, old_name, deviation):
    """Keras cuts the tails of its scaled normal initialisers; without the cut it is another distribution of the same initialiser."""
    if tails is None:
        return _statistics(_weights(fans, seed, name, old_name) / deviation)
    mode = "fan_avg" if name == "GlorotNormal" else "fan_in"
    scale = 2.0 if name == "HeNormal" else 1.0
    return _statistics(_weights(fans, seed, "VarianceScaling", scale=scale, mode=mode, distribution="untruncated_normal") / deviation)


def _glorot(fans):
    return math.sqrt(2.0 / (int(fans[0]) + int(fans[1])))


def _layer(layer, inside, outside):
    """Statistics of kernel and bias; ``inside`` and ``outside`` are the fans."""
    kernel, bias = layer.kernel / math.sqrt(2.0 / (inside + outside)), tf.cast(layer.bias + 0.0, tf.float64)
    return _statistics(kernel) + (_moments(bias * math.sqrt(inside)),)


def _recurrent(kind, fans, gates, seed, kernel, recurrent):
    _start(seed)
    inside, units = int(fans[0]), int(fans[1])
    cell = kind(units, **_given(kernel_initializer=kernel, recurrent_initializer=recurrent))
    cell.build((None, inside))
    across = cell.kernel / math.sqrt(2.0 / (inside + gates * units))
    rows = tf.cast(cell.recurrent_kernel + 0.0, tf.float64)
    products = tf.matmul(rows, rows, transpose_b=True)
    apart = products - tf.linalg.diag(tf.linalg.diag_part(products))
    pairs = units * (units - 1.0)
    entries = tf.reshape(rows, [-1]) * math.sqrt(gates * units)
    return _statistics(across) + (_moments(entries), _row([tf.reduce_sum(apart**2) / pairs]))


def _kept(y):
    """The share of zeros, and the value of the others."""
    zero = tf.cast(tf.equal(y, 0.0), tf.float64)
    return _row([tf.reduce_mean(zero)]), _row([tf.reduce_sum(tf.cast(y, tf.float64)) / tf.reduce_sum(1.0 - zero)])


def _statistics(y):
    """Moments, shares below places, shares beyond places on either side, as float32."""
    y = tf.reshape(tf.cast(y, tf.float64), [-1])
    below = [tf.reduce_mean(tf.cast(y <= place, tf.float64)) for place in PLACES]
    beyond = [tf.reduce_mean(tf.cast(tf.abs(y) > place, tf.float64)) for place in BEYOND]
    return _moments(y), _row(below), _row(beyond)


def _moments(y):
    return _row([tf.reduce_mean(y), tf.reduce_mean(y**2), tf.reduce_mean(y**4)])


def _shares_of(drawn, kinds):
    return _row([tf.reduce_mean(tf.cast(tf.equal(drawn, kind), tf.float64)) for kind in range(kinds)])


def _row(values):
    return tf.cast(tf.stack(values), tf.float32)
