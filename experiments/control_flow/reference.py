"""Loops and branches in plain NumPy. How often a loop runs depends on the data; inputs are such that rounding does not change it, except
in the two cases that ask what happens when it does (``threshold_*``)."""

import numpy as np

# --- branches ----------------------------------------------------------------------------------------------------------------------------


def branch_rows(x, y, second_derivative_through_loop=True):
    """x, y (4, 10): for each row x²y where its x sum to more than 0, else x - y³."""
    if second_derivative_through_loop:
        rows = [x[k] * x[k] * y[k] if np.sum(x[k]) > 0.0 else x[k] - y[k] * y[k] * y[k] for k in range(4)]
        return np.stack(rows)
    p, q = np.stop_gradient(x), np.stop_gradient(y)
    rows = []
    for k in range(4):
        dx, dy = x[k] - p[k], y[k] - q[k]
        if np.sum(p[k]) > 0.0:
            rows.append(p[k] * p[k] * q[k] + 2.0 * p[k] * q[k] * dx + p[k] * p[k] * dy)
        else:
            rows.append(p[k] - q[k] * q[k] * q[k] + dx - 3.0 * q[k] * q[k] * dy)
    return np.stack(rows)


def switch(index, x):
    """The first, second or third of sin x, x² and x / (1 + x²)."""
    return (np.sin(x), x * x, x / (1.0 + x * x))[int(index[0])]


def flag_autograph(flag, x, first, second):
    return np.matmul(x, first) if flag[0] else np.matmul(x, second)


def threshold_branch(x, y):
    """x + y if the x sum to more than 1, else x - y; the exact sum is 1 and a little."""
    return x + y if np.sum(x) > 1.0 else x - y


# --- loops -------------------------------------------------------------------------------------------------------------------------------
#
# ``second_derivative_through_loop=False`` is what some versions of TensorFlow compute: the states that a loop saved for its gradient count
# as constants when that gradient is differentiated. Written as f + (the tangent along ``x - constant(x)``): the same value, the same first
# derivative, and of the second what does not pass through a saved state.


def newton_native(a, second_derivative_through_loop=True):
    """Cube roots of a (6,) by Newton's iteration from a itself, until the squared residuals sum to less than 0.01."""
    if second_derivative_through_loop:
        return _newton(a)
    fixed = np.stop_gradient(a)
    x, still, moving = fixed, a - fixed, a - fixed
    while np.sum((x * x * x - fixed) * (x * x * x - fixed)) > 0.01:
        own = (a - fixed) / (x * x)
        still = (2.0 * still + own - 2.0 * fixed * still / (x * x * x)) / 3.0
        moving = (2.0 * moving + own - 2.0 * a * moving / (x * x * x)) / 3.0  # the body itself uses a, which no state hides
        x = (2.0 * x + fixed / (x * x)) / 3.0
    return x + 0.5 * (still + moving)  # the mean: M(a)(a - a₀) has the second derivative 2M', (M(a₀) + M(a))(a - a₀) / 2 has M'


def newton_autograph(a, second_derivative_through_loop=True):
    return newton_native(a, second_derivative_through_loop)


def newton_masked(a):
    return _newton(a)


def collatz_native(n, x):
    """From n (1,): halve what is even, else 3n + 1, until 1; each kind of step has its own function of x (8,)."""
    count = int(n[0])
    while count > 1:
        if count % 2 == 0:
            count, x = count // 2, 0.75 * np.sin(x) + 0.25
        else:
            count, x = 3 * count + 1, x + 0.25 * np.cos(x)
    return x


def collatz_autograph(n, x):
    return collatz_native(n, x)


def power_iteration(a, v):
    """The largest eigenvalue of a (6, 6), and its vector (6, 1) of length 1, once a step moves it by less than 0.03."""
    v = v / np.sqrt(np.sum(v * v))
    moved = 1.0
    while moved > 0.001:
        w = np.matmul(a, v)
        w = w / np.sqrt(np.sum(w * w))
        v, moved = w, np.sum((w - v) * (w - v))
    return np.sum(v * np.matmul(a, v), keepdims=True), v


def nested_native(x):
    """Three times: 2x + ½, then ¾ sin x while the squares sum to more than 1."""
    for _ in range(3):
        x = 2.0 * x + 0.5
        while np.sum(x * x) > 1.0:
            x = 0.75 * np.sin(x)
    return x


def nested_autograph(x):
    return nested_native(x)


def early_exit_native(x, second_derivative_through_loop=True):
    """x + x³ / 8 at most twenty times, left as soon as the squares sum to more than 10."""
    if second_derivative_through_loop:
        while np.sum(x * x) <= 10.0:
            x = x + 0.125 * (x * x * x)
        return x
    y, tangent = np.stop_gradient(x), x - np.stop_gradient(x)
    while np.sum(y * y) <= 10.0:
        y, tangent = y + 0.125 * (y * y * y), tangent * (1.0 + 0.375 * (y * y))
    return y + tangent


def early_exit_autograph(x, second_derivative_through_loop=True):
    return early_exit_native(x, second_derivative_through_loop)


def counted_native(x, second_derivative_through_loop=True):
    """Twenty steps of x → ⅞ sin x + ¼."""
    if second_derivative_through_loop:
        for _ in range(20):
            x = 0.875 * np.sin(x) + 0.25
        return x
    y, tangent = np.stop_gradient(x), x - np.stop_gradient(x)
    for _ in range(20):
        y, tangent = 0.875 * np.sin(y) + 0.25, 0.875 * np.cos(y) * tangent
    return y + tangent


def counted_unrolled(x):
    return counted_native(x)


def scan(x, h, second_derivative_through_loop=True):
    """x (12, 4), h (4,): all states (12, 4) of h → tanh(¾h + x)."""
    states = []
    if second_derivative_through_loop:
        for step in range(12):
            h = np.tanh(0.75 * h + x[step])
            states.append(h)
        return np.stack(states)
    rows, state, tangent = np.stop_gradient(x), np.stop_gradient(h), h - np.stop_gradient(h)
    for step in range(12):
        state = np.tanh(0.75 * state + rows[step])
        tangent = (1.0 - state * state) * (0.75 * tangent + (x[step] - rows[step]))
        states.append(state + tangent)
    return np.stack(states)


def threshold_loop(step):
    """0, step, 2·step …, each multiplied by 2 in the end, until 1 is reached; the tenth is 1 and a little."""
    total = 0.0 * step
    while total[0] < 1.0:
        total = total + step
    return total * 2.0


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _newton(a):
    x = a
    while np.sum((x * x * x - a) * (x * x * x - a)) > 0.01:
        x = (2.0 * x + a / (x * x)) / 3.0
    return x
