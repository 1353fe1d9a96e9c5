"""Training as it is written by hand in NumPy 1.18 to 2.x: gradients spelled out, state updated in place.

NumPy has no optimisers, so it has no defaults either: a case about defaults runs where every number is given on which frameworks differ.
"""

import numpy as np

ROWS = 32


# --- linear regression, full batch -------------------------------------------------------------------------------------------------------


def linear_loop(x, y, w, b, steps, learning_rate):
    return _fit_line(x, y, w, b, steps, learning_rate)


def linear_sgd(x, y, w, b, steps, learning_rate):
    return _fit_line(x, y, w, b, steps, learning_rate)


# --- multilayer perceptron ---------------------------------------------------------------------------------------------------------------


def mlp_loop(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], _Momentum(learning_rate), steps)


def mlp_sgd(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], _Momentum(learning_rate), steps)


def mlp_relu(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    model = _Perceptron(rectified=True)
    return _fit(model, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], _Momentum(learning_rate), steps)


def mlp_dropout(x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate):
    model = _Perceptron(masks=masks)
    return _fit(model, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], _Momentum(learning_rate), steps)


def mlp_dropout_adam(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None
):
    model, rule = _Perceptron(masks=masks), _Adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(model, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


def mlp_momentum(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, momentum=None):
    rule = _Momentum(_given(learning_rate), _given(momentum))
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


def mlp_momentum_schedule(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, later_rate, momentum, convention=None
):
    rule = _Momentum(learning_rate, momentum, later=(steps // 2, later_rate), convention=convention)
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


def mlp_nesterov(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, momentum):
    rule = _Momentum(learning_rate, momentum, nesterov=True)
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


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
    epsilon=None,
    epsilon_place=None,
):
    rule = _Adam(learning_rate, beta_1, beta_2, _given(epsilon), epsilon_place)
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


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
    learning_rate=None,
    beta_1=None,
    beta_2=None,
    epsilon=None,
    weight_decay=None,
    epsilon_place=None,
    decay=None,
):
    rule = _Adam(_given(learning_rate), _given(beta_1), _given(beta_2), _given(epsilon), epsilon_place, _given(weight_decay), _given(decay))
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


def mlp_rmsprop(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, rho=None, epsilon=None, epsilon_place=None
):
    rule = _Squares(_given(learning_rate), 0.0, _given(rho), _given(epsilon), epsilon_place)
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


def mlp_adagrad(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, initial=None, epsilon=None, epsilon_place=None
):
    rule = _Squares(_given(learning_rate), _given(initial), None, _given(epsilon), epsilon_place)
    return _fit(_Perceptron(), x, labels, order, held_x, held_labels, [w1, b1, w2, b2], rule, steps)


# --- convolutional network ---------------------------------------------------------------------------------------------------------------


def cnn_momentum(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, momentum):
    return _fit(_Convolutional(), x, labels, order, held_x, held_labels, [k, kb, w, b], _Momentum(learning_rate, momentum), steps)


def cnn_adam(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None):
    rule = _Adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_Convolutional(), x, labels, order, held_x, held_labels, [k, kb, w, b], rule, steps)


# --- LSTM --------------------------------------------------------------------------------------------------------------------------------


def lstm_momentum(x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, momentum, biases=None):
    return _fit(_Recurrent(), x, labels, order, held_x, held_labels, [w, u, b, v, d], _Momentum(learning_rate, momentum), steps)


def lstm_adam(
    x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None, biases=None
):
    rule = _Adam(learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_Recurrent(), x, labels, order, held_x, held_labels, [w, u, b, v, d], rule, steps)


# --- the loop of training ----------------------------------------------------------------------------------------------------------------


def _given(value):
    if value is None:
        raise NotImplementedError("NumPy has no optimisers and so no defaults of them")
    return value


