"""Finds a Python of a given minor version on this machine, or lets uv download one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from replab.errors import EnvironmentUnavailable
from replab.files import sha256_of
from replab.locks.uv_tool import UvFailed, run_uv

# A Python compiled without these headers at hand starts, but NumPy cannot be imported in it.
_WORKS = "import ctypes, hashlib, ssl, sys, zlib; print('%d.%d.%d' % sys.version_info[:3])"

# For any Python 3. The last line is the answer.
_DESCRIBE = """
import json, os, platform, sys
library = ""
for line in open("/proc/self/maps", errors="replace") if os.path.exists("/proc/self/maps") else ():
    path = line.split(None, 5)[5].strip() if len(line.split(None, 5)) == 6 else ""
    if os.path.basename(path).startswith("libpython"):
        library = path
print(json.dumps({
    "version": platform.python_version(), "implementation": platform.python_implementation(), "build": " ".join(platform.python_build()),
    "compiler": platform.python_compiler(), "path": os.path.realpath(sys.executable), "library_path": library,
    "modules_path": os.path.realpath(os.path.dirname(os.__file__)),
}))
"""
PLACES = ("path", "library_path", "modules_path", "touched")
"""Entries of ``describe`` about this machine: where the files lie, and a digest of their sizes and times."""
_NOT_ITS_OWN = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idlelib", "idle_test", "lib2to3", "ensurepip"}
"""Folders among the modules of an interpreter that others fill, or that nothing computes with."""


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


def describe(python: Path, *, where: str) -> dict[str, str]:
    """What an interpreter is: version, build, compiler, the SHA-256 of its program, of the library that it is in (if any), of its modules.

    See ``PLACES`` for the rest. Raises ``EnvironmentUnavailable``.
    """
    try:
        done = subprocess.run([str(python), "-I", "-c", _DESCRIBE], capture_output=True, text=True, timeout=60, check=True)
        description: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
        description["name"] = Path(description["path"]).name
        description["sha256"] = sha256_of(Path(description["path"]))
        description["library_sha256"] = sha256_of(Path(description["library_path"])) if description["library_path"] else ""
        description["modules_sha256"] = _modules(description["modules_path"])
        description["touched"] = touched(description)
    except (OSError, subprocess.SubprocessError, ValueError, LookupError) as error:
        raise EnvironmentUnavailable(f"the interpreter {python} cannot be described: {error}", where=where) from error
    return description


def without_paths(described: Mapping[str, str]) -> dict[str, str]:
    """What ``describe`` found, without the places of this machine."""
    return {key: value for key, value in described.items() if key not in PLACES}


def another(python: Path, before: Mapping[str, str], *, thorough: bool = False) -> str:
    """What is other about the interpreter that ``python`` leads to than ``before``, as a clause; empty when all its bytes are the same.

    They are read where sizes or times are not as they were, and if ``thorough``.
    """
    if not os.access(python, os.X_OK):
        return "the interpreter below it is gone"
    here = os.path.realpath(python)
    try:
        if here != before["path"]:  # a program may look the same and load another library
            same = without_paths(describe(python, where="")) == without_paths(before)
        elif not thorough and touched(before) == before["touched"]:
            return ""
        else:
            library = before["library_path"]
            same = sha256_of(Path(here)) == before["sha256"] and (not library or sha256_of(Path(library)) == before["library_sha256"])
            same = same and _modules(before["modules_path"]) == before["modules_sha256"]
    except (OSError, KeyError, EnvironmentUnavailable):
        same = False
    if same:
        return ""
    now = version_of(Path(here)) or "that does not work"
    return f"the interpreter below it is another one, or was changed (Python {now}, it was {before.get('version')})"


def touched(described: Mapping[str, str]) -> str:
    """A digest of sizes and times of all files of an interpreter that ``describe`` described. Raises ``OSError``."""
    files = [Path(path) for path in (described["path"], described["library_path"]) if path]
    total = hashlib.sha256()
    for path in [*files, *_module_files(described["modules_path"])]:
        seen = path.stat()
        total.update(f"{path} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _modules(folder: str) -> str:
    """Of the standard library: a digest of its sources and compiled modules."""
    total = hashlib.sha256()
    for path in _module_files(folder):
        total.update(f"{path.relative_to(folder)} {sha256_of(path)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _module_files(folder: str) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _NOT_ITS_OWN)
        yield from (Path(top, name) for name in sorted(names) if name.endswith((".py", ".so")))


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
