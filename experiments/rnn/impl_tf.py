"""The functions with Keras's own layers, TensorFlow 1.15 to 2.21 (Keras 2 and Keras 3).

A layer does not build weights of its own: the tensors take the places of its variables (``layer.cell.kernel`` and so on), so that the
gradient reaches them in every mode and no variable has to live in a session or in a ``tf.function``. Gate activations and ``reset_after``
are always named, except where a case is about the default.

Keras has the gates of LSTM in the order i, f, c, o, the same as i, f, g, o; those of GRU in the order z, r, h, so these are moved.
"""

import inspect
import threading

import tensorflow as tf

KERAS_3 = hasattr(tf.keras.layers.Layer, "stateless_call")
OWN_GRU_ORDER = "zrn"


def simple_cell(x, h, w, u, b):
    cell = _cell("SimpleRNNCell", x, w, u, b)
    return cell(x, [h])[0]


def lstm_cell(x, h, c, w, u, b):
    cell = _cell("LSTMCell", x, w, u, b, recurrent_activation="sigmoid")
    _, (h, c) = cell(x, [h, c])
    return h, c


def gru_cell(x, h, w, u, b):
    w, u, b = _to_zrn(w, u, b)
    cell = _cell("GRUCell", x, w, u, b, recurrent_activation="sigmoid", reset_after=True)
    return cell(x, [h])[0]


def simple_layer(x, w, u, b):
    return tuple(_simple(x, w, u, b)(x))


def simple_relu(x, w, u, b):
    return tuple(_simple(x, w, u, b, activation="relu")(x))


def lstm_layer(x, w, u, b):
    return tuple(_lstm(x, w, u, b)(x))


def lstm_initial_state(x, h, c, w, u, b):
    return tuple(_lstm(x, w, u, b)(x, initial_state=[h, c]))


def lstm_unrolled(x, w, u, b):
    return tuple(_lstm(x, w, u, b, unroll=True)(x))


def lstm_of_cells(x, w, u, b, implementation):
    cell = _cell("LSTMCell", x, w, u, b, recurrent_activation="sigmoid", implementation=implementation)
    return tuple(_of_cells(x, cell)(x))


def gru_layer(x, w, u, b):
    return tuple(_gru(x, w, u, b)(x))


def lstm_backwards(x, w, u, b, output_order=None):
    out, h, _ = _lstm(x, w, u, b, go_backwards=True)(x)
    return out if output_order in (None, "processing") else tf.reverse(out, [1]), h


def simple_stacked_2(x, w1, u1, b1, w2, u2, b2):
    x = _simple(x, w1, u1, b1)(x)[0]
    return tuple(_simple(x, w2, u2, b2)(x))


def lstm_stacked_2(x, w1, u1, b1, w2, u2, b2):
    x = _lstm(x, w1, u1, b1)(x)[0]
    return tuple(_lstm(x, w2, u2, b2)(x))


def lstm_stacked_3(x, w1, u1, b1, w2, u2, b2, w3, u3, b3):
    one = _cell("LSTMCell", x, w1, u1, b1, recurrent_activation="sigmoid")
    below, middle = tf.transpose(u1), tf.transpose(u2)  # as wide as the outputs of the cells under them
    two = _cell("LSTMCell", below, w2, u2, b2, recurrent_activation="sigmoid")
    three = _cell("LSTMCell", middle, w3, u3, b3, recurrent_activation="sigmoid")
    # A list of cells would do, but Keras 3 then forgets the type and computes in float32.
    stack = _outside(lambda: tf.keras.layers.StackedRNNCells([one, two, three], dtype=x.dtype.name))
    values = tf.nest.flatten(_of_cells(x, stack)(x))
    return values[0], values[-2], values[-1]


def gru_stacked_2(x, w1, u1, b1, w2, u2, b2):
    x = _gru(x, w1, u1, b1)(x)[0]
    return tuple(_gru(x, w2, u2, b2)(x))


def simple_bidirectional(x, w1, u1, b1, w2, u2, b2):
    return _bidirectional("SimpleRNN", x, (w1, u1, b1), (w2, u2, b2), return_sequences=True)


