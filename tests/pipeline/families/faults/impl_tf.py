"""Cells that raise, abort, sleep and eat memory, with sound ones between them."""

import os
import time


def fine(x, times=1.0):
    return x * times


def raises(x):
    raise ValueError("<script>alert('planted')</script> went wrong")


def aborts(x):
    os.abort()


def sleeps(x):
    time.sleep(600)
    return x


def eats(x):
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 50_000_000))
        time.sleep(0.01)
