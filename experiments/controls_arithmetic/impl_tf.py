"""The controls of sums, products and spreads in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import tensorflow as tf


def equal_sum_reversed(x):
    return tf.reduce_sum(tf.reverse(x, [1]), axis=-1)


def equal_sum_halves(x):
    return tf.reduce_sum(x[:, :500], axis=-1) + tf.reduce_sum(x[:, 500:], axis=-1)


def equal_mean_dot(x):
    return tf.matmul(x, tf.transpose(tf.ones_like(x[:1])) / 1000.0)


def equal_variance_moments(x):
    mean = tf.reduce_mean(x, axis=-1)
    return tf.reduce_mean(x * x, axis=-1) - mean * mean


def equal_add_association(a, b, c):
    return a + (b + c)


def equal_distributive(a, b, c):
    return a * b + a * c


def equal_divide_reciprocal(x, y):
    return x * (1.0 / y)


def equal_cube(x):
    return x**3


def equal_polynomial(x):
    return 1.0 + x * (0.5 + x * (0.25 + x * (0.125 + x * 0.0625)))


def equal_matmul_transposed(a, b):
    return tf.transpose(tf.matmul(b, a, transpose_a=True, transpose_b=True))


def equal_matmul_blocks(a, b):
    return tf.matmul(a[:, :16], b[:16]) + tf.matmul(a[:, 16:], b[16:])


def equal_quadratic_form(x, a):
    return tf.reduce_sum(x * tf.transpose(tf.matmul(a, x, transpose_b=True)), axis=-1, keepdims=True)


def equal_convolution(x, w):
    windows = tf.stack([x[:, :60], x[:, 1:61], x[:, 2:62], x[:, 3:63], x[:, 4:]], axis=-1)
    return tf.reshape(tf.matmul(tf.reshape(windows, [240, 5]), tf.reshape(w, [5, 1])), [4, 60])


def equal_softmax_shift(x):
    powers = tf.exp(x - tf.reduce_mean(x, axis=-1, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def equal_log_softmax(x):
    return tf.math.log(_softmax(x, -1))


def equal_logsumexp_halves(x):
    return _logsumexp(tf.concat([_logsumexp(x[:, :32]), _logsumexp(x[:, 32:])], axis=1))


def equal_sigmoid_tanh(x):
    return 0.5 + 0.5 * tf.tanh(0.5 * x)


def equal_cosine(x, y):
    return tf.reduce_sum((x / _length(x)) * (y / _length(y)), axis=-1, keepdims=True)


def equal_linear_layers(x, v, w):
    return tf.tanh(tf.matmul(x, tf.matmul(v, w)))


def equal_training(x, y, w):
    square, product = tf.matmul(x, x, transpose_a=True) / 32.0, tf.matmul(x, y, transpose_a=True) / 32.0

    def step(w):
        return (w - 0.0625 * (tf.matmul(square, w) - product),)

    return _repeat(100, step, w)[0]


def equal_momentum(x, y, w):
    def step(w, before):
        return w - 0.0625 * _slope(x, y, w) + 0.5 * (w - before), w

    return _repeat(50, step, w, w)[0]


def wrong_ddof(x):
    return _statistics(x, tf.reduce_sum(x, axis=1), count=12.0)  # TensorFlow's own: over n


def wrong_accumulator(x):
    total = tf.zeros_like(x[:, 0])
    for column in range(12):
        total = tf.cast(tf.cast(total + x[:, column], tf.float16), x.dtype)  # the running sum is stored in half precision
    return _statistics(x, total)


def wrong_sum_axis(x):
    return _statistics(tf.transpose(x), tf.reduce_sum(x, axis=0))  # columns


def wrong_standard_epsilon(x):
    return _statistics(x, tf.reduce_sum(x, axis=1), epsilon=2e-3)


def equal_statistics(x):
    mean, squares = tf.reduce_mean(x, axis=1), tf.reduce_sum(x * x, axis=1)
    variance = (squares - 12.0 * mean * mean) / 11.0
    total = tf.reduce_sum(x[:, :6], axis=1) + tf.reduce_sum(x[:, 6:], axis=1)
    return tf.stack([total, variance, tf.sqrt(squares), (x[:, 0] - mean) / tf.sqrt(variance + 1e-3)])


def _statistics(x, total, count=11.0, epsilon=1e-3):
    mean = tf.reduce_mean(x, axis=1, keepdims=True)
    variance = tf.reduce_sum(tf.square(x - mean), axis=1) / count
    return tf.stack([total, variance, tf.norm(x, axis=1), (x - mean)[:, 0] / tf.sqrt(variance + epsilon)])


def _repeat(times, step, *state):
    """What ``state`` is after ``times`` calls of ``step``, a function from a tuple of tensors to such a tuple."""

    def more(count, *_):
        return count < times

    def body(count, *state):
        return (count + 1,) + tuple(step(*state))

    return tf.while_loop(more, body, (tf.constant(0),) + state, maximum_iterations=times)[1:]


def _softmax(x, axis):
    powers = tf.exp(x - tf.reduce_max(x, axis=axis, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=axis, keepdims=True)


def _logsumexp(x):
    top = tf.reduce_max(x, axis=-1, keepdims=True)
    return top + tf.math.log(tf.reduce_sum(tf.exp(x - top), axis=-1, keepdims=True))


def _length(x):
    return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))


def _slope(x, y, w):
    return tf.matmul(x, tf.matmul(x, w) - y, transpose_a=True) / 32.0
