"""Recurrent layers by their formulas: the truth for all frameworks.

Shapes: inputs x (batch, steps, features); kernels w (features, gates·units), recurrent kernels u (units, gates·units), biases b
(gates·units,), or (2, gates·units) for GRU, whose second row acts on the recurrent product. Gates lie side by side, for LSTM in the order
i, f, g, o (input, forget, candidate, output), for GRU in the order r, z, n (reset, update, new), unless a factor says otherwise.

Weights are not split and inputs are not projected ahead: one product a step keeps the array operations of 512 steps few.
"""

import numpy as np
from scipy import special

# --- one step ----------------------------------------------------------------------------------------------------------------------------


def simple_cell(x, h, w, u, b):
    return np.tanh(np.matmul(x, w) + np.matmul(h, u) + b)


def lstm_cell(x, h, c, w, u, b):
    return _lstm_step(x, h, c, w, u, b)


def gru_cell(x, h, w, u, b):
    return _gru_step(x, h, w, u, b)


# --- one layer ---------------------------------------------------------------------------------------------------------------------------


def simple_layer(x, w, u, b):
    return _simple(x, w, u, b)


def simple_relu(x, w, u, b):
    return _simple(x, w, u, b, activation="relu")


def lstm_layer(x, w, u, b):
    return _lstm(x, w, u, b)


def lstm_initial_state(x, h, c, w, u, b):
    return _lstm(x, w, u, b, h=h, c=c)


def lstm_unrolled(x, w, u, b):
    return _lstm(x, w, u, b)


def lstm_of_cells(x, w, u, b, implementation):
    return _lstm(x, w, u, b)


def gru_layer(x, w, u, b):
    return _gru(x, w, u, b)


def lstm_backwards(x, w, u, b, output_order):
    out, h, _ = _lstm(x[:, ::-1], w, u, b)
    return out[:, ::-1] if output_order == "time" else out, h


# --- several layers ----------------------------------------------------------------------------------------------------------------------


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


def lstm_bidirectional_last(x, w1, u1, b1, w2, u2, b2, last_output):
    _, ahead, _ = _lstm(x, w1, u1, b1)
    out, back, _ = _lstm(x[:, ::-1], w2, u2, b2)
    # At the last step of time the layer that runs backwards has read one step.
    return np.concatenate([ahead, out[:, 0] if last_output == "last_step" else back], axis=1)


# --- sequences of different length -------------------------------------------------------------------------------------------------------


def lstm_masked(x, mask, w, u, b, padded_output):
    return _lstm(x, w, u, b, mask=mask > 0.5, zeros=padded_output == "zeros")


def lstm_steps(x, mask, w, u, b, steps):
    out, _, _ = _lstm(x, w, u, b, mask=mask > 0.5, zeros=True)
    return out if steps == "padded" else out[:, : int(np.max(np.sum(mask, axis=1)))]


def gru_masked(x, mask, w, u, b, padded_output):
    return _gru(x, w, u, b, mask=mask > 0.5, zeros=padded_output == "zeros")


def simple_masked(x, mask, w, u, b, padded_output):
    return _simple(x, w, u, b, mask=mask > 0.5, zeros=padded_output == "zeros")


def lstm_mask_with_hole(x, mask, w, u, b):
    return _lstm(x, w, u, b, mask=mask)


def lstm_masking_layer(x, mask, w, u, b):
    return _lstm(x, w, u, b, mask=mask)


def lstm_forgotten_mask(x, mask, w, u, b, use_mask):
    out, h, _ = _lstm(np.where(mask[:, :, None], x, 0.0), w, u, b, mask=mask if use_mask else None, zeros=True)
    return out, h


def lstm_padding_side(x, mask, w, u, b, padding_side):
    if padding_side == "left":
        steps, lengths = mask.shape[1], [int(n) for n in np.sum(mask, axis=1)]
        x = np.stack([np.concatenate([x[row, n:], x[row, :n]], axis=0) for row, n in enumerate(lengths)])
        mask = np.stack([np.arange(steps) >= steps - n for n in lengths])
    out, h, _ = _lstm(x, w, u, b, mask=mask, zeros=True)
    return out, h


def lstm_last_valid(x, mask, w, u, b, last_output):
    out, h, _ = _lstm(x, w, u, b, mask=mask, zeros=True)
    return out[:, -1] if last_output == "last_step" else h


# --- defaults and layouts ----------------------------------------------------------------------------------------------------------------


def lstm_dense(x, w, u, b_input, b_hidden, v, d, batch_first, bias_move, recurrent_activation):
    b = b_input if bias_move == "input" else b_input + b_hidden
    x = x if batch_first else np.transpose(x, (1, 0, 2))
    out, _, _ = _lstm(x, w, u, b, recurrent=recurrent_activation)
    out = out if batch_first else np.transpose(out, (1, 0, 2))
    return np.matmul(out[:, -1], v) + d


