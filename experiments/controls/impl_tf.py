"""The controls in TensorFlow: rewrites (``equal_*``) and planted mistakes (``wrong_*``, each with what is wrong beside it).

Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
Trainings are TensorFlow's own loops, so that a graph holds one step and not all of them.
"""

import tensorflow as tf

# --- rewrites without factors ------------------------------------------------------------------------------------------------------------


def equal_sum_reversed(x):
    return tf.reduce_sum(tf.reverse(x, [1]), axis=-1)


def equal_sum_halves(x):
    return tf.reduce_sum(x[:, :500], axis=-1) + tf.reduce_sum(x[:, 500:], axis=-1)


def equal_mean_dot(x):
    return tf.matmul(x, tf.transpose(tf.ones_like(x[:1])) / 1000.0)


def equal_variance_moments(x):
    mean = tf.reduce_mean(x, axis=-1)
    return tf.reduce_mean(x * x, axis=-1) - mean * mean


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
    return tf.transpose(tf.matmul(b, a, transpose_a=True, transpose_b=True))


def equal_matmul_blocks(a, b):
    return tf.matmul(a[:, :16], b[:16]) + tf.matmul(a[:, 16:], b[16:])


def equal_quadratic_form(x, a):
    return tf.reduce_sum(x * tf.transpose(tf.matmul(a, x, transpose_b=True)), axis=-1, keepdims=True)


def equal_convolution(x, w):
    windows = tf.stack([x[:, :60], x[:, 1:61], x[:, 2:62], x[:, 3:63], x[:, 4:]], axis=-1)
    return tf.reshape(tf.matmul(tf.reshape(windows, [240, 5]), tf.reshape(w, [5, 1])), [4, 60])


