"""The models in NumPy: what one writes without a framework. Its own choices are the aligned ones."""

import numpy as np

# --- trainings ---------------------------------------------------------------------------------------------------------------------------


def train_linear(
    x, y, x_two, y_two, weight_normal, weight_uniform, bias_uniform, weight_initialiser="normal", bias_initialiser="zeros", data="one"
):
    x, y = (x, y) if data == "one" else (x_two, y_two)
    w = weight_normal if weight_initialiser == "normal" else weight_uniform
    b = np.zeros_like(bias_uniform) if bias_initialiser == "zeros" else bias_uniform
    for _ in range(100):
        error = 2.0 * (x @ w + b - y) / len(x)
        w, b = w - 0.01 * (x.T @ error), b - 0.01 * np.sum(error, axis=0)
    return w, b


def regression_by_hand(x, y, first, second, initial_weight="first"):
    w = first if initial_weight == "first" else second
    b = np.zeros_like(first)
    for _ in range(100):
        error = 2.0 * (w * x + b - y) / len(x)
        w, b = w - 0.01 * np.sum(error * x), b - 0.01 * np.sum(error)
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
    masks = (mask_one if dropout_mask == "one" else mask_two).astype(x.dtype)
    x, y = (x, y) if data == "one" else (x_two, y_two)
    first, second = (first_one, second_one) if initial_weights == "one" else (first_two, second_two)
    weights = [first, np.zeros_like(first[0]), second, np.zeros_like(second[0])]
    means, squares = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for epoch, mask in enumerate(masks, start=1):
        slopes = _dropout_slopes(x, y, weights, mask)
        for place, slope in enumerate(slopes):
            if optimiser == "sgd":
                weights[place] = weights[place] - 0.001 * slope
                continue
            means[place] = 0.9 * means[place] + 0.1 * slope
            squares[place] = 0.999 * squares[place] + 0.001 * slope**2
            root = np.sqrt(squares[place] / (1.0 - 0.999**epoch)) + 1e-8
            weights[place] = weights[place] - 0.001 * means[place] / (1.0 - 0.9**epoch) / root
    return tuple(weights)


def train_through(x, y, w):
    for _ in range(5):
        out = np.tanh(x @ w)
        w = w - 0.5 * (x.T @ (2.0 * (out - y) * (1.0 - out**2))) / len(x)
    return w


# --- identical weights -------------------------------------------------------------------------------------------------------------------


def dropout_network(x, first, second, mask, training=False):
    hidden = np.maximum(x @ first, 0.0)
    return (hidden * mask.astype(x.dtype) / 0.5 if training else hidden) @ second


def feed_forward(x, first, first_bias, second, second_bias):
    _check("first kernel", first, (5, 10))
    _check("second kernel", second, (10, 1))
    return _sigmoid(x @ first + first_bias) @ second + second_bias


def feed_forward_vector(x, weights, kernel_layout="keras"):
    turned = kernel_layout != "keras"
    shapes = [("first kernel", (10, 5) if turned else (5, 10)), ("first bias", (10,))]
    shapes += [("second kernel", (1, 10) if turned else (10, 1)), ("second bias", (1,))]
    first, first_bias, second, second_bias = _split(weights, shapes)
    return feed_forward(x, first.T if turned else first, first_bias, second.T if turned else second, second_bias)


def lstm_model(x, kernel, recurrent, bias, dense, dense_bias, time_major=False, recurrent_activation="sigmoid", bias_count=1):
    if time_major:
        x = np.swapaxes(x, 0, 1)
    total = bias * x.dtype.type(bias_count)
    gate = _sigmoid if recurrent_activation == "sigmoid" else _hard_sigmoid
    h, c = np.zeros((x.shape[0], 10), x.dtype), np.zeros((x.shape[0], 10), x.dtype)
    for step in range(x.shape[1]):
        h, c = _lstm(x[:, step] @ kernel + h @ recurrent + total, c, gate)
    return h @ dense + dense_bias


def lstm_cell(x, h, c, kernel, recurrent, bias, gate_order="ifgo", forget_bias=0.0):
    gates = (x @ kernel + h @ recurrent + bias).reshape(len(x), 4, -1)
    gates = gates[:, [gate_order.index(gate) for gate in "ifgo"]]
    gates[:, 1] += x.dtype.type(forget_bias)
    return _lstm(gates.reshape(len(x), -1), c, _sigmoid)


def conditional_python(x, first, first_bias, second, second_bias, flag):
    return x @ first + first_bias if flag else x @ second + second_bias


def conditional_tensor(flag, x, first, first_bias, second, second_bias):
    return x @ first + first_bias if flag[0] else x @ second + second_bias


def conditional_where(flag, x, first, first_bias, second, second_bias):
    return np.where(flag, x @ first + first_bias, x @ second + second_bias)


