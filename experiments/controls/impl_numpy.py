"""The controls in NumPy: rewrites (``equal_*``) and planted mistakes (``wrong_*``, each with what is wrong beside it).

Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
"""

import math

import numpy as np

# --- rewrites without factors ------------------------------------------------------------------------------------------------------------


def equal_sum_reversed(x):
    return np.sum(x[:, ::-1].copy(), axis=-1)


def equal_sum_halves(x):
    return np.sum(x[:, :500], axis=-1) + np.sum(x[:, 500:], axis=-1)


def equal_mean_dot(x):
    return np.matmul(x, np.ones_like(x[:1]).T / 1000.0)


def equal_variance_moments(x):
    mean = np.mean(x, axis=-1)
    return np.mean(x * x, axis=-1) - mean * mean


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
    return np.matmul(b.T, a.T).T


def equal_matmul_blocks(a, b):
    return np.matmul(a[:, :16], b[:16]) + np.matmul(a[:, 16:], b[16:])


def equal_quadratic_form(x, a):
    return np.sum(x * np.matmul(a, x.T).T, axis=-1, keepdims=True)


def equal_convolution(x, w):
    windows = np.stack([x[:, :60], x[:, 1:61], x[:, 2:62], x[:, 3:63], x[:, 4:]], axis=-1)
    return np.matmul(windows.reshape(240, 5), w.reshape(5, 1)).reshape(4, 60)


def equal_softmax_shift(x):
    powers = np.exp(x - np.mean(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


def equal_log_softmax(x):
    return np.log(_softmax(x, -1))


def equal_logsumexp_halves(x):
    return np.logaddexp(_logsumexp(x[:, :32]), _logsumexp(x[:, 32:]))


def equal_sigmoid_tanh(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def equal_cosine(x, y):
    return np.sum((x / _length(x)) * (y / _length(y)), axis=-1, keepdims=True)


def equal_linear_layers(x, v, w):
    return np.tanh(np.matmul(x, np.matmul(v, w)))


def equal_training(x, y, w):
    square, product = np.matmul(x.T, x) / 32.0, np.matmul(x.T, y) / 32.0
    for _ in range(100):
        w = w - 0.0625 * (np.matmul(square, w) - product)
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


# --- recurrent layers --------------------------------------------------------------------------------------------------------------------


def wrong_lstm_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="figo")  # input and forget gate exchanged


def wrong_lstm_output_gate(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog")  # output gate before the candidate


def wrong_forget_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, forget=1.0)


def wrong_recurrent_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_fifth)


def wrong_hard_sigmoid_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_sixth)


def wrong_cell_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, act=lambda a: np.maximum(a, 0.0))


def wrong_lstm_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b + b)  # once for the input and once for the state


def wrong_gates_interleaved(x, mask, h, c, w, u, b):
    w, u, b = (np.concatenate([one[..., gate::4] for gate in range(4)], axis=-1) for one in (w, u, b))  # stored unit by unit
    return _lstm(x, mask, h, c, w, u, b)


def wrong_recurrent_kernel(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, np.hstack([block.T for block in np.split(u, 4, axis=1)]), b)  # four square kernels transposed


def wrong_initial_state(x, mask, h, c, w, u, b):
    return _lstm(x, mask, np.zeros_like(h), np.zeros_like(c), w, u, b)


def wrong_time_major(x, mask, h, c, w, u, b):
    out = _lstm(np.swapaxes(x, 0, 1), mask.T, h, c, w, u, b)  # batch taken for time
    return np.hstack([np.swapaxes(out[:, :16].reshape(4, 4, 4), 0, 1).reshape(4, 16), out[:, 16:]])


def wrong_sequence_padding(x, mask, h, c, w, u, b):
    return _lstm(x, mask[:, ::-1], h, c, w, u, b)  # padding taken for the start


def wrong_padded_output(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, repeat=True)  # the last output goes on


def wrong_mask_ignored(x, mask, h, c, w, u, b):
    return _lstm(x, np.ones_like(mask), h, c, w, u, b)


def wrong_direction(x, mask, h, c, w, u, b):
    out = _lstm(x[:, ::-1], mask[:, ::-1], h, c, w, u, b)  # read from the end
    return np.hstack([out[:, :16].reshape(4, 4, 4)[:, ::-1].reshape(4, 16), out[:, 16:]])


