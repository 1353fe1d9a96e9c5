"""What results depend on beside an environment: machine, C library and processor of this host."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

from replab.engines.compilers import compiler
from replab.engines.sandbox import Built

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
        listed = next((fields[key] for key in _FEATURES if fields.get(key)), "")
        sets += [{flag for flag in listed.split() if _NUMERIC.fullmatch(flag) and not _HARMLESS.fullmatch(flag)}] if listed else []
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
