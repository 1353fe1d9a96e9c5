"""The trainings as they were written in TensorFlow."""

import tensorflow as tf

optimizers = tf.keras.optimizers


def cross_entropy(x, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x))


def cross_entropy_twice(x, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x))


def class_weights(x, y, weights):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x) * tf.gather(weights, y))


def smoothed_labels(x, y):
    labels = tf.one_hot(y, 3, dtype=x.dtype) * 0.9 + 0.1 / 3
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, x))


def masked_mean(x, y, mask):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, x)
    return tf.reduce_sum(each * mask) / tf.reduce_sum(mask)


def clipped_entropy(p, y):
    p = tf.clip_by_value(p, 1e-7, 1 - 1e-7)
    return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))


def squared_error(x, y):
    return tf.reduce_mean(tf.square(x - y))


def huber(x, y):
    apart = tf.abs(x - y)
    return tf.reduce_mean(tf.where(apart <= 0.5, 0.5 * apart**2, 0.5 * (apart - 0.25)))


def divergence(p, q):
    return tf.reduce_mean(tf.reduce_sum(p * tf.math.log(p / q), -1))


def error_by_hand(x, y):
    return tf.reduce_mean(tf.square(x - y))


def _train(optimizer, w, g):
    variable = tf.Variable(w)
    for step in range(4):
        optimizer.apply_gradients([(g[step], variable)])
    return tf.convert_to_tensor(variable)


def adam_epsilon(w, g):
    first = second = tf.zeros_like(w)
    for step in range(1, 5):
        first, second = 0.9 * first + 0.1 * g[step - 1], 0.999 * second + 0.001 * g[step - 1] ** 2
        w -= 0.001 * (first / (1 - 0.9**step)) / (tf.sqrt(second / (1 - 0.999**step)) + 1e-7)
    return w


def adam_placement(w, g):
    return _train(optimizers.Adam(0.001, epsilon=1e-6), w, g)


def adam_by_hand(w, g):
    first = second = tf.zeros_like(w)
    for step in range(1, 5):
        first, second = 0.9 * first + 0.1 * g[step - 1], 0.999 * second + 0.001 * g[step - 1] ** 2
        w -= 0.001 * (first / (1 - 0.9**step)) / (tf.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return w


def adam_decay(w, g):
    first = second = tf.zeros_like(w)
    for step in range(1, 5):
        w -= 0.01 * 0.1 * w
        first, second = 0.9 * first + 0.1 * g[step - 1], 0.999 * second + 0.001 * g[step - 1] ** 2
        w -= 0.01 * (first / (1 - 0.9**step)) / (tf.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return w


def rmsprop_of_one(w, g):
    mean = tf.ones_like(w)
    for step in range(4):
        mean = 0.9 * mean + 0.1 * g[step] ** 2
        w -= 0.01 * g[step] / tf.sqrt(mean + 1e-3)
    return w


def rmsprop_defaults(w, g):
    mean = tf.zeros_like(w)
    for step in range(4):
        mean = 0.9 * mean + 0.1 * g[step] ** 2
        w -= 0.001 * g[step] / (tf.sqrt(mean) + 1e-7)
    return w


def adagrad(w, g):
    sums = tf.fill(w.shape, tf.constant(0.1, w.dtype))
    for step in range(4):
        sums += g[step] ** 2
        w -= 0.01 * g[step] / tf.sqrt(sums + 1e-7)
    return w


def sgd_nesterov(w, g):
    speed = tf.zeros_like(w)
    for step in range(4):
        speed = 0.9 * speed - 0.01 * g[step]
        w += 0.9 * speed - 0.01 * g[step]
    return w


def sgd_schedule(w, g):
    speed = tf.zeros_like(w)
    for step, rate in enumerate([0.1, 0.1, 0.01, 0.01]):
        speed = 0.9 * speed - rate * g[step]
        w += speed
    return w


def sgd_clipping(w, g):
    for step in range(4):
        w -= 0.1 * tf.clip_by_value(g[step], -0.5, 0.5)
    return w


def sgd_decay(w, g):
    for step in range(4):
        with tf.GradientTape() as tape:
            tape.watch(w)
            penalty = 0.05 * tf.reduce_sum(w**2)
        w -= 0.1 * (g[step] + tape.gradient(penalty, w))
    return w


def sgd_plain(w, g):
    speed = tf.zeros_like(w)
    for step in range(4):
        speed = 0.9 * speed - 0.01 * g[step]
        w += speed
    return w


def average_of_weights(w, g):
    average = w
    for step in range(4):
        w -= 0.1 * g[step]
        average = 0.9 * average + 0.1 * w
    return average


def smoothing_others(x, y):
    labels = tf.one_hot(y, 3, on_value=0.9, off_value=0.05)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(tf.cast(labels, x.dtype), x))


def smoothing_by_hand(x, y):
    return smoothed_labels(x, y)


def ignored_labels(x, y):
    real = tf.cast(y != 0, x.dtype)
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x) * real) / tf.reduce_sum(real)


def probabilities_as_logits(p, y):
    p = tf.clip_by_value(p, 1e-7, 1 - 1e-7)
    return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))


def positive_weight(x, y):
    return tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(y, x, 2.0))


def divergence_reversed(p, q):
    return tf.reduce_mean(tf.reduce_sum(p * tf.math.log(p / q), -1))


def ctc(x):
    return tf.nn.ctc_loss(tf.constant([[1]]), x[:, None], tf.constant([1]), tf.constant([4]), blank_index=0)[0]


def adam_of_bert(w, g):
    first = second = tf.zeros_like(w)
    for step in range(4):
        first, second = 0.9 * first + 0.1 * g[step], 0.999 * second + 0.001 * g[step] ** 2
        w -= 0.01 * first / (tf.sqrt(second) + 1e-6)
    return w


def clipped_each(w, v, g, h):
    for step in range(4):
        (first, second), _ = tf.clip_by_global_norm([g[step], h[step]], 0.5)
        w, v = w - 0.1 * first, v - 0.1 * second
    return tf.concat([w, v], 0)
