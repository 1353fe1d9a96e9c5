"""The controls of trainings in NumPy.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import math
import numpy as np


def equal_sgd_steps(x, y, w, b):
    return _sgd(x, y, w, b, stepwise=True)


def equal_sgd_normal(x, y, w, b):
    return _sgd(x, y, w, b, normal=True)


def wrong_learning_rate(x, y, w, b):
    return _sgd(x, y, w, b, rate=0.1001)  # 0.1 % more


def wrong_step_division(x, y, w, b):
    return _sgd(x, y, w, b, slowing=lambda step: 1 + step // 4)  # the quotient loses its fraction


def wrong_schedule_start(x, y, w, b):
    return _sgd(x, y, w, b, slowing=lambda step: 1 + (step + 1) / 4)  # steps counted from 1


def wrong_momentum_convention(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.125)  # an average, not a sum


def wrong_velocity_rate(x, y, w, b):
    return _sgd(x, y, w, b, stepwise=True, scaled=False)  # the velocity keeps the rates of earlier steps


def wrong_momentum(x, y, w, b):
    return _sgd(x, y, w, b, momentum=0.87)


def wrong_dampening(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.9, first=1.0)  # all gradients after the first count for 0.9


def wrong_nesterov(x, y, w, b):
    return _sgd(x, y, w, b, ahead=True)


def wrong_weight_decay_form(x, y, w, b):
    return _sgd(x, y, w, b, coupled=False)  # beside the velocity


def wrong_weight_decay_bias(x, y, w, b):
    return _sgd(x, y, w, b, bias_decay=0.0)  # for weights only


def wrong_gradient_sum(x, y, w, b):
    return _sgd(x, y, w, b, share=2.0)  # the gradient of a sum


def wrong_clip_value(x, y, w, b):
    return _sgd(x, y, w, b, clip=lambda dw, db: (np.clip(dw, -1.25, 1.25), np.clip(db, -1.25, 1.25)))


def wrong_clip_global(x, y, w, b):
    return _sgd(x, y, w, b, clip=_clip_together)  # one norm for both


def wrong_gradients_kept(x, y, w, b):
    return _sgd(x, y, w, b, kept=1.0)  # never zeroed


def wrong_batch_order(x, y, w, b):
    return _sgd(
        x[::-1].reshape(4, 4, 4)[:, ::-1].reshape(16, 4), y[::-1].reshape(4, 4, 2)[:, ::-1].reshape(16, 2), w, b
    )  # last batch first


def wrong_update_order(x, y, w, b):
    return _sgd(x, y, w, b, together=False)  # the bias sees the new weight


def wrong_sgd_two(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.125, coupled=False)  # averaged velocity and decoupled decay


def wrong_adam_epsilon(x, y, w, units):
    return _adam(x, y, w, units, move=lambda m, v, _: m / np.sqrt(v + 1e-8))  # inside


def wrong_adam_epsilon_value(x, y, w, units):
    return _adam(x, y, w, units, epsilon=1e-7)


def wrong_adam_epsilon_hat(x, y, w, units):
    return _adam(x, y, w, units, move=lambda m, v, left: m * math.sqrt(left) / (np.sqrt(v * left) + 1e-8))  # beside the uncorrected root


def wrong_adam_correction(x, y, w, units):
    return _adam(x, y, w, units, corrections=(0.0, 0.0))  # not corrected for the start at zero


def wrong_adam_beta2(x, y, w, units):
    return _adam(x, y, w, units, beta2=0.91)


def wrong_weight_decay(x, y, w, units):
    return _adam(x, y, w, units, coupled=0.25, decay=0.0)  # inside of the gradient


def wrong_amsgrad(x, y, w, units):
    return _adam(x, y, w, units, largest=True)


def wrong_adam_two(x, y, w, units):
    return _adam(x, y, w, units, epsilon=1e-3, corrections=(1.0, 0.0))  # a larger epsilon, and the second moment not corrected


def equal_adam_folded(x, y, w, units):
    return _adam(x, y, w, units, folded=True)


def equal_adam_lerp(x, y, w, units):
    return _adam(x, y, w, units, towards=True)


def wrong_rmsprop_decay(x, y, w, units):
    return _rmsprop(x, y, w, units, rho=0.99)


def wrong_rmsprop_epsilon(x, y, w, units):
    return _rmsprop(x, y, w, units, inside=True)


def wrong_rmsprop_start(x, y, w, units):
    return _rmsprop(x, y, w, units, start=1.0)


def wrong_rmsprop_centred(x, y, w, units):
    return _rmsprop(x, y, w, units, centred=True)


def equal_rmsprop_lerp(x, y, w, units):
    return _rmsprop(x, y, w, units, towards=True)


def wrong_learning_rate_mlp(x, y, v, w):
    return _mlp(x, y, v, w, rate=0.05005)  # 0.1 % more


def wrong_layer_order(x, y, v, w):
    return _mlp(x, y, v, w, together=False)  # the first layer's gradient passes through the new second layer


def equal_mlp(x, y, v, w):
    return _mlp(x / 8.0, y, v * 8.0, w, scale=64.0, back=8.0)


def _sgd(
    x,
    y,
    w,
    b,
    rate=0.1,
    slowing=lambda step: 1 + step / 4,
    momentum=0.875,
    fresh=1.0,
    first=None,
    ahead=False,
    coupled=True,
    bias_decay=0.125,
    share=0.25,
    clip=None,
    kept=0.0,
    together=True,
    stepwise=False,
    scaled=True,
    normal=False,
):
    clip = clip or _clip_each
    both, speeds, sums, earlier = [w, b], [np.zeros_like(w), np.zeros_like(b)], [np.zeros_like(w), np.zeros_like(b)], None
    for step in range(12):
        rows = slice(step % 4 * 4, step % 4 * 4 + 4)
        now = rate / slowing(step)
        sums = [grad + kept * before for grad, before in zip(_slopes(x[rows], y[rows], both[0], both[1], share, normal), sums)]
        grads = clip(sums[0], sums[1])
        again = 1.0 if earlier is None or not scaled else now / earlier
        for place, decay in ((0, 0.125), (1, bias_decay)):
            if place == 1 and not together:
                grads = clip(*_slopes(x[rows], y[rows], both[0], both[1], share, normal))
            grad, parameter = grads[place], both[place]
            if coupled:
                grad = grad + decay * parameter
            else:
                parameter = parameter - now * decay * parameter
            if stepwise:  # the velocity is a length of step: under a schedule its history must be scaled anew
                speeds[place] = momentum * again * speeds[place] + now * grad
                both[place] = parameter - speeds[place]
            else:
                speeds[place] = momentum * speeds[place] + (first if first is not None and step == 0 else fresh) * grad
                both[place] = parameter - now * (grad + momentum * speeds[place] if ahead else speeds[place])
        earlier = now
    return np.concatenate(both), np.concatenate(speeds) / (earlier if stepwise and scaled else 1.0)


def _slopes(x, y, w, b, share, normal):
    if normal:  # from the products that the normal equations need
        ones = np.ones_like(x[:, :1])
        dw = x.T.dot(x).dot(w) + x.T.dot(ones).dot(b) - x.T.dot(y)
        return share * dw, share * (ones.T.dot(x).dot(w) + len(x) * b - ones.T.dot(y))
    error = share * (x.dot(w) + b - y)
    return x.T.dot(error), error.sum(axis=0, keepdims=True)


def _clip_each(dw, db):
    return [grad * (1.25 / max(np.sqrt(np.sum(np.square(grad))), grad.dtype.type(1.25))) for grad in (dw, db)]


def _clip_together(dw, db):
    norm = np.sqrt(np.sum(dw * dw) + np.sum(db * db))
    factor = 1.25 / max(norm, dw.dtype.type(1.25))
    return [dw * factor, db * factor]


def _adam(
    x,
    y,
    w,
    units,
    epsilon=1e-8,
    beta2=0.9,
    corrections=(1.0, 1.0),
    decay=0.25,
    coupled=0.0,
    largest=False,
    move=None,
    folded=False,
    towards=False,
):
    x = x * units
    mean, square, top = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for step in range(1, 11):
        grad = x.T.dot((x.dot(w) - y) * 0.125) + coupled * w
        if towards:
            mean, square = mean + (1.0 - 0.9) * (grad - mean), square + (1.0 - beta2) * (grad * grad - square)
        else:
            mean, square = 0.9 * mean + (1.0 - 0.9) * grad, beta2 * square + (1.0 - beta2) * grad * grad
        top = np.maximum(top, square)
        left1, left2 = 1.0 - corrections[0] * 0.9**step, 1.0 - corrections[1] * beta2**step
        w = w - 0.1 * decay * w
        if folded:
            w = w - (0.1 / left1) * mean / (np.sqrt(square) / math.sqrt(left2) + epsilon)
            continue
        m, v = mean / left1, (top if largest else square) / left2
        w = w - 0.1 * (m / (np.sqrt(v) + epsilon) if move is None else move(m, v, left2))
    return np.concatenate([w, mean, square], axis=1)


def _rmsprop(x, y, w, units, rho=0.9, inside=False, start=0.0, centred=False, towards=False):
    x = x * units
    mean, square, speed = np.zeros_like(w), np.zeros_like(w) + start, np.zeros_like(w)
    for _ in range(10):
        grad = x.T.dot((x.dot(w) - y) * 0.125)
        if towards:
            square = square - (1.0 - rho) * (square - grad * grad)
        else:
            square = rho * square + (1.0 - rho) * grad * grad
        mean = rho * mean + (1.0 - rho) * grad
        v = square - mean * mean if centred else square
        speed = 0.5 * speed + grad / (np.sqrt(v + 1e-7) if inside else np.sqrt(v) + 1e-7)
        w = w - 0.02 * speed
    return np.concatenate([w, square, speed], axis=1)


def _mlp(x, y, v, w, rate=0.05, together=True, scale=1.0, back=1.0):
    """Two layers; with ``scale`` the first one works on x / 8 and 8 v."""
    speed_v, speed_w = np.zeros_like(v), np.zeros_like(w)

    def hidden_error():
        hidden = np.tanh(x.dot(v))
        return hidden, (hidden.dot(w) - y) * 0.125

    for _ in range(20):
        hidden, error = hidden_error()
        grad_w = hidden.T.dot(error) + 0.0625 * w
        speed_w = 0.5 * speed_w + grad_w
        if not together:
            w = w - rate * speed_w
            hidden, error = hidden_error()
        grad_v = scale * x.T.dot(error.dot(w.T) * (1.0 - hidden * hidden)) + 0.0625 * v
        speed_v = 0.5 * speed_v + grad_v
        v = v - rate * speed_v
        if together:
            w = w - rate * speed_w
    return v / back, w
