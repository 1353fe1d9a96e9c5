"""The functions with PyTorch's own recurrent kernels, PyTorch 1.4 to 2.13.

``torch.lstm``, ``torch.gru`` and ``torch.rnn_tanh`` are what ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN`` call with their weights. Kernels come
as (features, gates·units) and are transposed; a layer here has two biases, the second is zero where the case has one.

PyTorch has the gates of LSTM in the order i, f, g, o and those of GRU in the order r, z, n: those of the inputs.
"""

from typing import List, Optional, Tuple

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


def simple_cell(x, h, w, u, b):
    p = _weights(x.shape[-1], w, u, b, 1)
    return torch.rnn_tanh_cell(x, h, p[0], p[1], p[2], p[3])


def lstm_cell(x, h, c, w, u, b):
    p = _weights(x.shape[-1], w, u, b, 4)
    return torch.lstm_cell(x, [h, c], p[0], p[1], p[2], p[3])


def gru_cell(x, h, w, u, b):
    p = _weights(x.shape[-1], w, u, b, 3)
    return torch.gru_cell(x, h, p[0], p[1], p[2], p[3])


def simple_layer(x, w, u, b):
    return _simple(x, w, u, b)


def simple_relu(x, w, u, b):
    out, h = torch.rnn_relu(x, _zeros(x, u, 1), _weights(x.shape[-1], w, u, b, 1), True, 1, 0.0, False, False, True)
    return out, h[0]


def lstm_layer(x, w, u, b):
    return _lstm(x, w, u, b)


def lstm_initial_state(x, h, c, w, u, b):
    return _lstm_from(x, h, c, w, u, b)


def lstm_unrolled(x, w, u, b):
    return _lstm_of_cells(x, w, u, b)


def lstm_of_cells(x, w, u, b, implementation: int):
    return _lstm_of_cells(x, w, u, b)


def gru_layer(x, w, u, b):
    return _gru(x, w, u, b)


def lstm_backwards(x, w, u, b, output_order: Optional[str] = None):
    out, h, _ = _lstm(torch.flip(x, [1]), w, u, b)
    if output_order is None or output_order == "time":
        out = torch.flip(out, [1])  # back in the order of time, as the input came
    return out, h


def simple_stacked_2(x, w1, u1, b1, w2, u2, b2):
    p = _weights(x.shape[-1], w1, u1, b1, 1) + _weights(u1.shape[0], w2, u2, b2, 1)
    out, h = torch.rnn_tanh(x, _zeros(x, u1, 2), p, True, 2, 0.0, False, False, True)
    return out, h[1]


def lstm_stacked_2(x, w1, u1, b1, w2, u2, b2):
    p = _weights(x.shape[-1], w1, u1, b1, 4) + _weights(u1.shape[0], w2, u2, b2, 4)
    state = _zeros(x, u1, 2)
    out, h, c = torch.lstm(x, [state, state], p, True, 2, 0.0, False, False, True)
    return out, h[1], c[1]


def lstm_stacked_3(x, w1, u1, b1, w2, u2, b2, w3, u3, b3):
    p = _weights(x.shape[-1], w1, u1, b1, 4) + _weights(u1.shape[0], w2, u2, b2, 4) + _weights(u2.shape[0], w3, u3, b3, 4)
    state = _zeros(x, u1, 3)
    out, h, c = torch.lstm(x, [state, state], p, True, 3, 0.0, False, False, True)
    return out, h[2], c[2]


def gru_stacked_2(x, w1, u1, b1, w2, u2, b2):
    p = _weights(x.shape[-1], w1, u1, b1, 3) + _weights(u1.shape[0], w2, u2, b2, 3)
    out, h = torch.gru(x, _zeros(x, u1, 2), p, True, 2, 0.0, False, False, True)
    return out, h[1]


def simple_bidirectional(x, w1, u1, b1, w2, u2, b2):
    p = _weights(x.shape[-1], w1, u1, b1, 1) + _weights(x.shape[-1], w2, u2, b2, 1)
    return torch.rnn_tanh(x, _zeros(x, u1, 2), p, True, 1, 0.0, False, True, True)[0]


