"""Runs one launch to its end, for questions that need no supervisor."""

from __future__ import annotations

import subprocess

from replab.engines.sandbox import Launch
from replab.errors import SandboxError

TIMED_OUT = -999
"""The code of a process that had to be stopped."""


def run_once(launch: Launch, seconds: float) -> tuple[int, str]:
    """Exit code, and what the process printed. Raises ``SandboxError`` when the engine itself failed."""
    try:
        done = subprocess.run(
            launch.argv,
            env=dict(launch.env),
            cwd=launch.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
        code, output = done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as stopped:
        code, output = TIMED_OUT, (stopped.stdout or b"").decode("utf-8", "replace")
    if launch.hold is not None:
        ending = launch.hold.ending(code)
        if code == TIMED_OUT:
            launch.hold.end()
        elif ending.broken:
            raise SandboxError(ending.broken, where=launch.hold.where)
    return code, output
