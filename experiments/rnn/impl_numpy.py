"""The functions in NumPy: loops over steps, inputs projected for all steps at once. Values only: NumPy does not differentiate.

Factors that are not aligned have the reference's value here: NumPy has no recurrent layer that could have a default.
"""

import numpy as np


def simple_cell(x, h, w, u, b):
    _check(x, w, u, b, 1)
    return np.tanh(np.matmul(x, w) + np.matmul(h, u) + b)


def lstm_cell(x, h, c, w, u, b):
    _check(x, w, u, b, 4)
    return _lstm_step(np.matmul(x, w) + b, h, c, u)


def gru_cell(x, h, w, u, b):
    _check(x, w, u, b, 3)
    return _gru_step(np.matmul(x, w) + b[0], h, u, b[1])


def simple_layer(x, w, u, b):
    return _simple(x, w, u, b)


def simple_relu(x, w, u, b):
    return _simple(x, w, u, b, activation=_relu)


def lstm_layer(x, w, u, b):
    return _lstm(x, w, u, b)


def lstm_initial_state(x, h, c, w, u, b):
    return _lstm(x, w, u, b, state=(h, c))


def lstm_unrolled(x, w, u, b):
    return _lstm(x, w, u, b)


def lstm_of_cells(x, w, u, b, implementation):
    if implementation == 2:
        return _lstm(x, w, u, b)
    # 1: a product for each gate
    _check(x, w, u, b, 4)
    units = len(u)
    parts = [slice(k * units, (k + 1) * units) for k in range(4)]
    h = c = np.zeros((len(x), units), x.dtype)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = [np.matmul(x[:, t], w[:, part]) + b[part] + np.matmul(h, u[:, part]) for part in parts]
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def gru_layer(x, w, u, b):
    return _gru(x, w, u, b)


def lstm_backwards(x, w, u, b, output_order="processing"):
    out, h, _ = _lstm(x[:, ::-1], w, u, b)
    return out, h


def simple_stacked_2(x, w1, u1, b1, w2, u2, b2):
    return _simple(_simple(x, w1, u1, b1)[0], w2, u2, b2)


def lstm_stacked_2(x, w1, u1, b1, w2, u2, b2):
    return _lstm(_lstm(x, w1, u1, b1)[0], w2, u2, b2)


def lstm_stacked_3(x, w1, u1, b1, w2, u2, b2, w3, u3, b3):
    return _lstm(_lstm(_lstm(x, w1, u1, b1)[0], w2, u2, b2)[0], w3, u3, b3)


def gru_stacked_2(x, w1, u1, b1, w2, u2, b2):
    return _gru(_gru(x, w1, u1, b1)[0], w2, u2, b2)


def simple_bidirectional(x, w1, u1, b1, w2, u2, b2):
    return np.concatenate([_simple(x, w1, u1, b1)[0], _simple(x[:, ::-1], w2, u2, b2)[0][:, ::-1]], axis=2)


def lstm_bidirectional(x, w1, u1, b1, w2, u2, b2):
    return np.concatenate([_lstm(x, w1, u1, b1)[0], _lstm(x[:, ::-1], w2, u2, b2)[0][:, ::-1]], axis=2)


def gru_bidirectional(x, w1, u1, b1, w2, u2, b2):
    return np.concatenate([_gru(x, w1, u1, b1)[0], _gru(x[:, ::-1], w2, u2, b2)[0][:, ::-1]], axis=2)


def lstm_bidirectional_last(x, w1, u1, b1, w2, u2, b2, last_output="whole"):
    return np.concatenate([_lstm(x, w1, u1, b1)[1], _lstm(x[:, ::-1], w2, u2, b2)[1]], axis=1)


def lstm_masked(x, mask, w, u, b, padded_output="zeros"):
    return _lstm(x, w, u, b, mask=mask > 0.5, zeros=True)


def lstm_steps(x, mask, w, u, b, steps="padded"):
    out, _, _ = _lstm(x, w, u, b, mask=mask, zeros=True)
    return out if steps == "padded" else out[:, : int(mask.sum(axis=1).max())]


def gru_masked(x, mask, w, u, b, padded_output="zeros"):
    return _gru(x, w, u, b, mask=mask > 0.5, zeros=True)


