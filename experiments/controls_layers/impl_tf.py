"""The controls of attention, dense layers and initialisers in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import tensorflow as tf


def wrong_attention_scale(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, scale=1.0)


def wrong_mask_inverted(q, k, v, w, mask):
    return _attention(q, k, v, w, mask < 0.5)


def wrong_causal_mask(q, k, v, w, mask):
    return _attention(q, k, v, w, tf.linalg.band_part(mask, -1, 0) > 0.5)  # the future is hidden as well


def wrong_mask_weak(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, weak=True)  # too little


def wrong_heads(q, k, v, w, mask):
    q, k, v = [tf.concat([one[:, 0::2], one[:, 1::2]], 1) for one in (q, k, v)]  # head by head what is stored in turns
    return _attention(q, k, v, tf.concat([w[0::2], w[1::2]], 0), mask > 0.5)


def wrong_input_cast(q, k, v, w, mask):
    q, k, v = [tf.cast(tf.cast(one, tf.bfloat16), one.dtype) for one in (q, k, v)]
    return _attention(q, k, v, w, mask > 0.5)


def equal_attention_scale(q, k, v, w, mask):
    q, heads = 0.5 * q, []
    for place in (0, 4):
        powers = tf.exp(tf.matmul(q[:, place : place + 4], k[:, place : place + 4], transpose_b=True))
        powers = tf.where(mask > 0.5, powers, tf.zeros_like(powers))
        heads.append(tf.matmul(powers, v[:, place : place + 4]) / tf.reduce_sum(powers, axis=1, keepdims=True))
    return tf.matmul(tf.concat(heads, 1), w)


def _attention(q, k, v, w, seen, scale=0.5, weak=False):
    heads = []
    for place in (0, 4):
        scores = scale * tf.matmul(q[:, place : place + 4], k[:, place : place + 4], transpose_b=True)
        scores = tf.where(seen, scores, scores - 10.0 if weak else tf.ones_like(scores) * -1e9)
        heads.append(tf.matmul(tf.nn.softmax(scores), v[:, place : place + 4]))
    return tf.matmul(tf.concat(heads, 1), w)


def wrong_kernel_transposed(x, w, b, v, uniforms):
    return _dense(x, tf.transpose(w), b, v, uniforms < 0.75)  # the layout of the other framework


def wrong_missing_bias(x, w, b, v, uniforms):
    return _dense(x, w, tf.zeros_like(b), v, uniforms < 0.75)  # use_bias=False


def wrong_dropout_scale(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.75, factor=0.75)  # times the share kept, not divided by it


def wrong_keep_probability(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.25, factor=4.0)  # the rate taken for the share kept


def wrong_dropout_rule(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms >= 0.25)  # as tf.nn.dropout decides: as many, but others


def wrong_weight_cast(x, w, b, v, uniforms):
    w, v = [tf.cast(tf.cast(one, tf.float16), one.dtype) for one in (w, v)]
    return _dense(x, w, b, v, uniforms < 0.75)


def wrong_dense_two(x, w, b, v, uniforms):
    return _dense(x, tf.transpose(w), tf.zeros_like(b), v, uniforms < 0.75)  # transposed, and without bias


def equal_dense_joined(x, w, b, v, uniforms):
    joined = tf.matmul(tf.concat([x, tf.ones_like(x[:, :1])], 1), tf.concat([w, tf.reshape(b, [1, 8])], 0))
    return tf.matmul(tf.where(uniforms < 0.75, tf.tanh(joined), tf.zeros_like(joined)), v / 0.75)


def _dense(x, w, b, v, kept, factor=None):
    hidden = tf.tanh(tf.nn.bias_add(tf.matmul(x, w), b))
    hidden = hidden / 0.75 if factor is None else hidden * factor
    return tf.matmul(tf.where(kept, hidden, tf.zeros_like(hidden)), v)


def wrong_fan(u, t, s):
    return _initialiser(u, t, s, fans=(6.0, 10.0))  # inputs only


def wrong_gain(u, t, s):
    return _initialiser(u, t, s, gain=1.02)


def wrong_distribution(u, t, s):
    # normal by Box and Muller, from each number and the next of its row
    u, t = [tf.sqrt(-2.0 * tf.math.log(one)) * tf.cos(6.283185307179586 * tf.roll(one, -1, 1)) for one in (u, t)]
    return tf.concat([tf.reshape(u / 8.0**0.5, [60]), tf.reshape(t / 7.0**0.5, [40]), _start(s)], 0)


def wrong_initial_bias(u, t, s):
    return _initialiser(u, t, 0.0 * s + 0.5)  # in the middle: zero


def equal_initialiser(u, t, s):
    u, t = (u - 0.5) * (2.0 * (3.0 / 8.0) ** 0.5), (t - 0.5) * (2.0 * (3.0 / 7.0) ** 0.5)
    return tf.concat([tf.reshape(u, [60]), tf.reshape(t, [40]), (s - 0.5) / 1.5**0.5], 0)


def _initialiser(u, t, s, fans=(8.0, 7.0), gain=1.0):
    u, t = [gain * (3.0 / fan) ** 0.5 * (2.0 * one - 1.0) for one, fan in zip((u, t), fans)]
    return tf.concat([tf.reshape(u, [60]), tf.reshape(t, [40]), _start(s)], 0)


def _start(s):
    return (2.0 * s - 1.0) * (1.0 / 6.0) ** 0.5