def wrong_lstm_two(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog", forget=1.0)


def equal_lstm_joined(x, mask, h, c, w, u, b):
    kernel = np.concatenate([w, u])
    return _lstm(x, mask, h, c, w, u, b, product=lambda now, h: np.concatenate([now, h], axis=1).dot(kernel))


def equal_lstm_powers(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=lambda a: np.exp(a) / (1.0 + np.exp(a)))


def wrong_gru_reset(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True)


def wrong_gru_update(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: z * n + (1.0 - z) * h)  # z for 1 - z


def wrong_gru_gates(x, mask, h, w, u, b, r):
    w, u, b, r = (one[..., [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]] for one in (w, u, b, r))  # reset and update exchanged
    return _gru(x, mask, h, w, u, b, r)


def wrong_gru_bias(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, np.zeros_like(r))


def wrong_gru_two(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True, blend=lambda z, n, h: z * n + (1.0 - z) * h)


def equal_gru_joined(x, mask, h, w, u, b, r):
    inner = x.reshape(16, 4).dot(w).reshape(4, 4, 12) + b
    return _gru(inner, mask, h, np.eye(12, dtype=w.dtype), u, np.zeros_like(b), r)


def equal_gru_difference(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: n + z * (h - n))


def _lstm(x, mask, h, c, w, u, b, order="ifgo", forget=0.0, gate=None, act=np.tanh, repeat=False, product=None):
    gate = gate or _sigmoid
    outputs = []
    for time in range(4):
        pieces = (x[:, time].dot(w) + h.dot(u) if product is None else product(x[:, time], h)) + b
        i, f, g, o = (pieces[:, 4 * order.index(name) : 4 * order.index(name) + 4] for name in "ifgo")
        new_c = gate(f + forget) * c + gate(i) * act(g)
        new_h = gate(o) * act(new_c)
        valid = mask[:, time : time + 1] > 0.5
        h, c = np.where(valid, new_h, h), np.where(valid, new_c, c)
        outputs.append(h if repeat else np.where(valid, h, np.zeros_like(h)))
    return np.concatenate(outputs + [h, c], axis=1)


def _gru(x, mask, h, w, u, b, r, before=False, blend=None):
    outputs = []
    for time in range(4):
        inner = x[:, time].dot(w) + b
        z = _sigmoid(inner[:, :4] + h.dot(u[:, :4]) + r[:4])
        reset = _sigmoid(inner[:, 4:8] + h.dot(u[:, 4:8]) + r[4:8])
        state = (reset * h).dot(u[:, 8:]) + r[8:] if before else reset * (h.dot(u[:, 8:]) + r[8:])
        n = np.tanh(inner[:, 8:] + state)
        new = z * h + (1.0 - z) * n if blend is None else blend(z, n, h)
        valid = mask[:, time : time + 1] > 0.5
        h = np.where(valid, new, h)
        outputs.append(np.where(valid, h, np.zeros_like(h)))
    return np.concatenate(outputs + [h], axis=1)


def _hard_fifth(x):
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sixth(x):
    return np.clip((x + 3.0) / 6.0, 0.0, 1.0)


# --- images ------------------------------------------------------------------------------------------------------------------------------


def wrong_kernel_axes(x, w, b):
    return _convnet(x, w.transpose(1, 0, 2, 3), b)  # height and width exchanged


def wrong_kernel_channels(x, w, b):
    return _convnet(x, w.transpose(0, 1, 3, 2), b)  # inputs and outputs exchanged


def wrong_convolution_flipped(x, w, b):
    return _convnet(x, w[::-1, ::-1], b)  # convolution in the textbook's sense


def wrong_padding(x, w, b):
    return _convnet(x, w, b, pad=((1, 0), (1, 0)))  # on the other side


def wrong_padding_value(x, w, b):
    return _convnet(x, w, b, pad_mode="reflect")


def wrong_channel_order(x, w, b):
    return _convnet(x[..., ::-1], w, b)  # blue, green, red


def wrong_image_axes(x, w, b):
    return _convnet(x.transpose(0, 2, 1, 3), w, b)


def wrong_pool_count(x, w, b):
    return _convnet(x, w, b, counted=True)


def wrong_pool_padding(x, w, b):
    return _convnet(x, w, b, pool_pad=(1, 0))  # windows begin outside


def wrong_convnet_two(x, w, b):
    return _convnet(x[..., ::-1], w[::-1, ::-1], b)  # blue, green, red and a flipped kernel


def equal_convnet_products(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), "constant")
    windows = [padded[0, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].reshape(27) for i in range(6) for j in range(6)]
    return _pooled((np.stack(windows).dot(w.reshape(27, 3)) + b).reshape(1, 6, 6, 3))


