"""Makes ``.venv`` from ``requirements.lock``, with nothing but a Python 3 and its pip: what ``make setup`` runs.

Quick when nothing changed. It is started by whatever ``python3`` the machine has, so it keeps to the syntax of Python 3.6 and to the
standard library; the lab's own Python (3.11 to 3.13) is looked for, and downloaded by uv where there is none.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
CLUSTER_LOCK = ROOT / "cluster.lock"
"""What `make setup-cluster` installs beside it, and every later `make setup` keeps."""
VENV = ROOT / ".venv"
STAMP = VENV / "replab-setup.txt"
PRIVATE = ROOT / ".replab" / "bootstrap"
"""Where uv goes when the machine has none."""
SUPPORTED = ("3.11", "3.12", "3.13")
WORKS = "import ctypes, hashlib, sqlite3, ssl, sys, zlib; print('%d.%d' % sys.version_info[:2])"
"""A Python that was compiled without some headers starts, and fails later."""


class SetupError(Exception):
    """One sentence for the reader."""


def main():
    """Set up the lab, with ``cluster`` as argument also for submitting to a cluster; returns an exit code."""
    stamp = STAMP.read_text() if STAMP.is_file() else ""
    locks = [LOCK] + ([CLUSTER_LOCK] if "cluster" in sys.argv[1:] or stamp.startswith("cluster ") else [])
    try:
        if stamp == _fingerprint(locks) and _version(VENV / "bin" / "python"):
            return 0
        uv = _uv()
        python = _python(uv)
        _make(uv, python, locks)
    except SetupError as problem:
        print("setup: %s" % problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted", file=sys.stderr)
        return 130
    return 0


def _fingerprint(locks):
    """Of everything that the virtual environment is made from, and of where it is."""
    total = hashlib.sha256(str(ROOT).encode())
    for path in [*locks, ROOT / "pyproject.toml", Path(__file__)]:
        total.update(path.read_bytes())
    return "%s%s\n" % ("cluster " if CLUSTER_LOCK in locks else "", total.hexdigest())


def _variables():
    """The caller's variables; what pip was told about where packages lie holds for uv too."""
    variables = dict(os.environ)
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT"):
        variables.pop(name, None)
    if variables.get("PIP_FIND_LINKS"):
        variables.setdefault("UV_FIND_LINKS", ",".join(variables["PIP_FIND_LINKS"].split()))  # pip separates by spaces, uv by commas
    if variables.get("PIP_CERT"):
        variables.setdefault("SSL_CERT_FILE", variables["PIP_CERT"])
    if variables.get("PIP_INDEX_URL") and not variables.get("UV_INDEX_URL"):
        variables.setdefault("UV_DEFAULT_INDEX", variables["PIP_INDEX_URL"])
    if variables.get("PIP_EXTRA_INDEX_URL") and not variables.get("UV_EXTRA_INDEX_URL"):
        variables.setdefault("UV_INDEX", variables["PIP_EXTRA_INDEX_URL"])
    return variables


def _run(arguments, **options):
    """The output of a program; raises ``SetupError`` with the end of what it said."""
    argv = [str(part) for part in arguments]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, env=_variables(), **options)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        command = " ".join([Path(str(arguments[0])).name] + [str(part) for part in arguments[1:3]])
        raise SetupError("%s failed:\n  %s" % (command, "\n  ".join(lines[-12:])))
    return done.stdout.strip()