def simple_masked(x, mask, w, u, b, padded_output="zeros"):
    return _simple(x, w, u, b, mask=mask > 0.5, zeros=True)


def lstm_mask_with_hole(x, mask, w, u, b):
    return _lstm(x, w, u, b, mask=mask)


def lstm_masking_layer(x, mask, w, u, b):
    x = x * mask[:, :, None]
    return _lstm(x, w, u, b, mask=np.any(x != 0.0, axis=2))


def lstm_forgotten_mask(x, mask, w, u, b, use_mask=True):
    return _lstm(x * mask[:, :, None], w, u, b, mask=mask, zeros=True)[:2]


def lstm_padding_side(x, mask, w, u, b, padding_side="right"):
    return _lstm(x, w, u, b, mask=mask, zeros=True)[:2]


def lstm_last_valid(x, mask, w, u, b, last_output="last_valid"):
    out = _lstm(x, w, u, b)[0]
    return out[np.arange(len(x)), np.sum(mask, axis=1) - 1]


def lstm_dense(x, w, u, b_input, b_hidden, v, d, batch_first=True, bias_move="sum", recurrent_activation="sigmoid"):
    return np.matmul(_lstm(x, w, u, b_input + b_hidden)[1], v) + d


def lstm_time_major(x, w, u, b):
    out, h, c = _lstm(x.swapaxes(0, 1), w, u, b)
    return out.swapaxes(0, 1), h, c


def lstm_first_biases(x, w, u, draws, bias_start="unit_forget", recurrent_activation="sigmoid"):
    units = len(u)
    b = np.zeros(4 * units, x.dtype)
    b[units : 2 * units] = 1.0
    return _lstm(x, w, u, b)


def lstm_tf1_cell(x, w, u, b, gate_order="ifgo", forget_bias=0.0):
    return _lstm(x, w, u, b)


def lstm_v1_layer(x, w, u, b, recurrent_activation="sigmoid"):
    return _lstm(x, w, u, b)


def lstm_hard_sigmoid(x, w, u, b, hard_sigmoid="fifth"):
    return _lstm(x, w, u, b, gate=_hard_sigmoid)


def gru_defaults(x, w, u, b, gate_order="rzn", reset_after=True, recurrent_activation="sigmoid"):
    return _gru(x, w, u, b)


def gru_v1_layer(x, w, u, b, reset_after=True, recurrent_activation="sigmoid"):
    return _gru(x, w, u, b)


def gru_reset_before(x, w, u, b):
    _check(x, w, u, b, 3)
    units = len(u)
    inner = np.matmul(x, w) + (b[0] + b[1])
    h = np.zeros((len(x), units), x.dtype)
    outputs = []
    for t in range(x.shape[1]):
        gates = _sigmoid(inner[:, t, : 2 * units] + np.matmul(h, u[:, : 2 * units]))
        reset, update = gates[:, :units], gates[:, units:]
        new = np.tanh(inner[:, t, 2 * units :] + np.matmul(reset * h, u[:, 2 * units :]))
        h = update * h + (1.0 - update) * new
        outputs.append(h)
    return np.stack(outputs, axis=1), h


def lstm_carried(x, w, u, b):
    return _batches(x, w, u, b)


def lstm_stateful(x, w, u, b, state_gradient="stopped"):
    return _batches(x, w, u, b)


def lstm_state_kept(x, w, u, b, state="carried"):
    return _batches(x, w, u, b)


def gru_carried(x, w, u, b):
    h, last = None, []
    for batch in x:
        h = _gru(batch, w, u, b, h=h)[1]
        last.append(h)
    return np.stack(last)


def gru_batches_apart(x, w, u, b):
    return np.stack([_gru(batch, w, u, b)[1] for batch in x])


def gru_batches_joined(x, w, u, b):
    batches, rows = x.shape[:2]
    return _gru(x.reshape((batches * rows,) + x.shape[2:]), w, u, b)[1].reshape(batches, rows, len(u))


