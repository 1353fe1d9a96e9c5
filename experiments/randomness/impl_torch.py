"""Draws of PyTorch 1.4 to 2.13, and statistics of them in float64. A factor that is None leaves the choice to PyTorch."""

import math

import torch

init = torch.nn.init
PLACES = (-1.5, -0.75, 0.0, 0.75, 1.5)
BEYOND = (1.0, 1.7, 1.74, 2.0, 2.28, 3.0)

# --- numbers -----------------------------------------------------------------------------------------------------------------------------


def uniform(count, seed=0):
    torch.manual_seed(seed)
    return _statistics((torch.rand(int(count[0])).double() - 0.5) * math.sqrt(12.0))


def normal(count, seed=0):
    torch.manual_seed(seed)
    return _statistics(torch.randn(int(count[0])))


def truncated_normal(count, seed=0):
    return _statistics(_drawn((int(count[0]),), seed, _truncated()))


def truncated_normal_small(count, seed=0, bounds=None):
    given = {} if bounds is None else {"a": -0.1, "b": 0.1}
    function = _truncated()
    return _statistics(_drawn((int(count[0]),), seed, lambda x: function(x, std=0.05, **given)) / 0.05)


def integers(count, seed=0):
    torch.manual_seed(seed)
    return _shares_of(torch.randint(0, 10, (int(count[0]),)), 10)


def categorical(count, seed=0):
    torch.manual_seed(seed)
    return _shares_of(torch.multinomial(torch.tensor([0.5, 0.25, 0.125, 0.0625, 0.0625]), int(count[0]), replacement=True), 5)


def poisson(count, seed=0):
    torch.manual_seed(seed)
    return _shares_of(torch.poisson(torch.full((int(count[0]),), 3.0)), 9)


# --- initialisers: weights are (fan_out, fan_in) here ------------------------------------------------------------------------------------


def glorot_uniform(fans, seed=0):
    return _statistics(_weights(fans, seed, init.xavier_uniform_) / _glorot(fans))


def glorot_normal(fans, seed=0, tails=None):
    return _statistics(_weights(fans, seed, init.xavier_normal_) / _glorot(fans))


def he_uniform(fans, seed=0):
    return _statistics(_weights(fans, seed, init.kaiming_uniform_) / math.sqrt(2.0 / int(fans[0])))


def he_normal(fans, seed=0, tails=None):
    return _statistics(_weights(fans, seed, init.kaiming_normal_) / math.sqrt(2.0 / int(fans[0])))


def lecun_uniform(fans, seed=0):
    drawn = _weights(fans, seed, lambda x: init.kaiming_uniform_(x, nonlinearity="linear"))
    return _statistics(drawn / math.sqrt(1.0 / int(fans[0])))


def lecun_normal(fans, seed=0, tails=None):
    drawn = _weights(fans, seed, lambda x: init.kaiming_normal_(x, nonlinearity="linear"))
    return _statistics(drawn / math.sqrt(1.0 / int(fans[0])))


def normal_initializer(fans, seed=0, stddev=None):
    return _statistics(_weights(fans, seed, lambda x: init.normal_(x, **_given(std=stddev))) / 0.05)


def uniform_initializer(fans, seed=0, low=None, high=None):
    return _statistics(_weights(fans, seed, lambda x: init.uniform_(x, **_given(a=low, b=high))) / (0.05 / math.sqrt(3.0)))


def orthogonal(sizes, seed=0):
    torch.manual_seed(seed)
    matrices, n = int(sizes[0]), int(sizes[1])
    drawn = torch.stack([init.orthogonal_(torch.empty(n, n)) for _ in range(matrices)]).double()
    entries = drawn[:, 0, 0] * math.sqrt(n)
    away = torch.matmul(drawn.transpose(1, 2), drawn) - torch.eye(n, dtype=torch.float64)
    return _row([torch.mean(entries), torch.mean(entries**2)]), _row([torch.mean(away**2)])


# --- layers as they are when nothing is said ---------------------------------------------------------------------------------------------


def dense(fans, seed=0, kernel=None, bias=None):
    torch.manual_seed(seed)
    inside, outside = int(fans[0]), int(fans[1])
    return _layer(torch.nn.Linear(inside, outside), inside, outside, kernel, bias)