def mlp(x, kernels, biases, layers):
    for layer in range(layers - 1):
        x = np.maximum(x @ kernels[layer] + biases[layer], 0.0)
    return x @ kernels[layers - 1] + biases[layers - 1]


def conv_net(image, first, first_bias, second, second_bias, dense, dense_bias, padding="same", flatten_order="nhwc"):
    around = (0, 1) if padding == "same" else (1, 1)
    hidden = np.maximum(_convolution(image, first, around, 2) + first_bias, 0.0)
    hidden = np.maximum(_convolution(hidden, second, (1, 1), 1) + second_bias, 0.0)
    pooled = hidden.reshape(2, 2, 2, 2, 2, 4).max(axis=(2, 4))
    if flatten_order == "nchw":
        pooled = pooled.transpose(0, 3, 1, 2)
    return pooled.reshape(len(image), -1) @ dense + dense_bias


def repeated_cell(x, kernel, bias, layers):
    for _ in range(layers):
        x = np.tanh(x @ kernel + bias)
    return x


# --- defaults of layers ------------------------------------------------------------------------------------------------------------------


def batch_norm_mode(x, kernel, scale, shift, mean, variance, training=False):
    hidden = x @ kernel
    if training:
        mean, variance = np.mean(hidden, axis=0), np.var(hidden, axis=0)
    return (hidden - mean) / np.sqrt(variance + x.dtype.type(0.001)) * scale + shift


def batch_norm_block(x, kernel, scale, shift, mean, variance, epsilon=1e-5, momentum=0.9, ddof=0):
    hidden = x @ kernel
    centre = np.mean(hidden, axis=0)
    out = (hidden - centre) / np.sqrt(np.var(hidden, axis=0) + x.dtype.type(epsilon)) * scale + shift
    spread = np.var(hidden, axis=0, ddof=ddof)
    return out, momentum * mean + (1.0 - momentum) * centre, momentum * variance + (1.0 - momentum) * spread


def normalised_block(x, first, scale, shift, second, epsilon=1e-5, slope=0.01):
    hidden = x @ first
    centred = hidden - np.mean(hidden, axis=-1, keepdims=True)
    hidden = centred / np.sqrt(np.var(hidden, axis=-1, keepdims=True) + x.dtype.type(epsilon)) * scale + shift
    return np.where(hidden > 0.0, hidden, x.dtype.type(slope) * hidden) @ second


def gelu_block(x, first, second, approximate=False):
    if not approximate:
        raise NotImplementedError("NumPy has no error function")
    hidden = x @ first
    return (0.5 * hidden * (1.0 + np.tanh(0.7978845608028654 * (hidden + 0.044715 * hidden**3)))) @ second


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _check(name, array, shape):
    """Raise ``ValueError`` unless ``array`` has the shape that a layer expects."""
    if tuple(array.shape) != shape:
        sizes = int(np.prod(shape)), int(np.prod(array.shape))
        raise ValueError(f"{name}: {sizes[0]} numbers expected, shape {shape}; {sizes[1]} given, shape {tuple(array.shape)}")


def _split(vector, shapes):
    """The arrays that lie one after the other in a vector; ``shapes`` is a list of (name, shape).

    Raises ``ValueError`` when the vector has another length than all of them together.
    """
    sizes = [int(np.prod(shape)) for _, shape in shapes]
    ends = np.cumsum(sizes)
    for (name, shape), size, end in zip(shapes, sizes, ends):
        left = max(0, len(vector) - (int(end) - size))
        if left < size:
            text = "{}: {} numbers expected, shape {}; {} given, for the vector has {} of {}"
            raise ValueError(text.format(name, size, shape, left, len(vector), ends[-1]))
    if len(vector) > ends[-1]:
        raise ValueError(f"weights: {ends[-1]} numbers expected; {len(vector)} given")
    return [part.reshape(shape) for part, (_, shape) in zip(np.split(vector, ends[:-1]), shapes)]


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def _dropout_slopes(x, y, weights, mask):
    first, first_bias, second, second_bias = weights
    before = x @ first + first_bias
    hidden = np.maximum(before, 0.0) * mask / 0.5
    error = 2.0 * (hidden @ second + second_bias - y) / y.size
    back = (error @ second.T) * mask / 0.5 * (before > 0.0)
    return x.T @ back, np.sum(back, axis=0), hidden.T @ error, np.sum(error, axis=0)


def _lstm(gates, c, gate):
    i, f, g, o = np.split(gates, 4, axis=1)
    c = gate(f) * c + gate(i) * np.tanh(g)
    return gate(o) * np.tanh(c), c


def _convolution(x, kernel, around, stride):
    x = np.pad(x, ((0, 0), around, around, (0, 0)), mode="constant")
    size = (x.shape[1] - 3) // stride + 1
    last = stride * (size - 1) + 1
    total = 0.0
    for i in range(3):
        for j in range(3):
            total = total + x[:, i : i + last : stride, j : j + last : stride] @ kernel[i, j]
    return total
