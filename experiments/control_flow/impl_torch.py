"""The loops and branches in PyTorch 1.4 to 2.13: Python's control flow, which TorchScript compiles, so there is one way to write each."""

import torch


def branch_rows(x, y):
    rows = []
    for k in range(x.shape[0]):
        a, b = x[k], y[k]
        if bool(torch.sum(a) > 0.0):
            rows.append(a * a * b)
        else:
            rows.append(a - b * b * b)
    return torch.stack(rows)


def switch(index, x):
    place = int(index[0])
    if place == 0:
        z = torch.sin(x)
    elif place == 1:
        z = x * x
    else:
        z = x / (1.0 + x * x)
    return z


def flag_autograph(flag, x, first, second):
    if bool(flag[0]):
        z = torch.mm(x, first)
    else:
        z = torch.mm(x, second)
    return z


def threshold_branch(x, y):
    if bool(torch.sum(x) > 1.0):
        z = x + y
    else:
        z = x - y
    return z


def newton_native(a):
    x = a
    while bool(torch.sum((x * x * x - a) ** 2) > 0.01):
        x = (2.0 * x + a / (x * x)) / 3.0
    return x


def newton_autograph(a):
    return newton_native(a)


def newton_masked(a):
    x = a
    for _ in range(16):
        more = torch.sum((x * x * x - a) ** 2) > 0.01
        x = torch.where(more, (2.0 * x + a / (x * x)) / 3.0, x)
    return x


def collatz_native(n, x):
    count = int(n[0])
    while count > 1:
        if count % 2 == 0:
            count = count // 2
            x = 0.75 * torch.sin(x) + 0.25
        else:
            count = 3 * count + 1
            x = x + 0.25 * torch.cos(x)
    return x


def collatz_autograph(n, x):
    return collatz_native(n, x)


def power_iteration(a, v):
    v = v / torch.sqrt(torch.sum(v * v))
    more = True
    while more:
        w = torch.mm(a, v)
        w = w / torch.sqrt(torch.sum(w * w))
        more = bool(torch.sum((w - v) ** 2) > 0.001)
        v = w
    return torch.sum(v * torch.mm(a, v)).reshape([1, 1]), v


def nested_native(x):
    for _ in range(3):
        x = 2.0 * x + 0.5
        while bool(torch.sum(x * x) > 1.0):
            x = 0.75 * torch.sin(x)
    return x


def nested_autograph(x):
    return nested_native(x)


def early_exit_native(x):
    for _ in range(20):
        if bool(torch.sum(x * x) > 10.0):
            break
        x = x + 0.125 * (x * x * x)
    return x


def early_exit_autograph(x):
    return early_exit_native(x)


def counted_native(x):
    for _ in range(20):
        x = 0.875 * torch.sin(x) + 0.25
    return x


def counted_unrolled(x):
    return counted_native(x)


def scan(x, h):
    states = []
    for step in range(x.shape[0]):
        h = torch.tanh(0.75 * h + x[step])
        states.append(h)
    return torch.stack(states)


def threshold_loop(step):
    total = torch.zeros_like(step)
    while bool(total[0] < 1.0):
        total = total + step
    return total * 2.0