def _checkpoints(steps):
    return (1, steps // 10, steps // 4, steps // 2, steps)


def _fit(model, x, labels, order, held_x, held_labels, weights, rule, steps):
    weights = [part.copy() for part in weights]
    batches = [order[start : start + ROWS] for start in range(0, len(order), ROWS)]
    losses, seen = [_cross_entropy(model.forward(weights, x), labels)], []
    for step in range(steps):
        rows = batches[step % len(batches)]
        logits = model.forward(weights, x[rows], step)
        gradients = model.backward(weights, _softmax_error(logits, labels[rows]))
        rule.apply(weights, gradients)
        if step + 1 in _checkpoints(steps):
            losses.append(_cross_entropy(model.forward(weights, x), labels))
            seen.append(np.concatenate([part.ravel() for part in weights]))
    answers = np.argmax(model.forward(weights, held_x), axis=-1)
    share = np.mean(answers == held_labels, dtype=x.dtype).reshape(1)
    return np.stack(losses), seen[0], seen[1], seen[-1], share


def _fit_line(x, y, w, b, steps, learning_rate):
    w, b = w.copy(), b.copy()
    error = x @ w + b - y
    losses, seen = [np.mean(error * error)], []
    for step in range(steps):
        w -= learning_rate * (2.0 / len(y) * (x.T @ error))
        b -= learning_rate * (2.0 * np.mean(error, axis=0))
        error = x @ w + b - y
        if step + 1 in _checkpoints(steps):
            losses.append(np.mean(error * error))
            seen.append(np.concatenate([w.ravel(), b]))
    return np.stack(losses), seen[0], seen[1], seen[-1]


def _cross_entropy(logits, labels):
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    chosen = shifted[np.arange(len(labels)), labels]
    return np.mean(np.log(np.sum(np.exp(shifted), axis=-1)) - chosen)


def _softmax_error(logits, labels):
    share = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    share /= np.sum(share, axis=-1, keepdims=True)
    share[np.arange(len(labels)), labels] -= 1.0
    return share / len(labels)


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# --- models: forward(weights, rows) gives logits and keeps what backward(weights, error of the logits) needs for the gradients ------------


class _Perceptron:
    def __init__(self, rectified=False, masks=None):
        self.rectified, self.masks = rectified, masks

    def forward(self, weights, rows, step=None):
        w1, b1, w2, b2 = weights
        before = rows @ w1 + b1
        middle = np.maximum(before, 0.0) if self.rectified else np.tanh(before)
        kept = None if self.masks is None or step is None else 2.0 * self.masks[step].astype(rows.dtype)
        used = middle if kept is None else middle * kept
        self.kept = (rows, middle, kept, used)
        return used @ w2 + b2

    def backward(self, weights, error):
        rows, middle, kept, used = self.kept
        back = error @ weights[2].T
        if kept is not None:
            back *= kept
        back *= middle > 0.0 if self.rectified else 1.0 - middle * middle
        return [rows.T @ back, back.sum(axis=0), used.T @ error, error.sum(axis=0)]


class _Convolutional:
    def forward(self, weights, rows, _step=None):
        kernel, bias, w, b = weights
        images = rows.reshape(-1, 8, 8)
        patches = np.stack([images[:, i : i + 6, j : j + 6] for i in range(3) for j in range(3)], axis=-1)
        middle = np.tanh(patches @ kernel.reshape(9, -1) + bias)
        pooled = middle.reshape(len(rows), 3, 2, 3, 2, -1).mean(axis=(2, 4)).reshape(len(rows), -1)
        self.kept = (patches, middle, pooled)
        return pooled @ w + b

    def backward(self, weights, error):
        patches, middle, pooled = self.kept
        spread = (error @ weights[2].T).reshape(len(error), 3, 3, -1) / 4.0
        back = spread.repeat(2, axis=1).repeat(2, axis=2) * (1.0 - middle * middle)
        slope = np.tensordot(patches, back, axes=([0, 1, 2], [0, 1, 2]))
        return [slope.reshape(weights[0].shape), back.sum(axis=(0, 1, 2)), pooled.T @ error, error.sum(axis=0)]


class _Recurrent:
    def forward(self, weights, rows, _step=None):
        w, u, b, v, d = weights
        size = len(u)
        h = np.zeros((len(rows), size), rows.dtype)
        c, self.kept = h, []
        for t in range(8):
            now = rows[:, 8 * t : 8 * t + 8]
            z = now @ w + h @ u + b
            i, f, g, o = (z[:, n * size : (n + 1) * size] for n in range(4))
            i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
            before, was = c, h
            c = f * c + i * g
            bent = np.tanh(c)
            h = o * bent
            self.kept.append((now, i, f, g, o, before, was, bent))
        self.last = h
        return h @ v + d

    def backward(self, weights, error):
        w, u, b, v, _ = weights
        slopes = [np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)]
        dh, dc = error @ v.T, 0.0
        for now, i, f, g, o, before, was, bent in reversed(self.kept):
            dc = dc + dh * o * (1.0 - bent * bent)
            parts = [dc * g * i * (1.0 - i), dc * before * f * (1.0 - f), dc * i * (1.0 - g * g), dh * bent * o * (1.0 - o)]
            dz = np.concatenate(parts, axis=1)
            slopes[0] += now.T @ dz
            slopes[1] += was.T @ dz
            slopes[2] += dz.sum(axis=0)
            dh, dc = dz @ u.T, dc * f
        return slopes + [self.last.T @ error, error.sum(axis=0)]