def equal_softmax_shift(x):
    powers = tf.exp(x - tf.reduce_mean(x, axis=-1, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def equal_log_softmax(x):
    return tf.math.log(_softmax(x, -1))


def equal_logsumexp_halves(x):
    return _logsumexp(tf.concat([_logsumexp(x[:, :32]), _logsumexp(x[:, 32:])], axis=1))


def equal_sigmoid_tanh(x):
    return 0.5 + 0.5 * tf.tanh(0.5 * x)


def equal_cosine(x, y):
    return tf.reduce_sum((x / _length(x)) * (y / _length(y)), axis=-1, keepdims=True)


def equal_linear_layers(x, v, w):
    return tf.tanh(tf.matmul(x, tf.matmul(v, w)))


def equal_training(x, y, w):
    square, product = tf.matmul(x, x, transpose_a=True) / 32.0, tf.matmul(x, y, transpose_a=True) / 32.0

    def step(w):
        return (w - 0.0625 * (tf.matmul(square, w) - product),)

    return _repeat(100, step, w)[0]


def equal_momentum(x, y, w):
    def step(w, before):
        return w - 0.0625 * _slope(x, y, w) + 0.5 * (w - before), w

    return _repeat(50, step, w, w)[0]


# --- trainings ---------------------------------------------------------------------------------------------------------------------------


def equal_sgd_steps(x, y, w, b):
    return _sgd(x, y, w, b, stepwise=True)


def equal_sgd_normal(x, y, w, b):
    return _sgd(x, y, w, b, slopes=_slopes_of_products)


def wrong_learning_rate(x, y, w, b):
    return _sgd(x, y, w, b, rate=0.1001)  # 0.1 % more


def wrong_step_division(x, y, w, b):
    return _sgd(x, y, w, b, slowing=lambda count: count // 4)  # the quotient loses its fraction


def wrong_schedule_start(x, y, w, b):
    return _sgd(x, y, w, b, slowing=lambda count: tf.cast(count + 1, w.dtype) / 4.0)  # steps counted from 1


def wrong_momentum_convention(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.125, first=0.125)  # an average, not a sum


def wrong_velocity_rate(x, y, w, b):
    return _sgd(x, y, w, b, stepwise=True, scaled=False)  # as Keras: the velocity keeps the rates of earlier steps


def wrong_momentum(x, y, w, b):
    return _sgd(x, y, w, b, momentum=0.87)


def wrong_dampening(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.9)  # all gradients after the first count for 0.9


def wrong_nesterov(x, y, w, b):
    return _sgd(x, y, w, b, nesterov=True)


def wrong_weight_decay_form(x, y, w, b):
    return _sgd(x, y, w, b, coupled=False)  # beside the velocity


def wrong_weight_decay_bias(x, y, w, b):
    return _sgd(x, y, w, b, bias_decay=0.0)  # for weights only


def wrong_gradient_sum(x, y, w, b):
    return _sgd(x, y, w, b, share=2.0)  # the gradient of a sum


def wrong_clip_value(x, y, w, b):
    return _sgd(x, y, w, b, clip=lambda grads: [tf.clip_by_value(grad, -1.25, 1.25) for grad in grads])


def wrong_clip_global(x, y, w, b):
    return _sgd(x, y, w, b, clip=_clip_together)  # one norm for both


def wrong_gradients_kept(x, y, w, b):
    return _sgd(x, y, w, b, kept=1.0)  # never zeroed


def wrong_batch_order(x, y, w, b):
    return _sgd(x, y, w, b, batch=lambda count: 3 - count % 4)  # last batch first


def wrong_update_order(x, y, w, b):
    return _sgd(x, y, w, b, together=False)  # the bias sees the new weight


def wrong_sgd_two(x, y, w, b):
    return _sgd(x, y, w, b, fresh=0.125, first=0.125, coupled=False)  # averaged velocity and decoupled decay


def wrong_adam_epsilon(x, y, w, units):
    return _adam(x, y, w, units, move=lambda m, v, _: m / tf.sqrt(v + 1e-8))  # inside


def wrong_adam_epsilon_value(x, y, w, units):
    return _adam(x, y, w, units, epsilon=1e-7)  # Keras' own


def wrong_adam_epsilon_hat(x, y, w, units):
    return _adam(x, y, w, units, move=lambda m, v, left: m * tf.sqrt(left) / (tf.sqrt(v * left) + 1e-8))  # as TensorFlow computes it


def wrong_adam_correction(x, y, w, units):
    return _adam(x, y, w, units, correct1=0.0, correct2=0.0)  # not corrected for the start at zero


def wrong_adam_beta2(x, y, w, units):
    return _adam(x, y, w, units, beta2=0.91)


def wrong_weight_decay(x, y, w, units):
    return _adam(x, y, w, units, coupled=0.25, decay=0.0)  # inside of the gradient


def wrong_amsgrad(x, y, w, units):
    return _adam(x, y, w, units, amsgrad=True)


def wrong_adam_two(x, y, w, units):
    return _adam(x, y, w, units, epsilon=1e-3, correct2=0.0)  # a larger epsilon, and the second moment not corrected


def equal_adam_folded(x, y, w, units):
    return _adam(x, y, w, units, folded=True)


def equal_adam_lerp(x, y, w, units):
    return _adam(x, y, w, units, towards=True)


def wrong_rmsprop_decay(x, y, w, units):
    return _rmsprop(x, y, w, units, rho=0.99)


def wrong_rmsprop_epsilon(x, y, w, units):
    return _rmsprop(x, y, w, units, inside=True)


def wrong_rmsprop_start(x, y, w, units):
    return _rmsprop(x, y, w, units, start=1.0)  # as TensorFlow 1


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
    rate=0.1,
    slowing=None,
    momentum=0.875,
    fresh=1.0,
    first=1.0,
    nesterov=False,
    coupled=True,
    bias_decay=0.125,
    share=0.25,
    clip=None,
    kept=0.0,
    batch=None,
    together=True,
    stepwise=False,
    scaled=True,
    slopes=None,
):
    clip, slopes = clip or _clip_each, slopes or _slopes
    batches, wanted = tf.reshape(x, [4, 4, 4]), tf.reshape(y, [4, 4, 2])

    def rate_at(count):
        slow = tf.cast(count, w.dtype) / 4.0 if slowing is None else tf.cast(slowing(count), w.dtype)
        return rate / (1.0 + slow)

    def move(value, speed, grad, count, decay):
        now = rate_at(count)
        if coupled:
            grad = grad + decay * value
        else:
            value = value - now * decay * value
        if stepwise:  # the velocity is a length of step: under a schedule its history must be scaled anew
            speed = momentum * speed * (now / rate_at(tf.maximum(count - 1, 0)) if scaled else 1.0) + now * grad
            return value - speed, speed
        speed = momentum * speed + (fresh + (first - fresh) * tf.cast(tf.equal(count, 0), w.dtype)) * grad
        return value - now * (grad + momentum * speed if nesterov else speed), speed

    def step(count, w, b, speed_w, speed_b, sum_w, sum_b):
        place = count % 4 if batch is None else batch(count)
        rows, targets = tf.gather(batches, place), tf.gather(wanted, place)
        grad_w, grad_b = slopes(rows, targets, w, b, share)
        sum_w, sum_b = grad_w + kept * sum_w, grad_b + kept * sum_b
        grad_w, grad_b = clip([sum_w, sum_b])
        w, speed_w = move(w, speed_w, grad_w, count, 0.125)
        if not together:
            grad_b = clip(slopes(rows, targets, w, b, share))[1]
        b, speed_b = move(b, speed_b, grad_b, count, bias_decay)
        return count + 1, w, b, speed_w, speed_b, sum_w, sum_b

    found = _repeat(12, step, tf.constant(0), w, b, 0.0 * w, 0.0 * b, 0.0 * w, 0.0 * b)
    speeds = tf.concat([found[3], found[4]], 0)
    return tf.concat([found[1], found[2]], 0), speeds / rate_at(tf.constant(11)) if stepwise and scaled else speeds


def _slopes(x, y, w, b, share):
    error = share * (tf.matmul(x, w) + b - y)
    return [tf.matmul(x, error, transpose_a=True), tf.reduce_sum(error, 0, keepdims=True)]


def _slopes_of_products(x, y, w, b, share):
    """From the products that the normal equations need."""
    ones = tf.ones_like(x[:, :1])
    dw = tf.matmul(tf.matmul(x, x, transpose_a=True), w) + tf.matmul(tf.matmul(x, ones, transpose_a=True), b)
    db = tf.matmul(tf.matmul(ones, x, transpose_a=True), w) + 4.0 * b - tf.matmul(ones, y, transpose_a=True)
    return [share * (dw - tf.matmul(x, y, transpose_a=True)), share * db]


def _clip_each(grads):
    return [grad * (1.25 / tf.maximum(tf.norm(grad), 1.25)) for grad in grads]


def _clip_together(grads):
    factor = 1.25 / tf.maximum(tf.sqrt(sum(tf.reduce_sum(grad * grad) for grad in grads)), 1.25)
    return [grad * factor for grad in grads]


def _adam(
    x,
    y,
    w,
    units,
    epsilon=1e-8,
    beta2=0.9,
    correct1=1.0,
    correct2=1.0,
    decay=0.25,
    coupled=0.0,
    amsgrad=False,
    move=None,
    folded=False,
    towards=False,
):
    x = x * units

    def step(w, mean, square, top, first, second):
        grad = tf.matmul(x, (tf.matmul(x, w) - y) * 0.125, transpose_a=True) + coupled * w
        if towards:
            mean, square = mean + (1.0 - 0.9) * (grad - mean), square + (1.0 - beta2) * (grad * grad - square)
        else:
            mean, square = 0.9 * mean + (1.0 - 0.9) * grad, beta2 * square + (1.0 - beta2) * grad * grad
        top, first, second = tf.maximum(top, square), 0.9 * first, beta2 * second
        left1, left2 = 1.0 - correct1 * first, 1.0 - correct2 * second
        m, v = mean / left1, (top if amsgrad else square) / left2
        if folded:
            change = mean / (left1 * (tf.sqrt(square) / tf.sqrt(left2) + epsilon))
        else:
            change = m / (tf.sqrt(v) + epsilon) if move is None else move(m, v, left2)
        return w - 0.1 * decay * w - 0.1 * change, mean, square, top, first, second

    one = 0.0 * w[:1] + 1.0
    found = _repeat(10, step, w, 0.0 * w, 0.0 * w, 0.0 * w, one, one)
    return tf.concat([found[0], found[1], found[2]], 1)


def _rmsprop(x, y, w, units, rho=0.9, inside=False, start=0.0, centred=False, towards=False):
    x = x * units

    def step(w, mean, square, speed):
        grad = tf.matmul(x, (tf.matmul(x, w) - y) * 0.125, transpose_a=True)
        if towards:
            square = square - (1.0 - rho) * (square - grad * grad)
        else:
            square = rho * square + (1.0 - rho) * grad * grad
        mean = rho * mean + (1.0 - rho) * grad
        v = square - mean * mean if centred else square
        speed = 0.5 * speed + grad / (tf.sqrt(v + 1e-7) if inside else tf.sqrt(v) + 1e-7)
        return w - 0.02 * speed, mean, square, speed

    found = _repeat(10, step, w, 0.0 * w, 0.0 * w + start, 0.0 * w)
    return tf.concat([found[0], found[2], found[3]], 1)


def _mlp(x, y, v, w, rate=0.05, together=True, scale=1.0):
    def step(v, w, speed_v, speed_w):
        hidden = tf.tanh(tf.matmul(x, v))
        error, before = (tf.matmul(hidden, w) - y) * 0.125, w
        speed_w = 0.5 * speed_w + (tf.matmul(hidden, error, transpose_a=True) + 0.0625 * w)
        w = w - rate * speed_w
        if not together:
            error, before = (tf.matmul(hidden, w) - y) * 0.125, w
        back = tf.matmul(error, before, transpose_b=True) * (1.0 - hidden * hidden)
        speed_v = 0.5 * speed_v + (scale * tf.matmul(x, back, transpose_a=True) + 0.0625 * v)
        return v - rate * speed_v, w, speed_v, speed_w

    return _repeat(20, step, v, w, 0.0 * v, 0.0 * w)[:2]


# --- recurrent layers --------------------------------------------------------------------------------------------------------------------


def wrong_lstm_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="figo")  # input and forget gate exchanged


def wrong_lstm_output_gate(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog")  # output gate before the candidate


def wrong_forget_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, forget=1.0)  # as TensorFlow 1 adds it


def wrong_recurrent_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_fifth)  # Keras' former default


