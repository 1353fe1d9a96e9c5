"""How a function runs under NumPy: eagerly, and without derivatives."""

import numpy as np

import tensors
from outcomes import Unsupported
from timing import Stopwatch, measure

MODES = ("eager",)


def start(threads, device):
    """Nothing to switch on: the threads of the BLAS are set by environment variables before the import."""
    del threads
    if device != "cpu":
        raise Unsupported("NumPy runs on the CPU only")


def run(function, work):
    """Values of ``function`` for a `cells.Work`; returns `timing.Answer`."""
    if work.derivative:
        raise Unsupported("NumPy does not differentiate")
    if work.dtype == "bfloat16":
        raise Unsupported("NumPy has no bfloat16")
    # copies: a function that writes into its argument must not spoil the inputs of the next cell
    arguments = [work.cast(item).copy() for item in work.inputs]

    def call():
        with np.errstate(all="ignore"):
            return function(*arguments, **work.parameters)

    return measure(work, Stopwatch(), call, read)


def read(value):
    """One output as a `tensors.Tensor`."""
    return tensors.from_numpy(value)


def after_cell():
    """Nothing lingers between cells."""


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
    for place in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:
            umath = __import__(place, fromlist=["_"])
        except ImportError:
            continue
        facts["cpu_features"] = sorted(name for name, there in getattr(umath, "__cpu_features__", {}).items() if there)
        facts["cpu_baseline"] = list(getattr(umath, "__cpu_baseline__", []))
        facts["cpu_dispatch"] = list(getattr(umath, "__cpu_dispatch__", []))
        break
    return facts
