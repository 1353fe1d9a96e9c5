"""The functions in PyTorch 1.4 to 2.13; TorchScript compiles all of them."""

import torch
import torch.nn.functional as F


def chain(x, slope: float):
    for _ in range(10):
        x = torch.tanh(x * slope + 0.25)
    return x


def chain_of_many(x, slope: float):
    return torch.tanh(x * slope + 0.25) * x


def matmul(x, y):
    return torch.matmul(x, y)


def mlp(x, w1, b1, w2, b2):
    return torch.matmul(torch.tanh(torch.matmul(x, w1) + b1), w2) + b2


def training_step(x, y, w1, b1, w2, b2, rate: float):
    hidden = torch.tanh(torch.matmul(x, w1) + b1)
    distance = torch.matmul(hidden, w2) + b2 - y
    slope = 2.0 * distance / float(y.numel())
    below = torch.matmul(slope, w2.t()) * (1.0 - hidden * hidden)
    return (
        torch.mean(distance * distance),
        w1 - rate * torch.matmul(x.t(), below),
        b1 - rate * torch.sum(below, dim=0),
        w2 - rate * torch.matmul(hidden.t(), slope),
        b2 - rate * torch.sum(slope, dim=0),
    )


def training_loop(x, y, w, b, rate: float, steps: int):
    for _ in range(steps):
        slope = 2.0 * (torch.matmul(x, w) + b - y) / float(y.size(0))
        w = w - rate * torch.matmul(x.t(), slope)
        b = b - rate * torch.sum(slope, dim=0)
    return w, b


def lstm_step(x, h, c, wi, wh, b):
    i, f, g, o = torch.chunk(torch.matmul(x, wi) + torch.matmul(h, wh) + b, 4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_loop(x, h, c, wi, wh, b):
    outputs = []
    for step in range(x.size(1)):
        h, c = lstm_step(x[:, step], h, c, wi, wh, b)
        outputs.append(h)
    return torch.stack(outputs, dim=1), c


def conv2d(x, w):
    made = F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), None, [1, 1], [w.size(0) // 2, w.size(1) // 2])
    return made.permute(0, 2, 3, 1)


def softmax(x):
    return torch.softmax(x, dim=-1)


def reduction(x):
    return torch.sum(x * x)


def branch(x, limit: float):
    if bool(torch.sum(x) > limit):
        y = torch.tanh(x)
    else:
        y = -x
    return y


def outer(x, scale: float):
    return torch.sum(torch.tanh(scale * (x.unsqueeze(1) * x.unsqueeze(0))), dim=1)
