"""All variables that a process inside of a sandbox gets: one list, so that nothing of the caller's shell changes numbers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from replab.engines.compilers import compile_variables
from replab.engines.policy import load_policy
from replab.engines.processor import local_platform
from replab.engines.sandbox import Sandbox

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
_ACCOUNT = "USER"
"""The one fixed variable that a process on this host goes without: it has an account that says who it is."""


def scratch_folder(writable: Path) -> Path:
    """Where a sandbox has its home, its temporary files and what it compiles, inside its output folder."""
    return writable / ".scratch"


def make_scratch(writable: Path) -> None:
    """Make the folders that ``container_variables`` and ``local_variables`` name."""
    for name in ("home", "tmp"):
        (scratch_folder(writable) / name).mkdir(parents=True, exist_ok=True)


def local_variables(sandbox: Sandbox) -> dict[str, str]:
    """The variables of a process on this host. Makes the folders they name: scratch in the output folder, compiled code in the cache."""
    make_scratch(sandbox.writable)
    special = {"CUDA_VISIBLE_DEVICES": ",".join(sandbox.gpus)}
    if sandbox.gpus:
        special["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # indexes are those of nvidia-smi
    built = sandbox.built
    if "compile" in built.environment.modes:
        # Compiled code is for this very processor: a cache on a shared disk must not hand it to another machine. And it is for the switches
        # of the variant: PyTorch 2.13 takes code for AVX-512 from its cache under ATEN_CPU_CAPABILITY=avx2, and computes NaN with it.
        identity = json.dumps([local_platform(built), *sorted(sandbox.variables.items())])
        machine = hashlib.sha256(identity.encode()).hexdigest()[:8]
        special |= compile_variables(built.cache, f"{built.environment.name}-{built.identity[:12]}-{machine}")
    composed = _composed(sandbox, special)
    if _ACCOUNT not in {**built.environment.variables, **sandbox.variables}:
        del composed[_ACCOUNT]
    return composed


def container_variables(sandbox: Sandbox) -> dict[str, str]:
    """The variables of a process in a container, where nothing outlives the sandbox."""
    special: dict[str, str] = {} if sandbox.gpus else {"CUDA_VISIBLE_DEVICES": ""}
    if "compile" in sandbox.built.environment.modes:
        special |= {
            "TORCHINDUCTOR_CACHE_DIR": str(scratch_folder(sandbox.writable) / "compiled"),
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
            "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        }
    if (image := sandbox.built.image) is not None:
        special |= {name: image.variables[name] for name in load_policy().from_image if name in image.variables}
    return _composed(sandbox, special)


def _composed(sandbox: Sandbox, special: Mapping[str, str]) -> dict[str, str]:
    """The list: what every sandbox gets, what its engine adds, the environment's own, the variant's, the thread counts; later ones win."""
    scratch = scratch_folder(sandbox.writable)
    return {
        **load_policy().fixed,
        "PATH": search_path(sandbox.built.python),
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        **special,
        **sandbox.built.environment.variables,
        **sandbox.variables,
        **thread_variables(sandbox.threads),
    }


def search_path(python: Path | str) -> str:
    """``PATH`` for a process that uses this interpreter."""
    return os.pathsep.join((str(Path(python).parent), *_SYSTEM_FOLDERS))


def thread_variables(threads: int) -> dict[str, str]:
    """The thread count under every name that a numeric library reads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))
