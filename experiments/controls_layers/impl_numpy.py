"""The controls of attention, dense layers and initialisers in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import math
import numpy as np


def wrong_attention_scale(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, scale=1.0)


def wrong_mask_inverted(q, k, v, w, mask):
    return _attention(q, k, v, w, mask < 0.5)


def wrong_causal_mask(q, k, v, w, mask):
    return _attention(q, k, v, w, np.tril(mask) > 0.5)  # the future is hidden as well


def wrong_mask_weak(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, hide=lambda scores: scores - 10.0)  # too little


def wrong_heads(q, k, v, w, mask):
    turn = [0, 2, 4, 6, 1, 3, 5, 7]  # head by head what is stored in turns
    q, k, v = (np.stack([one[:, place] for place in turn], axis=1) for one in (q, k, v))
    rows = np.stack([w[place] for place in turn])
    return _attention(q, k, v, rows, mask > 0.5)


def wrong_input_cast(q, k, v, w, mask):
    return _attention(_bfloat16(q), _bfloat16(k), _bfloat16(v), w, mask > 0.5)


def equal_attention_scale(q, k, v, w, mask):
    q = 0.5 * q
    out = []
    for head in (slice(0, 4), slice(4, 8)):
        powers = np.where(mask > 0.5, np.exp(q[:, head].dot(k[:, head].T)), 0.0).astype(q.dtype)
        out.append(powers.dot(v[:, head]) / np.sum(powers, axis=1, keepdims=True))
    return np.concatenate(out, axis=1).dot(w)


def _attention(q, k, v, w, seen, scale=0.5, hide=None):
    out = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = scale * q[:, head].dot(k[:, head].T)
        scores = np.where(seen, scores, np.full_like(scores, -1e9) if hide is None else hide(scores))
        out.append(_softmax(scores, 1).dot(v[:, head]))
    return np.concatenate(out, axis=1).dot(w)


def _bfloat16(x):
    """Nearest bfloat16 (half to even) of numbers that float32 holds exactly, by their bits; NumPy has no such type."""
    bits = x.astype(np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(x.dtype)


def wrong_kernel_transposed(x, w, b, v, uniforms):
    return _dense(x, w.T, b, v, uniforms < 0.75)  # the layout of the other framework


def wrong_missing_bias(x, w, b, v, uniforms):
    return _dense(x, w, np.zeros_like(b), v, uniforms < 0.75)


def wrong_dropout_scale(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.75, factor=0.75)  # times the share kept, not divided by it


def wrong_keep_probability(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.25, factor=4.0)  # the rate taken for the share kept


def wrong_dropout_rule(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms >= 0.25)  # as many, but others


def wrong_weight_cast(x, w, b, v, uniforms):
    return _dense(x, w.astype(np.float16).astype(w.dtype), b, v.astype(np.float16).astype(v.dtype), uniforms < 0.75)


def wrong_dense_two(x, w, b, v, uniforms):
    return _dense(x, w.T, np.zeros_like(b), v, uniforms < 0.75)  # transposed, and without bias


def equal_dense_joined(x, w, b, v, uniforms):
    joined = np.concatenate([x, np.ones_like(x[:, :1])], axis=1).dot(np.concatenate([w, b.reshape(1, 8)]))
    return np.where(uniforms < 0.75, np.tanh(joined), np.zeros_like(joined)).dot(v / 0.75)


def _dense(x, w, b, v, kept, factor=None):
    hidden = np.tanh(x.dot(w) + b)
    hidden = hidden / 0.75 if factor is None else hidden * factor
    return np.where(kept, hidden, np.zeros_like(hidden)).dot(v)


def wrong_fan(u, t, s):
    return _initialiser(u, t, s, fans=(6.0, 10.0))  # inputs only


def wrong_gain(u, t, s):
    return _initialiser(u, t, s, gain=1.02)


def wrong_distribution(u, t, s):
    def normal(values):  # by Box and Muller, from each number and the next of its row
        return np.sqrt(-2.0 * np.log(values)) * np.cos(2.0 * np.pi * np.roll(values, -1, axis=1))

    return np.concatenate([(normal(u) / np.sqrt(8.0)).reshape(60), (normal(t) / np.sqrt(7.0)).reshape(40), _start(s)]).astype(u.dtype)


def wrong_initial_bias(u, t, s):
    return _initialiser(u, t, np.full_like(s, 0.5))  # in the middle: zero


def equal_initialiser(u, t, s):
    parts = [(one - 0.5) * (2.0 * math.sqrt(3.0 / fan)) for one, fan in ((u, 8.0), (t, 7.0))]
    return np.concatenate([parts[0].reshape(60), parts[1].reshape(40), (s - 0.5) / math.sqrt(1.5)])


def _initialiser(u, t, s, fans=(8.0, 7.0), gain=1.0):
    parts = [gain * np.sqrt(3.0 / fan).astype(one.dtype) * (2.0 * one - 1.0) for one, fan in zip((u, t), fans)]
    return np.concatenate([parts[0].reshape(60), parts[1].reshape(40), _start(s)])


def _start(s):
    return (2.0 * s - 1.0) * math.sqrt(1.0 / 6.0)


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)
