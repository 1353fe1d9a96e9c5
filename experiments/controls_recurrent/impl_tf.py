"""The controls of recurrent layers in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import tensorflow as tf


def wrong_lstm_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="figo")  # input and forget gate exchanged


def wrong_lstm_output_gate(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog")  # output gate before the candidate


def wrong_forget_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, forget=1.0)  # as TensorFlow 1 adds it


def wrong_recurrent_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_fifth)  # Keras' former default


def wrong_hard_sigmoid_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_sixth)


def wrong_cell_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, act=tf.nn.relu)


def wrong_lstm_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b + b)  # once for the input and once for the state


def wrong_gates_interleaved(x, mask, h, c, w, u, b):
    w, u, b = [tf.concat([one[..., gate::4] for gate in range(4)], -1) for one in (w, u, b)]  # stored unit by unit
    return _lstm(x, mask, h, c, w, u, b)


def wrong_recurrent_kernel(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, tf.concat([tf.transpose(block) for block in tf.split(u, 4, 1)], 1), b)  # four kernels transposed


def wrong_initial_state(x, mask, h, c, w, u, b):
    return _lstm(x, mask, tf.zeros_like(h), tf.zeros_like(c), w, u, b)


def wrong_time_major(x, mask, h, c, w, u, b):
    out = _lstm(tf.transpose(x, [1, 0, 2]), tf.transpose(mask), h, c, w, u, b)  # time_major misunderstood
    return tf.concat([tf.reshape(tf.transpose(tf.reshape(out[:, :16], [4, 4, 4]), [1, 0, 2]), [4, 16]), out[:, 16:]], 1)


def wrong_sequence_padding(x, mask, h, c, w, u, b):
    return _lstm(x, tf.reverse(mask, [1]), h, c, w, u, b)  # padding taken for the start


def wrong_padded_output(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, repeat=True)  # the last output goes on


def wrong_mask_ignored(x, mask, h, c, w, u, b):
    return _lstm(x, tf.ones_like(mask), h, c, w, u, b)


def wrong_direction(x, mask, h, c, w, u, b):
    out = _lstm(tf.reverse(x, [1]), tf.reverse(mask, [1]), h, c, w, u, b)  # go_backwards
    return tf.concat([tf.reshape(tf.reverse(tf.reshape(out[:, :16], [4, 4, 4]), [1]), [4, 16]), out[:, 16:]], 1)


def wrong_lstm_two(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog", forget=1.0)


def equal_lstm_joined(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, joined=True)


def equal_lstm_powers(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=lambda one: tf.exp(one) / (1.0 + tf.exp(one)))


def wrong_gru_reset(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True)  # reset_after=False


def wrong_gru_update(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: z * n + (1.0 - z) * h)  # z for 1 - z


def wrong_gru_gates(x, mask, h, w, u, b, r):
    w, u, b, r = [tf.concat([one[..., 4:8], one[..., :4], one[..., 8:]], -1) for one in (w, u, b, r)]  # reset and update exchanged
    return _gru(x, mask, h, w, u, b, r)


def wrong_gru_bias(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, tf.zeros_like(r))


def wrong_gru_two(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True, blend=lambda z, n, h: z * n + (1.0 - z) * h)


def equal_gru_joined(x, mask, h, w, u, b, r):
    inner = tf.reshape(tf.matmul(tf.reshape(x, [16, 4]), w), [4, 4, 12]) + b
    return _gru(inner, mask, h, tf.eye(12, dtype=w.dtype), u, tf.zeros_like(b), r)


def equal_gru_difference(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: n + z * (h - n))


def _lstm(x, mask, h, c, w, u, b, order="ifgo", forget=0.0, gate=None, act=tf.tanh, repeat=False, joined=False):
    outputs, gate = [], gate or _sigmoid
    for time in range(4):
        now = x[:, time]
        if joined:
            columns = tf.matmul(tf.concat([now, h], 1), tf.concat([w, u], 0)) + b
        else:
            columns = tf.matmul(now, w) + tf.matmul(h, u) + b
        blocks = dict(zip(order, tf.split(columns, 4, 1)))
        new_c = gate(blocks["f"] + forget) * c + gate(blocks["i"]) * act(blocks["g"])
        new_h = gate(blocks["o"]) * act(new_c)
        valid = mask[:, time : time + 1] * tf.ones_like(h) > 0.5
        h, c = tf.where(valid, new_h, h), tf.where(valid, new_c, c)
        outputs.append(h if repeat else tf.where(valid, h, tf.zeros_like(h)))
    return tf.concat(outputs + [h, c], 1)


def _gru(x, mask, h, w, u, b, r, before=False, blend=None):
    outputs = []
    for time in range(4):
        inner = tf.matmul(x[:, time], w) + b
        z = _sigmoid(inner[:, :4] + tf.matmul(h, u[:, :4]) + r[:4])
        reset = _sigmoid(inner[:, 4:8] + tf.matmul(h, u[:, 4:8]) + r[4:8])
        if before:
            state = tf.matmul(reset * h, u[:, 8:]) + r[8:]
        else:
            state = reset * (tf.matmul(h, u[:, 8:]) + r[8:])
        n = tf.tanh(inner[:, 8:] + state)
        new = z * h + (1.0 - z) * n if blend is None else blend(z, n, h)
        valid = mask[:, time : time + 1] * tf.ones_like(h) > 0.5
        h = tf.where(valid, new, h)
        outputs.append(tf.where(valid, h, tf.zeros_like(h)))
    return tf.concat(outputs + [h], 1)


def _hard_fifth(x):
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sixth(x):
    return tf.clip_by_value((x + 3.0) / 6.0, 0.0, 1.0)


def _sigmoid(x):
    """By its definition: that of TensorFlow 1.15 is dozens of ULP off where it is small, and no control is about that."""
    return 1.0 / (1.0 + tf.exp(-x))
