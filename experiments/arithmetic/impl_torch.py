"""The functions in PyTorch 1.4 to 2.13: its own operation where there is one."""

import torch
import torch.nn.functional as F


def matmul(x, y):
    return torch.matmul(x, y)


def matmul_stack(x, y):
    return torch.bmm(x, y)


def dot(x, y):
    return torch.dot(x, y)


def einsum(x, y):
    return torch.einsum("bqhd,bkhd->bhqk", [x, y])


def conv2d(x, w):
    made = F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), None, [1, 1], [w.size(0) // 2, w.size(1) // 2])
    return made.permute(0, 2, 3, 1)


def total(x):
    return torch.sum(x)


def sum_rows(x):
    return torch.sum(x, dim=1)


def sum_columns(x):
    return torch.sum(x, dim=0)


def mean(x):
    return torch.mean(x, dim=1)


def variance(x):
    return torch.var(x, dim=1, unbiased=False)


def norm(x):
    return torch.norm(x)


def cumsum(x):
    return torch.cumsum(x, dim=0)


def index_add(x, y, order):
    return x.index_add(0, torch.remainder(order, x.size(0)), y)


def embedding_sum(table, ids):
    return torch.sum(F.embedding(ids, table), dim=1)


def exp(x):
    return torch.exp(x)


def log(x):
    return torch.log(x)


def sin(x):
    return torch.sin(x)


def tanh(x):
    return torch.tanh(x)


def sigmoid(x):
    return torch.sigmoid(x)


def erf(x):
    return torch.erf(x)


def gelu(x):
    return F.gelu(x)


def multiply_add(x, y):
    return x * y + x


def softmax(x):
    return torch.softmax(x, dim=-1)


def logsumexp(x):
    return torch.logsumexp(x, dim=-1)


def cross_entropy(x, labels):
    return F.cross_entropy(x, labels)


def layer_norm(x, gamma, beta, epsilon: float):
    return F.layer_norm(x, [x.size(-1)], gamma, beta, epsilon)


def layer_norm_by_hand(x, gamma, beta, epsilon: float):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + epsilon) * gamma + beta


def batch_norm(x, gamma, beta, epsilon: float):
    return F.batch_norm(x.permute(0, 3, 1, 2), None, None, gamma, beta, True, 0.1, epsilon).permute(0, 2, 3, 1)


if hasattr(F, "scaled_dot_product_attention"):  # from 2.0 on, one fused kernel

    def attention(q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

else:

    def attention(q, k, v):
        return torch.matmul(torch.softmax(torch.matmul(q, k.transpose(-1, -2)) / float(q.size(-1)) ** 0.5, dim=-1), v)


def mlp(x, w, b):
    for layer in range(w.size(0)):
        x = torch.tanh(torch.addmm(b[layer], x, w[layer]))
    return x


def lstm(x, wi, wh, b, h, c):
    outputs, last, cell = torch.lstm(x, [h.unsqueeze(0), c.unsqueeze(0)], [wi, wh, b, torch.zeros_like(b)], True, 1, 0.0, True, False, True)
    return outputs, last.squeeze(0), cell.squeeze(0)
