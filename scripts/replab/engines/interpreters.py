"""Finds a Python of a given minor version on this machine, or lets uv download one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from replab.engines.uvtool import UvFailed, run_uv
from replab.errors import EnvironmentUnavailable

# A Python compiled without these headers at hand starts, but NumPy cannot be imported in it.
_WORKS = "import ctypes, hashlib, ssl, sys, zlib; print('%d.%d.%d' % sys.version_info[:3])"


def find_interpreter(python: str, *, where: str, outer: Mapping[str, str] | None = None, download: bool = True) -> tuple[Path, str]:
    """Path and full version of a working Python ``python`` (such as ``3.7``).

    Looked for by uv (its own ones, then ``PATH``), on ``PATH``, under pyenv; last, uv downloads one. Raises ``EnvironmentUnavailable``.
    """
    shell = os.environ if outer is None else outer
    for candidate in _candidates(python, shell):
        version = version_of(candidate)
        if version.startswith(f"{python}."):
            return candidate, version
    reason = "uv may not download one"
    if download:
        try:
            run_uv(["python", "install", "--no-bin", python], outer=shell)
            candidate = Path(run_uv(["python", "find", "--managed-python", "--no-python-downloads", python], outer=shell).strip())
            return candidate, version_of(candidate)
        except UvFailed as failed:
            reason = f"uv could not download one: {failed.failure.problem}"
    raise EnvironmentUnavailable(
        f"there is no Python {python} on this machine, and {reason}",
        where=where,
        hint=f"Install Python {python}, for example with 'uv python install {python}' or 'pyenv install {python}'",
    )


def version_of(python: Path) -> str:
    """The full version of a Python that can run the carried stacks; empty when it cannot be started or lacks a module."""
    try:
        done = subprocess.run([str(python), "-I", "-c", _WORKS], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _candidates(python: str, shell: Mapping[str, str]) -> Iterator[Path]:
    with contextlib.suppress(UvFailed):  # it knows none; what follows are the places it does not look at
        yield Path(run_uv(["python", "find", "--system", "--no-python-downloads", python], outer=shell).strip())
    if on_path := shutil.which(f"python{python}", path=shell.get("PATH", "")):
        yield Path(on_path)
    root = Path(shell.get("PYENV_ROOT") or Path(shell.get("HOME") or Path.home()) / ".pyenv")
    # pyenv's shims on PATH fail for versions that are not activated, hence its folders; newest first.
    yield from sorted(root.glob(f"versions/{python}.*/bin/python"), key=_patch, reverse=True)


def _patch(python: Path) -> int:
    patch = python.parts[-3].split(".")[2]
    return int(patch) if patch.isdigit() else -1
