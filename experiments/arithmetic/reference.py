"""Functions whose bits depend on how a machine adds and multiplies, in plain NumPy."""

import numpy as np
from scipy import special

# --- products ----------------------------------------------------------------------------------------------------------------------------


def matmul(x, y):
    return np.matmul(x, y)


def matmul_stack(x, y):
    return np.matmul(x, y)


def dot(x, y):
    return np.sum(x * y)


def einsum(x, y):
    return np.matmul(np.transpose(x, (0, 2, 1, 3)), np.transpose(y, (0, 2, 3, 1)))


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


# --- sums --------------------------------------------------------------------------------------------------------------------------------


def total(x):
    return np.sum(x)


def sum_rows(x):
    return np.sum(x, axis=1)


def sum_columns(x):
    return np.sum(x, axis=0)


def mean(x):
    return np.mean(x, axis=1)


def variance(x):
    return np.var(x, axis=1)


def norm(x):
    return np.sqrt(np.sum(x * x))


def cumsum(x):
    return np.cumsum(x)


def index_add(x, y, order):
    rows = x.shape[0]
    grouped = np.reshape(y[np.argsort(order % rows)], (rows, -1, y.shape[1]))
    return np.sum(np.concatenate([x[:, None], grouped], axis=1), axis=1)


def embedding_sum(table, ids):
    return np.sum(table[ids], axis=1)


# --- functions of one number -------------------------------------------------------------------------------------------------------------


def exp(x):
    return np.exp(x)


def log(x):
    return np.log(x)


def sin(x):
    return np.sin(x)


def tanh(x):
    return np.tanh(x)


def sigmoid(x):
    return special.expit(x)


def erf(x):
    return special.erf(x)


def gelu(x):
    return 0.5 * x * special.erfc(-x / np.sqrt(2.0))


def multiply_add(x, y):
    return x * y + x


# --- combinations ------------------------------------------------------------------------------------------------------------------------


def softmax(x):
    e = np.exp(x - np.stop_gradient(np.max(x, axis=-1, keepdims=True)))
    return e / np.sum(e, axis=-1, keepdims=True)


def logsumexp(x):
    top = np.stop_gradient(np.max(x, axis=-1, keepdims=True))
    return (top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True)))[:, 0]


def cross_entropy(x, labels):
    return np.mean(logsumexp(x) - x[np.arange(len(labels)), labels])


def layer_norm(x, gamma, beta, epsilon):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + epsilon) * gamma + beta


def layer_norm_by_hand(x, gamma, beta, epsilon):
    return layer_norm(x, gamma, beta, epsilon)


def batch_norm(x, gamma, beta, epsilon):
    flat = np.reshape(x, (-1, x.shape[-1]))
    centred = flat - np.mean(flat, axis=0)
    return np.reshape(centred / np.sqrt(np.mean(centred * centred, axis=0) + epsilon) * gamma + beta, x.shape)


def attention(q, k, v):
    return np.matmul(softmax(np.matmul(q, np.swapaxes(k, -1, -2)) / np.sqrt(1.0 * q.shape[-1])), v)


def mlp(x, w, b):
    for layer in range(w.shape[0]):
        x = np.tanh(np.matmul(x, w[layer]) + b[layer])
    return x


def lstm(x, wi, wh, b, h, c):
    size = h.shape[1]
    outputs = []
    for step in range(x.shape[1]):
        gates = np.matmul(x[:, step], wi.T) + np.matmul(h, wh.T) + b
        i, f, o = (special.expit(gates[:, place * size : (place + 1) * size]) for place in (0, 1, 3))
        c = f * c + i * np.tanh(gates[:, 2 * size : 3 * size])
        h = o * np.tanh(c)
        outputs = outputs + [h]
    return np.stack(outputs, axis=1), h, c
