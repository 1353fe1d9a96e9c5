"""The controls in PyTorch: rewrites (``equal_*``) and planted mistakes (``wrong_*``, each with what is wrong beside it).

Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

from typing import Tuple

import torch
import torch.nn.functional as F

# --- rewrites without factors ------------------------------------------------------------------------------------------------------------


def equal_sum_reversed(x):
    return torch.sum(torch.flip(x, [1]), dim=-1)


def equal_sum_halves(x):
    return torch.sum(x[:, :500], dim=-1) + torch.sum(x[:, 500:], dim=-1)


def equal_mean_dot(x):
    return torch.matmul(x, torch.ones_like(x[:1]).t() / 1000.0)


def equal_variance_moments(x):
    mean = torch.mean(x, dim=-1)
    return torch.mean(x * x, dim=-1) - mean * mean


def equal_add_association(a, b, c):
    return a + (b + c)


def equal_distributive(a, b, c):
    return a * b + a * c


def equal_divide_reciprocal(x, y):
    return x * (1.0 / y)


def equal_cube(x):
    return x**3


def equal_polynomial(x):
    return 1.0 + x * (0.5 + x * (0.25 + x * (0.125 + x * 0.0625)))


def equal_matmul_transposed(a, b):
    return torch.matmul(b.t(), a.t()).t()


def equal_matmul_blocks(a, b):
    return torch.matmul(a[:, :16], b[:16]) + torch.matmul(a[:, 16:], b[16:])


def equal_quadratic_form(x, a):
    return torch.sum(x * torch.matmul(a, x.t()).t(), dim=-1, keepdim=True)


def equal_convolution(x, w):
    windows = torch.stack([x[:, :60], x[:, 1:61], x[:, 2:62], x[:, 3:63], x[:, 4:]], dim=-1)
    return torch.matmul(windows.reshape(240, 5), w.reshape(5, 1)).reshape(4, 60)


def equal_softmax_shift(x):
    powers = torch.exp(x - torch.mean(x, dim=-1, keepdim=True))
    return powers / torch.sum(powers, dim=-1, keepdim=True)


def equal_log_softmax(x):
    return torch.log(_softmax(x, -1))


def equal_logsumexp_halves(x):
    return _logsumexp(torch.cat([_logsumexp(x[:, :32]), _logsumexp(x[:, 32:])], dim=1))


def equal_sigmoid_tanh(x):
    return 0.5 + 0.5 * torch.tanh(0.5 * x)


def equal_cosine(x, y):
    return torch.sum((x / _length(x)) * (y / _length(y)), dim=-1, keepdim=True)


def equal_linear_layers(x, v, w):
    return torch.tanh(torch.matmul(x, torch.matmul(v, w)))


def equal_training(x, y, w):
    square, product = torch.matmul(x.t(), x) / 32.0, torch.matmul(x.t(), y) / 32.0
    for _ in range(100):
        w = w - 0.0625 * (torch.matmul(square, w) - product)
    return w


def equal_momentum(x, y, w):
    before = w
    for _ in range(50):
        w, before = w - 0.0625 * _slope(x, y, w) + 0.5 * (w - before), w
    return w


# --- trainings ---------------------------------------------------------------------------------------------------------------------------


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


# --- recurrent layers --------------------------------------------------------------------------------------------------------------------


def wrong_lstm_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order=(1, 0, 2, 3))  # input and forget gate exchanged


def wrong_lstm_output_gate(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order=(0, 1, 3, 2))  # output gate before the candidate


def wrong_forget_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, forget=1.0)


def wrong_recurrent_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate="hard_fifth")


def wrong_hard_sigmoid_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate="hard_sixth")


def wrong_cell_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, act="relu")


def wrong_lstm_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, times=2.0)  # bias_ih and bias_hh from one bias


def wrong_gates_interleaved(x, mask, h, c, w, u, b):
    turned = [torch.cat([one[..., gate::4] for gate in range(4)], dim=-1) for one in (w, u, b)]  # stored unit by unit
    return _lstm(x, mask, h, c, turned[0], turned[1], turned[2])


def wrong_recurrent_kernel(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, torch.cat([block.t() for block in torch.split(u, 4, dim=1)], dim=1), b)  # four kernels transposed


def wrong_initial_state(x, mask, h, c, w, u, b):
    return _lstm(x, mask, torch.zeros_like(h), torch.zeros_like(c), w, u, b)


def wrong_time_major(x, mask, h, c, w, u, b):
    out = _lstm(x.transpose(0, 1), mask.t(), h, c, w, u, b)  # batch_first forgotten
    return torch.cat([out[:, :16].reshape(4, 4, 4).transpose(0, 1).reshape(4, 16), out[:, 16:]], dim=1)


def wrong_sequence_padding(x, mask, h, c, w, u, b):
    return _lstm(x, torch.flip(mask, [1]), h, c, w, u, b)  # padding taken for the start


def wrong_padded_output(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, repeat=True)  # the last output goes on


def wrong_mask_ignored(x, mask, h, c, w, u, b):
    return _lstm(x, torch.ones_like(mask), h, c, w, u, b)


def wrong_direction(x, mask, h, c, w, u, b):
    out = _lstm(torch.flip(x, [1]), torch.flip(mask, [1]), h, c, w, u, b)  # read from the end
    return torch.cat([torch.flip(out[:, :16].reshape(4, 4, 4), [1]).reshape(4, 16), out[:, 16:]], dim=1)


def wrong_lstm_two(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order=(0, 1, 3, 2), forget=1.0)


def equal_lstm_joined(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, joined=True)


def equal_lstm_powers(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate="powers")


def wrong_gru_reset(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True)


def wrong_gru_update(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend="exchanged")  # z for 1 - z


def wrong_gru_gates(x, mask, h, w, u, b, r):
    turned = [torch.cat([one[..., 4:8], one[..., :4], one[..., 8:]], dim=-1) for one in (w, u, b, r)]  # PyTorch's own order: reset first
    return _gru(x, mask, h, turned[0], turned[1], turned[2], turned[3])


def wrong_gru_bias(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, torch.zeros_like(r))


def wrong_gru_two(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True, blend="exchanged")


def equal_gru_joined(x, mask, h, w, u, b, r):
    inner = torch.matmul(x.reshape(16, 4), w).reshape(4, 4, 12) + b
    return _gru(inner, mask, h, torch.eye(12, dtype=w.dtype, device=w.device), u, torch.zeros_like(b), r)


def equal_gru_difference(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend="difference")


def _lstm(
    x,
    mask,
    h,
    c,
    w,
    u,
    b,
    order: Tuple[int, int, int, int] = (0, 1, 2, 3),
    forget: float = 0.0,
    gate: str = "sigmoid",
    act: str = "tanh",
    repeat: bool = False,
    times: float = 1.0,
    joined: bool = False,
):
    """``order``: the blocks in which input gate, forget gate, candidate and output gate lie."""
    outputs = []
    for time in range(4):
        now = x[:, time]
        if joined:
            columns = torch.matmul(torch.cat([now, h], dim=1), torch.cat([w, u])) + b
        else:
            columns = torch.matmul(now, w) + torch.matmul(h, u) + times * b
        blocks = torch.split(columns, 4, dim=1)
        i, f, g, o = blocks[order[0]], blocks[order[1]], blocks[order[2]], blocks[order[3]]
        new_c = _gate(f + forget, gate) * c + _gate(i, gate) * (torch.relu(g) if act == "relu" else torch.tanh(g))
        new_h = _gate(o, gate) * (torch.relu(new_c) if act == "relu" else torch.tanh(new_c))
        valid = (mask[:, time : time + 1] > 0.5).expand(4, 4)
        h, c = torch.where(valid, new_h, h), torch.where(valid, new_c, c)
        outputs.append(h if repeat else torch.where(valid, h, torch.zeros_like(h)))
    return torch.cat(outputs + [h, c], dim=1)


def _gru(x, mask, h, w, u, b, r, before: bool = False, blend: str = "kept"):
    outputs = []
    for time in range(4):
        inner = torch.matmul(x[:, time], w) + b
        z = torch.sigmoid(inner[:, :4] + torch.matmul(h, u[:, :4]) + r[:4])
        reset = torch.sigmoid(inner[:, 4:8] + torch.matmul(h, u[:, 4:8]) + r[4:8])
        if before:
            state = torch.matmul(reset * h, u[:, 8:]) + r[8:]
        else:
            state = reset * (torch.matmul(h, u[:, 8:]) + r[8:])
        n = torch.tanh(inner[:, 8:] + state)
        if blend == "exchanged":
            new = z * n + (1.0 - z) * h
        elif blend == "difference":
            new = n + z * (h - n)
        else:
            new = z * h + (1.0 - z) * n
        valid = (mask[:, time : time + 1] > 0.5).expand(4, 4)
        h = torch.where(valid, new, h)
        outputs.append(torch.where(valid, h, torch.zeros_like(h)))
    return torch.cat(outputs + [h], dim=1)


def _gate(x, kind: str):
    if kind == "hard_fifth":
        return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)
    if kind == "hard_sixth":
        return torch.clamp((x + 3.0) / 6.0, 0.0, 1.0)
    if kind == "powers":
        return torch.exp(x) / (1.0 + torch.exp(x))
    return torch.sigmoid(x)


# --- images ------------------------------------------------------------------------------------------------------------------------------


def wrong_kernel_axes(x, w, b):
    return _convnet(x, w.permute(1, 0, 2, 3), b)  # height and width exchanged


def wrong_kernel_channels(x, w, b):
    return _convnet(x, w.permute(0, 1, 3, 2), b)  # inputs and outputs exchanged


def wrong_convolution_flipped(x, w, b):
    return _convnet(x, torch.flip(w, [0, 1]), b)  # convolution in the textbook's sense


def wrong_padding(x, w, b):
    return _convnet(x, w, b, pad="start")  # what padding=1 does with a stride of 2


def wrong_padding_value(x, w, b):
    return _convnet(x, w, b, mode="reflect")


def wrong_channel_order(x, w, b):
    return _convnet(torch.flip(x, [3]), w, b)  # blue, green, red


def wrong_image_axes(x, w, b):
    return _convnet(x.permute(0, 2, 1, 3), w, b)


def wrong_pool_count(x, w, b):
    return _convnet(x, w, b, counted=True)


def wrong_pool_padding(x, w, b):
    return _convnet(x, w, b, pool_pad="start")  # windows begin outside


def wrong_convnet_two(x, w, b):
    return _convnet(torch.flip(x, [3]), torch.flip(w, [0, 1]), b)  # blue, green, red and a flipped kernel


def equal_convnet_products(x, w, b):
    windows = F.unfold(F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1)), 3, stride=2)[0].t()
    features = torch.matmul(windows, w.permute(2, 0, 1, 3).reshape(27, 3)) + b
    return _pooled(features.reshape(1, 6, 6, 3).permute(0, 3, 1, 2), "end", False)


def equal_convnet_library(x, w, b):
    mirrored = F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1)).flip(2, 3)  # image and kernel both from their ends
    features = F.conv2d(mirrored, w.permute(3, 2, 0, 1).flip(2, 3), b, stride=2).flip(2, 3)
    return _pooled(features, "end", False)


def _convnet(x, w, b, pad: str = "end", mode: str = "constant", pool_pad: str = "end", counted: bool = False):
    images = x.permute(0, 3, 1, 2)
    if mode == "reflect":
        images = F.pad(images, (1, 1, 1, 1), mode="reflect")[:, :, 1:, 1:]  # on both sides, then without the first
    else:
        images = F.pad(images, (1, 0, 1, 0) if pad == "start" else (0, 1, 0, 1))
    return _pooled(F.conv2d(images, w.permute(3, 2, 0, 1), b, stride=2), pool_pad, counted)


def _pooled(x, pad: str, counted: bool):
    x = F.pad(F.leaky_relu(x, 0.125), (1, 0, 1, 0) if pad == "start" else (0, 1, 0, 1))
    found = F.avg_pool2d(x, 3, stride=2)
    if not counted:
        there = F.pad(torch.ones_like(x[:, :, 1:, 1:]), (1, 0, 1, 0) if pad == "start" else (0, 1, 0, 1))
        found = found / F.avg_pool2d(there, 3, stride=2)
    return found.permute(0, 2, 3, 1)


def wrong_resize_corners(x, mean, deviation):
    return (_enlarged(x, corners=True) / 255.0 - mean) / deviation


def wrong_resize_pixels(x, mean, deviation):
    last = torch.cat([x, x[3:]])
    tall = torch.stack([last[:4], (last[:4] + last[1:]) / 2.0], dim=1).reshape(8, 4, 3)  # between the pixels, not around their centres
    last = torch.cat([tall, tall[:, 3:]], dim=1)
    wide = torch.stack([last[:, :4], (last[:, :4] + last[:, 1:]) / 2.0], dim=2).reshape(8, 8, 3)
    return (wide / 255.0 - mean) / deviation


def wrong_normalisation_order(x, mean, deviation):
    return _enlarged(x) / 255.0 / deviation - mean  # divided first


def wrong_statistics_order(x, mean, deviation):
    return (_enlarged(x) / 255.0 - torch.flip(mean, [0])) / torch.flip(deviation, [0])  # blue, green, red


def wrong_pixel_scale(x, mean, deviation):
    return (_enlarged(x) / 256.0 - mean) / deviation  # not 255


def equal_preprocess_folded(x, mean, deviation):
    return _enlarged(x) * (1.0 / (255.0 * deviation)) - mean / deviation


def _enlarged(x, corners: bool = False):
    image = x.permute(2, 0, 1).unsqueeze(0)
    return F.interpolate(image, size=(8, 8), mode="bilinear", align_corners=corners)[0].permute(1, 2, 0)


# --- normalisation -----------------------------------------------------------------------------------------------------------------------


def wrong_layer_norm_epsilon(x, units, scale, shift):
    return F.layer_norm(x * units, [10], scale, shift, 1e-3)


def wrong_layer_norm_placement(x, units, scale, shift):
    apart = x * units - torch.mean(x * units, dim=-1, keepdim=True)
    return apart / (torch.sqrt(torch.mean(apart * apart, dim=-1, keepdim=True)) + 1e-5) * scale + shift  # outside of the root


def wrong_layer_norm_axis(x, units, scale, shift):
    return F.layer_norm((x * units).t(), [6], None, None, 1e-5).t() * scale + shift  # over the batch


def wrong_layer_norm_ddof(x, units, scale, shift):
    x = x * units
    variance = torch.var(x, dim=-1, keepdim=True)  # PyTorch's default: over n - 1
    return (x - torch.mean(x, dim=-1, keepdim=True)) / torch.sqrt(variance + 1e-5) * scale + shift


def wrong_rms_norm(x, units, scale, shift):
    x = x * units
    return x * torch.rsqrt(torch.mean(x * x, dim=-1, keepdim=True) + 1e-5) * scale + shift  # no mean


def wrong_group_norm(x, units, scale, shift):
    return F.group_norm(x * units, 2, scale, shift, 1e-5)


def wrong_scale_from_one(x, units, scale, shift):
    return F.layer_norm(x * units, [10], 1.0 + scale, shift, 1e-5)


def equal_layer_norm(x, units, scale, shift):
    x = x * units
    mean = torch.mean(x, dim=-1, keepdim=True)
    factor = scale / torch.sqrt(torch.mean(torch.pow(x - mean, 2), dim=-1, keepdim=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_layer_norm_moments(x, units, scale, shift):
    x = x * units
    mean = torch.mean(x, dim=-1, keepdim=True)
    return (x - mean) / torch.sqrt(torch.mean(x * x, dim=-1, keepdim=True) - mean * mean + 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, epsilon=1e-3)


def wrong_running_mean(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, momentum=0.875)  # Keras' share of the old value


def wrong_running_variance(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    out = _batch_norm(x, scale, shift, running_mean, running_variance)
    variance = 0.875 * running_variance + 0.125 * torch.var(x, dim=0, unbiased=False)  # over n
    return torch.cat([out[:9], variance.reshape(1, 5)])


def wrong_eval_statistics(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    out = _batch_norm(x, scale, shift, running_mean, running_variance)
    return torch.cat([F.batch_norm(x, running_mean, running_variance, scale, shift, False, 0.125, 1e-5), out[8:]])  # as in eval()


def equal_batch_norm_folded(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    mean, variance = torch.mean(x, dim=0), torch.var(x, dim=0, unbiased=False)
    factor = scale / torch.sqrt(variance + 1e-5)
    mean_after = running_mean + 0.125 * (mean - running_mean)
    variance_after = running_variance - 0.125 * (running_variance - variance * 8.0 / 7.0)
    return torch.cat([x * factor + (shift - mean * factor), mean_after.reshape(1, 5), variance_after.reshape(1, 5)])


def _batch_norm(x, scale, shift, running_mean, running_variance, epsilon: float = 1e-5, momentum: float = 0.125):
    mean, variance = running_mean.clone(), running_variance.clone()  # changed in place
    out = F.batch_norm(x, mean, variance, scale, shift, True, momentum, epsilon)
    return torch.cat([out, mean.reshape(1, 5), variance.reshape(1, 5)])


# --- functions of one number, losses -----------------------------------------------------------------------------------------------------


def wrong_leaky_slope(x):
    return _activations(x, slope=0.011)  # not 0.01


def wrong_gelu(x):
    return _activations(x, gelu="tanh")


def wrong_hard_sigmoid(x):
    return _activations(x, hard="hard_fifth")  # the other definition


def wrong_elu_alpha(x):
    return _activations(x, alpha=1.4)  # not 1.5


def equal_activations(x):
    return _activations(x, gelu="erfc", other=True)


def _activations(x, slope: float = 0.01, gelu: str = "erf", hard: str = "hard_sixth", alpha: float = 1.5, other: bool = False):
    below = torch.exp(torch.clamp(x, max=0.0)) - 1.0
    if gelu == "tanh":
        gelus = 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
    elif gelu == "erfc":
        gelus = x * (0.5 * torch.erfc(x * -0.7071067811865476))
    else:
        gelus = 0.5 * x * torch.erfc(-x / 1.4142135623730951)
    return torch.stack(
        [
            gelus,
            torch.clamp(x, min=0.0) + alpha * below if other else F.elu(x, alpha),
            torch.max(x, 0.01 * x) if other else F.leaky_relu(x, slope),
            _gate(x, hard),
            torch.log1p(torch.exp(x)) if other else F.softplus(x),
            x / (1.0 + torch.exp(-x)) if other else x * torch.sigmoid(x),
            F.hardtanh(x, 0.0, 3.0),
            F.selu(x),
            F.softshrink(x, 0.5) + torch.tanh(x),
        ]
    )


def wrong_softmax_axis(x, target, class_weights):
    return _classification(F.log_softmax(x, 0), target, class_weights)  # not the last axis


def wrong_log_base(x, target, class_weights):
    return _classification(torch.log2(_softmax(x, 1)), target, class_weights)  # bits, not nats


def wrong_label_smoothing(x, target, class_weights):
    return _classification(F.log_softmax(x, 1), target, class_weights, smoothing=0.07)


def wrong_temperature(x, target, class_weights):
    return _classification(F.log_softmax(x / 1.05, 1), target, class_weights)


def wrong_reduction(x, target, class_weights):
    return _classification(F.log_softmax(x, 1), target, class_weights, share=1.0)  # the sum


def wrong_softmax_twice(x, target, class_weights):
    return _classification(F.log_softmax(F.softmax(x, 1), 1), target, class_weights)  # probabilities taken for logits


def wrong_label_shift(x, target, class_weights):
    return _classification(F.log_softmax(x, 1), torch.cat([target[:, 5:], target[:, :5]], dim=1), class_weights)  # counted from 1


def equal_classification(x, target, class_weights):
    smooth = 0.9375 * target + 0.0625 / 6.0
    losses = torch.sum(smooth * class_weights * (torch.logsumexp(x, dim=1, keepdim=True) - x), dim=1)
    return torch.cat([losses, torch.mean(losses).reshape(1)])


def _classification(logs, target, class_weights, smoothing: float = 0.0625, share: float = 6.0):
    losses = -torch.sum(class_weights * ((1.0 - smoothing) * target + smoothing / 6.0) * logs, dim=1)
    return torch.cat([losses, torch.sum(losses).reshape(1) / share])


def wrong_huber_delta(x, y):
    return _regression(x, y, delta=0.505)  # 1 % more


def wrong_huber_form(x, y):
    return _regression(x, y, form="smooth")  # smooth L1


def wrong_argument_order(x, y):
    return _regression(y, x)


def wrong_loss_mean(x, y):
    return _regression(x, y, share=1.0 / 48.0)  # over all elements


def equal_regression(x, y):
    return _regression(x, y, form="product")


def _regression(x, y, delta: float = 0.5, form: str = "huber", share: float = 0.125):
    apart = torch.abs(x - y)
    if form == "smooth":
        losses = torch.where(apart < 0.5, apart * apart, apart - 0.25)
    elif form == "product":
        near = torch.clamp(apart, max=0.5)
        losses = near * (apart - 0.5 * near)
    else:
        losses = torch.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    rows = torch.stack(
        [
            losses,
            torch.max(0.25 * (y - x), -0.75 * (y - x)),
            (x - y) ** 2,
            F.softmax(y, 1) * (F.log_softmax(y, 1) - F.log_softmax(x, 1)),
            torch.exp(x) - y * x,
        ]
    )
    cosine = torch.sum(x * y, dim=1) / torch.sqrt(torch.sum(x * x, dim=1) * torch.sum(y * y, dim=1))
    return torch.cat([share * torch.sum(rows, dim=2), cosine.reshape(1, 6)])


# --- attention, dense layers, initialisers, sums -----------------------------------------------------------------------------------------


def wrong_attention_scale(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, scale=1.0)


def wrong_mask_inverted(q, k, v, w, mask):
    return _attention(q, k, v, w, mask < 0.5)


def wrong_causal_mask(q, k, v, w, mask):
    return _attention(q, k, v, w, torch.tril(mask) > 0.5)  # the future is hidden as well


def wrong_mask_weak(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, weak=True)  # too little


def wrong_heads(q, k, v, w, mask):
    turned = [one.reshape(6, 4, 2).transpose(1, 2).reshape(6, 8) for one in (q, k, v)]  # head by head what is stored in turns
    return _attention(turned[0], turned[1], turned[2], w.reshape(4, 2, 8).transpose(0, 1).reshape(8, 8), mask > 0.5)


def wrong_input_cast(q, k, v, w, mask):
    kind = q.dtype
    return _attention(q.to(torch.bfloat16).to(kind), k.to(torch.bfloat16).to(kind), v.to(torch.bfloat16).to(kind), w, mask > 0.5)


def equal_attention_scale(q, k, v, w, mask):
    q = 0.5 * q
    first = torch.where(mask > 0.5, torch.exp(torch.matmul(q[:, :4], k[:, :4].t())), torch.zeros_like(mask))
    second = torch.where(mask > 0.5, torch.exp(torch.matmul(q[:, 4:], k[:, 4:].t())), torch.zeros_like(mask))
    heads = [
        torch.matmul(first, v[:, :4]) / torch.sum(first, dim=1, keepdim=True),
        torch.matmul(second, v[:, 4:]) / torch.sum(second, dim=1, keepdim=True),
    ]
    return torch.matmul(torch.cat(heads, dim=1), w)


def _attention(q, k, v, w, seen, scale: float = 0.5, weak: bool = False):
    q, k, v = q.reshape(6, 2, 4).transpose(0, 1), k.reshape(6, 2, 4).transpose(0, 1), v.reshape(6, 2, 4).transpose(0, 1)
    scores = scale * torch.matmul(q, k.transpose(1, 2))
    scores = torch.where(seen.expand(2, 6, 6), scores, scores - 10.0 if weak else torch.full_like(scores, -1e9))
    return torch.matmul(torch.matmul(F.softmax(scores, 2), v).transpose(0, 1).reshape(6, 8), w)


def wrong_kernel_transposed(x, w, b, v, uniforms):
    return _dense(x, w.t(), b, v, uniforms < 0.75)  # the layout of the other framework


def wrong_missing_bias(x, w, b, v, uniforms):
    return _dense(x, w, torch.zeros_like(b), v, uniforms < 0.75)


def wrong_dropout_scale(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.75, multiplied=True)  # times the share kept, not divided by it


def wrong_keep_probability(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.25, keep=0.25)  # the rate taken for the share kept


def wrong_dropout_rule(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms >= 0.25)  # as many, but others


def wrong_weight_cast(x, w, b, v, uniforms):
    return _dense(x, w.to(torch.float16).to(w.dtype), b, v.to(torch.float16).to(v.dtype), uniforms < 0.75)


def wrong_dense_two(x, w, b, v, uniforms):
    return _dense(x, w.t(), torch.zeros_like(b), v, uniforms < 0.75)  # transposed, and without bias


def equal_dense_joined(x, w, b, v, uniforms):
    joined = torch.matmul(torch.cat([x, torch.ones_like(x[:, :1])], dim=1), torch.cat([w, b.reshape(1, 8)]))
    return torch.matmul(torch.where(uniforms < 0.75, torch.tanh(joined), torch.zeros_like(joined)), v / 0.75)


def _dense(x, w, b, v, kept, keep: float = 0.75, multiplied: bool = False):
    hidden = torch.tanh(F.linear(x, w.t(), b))
    hidden = hidden * keep if multiplied else hidden / keep
    return torch.matmul(torch.where(kept, hidden, torch.zeros_like(hidden)), v)


def wrong_fan(u, t, s):
    return _initialiser(u, t, s, 6.0, 10.0)  # inputs only


def wrong_gain(u, t, s):
    return _initialiser(u, t, s, gain=1.02)


def wrong_distribution(u, t, s):
    # normal by Box and Muller, from each number and the next of its row
    parts = [torch.sqrt(-2.0 * torch.log(one)) * torch.cos(6.283185307179586 * torch.roll(one, -1, 1)) for one in (u, t)]
    return torch.cat([parts[0].reshape(60) / 8.0**0.5, parts[1].reshape(40) / 7.0**0.5, _start(s)])


def wrong_initial_bias(u, t, s):
    return _initialiser(u, t, torch.full_like(s, 0.5))  # in the middle: zero


def equal_initialiser(u, t, s):
    parts = [((u - 0.5) * (2.0 * (3.0 / 8.0) ** 0.5)).reshape(60), ((t - 0.5) * (2.0 * (3.0 / 7.0) ** 0.5)).reshape(40)]
    return torch.cat(parts + [(s - 0.5) / 1.5**0.5])


def _initialiser(u, t, s, fan_u: float = 8.0, fan_t: float = 7.0, gain: float = 1.0):
    first, second = gain * (3.0 / fan_u) ** 0.5 * (2.0 * u - 1.0), gain * (3.0 / fan_t) ** 0.5 * (2.0 * t - 1.0)
    return torch.cat([first.reshape(60), second.reshape(40), _start(s)])


def _start(s):
    return (2.0 * s - 1.0) * (1.0 / 6.0) ** 0.5


def wrong_ddof(x):
    return _statistics(x, torch.sum(x, dim=1), unbiased=False)


def wrong_accumulator(x):
    total = torch.zeros_like(x[:, 0])
    for column in range(12):
        total = (total + x[:, column]).to(torch.float16).to(x.dtype)  # the running sum is stored in half precision
    return _statistics(x, total)


def wrong_sum_axis(x):
    return _statistics(x.t(), torch.sum(x, dim=0))  # columns


def wrong_standard_epsilon(x):
    return _statistics(x, torch.sum(x, dim=1), epsilon=2e-3)


def equal_statistics(x):
    mean = torch.mean(x, dim=1)
    squares = torch.sum(x * x, dim=1)
    variance = (squares - 12.0 * mean * mean) / 11.0
    total = torch.sum(x[:, :6], dim=1) + torch.sum(x[:, 6:], dim=1)
    return torch.stack([total, variance, torch.sqrt(squares), (x[:, 0] - mean) / torch.sqrt(variance + 1e-3)])


def _statistics(x, total, unbiased: bool = True, epsilon: float = 1e-3):
    variance = torch.var(x, dim=1, unbiased=unbiased)
    return torch.stack([total, variance, torch.norm(x, dim=1), (x[:, 0] - torch.mean(x, dim=1)) / torch.sqrt(variance + epsilon)])


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _softmax(x, axis: int):
    powers = torch.exp(x - torch.max(x, dim=axis, keepdim=True)[0])
    return powers / torch.sum(powers, dim=axis, keepdim=True)


def _logsumexp(x):
    top = torch.max(x, dim=-1, keepdim=True)[0]
    return top + torch.log(torch.sum(torch.exp(x - top), dim=-1, keepdim=True))


def _length(x):
    return torch.sqrt(torch.sum(x * x, dim=-1, keepdim=True))


def _slope(x, y, w):
    return torch.matmul(x.t(), torch.matmul(x, w) - y) / 32.0