def wrong_hard_sigmoid_gates(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=_hard_sixth)


def wrong_cell_activation(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, act=tf.nn.relu)


def wrong_lstm_bias(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b + b)  # once for the input and once for the state


def wrong_gates_interleaved(x, mask, h, c, w, u, b):
    w, u, b = [tf.concat([one[..., gate::4] for gate in range(4)], -1) for one in (w, u, b)]  # stored unit by unit
    return _lstm(x, mask, h, c, w, u, b)


def wrong_recurrent_kernel(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, tf.concat([tf.transpose(block) for block in tf.split(u, 4, 1)], 1), b)  # four kernels transposed


def wrong_initial_state(x, mask, h, c, w, u, b):
    return _lstm(x, mask, tf.zeros_like(h), tf.zeros_like(c), w, u, b)


def wrong_time_major(x, mask, h, c, w, u, b):
    out = _lstm(tf.transpose(x, [1, 0, 2]), tf.transpose(mask), h, c, w, u, b)  # time_major misunderstood
    return tf.concat([tf.reshape(tf.transpose(tf.reshape(out[:, :16], [4, 4, 4]), [1, 0, 2]), [4, 16]), out[:, 16:]], 1)


def wrong_sequence_padding(x, mask, h, c, w, u, b):
    return _lstm(x, tf.reverse(mask, [1]), h, c, w, u, b)  # padding taken for the start


