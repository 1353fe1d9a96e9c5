"""Functions to run in every mode, in plain NumPy."""

import numpy as np
from scipy import special


def chain(x, slope):
    for _ in range(10):
        x = np.tanh(x * slope + 0.25)
    return x


def chain_of_many(x, slope):
    return np.tanh(x * slope + 0.25) * x


def matmul(x, y):
    return np.matmul(x, y)


def mlp(x, w1, b1, w2, b2):
    return np.matmul(np.tanh(np.matmul(x, w1) + b1), w2) + b2


def training_step(x, y, w1, b1, w2, b2, rate):
    hidden = np.tanh(np.matmul(x, w1) + b1)
    distance = np.matmul(hidden, w2) + b2 - y
    slope = 2.0 * distance / np.size(y)
    below = np.matmul(slope, w2.T) * (1.0 - hidden * hidden)
    return (
        np.mean(distance * distance),
        w1 - rate * np.matmul(x.T, below),
        b1 - rate * np.sum(below, axis=0),
        w2 - rate * np.matmul(hidden.T, slope),
        b2 - rate * np.sum(slope, axis=0),
    )


def training_loop(x, y, w, b, rate, steps):
    for _ in range(steps):
        slope = 2.0 * (np.matmul(x, w) + b - y) / len(y)
        w = w - rate * np.matmul(x.T, slope)
        b = b - rate * np.sum(slope, axis=0)
    return w, b


def lstm_step(x, h, c, wi, wh, b):
    size = h.shape[1]
    gates = np.matmul(x, wi) + np.matmul(h, wh) + b
    i, f, o = (special.expit(gates[:, place * size : (place + 1) * size]) for place in (0, 1, 3))
    c = f * c + i * np.tanh(gates[:, 2 * size : 3 * size])
    return o * np.tanh(c), c


def lstm_loop(x, h, c, wi, wh, b):
    outputs = []
    for step in range(x.shape[1]):
        h, c = lstm_step(x[:, step], h, c, wi, wh, b)
        outputs = outputs + [h]
    return np.stack(outputs, axis=1), c


def conv2d(x, w):
    n, height, width, channels = x.shape
    down, across, _, made = w.shape
    above = 0.0 * x[:, : down // 2]
    tall = np.concatenate([above, x, above], axis=1)
    left = 0.0 * tall[:, :, : across // 2]
    padded = np.concatenate([left, tall, left], axis=2)
    windows = [padded[:, i : i + height, j : j + width] for i in range(down) for j in range(across)]
    patches = np.reshape(np.stack(windows, axis=3), (n * height * width, down * across * channels))
    return np.reshape(np.matmul(patches, np.reshape(w, (-1, made))), (n, height, width, made))


def softmax(x):
    e = np.exp(x - np.stop_gradient(np.max(x, axis=-1, keepdims=True)))
    return e / np.sum(e, axis=-1, keepdims=True)


def reduction(x):
    return np.sum(x * x)


def branch(x, limit):
    return np.where(np.sum(x) > limit, np.tanh(x), -x)


def outer(x, scale):
    return np.sum(np.tanh(scale * (x[:, None] * x[None])), axis=1)
