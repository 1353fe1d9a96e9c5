"""The controls in TensorFlow: rewrites (``equal_*``) and planted mistakes (``wrong_*``, each with the line that is wrong marked).

Trainings are TensorFlow's own loops, so that a graph holds one step and not all of them.
"""

import tensorflow as tf

# --- rewrites ----------------------------------------------------------------------------------------------------------------------------


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


def equal_layer_norm(x, scale, shift):
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    factor = scale / tf.sqrt(tf.reduce_mean(tf.square(x - mean), axis=-1, keepdims=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_linear_layers(x, v, w):
    return tf.tanh(tf.matmul(x, tf.matmul(v, w)))


def equal_lstm_joined(x, h, c, w, u, b):
    return _lstm(tf.matmul(tf.concat([x, h], axis=1), tf.concat([w, u], axis=0)) + b, c)


def equal_attention_scale(q, k, v):
    return tf.matmul(_softmax(tf.matmul(q / 4.0, k, transpose_b=True), -1), v)


def equal_training(x, y, w):
    square, product = tf.matmul(x, x, transpose_a=True) / 32.0, tf.matmul(x, y, transpose_a=True) / 32.0

    def step(w):
        return (w - 0.0625 * (tf.matmul(square, w) - product),)

    return _repeat(100, step, w)[0]


def equal_momentum(x, y, w):
    def step(w, before):
        return w - 0.0625 * _slope(x, y, w) + 0.5 * (w - before), w

    return _repeat(50, step, w, w)[0]


# --- planted mistakes --------------------------------------------------------------------------------------------------------------------


def wrong_learning_rate(x, y, w):
    def step(w):
        return (w - 0.01001 * _slope(x, y, w),)  # 0.1 % more

    return _repeat(100, step, w)[0]


def wrong_learning_rate_mlp(x, y, v, w):
    def step(v, w):
        hidden = tf.tanh(tf.matmul(x, v))
        error = (tf.matmul(hidden, w) - y) / 16.0
        back = tf.matmul(error, w, transpose_b=True) * (1.0 - hidden * hidden)
        return (  # 0.1 % more
            v - 0.02002 * tf.matmul(x, back, transpose_a=True),
            w - 0.02002 * tf.matmul(hidden, error, transpose_a=True),
        )

    return _repeat(100, step, v, w)


def wrong_step_division(x, y, w):
    def step(w, count):
        rate = 0.0625 / (1.0 + tf.cast(count // 10, w.dtype))  # the quotient loses its fraction
        return w - rate * _slope(x, y, w), count + 1

    return _repeat(40, step, w, tf.constant(0))[0]


def wrong_momentum_convention(x, y, w):
    def step(w, speed):
        speed = 0.9 * speed + 0.1 * _slope(x, y, w)  # an average, not a sum
        return w - 0.01 * speed, speed

    return _repeat(40, step, w, 0.0 * w)[0]


def wrong_nesterov(x, y, w):
    def step(w, speed):
        speed = 0.9 * speed + _slope(x, y, w)
        return w - 0.01 * speed, speed  # without looking ahead

    return _repeat(40, step, w, 0.0 * w)[0]


def wrong_rmsprop_decay(x, y, w):
    def step(w, square):
        slope = _slope(x, y, w)
        square = 0.9 * square + 0.1 * slope * slope  # not 0.99 and 0.01
        return w - 0.01 * slope / (tf.sqrt(square) + 0.001), square

    return _repeat(40, step, w, 0.0 * w)[0]


def wrong_adam_epsilon(x, y, w):
    return _adam(x, y, w, inside=True)


def wrong_adam_correction(x, y, w):
    return _adam(x, y, w, corrected=False)


def wrong_weight_decay(x, y, w):
    return _adam(x, y, w, coupled=0.01)


def wrong_layer_norm_epsilon(x, scale, shift):
    return _normalised(x, -1, 1e-3) * scale + shift  # not 1e-5


def wrong_batch_norm_epsilon(x, scale, shift):
    return _normalised(x, 0, 1e-3) * scale + shift  # not 1e-5


def wrong_running_mean(x, running):
    return 0.1 * running + 0.9 * tf.reduce_mean(x, axis=0)  # the weights are exchanged


def wrong_running_variance(x, running):
    return 0.9 * running + 0.1 * tf.reduce_mean(tf.square(x - tf.reduce_mean(x, axis=0)), axis=0)  # without n / (n - 1)


def wrong_ddof(x):
    return tf.reduce_mean(tf.square(x - tf.reduce_mean(x, axis=-1, keepdims=True)), axis=-1)  # over n, not n - 1


def wrong_lstm_gates(x, h, c, w, u, b):
    gates = tf.matmul(x, w) + tf.matmul(h, u) + b
    return _lstm(tf.concat([gates[:, 8:16], gates[:, :8], gates[:, 16:]], axis=1), c)  # input and forget gate exchanged


def wrong_forget_bias(x, h, c, w, u, b):
    return _lstm(tf.matmul(x, w) + tf.matmul(h, u) + b, c)  # forget bias 0, not 1


def wrong_gru_reset(x, h, w, u, b):
    inner = tf.matmul(x, w) + b
    update = tf.sigmoid(inner[:, :8] + tf.matmul(h, u[:, :8]))
    reset = tf.sigmoid(inner[:, 8:16] + tf.matmul(h, u[:, 8:16]))
    candidate = tf.tanh(inner[:, 16:] + tf.matmul(reset * h, u[:, 16:]))  # reset before the product
    return update * h + (1.0 - update) * candidate


def wrong_kernel_transposed(x, w):
    return tf.matmul(x, w, transpose_b=True)  # the layout of the other framework


def wrong_missing_bias(x, w, b):
    return tf.matmul(x, w) + 0.0 * b  # no bias


def wrong_convolution_flipped(x, w):
    return _convolution(x, tf.reverse(w, [0]))  # convolution in the textbook's sense


def wrong_padding(x, w):
    edge = tf.zeros_like(x[:, :1])
    padded = tf.concat([edge, edge, x], axis=1)  # both zeros on the left
    return w[0] * padded[:, :64] + w[1] * padded[:, 1:65] + w[2] * padded[:, 2:66]


def wrong_pool_count(x):
    edge = tf.zeros_like(x[:, :1])
    padded = tf.concat([edge, x, edge], axis=1)
    return (padded[:, :64] + padded[:, 1:65] + padded[:, 2:66]) / 3.0  # the padding is counted


def wrong_softmax_axis(x):
    return _softmax(x, 0)  # not the last axis


def wrong_attention_scale(q, k, v):
    return tf.matmul(_softmax(tf.matmul(q, k, transpose_b=True), -1), v)  # scores not scaled


def wrong_leaky_slope(x):
    return tf.where(x > 0.0, x, 0.011 * x)  # not 0.01


def wrong_gelu(x):
    return 0.5 * x * (1.0 + tf.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))  # the approximation


def wrong_hard_sigmoid(x):
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)  # the other definition


def wrong_dropout_scale(x, mask):
    return x * mask * 0.5  # times the share kept, not divided by it


def wrong_reduction(x, y):
    return tf.reduce_sum((x - y) * (x - y), axis=-1)  # not the mean


def wrong_huber_delta(x, y):
    distance = tf.abs(x - y)
    return tf.reduce_mean(tf.where(distance <= 1.01, 0.5 * distance * distance, 1.01 * distance - 0.51005), axis=-1)  # delta 1.01


def wrong_label_smoothing(x, target):
    return -tf.reduce_sum((0.9 * target + 0.01) * tf.math.log(_softmax(x, -1)), axis=-1)  # smoothed by 0.1 over 10 classes


def wrong_log_base(x, target):
    return -tf.reduce_sum(target * tf.math.log(_softmax(x, -1)) / 0.6931471805599453, axis=-1)  # bits, not nats


def wrong_weight_cast(x, w):
    return tf.matmul(x, tf.cast(tf.cast(w, tf.float16), w.dtype))  # weights stored as float16


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _softmax(x, axis):
    powers = tf.exp(x - tf.reduce_max(x, axis=axis, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=axis, keepdims=True)


def _logsumexp(x):
    top = tf.reduce_max(x, axis=-1, keepdims=True)
    return top + tf.math.log(tf.reduce_sum(tf.exp(x - top), axis=-1, keepdims=True))


def _length(x):
    return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))


def _normalised(x, axis, epsilon):
    centred = x - tf.reduce_mean(x, axis=axis, keepdims=True)
    return centred / tf.sqrt(tf.reduce_mean(centred * centred, axis=axis, keepdims=True) + epsilon)


def _convolution(x, w):
    return w[0] * x[:, :60] + w[1] * x[:, 1:61] + w[2] * x[:, 2:62] + w[3] * x[:, 3:63] + w[4] * x[:, 4:]


def _lstm(gates, c):
    c = tf.sigmoid(gates[:, 8:16]) * c + tf.sigmoid(gates[:, :8]) * tf.tanh(gates[:, 16:24])
    return tf.sigmoid(gates[:, 24:]) * tf.tanh(c), c


def _slope(x, y, w):
    return tf.matmul(x, tf.matmul(x, w) - y, transpose_a=True) / 32.0


def _repeat(times, step, *state):
    """What ``state`` is after ``times`` calls of ``step``, a function from a tuple of tensors to such a tuple."""

    def more(count, *_):
        return count < times

    def body(count, *state):
        return (count + 1,) + tuple(step(*state))

    return tf.while_loop(more, body, (tf.constant(0),) + state, maximum_iterations=times)[1:]


def _adam(x, y, w, inside=False, corrected=True, coupled=0.0):
    def step(w, mean, square, first, second):
        slope = _slope(x, y, w) + coupled * w  # coupled: decay inside the gradient
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope * slope
        first, second = 0.9 * first, 0.99 * second
        m = mean / (1.0 - first) if corrected else mean  # or not corrected for the start at zero
        v = square / (1.0 - second) if corrected else square
        move = m / (tf.sqrt(v + 0.001) if inside else tf.sqrt(v) + 0.001)  # epsilon inside or outside of the root
        return w - 0.01 * move, mean, square, first, second

    one = 0.0 * w[:1] + 1.0
    return _repeat(25, step, w, 0.0 * w, 0.0 * w, one, one)[0]
