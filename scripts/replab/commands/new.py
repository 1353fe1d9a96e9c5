"""``replab new``: the folder of a family with one case that works."""

from __future__ import annotations

import shutil
from pathlib import Path
from string import Template

from replab import ids
from replab.config import settings as settings_file
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.errors import ConfigError

FILES = {
    "experiment.toml": """\
title = "$title"
question = "What do the frameworks disagree about?"

[generators.reals]                 # how the bytes of an input are made; the kinds are functions of scripts/replab/run/inputs.py
kind = "float_range"
zeros = [0.0]                      # places where the points lie closest

[defaults]                         # for every case below that does not say otherwise
dtypes = ["float32", "float64"]

[cases]                            # one line per case: its name is the name of a function in each file beside this one
softsign = { inputs = { x = "reals" }, derivatives = 1, elementwise = true }
""",
    "reference.py": '''\
"""The truth: each case once, in plain NumPy. The lab runs these functions with its own `np`: on balls, and on perturbed arrays.

Environments of NumPy run them too. Where they should run something else, write `impl_numpy.py` with a function of the same name.
"""

import numpy as np


def softsign(x):
    return x / (1 + np.abs(x))
''',
    "impl_tf.py": '''\
"""The cases in TensorFlow, for every version from 1.15 on."""

import tensorflow as tf


def softsign(x):
    return tf.nn.softsign(x)
''',
    "impl_torch.py": '''\
"""The cases in PyTorch, for every version from 1.4 on."""

import torch.nn.functional as F


def softsign(x):
    return F.softsign(x)
''',
}


def run(name: str, folder: Path, root: Path) -> Path:
    """Write ``folder/name`` and return it.

    Raises ``ConfigError`` when the name cannot be part of an id or is taken, or when the folder cannot be written.
    """
    if (fault := ids.check_name(name, "a family")) is not None:
        raise fault
    if problem := settings_file.path_fault(str(folder)):
        raise ConfigError(problem, where=f"--folder {folder}")
    target = folder / name
    if target.exists() or target.is_symlink():
        raise ConfigError(f"the family {name!r} exists already", where=str(target), hint="Choose another name, or add a case to it")
    title = name.replace("_", " ").replace("-", " ").capitalize()
    try:
        target.mkdir(parents=True)
        for file, text in FILES.items():
            (target / file).write_text(Template(text).substitute(title=title), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        cure = "Mend the permissions, or choose --folder"
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(target), hint=cure) from None
    faults = Faults()
    load_family(target / "experiment.toml", root, faults)
    faults.raise_all()
    return target