def lstm_time_major(x, w, u, b):
    out, h, c = _lstm(np.transpose(x, (1, 0, 2)), w, u, b)
    return np.transpose(out, (1, 0, 2)), h, c


def lstm_first_biases(x, w, u, draws, bias_start, recurrent_activation):
    units = u.shape[0]
    if bias_start == "uniform":
        b = (2.0 * draws[0] - 1.0 + (2.0 * draws[1] - 1.0)) / np.sqrt(1.0 * units)
    else:
        b = np.concatenate([np.zeros(units), np.full(units, 1.0 if bias_start == "unit_forget" else 0.0), np.zeros(2 * units)])
    return _lstm(x, w, u, b, recurrent=recurrent_activation)


def lstm_tf1_cell(x, w, u, b, gate_order, forget_bias):
    units = u.shape[0]
    one = np.concatenate([np.full(units, 1.0 if letter == "f" else 0.0) for letter in gate_order])
    return _lstm(x, w, u, b + forget_bias * one, order=gate_order)


def lstm_v1_layer(x, w, u, b, recurrent_activation):
    return _lstm(x, w, u, b, recurrent=recurrent_activation)


def lstm_hard_sigmoid(x, w, u, b, hard_sigmoid):
    return _lstm(x, w, u, b, recurrent="hard_sigmoid_" + hard_sigmoid)


def gru_defaults(x, w, u, b, gate_order, reset_after, recurrent_activation):
    return _gru(x, w, u, b, order=gate_order, reset_after=reset_after, recurrent=recurrent_activation)


def gru_v1_layer(x, w, u, b, reset_after, recurrent_activation):
    return _gru(x, w, u, b, reset_after=reset_after, recurrent=recurrent_activation)


def gru_reset_before(x, w, u, b):
    return _gru(x, w, u, b, reset_after=False)


# --- state over many batches: x (batches, batch, steps, features) ------------------------------------------------------------------------


def lstm_carried(x, w, u, b):
    return _batches(x, w, u, b, carried=True, flows=True)


def lstm_stateful(x, w, u, b, state_gradient):
    return _batches(x, w, u, b, carried=True, flows=state_gradient == "flows")


def lstm_state_kept(x, w, u, b, state):
    return _batches(x, w, u, b, carried=state == "carried", flows=True)


def gru_carried(x, w, u, b):
    h, last = None, []
    for place in range(x.shape[0]):
        _, h = _gru(x[place], w, u, b, h=h)
        last.append(h)
    return np.stack(last)


def gru_batches_apart(x, w, u, b):
    return np.stack([_gru(x[place], w, u, b)[1] for place in range(x.shape[0])])


def gru_batches_joined(x, w, u, b):
    return np.stack([_gru(x[place], w, u, b)[1] for place in range(x.shape[0])])


def simple_training(x, y, w, u, b, updates):
    """Eight batches of gradient descent on the last output, the state carried on without its gradient."""
    rows, units = x.shape[1], u.shape[0]
    h = np.zeros((rows, units))
    sum_w, sum_u, sum_b = np.zeros(w.shape), np.zeros(u.shape), np.zeros(b.shape)
    for place in range(x.shape[0]):
        states = [h]
        for t in range(x.shape[2]):
            states.append(simple_cell(x[place, :, t], states[-1], w, u, b))
        h = states[-1]
        delta = (h - y[place]) / rows
        for t in reversed(range(x.shape[2])):
            delta = delta * (1.0 - states[t + 1] * states[t + 1])
            sum_w = sum_w + np.matmul(np.transpose(x[place, :, t]), delta)
            sum_u = sum_u + np.matmul(np.transpose(states[t]), delta)
            sum_b = sum_b + np.sum(delta, axis=0)
            delta = np.matmul(delta, np.transpose(u))
        if updates == "each_batch":
            w, u, b = w - 0.125 * sum_w, u - 0.125 * sum_u, b - 0.125 * sum_b
            sum_w, sum_u, sum_b = 0.0 * sum_w, 0.0 * sum_u, 0.0 * sum_b
    if updates == "at_end":
        w, u, b = w - 0.125 * sum_w, u - 0.125 * sum_u, b - 0.125 * sum_b
    return w, u, b, h


# --- gradients by the length of the sequence ---------------------------------------------------------------------------------------------


def lstm_length(x, w, u, b):
    return _lstm(x, w, u, b)[0]