def lstm_bidirectional(x, w1, u1, b1, w2, u2, b2):
    return _bidirectional("LSTM", x, (w1, u1, b1), (w2, u2, b2), return_sequences=True, recurrent_activation="sigmoid")


def gru_bidirectional(x, w1, u1, b1, w2, u2, b2):
    options = {"return_sequences": True, "recurrent_activation": "sigmoid", "reset_after": True}
    return _bidirectional("GRU", x, _to_zrn(w1, u1, b1), _to_zrn(w2, u2, b2), **options)


def lstm_bidirectional_last(x, w1, u1, b1, w2, u2, b2, last_output=None):
    # The layer's own answer, without return_sequences, is that of the whole sequence in both directions.
    return _bidirectional("LSTM", x, (w1, u1, b1), (w2, u2, b2), recurrent_activation="sigmoid")


def lstm_masked(x, mask, w, u, b, padded_output=None):
    return tuple(_lstm(x, w, u, b, **_zero_output(padded_output))(x, mask=mask))


def lstm_steps(x, mask, w, u, b, steps="padded"):
    out = _lstm(x, w, u, b, **_zero_output("zeros"))(x, mask=mask)[0]
    return out if steps == "padded" else out[:, : int(tf.reduce_max(tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)))]


def gru_masked(x, mask, w, u, b, padded_output=None):
    return tuple(_gru(x, w, u, b, **_zero_output(padded_output))(x, mask=mask))


def simple_masked(x, mask, w, u, b, padded_output=None):
    return tuple(_simple(x, w, u, b, **_zero_output(padded_output))(x, mask=mask))


def lstm_mask_with_hole(x, mask, w, u, b):
    return tuple(_lstm(x, w, u, b)(x, mask=mask))


def lstm_masking_layer(x, mask, w, u, b):
    padded = _padded_with_zeros(x, mask)
    return tuple(_lstm(x, w, u, b)(tf.keras.layers.Masking(0.0, dtype=x.dtype.name)(padded)))


def lstm_forgotten_mask(x, mask, w, u, b, use_mask=None):
    padded = _padded_with_zeros(x, mask)
    layer = _lstm(x, w, u, b, zero_output_for_mask=True)
    out, h, _ = layer(padded, mask=mask) if use_mask else layer(padded)
    return out, h


def lstm_padding_side(x, mask, w, u, b, padding_side=None):
    side = _padding_of_keras() if padding_side is None else padding_side
    if side == "left":
        steps = int(x.shape[1])
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1, keepdims=True)
        places = tf.math.floormod(tf.range(steps)[None, :] + lengths, steps)
        x, mask = tf.gather(x, places, batch_dims=1), tf.gather(mask, places, batch_dims=1)
    out, h, _ = _lstm(x, w, u, b, zero_output_for_mask=True)(x, mask=mask)
    return out, h


def lstm_last_valid(x, mask, w, u, b, last_output=None):
    return _layer("LSTM", x, w, u, b, recurrent_activation="sigmoid")(x, mask=mask)


def lstm_dense(x, w, u, b_input, b_hidden, v, d, batch_first=None, bias_move=None, recurrent_activation=None):
    b = b_input + b_hidden if bias_move == "sum" else b_input  # the layer has one bias: the second has no place of its own
    options = _known(recurrent_activation=recurrent_activation)
    x = x if batch_first in (None, True) else tf.transpose(x, [1, 0, 2])
    last = _layer("LSTM", x, w, u, b, **options)(x)
    _fit("dense kernel", v, [u.shape[0], v.shape[1]])
    _fit("dense bias", d, [v.shape[1]])
    dense = tf.keras.layers.Dense(int(v.shape[1]), dtype=x.dtype.name)
    dense.built = True
    _place(dense, "_kernel" if KERAS_3 else "kernel", v)
    _place(dense, "bias", d)
    return dense(last)


def lstm_time_major(x, w, u, b):
    if KERAS_3:
        raise NotImplementedError("the recurrent layers of Keras 3 have no time_major")
    return tuple(_lstm(x, w, u, b, time_major=True)(x))


