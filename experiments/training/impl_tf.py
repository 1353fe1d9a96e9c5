"""Training with the optimisers of Keras in TensorFlow 1.15 to 2.21: OptimizerV2 (to 2.10), Keras 2 (from 2.11), Keras 3 (from 2.16).

A step of training (loss, gradient, optimiser) is a ``tf.function`` that is traced once, as ``fit`` of Keras has it; what comes before and
after it runs eagerly. All weights of a model are one variable: every rule works element by element, and an optimiser costs by the variable
and not by the element. Numbers that a case does not give are not passed on: the optimiser then has its own defaults.
"""

import tensorflow as tf

ROWS = 32
PERCEPTRON = ((64, 24), (24,), (24, 10), (10,))
CONVOLUTIONAL = ((3, 3, 1, 6), (6,), (54, 10), (10,))
RECURRENT = ((8, 64), (16, 64), (64,), (16, 10), (10,))


# --- linear regression, full batch -------------------------------------------------------------------------------------------------------


def linear_loop(x, y, w, b, steps, learning_rate):
    """The bias is the weight of a column of ones: 2 000 eager steps cost by the operation."""
    count = x.shape.as_list()[0]
    design = tf.concat([x, tf.ones((count, 1), x.dtype)], axis=1)

    def loss(weights):
        return tf.nn.l2_loss(tf.matmul(design, weights) - y) * (2.0 / count)

    start = tf.concat([w, tf.reshape(b, (1, 1))], axis=0)
    return _descend(lambda _, weights: loss(weights), loss, [start], learning_rate, steps)[:4]


def linear_sgd(x, y, w, b, steps, learning_rate):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate)
    variable = tf.Variable(_flat([w, b]))

    def loss():
        w, b = _parts(variable, ((10, 1), (1,)))
        return tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))

    return _follow(loss, lambda _: (), loss, optimiser, variable, steps)


# --- multilayer perceptron ---------------------------------------------------------------------------------------------------------------


def mlp_loop(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    count = order.shape.as_list()[0] // ROWS
    rows, wanted = tf.reshape(tf.gather(x, order), (count, ROWS, 64)), tf.reshape(tf.gather(labels, order), (count, ROWS))

    def loss(step, *parts):
        place = step % count
        return _cross_entropy(_perceptron(tf.gather(rows, place), parts), tf.gather(wanted, place))

    def whole(*parts):
        return _cross_entropy(_perceptron(x, parts), labels)

    losses, first, tenth, last, parts = _descend(loss, whole, [w1, b1, w2, b2], learning_rate, steps)
    return losses, first, tenth, last, _share(_perceptron(held_x, parts), held_labels)


def mlp_sgd(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate)
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps)


def mlp_relu(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate)
    return _fit(_rectified, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps)


def mlp_dropout(x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate)
    weights = [w1, b1, w2, b2]
    return _fit(_dropping, PERCEPTRON, x, labels, order, held_x, held_labels, weights, optimiser, steps, masks=masks)


def mlp_dropout_adam(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, masks, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None
):
    optimiser, before = _adam(x.dtype, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    weights = [w1, b1, w2, b2]
    return _fit(_dropping, PERCEPTRON, x, labels, order, held_x, held_labels, weights, optimiser, steps, before, masks)


def mlp_momentum(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, momentum=None):
    optimiser = tf.keras.optimizers.SGD(**_given(learning_rate=learning_rate, momentum=momentum))
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps)


def mlp_momentum_schedule(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, later_rate, momentum, convention=None
):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum)

    def before(step, variable):
        if step == steps // 2:
            optimiser.learning_rate = later_rate
            if convention == "gradients":  # what was summed has the former rate in it
                velocity = optimiser.momentums[0] if hasattr(optimiser, "momentums") else optimiser.get_slot(variable, "momentum")
                velocity.assign(velocity * (later_rate / learning_rate))

    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps, before)


def mlp_nesterov(x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate, momentum):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum, nesterov=True)
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps)


def mlp_adam(
    x,
    labels,
    order,
    held_x,
    held_labels,
    w1,
    b1,
    w2,
    b2,
    steps,
    learning_rate=None,
    beta_1=None,
    beta_2=None,
    epsilon=None,
    epsilon_place=None,
):
    optimiser, before = _adam(x.dtype, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps, before)


def mlp_adamw(
    x,
    labels,
    order,
    held_x,
    held_labels,
    w1,
    b1,
    w2,
    b2,
    steps,
    learning_rate=None,
    beta_1=None,
    beta_2=None,
    epsilon=None,
    weight_decay=None,
    epsilon_place=None,
    decay=None,
):
    if not hasattr(tf.keras.optimizers, "AdamW"):
        raise NotImplementedError("the optimisers of Keras have weight_decay, and AdamW exists, from TensorFlow 2.11 on")
    kind = tf.keras.optimizers.Adam if decay is None else tf.keras.optimizers.AdamW
    optimiser, before = _adam(x.dtype, learning_rate, beta_1, beta_2, epsilon, epsilon_place, kind, weight_decay=weight_decay)
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps, before)