def equal_convnet_library(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), "constant")
    windows = np.stack([padded[:, i : i + 11 : 2, j : j + 11 : 2] for i in range(3) for j in range(3)])
    return _pooled(np.einsum("knhwi,kio->nhwo", windows, w.reshape(9, 3, 3)) + b)


def _convnet(x, w, b, pad=((0, 1), (0, 1)), pad_mode="constant", pool_pad=(0, 1), counted=False):
    padded = np.pad(x, ((0, 0),) + tuple(pad) + ((0, 0),), pad_mode)
    taps = [padded[:, i : i + 11 : 2, j : j + 11 : 2].dot(w[i, j]) for i in range(3) for j in range(3)]
    return _pooled(sum(taps[1:], taps[0]) + b, pool_pad, counted)


def _pooled(x, pad=(0, 1), counted=False):
    x = np.maximum(x, 0.125 * x)
    pads = ((0, 0), pad, pad, (0, 0))
    padded, ones = np.pad(x, pads, "constant"), np.pad(np.ones_like(x), pads, "constant")
    total = sum(padded[:, i : i + 5 : 2, j : j + 5 : 2] for i in range(3) for j in range(3))
    return total / (9.0 if counted else sum(ones[:, i : i + 5 : 2, j : j + 5 : 2] for i in range(3) for j in range(3)))


def wrong_resize_corners(x, mean, deviation):
    return (_enlarged(x, [place * 3.0 / 7.0 for place in range(8)]) / 255.0 - mean) / deviation  # corners aligned


def wrong_resize_pixels(x, mean, deviation):
    return (_enlarged(x, [place / 2.0 for place in range(8)]) / 255.0 - mean) / deviation  # without half pixels


def wrong_normalisation_order(x, mean, deviation):
    return _enlarged(x) / 255.0 / deviation - mean  # divided first


def wrong_statistics_order(x, mean, deviation):
    return (_enlarged(x) / 255.0 - mean[::-1]) / deviation[::-1]  # blue, green, red


def wrong_pixel_scale(x, mean, deviation):
    return (_enlarged(x) / 256.0 - mean) / deviation  # not 255


def equal_preprocess_folded(x, mean, deviation):
    return _enlarged(x) * (1.0 / (255.0 * deviation)) - mean / deviation


def _enlarged(x, places=None):
    """x (4, 4, 3) at eight places of each axis, between pixels linearly."""
    for axis in (0, 1):
        columns = []
        for place in places or [(2 * place + 1) / 4.0 - 0.5 for place in range(8)]:
            low = math.floor(place)
            first, second = np.take(x, min(max(low, 0), 3), axis), np.take(x, min(max(low + 1, 0), 3), axis)
            columns.append(first * (1.0 - (place - low)) + second * (place - low))
        x = np.stack(columns, axis=axis)
    return x


# --- normalisation -----------------------------------------------------------------------------------------------------------------------


def wrong_layer_norm_epsilon(x, units, scale, shift):
    return _normal(x * units, epsilon=1e-3) * scale + shift


def wrong_layer_norm_placement(x, units, scale, shift):
    apart = x * units - np.mean(x * units, axis=-1, keepdims=True)
    return apart / (np.sqrt(np.mean(apart**2, axis=-1, keepdims=True)) + 1e-5) * scale + shift  # outside of the root


def wrong_layer_norm_axis(x, units, scale, shift):
    return _normal(x * units, axis=0) * scale + shift  # over the batch


def wrong_layer_norm_ddof(x, units, scale, shift):
    x = x * units
    return (x - np.mean(x, axis=-1, keepdims=True)) / np.sqrt(np.var(x, axis=-1, keepdims=True, ddof=1) + 1e-5) * scale + shift


def wrong_rms_norm(x, units, scale, shift):
    x = x * units
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * scale + shift  # no mean


def wrong_group_norm(x, units, scale, shift):
    return _normal((x * units).reshape(6, 2, 5)).reshape(6, 10) * scale + shift  # in two groups


def wrong_scale_from_one(x, units, scale, shift):
    return _normal(x * units) * (1.0 + scale) + shift


