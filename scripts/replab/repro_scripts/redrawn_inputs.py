"""Inputs of a stand-alone script that are too many to write down: the expression that draws them again, tried before it is used.

NumPy promises the stream of uniform doubles of PCG64 to stay as it is. Normal deviates are made from it by ``statistics.NormalDist``, which
is in Python's standard library from 3.8 on; the lab itself has them from ``scipy.special.ndtri``, so that some differ in the last bits of
float64. An expression is therefore evaluated here, and one that does not give the very bytes is not used.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from replab.config import functions
from replab.formats import Array
from replab.model import Generator
from replab.repro_scripts import draws
from replab.run.inputs import seed_of, seed_of_generator

MOST_NUMBERS = 2**17
"""Larger arrays are not drawn again: a script should not take minutes."""
DRAWS = Path(draws.__file__)
ALWAYS = "import numpy as np"
"""What every script imports."""
OLDEST_PYTHON = {"bell": (3, 8)}


def of_generator(generator: Generator, dtype: str) -> str:
    """The expression for an input on the grid of ``dtype``; empty where there is none."""
    options = generator.options
    start = hex(seed_of_generator(generator))
    sizes = list(options.get("shape", ()))
    shape = ", ".join([start, *map(str, sizes)])
    match generator.kind:
        case "normal":
            return _grid(_scaled(options.get("loc", 0.0), options.get("scale", 1.0), f"bell({shape})"), dtype)
        case "uniform":
            low, high = options.get("lo", 0.0), options.get("hi", 1.0)
            return _grid(_scaled(low, high - low, f"draw({shape})"), dtype)
        case "one_hot" if len(sizes) == 2:
            return _grid(f"np.eye({sizes[1]})[np.floor(draw({start}, {sizes[0]}) * {sizes[1]}).astype(int)]", dtype)
        case "ties":
            levels = options.get("levels", 5)
            return _grid(f"np.floor(draw({shape}) * {levels}) - {levels // 2}", dtype)
        case "integers":
            low, high = options["lo"], options["hi"]
            return f'({low} + np.floor(draw({shape}) * {high - low})).astype("{options.get("dtype", "int64")}")'
        case _:
            return ""


def of_cotangent(name: str, shape: Iterable[int], dtype: str) -> str:
    """The expression for a cotangent: see ``replab.run.inputs.cotangent``."""
    return _grid(f"0.5 + draw({', '.join([hex(seed_of(name)), *map(str, shape)])})", dtype)


def _scaled(offset: object, scale: object, values: str) -> str:
    product = values if scale == 1 else f"{scale!r} * {values}"
    return product if offset == 0 else f"{offset!r} + {product}"


def _grid(expression: str, dtype: str) -> str:
    return f"narrow({expression})" if dtype == "bfloat16" else f'np.asarray({expression}, "{dtype}")'


def helpers(expressions: Iterable[str]) -> tuple[list[str], list[str]]:
    """The lines of ``replab.repro_scripts.draws`` that expressions need: functions, and imports."""
    called = {name for expression in expressions for name in re.findall(r"\b(\w+)\(", expression)} & functions.functions(DRAWS)
    lines = [line for line in functions.lines_of(DRAWS, sorted(called)).splitlines() if line and line != ALWAYS]
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    return [line for line in lines if line not in imports], imports


def too_old(expressions: Iterable[str], python: str) -> bool:
    """Whether that version of Python lacks what the expressions need."""
    version = tuple(int(part) for part in python.split(".")[:2])
    return any(f"{name}(" in expression and version < oldest for expression in expressions for name, oldest in OLDEST_PYTHON.items())


def gives(expression: str, values: Array) -> bool:
    """Whether the expression gives exactly these values."""
    if values.size > MOST_NUMBERS:
        return False
    drawn = _evaluated(expression)
    return drawn.shape == values.shape and bool(np.array_equal(drawn, values.astype(drawn.dtype), equal_nan=drawn.dtype.kind == "f"))


@functools.lru_cache(maxsize=256)
def _evaluated(expression: str) -> Array:
    return np.asarray(eval(expression, vars(draws).copy()))  # noqa: S307 (made of numbers by the functions above)


__all__ = ["MOST_NUMBERS", "gives", "helpers", "of_cotangent", "of_generator", "too_old"]
