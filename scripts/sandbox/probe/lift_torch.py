"""How a function runs under PyTorch, 1.4 to 2.x: eagerly, as TorchScript, through ``torch.compile``."""

import ctypes
import functools
import importlib
import importlib.util
import os
import re
import shutil
import sys

import torch

import ask
import cells
import measure
import state
import tensors
from outcomes import Unsupported, first_line
from timing import Prepared, Stopwatch, as_list

DTYPES = {name: getattr(torch, name) for name in tensors.LAYOUT if hasattr(torch, name)}
NAMES = {kind: name for name, kind in DTYPES.items()}
_state = {}

# The profiling executor of TorchScript watches two calls and runs its specialised code from the third.
SCRIPT_CALLS = 3


def start(threads, device, switches=None):
    """Set the thread pool and the ``switches`` of a variant; ``device`` is ``cpu`` or ``cuda``. Raises `Unsupported`."""
    if threads > 0:
        torch.set_num_threads(threads)
    if device != "cpu" and not torch.cuda.is_available():
        raise Unsupported("PyTorch sees no CUDA device")
    _state["device"] = torch.device(device)
    for name, value in sorted((switches or {}).items()):
        if name not in SWITCHES:
            raise Unsupported("PyTorch has no switch {}".format(name))
        SWITCHES[name](value)


def _switch_mkldnn(on):
    torch._C._set_mkldnn_enabled(on) if hasattr(torch._C, "_set_mkldnn_enabled") else _refuse("oneDNN cannot be switched off")


def _switch_deterministic(on):
    for name in ("use_deterministic_algorithms", "set_deterministic"):  # the second is the name in 1.7
        if hasattr(torch, name):
            return getattr(torch, name)(on)
    return _refuse("this PyTorch cannot be told to be deterministic")


def _refuse(reason):
    raise Unsupported(reason)


SWITCHES = {"mkldnn": _switch_mkldnn, "deterministic": _switch_deterministic}


def run(function, work):
    """Values or derivatives of ``function`` for a `cells.Work` in its mode; returns `timing.Answer`."""
    return measure.run(prepare, function, work, eager=_eager, accumulated=accumulated)


def prepare(function, work):
    """``function`` ready to run in the mode of ``work``: a `timing.Prepared`."""
    return MODES[work.mode](function, work)


def _eager(function, work):
    return _prepared(function, work, Stopwatch())


def _script(function, work):
    watch = Stopwatch()
    arguments, _ = _tensors(work, work.derivative > 0)
    scripted = True
    try:
        lifted = torch.jit.script(function)
        lifted(*arguments, **work.parameters)  # arguments of another type than declared are refused only now
    except Exception as error:
        lifted, scripted = _trace(function, work), False
        work.note("traced: scripting refused: " + first_line(error))

    def again(new):
        if scripted or new.parameters == work.parameters:
            return _bound(lifted, new)

        def traced_anew():  # a trace has its numbers in it
            return _bound(_trace(function, new), new)()

        return traced_anew

    prepared = _prepared(lifted, work, watch, calls=SCRIPT_CALLS, again=again)
    prepared.scripted = scripted
    return prepared


def _trace(function, work):
    """The traced function; raises what the function raises when it runs by itself."""
    arguments, _ = _tensors(work, False)
    try:
        traced = torch.jit.trace(lambda *inputs: function(*inputs, **work.parameters), tuple(arguments), check_trace=False)
    except Exception:
        function(*arguments, **work.parameters)
        raise
    return lambda *inputs, **_: traced(*inputs)


COMPILER_DEPTH = 2000  # the compiler raises the limit to this when it first has something to write, which its cache decides
COMPILED = []  # not empty when this cell has used the compiler


def _compile(function, work):
    from torch._dynamo.utils import counters

    close = None
    if work.measure:  # what compiling takes must not depend on what was compiled before, in another run
        from torch._inductor.utils import fresh_inductor_cache

        empty_cache = fresh_inductor_cache()
        empty_cache.__enter__()
        close = functools.partial(empty_cache.__exit__, None, None, None)
    counters.clear()
    watch = Stopwatch()
    COMPILED.append(True)

    def remarks():
        return ["graph break: " + first_line(reason) for reason in sorted(counters["graph_break"])]

    compiled = torch.compile(function, dynamic=False, fullgraph=False)
    prepared = _prepared(compiled, work, watch, always_again=True, remarks=remarks, close=close)
    prepared.traces = lambda: counters["frames"]["ok"]
    prepared.opaque = torch._dynamo.disable
    return prepared


