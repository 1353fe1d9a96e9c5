"""The defaults of TensorFlow 1.15 to 2.21 and its Keras: a factor that is None is not passed, so that the installed version's own acts.

Where there is no argument to align by, the aligned form is computed by hand, with the other values read from the real object.
"""

import tensorflow as tf

keras = tf.keras


def _given(**values):
    """The arguments that were given."""
    return {name: value for name, value in values.items() if value is not None}


def _missing(what):
    return NotImplementedError("%s is missing in TensorFlow %s" % (what, tf.__version__))


# --- activations -------------------------------------------------------------------------------------------------------------------------


def leaky_relu(x, slope=None):
    return tf.nn.leaky_relu(x, **_given(alpha=slope))


def leaky_relu_layer(x, slope=None):
    if slope is None:
        return keras.layers.LeakyReLU(dtype=x.dtype.name)(x)
    try:
        return keras.layers.LeakyReLU(negative_slope=slope, dtype=x.dtype.name)(x)
    except TypeError:  # its name before Keras 3
        return keras.layers.LeakyReLU(alpha=slope, dtype=x.dtype.name)(x)


def prelu(x, initial=None):
    start = None if initial is None else keras.initializers.Constant(initial)
    return keras.layers.PReLU(dtype=x.dtype.name, **_given(alpha_initializer=start))(x)


def elu(x, alpha=None):
    return keras.activations.elu(x, **_given(alpha=alpha))


def gelu(x, approximate=None):
    if not hasattr(tf.nn, "gelu"):
        raise _missing("tf.nn.gelu")
    return tf.nn.gelu(x) if approximate is None else tf.nn.gelu(x, approximate=approximate == "tanh")


def gelu_ops(x, approximate=None):
    if not hasattr(keras, "ops"):
        raise _missing("keras.ops")
    return keras.ops.gelu(x, **_given(approximate=None if approximate is None else approximate == "tanh"))


def hard_sigmoid(x, definition=None):
    if definition is None:
        return keras.activations.hard_sigmoid(x)
    return tf.nn.relu6(x + 3.0) / 6.0  # there is no argument for it


def softplus(x, threshold=None):
    return tf.math.softplus(x)


def softmax_axis(x, axis=None):
    return tf.nn.softmax(x, **_given(axis=axis))


# --- normalisation -----------------------------------------------------------------------------------------------------------------------


def batch_norm(x, training=None, epsilon=None):
    layer = keras.layers.BatchNormalization(dtype=x.dtype.name, **_given(epsilon=epsilon))
    return layer(x, **_given(training=training))


def batch_norm_running(x, momentum=None, correction=None):
    layer = keras.layers.BatchNormalization(dtype=x.dtype.name, **_given(momentum=None if momentum is None else 1.0 - momentum))
    try:
        layer(x, training=True)
    except tf.errors.NotFoundError:
        raise NotImplementedError("the fused kernel of this TensorFlow knows no float64") from None
    if correction is None:
        return layer.moving_mean + 0.0, layer.moving_variance + 0.0
    # by hand: the layer divides by n or by n - 1, by version and rank
    mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    count = 1.0
    for size in x.shape.as_list()[:-1]:
        count *= size
    share = layer.get_config()["momentum"]
    return (1.0 - share) * mean, share + (1.0 - share) * variance * (count / (count - correction))


def layer_norm(x, epsilon=None):
    return keras.layers.LayerNormalization(center=False, scale=False, dtype=x.dtype.name, **_given(epsilon=epsilon))(x)


def group_norm(x, epsilon=None):
    if not hasattr(keras.layers, "GroupNormalization"):
        raise _missing("keras.layers.GroupNormalization")
    return keras.layers.GroupNormalization(2, center=False, scale=False, dtype=x.dtype.name, **_given(epsilon=epsilon))(x)


def rms_norm(x, epsilon=None):
    if not hasattr(keras.layers, "RMSNormalization"):
        raise _missing("keras.layers.RMSNormalization")
    return keras.layers.RMSNormalization(dtype=x.dtype.name, **_given(epsilon=epsilon))(x)


