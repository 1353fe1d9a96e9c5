"""How a function runs under TensorFlow, 1.15 to 2.x: eagerly, in a session, in a ``tf.function``, compiled by XLA.

All modes share one process: eager execution is on from the start, a session runs inside a graph of its own. Every input and cotangent is
a runtime input (placeholder or tensor argument), so that no mode can fold the function away as a constant.
"""

import copy
import functools
import importlib
import inspect
import os
import sys

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context  # not public, and the only place that tells what a process was configured with
from tensorflow.python.framework import config as config_module

try:
    from tensorflow.python.eager import def_function  # before 2.3 nothing public tells whether tf.function runs eagerly
except ImportError:
    def_function = None

import ask
import cells
import measure
import state
import tensors
from outcomes import Unsupported
from timing import Prepared, Stopwatch, as_list

_state = {"switches": {}}


def start(threads, device, switches=None):
    """Switch eager execution on, set the thread pools and the ``switches`` of a variant, before anything else is done with TensorFlow.

    Raises `Unsupported` where this version has no such switch.
    """
    switches = dict(switches or {})
    for name in sorted(switches):
        if name not in ("grappler", "jit", "deterministic"):
            raise Unsupported("TensorFlow has no switch {}".format(name))
    _state["switches"] = switches
    if not tf.executing_eagerly():
        # 1.15. Not through tf.config.threading: that makes a context of its own, in which tf.cond inside tf.function then fails ("Op type
        # not registered 'cond_true_10'").
        tf.compat.v1.enable_eager_execution(config=_config(threads))
    elif threads > 0:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    if hasattr(tf.config, "optimizer"):  # for tf.function; sessions are told by _config
        if not switches.get("grappler", True):
            tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        if switches.get("jit"):
            tf.config.optimizer.set_jit(True)
    if switches.get("deterministic"):
        if not hasattr(tf.config.experimental, "enable_op_determinism"):
            raise Unsupported("this TensorFlow has no enable_op_determinism")
        tf.config.experimental.enable_op_determinism()
    if device != "cpu":
        list_devices = getattr(tf.config, "list_physical_devices", None) or tf.config.experimental.list_physical_devices
        if not list_devices("GPU"):  # with soft placement, TensorFlow would compute on the processor and say nothing
            raise Unsupported("TensorFlow sees no CUDA device")
    _state["threads"], _state["device"] = threads, "/cpu:0" if device == "cpu" else "/gpu:0"


def run(function, work):
    """Values or derivatives of ``function`` for a `cells.Work` in its mode; returns `timing.Answer`."""
    with tf.device(_state["device"]):
        return measure.run(prepare, function, work, eager=_eager, accumulated=accumulated)


def prepare(function, work):
    """``function`` ready to run in the mode of ``work``: a `timing.Prepared`."""
    return MODES[work.mode](function, work)


def _eager(function, work):
    def again(new):
        arguments, cotangents = _tensors(new)
        return lambda: cells.derivative(new, function, arguments, cotangents, _Tapes())

    call = again(work)
    return Prepared(work, Stopwatch(), call, read, again)


def _function(function, work, **options):
    arguments, cotangents = _tensors(work)
    watch = Stopwatch()

    def lifted(arguments, cotangents, parameters):
        # what a Python number costs when it changes is part of the question: parameters are arguments, not a closure
        new = copy.copy(work)
        new.parameters = parameters
        return tuple(cells.derivative(new, function, arguments, cotangents, _Tapes()))

    # What a tf.function costs is that of one as users have it. For its values alone, source is rewritten only where tracing needs it.
    trace = _Traced(lifted, options, converted=bool(work.measure))

    def again(new):
        arguments, cotangents = _tensors(new)
        return lambda: trace(arguments, cotangents, new.parameters)

    def call():
        return trace(arguments, cotangents, work.parameters)

    return Prepared(work, watch, call, read, again, always_again=bool(options))


class _Traced(object):
    """A ``tf.function`` whose source AutoGraph rewrites from the start where ``converted``, else only when tracing fails without.

    Rewriting takes most of the time of tracing a small function, and changes nothing of its graph unless Python decides or loops by the
    value of a tensor, which without AutoGraph is an error: https://www.tensorflow.org/guide/function#autograph_transformations
    """

    def __init__(self, function, options, converted):
        self.function, self.options, self.converted = function, options, converted
        self.traced = tf.function(function, autograph=converted, **options)

    def __call__(self, *arguments):
        if self.converted:
            return self.traced(*arguments)
        try:
            return self.traced(*arguments)
        except Exception:  # one that has another reason comes again
            self.converted = True
            self.traced = tf.function(self.function, **self.options)
            return self.traced(*arguments)


def wake(mode):
    """What a mode needs beside TensorFlow itself. Raises `Unsupported`."""
    if mode == "xla" and _compiled() is None:
        raise Unsupported("this TensorFlow has no tf.function(jit_compile=True)")