def conv(fans, seed=0, kernel=None, bias=None):
    torch.manual_seed(seed)
    inside, outside = int(fans[0]), int(fans[1])
    return _layer(torch.nn.Conv2d(inside, outside, 3), 9 * inside, 9 * outside, kernel, bias)


def lstm(fans, seed=0, kernel=None, recurrent=None):
    return _recurrent(torch.nn.LSTM, fans, 4, seed, kernel, recurrent)


def gru(fans, seed=0, kernel=None, recurrent=None):
    return _recurrent(torch.nn.GRU, fans, 3, seed, kernel, recurrent)


def embedding(sizes, seed=0, initialiser=None):
    torch.manual_seed(seed)
    layer = torch.nn.Embedding(int(sizes[0]), int(sizes[1]))
    if initialiser is not None:
        init.uniform_(layer.weight, -0.05, 0.05)
    return _statistics(layer.weight.detach() / (0.05 / math.sqrt(3.0)))


# --- dropout -----------------------------------------------------------------------------------------------------------------------------


def dropout(count, seed=0):
    torch.manual_seed(seed)
    return _kept(torch.nn.functional.dropout(torch.ones(int(count[0])), 0.25))


def dropout_layer(count, seed=0, training=None):
    torch.manual_seed(seed)
    layer = torch.nn.Dropout(0.5)
    return _kept((layer if training is None else layer.train(training))(torch.ones(int(count[0]))))


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _given(**values):
    return {name: value for name, value in values.items() if value is not None}


def _truncated():
    if not hasattr(init, "trunc_normal_"):
        raise NotImplementedError("this PyTorch has no trunc_normal_")
    return init.trunc_normal_


def _drawn(shape, seed, function):
    torch.manual_seed(seed)
    return function(torch.empty(*shape))


def _weights(fans, seed, function):
    return _drawn((int(fans[1]), int(fans[0])), seed, function)


def _glorot(fans):
    return math.sqrt(2.0 / (int(fans[0]) + int(fans[1])))


def _layer(layer, inside, outside, kernel, bias):
    """Statistics of kernel and bias; ``inside`` and ``outside`` are the fans."""
    if kernel is not None:
        init.xavier_uniform_(layer.weight)
    if bias is not None:
        init.zeros_(layer.bias)
    weight = layer.weight.detach() / math.sqrt(2.0 / (inside + outside))
    return (*_statistics(weight), _moments(layer.bias.detach().double() * math.sqrt(inside)))


def _recurrent(kind, fans, gates, seed, kernel, recurrent):
    torch.manual_seed(seed)
    inside, units = int(fans[0]), int(fans[1])
    layer = kind(inside, units)
    if kernel is not None:
        init.xavier_uniform_(layer.weight_ih_l0)  # (gates · units, fan_in): the fans of Keras
    if recurrent is not None:
        init.orthogonal_(layer.weight_hh_l0)
    across = layer.weight_ih_l0.detach() / math.sqrt(2.0 / (inside + gates * units))
    rows = layer.weight_hh_l0.detach().double().t()
    products = torch.matmul(rows, rows.t())
    apart = products - torch.diag(torch.diag(products))
    pairs = units * (units - 1.0)
    return (*_statistics(across), _moments(rows.reshape(-1) * math.sqrt(gates * units)), _row([torch.sum(apart**2) / pairs]))


def _kept(y):
    """The share of zeros, and the value of the others."""
    zero = y == 0.0
    return _row([torch.mean(zero.double())]), _row([torch.sum(y.double()) / torch.sum((~zero).double())])


def _statistics(y):
    """Moments, shares below places, shares beyond places on either side, as float32."""
    y = y.detach().double().reshape(-1)
    below = [torch.mean((y <= place).double()) for place in PLACES]
    beyond = [torch.mean((torch.abs(y) > place).double()) for place in BEYOND]
    return _moments(y), _row(below), _row(beyond)


def _moments(y):
    return _row([torch.mean(y), torch.mean(y**2), torch.mean(y**4)])


def _shares_of(drawn, kinds):
    return _row([torch.mean((drawn == kind).double()) for kind in range(kinds)])


def _row(values):
    return torch.stack(values).to(torch.float32)
