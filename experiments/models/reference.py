"""Whole models in plain NumPy. Weights lie as Keras lays them: kernels (in, out) or (height, width, in, out), images (n, h, w, channels).

Arguments after the tensors are factors: choices on which two sides differ. Their defaults here are the aligned ones, so they are the truth.
Gradients inside of trainings are written out by hand: what comes out is compared with each framework's own differentiation.
"""

import numpy as np
from scipy import special

# --- trainings ---------------------------------------------------------------------------------------------------------------------------


def train_linear(
    x, y, x_two, y_two, weight_normal, weight_uniform, bias_uniform, weight_initialiser="normal", bias_initialiser="zeros", data="one"
):
    """x (100, 5), y (100, 1), or others: weight (5, 1) and bias (1,) after 100 epochs of full-batch SGD on the mean squared error."""
    x, y = (x, y) if data == "one" else (x_two, y_two)
    w = weight_normal if weight_initialiser == "normal" else weight_uniform
    b = 0.0 * bias_uniform if bias_initialiser == "zeros" else bias_uniform
    for _ in range(100):
        error = (np.matmul(x, w) + b - y) / 50.0
        w, b = w - 0.01 * np.matmul(np.transpose(x), error), b - 0.01 * np.sum(error, axis=0)
    return w, b


def regression_by_hand(x, y, first, second, initial_weight="first"):
    """x, y (4,): weight and bias (1,) after 100 steps; the bias starts at 0."""
    w = first if initial_weight == "first" else second
    b = 0.0 * first
    for _ in range(100):
        error = 0.5 * (w * x + b - y)
        w, b = w - 0.01 * np.sum(error * x, keepdims=True), b - 0.01 * np.sum(error, keepdims=True)
    return w, b


def train_dropout(
    x,
    y,
    x_two,
    y_two,
    first_one,
    second_one,
    first_two,
    second_two,
    mask_one,
    mask_two,
    optimiser="sgd",
    initial_weights="one",
    data="one",
    dropout_mask="one",
):
    """x (10, 5), y (10, 2), masks (10 epochs, 10, 4): kernels and biases of 5 → 4 → 2 after 10 epochs with dropout 0.5."""
    x, y = (x, y) if data == "one" else (x_two, y_two)
    masks = mask_one if dropout_mask == "one" else mask_two
    first, second = (first_one, second_one) if initial_weights == "one" else (first_two, second_two)
    weights = (first, 0.0 * first[0], second, 0.0 * second[0])
    means, squares, short, long = [0.0 * w for w in weights], [0.0 * w for w in weights], 0.0 * y[:1, :1] + 1.0, 0.0 * y[:1, :1] + 1.0
    for epoch in range(10):
        slopes = _dropout_slopes(x, y, weights, 2.0 * masks[epoch])
        if optimiser == "sgd":
            weights = tuple(w - 0.001 * slope for w, slope in zip(weights, slopes))
            continue
        short, long = 0.9 * short, 0.999 * long
        means = [0.9 * m + 0.1 * slope for m, slope in zip(means, slopes)]
        squares = [0.999 * v + 0.001 * (slope * slope) for v, slope in zip(squares, slopes)]
        weights = tuple(_adam_step(w, m, v, short, long) for w, m, v in zip(weights, means, squares))
    return weights


def train_through(x, y, w):
    """x (8, 3), y (8, 1), w (3, 1): the weight of tanh(xw) after 5 steps; its derivative goes through all of them."""
    for _ in range(5):
        out = np.tanh(np.matmul(x, w))
        w = w - 0.5 * np.matmul(np.transpose(x), (out - y) * (1.0 - out * out) / 4.0)
    return w


# --- identical weights -------------------------------------------------------------------------------------------------------------------


def dropout_network(x, first, second, mask, training=False):
    hidden = _relu(np.matmul(x, first))
    return np.matmul(hidden * mask * 2.0 if training else hidden, second)


def feed_forward(x, first, first_bias, second, second_bias):
    return np.matmul(special.expit(np.matmul(x, first) + first_bias), second) + second_bias