def simple_length(x, w, u, b):
    return _simple(x, w, u, b)[0]


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _gate(z, name):
    if name == "sigmoid":
        return special.expit(z)
    inner = 0.2 * z + 0.5 if name in ("hard_sigmoid", "hard_sigmoid_fifth") else z / 6.0 + 0.5
    return np.where(inner > 1.0, 1.0, np.where(inner < 0.0, 0.0, inner))


def _lstm_step(x, h, c, w, u, b, order="ifgo", recurrent="sigmoid"):
    """One step from states (batch, units); gives the new h and c."""
    gates, units = np.matmul(x, w) + np.matmul(h, u) + b, u.shape[0]
    i, f, g, o = [gates[:, order.index(letter) * units : (order.index(letter) + 1) * units] for letter in "ifgo"]
    c = _gate(f, recurrent) * c + _gate(i, recurrent) * np.tanh(g)
    return _gate(o, recurrent) * np.tanh(c), c


def _gru_step(x, h, w, u, b, order="rzn", reset_after=True, recurrent="sigmoid"):
    """One step; with ``reset_after`` the reset gate acts on the product (as in cuDNN), else on the state before it (Cho et al., 2014)."""
    units = u.shape[0]
    r, z, n = [slice(order.index(letter) * units, (order.index(letter) + 1) * units) for letter in "rzn"]
    if reset_after:
        inner, state = np.matmul(x, w) + b[0], np.matmul(h, u) + b[1]
        reset = _gate(inner[:, r] + state[:, r], recurrent)
        update = _gate(inner[:, z] + state[:, z], recurrent)
        new = np.tanh(inner[:, n] + reset * state[:, n])
    else:
        inner = np.matmul(x, w) + (b[0] + b[1])
        reset = _gate(inner[:, r] + np.matmul(h, u[:, r]), recurrent)
        update = _gate(inner[:, z] + np.matmul(h, u[:, z]), recurrent)
        new = np.tanh(inner[:, n] + np.matmul(reset * h, u[:, n]))
    return update * h + (1.0 - update) * new


def _chosen(mask, t, new, old):
    """The new value where the step counts, else the old one; masks are (batch, steps)."""
    return new if mask is None else np.where(mask[:, t : t + 1], new, old)


def _sequence(outputs):
    """Outputs (batch, units) along a new axis 1, joined by groups: the derivative of joining n arrays at once takes n² steps."""
    groups = [np.stack(outputs[start : start + 32], axis=1) for start in range(0, len(outputs), 32)]
    return groups[0] if len(groups) == 1 else np.concatenate(groups, axis=1)


def _simple(x, w, u, b, h=None, mask=None, zeros=False, activation="tanh"):
    h = np.zeros((x.shape[0], u.shape[0])) if h is None else h
    outputs = []
    for t in range(x.shape[1]):
        inner = np.matmul(x[:, t], w) + np.matmul(h, u) + b
        h = _chosen(mask, t, np.tanh(inner) if activation == "tanh" else np.where(inner > 0.0, inner, 0.0), h)
        outputs.append(_chosen(mask, t, h, 0.0) if zeros else h)
    return _sequence(outputs), h


def _lstm(x, w, u, b, h=None, c=None, mask=None, zeros=False, order="ifgo", recurrent="sigmoid"):
    """Outputs (batch, steps, units) and the last h and c; a masked step keeps the state, its output is the one before it, or zeros."""
    h = np.zeros((x.shape[0], u.shape[0])) if h is None else h
    c = np.zeros((x.shape[0], u.shape[0])) if c is None else c
    outputs = []
    for t in range(x.shape[1]):
        new_h, new_c = _lstm_step(x[:, t], h, c, w, u, b, order, recurrent)
        h, c = _chosen(mask, t, new_h, h), _chosen(mask, t, new_c, c)
        outputs.append(_chosen(mask, t, h, 0.0) if zeros else h)
    return _sequence(outputs), h, c


def _gru(x, w, u, b, h=None, mask=None, zeros=False, order="rzn", reset_after=True, recurrent="sigmoid"):
    h = np.zeros((x.shape[0], u.shape[0])) if h is None else h
    outputs = []
    for t in range(x.shape[1]):
        h = _chosen(mask, t, _gru_step(x[:, t], h, w, u, b, order, reset_after, recurrent), h)
        outputs.append(_chosen(mask, t, h, 0.0) if zeros else h)
    return _sequence(outputs), h


def _batches(x, w, u, b, carried, flows):
    """The last output of every batch (batches, batch, units), and the last h and c."""
    h, c, last = None, None, []
    for place in range(x.shape[0]):
        if place and not flows:
            h, c = np.stop_gradient(h), np.stop_gradient(c)
        _, h, c = _lstm(x[place], w, u, b, h=h if carried else None, c=c if carried else None)
        last.append(h)
    return np.stack(last), h, c