def l2_normalize(x, floor=None):
    return tf.math.l2_normalize(x, axis=-1, **_given(epsilon=None if floor is None else floor * floor))


def cosine_similarity(x, y, sign=None, floor=None):
    if floor is not None:  # there is no argument for it: rows of length 1 are far from every floor
        x, y = (tf.math.l2_normalize(side, axis=-1, epsilon=floor * floor) for side in (x, y))
    if sign is None:
        return keras.losses.cosine_similarity(x, y, axis=-1)
    return tf.reduce_sum(tf.math.l2_normalize(x, axis=-1) * tf.math.l2_normalize(y, axis=-1), axis=-1)


def local_response_norm(x, alpha=None, beta=None):
    if x.dtype == tf.float64:
        raise NotImplementedError("TensorFlow's local response normalisation knows no float64")
    return tf.nn.local_response_normalization(x, depth_radius=2, **_given(alpha=alpha, beta=beta))


# --- reductions and sorting --------------------------------------------------------------------------------------------------------------


def std(x, ddof=None):
    return tf.math.reduce_std(x, axis=-1)


def var(x, ddof=None):
    return tf.math.reduce_variance(x, axis=-1)


def std_of_one(x, ddof=None):
    return tf.math.reduce_std(x, axis=-1)


def median(x, middle=None):
    if not hasattr(keras, "ops"):
        raise _missing("a median")
    return keras.ops.median(x * x, axis=-1)


def argmax_axis(x, axis=None):
    return tf.argmax(x) if axis is None else tf.argmax(tf.reshape(x, [-1]))


def argsort_ties(x, stable=None):
    return tf.cast(tf.argsort(x, axis=-1, **_given(stable=stable)), tf.int64)


def round_half(x, half=None):
    return tf.round(x)


def histogram(n, bins=None):
    return tf.cast(tf.histogram_fixed_width(tf.cast(n, tf.float32) + 0.5, [0.0, 1000.0], **_given(nbins=bins)), tf.int64)


def floor_divide(n, m, towards=None):
    return n // m


def one_hot(n, kind=None):
    return tf.one_hot(n, 6)


# --- losses ------------------------------------------------------------------------------------------------------------------------------


def mse(x, y, reduction=None):
    if reduction is None:
        function = getattr(keras.losses, "mean_squared_error", None) or keras.losses.MSE
        return function(y, x)
    return tf.reduce_mean(tf.math.squared_difference(x, y))


def huber(x, y, delta=None):
    loss = keras.losses.Huber(**_given(delta=delta))
    if hasattr(loss, "dtype"):  # Keras 3 casts to float32 unless it is told the type
        loss = keras.losses.Huber(dtype=x.dtype.name, **_given(delta=delta))
    return loss(y, x)


def kl_divergence(p, q, reduction=None, clip=None):
    if clip is not None:  # by hand: the layer's bound is not an argument
        return tf.reduce_mean(tf.reduce_sum(tf.math.xlogy(p, p) - tf.math.xlogy(p, q), axis=-1))
    function = getattr(keras.losses, "KLD", None) or keras.losses.kl_divergence
    return tf.reduce_mean(function(p, q))  # the mean of rows, as the class has it (which answers in float32 in 1.15)


def binary_cross_entropy(p, y, guard=None):
    if guard is not None:  # by hand: neither bound is an argument
        return -(tf.math.xlogy(y, p) + tf.math.xlogy(1.0 - y, 1.0 - p))
    return keras.losses.binary_crossentropy(tf.expand_dims(y, -1), tf.expand_dims(p, -1))


def cross_entropy(x, y, from_logits=None):
    return keras.losses.categorical_crossentropy(y, x, **_given(from_logits=from_logits))


def label_smoothing(x, y, smoothing=None):
    return keras.losses.categorical_crossentropy(y, x, from_logits=True, **_given(label_smoothing=smoothing))