def _xla(function, work):
    return _function(function, work, **{_compiled(): True})


def _session(function, work):
    arguments, cotangents = _tensors(work)  # eager: only to have their bytes in TensorFlow's own NumPy types
    watch = Stopwatch()
    execute, values, close = _graph(function, work, arguments, cotangents)

    def again(new):
        arguments, cotangents = _tensors(new)

        def call():  # placeholders have a shape and a type: another one needs another graph
            execute, values, close = _graph(function, new, arguments, cotangents)
            try:
                return execute(*values)
            finally:
                close()

        return call

    return Prepared(work, watch, lambda: execute(*values), read, again, close=close)


def _graph(function, work, arguments, cotangents):
    """A session on a new graph of ``function``: its callable, the values to feed, and what closes it."""
    graph, fed = tf.Graph(), []

    def placeholder(tensor):
        place = tf.compat.v1.placeholder(tensor.dtype, tensor.shape)
        fed.append((place, tensor.numpy()))
        return place

    with graph.as_default(), tf.device(_state["device"]):
        symbols = [placeholder(tensor) for tensor in arguments]
        levels = [[placeholder(tensor) for tensor in level] for level in cotangents]
        fetches = cells.derivative(work, function, symbols, levels, _Graphs())
    session = tf.compat.v1.Session(graph=graph, config=_config(work.threads))
    execute = session.make_callable(fetches, feed_list=[place for place, _ in fed])
    return execute, [value for _, value in fed], session.close


def accumulated(prepared):
    """The gradients that one call returns, and those that the next returns: two lists of arrays. Nothing keeps a gradient to add to."""
    return [[np.asarray(value.numpy() if hasattr(value, "numpy") else value) for value in as_list(prepared.call())] for _ in range(2)]


MODES = {"eager": _eager, "session": _session, "function": _function, "xla": _xla}


def _config(threads):
    """Thread pools of ``threads`` (0: TensorFlow's own choice), and the switches of the variant."""
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    if not _state["switches"].get("grappler", True):
        config.graph_options.rewrite_options.disable_meta_optimizer = True
    if _state["switches"].get("jit"):
        config.graph_options.optimizer_options.global_jit_level = tf.compat.v1.OptimizerOptions.ON_2
    return config


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


# What later cells compute by, and how each is read; those that a version does not have are left out.
STATE = (
    ("eager execution", "executing_eagerly"),
    ("eager execution of tf.function", "config.functions_run_eagerly"),
    ("soft placement on devices", "config.get_soft_device_placement"),
    ("TF32 in products", "config.experimental.tensor_float_32_execution_enabled"),
    ("compilation by XLA", "config.optimizer.get_jit"),
    ("control flow v2", "compat.v1.control_flow_v2_enabled"),
    ("resource variables", "compat.v1.resource_variables_enabled"),
)
# The settings of Keras lie in modules that are imported when somebody first needs them: (words, name, value until then).
KERAS = (
    ("the float type of Keras", "floatx", "float32"),
    ("epsilon of Keras", "epsilon", 1e-07),
    ("the order of dimensions of Keras", "image_data_format", "channels_last"),
)
KERAS_BACKENDS = (
    "keras.src.backend.config",
    "keras.src.backend_config",
    "keras.backend_config",
    "tensorflow.python.keras.backend_config",
    "tensorflow_core.python.keras.backend_config",
)
KERAS_POLICIES = (
    "keras.src.mixed_precision.policy",
    "keras.mixed_precision.policy",
    "tensorflow.python.keras.mixed_precision.policy",
    "tensorflow.python.keras.mixed_precision.experimental.policy",
    "tensorflow_core.python.keras.mixed_precision.experimental.policy",
)
KERAS_STATE = "keras.src.backend.common.global_state"
KERAS_BACKENDS_OF_SEEDS = ("keras.src.backend", "keras.backend", "tensorflow.python.keras.backend")
GLOBAL_GENERATORS = ("tensorflow.python.ops.stateful_random_ops", "tensorflow_core.python.ops.stateful_random_ops")


OWN_VARIABLES = ()


def switches():
    """What functions can set in TensorFlow and Keras for all that comes after them."""
    found = []
    for words, name in STATE:
        read = _named(name)
        if read is not None:
            found.append(state.Switch(words, read))
    if def_function is not None and not hasattr(tf.config, "functions_run_eagerly"):
        found.append(state.Switch("eager execution of tf.function", lambda: def_function.RUN_FUNCTIONS_EAGERLY))
    if hasattr(config_module, "is_op_determinism_enabled"):
        found.append(state.Switch("deterministic operations", config_module.is_op_determinism_enabled))
    found += [state.Switch(words, _of_keras(name, default)) for words, name, default in KERAS]
    return found + [state.Switch("the policy of Keras for dtypes", _policy)]