def simple_training(x, y, w, u, b, updates="each_batch"):
    _check(x, w, u, b, 1)
    rows, steps = x.shape[1:3]
    h = np.zeros((rows, len(u)), x.dtype)
    for batch, target in zip(x, y):
        states = [h]
        for t in range(steps):
            states.append(np.tanh(np.matmul(batch[:, t], w) + np.matmul(states[-1], u) + b))
        h = states[-1]
        delta = (h - target) / rows
        slopes = [np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)]
        for t in range(steps - 1, -1, -1):
            delta = delta * (1.0 - states[t + 1] ** 2)
            slopes[0] += np.matmul(batch[:, t].T, delta)
            slopes[1] += np.matmul(states[t].T, delta)
            slopes[2] += np.sum(delta, axis=0)
            delta = np.matmul(delta, u.T)
        w, u, b = [weight - 0.125 * slope for weight, slope in zip((w, u, b), slopes)]
    return w, u, b, h


def lstm_length(x, w, u, b):
    return _lstm(x, w, u, b)[0]


def simple_length(x, w, u, b):
    return _simple(x, w, u, b)[0]


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _fit(name, tensor, expected):
    """Raise ``ValueError`` when a weight has another shape than its place."""
    if tuple(tensor.shape) != tuple(expected):
        raise ValueError(f"{name}: expected shape {list(expected)}, got {list(tensor.shape)}")


def _check(x, w, u, b, gates):
    units = u.shape[0]
    _fit("kernel", w, (x.shape[-1], gates * units))
    _fit("recurrent kernel", u, (units, gates * units))
    _fit("bias", b, (2, gates * units) if gates == 3 else (gates * units,))


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def _relu(x):
    return np.maximum(x, 0.0)


def _simple(x, w, u, b, mask=None, zeros=False, activation=np.tanh):
    _check(x, w, u, b, 1)
    inner = np.matmul(x, w) + b
    h = np.zeros((len(x), len(u)), x.dtype)
    out = np.zeros(x.shape[:2] + (len(u),), x.dtype)
    for t in range(x.shape[1]):
        h = _keep(mask, t, activation(inner[:, t] + np.matmul(h, u)), h)
        out[:, t] = _keep(mask, t, h, 0.0) if zeros else h
    return out, h


def _lstm_step(inner, h, c, u, gate=_sigmoid):
    i, f, g, o = np.split(inner + np.matmul(h, u), 4, axis=1)
    c = gate(f) * c + gate(i) * np.tanh(g)
    return gate(o) * np.tanh(c), c


def _lstm(x, w, u, b, state=None, mask=None, zeros=False, gate=_sigmoid):
    _check(x, w, u, b, 4)
    inner = np.matmul(x, w) + b
    h, c = (np.zeros((len(x), len(u)), x.dtype),) * 2 if state is None else state
    out = np.zeros(x.shape[:2] + (len(u),), x.dtype)
    for t in range(x.shape[1]):
        new_h, new_c = _lstm_step(inner[:, t], h, c, u, gate)
        h, c = _keep(mask, t, new_h, h), _keep(mask, t, new_c, c)
        out[:, t] = _keep(mask, t, h, 0.0) if zeros else h
    return out, h, c


def _gru_step(inner, h, u, b):
    units = len(u)
    state = np.matmul(h, u) + b
    gates = _sigmoid(inner[:, : 2 * units] + state[:, : 2 * units])
    reset, update = gates[:, :units], gates[:, units:]
    new = np.tanh(inner[:, 2 * units :] + reset * state[:, 2 * units :])
    return update * h + (1.0 - update) * new


def _gru(x, w, u, b, h=None, mask=None, zeros=False):
    _check(x, w, u, b, 3)
    inner = np.matmul(x, w) + b[0]
    h = np.zeros((len(x), len(u)), x.dtype) if h is None else h
    out = np.zeros(x.shape[:2] + (len(u),), x.dtype)
    for t in range(x.shape[1]):
        h = _keep(mask, t, _gru_step(inner[:, t], h, u, b[1]), h)
        out[:, t] = _keep(mask, t, h, 0.0) if zeros else h
    return out, h


def _keep(mask, t, new, old):
    return new if mask is None else np.where(mask[:, t : t + 1], new, old)


def _batches(x, w, u, b):
    state, last = None, []
    for batch in x:
        state = _lstm(batch, w, u, b, state=state)[1:]
        last.append(state[0])
    return (np.stack(last),) + tuple(state)
