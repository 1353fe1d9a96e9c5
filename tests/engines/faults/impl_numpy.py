"""Functions that do to a sandbox what no experiment should."""

import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np


def fine(x):
    return x + 1


def too_much_memory(x):
    """Far over the limit, touched page by page, without asking the C library for more than a little at once."""
    kept = []
    while True:
        kept.append(np.ones(4 << 20, np.uint8))


def forks_without_end(x):
    """Every process makes two, until the limit refuses; none of them ends by itself."""
    made = 0
    while made < 100000:
        try:
            pid = os.fork()
        except OSError as error:
            return x + (0 if error.errno == 11 else 1)
        if pid == 0:
            time.sleep(600)
            os._exit(0)
        made += 1
    return x


def ignores_sigterm(x):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(0.01)


def slow(x):
    time.sleep(3)
    return x


def endless(x):
    time.sleep(600)


def dies_by_a_signal(x):
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(5)


def aborts(x):
    os.abort()


def leaves(x):
    os._exit(7)


def child_over_the_limit(x):
    """The child is killed for its memory; this process, and so the sandbox, goes on."""
    code = "kept = []\nwhile True: kept.append(bytearray(b'1') * (4 << 20))"
    child = subprocess.Popen([sys.executable, "-c", code])
    return x + (0 if child.wait() == -signal.SIGKILL else 1)


def reaches_out(x):
    """0 when nothing outside can be reached."""
    one = socket.socket()
    one.settimeout(3)
    try:
        one.connect(("198.51.100.1", 80))
    except OSError:
        return x * 0
    return x * 0 + 1


def fills_the_output(x):
    return np.random.default_rng(0).random((64 << 20) // 8)


def prints(x):
    print("a word from inside")
    sys.stdout.flush()
    return x