def mlp_rmsprop(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, rho=None, epsilon=None, epsilon_place=None
):
    kind = tf.keras.optimizers.RMSprop if epsilon_place is None else _rmsprop_outside()
    optimiser = kind(**_given(learning_rate=learning_rate, rho=rho, epsilon=epsilon))
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps)


def mlp_adagrad(
    x, labels, order, held_x, held_labels, w1, b1, w2, b2, steps, learning_rate=None, initial=None, epsilon=None, epsilon_place=None
):
    kind = tf.keras.optimizers.Adagrad if epsilon_place is None else _adagrad_outside()
    optimiser = kind(**_given(learning_rate=learning_rate, initial_accumulator_value=initial, epsilon=epsilon))
    return _fit(_perceptron, PERCEPTRON, x, labels, order, held_x, held_labels, [w1, b1, w2, b2], optimiser, steps)


# --- convolutional network ---------------------------------------------------------------------------------------------------------------


def cnn_momentum(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, momentum):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum)
    return _fit(_convolutional, CONVOLUTIONAL, x, labels, order, held_x, held_labels, [k, kb, w, b], optimiser, steps)


def cnn_adam(x, labels, order, held_x, held_labels, k, kb, w, b, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None):
    optimiser, before = _adam(x.dtype, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_convolutional, CONVOLUTIONAL, x, labels, order, held_x, held_labels, [k, kb, w, b], optimiser, steps, before)


# --- LSTM: the equations of Keras's layer, which itself would take ten times as long in a step --------------------------------------------


def lstm_momentum(x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, momentum, biases=None):
    optimiser = tf.keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum)
    return _fit(_recurrent, RECURRENT, x, labels, order, held_x, held_labels, [w, u, b, v, d], optimiser, steps)


def lstm_adam(
    x, labels, order, held_x, held_labels, w, u, b, v, d, steps, learning_rate, beta_1, beta_2, epsilon, epsilon_place=None, biases=None
):
    optimiser, before = _adam(x.dtype, learning_rate, beta_1, beta_2, epsilon, epsilon_place)
    return _fit(_recurrent, RECURRENT, x, labels, order, held_x, held_labels, [w, u, b, v, d], optimiser, steps, before)


# --- models: logits of rows --------------------------------------------------------------------------------------------------------------


def _perceptron(rows, parts):
    w1, b1, w2, b2 = parts
    return tf.matmul(tf.tanh(tf.matmul(rows, w1) + b1), w2) + b2


def _rectified(rows, parts):
    w1, b1, w2, b2 = parts
    return tf.matmul(tf.nn.relu(tf.matmul(rows, w1) + b1), w2) + b2


def _dropping(rows, parts, mask=None):
    """``mask`` is None outside of training."""
    w1, b1, w2, b2 = parts
    middle = tf.tanh(tf.matmul(rows, w1) + b1)
    if mask is not None:
        middle = middle * tf.cast(mask, middle.dtype) * 2.0
    return tf.matmul(middle, w2) + b2


