"""Signals that end a process through its ``finally`` blocks, wherever they meet it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
LOST = {
    "a hook of a fork": "os.register_at_fork(after_in_parent=tell)\n    if not os.fork():\n        os._exit(0)",
    "a finalizer": "thing = type('T', (), {'__del__': lambda self: tell()})()\n    del thing",
    "a callback of ctypes": "ctypes.CFUNCTYPE(None)(tell)()",
}
"""Where Python drops the exception of a handler."""
SCRIPT = """
import ctypes, os, signal
from replab import termination
def tell():
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass  # the handler is called between two instructions
try:
    with termination.becomes_exception(signal.SIGTERM) as check:
        {act}
        {then}
finally:
    print("in order", flush=True)
print("went on", flush=True)
"""


def run(act, then="pass"):
    text = SCRIPT.format(act=act.replace("\n    ", "\n        "), then=then)
    return subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("act", LOST.values(), ids=LOST)
@pytest.mark.parametrize("then", ["pass", "check(); print('went on', flush=True)"])
def test_a_signal_whose_exception_python_drops_ends_the_process(act, then):
    done = run(act, then)
    assert "SystemExit: 143" in done.stderr, "the exception was not dropped: this test shows nothing"
    assert done.stdout == "in order\n"
    assert done.returncode == 128 + signal.SIGTERM


def test_without_a_signal_nothing_ends():
    done = run("check()", "check()")
    assert (done.stdout, done.returncode) == ("in order\nwent on\n", 0)


def test_a_signal_during_our_fork_is_handled_after_it():
    """And in the child it finds no handler of the parent."""
    done = run("os.register_at_fork(before=tell, after_in_child=tell)\n    os.waitpid(termination.fork(signal.SIGTERM), 0)")
    assert done.stderr == ""
    assert done.stdout == "in order\n"
    assert done.returncode == 128 + signal.SIGTERM