def wrong_padded_output(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, repeat=True)  # the last output goes on


def wrong_mask_ignored(x, mask, h, c, w, u, b):
    return _lstm(x, tf.ones_like(mask), h, c, w, u, b)


def wrong_direction(x, mask, h, c, w, u, b):
    out = _lstm(tf.reverse(x, [1]), tf.reverse(mask, [1]), h, c, w, u, b)  # go_backwards
    return tf.concat([tf.reshape(tf.reverse(tf.reshape(out[:, :16], [4, 4, 4]), [1]), [4, 16]), out[:, 16:]], 1)


def wrong_lstm_two(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, order="ifog", forget=1.0)


def equal_lstm_joined(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, joined=True)


def equal_lstm_powers(x, mask, h, c, w, u, b):
    return _lstm(x, mask, h, c, w, u, b, gate=lambda one: tf.exp(one) / (1.0 + tf.exp(one)))


def wrong_gru_reset(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True)  # reset_after=False


def wrong_gru_update(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: z * n + (1.0 - z) * h)  # z for 1 - z


def wrong_gru_gates(x, mask, h, w, u, b, r):
    w, u, b, r = [tf.concat([one[..., 4:8], one[..., :4], one[..., 8:]], -1) for one in (w, u, b, r)]  # reset and update exchanged
    return _gru(x, mask, h, w, u, b, r)


def wrong_gru_bias(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, tf.zeros_like(r))


def wrong_gru_two(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, before=True, blend=lambda z, n, h: z * n + (1.0 - z) * h)


def equal_gru_joined(x, mask, h, w, u, b, r):
    inner = tf.reshape(tf.matmul(tf.reshape(x, [16, 4]), w), [4, 4, 12]) + b
    return _gru(inner, mask, h, tf.eye(12, dtype=w.dtype), u, tf.zeros_like(b), r)


def equal_gru_difference(x, mask, h, w, u, b, r):
    return _gru(x, mask, h, w, u, b, r, blend=lambda z, n, h: n + z * (h - n))


def _lstm(x, mask, h, c, w, u, b, order="ifgo", forget=0.0, gate=None, act=tf.tanh, repeat=False, joined=False):
    outputs, gate = [], gate or _sigmoid
    for time in range(4):
        now = x[:, time]
        if joined:
            columns = tf.matmul(tf.concat([now, h], 1), tf.concat([w, u], 0)) + b
        else:
            columns = tf.matmul(now, w) + tf.matmul(h, u) + b
        blocks = dict(zip(order, tf.split(columns, 4, 1)))
        new_c = gate(blocks["f"] + forget) * c + gate(blocks["i"]) * act(blocks["g"])
        new_h = gate(blocks["o"]) * act(new_c)
        valid = mask[:, time : time + 1] * tf.ones_like(h) > 0.5
        h, c = tf.where(valid, new_h, h), tf.where(valid, new_c, c)
        outputs.append(h if repeat else tf.where(valid, h, tf.zeros_like(h)))
    return tf.concat(outputs + [h, c], 1)


def _gru(x, mask, h, w, u, b, r, before=False, blend=None):
    outputs = []
    for time in range(4):
        inner = tf.matmul(x[:, time], w) + b
        z = _sigmoid(inner[:, :4] + tf.matmul(h, u[:, :4]) + r[:4])
        reset = _sigmoid(inner[:, 4:8] + tf.matmul(h, u[:, 4:8]) + r[4:8])
        if before:
            state = tf.matmul(reset * h, u[:, 8:]) + r[8:]
        else:
            state = reset * (tf.matmul(h, u[:, 8:]) + r[8:])
        n = tf.tanh(inner[:, 8:] + state)
        new = z * h + (1.0 - z) * n if blend is None else blend(z, n, h)
        valid = mask[:, time : time + 1] * tf.ones_like(h) > 0.5
        h = tf.where(valid, new, h)
        outputs.append(tf.where(valid, h, tf.zeros_like(h)))
    return tf.concat(outputs + [h], 1)


def _hard_fifth(x):
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sixth(x):
    return tf.clip_by_value((x + 3.0) / 6.0, 0.0, 1.0)


# --- images ------------------------------------------------------------------------------------------------------------------------------


def wrong_kernel_axes(x, w, b):
    return _pooled(_convolved(x, tf.transpose(w, [1, 0, 2, 3]), b))  # height and width exchanged


def wrong_kernel_channels(x, w, b):
    return _pooled(_convolved(x, tf.transpose(w, [0, 1, 3, 2]), b))  # inputs and outputs exchanged


def wrong_convolution_flipped(x, w, b):
    return _pooled(_convolved(x, tf.reverse(w, [0, 1]), b))  # convolution in the textbook's sense


def wrong_padding(x, w, b):
    return _pooled(_convolved(tf.pad(x, [[0, 0], [1, 0], [1, 0], [0, 0]]), w, b, "VALID"))  # as PyTorch's padding=1


