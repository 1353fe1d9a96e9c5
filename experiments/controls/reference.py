"""The right formula of every control, and every way in which it can be got wrong.

Implementations hold what is compared with it: a rewrite (``equal_*``) or a mistake (``wrong_*``). The first part holds rewrites that need
no more than their formula. The second part holds *subjects*: functions whose keyword arguments are factors, the choices on which two sides
may differ. Many controls share one subject; the last part says which. The factors, with the right value and the others that the lab tries
in order to name a cause, stand in ``experiment.toml``.

Shapes stand there as well. Trainings loop over arrays only, so that every operation of every step is seen by the lab.
"""

import numpy as np
from scipy import special

# --- rewrites without factors: each of these is evaluated by another, algebraically equal formula ----------------------------------------


def equal_sum_reversed(x):
    return np.sum(x, axis=-1)


def equal_sum_halves(x):
    return np.sum(x, axis=-1)


def equal_mean_dot(x):
    return np.mean(x, axis=-1, keepdims=True)


def equal_variance_moments(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return np.mean(centred * centred, axis=-1)


def equal_add_association(a, b, c):
    return a + b + c


def equal_distributive(a, b, c):
    return a * (b + c)


def equal_divide_reciprocal(x, y):
    return x / y


def equal_cube(x):
    return x * x * x


def equal_polynomial(x):
    return 1.0 + 0.5 * x + 0.25 * (x * x) + 0.125 * (x * x * x) + 0.0625 * (x * x * x * x)


def equal_matmul_transposed(a, b):
    return np.matmul(a, b)


def equal_matmul_blocks(a, b):
    return np.matmul(a, b)


def equal_quadratic_form(x, a):
    return np.sum(np.matmul(x, a) * x, axis=-1, keepdims=True)


def equal_convolution(x, w):
    return w[0] * x[:, :60] + w[1] * x[:, 1:61] + w[2] * x[:, 2:62] + w[3] * x[:, 3:63] + w[4] * x[:, 4:]


def equal_softmax_shift(x):
    return _softmax(x, -1)


def equal_log_softmax(x):
    return _log_softmax(x, -1)


def equal_logsumexp_halves(x):
    top = np.max(x, axis=-1, keepdims=True)
    return top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True))


def equal_sigmoid_tanh(x):
    return special.expit(x)


def equal_cosine(x, y):
    return np.sum(x * y, axis=-1, keepdims=True) / (_length(x) * _length(y))


def equal_linear_layers(x, v, w):
    return np.tanh(np.matmul(np.matmul(x, v), w))


def equal_training(x, y, w):
    for _ in range(100):
        w = w - 0.0625 * _slope(x, y, w)
    return w


def equal_momentum(x, y, w):
    speed = 0.0 * w
    for _ in range(50):
        speed = 0.5 * speed + _slope(x, y, w)
        w = w - 0.0625 * speed
    return w


# --- subjects: trainings -----------------------------------------------------------------------------------------------------------------


