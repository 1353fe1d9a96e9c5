"""The layers as they were ported to PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn


def layer_norm(x, scale, shift):
    return F.layer_norm(x, (8,), scale, shift)


def layer_norm_of_bert(x, scale, shift):
    return F.layer_norm(x, (8,), scale, shift)


def layer_norm_annotated(x, scale, shift):
    return scale * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) + shift


def layer_norm_moments(x, scale, shift):
    return F.layer_norm(x, (8,), scale, shift)


def rms_norm(x, scale):
    return x / (x.pow(2).mean(-1, keepdim=True).sqrt() + 1e-3) * scale


def rms_norm_gemma(x, scale):
    return F.rms_norm(x, (8,), scale, eps=1e-6)


def unit_length(x):
    return F.normalize(x, dim=-1)


def unit_length_ordinary(x):
    return F.normalize(x, dim=-1)


def gelu(x):
    return F.gelu(x, approximate="tanh")


def gelu_of_gpt2(x):
    return nn.GELU()(x)


def elu(x):
    return nn.SELU()(x) / 1.0507009873554804934193349852946


def hard_sigmoid(x):
    return F.hardsigmoid(x)


def quick_gelu(x):
    return F.gelu(x)


def dense(x, w, b):
    return F.relu(F.linear(x, w, b))


def dense_no_activation(x, w, b):
    return F.linear(x, w.t(), b)


def softmax_first_axis(x):
    return nn.Softmax(dim=0)(x)


def softmax_by_hand(x):
    return x.exp() / x.exp().sum(-1, keepdim=True)


def attention_scale(q, w):
    return torch.softmax(q @ (q @ w).transpose(1, 2), -1) @ q


def attention_mask(q, w, mask):
    shares = torch.softmax(q @ (q @ w).transpose(1, 2) / 8**0.5, -1)
    return (shares * mask[:, None]) @ q


def attention_causal(q, w):
    return F.scaled_dot_product_attention(q, q @ w, q)


def attention_heads(q, w):
    keys = q @ w
    split = [each.reshape(2, 4, 4, 2).permute(0, 3, 1, 2) for each in (q, keys)]
    shares = torch.softmax(split[0] @ split[1].transpose(-1, -2) / 2, -1)
    return (shares @ split[0]).permute(0, 2, 3, 1).reshape(2, 4, 8)


def attention_fused(q, w):
    split = [each.unflatten(-1, (2, 4)).transpose(1, 2) for each in (q, q @ w, q)]
    return F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)


def rotary(x):
    angles = torch.arange(5, dtype=x.dtype)[:, None] / torch.tensor([1, 10, 100, 1000], dtype=x.dtype)
    first, second = x[:, 0::2], x[:, 1::2]
    turned = torch.stack([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)
    return turned.flatten(1)


def sinusoid(p):
    angles = p[:, None] / torch.tensor([1, 10, 100, 1000], dtype=p.dtype)
    return torch.cat([angles.sin(), angles.cos()], -1)


def padded_embedding(table, ids):
    layer = nn.Embedding(5, 8, padding_idx=0).to(table.dtype)
    with torch.no_grad():
        layer.weight[1:] = table[1:]
    return layer(ids).detach()


def scaled_embedding(table, ids):
    return F.embedding(ids, table)


def block_before_norm(x, w):
    return F.layer_norm(x + x @ w, (8,), eps=1e-6)


def dropout_at_inference(x):
    return nn.Dropout(0.5).eval()(x)


def attention_hidden(q, w, mask):
    padding = mask == 0
    return F.scaled_dot_product_attention(q, q @ w, q, attn_mask=padding[:, None])


def cosine(x, y):
    return F.cosine_similarity(x, y)


def cosine_ordinary(x, y):
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))


def unit_sum(x):
    return F.normalize(x, dim=-1)


def sequence_norm(x):
    return nn.LayerNorm(x.shape[1:], eps=1e-3).to(x.dtype)(x).detach()


def embedding_bag(table, ids):
    return F.embedding_bag(ids.reshape(2, 2), table)