def wake(mode):
    """What a mode needs beside PyTorch itself, before its first function. Raises `Unsupported`."""
    if mode != "compile":
        return
    if not hasattr(torch, "compile"):
        raise Unsupported("this PyTorch has no torch.compile")
    if not any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "gcc", "clang++", "c++") if name):
        raise Unsupported("no C++ compiler")
    _wake_compiler()


def _wake_compiler():
    """Import the compiler and let it try what the processor can do, for seconds: that is no part of compiling a function."""
    importlib.import_module("torch._inductor.compile_fx")
    sys.setrecursionlimit(max(sys.getrecursionlimit(), COMPILER_DEPTH))
    settings, given = importlib.import_module("torch._inductor.config"), os.environ.get("CXX")
    if given and given not in as_list(settings.cpp.cxx):
        settings.cpp.cxx = (given,)  # PyTorch 2.0 calls the first g++ that it finds, whatever CXX says
    place = "torch._inductor.cpu_vec_isa"
    if importlib.util.find_spec(place) is None:  # it moved
        place = "torch._inductor.codecache"
    importlib.import_module(place).pick_vec_isa()


MODES = {"eager": _eager, "script": _script, "compile": _compile}


def _prepared(lifted, work, watch, again=None, **options):
    synchronise = torch.cuda.synchronize if _state["device"].type == "cuda" else None
    call = _bound(lifted, work)
    prepared = Prepared(work, watch, call, read, again or (lambda new: _bound(lifted, new)), synchronise, **options)
    prepared.lifted = lifted
    return prepared


def _bound(lifted, work):
    """A call of ``lifted`` (and of its derivatives) on the inputs of ``work``."""
    arguments, cotangents = _tensors(work, work.derivative > 0)
    return lambda: cells.derivative(work, lifted, arguments, cotangents, _Autograd())


def accumulated(prepared):
    """``grad`` of the differentiable inputs after one backward pass and after a second: two lists of arrays."""
    work = prepared.work
    arguments, cotangents = _tensors(work, True)
    sources = [arguments[place] for place in work.differentiable()]
    found = []
    for _ in range(2):
        values = as_list(prepared.lifted(*arguments, **work.parameters))
        names = work.value_names(len(values))
        reached = [
            (value, cotangents[0][work.cotangent(0, name, place)])
            for place, (value, name) in enumerate(zip(values, names))
            if value.is_floating_point() and value.requires_grad
        ]
        torch.autograd.backward([value for value, _ in reached], [cotangent.to(value.dtype) for value, cotangent in reached])
        found.append([source.grad.detach().cpu().numpy().copy() for source in sources if source.grad is not None])
    return found


def _tensors(work, with_gradient):
    """Inputs and cotangents as tensors in the dtypes of the cell; differentiable inputs are leaves that record."""

    def make(item):
        tensor = torch.from_numpy(work.cast(item).copy()).to(_state["device"])
        return tensor.to(torch.bfloat16) if work.target(item) == "bfloat16" else tensor

    arguments = [make(item) for item in work.inputs]
    if with_gradient:
        for place in work.differentiable():
            arguments[place].requires_grad_()
    return arguments, [[make(item) for item in level] for level in work.cotangents]


class _Autograd(object):
    """Differentiation by ``autograd.grad``, with a graph of the gradient only where a higher order needs it; see `cells.derivative`."""

    def __init__(self):
        self._highest = None

    def floating(self, value):
        return value.is_floating_point()

    def matches(self, value, cotangent, name):
        cells.check_shape(value.shape, cotangent.shape, name)
        return cotangent.to(value.dtype)

    def dense(self, gradient, source):
        if gradient is None:
            return torch.zeros_like(source)
        return gradient.to_dense() if gradient.is_sparse else gradient

    def pull(self, below, sources, order):
        if self._highest is None:
            self._highest = order
        values, cotangents = below(sources)
        reached = [(value, cotangent) for value, cotangent in zip(values, cotangents) if value.requires_grad]
        if not reached:
            return [None] * len(sources)
        values, cotangents = [list(side) for side in zip(*reached)]
        create = order < self._highest
        return torch.autograd.grad(values, sources, cotangents, create_graph=create, allow_unused=True)


