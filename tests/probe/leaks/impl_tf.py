"""Functions that change what all cells of a process share, and one that tells how it finds things: TensorFlow."""

import tensorflow as tf

NAMES = ("run_functions_eagerly", "experimental_run_functions_eagerly")
run_eagerly = next(getattr(tf.config, name) for name in NAMES if hasattr(tf.config, name))


def are_eager():
    """Whether a tf.function runs as plain Python."""
    runs = []
    tf.function(lambda: runs.append(tf.executing_eagerly()))()
    return runs[0]


def found(x):
    """What a cell finds: 1 for each thing that is as TensorFlow makes it."""
    things = [not are_eager(), tf.keras.backend.floatx() == "float32", tf.keras.backend.image_data_format() == "channels_last"]
    return tf.constant([float(thing) for thing in things])


def seeds(x):
    tf.compat.v1.set_random_seed(7)
    return x * tf.random.uniform([1])


def eagerly(x):
    run_eagerly(True)
    return x


def floatx(x):
    tf.keras.backend.set_floatx("float64")
    return x


def order(x):
    tf.keras.backend.set_image_data_format("channels_first")
    return x
