"""The controls of recurrent layers in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import numpy as np


def wrong_lstm_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="figo")  # input and forget gate exchanged


def wrong_lstm_output_gate(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog")  # output gate before the candidate


def wrong_forget_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, forget=1.0)


def wrong_recurrent_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_fifth)


def wrong_hard_sigmoid_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_sixth)


def wrong_cell_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, act=lambda a: np.maximum(a, 0.0))


def wrong_lstm_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b + b)  # once for the input and once for the state


def wrong_gates_interleaved(x, mask, h, c, w, u, b):
    w, u, b = (np.concatenate([one[..., gate::4] for gate in range(4)], axis=-1) for one in (w, u, b))  # stored unit by unit
    return _lstm(x, mask, h, c, w, u, b)


def wrong_recurrent_kernel(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, np.hstack([block.T for block in np.split(u, 4, axis=1)]), b)  # four square kernels transposed


def wrong_initial_state(x, mask, h, c, w, u, b):
    return _lstm(x, mask, np.zeros_like(h), np.zeros_like(c), w, u, b)


def wrong_time_major(x, mask, h, c, w, u, b):
    out = _lstm(np.swapaxes(x, 0, 1), mask.T, h, c, w, u, b)  # batch taken for time
    return np.hstack([np.swapaxes(out[:, :16].reshape(4, 4, 4), 0, 1).reshape(4, 16), out[:, 16:]])


def wrong_sequence_padding(x, mask, h, c, w, u, b):
    return _lstm(x, mask[:, ::-1], h, c, w, u, b)  # padding taken for the start


def wrong_padded_output(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, repeat=True)  # the last output goes on


def wrong_mask_ignored(x, mask, h, c, w, u, b):
    return _lstm(x, np.ones_like(mask), h, c, w, u, b)


def wrong_direction(x, mask, h, c, w, u, b):
    out = _lstm(x[:, ::-1], mask[:, ::-1], h, c, w, u, b)  # read from the end
    return np.hstack([out[:, :16].reshape(4, 4, 4)[:, ::-1].reshape(4, 16), out[:, 16:]])


def wrong_lstm_two(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog", forget=1.0)


def equal_lstm_joined(x, mask, h, c, w, u, b):
    kernel = np.concatenate([w, u])
    return _lstm(x, mask, h, c, w, u, b, product=lambda now, h: np.concatenate([now, h], axis=1).dot(kernel))


def equal_lstm_powers(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=lambda a: np.exp(a) / (1.0 + np.exp(a)))


def wrong_gru_reset(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True)


def wrong_gru_update(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: z * n + (1.0 - z) * h)  # z for 1 - z


def wrong_gru_gates(x, mask, h, w, u, b, r):
    w, u, b, r = (one[..., [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]] for one in (w, u, b, r))  # reset and update exchanged
    return _gru(x, mask, h, w, u, b, r)


def wrong_gru_bias(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, np.zeros_like(r))


def wrong_gru_two(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True, blend=lambda z, n, h: z * n + (1.0 - z) * h)


def equal_gru_joined(x, mask, h, w, u, b, r):
    inner = x.reshape(16, 4).dot(w).reshape(4, 4, 12) + b
    return _gru(inner, mask, h, np.eye(12, dtype=w.dtype), u, np.zeros_like(b), r)


def equal_gru_difference(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: n + z * (h - n))


def _lstm(x, mask, h, c, w, u, b, order="ifgo", forget=0.0, gate=None, act=np.tanh, repeat=False, product=None):
    gate = gate or _sigmoid
    outputs = []
    for time in range(4):
        pieces = (x[:, time].dot(w) + h.dot(u) if product is None else product(x[:, time], h)) + b
        i, f, g, o = (pieces[:, 4 * order.index(name) : 4 * order.index(name) + 4] for name in "ifgo")
        new_c = gate(f + forget) * c + gate(i) * act(g)
        new_h = gate(o) * act(new_c)
        valid = mask[:, time : time + 1] > 0.5
        h, c = np.where(valid, new_h, h), np.where(valid, new_c, c)
        outputs.append(h if repeat else np.where(valid, h, np.zeros_like(h)))
    return np.concatenate(outputs + [h, c], axis=1)


def _gru(x, mask, h, w, u, b, r, before=False, blend=None):
    outputs = []
    for time in range(4):
        inner = x[:, time].dot(w) + b
        z = _sigmoid(inner[:, :4] + h.dot(u[:, :4]) + r[:4])
        reset = _sigmoid(inner[:, 4:8] + h.dot(u[:, 4:8]) + r[4:8])
        state = (reset * h).dot(u[:, 8:]) + r[8:] if before else reset * (h.dot(u[:, 8:]) + r[8:])
        n = np.tanh(inner[:, 8:] + state)
        new = z * h + (1.0 - z) * n if blend is None else blend(z, n, h)
        valid = mask[:, time : time + 1] > 0.5
        h = np.where(valid, new, h)
        outputs.append(np.where(valid, h, np.zeros_like(h)))
    return np.concatenate(outputs + [h], axis=1)


def _hard_fifth(x):
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sixth(x):
    return np.clip((x + 3.0) / 6.0, 0.0, 1.0)


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))
