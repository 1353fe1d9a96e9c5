"""Calls ``uv``: where it is, the variables it gets, and what its failures mean in one sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Of the caller's shell only what concerns networks, certificates, folders and uv itself reaches uv: an activated virtual
# environment or a PYTHONPATH must not change what gets built.
_PASSED = re.compile(
    r"UV_.*|PIP_(FIND_LINKS|INDEX_URL|EXTRA_INDEX_URL)|PATH|HOME|USER|TMPDIR|LANG|LC_.*|XDG_.*|SSL_CERT_.*|.*_PROXY|.*_proxy|CC|CXX|PYENV_ROOT"
)
_UNWANTED = re.compile(
    r"UV_(PYTHON|PROJECT.*|REQUIRE_HASHES|NO_VERIFY_HASHES|CONSTRAINT|OVERRIDE|EXCLUDE_NEWER|RESOLUTION|PRERELEASE|SYSTEM_.*|TORCH_BACKEND)"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why uv failed: one clause without a full stop, and how to mend it."""

    problem: str
    hint: str


class UvFailed(Exception):
    """uv ended with an error; ``failure`` says what that means."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.problem)
        self.failure = failure


def find_uv() -> Path | None:
    """The ``uv`` beside the running interpreter, else the one on ``PATH``."""
    beside = Path(sys.executable).with_name("uv")
    if beside.is_file():
        return beside
    on_path = shutil.which("uv")
    return Path(on_path) if on_path else None


def variables(outer: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv, from those of the caller; what pip was told about indexes and wheel folders holds for uv too."""
    kept = {name: value for name, value in outer.items() if _PASSED.fullmatch(name) and not _UNWANTED.fullmatch(name)}
    links, index, extra = (kept.pop(f"PIP_{name}", "") for name in ("FIND_LINKS", "INDEX_URL", "EXTRA_INDEX_URL"))
    if links and "UV_FIND_LINKS" not in kept:
        kept["UV_FIND_LINKS"] = ",".join(links.split())  # pip separates by spaces, uv by commas
    if index and not {"UV_INDEX_URL", "UV_DEFAULT_INDEX"} & kept.keys():
        kept["UV_DEFAULT_INDEX"] = index
    if extra and not {"UV_EXTRA_INDEX_URL", "UV_INDEX"} & kept.keys():
        kept["UV_INDEX"] = extra
    return kept | {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def run_uv(arguments: Sequence[str], *, stdin: str = "", outer: Mapping[str, str] | None = None) -> str:
    """What ``uv`` prints for ``arguments``; raises ``UvFailed``."""
    uv = find_uv()
    if uv is None:
        raise UvFailed(Failure("uv is not installed", "Install the lab's own dependencies again, uv is one of them"))
    done = subprocess.run(
        [str(uv), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=variables(os.environ if outer is None else outer),
        cwd=tempfile.gettempdir(),  # uv reads settings of the project it stands in
        check=False,
    )
    if done.returncode != 0:
        raise UvFailed(explain(done.stderr))
    return done.stdout


def with_index(arguments: Sequence[str], index: str, *, stdin: str = "", outer: Mapping[str, str] | None = None) -> str:
    """Like ``run_uv``, where ``index`` is a further index of wheels.

    Folders named by ``UV_FIND_LINKS`` come first: if they are enough, the index is not asked, so that a machine that has
    the wheel but cannot reach the index can go on.
    """
    if not index:
        return run_uv(arguments, stdin=stdin, outer=outer)
    if variables(os.environ if outer is None else outer).get("UV_FIND_LINKS"):
        try:
            return run_uv(arguments, stdin=stdin, outer=outer)
        except UvFailed as failed:
            if "are not the ones" in failed.failure.problem or "disk" in failed.failure.problem:
                raise
    # The index holds copies of other packages too, of some versions only: the best version of any index is meant.
    both = [*arguments, "--extra-index-url", index, "--index-strategy", "unsafe-best-match"]
    return run_uv(both, stdin=stdin, outer=outer)


def explain(stderr: str) -> Failure:
    """The meaning of uv's error output."""
    errors = _sentences(stderr)
    whole = " ".join(errors)
    if mismatch := re.search(r"Hash mismatch for `([^`]+)`", whole):
        return Failure(
            f"the bytes of {mismatch[1]} are not the ones that the lock names",
            "Make the lock again with 'replab pin', or find out who changed the file",
        )
    if missing := re.search(r"must have a hash, but none were provided for: (\S+)", whole):
        return Failure(f"the lock has no hash for {missing[1]}", "Make the lock again with 'replab pin'")
    if re.search(r"No space left on device|os error 28|Disk quota exceeded", whole):
        return Failure("the disk is full", "Free some space, or move the cache with the key 'cache' of the configuration")
    if host := re.search(r"https?://([^/\s`)]+)", whole):
        if re.search(r"error sending request|dns error|[Cc]onnect|timed out|timeout", whole):
            return Failure(f"{host[1]} cannot be reached", "Connect to the network, or name a folder of wheels in UV_FIND_LINKS")
        if status := re.search(r"status (?:client|server) error \((\d+[^)]*)\)", whole):
            return Failure(f"{host[1]} answered {status[1]}", "Try again later, or name a folder of wheels in UV_FIND_LINKS")
    return Failure((errors[-1] if errors else "uv failed without a message").rstrip("."), "")


def _sentences(stderr: str) -> list[str]:
    """The error and its causes, each unwrapped to one line; hints and warnings are left out."""
    sentences: list[str] = []
    inside = False
    for line in stderr.splitlines():
        # The second form is that of older versions.
        if begin := re.match(r"\s*(?:error|cause|×|╰─▶|├─▶):?\s+(.*)", line):
            sentences.append(begin[1].strip())
            inside = True
        elif inside and line.startswith("  ") and line.strip():
            sentences[-1] += " " + line.strip()
        elif line.strip():
            inside = False
    return sentences
