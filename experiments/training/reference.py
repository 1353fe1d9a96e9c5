"""Training in plain NumPy: models with their gradients written out, and the rules of the optimisers with every alternative.

All weights of a model are one vector, in the order of the inputs; shapes stand in ``experiment.toml``. Loops run over steps and over time,
never over rows. Batches of 32 rows are taken in a given order, epoch after epoch the same.
"""

import numpy as np
from scipy import special

ROWS = 32
"""Rows of a batch."""

# --- linear regression, full batch -------------------------------------------------------------------------------------------------------


def linear_loop(x, y, w, b, steps, learning_rate):
    return _fit_line(x, y, w, b, steps, learning_rate)


def linear_sgd(x, y, w, b, steps, learning_rate):
    return _fit_line(x, y, w, b, steps, learning_rate)


# --- multilayer perceptron: tanh, cross-entropy ------------------------------------------------------------------------------------------


def mlp_loop(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), _descent(learning_rate), steps)


def mlp_sgd(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), _descent(learning_rate), steps)


def mlp_relu(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    model = _perceptron(w1, w2, rectified=True)
    return _fit(model, (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), _descent(learning_rate), steps)


def mlp_dropout(x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate):
    model = _perceptron(w1, w2, masks=masks)
    return _fit(model, (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), _descent(learning_rate), steps)


def mlp_dropout_adam(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place="corrected"
):
    model, rule = _perceptron(w1, w2, masks=masks), _adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(model, (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_momentum(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=0.01, momentum=0.9):
    rule = _momentum(lambda _step: learning_rate, momentum)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_momentum_schedule(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, later_rate, momentum, convention="gradients"
):
    rule = _momentum(lambda step: learning_rate if step < steps // 2 else later_rate, momentum, convention)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_nesterov(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, momentum, form="shifted"):
    rule = _momentum(lambda _step: learning_rate, momentum, form=form)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_adam(
    x,
    labels,
    order,
    held_x,
    held_labels,
    w1,
    b1,
    w2,
    b2,
    steps,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    epsilon_place="corrected",
    bias_correction=True,
):
    rule = _adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place, bias_correction)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_adamw(
    x,
    labels,
    order,
    held_x,
    held_labels,
    w1,
    b1,
    w2,
    b2,
    steps,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    weight_decay=0.01,
    epsilon_place="corrected",
    decay="decoupled",
):
    rule = _adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place, weight_decay=weight_decay, decay=decay)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_rmsprop(
    x,
    labels,
    order,
    held_x,
    held_labels,
    w1,
    b1,
    w2,
    b2,
    steps,
    learning_rate=0.01,
    rho=0.99,
    epsilon=1e-8,
    epsilon_place="outside",
    initial=0.0,
):
    rule = _rmsprop(learning_rate, rho, epsilon, epsilon_place, initial)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


def mlp_adagrad(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=0.01, initial=0.0, epsilon=1e-10, epsilon_place="outside"
):
    rule = _adagrad(learning_rate, initial, epsilon, epsilon_place)
    return _fit(_perceptron(w1, w2), (x, labels, order, held_x, held_labels), (w1, b1, w2, b2), rule, steps)


# --- convolution 3x3, tanh, mean pooling 2x2, one linear layer ---------------------------------------------------------------------------


def cnn_momentum(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, momentum):
    rule = _momentum(lambda _step: learning_rate, momentum)
    return _fit(_convolutional(k), (x, labels, order, held_x, held_labels), (k, kb, w, b), rule, steps)


def cnn_adam(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place="corrected"):
    rule = _adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_convolutional(k), (x, labels, order, held_x, held_labels), (k, kb, w, b), rule, steps)


# --- LSTM over the rows of an image, one linear layer on the last state ------------------------------------------------------------------


def lstm_momentum(x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, momentum, biases="one"):
    rule = _momentum(lambda _step: learning_rate, momentum)
    return _fit(_recurrent(w, u, v, biases), (x, labels, order, held_x, held_labels), _double(w, u, b, v, d, biases), rule, steps)


def lstm_adam(
    x,
    labels,
    order,
    held_x,
    held_labels,
    w,
    u,
    b,
    v,
    d,
    steps,
    learning_rate,
    beta_1,
    beta_2,
    epsilon,
    epsilon_place="corrected",
    biases="one",
):
    rule = _adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_recurrent(w, u, v, biases), (x, labels, order, held_x, held_labels), _double(w, u, b, v, d, biases), rule, steps)


# --- the loop of training ----------------------------------------------------------------------------------------------------------------


