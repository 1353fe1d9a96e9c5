"""Training with the optimisers of PyTorch 1.4 to 2.13. Weights come in the layout of TensorFlow and go back in it.

Numbers that a case does not give are not passed on: the optimiser then has its own defaults.
"""

import torch
import torch.nn.functional as F

ROWS = 32


# --- linear regression, full batch -------------------------------------------------------------------------------------------------------


def linear_loop(x, y, w, b, steps, learning_rate):
    parts = [w.t().clone().requires_grad_(), b.clone().requires_grad_()]

    def advance(_step):
        slopes = torch.autograd.grad(F.mse_loss(F.linear(x, parts[0], parts[1]), y), parts)
        _descend(parts, slopes, learning_rate)

    return _follow(advance, lambda: F.mse_loss(F.linear(x, parts[0], parts[1]), y), lambda: _flat(parts), steps)


def linear_sgd(x, y, w, b, steps, learning_rate):
    parts = [w.t().clone().requires_grad_(), b.clone().requires_grad_()]
    optimiser = torch.optim.SGD(parts, lr=learning_rate)

    def loss():
        return F.mse_loss(F.linear(x, parts[0], parts[1]), y)

    return _follow(lambda _: _step(optimiser, loss()), loss, lambda: _flat(parts), steps)


# --- multilayer perceptron ---------------------------------------------------------------------------------------------------------------


