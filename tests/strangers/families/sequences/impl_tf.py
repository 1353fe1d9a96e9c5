"""The networks as they were written in TensorFlow."""

import tensorflow as tf

layers = tf.keras.layers


def _set(layer, x, *weights):
    layer(x)
    layer.set_weights([weight.numpy() for weight in weights])
    return layer


def _cell(x, w, u, b, forget=1.0, gate=tf.sigmoid):
    """The cell of TensorFlow 1: gates i, j, f, o, and a bias added to the forget gate while it runs."""
    h = c = tf.zeros([4, 5], x.dtype)
    for step in range(4):
        i, j, f, o = tf.split(x[:, step] @ w + h @ u + b, 4, 1)
        c = gate(f + forget) * c + gate(i) * tf.tanh(j)
        h = gate(o) * tf.tanh(c)
    return h


def lstm_old_order(x, w, u, b):
    return _cell(x, w, u, b)


def lstm_forget_bias(x, w, u, b):
    h = c = tf.zeros([4, 5], x.dtype)
    for step in range(4):
        i, f, j, o = tf.split(x[:, step] @ w + h @ u + b, 4, 1)
        c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
    return h


def lstm_two_biases(x, w, u, b):
    return _set(layers.LSTM(5, dtype=x.dtype), x, w, u, b)(x)


def lstm_hard_sigmoid(x, w, u, b):
    def gate(value):
        return tf.clip_by_value(0.2 * value + 0.5, 0, 1)

    return _set(layers.LSTM(5, recurrent_activation=gate, dtype=x.dtype), x, w, u, b)(x)


def lstm_batch_first(x, w, u, b):
    return _set(layers.LSTM(5, return_sequences=True, dtype=x.dtype), x, w, u, b)(x)


def lstm_carried_state(x, w, u, b, h):
    return _set(layers.LSTM(5, dtype=x.dtype), x, w, u, b)(x, initial_state=[h, tf.zeros_like(h)])


def lstm_masked(x, w, u, b, mask):
    return _set(layers.LSTM(5, dtype=x.dtype), x, w, u, b)(x, mask=mask > 0.5)


def lstm_all_three(x, w, u, b):
    return _cell(x, w, u, b, 1.0, lambda value: tf.clip_by_value(0.2 * value + 0.5, 0, 1))


def gru_reset(x, w, u, b):
    return _set(layers.GRU(5, reset_after=False, dtype=x.dtype), x, w, u, b)(x)


def gru_gates(x, w, u, b):
    return _set(layers.GRU(5, dtype=x.dtype), x, w, u, tf.stack([b, tf.zeros_like(b)]))(x)


def rnn_relu(x, w, u):
    return _set(layers.SimpleRNN(5, activation="relu", use_bias=False, dtype=x.dtype), x, w, u)(x)


def rnn_unrolled(x, w, u):
    return _set(layers.SimpleRNN(5, use_bias=False, unroll=True, dtype=x.dtype), x, w, u)(x)


def bidirectional_last(x, w, u):
    layer = layers.Bidirectional(layers.SimpleRNN(5, use_bias=False, dtype=x.dtype), dtype=x.dtype)
    return _set(layer, x, w, u, w, u)(x)


def bidirectional_merge(x, w, u):
    layer = layers.Bidirectional(layers.SimpleRNN(5, use_bias=False, dtype=x.dtype), merge_mode="sum", dtype=x.dtype)
    return _set(layer, x, w, u, w, u)(x)