def read(value):
    """One output as a `tensors.Tensor`."""
    if not isinstance(value, torch.Tensor):
        raise TypeError("an output is a {}, not a tensor".format(type(value).__name__))
    value = value.detach().to("cpu").contiguous().clone()  # a copy has memory of its own: gradients that are zero may come without any
    if value.dtype not in NAMES:
        raise TypeError("an output has dtype {}, which a result cannot carry".format(str(value.dtype).replace("torch.", "")))
    if value.dtype == torch.bfloat16:
        # every bfloat16 is a float32 whose lower 16 bits are zero; old versions cannot reinterpret bits
        bits = value.float().numpy().view("<u4") >> 16
        return tensors.from_numpy(bits.astype("<u2"), "bfloat16")
    return tensors.from_numpy(value.numpy())


def after_cell():
    """Forget what was compiled: a cell must not depend on those before it.

    The reset takes a tenth of a second: only where it is needed.
    """
    if COMPILED:
        torch._dynamo.reset()
        del COMPILED[:]


# What later cells compute by, and how each is read; those that a version does not have are left out.
STATE = (
    ("the default dtype of PyTorch", "get_default_dtype"),
    ("the default device of PyTorch", "get_default_device"),
    ("the number of threads of PyTorch", "get_num_threads"),
    ("the number of threads between operations", "get_num_interop_threads"),
    ("recording for gradients", "is_grad_enabled"),
    ("inference mode", "is_inference_mode_enabled"),
    ("the search for anomalies", "is_anomaly_enabled"),
    ("deterministic algorithms", "are_deterministic_algorithms_enabled"),
    ("warnings only of algorithms that are not deterministic", "is_deterministic_algorithms_warn_only_enabled"),
    ("the precision of float32 products", "get_float32_matmul_precision"),
    ("automatic casting", "is_autocast_enabled"),
    ("automatic casting on the CPU", "is_autocast_cpu_enabled"),
    ("the dtype of automatic casting on the CPU", "get_autocast_cpu_dtype"),
    ("the use of oneDNN", "_C._get_mkldnn_enabled"),
    ("the use of NNPACK", "_C._get_nnpack_enabled"),
    ("the use of cuDNN", "_C._get_cudnn_enabled"),
    ("the benchmarks of cuDNN", "_C._get_cudnn_benchmark"),
    ("the determinism of cuDNN", "_C._get_cudnn_deterministic"),
    ("TF32 in cuDNN", "_C._get_cudnn_allow_tf32"),
    ("TF32 in cuBLAS", "_C._get_cublas_allow_tf32"),
    ("reduced precision in float16 products", "_C._get_cublas_allow_fp16_reduced_precision_reduction"),
    ("reduced precision in bfloat16 products", "_C._get_cublas_allow_bf16_reduced_precision_reduction"),
    ("flash attention", "_C._get_flash_sdp_enabled"),
    ("attention that spares memory", "_C._get_mem_efficient_sdp_enabled"),
    ("attention by plain products", "_C._get_math_sdp_enabled"),
    ("the executor of TorchScript", "_C._get_graph_executor_optimize"),
    ("the fuser of TorchScript", "_C._jit_texpr_fuser_enabled"),
    ("fusion on the CPU by TorchScript", "_C._jit_can_fuse_on_cpu"),
    ("gradients by several threads", "_C._is_multithreading_enabled"),
)


OWN_VARIABLES = ("_TORCHINDUCTOR_",)  # the compiler tells its own code by them where things lie


def switches():
    """What functions can set in PyTorch for all that comes after them."""
    known = [(words, _named(name)) for words, name in STATE]
    return [state.Switch(words, read) for words, read in known if read is not None and _answers(read)]


