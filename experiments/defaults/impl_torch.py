"""The defaults of PyTorch 1.4 to 2.13: a factor that is None is not passed, so that the real default of the installed version acts."""

from typing import Optional

import torch
import torch.nn.functional as F


def _given(**values):
    """The arguments that were given."""
    return {name: value for name, value in values.items() if value is not None}


# --- activations -------------------------------------------------------------------------------------------------------------------------


def leaky_relu(x, slope: Optional[float] = None):
    return F.leaky_relu(x) if slope is None else F.leaky_relu(x, slope)


def leaky_relu_layer(x, slope=None):
    return torch.nn.LeakyReLU(**_given(negative_slope=slope))(x)


def prelu(x, initial=None):
    return torch.nn.PReLU(**_given(init=initial)).to(x.dtype)(x)


def elu(x, alpha: Optional[float] = None):
    return F.elu(x) if alpha is None else F.elu(x, alpha)


if "approximate" in (F.gelu.__doc__ or ""):

    def gelu(x, approximate: Optional[str] = None):
        return F.gelu(x) if approximate is None else F.gelu(x, approximate=approximate)

else:  # before 1.12 there is one definition

    def gelu(x, approximate: Optional[str] = None):
        return F.gelu(x)


def gelu_ops(x, approximate: Optional[str] = None):
    return gelu(x, approximate)


if hasattr(F, "hardsigmoid"):

    def hard_sigmoid(x, definition: Optional[str] = None):
        return F.hardsigmoid(x)

else:

    def hard_sigmoid(x, definition: Optional[str] = None):
        raise NotImplementedError("this PyTorch has no hardsigmoid")


def softplus(x, threshold: Optional[float] = None):
    return F.softplus(x) if threshold is None else F.softplus(x, 1.0, threshold)


def softmax_axis(x, axis=None):
    return F.softmax(x) if axis is None else F.softmax(x, dim=axis)  # without dim: a warning, and axis 0 of three


# --- normalisation -----------------------------------------------------------------------------------------------------------------------


def batch_norm(x, training=None, epsilon=None):
    module = torch.nn.BatchNorm1d(x.shape[1], **_given(eps=epsilon)).to(x.dtype)
    return (module if training is None else module.train(training))(x)


def batch_norm_running(x, momentum=None, correction=None):
    kind = torch.nn.BatchNorm1d if x.dim() == 2 else torch.nn.BatchNorm2d
    module = kind(x.shape[-1], **_given(momentum=momentum)).to(x.dtype)
    module(x if x.dim() == 2 else x.permute(0, 3, 1, 2))
    if correction == 0:
        raise NotImplementedError("nn.BatchNorm divides by n - 1 and cannot be told otherwise")
    return module.running_mean, module.running_var


def layer_norm(x, epsilon: Optional[float] = None):
    return F.layer_norm(x, [x.size(-1)]) if epsilon is None else F.layer_norm(x, [x.size(-1)], None, None, epsilon)


def group_norm(x, epsilon: Optional[float] = None):
    return F.group_norm(x, 2) if epsilon is None else F.group_norm(x, 2, None, None, epsilon)


if hasattr(F, "rms_norm"):

    def rms_norm(x, epsilon: Optional[float] = None):
        return F.rms_norm(x, [x.size(-1)], None, epsilon)  # eps=None is PyTorch's own default

else:

    def rms_norm(x, epsilon: Optional[float] = None):
        raise NotImplementedError("this PyTorch has no rms_norm")


def l2_normalize(x, floor: Optional[float] = None):
    return F.normalize(x, dim=-1) if floor is None else F.normalize(x, dim=-1, eps=floor)


def cosine_similarity(x, y, sign=None, floor: Optional[float] = None):
    return F.cosine_similarity(x, y, dim=-1) if floor is None else F.cosine_similarity(x, y, dim=-1, eps=floor)