def feed_forward_vector(x, weights, kernel_layout="keras"):
    """All 71 weights in one vector: kernel, bias, kernel, bias; kernels row by row as (in, out), or as (out, in) in layout "torch"."""
    first, second = weights[:50], weights[60:70]
    first = np.reshape(first, (5, 10)) if kernel_layout == "keras" else np.transpose(np.reshape(first, (10, 5)))
    return np.matmul(special.expit(np.matmul(x, first) + weights[50:60]), np.reshape(second, (10, 1))) + weights[70:]


def lstm_model(x, kernel, recurrent, bias, dense, dense_bias, time_major=False, recurrent_activation="sigmoid", bias_count=1):
    """x (10, 10, 1), (batch, time, feature) unless ``time_major``; LSTM of 10 units, gates in the order i f g o; Dense to 1."""
    batch = np.transpose(x, (1, 0, 2)) if time_major else x
    total = bias + bias if bias_count == 2 else bias
    h, c = np.zeros((10, 10)), np.zeros((10, 10))
    for step in range(10):
        h, c = _lstm(np.matmul(batch[:, step], kernel) + np.matmul(h, recurrent) + total, c, 0.0, recurrent_activation)
    return np.matmul(h, dense) + dense_bias


def lstm_cell(x, h, c, kernel, recurrent, bias, gate_order="ifgo", forget_bias=0.0):
    """One step; ``gate_order`` says how the columns of kernels and bias (4 blocks of 6) are read."""
    gates = np.matmul(x, kernel) + np.matmul(h, recurrent) + bias
    blocks = [gates[:, 6 * gate_order.index(gate) : 6 * gate_order.index(gate) + 6] for gate in "ifgo"]
    return _lstm(np.concatenate(blocks, axis=1), c, forget_bias, "sigmoid")


def conditional_python(x, first, first_bias, second, second_bias, flag):
    return np.matmul(x, first) + first_bias if flag else np.matmul(x, second) + second_bias


def conditional_tensor(flag, x, first, first_bias, second, second_bias):
    return np.matmul(x, first) + first_bias if flag[0] else np.matmul(x, second) + second_bias


def conditional_where(flag, x, first, first_bias, second, second_bias):
    return np.matmul(x, first) + first_bias if flag[0] else np.matmul(x, second) + second_bias


def mlp(x, kernels, biases, layers):
    """x (8, 16), kernels (16, 16, 16), biases (16, 16): the first ``layers`` of them, ReLU after all but the last."""
    for layer in range(layers - 1):
        x = _relu(np.matmul(x, kernels[layer]) + biases[layer])
    return np.matmul(x, kernels[layers - 1]) + biases[layers - 1]


def conv_net(image, first, first_bias, second, second_bias, dense, dense_bias, padding="same", flatten_order="nhwc"):
    """image (2, 8, 8, 2): 3×3 convolution in strides of 2, another, largest of 2×2, Dense. Gives (2, 3).

    Padding "same" puts the row and column that an even size lacks at the end; "symmetric" pads by 1 all around.
    """
    before = 0 if padding == "same" else 1
    hidden = _relu(_convolution(image, first, (before, 1), 2) + first_bias)
    hidden = _relu(_convolution(hidden, second, (1, 1), 1) + second_bias)
    pooled = _larger(_larger(hidden[:, ::2, ::2], hidden[:, ::2, 1::2]), _larger(hidden[:, 1::2, ::2], hidden[:, 1::2, 1::2]))
    if flatten_order == "nchw":
        pooled = np.transpose(pooled, (0, 3, 1, 2))
    return np.matmul(np.reshape(pooled, (2, 16)), dense) + dense_bias


def repeated_cell(x, kernel, bias, layers):
    """tanh(xW + b), x (4, 16), with the same weights ``layers`` times."""
    for _ in range(layers):
        x = np.tanh(np.matmul(x, kernel) + bias)
    return x


# --- defaults of layers ------------------------------------------------------------------------------------------------------------------


def batch_norm_mode(x, kernel, scale, shift, mean, variance, training=False):
    """x (16, 5): Dense without bias, batch norm by the given averages (4,), or by the batch's own where this is training."""
    hidden = np.matmul(x, kernel)
    if training:
        mean = np.mean(hidden, axis=0)
        variance = np.mean((hidden - mean) * (hidden - mean), axis=0)
    return (hidden - mean) / np.sqrt(variance + 0.001) * scale + shift