def lstm_first_biases(x, w, u, draws, bias_start=None, recurrent_activation=None):
    options = _known(recurrent_activation=recurrent_activation)
    if bias_start is not None:
        options["unit_forget_bias"] = bias_start == "unit_forget"

    def first():
        layer = tf.keras.layers.LSTM(int(u.shape[0]), dtype=x.dtype.name, **options)
        layer.build(tuple(x.shape.as_list()))
        return layer.cell.bias.numpy()

    b = tf.constant(_outside(first))
    return tuple(_layer("LSTM", x, w, u, b, return_sequences=True, return_state=True, **options)(x))


def lstm_tf1_cell(x, w, u, b, gate_order=None, forget_bias=None):
    try:
        kind = tf.compat.v1.nn.rnn_cell.LSTMCell
    except AttributeError as error:
        raise NotImplementedError(str(error)) from None
    if gate_order is not None:
        w, u, b = [_reordered(one, gate_order, "igfo") for one in (w, u, b)]
    _check(x, w, u, b, 4)
    cell = kind(int(u.shape[0]), dtype=x.dtype, **_known(forget_bias=forget_bias))
    cell._kernel, cell._bias = tf.concat([w, u], axis=0), b
    cell.built = True
    out, state = tf.compat.v1.nn.dynamic_rnn(cell, x, dtype=x.dtype)
    return out, state.h, state.c


def lstm_v1_layer(x, w, u, b, recurrent_activation=None):
    options = _known(recurrent_activation=recurrent_activation)
    return tuple(_layer("LSTM", x, w, u, b, tf.compat.v1.keras.layers, return_sequences=True, return_state=True, **options)(x))


def lstm_hard_sigmoid(x, w, u, b, hard_sigmoid=None):
    function = "hard_sigmoid" if hard_sigmoid is None else _fifth
    return tuple(_layer("LSTM", x, w, u, b, return_sequences=True, return_state=True, recurrent_activation=function)(x))


def gru_defaults(x, w, u, b, gate_order=None, reset_after=None, recurrent_activation=None):
    if gate_order is not None:
        w, u, b = [_reordered(one, gate_order, OWN_GRU_ORDER) for one in (w, u, b)]
    return _gru_of(tf.keras.layers, x, w, u, b, reset_after, recurrent_activation)


def gru_v1_layer(x, w, u, b, reset_after=None, recurrent_activation=None):
    w, u, b = _to_zrn(w, u, b)
    return _gru_of(tf.compat.v1.keras.layers, x, w, u, b, reset_after, recurrent_activation)


def gru_reset_before(x, w, u, b):
    w, u, b = _to_zrn(w, u, b)
    return _gru_of(tf.keras.layers, x, w, u, b, False, "sigmoid")


def lstm_carried(x, w, u, b):
    layer, state, last = _lstm(x, w, u, b), None, []
    for batch in tf.unstack(x):
        state = list(layer(batch, initial_state=state)[1:])
        last.append(state[0])
    return tf.stack(last), state[0], state[1]


def lstm_stateful(x, w, u, b, state_gradient=None):
    # The layer keeps its state in variables: a gradient ends there, whatever is asked for.
    _check(x, w, u, b, 4)

    def build():
        usual = tf.keras.backend.floatx()
        tf.keras.backend.set_floatx(x.dtype.name)  # TensorFlow 1.15 makes the variables of the state in this type, not in that of the layer
        try:
            layer = tf.keras.layers.LSTM(int(u.shape[0]), recurrent_activation="sigmoid", stateful=True, return_state=True)
            layer.build(tuple(x.shape.as_list()[1:]))
        finally:
            tf.keras.backend.set_floatx(usual)
        return layer

    layer = _outside(build)
    ALIVE.append(layer)
    _fill(layer.cell, w, u, b)
    for state in tf.nest.flatten(layer.states):
        state.assign(tf.zeros(state.shape, x.dtype))
    last = []
    for batch in tf.unstack(x):
        out, h, c = layer(batch)
        last.append(out)
    return tf.stack(last), h, c