def local_response_norm(x, alpha=None, beta=None):
    # a window of 5; alpha is per window, and the factor per element
    given = _given(alpha=None if alpha is None else 5.0 * alpha, beta=beta)
    return F.local_response_norm(x.permute(0, 3, 1, 2), 5, **given).permute(0, 2, 3, 1)


# --- reductions and sorting --------------------------------------------------------------------------------------------------------------


def std(x, ddof: Optional[float] = None):
    return torch.std(x, dim=-1) if ddof is None else torch.std(x, dim=-1, unbiased=ddof > 0.5)


def var(x, ddof: Optional[float] = None):
    return torch.var(x, dim=-1) if ddof is None else torch.var(x, dim=-1, unbiased=ddof > 0.5)


def std_of_one(x, ddof: Optional[float] = None):
    return torch.std(x, dim=-1) if ddof is None else torch.std(x, dim=-1, unbiased=ddof > 0.5)


def median(x, middle=None):
    squares = x * x  # numbers that float32 cannot hold: a median that picks one of the inputs would look as if it were computed in float32
    if middle is None:
        return torch.median(squares, dim=-1)[0]
    if not hasattr(torch, "quantile"):
        ordered, half = torch.sort(squares, dim=-1)[0], x.shape[-1] // 2
        return 0.5 * (ordered[..., half - 1] + ordered[..., half])
    return torch.quantile(squares, 0.5, dim=-1)


def argmax_axis(x, axis: Optional[str] = None):
    return torch.argmax(x)


def argsort_ties(x, stable=None):
    if stable is None:
        return torch.argsort(x, dim=-1)
    if not hasattr(torch, "msort"):
        raise NotImplementedError("torch.sort cannot be asked for a stable sort before 1.9")
    return torch.sort(x, stable=stable, dim=-1)[1]


def round_half(x, half: Optional[str] = None):
    return torch.round(x)


def histogram(n, bins=None):
    found = torch.histc(n.to(torch.float32) + 0.5, **_given(bins=bins, min=0, max=1000))
    return found.to(torch.int64)


if hasattr(torch, "frexp"):

    def floor_divide(n, m, towards: Optional[str] = None):
        return n // m if towards is None else torch.div(n, m, rounding_mode="floor")

else:

    def floor_divide(n, m, towards: Optional[str] = None):
        if towards is None:
            return n // m
        remainder = torch.remainder(n, m)  # has the sign of m
        return (n - remainder) // m


def one_hot(n, kind: Optional[str] = None):
    rows = F.one_hot(n, 6)
    return rows if kind is None else rows.to(torch.float32)


# --- losses ------------------------------------------------------------------------------------------------------------------------------


def mse(x, y, reduction: Optional[str] = None):
    return F.mse_loss(x, y) if reduction is None else F.mse_loss(x, y, reduction=reduction)


if hasattr(F, "huber_loss"):

    def huber(x, y, delta: Optional[float] = None):
        return F.huber_loss(x, y) if delta is None else F.huber_loss(x, y, delta=delta)

else:  # the same function at 1, and the only value there is

    def huber(x, y, delta: Optional[float] = None):
        return F.smooth_l1_loss(x, y)


def kl_divergence(p, q, reduction: Optional[str] = None, clip: Optional[float] = None):
    log_q = torch.log(q)
    return F.kl_div(log_q, p) if reduction is None else F.kl_div(log_q, p, reduction=reduction)


def binary_cross_entropy(p, y, guard: Optional[str] = None):
    return F.binary_cross_entropy(p, y, reduction="none")  # logarithms are bounded by -100, which nothing here reaches


def cross_entropy(x, y, from_logits: Optional[bool] = None):
    return F.cross_entropy(x, torch.argmax(y, dim=-1), reduction="none")


if "label_smoothing" in (F.cross_entropy.__doc__ or ""):

    def label_smoothing(x, y, smoothing: Optional[float] = None):
        if smoothing is None:
            return F.cross_entropy(x, torch.argmax(y, dim=-1), reduction="none")
        return F.cross_entropy(x, torch.argmax(y, dim=-1), reduction="none", label_smoothing=smoothing)