def _named(name):
    value = torch
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _answers(read):
    """Some functions want an argument in some versions, or a device that is not there."""
    try:
        read()
    except Exception:
        return False
    return True


def generators():
    """The generators of the devices that cells run on."""
    found = [_generator("the generator of PyTorch", torch.get_rng_state, torch.set_rng_state, torch.initial_seed)]
    if _state["device"].type == "cuda":
        cuda = torch.cuda
        found.append(_generator("the generator of the GPU", cuda.get_rng_state, cuda.set_rng_state, cuda.initial_seed))
    return found


def _generator(words, get, put, seed):
    known, begun = get(), seed()
    return state.Generator(words, lambda: not torch.equal(get(), known), lambda: put(known), lambda: seed() != begun)


def modules():
    """Whose functions cells call."""
    return [torch, torch.nn.functional, torch.Tensor]


def describe():
    """What only PyTorch can tell about its build, its switches and its devices."""
    facts = {
        "version": torch.__version__,
        "git_version": str(torch.version.git_version),
        "build": torch.__config__.show().strip().splitlines(),
        "parallel": torch.__config__.parallel_info().strip().splitlines(),
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "default_dtype": str(torch.get_default_dtype()),
        "cuda": str(torch.version.cuda),
        "cuda_available": torch.cuda.is_available(),
        "devices": ["cpu"] + ["cuda:{} {}".format(n, torch.cuda.get_device_name(n)) for n in range(torch.cuda.device_count())],
    }
    for place, names in BACKEND_FACTS:
        for name in names:
            facts[place + "." + name] = _fact(place, name)
    return facts


# Branches of MKL's conditional numerical reproducibility, as mkl_types.h numbers them.
MKL_BRANCHES = {1: "off", 2: "auto", 3: "compatible", 4: "sse2", 6: "ssse3", 7: "sse41", 8: "sse42", 9: "avx", 10: "avx2", 12: "avx512"}


def arithmetic(_libraries):
    """``threads``, ``capability`` (of PyTorch's own kernels), ``mkldnn`` (allowed or not), ``onednn`` (its instruction set),
    ``mkl_branch``, ``deterministic``; ``unknown`` where this version does not tell.
    """
    said = re.search(r"CPU capability usage: *(.*)", torch.__config__.show())
    facts = {
        "threads": torch.get_num_threads(),
        "capability": said.group(1).strip().lower() if said else "unknown",
        "onednn": ask.onednn(_convolution),
        "mkldnn": torch._C._get_mkldnn_enabled() if hasattr(torch._C, "_get_mkldnn_enabled") else "unknown",
        "mkl_branch": "unknown",
        "deterministic": _fact("", "are_deterministic_algorithms_enabled"),
    }
    for name in ("libtorch_cpu.so", "libtorch.so"):  # MKL is linked into it
        path = os.path.join(os.path.dirname(torch.__file__), "lib", name)
        if os.path.exists(path):
            branch = getattr(ctypes.CDLL(path), "mkl_serv_cbwr_get", None)
            if branch is not None:
                facts["mkl_branch"] = MKL_BRANCHES.get(branch(1), "unknown")
            break
    return facts


def _convolution():
    """Large enough for PyTorch to give it to oneDNN."""
    torch.nn.functional.conv2d(torch.ones(4, 32, 32, 32), torch.ones(32, 32, 3, 3))


BACKEND_FACTS = (
    ("backends.mkl", ("is_available",)),
    ("backends.mkldnn", ("is_available", "allow_tf32")),
    ("backends.openmp", ("is_available",)),
    ("backends.cpu", ("get_cpu_capability",)),
    ("backends.cuda.matmul", ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")),
    ("backends.cudnn", ("enabled", "benchmark", "deterministic", "allow_tf32")),
    ("", ("get_float32_matmul_precision", "are_deterministic_algorithms_enabled")),
)


def _fact(place, name):
    value = torch
    for part in (place + "." + name).strip(".").split("."):
        value = getattr(value, part, None)
    if value is None:
        return "absent"
    try:
        value = value() if callable(value) else value
    except Exception as error:
        return "unknown ({})".format(type(error).__name__)
    return value if isinstance(value, (bool, int, float, str)) else str(value)
