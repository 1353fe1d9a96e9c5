"""Functions whose derivatives are asked for, in plain NumPy.

At a kink or a tie there is more than one defensible derivative: the convention written here is stated in the case's note. Where frameworks
declare a gradient of their own (``custom_*``), the reference is a constant plus a term that is zero and has the declared derivatives.
"""

import numpy as np

# --- smooth functions, also to high orders -----------------------------------------------------------------------------------------------


def chain_of_powers(x):
    y = x * x
    return y * y * y


def cube(x):
    return x * x * x


def tanh(x):
    return np.tanh(x)


def softplus(x):
    return np.logaddexp(0.0, x)


def logsumexp(x):
    return np.log(np.sum(np.exp(x), axis=-1, keepdims=True))


def product(x):
    return x[:, 0] * x[:, 1] * x[:, 2] * x[:, 3]


# --- the derivative of x³ + 2x: by differentiation, and what finite differences look for --------------------------------------------------


def cubic(x):
    return x * x * x + 2.0 * x


def _cubic(x):
    return x * x * x + 2.0 * x


def forward_difference(x, h, value="derivative"):
    if value == "quotient":
        return (_cubic(x + h) - _cubic(x)) / h
    return 3.0 * x * x + 2.0


def central_difference(x, h, value="derivative"):
    if value == "quotient":
        return (_cubic(x + h) - _cubic(x - h)) / (2.0 * h)
    return 3.0 * x * x + 2.0


def complex_step(x, h):
    return 3.0 * x * x + 2.0


# --- kinks -------------------------------------------------------------------------------------------------------------------------------


def relu(x):
    return np.where(x > 0.0, x, 0.0)


def relu_as_maximum(x, ties="second"):
    return np.where(x > 0.0, x, 0.0) if ties == "second" else maximum(x, 0.0 * x, ties)


def relu6(x):
    return np.where(x > 0.0, np.where(x < 6.0, x, 6.0), 0.0)


def leaky_relu(x):
    return np.where(x > 0.0, x, 0.125 * x)


def absolute(x):
    return np.where(x > 0.0, x, np.where(x < 0.0, -x, 0.0))


def clip(x):
    return np.where(x < -1.0, -1.0, np.where(x > 1.0, 1.0, x))


def rint(x):
    return np.rint(x)


def sqrt(x):
    return np.sqrt(x)


def norm(x, at_zero="zero"):
    """``at_zero``: the derivative at the zero vector, 0 or what the root of a sum of squares has there."""
    square = np.sum(x * x, axis=-1)
    if at_zero == "quotient":
        return np.sqrt(square)
    return np.where(square > 0.0, np.sqrt(np.where(square > 0.0, square, 1.0)), 0.0)


def power(x, p):
    return np.power(x, p)


# --- ties --------------------------------------------------------------------------------------------------------------------------------


def maximum(x, y, ties="halves"):
    """``ties``: to which argument the derivative belongs where both are equal."""
    if ties == "halves":
        return np.maximum(x, y)
    return np.where(x >= y if ties == "first" else x > y, x, y)


def row_maximum(x, ties="shared"):
    """``ties``: to which of several equal elements the derivative belongs, in equal shares or to the first alone."""
    if ties == "shared":
        return np.max(x, axis=-1)
    first = np.arange(x.shape[-1])[None, :] == np.argmax(x, axis=-1)[:, None]
    return np.sum(np.where(first, x, 0.0), axis=-1)


def whole_maximum(x):
    return np.max(x)


def sort(x):
    return x[np.argsort(x, kind="stable")]


# --- a branch that is not taken ----------------------------------------------------------------------------------------------------------


def where_root(x, branch="taken"):
    """``branch``: whether the root is differentiated where it is taken, or everywhere, and then chosen."""
    return np.where(x > 0.0, np.sqrt(x if branch == "both" else np.where(x > 0.0, x, 1.0)), 0.0)


def where_root_guarded(x, branch="taken"):
    return where_root(x, branch)


def where_quotient(x, y, branch="taken"):
    """``branch``: as in ``where_root``."""
    return np.where(y != 0.0, x / (y if branch == "both" else np.where(y != 0.0, y, 1.0)), 0.0)


# --- gradients that frameworks are told --------------------------------------------------------------------------------------------------


def custom_round(x):
    return _with_derivatives_of(x, np.rint(x))


def custom_reversal(x):
    return _with_derivatives_of(-0.5 * x, x)


def custom_clip(x, w):
    bounded = np.where(w < -1.0, -1.0, np.where(w > 1.0, 1.0, w))
    return _with_derivatives_of(np.sum(bounded * x, axis=-1, keepdims=True), np.sum(w * x, axis=-1, keepdims=True))


def custom_log1pexp(x):
    return np.logaddexp(0.0, x)


def plain_log1pexp(x):
    return np.logaddexp(0.0, x)


def stopped_factor(x):
    return x * _constant(x)


# --- control flow ------------------------------------------------------------------------------------------------------------------------


def branch_native(x, y):
    return x + y if np.sum(x) > 0.0 else x - y


def branch_autograph(x, y):
    return x + y if np.sum(x) > 0.0 else x - y


def branch_operator(x, y):
    return x + y if np.sum(x) > 0.0 else x - y


def branch_where(x, y):
    return x + y if np.sum(x) > 0.0 else x - y


def curve_native(x, y):
    return x * x * y if np.sum(x) > 0.0 else x - y * y * y


def curve_autograph(x, y):
    return x * x * y if np.sum(x) > 0.0 else x - y * y * y


def curve_where(x, y):
    return x * x * y if np.sum(x) > 0.0 else x - y * y * y


def loop_native(x):
    while np.sum(x * x) > 1.0:
        x = 0.75 * np.sin(x)
    return x


def loop_autograph(x):
    while np.sum(x * x) > 1.0:
        x = 0.75 * np.sin(x)
    return x


def loop_with_branches(x, y):
    for _ in range(6):
        x = 0.5 * x * y if np.sum(x) > 0.0 else x + 0.25 * (y * y)
    return x


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _constant(x):
    """The numbers alone: what frameworks call ``stop_gradient`` or ``detach``."""
    while hasattr(x, "_value"):  # the wrapper by which the lab differentiates; plain arrays have none
        x = x._value
    return x


def _with_derivatives_of(smooth, value):
    """``value``, with the derivatives (of every order) of ``smooth``."""
    return _constant(value) + (smooth - _constant(smooth))
