"""Functions that change what all cells of a process share, and one that tells how it finds things: PyTorch."""

import torch


def found(x):
    """What a cell finds: 1 for each thing that is as PyTorch makes it, then what is left of a number below the normal ones."""
    things = [
        torch.get_default_dtype() == torch.float32,
        torch.get_num_threads() == 1,
        torch.is_grad_enabled(),
        not torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision() == "highest",
        torch._C._get_mkldnn_enabled(),
        bool(torch.exp(torch.zeros(1)) == 1.0),
        bool(torch.tensor([1e-30]) * torch.tensor([1e-10]) != 0.0),
    ]
    return torch.tensor([float(thing) for thing in things])


def drawn(x):
    return torch.rand(1)


def seeds(x):
    torch.manual_seed(7)
    return x * torch.rand(1)


def flush(x):
    torch.set_flush_denormal(True)
    return x


def dtype(x):
    torch.set_default_dtype(torch.float64)
    return x


def threads(x):
    torch.set_num_threads(2)
    return x


def gradients(x):
    torch.set_grad_enabled(False)
    return x


def deterministic(x):
    torch.use_deterministic_algorithms(True)
    return x


def precision(x):
    torch.set_float32_matmul_precision("medium")
    return x


def onednn(x):
    torch._C._set_mkldnn_enabled(False)
    return x


def patch(x):
    torch.exp = torch.sin
    return x