def lstm_bidirectional(x, w1, u1, b1, w2, u2, b2):
    return _lstm_bidirectional(x, w1, u1, b1, w2, u2, b2)[0]


def gru_bidirectional(x, w1, u1, b1, w2, u2, b2):
    p = _weights(x.shape[-1], w1, u1, b1, 3) + _weights(x.shape[-1], w2, u2, b2, 3)
    return torch.gru(x, _zeros(x, u1, 2), p, True, 1, 0.0, False, True, True)[0]


def lstm_bidirectional_last(x, w1, u1, b1, w2, u2, b2, last_output: Optional[str] = None):
    out, h = _lstm_bidirectional(x, w1, u1, b1, w2, u2, b2)
    if last_output is None or last_output == "last_step":
        return out[:, -1]  # as one writes it for one direction
    return torch.cat([h[0], h[1]], dim=1)


def lstm_masked(x, mask, w, u, b, padded_output: Optional[str] = None):
    out, h, c = _lstm_packed(x, mask, w, u, b)
    return _filled(out, mask, padded_output), h, c


def lstm_steps(x, mask, w, u, b, steps: str = "longest"):
    out, _, _ = _lstm_packed(x, mask, w, u, b)
    return out if steps == "padded" else out[:, : int(torch.max(torch.sum(mask, dim=1)))]


def gru_masked(x, mask, w, u, b, padded_output: Optional[str] = None):
    packed = _packed(x, mask)
    p = _weights(x.shape[-1], w, u, b, 3)
    data, h = torch.gru(packed.data, packed.batch_sizes, _zeros(x, u, 1), p, True, 1, 0.0, False, False)
    return _filled(_unpacked(data, packed, x), mask, padded_output), _unsorted(h[0], packed)


def simple_masked(x, mask, w, u, b, padded_output: Optional[str] = None):
    packed = _packed(x, mask)
    p = _weights(x.shape[-1], w, u, b, 1)
    data, h = torch.rnn_tanh(packed.data, packed.batch_sizes, _zeros(x, u, 1), p, True, 1, 0.0, False, False)
    return _filled(_unpacked(data, packed, x), mask, padded_output), _unsorted(h[0], packed)