def equal_layer_norm(x, units, scale, shift):
    x = x * units
    mean = np.mean(x, axis=-1, keepdims=True)
    factor = scale / np.sqrt(np.mean(np.square(x - mean), axis=-1, keepdims=True) + 1e-5)
    return x * factor + (shift - mean * factor)


def equal_layer_norm_moments(x, units, scale, shift):
    x = x * units
    mean = np.mean(x, axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) - mean * mean + 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, epsilon=1e-3)


def wrong_running_mean(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, new=0.875, old=0.125)  # the shares are exchanged


def wrong_running_variance(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, ddof=0)


def wrong_eval_statistics(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, trained=False)


def equal_batch_norm_folded(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
    factor = scale / np.sqrt(variance + 1e-5)
    after = [running_mean + 0.125 * (mean - running_mean), running_variance - 0.125 * (running_variance - variance * 8.0 / 7.0)]
    return np.concatenate([x * factor + (shift - mean * factor), np.stack(after)])


def _normal(x, axis=-1, epsilon=1e-5):
    return (x - np.mean(x, axis=axis, keepdims=True)) / np.sqrt(np.var(x, axis=axis, keepdims=True) + epsilon)


def _batch_norm(x, scale, shift, running_mean, running_variance, epsilon=1e-5, new=0.125, old=0.875, ddof=1, trained=True):
    mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
    after = np.stack([old * running_mean + new * mean, old * running_variance + new * np.var(x, axis=0, ddof=ddof)])
    if not trained:
        mean, variance = running_mean, running_variance
    return np.concatenate([(x - mean) / np.sqrt(variance + epsilon) * scale + shift, after])


# --- functions of one number, losses -----------------------------------------------------------------------------------------------------


def wrong_leaky_slope(x):
    return _activations(x, leaky=np.where(x > 0.0, x, 0.011 * x))  # not 0.01


def wrong_gelu(x):
    return _activations(x, gelu=0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))))  # the approximation


def wrong_hard_sigmoid(x):
    return _activations(x, hard=_hard_fifth(x))  # the other definition


def wrong_elu_alpha(x):
    return _activations(x, elu=np.where(x > 0.0, x, 1.4 * (np.exp(np.minimum(x, 0.0)) - 1.0)))  # not 1.5


def equal_activations(x):
    return _activations(
        x,
        gelu=x * (0.5 * _erfc(x * -0.7071067811865476)),
        leaky=np.maximum(x, 0.01 * x),
        hard=np.minimum(np.maximum(x + 3.0, 0.0), 6.0) / 6.0,
        elu=np.maximum(x, 0.0) + 1.5 * np.expm1(np.minimum(x, 0.0)),
    )


def _activations(x, gelu=None, leaky=None, hard=None, elu=None):
    below = np.exp(np.minimum(x, 0.0)) - 1.0
    return np.stack(
        [
            0.5 * x * _erfc(-x / np.sqrt(x.dtype.type(2.0))) if gelu is None else gelu,
            np.where(x > 0.0, x, 1.5 * below) if elu is None else elu,
            np.where(x > 0.0, x, 0.01 * x) if leaky is None else leaky,
            _hard_sixth(x) if hard is None else hard,
            np.log1p(np.exp(x)),
            x * _sigmoid(x),
            np.clip(x, 0.0, 3.0),
            1.0507009873554805 * np.where(x > 0.0, x, 1.6732632423543772 * below),
            np.sign(x) * np.maximum(np.abs(x) - 0.5, 0.0) + np.tanh(x),
        ]
    )


def _erfc(x):
    return np.array([math.erfc(one) for one in x]).astype(x.dtype)


def wrong_softmax_axis(x, target, class_weights):
    return _classification(np.log(_softmax(x, 0)), target, class_weights)  # not the last axis


def wrong_log_base(x, target, class_weights):
    return _classification(np.log2(_softmax(x, 1)), target, class_weights)  # bits, not nats


def wrong_label_smoothing(x, target, class_weights):
    return _classification(_log_softmax(x), target, class_weights, smoothing=0.07)


def wrong_temperature(x, target, class_weights):
    return _classification(_log_softmax(x / 1.05), target, class_weights)


def wrong_reduction(x, target, class_weights):
    return _classification(_log_softmax(x), target, class_weights, share=1.0)  # the sum


def wrong_softmax_twice(x, target, class_weights):
    return _classification(_log_softmax(_softmax(x, 1)), target, class_weights)  # probabilities taken for logits


