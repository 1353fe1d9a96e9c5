"""What every engine offers: build an environment, say what its bits depend on, and how to start a process in it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from replab.engines.compilers import compile_variables, compiler
from replab.engines.policy import load_policy
from replab.model import Environment, Limits

Log = Callable[[str], None]

_NUMERIC = re.compile(
    r"ssse3|sse4_.*|sse4\.\d|avx.*|amx.*|fma.*|f16c|xop"  # x86
    r"|asimd.*|fphp|fcma|sve.*|sme[a-z]*\d.*|.?bf16|i8mm|f(16|32|64)mm|f8.*"  # Arm
    r"|lsx|lasx|vx.*|nnpa|altivec.*|vsx.*|mma.*|rv\d.*"  # LoongArch, IBM, RISC-V
)
"""Names of instructions that compute with floating-point numbers, by their kind: a processor of next year has some that nobody knows today,
and libraries choose their kernels by them. `scripts/sandbox/probe/observe.py` has the same, a test compares them."""
_HARMLESS = re.compile(r"avx512.?(bitalg|vpopcntdq|vp2intersect|ifma|vbmi2?)|avx_ifma|sve(aes|bitperm|pmull|sha3|sm4)")
"""Such as count bits or encrypt: no number depends on them."""
_FEATURES = ("flags", "features", "isa")
"""What /proc/cpuinfo calls the line of instruction sets: on x86, on Arm and others, on RISC-V."""
_NAMES = (
    ("vendor_id", "cpu family", "model"),
    ("cpu implementer", "cpu part"),
    ("cpu",),
    ("mvendorid", "marchid"),
    ("uarch",),
    ("model name",),
)
"""Lines that tell processors apart, on one kind of machine after another."""
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
COMPOSED = ("REPLAB_SANDBOX", "LC_CTYPE")
"""Variables that appear on the way: the supervisor's mark, and what an old Python sets for itself."""
_SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")


class Image(Protocol):
    """An image as it was built (``replab.images.Image``)."""

    @property
    def reference(self) -> str:
        """What the engine starts, by name or by id."""

    @property
    def digest(self) -> str:
        """``sha256:…`` of the image: part of the key of every result."""

    @property
    def python(self) -> str:
        """The interpreter, inside the image."""

    @property
    def uid(self) -> int:
        """The ordinary user that it is made for."""

    @property
    def gid(self) -> int:
        """The group of that user."""

    @property
    def lock_sha256(self) -> str:
        """SHA-256 of the lock that it was built from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a sandbox ended, as its engine knows it; the exit status of the process on this host is all that others know."""

    code: int
    """As ``subprocess`` has it: negative for a signal."""
    oom: bool = False
    """The limit on memory killed it."""
    broken: str = ""
    """The engine itself failed, in one sentence: this says nothing about a cell."""


class Hold(Protocol):
    """What can be done to a sandbox that is no child of this process."""

    @property
    def where(self) -> str:
        """The engine, for messages."""

    @property
    def limits_memory(self) -> bool:
        """Whether the engine enforces the limit on memory."""

    def freeze(self) -> None:
        """Stop it where it is; what cannot be stopped goes on."""

    def thaw(self) -> None:
        """Let it go on."""

    def end(self) -> None:
        """Nothing of it is left, whatever state it was in; also when there was nothing."""

    def ending(self, code: int) -> Ending:
        """How it ended, where the process that started it ended with ``code``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """An environment that can be started."""

    environment: Environment
    engine: str
    python: Path
    folder: Path
    """What may be read of it: the virtual environment, or the installation of the interpreter."""
    identity: str
    """SHA-256 of what was installed: the lock, or what was found; part of the key of every result."""
    cache: Path
    found: tuple[str, ...] = ()
    """``name-version`` of each package, where no lock says it."""
    image: Image | None = None
    """What containers are started from; None on engines without containers."""
    installed: str = ""
    """SHA-256 of the list of its files, where the engine keeps one: another list is another build."""
    interpreter: Mapping[str, str] = field(default_factory=dict)
    """``interpreters.told`` of the Python below it, where that is one of this host."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """How to start one process; ``env`` is all the process gets."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    hold: Hold | None = None
    """None when the process is the sandbox."""
    inside: Mapping[str, str] | None = None
    """All that the environment's Python gets, where that is not ``env``."""

    @property
    def inner(self) -> Mapping[str, str]:
        """The variables of the environment's Python."""
        return self.env if self.inside is None else self.inside


class Engine(Protocol):
    """Isolates environments."""

    name: str
    promises: tuple[str, ...]
    """Points of the isolation policy that it enforces: the probe tries them from inside, and one that does not hold ends the run."""

    def build(self, environment: Environment, cache: Path, log: Log, device: str = "cpu") -> Built:
        """Makes ``environment`` startable on a device; fast when it is already. Raises ``EnvironmentUnavailable`` with one sentence."""

    def changed(self, built: Built) -> str:
        """Why it is no longer what ``build`` returned, as a clause; empty when it is. Quick: it is asked after every batch."""

    def verify(self, environment: Environment, cache: Path, device: str = "cpu") -> list[str] | None:
        """What of an environment that was built here is no longer as it was, each a clause, after reading every byte of it.

        None where none was built, and where the engine itself seals what it starts.
        """

    def platform(self, built: Built) -> str:
        """What results depend on beside the environment: never the engine's own name, always what can change bits."""

    def command(
        self,
        built: Built,
        argv: Sequence[str],
        *,
        variables: Mapping[str, str],
        threads: int,
        limits: Limits,
        writable: Path,
        readable: Sequence[Path],
        gpus: Sequence[str] = (),
    ) -> Launch:
        """How to start the environment's Python with the arguments ``argv``.

        ``variables`` win over everything but the thread counts. ``writable`` exists and is, beside the cache of compiled
        code, the only folder the process may write to; ``readable`` are the others it needs. Engines that cannot enforce
        this and ``limits`` leave it to the supervisor. ``gpus`` are the indexes of the GPUs that are leased to it: it sees no others.
        """


