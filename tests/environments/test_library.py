"""Arrays of real frameworks, read by the library inside of their own environments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from replab.config.environments import load_environments
from replab.engines.registry import get_engine

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("REPLAB_CACHE") or REPOSITORY / ".replab")
ENVIRONMENTS = {one.name: one for one in load_environments(REPOSITORY / "containers")}
READ = """
import sys
from replab import InputError
from replab.library.arrays import plain

def show(value):
    try:
        found = plain(value, "it")
    except InputError as error:
        print(str(error).partition(" (")[0])
    else:
        print(found.dtype, list(found.values.shape), found.values.reshape(-1).tolist(), found.stored.dtype)
"""
TORCH = """
import torch
x = torch.tensor([1.0, -2.5, 3.0])
for value in (x, x.bfloat16(), x.half(), x.double(), x[0], x[0].bfloat16(), x.clone().requires_grad_(), torch.nn.Parameter(x),
              torch.stack([x, x]).T, torch.tensor([True]), torch.tensor([1, 2]), x.to_sparse(), torch.empty(2, device="meta"),
              torch.ones(1, dtype=torch.complex64)):
    show(value)
"""
TENSORFLOW = """
import tensorflow as tf
x = tf.constant([1.0, -2.5, 3.0])
for value in (x, tf.cast(x, tf.bfloat16), tf.cast(x, tf.float16), tf.cast(x, tf.float64), x[0], tf.cast(x, tf.bfloat16)[0], tf.Variable(x),
              tf.keras.Variable(x), tf.constant([True]), tf.constant([1, 2], tf.int64), tf.keras.Input((3,)),
              tf.IndexedSlices(x, tf.range(3)), tf.complex(x, x)):
    show(value)
"""
NUMBERS = "[1.0, -2.5, 3.0]"


def said(environment: str, program: str) -> list[str]:
    """The lines that a program prints in an environment, where the library lies on the path and nothing that it needs but NumPy."""
    built = get_engine("uv").build(ENVIRONMENTS[environment], CACHE, print)
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts"), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    python = str(built.folder / "bin" / "python")
    done = subprocess.run([python, "-c", READ + program], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.environments
def test_tensors_of_pytorch() -> None:
    assert said("torch-2.13", TORCH) == [
        f"float32 [3] {NUMBERS} float32",
        f"bfloat16 [3] {NUMBERS} uint16",
        f"float16 [3] {NUMBERS} float16",
        f"float64 [3] {NUMBERS} float64",
        "float32 [] [1.0] float32",
        "bfloat16 [] [1.0] uint16",
        f"float32 [3] {NUMBERS} float32",
        f"float32 [3] {NUMBERS} float32",
        "float32 [3, 2] [1.0, 1.0, -2.5, -2.5, 3.0, 3.0] float32",
        "bool [1] [True] bool",
        "int64 [2] [1, 2] int64",
        "it cannot be read as an array: a torch.Tensor",
        "it cannot be read as an array: a torch.Tensor",
        "it has the dtype complex64: known are float16, bfloat16, float32, float64, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64",
    ]


@pytest.mark.environments
def test_tensors_of_tensorflow() -> None:
    assert said("tf-2.21", TENSORFLOW) == [
        f"float32 [3] {NUMBERS} float32",
        f"bfloat16 [3] {NUMBERS} uint16",
        f"float16 [3] {NUMBERS} float16",
        f"float64 [3] {NUMBERS} float64",
        "float32 [] [1.0] float32",
        "bfloat16 [] [1.0] uint16",
        f"float32 [3] {NUMBERS} float32",
        f"float32 [3] {NUMBERS} float32",
        "bool [1] [True] bool",
        "int64 [2] [1, 2] int64",
        "it cannot be read as an array: a keras.src.backend.common.keras_tensor.KerasTensor",
        "it cannot be read as an array: a tensorflow.python.framework.indexed_slices.IndexedSlices",
        "it has the dtype complex64: known are float16, bfloat16, float32, float64, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64",
    ]
