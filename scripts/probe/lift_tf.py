"""How a function runs under TensorFlow, 1.15 to 2.x: eagerly, in a session, in a ``tf.function``, compiled by XLA.

All modes share one process: eager execution is on from the start, a session runs inside a graph of its own. Every input and cotangent is
a runtime input (placeholder or tensor argument), so that no mode can fold the function away as a constant.
"""

import inspect

import numpy as np
import tensorflow as tf

import cells
import tensors
from outcomes import Unsupported
from timing import Stopwatch, measure

_state = {}


def start(threads, device):
    """Switch eager execution on and set the thread pools, before anything else is done with TensorFlow."""
    if not tf.executing_eagerly():
        # 1.15. Not through tf.config.threading: that makes a context of its own, in which tf.cond inside tf.function then fails ("Op type
        # not registered 'cond_true_10'").
        tf.compat.v1.enable_eager_execution(config=_config(threads))
    elif threads > 0:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    _state["threads"], _state["device"] = threads, "/cpu:0" if device == "cpu" else "/gpu:0"


def run(function, work):
    """Values or derivatives of ``function`` for a `cells.Work` in its mode; returns `timing.Answer`."""
    with tf.device(_state["device"]):
        return MODES[work.mode](function, work)


def _eager(function, work):
    arguments, cotangents = _tensors(work)
    watch = Stopwatch()
    return measure(work, watch, lambda: cells.derivative(work, function, arguments, cotangents, _Tapes()), read)


def _function(function, work, **options):
    arguments, cotangents = _tensors(work)
    watch = Stopwatch()

    def lifted(arguments, cotangents):
        return tuple(cells.derivative(work, function, arguments, cotangents, _Tapes()))

    traced = tf.function(lifted, **options)
    return measure(work, watch, lambda: traced(arguments, cotangents), read, always_again=bool(options))


def _xla(function, work):
    known = inspect.signature(tf.function).parameters
    for name in ("jit_compile", "experimental_compile"):
        if name in known:
            return _function(function, work, **{name: True})
    raise Unsupported("this TensorFlow has no tf.function(jit_compile=True)")


def _session(function, work):
    arguments, cotangents = _tensors(work)  # eager: only to have their bytes in TensorFlow's own NumPy types
    watch = Stopwatch()
    graph, fed = tf.Graph(), []

    def placeholder(tensor):
        place = tf.compat.v1.placeholder(tensor.dtype, tensor.shape)
        fed.append((place, tensor.numpy()))
        return place

    with graph.as_default(), tf.device(_state["device"]):
        symbols = [placeholder(tensor) for tensor in arguments]
        levels = [[placeholder(tensor) for tensor in level] for level in cotangents]
        fetches = cells.derivative(work, function, symbols, levels, _Graphs())
    with tf.compat.v1.Session(graph=graph, config=_config(work.threads)) as session:
        execute = session.make_callable(fetches, feed_list=[place for place, _ in fed])
        values = [value for _, value in fed]
        return measure(work, watch, lambda: execute(*values), read)


MODES = {"eager": _eager, "session": _session, "function": _function, "xla": _xla}


def _config(threads):
    """Thread pools of ``threads`` (0: TensorFlow's own choice)."""
    return tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)


def _tensors(work):
    """Inputs and cotangents as eager tensors in the dtypes of the cell."""

    def make(item):
        # a copy: newer versions may share memory with the array
        tensor = tf.constant(work.cast(item).copy())
        return tf.cast(tensor, tf.bfloat16) if work.target(item) == "bfloat16" else tensor

    return [make(item) for item in work.inputs], [[make(item) for item in level] for level in work.cotangents]


class _Common(object):
    """What tapes and graphs share; see `cells.derivative`."""

    def floating(self, value):
        return tf.as_dtype(value.dtype).is_floating

    def matches(self, value, cotangent, name):
        if value.shape.is_fully_defined():
            cells.check_shape(value.shape.as_list(), cotangent.shape.as_list(), name)
        return cotangent if cotangent.dtype == value.dtype else tf.cast(cotangent, value.dtype)

    def dense(self, gradient, source):
        return tf.zeros_like(source) if gradient is None else tf.convert_to_tensor(gradient)


class _Tapes(_Common):
    """Differentiation by tapes, nested for higher orders."""

    def pull(self, below, sources, order):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for source in sources:
                tape.watch(source)
            values, cotangents = below(sources)
        return tape.gradient(values, sources, output_gradients=cotangents)


class _Graphs(_Common):
    """Differentiation by adding gradient nodes to the graph of a session."""

    def pull(self, below, sources, order):
        values, cotangents = below(sources)
        return tf.compat.v1.gradients(values, sources, grad_ys=cotangents)


def read(value):
    """One output, eager tensor or what a session returned, as a `tensors.Tensor`."""
    if hasattr(value, "numpy"):
        value = value.numpy()
    return tensors.from_numpy(np.asarray(value))


def after_cell():
    """Nothing lingers between cells: each has its own graph or function."""


def describe():
    """What only TensorFlow can tell about its build and its devices."""
    facts = {
        "version": tf.version.VERSION,
        "git_version": str(tf.version.GIT_VERSION),
        "compiler_version": str(tf.version.COMPILER_VERSION),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "compile_flags": [flag for flag in tf.sysconfig.get_compile_flags() if not flag.startswith("-I")],
        "built_with_cuda": tf.test.is_built_with_cuda(),
        "control_flow_v2": bool(tf.compat.v1.control_flow_v2_enabled()),
    }
    if hasattr(tf.sysconfig, "get_build_info"):
        facts["build"] = {str(key): str(value) for key, value in dict(tf.sysconfig.get_build_info()).items()}
    list_devices = getattr(tf.config, "list_physical_devices", None) or tf.config.experimental.list_physical_devices
    facts["devices"] = sorted("{}: {}".format(device.device_type, device.name) for device in list_devices())
    try:
        from tensorflow.python import _pywrap_util_port as port  # not public, and the only place that tells

        facts["mkl_enabled"] = bool(port.IsMklEnabled())
    except Exception as error:
        facts["mkl_enabled"] = "unknown ({})".format(type(error).__name__)
    return facts