def lstm_state_kept(x, w, u, b, state=None):
    layer, kept, last = _lstm(x, w, u, b), None, []
    for batch in tf.unstack(x):
        # A layer forgets its state from call to call unless it is told otherwise.
        kept = list(layer(batch, initial_state=kept if state == "carried" else None)[1:])
        last.append(kept[0])
    return tf.stack(last), kept[0], kept[1]


def gru_carried(x, w, u, b):
    layer, state, last = _gru(x, w, u, b), None, []
    for batch in tf.unstack(x):
        state = layer(batch, initial_state=state)[1]
        last.append(state)
    return tf.stack(last)


def gru_batches_apart(x, w, u, b):
    layer = _gru(x, w, u, b)
    return tf.stack([layer(batch)[1] for batch in tf.unstack(x)])


def gru_batches_joined(x, w, u, b):
    batches, rows, steps, features = x.shape.as_list()
    last = _gru(x, w, u, b)(tf.reshape(x, [batches * rows, steps, features]))[1]
    return tf.reshape(last, [batches, rows, u.shape[0]])


def simple_training(x, y, w, u, b, updates=None):
    rows = int(x.shape[1])
    weights, state = [w, u, b], tf.zeros([rows, u.shape[0]], x.dtype)
    sums = [tf.zeros_like(one) for one in weights]
    for batch, target in zip(tf.unstack(x), tf.unstack(y)):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for one in weights:
                tape.watch(one)
            last = _simple(batch, *weights)(batch, initial_state=state)[1]
            loss = 0.5 * tf.reduce_sum((last - target) ** 2) / rows
        # A tape does not see through the loops of a session.
        in_session = not tf.executing_eagerly() and not tf.compat.v1.get_default_graph().building_function
        slopes = tf.compat.v1.gradients(loss, weights) if in_session else tape.gradient(loss, weights)
        state = tf.stop_gradient(last)
        if updates == "at_end":
            sums = [total + slope for total, slope in zip(sums, slopes)]
        else:
            weights = [one - 0.125 * slope for one, slope in zip(weights, slopes)]
    if updates == "at_end":
        weights = [one - 0.125 * total for one, total in zip(weights, sums)]
    return weights[0], weights[1], weights[2], state


def lstm_length(x, w, u, b):
    return _lstm(x, w, u, b)(x)[0]


def simple_length(x, w, u, b):
    return _simple(x, w, u, b)(x)[0]


# --- weights in their places -------------------------------------------------------------------------------------------------------------

ALIVE = []
"""Layers with variables: a ``tf.function`` that uses them does not keep them."""


def _fit(name, tensor, expected):
    """Raise ``ValueError`` when a weight has another shape than its place."""
    expected = [int(size) for size in expected]
    if tensor.shape.as_list() != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {tensor.shape.as_list()}")


def _check(x, w, u, b, gates, rows=0):
    """``rows``: 2 when the layer has a bias for the input and one for the state, stacked; else 0."""
    units = int(u.shape[0])
    _fit("kernel", w, [int(x.shape[-1]), gates * units])
    _fit("recurrent kernel", u, [units, gates * units])
    _fit("bias", b, [rows, gates * units] if rows else [gates * units])


def _place(layer, name, tensor):
    setattr(layer, name, tensor)
    if getattr(layer, name) is not tensor:
        raise RuntimeError(f"{name} of {type(layer).__name__} cannot be replaced by a tensor")


def _fill(cell, w, u, b):
    _place(cell, "kernel", w)
    _place(cell, "recurrent_kernel", u)
    _place(cell, "bias", b)
    cell.built = True


@tf.autograph.experimental.do_not_convert
def _outside(make):
    """What ``make()`` returns, run where neither the graph of a session nor a ``tf.function`` is under construction: in another thread.

    Layers of Keras 3 have a variable for the seed of their dropout, used or not, and layers with state have more: a ``tf.function`` refuses
    to make variables anew in every trace, inside of ``tf.init_scope`` as well.
    """
    made = []
    thread = threading.Thread(target=lambda: made.append(make()))
    thread.start()
    thread.join()
    if not made:
        raise RuntimeError("Keras could not make the layer: its message stands in the log")
    return made[0]


