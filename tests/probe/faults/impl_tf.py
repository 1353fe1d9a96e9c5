"""Functions that do to a sandbox what experiments sometimes do."""

import os
import time

import tensorflow as tf


def fine(x):
    return x * x


def aborts(x):
    os.abort()


def raises(x):
    raise RuntimeError("no luck today")


def sleeps(x):
    time.sleep(600)
    return x


def eats_at_once(x):
    return tf.ones([2**33], x.dtype) + x[0]


def eats_slowly(x):
    held = []
    while True:
        held.append(tf.ones([2 * 2**20], x.dtype) * x[0])
        time.sleep(0.002)
