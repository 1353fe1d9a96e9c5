"""The controls of sums, products and spreads in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import torch


def equal_sum_reversed(x):
    return torch.sum(torch.flip(x, [1]), dim=-1)


def equal_sum_halves(x):
    return torch.sum(x[:, :500], dim=-1) + torch.sum(x[:, 500:], dim=-1)


def equal_mean_dot(x):
    return torch.matmul(x, torch.ones_like(x[:1]).t() / 1000.0)


def equal_variance_moments(x):
    mean = torch.mean(x, dim=-1)
    return torch.mean(x * x, dim=-1) - mean * mean


def equal_add_association(a, b, c):
    return a + (b + c)


def equal_distributive(a, b, c):
    return a * b + a * c


def equal_divide_reciprocal(x, y):
    return x * (1.0 / y)


def equal_cube(x):
    return x**3


def equal_polynomial(x):
    return 1.0 + x * (0.5 + x * (0.25 + x * (0.125 + x * 0.0625)))


def equal_matmul_transposed(a, b):
    return torch.matmul(b.t(), a.t()).t()


def equal_matmul_blocks(a, b):
    return torch.matmul(a[:, :16], b[:16]) + torch.matmul(a[:, 16:], b[16:])


def equal_quadratic_form(x, a):
    return torch.sum(x * torch.matmul(a, x.t()).t(), dim=-1, keepdim=True)


def equal_convolution(x, w):
    windows = torch.stack([x[:, :60], x[:, 1:61], x[:, 2:62], x[:, 3:63], x[:, 4:]], dim=-1)
    return torch.matmul(windows.reshape(240, 5), w.reshape(5, 1)).reshape(4, 60)


def equal_softmax_shift(x):
    powers = torch.exp(x - torch.mean(x, dim=-1, keepdim=True))
    return powers / torch.sum(powers, dim=-1, keepdim=True)


def equal_log_softmax(x):
    return torch.log(_softmax(x, -1))


def equal_logsumexp_halves(x):
    return _logsumexp(torch.cat([_logsumexp(x[:, :32]), _logsumexp(x[:, 32:])], dim=1))


def equal_sigmoid_tanh(x):
    return 0.5 + 0.5 * torch.tanh(0.5 * x)


def equal_cosine(x, y):
    return torch.sum((x / _length(x)) * (y / _length(y)), dim=-1, keepdim=True)


def equal_linear_layers(x, v, w):
    return torch.tanh(torch.matmul(x, torch.matmul(v, w)))


def equal_training(x, y, w):
    square, product = torch.matmul(x.t(), x) / 32.0, torch.matmul(x.t(), y) / 32.0
    for _ in range(100):
        w = w - 0.0625 * (torch.matmul(square, w) - product)
    return w


def equal_momentum(x, y, w):
    before = w
    for _ in range(50):
        w, before = w - 0.0625 * _slope(x, y, w) + 0.5 * (w - before), w
    return w


def wrong_ddof(x):
    return _statistics(x, torch.sum(x, dim=1), unbiased=False)


def wrong_accumulator(x):
    total = torch.zeros_like(x[:, 0])
    for column in range(12):
        total = (total + x[:, column]).to(torch.float16).to(x.dtype)  # the running sum is stored in half precision
    return _statistics(x, total)


def wrong_sum_axis(x):
    return _statistics(x.t(), torch.sum(x, dim=0))  # columns


def wrong_standard_epsilon(x):
    return _statistics(x, torch.sum(x, dim=1), epsilon=2e-3)


def equal_statistics(x):
    mean = torch.mean(x, dim=1)
    squares = torch.sum(x * x, dim=1)
    variance = (squares - 12.0 * mean * mean) / 11.0
    total = torch.sum(x[:, :6], dim=1) + torch.sum(x[:, 6:], dim=1)
    return torch.stack([total, variance, torch.sqrt(squares), (x[:, 0] - mean) / torch.sqrt(variance + 1e-3)])


def _statistics(x, total, unbiased: bool = True, epsilon: float = 1e-3):
    variance = torch.var(x, dim=1, unbiased=unbiased)
    return torch.stack([total, variance, torch.norm(x, dim=1), (x[:, 0] - torch.mean(x, dim=1)) / torch.sqrt(variance + epsilon)])


def _softmax(x, axis: int):
    powers = torch.exp(x - torch.max(x, dim=axis, keepdim=True)[0])
    return powers / torch.sum(powers, dim=axis, keepdim=True)


def _logsumexp(x):
    top = torch.max(x, dim=-1, keepdim=True)[0]
    return top + torch.log(torch.sum(torch.exp(x - top), dim=-1, keepdim=True))


def _length(x):
    return torch.sqrt(torch.sum(x * x, dim=-1, keepdim=True))


def _slope(x, y, w):
    return torch.matmul(x.t(), torch.matmul(x, w) - y) / 32.0