def wrong_label_shift(x, target, class_weights):
    return _classification(_log_softmax(x), np.roll(target, 1, axis=1), class_weights)  # counted from 1


def equal_classification(x, target, class_weights):
    smooth = 0.9375 * target + 0.0625 / 6.0
    whole = np.log(np.sum(np.exp(x), axis=1, keepdims=True))
    losses = np.sum(smooth * class_weights * (whole - x), axis=1)
    return np.concatenate([losses, np.mean(losses, keepdims=True)])


def _classification(logs, target, class_weights, smoothing=0.0625, share=6.0):
    losses = -np.sum(class_weights * ((1.0 - smoothing) * target + smoothing / 6.0) * logs, axis=1)
    return np.concatenate([losses, np.sum(losses, keepdims=True) / share])


def wrong_huber_delta(x, y):
    return _regression(x, y, delta=0.505)  # 1 % more


def wrong_huber_form(x, y):
    return _regression(x, y, huber=lambda apart: np.where(apart < 0.5, apart * apart, apart - 0.25))  # smooth L1


def wrong_argument_order(x, y):
    return _regression(y, x)


def wrong_loss_mean(x, y):
    return _regression(x, y, share=1.0 / 48.0)  # over all elements


def equal_regression(x, y):
    def huber(apart):
        near = np.minimum(apart, 0.5)
        return near * (apart - 0.5 * near)

    return _regression(x, y, huber=huber)


def _regression(x, y, delta=0.5, huber=None, share=0.125):
    apart = np.abs(x - y)
    if huber is None:
        losses = np.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    else:
        losses = huber(apart)
    logs = _log_softmax(y)
    rows = [
        losses,
        np.where(y > x, 0.25 * (y - x), 0.75 * (x - y)),
        (x - y) ** 2,
        np.exp(logs) * (logs - _log_softmax(x)),
        np.exp(x) - x * y,
    ]
    cosine = np.sum(x * y, axis=1) / np.sqrt(np.sum(x * x, axis=1) * np.sum(y * y, axis=1))
    return np.stack([share * np.sum(row, axis=1) for row in rows] + [cosine])


# --- attention, dense layers, initialisers, sums -----------------------------------------------------------------------------------------


def wrong_attention_scale(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, scale=1.0)


def wrong_mask_inverted(q, k, v, w, mask):
    return _attention(q, k, v, w, mask < 0.5)


def wrong_causal_mask(q, k, v, w, mask):
    return _attention(q, k, v, w, np.tril(mask) > 0.5)  # the future is hidden as well


def wrong_mask_weak(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, hide=lambda scores: scores - 10.0)  # too little


def wrong_heads(q, k, v, w, mask):
    turn = [0, 2, 4, 6, 1, 3, 5, 7]  # head by head what is stored in turns
    q, k, v = (np.stack([one[:, place] for place in turn], axis=1) for one in (q, k, v))
    rows = np.stack([w[place] for place in turn])
    return _attention(q, k, v, rows, mask > 0.5)


def wrong_input_cast(q, k, v, w, mask):
    return _attention(_bfloat16(q), _bfloat16(k), _bfloat16(v), w, mask > 0.5)


def equal_attention_scale(q, k, v, w, mask):
    q = 0.5 * q
    out = []
    for head in (slice(0, 4), slice(4, 8)):
        powers = np.where(mask > 0.5, np.exp(q[:, head].dot(k[:, head].T)), 0.0).astype(q.dtype)
        out.append(powers.dot(v[:, head]) / np.sum(powers, axis=1, keepdims=True))
    return np.concatenate(out, axis=1).dot(w)


def _attention(q, k, v, w, seen, scale=0.5, hide=None):
    out = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = scale * q[:, head].dot(k[:, head].T)
        scores = np.where(seen, scores, np.full_like(scores, -1e9) if hide is None else hide(scores))
        out.append(_softmax(scores, 1).dot(v[:, head]))
    return np.concatenate(out, axis=1).dot(w)


