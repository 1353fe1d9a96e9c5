"""The controls in PyTorch: rewrites (``equal_*``) and planted mistakes (``wrong_*``, each with the line that is wrong marked).

Every function can be compiled by TorchScript.
"""

import torch

# --- rewrites ----------------------------------------------------------------------------------------------------------------------------


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


def equal_layer_norm(x, scale, shift):
    mean = torch.mean(x, dim=-1, keepdim=True)
    factor = scale / torch.sqrt(torch.mean(torch.pow(x - mean, 2), dim=-1, keepdim=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_linear_layers(x, v, w):
    return torch.tanh(torch.matmul(x, torch.matmul(v, w)))


def equal_lstm_joined(x, h, c, w, u, b):
    return _lstm(torch.matmul(torch.cat([x, h], dim=1), torch.cat([w, u], dim=0)) + b, c)


def equal_attention_scale(q, k, v):
    return torch.matmul(_softmax(torch.matmul(q / 4.0, k.t()), -1), v)


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


# --- planted mistakes --------------------------------------------------------------------------------------------------------------------


def wrong_learning_rate(x, y, w):
    for _ in range(100):
        w = w - 0.01001 * _slope(x, y, w)  # 0.1 % more
    return w


def wrong_learning_rate_mlp(x, y, v, w):
    for _ in range(100):
        hidden = torch.tanh(torch.matmul(x, v))
        error = (torch.matmul(hidden, w) - y) / 16.0
        back = torch.matmul(error, w.t()) * (1.0 - hidden * hidden)
        v, w = v - 0.02002 * torch.matmul(x.t(), back), w - 0.02002 * torch.matmul(hidden.t(), error)  # 0.1 % more
    return v, w


def wrong_step_division(x, y, w):
    for step in range(40):
        w = w - 0.0625 / (1.0 + step // 10) * _slope(x, y, w)  # the quotient loses its fraction
    return w


def wrong_momentum_convention(x, y, w):
    speed = 0.0 * w
    for _ in range(40):
        speed = 0.9 * speed + 0.1 * _slope(x, y, w)  # an average, not a sum
        w = w - 0.01 * speed
    return w


def wrong_nesterov(x, y, w):
    speed = 0.0 * w
    for _ in range(40):
        speed = 0.9 * speed + _slope(x, y, w)
        w = w - 0.01 * speed  # without looking ahead
    return w


def wrong_rmsprop_decay(x, y, w):
    square = 0.0 * w
    for _ in range(40):
        slope = _slope(x, y, w)
        square = 0.9 * square + 0.1 * slope * slope  # not 0.99 and 0.01
        w = w - 0.01 * slope / (torch.sqrt(square) + 0.001)
    return w


def wrong_adam_epsilon(x, y, w):
    return _adam(x, y, w, inside=True)


def wrong_adam_correction(x, y, w):
    return _adam(x, y, w, corrected=False)


def wrong_weight_decay(x, y, w):
    return _adam(x, y, w, coupled=0.01)


def wrong_layer_norm_epsilon(x, scale, shift):
    return _normalised(x, -1, 1e-3) * scale + shift  # not 1e-5


def wrong_batch_norm_epsilon(x, scale, shift):
    return _normalised(x, 0, 1e-3) * scale + shift  # not 1e-5


def wrong_running_mean(x, running):
    return 0.1 * running + 0.9 * torch.mean(x, dim=0)  # the weights are exchanged


def wrong_running_variance(x, running):
    return 0.9 * running + 0.1 * torch.mean(torch.pow(x - torch.mean(x, dim=0), 2), dim=0)  # without n / (n - 1)


def wrong_ddof(x):
    return torch.mean(torch.pow(x - torch.mean(x, dim=-1, keepdim=True), 2), dim=-1)  # over n, not n - 1


def wrong_lstm_gates(x, h, c, w, u, b):
    gates = torch.matmul(x, w) + torch.matmul(h, u) + b
    return _lstm(torch.cat([gates[:, 8:16], gates[:, :8], gates[:, 16:]], dim=1), c)  # input and forget gate exchanged


def wrong_forget_bias(x, h, c, w, u, b):
    return _lstm(torch.matmul(x, w) + torch.matmul(h, u) + b, c)  # forget bias 0, not 1


def wrong_gru_reset(x, h, w, u, b):
    inner = torch.matmul(x, w) + b
    update = torch.sigmoid(inner[:, :8] + torch.matmul(h, u[:, :8]))
    reset = torch.sigmoid(inner[:, 8:16] + torch.matmul(h, u[:, 8:16]))
    candidate = torch.tanh(inner[:, 16:] + torch.matmul(reset * h, u[:, 16:]))  # reset before the product
    return update * h + (1.0 - update) * candidate


def wrong_kernel_transposed(x, w):
    return torch.matmul(x, w.t())  # the layout of the other framework


def wrong_missing_bias(x, w, b):
    return torch.matmul(x, w) + 0.0 * b  # no bias


def wrong_convolution_flipped(x, w):
    return _convolution(x, torch.flip(w, [0]))  # convolution in the textbook's sense


def wrong_padding(x, w):
    edge = torch.zeros_like(x[:, :1])
    padded = torch.cat([edge, edge, x], dim=1)  # both zeros on the left
    return w[0] * padded[:, :64] + w[1] * padded[:, 1:65] + w[2] * padded[:, 2:66]


def wrong_pool_count(x):
    edge = torch.zeros_like(x[:, :1])
    padded = torch.cat([edge, x, edge], dim=1)
    return (padded[:, :64] + padded[:, 1:65] + padded[:, 2:66]) / 3.0  # the padding is counted


def wrong_softmax_axis(x):
    return _softmax(x, 0)  # not the last axis


def wrong_attention_scale(q, k, v):
    return torch.matmul(_softmax(torch.matmul(q, k.t()), -1), v)  # scores not scaled


def wrong_leaky_slope(x):
    return torch.where(x > 0.0, x, 0.011 * x)  # not 0.01


def wrong_gelu(x):
    return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))  # the approximation


def wrong_hard_sigmoid(x):
    return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)  # the other definition


