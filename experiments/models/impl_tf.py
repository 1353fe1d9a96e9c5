"""The models in TensorFlow 1.15 to 2.21: Keras layers (2 and 3) that compute with the given tensors in place of variables of their own.

Factors that are ``None`` are not passed on, so that Keras' own default holds.
"""

import tensorflow as tf

_KERAS_3 = hasattr(tf.keras.layers.Layer, "stateless_call")

# --- trainings ---------------------------------------------------------------------------------------------------------------------------


def train_linear(
    x, y, x_two, y_two, weight_normal, weight_uniform, bias_uniform, weight_initialiser="normal", bias_initialiser="zeros", data="one"
):
    x, y = (x, y) if data == "one" else (x_two, y_two)
    w = weight_normal if weight_initialiser == "normal" else weight_uniform
    b = tf.zeros_like(bias_uniform) if bias_initialiser == "zeros" else bias_uniform

    def loss_of(weights, _):
        return tf.reduce_mean(tf.square(tf.matmul(x, weights[0]) + weights[1] - y))

    return _train([w, b], loss_of, 100, "sgd", 0.01)


def regression_by_hand(x, y, first, second, initial_weight="first"):
    def step(w, b):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([w, b])
            loss = tf.reduce_mean(tf.square(w * x + b - y))
        w_slope, b_slope = tape.gradient(loss, [w, b])
        return w - 0.01 * w_slope, b - 0.01 * b_slope

    start = (first if initial_weight == "first" else second, tf.zeros_like(first))
    return tuple(tf.while_loop(lambda *_: True, step, start, maximum_iterations=100))


def train_dropout(
    x,
    y,
    x_two,
    y_two,
    first_one,
    second_one,
    first_two,
    second_two,
    mask_one,
    mask_two,
    optimiser="sgd",
    initial_weights="one",
    data="one",
    dropout_mask="one",
):
    masks = tf.cast(mask_one if dropout_mask == "one" else mask_two, x.dtype)
    x, y = (x, y) if data == "one" else (x_two, y_two)
    first, second = (first_one, second_one) if initial_weights == "one" else (first_two, second_two)
    start = [first, tf.zeros_like(first[0]), second, tf.zeros_like(second[0])]

    def loss_of(weights, epoch):
        hidden = tf.nn.relu(tf.matmul(x, weights[0]) + weights[1]) * (masks[epoch] / 0.5)
        return tf.reduce_mean(tf.square(tf.matmul(hidden, weights[2]) + weights[3] - y))

    return _train(start, loss_of, 10, optimiser, 0.001)


def train_through(x, y, w):
    for _ in range(5):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(w)
            loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w)) - y))
        w = w - 0.5 * tape.gradient(loss, w)
    return w


# --- identical weights -------------------------------------------------------------------------------------------------------------------


def dropout_network(x, first, second, mask, training=None):
    hidden = _layer(lambda: _keras("Dense", x, 4, activation="relu", use_bias=False), {"kernel": first}, x)
    if training:  # the numbers that are dropped are given: no two frameworks draw the same
        hidden = hidden * (tf.cast(mask, x.dtype) / 0.5)
    else:
        hidden = _layer(lambda: _keras("Dropout", x, 0.5), {}, hidden, **_given(training=training))
    return _layer(lambda: _keras("Dense", x, 2, use_bias=False), {"kernel": second}, hidden)


def feed_forward(x, first, first_bias, second, second_bias):
    hidden = _dense(x, first, first_bias, 10, activation="sigmoid")
    return _dense(hidden, second, second_bias, 1)


def feed_forward_vector(x, weights, kernel_layout="keras"):
    turned = kernel_layout != "keras"
    shapes = [("first kernel", (10, 5) if turned else (5, 10)), ("first bias", (10,))]
    shapes += [("second kernel", (1, 10) if turned else (10, 1)), ("second bias", (1,))]
    first, first_bias, second, second_bias = _split(weights, shapes)
    if turned:
        first, second = tf.transpose(first), tf.transpose(second)
    return feed_forward(x, first, first_bias, second, second_bias)


def lstm_model(x, kernel, recurrent, bias, dense, dense_bias, time_major=None, recurrent_activation=None, bias_count=1):
    if time_major:
        x = tf.transpose(x, [1, 0, 2])
    if bias_count == 2:
        bias = bias + bias
    weights = {"cell.kernel": kernel, "cell.recurrent_kernel": recurrent, "cell.bias": bias}
    last = _layer(lambda: _keras("LSTM", x, 10, **_given(recurrent_activation=recurrent_activation)), weights, x)
    return _dense(last, dense, dense_bias, 1)


