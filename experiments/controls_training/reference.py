"""The right formulas of the controls of trainings, and every way to get them wrong: see docs/controls.md.

The arguments after the inputs are factors; ``experiment.toml`` says what is right and what else is tried.
Trainings loop over arrays only, so that every operation of every step is seen by the lab.
"""

import numpy as np
from scipy import special


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


def _between(x, low, high):
    return np.minimum(np.maximum(x, 0.0 * x + low), 0.0 * x + high)
