"""The loops and branches in NumPy, whose control flow is Python's: there is one way to write each.

What is not here, NumPy runs as the reference has it.
"""

import numpy as np


def branch_rows(x, y):
    out = np.empty_like(x)
    for k in range(len(x)):
        out[k] = x[k] * x[k] * y[k] if np.sum(x[k]) > 0.0 else x[k] - y[k] ** 3
    return out


def switch(index, x):
    if index[0] == 0:
        return np.sin(x)
    if index[0] == 1:
        return x * x
    return x / (1.0 + x * x)


def flag_autograph(flag, x, first, second):
    return x @ first if flag[0] else x @ second


def newton_native(a):
    x = a
    while np.sum((x * x * x - a) ** 2) > 0.01:
        x = (2.0 * x + a / (x * x)) / 3.0
    return x


def newton_autograph(a):
    return newton_native(a)


def newton_masked(a):
    x = a
    for _ in range(16):
        x = np.where(np.sum((x * x * x - a) ** 2) > 0.01, (2.0 * x + a / (x * x)) / 3.0, x)
    return x


def power_iteration(a, v):
    v = v / np.sqrt(np.sum(v * v))
    moved = 1.0
    while moved > 0.001:
        w = a @ v
        w = w / np.sqrt(np.sum(w * w))
        moved = np.sum((w - v) ** 2)
        v = w
    return np.sum(v * (a @ v), keepdims=True), v


def early_exit_native(x):
    for _ in range(20):
        if np.sum(x * x) > 10.0:
            break
        x = x + 0.125 * x**3
    return x


def early_exit_autograph(x):
    return early_exit_native(x)


def counted_native(x):
    for _ in range(20):
        x = 0.875 * np.sin(x) + 0.25
    return x


def counted_unrolled(x):
    return counted_native(x)


def scan(x, h):
    states = []
    for row in x:
        h = np.tanh(0.75 * h + row)
        states.append(h)
    return np.stack(states)


def threshold_loop(step):
    total = np.zeros_like(step)
    while total[0] < 1.0:
        total = total + step
    return total * 2.0
