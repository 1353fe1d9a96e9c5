"""How a function runs under NumPy: eagerly, and without derivatives."""

import numpy as np

import measure
import observe
import state
import tensors
from outcomes import Unsupported
from timing import Prepared, Stopwatch

MODES = ("eager",)


def start(threads, device, switches=None):
    """Nothing to switch on: the threads of the BLAS and its kernels are set by environment variables before the import."""
    del threads
    if device != "cpu":
        raise Unsupported("NumPy runs on the CPU only")
    if switches:
        raise Unsupported("NumPy has no switch {}".format(", ".join(sorted(switches))))


def run(function, work):
    """Values of ``function`` for a `cells.Work`; returns `timing.Answer`."""
    return measure.run(prepare, function, work)


def prepare(function, work):
    """``function`` ready to run on the inputs of ``work``: a `timing.Prepared`."""
    if work.derivative:
        raise Unsupported("NumPy does not differentiate")
    if work.dtype == "bfloat16":
        raise Unsupported("NumPy has no bfloat16")

    def again(work):
        # copies: a function that writes into its argument must not spoil the inputs of the next cell
        arguments = [work.cast(item).copy() for item in work.inputs]

        def call():
            with np.errstate(all="ignore"):
                return function(*arguments, **work.parameters)

        return call

    call = again(work)
    return Prepared(work, Stopwatch(), call, read, again)


accumulated = None  # nothing is differentiated


def read(value):
    """One output as a `tensors.Tensor`."""
    if not isinstance(value, (np.ndarray, np.generic, bool, int, float)):
        raise TypeError("an output is a {}, not an array".format(type(value).__name__))
    return tensors.from_numpy(value)


def wake(mode):
    """Every mode is ready once NumPy is imported."""
    del mode


def after_cell():
    """Nothing lingers between cells."""


OWN_VARIABLES = ()


def switches():
    """What NumPy computes with beside what `state` reads of it in every environment: the threads of its BLAS."""
    counts = observe.blas_threads()
    return [state.Switch("the number of threads of the BLAS", lambda: [count() for count in counts])] if counts else []


def generators():
    """None beside those that are there in every environment."""
    return []


def modules():
    """None beside NumPy itself, which is looked at in every environment."""
    return []


SIMD = (("avx512", ("AVX512F", "X86_V4")), ("avx2", ("AVX2", "X86_V3")), ("sse", ()))


def arithmetic(libraries):
    """``threads`` and ``blas`` (the kernels of the BLAS), ``simd`` (of NumPy's own loops); ``unknown`` where this version does not tell."""
    facts = {"threads": "unknown", "blas": "unknown", "simd": "unknown"}
    for said in libraries.values():
        facts["blas"] = said.get("core", facts["blas"]).lower()
        facts["threads"] = said.get("threads", facts["threads"])
    dispatched = describe().get("cpu_features")
    if dispatched is not None:
        umath = __import__(_umath(), fromlist=["_"])
        usable = set(dispatched) & (set(umath.__cpu_dispatch__) | set(umath.__cpu_baseline__))
        facts["simd"] = next(name for name, features in SIMD if usable & set(features) or not features)
    return facts


def describe():
    """What only NumPy can tell: build configuration and the instruction sets it dispatches to."""
    facts = {}
    try:
        facts["build"] = np.show_config(mode="dicts")
    except TypeError:  # NumPy < 1.25 only prints, its configuration lies in dictionaries ending in _info
        config = getattr(np, "__config__", None)
        facts["build"] = {
            name: {key: str(value) for key, value in getattr(config, name).items()}
            for name in dir(config)
            if name.endswith("_info") and isinstance(getattr(config, name), dict)
        }
    umath = __import__(_umath(), fromlist=["_"])
    if hasattr(umath, "__cpu_features__"):  # from 1.19 on
        facts["cpu_features"] = sorted(name for name, there in umath.__cpu_features__.items() if there)
        facts["cpu_baseline"] = list(getattr(umath, "__cpu_baseline__", []))
        facts["cpu_dispatch"] = list(getattr(umath, "__cpu_dispatch__", []))
    return facts


def _umath():
    """Where the module with NumPy's loops lies."""
    return ("numpy._core" if np.__version__.split(".")[0] >= "2" else "numpy.core") + "._multiarray_umath"
