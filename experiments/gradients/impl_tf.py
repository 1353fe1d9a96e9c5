"""The functions in TensorFlow 1.15 to 2.21.

``*_autograph`` use Python's own ``if`` and ``while`` on tensors: they run eagerly and, rewritten by AutoGraph, under ``tf.function``.
``*_native`` use TensorFlow's operators and run everywhere.
"""

import tensorflow as tf


def chain_of_powers(x):
    y = x**2
    return y**3


def cube(x):
    return x**3


def tanh(x):
    return tf.tanh(x)


def softplus(x):
    return tf.math.softplus(x)


def logsumexp(x):
    return tf.reduce_logsumexp(x, axis=-1, keepdims=True)


def product(x):
    return tf.reduce_prod(x, axis=-1)


def cubic(x):
    return x**3 + 2.0 * x


def forward_difference(x, h):
    return (cubic(x + h) - cubic(x)) / h


def central_difference(x, h):
    return (cubic(x + h) - cubic(x - h)) / (2.0 * h)


def complex_step(x, h):
    z = tf.complex(x, h * tf.ones_like(x))
    return tf.math.imag(z * z * z + 2.0 * z) / h


def relu(x):
    return tf.nn.relu(x)


def relu_as_maximum(x):
    return tf.maximum(x, tf.zeros_like(x))


def relu6(x):
    return tf.nn.relu6(x)


def leaky_relu(x):
    return tf.nn.leaky_relu(x, alpha=0.125)


def absolute(x):
    return tf.abs(x)


def clip(x):
    return tf.clip_by_value(x, -1.0, 1.0)


def rint(x):
    return tf.round(x)


def sqrt(x):
    return tf.sqrt(x)


def norm(x):
    return tf.norm(x, axis=-1)


def power(x, p):
    return tf.pow(x, p)


def maximum(x, y):
    return tf.maximum(x, y)


def row_maximum(x):
    return tf.reduce_max(x, axis=-1)


def whole_maximum(x):
    return tf.reduce_max(x)


def sort(x):
    return tf.sort(x)


def where_root(x):
    return tf.where(x > 0.0, tf.sqrt(x), tf.zeros_like(x))


def where_root_guarded(x):
    safe = tf.where(x > 0.0, x, tf.ones_like(x))
    return tf.where(x > 0.0, tf.sqrt(safe), tf.zeros_like(x))


def where_quotient(x, y):
    return tf.where(tf.not_equal(y, 0.0), x / y, tf.zeros_like(x))


@tf.custom_gradient
def _round(x):
    """Rounds; its gradient passes through (straight-through estimator)."""

    def gradient(upstream):
        return upstream

    return tf.round(x), gradient


@tf.custom_gradient
def _reversal(x):
    """Identity; its gradient is turned round and halved."""

    def gradient(upstream):
        return -0.5 * upstream

    return tf.identity(x), gradient


@tf.custom_gradient
def _clip(x):
    """Identity; its gradient is clipped to [-1, 1]."""

    def gradient(upstream):
        return tf.clip_by_value(upstream, -1.0, 1.0)

    return tf.identity(x), gradient


@tf.custom_gradient
def _log1pexp(x):
    """log(1 + exp(x)); its gradient is written so that nothing overflows."""

    def gradient(upstream):
        return upstream * tf.sigmoid(x)

    return tf.nn.relu(x) + tf.math.log1p(tf.exp(-tf.abs(x))), gradient


def custom_round(x):
    return _round(x)


def custom_reversal(x):
    return _reversal(x)


def custom_clip(x, w):
    return tf.reduce_sum(w * _clip(x), axis=-1, keepdims=True)


def custom_log1pexp(x):
    return _log1pexp(x)


def plain_log1pexp(x):
    return tf.math.log(1.0 + tf.exp(x))


def stopped_factor(x):
    return x * tf.stop_gradient(x)


def branch_native(x, y):
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: x + y, lambda: x - y)


def branch_autograph(x, y):
    _needs_python_branches()
    if tf.reduce_sum(x) > 0.0:
        z = x + y
    else:
        z = x - y
    return z


def branch_operator(x, y):
    return branch_native(x, y)


def branch_where(x, y):
    positive = tf.fill(tf.shape(x), tf.reduce_sum(x) > 0.0)  # 1.15 wants a condition of the same shape
    return tf.where(positive, x + y, x - y)


def curve_native(x, y):
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * x * y, lambda: x - y * y * y)


def curve_autograph(x, y):
    _needs_python_branches()
    if tf.reduce_sum(x) > 0.0:
        z = x * x * y
    else:
        z = x - y * y * y
    return z


def curve_where(x, y):
    positive = tf.fill(tf.shape(x), tf.reduce_sum(x) > 0.0)
    return tf.where(positive, x * x * y, x - y * y * y)


def loop_native(x):
    def more(_, x):
        return tf.reduce_sum(x * x) > 1.0

    def body(count, x):
        return count + 1, 0.75 * tf.sin(x)

    # Two variables: what a loop over one returns depends on the version. XLA differentiates a loop only when it knows how often it runs at
    # most; six are enough for these inputs.
    return tf.while_loop(more, body, (tf.constant(0), x), maximum_iterations=6)[1]


def loop_autograph(x):
    _needs_python_branches()
    while tf.reduce_sum(x * x) > 1.0:
        x = 0.75 * tf.sin(x)
    return x


def loop_with_branches(x, y):
    for _ in range(6):
        x = _half_or_more(x, y)
    return x


def _half_or_more(x, y):
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: 0.5 * x * y, lambda: x + 0.25 * y * y)


def _needs_python_branches():
    """Raise where a tensor has no truth value and nothing rewrites the Python around it."""
    if not tf.executing_eagerly() and not getattr(tf.compat.v1.get_default_graph(), "building_function", False):
        raise NotImplementedError(
            "a graph built for a session has no values yet: Python's own if and while need eager execution or AutoGraph"
        )
