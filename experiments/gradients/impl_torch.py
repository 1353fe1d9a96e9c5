"""The functions in PyTorch 1.4 to 2.13; all but the custom gradients and ``torch.cond`` can be compiled by TorchScript."""

import torch
import torch.nn.functional as F

_maximum = getattr(torch, "maximum", torch.max)


def chain_of_powers(x):
    y = x**2
    return y**3


def cube(x):
    return x**3


def tanh(x):
    return torch.tanh(x)


def softplus(x):
    return F.softplus(x)


def logsumexp(x):
    return torch.logsumexp(x, dim=-1, keepdim=True)


def product(x):
    return torch.prod(x, dim=-1)


def cubic(x):
    return x**3 + 2.0 * x


def forward_difference(x, h: float):
    return (cubic(x + h) - cubic(x)) / h


def central_difference(x, h: float):
    return (cubic(x + h) - cubic(x - h)) / (2.0 * h)


if hasattr(torch, "complex"):

    def complex_step(x, h: float):
        z = torch.complex(x, torch.full_like(x, h))
        return (z * z * z + 2.0 * z).imag / h

else:

    def complex_step(x, h: float):
        raise NotImplementedError("torch.complex is missing in PyTorch before 1.7")


def relu(x):
    return torch.relu(x)


def relu_as_maximum(x):
    return _maximum(x, torch.zeros_like(x))


def relu6(x):
    return F.relu6(x)


def leaky_relu(x):
    return F.leaky_relu(x, 0.125)


def absolute(x):
    return torch.abs(x)


def clip(x):
    return torch.clamp(x, -1.0, 1.0)


def rint(x):
    return torch.round(x)


def sqrt(x):
    return torch.sqrt(x)


def norm(x):
    return torch.norm(x, dim=-1)


def power(x, p):
    return torch.pow(x, p)


def maximum(x, y):
    return _maximum(x, y)


def row_maximum(x):
    return torch.max(x, dim=-1)[0]


def whole_maximum(x):
    return torch.max(x)


def sort(x):
    return torch.sort(x)[0]


def where_root(x):
    return torch.where(x > 0.0, torch.sqrt(x), torch.zeros_like(x))


def where_root_guarded(x):
    safe = torch.where(x > 0.0, x, torch.ones_like(x))
    return torch.where(x > 0.0, torch.sqrt(safe), torch.zeros_like(x))


def where_quotient(x, y):
    return torch.where(y != 0.0, x / y, torch.zeros_like(x))


class _Round(torch.autograd.Function):
    """Rounds; its gradient passes through (straight-through estimator)."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, upstream):
        return upstream


class _Reversal(torch.autograd.Function):
    """Identity; its gradient is turned round and halved."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, upstream):
        return -0.5 * upstream


class _Clip(torch.autograd.Function):
    """Identity; its gradient is clipped to [-1, 1]."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, upstream):
        return torch.clamp(upstream, -1.0, 1.0)


class _Log1pExp(torch.autograd.Function):
    """log(1 + exp(x)); its gradient is written so that nothing overflows."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return upstream * torch.sigmoid(x)


def custom_round(x):
    return _Round.apply(x)


def custom_reversal(x):
    return _Reversal.apply(x)


def custom_clip(x, w):
    return torch.sum(w * _Clip.apply(x), dim=-1, keepdim=True)


def custom_log1pexp(x):
    return _Log1pExp.apply(x)


def plain_log1pexp(x):
    return torch.log(1.0 + torch.exp(x))


def stopped_factor(x):
    return x * x.detach()


def branch_native(x, y):
    if bool(torch.sum(x) > 0.0):
        z = x + y
    else:
        z = x - y
    return z


def branch_autograph(x, y):
    return branch_native(x, y)


if hasattr(torch, "cond"):

    def branch_operator(x, y):
        if torch.jit.is_tracing():
            raise NotImplementedError("torch.cond cannot become TorchScript: it is compiled by another compiler")
        return torch.cond(torch.sum(x) > 0.0, lambda x, y: x + y, lambda x, y: x - y, (x, y))

else:

    def branch_operator(x, y):
        raise NotImplementedError("torch.cond is missing in this PyTorch")


def branch_where(x, y):
    return torch.where(torch.sum(x) > 0.0, x + y, x - y)


def curve_native(x, y):
    if bool(torch.sum(x) > 0.0):
        z = x * x * y
    else:
        z = x - y * y * y
    return z


def curve_autograph(x, y):
    return curve_native(x, y)


def curve_where(x, y):
    return torch.where(torch.sum(x) > 0.0, x * x * y, x - y * y * y)


def loop_native(x):
    while bool(torch.sum(x * x) > 1.0):
        x = 0.75 * torch.sin(x)
    return x


def loop_autograph(x):
    return loop_native(x)


def loop_with_branches(x, y):
    for _ in range(6):
        if bool(torch.sum(x) > 0.0):
            x = 0.5 * x * y
        else:
            x = x + 0.25 * y * y
    return x
