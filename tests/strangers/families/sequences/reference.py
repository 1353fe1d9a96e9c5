"""What the ported networks were meant to compute: x (batch, time, features); kernels with the gates side by side, in Keras' order.

Arguments with a default are choices; the default is what the model was trained with.
"""

import numpy as np
from scipy import special


def lstm_old_order(x, w, u, b, gate_order="igfo", forget_bias=1.0, recurrent_activation="sigmoid"):
    return _lstm(x, w, u, b, gate_order, forget_bias, recurrent_activation, "tanh")


def lstm_forget_bias(x, w, u, b, gate_order="ifgo", forget_bias=1.0, recurrent_activation="sigmoid"):
    return _lstm(x, w, u, b, gate_order, forget_bias, recurrent_activation, "tanh")


def lstm_two_biases(x, w, u, b, gate_order="ifgo", forget_bias=0.0, recurrent_activation="sigmoid", activation="tanh"):
    return _lstm(x, w, u, b, gate_order, forget_bias, recurrent_activation, activation)


def lstm_hard_sigmoid(x, w, u, b, gate_order="ifgo", recurrent_activation="hard_sigmoid_fifth", activation="tanh"):
    return _lstm(x, w, u, b, gate_order, 0.0, recurrent_activation, activation)


def lstm_batch_first(x, w, u, b, gate_order="ifgo", layout="batch_time", recurrent_activation="sigmoid"):
    if layout == "time_batch":
        x = np.transpose(x, (1, 0, 2))
    states = _lstm_states(x, w, u, b, gate_order, 0.0, recurrent_activation, "tanh", None)
    return np.stack(states, axis=1 if layout == "batch_time" else 0)


def lstm_carried_state(x, w, u, b, h, gate_order="ifgo", initial_state="given", recurrent_activation="sigmoid"):
    return _lstm_states(x, w, u, b, gate_order, 0.0, recurrent_activation, "tanh", h if initial_state == "given" else None)[-1]


def lstm_masked(x, w, u, b, mask, output_step="last_valid", gate_order="ifgo", recurrent_activation="sigmoid"):
    states = _lstm_states(x, w, u, b, gate_order, 0.0, recurrent_activation, "tanh", None)
    if output_step != "last_valid":
        return states[-1 if output_step == "last" else 0]
    last = states[0]
    for step in range(1, 4):
        last = np.where(np.reshape(mask[:, step] > 0.5, (4, 1)), states[step], last)
    return last


def lstm_all_three(x, w, u, b, gate_order="igfo", forget_bias=1.0, recurrent_activation="hard_sigmoid_fifth"):
    return _lstm(x, w, u, b, gate_order, forget_bias, recurrent_activation, "tanh")


def gru_reset(x, w, u, b, gate_order="zrn", reset_gate="before", update_gate="keeps_old", recurrent_activation="sigmoid"):
    return _gru(x, w, u, b, gate_order, reset_gate, update_gate, recurrent_activation)


def gru_gates(x, w, u, b, gate_order="zrn", reset_gate="after", update_gate="keeps_old", recurrent_activation="sigmoid"):
    return _gru(x, w, u, b, gate_order, reset_gate, update_gate, recurrent_activation)


def rnn_relu(x, w, u, activation="relu", direction="forward"):
    return _rnn(x, w, u, activation)[-1]


def rnn_unrolled(x, w, u, activation="tanh", direction="forward"):
    return _rnn(x if direction == "forward" else x[:, ::-1], w, u, activation)[-1]


def bidirectional_last(x, w, u, backward_step="first", activation="tanh"):
    """``backward_step``: at which step of the sequence the backward direction is read."""
    back = _rnn(x[:, ::-1], w, u, activation)
    return np.concatenate([_rnn(x, w, u, activation)[-1], back[-1] if backward_step == "first" else back[0]], axis=1)


def bidirectional_merge(x, w, u, merge="sum", activation="tanh"):
    a, b = _rnn(x, w, u, activation)[-1], _rnn(x[:, ::-1], w, u, activation)[-1]
    return (
        {"sum": a + b, "mean": (a + b) / 2.0, "product": a * b}.get(merge, a + b) if merge != "concat" else np.concatenate([a, b], axis=1)
    )


def _gate(x, name):
    if name == "hard_sigmoid_fifth":
        return np.minimum(np.maximum(x / 5.0 + 0.5, 0.0), 1.0)
    if name in ("hard_sigmoid_sixth", "hard_sigmoid"):
        return np.minimum(np.maximum(x / 6.0 + 0.5, 0.0), 1.0)
    return np.tanh(x) if name == "tanh" else special.expit(x)


def _activated(x, name):
    if name == "relu":
        return np.maximum(x, 0.0)
    return {"tanh": np.tanh(x), "sigmoid": special.expit(x), "linear": x}[name]


def _lstm(x, w, u, b, gate_order, forget_bias, recurrent_activation, activation):
    return _lstm_states(x, w, u, b, gate_order, forget_bias, recurrent_activation, activation, None)[-1]


def _lstm_states(x, w, u, b, gate_order, forget_bias, recurrent_activation, activation, h):
    states = []
    h, c = (0.0 * np.matmul(x[:, 0], w[:, :5]) if h is None else h), 0.0 * np.matmul(x[:, 0], w[:, :5])
    for step in range(4):
        gates = np.matmul(x[:, step], w) + np.matmul(h, u) + b
        i, f, g, o = (gates[:, 5 * gate_order.index(name) : 5 * gate_order.index(name) + 5] for name in "ifgo")
        i, f, o = (_gate(gate, recurrent_activation) for gate in (i, f + forget_bias, o))
        c = f * c + i * _activated(g, activation)
        h = o * _activated(c, activation)
        states.append(h)
    return states


def _gru(x, w, u, b, gate_order, reset_gate, update_gate, recurrent_activation):
    h = 0.0 * np.matmul(x[:, 0], w[:, :5])
    at = {name: slice(5 * gate_order.index(name), 5 * gate_order.index(name) + 5) for name in "zrn"}
    for step in range(4):
        given, held = np.matmul(x[:, step], w) + b, np.matmul(h, u)
        z = _gate(given[:, at["z"]] + held[:, at["z"]], recurrent_activation)
        r = _gate(given[:, at["r"]] + held[:, at["r"]], recurrent_activation)
        inner = r * held[:, at["n"]] if reset_gate == "after" else np.matmul(r * h, u[:, at["n"]])
        n = np.tanh(given[:, at["n"]] + inner)
        h = z * h + (1.0 - z) * n if update_gate == "keeps_old" else (1.0 - z) * h + z * n
    return h


def _rnn(x, w, u, activation):
    states, h = [], 0.0 * np.matmul(x[:, 0], w)
    for step in range(4):
        h = _activated(np.matmul(x[:, step], w) + np.matmul(h, u), activation)
        states.append(h)
    return states