def lstm_cell(x, h, c, kernel, recurrent, bias, gate_order="igfo", forget_bias=None):
    try:
        make = tf.compat.v1.nn.rnn_cell.LSTMCell
    except (AttributeError, ImportError):
        raise NotImplementedError("tf.compat.v1.nn.rnn_cell is no longer part of this TensorFlow") from None
    own = "igfo"  # the order of this cell

    def arranged(columns):
        return tf.concat([columns[..., 6 * gate_order.index(gate) : 6 * gate_order.index(gate) + 6] for gate in own], axis=-1)

    with tf.Graph().as_default():
        cell = make(6, dtype=x.dtype, **_given(forget_bias=forget_bias))
        cell.build(tf.TensorShape(x.shape))
    _replace(cell, "_kernel", arranged(tf.concat([kernel, recurrent], axis=0)))
    _replace(cell, "_bias", arranged(bias))
    _, state = cell(x, tf.compat.v1.nn.rnn_cell.LSTMStateTuple(c, h))
    return state.h, state.c


class _Conditional(tf.keras.layers.Layer):
    """Two linear maps 10 → 5, one of which is applied: by a Python flag, by a tensor through ``tf.cond``, or by ``tf.where``."""

    def __init__(self, chooser, **options):
        super().__init__(**options)
        self.chooser = chooser
        self.first, self.second = _keras("Dense", self, 5), _keras("Dense", self, 5)

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build(input_shape)
        self.built = True

    def call(self, x, flag):
        if self.chooser == "python":
            return self.first(x) if flag else self.second(x)
        if self.chooser == "tensor":
            return tf.cond(flag, lambda: self.first(x), lambda: self.second(x))
        first = self.first(x)
        return tf.where(tf.fill(tf.shape(first), flag), first, self.second(x))  # 1.15 wants a condition of the same shape


def _conditional(chooser, flag, x, first, first_bias, second, second_bias):
    weights = {"first.kernel": first, "first.bias": first_bias, "second.kernel": second, "second.bias": second_bias}
    return _layer(lambda: _Conditional(chooser, name="conditional", dtype=x.dtype.name), weights, x, flag=flag)


def conditional_python(x, first, first_bias, second, second_bias, flag):
    return _conditional("python", flag, x, first, first_bias, second, second_bias)


def conditional_tensor(flag, x, first, first_bias, second, second_bias):
    return _conditional("tensor", flag[0], x, first, first_bias, second, second_bias)


def conditional_where(flag, x, first, first_bias, second, second_bias):
    return _conditional("where", flag[0], x, first, first_bias, second, second_bias)


def mlp(x, kernels, biases, layers):
    hidden = _built(lambda: _keras("Dense", x, 16, activation="relu"), x)  # one for all: building takes longer than computing
    for layer in range(layers - 1):
        x, _ = _called(hidden, {"kernel": kernels[layer], "bias": biases[layer]}, {}, x)
    return _dense(x, kernels[layers - 1], biases[layers - 1], 16)


def conv_net(image, first, first_bias, second, second_bias, dense, dense_bias, padding="same", flatten_order="nhwc"):
    def convolution(x, kernel, bias, filters, **options):
        return _layer(lambda: _keras("Conv2D", x, filters, 3, activation="relu", **options), {"kernel": kernel, "bias": bias}, x)

    if padding == "same":
        hidden = convolution(image, first, first_bias, 3, strides=2, padding="same")
    else:
        hidden = convolution(tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]]), first, first_bias, 3, strides=2, padding="valid")
    hidden = convolution(hidden, second, second_bias, 4, padding="same")
    pooled = _keras("MaxPooling2D", image)(hidden)
    if flatten_order == "nchw":
        pooled = tf.transpose(pooled, [0, 3, 1, 2])
    return _dense(tf.reshape(pooled, [2, 16]), dense, dense_bias, 3)


def repeated_cell(x, kernel, bias, layers):
    for _ in range(layers):
        x = tf.tanh(tf.matmul(x, kernel) + bias)
    return x


# --- defaults of layers ------------------------------------------------------------------------------------------------------------------


def batch_norm_mode(x, kernel, scale, shift, mean, variance, training=None):
    return _batch_norm({"epsilon": 0.001}, x, kernel, scale, shift, mean, variance, **_given(training=training))[0]


