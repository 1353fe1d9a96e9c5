"""The controls of activations and losses in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import torch
import torch.nn.functional as F


def _gate(x, kind: str):
    if kind == "hard_fifth":
        return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)
    if kind == "hard_sixth":
        return torch.clamp((x + 3.0) / 6.0, 0.0, 1.0)
    if kind == "powers":
        return torch.exp(x) / (1.0 + torch.exp(x))
    return torch.sigmoid(x)


def wrong_leaky_slope(x):
    return _activations(x, slope=0.011)  # not 0.01


def wrong_gelu(x):
    return _activations(x, gelu="tanh")


def wrong_hard_sigmoid(x):
    return _activations(x, hard="hard_fifth")  # the other definition


def wrong_elu_alpha(x):
    return _activations(x, alpha=1.4)  # not 1.5


def equal_activations(x):
    return _activations(x, gelu="erfc", other=True)


def _activations(x, slope: float = 0.01, gelu: str = "erf", hard: str = "hard_sixth", alpha: float = 1.5, other: bool = False):
    below = torch.exp(torch.clamp(x, max=0.0)) - 1.0
    if gelu == "tanh":
        gelus = 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
    elif gelu == "erfc":
        gelus = x * (0.5 * torch.erfc(x * -0.7071067811865476))
    else:
        gelus = 0.5 * x * torch.erfc(-x / 1.4142135623730951)
    return torch.stack(
        [
            gelus,
            torch.clamp(x, min=0.0) + alpha * below if other else F.elu(x, alpha),
            torch.max(x, 0.01 * x) if other else F.leaky_relu(x, slope),
            _gate(x, hard),
            torch.log1p(torch.exp(x)) if other else F.softplus(x),
            x / (1.0 + torch.exp(-x)) if other else x * torch.sigmoid(x),
            F.hardtanh(x, 0.0, 3.0),
            F.selu(x),
            F.softshrink(x, 0.5) + torch.tanh(x),
        ]
    )


def wrong_softmax_axis(x, target, class_weights):
    return _classification(F.log_softmax(x, 0), target, class_weights)  # not the last axis


def wrong_log_base(x, target, class_weights):
    return _classification(torch.log2(_softmax(x, 1)), target, class_weights)  # bits, not nats


def wrong_label_smoothing(x, target, class_weights):
    return _classification(F.log_softmax(x, 1), target, class_weights, smoothing=0.07)


def wrong_temperature(x, target, class_weights):
    return _classification(F.log_softmax(x / 1.05, 1), target, class_weights)


def wrong_reduction(x, target, class_weights):
    return _classification(F.log_softmax(x, 1), target, class_weights, share=1.0)  # the sum


def wrong_softmax_twice(x, target, class_weights):
    return _classification(F.log_softmax(F.softmax(x, 1), 1), target, class_weights)  # probabilities taken for logits


def wrong_label_shift(x, target, class_weights):
    return _classification(F.log_softmax(x, 1), torch.cat([target[:, 5:], target[:, :5]], dim=1), class_weights)  # counted from 1


def equal_classification(x, target, class_weights):
    smooth = 0.9375 * target + 0.0625 / 6.0
    losses = torch.sum(smooth * class_weights * (torch.logsumexp(x, dim=1, keepdim=True) - x), dim=1)
    return torch.cat([losses, torch.mean(losses).reshape(1)])


def _classification(logs, target, class_weights, smoothing: float = 0.0625, share: float = 6.0):
    losses = -torch.sum(class_weights * ((1.0 - smoothing) * target + smoothing / 6.0) * logs, dim=1)
    return torch.cat([losses, torch.sum(losses).reshape(1) / share])


def wrong_huber_delta(x, y):
    return _regression(x, y, delta=0.505)  # 1 % more


def wrong_huber_form(x, y):
    return _regression(x, y, form="smooth")  # smooth L1


def wrong_argument_order(x, y):
    return _regression(y, x)


def wrong_loss_mean(x, y):
    return _regression(x, y, share=1.0 / 48.0)  # over all elements


def equal_regression(x, y):
    return _regression(x, y, form="product")


def _regression(x, y, delta: float = 0.5, form: str = "huber", share: float = 0.125):
    apart = torch.abs(x - y)
    if form == "smooth":
        losses = torch.where(apart < 0.5, apart * apart, apart - 0.25)
    elif form == "product":
        near = torch.clamp(apart, max=0.5)
        losses = near * (apart - 0.5 * near)
    else:
        losses = torch.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    rows = torch.stack(
        [
            losses,
            torch.max(0.25 * (y - x), -0.75 * (y - x)),
            (x - y) ** 2,
            F.softmax(y, 1) * (F.log_softmax(y, 1) - F.log_softmax(x, 1)),
            torch.exp(x) - y * x,
        ]
    )
    cosine = torch.sum(x * y, dim=1) / torch.sqrt(torch.sum(x * x, dim=1) * torch.sum(y * y, dim=1))
    return torch.cat([share * torch.sum(rows, dim=2), cosine.reshape(1, 6)])


def _softmax(x, axis: int):
    powers = torch.exp(x - torch.max(x, dim=axis, keepdim=True)[0])
    return powers / torch.sum(powers, dim=axis, keepdim=True)