def _named(name):
    value = tf
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _of_keras(name, default):
    def read():
        for place in KERAS_BACKENDS:
            module = sys.modules.get(place)
            if module is not None:
                value = getattr(module, name)()
                if value != default:
                    return value
        return default

    return read


def _policy():
    """The name of the policy; empty while nobody has set one."""
    module = sys.modules.get(KERAS_STATE)
    policies = [module.get_global_attribute("dtype_policy")] if module is not None else []
    policies += [getattr(sys.modules[place], "_global_policy", None) for place in KERAS_POLICIES if place in sys.modules]
    names = {getattr(policy, "name", "") for policy in policies if policy is not None} - {"float32", "_infer", "infer"}
    return sorted(names)


def generators():
    """The seed of TensorFlow; its generator and that of Keras, which are made when somebody first draws."""
    eager, seed = context.context(), context.global_seed()

    def reseed():
        eager._set_global_seed(seed)  # forgets the kernels too, which have seeds and numbers of their own

    return [
        state.Generator("the generator of TensorFlow", lambda: context.global_seed() != seed, reseed, lambda: True),
        state.Generator("the generators that it makes", lambda: bool(_made()), lambda: [undo() for undo in _made()], lambda: False),
    ]


def _made():
    """For each generator that was made: what forgets it."""
    found = []
    for place in GLOBAL_GENERATORS:
        module = sys.modules.get(place)
        if getattr(module, "global_generator", None) is not None:
            found.append(functools.partial(setattr, module, "global_generator", None))
    module = sys.modules.get(KERAS_STATE)
    if module is not None and module.get_global_attribute("global_seed_generator") is not None:
        found.append(functools.partial(module.set_global_attribute, "global_seed_generator", None))
    for place in KERAS_BACKENDS_OF_SEEDS:
        kept = getattr(sys.modules.get(place), "_SEED_GENERATOR", None)
        if hasattr(kept, "generator"):
            found.append(functools.partial(delattr, kept, "generator"))
    return found


def modules():
    """Whose functions cells call."""
    return [tf, tf.math, tf.nn, tf.linalg]


def arithmetic(_libraries):
    """``threads``, ``custom_onednn`` (whether TensorFlow's operations may use oneDNN), ``onednn`` (its instruction set: Eigen's products
    use it too), ``grappler``, ``jit``, ``deterministic``, ``xla_flags`` (``refused`` when XLA does not know them).
    """
    return {
        "threads": _threads(),
        "custom_onednn": _mkl_enabled(),
        "onednn": ask.onednn(_products),
        "grappler": not _optimizer("disable_meta_optimizer"),
        "jit": bool(tf.config.optimizer.get_jit()) if hasattr(tf.config, "optimizer") else "unknown",
        "deterministic": _is_deterministic(),
        "xla_flags": _xla_flags(),
    }


def _threads():
    """What TensorFlow was configured with: from 2.0 on it says so, before that its configuration is what eager execution was given."""
    said = tf.config.threading.get_intra_op_parallelism_threads()
    return said or context.context().config.intra_op_parallelism_threads


def _optimizer(name):
    if not hasattr(tf.config, "optimizer"):
        return False
    options = dict(tf.config.optimizer.get_experimental_options())
    return bool(options.get(name)) or bool(getattr(context.context().config.graph_options.rewrite_options, name, False))


def _is_deterministic():
    asked = getattr(config_module, "is_op_determinism_enabled", None)
    return bool(asked()) if asked is not None else "unknown"


def _products():
    tf.matmul(tf.ones((64, 64)), tf.ones((64, 64)))
    tf.nn.conv2d(tf.ones((1, 8, 8, 16)), tf.ones((3, 3, 16, 16)), 1, "SAME")


def _xla_flags():
    """XLA ends the process over flags that it does not know, when it first reads them: those it compiles with have been read."""
    flags = os.environ.get("XLA_FLAGS", "")
    option = _compiled()
    if not flags or option is None:
        return flags and "unread"
    ended_well, _ = ask.copy_of_this(lambda: tf.function(lambda x: x + x, **{option: True})(tf.ones((4,))))
    return flags if ended_well else "refused"


def _compiled():
    """The name of the option of ``tf.function`` that compiles with XLA, or None."""
    known = inspect.signature(tf.function).parameters
    return next((name for name in ("jit_compile", "experimental_compile") if name in known), None)


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
    facts["mkl_enabled"] = _mkl_enabled()
    return facts


def _mkl_enabled():
    """Whether TensorFlow's operations may use oneDNN. Not public, the only place that tells, and it moved."""
    places = ("tensorflow.python.util._pywrap_util_port", "tensorflow.python._pywrap_util_port", "tensorflow.python.pywrap_tensorflow")
    there = [place for place in places if _is_there(place)]
    return bool(importlib.import_module(there[0]).IsMklEnabled()) if there else "unknown"


def _is_there(place):
    try:
        return hasattr(importlib.import_module(place), "IsMklEnabled")
    except ImportError:
        return False
