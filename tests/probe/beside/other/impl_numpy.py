"""Calls its module as another family calls one."""

import json

import layers


def scaled(x):
    return layers.scaled(x)


def of_python(x):
    return x + len(json.dumps([1]))