# --- optimisers: apply(weights, gradients) changes the weights in place -------------------------------------------------------------------


class _Momentum:
    """Plain descent where the momentum is zero. ``later``: (step, rate) from which another learning rate holds."""

    def __init__(self, learning_rate, momentum=0.0, later=None, convention=None, nesterov=False):
        self.rate, self.momentum, self.later, self.nesterov = learning_rate, momentum, later, nesterov
        _only(convention, "gradients")
        self.steps, self.velocities = 0, None

    def apply(self, weights, gradients):
        if self.later is not None and self.steps == self.later[0]:
            self.rate = self.later[1]
        if self.velocities is None:
            self.velocities = [np.zeros_like(part) for part in weights]
        for part, gradient, velocity in zip(weights, gradients, self.velocities):
            velocity[...] = self.momentum * velocity + gradient
            part[...] = part - self.rate * (gradient + self.momentum * velocity if self.nesterov else velocity)
        self.steps += 1


class _Adam:
    def __init__(self, learning_rate, beta_1, beta_2, epsilon, place=None, weight_decay=0.0, decay="decoupled"):
        self.rate, self.beta_1, self.beta_2, self.epsilon, self.weight_decay = learning_rate, beta_1, beta_2, epsilon, weight_decay
        _only(place, "corrected")
        _only(decay, "decoupled")
        self.steps, self.means, self.squares = 0, None, None

    def apply(self, weights, gradients):
        if self.means is None:
            self.means, self.squares = [np.zeros_like(part) for part in weights], [np.zeros_like(part) for part in weights]
        self.steps += 1
        first, second = 1.0 - self.beta_1**self.steps, 1.0 - self.beta_2**self.steps
        for part, gradient, mean, square in zip(weights, gradients, self.means, self.squares):
            mean[...] = mean + (1.0 - self.beta_1) * (gradient - mean)
            square[...] = square + (1.0 - self.beta_2) * (gradient * gradient - square)
            push = self.rate / first * mean / (np.sqrt(square / second) + self.epsilon)
            part[...] = (1.0 - self.rate * self.weight_decay) * part - push


class _Squares:
    """Adagrad, and RMSprop where ``rho`` makes the sum of squares forget."""

    def __init__(self, learning_rate, initial, rho, epsilon, place=None):
        self.rate, self.initial, self.rho, self.epsilon = learning_rate, initial, rho, epsilon
        _only(place, "outside")
        self.squares = None

    def apply(self, weights, gradients):
        if self.squares is None:
            self.squares = [np.full_like(part, self.initial) for part in weights]
        for part, gradient, square in zip(weights, gradients, self.squares):
            if self.rho is None:
                square[...] = square + gradient * gradient
            else:
                square[...] = self.rho * square + (1.0 - self.rho) * (gradient * gradient)
            part[...] = part - self.rate * gradient / (np.sqrt(square) + self.epsilon)


def _only(value, known):
    if value not in (None, known):
        raise NotImplementedError(f"this file knows {known} and not {value}")