def batch_norm_block(x, kernel, scale, shift, mean, variance, epsilon=1e-5, momentum=0.9, ddof=0):
    """x (16, 5): Dense without bias, batch norm in training; the output, the new running mean and running variance (4,).

    ``momentum`` is the weight of the old average; ``ddof`` that of the variance that is averaged (the output always uses 0).
    """
    hidden = np.matmul(x, kernel)
    centre = np.mean(hidden, axis=0)
    spread = np.mean((hidden - centre) * (hidden - centre), axis=0)
    out = (hidden - centre) / np.sqrt(spread + epsilon) * scale + shift
    new = 1.0 - momentum
    return out, momentum * mean + new * centre, momentum * variance + new * (spread * 16.0 / (16.0 - ddof))


def normalised_block(x, first, scale, shift, second, epsilon=1e-5, slope=0.01):
    """Dense, layer norm, leaky ReLU, Dense, without biases."""
    hidden = np.matmul(x, first)
    centred = hidden - np.mean(hidden, axis=-1, keepdims=True)
    hidden = centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + epsilon) * scale + shift
    return np.matmul(np.where(hidden > 0.0, hidden, slope * hidden), second)


def gelu_block(x, first, second, approximate=False):
    hidden = np.matmul(x, first)
    if approximate:
        inner = np.sqrt(2.0 / np.pi) * (hidden + 0.044715 * (hidden * hidden * hidden))
        hidden = 0.5 * hidden * (1.0 + np.tanh(inner))
    else:
        hidden = 0.5 * hidden * special.erfc(-hidden / np.sqrt(2.0))
    return np.matmul(hidden, second)


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _relu(x):
    return np.where(x > 0.0, x, 0.0)


def _larger(a, b):
    return np.where(a > b, a, b)


def _dropout_slopes(x, y, weights, scaled):
    """Gradients of the mean squared error by (first, first bias, second, second bias); ``scaled`` is 0 or 2 for each hidden number."""
    first, first_bias, second, second_bias = weights
    before = np.matmul(x, first) + first_bias
    hidden = _relu(before) * scaled
    error = (np.matmul(hidden, second) + second_bias - y) / 10.0
    back = np.where(before > 0.0, np.matmul(error, np.transpose(second)) * scaled, 0.0)
    return np.matmul(np.transpose(x), back), np.sum(back, axis=0), np.matmul(np.transpose(hidden), error), np.sum(error, axis=0)


def _adam_step(w, mean, square, short, long):
    """One step of Adam as PyTorch has it: epsilon 1e-8, added to the corrected root. ``short`` and ``long`` are powers of 0.9 and 0.999."""
    step = 0.001 * (mean / (1.0 - short)) / (np.sqrt(square / (1.0 - long)) + 1e-8)
    return w - np.reshape(step, np.shape(w))


def _lstm(gates, c, forget_bias, activation):
    """One step from gates (n, 4·units) in the order i f g o; gives the new h and c."""
    units = gates.shape[1] // 4
    if activation == "sigmoid":
        gate = special.expit
    else:
        gate = _hard_sigmoid
    i, f, g, o = [gates[:, place * units : (place + 1) * units] for place in range(4)]
    c = gate(f + forget_bias) * c + gate(i) * np.tanh(g)
    return gate(o) * np.tanh(c), c


def _hard_sigmoid(x):
    """Keras 2's: 0.2x + 0.5, clipped to [0, 1]."""
    line = x / 5.0 + 0.5
    return np.where(line < 0.0, 0.0, np.where(line > 1.0, 1.0, line))


def _convolution(x, kernel, padding, stride):
    """Cross-correlation of images (n, h, w, in) with a kernel (3, 3, in, out), zeros put before and after height and width."""
    count, height, width, channels = x.shape
    before, after = padding
    x = np.concatenate([np.zeros((count, before, width, channels)), x, np.zeros((count, after, width, channels))], axis=1)
    height = height + before + after
    x = np.concatenate([np.zeros((count, height, before, channels)), x, np.zeros((count, height, after, channels))], axis=2)
    size = (height - 3) // stride + 1
    last = stride * (size - 1) + 1
    windows = [x[:, i : i + last : stride, j : j + last : stride] for i in range(3) for j in range(3)]
    columns = np.reshape(np.concatenate(windows, axis=3), (count * size * size, 9 * channels))
    return np.reshape(np.matmul(columns, np.reshape(kernel, (9 * channels, -1))), (count, size, size, -1))
