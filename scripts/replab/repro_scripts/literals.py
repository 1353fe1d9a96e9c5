"""Numbers, arrays and parameters as expressions of Python, exact to the bit."""

from __future__ import annotations

import base64
import functools
import math
import textwrap

import numpy as np

from replab.formats import FORMATS, Array

MOST_COLUMNS = 130
DATA_COLUMNS = 200
"""Lines of bytes nobody reads may be longer."""
COPIES = 64
"""An elementwise function gets so many copies of its worst input: enough for vector kernels to take their usual way."""
AS_HEX = 24
"""Arrays of at most so many numbers are written as hexadecimal floats, larger ones as their bytes."""


def hexadecimal(value: float) -> str:
    """A float in hexadecimal without trailing zeros: ``-0x1.01d52p+4``."""
    text = float(value).hex()
    if "p" not in text:
        return text
    mantissa, _, exponent = text.partition("p")
    head, _, digits = mantissa.partition(".")
    return f"{head}.{digits.rstrip('0') or '0'}p{exponent}"


def literal(value: object) -> str:
    """A parameter as an expression: Python has no literals for numbers that are not finite."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def stored(dtype: str, target: str) -> str:
    """The NumPy dtype in which an input is written: NumPy has no bfloat16, float32 holds its values."""
    if dtype not in FORMATS:
        return dtype
    return "float32" if target == "bfloat16" else target


@functools.lru_cache(maxsize=256)
def _packed(raw: bytes) -> str:
    """Bytes as text; many scripts share their inputs."""
    return base64.b85encode(raw).decode()


def array(values: Array, dtype: str, *, element: int | None) -> str:
    """An expression for an array, over one or several lines."""
    values = np.asarray(values).astype(dtype, copy=False)
    if element is not None:
        value = values.reshape(-1)[element if values.size > 1 else 0]
        shown = f'float.fromhex("{hexadecimal(float(value))}")' if dtype.startswith("float") else repr(value.item())
        return f'np.full({COPIES}, {shown}, "{dtype}")'
    shape = "" if values.ndim == 1 else f".reshape({values.shape!r})"
    if values.size <= AS_HEX:
        if dtype.startswith("float"):
            words = " ".join(hexadecimal(float(value)) for value in values.reshape(-1))
            return _wrapped("np.array([float.fromhex(h) for h in (", words, f').split()], "{dtype}"){shape}')
        return f'np.array({values.reshape(-1).tolist()!r}, "{dtype}"){shape}'
    return _wrapped("np.frombuffer(base64.b85decode(", _packed(values.tobytes()), f'), "{dtype}"){shape}', solid=True)


def _wrapped(before: str, text: str, after: str, *, solid: bool = False) -> str:
    """A long string literal over several lines, cut anywhere (``solid``) or between words."""
    width = (DATA_COLUMNS if solid else MOST_COLUMNS) - 8
    parts = [text[at : at + width] for at in range(0, len(text), width)] if solid else textwrap.wrap(text, width)
    if len(parts) <= 1:
        return f'{before}"{text}"{after}'
    ended = [part if solid or at == len(parts) - 1 else f"{part} " for at, part in enumerate(parts)]
    return "\n".join([before, *(f'    "{part}"' for part in ended), after])


__all__ = ["AS_HEX", "COPIES", "DATA_COLUMNS", "MOST_COLUMNS", "Array", "array", "hexadecimal", "literal", "stored"]