def mlp_loop(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    model = _Perceptron(w1, b1, w2, b2)

    def descend(loss, _step):
        _descend(model.parts, torch.autograd.grad(loss, model.parts), learning_rate)

    return _fit(model, x, labels, order, held_x, held_labels, descend, steps)


def mlp_sgd(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    model = _Perceptron(w1, b1, w2, b2)
    return _train(model, x, labels, order, held_x, held_labels, torch.optim.SGD(model.parts, lr=learning_rate), steps)


def mlp_relu(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    model = _Perceptron(w1, b1, w2, b2, rectified=True)
    return _train(model, x, labels, order, held_x, held_labels, torch.optim.SGD(model.parts, lr=learning_rate), steps)


def mlp_dropout(x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate):
    model = _Perceptron(w1, b1, w2, b2, masks=masks.to(x.dtype))
    return _train(model, x, labels, order, held_x, held_labels, torch.optim.SGD(model.parts, lr=learning_rate), steps)


def mlp_dropout_adam(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None
):
    model = _Perceptron(w1, b1, w2, b2, masks=masks.to(x.dtype))
    optimiser = _adam(model.parts, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


def mlp_momentum(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, momentum=None):
    model = _Perceptron(w1, b1, w2, b2)
    return _train(model, x, labels, order, held_x, held_labels, _momentum(model.parts, learning_rate, momentum), steps)


def mlp_momentum_schedule(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, later_rate, momentum, convention=None
):
    _only(convention, "gradients")
    model = _Perceptron(w1, b1, w2, b2)
    optimiser = torch.optim.SGD(model.parts, lr=learning_rate, momentum=momentum)

    def descend(loss, step):
        if step == steps // 2:
            for group in optimiser.param_groups:
                group["lr"] = later_rate
        _step(optimiser, loss)

    return _fit(model, x, labels, order, held_x, held_labels, descend, steps)


def mlp_nesterov(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, momentum):
    model = _Perceptron(w1, b1, w2, b2)
    optimiser = torch.optim.SGD(model.parts, lr=learning_rate, momentum=momentum, nesterov=True)
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


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
    learning_rate=None,
    beta_1=None,
    beta_2=None,
    epsilon=None,
    epsilon_place=None,
):
    model = _Perceptron(w1, b1, w2, b2)
    optimiser = _adam(model.parts, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


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
    _only(decay, "decoupled")
    model = _Perceptron(w1, b1, w2, b2)
    kind = torch.optim.Adam if decay is None else torch.optim.AdamW
    optimiser = _adam(model.parts, learning_rate, beta_1, beta_2, epsilon, epsilon_place, kind, weight_decay=weight_decay)
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


def mlp_rmsprop(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, rho=None, epsilon=None, epsilon_place=None
):
    _only(epsilon_place, "outside")
    model = _Perceptron(w1, b1, w2, b2)
    optimiser = torch.optim.RMSprop(model.parts, **_given(lr=learning_rate, alpha=rho, eps=epsilon))
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


def mlp_adagrad(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, initial=None, epsilon=None, epsilon_place=None
):
    _only(epsilon_place, "outside")
    model = _Perceptron(w1, b1, w2, b2)
    optimiser = torch.optim.Adagrad(model.parts, **_given(lr=learning_rate, initial_accumulator_value=initial, eps=epsilon))
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


# --- convolutional network ---------------------------------------------------------------------------------------------------------------


def cnn_momentum(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, momentum):
    model = _Convolutional(k, kb, w, b)
    return _train(model, x, labels, order, held_x, held_labels, _momentum(model.parts, learning_rate, momentum), steps)


def cnn_adam(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None):
    model = _Convolutional(k, kb, w, b)
    optimiser = _adam(model.parts, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


# --- LSTM --------------------------------------------------------------------------------------------------------------------------------


def lstm_momentum(x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, momentum, biases=None):
    model = _Recurrent(w, u, b, v, d, biases)
    return _train(model, x, labels, order, held_x, held_labels, _momentum(model.trained, learning_rate, momentum), steps)


def lstm_adam(
    x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None, biases=None
):
    model = _Recurrent(w, u, b, v, d, biases)
    optimiser = _adam(model.trained, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _train(model, x, labels, order, held_x, held_labels, optimiser, steps)


# --- the loop of training ----------------------------------------------------------------------------------------------------------------


def _given(**options):
    return {name: value for name, value in options.items() if value is not None}


def _only(value, known):
    if value not in (None, known):
        raise NotImplementedError(f"PyTorch has {known} and not {value}")


def _flat(parts):
    return torch.cat([part.detach().reshape(-1) for part in parts])


def _descend(parts, slopes, learning_rate):
    with torch.no_grad():
        for part, slope in zip(parts, slopes):
            part.sub_(learning_rate * slope)


def _step(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _follow(advance, loss, weights, steps):
    """Losses at the checkpoints, weights at the first, second and last of them."""
    with torch.no_grad():
        losses, seen = [loss().reshape(1)], []
    for step in range(steps):
        advance(step)
        if step + 1 in (1, steps // 10, steps // 4, steps // 2, steps):
            with torch.no_grad():
                losses.append(loss().reshape(1))
                seen.append(weights())
    return torch.cat(losses), seen[0], seen[1], seen[-1]


def _fit(model, x, labels, order, held_x, held_labels, descend, steps):
    """``descend(loss, step)`` moves the weights of the model."""
    batches = [(x[rows], labels[rows]) for rows in torch.split(order, ROWS)]

    def advance(step):
        rows, wanted = batches[step % len(batches)]
        descend(F.cross_entropy(model.forward(rows, step), wanted), step)

    found = _follow(advance, lambda: F.cross_entropy(model.forward(x), labels), model.weights, steps)
    with torch.no_grad():
        right = torch.argmax(model.forward(held_x), dim=-1) == held_labels
    return found + (right.to(x.dtype).mean().reshape(1),)


def _train(model, x, labels, order, held_x, held_labels, optimiser, steps):
    return _fit(model, x, labels, order, held_x, held_labels, lambda loss, _: _step(optimiser, loss), steps)


# --- models: ``parts`` in PyTorch's layout, weights() in the layout they came in ----------------------------------------------------------


class _Perceptron:
    def __init__(self, w1, b1, w2, b2, rectified=False, masks=None):
        self.rectified, self.masks = rectified, masks
        self.parts = [part.clone().requires_grad_() for part in (w1.t().contiguous(), b1, w2.t().contiguous(), b2)]

    def forward(self, rows, step=None):
        w1, b1, w2, b2 = self.parts
        before = F.linear(rows, w1, b1)
        middle = torch.relu(before) if self.rectified else torch.tanh(before)
        if self.masks is not None and step is not None:
            middle = middle * self.masks[step] * 2.0
        return F.linear(middle, w2, b2)

    def weights(self):
        w1, b1, w2, b2 = self.parts
        return _flat([w1.t(), b1, w2.t(), b2])


class _Convolutional:
    """The linear layer takes channels last, as in TensorFlow."""

    def __init__(self, k, kb, w, b):
        self.parts = [part.clone().requires_grad_() for part in (k.permute(3, 2, 0, 1).contiguous(), kb, w.t().contiguous(), b)]

    def forward(self, rows, _step=None):
        k, kb, w, b = self.parts
        middle = torch.tanh(F.conv2d(rows.reshape(-1, 1, 8, 8), k, kb))
        pooled = F.avg_pool2d(middle, 2).permute(0, 2, 3, 1).reshape(len(rows), -1)
        return F.linear(pooled, w, b)

    def weights(self):
        k, kb, w, b = self.parts
        return _flat([k.permute(2, 3, 1, 0), kb, w.t(), b])


class _Recurrent:
    """``biases``: None as ``torch.nn.LSTM`` is, which trains two of them; "one" keeps the second at zero."""

    def __init__(self, w, u, b, v, d, biases):
        _only(biases, "one")
        self.lstm = torch.nn.LSTM(w.shape[0], u.shape[0], batch_first=True).to(w.dtype)
        own = {"weight_ih_l0": w.t(), "weight_hh_l0": u.t(), "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)}
        self.lstm.load_state_dict(own)
        self.head = [v.t().contiguous().clone().requires_grad_(), d.clone().requires_grad_()]
        known = dict(self.lstm.named_parameters())
        self.parts = [known[name] for name in own] + self.head
        known["bias_hh_l0"].requires_grad_(biases is None)
        self.trained = [part for part in self.parts if part.requires_grad]

    def forward(self, rows, _step=None):
        states, _ = self.lstm(rows.reshape(-1, 8, 8))
        return F.linear(states[:, -1], self.head[0], self.head[1])

    def weights(self):
        w, u, b, second, v, d = self.parts
        return _flat([w.t(), u.t(), b + second, v.t(), d])


# --- optimisers --------------------------------------------------------------------------------------------------------------------------


def _momentum(parts, learning_rate, momentum):
    try:
        return torch.optim.SGD(parts, **_given(lr=learning_rate, momentum=momentum))
    except ValueError:
        if learning_rate is None:
            raise NotImplementedError("SGD of this PyTorch has no default learning rate") from None
        raise


def _adam(parts, learning_rate, beta_1, beta_2, epsilon, epsilon_place, kind=torch.optim.Adam, **more):
    _only(epsilon_place, "corrected")
    betas = None if beta_1 is None else (beta_1, beta_2)
    return kind(parts, **_given(lr=learning_rate, betas=betas, eps=epsilon, **more))