def wrong_padding_value(x, w, b):
    return _pooled(_convolved(tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]], "REFLECT"), w, b, "VALID"))


def wrong_channel_order(x, w, b):
    return _pooled(_convolved(tf.reverse(x, [3]), w, b))  # blue, green, red


def wrong_image_axes(x, w, b):
    return _pooled(_convolved(tf.transpose(x, [0, 2, 1, 3]), w, b))


def wrong_pool_count(x, w, b):
    active = tf.nn.leaky_relu(_convolved(x, w, b), 0.125)
    return tf.nn.avg_pool2d(tf.pad(active, [[0, 0], [0, 1], [0, 1], [0, 0]]), 3, 2, "VALID")  # the padding counts


def wrong_pool_padding(x, w, b):
    return tf.reverse(_pooled(tf.reverse(_convolved(x, w, b), [1, 2]), False), [1, 2])  # windows begin outside


def wrong_convnet_two(x, w, b):
    return _pooled(_convolved(tf.reverse(x, [3]), tf.reverse(w, [0, 1]), b))  # blue, green, red and a flipped kernel


def equal_convnet_products(x, w, b):
    padded = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
    # one loop and not two: AutoGraph of TensorFlow 1.15 nests the loops of a comprehension the other way round
    windows = tf.stack([padded[0, place // 3 : place // 3 + 11 : 2, place % 3 : place % 3 + 11 : 2] for place in range(9)], 2)
    features = tf.matmul(tf.reshape(windows, [36, 27]), tf.reshape(w, [27, 3])) + b
    return _pooled(tf.reshape(features, [1, 6, 6, 3]))


def equal_convnet_library(x, w, b):
    return _pooled(_convolved(x, w, b), False)


def _convolved(x, w, b, padding="SAME"):
    return tf.nn.conv2d(x, w, strides=[1, 2, 2, 1], padding=padding) + b


def _pooled(x, by_hand=True):
    active = tf.nn.leaky_relu(x, 0.125)
    if not by_hand:
        return tf.nn.avg_pool2d(active, 3, 2, "SAME")
    total = tf.nn.avg_pool2d(tf.pad(active, [[0, 0], [0, 1], [0, 1], [0, 0]]), 3, 2, "VALID")
    there = tf.nn.avg_pool2d(tf.pad(tf.ones_like(active), [[0, 0], [0, 1], [0, 1], [0, 0]]), 3, 2, "VALID")
    return total / there


def wrong_resize_corners(x, mean, deviation):
    return (_enlarged(x, [3.0 * place / 7.0 for place in range(8)]) / 255.0 - mean) / deviation  # align_corners


def wrong_resize_pixels(x, mean, deviation):
    return (_enlarged(x, [place / 2.0 for place in range(8)]) / 255.0 - mean) / deviation  # half_pixel_centers=False


def wrong_normalisation_order(x, mean, deviation):
    return _enlarged(x) / 255.0 / deviation - mean  # divided first


def wrong_statistics_order(x, mean, deviation):
    return (_enlarged(x) / 255.0 - tf.reverse(mean, [0])) / tf.reverse(deviation, [0])  # blue, green, red


def wrong_pixel_scale(x, mean, deviation):
    return (_enlarged(x) / 256.0 - mean) / deviation  # not 255


def equal_preprocess_folded(x, mean, deviation):
    return _enlarged(x) * (1.0 / (255.0 * deviation)) - mean / deviation


def _enlarged(x, places=None):
    """x (4, 4, 3) at eight places of each axis, between pixels linearly; TensorFlow's own resizing knows float32 only."""
    places = places or [(2 * place + 1) / 4.0 - 0.5 for place in range(8)]
    low = [min(max(int(place // 1), 0), 3) for place in places]
    high = [min(max(int(place // 1) + 1, 0), 3) for place in places]
    share = tf.constant([place - place // 1 for place in places], x.dtype)
    for axis, weights in ((0, tf.reshape(share, [8, 1, 1])), (1, tf.reshape(share, [1, 8, 1]))):
        x = tf.gather(x, low, axis=axis) * (1.0 - weights) + tf.gather(x, high, axis=axis) * weights
    return x


# --- normalisation -----------------------------------------------------------------------------------------------------------------------


def wrong_layer_norm_epsilon(x, units, scale, shift):
    return _normal(x * units, [1], 1e-3) * scale + shift  # Keras' own


def wrong_layer_norm_placement(x, units, scale, shift):
    apart = x * units - tf.reduce_mean(x * units, axis=-1, keepdims=True)
    return apart / (tf.sqrt(tf.reduce_mean(tf.square(apart), axis=-1, keepdims=True)) + 1e-5) * scale + shift  # outside of the root


def wrong_layer_norm_axis(x, units, scale, shift):
    return _normal(x * units, [0]) * scale + shift  # over the batch


def wrong_layer_norm_ddof(x, units, scale, shift):
    apart = x * units - tf.reduce_mean(x * units, axis=-1, keepdims=True)
    return apart / tf.sqrt(tf.reduce_sum(tf.square(apart), axis=-1, keepdims=True) / 9.0 + 1e-5) * scale + shift  # over n - 1


def wrong_rms_norm(x, units, scale, shift):
    x = x * units
    return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + 1e-5) * scale + shift  # no mean


def wrong_group_norm(x, units, scale, shift):
    return tf.reshape(_normal(tf.reshape(x * units, [6, 2, 5]), [2]), [6, 10]) * scale + shift  # in two groups


def wrong_scale_from_one(x, units, scale, shift):
    return _normal(x * units, [1]) * (1.0 + scale) + shift


def equal_layer_norm(x, units, scale, shift):
    x = x * units
    mean, variance = tf.nn.moments(x, [1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)  # a scale and a shift


def equal_layer_norm_moments(x, units, scale, shift):
    x = x * units
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    return (x - mean) / tf.sqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) - mean * mean + 1e-5) * scale + shift


def wrong_batch_norm_epsilon(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, epsilon=1e-3)


def wrong_running_mean(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, kept=0.125)  # PyTorch's share of the new value


def wrong_running_variance(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, count=8.0)  # over n


def wrong_eval_statistics(x, units, scale, shift, running_mean, running_variance):
    return _batch_norm(x * units, scale, shift, running_mean, running_variance, training=False)


def equal_batch_norm_folded(x, units, scale, shift, running_mean, running_variance):
    x = x * units
    mean, variance = tf.nn.moments(x, [0])
    out = tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)
    after = [running_mean + 0.125 * (mean - running_mean), running_variance - 0.125 * (running_variance - variance * 8.0 / 7.0)]
    return tf.concat([out, tf.stack(after)], 0)


def _normal(x, axes, epsilon=1e-5):
    """Not with ``tf.nn.moments``: graphs of TensorFlow 2.15 and later (with oneDNN) take that for a layer norm of their own, whose epsilon
    is always 0.001."""
    apart = x - tf.reduce_mean(x, axis=axes, keepdims=True)
    return apart / tf.sqrt(tf.reduce_mean(apart * apart, axis=axes, keepdims=True) + epsilon)


def _batch_norm(x, scale, shift, running_mean, running_variance, epsilon=1e-5, kept=0.875, count=7.0, training=True):
    mean, variance = tf.nn.moments(x, [0])
    unbiased = tf.reduce_sum(tf.square(x - mean), axis=0) / count
    after = tf.stack([kept * running_mean + (1.0 - kept) * mean, kept * running_variance + (1.0 - kept) * unbiased])
    if not training:
        mean, variance = running_mean, running_variance
    return tf.concat([(x - mean) / tf.sqrt(variance + epsilon) * scale + shift, after], 0)


# --- functions of one number, losses -----------------------------------------------------------------------------------------------------


def wrong_leaky_slope(x):
    return _activations(x, leaky=tf.where(x > 0.0, x, 0.011 * x))  # not 0.01


def wrong_gelu(x):
    return _activations(x, gelu=0.5 * x * (1.0 + tf.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))))  # the approximation


def wrong_hard_sigmoid(x):
    return _activations(x, hard=_hard_fifth(x))  # the other definition


def wrong_elu_alpha(x):
    return _activations(x, alpha=1.4)  # not 1.5


def equal_activations(x):
    return _activations(
        x,
        leaky=tf.maximum(x, 0.01 * x),
        gelu=x * (0.5 * tf.math.erfc(x * -0.7071067811865476)),
        hard=tf.minimum(tf.maximum(x + 3.0, 0.0), 6.0) / 6.0,
        by_hand=False,
    )


def _activations(x, leaky=None, gelu=None, hard=None, alpha=1.5, by_hand=True):
    below = tf.exp(tf.minimum(x, 0.0)) - 1.0 if by_hand else tf.math.expm1(tf.minimum(x, 0.0))
    return tf.stack(
        [
            0.5 * x * tf.math.erfc(-x / 1.4142135623730951) if gelu is None else gelu,
            tf.maximum(x, 0.0) + alpha * below,
            tf.where(x > 0.0, x, 0.01 * x) if leaky is None else leaky,  # tf.nn.leaky_relu rounds its slope to float32
            _hard_sixth(x) if hard is None else hard,
            tf.math.log1p(tf.exp(x)) if by_hand else tf.nn.softplus(x),
            x * _sigmoid(x),
            tf.clip_by_value(x, 0.0, 3.0),
            1.0507009873554805 * (tf.maximum(x, 0.0) + 1.6732632423543772 * below) if by_hand else tf.nn.selu(x),
            tf.sign(x) * tf.maximum(tf.abs(x) - 0.5, 0.0) + tf.tanh(x),
        ]
    )


def wrong_softmax_axis(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x, axis=0), target, class_weights)  # not the last axis


def wrong_log_base(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x) / 0.6931471805599453, target, class_weights)  # bits, not nats


def wrong_label_smoothing(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x), target, class_weights, smoothing=0.07)


def wrong_temperature(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x / 1.05), target, class_weights)


def wrong_reduction(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x), target, class_weights, share=1.0)  # the sum


def wrong_softmax_twice(x, target, class_weights):
    return _classification(tf.nn.log_softmax(tf.nn.softmax(x)), target, class_weights)  # from_logits with probabilities


def wrong_label_shift(x, target, class_weights):
    return _classification(tf.nn.log_softmax(x), tf.roll(target, 1, 1), class_weights)  # counted from 1


def equal_classification(x, target, class_weights):
    smooth = 0.9375 * target + 0.0625 / 6.0
    losses = tf.reduce_sum(smooth * class_weights * (tf.reduce_logsumexp(x, axis=1, keepdims=True) - x), axis=1)
    return tf.concat([losses, tf.reduce_mean(losses, keepdims=True)], 0)


def _classification(logs, target, class_weights, smoothing=0.0625, share=6.0):
    losses = -tf.reduce_sum(class_weights * ((1.0 - smoothing) * target + smoothing / 6.0) * logs, axis=1)
    return tf.concat([losses, tf.reduce_sum(losses, keepdims=True) / share], 0)


def wrong_huber_delta(x, y):
    return _regression(x, y, delta=0.505)  # 1 % more


def wrong_huber_form(x, y):
    return _regression(x, y, huber=lambda apart: tf.where(apart < 0.5, apart * apart, apart - 0.25))  # smooth L1


def wrong_argument_order(x, y):
    return _regression(y, x)  # the target first


def wrong_loss_mean(x, y):
    return _regression(x, y, share=1.0 / 48.0)  # over all elements


def equal_regression(x, y):
    return _regression(x, y, huber=lambda apart: tf.minimum(apart, 0.5) * (apart - 0.5 * tf.minimum(apart, 0.5)))


def _regression(x, y, delta=0.5, huber=None, share=0.125):
    apart = tf.abs(x - y)
    if huber is None:
        losses = tf.where(apart <= delta, 0.5 * apart * apart, delta * (apart - 0.5 * delta))
    else:
        losses = huber(apart)
    rows = tf.stack(
        [
            losses,
            tf.maximum(0.25 * (y - x), 0.75 * (x - y)),
            tf.math.squared_difference(x, y),
            tf.nn.softmax(y) * (tf.nn.log_softmax(y) - tf.nn.log_softmax(x)),
            tf.exp(x) - y * x,
        ]
    )
    cosine = tf.reduce_sum(x * y, axis=1) / tf.sqrt(tf.reduce_sum(x * x, axis=1) * tf.reduce_sum(y * y, axis=1))
    return tf.concat([share * tf.reduce_sum(rows, axis=2), tf.reshape(cosine, [1, 6])], 0)


# --- attention, dense layers, initialisers, sums -----------------------------------------------------------------------------------------


def wrong_attention_scale(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, scale=1.0)


def wrong_mask_inverted(q, k, v, w, mask):
    return _attention(q, k, v, w, mask < 0.5)


def wrong_causal_mask(q, k, v, w, mask):
    return _attention(q, k, v, w, tf.linalg.band_part(mask, -1, 0) > 0.5)  # the future is hidden as well


def wrong_mask_weak(q, k, v, w, mask):
    return _attention(q, k, v, w, mask > 0.5, weak=True)  # too little


def wrong_heads(q, k, v, w, mask):
    q, k, v = [tf.concat([one[:, 0::2], one[:, 1::2]], 1) for one in (q, k, v)]  # head by head what is stored in turns
    return _attention(q, k, v, tf.concat([w[0::2], w[1::2]], 0), mask > 0.5)


def wrong_input_cast(q, k, v, w, mask):
    q, k, v = [tf.cast(tf.cast(one, tf.bfloat16), one.dtype) for one in (q, k, v)]
    return _attention(q, k, v, w, mask > 0.5)


def equal_attention_scale(q, k, v, w, mask):
    q, heads = 0.5 * q, []
    for place in (0, 4):
        powers = tf.exp(tf.matmul(q[:, place : place + 4], k[:, place : place + 4], transpose_b=True))
        powers = tf.where(mask > 0.5, powers, tf.zeros_like(powers))
        heads.append(tf.matmul(powers, v[:, place : place + 4]) / tf.reduce_sum(powers, axis=1, keepdims=True))
    return tf.matmul(tf.concat(heads, 1), w)


def _attention(q, k, v, w, seen, scale=0.5, weak=False):
    heads = []
    for place in (0, 4):
        scores = scale * tf.matmul(q[:, place : place + 4], k[:, place : place + 4], transpose_b=True)
        scores = tf.where(seen, scores, scores - 10.0 if weak else tf.ones_like(scores) * -1e9)
        heads.append(tf.matmul(tf.nn.softmax(scores), v[:, place : place + 4]))
    return tf.matmul(tf.concat(heads, 1), w)


def wrong_kernel_transposed(x, w, b, v, uniforms):
    return _dense(x, tf.transpose(w), b, v, uniforms < 0.75)  # the layout of the other framework


def wrong_missing_bias(x, w, b, v, uniforms):
    return _dense(x, w, tf.zeros_like(b), v, uniforms < 0.75)  # use_bias=False


def wrong_dropout_scale(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.75, factor=0.75)  # times the share kept, not divided by it


def wrong_keep_probability(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms < 0.25, factor=4.0)  # the rate taken for the share kept


def wrong_dropout_rule(x, w, b, v, uniforms):
    return _dense(x, w, b, v, uniforms >= 0.25)  # as tf.nn.dropout decides: as many, but others


def wrong_weight_cast(x, w, b, v, uniforms):
    w, v = [tf.cast(tf.cast(one, tf.float16), one.dtype) for one in (w, v)]
    return _dense(x, w, b, v, uniforms < 0.75)


def wrong_dense_two(x, w, b, v, uniforms):
    return _dense(x, tf.transpose(w), tf.zeros_like(b), v, uniforms < 0.75)  # transposed, and without bias


def equal_dense_joined(x, w, b, v, uniforms):
    joined = tf.matmul(tf.concat([x, tf.ones_like(x[:, :1])], 1), tf.concat([w, tf.reshape(b, [1, 8])], 0))
    return tf.matmul(tf.where(uniforms < 0.75, tf.tanh(joined), tf.zeros_like(joined)), v / 0.75)


def _dense(x, w, b, v, kept, factor=None):
    hidden = tf.tanh(tf.nn.bias_add(tf.matmul(x, w), b))
    hidden = hidden / 0.75 if factor is None else hidden * factor
    return tf.matmul(tf.where(kept, hidden, tf.zeros_like(hidden)), v)


def wrong_fan(u, t, s):
    return _initialiser(u, t, s, fans=(6.0, 10.0))  # inputs only


def wrong_gain(u, t, s):
    return _initialiser(u, t, s, gain=1.02)


def wrong_distribution(u, t, s):
    # normal by Box and Muller, from each number and the next of its row
    u, t = [tf.sqrt(-2.0 * tf.math.log(one)) * tf.cos(6.283185307179586 * tf.roll(one, -1, 1)) for one in (u, t)]
    return tf.concat([tf.reshape(u / 8.0**0.5, [60]), tf.reshape(t / 7.0**0.5, [40]), _start(s)], 0)


def wrong_initial_bias(u, t, s):
    return _initialiser(u, t, 0.0 * s + 0.5)  # in the middle: zero


def equal_initialiser(u, t, s):
    u, t = (u - 0.5) * (2.0 * (3.0 / 8.0) ** 0.5), (t - 0.5) * (2.0 * (3.0 / 7.0) ** 0.5)
    return tf.concat([tf.reshape(u, [60]), tf.reshape(t, [40]), (s - 0.5) / 1.5**0.5], 0)


def _initialiser(u, t, s, fans=(8.0, 7.0), gain=1.0):
    u, t = [gain * (3.0 / fan) ** 0.5 * (2.0 * one - 1.0) for one, fan in zip((u, t), fans)]
    return tf.concat([tf.reshape(u, [60]), tf.reshape(t, [40]), _start(s)], 0)


def _start(s):
    return (2.0 * s - 1.0) * (1.0 / 6.0) ** 0.5


def wrong_ddof(x):
    return _statistics(x, tf.reduce_sum(x, axis=1), count=12.0)  # TensorFlow's own: over n


def wrong_accumulator(x):
    total = tf.zeros_like(x[:, 0])
    for column in range(12):
        total = tf.cast(tf.cast(total + x[:, column], tf.float16), x.dtype)  # the running sum is stored in half precision
    return _statistics(x, total)


def wrong_sum_axis(x):
    return _statistics(tf.transpose(x), tf.reduce_sum(x, axis=0))  # columns


def wrong_standard_epsilon(x):
    return _statistics(x, tf.reduce_sum(x, axis=1), epsilon=2e-3)


def equal_statistics(x):
    mean, squares = tf.reduce_mean(x, axis=1), tf.reduce_sum(x * x, axis=1)
    variance = (squares - 12.0 * mean * mean) / 11.0
    total = tf.reduce_sum(x[:, :6], axis=1) + tf.reduce_sum(x[:, 6:], axis=1)
    return tf.stack([total, variance, tf.sqrt(squares), (x[:, 0] - mean) / tf.sqrt(variance + 1e-3)])


def _statistics(x, total, count=11.0, epsilon=1e-3):
    mean = tf.reduce_mean(x, axis=1, keepdims=True)
    variance = tf.reduce_sum(tf.square(x - mean), axis=1) / count
    return tf.stack([total, variance, tf.norm(x, axis=1), (x - mean)[:, 0] / tf.sqrt(variance + epsilon)])


# --- what several of them share ----------------------------------------------------------------------------------------------------------


def _repeat(times, step, *state):
    """What ``state`` is after ``times`` calls of ``step``, a function from a tuple of tensors to such a tuple."""

    def more(count, *_):
        return count < times

    def body(count, *state):
        return (count + 1,) + tuple(step(*state))

    return tf.while_loop(more, body, (tf.constant(0),) + state, maximum_iterations=times)[1:]


def _sigmoid(x):
    """By its definition: that of TensorFlow 1.15 is dozens of ULP off where it is small, and no control is about that."""
    return 1.0 / (1.0 + tf.exp(-x))


def _softmax(x, axis):
    powers = tf.exp(x - tf.reduce_max(x, axis=axis, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=axis, keepdims=True)


def _logsumexp(x):
    top = tf.reduce_max(x, axis=-1, keepdims=True)
    return top + tf.math.log(tf.reduce_sum(tf.exp(x - top), axis=-1, keepdims=True))


def _length(x):
    return tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))


def _slope(x, y, w):
    return tf.matmul(x, tf.matmul(x, w) - y, transpose_a=True) / 32.0
