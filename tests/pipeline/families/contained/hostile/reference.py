"""References that do what no reference should; the last one is sound."""

import ctypes
import math
import mmap
import os
import signal
import sys
import threading
import time

import numpy as np


def identity(x):
    return x + 0.0


def loops(x):
    while True:
        pass


def sleeps(x):
    time.sleep(10_000)
    return x


def exits(x):
    sys.exit(0)


def leaves(x):
    os._exit(0)


def aborts(x):
    os.abort()


def kills_itself(x):
    os.kill(os.getpid(), signal.SIGKILL)


def segfaults(x):
    ctypes.string_at(0)
    return x


def recurses(x):
    return recurses(x)


def returns_text(x):
    return "a text"


def returns_nothing(x):
    return None


def huge(x):
    return np.broadcast_to(np.sum(x), (10**6, 10**6))


def hungry(x):
    held = []
    while True:
        held.append(bytearray(2**24))


def hungry_in_secret(x):
    held = []
    while True:  # memory that no limit on data counts
        held.append(mmap.mmap(-1, 2**24))
        held[-1].write(b"x" * 2**24)


def talks(x):
    while True:
        print("\x1b[2J" + "words " * 10_000)


def closes(x):
    os.closerange(0, 256)
    return x + 0.0


def writes_everywhere(x):
    for number in range(3, 64):
        try:
            os.write(number, b"nonsense" * 32)
        except OSError:
            pass
    return x + 0.0


def wanders(x):
    os.chdir("/")
    os.umask(0)
    return x + 0.0


def leaves_a_daemon(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(777)
        os._exit(0)
    return x + 0.0


def leaves_a_thread(x):
    threading.Thread(target=time.sleep, args=(777,), daemon=True).start()
    return x + 0.0


def sets_an_alarm(x):
    signal.alarm(1)
    return x + 0.0


def alters(x):
    math.exp = math.sin
    return x + 0.0


def forks(x):
    os.fork()
    return x + 0.0


def surrogate(x):
    raise ValueError("\ud800 and \x1b[31m red")


def infinite(x, limit, other, several):
    return np.where(x > limit, other, x)


def no_output(x):
    return x + 0.0


def one_output(x):
    return x + 0.0, x + 1.0


def raises_codes(x):
    return x + 0.0
