"""Questions that only a process that has done some work can answer, put to a copy of this process: what the copy does leaves no trace here.

Some libraries tell about themselves only on a verbose first call, and some flags are only read, and refused, when something is compiled.
"""

import ctypes
import os
import re
import signal
import sys
import tempfile
import time

LONGEST_SECONDS = 20.0
VERBOSE = {"ONEDNN_VERBOSE": "1", "DNNL_VERBOSE": "1", "MKLDNN_VERBOSE": "1"}
INSTRUCTION_SETS = ((r"avx-?512", "avx512"), (r"avx2", "avx2"), (r"avx\b", "avx"), (r"sse4\.?1", "sse41"))


def copy_of_this(work, variables=None):
    """(whether it ended well, what it printed) of a forked copy that runs ``work`` with further environment variables."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _answer(work, variables or {}, output.fileno())
        ended_well = _wait(child)
        output.seek(0)
        return ended_well, output.read().decode("utf-8", "replace")


def _answer(work, variables, output):
    """In the copy: never returns."""
    status = 1
    try:
        os.environ.update(variables)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        ctypes.CDLL(None).fflush(None)  # what libraries wrote is still in the buffers of the C library
        status = 0
    except BaseException as error:
        os.write(output, "{}: {}".format(type(error).__name__, error).encode("utf-8", "replace"))
    finally:
        os._exit(status)


def _wait(child):
    deadline = time.time() + LONGEST_SECONDS
    while time.time() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def onednn(work):
    """The instruction set that oneDNN says it uses in ``work``: ``avx512``, ``avx2``, ``avx``, ``sse41``; ``unused`` or ``unknown``."""
    ended_well, said = copy_of_this(work, VERBOSE)
    found = re.search(r"(?:cpu,isa:|Detected ISA is )(.*)", said)
    if found is not None:
        text = found.group(1).lower()
        return next((name for pattern, name in INSTRUCTION_SETS if re.search(pattern, text)), text.strip())
    return "unused" if ended_well else "unknown"