def poisson(x, y, log_input=None, epsilon=None):
    if epsilon is not None:  # by hand: the constant is not an argument
        return tf.reduce_mean(x - y * tf.math.log(x + epsilon))
    return tf.reduce_mean(keras.losses.poisson(y, x))


# --- linear algebra and tolerances -------------------------------------------------------------------------------------------------------


def pinv(a, mix, rcond=None):
    return tf.matmul(mix, tf.linalg.pinv(a, rcond))


def lstsq(a, b, mix, rcond=None):
    # by the normal equations, which know no tolerance
    return tf.matmul(mix, tf.linalg.lstsq(a, b) if rcond is None else tf.matmul(tf.linalg.pinv(a, rcond), b))


def matrix_rank(a, rtol=None):
    if rtol is None:
        return tf.cast(tf.linalg.matrix_rank(a), tf.int64)
    return tf.cast(tf.linalg.matrix_rank(a, tol=rtol * tf.reduce_max(tf.linalg.svd(a, compute_uv=False))), tf.int64)


def isclose(x, y, rtol=None, atol=None):
    given = _given(rtol=rtol, atol=atol)
    return tf.constant([_is_near(left, right, given) for left, right in zip(tf.unstack(x), tf.unstack(y))])


def _is_near(x, y, given):
    """Whether ``assert_near``, which is what TensorFlow itself tests with, lets one pair pass."""
    try:
        tf.debugging.assert_near(x, y, **given)
    except tf.errors.InvalidArgumentError:
        return False
    return True


# --- images ------------------------------------------------------------------------------------------------------------------------------


def avg_pool(x, count_padding=None):
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def conv_same_stride(x, w, placement=None):
    return tf.nn.conv2d(x, w, strides=[1, 2, 2, 1], padding="SAME")


def resize(x, method=None, corners=None):
    # since TensorFlow 2 there is one choice of corners; the answer is float32 whatever is given
    function = tf.image.resize if corners is None else tf.compat.v2.image.resize
    return tf.cast(function(x, [8, 8], **_given(method=method)), x.dtype)


# --- recurrent cells: weights are given in the order i, f, g, o (or z, r, n), as columns --------------------------------------------------


def lstm_cell(x, h, c, w, u, forget_bias=None, gate=None):
    start = None if forget_bias is None else forget_bias > 0.5
    cell = keras.layers.LSTMCell(h.shape[-1], dtype=x.dtype.name, **_given(unit_forget_bias=start, recurrent_activation=gate))
    cell.build(x.shape)
    cell.kernel.assign(w)
    cell.recurrent_kernel.assign(u)
    after, states = cell(x, [h, c])
    return after, states[1]


def gru_cell(x, h, w, u, reset_after=None, gate=None):
    cell = keras.layers.GRUCell(h.shape[-1], dtype=x.dtype.name, **_given(reset_after=reset_after, recurrent_activation=gate))
    cell.build(x.shape)
    cell.kernel.assign(w)
    cell.recurrent_kernel.assign(u)
    return cell(x, [h])[0]


def lstm_layout(x, w, u, batch_first=None, returns=None):
    layer = keras.layers.LSTM(
        u.shape[0],
        use_bias=False,
        recurrent_activation="sigmoid",
        dtype=x.dtype.name,
        **_given(return_sequences=None if returns is None else returns == "sequence"),
    )
    layer.build(x.shape)
    for weight in layer.trainable_weights:
        weight.assign(u if "recurrent" in weight.name else w)
    return layer(x)


# --- optimisers: three steps with given gradients ----------------------------------------------------------------------------------------


def sgd(w, g, learning_rate=None):
    return _stepped(keras.optimizers.SGD(**_given(learning_rate=learning_rate)), w, g)


def adam(w, g, learning_rate=None, betas=None, epsilon=None, placement=None):
    exact = {"beta_1": 0.875, "beta_2": 0.9990234375} if betas == "exact" else {}
    return _stepped(keras.optimizers.Adam(**_given(learning_rate=learning_rate, epsilon=epsilon, **exact)), w, g)