def _convolutional(rows, parts):
    k, kb, w, b = parts
    middle = tf.tanh(tf.nn.conv2d(tf.reshape(rows, (-1, 8, 8, 1)), k, [1, 1, 1, 1], "VALID") + kb)
    pooled = tf.nn.avg_pool(middle, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    return tf.matmul(tf.reshape(pooled, (-1, 54)), w) + b


def _recurrent(rows, parts):
    w, u, b, v, d = parts
    driven = tf.unstack(tf.reshape(tf.matmul(tf.reshape(rows, (-1, 8)), w) + b, (-1, 8, 64)), axis=1)
    h = tf.zeros((rows.shape[0], 16), rows.dtype)
    c = h
    for now in driven:
        i, f, g, o = tf.split(now + tf.matmul(h, u), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
    return tf.matmul(h, v) + d


# --- the loop of training ----------------------------------------------------------------------------------------------------------------


def _given(**options):
    return {name: value for name, value in options.items() if value is not None}


def _checkpoints(steps):
    return (1, steps // 10, steps // 4, steps // 2, steps)


def _size(shape):
    product = 1
    for length in shape:
        product *= length
    return product


def _flat(parts):
    return tf.concat([tf.reshape(part, (-1,)) for part in parts], axis=0)


def _parts(flat, shapes):
    pieces = tf.split(flat, [_size(shape) for shape in shapes])
    return [tf.reshape(piece, shape) for piece, shape in zip(pieces, shapes)]


def _cross_entropy(logits, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def _share(logits, labels):
    right = tf.equal(tf.argmax(logits, axis=-1), labels)
    return tf.reshape(tf.reduce_mean(tf.cast(right, logits.dtype)), (1,))


def _follow(loss, batch, whole, optimiser, variable, steps, before=None):
    """Training with an optimiser. ``loss(*batch(step))`` is that of a batch, ``whole()`` that of all rows.

    ``before(step, variable)`` runs before each step. Returns losses at the checkpoints, weights at the first, second and last of them.
    """
    if hasattr(optimiser, "build"):
        optimiser.build([variable])  # a traced function may not make variables

    def train(*tensors):
        with tf.GradientTape() as tape:
            value = loss(*tensors)
        optimiser.apply_gradients([(tape.gradient(value, variable), variable)])

    train = tf.function(train, autograph=False)
    losses, seen = [whole()], []
    for step in range(steps):
        if before is not None:
            before(step, variable)
        train(*batch(step))
        if step + 1 in _checkpoints(steps):
            losses.append(whole())
            seen.append(tf.identity(variable))
    return tf.stack(losses), seen[0], seen[1], seen[-1]


def _fit(forward, shapes, x, labels, order, held_x, held_labels, weights, optimiser, steps, before=None, masks=None):
    count = order.shape.as_list()[0] // ROWS
    rows, wanted = tf.split(tf.gather(x, order), count), tf.split(tf.gather(labels, order), count)
    variable = tf.Variable(_flat(weights))

    def batch(step):
        dropped = () if masks is None else (masks[step],)
        return (rows[step % count], wanted[step % count], *dropped)

    def loss(rows, wanted, *dropped):
        return _cross_entropy(forward(rows, _parts(variable, shapes), *dropped), wanted)

    def whole():
        return _cross_entropy(forward(x, _parts(variable, shapes)), labels)

    found = _follow(loss, batch, whole, optimiser, variable, steps, before)
    return found + (_share(forward(held_x, _parts(variable, shapes)), held_labels),)


def _descend(loss, whole, parts, learning_rate, steps):
    """Gradient descent without variables, in every mode: one ``tf.while_loop`` from checkpoint to checkpoint.

    ``loss(step, *parts)`` is that of a batch, ``whole(*parts)`` that of all rows. Returns what ``_follow`` does, and the parts.
    """

    def body(step, *parts):
        with tf.GradientTape() as tape:
            tape.watch(list(parts))
            value = loss(step, *parts)
        return [step + 1] + [part - learning_rate * slope for part, slope in zip(parts, tape.gradient(value, list(parts)))]

    losses, seen, step = [whole(*parts)], [], tf.constant(0)
    for stop in _checkpoints(steps):
        found = tf.while_loop(lambda step, *_, stop=stop: step < stop, body, [step] + list(parts))
        step, parts = found[0], found[1:]
        losses.append(whole(*parts))
        seen.append(_flat(parts))
    return tf.stack(losses), seen[0], seen[1], seen[-1], parts


# --- optimisers --------------------------------------------------------------------------------------------------------------------------


def _adam(dtype, learning_rate, beta_1, beta_2, epsilon, epsilon_place, kind=None, **more):
    """Adam, and what to do before each step: Keras adds epsilon to the raw root, so as to have it added to the corrected one it shrinks."""
    kind = kind or tf.keras.optimizers.Adam
    optimiser = kind(**_given(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **more))
    if epsilon_place is None:
        return optimiser, None
    if epsilon_place != "corrected":
        raise NotImplementedError("Keras adds epsilon to the raw root")
    wanted = optimiser.epsilon
    decay = beta_2 if beta_2 is not None else optimiser.get_config()["beta_2"]
    optimiser.epsilon = tf.Variable(wanted, trainable=False, dtype=dtype)  # a number would be part of the traced step

    def before(step, variable):
        optimiser.epsilon.assign(wanted * (1.0 - decay ** (step + 1)) ** 0.5)

    return optimiser, before


def _slot(optimiser, slots, variable):
    """The state of a variable: Keras 3 numbers variables, Keras 2 names them."""
    if hasattr(optimiser, "_get_variable_index"):
        return slots[optimiser._get_variable_index(variable)]
    return slots[optimiser._index_dict[optimiser._var_key(variable)]]


def _rmsprop_outside():
    """RMSprop with epsilon outside of the root, as it was before TensorFlow 2.11."""
    if not hasattr(tf.keras.optimizers.RMSprop, "update_step"):
        return tf.keras.optimizers.RMSprop

    class Outside(tf.keras.optimizers.RMSprop):
        def update_step(self, gradient, variable, learning_rate=None):
            rate = tf.cast(self.learning_rate if learning_rate is None else learning_rate, variable.dtype)
            square = _slot(self, self._velocities, variable)
            square.assign(self.rho * square + (1 - self.rho) * tf.square(gradient))
            variable.assign_sub(rate * gradient / (tf.sqrt(square) + self.epsilon))

    return Outside


def _adagrad_outside():
    """Adagrad with epsilon outside of the root, as it was before TensorFlow 2.11."""
    if not hasattr(tf.keras.optimizers.Adagrad, "update_step"):
        return tf.keras.optimizers.Adagrad

    class Outside(tf.keras.optimizers.Adagrad):
        def update_step(self, gradient, variable, learning_rate=None):
            rate = tf.cast(self.learning_rate if learning_rate is None else learning_rate, variable.dtype)
            square = _slot(self, self._accumulators, variable)
            square.assign(square + tf.square(gradient))
            variable.assign_sub(rate * gradient / (tf.sqrt(square) + self.epsilon))

    return Outside
