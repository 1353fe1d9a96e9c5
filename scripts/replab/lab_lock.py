"""The lab's own lock, ``requirements.lock``: made and checked as those of the environments are."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from replab.engines.uvtool import UvFailed, run_uv
from replab.errors import PinError

COMMAND = "replab pin lab"
LOCK = "requirements.lock"
_MADE_FROM = "# made from: sha256 "
_BODY = "# body: sha256 "


def requirements(root: Path) -> tuple[list[str], str]:
    """All that the lab needs, to run, to be tested and to be installed from its sources; and its oldest Python."""
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"], *project["build-system"]["requires"]]
    oldest = re.search(r">=\s*(3\.\d+)", project["project"]["requires-python"])
    return sorted(set(wanted)), oldest[1] if oldest else "3.11"


def pin(root: Path) -> Path:
    """Resolve the newest versions allowed and write the lock; raises ``PinError``."""
    wanted, python = requirements(root)
    arguments = [
        *("pip", "compile", "-", "--universal", "--python-version", python, "--no-python-downloads"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
        *("--custom-compile-command", COMMAND),
    ]
    try:
        body = run_uv(arguments, stdin="\n".join(wanted) + "\n")
    except UvFailed as failed:
        raise PinError(failed.failure.problem, where=LOCK, hint=failed.failure.hint) from failed
    text = f"# Made by '{COMMAND}'; do not edit.\n{_MADE_FROM}{_asked(root)}\n{_BODY}{_sha256(body)}\n{body}"
    partial = root / f"{LOCK}.partial"
    partial.write_text(text, encoding="utf-8")
    return partial.replace(root / LOCK)


def check(root: Path) -> list[str]:
    """What is wrong with the lock, each a sentence with its remedy."""
    path = root / LOCK
    if not path.is_file():
        return [f"{LOCK}: the lock is missing. Run '{COMMAND}'"]
    header, lines = {}, path.read_text(encoding="utf-8").splitlines(keepends=True)
    for label in (_MADE_FROM, _BODY):
        header[label] = next((line.removeprefix(label).strip() for line in lines[:3] if line.startswith(label)), "")
    if not all(header.values()):
        return [f"{LOCK}: this file was not made by the lab. Run '{COMMAND}'"]
    problems = []
    if header[_MADE_FROM] != _asked(root):
        problems.append(f"{LOCK}: the lock is older than the requirements in pyproject.toml. Run '{COMMAND}'")
    if header[_BODY] != _sha256("".join(lines[3:])):
        problems.append(f"{LOCK}: the lock was edited by hand. Run '{COMMAND}'")
    return problems


def _asked(root: Path) -> str:
    wanted, python = requirements(root)
    return _sha256(json.dumps({"requirements": wanted, "python": python}, sort_keys=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