def adamw(w, g, learning_rate=None, weight_decay=None):
    if not hasattr(keras.optimizers, "AdamW"):
        raise _missing("keras.optimizers.AdamW")
    given = _given(learning_rate=learning_rate, weight_decay=weight_decay)
    return _stepped(keras.optimizers.AdamW(beta_1=0.875, beta_2=0.9990234375, epsilon=1e-8, **given), w, g)


def adamax(w, g, learning_rate=None, epsilon=None, placement=None):
    given = _given(learning_rate=learning_rate, epsilon=epsilon)
    return _stepped(keras.optimizers.Adamax(beta_1=0.875, beta_2=0.9990234375, **given), w, g)


def nadam(w, g, learning_rate=None, epsilon=None, momentum_decay=None):
    optimiser = keras.optimizers.Nadam(**_given(learning_rate=learning_rate, epsilon=epsilon))
    if momentum_decay is None:
        return _stepped(optimiser, w, g)
    # by hand: there is no argument for the schedule of the momentum
    own = _numbers(optimiser)
    beta_1, beta_2 = own["beta_1"], own["beta_2"]
    m, v, product = tf.zeros_like(w), tf.zeros_like(w), 1.0
    for step in range(3):
        now, later = (beta_1 * (1.0 - 0.5 * 0.96 ** (momentum_decay * (step + ahead))) for ahead in (1, 2))
        product = product * now
        m = beta_1 * m + (1.0 - beta_1) * g[step]
        v = beta_2 * v + (1.0 - beta_2) * g[step] * g[step]
        ahead = later / (1.0 - product * later) * m + (1.0 - now) / (1.0 - product) * g[step]
        w = w - own["learning_rate"] * ahead / (tf.sqrt(v / (1.0 - beta_2 ** (step + 1))) + own["epsilon"])
    return w


def rmsprop(w, g, learning_rate=None, rho=None, epsilon=None, placement=None):
    optimiser = keras.optimizers.RMSprop(**_given(learning_rate=learning_rate, rho=rho, epsilon=epsilon))
    if placement is None:
        return _stepped(optimiser, w, g)
    own = _numbers(optimiser)
    v = tf.zeros_like(w)
    for step in range(3):
        v = own["rho"] * v + (1.0 - own["rho"]) * g[step] * g[step]
        w = w - own["learning_rate"] * g[step] / (tf.sqrt(v) + own["epsilon"])
    return w


def adagrad(w, g, learning_rate=None, initial=None, epsilon=None, placement=None):
    given = _given(learning_rate=learning_rate, initial_accumulator_value=initial, epsilon=epsilon)
    optimiser = keras.optimizers.Adagrad(**given)
    if placement is None:
        return _stepped(optimiser, w, g)
    own = _numbers(optimiser)
    total = tf.zeros_like(w) + own["initial_accumulator_value"]
    for step in range(3):
        total = total + g[step] * g[step]
        w = w - own["learning_rate"] * g[step] / (tf.sqrt(total) + own["epsilon"])
    return w


def adadelta(w, g, learning_rate=None, rho=None, epsilon=None):
    return _stepped(keras.optimizers.Adadelta(**_given(learning_rate=learning_rate, rho=rho, epsilon=epsilon)), w, g)


def clip_by_norm(x, epsilon=None):
    return tf.clip_by_norm(x, 0.0009765625)


def _stepped(optimiser, w, g):
    """The weights after three steps of a Keras optimiser."""
    weight = tf.Variable(w)
    for step in range(3):
        optimiser.apply_gradients([(g[step], weight)])
    return tf.identity(weight)


def _numbers(optimiser):
    """The hyperparameters of an optimiser as Python numbers; Keras hands the float32 numbers that it keeps out as they are."""
    config = optimiser.get_config()
    numbers = {name: value for name, value in config.items() if isinstance(value, (int, float)) and not isinstance(value, bool)}
    return dict(numbers, learning_rate=float(config["learning_rate"]))
