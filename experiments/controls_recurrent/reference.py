"""The right formulas of the controls of recurrent layers, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
"""

import numpy as np
from scipy import special


def _lstm(
    x,
    mask,
    h,
    c,
    w,
    u,
    b,
    gate_order,
    gate_layout,
    kernel_layout,
    recurrent_layout,
    forget_bias,
    bias,
    recurrent_activation,
    activation,
    output_activation,
    coupled_gates,
    initial_state,
    layout,
    direction,
    masking,
    padded_output,
    padding_side,
):
    """An LSTM over x (batch 4, time 4, features 4) with 4 units: mask (4, 4) is 1 at valid steps; h, c (4, 4); w, u (4, 16); b (16,).

    Gives (4, 24): the outputs at the four steps, then the last h and the last c.
    """
    w, u = _kernel(w, kernel_layout), _kernel(u, recurrent_layout)
    times_bias = {"once": 1.0, "twice": 2.0, "none": 0.0}[bias]
    gate, act = _ACTIVATIONS[recurrent_activation], _ACTIVATIONS[activation]
    h, c = _initial(h, c, initial_state)

    def step(x, state):
        h, c = state
        i, f, g, o = _gates(np.matmul(x, w) + np.matmul(h, u) + times_bias * b, "ifgo", gate_order, gate_layout)
        f = gate(f + forget_bias)
        c = f * c + (1.0 - f if coupled_gates else gate(i)) * act(g)
        return gate(o) * _ACTIVATIONS[activation if output_activation == "same" else output_activation](c), c

    outputs, (h, c) = _scan(step, x, mask, (h, c), layout, direction, masking, padded_output, padding_side)
    return np.concatenate([outputs, h, c], axis=1)


def _gru(
    x,
    mask,
    h,
    w,
    u,
    b,
    r,
    gate_order,
    gate_layout,
    kernel_layout,
    recurrent_layout,
    update_gate,
    reset_gate,
    bias,
    recurrent_activation,
    activation,
    initial_state,
    layout,
    direction,
    masking,
    padded_output,
    padding_side,
):
    """A GRU, shapes as for the LSTM with w, u (4, 12) and two biases b, r (12,); gives (4, 20): the outputs, then the last h."""
    w, u = _kernel(w, kernel_layout), _kernel(u, recurrent_layout)
    gate, act = _ACTIVATIONS[recurrent_activation], _ACTIVATIONS[activation]
    b = (0.0 if bias in ("none", "recurrent") else 1.0) * b
    r = (0.0 if bias in ("none", "input") else 1.0) * r
    h, _ = _initial(h, 0.0 * h, initial_state)

    def step(x, state):
        (h,) = state
        inner, (uz, ur, un) = np.matmul(x, w) + b, _gates(u, "zrn", gate_order, gate_layout)
        rz, rr, rn = _gates(np.reshape(r, (1, 12)), "zrn", gate_order, gate_layout)
        z, reset, n = _gates(inner, "zrn", gate_order, gate_layout)
        z, reset = gate(z + np.matmul(h, uz) + rz), gate(reset + np.matmul(h, ur) + rr)
        state = {
            "after": reset * (np.matmul(h, un) + rn),
            "before": np.matmul(reset * h, un) + rn,
            "between": reset * np.matmul(h, un) + rn,
            "none": np.matmul(h, un) + rn,
        }[reset_gate]
        n = act(n + state)
        return ((z * h + (1.0 - z) * n) if update_gate == "keeps_old" else ((1.0 - z) * h + z * n),)

    outputs, (h,) = _scan(step, x, mask, (h,), layout, direction, masking, padded_output, padding_side)
    return np.concatenate([outputs, h], axis=1)


def _scan(step, x, mask, state, layout, direction, masking, padded_output, padding_side):
    """Outputs (batch, 4·units) of four steps of a recurrent layer and its last state; padded steps keep the state."""
    if layout in ("time_batch", "input_only"):  # the input is read as (time, batch)
        x = np.transpose(x, (1, 0, 2))
    if layout == "time_batch":
        mask = np.transpose(mask)
    if padding_side == "start":
        mask = mask[:, ::-1]
    outputs = {}
    for time in range(4) if direction == "forward" else range(3, -1, -1):
        new = step(x[:, time], state)
        valid = (mask[:, time : time + 1] > 0.5) if masking == "on" else np.ones((4, 1), bool)
        state = tuple(np.where(valid, fresh, old) for fresh, old in zip(new, state))
        outputs[time] = np.where(valid | (padded_output == "last"), state[0], 0.0 * state[0])
    order = range(3, -1, -1) if direction == "backward_order" else range(4)
    stacked = np.stack([outputs[time] for time in order], axis=1)
    if layout == "time_batch":
        stacked = np.transpose(stacked, (1, 0, 2))
    return np.reshape(stacked, (4, -1)), state


def _gates(columns, names, order, layout):
    """The blocks of columns (n, 4·gates) that belong to the gates ``names`` when they are stored in ``order``."""
    count = len(names)
    if layout == "interleaved":
        return [columns[:, order.index(name) :: count] for name in names]
    return [columns[:, 4 * order.index(name) : 4 * order.index(name) + 4] for name in names]


def _kernel(w, layout):
    """A kernel (4, 4·gates): as it is, its blocks transposed, or its memory read as (4·gates, 4) and transposed."""
    if layout == "reshaped":
        return np.transpose(np.reshape(w, (-1, 4)))
    if layout == "blocks_transposed":
        return np.concatenate([np.transpose(w[:, place : place + 4]) for place in range(0, np.shape(w)[1], 4)], axis=1)
    return w


def _initial(h, c, initial_state):
    if initial_state == "zeros":
        return 0.0 * h, 0.0 * c
    return (c, h) if initial_state == "swapped" else (h[::-1], c[::-1]) if initial_state == "rows_reversed" else (h, c)


_ACTIVATIONS = {
    "sigmoid": lambda x: special.expit(x),  # noqa: PLW0108 (the lab replaces `special` and `np` after this line has run)
    "tanh": lambda x: np.tanh(x),  # noqa: PLW0108 (as above)
    "relu": lambda x: np.maximum(x, 0.0 * x),
    "linear": lambda x: x,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "hard_sigmoid_fifth": lambda x: _between(0.2 * x + 0.5, 0.0, 1.0),  # Keras before version 3
    "hard_sigmoid_sixth": lambda x: _between((x + 3.0) / 6.0, 0.0, 1.0),  # PyTorch, Keras 3
    "hard_tanh": lambda x: _between(x, -1.0, 1.0),
}


def _between(x, low, high):
    return np.minimum(np.maximum(x, 0.0 * x + low), 0.0 * x + high)