def _checkpoints(steps):
    """Steps after which the loss is looked at; weights are returned at the first, second and last of them."""
    return (1, steps // 10, steps // 4, steps // 2, steps)


def _fit(model, data, weights, rule, steps):
    """Train; returns losses (6,), weights after 1, steps/10 and all steps, and the share of right answers on the rows held out.

    ``model``: (prepare, forward, backward, shown); ``rule``: what to add to the weights, see the optimisers below.
    """
    x, labels, order, held_x, held_labels = data
    prepare, forward, backward, shown = model
    prepared, one_hot = prepare(x), np.eye(10)[labels]
    batches = [order[start : start + ROWS] for start in range(0, len(order), ROWS)]
    parts = [(prepared[rows], one_hot[rows]) for rows in batches]
    flat = np.concatenate([np.reshape(part, (-1,)) for part in weights])
    losses, seen = [_cross_entropy(forward(flat, prepared)[0], one_hot)], []
    state = None
    for step in range(steps):
        rows, wanted = parts[step % len(parts)]

        def slope(at, rows=rows, wanted=wanted, step=step):
            return backward(at, rows, wanted, step)

        flat, state = rule(flat, slope, state, step)
        if step + 1 in _checkpoints(steps):
            losses = [*losses, _cross_entropy(forward(flat, prepared)[0], one_hot)]
            seen = [*seen, shown(flat)]
    answers = np.argmax(forward(flat, prepare(held_x))[0], axis=-1)
    share = np.mean(np.where(answers == held_labels, 1.0, 0.0))
    return np.stack(losses), seen[0], seen[1], seen[-1], np.reshape(share, (1,))


def _fit_line(x, y, w, b, steps, learning_rate):
    """Gradient descent on the mean squared error of x (n, k) · w (k, 1) + b (1,) against y (n, 1)."""
    count = len(y)
    error = np.matmul(x, w) + b - y
    losses, seen = [np.mean(error * error)], []
    for step in range(steps):
        back = error * (2.0 / count)
        w = w - learning_rate * np.matmul(np.transpose(x), back)
        b = b - learning_rate * np.sum(back, axis=0)
        error = np.matmul(x, w) + b - y
        if step + 1 in _checkpoints(steps):
            losses = [*losses, np.mean(error * error)]
            seen = [*seen, np.concatenate([np.reshape(w, (-1,)), b])]
    return np.stack(losses), seen[0], seen[1], seen[-1]


def _cross_entropy(logits, one_hot):
    """Mean over the rows, with the logarithm of the sum of exponentials taken safely."""
    top = np.max(logits, axis=-1, keepdims=True)
    total = np.log(np.sum(np.exp(logits - top), axis=-1)) + top[:, 0]
    return np.mean(total - np.sum(logits * one_hot, axis=-1))


def _softmax_error(logits, one_hot):
    """Gradient of ``_cross_entropy`` with respect to the logits."""
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return (powers / np.sum(powers, axis=-1, keepdims=True) - one_hot) / len(logits)


# --- models: (prepare, forward, backward, shown) -----------------------------------------------------------------------------------------
# prepare(x) gives rows that can be indexed; forward(flat, rows) the logits and what backward needs; backward(flat, rows, one_hot, step)
# the gradient; shown(flat) the weights as they are returned.


def _perceptron(w1, w2, rectified=False, masks=None):
    """x (n, 64) → 24 → 10. ``masks`` (steps, ROWS, 24) of 0 and 1: half of the hidden units is dropped in training, the rest doubled."""
    inputs, hidden = np.shape(w1)
    outputs = np.shape(w2)[1]
    ends = (inputs * hidden, inputs * hidden + hidden, inputs * hidden + hidden + hidden * outputs)

    def split(flat):
        first, second = np.reshape(flat[: ends[0]], (inputs, hidden)), np.reshape(flat[ends[1] : ends[2]], (hidden, outputs))
        return first, flat[ends[0] : ends[1]], second, flat[ends[2] :]

    def forward(flat, rows, kept=None):
        first, first_bias, second, second_bias = split(flat)
        before = np.matmul(rows, first) + first_bias
        middle = np.maximum(before, 0.0) if rectified else np.tanh(before)
        used = middle if kept is None else middle * kept
        return np.matmul(used, second) + second_bias, middle, used, second

    def backward(flat, rows, one_hot, step):
        kept = None if masks is None else 2.0 * masks[step]
        logits, middle, used, second = forward(flat, rows, kept)
        error = _softmax_error(logits, one_hot)
        back = np.matmul(error, np.transpose(second))
        back = back if kept is None else back * kept
        back = np.where(middle > 0.0, back, 0.0) if rectified else back * (1.0 - middle * middle)
        parts = (np.matmul(np.transpose(rows), back), np.sum(back, axis=0), np.matmul(np.transpose(used), error), np.sum(error, axis=0))
        return np.concatenate([np.reshape(part, (-1,)) for part in parts])

    return (lambda x: x), forward, backward, (lambda flat: flat)


def _convolutional(k):
    """x (n, 64) as images 8x8 → convolution with k (3, 3, 1, c), no padding → tanh → mean over 2x2 → linear on (3, 3, c)."""
    channels = np.shape(k)[-1]
    ends = (9 * channels, 10 * channels, 10 * channels + 90 * channels)
    corner = 8 * np.arange(6)[:, None] + np.arange(6)
    window = 8 * np.arange(3)[:, None] + np.arange(3)
    places = np.reshape(corner, (36, 1)) + np.reshape(window, (1, 9))

    def forward(flat, patches):
        kernel, bias = np.reshape(flat[: ends[0]], (9, channels)), flat[ends[0] : ends[1]]
        second = np.reshape(flat[ends[1] : ends[2]], (9 * channels, 10))
        middle = np.tanh(np.matmul(patches, kernel) + bias)
        cells = np.reshape(middle, (-1, 3, 2, 3, 2, channels))
        pooled = np.reshape(np.sum(cells, axis=(2, 4)) * 0.25, (-1, 9 * channels))
        return np.matmul(pooled, second) + flat[ends[2] :], middle, pooled, second

    def backward(flat, patches, one_hot, step):
        logits, middle, pooled, second = forward(flat, patches)
        error = _softmax_error(logits, one_hot)
        spread = np.reshape(np.matmul(error, np.transpose(second)) * 0.25, (-1, 3, 1, 3, 1, channels)) * np.ones((1, 1, 2, 1, 2, 1))
        back = np.reshape(spread, (-1, channels)) * (1.0 - np.reshape(middle * middle, (-1, channels)))
        rows = np.reshape(patches, (-1, 9))
        parts = (np.matmul(np.transpose(rows), back), np.sum(back, axis=0), np.matmul(np.transpose(pooled), error), np.sum(error, axis=0))
        return np.concatenate([np.reshape(part, (-1,)) for part in parts])

    return (lambda x: x[:, places]), forward, backward, (lambda flat: flat)


def _double(w, u, b, v, d, biases):
    """The weights to train: with two biases the second starts at zero."""
    return (w, u, b, v, d) if biases == "one" else (w, u, b, v, d, 0.0 * b)


def _recurrent(w, u, v, biases):
    """x (n, 64) as 8 steps of 8 → LSTM, gates in the order input, forget, candidate, output → linear on the last state.

    With two biases (one for the input, one for the state) both are trained; their sum is what counts and what is returned.
    """
    size = np.shape(u)[0]
    ends = tuple(np.cumsum([8 * 4 * size, size * 4 * size, 4 * size, size * 10, 10]))

    def split(flat):
        kernel, state = np.reshape(flat[: ends[0]], (8, 4 * size)), np.reshape(flat[ends[0] : ends[1]], (size, 4 * size))
        bias = flat[ends[1] : ends[2]] if biases == "one" else flat[ends[1] : ends[2]] + flat[ends[4] :]
        return kernel, state, bias, np.reshape(flat[ends[2] : ends[3]], (size, 10)), flat[ends[3] : ends[4]]

    def forward(flat, rows):
        kernel, state, bias, second, second_bias = split(flat)
        driven = np.swapaxes(np.reshape(np.matmul(np.reshape(rows, (-1, 8)), kernel) + bias, (-1, 8, 4 * size)), 0, 1)
        h, c, kept = 0.0 * driven[0][:, :size], 0.0 * driven[0][:, :size], []
        for t in range(8):
            z = driven[t] + np.matmul(h, state)
            gates, candidate = special.expit(z), np.tanh(z[:, 2 * size : 3 * size])
            was, before = h, c
            c = gates[:, size : 2 * size] * c + gates[:, :size] * candidate
            bent = np.tanh(c)
            h = gates[:, 3 * size :] * bent
            kept = [*kept, (gates, candidate, bent, before, was)]
        return np.matmul(h, second) + second_bias, h, kept, state, second

    def backward(flat, rows, one_hot, step):
        logits, h, kept, state, second = forward(flat, rows)
        error = _softmax_error(logits, one_hot)
        gates, candidate, bent, before, was = (np.stack(parts) for parts in zip(*kept))
        i, f, o = gates[:, :, :size], gates[:, :, size : 2 * size], gates[:, :, 3 * size :]
        bend = gates * (1.0 - gates)
        # what the gates' inputs get, by what the cell (three times) and the state get
        factors = np.concatenate(
            [
                candidate * bend[:, :, :size],
                before * bend[:, :, size : 2 * size],
                i - i * candidate * candidate,
                bent * bend[:, :, 3 * size :],
            ],
            axis=2,
        )
        through = o * (1.0 - bent * bent)
        dh, dc, flowing = np.matmul(error, np.transpose(second)), 0.0, []
        for t in range(7, -1, -1):
            dc = dc + dh * through[t]
            dz = np.concatenate([dc, dc, dc, dh], axis=1) * factors[t]
            dh, dc, flowing = np.matmul(dz, np.transpose(state)), dc * f[t], [dz, *flowing]
        flowing, inputs = np.concatenate(flowing), np.concatenate([rows[:, 8 * t : 8 * t + 8] for t in range(8)])
        bias = np.sum(flowing, axis=0)
        parts = [np.matmul(np.transpose(inputs), flowing), np.matmul(np.transpose(np.reshape(was, (-1, size))), flowing), bias]
        parts += [np.matmul(np.transpose(h), error), np.sum(error, axis=0)]
        parts += [] if biases == "one" else [bias]
        return np.concatenate([np.reshape(part, (-1,)) for part in parts])

    def shown(flat):
        if biases == "one":
            return flat
        return np.concatenate([flat[: ends[1]], flat[ends[1] : ends[2]] + flat[ends[4] :], flat[ends[2] : ends[4]]])

    return (lambda x: x), forward, backward, shown


# --- optimisers: rule(weights, slope, state, step) gives new weights and state -----------------------------------------------------------


def _descent(learning_rate):
    return lambda weights, slope, state, _step: (weights - learning_rate * slope(weights), state)


def _momentum(rate, momentum, convention="gradients", form="none"):
    """Momentum (Polyak). ``rate``: learning rate by step.

    ``convention``: the velocity is a sum of ``gradients`` (times the learning rate of now) or of ``steps`` (each with the rate of its
    time); the same as long as the rate does. ``form`` of Nesterov's momentum: ``none``; ``shifted``, in which weights are kept at the
    point looked ahead to; ``textbook``, in which the gradient is taken there and weights are kept behind.
    """

    def rule(weights, slope, velocity, step):
        velocity = 0.0 * weights if velocity is None else velocity
        learning_rate = rate(step)
        ahead = weights - (learning_rate * momentum) * velocity if form == "textbook" else weights
        gradient = slope(ahead)
        if convention == "steps":
            velocity = momentum * velocity + learning_rate * gradient
            return weights - velocity, velocity
        velocity = momentum * velocity + gradient
        push = gradient + momentum * velocity if form == "shifted" else velocity
        return weights - learning_rate * push, velocity

    return rule


def _adam(learning_rate, beta_1, beta_2, epsilon, place="corrected", bias_correction=True, weight_decay=0.0, decay="decoupled"):
    """Adam (Kingma and Ba, 2015, algorithm 1) and AdamW (Loshchilov and Hutter, 2019).

    ``place`` of epsilon: added to the ``corrected`` root of the second moment (algorithm 1) or to the ``raw`` one (the note that follows
    it). ``decay``: ``decoupled`` takes it off the weights, ``coupled`` adds it to the gradient (L2 regularisation).
    """

    def rule(weights, slope, state, step):
        start = (0.0 * weights, 0.0 * weights, 0.0 * weights[:1] + 1.0, 0.0 * weights[:1] + 1.0)
        mean, square, first, second = start if state is None else state
        gradient = slope(weights)
        if weight_decay and decay == "coupled":
            gradient = gradient + weight_decay * weights
        if weight_decay and decay == "decoupled":
            weights = weights - learning_rate * weight_decay * weights
        mean, square = beta_1 * mean + (1.0 - beta_1) * gradient, beta_2 * square + (1.0 - beta_2) * (gradient * gradient)
        first, second = beta_1 * first, beta_2 * second
        rate, root = learning_rate, np.sqrt(square)
        if bias_correction:
            corrected = np.sqrt(1.0 - second)
            rate = learning_rate / (1.0 - first)
            if place == "corrected":
                root = root / corrected
            else:
                rate = rate * corrected
        return weights - rate * mean / (root + epsilon), (mean, square, first, second)

    return rule


def _rmsprop(learning_rate, rho, epsilon, place, initial):
    """RMSprop (Hinton). ``place`` of epsilon: ``outside`` or ``inside`` of the root; ``initial``: where the mean square starts."""

    def rule(weights, slope, square, step):
        square = 0.0 * weights + initial if square is None else square
        gradient = slope(weights)
        square = rho * square + (1.0 - rho) * (gradient * gradient)
        return weights - learning_rate * gradient / _guarded(square, epsilon, place), square

    return rule


def _adagrad(learning_rate, initial, epsilon, place):
    """Adagrad (Duchi, Hazan and Singer, 2011). ``initial``: where the sum of squares starts; ``place`` as in RMSprop."""

    def rule(weights, slope, square, step):
        square = 0.0 * weights + initial if square is None else square
        gradient = slope(weights)
        square = square + gradient * gradient
        return weights - learning_rate * gradient / _guarded(square, epsilon, place), square

    return rule


def _guarded(square, epsilon, place):
    return np.sqrt(square + epsilon) if place == "inside" else np.sqrt(square) + epsilon