def _works(program):
    try:
        return subprocess.run([str(program), "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode == 0
    except OSError:
        return False


def _uv():
    """The uv of the machine, else one of our own, of the version and the hashes that the lock names."""
    for program in (shutil.which("uv"), PRIVATE / "bin" / "uv"):
        if program and _works(program):
            return program
    print("setup: there is no uv on this machine; installing one into %s" % PRIVATE.relative_to(ROOT), flush=True)
    block = re.search(r"^uv==.*?(?=^\S|\Z)", LOCK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if not block:
        raise SetupError("requirements.lock does not name uv; run 'replab pin lab' on a machine that has it")
    shutil.rmtree(str(PRIVATE), ignore_errors=True)
    try:
        _run([_starter(), "-m", "venv", PRIVATE])
    except SetupError as problem:
        cure = "install its venv and ensurepip modules (Debian: python3-venv)"
        raise SetupError("this Python cannot make a virtual environment; %s.\n%s" % (cure, problem))
    wanted = PRIVATE / "uv.txt"
    wanted.write_text(block.group(0), encoding="utf-8")
    _run([PRIVATE / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", wanted])
    return PRIVATE / "bin" / "uv"


def _starter():
    """A Python whose pip can install uv (3.8 or later): the one in use, else any that is found."""
    if sys.version_info >= (3, 8):
        return sys.executable
    for candidate in _on_this_machine():
        if _version(candidate):
            return candidate
    raise SetupError("uv needs Python 3.8 or later, this is %d.%d; install a newer one, or uv" % sys.version_info[:2])


def _version(python):
    """``3.11``; empty when it does not work or is none of ours."""
    try:
        done = subprocess.run([str(python), "-I", "-c", WORKS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except OSError:
        return ""
    version = done.stdout.strip() if done.returncode == 0 else ""
    return version if version in SUPPORTED else ""


def _python(uv):
    """A Python that the lab supports: the one in use, those of the machine, those of pyenv; last, uv downloads one."""
    for candidate in _candidates(uv):
        if _version(candidate):
            return candidate
    print("setup: there is no Python %s to %s on this machine; uv downloads one" % (SUPPORTED[0], SUPPORTED[-1]), flush=True)
    try:
        _run([uv, "python", "install", "--no-bin", SUPPORTED[0]])
        return Path(_run([uv, "python", "find", "--managed-python", "--no-project", SUPPORTED[0]]))
    except SetupError as problem:
        raise SetupError("the lab needs Python %s to %s; install one and run again.\n%s" % (SUPPORTED[0], SUPPORTED[-1], problem))


def _candidates(uv):
    yield Path(sys.executable)
    for version in SUPPORTED:
        with contextlib.suppress(SetupError):  # uv knows none; another place may
            yield Path(_run([uv, "python", "find", "--system", "--no-project", "--no-python-downloads", version]))
    for path in _on_this_machine():
        yield path


def _on_this_machine():
    """Pythons that may be supported ones, found without uv."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in SUPPORTED:
        program = shutil.which("python" + version)
        if program:
            yield Path(program)
        # The shims of pyenv on PATH fail for versions that are not activated, hence its folders.
        for path in sorted(root.glob("versions/%s.*/bin/python" % version), reverse=True):
            yield path


def _make(uv, python, locks):
    """The virtual environment, exactly what the lock names; then the lab itself, from its sources and without a package index."""
    inside = VENV / "bin" / "python"
    if STAMP.exists():
        STAMP.unlink()
    if not _version(inside):
        print("setup: making .venv with Python %s" % _version(python), flush=True)
        if VENV.exists():
            shutil.rmtree(str(VENV))
        _run([uv, "venv", "--quiet", "--no-project", "--python", python, VENV])
    print("setup: installing what %s name%s" % (" and ".join(path.name for path in locks), "s" * (len(locks) == 1)), flush=True)
    # Links into uv's cache, unlike the environments of cells: 1.3 GB for each clone otherwise. `replab verify` reads them.
    # Bytecode now and not at every start: where Python is told not to write any, each start would compile for seconds.
    _run([uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python", inside, *locks], cwd=str(ROOT))
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    _run([uv, "pip", "install", "--quiet", *offline, "--python", inside, "--editable", ROOT], cwd=str(ROOT))
    STAMP.write_text(_fingerprint(locks))


if __name__ == "__main__":
    sys.exit(main())
