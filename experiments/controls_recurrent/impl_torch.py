"""The controls of recurrent layers in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

from typing import Tuple
import torch


def wrong_lstm_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order=(1, 0, 2, 3))  # input and forget gate exchanged


def wrong_lstm_output_gate(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order=(0, 1, 3, 2))  # output gate before the candidate


def wrong_forget_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, forget=1.0)


def wrong_recurrent_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate="hard_fifth")


def wrong_hard_sigmoid_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate="hard_sixth")


def wrong_cell_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, act="relu")


def wrong_lstm_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, times=2.0)  # bias_ih and bias_hh from one bias


def wrong_gates_interleaved(x, mask, h, c, w, u, b):
    turned = [torch.cat([one[..., gate::4] for gate in range(4)], dim=-1) for one in (w, u, b)]  # stored unit by unit
    return _lstm(x, mask, h, c, turned[0], turned[1], turned[2])


def wrong_recurrent_kernel(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, torch.cat([block.t() for block in torch.split(u, 4, dim=1)], dim=1), b)  # four kernels transposed


def wrong_initial_state(x, mask, h, c, w, u, b):
    return _lstm(x, mask, torch.zeros_like(h), torch.zeros_like(c), w, u, b)


def wrong_time_major(x, mask, h, c, w, u, b):
    out = _lstm(x.transpose(0, 1), mask.t(), h, c, w, u, b)  # batch_first forgotten
    return torch.cat([out[:, :16].reshape(4, 4, 4).transpose(0, 1).reshape(4, 16), out[:, 16:]], dim=1)


def wrong_sequence_padding(x, mask, h, c, w, u, b):
    return _lstm(x, torch.flip(mask, [1]), h, c, w, u, b)  # padding taken for the start


def wrong_padded_output(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, repeat=True)  # the last output goes on


def wrong_mask_ignored(x, mask, h, c, w, u, b):
    return _lstm(x, torch.ones_like(mask), h, c, w, u, b)


def wrong_direction(x, mask, h, c, w, u, b):
    out = _lstm(torch.flip(x, [1]), torch.flip(mask, [1]), h, c, w, u, b)  # read from the end
    return torch.cat([torch.flip(out[:, :16].reshape(4, 4, 4), [1]).reshape(4, 16), out[:, 16:]], dim=1)


def wrong_lstm_two(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order=(0, 1, 3, 2), forget=1.0)


def equal_lstm_joined(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, joined=True)


def equal_lstm_powers(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate="powers")


def wrong_gru_reset(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True)


def wrong_gru_update(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend="exchanged")  # z for 1 - z


def wrong_gru_gates(x, mask, h, w, u, b, r):
    turned = [torch.cat([one[..., 4:8], one[..., :4], one[..., 8:]], dim=-1) for one in (w, u, b, r)]  # PyTorch's own order: reset first
    return _gru(x, mask, h, turned[0], turned[1], turned[2], turned[3])


def wrong_gru_bias(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, torch.zeros_like(r))


def wrong_gru_two(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True, blend="exchanged")


def equal_gru_joined(x, mask, h, w, u, b, r):
    inner = torch.matmul(x.reshape(16, 4), w).reshape(4, 4, 12) + b
    return _gru(inner, mask, h, torch.eye(12, dtype=w.dtype, device=w.device), u, torch.zeros_like(b), r)


def equal_gru_difference(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend="difference")


def _lstm(
    x,
    mask,
    h,
    c,
    w,
    u,
    b,
    order: Tuple[int, int, int, int] = (0, 1, 2, 3),
    forget: float = 0.0,
    gate: str = "sigmoid",
    act: str = "tanh",
    repeat: bool = False,
    times: float = 1.0,
    joined: bool = False,
):
    """``order``: the blocks in which input gate, forget gate, candidate and output gate lie."""
    outputs = []
    for time in range(4):
        now = x[:, time]
        if joined:
            columns = torch.matmul(torch.cat([now, h], dim=1), torch.cat([w, u])) + b
        else:
            columns = torch.matmul(now, w) + torch.matmul(h, u) + times * b
        blocks = torch.split(columns, 4, dim=1)
        i, f, g, o = blocks[order[0]], blocks[order[1]], blocks[order[2]], blocks[order[3]]
        new_c = _gate(f + forget, gate) * c + _gate(i, gate) * (torch.relu(g) if act == "relu" else torch.tanh(g))
        new_h = _gate(o, gate) * (torch.relu(new_c) if act == "relu" else torch.tanh(new_c))
        valid = (mask[:, time : time + 1] > 0.5).expand(4, 4)
        h, c = torch.where(valid, new_h, h), torch.where(valid, new_c, c)
        outputs.append(h if repeat else torch.where(valid, h, torch.zeros_like(h)))
    return torch.cat(outputs + [h, c], dim=1)


def _gru(x, mask, h, w, u, b, r, before: bool = False, blend: str = "kept"):
    outputs = []
    for time in range(4):
        inner = torch.matmul(x[:, time], w) + b
        z = torch.sigmoid(inner[:, :4] + torch.matmul(h, u[:, :4]) + r[:4])
        reset = torch.sigmoid(inner[:, 4:8] + torch.matmul(h, u[:, 4:8]) + r[4:8])
        if before:
            state = torch.matmul(reset * h, u[:, 8:]) + r[8:]
        else:
            state = reset * (torch.matmul(h, u[:, 8:]) + r[8:])
        n = torch.tanh(inner[:, 8:] + state)
        if blend == "exchanged":
            new = z * n + (1.0 - z) * h
        elif blend == "difference":
            new = n + z * (h - n)
        else:
            new = z * h + (1.0 - z) * n
        valid = (mask[:, time : time + 1] > 0.5).expand(4, 4)
        h = torch.where(valid, new, h)
        outputs.append(torch.where(valid, h, torch.zeros_like(h)))
    return torch.cat(outputs + [h], dim=1)


def _gate(x, kind: str):
    if kind == "hard_fifth":
        return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)
    if kind == "hard_sixth":
        return torch.clamp((x + 3.0) / 6.0, 0.0, 1.0)
    if kind == "powers":
        return torch.exp(x) / (1.0 + torch.exp(x))
    return torch.sigmoid(x)
