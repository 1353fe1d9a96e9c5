"""The functions in NumPy, which gives values only: it does not differentiate.

What is not here, NumPy runs as the reference has it.
"""

import numpy as np


def chain_of_powers(x):
    y = x**2
    return y**3


def cube(x):
    return x**3


def softplus(x):
    return np.logaddexp(x.dtype.type(0.0), x)


def product(x):
    return np.prod(x, axis=-1)


def cubic(x):
    return x**3 + 2.0 * x


def forward_difference(x, h):
    return (cubic(x + h) - cubic(x)) / h


def central_difference(x, h):
    return (cubic(x + h) - cubic(x - h)) / (2.0 * h)


def complex_step(x, h):
    z = x + 1j * h
    return np.imag(z * z * z + 2.0 * z) / h


def relu(x):
    return np.maximum(x, 0.0)


def relu_as_maximum(x):
    return np.maximum(x, 0.0)


def relu6(x):
    return np.minimum(np.maximum(x, 0.0), 6.0)


def absolute(x):
    return np.abs(x)


def clip(x):
    return np.clip(x, -1.0, 1.0)


def norm(x):
    return np.linalg.norm(x, axis=-1)


def maximum(x, y):
    return np.maximum(x, y)


def row_maximum(x):
    return np.max(x, axis=-1)


def sort(x):
    return np.sort(x, kind="stable")


def where_root(x):
    return np.where(x > 0.0, np.sqrt(x), np.zeros_like(x))


def where_root_guarded(x):
    safe = np.where(x > 0.0, x, np.ones_like(x))
    return np.where(x > 0.0, np.sqrt(safe), np.zeros_like(x))


def where_quotient(x, y):
    return np.where(y != 0.0, x / y, np.zeros_like(x))


def custom_round(x):
    return np.rint(x)


def custom_reversal(x):
    return x


def custom_clip(x, w):
    return np.sum(w * x, axis=-1, keepdims=True)


def custom_log1pexp(x):
    return np.logaddexp(x.dtype.type(0.0), x)


def plain_log1pexp(x):
    return np.log(1.0 + np.exp(x))


def stopped_factor(x):
    return x * x


def branch_native(x, y):
    if np.sum(x) > 0.0:
        return x + y
    return x - y


def branch_autograph(x, y):
    return branch_native(x, y)


def branch_operator(x, y):
    raise NotImplementedError("NumPy has no conditional operation: its control flow is Python's")


def branch_where(x, y):
    return np.where(np.sum(x) > 0.0, x + y, x - y)


def curve_native(x, y):
    if np.sum(x) > 0.0:
        return x * x * y
    return x - y * y * y


def curve_autograph(x, y):
    return curve_native(x, y)


def curve_where(x, y):
    return np.where(np.sum(x) > 0.0, x * x * y, x - y * y * y)


def loop_native(x):
    while np.sum(x * x) > 1.0:
        x = 0.75 * np.sin(x)
    return x


def loop_autograph(x):
    return loop_native(x)


def loop_with_branches(x, y):
    for _ in range(6):
        if np.sum(x) > 0.0:
            x = 0.5 * x * y
        else:
            x = x + 0.25 * y * y
    return x