def batch_norm_block(x, kernel, scale, shift, mean, variance, epsilon=None, momentum=None, ddof=0):
    if ddof != 0:
        raise NotImplementedError("Keras averages variances over n here")
    options = _given(epsilon=epsilon, momentum=momentum)
    out, averages = _batch_norm(options, x, kernel, scale, shift, mean, variance, training=True)
    return (out, *averages)


def _batch_norm(options, x, kernel, scale, shift, mean, variance, **call):
    hidden = _layer(lambda: _keras("Dense", x, 4, use_bias=False), {"kernel": kernel}, x)
    weights, averages = {"gamma": scale, "beta": shift}, {"moving_mean": mean, "moving_variance": variance}
    layer = _built(lambda: _keras("BatchNormalization", x, **options), hidden)
    return _called(layer, weights, averages, hidden, **call)


def normalised_block(x, first, scale, shift, second, epsilon=None, slope=None):
    hidden = _layer(lambda: _keras("Dense", x, 8, use_bias=False), {"kernel": first}, x)
    weights = {"gamma": scale, "beta": shift}
    hidden = _layer(lambda: _keras("LayerNormalization", x, **_given(epsilon=epsilon)), weights, hidden)
    name = "negative_slope" if _KERAS_3 else "alpha"
    hidden = _keras("LeakyReLU", x, **({} if slope is None else {name: slope}))(hidden)
    return _layer(lambda: _keras("Dense", x, 3, use_bias=False), {"kernel": second}, hidden)


def gelu_block(x, first, second, approximate=None):
    if not hasattr(tf.keras.activations, "gelu"):
        raise NotImplementedError("this Keras has no gelu")
    hidden = _layer(lambda: _keras("Dense", x, 8, use_bias=False), {"kernel": first}, x)
    hidden = tf.keras.activations.gelu(hidden, **_given(approximate=approximate))
    return _layer(lambda: _keras("Dense", x, 3, use_bias=False), {"kernel": second}, hidden)


# --- training with the kernels of TensorFlow's optimisers --------------------------------------------------------------------------------


