"""The functions in TensorFlow 1.15 to 2.21."""

import tensorflow as tf


def chain(x, slope):
    for _ in range(10):
        x = tf.tanh(x * slope + 0.25)
    return x


def chain_of_many(x, slope):
    return tf.tanh(x * slope + 0.25) * x


def matmul(x, y):
    return tf.matmul(x, y)


def mlp(x, w1, b1, w2, b2):
    return tf.matmul(tf.tanh(tf.matmul(x, w1) + b1), w2) + b2


def training_step(x, y, w1, b1, w2, b2, rate):
    hidden = tf.tanh(tf.matmul(x, w1) + b1)
    distance = tf.matmul(hidden, w2) + b2 - y
    slope = 2.0 * distance / float(y.shape.num_elements())
    below = tf.matmul(slope, w2, transpose_b=True) * (1.0 - hidden * hidden)
    return (
        tf.reduce_mean(distance * distance),
        w1 - rate * tf.matmul(x, below, transpose_a=True),
        b1 - rate * tf.reduce_sum(below, axis=0),
        w2 - rate * tf.matmul(hidden, slope, transpose_a=True),
        b2 - rate * tf.reduce_sum(slope, axis=0),
    )


def training_loop(x, y, w, b, rate, steps):
    for _ in range(steps):
        slope = 2.0 * (tf.matmul(x, w) + b - y) / float(y.shape.as_list()[0])
        w = w - rate * tf.matmul(x, slope, transpose_a=True)
        b = b - rate * tf.reduce_sum(slope, axis=0)
    return w, b


def lstm_step(x, h, c, wi, wh, b):
    i, f, g, o = tf.split(tf.matmul(x, wi) + tf.matmul(h, wh) + b, 4, axis=1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c


def lstm_loop(x, h, c, wi, wh, b):
    outputs = []
    for given in tf.unstack(x, axis=1):
        h, c = lstm_step(given, h, c, wi, wh, b)
        outputs.append(h)
    return tf.stack(outputs, axis=1), c


def conv2d(x, w):
    return tf.nn.conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME")


def softmax(x):
    return tf.nn.softmax(x)


def reduction(x):
    return tf.reduce_sum(x * x)


def branch(x, limit):
    return tf.cond(tf.reduce_sum(x) > limit, lambda: tf.tanh(x), lambda: -x)


def outer(x, scale):
    return tf.reduce_sum(tf.tanh(scale * (x[:, tf.newaxis] * x[tf.newaxis])), axis=1)
