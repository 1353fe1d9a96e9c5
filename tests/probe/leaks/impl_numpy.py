"""Functions that change what all cells of a process share, and one that tells how it finds things: NumPy."""

import ctypes
import gc
import io
import locale
import os
import random
import resource
import signal
import sys
import threading
import time
import warnings

import numpy as np

UPWARD = 0x800  # of fesetround(3) on x86-64


MASK = os.umask(0o022)
os.umask(MASK)


def found(x):
    """What a cell finds: 1 for each thing that is as Python and NumPy make it."""
    mask = os.umask(MASK)
    os.umask(mask)
    things = [
        np.geterr()["divide"] == "ignore",  # as the probe calls it
        1.0 + 1e-17 == 1.0 and x[0] + 1e-17 == x[0],
        sys.getrecursionlimit() == 1000,
        "LEAKED" not in os.environ,
        os.path.exists(os.path.join(os.getcwd(), "request.json")),
        mask != 0o077,
        signal.getsignal(signal.SIGALRM) is signal.SIG_DFL,
        signal.getitimer(signal.ITIMER_REAL)[0] == 0.0,
        "/leaked" not in sys.path,
        gc.isenabled(),
        threading.active_count() == 1,
        np.exp(0.0) == 1.0,
        resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 77,
        sys.stdout is sys.__stdout__,
        not any(kind == "error" for kind, *_ in warnings.filters),
        locale.setlocale(locale.LC_ALL) == "C" or "UTF-8" in locale.setlocale(locale.LC_ALL),
    ]
    return np.array(things, "float64")


def drawn(x):
    """The numbers that come next from the two generators of a process."""
    return np.array([random.random(), np.random.random_sample()])  # noqa: NPY002 (the one that all share is the subject)


COUNT = 1


def counts(x):
    """A name of the file itself."""
    global COUNT  # noqa: PLW0603 (the subject)
    COUNT += 1
    return x * COUNT


def seeds(x):
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    return x * np.random.random_sample()  # noqa: NPY002


def errors(x):
    """Left to nobody: the probe calls it in a context of its own."""
    np.seterr(all="ignore")
    return x


def rounding(x):
    ctypes.CDLL("libm.so.6").fesetround(UPWARD)
    return x


def recursion(x):
    sys.setrecursionlimit(2500)
    return x


def variable(x):
    os.environ["LEAKED"] = "1"
    return x


def folder(x):
    os.chdir("/")
    return x


def mask(x):
    os.umask(0o077)
    return x


def handler(x):
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    return x


def alarm(x):
    signal.setitimer(signal.ITIMER_REAL, 500.0)
    return x


def path(x):
    sys.path.insert(0, "/leaked")
    return x


def garbage(x):
    gc.disable()
    return x


def thread(x):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return x


def patch(x):
    np.exp = np.sin
    return x


def files(x):
    resource.setrlimit(resource.RLIMIT_NOFILE, (77, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return x


def output(x):
    sys.stdout = io.StringIO()
    return x


def raises(x):
    """The state moves although the cell fails."""
    sys.setrecursionlimit(2501)
    raise ValueError("after all")


def warned(x):
    """Moves no bits: put back without a new process."""
    warnings.simplefilter("error")
    return x
