"""The controls of trainings in PyTorch.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import torch


def equal_sgd_steps(x, y, w, b):
    return _sgd(x, y, w, b, stepwise=True)


def equal_sgd_normal(x, y, w, b):
    return _sgd(x, y, w, b, normal=True)


def wrong_learning_rate(x, y, w, b):
    return _sgd(x, y, w, b, rate=0.1001)  # 0.1 % more


def wrong_step_division(x, y, w, b):
    return _sgd(x, y, w, b, whole=True)  # the quotient loses its fraction


def wrong_schedule_start(x, y, w, b):
    return _sgd(x, y, w, b, start=1)  # steps counted from 1


def wrong_momentum_convention(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.125, first=0.125)  # an average, not a sum


def wrong_velocity_rate(x, y, w, b):
    return _sgd(x, y, w, b, stepwise=True, scaled=False)  # the velocity keeps the rates of earlier steps


def wrong_momentum(x, y, w, b):
    return _sgd(x, y, w, b, momentum=0.87)


def wrong_dampening(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.9)  # as torch.optim.SGD: all gradients after the first


def wrong_nesterov(x, y, w, b):
    return _sgd(x, y, w, b, nesterov=True)


def wrong_weight_decay_form(x, y, w, b):
    return _sgd(x, y, w, b, coupled=False)  # beside the velocity


def wrong_weight_decay_bias(x, y, w, b):
    return _sgd(x, y, w, b, bias_decay=0.0)  # for weights only


def wrong_gradient_sum(x, y, w, b):
    return _sgd(x, y, w, b, share=2.0)  # the gradient of a sum


def wrong_clip_value(x, y, w, b):
    return _sgd(x, y, w, b, clip="value")


def wrong_clip_global(x, y, w, b):
    return _sgd(x, y, w, b, clip="together")  # one norm for both


def wrong_gradients_kept(x, y, w, b):
    return _sgd(x, y, w, b, zeroed=False)  # no zero_grad


def wrong_batch_order(x, y, w, b):
    x, y = (torch.cat(torch.split(one, 4)[::-1]) for one in (x, y))  # last batch first
    return _sgd(x, y, w, b)


def wrong_update_order(x, y, w, b):
    return _sgd(x, y, w, b, together=False)  # the bias sees the new weight


def wrong_sgd_two(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.125, first=0.125, coupled=False)  # averaged velocity and decoupled decay


def wrong_adam_epsilon(x, y, w, units):
    return _adam(x, y, w, units, placement="inside")


def wrong_adam_epsilon_value(x, y, w, units):
    return _adam(x, y, w, units, epsilon=1e-7)


def wrong_adam_epsilon_hat(x, y, w, units):
    return _adam(x, y, w, units, placement="uncorrected")  # beside the uncorrected root


def wrong_adam_correction(x, y, w, units):
    return _adam(x, y, w, units, correct1=False, correct2=False)  # not corrected for the start at zero


def wrong_adam_beta2(x, y, w, units):
    return _adam(x, y, w, units, beta2=0.91)


def wrong_weight_decay(x, y, w, units):
    return _adam(x, y, w, units, coupled=True)  # inside of the gradient


def wrong_amsgrad(x, y, w, units):
    return _adam(x, y, w, units, amsgrad=True)


def wrong_adam_two(x, y, w, units):
    return _adam(x, y, w, units, epsilon=1e-3, correct2=False)  # a larger epsilon, and the second moment not corrected


def equal_adam_folded(x, y, w, units):
    return _adam(x, y, w, units, placement="folded")


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
    v, w = _mlp(x / 8.0, y, v * 8.0, w, scale=64.0)
    return v / 8.0, w


def _sgd(
    x,
    y,
    w,
    b,
    rate: float = 0.1,
    whole: bool = False,
    start: int = 0,
    momentum: float = 0.875,
    fresh: float = 1.0,
    first: float = 1.0,
    nesterov: bool = False,
    coupled: bool = True,
    bias_decay: float = 0.125,
    share: float = 0.25,
    clip: str = "each",
    zeroed: bool = True,
    together: bool = True,
    stepwise: bool = False,
    scaled: bool = True,
    normal: bool = False,
):
    speed_w, speed_b, sum_w, sum_b = torch.zeros_like(w), torch.zeros_like(b), torch.zeros_like(w), torch.zeros_like(b)
    earlier = 1.0
    for step in range(12):
        rows, wanted = x[step % 4 * 4 : step % 4 * 4 + 4], y[step % 4 * 4 : step % 4 * 4 + 4]
        slowing = float((step + start) // 4) if whole else float(step + start) * 0.25
        now = rate / (1.0 + slowing)
        again = now / earlier if scaled and step > 0 else 1.0
        share_now = first if step == 0 else fresh
        grad_w, grad_b = _slopes(rows, wanted, w, b, share, normal)
        sum_w, sum_b = (grad_w, grad_b) if zeroed else (sum_w + grad_w, sum_b + grad_b)
        grad_w, grad_b = _clipped(sum_w, sum_b, clip)
        w, speed_w = _step(w, speed_w, grad_w, now, 0.125, momentum, share_now, nesterov, coupled, stepwise, again)
        if not together:
            _, grad_b = _slopes(rows, wanted, w, b, share, normal)
            _, grad_b = _clipped(sum_w, grad_b, clip)
        b, speed_b = _step(b, speed_b, grad_b, now, bias_decay, momentum, share_now, nesterov, coupled, stepwise, again)
        earlier = now
    speeds = torch.cat([speed_w, speed_b])
    return torch.cat([w, b]), speeds / earlier if stepwise and scaled else speeds


def _step(
    value,
    speed,
    grad,
    rate: float,
    decay: float,
    momentum: float,
    share: float,
    nesterov: bool,
    coupled: bool,
    stepwise: bool,
    again: float,
):
    if coupled:
        grad = grad + decay * value
    else:
        value = value - rate * decay * value
    if stepwise:  # the velocity is a length of step: under a schedule its history must be scaled anew
        speed = momentum * again * speed + rate * grad
        return value - speed, speed
    speed = momentum * speed + share * grad
    return value - rate * (grad + momentum * speed if nesterov else speed), speed


def _slopes(x, y, w, b, share: float, normal: bool):
    if normal:  # from the products that the normal equations need
        ones = torch.ones_like(x[:, :1])
        dw = torch.matmul(torch.matmul(x.t(), x), w) + torch.matmul(torch.matmul(x.t(), ones), b) - torch.matmul(x.t(), y)
        return share * dw, share * (torch.matmul(torch.matmul(ones.t(), x), w) + 4.0 * b - torch.matmul(ones.t(), y))
    error = share * (torch.matmul(x, w) + b - y)
    return torch.matmul(x.t(), error), torch.sum(error, dim=0, keepdim=True)


def _clipped(dw, db, clip: str):
    if clip == "value":
        return torch.clamp(dw, -1.25, 1.25), torch.clamp(db, -1.25, 1.25)
    if clip == "together":
        factor = 1.25 / torch.clamp(torch.sqrt(torch.sum(dw * dw) + torch.sum(db * db)), min=1.25)
        return dw * factor, db * factor
    return dw * (1.25 / torch.clamp(torch.norm(dw), min=1.25)), db * (1.25 / torch.clamp(torch.norm(db), min=1.25))


def _adam(
    x,
    y,
    w,
    units,
    epsilon: float = 1e-8,
    beta2: float = 0.9,
    correct1: bool = True,
    correct2: bool = True,
    coupled: bool = False,
    amsgrad: bool = False,
    placement: str = "outside",
    towards: bool = False,
):
    x = x * units
    mean, square, top = torch.zeros_like(w), torch.zeros_like(w), torch.zeros_like(w)
    first, second = 1.0, 1.0
    for _ in range(10):
        grad = torch.matmul(x.t(), (torch.matmul(x, w) - y) * 0.125)
        if coupled:
            grad = grad + 0.25 * w
        else:
            w = w - 0.1 * 0.25 * w
        if towards:
            mean, square = mean + (1.0 - 0.9) * (grad - mean), square + (1.0 - beta2) * (grad * grad - square)
        else:
            mean, square = 0.9 * mean + (1.0 - 0.9) * grad, beta2 * square + (1.0 - beta2) * grad * grad
        first, second = 0.9 * first, beta2 * second
        left1, left2 = (1.0 - first if correct1 else 1.0), (1.0 - second if correct2 else 1.0)
        top = torch.max(top, square)
        m, v = mean / left1, (top if amsgrad else square) / left2
        if placement == "inside":
            move = m / torch.sqrt(v + epsilon)
        elif placement == "uncorrected":
            move = m * left2**0.5 / (torch.sqrt(square) + epsilon)
        elif placement == "folded":
            move = mean / (left1 * (torch.sqrt(square) / left2**0.5 + epsilon))
        else:
            move = m / (torch.sqrt(v) + epsilon)
        w = w - 0.1 * move
    return torch.cat([w, mean, square], dim=1)


def _rmsprop(x, y, w, units, rho: float = 0.9, inside: bool = False, start: float = 0.0, centred: bool = False, towards: bool = False):
    x = x * units
    mean, square, speed = torch.zeros_like(w), torch.zeros_like(w) + start, torch.zeros_like(w)
    for _ in range(10):
        grad = torch.matmul(x.t(), (torch.matmul(x, w) - y) * 0.125)
        if towards:
            square = square - (1.0 - rho) * (square - grad * grad)
        else:
            square = rho * square + (1.0 - rho) * grad * grad
        mean = rho * mean + (1.0 - rho) * grad
        v = square - mean * mean if centred else square
        speed = 0.5 * speed + grad / (torch.sqrt(v + 1e-7) if inside else torch.sqrt(v) + 1e-7)
        w = w - 0.02 * speed
    return torch.cat([w, square, speed], dim=1)


def _mlp(x, y, v, w, rate: float = 0.05, together: bool = True, scale: float = 1.0):
    speed_v, speed_w = torch.zeros_like(v), torch.zeros_like(w)
    for _ in range(20):
        hidden = torch.tanh(torch.matmul(x, v))
        error = (torch.matmul(hidden, w) - y) * 0.125
        speed_w = 0.5 * speed_w + (torch.matmul(hidden.t(), error) + 0.0625 * w)
        before = w
        w = w - rate * speed_w
        if not together:
            before = w
            error = (torch.matmul(hidden, w) - y) * 0.125
        back = torch.matmul(error, before.t()) * (1.0 - hidden * hidden)
        speed_v = 0.5 * speed_v + (scale * torch.matmul(x.t(), back) + 0.0625 * v)
        v = v - rate * speed_v
    return v, w
