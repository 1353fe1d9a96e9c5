"""Makes and checks the hash-locked requirements of environments; the only module that asks a package index for versions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path

from replab.errors import PinError
from replab.locks.uv_tool import UvFailed, with_index
from replab.model import Environment

PLATFORM = "x86_64-manylinux_2_28"
"""The oldest C library that every carried wheel accepts."""

_MADE_FROM = "# made from: sha256 "
_BODY = "# body: sha256 "


def locked_devices(environment: Environment) -> tuple[str, ...]:
    """The devices for which an environment has a lock of its own: the packages of others come with ``cpu.lock`` or with an image."""
    with_cuda_lock = environment.cuda is not None and environment.cuda.requirements
    return (*(("cpu",) if "cpu" in environment.devices else ()), *(("cuda",) if with_cuda_lock else ()))


def lock_of(environment: Environment, device: str) -> Path:
    """The lock that is installed for a device."""
    return environment.cuda_lock if device == "cuda" else environment.lock


def pin(environment: Environment, device: str = "cpu") -> Path:
    """Resolves the requirements of ``environment`` and writes its lock; raises ``PinError``.

    An existing lock is not looked at: pinning means the newest versions that the requirements allow.
    """
    wanted, index, lock = requirements(environment, device), index_of(environment, device), lock_of(environment, device)
    arguments = [
        *("pip", "compile", "-", "--python", sys.executable, "--no-python-downloads"),
        *("--python-version", environment.python, "--python-platform", PLATFORM, "--only-binary", ":all:"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"),
        *("--custom-compile-command", command(environment)),
    ]
    try:
        resolved = with_index(arguments, index, stdin="\n".join(wanted) + "\n", outer=_outer(device))
    except UvFailed as failed:
        raise PinError(failed.failure.problem, where=environment.name, hint=failed.failure.hint) from failed
    # The order counts: pip forgets earlier exceptions when it reads ':all:'.
    options = ["--only-binary :all:", *(line for line in wanted if line.startswith("--"))]
    body = "\n".join(options) + "\n\n" + resolved
    partial = lock.with_suffix(".lock.partial")
    partial.write_text(_header(environment, device, body) + body, encoding="utf-8")
    partial.replace(lock)
    return lock


def check(environment: Environment, device: str = "cpu") -> list[str]:
    """What is wrong with a lock of ``environment``, each a sentence with its remedy; empty when it can be used."""
    lock = lock_of(environment, device)
    lock_name = f"containers/{environment.name}/{lock.name}"
    remedy = f"Run '{command(environment)}'"
    if device not in environment.devices or lock.stem not in locked_devices(environment):
        reason = f"nothing is locked for {device}"
        return [f"{lock_name}: {reason}: its packages come with an image. Use an engine that runs containers, on a machine with a GPU"]
    if not lock.is_file():
        return [f"{lock_name}: the lock is missing. {remedy}"]
    device = lock.stem
    lines = lock.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
    header = "".join(line for line in lines[:3] if line.startswith("#"))
    body = "".join(lines[header.count("\n") :])
    made_from, written = _digest(header, _MADE_FROM), _digest(header, _BODY)
    if made_from is None or written is None:
        return [f"{lock_name}: this file was not made by the lab. {remedy}"]
    problems = []
    if made_from != _sha256(_requirements(environment, device)):
        problems.append(f"{lock_name}: the lock is older than the requirements in env.toml. {remedy}")
    if written != _sha256(body):
        problems.append(f"{lock_name}: the lock was edited by hand. {remedy}")
    return problems


def named(lock: Path) -> dict[str, str]:
    """Name and version of everything that a lock installs."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pinned}


def command(environment: Environment) -> str:
    """The command that makes the lock."""
    return f"replab pin {environment.name}"


def _outer(device: str) -> dict[str, str]:
    """The variables for uv: a folder of CPU wheels must not answer for those with CUDA, whose versions are written alike."""
    links = ("UV_FIND_LINKS", "PIP_FIND_LINKS") if device == "cuda" else ()
    return {name: value for name, value in os.environ.items() if name not in links}


def requirements(environment: Environment, device: str) -> tuple[str, ...]:
    """The direct requirements for a device."""
    return environment.cuda.requirements if device == "cuda" and environment.cuda is not None else environment.requirements


def index_of(environment: Environment, device: str) -> str:
    """The extra index of wheels: only CPU builds need one."""
    return environment.index if device == "cpu" else ""


def _header(environment: Environment, device: str, body: str) -> str:
    made_from = _sha256(_requirements(environment, device))
    return f"# Made by '{command(environment)}'; do not edit.\n{_MADE_FROM}{made_from}\n{_BODY}{_sha256(body)}\n"


def _requirements(environment: Environment, device: str) -> str:
    """All that the resolution depends on, beside the day."""
    stated = {
        "requirements": requirements(environment, device),
        "python": environment.python,
        "platform": PLATFORM,
        "index": index_of(environment, device),
    }
    return json.dumps(stated, sort_keys=True)


def _digest(header: str, label: str) -> str | None:
    match = re.search(rf"^{re.escape(label)}([0-9a-f]{{64}})$", header, re.MULTILINE)
    return match[1] if match else None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
