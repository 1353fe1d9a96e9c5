"""The lab's own lock, ``requirements.lock``: made and checked as those of the environments are."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

from replab import jsons
from replab.errors import PinError
from replab.locks.uv_tool import UvFailed, run_uv

COMMAND = "replab pin lab"
LOCK = "requirements.lock"
CLUSTER_LOCK = "cluster.lock"
"""What submitting to a cluster needs beside it."""
LOCKS = (LOCK, CLUSTER_LOCK)
_MADE_FROM = "# made from: sha256 "
_BODY = "# body: sha256 "


def requirements(root: Path, lock: str = LOCK) -> tuple[list[str], str]:
    """What a lock is made from, and the lab's oldest Python.

    That is all that the lab needs, to run, to be tested and to be installed from its sources; of the lock for clusters, the plugins that
    submit jobs.
    """
    project: dict[str, object] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    about, groups = jsons.table(project["project"]), jsons.table(project["dependency-groups"])
    extras = [requirement for extra in jsons.table(about["optional-dependencies"]).values() for requirement in jsons.texts(extra)]
    wanted = [
        *jsons.texts(about["dependencies"]),
        *(requirement for requirement in extras if not requirement.startswith(f"{about['name']}[")),
    ]
    wanted += [*jsons.texts(groups["dev"]), *jsons.texts(jsons.table(project["build-system"])["requires"])]
    if lock == CLUSTER_LOCK:
        wanted = jsons.texts(groups["cluster"])
    oldest = re.search(r">=\s*(3\.\d+)", jsons.text(about["requires-python"]))
    return sorted(set(wanted)), oldest[1] if oldest else "3.11"


def pin(root: Path, lock: str = LOCK) -> Path:
    """Resolve the newest versions allowed and write a lock; raises ``PinError``.

    The lock for clusters names what the other one does not, in versions that go with it.
    """
    wanted, python = requirements(root, lock)
    arguments = [
        *("pip", "compile", "-", "--universal", "--python-version", python, "--no-python-downloads"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
        *("--custom-compile-command", COMMAND),
        *(("--constraint", str((root / LOCK).resolve())) if lock == CLUSTER_LOCK else ()),
    ]
    try:
        body = run_uv(arguments, stdin="\n".join(wanted) + "\n")
    except UvFailed as failed:
        raise PinError(failed.failure.problem, where=lock, hint=failed.failure.hint) from failed
    if lock == CLUSTER_LOCK:
        body = _without(body, (root / LOCK).read_text(encoding="utf-8"))
    text = f"# Made by '{COMMAND}'; do not edit.\n{_MADE_FROM}{_digest_of_requirements(root, lock)}\n{_BODY}{_sha256(body)}\n{body}"
    partial = root / f"{lock}.partial"
    partial.write_text(text, encoding="utf-8")
    return partial.replace(root / lock)


def _without(body: str, other: str) -> str:
    """The packages of one lock that another does not name."""
    named = set(re.findall(r"^([A-Za-z0-9._-]+)==", other, re.MULTILINE))
    blocks = re.findall(r"^[A-Za-z0-9._-]+==.*?(?=^\S|\Z)", body, re.MULTILINE | re.DOTALL)
    return "".join(block for block in blocks if block.partition("==")[0] not in named)


def check(root: Path, lock: str = LOCK) -> list[str]:
    """What is wrong with a lock, each a sentence with its remedy."""
    path = root / lock
    if not path.is_file():
        return [f"{lock}: the lock is missing. Run '{COMMAND}'"]
    header, lines = {}, path.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
    for label in (_MADE_FROM, _BODY):
        header[label] = next((line.removeprefix(label).strip() for line in lines[:3] if line.startswith(label)), "")
    if not all(header.values()):
        return [f"{lock}: this file was not made by the lab. Run '{COMMAND}'"]
    problems = []
    if header[_MADE_FROM] != _digest_of_requirements(root, lock):
        problems.append(f"{lock}: the lock is older than the requirements in pyproject.toml. Run '{COMMAND}'")
    if header[_BODY] != _sha256("".join(lines[3:])):
        problems.append(f"{lock}: the lock was edited by hand. Run '{COMMAND}'")
    return problems


def _digest_of_requirements(root: Path, lock: str) -> str:
    wanted, python = requirements(root, lock)
    return _sha256(json.dumps({"requirements": wanted, "python": python}, sort_keys=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
