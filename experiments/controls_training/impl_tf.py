"""The controls of trainings in TensorFlow.

Rewrites are called ``equal_*``, planted mistakes ``wrong_*``, each with what is wrong beside it.
Only what is right is known here: the functions take no factors. Helpers that several controls share have the mistakes as arguments.
Trainings are TensorFlow's own loops, so that a graph holds one step and not all of them.
"""

import tensorflow as tf


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


def _repeat(times, step, *state):
    """What ``state`` is after ``times`` calls of ``step``, a function from a tuple of tensors to such a tuple."""

    def more(count, *_):
        return count < times

    def body(count, *state):
        return (count + 1,) + tuple(step(*state))

    return tf.while_loop(more, body, (tf.constant(0),) + state, maximum_iterations=times)[1:]