def _known(**options):
    """The options that are given; for the others the layer has its default."""
    return {name: value for name, value in options.items() if value is not None}


GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


def _cell(kind, x, w, u, b, **options):
    _check(x, w, u, b, GATES[kind[:-4]], 2 if options.get("reset_after") else 0)
    cell = _outside(lambda: getattr(tf.keras.layers, kind)(int(u.shape[0]), dtype=x.dtype.name, **options))
    _fill(cell, w, u, b)
    return cell


def _of_cells(x, cell):
    layer = _outside(lambda: tf.keras.layers.RNN(cell, dtype=x.dtype.name, return_sequences=True, return_state=True))
    layer.cell.built = layer.built = True
    return layer


def _layer(kind, x, w, u, b, place=None, **options):
    """The layer called ``kind`` of the module ``place`` with these weights."""
    layer = _outside(lambda: getattr(place or tf.keras.layers, kind)(int(u.shape[0]), dtype=x.dtype.name, **options))
    _check(x, w, u, b, GATES[kind], 2 if getattr(layer.cell, "reset_after", False) else 0)
    _fill(layer.cell, w, u, b)
    layer.built = True
    return layer


def _simple(x, w, u, b, **options):
    return _layer("SimpleRNN", x, w, u, b, return_sequences=True, return_state=True, **options)


def _lstm(x, w, u, b, **options):
    return _layer("LSTM", x, w, u, b, recurrent_activation="sigmoid", return_sequences=True, return_state=True, **options)


def _gru(x, w, u, b, **options):
    w, u, b = _to_zrn(w, u, b)
    options = dict(options, recurrent_activation="sigmoid", reset_after=True, return_sequences=True, return_state=True)
    return _layer("GRU", x, w, u, b, **options)


def _gru_of(place, x, w, u, b, reset_after, recurrent_activation):
    """A GRU whose bias has the form that its ``reset_after`` wants: two rows, or their sum."""
    options = _known(reset_after=reset_after, recurrent_activation=recurrent_activation)
    after = _outside(lambda: place.GRU(int(u.shape[0]), **options)).cell.reset_after
    b = b if after else b[0] + b[1]
    return tuple(_layer("GRU", x, w, u, b, place, return_sequences=True, return_state=True, **options)(x))


def _bidirectional(kind, x, ahead, back, **options):
    units = int(ahead[1].shape[0])
    both = _outside(
        lambda: tf.keras.layers.Bidirectional(getattr(tf.keras.layers, kind)(units, dtype=x.dtype.name, **options), dtype=x.dtype.name)
    )
    for one, (w, u, b) in ((both.forward_layer, ahead), (both.backward_layer, back)):
        _check(x, w, u, b, GATES[kind], 2 if options.get("reset_after") else 0)
        _fill(one.cell, w, u, b)
        one.built = True
    both.built = True
    return both(x)


def _reordered(tensor, given, own):
    """Blocks of the last axis, one for each letter of ``given``, in the order of ``own``."""
    parts = dict(zip(given, tf.split(tensor, len(given), axis=-1)))
    return tf.concat([parts[letter] for letter in own], axis=-1)


def _to_zrn(w, u, b):
    return [_reordered(one, "rzn", OWN_GRU_ORDER) for one in (w, u, b)]


def _zero_output(padded_output):
    return {} if padded_output is None else {"zero_output_for_mask": padded_output == "zeros"}


def _padded_with_zeros(x, mask):
    return tf.where(tf.tile(mask[:, :, None], [1, 1, x.shape[2]]), x, tf.zeros_like(x))


def _padding_of_keras():
    """Where ``pad_sequences`` puts the padding when nobody says: "left" or "right"."""
    parameters = inspect.signature(tf.keras.preprocessing.sequence.pad_sequences).parameters
    return {"pre": "left", "post": "right"}[parameters["padding"].default]


def _fifth(x):
    """Keras's hard sigmoid before Keras 3."""
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)