@tf.autograph.experimental.do_not_convert
def _train(start, loss_of, steps, optimiser, rate):
    """The weights after ``steps`` steps by the kernels behind ``GradientDescentOptimizer`` and ``AdamOptimizer``.

    ``loss_of(weights, step)`` is the loss. A function is called in every mode and may not own variables that outlive it; so resources are
    made here, and control dependencies put what happens to them in order. The loop is TensorFlow's, so that a graph holds one step.
    """
    kinds = [(value.dtype, value.shape) for value in start]
    first = start if optimiser == "sgd" else start + 2 * [tf.zeros_like(value) for value in start]
    kept, handles = zip(*[_resource(value) for value in first])
    with _after([tf.raw_ops.AssignVariableOp(resource=handle, value=value) for handle, value in zip(handles, first)]):
        state = [tf.constant(0), tf.constant(0.9, start[0].dtype), tf.constant(0.999, start[0].dtype)]
        state = [tf.identity(value) for value in state]

    def step(count, *powers):
        with _after([count]):
            weights = [_read(handle, kind) for handle, kind in zip(handles, kinds)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss = loss_of(weights, count)
        slopes = tape.gradient(loss, weights)
        with _after(slopes):
            done = [_apply(optimiser, handles[place :: len(start)], slope, rate, powers) for place, slope in enumerate(slopes)]
        with _after(done):
            return count + 1, powers[0] * 0.9, powers[1] * 0.999

    last = tf.while_loop(lambda count, *_: count < steps, step, state, parallel_iterations=1)
    with _after(last[:1]):
        results = tuple(_read(handle, kind) for handle, kind in zip(handles, kinds))
    del kept
    return results


_names = iter(range(10**9))


def _resource(value):
    """What keeps a resource alive, and its handle."""
    if tf.executing_eagerly():
        variable = tf.Variable(value)
        return variable, variable.handle
    handle = tf.raw_ops.VarHandleOp(dtype=value.dtype, shape=value.shape, container="", shared_name="weight_%d" % next(_names))
    return None, handle


def _after(operations):
    """Control dependencies where there is a graph; eager operations are in order."""
    return tf.control_dependencies([] if tf.executing_eagerly() else operations)


def _read(handle, kind):
    value = tf.raw_ops.ReadVariableOp(resource=handle, dtype=kind[0])
    return tf.reshape(value, kind[1])


def _apply(optimiser, handles, slope, rate, powers):
    def number(value):
        return tf.constant(value, slope.dtype)

    if optimiser == "sgd":
        return tf.raw_ops.ResourceApplyGradientDescent(var=handles[0], alpha=number(rate), delta=slope)
    return tf.raw_ops.ResourceApplyAdam(
        var=handles[0],
        m=handles[1],
        v=handles[2],
        grad=slope,
        lr=number(rate),
        beta1=number(0.9),
        beta2=number(0.999),
        beta1_power=powers[0],
        beta2_power=powers[1],
        epsilon=number(1e-7),
    )


# --- Keras layers on given tensors -------------------------------------------------------------------------------------------------------


def _given(**options):
    """The options that are not ``None``: for the others the framework's default holds."""
    return {name: value for name, value in options.items() if value is not None}


def _keras(kind, like, *arguments, **options):
    """A Keras layer of the dtype of a tensor or of another layer."""
    dtype = tf.as_dtype(like.dtype).name
    return getattr(tf.keras.layers, kind)(*arguments, dtype=dtype, **options)


def _dense(x, kernel, bias, units, **options):
    return _layer(lambda: _keras("Dense", x, units, **options), {"kernel": kernel, "bias": bias}, x)


def _layer(make, weights, x, **options):
    """The output of a layer for ``x`` with ``weights`` (attribute → tensor, in the layer's own order) in place of its variables."""
    return _called(_built(make, x), weights, {}, x, **options)[0]


@tf.autograph.experimental.do_not_convert
def _built(make, x):
    """A layer whose own variables lie in a graph that nobody runs: under ``tf.function`` none may be made at each call.

    Keras 3 makes some (the seeds of dropout) before it builds; Keras 2 would make another kind of layer inside of a graph.
    """
    layer = None if _KERAS_3 else make()
    with tf.Graph().as_default():
        layer = make() if layer is None else layer
        layer.build(tuple(x.shape.as_list()) if _KERAS_3 else tf.TensorShape(x.shape))
    return layer


@tf.autograph.experimental.do_not_convert
def _called(layer, weights, state, x, **options):
    """The output of a layer that was built, and its new running averages; ``state`` holds the old ones (attribute → tensor)."""
    given = dict(weights, **state)
    for path, tensor in given.items():
        _check(path, tensor, _find(layer, path).shape)
    if _KERAS_3:
        rest = list(state.values()) or [tf.zeros(each.shape, each.dtype) for each in layer.non_trainable_variables]  # seeds of dropout
        out, rest = layer.stateless_call(list(weights.values()), rest, x, **options)
        return out, rest
    new = dict(state)
    if state:
        layer._assign_moving_average = _average_into(new, state)
    for path, tensor in given.items():
        owner, _, name = path.rpartition(".")
        _replace(_find(layer, owner), name, tensor)
    return layer(x, **options), [new[name] for name in state]


def _average_into(new, state):
    """What Keras 2 does to a running average, on tensors: it would write it into a variable, which a pure function has not."""

    def assign(variable, value, momentum, *_):
        name = next(name for name, tensor in state.items() if tensor is variable)
        new[name] = variable - (variable - tf.cast(value, variable.dtype)) * tf.cast(1.0 - momentum, variable.dtype)
        return new[name]

    return assign


def _find(layer, path):
    for name in path.split(".") if path else ():
        layer = getattr(layer, name)
    return layer


def _replace(owner, name, tensor):
    """Set an attribute past Keras, which would track it."""
    object.__setattr__(owner, name, tensor)


def _size(shape):
    count = 1
    for length in shape:
        count *= length
    return count


def _check(name, tensor, shape):
    """Raise ``ValueError`` unless ``tensor`` has the shape that a layer expects."""
    shape, given = tuple(tf.TensorShape(shape).as_list()), tuple(tensor.shape.as_list())
    if given != shape:
        raise ValueError(f"{name}: {_size(shape)} numbers expected, shape {shape}; {_size(given)} given, shape {given}")


def _split(vector, shapes):
    """The tensors that lie one after the other in a vector; ``shapes`` is a list of (name, shape).

    Raises ``ValueError`` when the vector has another length than all of them together.
    """
    length, total, parts, start = int(vector.shape[0]), sum(_size(shape) for _, shape in shapes), [], 0
    for name, shape in shapes:
        size = _size(shape)
        if length - start < size:
            text = "{}: {} numbers expected, shape {}; {} given, for the vector has {} of {}"
            raise ValueError(text.format(name, size, shape, max(0, length - start), length, total))
        parts.append(tf.reshape(vector[start : start + size], shape))
        start += size
    if length > total:
        raise ValueError(f"weights: {total} numbers expected; {length} given")
    return parts
