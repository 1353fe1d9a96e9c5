"""The functions in NumPy, which has one mode.

What is not here, NumPy runs as the reference has it.
"""

import numpy as np


def chain(x, slope):
    for _ in range(10):
        x = np.tanh(x * x.dtype.type(slope) + x.dtype.type(0.25))
    return x


def chain_of_many(x, slope):
    return np.tanh(x * x.dtype.type(slope) + x.dtype.type(0.25)) * x


def training_step(x, y, w1, b1, w2, b2, rate):
    hidden = np.tanh(np.matmul(x, w1) + b1)
    distance = np.matmul(hidden, w2) + b2 - y
    slope = 2 * distance / y.size
    below = np.matmul(slope, w2.T) * (1 - hidden * hidden)
    return (
        np.mean(distance * distance),
        w1 - rate * np.matmul(x.T, below),
        b1 - rate * np.sum(below, axis=0),
        w2 - rate * np.matmul(hidden.T, slope),
        b2 - rate * np.sum(slope, axis=0),
    )


def training_loop(x, y, w, b, rate, steps):
    for _ in range(steps):
        slope = 2 * (np.matmul(x, w) + b - y) / len(y)
        w = w - rate * np.matmul(x.T, slope)
        b = b - rate * np.sum(slope, axis=0)
    return w, b


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, h, c, wi, wh, b):
    i, f, g, o = np.split(np.matmul(x, wi) + np.matmul(h, wh) + b, 4, axis=1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def lstm_loop(x, h, c, wi, wh, b):
    outputs = []
    for step in range(x.shape[1]):
        h, c = lstm_step(x[:, step], h, c, wi, wh, b)
        outputs.append(h)
    return np.stack(outputs, axis=1), c


def conv2d(x, w):
    n, height, width, channels = x.shape
    down, across, _, made = w.shape
    padded = np.pad(x, ((0, 0), (down // 2, down // 2), (across // 2, across // 2), (0, 0)), mode="constant")
    windows = [padded[:, i : i + height, j : j + width] for i in range(down) for j in range(across)]
    patches = np.stack(windows, axis=3).reshape(n * height * width, down * across * channels)
    return np.matmul(patches, w.reshape(-1, made)).reshape(n, height, width, made)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def branch(x, limit):
    return np.tanh(x) if np.sum(x) > limit else -x


def outer(x, scale):
    return np.sum(np.tanh(x.dtype.type(scale) * (x[:, None] * x[None])), axis=1)
