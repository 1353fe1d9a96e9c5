"""The functions in NumPy; what it has no function for is written with what it has.

What is not here, NumPy runs as the reference has it.
"""

import numpy as np


def dot(x, y):
    return np.dot(x, y)


def einsum(x, y):
    return np.einsum("bqhd,bkhd->bhqk", x, y)


def conv2d(x, w):
    n, height, width, channels = x.shape
    down, across, _, made = w.shape
    padded = np.pad(x, ((0, 0), (down // 2, down // 2), (across // 2, across // 2), (0, 0)), mode="constant")
    windows = [padded[:, i : i + height, j : j + width] for i in range(down) for j in range(across)]
    patches = np.stack(windows, axis=3).reshape(n * height * width, down * across * channels)
    return np.matmul(patches, w.reshape(-1, made)).reshape(n, height, width, made)


def norm(x):
    return np.linalg.norm(x)


def index_add(x, y, order):
    found = x.copy()
    np.add.at(found, order % x.shape[0], y)
    return found


def embedding_sum(table, ids):
    return np.sum(np.take(table, ids, axis=0), axis=1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    raise NotImplementedError("NumPy has no error function")


def gelu(x):
    raise NotImplementedError("NumPy has no error function")


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return (top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True)))[:, 0]


def cross_entropy(x, labels):
    return np.mean(logsumexp(x) - x[np.arange(len(labels)), labels])


def layer_norm(x, gamma, beta, epsilon):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + x.dtype.type(epsilon)) * gamma + beta


def layer_norm_by_hand(x, gamma, beta, epsilon):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + x.dtype.type(epsilon)) * gamma + beta


def batch_norm(x, gamma, beta, epsilon):
    return (x - np.mean(x, axis=(0, 1, 2))) / np.sqrt(np.var(x, axis=(0, 1, 2)) + x.dtype.type(epsilon)) * gamma + beta


def attention(q, k, v):
    return np.matmul(softmax(np.matmul(q, np.swapaxes(k, -1, -2)) / np.sqrt(q.dtype.type(q.shape[-1]))), v)


def lstm(x, wi, wh, b, h, c):
    outputs = []
    for step in range(x.shape[1]):
        i, f, g, o = np.split(np.matmul(x[:, step], wi.T) + np.matmul(h, wh.T) + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c