else:  # before 1.10 there is none: 0

    def label_smoothing(x, y, smoothing: Optional[float] = None):
        return F.cross_entropy(x, torch.argmax(y, dim=-1), reduction="none")


def poisson(x, y, log_input=None, epsilon=None):
    return F.poisson_nll_loss(x, y, **_given(log_input=log_input, eps=epsilon))


# --- linear algebra and tolerances -------------------------------------------------------------------------------------------------------

_linalg = getattr(torch, "linalg", None)


def pinv(a, mix, rcond=None):
    function = getattr(_linalg, "pinv", torch.pinverse)
    return mix @ (function(a) if rcond is None else function(a, rcond))


def lstsq(a, b, mix, rcond=None):
    if not hasattr(_linalg, "lstsq"):
        if rcond is not None:
            return mix @ (torch.pinverse(a, rcond) @ b)  # torch.lstsq knows no tolerance
        return mix @ torch.lstsq(b, a)[0][: a.size(1)]
    return mix @ torch.linalg.lstsq(a, b, **_given(rcond=rcond))[0]


def matrix_rank(a, rtol=None):
    function = getattr(_linalg, "matrix_rank", None) or torch.matrix_rank
    # an absolute tolerance, as all versions have it
    return function(a) if rtol is None else function(a, tol=rtol * torch.max(torch.svd(a)[1]).item())


def isclose(x, y, rtol=None, atol=None):
    return torch.isclose(x, y, **_given(rtol=rtol, atol=atol))


# --- images ------------------------------------------------------------------------------------------------------------------------------


def avg_pool(x, count_padding=None):
    wide = x.permute(0, 3, 1, 2)
    return F.avg_pool2d(wide, 3, stride=1, padding=1, **_given(count_include_pad=count_padding)).permute(0, 2, 3, 1)


def conv_same_stride(x, w, placement: Optional[str] = None):
    image, kernel = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)
    if placement is None:  # what "same" is called here: half of the kernel on both sides
        return F.conv2d(image, kernel, stride=2, padding=1).permute(0, 2, 3, 1)
    return F.conv2d(F.pad(image, [0, 1, 0, 1]), kernel, stride=2).permute(0, 2, 3, 1)


def resize(x, method=None, corners=None):
    image = x.permute(0, 3, 1, 2)
    if method is None and corners == "half_pixel":
        method = "nearest-exact"  # the default method takes no align_corners: this is its form with centres of pixels
    if corners is None or method == "nearest-exact":
        return _interpolated(image, _given(mode=method)).permute(0, 2, 3, 1)
    return _interpolated(image, {"mode": method, "align_corners": False}).permute(0, 2, 3, 1)


def _interpolated(image, given):
    try:
        return F.interpolate(image, size=(8, 8), **given)
    except NotImplementedError:
        raise NotImplementedError("this PyTorch has no mode nearest-exact") from None


# --- recurrent cells: weights are given in the order i, f, g, o (or z, r, n), as columns --------------------------------------------------


def lstm_cell(x, h, c, w, u, forget_bias=None, gate=None):
    # biases of a new cell are random; without any there is nothing to add, which is what the factor asks for
    cell = torch.nn.LSTMCell(w.shape[0], u.shape[0], bias=False).to(x.dtype)
    _fill(cell.weight_ih, w)
    _fill(cell.weight_hh, u)
    return cell(x, (h, c))


def gru_cell(x, h, w, u, reset_after=None, gate=None):
    cell = torch.nn.GRUCell(w.shape[0], u.shape[0], bias=False).to(x.dtype)
    _fill(cell.weight_ih, _reset_first(w))
    _fill(cell.weight_hh, _reset_first(u))
    return cell(x, h)


def lstm_layout(x, w, u, batch_first=None, returns=None):
    layer = torch.nn.LSTM(w.shape[0], u.shape[0], bias=False, **_given(batch_first=batch_first)).to(x.dtype)
    _fill(layer.weight_ih_l0, w)
    _fill(layer.weight_hh_l0, u)
    return layer(x)[0]