def _sgd(
    x,
    y,
    w,
    b,
    learning_rate,
    schedule,
    momentum,
    momentum_convention,
    dampening,
    nesterov,
    weight_decay,
    weight_decay_form,
    decayed,
    loss_reduction,
    clipping,
    clip_limit,
    gradients_kept,
    batch_order,
    update_order,
):
    """12 steps of gradient descent for x·w + b against y: x (16, 4), y (16, 2), w (4, 2), b (1, 2), four batches of four rows.

    Gives the weights (5, 2), the bias below them, and their velocity (5, 2).
    """
    one, speed_w, speed_b, kept_w, kept_b = 0.0 * b[:, :1] + 1.0, 0.0 * w, 0.0 * b, 0.0 * w, 0.0 * b
    rule = momentum, momentum_convention, dampening, nesterov, weight_decay, weight_decay_form
    for step in range(12):
        rows = {
            "forward": slice(4 * (step % 4), 4 * (step % 4) + 4),
            "reversed": slice(12 - 4 * (step % 4), 16 - 4 * (step % 4)),
            "rotated": slice(4 * ((step + 1) % 4), 4 * ((step + 1) % 4) + 4),
            "strided": slice(step % 4, 16, 4),
        }[batch_order]
        rate = {
            "inverse_time": learning_rate / (one * (1.0 + step / 4.0)),
            "staircase": learning_rate / (one * (1.0 + step // 4)),
            "early": learning_rate / (one * (1.0 + (step + 1) / 4.0)),
            "constant": learning_rate * one,
            "linear": learning_rate * one * (1.0 - step / 16.0),
        }[schedule]
        ahead_w = w - rate * momentum * speed_w if nesterov == "lookahead" else w
        ahead_b = b - rate * momentum * speed_b if nesterov == "lookahead" else b
        grad_w, grad_b = _linear_gradients(x[rows], y[rows], ahead_w, ahead_b, loss_reduction)
        if gradients_kept:
            grad_w, grad_b = kept_w, kept_b = kept_w + grad_w, kept_b + grad_b
        grad_w, grad_b = _clipped(grad_w, grad_b, clipping, clip_limit)
        w, speed_w = _momentum_step(w, speed_w, grad_w, step, rate, rule, decayed != "bias")
        if update_order == "weight_first":  # the bias sees the new weight
            _, grad_b = _clipped(*_linear_gradients(x[rows], y[rows], w, b, loss_reduction), clipping, clip_limit)
        b, speed_b = _momentum_step(b, speed_b, grad_b, step, rate, rule, decayed != "weight")
    return np.concatenate([w, b]), np.concatenate([speed_w, speed_b])


def _momentum_step(w, speed, grad, step, rate, rule, decayed):
    """New value and velocity of one parameter; ``rule`` holds the factors that concern it."""
    momentum, momentum_convention, dampening, nesterov, weight_decay, weight_decay_form = rule
    if decayed:
        if weight_decay_form == "coupled":
            grad = grad + weight_decay * w
        else:
            w = w - (rate if weight_decay_form == "decoupled" else 1.0) * weight_decay * w
    if momentum_convention == "rate_inside":  # TensorFlow's: the velocity is a length of step
        speed = momentum * speed + rate * (grad if step == 0 else (1.0 - dampening) * grad)
        change = momentum * speed + rate * grad if nesterov == "yes" else speed
    else:
        share = 1.0 - momentum if momentum_convention == "average" else 1.0 if step == 0 else 1.0 - dampening
        speed = momentum * speed + share * grad
        change = rate * (grad + momentum * speed if nesterov == "yes" else speed)
    return w - change, speed


def _adam(
    x,
    y,
    w,
    units,
    learning_rate,
    beta1,
    beta2,
    epsilon,
    epsilon_placement,
    bias_correction,
    first_step,
    weight_decay,
    weight_decay_form,
    amsgrad,
    nesterov,
    second_moment,
    loss_reduction,
):
    """10 steps of Adam for (x·units)·w against y: x (16, 4), units (1, 4), y (16, 1), w (4, 1); gives (4, 3): w and both moments."""
    x = x * units
    mean, square, top = 0.0 * w, 0.0 * w, 0.0 * w
    first, second = 0.0 * w[:1] + 1.0, 0.0 * w[:1] + 1.0
    for _ in range(first_step - 1):
        first, second = beta1 * first, beta2 * second
    for _ in range(10):
        grad, _ = _linear_gradients(x, y, w, 0.0 * w[:1], loss_reduction)
        if weight_decay_form == "coupled":
            grad = grad + weight_decay * w
        mean = beta1 * mean + (1.0 - beta1) * grad
        first, second = beta1 * first, beta2 * second
        if second_moment == "largest":  # Adamax
            square = np.maximum(beta2 * square, np.abs(grad))
        else:
            apart = grad - mean if second_moment == "centred" else grad  # centred: AdaBelief
            square = beta2 * square + (1.0 - beta2) * (apart * apart)
        factor1 = 1.0 - first if bias_correction in ("both", "first") else 0.0 * first + 1.0
        factor2 = 1.0 - second if bias_correction in ("both", "second") else 0.0 * second + 1.0
        m = mean / factor1
        if nesterov:
            m = beta1 * mean / (1.0 - beta1 * first) + (1.0 - beta1) * grad / (1.0 - first)
        v, root = square / factor2, np.sqrt(factor2)
        if amsgrad != "no":
            top = np.maximum(top, square if amsgrad == "before_correction" else v)
            v = top / factor2 if amsgrad == "before_correction" else top
        if second_moment == "largest":
            change = m / (square + epsilon)
        elif epsilon_placement == "inside":
            change = m / np.sqrt(v + epsilon)
        elif epsilon_placement == "uncorrected":  # the form that TensorFlow computes: "epsilon hat"
            change = m * root / (np.sqrt(v * factor2) + epsilon)
        else:
            change = m / (np.sqrt(v) + epsilon)
        if weight_decay_form == "decoupled":
            w = w - learning_rate * weight_decay * w
        elif weight_decay_form == "without_rate":
            w = w - weight_decay * w
        w = w - learning_rate * change
        if weight_decay_form == "afterwards":
            w = w - learning_rate * weight_decay * w
    return np.concatenate([w, mean, square], axis=1)


def _rmsprop(
    x,
    y,
    w,
    units,
    learning_rate,
    rho,
    epsilon,
    epsilon_placement,
    centred,
    momentum,
    momentum_convention,
    initial_square,
    accumulation,
    loss_reduction,
):
    """10 steps of RMSprop; inputs as for Adam; gives (4, 3): w, the mean square and the velocity."""
    x = x * units
    mean, square, speed = 0.0 * w, 0.0 * w + initial_square, 0.0 * w
    for _ in range(10):
        grad, _ = _linear_gradients(x, y, w, 0.0 * w[:1], loss_reduction)
        square = square + grad * grad if accumulation == "sum" else rho * square + (1.0 - rho) * (grad * grad)
        mean = rho * mean + (1.0 - rho) * grad
        v = square - mean * mean if centred else square
        change = grad / (np.sqrt(v + epsilon) if epsilon_placement == "inside" else np.sqrt(v) + epsilon)
        if momentum_convention == "rate_inside":
            speed = momentum * speed + learning_rate * change
            w = w - speed
        else:
            speed = momentum * speed + (1.0 - momentum if momentum_convention == "average" else 1.0) * change
            w = w - learning_rate * speed
    return np.concatenate([w, square, speed], axis=1)


def _mlp(x, y, v, w, learning_rate, activation, loss_reduction, update_order, momentum, weight_decay):
    """20 steps for act(x·v)·w against y: x (16, 5), y (16, 1), v (5, 6), w (6, 1); gives v and w."""
    speed_v, speed_w = 0.0 * v, 0.0 * w
    for _ in range(20):
        grad_v, grad_w = _mlp_gradients(x, y, v, w, activation, loss_reduction)
        if update_order != "last_layer_first":
            speed_v = momentum * speed_v + grad_v + weight_decay * v
            v = v - learning_rate * speed_v
        if update_order == "first_layer_first":
            _, grad_w = _mlp_gradients(x, y, v, w, activation, loss_reduction)
        speed_w = momentum * speed_w + grad_w + weight_decay * w
        w = w - learning_rate * speed_w
        if update_order == "last_layer_first":
            grad_v, _ = _mlp_gradients(x, y, v, w, activation, loss_reduction)
            speed_v = momentum * speed_v + grad_v + weight_decay * v
            v = v - learning_rate * speed_v
    return v, w


def _mlp_gradients(x, y, v, w, activation, loss_reduction):
    before = np.matmul(x, v)
    hidden = _ACTIVATIONS[activation](before)
    slope = {
        "tanh": 1.0 - hidden * hidden,
        "sigmoid": hidden * (1.0 - hidden),
        "relu": np.where(before > 0.0, 0.0 * before + 1.0, 0.0 * before),
        "linear": 0.0 * hidden + 1.0,
    }[activation]
    error = (np.matmul(hidden, w) - y) * {"mean": 0.125, "half": 0.0625}[loss_reduction]
    return np.matmul(np.transpose(x), np.matmul(error, np.transpose(w)) * slope), np.matmul(np.transpose(hidden), error)


def _linear_gradients(x, y, w, b, loss_reduction):
    """Gradients of the squared error of x·w + b with respect to w and b."""
    error = np.matmul(x, w) + b - y
    rows, columns = np.shape(y)
    share = {"mean": 2.0 / (rows * columns), "half": 1.0 / (rows * columns), "sum": 2.0, "rows": 2.0 / rows}[loss_reduction]
    error = error * share  # all of these are powers of two
    return np.matmul(np.transpose(x), error), np.sum(error, axis=0, keepdims=True)


def _clipped(grad_w, grad_b, clipping, limit):
    if clipping == "value":
        return np.maximum(np.minimum(grad_w, limit), -limit), np.maximum(np.minimum(grad_b, limit), -limit)
    square_w, square_b = np.sum(grad_w * grad_w, keepdims=True), np.sum(grad_b * grad_b, keepdims=True)
    if clipping == "global_norm":
        both = np.sqrt(square_w + square_b)
        return grad_w * (limit / np.maximum(both, limit)), grad_b * (limit / np.maximum(both, limit))
    if clipping == "norm":
        return grad_w * (limit / np.maximum(np.sqrt(square_w), limit)), grad_b * (limit / np.maximum(np.sqrt(square_b), limit))
    return grad_w, grad_b


# --- subjects: recurrent layers ----------------------------------------------------------------------------------------------------------


def _lstm(
    x,
    mask,
    h,
    c,
    w,
    u,
    b,
    gate_order,
    gate_layout,
    kernel_layout,
    recurrent_layout,
    forget_bias,
    bias,
    recurrent_activation,
    activation,
    output_activation,
    coupled_gates,
    initial_state,
    layout,
    direction,
    masking,
    padded_output,
    padding_side,
):
    """An LSTM over x (batch 4, time 4, features 4) with 4 units: mask (4, 4) is 1 at valid steps; h, c (4, 4); w, u (4, 16); b (16,).

    Gives (4, 24): the outputs at the four steps, then the last h and the last c.
    """
    w, u = _kernel(w, kernel_layout), _kernel(u, recurrent_layout)
    times_bias = {"once": 1.0, "twice": 2.0, "none": 0.0}[bias]
    gate, act = _ACTIVATIONS[recurrent_activation], _ACTIVATIONS[activation]
    h, c = _initial(h, c, initial_state)

    def step(x, state):
        h, c = state
        i, f, g, o = _gates(np.matmul(x, w) + np.matmul(h, u) + times_bias * b, "ifgo", gate_order, gate_layout)
        f = gate(f + forget_bias)
        c = f * c + (1.0 - f if coupled_gates else gate(i)) * act(g)
        return gate(o) * _ACTIVATIONS[activation if output_activation == "same" else output_activation](c), c

    outputs, (h, c) = _scan(step, x, mask, (h, c), layout, direction, masking, padded_output, padding_side)
    return np.concatenate([outputs, h, c], axis=1)


def _gru(
    x,
    mask,
    h,
    w,
    u,
    b,
    r,
    gate_order,
    gate_layout,
    kernel_layout,
    recurrent_layout,
    update_gate,
    reset_gate,
    bias,
    recurrent_activation,
    activation,
    initial_state,
    layout,
    direction,
    masking,
    padded_output,
    padding_side,
):
    """A GRU, shapes as for the LSTM with w, u (4, 12) and two biases b, r (12,); gives (4, 20): the outputs, then the last h."""
    w, u = _kernel(w, kernel_layout), _kernel(u, recurrent_layout)
    gate, act = _ACTIVATIONS[recurrent_activation], _ACTIVATIONS[activation]
    b = (0.0 if bias in ("none", "recurrent") else 1.0) * b
    r = (0.0 if bias in ("none", "input") else 1.0) * r
    h, _ = _initial(h, 0.0 * h, initial_state)

    def step(x, state):
        (h,) = state
        inner, (uz, ur, un) = np.matmul(x, w) + b, _gates(u, "zrn", gate_order, gate_layout)
        rz, rr, rn = _gates(np.reshape(r, (1, 12)), "zrn", gate_order, gate_layout)
        z, reset, n = _gates(inner, "zrn", gate_order, gate_layout)
        z, reset = gate(z + np.matmul(h, uz) + rz), gate(reset + np.matmul(h, ur) + rr)
        state = {
            "after": reset * (np.matmul(h, un) + rn),
            "before": np.matmul(reset * h, un) + rn,
            "between": reset * np.matmul(h, un) + rn,
            "none": np.matmul(h, un) + rn,
        }[reset_gate]
        n = act(n + state)
        return ((z * h + (1.0 - z) * n) if update_gate == "keeps_old" else ((1.0 - z) * h + z * n),)

    outputs, (h,) = _scan(step, x, mask, (h,), layout, direction, masking, padded_output, padding_side)
    return np.concatenate([outputs, h], axis=1)


def _scan(step, x, mask, state, layout, direction, masking, padded_output, padding_side):
    """Outputs (batch, 4·units) of four steps of a recurrent layer and its last state; padded steps keep the state."""
    if layout in ("time_batch", "input_only"):  # the input is read as (time, batch)
        x = np.transpose(x, (1, 0, 2))
    if layout == "time_batch":
        mask = np.transpose(mask)
    if padding_side == "start":
        mask = mask[:, ::-1]
    outputs = {}
    for time in range(4) if direction == "forward" else range(3, -1, -1):
        new = step(x[:, time], state)
        valid = (mask[:, time : time + 1] > 0.5) if masking == "on" else np.ones((4, 1), bool)
        state = tuple(np.where(valid, fresh, old) for fresh, old in zip(new, state))
        outputs[time] = np.where(valid | (padded_output == "last"), state[0], 0.0 * state[0])
    order = range(3, -1, -1) if direction == "backward_order" else range(4)
    stacked = np.stack([outputs[time] for time in order], axis=1)
    if layout == "time_batch":
        stacked = np.transpose(stacked, (1, 0, 2))
    return np.reshape(stacked, (4, -1)), state


def _gates(columns, names, order, layout):
    """The blocks of columns (n, 4·gates) that belong to the gates ``names`` when they are stored in ``order``."""
    count = len(names)
    if layout == "interleaved":
        return [columns[:, order.index(name) :: count] for name in names]
    return [columns[:, 4 * order.index(name) : 4 * order.index(name) + 4] for name in names]


def _kernel(w, layout):
    """A kernel (4, 4·gates): as it is, its blocks transposed, or its memory read as (4·gates, 4) and transposed."""
    if layout == "reshaped":
        return np.transpose(np.reshape(w, (-1, 4)))
    if layout == "blocks_transposed":
        return np.concatenate([np.transpose(w[:, place : place + 4]) for place in range(0, np.shape(w)[1], 4)], axis=1)
    return w


def _initial(h, c, initial_state):
    if initial_state == "zeros":
        return 0.0 * h, 0.0 * c
    return (c, h) if initial_state == "swapped" else (h[::-1], c[::-1]) if initial_state == "rows_reversed" else (h, c)


_ACTIVATIONS = {
    "sigmoid": lambda x: special.expit(x),  # noqa: PLW0108 (the lab replaces `special` and `np` after this line has run)
    "tanh": lambda x: np.tanh(x),  # noqa: PLW0108 (as above)
    "relu": lambda x: np.maximum(x, 0.0 * x),
    "linear": lambda x: x,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "hard_sigmoid_fifth": lambda x: _between(0.2 * x + 0.5, 0.0, 1.0),  # Keras before version 3
    "hard_sigmoid_sixth": lambda x: _between((x + 3.0) / 6.0, 0.0, 1.0),  # PyTorch, Keras 3
    "hard_tanh": lambda x: _between(x, -1.0, 1.0),
}


# --- subjects: images --------------------------------------------------------------------------------------------------------------------


def _convnet(
    x,
    w,
    b,
    kernel_layout,
    kernel_flip,
    padding_place,
    padding_value,
    channel_order,
    image_axes,
    bias,
    dilation,
    leaky_slope,
    activation_place,
    pool,
    pool_padding_place,
    pool_padding_counted,
):
    """Convolution (stride 2), leaky ReLU and pooling (window 3, stride 2), both with padding to half the size.

    x (1, 12, 12, 3) height, width, channels; w (3, 3, 3, 3) height, width, input, output; b (3,); gives (1, 3, 3, 3).
    """
    w = np.transpose(w, tuple(kernel_layout.index(axis) for axis in "hwio"))
    if kernel_flip in ("both", "height"):
        w = w[::-1]
    if kernel_flip in ("both", "width"):
        w = w[:, ::-1]
    if image_axes == "width_height":
        x = np.transpose(x, (0, 2, 1, 3))
    x = np.stack([x[..., "rgb".index(channel)] for channel in channel_order], axis=-1)
    total = 2 * dilation - 1
    at_start = (total + 1) // 2, total // 2
    sides = {
        "end": at_start[::-1] * 2,
        "start": at_start * 2,
        "top_right": at_start + at_start[::-1],
        "bottom_left": at_start[::-1] + at_start,
    }
    top, bottom, left, right = sides[padding_place]
    x = np.transpose(_padded(x, top, bottom, padding_value), (0, 2, 1, 3))
    x = np.transpose(_padded(x, left, right, padding_value), (0, 2, 1, 3))
    every = [slice(place * dilation, place * dilation + 11, 2) for place in range(3)]
    taps = [np.matmul(np.reshape(x[:, every[row], every[column]], (36, 3)), w[row, column]) for row in range(3) for column in range(3)]
    x = np.reshape(sum(taps[1:], taps[0]), (1, 6, 6, 3))
    x = {"added": x + b, "missing": x, "subtracted": x - b}[bias]
    if activation_place == "before_pool":
        x = np.where(x > 0.0, x, leaky_slope * x)
    x = _pooled(x, pool, pool_padding_place, pool_padding_counted)
    if activation_place == "after_pool":
        x = np.where(x > 0.0, x, leaky_slope * x)
    return x


def _pooled(x, pool, place, counted):
    """Windows of 3 by 3, stride 2, over x (1, 6, 6, 3) with one row and one column of padding."""
    start = 1 if place == "start" else 0
    rows = [slice(max(2 * row - start, 0), min(2 * row - start + 3, 6)) for row in range(3)]
    windows = [[x[:, across, down] for down in rows] for across in rows]
    if pool == "max":
        found = [[np.max(window, axis=(1, 2)) for window in line] for line in windows]
    else:
        sums = [[np.sum(window * window if pool == "root_mean_square" else window, axis=(1, 2)) for window in line] for line in windows]
        counts = [[9.0 if counted else float(np.shape(window)[1] * np.shape(window)[2]) for window in line] for line in windows]
        found = [[value / (1.0 if pool == "sum" else count) for value, count in zip(*pair)] for pair in zip(sums, counts)]
        found = [[np.sqrt(value) for value in line] for line in found] if pool == "root_mean_square" else found
    return np.stack([np.stack(line, axis=1) for line in found], axis=1)


def _padded(x, before, after, value):
    """``x`` with rows added along its second axis."""
    size = np.shape(x)[1]
    if value == "edge":
        first, last = [x[:, :1]] * before, [x[:, -1:]] * after
    elif value == "reflected":
        first, last = [x[:, 1 : 1 + before][:, ::-1]], [x[:, size - 1 - after : size - 1][:, ::-1]]
    elif value == "wrapped":
        first, last = [x[:, size - before :]], [x[:, :after]]
    else:
        first, last = [0.0 * x[:, :before]], [0.0 * x[:, :after]]
    return np.concatenate([*first, x, *last], axis=1)


def _preprocess(
    x, mean, deviation, coordinates, interpolation, value_scale, value_range, channel_order, statistics_order, normalisation, flip, rounding
):
    """An image x (4, 4, 3) with values from 0 to 255, made larger to (8, 8, 3) and normalised by mean and deviation (3,)."""
    enlarge = _resizing(4, 8, coordinates, interpolation)
    x = np.reshape(np.matmul(enlarge, np.reshape(x, (4, 12))), (8, 4, 3))
    x = np.reshape(np.matmul(enlarge, np.reshape(np.transpose(x, (1, 0, 2)), (4, 24))), (8, 8, 3))
    x = np.transpose(x, (1, 0, 2))
    x = {"none": x, "down": np.floor(x), "nearest": np.rint(x)}[rounding]
    x = {"none": x, "horizontal": x[:, ::-1], "vertical": x[::-1], "both": x[::-1, ::-1], "transposed": np.transpose(x, (1, 0, 2))}[flip]
    x = np.stack([x[..., "rgb".index(channel)] for channel in channel_order], axis=-1)
    chosen = ["rgb".index(channel) for channel in statistics_order]
    mean, deviation = (np.concatenate([one[place : place + 1] for place in chosen]) for one in (mean, deviation))
    x = x / value_scale
    if value_range == "minus_one_to_one":
        x = 2.0 * x - 1.0
    return {
        "subtract_divide": (x - mean) / deviation,
        "divide_subtract": x / deviation - mean,
        "subtract_multiply": (x - mean) * deviation,
        "subtract": x - mean,
        "divide": x / deviation,
        "none": x,
    }[normalisation]


def _resizing(small, large, coordinates, interpolation):
    """The matrix (large, small) that makes a line of ``small`` pixels longer; positions are fractions of integers."""
    rows = []
    for place in range(large):
        over, under = {
            "half_pixel": ((2 * place + 1) * small - large, 2 * large),
            "align_corners": (place * (small - 1), large - 1),
            "asymmetric": (place * small, large),
        }[coordinates]
        whole, rest = over // under, over % under
        if interpolation != "linear":
            chosen = whole + (2 * rest >= under if interpolation == "nearest" else interpolation == "nearest_above" and rest > 0)
            rows.append(np.array([float(column == min(max(chosen, 0), small - 1)) for column in range(small)]))
            continue
        low, high = min(max(whole, 0), small - 1), min(max(whole + 1, 0), small - 1)
        share = np.divide(np.full(small, float(rest)), float(under))
        low, high = (np.array([float(column == one) for column in range(small)]) for one in (low, high))
        rows.append(low * (1.0 - share) + high * share)
    return np.stack(rows)


# --- subjects: normalisation -------------------------------------------------------------------------------------------------------------


def _layer_norm(x, units, scale, shift, epsilon, epsilon_placement, axis, groups, ddof, centring, affine):
    """Layer normalisation of x (6, 10) · units (6, 1) over the features, with scale and shift (10,)."""
    x = x * units
    if groups > 1:
        x = np.reshape(x, (6 * groups, 10 // groups))
    axes = {"features": -1, "batch": 0, "all": None}[axis]
    count = {"features": np.shape(x)[-1], "batch": np.shape(x)[0], "all": np.size(x)}[axis] - ddof
    centre = np.mean(x, axis=axes, keepdims=True)
    apart = x if centring in ("none", "above_only") else x - centre
    variance = np.sum(apart * apart, axis=axes, keepdims=True) / float(count)
    above = x if centring in ("none", "below_only") else x - centre
    return _affine(np.reshape(above / _denominator(variance, epsilon, epsilon_placement), (6, 10)), scale, shift, affine)


def _batch_norm(
    x,
    units,
    scale,
    shift,
    running_mean,
    running_variance,
    epsilon,
    epsilon_placement,
    axis,
    statistics,
    ddof,
    running_ddof,
    momentum_convention,
    momentum,
    running_quantity,
    affine,
):
    """Batch normalisation in training of x (8, 5) · units (1, 5), the others (5,).

    Gives (10, 5): the outputs, the new running mean, the new running variance.
    """
    x = x * units
    centre, count = np.mean(x, axis=0, keepdims=True), 8.0
    apart = np.sum((x - centre) * (x - centre), axis=0, keepdims=True)
    rest = 1.0 - momentum
    new, old = {"new_share": (momentum, rest), "old_share": (rest, momentum), "sum": (1.0, momentum)}[momentum_convention]
    kept = apart / (count - running_ddof)
    kept = np.sqrt(kept) if running_quantity == "deviation" else kept
    mean_after = old * np.reshape(running_mean, (1, 5)) + new * centre
    variance_after = old * np.reshape(running_variance, (1, 5)) + new * kept
    axes, size = {"batch": (0, 8), "channels": (1, 5), "all": (None, 40)}[axis]
    middle = np.mean(x, axis=axes, keepdims=True)
    variance = np.sum((x - middle) * (x - middle), axis=axes, keepdims=True) / float(size - ddof)
    if statistics == "running":
        middle, variance = np.reshape(running_mean, (1, 5)), np.reshape(running_variance, (1, 5))
    elif statistics == "updated":
        middle, variance = mean_after, variance_after
    normal = (x - middle) / _denominator(variance, epsilon, epsilon_placement)
    return np.concatenate([_affine(normal, scale, shift, affine), mean_after, variance_after])


def _denominator(variance, epsilon, placement):
    if placement == "outside":
        return np.sqrt(variance) + epsilon
    if placement == "floor":
        return np.sqrt(np.maximum(variance, 0.0 * variance + epsilon))
    if placement == "squared":
        return np.sqrt(variance + epsilon * epsilon)
    return np.sqrt(variance + epsilon)


def _affine(x, scale, shift, form):
    return {
        "scale_then_shift": x * scale + shift,
        "shift_then_scale": (x + shift) * scale,
        "one_plus_scale": x * (1.0 + scale) + shift,
        "scale_only": x * scale,
        "shift_only": x + shift,
        "exchanged": x * shift + scale,
        "none": x,
    }[form]


# --- subjects: functions of one number, losses -------------------------------------------------------------------------------------------


def _activations(
    x,
    gelu,
    elu_alpha,
    elu_form,
    leaky_slope,
    hard_sigmoid,
    softplus_beta,
    swish_beta,
    relu_cap,
    selu_scale,
    shrink_limit,
    shrink,
    tanh_scale,
):
    """Nine activations of x (32,): (9, 32)."""
    one = 0.0 * x + 1.0
    below = np.minimum(x, 0.0 * x)
    gelus = {
        "erf": 0.5 * x * special.erfc(-x / np.sqrt(2.0 * one)),  # a root of an array: the lab encloses it
        "tanh": 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 * one / np.pi) * (x + 0.044715 * (x * x * x)))),
        "sigmoid": x * special.expit(1.702 * x),
    }
    elus = {"elu": elu_alpha * (np.exp(below) - 1.0), "celu": elu_alpha * (np.exp(below / elu_alpha) - 1.0)}
    hard = {
        "sixth": _between((x + 3.0) / 6.0, 0.0, 1.0),
        "fifth": _between(0.2 * x + 0.5, 0.0, 1.0),
        "half": _between(0.5 * x + 0.5, 0.0, 1.0),
    }
    soft = np.maximum(np.abs(x) - shrink_limit, 0.0 * x) * np.sign(x)
    return np.stack(
        [
            gelus[gelu],
            np.where(x > 0.0, x, elus[elu_form]),
            np.where(x > 0.0, x, leaky_slope * x),
            hard[hard_sigmoid],
            np.log(1.0 + np.exp(softplus_beta * x)) / softplus_beta,
            x * special.expit(swish_beta * x),
            _between(x, 0.0, relu_cap),
            selu_scale * np.where(x > 0.0, x, 1.6732632423543772 * (np.exp(below) - 1.0)),
            {"soft": soft, "hard": np.where(np.abs(x) > shrink_limit, x, 0.0 * x)}[shrink] + np.tanh(tanh_scale * x),
        ]
    )


def _classification(x, target, class_weights, label_smoothing, temperature, log_base, axis, link, weighting, reduction, label_shift, focal):
    """Weighted cross-entropy of logits x (6, 6) and one-hot targets (6, 6), class_weights (6,): the six losses, then their mean: (7,)."""
    x = x / temperature
    if label_shift:
        target = np.concatenate([target[:, -label_shift:], target[:, :-label_shift]], axis=1)
    target = (1.0 - label_smoothing) * target + label_smoothing / (0.0 * target + 6.0)
    place = {"classes": 1, "batch": 0}[axis]
    if link == "softmax_twice":
        x = _softmax(x, place)
    if link == "sigmoid":
        terms = target * np.log(special.expit(x)) + (1.0 - target) * np.log(special.expit(-x))
    else:
        logs = _log_softmax(x, place)
        terms = target * logs * (1.0 - np.exp(logs)) ** focal if focal else target * logs
    weights = class_weights if weighting in ("by_class", "normalised") else 0.0 * class_weights + 1.0
    if weighting == "normalised":
        weights = weights / np.mean(weights)
    losses = -np.sum(weights * terms, axis=1)
    if log_base != "e":
        losses = losses / np.log(0.0 * losses + {"2": 2.0, "10": 10.0}[log_base])
    total = np.sum(losses, keepdims=True)
    share = {"mean": 6.0, "sum": 1.0, "elements": 36.0, "weights": np.sum(target * weights)}[reduction]
    return np.concatenate([losses, total / share])


def _regression(x, y, delta, huber_form, quantile, argument_order, square_share, reduction, divergence, similarity, poisson):
    """Five losses of predictions x (6, 8) and targets y (6, 8), each reduced over a row: (5, 6)."""
    if argument_order == "target_first":
        x, y = y, x
    apart = np.abs(x - y)
    huber = np.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    if huber_form == "smooth_l1":
        huber = huber / delta
    pinball = np.maximum(quantile * (y - x), (quantile - 1.0) * (y - x))
    square = square_share * (x - y) * (x - y)
    log_x, log_y = _log_softmax(x, 1), _log_softmax(y, 1)
    terms = {
        "kl": np.exp(log_y) * (log_y - log_x),
        "reversed_kl": np.exp(log_x) * (log_x - log_y),
        "cross_entropy": -np.exp(log_y) * log_x,
    }[divergence]
    rates = {"log_input": np.exp(x) - y * x, "input": np.abs(x) - y * np.log(np.abs(x))}[poisson]
    rows = [huber, pinball, square, terms, rates]
    rows = [np.sum(row, axis=1) for row in rows]
    if reduction != "sum":
        rows = [row / {"mean": 8.0, "elements": 48.0}[reduction] for row in rows]
    products = np.sum(x * y, axis=1)
    lengths = np.sqrt(np.sum(x * x, axis=1) * np.sum(y * y, axis=1))
    return np.stack([*rows, {"cosine": products / lengths, "distance": 1.0 - products / lengths, "dot": products}[similarity]])


def _attention(
    q, k, v, w, mask, scale, masking, mask_convention, causal, softmax_axis, head_layout, kernel_layout, key_value, input_dtype, heads
):
    """Attention with 2 heads of 4 and an output kernel w (8, 8): q, k, v (6, 8), mask (6, 6) is 1 where a key may be seen."""
    if input_dtype != "as_given":
        q, k, v = (np.round_to(one, input_dtype) for one in (q, k, v))
    if key_value == "exchanged":
        k, v = v, k
    seen = (mask < 0.5) if mask_convention == "one_hides" else (mask > 0.5)
    place = np.arange(6)
    if causal == "past":
        seen = seen & (place[:, None] >= place[None, :])
    elif causal == "future":
        seen = seen & (place[:, None] <= place[None, :])
    width, merged = 8 // heads, []
    for head in range(heads):
        part = slice(head, 8, heads) if head_layout == "interleaved" else slice(head * width, (head + 1) * width)
        scores = scale * np.matmul(q[:, part], np.transpose(k[:, part]))
        if masking == "before":
            scores = np.where(seen, scores, 0.0 * scores - 1e9)
        elif masking == "weak":
            scores = np.where(seen, scores, scores - 10.0)
        elif masking == "multiplied":
            scores = np.where(seen, scores, 0.0 * scores)
        shares = _softmax(scores, {"keys": 1, "queries": 0}[softmax_axis])
        if masking == "after":
            shares = np.where(seen, shares, 0.0 * shares)
        merged.append(np.matmul(shares, v[:, part]))
    joined = np.concatenate(merged, axis=1)
    if head_layout == "interleaved":  # and put back where they came from
        joined = np.stack([joined[:, (column % heads) * width + column // heads] for column in range(8)], axis=1)
    return np.matmul(joined, np.transpose(w) if kernel_layout == "out_in" else w)


# --- subjects: dense layers, initialisers, sums ------------------------------------------------------------------------------------------


def _dense(
    x,
    w,
    b,
    v,
    uniforms,
    kernel_layout,
    output_layout,
    bias,
    activation,
    keep_probability,
    dropout_scale,
    dropout_rule,
    dropout_place,
    weight_dtype,
    input_dtype,
):
    """x (6, 8) through a layer w (8, 8), b (8,), dropout by ``uniforms`` (6, 8) and a layer v (8, 8)."""
    if weight_dtype != "as_given":
        w, v = np.round_to(w, weight_dtype), np.round_to(v, weight_dtype)
    if input_dtype != "as_given":
        x = np.round_to(x, input_dtype)
    w = np.transpose(w) if kernel_layout == "out_in" else w
    v = np.transpose(v) if output_layout == "out_in" else v
    kept = {
        "below_keep": uniforms < keep_probability,
        "above_keep": uniforms >= keep_probability,
        "above_drop": uniforms >= 1.0 - keep_probability,
    }[dropout_rule]
    factor = {"divided": 1.0 / (0.0 * x + keep_probability), "none": 0.0 * x + 1.0, "multiplied": 0.0 * x + keep_probability}[dropout_scale]

    def dropout(values, place):
        return np.where(kept, values * factor, 0.0 * values) if place == dropout_place else values

    hidden = np.matmul(dropout(x, "input"), w)
    hidden = hidden + b if bias == "added" else hidden
    hidden = _ACTIVATIONS[activation](dropout(hidden, "before_activation"))
    hidden = hidden + b if bias == "after_activation" else hidden
    return np.matmul(dropout(hidden, "after_activation"), v)


def _initialiser(u, t, s, distribution, fan, gain, bias_form, fill_order, uniform_range):
    """Two kernels (6, 10), (10, 4) and a bias (10,) from uniform numbers u, t, s of these shapes: variance scaling; gives all 110."""
    parts = []
    for given, (rows, columns) in ((u, (6, 10)), (t, (10, 4))):
        values = np.transpose(np.reshape(given, (columns, rows))) if fill_order == "columns" else given
        halved = {
            "in": 2 * rows,
            "out": 2 * columns,
            "average": rows + columns,
            "product": 2 * rows * columns,
            "largest": 2 * max(rows, columns),
        }
        deviation = gain * np.sqrt(2.0 / (0.0 * values + float(halved[fan])))
        turned = np.concatenate([values[:, 1:], values[:, :1]], axis=1)
        if distribution == "uniform":
            drawn = np.sqrt(0.0 * values + 3.0) * (values if uniform_range == "zero_to_limit" else 2.0 * values - 1.0)
        elif distribution == "truncated_normal":  # within two standard deviations, by the inverse of the distribution function
            edge = special.erf(np.sqrt(0.0 * values + 2.0))
            drawn = np.sqrt(0.0 * values + 2.0) * special.erfinv((2.0 * values - 1.0) * edge)
        else:
            angle = 2.0 * np.pi * turned
            drawn = np.sqrt(-2.0 * np.log(values)) * (np.cos(angle) if distribution == "normal" else np.sin(angle))
        parts.append(np.reshape(deviation * drawn, (-1,)))
    limit = np.sqrt(1.0 / (0.0 * s + 6.0))
    parts.append({"uniform": limit * (2.0 * s - 1.0), "zeros": 0.0 * s, "ones": 0.0 * s + 1.0, "positive": limit * s}[bias_form])
    return np.concatenate(parts)


def _statistics(x, accumulator, element_dtype, axis, ddof, spread, norm_order, centre, epsilon, epsilon_placement):
    """Sum, spread, norm and the first standardised element of every row of x (12, 12): (4, 12)."""
    if element_dtype != "as_given":
        x = np.round_to(x, element_dtype)
    x = np.transpose(x) if axis == "first" else x
    if accumulator == "as_given":
        total = np.sum(x, axis=1)
    else:  # the running sum is stored in a narrower type
        total = 0.0 * x[:, 0]
        for column in range(12):
            total = np.round_to(total + x[:, column], accumulator)
    middle = np.mean(x, axis=1, keepdims=True) if centre == "mean" else 0.0 * x[:, :1]
    variance = np.sum((x - middle) * (x - middle), axis=1) / (12.0 - ddof)
    norms = {"two": np.sqrt(np.sum(x * x, axis=1)), "one": np.sum(np.abs(x), axis=1), "largest": np.max(np.abs(x), axis=1)}
    standard = (x[:, 0] - middle[:, 0]) / _denominator(variance, epsilon, epsilon_placement)
    return np.stack([total, np.sqrt(variance) if spread == "deviation" else variance, norms[norm_order], standard])


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _between(x, low, high):
    return np.minimum(np.maximum(x, 0.0 * x + low), 0.0 * x + high)


def _length(x):
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax(x, axis):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _slope(x, y, w):
    """Gradient of the mean squared error of the linear model x (32, 5) · w (5, 1) against y (32, 1), halved."""
    return np.matmul(np.transpose(x), np.matmul(x, w) - y) / 32.0


# --- which control is measured on which subject ------------------------------------------------------------------------------------------

equal_sgd_steps = _sgd
equal_sgd_normal = _sgd
wrong_learning_rate = _sgd
wrong_step_division = _sgd
wrong_schedule_start = _sgd
wrong_momentum_convention = _sgd
wrong_velocity_rate = _sgd
wrong_momentum = _sgd
wrong_dampening = _sgd
wrong_nesterov = _sgd
wrong_weight_decay_form = _sgd
wrong_weight_decay_bias = _sgd
wrong_gradient_sum = _sgd
wrong_clip_value = _sgd
wrong_clip_global = _sgd
wrong_gradients_kept = _sgd
wrong_batch_order = _sgd
wrong_update_order = _sgd
wrong_sgd_two = _sgd

equal_adam_folded = _adam
equal_adam_lerp = _adam
wrong_adam_epsilon = _adam
wrong_adam_epsilon_value = _adam
wrong_adam_epsilon_hat = _adam
wrong_adam_correction = _adam
wrong_adam_beta2 = _adam
wrong_weight_decay = _adam
wrong_amsgrad = _adam
wrong_adam_two = _adam

equal_rmsprop_lerp = _rmsprop
wrong_rmsprop_decay = _rmsprop
wrong_rmsprop_epsilon = _rmsprop
wrong_rmsprop_start = _rmsprop
wrong_rmsprop_centred = _rmsprop

equal_lstm_joined = _lstm
equal_lstm_powers = _lstm
wrong_lstm_gates = _lstm
wrong_lstm_output_gate = _lstm
wrong_forget_bias = _lstm
wrong_recurrent_activation = _lstm
wrong_hard_sigmoid_gates = _lstm
wrong_cell_activation = _lstm
wrong_lstm_bias = _lstm
wrong_gates_interleaved = _lstm
wrong_recurrent_kernel = _lstm
wrong_initial_state = _lstm
wrong_time_major = _lstm
wrong_sequence_padding = _lstm
wrong_padded_output = _lstm
wrong_mask_ignored = _lstm
wrong_direction = _lstm
wrong_lstm_two = _lstm

equal_gru_joined = _gru
equal_gru_difference = _gru
wrong_gru_reset = _gru
wrong_gru_update = _gru
wrong_gru_gates = _gru
wrong_gru_bias = _gru
wrong_gru_two = _gru

equal_convnet_products = _convnet
equal_convnet_library = _convnet
wrong_kernel_axes = _convnet
wrong_kernel_channels = _convnet
wrong_convolution_flipped = _convnet
wrong_padding = _convnet
wrong_padding_value = _convnet
wrong_channel_order = _convnet
wrong_image_axes = _convnet
wrong_pool_count = _convnet
wrong_pool_padding = _convnet
wrong_convnet_two = _convnet

equal_preprocess_folded = _preprocess
wrong_resize_corners = _preprocess
wrong_resize_pixels = _preprocess
wrong_normalisation_order = _preprocess
wrong_statistics_order = _preprocess
wrong_pixel_scale = _preprocess

equal_layer_norm = _layer_norm
equal_layer_norm_moments = _layer_norm
wrong_layer_norm_epsilon = _layer_norm
wrong_layer_norm_placement = _layer_norm
wrong_layer_norm_axis = _layer_norm
wrong_layer_norm_ddof = _layer_norm
wrong_rms_norm = _layer_norm
wrong_group_norm = _layer_norm
wrong_scale_from_one = _layer_norm

equal_batch_norm_folded = _batch_norm
wrong_batch_norm_epsilon = _batch_norm
wrong_running_mean = _batch_norm
wrong_running_variance = _batch_norm
wrong_eval_statistics = _batch_norm

equal_activations = _activations
wrong_leaky_slope = _activations
wrong_gelu = _activations
wrong_hard_sigmoid = _activations
wrong_elu_alpha = _activations

equal_classification = _classification
wrong_softmax_axis = _classification
wrong_log_base = _classification
wrong_label_smoothing = _classification
wrong_temperature = _classification
wrong_reduction = _classification
wrong_softmax_twice = _classification
wrong_label_shift = _classification

equal_regression = _regression
wrong_huber_delta = _regression
wrong_huber_form = _regression
wrong_argument_order = _regression
wrong_loss_mean = _regression

equal_attention_scale = _attention
wrong_attention_scale = _attention
wrong_mask_inverted = _attention
wrong_causal_mask = _attention
wrong_mask_weak = _attention
wrong_heads = _attention
wrong_input_cast = _attention

equal_dense_joined = _dense
wrong_kernel_transposed = _dense
wrong_missing_bias = _dense
wrong_dropout_scale = _dense
wrong_keep_probability = _dense
wrong_dropout_rule = _dense
wrong_weight_cast = _dense
wrong_dense_two = _dense

equal_initialiser = _initialiser
wrong_fan = _initialiser
wrong_gain = _initialiser
wrong_distribution = _initialiser
wrong_initial_bias = _initialiser

equal_statistics = _statistics
wrong_ddof = _statistics
wrong_accumulator = _statistics
wrong_sum_axis = _statistics
wrong_standard_epsilon = _statistics

equal_mlp = _mlp
wrong_learning_rate_mlp = _mlp
wrong_layer_order = _mlp