def wrong_dropout_scale(x, mask):
    return x * mask * 0.5  # times the share kept, not divided by it


def wrong_reduction(x, y):
    return torch.sum((x - y) * (x - y), dim=-1)  # not the mean


def wrong_huber_delta(x, y):
    distance = torch.abs(x - y)
    return torch.mean(torch.where(distance <= 1.01, 0.5 * distance * distance, 1.01 * distance - 0.51005), dim=-1)  # delta 1.01


def wrong_label_smoothing(x, target):
    return -torch.sum((0.9 * target + 0.01) * torch.log(_softmax(x, -1)), dim=-1)  # smoothed by 0.1 over 10 classes


def wrong_log_base(x, target):
    return -torch.sum(target * torch.log2(_softmax(x, -1)), dim=-1)  # bits, not nats


def wrong_weight_cast(x, w):
    return torch.matmul(x, w.to(torch.float16).to(w.dtype))  # weights stored as float16


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _softmax(x, axis: int):
    powers = torch.exp(x - torch.max(x, dim=axis, keepdim=True)[0])
    return powers / torch.sum(powers, dim=axis, keepdim=True)


def _logsumexp(x):
    top = torch.max(x, dim=-1, keepdim=True)[0]
    return top + torch.log(torch.sum(torch.exp(x - top), dim=-1, keepdim=True))


def _length(x):
    return torch.sqrt(torch.sum(x * x, dim=-1, keepdim=True))


def _normalised(x, axis: int, epsilon: float):
    centred = x - torch.mean(x, dim=axis, keepdim=True)
    return centred / torch.sqrt(torch.mean(centred * centred, dim=axis, keepdim=True) + epsilon)


def _convolution(x, w):
    return w[0] * x[:, :60] + w[1] * x[:, 1:61] + w[2] * x[:, 2:62] + w[3] * x[:, 3:63] + w[4] * x[:, 4:]


def _lstm(gates, c):
    c = torch.sigmoid(gates[:, 8:16]) * c + torch.sigmoid(gates[:, :8]) * torch.tanh(gates[:, 16:24])
    return torch.sigmoid(gates[:, 24:]) * torch.tanh(c), c


def _slope(x, y, w):
    return torch.matmul(x.t(), torch.matmul(x, w) - y) / 32.0


def _adam(x, y, w, inside: bool = False, corrected: bool = True, coupled: float = 0.0):
    mean, square, first, second = 0.0 * w, 0.0 * w, 0.0 * w[:1] + 1.0, 0.0 * w[:1] + 1.0
    for _ in range(25):
        slope = _slope(x, y, w) + coupled * w  # coupled: decay inside the gradient
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope * slope
        first, second = 0.9 * first, 0.99 * second
        m = mean / (1.0 - first) if corrected else mean  # or not corrected for the start at zero
        v = square / (1.0 - second) if corrected else square
        w = w - 0.01 * m / (torch.sqrt(v + 0.001) if inside else torch.sqrt(v) + 0.001)  # epsilon inside or outside of the root
    return w