def _bfloat16(x):
    """Nearest bfloat16 (half to even) of numbers that float32 holds exactly, by their bits; NumPy has no such type."""
    bits = x.astype(np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(x.dtype)


def wrong_kernel_transposed(x, w, b, v, uniforms):
    return _dense(x, w.T, b, v, uniforms < 0.75)  # the layout of the other framework


def wrong_missing_bias(x, w, b, v, uniforms):
    return _dense(x, w, np.zeros_like(b), v, uniforms < 0.75)


def wrong_dropout_scale(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.75, factor=0.75)  # times the share kept, not divided by it


def wrong_keep_probability(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.25, factor=4.0)  # the rate taken for the share kept


def wrong_dropout_rule(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms >= 0.25)  # as many, but others


def wrong_weight_cast(x, w, b, v, uniforms):
    return _dense(x, w.astype(np.float16).astype(w.dtype), b, v.astype(np.float16).astype(v.dtype), uniforms < 0.75)


def wrong_dense_two(x, w, b, v, uniforms):
    return _dense(x, w.T, np.zeros_like(b), v, uniforms < 0.75)  # transposed, and without bias


def equal_dense_joined(x, w, b, v, uniforms):
    joined = np.concatenate([x, np.ones_like(x[:, :1])], axis=1).dot(np.concatenate([w, b.reshape(1, 8)]))
    return np.where(uniforms < 0.75, np.tanh(joined), np.zeros_like(joined)).dot(v / 0.75)


def _dense(x, w, b, v, kept, factor=None):
    hidden = np.tanh(x.dot(w) + b)
    hidden = hidden / 0.75 if factor is None else hidden * factor
    return np.where(kept, hidden, np.zeros_like(hidden)).dot(v)


def wrong_fan(u, t, s):
    return _initialiser(u, t, s, fans=(6.0, 10.0))  # inputs only


def wrong_gain(u, t, s):
    return _initialiser(u, t, s, gain=1.02)


def wrong_distribution(u, t, s):
    def normal(values):  # by Box and Muller, from each number and the next of its row
        return np.sqrt(-2.0 * np.log(values)) * np.cos(2.0 * np.pi * np.roll(values, -1, axis=1))

    return np.concatenate([(normal(u) / np.sqrt(8.0)).reshape(60), (normal(t) / np.sqrt(7.0)).reshape(40), _start(s)]).astype(u.dtype)


def wrong_initial_bias(u, t, s):
    return _initialiser(u, t, np.full_like(s, 0.5))  # in the middle: zero


def equal_initialiser(u, t, s):
    parts = [(one - 0.5) * (2.0 * math.sqrt(3.0 / fan)) for one, fan in ((u, 8.0), (t, 7.0))]
    return np.concatenate([parts[0].reshape(60), parts[1].reshape(40), (s - 0.5) / math.sqrt(1.5)])


def _initialiser(u, t, s, fans=(8.0, 7.0), gain=1.0):
    parts = [gain * np.sqrt(3.0 / fan).astype(one.dtype) * (2.0 * one - 1.0) for one, fan in zip((u, t), fans)]
    return np.concatenate([parts[0].reshape(60), parts[1].reshape(40), _start(s)])


def _start(s):
    return (2.0 * s - 1.0) * math.sqrt(1.0 / 6.0)


def wrong_ddof(x):
    return _statistics(x, np.sum(x, axis=1), ddof=0)


def wrong_accumulator(x):
    total = np.zeros(12, np.float16)
    for column in range(12):
        total = (total.astype(x.dtype) + x[:, column]).astype(np.float16)  # the running sum is stored in half precision
    return _statistics(x, total.astype(x.dtype))


def wrong_sum_axis(x):
    return _statistics(x.T, np.sum(x, axis=0))  # columns


def wrong_standard_epsilon(x):
    return _statistics(x, np.sum(x, axis=1), epsilon=2e-3)


def equal_statistics(x):
    mean = np.mean(x, axis=1)
    variance = (np.sum(x * x, axis=1) - 12.0 * mean * mean) / 11.0
    total = np.sum(x[:, :6], axis=1) + np.sum(x[:, 6:], axis=1)
    return np.stack([total, variance, np.sqrt(np.sum(x * x, axis=1)), (x[:, 0] - mean) / np.sqrt(variance + 1e-3)])


def _statistics(x, total, ddof=1, epsilon=1e-3):
    variance = np.var(x, axis=1, ddof=ddof)
    norm = np.sqrt(np.sum(np.square(x), axis=1))
    return np.stack([total, variance, norm, (x[:, 0] - np.mean(x, axis=1)) / np.sqrt(variance + epsilon)])


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax(x):
    shifted = x - np.max(x, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


def _logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True))


def _length(x):
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def _slope(x, y, w):
    return np.matmul(x.T, np.matmul(x, w) - y) / 32.0