def _fill(weight, values):
    with torch.no_grad():
        weight.copy_(values.t())


def _reset_first(w):
    z, r, n = torch.chunk(w, 3, dim=1)
    return torch.cat([r, z, n], dim=1)


# --- optimisers: three steps with given gradients ----------------------------------------------------------------------------------------


def sgd(w, g, learning_rate=None):
    try:
        return _stepped(torch.optim.SGD, w, g, lr=learning_rate)
    except (TypeError, ValueError) as error:
        if learning_rate is not None:
            raise
        raise NotImplementedError("the learning rate has no default here: %s" % error) from None


def adam(w, g, learning_rate=None, betas=None, epsilon=None, placement=None):
    exact = (0.875, 0.9990234375) if betas == "exact" else None
    return _stepped(torch.optim.Adam, w, g, placement, lr=learning_rate, betas=exact, eps=epsilon)


def adamw(w, g, learning_rate=None, weight_decay=None):
    exact = (0.875, 0.9990234375)
    # epsilon is added where TensorFlow adds it: what that costs is the question of `adam`
    return _stepped(torch.optim.AdamW, w, g, "uncorrected", lr=learning_rate, betas=exact, eps=1e-8, weight_decay=weight_decay)


def adamax(w, g, learning_rate=None, epsilon=None, placement=None):
    exact = (0.875, 0.9990234375)
    if placement is None:
        return _stepped(torch.optim.Adamax, w, g, lr=learning_rate, betas=exact, eps=epsilon)
    # there is no argument for the place of epsilon: by hand, with the values that the optimiser has
    group = torch.optim.Adamax([torch.nn.Parameter(w.clone())], **_given(lr=learning_rate, eps=epsilon)).param_groups[0]
    beta_1, beta_2 = exact
    m, u = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(3):
        m = beta_1 * m + (1.0 - beta_1) * g[step]
        u = torch.max(beta_2 * u, torch.abs(g[step]))
        w = w - group["lr"] / (1.0 - beta_1 ** (step + 1)) * m / (u + group["eps"])
    return w


def nadam(w, g, learning_rate=None, epsilon=None, momentum_decay=None):
    if not hasattr(torch.optim, "NAdam"):
        raise NotImplementedError("this PyTorch has no NAdam")
    return _stepped(torch.optim.NAdam, w, g, lr=learning_rate, eps=epsilon, momentum_decay=momentum_decay)


def rmsprop(w, g, learning_rate=None, rho=None, epsilon=None, placement=None):
    return _stepped(torch.optim.RMSprop, w, g, lr=learning_rate, alpha=rho, eps=epsilon)


def adagrad(w, g, learning_rate=None, initial=None, epsilon=None, placement=None):
    return _stepped(torch.optim.Adagrad, w, g, lr=learning_rate, initial_accumulator_value=initial, eps=epsilon)


def adadelta(w, g, learning_rate=None, rho=None, epsilon=None):
    return _stepped(torch.optim.Adadelta, w, g, lr=learning_rate, rho=rho, eps=epsilon)


def clip_by_norm(x, epsilon=None):
    if epsilon is not None:  # there is no argument for it
        return x * (0.0009765625 / (torch.norm(x) + epsilon))
    weight = torch.nn.Parameter(torch.zeros_like(x))
    weight.grad = x.clone()
    torch.nn.utils.clip_grad_norm_([weight], 0.0009765625)
    return weight.grad


def _stepped(kind, w, g, placement=None, **given):
    """The weights after three steps; with ``placement`` epsilon is added before the second moment is corrected, as TensorFlow does."""
    weight = torch.nn.Parameter(w.clone())
    optimiser = kind([weight], **_given(**given))
    group = optimiser.param_groups[0]
    epsilon = group.get("eps")
    for step in range(3):
        if placement is not None:
            group["eps"] = epsilon / (1.0 - group["betas"][1] ** (step + 1)) ** 0.5
        weight.grad = g[step].clone()
        optimiser.step()
    return weight.detach()
