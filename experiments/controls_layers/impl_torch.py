"""The controls of attention, dense layers and initialisers in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import torch
import torch.nn.functional as F


def wrong_attention_scale(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, scale=1.0)


def wrong_mask_inverted(q, k, v, w, mask):
    return _attention(q, k, v, w, mask < 0.5)


def wrong_causal_mask(q, k, v, w, mask):
    return _attention(q, k, v, w, torch.tril(mask) > 0.5)  # the future is hidden as well


def wrong_mask_weak(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, weak=True)  # too little


def wrong_heads(q, k, v, w, mask):
    turned = [one.reshape(6, 4, 2).transpose(1, 2).reshape(6, 8) for one in (q, k, v)]  # head by head what is stored in turns
    return _attention(turned[0], turned[1], turned[2], w.reshape(4, 2, 8).transpose(0, 1).reshape(8, 8), mask > 0.5)


def wrong_input_cast(q, k, v, w, mask):
    kind = q.dtype
    return _attention(q.to(torch.bfloat16).to(kind), k.to(torch.bfloat16).to(kind), v.to(torch.bfloat16).to(kind), w, mask > 0.5)


def equal_attention_scale(q, k, v, w, mask):
    q = 0.5 * q
    first = torch.where(mask > 0.5, torch.exp(torch.matmul(q[:, :4], k[:, :4].t())), torch.zeros_like(mask))
    second = torch.where(mask > 0.5, torch.exp(torch.matmul(q[:, 4:], k[:, 4:].t())), torch.zeros_like(mask))
    heads = [
        torch.matmul(first, v[:, :4]) / torch.sum(first, dim=1, keepdim=True),
        torch.matmul(second, v[:, 4:]) / torch.sum(second, dim=1, keepdim=True),
    ]
    return torch.matmul(torch.cat(heads, dim=1), w)


def _attention(q, k, v, w, seen, scale: float = 0.5, weak: bool = False):
    q, k, v = q.reshape(6, 2, 4).transpose(0, 1), k.reshape(6, 2, 4).transpose(0, 1), v.reshape(6, 2, 4).transpose(0, 1)
    scores = scale * torch.matmul(q, k.transpose(1, 2))
    scores = torch.where(seen.expand(2, 6, 6), scores, scores - 10.0 if weak else torch.full_like(scores, -1e9))
    return torch.matmul(torch.matmul(F.softmax(scores, 2), v).transpose(0, 1).reshape(6, 8), w)


def wrong_kernel_transposed(x, w, b, v, uniforms):
    return _dense(x, w.t(), b, v, uniforms < 0.75)  # the layout of the other framework


def wrong_missing_bias(x, w, b, v, uniforms):
    return _dense(x, w, torch.zeros_like(b), v, uniforms < 0.75)


def wrong_dropout_scale(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.75, multiplied=True)  # times the share kept, not divided by it


def wrong_keep_probability(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.25, keep=0.25)  # the rate taken for the share kept


def wrong_dropout_rule(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms >= 0.25)  # as many, but others


def wrong_weight_cast(x, w, b, v, uniforms):
    return _dense(x, w.to(torch.float16).to(w.dtype), b, v.to(torch.float16).to(v.dtype), uniforms < 0.75)


def wrong_dense_two(x, w, b, v, uniforms):
    return _dense(x, w.t(), torch.zeros_like(b), v, uniforms < 0.75)  # transposed, and without bias


def equal_dense_joined(x, w, b, v, uniforms):
    joined = torch.matmul(torch.cat([x, torch.ones_like(x[:, :1])], dim=1), torch.cat([w, b.reshape(1, 8)]))
    return torch.matmul(torch.where(uniforms < 0.75, torch.tanh(joined), torch.zeros_like(joined)), v / 0.75)


def _dense(x, w, b, v, kept, keep: float = 0.75, multiplied: bool = False):
    hidden = torch.tanh(F.linear(x, w.t(), b))
    hidden = hidden * keep if multiplied else hidden / keep
    return torch.matmul(torch.where(kept, hidden, torch.zeros_like(hidden)), v)


def wrong_fan(u, t, s):
    return _initialiser(u, t, s, 6.0, 10.0)  # inputs only


def wrong_gain(u, t, s):
    return _initialiser(u, t, s, gain=1.02)


def wrong_distribution(u, t, s):
    # normal by Box and Muller, from each number and the next of its row
    parts = [torch.sqrt(-2.0 * torch.log(one)) * torch.cos(6.283185307179586 * torch.roll(one, -1, 1)) for one in (u, t)]
    return torch.cat([parts[0].reshape(60) / 8.0**0.5, parts[1].reshape(40) / 7.0**0.5, _start(s)])


def wrong_initial_bias(u, t, s):
    return _initialiser(u, t, torch.full_like(s, 0.5))  # in the middle: zero


def equal_initialiser(u, t, s):
    parts = [((u - 0.5) * (2.0 * (3.0 / 8.0) ** 0.5)).reshape(60), ((t - 0.5) * (2.0 * (3.0 / 7.0) ** 0.5)).reshape(40)]
    return torch.cat(parts + [(s - 0.5) / 1.5**0.5])


def _initialiser(u, t, s, fan_u: float = 8.0, fan_t: float = 7.0, gain: float = 1.0):
    first, second = gain * (3.0 / fan_u) ** 0.5 * (2.0 * u - 1.0), gain * (3.0 / fan_t) ** 0.5 * (2.0 * t - 1.0)
    return torch.cat([first.reshape(60), second.reshape(40), _start(s)])


def _start(s):
    return (2.0 * s - 1.0) * (1.0 / 6.0) ** 0.5
