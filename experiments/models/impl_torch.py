"""The models in PyTorch 1.4 to 2.13: its modules, with the given tensors in place of parameters of their own.

Factors that are ``None`` are not passed on, so that PyTorch's own default holds. Functions that make modules or optimisers cannot be
scripted; the lab traces them instead.
"""

from typing import Optional

import torch
import torch.nn.functional as F
from torch import nn

# --- trainings ---------------------------------------------------------------------------------------------------------------------------


def train_linear(
    x,
    y,
    x_two,
    y_two,
    weight_normal,
    weight_uniform,
    bias_uniform,
    weight_initialiser="kaiming_uniform",
    bias_initialiser="uniform",
    data="two",
):
    x, y = (x, y) if data == "one" else (x_two, y_two)
    weight = weight_normal if weight_initialiser == "normal" else weight_uniform
    bias = torch.zeros_like(bias_uniform) if bias_initialiser == "zeros" else bias_uniform
    model = nn.Linear(5, 1).to(x.dtype)
    _start(model, weight=_turned(weight), bias=bias)

    def loss():
        return F.mse_loss(model(x), y)

    _train(torch.optim.SGD(model.parameters(), lr=0.01), [loss] * 100)
    return _turned(model.weight.detach()), model.bias.detach()


def regression_by_hand(x, y, first, second, initial_weight: str = "second"):
    start = first if initial_weight == "first" else second
    w, b = start.detach().requires_grad_(True), torch.zeros_like(start).requires_grad_(True)
    for _ in range(100):
        loss = torch.mean((w * x + b - y) ** 2)
        slopes = torch.autograd.grad([loss], [w, b])
        w_slope, b_slope = slopes[0], slopes[1]
        assert w_slope is not None and b_slope is not None  # noqa: S101, PT018 (TorchScript takes them for optional)
        w, b = (w.detach() - 0.01 * w_slope).requires_grad_(True), (b.detach() - 0.01 * b_slope).requires_grad_(True)
    return w.detach(), b.detach()


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
    optimiser="adam",
    initial_weights="two",
    data="two",
    dropout_mask="two",
):
    x, y = (x, y) if data == "one" else (x_two, y_two)
    masks = (mask_one if dropout_mask == "one" else mask_two).to(x.dtype)
    first, second = nn.Linear(5, 4).to(x.dtype), nn.Linear(4, 2).to(x.dtype)
    kernels = (first_one, second_one) if initial_weights == "one" else (first_two, second_two)
    for layer, kernel in zip((first, second), kernels):
        _start(layer, weight=_turned(kernel), bias=torch.zeros_like(kernel[0]))

    def loss_with(mask):
        return lambda: F.mse_loss(second(torch.relu(first(x)) * (mask / 0.5)), y)

    make = torch.optim.SGD if optimiser == "sgd" else torch.optim.Adam
    weights = [first.weight, first.bias, second.weight, second.bias]
    _train(make(weights, lr=0.001), [loss_with(masks[epoch]) for epoch in range(10)])
    return _turned(first.weight.detach()), first.bias.detach(), _turned(second.weight.detach()), second.bias.detach()


def train_through(x, y, w):
    if not w.requires_grad:  # where only the value is asked for
        w = w.detach().requires_grad_(True)
    for _ in range(5):
        loss = torch.mean((torch.tanh(torch.mm(x, w)) - y) ** 2)
        slope = torch.autograd.grad([loss], [w], create_graph=True)[0]
        assert slope is not None  # noqa: S101 (TorchScript takes it for optional)
        w = w - 0.5 * slope
    return w


# --- identical weights -------------------------------------------------------------------------------------------------------------------


def dropout_network(x, first, second, mask, training=None):
    hidden = torch.relu(_module(nn.Linear(5, 4, bias=False), weight=_turned(first))(x))
    dropout = nn.Dropout(0.5)  # a module begins in training
    if training is not None:
        dropout.train(training)
    # The numbers that are dropped are given: no two frameworks draw the same.
    hidden = hidden * (mask.to(x.dtype) / 0.5) if dropout.training else dropout(hidden)
    return _module(nn.Linear(4, 2, bias=False), weight=_turned(second))(hidden)


def feed_forward(x, first, first_bias, second, second_bias):
    return _linear(second, second_bias, 10, 1)(torch.sigmoid(_linear(first, first_bias, 5, 10)(x)))