def lstm_mask_with_hole(x, mask, w, u, b):
    # No packed sequence has a hole in it: the loop over steps is the caller's.
    p = _weights(x.shape[-1], w, u, b, 4)
    h = torch.zeros([x.shape[0], u.shape[0]], dtype=x.dtype, device=x.device)
    c = h
    outputs = []
    for t in range(x.shape[1]):
        new_h, new_c = torch.lstm_cell(x[:, t], [h, c], p[0], p[1], p[2], p[3])
        counts = mask[:, t : t + 1]
        h, c = torch.where(counts, new_h, h), torch.where(counts, new_c, c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c


def lstm_masking_layer(x, mask, w, u, b):
    padded = _padded_with_zeros(x, mask)
    found = (padded != 0.0).sum(2) > 0
    out, h, c = _lstm_packed(padded, found, w, u, b)
    return _filled(out, found, "repeat"), h, c


def lstm_forgotten_mask(x, mask, w, u, b, use_mask: Optional[bool] = None):
    padded = _padded_with_zeros(x, mask)
    if use_mask is not None and use_mask:
        out, h, _ = _lstm_packed(padded, mask, w, u, b)  # packed sequences know their lengths
    else:
        out, h, _ = _lstm(padded, w, u, b)
    return out, h


def lstm_padding_side(x, mask, w, u, b, padding_side: Optional[str] = None):
    if padding_side is not None and padding_side == "left":
        raise NotImplementedError("a packed sequence starts at the first step")
    out, h, _ = _lstm_packed(x, mask, w, u, b)
    return out, h


def lstm_last_valid(x, mask, w, u, b, last_output: Optional[str] = None):
    out, h, _ = _lstm_packed(x, mask, w, u, b)
    if last_output is None or last_output == "last_step":
        return out[:, -1]
    return h


def lstm_dense(
    x,
    w,
    u,
    b_input,
    b_hidden,
    v,
    d,
    batch_first: Optional[bool] = None,
    bias_move: Optional[str] = None,
    recurrent_activation: Optional[str] = None,
):
    first = False if batch_first is None else batch_first  # what nn.LSTM takes for granted
    _fit("kernel", w, [x.shape[2], 4 * u.shape[0]])
    _fit("recurrent kernel", u, [u.shape[0], 4 * u.shape[0]])
    _fit("input bias", b_input, [4 * u.shape[0]])
    _fit("recurrent bias", b_hidden, [4 * u.shape[0]])
    _fit("dense kernel", v, [u.shape[0], v.shape[1]])
    _fit("dense bias", d, [v.shape[1]])
    p = [w.t().contiguous(), u.t().contiguous(), b_input, b_hidden]
    state = torch.zeros([1, x.shape[0] if first else x.shape[1], u.shape[0]], dtype=x.dtype, device=x.device)
    out, _, _ = torch.lstm(x, [state, state], p, True, 1, 0.0, False, False, first)
    return torch.nn.functional.linear(out[:, -1], v.t().contiguous(), d)


def lstm_time_major(x, w, u, b):
    state = torch.zeros([1, x.shape[1], u.shape[0]], dtype=x.dtype, device=x.device)
    out, h, c = torch.lstm(x, [state, state], _weights(x.shape[-1], w, u, b, 4), True, 1, 0.0, False, False, False)
    return out, h[0], c[0]


def lstm_first_biases(x, w, u, draws, bias_start: Optional[str] = None, recurrent_activation: Optional[str] = None):
    units = u.shape[0]
    if bias_start is None or bias_start == "uniform":
        # nn.LSTM draws both biases uniformly within ±1/√units; the draws are given.
        both = (2.0 * draws - 1.0) / float(units) ** 0.5
    else:
        both = torch.zeros_like(draws)
        if bias_start == "unit_forget":
            both[0, units : 2 * units] = 1.0
    p = [w.t().contiguous(), u.t().contiguous(), both[0], both[1]]
    state = _zeros(x, u, 1)
    out, h, c = torch.lstm(x, [state, state], p, True, 1, 0.0, False, False, True)
    return out, h[0], c[0]


def lstm_tf1_cell(x, w, u, b, gate_order: Optional[str] = None, forget_bias: Optional[float] = None):
    return _lstm(x, w, u, b)


def lstm_v1_layer(x, w, u, b, recurrent_activation: Optional[str] = None):
    return _lstm(x, w, u, b)


def lstm_hard_sigmoid(x, w, u, b, hard_sigmoid: Optional[str] = None):
    # nn.LSTM has no choice of activations: the loop over steps is the caller's, with the function of this name.
    p = _weights(x.shape[-1], w, u, b, 4)
    h = torch.zeros([x.shape[0], u.shape[0]], dtype=x.dtype, device=x.device)
    c = h
    outputs = []
    for t in range(x.shape[1]):
        inner = torch.nn.functional.linear(x[:, t], p[0], p[2]) + torch.nn.functional.linear(h, p[1], p[3])
        i, f, g, o = torch.chunk(inner, 4, dim=1)
        c = _hard_sigmoid(f, hard_sigmoid) * c + _hard_sigmoid(i, hard_sigmoid) * torch.tanh(g)
        h = _hard_sigmoid(o, hard_sigmoid) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c


def gru_defaults(
    x, w, u, b, gate_order: Optional[str] = None, reset_after: Optional[bool] = None, recurrent_activation: Optional[str] = None
):
    return _gru(x, w, u, b)


def gru_v1_layer(x, w, u, b, reset_after: Optional[bool] = None, recurrent_activation: Optional[str] = None):
    return _gru(x, w, u, b)


def gru_reset_before(x, w, u, b):
    raise NotImplementedError("nn.GRU applies the reset gate after the product only")


def lstm_carried(x, w, u, b):
    return _batches(x, w, u, b, True, False)


def lstm_stateful(x, w, u, b, state_gradient: Optional[str] = None):
    return _batches(x, w, u, b, True, state_gradient is not None and state_gradient == "stopped")


def lstm_state_kept(x, w, u, b, state: Optional[str] = None):
    return _batches(x, w, u, b, state is not None and state == "carried", False)


def gru_carried(x, w, u, b):
    p = _weights(x.shape[-1], w, u, b, 3)
    h = torch.zeros([1, x.shape[1], u.shape[0]], dtype=x.dtype, device=x.device)
    last = []
    for place in range(x.shape[0]):
        _, h = torch.gru(x[place], h, p, True, 1, 0.0, False, False, True)
        last.append(h[0])
    return torch.stack(last)


def gru_batches_apart(x, w, u, b):
    return torch.stack([_gru(x[place], w, u, b)[1] for place in range(x.shape[0])])


def gru_batches_joined(x, w, u, b):
    joined = x.reshape([x.shape[0] * x.shape[1], x.shape[2], x.shape[3]])
    return _gru(joined, w, u, b)[1].reshape([x.shape[0], x.shape[1], u.shape[0]])


def simple_training(x, y, w, u, b, updates: Optional[str] = None):
    rows = x.shape[1]
    weights = [one.detach().clone().requires_grad_() for one in (w, u, b)]
    h = torch.zeros([rows, u.shape[0]], dtype=x.dtype, device=x.device)
    with torch.enable_grad():
        for batch, target in zip(x, y):
            last = torch.rnn_tanh(batch, h[None], _weights(batch.shape[-1], *weights, gates=1), True, 1, 0.0, False, False, True)[1][0]
            loss = 0.5 * torch.sum((last - target) ** 2) / rows
            loss.backward()  # adds to what is there
            h = last.detach()
            if updates != "at_end":
                _update(weights)
    if updates == "at_end":
        _update(weights)
    return weights[0].detach(), weights[1].detach(), weights[2].detach(), h


def lstm_length(x, w, u, b):
    return _lstm(x, w, u, b)[0]


def simple_length(x, w, u, b):
    return _simple(x, w, u, b)[0]


# --- weights in their places -------------------------------------------------------------------------------------------------------------


def _fit(name: str, tensor, expected: List[int]):
    """Raise ``ValueError`` when a weight has another shape than its place."""
    given: List[int] = list(tensor.shape)
    if given != expected:
        raise ValueError("{}: expected shape {}, got {}".format(name, expected, given))  # noqa: UP032 (old TorchScript has no f-strings)


def _weights(features: int, w, u, b, gates: int) -> List[torch.Tensor]:
    """The four weights of one layer, as the kernels take them."""
    units = u.shape[0]
    _fit("kernel", w, [features, gates * units])
    _fit("recurrent kernel", u, [units, gates * units])
    if gates == 3:
        _fit("bias", b, [2, gates * units])
        return [w.t().contiguous(), u.t().contiguous(), b[0], b[1]]
    _fit("bias", b, [gates * units])
    return [w.t().contiguous(), u.t().contiguous(), b, torch.zeros_like(b)]


def _zeros(x, u, layers: int):
    return torch.zeros([layers, x.shape[0], u.shape[0]], dtype=x.dtype, device=x.device)


def _simple(x, w, u, b) -> Tuple[torch.Tensor, torch.Tensor]:
    out, h = torch.rnn_tanh(x, _zeros(x, u, 1), _weights(x.shape[-1], w, u, b, 1), True, 1, 0.0, False, False, True)
    return out, h[0]


def _lstm(x, w, u, b) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    state = _zeros(x, u, 1)
    out, h, c = torch.lstm(x, [state, state], _weights(x.shape[-1], w, u, b, 4), True, 1, 0.0, False, False, True)
    return out, h[0], c[0]


def _lstm_from(x, h, c, w, u, b) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    p = _weights(x.shape[-1], w, u, b, 4)
    out, new_h, new_c = torch.lstm(x, [h.unsqueeze(0), c.unsqueeze(0)], p, True, 1, 0.0, False, False, True)
    return out, new_h[0], new_c[0]


def _gru(x, w, u, b) -> Tuple[torch.Tensor, torch.Tensor]:
    out, h = torch.gru(x, _zeros(x, u, 1), _weights(x.shape[-1], w, u, b, 3), True, 1, 0.0, False, False, True)
    return out, h[0]


def _lstm_of_cells(x, w, u, b):
    p = _weights(x.shape[-1], w, u, b, 4)
    h = torch.zeros([x.shape[0], u.shape[0]], dtype=x.dtype, device=x.device)
    c = h
    outputs = []
    for t in range(x.shape[1]):
        h, c = torch.lstm_cell(x[:, t], [h, c], p[0], p[1], p[2], p[3])
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c


def _lstm_bidirectional(x, w1, u1, b1, w2, u2, b2) -> Tuple[torch.Tensor, torch.Tensor]:
    p = _weights(x.shape[-1], w1, u1, b1, 4) + _weights(x.shape[-1], w2, u2, b2, 4)
    state = _zeros(x, u1, 2)
    out, h, _ = torch.lstm(x, [state, state], p, True, 1, 0.0, False, True, True)
    return out, h


def _batches(x, w, u, b, carried: bool, stopped: bool):
    """The last output of every batch, and the last state; the caller carries the state on, with or without its gradient."""
    zeros = torch.zeros([x.shape[1], u.shape[0]], dtype=x.dtype, device=x.device)
    h, c = zeros, zeros
    last = []
    for place in range(x.shape[0]):
        if stopped:
            h, c = h.detach(), c.detach()
        _, h, c = _lstm_from(x[place], h if carried else zeros, c if carried else zeros, w, u, b)
        last.append(h)
    return torch.stack(last), h, c


def _update(weights):
    with torch.no_grad():
        for one in weights:
            one.sub_(0.125 * one.grad)
            one.grad.zero_()


# --- packed sequences --------------------------------------------------------------------------------------------------------------------


def _packed(x, mask) -> PackedSequence:
    lengths = mask.to(torch.int64).sum(1)
    if bool(lengths.min() == 0):
        raise NotImplementedError("pack_padded_sequence refuses a sequence of length 0")
    return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def _unpacked(data, packed: PackedSequence, x):
    whole = PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
    return pad_packed_sequence(whole, batch_first=True, total_length=x.shape[1])[0]


def _unsorted(state, packed: PackedSequence):
    places = packed.unsorted_indices
    return state if places is None else torch.index_select(state, 0, places)


def _lstm_packed(x, mask, w, u, b) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    packed = _packed(x, mask)
    state = _zeros(x, u, 1)
    p = _weights(x.shape[-1], w, u, b, 4)
    data, h, c = torch.lstm(packed.data, packed.batch_sizes, [state, state], p, True, 1, 0.0, False, False)
    return _unpacked(data, packed, x), _unsorted(h[0], packed), _unsorted(c[0], packed)


def _filled(out, mask, padded_output: Optional[str]):
    """Padded steps as ``pad_packed_sequence`` leaves them (zeros), or with the last output that counts."""
    if padded_output is None or padded_output == "zeros":
        return out
    last = mask.to(torch.int64).sum(1) - 1
    steps = torch.arange(out.shape[1], device=out.device)
    places = torch.min(steps[None, :].expand(out.shape[0], -1), last[:, None].expand(-1, out.shape[1]))
    return torch.gather(out, 1, places[:, :, None].expand(-1, -1, out.shape[2]))


def _padded_with_zeros(x, mask):
    return x * mask[:, :, None].to(x.dtype)


def _hard_sigmoid(x, form: Optional[str]):
    if form is not None and form == "fifth":
        return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)
    return _hard_sigmoid_of_torch(x)


if hasattr(torch.nn.functional, "hardsigmoid"):

    def _hard_sigmoid_of_torch(x):
        return torch.nn.functional.hardsigmoid(x)

else:

    def _hard_sigmoid_of_torch(x):
        raise NotImplementedError("this PyTorch has no hardsigmoid")
