"""The loops and branches in TensorFlow 1.15 to 2.21.

``*_native`` use TensorFlow's operators and run everywhere. ``*_autograph`` use Python's own ``if``, ``while``, ``for`` and ``break`` on
tensors: they run eagerly and, rewritten by AutoGraph, under ``tf.function``. Loops say how often they run at most, for XLA differentiates
no others.
"""

import inspect

import tensorflow as tf

_at_most = getattr(tf.autograph.experimental, "set_loop_options", lambda **_: None)  # 1.15 has no such option


def branch_rows(x, y):
    def row(pair):
        a, b = pair
        return tf.cond(tf.reduce_sum(a) > 0.0, lambda: a * a * b, lambda: a - b * b * b)

    if "fn_output_signature" in inspect.signature(tf.map_fn).parameters:
        return tf.map_fn(row, (x, y), fn_output_signature=x.dtype)
    return tf.map_fn(row, (x, y), dtype=x.dtype)


def switch(index, x):
    return tf.switch_case(index[0], [lambda: tf.sin(x), lambda: x * x, lambda: x / (1.0 + x * x)])


def flag_autograph(flag, x, first, second):
    _needs_python_branches()
    if flag[0]:
        z = tf.matmul(x, first)
    else:
        z = tf.matmul(x, second)
    return z


def threshold_branch(x, y):
    return tf.cond(tf.reduce_sum(x) > 1.0, lambda: x + y, lambda: x - y)


def newton_native(a):
    def more(_, x):
        return tf.reduce_sum(tf.square(x * x * x - a)) > 0.01

    def body(count, x):
        return count + 1, (2.0 * x + a / (x * x)) / 3.0

    # Two variables: what a loop over one returns depends on the version.
    return tf.while_loop(more, body, (tf.constant(0), a), maximum_iterations=16)[1]


def newton_autograph(a):
    _needs_python_branches()
    x = a
    while tf.reduce_sum(tf.square(x * x * x - a)) > 0.01:
        _at_most(maximum_iterations=16)
        x = (2.0 * x + a / (x * x)) / 3.0
    return x


def newton_masked(a):
    x = a
    for _ in range(16):
        more = tf.fill(tf.shape(x), tf.reduce_sum(tf.square(x * x * x - a)) > 0.01)  # 1.15 wants a condition of the same shape
        x = tf.where(more, (2.0 * x + a / (x * x)) / 3.0, x)
    return x


def collatz_native(n, x):
    def body(count, x):
        return tf.cond(tf.equal(count % 2, 0), lambda: (count // 2, 0.75 * tf.sin(x) + 0.25), lambda: (3 * count + 1, x + 0.25 * tf.cos(x)))

    return tf.while_loop(lambda count, _: count > 1, body, (n[0], x), maximum_iterations=128)[1]


def collatz_autograph(n, x):
    _needs_python_branches()
    count = n[0]
    while count > 1:
        _at_most(maximum_iterations=128)
        if tf.equal(count % 2, 0):
            count = count // 2
            x = 0.75 * tf.sin(x) + 0.25
        else:
            count = 3 * count + 1
            x = x + 0.25 * tf.cos(x)
    return x


def power_iteration(a, v):
    def body(v, _):
        w = tf.matmul(a, v)
        w = w / tf.sqrt(tf.reduce_sum(w * w))
        return w, tf.reduce_sum(tf.square(w - v))

    start = v / tf.sqrt(tf.reduce_sum(v * v))
    state = tf.while_loop(lambda _, moved: moved > 0.001, body, (start, tf.ones_like(v[0, 0])), maximum_iterations=32)
    v = state[0]
    return tf.reshape(tf.reduce_sum(v * tf.matmul(a, v)), [1, 1]), v


def nested_native(x):
    def inner(count, x):
        return count + 1, 0.75 * tf.sin(x)

    def outer(count, x):
        start = (tf.constant(0), 2.0 * x + 0.5)
        return count + 1, tf.while_loop(lambda _, x: tf.reduce_sum(x * x) > 1.0, inner, start, maximum_iterations=8)[1]

    return tf.while_loop(lambda count, _: count < 3, outer, (tf.constant(0), x), maximum_iterations=3)[1]


def nested_autograph(x):
    _needs_python_branches()
    for _ in tf.range(3):
        _at_most(maximum_iterations=3)
        x = 2.0 * x + 0.5
        while tf.reduce_sum(x * x) > 1.0:
            _at_most(maximum_iterations=8)
            x = 0.75 * tf.sin(x)
    return x


def early_exit_native(x):
    def more(_, x):
        return tf.reduce_sum(x * x) <= 10.0

    def body(count, x):
        return count + 1, x + 0.125 * (x * x * x)

    return tf.while_loop(more, body, (tf.constant(0), x), maximum_iterations=20)[1]


def early_exit_autograph(x):
    _needs_python_branches()
    for _ in tf.range(20):
        _at_most(maximum_iterations=20)
        if tf.reduce_sum(x * x) > 10.0:
            break
        x = x + 0.125 * (x * x * x)
    return x


def counted_native(x):
    def body(count, x):
        return count + 1, 0.875 * tf.sin(x) + 0.25

    return tf.while_loop(lambda count, _: count < 20, body, (tf.constant(0), x), maximum_iterations=20)[1]


def counted_unrolled(x):
    for _ in range(20):
        x = 0.875 * tf.sin(x) + 0.25
    return x


def scan(x, h):
    return tf.scan(lambda h, row: tf.tanh(0.75 * h + row), x, initializer=h)


def threshold_loop(step):
    def body(count, total):
        return count + 1, total + step

    start = (tf.constant(0), tf.zeros_like(step))
    return tf.while_loop(lambda _, total: total[0] < 1.0, body, start, maximum_iterations=16)[1] * 2.0


def _needs_python_branches():
    """Raise where a tensor has no truth value and nothing rewrites the Python around it."""
    if not tf.executing_eagerly() and not getattr(tf.compat.v1.get_default_graph(), "building_function", False):
        raise NotImplementedError(
            "a graph built for a session has no values yet: Python's own if and while need eager execution or AutoGraph"
        )