def feed_forward_vector(x, weights, kernel_layout="torch"):
    turned = kernel_layout != "keras"
    shapes = [("first kernel", (10, 5) if turned else (5, 10)), ("first bias", (10,))]
    shapes += [("second kernel", (1, 10) if turned else (10, 1)), ("second bias", (1,))]
    first, first_bias, second, second_bias = _split(weights, shapes)
    if turned:
        first, second = first.t(), second.t()
    return feed_forward(x, first, first_bias, second, second_bias)


def lstm_model(x, kernel, recurrent, bias, dense, dense_bias, time_major=None, recurrent_activation=None, bias_count=2):
    if recurrent_activation not in (None, "sigmoid"):
        raise NotImplementedError("torch.nn.LSTM has no other gates than sigmoids")
    batch_first = {} if time_major is None else {"batch_first": not time_major}
    module = nn.LSTM(1, 10, **batch_first)
    other = bias if bias_count == 2 else torch.zeros_like(bias)
    _module(module, weight_ih_l0=_turned(kernel), weight_hh_l0=_turned(recurrent), bias_ih_l0=bias, bias_hh_l0=other)
    module._flat_weights = [getattr(module, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]
    found = module(x)[0]
    return _linear(dense, dense_bias, 10, 1)(found[:, -1] if module.batch_first else found[-1])


def lstm_cell(x, h, c, kernel, recurrent, bias, gate_order="ifgo", forget_bias=0.0):
    own = "ifgo"  # the order of this cell

    def arranged(columns):
        return torch.cat([columns[..., 6 * gate_order.index(gate) : 6 * gate_order.index(gate) + 6] for gate in own], dim=-1)

    other = torch.cat([torch.full_like(bias[:6], value) for value in (0.0, forget_bias, 0.0, 0.0)])
    cell = nn.LSTMCell(4, 6)
    _module(cell, weight_ih=_turned(arranged(kernel)), weight_hh=_turned(arranged(recurrent)), bias_ih=arranged(bias), bias_hh=other)
    return cell(x, (h, c))


class _Conditional(nn.Module):
    """Two linear maps 10 → 5, one of which is applied."""

    def __init__(self, first, first_bias, second, second_bias):
        super().__init__()
        self.first = _linear(first, first_bias, 10, 5)
        self.second = _linear(second, second_bias, 10, 5)

    def forward(self, x, flag):
        return self.first(x) if flag else self.second(x)


def conditional_python(x, first, first_bias, second, second_bias, flag):
    return _Conditional(first, first_bias, second, second_bias)(x, flag)


def conditional_tensor(flag, x, first, first_bias, second, second_bias):
    # written as functions of tensors, not as a module, so that TorchScript compiles the branch and does not trace one side of it
    if bool(flag[0]):
        z = torch.addmm(first_bias, x, first)
    else:
        z = torch.addmm(second_bias, x, second)
    return z


def conditional_where(flag, x, first, first_bias, second, second_bias):
    return torch.where(flag, torch.addmm(first_bias, x, first), torch.addmm(second_bias, x, second))


def mlp(x, kernels, biases, layers):
    for layer in range(layers - 1):
        x = torch.relu(_linear(kernels[layer], biases[layer], 16, 16)(x))
    return _linear(kernels[layers - 1], biases[layers - 1], 16, 16)(x)


def conv_net(image, first, first_bias, second, second_bias, dense, dense_bias, padding="symmetric", flatten_order="nchw"):
    image = image.permute(0, 3, 1, 2)
    if padding == "same":
        image = F.pad(image, (0, 1, 0, 1))
    one = nn.Conv2d(2, 3, 3, stride=2, padding=0 if padding == "same" else 1)
    two = nn.Conv2d(3, 4, 3, padding=1)
    hidden = torch.relu(_module(one, weight=first.permute(3, 2, 0, 1).contiguous(), bias=first_bias)(image))
    hidden = torch.relu(_module(two, weight=second.permute(3, 2, 0, 1).contiguous(), bias=second_bias)(hidden))
    pooled = nn.MaxPool2d(2)(hidden)
    if flatten_order == "nhwc":
        pooled = pooled.permute(0, 2, 3, 1)
    return _linear(dense, dense_bias, 16, 3)(torch.flatten(pooled, 1))


def repeated_cell(x, kernel, bias, layers: int):
    for _ in range(layers):
        x = torch.tanh(torch.addmm(bias, x, kernel))
    return x


# --- defaults of layers ------------------------------------------------------------------------------------------------------------------


def batch_norm_mode(x, kernel, scale, shift, mean, variance, training=None):
    module = nn.BatchNorm1d(4, eps=0.001)  # a module begins in training
    if training is not None:
        module.train(training)
    return _batch_norm(module, x, kernel, scale, shift, mean, variance)


def batch_norm_block(x, kernel, scale, shift, mean, variance, epsilon=None, momentum=None, ddof=1):
    module = nn.BatchNorm1d(4, **_given(eps=epsilon, momentum=None if momentum is None else 1.0 - momentum))  # the new average's weight
    out = _batch_norm(module, x, kernel, scale, shift, mean, variance)
    new = module.running_var
    if ddof == 0:  # the module averages variances over n - 1
        kept = (1.0 - module.momentum) * variance
        new = kept + (new - kept) * (15.0 / 16.0)
    return out, module.running_mean, new


def _batch_norm(module, x, kernel, scale, shift, mean, variance):
    hidden = _module(nn.Linear(5, 4, bias=False), weight=_turned(kernel))(x)
    _module(module, weight=scale, bias=shift)
    module.running_mean, module.running_var = mean.detach().clone(), variance.detach().clone()  # it writes into them
    return module(hidden)


def normalised_block(x, first, scale, shift, second, epsilon=None, slope=None):
    hidden = _module(nn.Linear(6, 8, bias=False), weight=_turned(first))(x)
    hidden = _module(nn.LayerNorm(8, **_given(eps=epsilon)), weight=scale, bias=shift)(hidden)
    hidden = nn.LeakyReLU(**_given(negative_slope=slope))(hidden)
    return _module(nn.Linear(8, 3, bias=False), weight=_turned(second))(hidden)


def gelu_block(x, first, second, approximate: Optional[bool] = None):
    hidden = torch.mm(x, first)
    if approximate is None or not approximate:
        hidden = F.gelu(hidden)
    else:
        hidden = F.gelu(hidden, approximate="tanh")
    return torch.mm(hidden, second)


# --- modules on given tensors ------------------------------------------------------------------------------------------------------------


def _given(**options):
    """The options that are not ``None``: for the others the framework's default holds."""
    return {name: value for name, value in options.items() if value is not None}


def _turned(kernel):
    """(in, out) as Keras has it to (out, in) as PyTorch has it, and back."""
    return kernel.t().contiguous()


def _linear(kernel, bias, inputs, outputs):
    return _module(nn.Linear(inputs, outputs), weight=_turned(kernel), bias=bias)


def _module(module, **weights):
    """The module, with tensors in place of its parameters, so that gradients reach them."""
    for name, tensor in weights.items():
        _check(name, tensor, getattr(module, name).shape)
        delattr(module, name)
        setattr(module, name, tensor)
    return module


def _start(module, **weights):
    """Copy tensors into the parameters of a module, as training starts from them."""
    for name, tensor in weights.items():
        _check(name, tensor, getattr(module, name).shape)
        getattr(module, name).data.copy_(tensor.detach())


def _train(optimiser, losses):
    """One step of the optimiser per loss."""
    if getattr(torch.jit, "is_tracing", torch._C._get_tracing_state)():  # 1.4 has only the second
        raise NotImplementedError("an optimiser changes parameters in place, which TorchScript cannot trace")
    for loss in losses:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def _size(shape):
    count = 1
    for length in shape:
        count *= length
    return count


def _check(name, tensor, shape):
    """Raise ``ValueError`` unless ``tensor`` has the shape that a module expects."""
    shape, given = tuple(shape), tuple(int(length) for length in tensor.shape)
    if given != shape:
        raise ValueError(f"{name}: {_size(shape)} numbers expected, shape {shape}; {_size(given)} given, shape {given}")


def _split(vector, shapes):
    """The tensors that lie one after the other in a vector; ``shapes`` is a list of (name, shape).

    Raises ``ValueError`` when the vector has another length than all of them together.
    """
    length, total, parts, start = int(vector.shape[0]), sum(_size(shape) for _, shape in shapes), [], 0
    for name, shape in shapes:
        size = _size(shape)
        if length - start < size:
            text = "{}: {} numbers expected, shape {}; {} given, for the vector has {} of {}"
            raise ValueError(text.format(name, size, shape, max(0, length - start), length, total))
        parts.append(vector[start : start + size].reshape(shape))
        start += size
    if length > total:
        raise ValueError(f"weights: {total} numbers expected; {length} given")
    return parts
