"""The networks as they were ported to PyTorch."""

import torch
from torch import nn


def _lstm(w, u, b, b2=None, **options):
    layer = nn.LSTM(3, 5, **{"batch_first": True, **options}).to(w.dtype)
    weights = {"weight_ih_l0": w.t(), "weight_hh_l0": u.t(), "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b) if b2 is None else b2}
    layer.load_state_dict(weights)
    return layer


def lstm_old_order(x, w, u, b):
    forget = torch.zeros_like(b)
    forget[5:10] = 1.0
    return _lstm(w, u, b + forget)(x)[1][0][0].detach()


def lstm_forget_bias(x, w, u, b):
    return _lstm(w, u, b)(x)[1][0][0].detach()


def lstm_two_biases(x, w, u, b):
    return _lstm(w, u, b / 2, b / 2)(x)[0][:, -1].detach()


def lstm_hard_sigmoid(x, w, u, b):
    return _lstm(w, u, b)(x)[0][:, -1].detach()


def lstm_batch_first(x, w, u, b):
    return _lstm(w, u, b, batch_first=False)(x)[0].detach()


def lstm_carried_state(x, w, u, b, h):
    return _lstm(w, u, b)(x)[0][:, -1].detach()


def lstm_masked(x, w, u, b, mask):
    return _lstm(w, u, b)(x)[0][:, -1].detach()


def lstm_all_three(x, w, u, b):
    return _lstm(w, u, b)(x)[0][:, -1].detach()


def _gru(x, w, u, b):
    layer = nn.GRU(3, 5, batch_first=True).to(x.dtype)
    order = [1, 0, 2]
    kernel, again, bias = (torch.cat([part.split(5, -1)[place] for place in order], -1) for part in (w, u, b))
    layer.load_state_dict({"weight_ih_l0": kernel.t(), "weight_hh_l0": again.t(), "bias_ih_l0": bias, "bias_hh_l0": torch.zeros_like(b)})
    return layer(x)[1][0].detach()


def gru_reset(x, w, u, b):
    return _gru(x, w, u, b)


def gru_gates(x, w, u, b):
    layer = nn.GRU(3, 5, batch_first=True).to(x.dtype)
    layer.load_state_dict({"weight_ih_l0": w.t(), "weight_hh_l0": u.t(), "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)})
    return layer(x)[1][0].detach()


def _rnn(w, u, **options):
    layer = nn.RNN(3, 5, bias=False, batch_first=True, **options).to(w.dtype)
    weights = {"weight_ih_l0": w.t(), "weight_hh_l0": u.t()}
    if options.get("bidirectional"):
        weights.update({"weight_ih_l0_reverse": w.t(), "weight_hh_l0_reverse": u.t()})
    layer.load_state_dict(weights)
    return layer


def rnn_relu(x, w, u):
    return _rnn(w, u)(x)[1][0].detach()


def rnn_unrolled(x, w, u):
    return _rnn(w, u)(x)[1][0].detach()


def bidirectional_last(x, w, u):
    return _rnn(w, u, bidirectional=True)(x)[0][:, -1].detach()


def bidirectional_merge(x, w, u):
    last = _rnn(w, u, bidirectional=True)(x)[1]
    return (last[0] + last[1]).detach() / 2