def isolation(
    engine: Engine,
    built: Built,
    *,
    variables: Mapping[str, str],
    threads: int,
    limits: Limits,
    writable: Path,
    readable: Sequence[Path],
    gpus: Sequence[str] = (),
) -> dict[str, Any]:
    """The entry ``isolation`` of a request: what the probe tries from inside, and what the engine promised.

    The arguments are those of ``Engine.command``.
    """
    launch = engine.command(built, (), variables=variables, threads=threads, limits=limits, writable=writable, readable=readable, gpus=gpus)
    return promised(engine, launch.inner, threads=threads, limits=limits, writable=writable, readable=readable)


def promised(
    engine: Engine, names: Iterable[str], *, threads: int, limits: Limits, writable: Path, readable: Sequence[Path]
) -> dict[str, Any]:
    """The same, where the ``names`` of the variables inside are known."""
    return {
        "promised": list(engine.promises),
        "writable": [str(writable)],
        "readable": [str(path) for path in readable],
        "variables": sorted({*names, *COMPOSED}),
        "memory_mb": limits.memory_mb,
        "processes": load_policy().processes,
        "cpus": float(max(threads, 1)),
    }


def points(engine: Engine) -> dict[str, Any]:
    """The isolation policy as the report shows it: each point in words, and whether the engine promises it."""
    policy = load_policy()
    limits = {"processes": policy.processes, "seconds": policy.seconds, "scratch MiB": policy.scratch_mb, "open files": policy.open_files}
    return {"points": dict(policy.points), "promised": list(engine.promises), "limits": limits}


def describe_image(image: Image | None) -> dict[str, str]:
    """What the report says about an image; empty without one."""
    return {} if image is None else {"reference": image.reference, "digest": image.digest, "user": f"{image.uid}:{image.gid}"}


def host_platform() -> str:
    """Machine, C library and processor of this host, such as ``x86_64 glibc-2.36 GenuineIntel-6-143 avx+avx2+fma``.

    The processor's family and model are in it because BLAS libraries choose kernels and block sizes by them.
    """
    library = "-".join(platform.libc_ver()).strip("-") or platform.system().lower()
    return " ".join(part for part in (platform.machine(), library, *host_processor()) if part)


@cache
def host_processor() -> tuple[str, str]:
    """What kind of processor this is, and its numeric instruction sets joined by ``+``: two words, whatever the system says."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return read_processor(text, platform.processor())


def read_processor(cpuinfo: str, otherwise: str = "") -> tuple[str, str]:
    """``host_processor`` of a machine whose /proc/cpuinfo reads ``cpuinfo``; ``otherwise`` names one that says nothing there.

    A machine with several kinds of cores is called by all of them, and has the instruction sets that every core has.
    """
    names: dict[str, None] = {}
    sets: list[set[str]] = []
    for core in re.split(r"\n\s*\n", cpuinfo.strip()):
        fields: dict[str, str] = {}
        for line in core.splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip().lower(), value.strip())
        for keys in _NAMES:
            if fields.get(keys[0]):
                names["-".join(fields[key] for key in keys if fields.get(key))] = None
                break
        told = next((fields[key] for key in _FEATURES if fields.get(key)), "")
        sets += [{flag for flag in told.split() if _NUMERIC.fullmatch(flag) and not _HARMLESS.fullmatch(flag)}] if told else []
    shared = set.intersection(*sets) if sets else set[str]()
    return _one_word("+".join(names) or otherwise) or "processor-unknown", "+".join(sorted(shared)) or "none"


def _one_word(text: str) -> str:
    """A text without blanks: a platform is read word by word."""
    return re.sub(r"[^A-Za-z0-9_.+()-]+", "-", text).strip("-")


def local_platform(built: Built) -> str:
    """``host_platform``, and the compiler where a mode makes code with it."""
    if "compile" not in built.environment.modes:
        return host_platform()
    return f"{host_platform()} {compiler()[1] or 'no-compiler'}"


def local_variables(built: Built, variables: Mapping[str, str], threads: int, writable: Path, gpus: Sequence[str] = ()) -> dict[str, str]:
    """All variables of a process on this host: a list of ours, so that nothing of the caller's shell changes numbers.

    Makes the folders they name: scratch inside ``writable``, compiled code inside the cache.
    """
    scratch = writable / ".scratch"
    home, temporary = scratch / "home", scratch / "tmp"
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    ours = {
        "PATH": search_path(built.python),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
    }
    if gpus:
        ours["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # indexes are those of nvidia-smi
    if "compile" in built.environment.modes:
        # Compiled code is for this very processor: a cache on a shared disk must not hand it to another machine. And it is for the switches
        # of the variant: PyTorch 2.13 takes code for AVX-512 from its cache under ATEN_CPU_CAPABILITY=avx2, and computes NaN with it.
        known = json.dumps([local_platform(built), *sorted(variables.items())])
        machine = hashlib.sha256(known.encode()).hexdigest()[:8]
        ours |= compile_variables(built.cache, f"{built.environment.name}-{built.identity[:12]}-{machine}")
    return ours | dict(built.environment.variables) | dict(variables) | thread_variables(threads)


def search_path(python: Path | str) -> str:
    """``PATH`` for a process that uses this interpreter."""
    return os.pathsep.join((str(Path(python).parent), *_SYSTEM_FOLDERS))


def thread_variables(threads: int) -> dict[str, str]:
    """The thread count under every name that a numeric library reads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))
