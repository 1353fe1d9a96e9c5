"""Makes and checks the hash-locked requirements of environments; the only module that asks a package index for versions."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

from replab.engines.uvtool import UvFailed, with_index
from replab.errors import PinError
from replab.model import Environment

PLATFORM = "x86_64-manylinux_2_28"
"""The oldest C library that every carried wheel accepts."""

_MADE_FROM = "# made from: sha256 "
_BODY = "# body: sha256 "


def pin(environment: Environment) -> Path:
    """Resolves the requirements of ``environment`` and writes its lock; raises ``PinError``.

    An existing lock is not looked at: pinning means the newest versions that the requirements allow.
    """
    arguments = [
        *("pip", "compile", "-", "--python", sys.executable, "--no-python-downloads"),
        *("--python-version", environment.python, "--python-platform", PLATFORM, "--only-binary", ":all:"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"),
        *("--custom-compile-command", command(environment)),
    ]
    try:
        resolved = with_index(arguments, environment.index, stdin="\n".join(environment.requirements) + "\n")
    except UvFailed as failed:
        raise PinError(failed.failure.problem, where=environment.name, hint=failed.failure.hint) from failed
    # The order counts: pip forgets earlier exceptions when it reads ':all:'.
    options = ["--only-binary :all:", *(line for line in environment.requirements if line.startswith("--"))]
    body = "\n".join(options) + "\n\n" + resolved
    partial = environment.lock.with_suffix(".lock.partial")
    partial.write_text(_header(environment, body) + body, encoding="utf-8")
    partial.replace(environment.lock)
    return environment.lock


def check(environment: Environment) -> list[str]:
    """What is wrong with the lock of ``environment``, each a sentence with its remedy; empty when it can be used."""
    place = f"containers/{environment.name}/cpu.lock"
    remedy = f"Run '{command(environment)}'"
    if not environment.lock.is_file():
        return [f"{place}: the lock is missing. {remedy}"]
    lines = environment.lock.read_text(encoding="utf-8").splitlines(keepends=True)
    header = "".join(line for line in lines[:3] if line.startswith("#"))
    body = "".join(lines[header.count("\n") :])
    made_from, written = _digest(header, _MADE_FROM), _digest(header, _BODY)
    if made_from is None or written is None:
        return [f"{place}: this file was not made by the lab. {remedy}"]
    problems = []
    if made_from != _sha256(_requirements(environment)):
        problems.append(f"{place}: the lock is older than the requirements in env.toml. {remedy}")
    if written != _sha256(body):
        problems.append(f"{place}: the lock was edited by hand. {remedy}")
    return problems


def command(environment: Environment) -> str:
    """The command that makes the lock."""
    return f"replab pin {environment.name}"


def _header(environment: Environment, body: str) -> str:
    made_from = _sha256(_requirements(environment))
    return f"# Made by '{command(environment)}'; do not edit.\n{_MADE_FROM}{made_from}\n{_BODY}{_sha256(body)}\n"


def _requirements(environment: Environment) -> str:
    """All that the resolution depends on, beside the day."""
    asked = {"requirements": environment.requirements, "python": environment.python, "platform": PLATFORM, "index": environment.index}
    return json.dumps(asked, sort_keys=True)


def _digest(header: str, label: str) -> str | None:
    found = re.search(rf"^{re.escape(label)}([0-9a-f]{{64}})$", header, re.MULTILINE)
    return found[1] if found else None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
