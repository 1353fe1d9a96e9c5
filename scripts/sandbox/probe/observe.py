"""What the environment is, seen from inside: never what was asked for.

The same environment on the same machine gives the same text: no clock, no process id, no path of the machine.
"""

import ctypes
import glob
import io
import json
import os
import platform
import re
import sys

SWITCHES = (
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "GOTO_",
    "BLIS_",
    "TF_",
    "DNNL_",
    "ONEDNN_",
    "ATEN_",
    "NPY_",
    "XLA_",
    "KMP_",
    "CUDA_",
    "NVIDIA_",
    "TORCH",
    "PYTORCH",
    "KERAS_",
    "LD_PRELOAD",
    "PYTHONHASHSEED",
    "GLIBC_TUNABLES",
)
# Values of these are places on the machine; that they are set is noted, where they point is not.
PLACES = re.compile(r"(_DIR|_HOME|_PATH|_CACHE|_ROOT|_FILE|LD_PRELOAD)$")
LIBRARIES = re.compile(r"(openblas|mkl_|blis|lapack|iomp|libomp|gomp|dnnl|cudnn|cublas|cudart|libm[.-]|libmvec|sleef)")
# Instructions that compute with floating-point numbers, by their kind: what numeric libraries choose their kernels by. Lists of names would
# lack those of the next processor. `replab/engines/base.py` has the same, a test compares them.
NUMERIC = re.compile(
    r"(ssse3|sse4_.*|sse4\.\d|avx.*|amx.*|fma.*|f16c|xop"
    r"|asimd.*|fphp|fcma|sve.*|sme[a-z]*\d.*|.?bf16|i8mm|f(16|32|64)mm|f8.*"
    r"|lsx|lasx|vx.*|nnpa|altivec.*|vsx.*|mma.*|rv\d.*)$"
)
HARMLESS = re.compile(r"(avx512.?(bitalg|vpopcntdq|vp2intersect|ifma|vbmi2?)|avx_ifma|sve(aes|bitperm|pmull|sha3|sm4))$")
# What /proc/cpuinfo calls the name of a processor, and its instructions, on one kind of machine or another.
MODELS = ("model name", "cpu", "uarch", "cpu part", "vendor_id")
FEATURES = ("flags", "features", "isa")
OPENBLAS = (
    ("config", "get_config", ctypes.c_char_p),
    ("core", "get_corename", ctypes.c_char_p),
    ("threads", "get_num_threads", ctypes.c_int),
)


def observe(lift, isolation):
    """The observation as JSON text (sorted keys); ``lift`` adds what only its framework can tell, ``isolation`` what was tried before."""
    import lift_numpy

    facts = {
        "schema": 1,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "compiler": platform.python_compiler(),
            "build": " ".join(platform.python_build()),
        },
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "libc": _libc(),
            "kernel": platform.release(),
            "distribution": _distribution(),
            "container": any(os.path.exists(path) for path in ("/.dockerenv", "/run/.containerenv", "/.singularity.d")),
        },
        "cpu": _cpu(),
        "packages": _packages(),
        "libraries": _libraries(),
        "switches": _switches(),
        "isolation": {point: found or "holds" for point, found in isolation.items()},
        "numpy": _described(lift_numpy),
    }
    if lift is not lift_numpy:
        facts[lift.__name__[len("lift_") :]] = _described(lift)
    facts["arithmetic"] = _arithmetic(lift, facts["libraries"])
    return json.dumps(_clean(facts), sort_keys=True, indent=1)


def _arithmetic(lift, libraries):
    """What the framework says about the switches that move bits: flat, one name for each, by which variants are checked."""
    try:
        return lift.arithmetic(libraries)
    except Exception as error:  # as below
        return {"unknown": "{}: {}".format(type(error).__name__, error)}


def _described(lift):
    try:
        return lift.describe()
    except Exception as error:  # an observation must never cost the results
        return {"unknown": "{}: {}".format(type(error).__name__, error)}


def _clean(value):
    """JSON values only, and no folder of this machine in them."""
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        for folder, short in ((sys.prefix, "{prefix}"), (sys.base_prefix, "{python}")):
            value = value.replace(folder, short)
        return value
    if value is None or isinstance(value, (bool, int)):
        return value
    return str(value)


def _libc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")  # platform.libc_ver() of old versions reads what the interpreter was linked for
    except (AttributeError, ValueError, OSError):
        return " ".join(platform.libc_ver())


def _distribution():
    for line in _lines("/etc/os-release"):
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip().strip('"')
    return "unknown"


def _cpu(path="/proc/cpuinfo"):
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    fields, flags = {}, None
    for line in _lines(path):
        name, _, value = (part.strip() for part in line.partition(":"))
        fields.setdefault(name.lower(), value)
        if name.lower() in FEATURES:  # what every core has: not all cores of a machine need be alike
            here = {flag for flag in value.split() if NUMERIC.match(flag) and not HARMLESS.match(flag)}
            flags = here if flags is None else flags & here
    model = next((fields[name] for name in MODELS if fields.get(name)), "unknown")
    return {"model": model, "flags": sorted(flags or ()), "usable": usable}


def _packages():
    """Every installed distribution and its version, read from the metadata folders: the same way in every version of Python."""
    found = {}
    for folder in sys.path:
        metadata = glob.glob(os.path.join(folder, "*.dist-info", "METADATA")) + glob.glob(os.path.join(folder, "*.egg-info", "PKG-INFO"))
        for path in sorted(metadata):
            fields = {}
            for line in _lines(path):
                if not line.strip():
                    break
                name, _, value = line.partition(":")
                if name in ("Name", "Version"):
                    fields[name] = value.strip()
            if len(fields) == 2:
                found.setdefault(fields["Name"].lower().replace("_", "-"), fields["Version"])
    return found


def _libraries():
    """Numeric libraries mapped into this process: file name -> what it says about itself."""
    return {name: _said(path, name) for name, path in _mapped().items()}


def _mapped():
    """Numeric libraries mapped into this process: file name -> path."""
    found = {}
    for line in _lines("/proc/self/maps"):
        path = line.split(None, 5)[5].strip() if len(line.split(None, 5)) == 6 else ""
        name = os.path.basename(path)
        if ".so" in name and LIBRARIES.search(name) and name not in found:
            found[name] = path
    return found


def _said(path, name):
    facts = {}
    for key, function in _functions(path, name).items():
        value = function()
        facts[key] = value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else value
    return facts


def _functions(path, name):
    """The functions by which a BLAS tells about itself, by what they tell."""
    if "openblas" not in name:
        return {}
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return {}
    found = {}
    # builds differ in how they decorate their symbols
    for key, symbol, kind in OPENBLAS:
        for pattern in ("openblas_{}", "openblas_{}64_", "scipy_openblas_{}", "scipy_openblas_{}64_"):
            function = getattr(library, pattern.format(symbol), None)
            if function is not None:
                function.restype = kind
                found[key] = function
                break
    return found


def blas_threads():
    """Functions that tell the number of threads of each BLAS in this process."""
    found = [_functions(path, name) for name, path in sorted(_mapped().items())]
    return [functions["threads"] for functions in found if "threads" in functions]


def _switches():
    return {name: "set" if PLACES.search(name) else value for name, value in os.environ.items() if name.startswith(SWITCHES)}


def _lines(path):
    try:
        with io.open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()
    except (IOError, OSError):
        return []
